# SPDX-License-Identifier: Apache-2.0
"""userctl's streams: stream, import, export and chat, from pipes and on a pseudo-terminal."""
import contextlib
import csv
import io
import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
import threading
import time

import grpc
import pytest

from support import places, programs, terminal

MISUSE = 2
INVALID = 64 + grpc.StatusCode.INVALID_ARGUMENT.value[0]
UNAVAILABLE = 64 + grpc.StatusCode.UNAVAILABLE.value[0]
CANCELLED = 64 + grpc.StatusCode.CANCELLED.value[0]


@pytest.fixture
def userctl(userd):
    def userctl(*arguments, expect=0, **options):
        done = programs.run(
            places.program("userctl"), *arguments, env={**os.environ, "USERCTL_SERVER": userd.address}, **options
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    return userctl


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def write_csv(path, rows, head=("name", "email", "phone")):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


# ---- import, export, stream ----


def test_what_is_imported_is_exported(userctl, tmp_path):
    rows = [
        ["Ada", "ada@x", "1"],
        ['Quo "te", comma', "quo@x", ""],
        ["two\nlines", "two@x", "2"],
        ["\u4e2d\U0001f600", "utf8@x", ""],
    ]
    done = userctl("import", write_csv(tmp_path / "users.csv", rows))
    assert (done.stdout, done.stderr) == ("4 users created, 0 errors\n", "")

    exported = userctl("export").stdout
    table = list(csv.DictReader(io.StringIO(exported, newline="")))
    assert [[row["name"], row["email"], row["phone"]] for row in table] == rows
    users = lines(userctl("export", "--json").stdout)
    assert [[user["name"], user["email"], user["phone"]] for user in users] == rows
    assert [str(user["id"]) for user in users] == [row["id"] for row in table]
    assert lines(userctl("stream", "--json").stdout) == users
    shown = userctl("stream", "--limit", "2", "--page", "2").stdout.splitlines()
    assert shown[0].split() == ["ID", "NAME", "EMAIL", "PHONE", "CREATED"]
    assert len(shown) == 3


@pytest.mark.parametrize("name", ["users.csv", "users.jsonl"])
def test_an_export_imports_elsewhere(userctl, tmp_path, tmp_path_factory, name):
    userctl("import", write_csv(tmp_path / "in.csv", [[f"U{n}", f"u{n}@x", str(n)] for n in range(250)]))
    file = tmp_path / name
    assert userctl("export", file).stdout == "250 users exported\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob(f"{name}*")] == [name]
    other = programs.Userd(tmp_path_factory.mktemp("other")).start()
    try:
        told = userctl("import", file, "--json", "--server", other.address)
        assert lines(told.stdout) == [{"created": 250, "failed": 0}]
        before, after = userctl("export", "--json"), userctl("export", "--json", "--server", other.address)
        keep = ("id", "name", "email", "phone")
        assert [[u[k] for k in keep] for u in lines(before.stdout)] == [[u[k] for k in keep] for u in lines(after.stdout)]
        other.stop()
    finally:
        other.kill()


def test_errors_have_their_lines(userctl, tmp_path):
    file = tmp_path / "users.csv"
    file.write_bytes(
        b"email,name\r\n"
        b"a@x,A\r\n"
        b'"b@x","two\nlines"\r\n'
        b"A@X,Again\r\n"
        b"nobody,N\r\n"
        b",Empty\r\n"
        b'"c@x"c,C\r\n'
        b"\xff@x,Latin\r\n"
        b"d@x,D\r\n"
        b"e@x,E,more\r\n"
    )
    done = userctl("import", file, expect=INVALID)
    assert done.stdout == "3 users created, 6 errors\n"
    told = dict(re.findall(rf"userctl: {re.escape(str(file))}:(\d+): (.*)", done.stderr))
    assert told == {
        "5": "failed to create user Again: email is already taken",
        "6": "failed to create user N: email is not of the form a@b",
        "7": "invalid request: name and email required",
        "8": "text behind the closing quote",
        "9": "email is not valid UTF-8",
        "11": "more fields than the first line names",
    }
    done = userctl("import", "-", "--format", "jsonl", "--json", expect=INVALID, input='{"name":"E","email":"e@x"}\n{]\n')
    error, summary = lines(done.stdout)
    assert (error["line"], summary) == (2, {"created": 1, "failed": 1})
    assert done.stderr == ""


def test_errors_of_many_streams_have_their_lines(userctl, tmp_path):
    """Every 100th email comes a second time: in the same stream, or in another one."""
    rows = [[f"U{n}", f"u{n - 1 if n % 100 == 99 else n}@x", ""] for n in range(5_500)]
    done = userctl("import", write_csv(tmp_path / "users.csv", rows), expect=INVALID)
    assert done.stdout == "5445 users created, 55 errors\n"
    told = [int(line) for line in re.findall(r"users.csv:(\d+):", done.stderr)]
    assert told == [n + 2 for n in range(99, 5_500, 100)]  # line 1 is the head


@pytest.mark.parametrize(
    "content, options, why",
    [
        (None, [], "No such file or directory"),
        (b"", [], "it is empty"),
        (b"name,mail\na,b@x\n", [], "the first line does not name the columns name and email, with commas between"),
        (b"name,email,NAME\na,b@x,c\n", [], "the first line names the column name twice"),
        (b"name,email\n", ["--format", "xml"], '"xml" is neither csv nor jsonl'),
    ],
    ids=["no file", "empty", "no email", "two names", "no such format"],
)
def test_a_file_that_cannot_be_imported(userctl, tmp_path, content, options, why):
    if content is not None:
        (tmp_path / "users.csv").write_bytes(content)
    done = userctl("import", tmp_path / "users.csv", *options, expect=MISUSE)
    assert done.stderr.startswith("userctl: ") and done.stderr.endswith(f"{why}\n")
    assert done.stderr.count("\n") == 1


JSON_LINES = [
    ('{"name":"J","email":"j@x","phone":null}', None),
    ("", None),
    ('{"name":1,"email":"k@x"}', "name is not a text"),
    ('{"name":"N","name":"O","email":"n@x"}', "not JSON: duplicate object key near '\"name\"'"),
    ('{"name":"a\\u0000b","email":"z@x"}', "name has a byte of value 0"),
    ("null", "not a JSON object"),
    ("[1]", "not a JSON object"),
    ('{"name":"M","email":"m@x"} more', "not JSON: end of file expected near 'more'"),
    ('{"name":"P","email":"p@x"', "not JSON: '}' expected near end of file"),
]


def test_mistakes_of_json_lines_are_told(userctl, tmp_path):
    file = tmp_path / "users.ndjson"
    file.write_text("\n".join(line for line, _ in JSON_LINES))
    done = userctl("import", file, expect=INVALID)
    assert done.stdout == "1 user created, 7 errors\n"
    told = dict(re.findall(rf"userctl: {re.escape(str(file))}:(\d+): (.*)", done.stderr))
    assert told == {str(at + 1): error for at, (_, error) in enumerate(JSON_LINES) if error}


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_a_folder_cannot_be_imported(userctl, tmp_path, format):
    done = userctl("import", "--format", format, tmp_path, expect=MISUSE)
    assert done.stderr == f"userctl: cannot read {tmp_path}: Is a directory\n"


def test_a_server_that_dies_amid_an_import(userd, tmp_path):
    """What was acknowledged is told and kept; the rest is told to be in doubt."""
    command = [places.program("userctl"), "import", "-", "--server", userd.address]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        process.stdin.write("name,email\n" + "".join(f"U,u{n}@x\n" for n in range(5_000)))
        process.stdin.flush()
        programs.wait_until(lambda: len(users_of(userd)) >= 4_000, "the first streams")
        userd.kill()
        out, err = process.communicate("U,last@x\n" * 10, timeout=programs.PATIENCE)
    assert process.returncode == UNAVAILABLE, err
    assert out == "4000 users created, 0 errors\n"
    assert "the users of lines 4002 to" in err
    userd.start()
    assert len(users_of(userd)) >= 4_000


def users_of(userd):
    done = programs.run(places.program("userctl"), "export", "--json", "--server", userd.address)
    return lines(done.stdout)


def test_an_import_that_is_interrupted(userd):
    command = [places.program("userctl"), "import", "-", "--server", userd.address]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        process.stdin.write("name,email\nA,a@x\n" + "".join(f"U,u{n}@x\n" for n in range(3_000)))
        process.stdin.flush()
        programs.wait_until(lambda: len(users_of(userd)) >= 2_000, "the first stream")
        process.send_signal(signal.SIGINT)
        written = 3_001
        with contextlib.suppress(BrokenPipeError):
            while process.poll() is None:  # the thread that takes the signal may take its time
                process.stdin.write(f"B,b{written}@x\n")
                process.stdin.flush()
                written += 1
                time.sleep(0.01)
        out, err = process.stdout.read(), process.stderr.read()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    assert process.returncode == CANCELLED
    created = int(out.split()[0])
    assert 2_000 <= created <= written
    assert f"interrupted: line {created + 1} of" in err  # line 1 is the head
    assert len(users_of(userd)) == created


def takes_signals(process):
    """It has begun to: before, they end it as they do any program."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        blocked = int(re.search(r"^SigBlk:\s*(\w+)$", status.read(), re.M)[1], 16)
    return blocked >> (signal.SIGINT - 1) & 1


def check_interrupted(users, told):
    """Those who were read before are created, and told; how many that is depends on how fast it was."""
    [last] = re.findall("interrupted: (.*) of standard input (?:was|is the last that was) read", told)
    assert last == (f"line {len(users) + 1}" if users else "no user")
    if users:
        assert f"{len(users)} user{'' if len(users) == 1 else 's'} created, 0 errors" in told


def test_who_waits_at_a_terminal_can_be_interrupted(userd, on_terminal):
    screen = on_terminal("import", "-")
    screen.type("name,email\rA,a@x\rB,b@x\r")
    screen.expect("users?, 0 errors")
    screen.process.send_signal(signal.SIGINT)
    told = screen.expect("(?s).* read\r\n")[0]
    assert screen.wait() == CANCELLED
    users = users_of(userd)
    check_interrupted(users, told)
    assert [user["name"] for user in users] in (["A"], ["A", "B"])


@pytest.mark.parametrize("text", ["", "name,email\nA,a@x\nB,b@"], ids=["nothing", "half a line"])
def test_who_waits_at_a_pipe_can_be_interrupted(userd, text):
    """Half a line is not taken for a user."""
    command = [places.program("userctl"), "import", "-", "--server", userd.address]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    ) as process:
        process.stdin.write(text)
        process.stdin.flush()
        programs.wait_until(lambda: takes_signals(process), "signals to be taken")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=programs.PATIENCE) == CANCELLED
        told = process.stdout.read()
    users = users_of(userd)
    assert [user["name"] for user in users] in ([], ["A"])
    check_interrupted(users, told)


def test_nobody_there(tmp_path):
    address = places.free_address()
    file = write_csv(tmp_path / "users.csv", [["A", "a@x", ""]])
    for arguments in (["import", file], ["export"], ["stream"], ["chat"]):
        done = programs.run(places.program("userctl"), *arguments, "--server", address, input="")
        assert done.returncode == UNAVAILABLE
        assert "Is userd running?" in done.stderr
    target = tmp_path / "out.csv"
    target.write_text("before")
    done = programs.run(places.program("userctl"), "export", target, "--server", address)
    assert done.returncode == UNAVAILABLE
    assert target.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2


def test_an_export_that_cannot_be_written(userd, userctl):
    userctl("create", "A", "a@x")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [places.program("userctl"), "export", "--server", userd.address],
            stdout=full, stderr=subprocess.PIPE, timeout=programs.PATIENCE, encoding="utf-8", check=False,
        )
    assert (done.returncode, done.stderr) == (1, "userctl: cannot write standard output: No space left on device\n")
    userctl("export", "/nowhere/at/all.csv", expect=1)
    userctl("export", "/dev/full", expect=1)
    userctl("export", "/tmp", expect=1)


def test_who_reads_no_further_is_no_trouble(userd, userctl, tmp_path):
    userctl("import", write_csv(tmp_path / "users.csv", [[f"U{n}", f"u{n}@x", ""] for n in range(5_000)]))
    with subprocess.Popen(
        [places.program("userctl"), "export", "--server", userd.address],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    ) as process:
        assert process.stdout.readline().startswith("id,")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_an_export_to_what_is_no_file(userctl, tmp_path):
    """A device and a pipe are written to, and what a link leads to is replaced."""
    userctl("create", "A", "a@x")
    assert userctl("export", "/dev/null").stdout == "1 user exported\n"
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, encoding="utf-8") as reader:
        assert userctl("export", pipe).stdout == "1 user exported\n"
        assert ",A,a@x," in reader.communicate(timeout=programs.PATIENCE)[0]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "real.csv").write_text("before")
    (tmp_path / "link.csv").symlink_to("real.csv")
    userctl("export", tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink() and ",A,a@x," in (tmp_path / "real.csv").read_text()


# ---- servers that say nothing ----


@pytest.fixture(params=[b"", b"\0\0\6\4\0\0\0\0\0" + b"\0\4\0\0\0\5"], ids=["nothing", "a window of 5"])
def silent(request):
    """A server that says no more than this: its address, and the connections that it has accepted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])
                    kept[-1].sendall(request.param)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", kept
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


