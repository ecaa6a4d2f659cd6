# SPDX-License-Identifier: Apache-2.0
"""The rules of keepalive (gRFC A8, A9) against clients that others wrote: grpcio and grpc-js."""
import contextlib
import json
import queue
import subprocess
import threading
import time
import urllib.request

import grpc
import pytest
from support import places, programs, protos

# Three PINGs are over soon.
EAGER = {"grpc.keepalive_time_ms": 300, "grpc.keepalive_timeout_ms": 20000, "grpc.keepalive_permit_without_calls": 1}
CORE = {
    "grpc.http2.max_pings_without_data": 0, "grpc.http2.min_time_between_pings_ms": 100,
    "grpc.use_local_subchannel_pool": 1,
}


class Server(programs.Userd):
    """userd with the endpoints of --ops."""

    def __init__(self, folder, *flags):
        self.ops = places.free_address()
        super().__init__(folder, "--ops", self.ops, *flags)

    def too_many_pings(self):
        with urllib.request.urlopen(f"http://{self.ops}/metrics", timeout=programs.PATIENCE) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith('weir_server_limit_hits_total{limit="pings"}'):
                    return float(line.split()[-1])
        raise AssertionError("no such metric")


@contextlib.contextmanager
def running(folder, *flags):
    server = Server(folder, *flags)
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


class Grpcio:
    """The clients tell what happens to them, a line each: see test/clients/keepalive.js."""

    def __init__(self, users, address, what, options):
        self.users = users
        self.lines = queue.Queue()
        self.over = threading.Event()
        self.channel = grpc.insecure_channel(address, options=list({**CORE, **options}.items()))
        self.thread = threading.Thread(target={"pings": self.chat, "idle": self.wait}[what], daemon=True)
        self.thread.start()

    def chat(self):
        method = self.channel.stream_stream(
            "/user.UserService/ChatUsers", self.users.ChatMessage.SerializeToString, self.users.ChatMessage.FromString
        )

        def say():
            yield self.users.ChatMessage(**{"from": "a", "content": "b"})
            self.over.wait(programs.PATIENCE)

        answers = method(say())
        try:
            for _ in answers:
                self.lines.put("echo")
            self.lines.put("OK")
        except grpc.RpcError as error:
            self.lines.put(f"{error.code().name} {error.details()}")

    def get_user(self):
        try:
            self.channel.unary_unary("/user.UserService/GetUser")(b"\x08\x01", timeout=programs.PATIENCE)
            self.lines.put("OK")
        except grpc.RpcError as error:
            self.lines.put(error.code().name)

    def wait(self):
        changed = threading.Event()
        self.get_user()
        seen = []

        def note(state):
            seen.append(state)
            if grpc.ChannelConnectivity.READY in seen and state != grpc.ChannelConnectivity.READY:
                changed.set()

        self.channel.subscribe(note)
        if changed.wait(programs.PATIENCE):
            self.lines.put("not READY")
        self.get_user()

    def line(self):
        return self.lines.get(timeout=programs.PATIENCE)

    def quiet(self):
        return self.lines.empty()

    def finish(self):
        self.over.set()

    def close(self):
        self.over.set()
        self.channel.close()


class Node:
    def __init__(self, users, address, what, options):
        proto = places.REPO / "proto" / "user.proto"
        command = ["node", places.CLIENTS / "keepalive.js", proto, address, what, json.dumps(options)]
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    line, quiet = Grpcio.line, Grpcio.quiet

    def finish(self):
        self.process.stdin.close()

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    return protos.python_module(tmp_path_factory.mktemp("user"), "user")


@pytest.fixture(params=[Grpcio, Node])
def kind(request):
    return request.param


# What the client says of it, and the code that it makes of the call's end.
COMPLAINTS = {
    Grpcio: ('debug data equal to "too_many_pings"', "UNAVAILABLE"),
    Node: ("rejected by server because of excess pings", "RESOURCE_EXHAUSTED"),
}


def test_too_many_pings(tmp_path, users, kind, capfd):
    """The third PING that is too early ends the connection, and its call; both ends say why."""
    with running(tmp_path) as server, contextlib.closing(kind(users, server.address, "pings", EAGER)) as client:
        assert client.line() == "echo"
        complaint, code = COMPLAINTS[kind]
        assert client.line().split()[0] == code
        said = ""

        def complains():
            nonlocal said
            said += capfd.readouterr().err
            return complaint in said

        programs.wait_until(complains, complaint)
        assert server.too_many_pings() >= 1
        programs.wait_until(
            lambda: any(
                "connection failed" in line and "too_many_pings" in line for line in server.said().splitlines()
            ),
            f"the reason in the log, which is {server.said()}",
        )


def test_pings_that_are_allowed(tmp_path, users, kind):
    """A client that keeps to the interval may ask as long as it likes."""
    flags = ["--min-ping-interval", "100ms", "--min-ping-interval-idle", "100ms"]
    with running(tmp_path, *flags) as server:
        with contextlib.closing(kind(users, server.address, "pings", EAGER)) as client:
            assert client.line() == "echo"
            time.sleep(3)
            assert client.quiet()
            client.finish()
            assert client.line().split()[0] == "OK"
        assert server.too_many_pings() == 0


def test_a_connection_without_calls(tmp_path, users, kind):
    """It is closed after a while, which the client hears in time for its next call."""
    with running(tmp_path, "--max-connection-idle", "1s") as server:
        with contextlib.closing(kind(users, server.address, "idle", {})) as client:
            assert [client.line() for _ in range(3)] == ["OK", "not READY", "OK"]


def test_a_client_that_does_not_answer(tmp_path, users):
    """It is asked, and given up; one that answers stays."""
    flags = ["--keepalive-time", "500ms", "--keepalive-timeout", "5s"]
    with running(tmp_path, *flags) as server:
        silent = Node(users, server.address, "pings", {})
        with contextlib.closing(silent), contextlib.closing(Grpcio(users, server.address, "pings", {})) as other:
            assert silent.line() == other.line() == "echo"
            silent.process.send_signal(programs.signal.SIGSTOP)
            programs.wait_until(
                lambda: "keepalive timeout" in server.said(), f"the reason in the log, which is {server.said()}"
            )
            assert other.quiet()
            other.finish()
            assert other.line() == "OK"
