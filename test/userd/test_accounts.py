# SPDX-License-Identifier: Apache-2.0
"""Accounts in userd: register, log in, change the password, and what ends a token."""
import contextlib
import json
import os
import sqlite3
import stat
import threading

import grpc
import jwt
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from support import places, programs

WRONG = ("UNAUTHENTICATED", "invalid email or password")


def create_keys(folder, *flags):
    done = programs.run(places.program("userd"), "keys", "create", "--out", folder, *flags)
    assert done.returncode == 0, done.stderr
    return folder / "jwt-private.pem"


def create_admin(server, email="root@x", password="the root's password"):
    done = programs.run(
        places.program("userd"), "admin", "create", "--db", f"sqlite:{server.database}", "--email", email,
        "--name", "Root", input=f"{password}\n",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def key_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    create_keys(folder)
    return folder


@pytest.fixture
def server(tmp_path, key_folder):
    server = programs.Userd(
        tmp_path, "--auth", "jwt", "--jwt-private-key", key_folder / "jwt-private.pem", "--token-recheck", "50ms",
        "--jwt-audience", "people",
    ).start()
    yield server
    try:
        server.stop()
    finally:
        server.kill()


class Service:
    def __init__(self, address, types):
        self.types = types
        self.channel = grpc.insecure_channel(address)

    def call(self, method, token=None, **fields):
        """The answer, or its code and text."""
        rpc = self.channel.unary_unary(
            f"/user.UserService/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=getattr(self.types, f"{method}Response").FromString,
        )
        metadata = [("authorization", f"Bearer {token}")] if token else []
        try:
            return rpc(getattr(self.types, f"{method}Request")(**fields), metadata=metadata, timeout=programs.PATIENCE)
        except grpc.RpcError as error:
            return error.code().name, error.details()

    def register(self, email, password="password 1", name="Ada"):
        answer = self.call("Register", name=name, email=email, password=password)
        assert not isinstance(answer, tuple), answer
        return answer.user

    def login(self, email, password="password 1"):
        answer = self.call("Login", email=email, password=password)
        assert not isinstance(answer, tuple), answer
        return answer.token


@pytest.fixture
def service(server, user_pb2):
    service = Service(server.address, user_pb2)
    yield service
    service.channel.close()


def is_refused(service, token):
    return service.call("GetUser", token, id=1) == ("UNAUTHENTICATED", "invalid token: revoked")


def test_a_token_says_who_its_bearer_is(service, key_folder):
    user = service.register("Ada@Example.org")
    answer = service.call("Login", email="aDA@eXAMPLE.org", password="password 1")
    key = jwt.algorithms.OKPAlgorithm.from_jwk(
        json.loads((key_folder / "jwks.json").read_text())["keys"][0]
    )
    claims = jwt.decode(answer.token, key, ["EdDSA"], audience="people", issuer="userd")
    assert claims["sub"] == str(user.id)
    assert claims["name"] == "Ada"
    assert claims["roles"] == ["user"]
    assert claims["exp"] == answer.expires_at == claims["iat"] + 3600
    assert jwt.get_unverified_header(answer.token)["kid"] == json.loads(
        (key_folder / "jwks.json").read_text()
    )["keys"][0]["kid"]
    assert answer.user == user
    assert service.call("GetUser", answer.token, id=user.id).user == user


def test_every_wrong_login_gets_the_same_answer(service, server):
    service.register("ada@x")
    create_admin(server)
    admin = service.login("root@x", "the root's password")
    service.call("CreateUser", admin, name="No password", email="none@x")
    assert service.call("Login", email="ada@x", password="password 2") == WRONG
    assert service.call("Login", email="nobody@x", password="password 1") == WRONG
    assert service.call("Login", email="none@x", password="") == WRONG
    assert service.call("Login", email="no email", password="password 1") == WRONG
    assert service.call("Login", email="", password="") == WRONG


@pytest.mark.parametrize(
    "fields, text",
    [
        ({"password": "short"}, "password is shorter than 8 bytes"),
        ({"password": "x" * 1025}, "password is longer than 1024 bytes"),
        ({"email": ""}, "name and email are required"),
        ({"name": ""}, "name and email are required"),
        ({"email": "nobody"}, "email is not of the form a@b"),
    ],
)
def test_registrations_are_judged(service, fields, text):
    fields = {"name": "N", "email": "n@x", "password": "password 1", **fields}
    assert service.call("Register", **fields) == ("INVALID_ARGUMENT", text)


def test_an_email_registers_once(service):
    service.register("ada@x")
    answer = service.call("Register", name="N", email="ADA@X", password="password 2")
    assert answer == ("ALREADY_EXISTS", "email is already taken")
    service.login("ada@x")


def test_attempts_are_limited(service):
    service.register("ada@x")
    answers = [service.call("Login", email="Ada@X" if n % 2 else "ada@x", password="wrong one") for n in range(12)]
    assert answers.count(WRONG) == 10
    assert answers[-1] == ("RESOURCE_EXHAUSTED", "too many attempts; try again later")
    assert service.call("Login", email="ada@x", password="password 1")[0] == "RESOURCE_EXHAUSTED"
    service.register("other@x")
    for _ in range(15):  # good ones do not count
        service.login("other@x")


def open_chat(service, token):
    """A chat that is open, and an event that ends it."""
    over = threading.Event()

    def talk():
        yield service.types.ChatMessage(content="x")
        over.wait(programs.PATIENCE)

    rpc = service.channel.stream_stream(
        "/user.UserService/ChatUsers",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=service.types.ChatMessage.FromString,
    )
    chat = rpc(talk(), metadata=[("authorization", f"Bearer {token}")])
    next(chat)
    return chat, over


def expect_end(chat, over):
    with pytest.raises(grpc.RpcError) as error:
        list(chat)
    over.set()
    assert (error.value.code().name, error.value.details()) == ("UNAUTHENTICATED", "invalid token: revoked")


def test_a_new_password_ends_the_older_tokens(service):
    user = service.register("ada@x")
    other = service.login(service.register("other@x").email)
    first, second = service.login("ada@x"), service.login("ada@x")
    chat, over = open_chat(service, second)
    assert service.call("ChangePassword", first, old_password="wrong one", new_password="password 2") == (
        "PERMISSION_DENIED",
        "the old password is wrong",
    )
    changed = service.call("ChangePassword", first, old_password="password 1", new_password="password 2")
    assert not isinstance(changed, tuple), changed
    programs.wait_until(lambda: is_refused(service, first), "the first token to end")
    programs.wait_until(lambda: is_refused(service, second), "the second token to end")
    expect_end(chat, over)
    assert service.call("GetUser", changed.token, id=user.id).found
    assert service.call("GetUser", other, id=user.id).found
    assert service.call("Login", email="ada@x", password="password 1") == WRONG
    assert service.call("GetUser", service.login("ada@x", "password 2"), id=user.id).found


def test_a_password_is_changed_by_its_owner(service):
    service.register("ada@x")
    service.register("eve@x", "password e", "Eve")
    eve = service.login("eve@x", "password e")
    answer = service.call(
        "ChangePassword", eve, email="ada@x", old_password="password 1", new_password="password 2"
    )
    assert answer == ("PERMISSION_DENIED", "the account is another's")
    service.login("ada@x")
    answer = service.call("ChangePassword", eve, old_password="password e", new_password="short")
    assert answer == ("INVALID_ARGUMENT", "new_password is shorter than 8 bytes")


def test_a_deleted_account_ends_its_tokens(service, server):
    create_admin(server)
    admin = service.login("root@x", "the root's password")
    user = service.register("ada@x")
    token = service.login("ada@x")
    chat, over = open_chat(service, token)
    service.call("DeleteUser", admin, id=user.id)
    programs.wait_until(lambda: is_refused(service, token), "the token to end")
    expect_end(chat, over)
    assert service.call("GetUser", admin, id=1).found
    assert service.call("Login", email="ada@x", password="password 1") == WRONG


def test_changes_by_another_program_are_seen(service, server):
    """As a second userd on the same database makes them."""
    first, second = service.register("ada@x"), service.register("bob@x")
    tokens = [service.login("ada@x"), service.login("bob@x")]
    chat, over = open_chat(service, tokens[0])
    other = sqlite3.connect(server.database)
    other.execute("UPDATE users SET epoch = epoch + 1 WHERE id = ?", (first.id,))
    other.execute("DELETE FROM users WHERE id = ?", (second.id,))
    other.commit()
    other.close()
    for token in tokens:
        programs.wait_until(lambda token=token: is_refused(service, token), "a token to end")
    expect_end(chat, over)


def test_a_clock_that_is_set_hides_no_change(tmp_path, key_folder, user_pb2, monkeypatch):
    """Between a change of another program and its reading the clock goes on ten minutes."""
    clock = tmp_path / "clock"
    monkeypatch.setenv("LD_PRELOAD", places.program("stepped-clock.so"))
    monkeypatch.setenv("STEPPED_CLOCK", str(clock))
    key = key_folder / "jwt-private.pem"
    server = programs.Userd(
        tmp_path, "--auth", "jwt", "--jwt-private-key", key, "--token-recheck", "2s"
    ).start()
    monkeypatch.undo()
    service = Service(server.address, user_pb2)
    try:
        user = service.register("ada@x")
        token = service.login("ada@x")
        with contextlib.closing(sqlite3.connect(server.database)) as other, other:
            other.execute("DELETE FROM users WHERE id = ?", (user.id,))
        clock.write_text("600")
        programs.wait_until(lambda: is_refused(service, token), "the token to end")
        server.stop()
    finally:
        service.channel.close()
        server.kill()


def test_revocations_outlive_userd(service, server):
    service.register("ada@x")
    token = service.login("ada@x")
    service.call("ChangePassword", token, old_password="password 1", new_password="password 2")
    server.stop()
    server.start()
    programs.wait_until(lambda: service.call("GetUser", token, id=1)[0] != "UNAVAILABLE", "userd")
    assert is_refused(service, token)


def test_a_record_is_its_owners_or_an_admins(service, server):
    create_admin(server)
    admin = service.login("root@x", "the root's password")
    ada, eve = service.register("ada@x"), service.register("eve@x", name="Eve")
    token = service.login("ada@x")

    def rename(by, user, name):
        return service.call(
            "UpdateUser", by, user=service.types.User(id=user.id, name=name), update_mask=FieldMask(paths=["name"])
        )

    assert rename(token, ada, "Ada L.").user.name == "Ada L."
    assert rename(token, eve, "Eva") == ("PERMISSION_DENIED", "insufficient permissions")
    assert rename(admin, eve, "Eva").user.name == "Eva"
    assert service.call("DeleteUser", token, id=ada.id) == ("PERMISSION_DENIED", "insufficient permissions")
    assert not isinstance(service.call("DeleteUser", admin, id=ada.id), tuple)


def test_without_authentication_accounts_can_be_made(userd, user_pb2):
    service = Service(userd.address, user_pb2)
    service.register("ada@x")
    assert service.call("Login", email="ada@x", password="password 1") == (
        "FAILED_PRECONDITION",
        "this server issues no tokens",
    )
    answer = service.call("ChangePassword", email="ada@x", old_password="password 1", new_password="password 2")
    assert answer.token == ""
    assert service.call("ChangePassword", old_password="password 1", new_password="password 2") == (
        "INVALID_ARGUMENT",
        "email is required",
    )
    service.channel.close()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_each_kind_of_key_signs(tmp_path, user_pb2, algorithm):
    key = create_keys(tmp_path, "--algorithm", algorithm)
    server = programs.Userd(tmp_path, "--auth", "jwt", "--jwt-private-key", key, "--token-ttl", "5m").start()
    service = Service(server.address, user_pb2)
    try:
        service.register("ada@x")
        token = service.login("ada@x")
        public = (tmp_path / "jwt-public.pem").read_bytes()
        claims = jwt.decode(token, public, [algorithm], issuer="userd")
        assert claims["exp"] == claims["iat"] + 300
        assert service.call("GetUser", token, id=1).found
    finally:
        service.channel.close()
        server.stop()


def test_keys_are_made_once_and_kept_private(tmp_path):
    key = create_keys(tmp_path)
    before = key.read_bytes()
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    done = programs.run(places.program("userd"), "keys", "create", "--out", tmp_path)
    assert done.returncode == 1
    assert "File exists" in done.stderr
    assert key.read_bytes() == before
    done = programs.run(places.program("userd"), "keys", "create", "--algorithm", "HS256")
    assert done.returncode == 2


def test_an_admin_needs_an_email_and_a_password(tmp_path):
    command = [places.program("userd"), "admin", "create", "--db", f"sqlite:{tmp_path}/u.db"]
    assert programs.run(*command, input="long enough\n").returncode == 2
    short = programs.run(*command, "--email", "a@b", input="short\n")
    assert (short.returncode, short.stderr) == (1, "userd: password is shorter than 8 bytes\n")
    assert programs.run(*command, "--email", "a@b", input="").returncode == 1
    assert programs.run(*command, "--email", "a@b", input="long enough\n").returncode == 0
    taken = programs.run(*command, "--email", "A@B", input="long enough\n")
    assert (taken.returncode, taken.stderr) == (1, "userd: the email A@B is already taken\n")
