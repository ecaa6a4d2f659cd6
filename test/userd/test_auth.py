# SPDX-License-Identifier: Apache-2.0
"""userd --auth jwt against tokens that others made, on each kind of call."""
import json
import os
import threading

import grpc
import jwt
import pytest
from support import places, programs, tokens

KINDS = ["unary", "client stream", "server stream", "bidi stream"]


class Caller:
    """Calls of each kind, with a header of one's own."""

    def __init__(self, address, types, options=()):
        self.types = types
        self.channel = grpc.insecure_channel(address, options=options)

    def method(self, kind):
        name, request, response, attribute = {
            "unary": ("GetUser", "GetUserRequest", "GetUserResponse", "unary_unary"),
            "client stream": ("CreateUsersStream", "CreateUserRequest", "CreateUsersResponse", "stream_unary"),
            "server stream": ("ListUsersStream", "ListUsersRequest", "User", "unary_stream"),
            "bidi stream": ("ChatUsers", "ChatMessage", "ChatMessage", "stream_stream"),
        }[kind]
        make = getattr(self.channel, attribute)
        return make(
            f"/user.UserService/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=getattr(self.types, response).FromString,
        ), getattr(self.types, request)

    def call(self, kind, header, timeout=programs.PATIENCE):
        """Its code and text."""
        method, request = self.method(kind)
        metadata = [] if header is None else [("authorization", header)]
        argument = iter([request()]) if kind in ("client stream", "bidi stream") else request()
        try:
            answer = method(argument, timeout=timeout, metadata=metadata)
            if kind in ("server stream", "bidi stream"):
                list(answer)
            return "OK", ""
        except grpc.RpcError as error:
            return error.code().name, error.details()

    def close(self):
        self.channel.close()


@pytest.fixture(scope="module")
def keys():
    return {algorithm: tokens.new_key(algorithm) for algorithm in ("RS256", "ES256", "EdDSA")}


def start(folder, *flags):
    return programs.Userd(folder, "--auth", "jwt", *flags).start()


def stop(server):
    try:
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory, keys):
    """All three keys, without kid; the issuer and the audience are wanted."""
    folder = tmp_path_factory.mktemp("auth")
    (folder / "public.pem").write_bytes(b"".join(tokens.public_pem(key) for key in keys.values()))
    server = start(
        folder, "--jwt-public-key", folder / "public.pem", "--jwt-issuer", "me", "--jwt-audience", "you"
    )
    yield server
    stop(server)


@pytest.fixture
def caller(server, user_pb2):
    caller = Caller(server.address, user_pb2)
    yield caller
    caller.close()


def good(**more):
    return tokens.claims(**{"iss": "me", "aud": "you", **more})


def bearer(token):
    return f"Bearer {token}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_tokens_of_pyjwt_are_taken(caller, keys, kind, algorithm):
    token = tokens.sign(keys[algorithm], algorithm, good(aud=["other", "you"]), kid="whatever")
    for _ in range(2):  # the second from the cache
        assert caller.call(kind, bearer(token)) == ("OK", "")


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_of_openssl_are_taken(caller, keys, kind, tmp_path):
    token = tokens.openssl_sign(tmp_path, keys["RS256"], good())
    assert caller.call(kind, bearer(token)) == ("OK", "")


def hs256_with_public_key(keys):
    """What a library does that takes the public key for a secret (CVE-2015-9235)."""
    header, payload = ({"alg": "HS256", "typ": "JWT"}, good())
    signed = ".".join(tokens.text(json.dumps(part).encode()) for part in (header, payload))
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        signed.encode(), tokens.public_pem(keys["RS256"])
    )
    return f"{signed}.{tokens.text(signature)}"


def swap(token, part, data):
    parts = token.split(".")
    parts[part] = data
    return ".".join(parts)


def signed(keys, **more):
    return tokens.sign(keys["RS256"], "RS256", good(**more))


def endless(keys):
    claims = good()
    del claims["exp"]
    return tokens.sign(keys["RS256"], "RS256", claims)


