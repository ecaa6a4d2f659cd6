# SPDX-License-Identifier: Apache-2.0
"""Requests to protoc-gen-weir: those that it must refuse, and what it embeds for those that it takes."""
import os
import pathlib
import random
import re
import signal
import subprocess

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2
from support import places

HERE = pathlib.Path(__file__).resolve().parent
PROTOS = sorted(str(path.relative_to(HERE / "proto")) for path in (HERE / "proto").rglob("*.proto"))


def run(program, data, *arguments, **options):
    return subprocess.run(
        [places.program(program), *arguments], input=data, capture_output=True, timeout=60, **options
    )


def descriptors(folder, *names):
    """What protoc itself makes of our .proto files, with everything that they import."""
    path = folder / "set"
    subprocess.run(
        ["protoc", f"-I{HERE / 'proto'}", "-I/usr/include", "--include_imports", "--include_source_info",
         f"--descriptor_set_out={path}", *names],
        check=True,
    )
    return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file


@pytest.fixture
def request_of_kinds(tmp_path):
    """A whole request, to be spoilt."""
    request = plugin_pb2.CodeGeneratorRequest(file_to_generate=["kinds.proto"])
    request.proto_file.extend(descriptors(tmp_path, "kinds.proto"))
    return request


def answer(request):
    done = run("protoc-gen-weir", request.SerializeToString())
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return plugin_pb2.CodeGeneratorResponse.FromString(done.stdout)


def error_of(request):
    response = answer(request)
    assert not response.file
    assert "\n" not in response.error
    return response.error


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, data):
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def refused(done):
    """Exit code 1, one line on standard error and nothing on standard output."""
    return done.returncode == 1 and done.stdout == b"" and re.fullmatch(rb"[^\n]+\n", done.stderr)


def test_whole_request(request_of_kinds):
    response = answer(request_of_kinds)
    assert [file.name for file in response.file] == ["kinds.weir.h", "kinds.weir.c"]
    assert response.supported_features == plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL


# ---- bytes that are no request ----


@pytest.mark.parametrize("program", ["protoc-gen-weir", "protoc-gen-weir-messages"])
def test_nothing(program):
    assert refused(run(program, b""))


@pytest.mark.parametrize("program", ["protoc-gen-weir", "protoc-gen-weir-messages"])
def test_deep_nesting(program):
    """protobuf-c recurses without a limit, so deep messages must not reach it."""
    nested = b""
    for _ in range(20_000):
        nested = field(3, nested)  # DescriptorProto.nested_type
    assert refused(run(program, field(15, field(4, nested))))


def test_truncated(request_of_kinds):
    """Cut anywhere: refused, or, where the cut leaves a request, answered."""
    whole = request_of_kinds.SerializeToString()
    for size in range(1, len(whole), 13):
        done = run("protoc-gen-weir", whole[:size])
        if not refused(done):
            assert done.returncode == 0, (size, done)
            plugin_pb2.CodeGeneratorResponse.FromString(done.stdout)


def test_changed_bytes(request_of_kinds):
    """A byte changed anywhere: no crash, and no answer that is none."""
    whole = request_of_kinds.SerializeToString()
    chance = random.Random(1)
    for _ in range(200):
        spoilt = bytearray(whole)
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        done = run("protoc-gen-weir", bytes(spoilt))
        if not refused(done):
            assert done.returncode == 0, (bytes(spoilt), done)
            plugin_pb2.CodeGeneratorResponse.FromString(done.stdout)


# ---- requests with something wrong in them ----


def test_unknown_option(request_of_kinds):
    request_of_kinds.parameter = "colour=red,paths=source_relative"
    assert error_of(request_of_kinds) == "unknown option 'colour'"


def test_no_file(request_of_kinds):
    del request_of_kinds.file_to_generate[:]
    assert error_of(request_of_kinds) == "the request names no file to generate"


def test_absent_file(request_of_kinds):
    request_of_kinds.file_to_generate[0] = "absent.proto"
    assert error_of(request_of_kinds) == "'absent.proto' is to be generated but not in the request"


def test_absent_import(request_of_kinds):
    request_of_kinds.proto_file[0].dependency.append("absent.proto")
    assert error_of(request_of_kinds) == "kinds.proto: the import 'absent.proto' is not in the request"


@pytest.mark.parametrize("name", ["", "a\nb.proto", 'a".proto', "a\\.proto", "a*/.proto", "a\x7f.proto"])
def test_unusable_file_name(request_of_kinds, name):
    request_of_kinds.proto_file[0].name = name
    request_of_kinds.file_to_generate[0] = name
    assert "file" in error_of(request_of_kinds)