def test_an_export_that_is_interrupted_leaves_nothing(silent, tmp_path):
    target = tmp_path / "out.csv"
    command = [places.program("userctl"), "export", target, "--server", silent[0]]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        programs.wait_until(lambda: list(tmp_path.iterdir()), "the file beside")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=programs.PATIENCE)[1] == "userctl: interrupted\n"
    assert process.returncode == CANCELLED
    assert not list(tmp_path.iterdir())


def test_a_signal_ends_a_chat_with_a_silent_server(silent):
    address, connections = silent
    ada = terminal.Terminal(places.program("userctl"), "chat", "--from", "ada", "--server", address)
    try:
        programs.wait_until(lambda: connections, "a connection")
        ada.type("is anybody there?\r")
        ada.process.send_signal(signal.SIGINT)
        assert ada.wait() == 0
    finally:
        ada.close()


# ---- chat ----


def test_a_chat_through_a_pipe(userctl):
    done = userctl("chat", "--from", "ada", input="hello\n@ada me\n\nno newline")
    assert done.stdout.splitlines() == [
        "server: Echo: hello",
        "server: Echo: me",
        "ada: me",
        "server: Echo: ",
        "server: Echo: no newline",
    ]
    assert done.stderr == ""
    told = lines(userctl("chat", "--from", "ada", "--to", "ada", "--json", input="hi\n").stdout)
    assert [(one["from"], one["to"], one["content"]) for one in told] == [("server", "ada", "Echo: hi"), ("ada", "ada", "hi")]


