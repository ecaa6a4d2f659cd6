# SPDX-License-Identifier: Apache-2.0
"""gRPC's public interoperability tests: the cases, the service's types, the programs of others."""
import os
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, message_factory

from support import places, programs, protos

SERVICE = "grpc.testing.TestService"
PEERS = places.REPO / "test" / "interop" / "peers"
FILES = ["grpc/testing/empty.proto", "grpc/testing/messages.proto", "grpc/testing/test.proto"]

CASES = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "rpc_soak",
    "channel_soak",
]

# Public cases that ask for what is not there yet.
LATER_CASES = [
    "client_compressed_unary",
    "server_compressed_unary",
    "client_compressed_streaming",
    "server_compressed_streaming",
    "orca_per_rpc",
    "orca_oob",
]


# ---- the service's types, without generated modules: their package would be grpcio's own, `grpc` ----


def descriptors(root):
    """The descriptors of FILES below a folder, as protoc sees them."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            ["protoc", f"-I{root}", "--include_imports", f"--descriptor_set_out={out.name}", *FILES], check=True
        )
        return descriptor_pb2.FileDescriptorSet.FromString(out.read())


class Types:
    """Message classes by their short names; methods of a service as (descriptor, request, response)."""

    def __init__(self):
        self.files = descriptors(protos.PROTO).file
        self.classes = message_factory.GetMessages(self.files)

    def __getattr__(self, name):
        return self.classes[f"grpc.testing.{name}"]

    def methods(self, service):
        for file in self.files:
            for one in file.service:
                if f"{file.package}.{one.name}" == service:
                    for method in one.method:
                        yield method, self.classes[method.input_type[1:]], self.classes[method.output_type[1:]]


# ---- servers ----


def weir_server(address):
    host, port = address.rsplit(":", 1)
    return [places.program("interop-server"), f"--host={host}", f"--port={port}"]


def grpcio_server(address):
    return [sys.executable, PEERS / "server.py", address]


FOREIGN_SERVERS = {"grpcio": grpcio_server}


def server(command_of, folder):
    """A server on a free address; start() is the caller's."""
    address = places.free_address()
    return programs.Server(command_of(address), address, folder / "server.log")


# ---- clients ----


def run_weir_client(address, case, *flags):
    """Our client's run of a case. A busy machine may take its time for a call of a soak."""
    host, port = address.rsplit(":", 1)
    return programs.run(
        places.program("interop-client"),
        f"--server_host={host}",
        f"--server_port={port}",
        f"--test_case={case}",
        "--soak_per_iteration_max_acceptable_latency_ms=60000",
        *flags,
    )


class Client:
    """A client of another make that stays for many cases: it reads their names, one a line, and answers
    each with "ok" or with what went wrong."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **(environment or {})},
        )

    def run(self, case):
        self.process.stdin.write(case + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"{self.process.args} ended"
        return answer.rstrip("\n")

    def close(self):
        self.process.stdin.close()
        try:
            assert self.process.wait(timeout=programs.PATIENCE) == 0
        finally:
            self.process.kill()
            self.process.stdout.close()


def grpcio_client(address, _folder):
    return Client([sys.executable, PEERS / "client.py", address])


FOREIGN_CLIENTS = {"grpcio": grpcio_client}
