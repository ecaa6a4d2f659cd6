# SPDX-License-Identifier: Apache-2.0
"""userctl against userd, and against servers that others wrote."""
import contextlib
import json
import os
import socket
import subprocess
import threading
import time
import unicodedata

import grpc
import pytest

from support import peers, places, programs, protos

MISUSE = 2


class Userctl:
    """Runs userctl with a server to go to."""

    def __init__(self, server):
        self.server = server

    def __call__(self, *arguments, expect=0, environment=None, **options):
        done = programs.run(
            places.program("userctl"), *arguments,
            env={**os.environ, "USERCTL_SERVER": self.server, **(environment or {})}, **options,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        if expect != 0:
            assert done.stderr.startswith("userctl: ") and done.stderr.count("\n") == 1, done.stderr
            assert done.stderr[:-1].isprintable()
        else:
            assert done.stderr == ""
        return done

    def json(self, *arguments, **options):
        return json.loads(self(*arguments, "--json", **options).stdout)


@pytest.fixture(scope="module", params=["userd", *peers.FOREIGN])
def any_server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    one = programs.Userd(folder) if request.param == "userd" else peers.server(peers.FOREIGN[request.param], folder)
    with peers.running(one):
        yield one


@pytest.fixture(scope="module", params=peers.FOREIGN)
def foreign_server(request, tmp_path_factory):
    with peers.running(peers.server(peers.FOREIGN[request.param], tmp_path_factory.mktemp("server"))) as one:
        yield one


@pytest.fixture
def userctl(any_server):
    return Userctl(any_server.address)


@pytest.fixture
def foreign_userctl(foreign_server):
    return Userctl(foreign_server.address)


def code(name):
    """The exit code for a gRPC status."""
    return 64 + getattr(grpc.StatusCode, name).value[0]


# ---- the commands ----


def test_life_of_a_user(userctl):
    before = int(time.time())
    created = userctl.json("create", "--name", "Ada", "--email", "ada@example.org", "--phone", "+44 1")
    user = created["user"]
    assert created["success"] is True
    assert (user["name"], user["email"], user["phone"]) == ("Ada", "ada@example.org", "+44 1")
    assert before - 1 <= user["created_at"] <= time.time() + 1
    assert userctl.json("get", user["id"]) == {"user": user, "found": True}
    assert user in userctl.json("list", "--limit", "100")["users"]

    user["name"] = "Ada L."
    user["phone"] = ""
    updated = userctl.json("update", user["id"], "--name", "Ada L.", "--phone", "")
    assert updated == {"user": user}
    assert userctl.json("get", user["id"])["user"] == user

    assert userctl.json("delete", user["id"]) == {}
    gone = userctl("get", user["id"], "--json", expect=code("NOT_FOUND"))
    assert json.loads(gone.stdout) == {"user": None, "found": False}
    userctl("delete", user["id"], expect=code("NOT_FOUND"))
    userctl("update", user["id"], "--name", "N", expect=code("NOT_FOUND"))


@pytest.mark.parametrize(
    "name",
    [
        "two\u00e9\u07ff three\u20ac\uffff four\U0001d11e\U0010ffff",
        "combining e\u0301 a\u0308",
        "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd",
        "quotes \" ' \\ % $HOME\ttab\nline\x1b[31mred\x07",
    ],
    ids=["2 to 4 bytes", "combining", "right to left", "emoji", "controls"],
)
def test_every_class_of_utf8_survives(userctl, name):
    email = f"{name.encode().hex()[:40]}@example.org"
    user = userctl.json("create", name, email)["user"]
    assert user["name"] == name
    assert userctl.json("get", user["id"])["user"] == user
    shown = userctl("get", user["id"]).stdout
    assert email in shown
    assert not any(unicodedata.category(letter) == "Cc" for letter in shown.replace("\n", ""))
    assert shown.count("\n") == 2
    userctl("delete", user["id"])


def test_tables_are_for_people(userctl):
    user = userctl.json("create", "Table User", "table@example.org", "555")["user"]
    head, row = userctl("get", user["id"]).stdout.splitlines()
    assert head.split() == ["ID", "NAME", "EMAIL", "PHONE", "CREATED"]
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(user["created_at"]))
    assert row.split() == [str(user["id"]), "Table", "User", "table@example.org", "555", created]
    assert head.index("EMAIL") == row.index("table@example.org")

    listed = userctl("list", "--limit", "100").stdout.splitlines()
    assert listed[0].split() == head.split()
    assert any("table@example.org" in line for line in listed)
    assert listed[-1].startswith("page 1 of 1, ")
    assert str(user["id"]) in userctl("delete", user["id"]).stdout


