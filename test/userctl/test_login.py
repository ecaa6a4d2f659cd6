# SPDX-License-Identifier: Apache-2.0
"""userctl register, login, whoami, passwd and logout, against a userd that asks for tokens."""
import base64
import json
import os
import signal
import stat

import pytest
from support import places, programs, terminal


@pytest.fixture
def server(tmp_path):
    keys = programs.run(places.program("userd"), "keys", "create", "--out", tmp_path)
    assert keys.returncode == 0, keys.stderr
    server = programs.Userd(
        tmp_path, "--auth", "jwt", "--jwt-private-key", tmp_path / "jwt-private.pem", "--token-recheck", "50ms"
    ).start()
    yield server
    try:
        server.stop()
    finally:
        server.kill()


def test_without_a_home_nobody_is_logged_in():
    """As with programs of users that have none."""
    environment = {**os.environ, "HOME": "/dev/null", "XDG_STATE_HOME": ""}
    listing = programs.run(places.program("userctl"), "list", "--server", places.free_address(), env=environment)
    assert listing.returncode == 78 and "cannot reach" in listing.stderr, listing.stderr
    assert programs.run(places.program("userctl"), "whoami", env=environment).returncode == 80
    assert programs.run(places.program("userctl"), "logout", env=environment).returncode == 0


