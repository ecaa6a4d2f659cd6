# SPDX-License-Identifier: Apache-2.0
"""How long userd keeps connections, and how many: greatest age, without a call, at a time."""
import contextlib
import socket
import time

import grpc
import hpack
import pytest

from support import clients, programs


@contextlib.contextmanager
def running(folder, *flags):
    server = programs.Userd(folder, *flags)
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, SETTINGS, PING, GOAWAY = 1, 4, 6, 7
ACK, END_HEADERS = 1, 4


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


class Connection:
    """A client that does nothing by itself but answer PING and SETTINGS, also after a GOAWAY."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=programs.PATIENCE)
        self.socket.sendall(PREFACE + frame(SETTINGS))

    def begin_call(self):
        """Headers of a call whose request does not come."""
        fields = [(":method", "POST"), (":scheme", "http"), (":path", "/user.UserService/CreateUser"),
                  (":authority", "test"), ("te", "trailers"), ("content-type", "application/grpc")]
        self.socket.sendall(frame(HEADERS, END_HEADERS, 1, hpack.Encoder().encode(fields)))

    def frames(self):
        """(type, payload) of what comes until the server closes."""
        reader = self.socket.makefile("rb")
        while head := reader.read(9):
            payload = reader.read(int.from_bytes(head[:3], "big"))
            if head[3] in (PING, SETTINGS) and not head[4] & ACK:
                with contextlib.suppress(OSError):
                    self.socket.sendall(frame(head[3], ACK, 0, payload if head[3] == PING else b""))
            yield head[3], payload

    def goodbyes(self):
        """What the GOAWAYs say, up to the end of the connection."""
        return [payload[8:].decode() for kind, payload in self.frames() if kind == GOAWAY]

    def close(self):
        self.socket.close()


@pytest.mark.parametrize(
    "flags, why", [(["--max-connection-age", "1s"], "max_age"), (["--max-connection-idle", "1s"], "max_idle")]
)
def test_a_connection_without_calls_is_sent_away(tmp_path, flags, why):
    with running(tmp_path, *flags) as server, contextlib.closing(Connection(server.address)) as connection:
        said = connection.goodbyes()
        assert said[0] == why
        assert len(said) == 2  # the second when the client has heard the first


def test_a_call_outlives_the_greatest_age_by_the_grace(tmp_path):
    flags = ["--max-connection-age", "1s", "--max-connection-age-grace", "1s"]
    with running(tmp_path, *flags) as server, contextlib.closing(Connection(server.address)) as connection:
        connection.begin_call()
        said = connection.goodbyes()
        assert said[0] == "max_age"
        assert said[-1] == "max_age: grace time over"


def test_a_call_keeps_a_connection_from_being_idle(tmp_path):
    with running(tmp_path, "--max-connection-idle", "1s") as server:
        with contextlib.closing(Connection(server.address)) as connection:
            connection.begin_call()
            connection.socket.settimeout(5)
            with pytest.raises(TimeoutError):
                connection.goodbyes()


@pytest.mark.parametrize("kind", ["grpcio", "node"])
def test_no_call_fails(tmp_path, user_pb2, kind):
    with running(tmp_path, "--max-connection-age", "1s") as server:
        with contextlib.closing(clients.KINDS[kind](user_pb2, server.address, tmp_path)) as client:
            end = time.monotonic() + 6  # two passes at least
            while time.monotonic() < end:
                answer = client.call("GetUser", user_pb2.GetUserRequest(id=1))
                assert answer.code == "OK", answer


def test_connections_over_the_limit_are_closed(tmp_path, user_pb2):
    with running(tmp_path, "--max-connections", "3", "--max-connections-per-address", "3") as server:

        def let_in():
            """None while the connection that waited for the server's start still has a place."""
            one = Connection(server.address)
            with contextlib.suppress(ConnectionResetError):
                if one.socket.recv(1):
                    return one
            one.close()
            return None

        held = [programs.wait_until(let_in, "a place") for _ in range(3)]
        with contextlib.closing(Connection(server.address)) as refused:
            with contextlib.suppress(ConnectionResetError):
                assert refused.socket.recv(1) == b""
        for one in held:
            one.close()
        with grpc.insecure_channel(server.address) as channel:
            grpc.channel_ready_future(channel).result(timeout=programs.PATIENCE)
