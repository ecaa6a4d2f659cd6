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

    def __init__(self, address, _):
        super().__init__("node", places.CLIENTS / "health.js", address, SERVICE)

    def read(self):
        self.process.stdout.readline()
        super().read()


class Buf(Lines):
    def __init__(self, address, _):
        super().__init__(
            "node", places.CLIENTS / "node_modules" / ".bin" / "buf", "curl", "--protocol", "grpc",
            "--http2-prior-knowledge", "--schema", places.REPO / "proto" / HEALTH,
            "-d", json.dumps({"service": SERVICE}), f"http://{address}/grpc.health.v1.Health/Watch",
        )


class Userctl(Lines):
    def __init__(self, address, _):
        super().__init__(places.program("userctl"), "--server", address, "health", "--watch", SERVICE)


class Grpcio:
    """With stubs of the public definition."""

    def __init__(self, address, modules):
        messages, services = modules
        self.seen = []
        self.channel = grpc.insecure_channel(address)
        self.names = messages.HealthCheckResponse.ServingStatus
        self.stream = services.HealthStub(self.channel).Watch(messages.HealthCheckRequest(service=SERVICE))
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with contextlib.suppress(grpc.RpcError):
            for one in self.stream:
                self.seen.append(self.names.Name(one.status))

    def close(self):
        self.channel.close()


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
    """userd on a cluster, with the endpoints of --ops."""

    def __init__(self, folder, cluster, monkeypatch, *flags):
        self.ops = places.free_address()
        monkeypatch.setenv("WEIR_POSTGRES", cluster.url)
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


@pytest.fixture
def userd(tmp_path, database, monkeypatch):
    server = Server(tmp_path, database, monkeypatch)
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


def test_the_database_is_stopped_and_started(userd, database, modules):
    with contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(contextlib.closing(kind(userd.address, modules)))
                    for kind in (Grpcio, Node, Buf, Userctl)]
        expected = []

        def expect(status):
            expected.append(status)
            for one in watchers:
                programs.wait_until(lambda: one.seen == expected, f"{expected} by {type(one).__name__}, not {one.seen}")
            expect_http(userd, status == "SERVING")

        expect("SERVING")
        for mode in "fast", "immediate":
            database.stop(mode)
            programs.wait_until(lambda: userd.get_user() == "UNAVAILABLE", "a call to fail")
            expect("NOT_SERVING")
            database.start()
            expect("SERVING")
            assert userd.get_user() == "OK"
    assert "does not work" in userd.said() and "works again" in userd.said()