class Shell:
    def __init__(self, server, home):
        self.server = server
        self.home = home

    def environment(self, **more):
        return {**os.environ, "HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "state"), **more}

    def run(self, *words, text="", **more):
        return programs.run(
            places.program("userctl"), *words, "--server", self.server.address, input=text, env=self.environment(**more)
        )

    def good(self, *words, **more):
        done = self.run(*words, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tokens(self):
        return list((self.home / "state" / "userctl").glob("*.token"))


@pytest.fixture
def shell(server, tmp_path):
    return Shell(server, tmp_path)


def register(shell, email="ada@x", password="password 1"):
    return json.loads(shell.good("register", "Ada", email, "--json", text=password + "\n"))


def test_a_life_with_a_token(shell):
    user = register(shell)
    assert (user["name"], user["email"]) == ("Ada", "ada@x")
    refused = shell.run("get", "1")
    assert refused.returncode == 80
    assert refused.stderr == "userctl: no authorization header; userctl login gets a token\n"
    assert shell.run("whoami").returncode == 80
    said = shell.good("login", "ada@x", text="password 1\n")
    assert said.startswith(f"logged in to {shell.server.address} as Ada until 20")
    (path,) = shell.tokens()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    claims = json.loads(shell.good("whoami", "--json"))
    assert (claims["sub"], claims["name"], claims["roles"]) == (str(user["id"]), "Ada", ["user"])
    assert "roles    user\n" in shell.good("whoami")
    assert json.loads(shell.good("get", str(user["id"]), "--json"))["found"]
    assert json.loads(shell.good("update", str(user["id"]), "--name", "Ada L.", "--json"))
    denied = shell.run("delete", str(user["id"]))
    assert (denied.returncode, denied.stderr) == (71, "userctl: insufficient permissions\n")
    assert "Ada L." in shell.good("stream")
    assert shell.good("export").startswith("id,name,email")
    assert shell.good("logout") == f"logged out of {shell.server.address}\n"
    assert shell.tokens() == []
    assert shell.run("get", "1").returncode == 80
    assert shell.good("logout")


def test_a_new_password_keeps_one_logged_in(shell):
    register(shell)
    shell.good("login", "ada@x", text="password 1\n")
    old = shell.tokens()[0].read_text()
    wrong = shell.run("passwd", text="password 0\npassword 2\n")
    assert (wrong.returncode, wrong.stderr) == (71, "userctl: the old password is wrong\n")
    assert "the password is changed\n" in shell.good("passwd", text="password 1\npassword 2\n")
    assert shell.tokens()[0].read_text() != old
    programs.wait_until(
        lambda: shell.run("get", "1", "--token", old).stderr.startswith("userctl: invalid token: revoked"),
        "the old token to end",
    )
    shell.good("get", "1")
    failed = shell.run("login", "ada@x", text="password 1\n")
    assert (failed.returncode, failed.stderr) == (80, "userctl: invalid email or password\n")
    shell.good("login", "ada@x", text="password 2\n")


def test_nobody_is_asked_for_passwords_in_vain(shell):
    """Nor is the server."""
    done = shell.run("passwd", text="password 1\npassword 2\n")
    assert (done.returncode, done.stderr) == (80, f"userctl: nobody is logged in to {shell.server.address}; userctl login\n")
    assert "ChangePassword" not in shell.server.log.read_text()


def test_where_nobody_logs_in_the_email_says_whose_password(tmp_path):
    open_to_all = programs.Userd(tmp_path).start()
    try:
        shell = Shell(open_to_all, tmp_path)
        register(shell)
        wrong = shell.run("passwd", "--email", "ada@x", text="password 0\npassword 2\n")
        assert (wrong.returncode, wrong.stderr) == (71, "userctl: the old password is wrong\n")
        assert shell.good("passwd", "--email", "ADA@x", text="password 1\npassword 2\n") == "the password is changed\n"
        shell.good("passwd", "--email", "ada@x", text="password 2\npassword 3\n")
        open_to_all.stop()
    finally:
        open_to_all.kill()


def test_a_broken_token_file_can_be_left_behind(shell):
    register(shell)
    shell.good("login", "ada@x", text="password 1\n")
    (path,) = shell.tokens()
    path.write_text("no token\n")
    for command in (["whoami"], ["get", "1"]):
        done = shell.run(*command)
        assert done.returncode == 2
        assert done.stderr == "userctl: what userctl login has kept is no token; userctl login again\n"
    shell.good("login", "ada@x", text="password 1\n")
    shell.good("get", "1")
    path.write_text("no token\n")
    shell.good("logout")
    assert shell.tokens() == []


def test_a_token_file_that_cannot_be_read_is_told(shell):
    register(shell)
    shell.good("login", "ada@x", text="password 1\n")
    (path,) = shell.tokens()
    path.unlink()
    path.mkdir()  # which not even root can read
    done = shell.run("whoami")
    assert (done.returncode, done.stderr) == (2, f"userctl: cannot read the token in {path}: Is a directory\n")
    failed = shell.run("login", "ada@x", text="password 1\n")
    assert (failed.returncode, failed.stderr) == (1, "userctl: cannot keep the token: Is a directory\n")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_token_may_be_given(shell):
    register(shell)
    shell.good("login", "ada@x", text="password 1\n")
    token = shell.tokens()[0].read_text()
    shell.good("logout")
    shell.good("get", "1", "--token", token)
    shell.good("get", "1", USERCTL_TOKEN=token)
    assert "Ada" in shell.good("whoami", "--token", token)
    refused = shell.run("get", "1", "--token", "x y\n")
    assert (refused.returncode, refused.stderr) == (2, "userctl: --token is no token\n")
    assert shell.run("whoami", "--token", "x.y.z").returncode == 80


@pytest.mark.parametrize("target", ["192.0.2.1:50051", "example.org:50051", "dns:///example.org:443", "[2001:db8::1]:1"])
def test_secrets_stay_here_without_tls(shell, target):
    command = [places.program("userctl"), "--server", target, "--timeout", "1s"]
    for words, text in ((["get", "1", "--token", "t"], ""), (["login", "a@b"], "password 1\n")):
        done = programs.run(*command, *words, input=text, env=shell.environment())
        assert done.returncode == 2, done.stderr
        assert "without TLS" in done.stderr


def test_servers_have_their_own_tokens(shell):
    register(shell)
    shell.good("login", "ada@x", text="password 1\n")
    other = programs.run(
        places.program("userctl"), "whoami", "--server", "127.0.0.1:1", env=shell.environment()
    )
    assert other.returncode == 80


@pytest.fixture
def screen(shell):
    """A login at a terminal that asks for the password."""
    register(shell)
    screen = terminal.Terminal(
        places.program("userctl"), "login", "ada@x", "--server", shell.server.address, env=shell.environment()
    )
    yield screen
    screen.close()


def test_a_terminal_shows_no_password(screen):
    screen.expect("Password: ")
    screen.type("password 1\r")
    found = screen.expect(r"(?s)^(.*)logged in to ")
    assert "password 1" not in found[1]
    assert screen.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_at_the_password_puts_the_terminal_back(screen, number):
    screen.expect("Password: ")
    screen.type("half a pass")
    screen.process.send_signal(number)
    assert screen.wait() == -number


def test_who_goes_on_after_a_stop_is_asked_again(screen):
    screen.expect("Password: ")
    screen.type("half a pass")
    screen.process.send_signal(signal.SIGTSTP)  # which stops nobody who leads a session
    screen.expect("Password: ")
    screen.type("password 1\r")
    screen.expect("logged in to ")
    assert screen.wait() == 0


def test_programs_get_json(shell):
    register(shell)
    shell.good("login", "ada@x", text="password 1\n")
    changed = json.loads(shell.good("passwd", "--json", text="password 1\npassword 2\n"))
    assert changed == {"expires_at": json.loads(shell.good("whoami", "--json"))["exp"]}
    assert json.loads(shell.good("logout", "--json")) == {}


def token_of(claims):
    """Of a signature that userctl does not look at."""
    payload = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
    return f"e30.{payload}.e30"


@pytest.mark.parametrize(
    "expires, told",
    [
        ("4102444800.5", "2100-01-01T00:00:00Z"),
        ("9223372036854775807", str(2**63 - 1)),
        ("9223372036854775808e0", str(2**63 - 1)),
        ("1e300", str(2**63 - 1)),
    ],
)
def test_a_token_may_end_at_any_time(shell, expires, told):
    shown = shell.good("whoami", "--token", token_of(f'{{"sub": "1", "exp": {expires}}}'))
    assert shown.endswith(f"expires  {told}\n")


@pytest.mark.parametrize("expires", ["1", "1.5", "-1e300"])
def test_a_token_that_has_ended_is_told(shell, expires):
    ended = shell.run("whoami", "--token", token_of(f'{{"sub": "1", "exp": {expires}}}'))
    assert (ended.returncode, ended.stderr) == (80, "userctl: the token has expired; userctl login\n")


def test_a_token_cannot_drive_the_terminal(shell):
    claims = {"sub": "1\x1b[2J", "name": "\x1b]0;title\x07", "roles": ["\x1b[31mred"]}
    told = shell.good("whoami", "--token", token_of(json.dumps(claims)))
    assert "\x1b" not in told and "\x07" not in told
    assert r"\u{1b}[2J" in told and r"\u{1b}[31mred" in told


def test_where_no_token_can_be_kept(shell):
    register(shell)
    command = [places.program("userctl"), "login", "ada@x", "--server", shell.server.address]
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_STATE_HOME")}
    done = programs.run(*command, input="password 1\n", env=environment)
    assert (done.returncode, done.stderr) == (1, "userctl: cannot keep the token: No such file or directory\n")
