# SPDX-License-Identifier: Apache-2.0
"""Requests that no well-behaved client sends, and more at a time than one client sends."""
import concurrent.futures

import grpc
import pytest

CREATE = "/user.UserService/CreateUser"
CREATE_MANY = "/user.UserService/CreateUsersStream"
GET = "/user.UserService/GetUser"


@pytest.fixture(scope="module")
def channel(shared_userd):
    with grpc.insecure_channel(shared_userd.address) as channel:
        yield channel


@pytest.fixture(scope="module")
def send(channel):
    """Send bytes as the request of a method; the status code and text, and the answer's bytes."""

    def send(path, request, **options):
        try:
            return grpc.StatusCode.OK, "", channel.unary_unary(path)(request, timeout=60, **options)
        except grpc.RpcError as error:
            return error.code(), error.details(), None

    return send


def field(number, value):
    """A length-delimited field of a message."""
    assert number < 16 and len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def assert_serves(send):
    assert send(GET, b"\x08\x01")[0] == grpc.StatusCode.OK


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"cut\xe2\x82",
    ],
    ids=["no lead byte", "overlong", "surrogate", "beyond U+10FFFF", "cut off"],
)
@pytest.mark.parametrize("number, name", [(1, "name"), (2, "email"), (3, "phone")])
def test_what_is_no_utf8_is_refused(send, number, name, text):
    good = {1: b"N", 2: b"no-utf8@example.org"}
    request = b"".join(field(key, value) for key, value in {**good, number: text}.items())
    code, message, _ = send(CREATE, request)
    assert code == grpc.StatusCode.INVALID_ARGUMENT, message
    assert name in message
    assert_serves(send)


@pytest.mark.parametrize("number, name", [(1, "name"), (2, "email"), (3, "phone")])
def test_a_text_with_a_nul_is_refused_not_cut(send, number, name):
    good = {1: b"N", 2: f"nul{number}@example.org".encode()}
    text = good.get(number, b"1") + b"\0tail"
    request = b"".join(field(key, value) for key, value in {**good, number: text}.items())
    code, message, _ = send(CREATE, request)
    assert (code, message) == (grpc.StatusCode.INVALID_ARGUMENT, f"{name} has U+0000, which C cannot hold")
    assert_serves(send)


def test_a_nul_deep_in_a_message_is_found(send):
    request = field(1, b"\x08\x01" + field(2, b"a\0b"))
    code, message, _ = send("/user.UserService/UpdateUser", request)
    assert (code, message.split()[0]) == (grpc.StatusCode.INVALID_ARGUMENT, "name")


def test_a_nul_in_a_stream_is_told_among_its_errors(channel, user_pb2):
    def entry(email, name=b"N", phone=b"1"):
        return field(1, name) + field(2, email) + field(3, phone)

    entries = [
        entry(b"nul-first@example.org"),
        entry(b"nul-name@example.org", name=b"a\0b"),
        entry(b"nul\0email@example.org"),
        entry(b"no email"),
        entry(b"nul-phone@example.org", phone=b"\0") + field(15, b"new"),
        entry(b"nul-last@example.org"),
    ]
    create = channel.stream_unary(CREATE_MANY)
    answer = user_pb2.CreateUsersResponse.FromString(create(iter(entries), timeout=60))
    assert [user.email for user in answer.users] == ["nul-first@example.org", "nul-last@example.org"]
    assert (answer.count, list(answer.failed)) == (2, [2, 3, 4, 5])
    assert [error for error in answer.errors if "U+0000" in error] == [
        f"invalid request: {name} has U+0000, which C cannot hold" for name in ["name", "email", "phone"]
    ]


def test_nothing_but_nuls_is_a_stream_of_errors(channel, user_pb2):
    create = channel.stream_unary(CREATE_MANY)
    answer = user_pb2.CreateUsersResponse.FromString(create(iter([field(1, b"\0")] * 1500), timeout=60))
    assert (answer.count, list(answer.failed)) == (0, list(range(1, 1501)))
    assert set(answer.errors) == {"invalid request: name has U+0000, which C cannot hold"}