def test_nameless_file(request_of_kinds):
    request_of_kinds.proto_file[0].ClearField("name")
    assert error_of(request_of_kinds) == "a file in the request has no name"


def test_files_of_one_symbol(request_of_kinds):
    request_of_kinds.proto_file.add(name="kin-ds.proto")
    request_of_kinds.proto_file.add(name="kin_ds.proto")
    assert error_of(request_of_kinds) == \
        "kin-ds.proto and kin_ds.proto would both be called kin_ds_proto_file in C"


@pytest.mark.parametrize("package", ["a..b", ".a", "a.", "1a", "a b", "a;", "ä"])
def test_unusable_package(request_of_kinds, package):
    request_of_kinds.proto_file[0].package = package
    assert error_of(request_of_kinds) == f"kinds.proto: '{package}' is no package name"


@pytest.mark.parametrize("type_name, shown", [
    (".golden.kinds.Absent", ".golden.kinds.Absent"),
    ("golden.kinds.Question", "golden.kinds.Question"),
    (".golden.kinds.Talk", ".golden.kinds.Talk"),
    (".", "."),
    ("", ""),
    (None, ""),
])
@pytest.mark.parametrize("side", ["input_type", "output_type"])
def test_unknown_type(request_of_kinds, side, type_name, shown):
    method = request_of_kinds.proto_file[0].service[0].method[0]
    if type_name is None:
        method.ClearField(side)
    else:
        setattr(method, side, type_name)
    assert error_of(request_of_kinds) == \
        f"kinds.proto: golden.kinds.Talk.Ask: no message type '{shown}' in the request"


@pytest.mark.parametrize("name", ["", "1", "a b", "a.b", "Ask)(void", "Größe", None])
def test_unusable_method_name(request_of_kinds, name):
    method = request_of_kinds.proto_file[0].service[0].method[0]
    if name is None:
        method.ClearField("name")
    else:
        method.name = name
    assert error_of(request_of_kinds) == f"kinds.proto: golden.kinds.Talk: '{name or ''}' is no name of a method"


@pytest.mark.parametrize("name, shown", [("T;", "T;"), ("T\n", "T?"), ("", "")])
def test_unusable_service_name(request_of_kinds, name, shown):
    request_of_kinds.proto_file[0].service[0].name = name
    assert error_of(request_of_kinds) == f"kinds.proto: '{shown}' is no name of a service"


@pytest.mark.parametrize("name, symbol", [
    ("Listen", "golden_kinds_Talk_Listen"),
    ("Listen_send", "golden_kinds_Talk_Listen_send"),
    ("Converse_client", "golden_kinds_Talk_Converse_client"),
    ("Tell_run", "golden_kinds_Talk_Tell_run"),
])
def test_methods_of_one_name(request_of_kinds, name, symbol):
    request_of_kinds.proto_file[0].service[0].method[0].name = name
    error = error_of(request_of_kinds)
    assert error.endswith(f" would both be called {symbol} in C")
    assert f"golden.kinds.Talk.{name}" in error


def test_members_of_one_name(request_of_kinds):
    """A keyword gets an underscore, which the name of another method may have already."""
    methods = request_of_kinds.proto_file[0].service[0].method
    methods[0].name, methods[1].name = "delete", "delete_"
    assert error_of(request_of_kinds) == (
        "kinds.proto: golden.kinds.Talk.delete and golden.kinds.Talk.delete_"
        " would both be called golden_kinds_Talk_handlers.delete_ in C"
    )


def test_services_of_one_name(request_of_kinds):
    file = request_of_kinds.proto_file[0]
    file.service.add(name="Talk_Ask")
    file.service[1].method.add(
        name="add_", input_type=".golden.kinds.Question", output_type=".golden.kinds.Question"
    )
    file.service[0].method[0].name = "Ask_add"
    assert error_of(request_of_kinds) == (
        "kinds.proto: golden.kinds.Talk.Ask_add and golden.kinds.Talk_Ask"
        " would both be called golden_kinds_Talk_Ask_add in C"
    )


@pytest.mark.parametrize("package, service, method, symbol", [
    ("", "weir", "now", "weir_now"),
    ("weir", "call", "new", "weir_call_new"),
    ("protobuf_c", "message", "init", "protobuf_c_message_init"),
])
def test_names_of_the_libraries(request_of_kinds, package, service, method, symbol):
    file = request_of_kinds.proto_file[0]
    del file.service[1:], file.service[0].method[1:]
    file.package, file.service[0].name, file.service[0].method[0].name = package, service, method
    file.service[0].method[0].input_type = file.service[0].method[0].output_type = \
        f".{package + '.' if package else ''}Question"
    error = error_of(request_of_kinds)
    assert f" would be called {symbol} in C, as functions of Weir or protobuf-c are" in error


