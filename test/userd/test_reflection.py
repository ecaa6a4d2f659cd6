# SPDX-License-Identifier: Apache-2.0
"""Reflection: clients without a .proto list and call what userd serves."""
import json

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from support import places, programs, protos

SERVICES = {
    "user.UserService",
    "grpc.health.v1.Health",
    "grpc.channelz.v1.Channelz",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}


@pytest.fixture(scope="module")
def userd(tmp_path_factory):
    userd = programs.Userd(tmp_path_factory.mktemp("userd"))
    userd.start()
    yield userd
    userd.stop()


@pytest.fixture(scope="module", params=["v1", "v1alpha"])
def version(request, tmp_path_factory):
    """(stub's class, request's class) of the public definition."""
    folder = tmp_path_factory.mktemp(request.param)
    return protos.public_modules(folder, f"grpc/reflection/{request.param}/reflection.proto")


class Asker:
    def __init__(self, address, modules):
        self.messages, self.services = modules
        self.channel = grpc.insecure_channel(address)
        self.stub = self.services.ServerReflectionStub(self.channel)

    def ask(self, *requests):
        stream = self.stub.ServerReflectionInfo(
            iter([self.messages.ServerReflectionRequest(host="h", **one) for one in requests]), timeout=60
        )
        return list(stream)


def files_of(answer):
    return [
        descriptor_pb2.FileDescriptorProto.FromString(one)
        for one in answer.file_descriptor_response.file_descriptor_proto
    ]


def pool_of(files):
    pool = descriptor_pool.DescriptorPool()
    left = {file.name: file for file in files}
    while left:
        ready = [file for file in left.values() if not any(name in left for name in file.dependency)]
        assert ready
        for file in ready:
            pool.Add(left.pop(file.name))
    return pool


def test_questions(userd, version):
    asker = Asker(userd.address, version)
    listed, by_symbol, by_name, method, absent, absent_file, extension, numbers, unset = asker.ask(
        {"list_services": "*"},
        {"file_containing_symbol": "user.UserService"},
        {"file_by_filename": "google/protobuf/field_mask.proto"},
        {"file_containing_symbol": "user.UserService.GetUser"},
        {"file_containing_symbol": "user.Absent"},
        {"file_by_filename": "absent.proto"},
        {"file_containing_extension": {"containing_type": "user.User", "extension_number": 1}},
        {"all_extension_numbers_of_type": "user.User"},
        {},
    )
    assert {one.name for one in listed.list_services_response.service} >= SERVICES
    assert listed.valid_host == "h" and listed.original_request.list_services == "*"
    assert [file.name for file in files_of(by_symbol)] == ["user.proto", "google/protobuf/field_mask.proto"]
    assert [file.name for file in files_of(by_name)] == ["google/protobuf/field_mask.proto"]
    assert files_of(method) == files_of(by_symbol)
    for one in absent, absent_file, extension:
        assert one.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert numbers.all_extension_numbers_response.base_type_name == "user.User"
    assert unset.error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_every_service_is_callable(userd, version):
    """Each unary method of each service that is listed is called with what its descriptor says."""
    asker = Asker(userd.address, version)
    (listed,) = asker.ask({"list_services": ""})
    called = 0
    for service in listed.list_services_response.service:
        (answer,) = asker.ask({"file_containing_symbol": service.name})
        pool = pool_of(files_of(answer))
        methods = pool.FindServiceByName(service.name).methods
        for method in methods:
            types = [message_factory.MessageFactory(pool).GetPrototype(t)
                     for t in (method.input_type, method.output_type)]
            proto = descriptor_pb2.MethodDescriptorProto()
            method.CopyToProto(proto)
            if proto.client_streaming or proto.server_streaming:
                continue
            call = asker.channel.unary_unary(
                f"/{service.name}/{method.name}", types[0].SerializeToString, types[1].FromString
            )
            try:
                call(types[0](), timeout=60)
            except grpc.RpcError as error:
                assert error.code() not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN), error
            called += 1
    assert called >= 7


def buf(*arguments):
    return programs.run("node", places.CLIENTS / "node_modules" / ".bin" / "buf", "curl", *arguments)


@pytest.mark.parametrize("protocol", ["grpc-v1", "grpc-v1alpha"])
def test_buf_curl(userd, protocol):
    reflect = ["--reflect", "--reflect-protocol", protocol, "--http2-prior-knowledge", "--protocol", "grpc"]
    listed = buf(*reflect, "--list-methods", f"http://{userd.address}")
    assert listed.returncode == 0, listed.stderr
    assert {"user.UserService/GetUser", "grpc.health.v1.Health/Watch"} <= set(listed.stdout.split())
    answer = buf(*reflect, "-d", '{"id": 12345}', f"http://{userd.address}/user.UserService/GetUser")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {}
    answer = buf(*reflect, "-d", '{"service": "user.UserService"}',
                 f"http://{userd.address}/grpc.health.v1.Health/Check")
    assert json.loads(answer.stdout) == {"status": "SERVING"}


def test_off_beyond_loopback(tmp_path, version):
    """With an address that others can reach it takes the flag."""
    port = places.free_address().split(":")[1]
    for flags, offered in ([], False), (["--reflection"], True):
        userd = programs.Userd(tmp_path, "--listen", f"0.0.0.0:{port}", "--insecure", *flags)
        try:
            userd.start()
            asker = Asker(userd.address, version)
            if offered:
                assert asker.ask({"list_services": ""})
            else:
                with pytest.raises(grpc.RpcError) as raised:
                    asker.ask({"list_services": ""})
                assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
            userd.stop()
        finally:
            userd.kill()
