# SPDX-License-Identifier: Apache-2.0
"""What userd depends on is stopped and started: whoever watches sees each change, and HTTP tells the same."""
import contextlib
import json
import re
import subprocess
import threading
import urllib.error
import urllib.request

import grpc
import pytest
from support import places, postgres, programs, protos

SERVICE = "user.UserService"
HEALTH = "grpc/health/v1/health.proto"


class Lines:
    """A program that prints each status that it is shown."""

    def __init__(self, *command):
        self.seen = []
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.seen += re.findall(r"NOT_SERVING|SERVING", line)

    def close(self):
        self.process.kill()
        self.process.wait()


class Node(Lines):
    """npm's grpc-health-check; Check comes first and shows the same once more."""

    def __init__(self, address, service, _):
        super().__init__("node", places.CLIENTS / "health.js", address, service)

    def read(self):
        self.process.stdout.readline()
        super().read()


class Buf(Lines):
    def __init__(self, address, service, _):
        super().__init__(
            "node", places.CLIENTS / "node_modules" / ".bin" / "buf", "curl", "--protocol", "grpc",
            "--http2-prior-knowledge", "--schema", places.REPO / "proto" / HEALTH,
            "-d", json.dumps({"service": service}), f"http://{address}/grpc.health.v1.Health/Watch",
        )


class Userctl(Lines):
    def __init__(self, address, service, _):
        super().__init__(places.program("userctl"), "--server", address, "health", "--watch", service)


class Grpcio:
    """With stubs of the public definition."""

    def __init__(self, address, service, modules):
        messages, services = modules
        self.seen = []
        self.channel = grpc.insecure_channel(address)
        self.names = messages.HealthCheckResponse.ServingStatus
        self.stream = services.HealthStub(self.channel).Watch(messages.HealthCheckRequest(service=service))
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with contextlib.suppress(grpc.RpcError):
            for one in self.stream:
                self.seen.append(self.names.Name(one.status))

    def close(self):
        self.channel.close()


class Watchers:
    """One of each kind; all see the same."""

    def __init__(self, address, service, modules):
        self.all = [kind(address, service, modules) for kind in (Grpcio, Node, Buf, Userctl)]
        self.expected = []

    def expect(self, status):
        """The next change."""
        self.expected.append(status)
        for one in self.all:
            programs.wait_until(
                lambda: one.seen == self.expected, f"{self.expected} by {type(one).__name__}, not {one.seen}"
            )

    def close(self):
        for one in self.all:
            one.close()


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return protos.public_modules(tmp_path_factory.mktemp("health"), HEALTH)


@pytest.fixture
def database():
    cluster = postgres.Cluster()
    try:
        yield cluster.start()
    finally:
        cluster.remove()


class Server(programs.Userd):
    """userd with the endpoints of --ops."""

    def __init__(self, folder, *flags):
        self.ops = places.free_address()
        super().__init__(folder, "--ops", self.ops, *flags)

    def fetch(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.ops}{path}", timeout=programs.PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def get_user(self):
        """The code of a call that needs the database."""
        with grpc.insecure_channel(self.address) as channel:
            try:
                channel.unary_unary(f"/{SERVICE}/GetUser")(b"\x08\x01", timeout=programs.PATIENCE)
                return "OK"
            except grpc.RpcError as error:
                return error.code().name


@contextlib.contextmanager
def running(folder, *flags):
    server = Server(folder, *flags)
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


def expect_http(userd, serves):
    status, text = userd.fetch("/health")
    told = json.loads(text)
    shown = "SERVING" if serves else "NOT_SERVING"
    assert (status, told["status"]) == ((200, "healthy") if serves else (503, "unhealthy"))
    assert told["services"][SERVICE] == told["services"]["database"] == shown
    assert userd.fetch("/readyz") == ((200, "ready\n") if serves else (503, "not ready\n"))
    assert userd.fetch("/livez") == (200, "alive\n")


def test_the_database_is_stopped_and_started(tmp_path, database, modules, monkeypatch):
    monkeypatch.setenv("WEIR_POSTGRES", database.url)
    with running(tmp_path) as userd, contextlib.closing(Watchers(userd.address, SERVICE, modules)) as watchers:
        watchers.expect("SERVING")
        expect_http(userd, True)
        for mode in "fast", "immediate":
            database.stop(mode)
            programs.wait_until(lambda: userd.get_user() == "UNAVAILABLE", "a call to fail")
            watchers.expect("NOT_SERVING")
            expect_http(userd, False)
            database.start()
            watchers.expect("SERVING")
            expect_http(userd, True)
            assert userd.get_user() == "OK"
        assert "does not work" in userd.said() and "works again" in userd.said()


def test_redis_is_stopped_and_started(tmp_path, redis, modules):
    """It is told of as the cache; users are served without it."""
    with running(tmp_path, *redis.flags) as userd:
        programs.wait_until(lambda: '"cache":"SERVING"' in userd.fetch("/health")[1], "the cache")
        with contextlib.closing(Watchers(userd.address, "cache", modules)) as watchers:
            watchers.expect("SERVING")
            for _ in range(2):
                redis.kill()
                assert userd.get_user() == "OK"
                watchers.expect("NOT_SERVING")
                assert '"cache":"NOT_SERVING"' in userd.fetch("/health")[1]
                expect_http(userd, True)
                redis.start()
                watchers.expect("SERVING")
                assert '"cache":"SERVING"' in userd.fetch("/health")[1]
                expect_http(userd, True)
