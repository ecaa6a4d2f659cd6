# SPDX-License-Identifier: Apache-2.0
"""userd's command line, its start on good and bad ground, and its end."""
import contextlib
import hashlib
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess

import grpc
import pytest

from support import clients, places, programs

MISUSE = 2
FAILURE = 1


def run_userd(*flags, **options):
    return programs.run(places.program("userd"), *flags, **options)


def assert_one_clear_line(done, code):
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("userd: ") and done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.isprintable() or done.stderr[:-1].isprintable()


def content(folder):
    """Name -> digest of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(pathlib.Path(folder).rglob("*"))
        if path.is_file()
    }


def create(userd, user_pb2, email):
    with contextlib.closing(clients.Grpcio(user_pb2, userd.address, None)) as client:
        answer = client.call("CreateUser", user_pb2.CreateUserRequest(name="N", email=email))
        assert answer.code == "OK", answer
        return answer.response.user


def find(userd, user_pb2, user_id):
    with contextlib.closing(clients.Grpcio(user_pb2, userd.address, None)) as client:
        answer = client.call("GetUser", user_pb2.GetUserRequest(id=user_id))
        assert answer.code == "OK", answer
        return answer.response


@pytest.fixture
def used_database(tmp_path, user_pb2):
    """A database with a user in it, that no userd has open."""
    folder = tmp_path / "used"
    folder.mkdir()
    userd = programs.Userd(folder)
    userd.start()
    try:
        create(userd, user_pb2, "used@example.org")
        userd.stop()
    finally:
        userd.kill()
    (folder / "userd.log").unlink()
    return userd.database


# ---- flags ----


@pytest.mark.parametrize(
    "flags",
    [
        ["--no-such-flag"],
        ["--liste", "127.0.0.1:1"],
        ["-x"],
        ["serve"],
        ["--listen"],
        ["--listen", ""],
        ["--listen", "nowhere"],
        ["--listen", "127.0.0.1:"],
        ["--listen", "127.0.0.1:65536"],
        ["--listen", "127.0.0.1:-1"],
        ["--listen", "127.0.0.1:http"],
        ["--listen", "[::1:50051"],
        ["--listen", "unix:"],
        ["--db", ""],
        ["--db", "users.db"],
        ["--db", "sqlite:"],
        ["--db", "mysql://localhost/users"],
        ["--log-level", "loud"],
        ["--log-format", "xml"],
        ["--grace", "soon"],
        ["--grace", "-1s"],
        ["--grace", "5"],
        ["--loops", "0"],
        ["--loops", "1x"],
        ["--loops", "99999999999999999999"],
        ["--workers", "0"],
        ["--listen", "0.0.0.0:20000"],
        ["--listen", "[::]:20000"],
        ["--listen", "bell\x07\n:20000"],
    ],
    ids=" ".join,
)
def test_an_unusable_flag_is_misuse(flags, tmp_path):
    done = run_userd(*flags, cwd=tmp_path, env={"HOME": str(tmp_path)})
    assert_one_clear_line(done, MISUSE)
    assert content(tmp_path) == {}


def test_an_unusable_variable_is_misuse(tmp_path):
    done = run_userd(cwd=tmp_path, env={"HOME": str(tmp_path), "USERD_LOG_LEVEL": "loud"})
    assert_one_clear_line(done, MISUSE)
    assert "USERD_LOG_LEVEL" in done.stderr
    assert content(tmp_path) == {}


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_do_nothing_else(flag, tmp_path):
    done = run_userd(flag, cwd=tmp_path, env={"HOME": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert "userd" in done.stdout
    assert content(tmp_path) == {}


def test_help_names_every_flag(tmp_path):
    told = run_userd("--help", cwd=tmp_path).stdout
    for flag in ("listen", "db", "log-format", "log-level", "grace", "loops", "workers", "insecure"):
        assert f"--{flag}" in told


def test_variables_stand_for_flags_and_the_command_line_wins(tmp_path, user_pb2, monkeypatch):
    monkeypatch.setenv("USERD_LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("USERD_LOG_FORMAT", "json")
    userd = programs.Userd(tmp_path)
    userd.start()
    try:
        assert not find(userd, user_pb2, 1).found
        userd.stop()
        assert userd.said().startswith("{")
    finally:
        userd.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_can_be_given_up(number):
    """While it waits for a database that has taken the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = "postgres://ada@127.0.0.1:%d/users?connect_timeout=0" % silent.getsockname()[1]
        userd = subprocess.Popen(
            [places.program("userd"), "--listen", "127.0.0.1:0", "--ops", "off", "--db", url], stderr=subprocess.PIPE, text=True
        )
        try:
            silent.settimeout(programs.PATIENCE)
            with silent.accept()[0]:
                userd.send_signal(number)
                said = userd.communicate(timeout=programs.PATIENCE)[1]
        finally:
            userd.kill()
    assert (userd.returncode, said) == (0, f"userd: ended by {number.name} before it served\n")