def test_a_chat_of_large_and_of_many_lines(userctl):
    large = ["x" * 60_000 for _ in range(40)]
    done = userctl("chat", "--from", "ada", input="\n".join(large + ["y" * 70_000, "end"]), expect=67)
    assert done.stdout.splitlines() == [f"server: Echo: {line}" for line in large + ["end"]]
    assert "64 KiB" in done.stderr
    many = [str(number) for number in range(5_000)]
    done = userctl("chat", input="\n".join(many))
    assert done.stdout.splitlines() == [f"server: Echo: {line}" for line in many]


def test_a_refused_message_is_an_exit_code(userctl):
    done = userctl("chat", "--from", "f" * 300, input="hi\n", expect=INVALID)
    assert done.stderr == "userctl: from is longer than 256 bytes\n"


@pytest.fixture
def on_terminal(userd):
    opened = []

    def on_terminal(*arguments):
        opened.append(terminal.Terminal(places.program("userctl"), *arguments, "--server", userd.address))
        return opened[-1]

    yield on_terminal
    for one in opened:
        one.close()


def test_a_chat_on_terminals(on_terminal):
    ada, bob = on_terminal("chat", "--from", "ada", "--to", "bob"), on_terminal("chat", "--from", "bob")
    ada.expect("> ")
    bob.expect("> ")
    bob.type("here\r")
    bob.expect("server: Echo: here\r\n")
    ada.type("half a li")
    ada.expect("> half a li")
    ada.type("nx\x7fe\r")
    ada.expect("server: Echo: half a line\r\n")
    bob.expect("\r\x1b\\[Kada: half a line\r\n")
    bob.type("to be contin")
    bob.expect("> to be contin")
    ada.type("while you type\r")
    bob.expect("\r\x1b\\[Kada: while you type\r\n\r\x1b\\[K> to be contin")  # the line is drawn again
    bob.type("\x15@ada \x1b[Ahi\r")
    ada.expect("bob: hi\r\n")
    ada.type("\x04")
    assert ada.wait() == 0
    bob.type("\x03")
    assert bob.wait() == 0


