# SPDX-License-Identifier: Apache-2.0
"""A new userd takes over from an old one (SIGUSR2), systemd hands sockets in and is told of things."""
import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import urllib.request

import grpc
import pytest

from support import certs, places, programs, tls

THREADS = 4
TAKEOVERS = 3


def is_alive(pid):
    """Whether the process runs; one that has ended may wait for its parent to notice."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def successors(server):
    return [int(pid) for pid in re.findall(r"starting a successor pid=(\d+)", server.said())]


def take_over(server, pid):
    """Have a process replaced; its successor, which serves by then. The old one has ended."""
    known = len(successors(server))
    os.kill(pid, signal.SIGUSR2)
    programs.wait_until(lambda: len(successors(server)) > known, "a successor")
    programs.wait_until(
        lambda: server.said().count("taking over") > known or "has ended" in server.said(), "it to serve"
    )
    assert "the successor has ended" not in server.said(), server.said()
    if pid == server.process.pid:
        assert server.wait() == 0, server.said()
    programs.wait_until(lambda: not is_alive(pid), f"{pid} to end")
    assert server.said().count("taking over") == known + 1
    return successors(server)[-1]


@contextlib.contextmanager
def started(server):
    """A server that may have been replaced at the end: whoever serves then must end when told to."""
    try:
        server.start()
        yield server
        last = [server.process.pid, *successors(server)][-1]
        os.kill(last, signal.SIGTERM)
        programs.wait_until(lambda: not is_alive(last), f"{last} to end")
        if last == server.process.pid:
            assert server.wait() == 0
    finally:
        for pid in successors(server):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.kill()


class Load(threading.Thread):
    """Calls until told to stop, on one channel and on new ones in turn; each creates a user."""

    def __init__(self, user_pb2, address, name):
        super().__init__()
        self.user_pb2, self.address, self.name_of = user_pb2, address, name
        self.over = threading.Event()
        self.created = 0
        self.failures = []

    def call(self, channel):
        method = channel.unary_unary(
            "/user.UserService/CreateUser",
            request_serializer=self.user_pb2.CreateUserRequest.SerializeToString,
            response_deserializer=self.user_pb2.CreateUserResponse.FromString,
        )
        request = self.user_pb2.CreateUserRequest(name="N", email=f"{self.name_of}-{self.created}@example.org")
        try:
            method(request, timeout=programs.PATIENCE)
            self.created += 1
        except grpc.RpcError as error:
            self.failures.append(f"{error.code()} {error.details()}")

    def run(self):
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self.address, options=options) as lasting:
            while not self.over.is_set() and not self.failures:
                self.call(lasting)
                with grpc.insecure_channel(self.address, options=options) as fresh:
                    self.call(fresh)


@pytest.mark.parametrize("loops", [1, 2])
def test_no_call_fails(user_pb2, tmp_path, loops):
    server = programs.Userd(tmp_path, "--loops", str(loops))
    with started(server):
        loads = [Load(user_pb2, server.address, n) for n in range(THREADS)]
        for load in loads:
            load.start()
        try:
            pid = server.process.pid
            for _ in range(TAKEOVERS):
                goal = sum(load.created for load in loads) + 200
                programs.wait_until(
                    lambda: sum(load.created for load in loads) >= goal or any(load.failures for load in loads),
                    "calls",
                )
                pid = take_over(server, pid)
        finally:
            for load in loads:
                load.over.set()
            for load in loads:
                load.join()
        assert [failure for load in loads for failure in load.failures] == [], server.said()
        with grpc.insecure_channel(server.address) as channel:
            method = channel.unary_unary("/user.UserService/ListUsers",
                                         response_deserializer=user_pb2.ListUsersResponse.FromString)
            assert method(b"", timeout=programs.PATIENCE).total == sum(load.created for load in loads)


def test_a_unix_socket_stays(user_pb2, tmp_path):
    path = tmp_path / "userd.sock"
    server = programs.Userd(tmp_path, "--listen", f"unix:{path}")
    with started(server):
        load = Load(user_pb2, f"unix:{path}", "unix")
        for _ in range(2):
            with grpc.insecure_channel(load.address) as channel:
                load.call(channel)
            take_over(server, [server.process.pid, *successors(server)][-1])
            assert path.is_socket()
        assert (load.created, load.failures) == (2, [])
    assert not path.exists()


def test_the_http_endpoints_stay_ready(tmp_path):
    """Nobody is refused, nor told of the old process that it does not serve; what that one has not read yet
    may be closed, and is asked again."""
    ops = places.free_address()
    server = programs.Userd(tmp_path, "--ops", ops)
    with started(server):
        for _ in range(2):
            statuses = []
            over = threading.Event()

            def ask_once():
                with urllib.request.urlopen(f"http://{ops}/readyz", timeout=programs.PATIENCE) as answer:
                    statuses.append(answer.status)

            def ask():
                while not over.is_set():
                    with contextlib.suppress(http.client.RemoteDisconnected, ConnectionResetError):
                        ask_once()

            asking = threading.Thread(target=ask)
            asking.start()
            programs.wait_until(lambda: len(statuses) > 10, "answers")
            take_over(server, [server.process.pid, *successors(server)][-1])
            count = len(statuses)
            programs.wait_until(lambda: len(statuses) > count + 10 or not asking.is_alive(), "more of them")
            over.set()
            asking.join()
            assert len(statuses) > count + 10 and set(statuses) == {200}


@pytest.mark.parametrize("parent", ["", "trap '' CHLD; "], ids=["", "of a parent that ignores SIGCHLD"])
def test_a_successor_that_cannot_start(tmp_path, parent):
    authority = certs.Authority(tmp_path)
    pair = authority.issue("server", certs.LOCAL)
    server = tls.userd(tmp_path, pair)
    server.command = ["bash", "-c", parent + 'exec "$@"', "bash", *server.command]
    server.start()
    try:
        pathlib.Path(pair.key).write_text("no key\n")
        server.signal(signal.SIGUSR2)
        programs.wait_until(lambda: "the successor has ended; this process stays" in server.said(), "its end")
        done = programs.run(places.program("userctl"), "--server", server.address, "--ca", authority.ca, "list")
        assert done.returncode == 0, done.stderr
        server.stop()
    finally:
        server.kill()


# ---- systemd ----


class Notified:
    """What systemd would hear."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(programs.PATIENCE)

    def next(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def wait_for(self, key):
        while True:
            said = self.next()
            if key in said:
                return said


@pytest.fixture
def systemd(tmp_path):
    notified = Notified(tmp_path / "notify")
    yield notified
    notified.socket.close()


def start_as_systemd(command, listeners, environment, log):
    """LISTEN_PID is the process's own, so a shell writes it and becomes the program."""

    def place():
        for i, listener in enumerate(listeners):
            os.dup2(listener.fileno(), 3 + i)

    script = f'LISTEN_PID=$$ LISTEN_FDS={len(listeners)} exec "$@"'
    return subprocess.Popen(
        ["sh", "-c", script, "sh", *command], env={**os.environ, **environment}, preexec_fn=place,
        close_fds=False, stdout=log, stderr=log,
    )


def test_the_unit_files(tmp_path):
    template = (places.REPO / "userd" / "systemd" / "userd.service.in").read_text()
    service, sockets = tmp_path / "userd.service", tmp_path / "userd.socket"
    service.write_text(template.replace("@userd_program@", places.program("userd")))
    sockets.write_text((places.REPO / "userd" / "systemd" / "userd.socket").read_text())
    done = programs.run("systemd-analyze", "verify", service, sockets)
    assert (done.returncode, done.stderr) == (0, "")
    # Its own measure of what a service may do that it need not, from 0 to 100.
    done = programs.run(
        "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", "--json=off", service
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_socket_activation(systemd, user_pb2, tmp_path):
    path = tmp_path / "activated.sock"
    tcp, unix = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
    unix.bind(str(path))
    unix.listen()
    address = "127.0.0.1:%d" % tcp.getsockname()[1]
    command = [places.program("userd"), "--db", f"sqlite:{tmp_path}/users.db", "--ops", "off"]
    environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "200000"}
    with open(tmp_path / "log", "wb") as log:
        process = start_as_systemd(command, [tcp, unix], environment, log)
    try:
        ready = systemd.next()
        assert ready == {"READY": "1", "MAINPID": str(process.pid)}, (tmp_path / "log").read_text()
        for target in (address, f"unix:{path}"):
            load = Load(user_pb2, target, target.replace(":", "-").replace("/", "-"))
            with grpc.insecure_channel(target) as channel:
                load.call(channel)
            assert load.failures == []
        for _ in range(3):  # the loops turn
            assert systemd.next() == {"WATCHDOG": "1"}
        process.send_signal(signal.SIGTERM)
        systemd.wait_for("STOPPING")
        assert process.wait(timeout=programs.PATIENCE) == 0
        assert path.is_socket()  # it is systemd's
        with socket.create_connection(tcp.getsockname()):  # waits for the next one
            pass
    finally:
        process.kill()
        process.wait()
        tcp.close()
        unix.close()


def test_a_successor_tells_systemd_who_it_is(systemd, tmp_path, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(systemd.path))
    server = programs.Userd(tmp_path)
    with started(server):
        assert systemd.next()["MAINPID"] == str(server.process.pid)
        successor = take_over(server, server.process.pid)
        assert systemd.next() == {"READY": "1", "MAINPID": str(successor)}


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_what_does_not_listen_is_refused(tmp_path, kind):
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        with open(tmp_path / "log", "wb") as log:
            command = [places.program("userd"), "--db", f"sqlite:{tmp_path}/users.db", "--ops", "off"]
            process = start_as_systemd(command, [other], {}, log)
        assert process.wait(timeout=programs.PATIENCE) == 1
    said = (tmp_path / "log").read_text()
    why = "descriptor 3: does not listen for stream connections"
    assert said == f"userd: cannot serve on what LISTEN_FDS tells of: {why}\n"


def test_an_exposed_socket_is_refused(tmp_path):
    with socket.create_server(("0.0.0.0", 0)) as public, open(tmp_path / "log", "wb") as log:
        process = start_as_systemd(
            [places.program("userd"), "--db", f"sqlite:{tmp_path}/users.db", "--ops", "off"], [public], {}, log
        )
        assert process.wait(timeout=programs.PATIENCE) == 2
    assert "can be reached from other machines" in (tmp_path / "log").read_text()


def test_a_socket_that_nobody_would_serve_is_refused(tmp_path):
    """Its clients would wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as handed, open(tmp_path / "log", "wb") as log:
        command = [places.program("userd"), "--db", f"sqlite:{tmp_path}/users.db"]
        command += ["--ops", "off", "--listen", places.free_address()]
        process = start_as_systemd(command, [handed], {}, log)
        try:
            assert process.wait(timeout=programs.PATIENCE) == 2
        finally:
            process.kill()
        port = handed.getsockname()[1]
    said = (tmp_path / "log").read_text()
    assert said == f"userd: LISTEN_FDS hands in 127.0.0.1:{port}, which no --listen names\n"
