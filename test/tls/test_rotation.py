# SPDX-License-Identifier: Apache-2.0
"""Certificates are replaced under load, and no call fails."""
import contextlib
import pathlib
import signal
import threading
import time

import grpc
import pytest

from support import certs, programs, tls

THREADS = 4
CALLS = 1200  # of each thread
FRESH_EVERY = 30  # a connection of its own
ROTATIONS = 8
PACE = THREADS / 1000  # seconds from one call of a thread to its next: 1,000 a second in all


@pytest.fixture
def authority(tmp_path):
    return certs.Authority(tmp_path)


class Load(threading.Thread):
    """Calls on one connection that stays, and now and then on a new one."""

    def __init__(self, user_pb2, connect):
        super().__init__()
        self.user_pb2 = user_pb2
        self.connect = connect
        self.done = 0
        self.failures = []

    def call(self, channel):
        method = channel.unary_unary(
            "/user.UserService/GetUser",
            request_serializer=self.user_pb2.GetUserRequest.SerializeToString,
            response_deserializer=self.user_pb2.GetUserResponse.FromString,
        )
        try:
            method(self.user_pb2.GetUserRequest(id=1), timeout=programs.PATIENCE)
        except grpc.RpcError as error:
            self.failures.append(f"{error.code()} {error.details()}")
        self.done += 1

    def run(self):
        begun = time.monotonic()
        with self.connect() as lasting:
            for i in range(CALLS):
                if i % FRESH_EVERY == 0:
                    with self.connect() as fresh:
                        self.call(fresh)
                else:
                    self.call(lasting)
                time.sleep(max(0, begun + i * PACE - time.monotonic()))


def rotate_under_load(server, user_pb2, connect, rotate):
    """rotate(n) is called while calls are made, evenly among them."""
    loads = [Load(user_pb2, connect) for _ in range(THREADS)]
    for load in loads:
        load.start()
    for n in range(ROTATIONS):
        goal = (n + 1) * THREADS * CALLS // (ROTATIONS + 2)
        programs.wait_until(lambda: sum(load.done for load in loads) >= goal, f"{goal} calls")
        rotate(n)
    for load in loads:
        load.join()
    assert [failure for load in loads for failure in load.failures] == [], server.said()
    assert sum(load.done for load in loads) == THREADS * CALLS


def test_the_server_s_pair(authority, user_pb2, tmp_path):
    pair = authority.issue("server", certs.LOCAL)
    server = tls.userd(tmp_path, pair).start()

    def rotate(n):
        """Now by a change of the files, now with SIGHUP, and once with a file that is none."""
        if n == 3:
            pathlib.Path(pair.cert).write_text("this is no certificate\n")
            server.signal(signal.SIGHUP)
            programs.wait_until(lambda: "the former ones stay in use" in server.said(), "a complaint")
            return
        authority.issue("server", certs.LOCAL)
        if n % 2 == 0:
            server.signal(signal.SIGHUP)
        fresh = pathlib.Path(pair.cert).read_text()
        programs.wait_until(lambda: tls.shown_cert(server.address) == fresh, "the new certificate")

    try:
        rotate_under_load(server, user_pb2, lambda: tls.channel(server.address, authority), rotate)
        assert server.said().count("certificates were read again") >= ROTATIONS - 1
        assert f"{pair.cert}: nothing in PEM form" in server.said()
        server.stop()
    finally:
        server.kill()


def test_the_clients_authority(authority, user_pb2, tmp_path):
    """The authority of clients is replaced: connections stay, who has a certificate of the former one
    comes in no more."""
    folder = tmp_path / "clients"
    folder.mkdir()
    former, later = certs.Authority(folder, "former"), certs.Authority(folder, "later")
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(former.path.read_text() + later.path.read_text())
    old, new = former.issue("old"), later.issue("new")
    server = tls.userd(
        tmp_path, authority.issue("server", certs.LOCAL), "--tls-client-ca", str(trusted)
    ).start()

    def reads():
        return server.said().count("certificates were read again")

    def rotate(n):
        """Each is waited for: two that are asked for at once are read as one."""
        before = reads()
        fresh = tmp_path / "fresh.pem"
        fresh.write_text(later.path.read_text() + (former.path.read_text() if n % 2 else ""))
        fresh.rename(trusted)
        server.signal(signal.SIGHUP)
        programs.wait_until(lambda: reads() > before, "certificates to be read")

    def is_refused():
        """Whether the old certificate lets nobody in, and userd has said so."""
        with tls.channel(server.address, authority, old) as channel, contextlib.suppress(grpc.FutureTimeoutError):
            grpc.channel_ready_future(channel).result(timeout=1)
            return False
        return "certificate verify failed" in server.said()

    try:
        with tls.channel(server.address, authority, old) as lasting:
            before = Load(user_pb2, None)
            before.call(lasting)
            rotate_under_load(
                server, user_pb2, lambda: tls.channel(server.address, authority, new), rotate
            )
            rotate(0)
            assert reads() >= ROTATIONS + 1
            before.call(lasting)
            assert before.failures == []
        programs.wait_until(is_refused, "the former certificate to be refused")
        server.stop()
    finally:
        server.kill()