# ---- the ground it starts on ----


def test_a_port_in_use_is_a_failure_that_changes_nothing(used_database):
    before = content(used_database.parent)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = run_userd("--listen", address, "--db", f"sqlite:{used_database}")
    assert_one_clear_line(done, FAILURE)
    assert address in done.stderr
    assert content(used_database.parent) == before


def test_a_second_userd_on_the_same_port_is_a_failure(userd):
    done = run_userd("--listen", userd.address, "--db", f"sqlite:{userd.database}")
    assert_one_clear_line(done, FAILURE)
    assert "Is userd running already? --listen chooses another address" in done.stderr


def refused(database):
    """userd must not start on this database, nor change it."""
    before = content(database.parent)
    done = run_userd("--listen", places.free_address(), "--db", f"sqlite:{database}")
    assert_one_clear_line(done, FAILURE)
    assert str(database) in done.stderr
    assert content(database.parent) == before


def test_a_database_in_no_folder_is_a_failure(tmp_path):
    refused(tmp_path / "absent" / "users.db")
    assert not (tmp_path / "absent").exists()


def test_a_folder_is_no_database(tmp_path):
    (tmp_path / "users.db").mkdir()
    refused(tmp_path / "users.db")


def test_a_file_of_another_kind_is_left_alone(tmp_path):
    (tmp_path / "users.db").write_bytes(b"Dear diary, " * 1000)
    refused(tmp_path / "users.db")


def test_a_database_of_another_program_is_left_alone(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "users.db")) as other:
        other.execute("CREATE TABLE diary (day TEXT, entry TEXT)")
        other.commit()
    refused(tmp_path / "users.db")


def test_a_newer_database_is_left_alone(used_database):
    with contextlib.closing(sqlite3.connect(used_database)) as newer:
        newer.execute("PRAGMA journal_mode = DELETE")
        newer.execute("PRAGMA user_version = 1000")
    refused(used_database)


def test_users_outlive_userd(tmp_path, user_pb2):
    first = programs.Userd(tmp_path)
    second = programs.Userd(tmp_path, database=first.database)
    try:
        user = create(first.start(), user_pb2, "lasting@example.org")
        first.stop()
        assert find(second.start(), user_pb2, user.id).user == user
        second.stop()
    finally:
        first.kill()
        second.kill()


def test_it_serves_every_address_it_was_given(tmp_path, user_pb2):
    path = tmp_path / "socket"
    extra = places.free_address()
    userd = programs.Userd(tmp_path, "--listen", extra, "--listen", f"unix:{path}", "--loops", "2")
    userd.start()
    try:
        user = create(userd, user_pb2, "everywhere@example.org")
        for address in (extra, f"unix:{path}"):
            with contextlib.closing(clients.Grpcio(user_pb2, address, None)) as client:
                assert client.call("GetUser", user_pb2.GetUserRequest(id=user.id)).response.user == user
        userd.stop()
    finally:
        userd.kill()


def test_when_ids_are_used_up_it_says_so(userd, client, user_pb2):
    with contextlib.closing(sqlite3.connect(userd.database)) as other:
        other.execute("INSERT INTO sqlite_sequence VALUES ('users', ?)", (2**31 - 1,))
        other.commit()
    answer = client.call("CreateUser", user_pb2.CreateUserRequest(name="N", email="late@example.org"))
    assert answer[:2] == ("RESOURCE_EXHAUSTED", "no ids are left")


# ---- its end ----