def test_package_of_that_name(request_of_kinds):
    """Names with capitals are nobody's."""
    file = request_of_kinds.proto_file[0]
    file.package = "weir"
    del file.service[1:], file.service[0].method[1:]
    file.service[0].method[0].input_type = file.service[0].method[0].output_type = ".weir.Question"
    assert len(answer(request_of_kinds).file) == 2


@pytest.mark.parametrize("name, error", [
    (b"a;b", "kinds.proto: option c_package: 'a;b' is no package name"),
    (b"a..b", "kinds.proto: option c_package: 'a..b' is no package name"),
])
def test_unusable_c_package(request_of_kinds, name, error):
    options = request_of_kinds.proto_file[0].options
    options.MergeFromString(field(1019, field(6, name)))
    assert error_of(request_of_kinds) == error


def test_messages_that_are_not_generated(request_of_kinds):
    request_of_kinds.proto_file[0].options.MergeFromString(field(1019, b"\x08\x01"))
    assert error_of(request_of_kinds) == (
        "kinds.proto: golden.kinds.Talk.Ask: golden.kinds.Question is in kinds.proto,"
        " whose option no_generate is set"
    )


def test_broken_options(request_of_kinds):
    """Options of protobuf-c that do not parse are as good as none."""
    request_of_kinds.proto_file[0].options.MergeFromString(field(1019, b"\x32\x7f"))
    assert len(answer(request_of_kinds).file) == 2


def test_arguments():
    assert run("protoc-gen-weir", b"", "--version").stdout.startswith(b"protoc-gen-weir ")
    assert refused(run("protoc-gen-weir", b"", "--out=x"))


# ---- what goes into the generated code ----


def test_comment_of_broken_characters(request_of_kinds):
    """protobuf for Python will not write them, so they are put into the bytes."""
    location = request_of_kinds.proto_file[0].source_code_info.location.add(path=[6, 0, 2, 0])
    location.leading_comments = "[0123456789]"
    del request_of_kinds.proto_file[0].source_code_info.location[:-1]
    bad = b"[\xff\xc0\xaf\xed\xa0\x80\xf5\x80a]"
    data = request_of_kinds.SerializeToString().replace(b"[0123456789]", bad + b"x")
    done = run("protoc-gen-weir", data)
    header = plugin_pb2.CodeGeneratorResponse.FromString(done.stdout).file[0].content
    assert "/* [????????a]x */" in header


def test_many_methods(request_of_kinds):
    service = request_of_kinds.proto_file[0].service[0]
    for index in range(5000):
        service.method.add().CopyFrom(service.method[3])
        service.method[-1].name = f"Method{index}"
    assert "golden_kinds_Talk_Method4999_run" in answer(request_of_kinds).file[1].content


@pytest.mark.parametrize("name", PROTOS)
def test_embedded_descriptor(name, tmp_path):
    """It is protoc's own, without the comments."""
    expected = next(file for file in descriptors(tmp_path, name) if file.name == name)
    expected.ClearField("source_code_info")
    source = (HERE / "expected" / name).with_suffix(".weir.c").read_text()
    array = re.search(r"descriptor\[\] = \{(.*?)\};", source, re.DOTALL).group(1)
    embedded = descriptor_pb2.FileDescriptorProto.FromString(bytes(int(byte, 16) for byte in re.findall("0x..", array)))
    assert embedded == expected


# ---- messages, through protobuf-c's generator ----


def test_messages_without_generator(request_of_kinds, tmp_path):
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = run("protoc-gen-weir-messages", request_of_kinds.SerializeToString(), env=environment)
    assert done.returncode != 0 and done.stdout == b""
    assert done.stderr.startswith(b"protoc-gen-weir-messages: cannot start protoc-gen-c")


def test_messages_when_generator_fails(request_of_kinds, tmp_path):
    generator = tmp_path / "protoc-gen-c"
    generator.write_text("#!/bin/sh\nexit 3\n")
    generator.chmod(0o755)
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = run("protoc-gen-weir-messages", request_of_kinds.SerializeToString(), env=environment)
    assert done.returncode == 3 and done.stdout == b""


