# SPDX-License-Identifier: Apache-2.0
"""Our .proto files against the public ones, of Debian's grpc-proto: ours may have less, and nothing that differs."""
import pathlib

import pytest

from support import interop, protos

PUBLIC = pathlib.Path("/usr/share/grpc-proto")

FILES = [
    *interop.FILES,
    "grpc/health/v1/health.proto",
    "grpc/channelz/v1/channelz.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
]

# Of gRFC A90, and of the case for A105: younger than Debian's files.
YOUNGER = (
    "grpc.health.v1.HealthList",
    "grpc.health.v1.Health/List",
    "grpc.testing.ResponseParameters.fill_peer_socket_address",
    "grpc.testing.StreamingOutputCallResponse.peer_socket_address",
)


def facts_of_message(prefix, message):
    """What a message puts on the wire, one entry a field."""
    name = f"{prefix}.{message.name}"
    yield name, "message"
    for field in message.field:
        yield f"{name}.{field.name}", (field.number, field.type, field.label, field.type_name, field.json_name)
    for nested in message.nested_type:
        yield from facts_of_message(name, nested)
    for enum in message.enum_type:
        yield from facts_of_enum(name, enum)


def facts_of_enum(prefix, enum):
    yield f"{prefix}.{enum.name}", "enum"
    for value in enum.value:
        yield f"{prefix}.{enum.name}.{value.name}", value.number


def facts_of_service(prefix, service):
    for method in service.method:
        streams = (method.client_streaming, method.server_streaming)
        yield f"{prefix}.{service.name}/{method.name}", (method.input_type, method.output_type, *streams)


def facts(root, name):
    (file,) = [file for file in interop.descriptors(root, [name]).file if file.name == name]
    result = {"package": file.package, "syntax": file.syntax}
    for message in file.message_type:
        result.update(facts_of_message(file.package, message))
    for enum in file.enum_type:
        result.update(facts_of_enum(file.package, enum))
    for service in file.service:
        result.update(facts_of_service(file.package, service))
    return result


@pytest.mark.parametrize("name", FILES)
def test_ours_is_part_of_the_public_one(name):
    ours, public = facts(protos.PROTO, name), facts(PUBLIC, name)
    assert len(ours) > 2
    ours = {key: value for key, value in ours.items() if not key.startswith(YOUNGER)}
    assert {key: public.get(key) for key in ours} == ours