BAD = {
    "none": (lambda keys: None, "no authorization header"),
    "wrong scheme": (lambda keys: f"Basic {signed(keys)}", "invalid token: the scheme Bearer is required"),
    "no scheme": (lambda keys: signed(keys), "invalid token: the scheme Bearer is required"),
    "alg none": (
        lambda keys: bearer(jwt.encode(good(), None, "none")),
        "invalid token: the algorithm is not allowed",
    ),
    "HS256": (lambda keys: bearer(hs256_with_public_key(keys)), "invalid token: the algorithm is not allowed"),
    "another key": (
        lambda keys: bearer(tokens.sign(tokens.new_key("RS256"), "RS256", good())),
        "invalid token: the signature does not match",
    ),
    "expired": (lambda keys: bearer(signed(keys, exp=1_000_000_000)), "invalid token: expired"),
    "endless": (lambda keys: bearer(endless(keys)), "invalid token: it never expires"),
    "not yet valid": (lambda keys: bearer(signed(keys, nbf=9_000_000_000)), "invalid token: not yet valid"),
    "wrong issuer": (lambda keys: bearer(signed(keys, iss="not me")), "invalid token: wrong issuer"),
    "wrong audience": (lambda keys: bearer(signed(keys, aud="not you")), "invalid token: wrong audience"),
    "truncated": (lambda keys: bearer(signed(keys)[:-42]), "invalid token: the signature does not match"),
    "without its end": (
        lambda keys: bearer(signed(keys).rsplit(".", 1)[0]),
        "invalid token: not of three parts",
    ),
    "rubbish": (lambda keys: bearer("x" * 6 * 1024), "invalid token: not of three parts"),
    "rubbish with dots": (lambda keys: bearer("." * 6 * 1024), "invalid token: not of three parts"),
    "bad base64": (lambda keys: bearer(swap(signed(keys), 1, "@@@@")), "invalid token: not base64url"),
    "padded": (lambda keys: bearer(signed(keys) + "=="), "invalid token: not base64url"),
    "bad JSON": (lambda keys: bearer(swap(signed(keys), 1, tokens.text(b"{"))), "invalid token: not JSON"),
    "other claims": (
        lambda keys: bearer(swap(signed(keys), 1, tokens.text(json.dumps(good(sub="1")).encode()))),
        "invalid token: the signature does not match",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", BAD)
def test_bad_tokens_are_refused(caller, keys, kind, case):
    make, text = BAD[case]
    assert caller.call(kind, make(keys)) == ("UNAUTHENTICATED", text)


def test_tokens_that_never_expire_are_taken_where_that_is_said(tmp_path, keys, user_pb2):
    (tmp_path / "public.pem").write_bytes(tokens.public_pem(keys["RS256"]))
    server = start(tmp_path, "--jwt-public-key", tmp_path / "public.pem", "--jwt-allow-endless")
    try:
        caller = Caller(server.address, user_pb2)
        assert [caller.call(kind, bearer(endless(keys))) for kind in KINDS] == [("OK", "")] * len(KINDS)
        caller.close()
    finally:
        stop(server)


def test_a_huge_header_harms_no_other_call(server, caller, keys, user_pb2):
    """1 MiB is beyond the limit of headers, whoever sends it."""
    token = bearer(signed(keys))
    other = Caller(server.address, user_pb2, options=[("grpc.use_local_subchannel_pool", 1)])
    method, _ = caller.method("bidi stream")
    going_on = threading.Event()

    def talk():
        yield user_pb2.ChatMessage(content="before")
        going_on.wait(programs.PATIENCE)
        yield user_pb2.ChatMessage(content="after")

    chat = method(talk(), metadata=[("authorization", token)])
    assert next(chat).content == "Echo: before"
    for kind in KINDS:
        code, _ = other.call(kind, bearer("x" * 2**20))
        assert code not in ("OK", "UNAUTHENTICATED"), kind
        assert caller.call(kind, token) == ("OK", "")
    going_on.set()
    assert next(chat).content == "Echo: after"
    assert list(chat) == []
    assert other.call("unary", token) == ("OK", "")
    other.close()


def test_roles_decide(caller, keys, user_pb2):
    def delete(roles):
        method = caller.channel.unary_unary(
            "/user.UserService/DeleteUser",
            request_serializer=user_pb2.DeleteUserRequest.SerializeToString,
            response_deserializer=user_pb2.DeleteUserResponse.FromString,
        )
        try:
            method(user_pb2.DeleteUserRequest(id=99), metadata=[("authorization", bearer(signed(keys, roles=roles)))])
        except grpc.RpcError as error:
            return error.code().name, error.details()
        return "OK", ""

    assert delete(["user"]) == ("PERMISSION_DENIED", "insufficient permissions")
    assert delete([]) == ("PERMISSION_DENIED", "insufficient permissions")
    assert delete(["user", "admin"]) == ("NOT_FOUND", "user 99 not found")


def test_a_chat_has_the_callers_name(caller, keys, user_pb2):
    method, _ = caller.method("bidi stream")
    metadata = [("authorization", bearer(signed(keys)))]
    answers = method(iter([user_pb2.ChatMessage(content="1"), user_pb2.ChatMessage(content="2", **{"from": "Ada"})]),
                     metadata=metadata)
    assert [answer.to for answer in answers] == ["Ada", "Ada"]
    nameless = [("authorization", bearer(signed(keys, name="")))]
    assert [answer.to for answer in method(iter([user_pb2.ChatMessage()]), metadata=nameless)] == ["7"]
    stranger = method(iter([user_pb2.ChatMessage(**{"from": "Eve"})]), metadata=metadata)
    with pytest.raises(grpc.RpcError) as error:
        next(stranger)
    assert error.value.code().name == "PERMISSION_DENIED"


def test_a_chat_ends_with_its_token(caller, keys, user_pb2):
    import time

    method, _ = caller.method("bidi stream")
    over = threading.Event()

    def talk():
        yield user_pb2.ChatMessage(content="x")
        over.wait(programs.PATIENCE)

    token = bearer(signed(keys, exp=int(time.time()) + 2))
    answers = method(talk(), metadata=[("authorization", token)])
    with pytest.raises(grpc.RpcError) as error:
        list(answers)
    over.set()
    assert (error.value.code().name, error.value.details()) == ("UNAUTHENTICATED", "invalid token: expired")


def test_keys_rotate(tmp_path, user_pb2):
    old, new = tokens.new_key("ES256"), tokens.new_key("RS256")
    path = tmp_path / "jwks.json"

    def publish(*named):
        staged = tmp_path / "staged"
        staged.write_text(json.dumps({"keys": [tokens.jwk(key, kid) for key, kid in named]}))
        os.rename(staged, path)

    publish((old, "old"))
    server = start(tmp_path, "--jwks", path)
    caller = Caller(server.address, user_pb2)
    try:
        with_old = bearer(tokens.sign(old, "ES256", kid="old"))
        with_new = bearer(tokens.sign(new, "RS256", kid="new"))
        assert caller.call("unary", with_old) == ("OK", "")
        assert caller.call("unary", with_new) == ("UNAUTHENTICATED", "invalid token: no key fits")
        publish((old, "old"), (new, "new"))
        for kind in KINDS:
            assert caller.call(kind, with_new) == ("OK", "")
            assert caller.call(kind, with_old) == ("OK", "")
        path.write_text("{")
        programs.wait_until(
            lambda: caller.call("unary", with_old) == ("OK", "") and "stay as they were" in server.said(),
            "a word about the bad file",
        )
        assert caller.call("unary", with_new) == ("OK", "")
        publish((new, "new"))
        programs.wait_until(
            lambda: caller.call("unary", with_old) == ("UNAUTHENTICATED", "invalid token: no key fits"),
            "the old key to end",
        )
        assert caller.call("unary", with_new) == ("OK", "")
    finally:
        caller.close()
        stop(server)


@pytest.mark.parametrize(
    "flags, text",
    [
        (["--auth", "jwt"], "needs a key"),
        (["--auth", "maybe"], "none or jwt"),
        (["--jwks", "x"], "no meaning without --auth jwt"),
        (["--jwt-allow-endless"], "no meaning without --auth jwt"),
        (["--auth", "jwt", "--jwks", "/nowhere/keys"], "/nowhere/keys: No such file"),
        (["--auth", "jwt", "--jwt-private-key", "/nowhere/key"], "cannot read /nowhere/key"),
        (["--auth", "jwt", "--jwt-public-key", "/dev/null"], "there is no key to verify tokens with"),
        (["--auth", "jwt", "--jwks", "x", "--token-ttl", "0s"], "--token-ttl"),
        (["--auth", "jwt", "--jwks", "x", "--listen", "0.0.0.0:0"], "there is no TLS"),
        (["--listen", "0.0.0.0:0"], "neither TLS nor authentication"),
    ],
)
def test_flags_are_judged(tmp_path, flags, text):
    done = programs.run(places.program("userd"), "--db", f"sqlite:{tmp_path}/u.db", *flags)
    assert done.returncode == 2, done.stderr
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "policy, text",
    [
        ('{\n "roles": {\n  "/user.UserService/DeleteUsr": ["admin"]}}', 'line 3: "/user.UserService/DeleteUsr" is no method'),
        ('{"roles": {"DeleteUser": ["admin"]}}', 'line 1: "DeleteUser" is not of the form'),
        ('{"roles": {\n"/user.UserService/GetUser": "admin"}}', 'line 2: "/user.UserService/GetUser" needs a list'),
        ('{"roles": {"/user.UserService/GetUser": [1]}}', "needs a list of roles, which are texts"),
        ('{"peers": {"/user.UserService/GetUser": "uid:0"}}', "needs a list of peers, which are texts"),
        ('{"peers":\n{"/user.UserService/GetUser": ["root"]}}', 'line 2: "root" is none of uri:'),
        ('{"peers": {"/user.UserService/Nothing": ["uid:0"]}}', "is no method of user.UserService"),
        ('{"peers": []}', '"peers" needs an object'),
        ('{"skip": ["/user.UserService/Login", 1]}', '"skip" holds what is not a text'),
        ('{\n\n"skp": []}', 'line 3: "skp" is not known'),
        ('{"rates":\n{"/user.UserService/GetUser": "fast"}}', 'line 2: "/user.UserService/GetUser" needs a rate'),
        ('{"rates": {"/user.UserService/GetUser": "1"},\n}', "line 2: string or '}' expected near '}'"),
        ("[]", "line 1: not an object"),
    ],
)
def test_policies_are_judged(tmp_path, policy, text):
    path = tmp_path / "policy.json"
    path.write_text(policy)
    done = programs.run(places.program("userd"), "--db", f"sqlite:{tmp_path}/u.db", "--policy", path)
    assert done.returncode == 2, done.stderr
    assert f"{path}: " in done.stderr
    assert text in done.stderr


def test_a_policy_rules(tmp_path, user_pb2, keys):
    (tmp_path / "public.pem").write_bytes(tokens.public_pem(keys["EdDSA"]))
    (tmp_path / "policy.json").write_text(
        json.dumps(
            {
                "roles": {"/user.UserService/ListUsersStream": ["auditor", "admin"]},
                "skip": ["/user.UserService/GetUser"],
            }
        )
    )
    server = start(tmp_path, "--jwt-public-key", tmp_path / "public.pem", "--policy", tmp_path / "policy.json")
    caller = Caller(server.address, user_pb2)
    try:
        auditor = bearer(tokens.sign(keys["EdDSA"], "EdDSA", tokens.claims(roles=["auditor"])))
        user = bearer(tokens.sign(keys["EdDSA"], "EdDSA"))
        assert caller.call("unary", None) == ("OK", "")
        assert caller.call("server stream", auditor) == ("OK", "")
        assert caller.call("server stream", user) == ("PERMISSION_DENIED", "insufficient permissions")
        assert caller.call("server stream", None) == ("UNAUTHENTICATED", "no authorization header")
        assert caller.call("client stream", user) == ("OK", "")
    finally:
        caller.close()
        stop(server)