def test_messages_under_a_parent_that_ignores_sigchld(request_of_kinds):
    """A kernel then tells nobody how the generator ended."""
    done = run(
        "protoc-gen-weir-messages", request_of_kinds.SerializeToString(),
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_messages_without_services(request_of_kinds):
    done = run("protoc-gen-weir-messages", request_of_kinds.SerializeToString())
    response = plugin_pb2.CodeGeneratorResponse.FromString(done.stdout)
    assert response.supported_features == plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    assert [file.name for file in response.file] == ["kinds.pb-c.h", "kinds.pb-c.c"]
    assert not any("Service" in file.content for file in response.file)


def test_messages_are_those_of_protobuf_c(tmp_path):
    """Without services and `optional` there is nothing to amend."""
    name = "other/back-yard.v1.proto"
    request = plugin_pb2.CodeGeneratorRequest(file_to_generate=[name])
    request.proto_file.extend(descriptors(tmp_path, name))
    data = request.SerializeToString()
    theirs = subprocess.run(["protoc-gen-c"], input=data, capture_output=True, check=True, timeout=60)
    ours = run("protoc-gen-weir-messages", data)
    files = [plugin_pb2.CodeGeneratorResponse.FromString(done.stdout).file for done in (theirs, ours)]
    assert files[0] == files[1] and len(files[0]) == 2


def messages_error(syntax, text, tmp_path):
    """What protoc-gen-weir-messages has against a file."""
    (tmp_path / "bad.proto").write_text(f'syntax = "{syntax}";\n{text}\n')
    subprocess.run(["protoc", f"-I{tmp_path}", f"--descriptor_set_out={tmp_path / 'set'}", "bad.proto"], check=True)
    request = plugin_pb2.CodeGeneratorRequest(file_to_generate=["bad.proto"])
    request.proto_file.extend(descriptor_pb2.FileDescriptorSet.FromString((tmp_path / "set").read_bytes()).file)
    done = run("protoc-gen-weir-messages", request.SerializeToString())
    response = plugin_pb2.CodeGeneratorResponse.FromString(done.stdout)
    assert (done.returncode, done.stderr, len(response.file)) == (0, b"", 0)
    return response.error


@pytest.mark.parametrize("syntax, text, error", [
    ("proto3", "message M { repeated int32 x = 1; int32 n_x = 2; }", "M.n_x and M.x would both be called M.n_x in C"),
    ("proto2", "message M { optional int32 x = 1; optional int32 has_x = 2; }",
     "M.has_x and M.x would both be called M.has_x in C"),
    ("proto2", "message M { optional int32 X = 1; optional string x = 2; }", "M.X and M.x would both be called M.x in C"),
    ("proto3", "message M { oneof k { int32 a = 1; } int32 k_case = 2; }", "M.k and M.k_case would both be called M.k_case in C"),
    ("proto3", "message foo_bar {} message FooBar {}", "FooBar and foo_bar would both be called FooBar in C"),
    ("proto3", "package p; message HTTPUser {} enum Httpuser { A = 0; }",
     "p.HTTPUser and p.Httpuser would both be called p__httpuser in C"),
    ("proto3", "message NULL {}", "NULL would be called NULL in C, which is taken; give it a package"),
    ("proto3", "message ProtobufCMessage {}",
     "ProtobufCMessage would be called ProtobufCMessage in C, which is taken; give it a package"),
    ("proto2", "package p; message M { repeated group G = 1 {} }", "p.M.g is a group, which protobuf-c does not have"),
    ("proto2", "message O { message M { optional double d = 1 [default = -inf]; } }",
     "O.M.d: protobuf-c cannot write the default -inf"),
])
def test_messages_that_do_not_compile(syntax, text, error, tmp_path):
    assert messages_error(syntax, text, tmp_path) == f"bad.proto: {error}"


def test_messages_of_a_nameless_file(request_of_kinds):
    request_of_kinds.proto_file.add().message_type.add().field.add()
    done = run("protoc-gen-weir-messages", request_of_kinds.SerializeToString())
    assert done.returncode >= 0  # whatever protobuf-c makes of it


def test_reflection_has_the_true_names():
    """What protobuf-c knows under another name is the same on the wire, and the descriptor for reflection is untouched."""
    source = (HERE / "expected" / "fields.weir.c").read_text()
    array = re.search(r"descriptor\[\] = \{(.*?)\};", source, re.DOTALL).group(1)
    embedded = descriptor_pb2.FileDescriptorProto.FromString(bytes(int(byte, 16) for byte in re.findall("0x..", array)))
    assert [field.name for field in embedded.message_type[0].field][:5] == ["int", "restrict", "Requires", "nullptr", "base"]
