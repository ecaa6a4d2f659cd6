# SPDX-License-Identifier: Apache-2.0
"""gRPC's public interoperability tests: the cases, the service's types, the programs of others."""
import os
import queue
import shutil
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

# Of the others C++ alone shows which messages came compressed; grpcio's client can at least send both ways.
COMPRESSION_CASES = [
    "client_compressed_unary",
    "server_compressed_unary",
    "client_compressed_streaming",
    "server_compressed_streaming",
]

# Of our own.
LONG_CASES = ["small_messages_both_ways", "large_messages_both_ways"]

# Of the others here only grpc-js lets an application tell loads, and see them.
ORCA_CASES = ["orca_per_rpc", "orca_oob"]


# ---- the service's types, without generated modules: their package would be grpcio's own, `grpc` ----


def descriptors(root, names=FILES):
    """The descriptors of files below a folder, as protoc sees them."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            ["protoc", f"-I{root}", "--include_imports", f"--descriptor_set_out={out.name}", *names], check=True
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


class Stub:
    """A method for each of a service's, with the signatures of grpcio's own stubs."""

    def __init__(self, types, channel, service=SERVICE):
        for method, request, response in types.methods(service):
            make = getattr(channel, kind_of(method))
            path = f"/{service}/{method.name}"
            setattr(self, method.name, make(path, request.SerializeToString, response.FromString))


class Requests:
    """The requests of a stream, given one by one."""

    def __init__(self):
        self.queue = queue.Queue()

    def send(self, request):
        self.queue.put(request)

    def half_close(self):
        self.queue.put(None)

    def __iter__(self):
        return iter(self.queue.get, None)


def kind_of(method):
    """What grpcio calls a kind of method: unary_unary, stream_unary and so on."""
    from_stream = "stream" if method.client_streaming else "unary"
    to_stream = "stream" if method.server_streaming else "unary"
    return f"{from_stream}_{to_stream}"


# ---- servers ----


def ruby_stubs(folder):
    """A folder with Ruby's generated code."""
    plugin = shutil.which("grpc_ruby_plugin")
    assert plugin, "grpc_ruby_plugin (protobuf-compiler-grpc) is missing"
    folder = folder / "ruby"
    folder.mkdir(exist_ok=True)
    protos.protoc(
        f"--ruby_out={folder}", f"--plugin=protoc-gen-grpc={plugin}", f"--grpc_out={folder}", *FILES
    )
    return folder


# Where require() finds the npm packages.
NODE = {"NODE_PATH": str(places.CLIENTS / "node_modules")}


def weir_server(address, _folder, *flags):
    host, port = address.rsplit(":", 1)
    return [places.program("interop-server"), f"--host={host}", f"--port={port}", *flags]


def narrow_weir_server(address, folder):
    """Of two calls at a time on a connection."""
    return weir_server(address, folder, "--max_concurrent_streams=2")


def grpcio_server(address, _folder):
    return [sys.executable, PEERS / "server.py", address]


def cpp_server(address, _folder):
    return [places.program("interop-cpp-server"), address]


def node_server(address, _folder):
    environment = [f"{key}={value}" for key, value in NODE.items()]
    return ["env", *environment, "node", PEERS / "server.js", protos.PROTO, address]


def ruby_server(address, folder):
    return ["ruby", PEERS / "server.rb", ruby_stubs(folder), address]


FOREIGN_SERVERS = {"grpcio": grpcio_server, "cpp": cpp_server, "node": node_server, "ruby": ruby_server}


def server(command_of, folder, answers=programs.answers):
    """A server on a free address; start() is the caller's."""
    address = places.free_address()
    return programs.Server(command_of(address, folder), address, folder / "server.log", answers)


# ---- clients ----


def run_weir_client(address, case, *flags, timeout=programs.PATIENCE):
    """Our client's run of a case. A busy machine may take its time for a call of a soak."""
    host, port = address.rsplit(":", 1)
    return programs.run(
        places.program("interop-client"),
        f"--server_host={host}",
        f"--server_port={port}",
        f"--test_case={case}",
        "--soak_per_iteration_max_acceptable_latency_ms=60000",
        *flags,
        timeout=timeout,
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


def cpp_client(address, _folder):
    return Client([places.program("interop-cpp-client"), address])


def node_client(address, _folder):
    return Client(["node", PEERS / "client.js", protos.PROTO, address], NODE)


def ruby_client(address, folder):
    return Client(["ruby", PEERS / "client.rb", ruby_stubs(folder), address])


FOREIGN_CLIENTS = {"grpcio": grpcio_client, "cpp": cpp_client, "node": node_client, "ruby": ruby_client}