@contextlib.contextmanager
def call_in_flight(userd, user_pb2):
    """A CreateUser that cannot end while the database is locked; yields the future and what unlocks."""
    with contextlib.closing(sqlite3.connect(userd.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with grpc.insecure_channel(userd.address) as channel:
            grpc.channel_ready_future(channel).result(60)
            method = channel.unary_unary(
                "/user.UserService/CreateUser",
                user_pb2.CreateUserRequest.SerializeToString,
                user_pb2.CreateUserResponse.FromString,
            )
            request = user_pb2.CreateUserRequest(name="N", email="in.flight@example.org")
            future = method.future(request, timeout=60)
            # A call on the same connection that is answered shows that the first one has arrived.
            get = channel.unary_unary("/user.UserService/GetUser")
            get(b"\x08\x01", timeout=60)
            yield future, lambda: other.execute("ROLLBACK")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["db", "--help"], ["keys", "create", "--help"]])
def test_an_answer_that_cannot_be_written_is_a_failure(arguments):
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [places.program("userd"), *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (1, "userd: cannot write the answer: No space left on device\n")


def test_it_needs_no_standard_streams(tmp_path, user_pb2):
    """Nor takes what it opens in their place for them: a log line must not go into a socket."""
    userd = programs.Userd(tmp_path)
    userd.command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *userd.command]
    try:
        userd.start()
        streams = [os.readlink(f"/proc/{userd.process.pid}/fd/{fd}") for fd in range(3)]
        assert streams == ["/dev/null"] * 3
        create(userd, user_pb2, "silent@example.org")
        userd.stop()
    finally:
        userd.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_calls_in_flight(tmp_path, user_pb2, number):
    userd = programs.Userd(tmp_path)
    userd.start()
    again = programs.Userd(tmp_path, database=userd.database)
    try:
        with call_in_flight(userd, user_pb2) as (future, unlock):
            userd.signal(number)
            programs.wait_until(lambda: not programs.accepts(userd.address), "userd to stop accepting")
            assert userd.process.poll() is None
            assert not future.done()
            unlock()
            user = future.result(60).user
            assert userd.wait() == 0, userd.said()
        assert find(again.start(), user_pb2, user.id).user == user
        again.stop()
    finally:
        userd.kill()
        again.kill()


def test_idle_connections_do_not_hold_up_its_end(tmp_path, user_pb2):
    userd = programs.Userd(tmp_path)
    userd.start()
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                channel = stack.enter_context(grpc.insecure_channel(userd.address))
                channel.unary_unary("/user.UserService/GetUser")(b"", timeout=60)
            host, port = userd.address.split(":")
            stack.enter_context(socket.create_connection((host, int(port))))
            userd.stop()
    finally:
        userd.kill()


def test_when_the_grace_is_over_calls_are_cut(tmp_path, user_pb2):
    userd = programs.Userd(tmp_path, "--grace", "200ms")
    userd.start()
    try:
        with call_in_flight(userd, user_pb2) as (future, unlock):
            userd.signal(signal.SIGTERM)
            assert future.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
            unlock()
        assert userd.wait() == 0, userd.said()
    finally:
        userd.kill()


def test_a_second_signal_cuts_calls_at_once(tmp_path, user_pb2):
    userd = programs.Userd(tmp_path, "--grace", "1h")
    userd.start()
    try:
        with call_in_flight(userd, user_pb2) as (future, unlock):
            userd.signal(signal.SIGTERM)
            programs.wait_until(lambda: "a second signal ends at once" in userd.said(), "userd to drain")
            assert not future.done()
            userd.signal(signal.SIGTERM)
            assert future.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
            unlock()
        assert userd.wait() == 0, userd.said()
    finally:
        userd.kill()


def test_a_connection_that_says_nothing_is_closed(userd):
    host, port = userd.address.split(":")
    with socket.create_connection((host, int(port)), timeout=programs.PATIENCE) as silent:
        while silent.recv(4096):
            pass


def test_a_low_soft_limit_of_descriptors_is_raised(tmp_path, user_pb2):
    userd = programs.Userd(tmp_path)
    userd.command = ["sh", "-c", 'ulimit -S -n 40 && exec "$@"', "sh", *userd.command]
    userd.start()
    host, port = userd.address.split(":")
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(socket.create_connection((host, int(port))))
            create(userd, user_pb2, "last@example.org")
        userd.stop()
    finally:
        userd.kill()