def test_who_only_listens_can_be_written_to(on_terminal, userctl):
    """From when the server has heard of it, which nothing on the screen tells."""
    bob = on_terminal("chat", "--from", "bob")

    def heard():
        assert userctl("chat", "--from", "ada", "--to", "bob", input="hi\n").stdout == "server: Echo: hi\n"
        if select.select([bob.master], [], [], 0.2)[0]:
            bob.seen += os.read(bob.master, 4096).decode()
        return "ada: hi\r\n" in bob.seen

    bob.expect("> $")
    programs.wait_until(heard, "bob to hear")
    bob.type("\x04")
    assert bob.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_chat_and_put_the_terminal_back(on_terminal, number):
    ada = on_terminal("chat", "--from", "ada")
    ada.type("x\r")
    ada.expect("Echo: x")
    ada.process.send_signal(number)
    assert ada.wait() == 0


def test_what_others_write_cannot_drive_the_terminal(on_terminal, userctl):
    ada = on_terminal("chat", "--from", "ada")
    ada.type("x\r")
    ada.expect("Echo: x")
    userctl("chat", "--from", "e\x1b[2Jve", input="@ada \x1b]0;title\x07\r\x1b[31mred\n")
    ada.expect(r"e\\u\{1b\}\[2Jve: \\u\{1b\}\]0;title")
    ada.type("\x04")
    assert ada.wait() == 0


def test_a_server_that_goes_away_ends_a_chat(on_terminal, userd):
    ada = on_terminal("chat", "--from", "ada")
    ada.type("x\r")
    ada.expect("Echo: x")
    userd.stop()
    ada.expect("userctl: the server closes this connection; call again")
    assert ada.wait() == UNAVAILABLE
    userd.start()


def test_progress_is_for_terminals_alone(on_terminal, userctl, tmp_path):
    rows = [[f"U{n}", f"u{n}@x", ""] for n in range(4_000)] + [["Again", "u0@x", ""]]
    screen = on_terminal("import", write_csv(tmp_path / "users.csv", rows))
    screen.expect(r"\r\x1b\[K\[ +\]   0%  1 user, 0 errors")
    screen.expect(r"\r\x1b\[Kuserctl: .*users.csv:4002: failed to create user Again: email is already taken\r\n")
    screen.expect("4000 users created, 1 error\r\n")
    assert screen.wait() == INVALID
    done = userctl("import", tmp_path / "users.csv", expect=INVALID)
    assert "%" not in done.stderr and "\r" not in done.stderr