@pytest.mark.parametrize(
    "bad",
    [b"\x0a", b"\x0a\x03a\0b\x0f", b"\x0a\x05a\0"],
    ids=["cut off", "no wire type behind a nul", "cut off with a nul"],
)
def test_what_does_not_parse_ends_a_stream(channel, send, bad):
    create = channel.stream_unary(CREATE_MANY)
    with pytest.raises(grpc.RpcError) as caught:
        create(iter([field(1, b"N"), field(1, b"\0"), bad]), timeout=60)
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert_serves(send)


def test_a_zero_that_is_no_text_is_none_of_that(send):
    assert send(GET, b"\x08\0")[0] == grpc.StatusCode.OK
    request = field(1, b"N") + field(2, b"zero@example.org") + field(15, b"\0\0")
    assert send(CREATE, request)[0] == grpc.StatusCode.OK


@pytest.mark.parametrize(
    "request_bytes",
    [b"\x0a", b"\x0a\x05ab", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0f", b"\x0b\x0a"],
    ids=["no length", "cut off", "varint too long", "no wire type", "open group"],
)
def test_what_does_not_parse_is_internal(send, request_bytes):
    assert send(CREATE, request_bytes)[0] == grpc.StatusCode.INTERNAL
    assert_serves(send)


def test_unknown_fields_are_ignored(send):
    request = field(1, b"N") + field(2, b"unknown-fields@example.org") + field(15, b"new")
    assert send(CREATE, request)[0] == grpc.StatusCode.OK


def test_an_empty_request_is_a_request(send, user_pb2):
    code, _, answer = send(GET, b"")
    assert code == grpc.StatusCode.OK
    assert not user_pb2.GetUserResponse.FromString(answer).found


def test_a_large_message_is_taken_and_a_too_large_one_refused(send):
    length = 3 << 20
    large = b"\x7a" + bytes([0x80, 0x80, 0x80 | length >> 14 & 0x7F, length >> 21]) + b"x" * length
    assert send(GET, large)[0] == grpc.StatusCode.OK
    assert send(GET, large + large)[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert_serves(send)


def test_a_compressed_request_is_understood(send, user_pb2):
    request = user_pb2.CreateUserRequest(name="z" * 256, email="gzip@example.org")
    code, message, answer = send(CREATE, request.SerializeToString(), compression=grpc.Compression.Gzip)
    assert code == grpc.StatusCode.OK, message
    assert user_pb2.CreateUserResponse.FromString(answer).user.name == "z" * 256


def test_a_bomb_is_not_inflated(send):
    code, _, _ = send(GET, b"\0" * (16 << 20), compression=grpc.Compression.Gzip)
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert_serves(send)


def test_an_unknown_compression_is_unimplemented(send):
    code, _, _ = send(GET, b"", compression=grpc.Compression.Deflate)
    assert code in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL)
    assert_serves(send)


@pytest.mark.parametrize("path", ["/user.UserService/", "/user.UserService", "/", "/GetUser", "/user.userservice/GetUser"])
def test_a_path_that_leads_nowhere_is_unimplemented(send, path):
    assert send(path, b"")[0] == grpc.StatusCode.UNIMPLEMENTED


def test_many_calls_at_once_are_kept_apart(shared_userd, user_pb2):
    def work(number):
        with grpc.insecure_channel(shared_userd.address) as channel:
            create = channel.unary_unary(
                CREATE, user_pb2.CreateUserRequest.SerializeToString, user_pb2.CreateUserResponse.FromString
            )
            get = channel.unary_unary(
                GET, user_pb2.GetUserRequest.SerializeToString, user_pb2.GetUserResponse.FromString
            )
            for i in range(20):
                name = f"worker {number} user {i}"
                request = user_pb2.CreateUserRequest(name=name, email=f"{number}.{i}@parallel")
                user = create(request, timeout=60).user
                assert user.name == name
                assert get(user_pb2.GetUserRequest(id=user.id), timeout=60).user == user

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))


def test_one_email_is_taken_once(client, user_pb2):
    def create(_):
        return client.call("CreateUser", user_pb2.CreateUserRequest(name="N", email="one@example.org")).code

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(create, range(64)))
    assert codes.count("OK") == 1
    assert codes.count("ALREADY_EXISTS") == 63