def test_pages(userctl):
    users = [userctl.json("create", f"P{n}", f"page{n}@example.org")["user"] for n in range(5)]
    first = userctl.json("list", "--limit", "2")
    assert (len(first["users"]), first["page"], first["limit"]) == (2, 1, 2)
    pages = [userctl.json("list", "--limit", "2", "--page", n + 1)["users"] for n in range(first["total"] // 2 + 1)]
    assert sum(pages, [])[-5:] == users
    for user in users:
        userctl("delete", user["id"])


def test_refusals_have_the_code_and_the_text(userctl):
    user = userctl.json("create", "N", "taken@example.org")["user"]
    userctl("create", "N", "TAKEN@example.org", expect=code("ALREADY_EXISTS"))
    done = userctl("create", "--name", "", "--email", "a@b", expect=code("INVALID_ARGUMENT"))
    assert done.stderr == "userctl: name and email are required\n"
    assert done.stdout == ""
    userctl("delete", user["id"])


# ---- deadlines and statuses that only a test's server gives ----


def test_a_deadline_ends_the_call_on_both_ends(foreign_userctl, foreign_server, stubs):
    peer_pb2 = protos.python_module(stubs, "peer")
    user_id = peers.SLEEPY_ID + 60_000
    foreign_userctl("get", user_id, "--timeout", "1s", expect=code("DEADLINE_EXCEEDED"))
    with grpc.insecure_channel(foreign_server.address) as channel:
        method = channel.unary_unary(
            "/peer.Peer/Fate", peer_pb2.FateRequest.SerializeToString, peer_pb2.FateReport.FromString
        )
        fate = method(peer_pb2.FateRequest(tag=f"get-{user_id}"), timeout=60)
    assert fate.cancelled
    assert fate.has_deadline
    assert fate.time_left_ms <= 1000


def test_a_call_in_time_is_answered(foreign_userctl):
    foreign_userctl("get", peers.SLEEPY_ID + 300, "--timeout", "1m", expect=code("NOT_FOUND"))


@pytest.mark.parametrize("status", range(1, 17))
def test_every_status_is_an_exit_code(foreign_userctl, status):
    done = foreign_userctl("get", peers.FAILING_ID + status, expect=64 + status)
    if status != grpc.StatusCode.DEADLINE_EXCEEDED.value[0]:
        assert "100% d\u00e9j\u00e0 vu," in done.stderr
        assert "two lines \u2026 \U0001f642 %41" in done.stderr


# ---- servers that cannot be reached ----


def test_nobody_there_is_said_so_that_people_understand():
    address = places.free_address()
    done = Userctl(address)("get", "1", expect=code("UNAVAILABLE"))
    assert address in done.stderr
    assert "Is userd running?" in done.stderr
    done = Userctl("etcd://u:secret@h:1/x")("get", "1", expect=2)
    assert "--server needs HOST:PORT" in done.stderr and "secret" not in done.stderr
    done = Userctl("nowhere.invalid:1")("get", "1", expect=code("UNAVAILABLE"))
    assert done.stderr.endswith(". Is --server right?\n")


def test_a_server_that_speaks_something_else_is_unavailable():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def greet():
            with contextlib.suppress(OSError):  # until the socket is shut down
                while True:
                    connection, _ = other.accept()
                    with connection:
                        connection.sendall(b"220 mail.example.org ESMTP\r\n")
                        connection.recv(4096)

        thread = threading.Thread(target=greet)
        thread.start()
        Userctl(f"127.0.0.1:{other.getsockname()[1]}")("get", "1", expect=code("UNAVAILABLE"))
        other.shutdown(socket.SHUT_RDWR)
        thread.join(60)
    assert not thread.is_alive()


def test_a_unix_socket(tmp_path):
    path = tmp_path / "socket"
    with peers.running(programs.Userd(tmp_path, "--listen", f"unix:{path}")):
        assert Userctl(f"unix:{path}").json("list")["total"] == 0


# ---- the command line ----


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["get"],
        ["get", "one"],
        ["get", "1", "2"],
        ["get", "2147483648"],
        ["get", "1", "--page", "2"],
        ["list", "1"],
        ["list", "--page", "x"],
        ["create"],
        ["create", "--name", "N"],
        ["create", "a", "b", "c", "d"],
        ["update", "1"],
        ["update", "--name", "N"],
        ["delete"],
        ["get", "1", "--timeout", "soon"],
        ["get", "1", "--timeout", "5"],
        ["get", "1", "--timeout"],
        ["get", "1", "--no-such-flag"],
        ["get", "1", "--server", "nowhere"],
        ["get", "1", "--server", "127.0.0.1:99999"],
        ["help", "frobnicate"],
        ["two\nlines"],
        ["get", "two\nlines"],
        ["get", "1", "--server", "two\nlines:1"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_misuse(arguments):
    done = Userctl(places.free_address())(*arguments, expect=MISUSE)
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [["--help"], ["help"], ["help", "create"], ["get", "--help"], ["--version"]])
def test_help_needs_no_server(arguments):
    assert "userctl" in Userctl(places.free_address())(*arguments).stdout


def test_variables_stand_for_flags_and_the_command_line_wins(shared_userd):
    nowhere = Userctl("127.0.0.1:1")
    told = nowhere("list", "--server", shared_userd.address, environment={"USERCTL_JSON": "true"}).stdout
    assert "users" in json.loads(told)
    done = Userctl(shared_userd.address)("list", expect=MISUSE, environment={"USERCTL_TIMEOUT": "soon"})
    assert "USERCTL_TIMEOUT" in done.stderr


def test_without_standard_streams_it_fails_as_it_should(shared_userd):
    command = [places.program("userctl"), "list", "--server", shared_userd.address]
    done = programs.run("sh", "-c", '"$@" <&- >&-', "sh", *command)
    assert (done.returncode, done.stderr) == (1, "userctl: cannot write the answer: Bad file descriptor\n")
    assert programs.run("sh", "-c", '"$@" <&- >&- 2>&-', "sh", *command).returncode == 1


# Of the last two every answer is written at once.
@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["health"], ["health", "--watch"]])
def test_an_answer_that_cannot_be_written_is_a_failure(shared_userd, command):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [places.program("userctl"), *command, "--server", shared_userd.address],
            stdout=full, stderr=subprocess.PIPE, timeout=programs.PATIENCE, encoding="utf-8", check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "userctl: cannot write the answer: No space left on device\n"


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["health"], ["health", "--watch"], ["chat"]])
def test_who_reads_no_answer_is_not_told(shared_userd, command):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as closed:
        done = subprocess.run(
            [places.program("userctl"), *command, "--server", shared_userd.address], input="hello\n",
            stdout=closed, stderr=subprocess.PIPE, timeout=programs.PATIENCE, encoding="utf-8", check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_health(tmp_path):
    """Once and as a watch; the exit code tells a script what it needs."""
    userd = programs.Userd(tmp_path)
    with peers.running(userd):
        userctl = Userctl(userd.address)
        for service in [], ["user.UserService"], ["database"]:
            assert userctl("health", *service).stdout == "SERVING\n"
        assert userctl.json("health", "database") == {"service": "database", "status": "SERVING"}
        assert "unknown service" in userctl("health", "absent", expect=64 + 5).stderr
        watch = subprocess.Popen(
            [places.program("userctl"), "--server", userd.address, "health", "--watch", "user.UserService"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        try:
            assert watch.stdout.readline() == "SERVING\n"
            userd.stop()
            said, complaint = watch.communicate(timeout=60)
        finally:
            watch.kill()
        assert (said, watch.returncode) == ("NOT_SERVING\n", 64 + 14)
        assert "the server closes this connection; call again" in complaint
        userctl("health", expect=64 + 14)
        userd.start()
