# SPDX-License-Identifier: Apache-2.0
"""Messages that Google's implementation writes are read and written by ours, and must come back the same."""
import importlib
import random
import struct
import subprocess
import sys

import pytest
from google.protobuf import descriptor, message as protobuf

from support import places

KINDS = places.REPO / "test" / "unit" / "wire"
TYPES = ["kinds.All", "kinds.Plain", "kinds.Mixed", "required.Some", "required.Many"]
REFUSED = 0xFFFFFFFF
ROUNDS = 400

Field = descriptor.FieldDescriptor
RANGES = {
    Field.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    Field.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    Field.CPPTYPE_UINT32: (0, 2**32 - 1),
    Field.CPPTYPE_UINT64: (0, 2**64 - 1),
}


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """The classes of TYPES by their names."""
    folder = tmp_path_factory.mktemp("kinds")
    subprocess.run(
        ["protoc", f"-I{KINDS}", f"--python_out={folder}", "kinds.proto", "required.proto"], check=True
    )
    sys.path.insert(0, str(folder))
    modules = {name: importlib.import_module(f"{name}_pb2") for name in ("kinds", "required")}
    sys.path.remove(str(folder))
    return {name: getattr(modules[name.split(".")[0]], name.split(".")[1]) for name in TYPES}


def random_text(rng):
    """Of any length, short ones mostly, without U+0000, which C cannot hold."""
    length = rng.choice([rng.randrange(40), rng.randrange(300)])
    return "".join(chr(rng.choice([rng.randrange(1, 127), rng.randrange(0xA0, 0x2FF)])) for _ in range(length))


def random_value(rng, field):
    kind = field.cpp_type
    if kind in RANGES:
        low, high = RANGES[kind]
        return rng.choice([0, low, high, max(low, min(high, rng.randrange(-200, 200))), rng.randint(low, high)])
    if kind in (Field.CPPTYPE_DOUBLE, Field.CPPTYPE_FLOAT):
        return rng.choice([0.0, -0.0, -0.5, 1024.0, float("inf"), float("nan")])
    if kind == Field.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if kind == Field.CPPTYPE_ENUM:
        return rng.choice(field.enum_type.values).number
    return random_text(rng) if field.type == Field.TYPE_STRING else rng.randbytes(rng.choice([0, 3, rng.randrange(300)]))


def fill_field(rng, message, field, depth):
    value = getattr(message, field.name)
    if field.message_type and field.message_type.GetOptions().map_entry:
        for _ in range(rng.randrange(4)):
            value[random_text(rng)] = rng.randrange(-5, 5)
    elif field.message_type and field.label == Field.LABEL_REPEATED:
        for _ in range(rng.randrange(5)):
            fill(rng, value.add(), depth - 1)
    elif field.message_type:
        value.SetInParent()
        fill(rng, value, depth - 1)
    elif field.label == Field.LABEL_REPEATED:
        value.extend(random_value(rng, field) for _ in range(rng.randrange(9)))
    else:
        setattr(message, field.name, random_value(rng, field))


def fill(rng, message, depth=3):
    for field in message.DESCRIPTOR.fields:
        wanted = field.label == Field.LABEL_REQUIRED or rng.random() < 0.4
        if wanted and (depth > 0 or not field.message_type):
            fill_field(rng, message, field, depth)
    return message


def recode(name, inputs):
    """What our program makes of each; None: it refuses it."""
    stdin = b"".join(struct.pack("<I", len(data)) + data for data in inputs)
    done = subprocess.run([places.program("recode"), name], input=stdin, capture_output=True, timeout=200)
    assert done.returncode == 0, done.stderr
    outputs, at = [], 0
    while at < len(done.stdout):
        (length,) = struct.unpack_from("<I", done.stdout, at)
        at += 4
        if length == REFUSED:
            outputs.append(None)
            continue
        outputs.append(done.stdout[at : at + length])
        at += length
    assert len(outputs) == len(inputs)
    return outputs


def reading(kind, data):
    """What Google's implementation reads in it, in a form that can be compared, NaN too; None: it refuses it."""
    try:
        return kind.FromString(data).SerializeToString(deterministic=True)
    except (protobuf.DecodeError, protobuf.EncodeError):  # the latter: a field is missing that must come
        return None


@pytest.mark.parametrize("name", TYPES)
def test_what_google_writes_comes_back(name, classes):
    rng = random.Random(name)
    inputs = [fill(rng, classes[name]()).SerializeToString() for _ in range(ROUNDS)]
    for data, output in zip(inputs, recode(name, inputs)):
        assert output is not None
        assert reading(classes[name], output) == reading(classes[name], data)


@pytest.mark.parametrize("name", TYPES)
def test_what_is_merged_comes_back_merged(name, classes):
    """Two messages in a row are one: numbers and texts are replaced, lists joined, messages merged, choices made anew."""
    rng = random.Random(name)
    inputs = [b"".join(fill(rng, classes[name]()).SerializeToString() for _ in range(2)) for _ in range(ROUNDS)]
    for data, output in zip(inputs, recode(name, inputs)):
        assert output is not None
        assert reading(classes[name], output) == reading(classes[name], data)


@pytest.mark.parametrize("name", TYPES)
def test_what_both_read_is_the_same(name, classes):
    """Bytes that are spoilt: what is refused differs (texts that are not UTF-8, U+0000), what is read does not."""
    rng = random.Random(name)
    inputs = []
    for _ in range(ROUNDS):
        data = bytearray(fill(rng, classes[name](), depth=2).SerializeToString())
        for _ in range(rng.randrange(1, 4)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        inputs.append(bytes(data))
    both = 0
    for data, output in zip(inputs, recode(name, inputs)):
        theirs = reading(classes[name], data)
        if output is not None and theirs is not None:
            both += 1
            assert reading(classes[name], output) == theirs
    assert both > ROUNDS / 20
