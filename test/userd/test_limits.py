# SPDX-License-Identifier: Apache-2.0
"""userd's rate limit, over sockets: per address, with a hint when to come again."""
import contextlib
import selectors
import socket
import threading
import time
import urllib.request

import grpc
import pytest

from support import places, programs

RATE, BURST = 5, 20
MESSAGE = "rate limit exceeded"


class Relay:
    """Forwards connections, from another address of this machine."""

    def __init__(self, target, source):
        self.target, self.source = target, source
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                host, port = self.target.rsplit(":", 1)
                far = socket.create_connection((host, int(port)), source_address=(self.source, 0))
                threading.Thread(target=self.forward, args=(near, far), daemon=True).start()

    def forward(self, near, far):
        with near, far, selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)

    def close(self):
        self.listener.close()


class Caller:
    """GetUser and Check of its health, on a channel of its own: the error, or None."""

    def __init__(self, types, address):
        self.types = types
        self.channel = grpc.insecure_channel(address)
        self.method = self.channel.unary_unary(
            "/user.UserService/GetUser",
            request_serializer=types.GetUserRequest.SerializeToString,
            response_deserializer=types.GetUserResponse.FromString,
        )
        self.check = self.channel.unary_unary("/grpc.health.v1.Health/Check")

    def __call__(self):
        return self.error_of(self.method, self.types.GetUserRequest(id=1))

    def probe(self):
        return self.error_of(self.check, b"")

    def error_of(self, method, request):
        try:
            method(request, timeout=programs.PATIENCE)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
            assert error.details() == MESSAGE
            return error
        return None


@pytest.fixture
def serving(tmp_path, user_pb2):
    """serving(flags): userd, and a function that makes callers of an address, closed at the end."""

    @contextlib.contextmanager
    def serving(*flags):
        callers = []

        def caller(address):
            callers.append(Caller(user_pb2, address))
            return callers[-1]

        server = programs.Userd(tmp_path, *flags).start()
        try:
            yield server, caller
            for one in callers:
                one.channel.close()
            server.stop()
        finally:
            server.kill()

    return serving


def test_each_address_has_its_own_rate(serving):
    ops = places.free_address()
    with serving("--rate", f"{RATE}:{BURST}", "--loops", "2", "--ops", ops) as (userd, caller):
        relay = Relay(userd.address, "127.0.0.2")
        flood, other = caller(userd.address), caller(relay.address)
        start = time.monotonic()
        answers = [flood() for _ in range(4 * BURST)]
        seconds = time.monotonic() - start
        accepted = answers.count(None)
        assert BURST <= accepted <= BURST + RATE * seconds + 1
        # All of the burst is left for who did not call.
        assert [other() for _ in range(BURST)] == [None] * BURST
        relay.close()
        with urllib.request.urlopen(f"http://{ops}/metrics", timeout=programs.PATIENCE) as metrics:
            assert f"weir_ratelimit_refused_total {len(answers) - accepted}\n" in metrics.read().decode()
    assert f"rate_limit={len(answers) - accepted}" in userd.said()


def test_a_new_connection_is_no_way_round(serving):
    with serving("--rate", "0.01:3") as (userd, caller):
        answers = [caller(userd.address)() for _ in range(6)]
        assert [answer is None for answer in answers] == [True] * 3 + [False] * 3


def test_loopback_is_not_limited(serving):
    with serving() as (userd, caller):
        call = caller(userd.address)
        assert [call() for _ in range(500)] == [None] * 500
    assert "calls were refused" not in userd.said()


def test_probes_take_no_tokens(serving, tmp_path):
    with serving("--rate", "0.01:3") as (userd, caller):
        call = caller(userd.address)
        assert [call.probe() for _ in range(20)] == [None] * 20
        assert [call() is None for _ in range(5)] == [True] * 3 + [False] * 2
        assert call.probe() is None
    policy = tmp_path / "policy.json"
    policy.write_text('{"rates": {"/grpc.health.v1.Health/Check": "0.01:2"}}')
    with serving("--policy", policy) as (userd, caller):
        call = caller(userd.address)
        assert [call.probe() is None for _ in range(4)] == [True] * 2 + [False] * 2


def test_overload_protection_lets_ordinary_load_pass(serving):
    with serving("--concurrency") as (userd, caller):
        call = caller(userd.address)
        assert [call() for _ in range(200)] == [None] * 200


def test_the_policy_gives_methods_rates_of_their_own(serving, tmp_path):
    policy = tmp_path / "policy.json"
    policy.write_text('{"rates": {"/user.UserService/GetUser": "0.01:4"}}')
    with serving("--policy", policy) as (userd, caller):
        call = caller(userd.address)
        assert [call() is None for _ in range(6)] == [True] * 4 + [False] * 2
    policy.write_text('{"rates": {"/user.UserService/GetUser": "off"}}')
    with serving("--policy", policy, "--rate", "0.01:1") as (userd, caller):
        call = caller(userd.address)
        assert [call() for _ in range(50)] == [None] * 50


@pytest.mark.parametrize("field", ['"roles": {"/user.UserService/GetUser": ["admin"]}', '"skip": []'])
def test_what_a_policy_guards_is_not_left_open(tmp_path, field):
    policy = tmp_path / "policy.json"
    policy.write_text("{%s}" % field)
    done = programs.run(places.program("userd"), "--policy", policy, "--db", f"sqlite:{tmp_path}/users.db")
    assert done.returncode == 2 and "no meaning without --auth jwt" in done.stderr


def test_a_bad_rate_is_refused(tmp_path):
    policy = tmp_path / "policy.json"
    policy.write_text('{\n"rates": {\n"/user.UserService/GetUser": "0"}}')
    done = programs.run(places.program("userd"), "--policy", policy, "--db", f"sqlite:{tmp_path}/users.db")
    assert done.returncode == 2
    assert "line 3" in done.stderr and "needs a rate" in done.stderr
    done = programs.run(places.program("userd"), "--rate", "fast")
    assert done.returncode == 2 and "--rate" in done.stderr
