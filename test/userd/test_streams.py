# SPDX-License-Identifier: Apache-2.0
"""The streaming calls of userd, as clients that others wrote see them."""
import itertools
import pathlib
import time

import grpc
import pytest

from support import chat, clients, programs

serial = itertools.count(1)


def fresh_email():
    return f"streamed{next(serial)}@example.org"


@pytest.fixture
def stream(streaming_client):
    return streaming_client.stream


@pytest.fixture
def make(user_pb2):
    def make(name, email=None, phone=""):
        return user_pb2.CreateUserRequest(name=name, email=fresh_email() if email is None else email, phone=phone)

    return make


# ---- ListUsersStream ----


def test_a_page_comes_as_messages(stream, streaming_client, make, user_pb2):
    assert stream("CreateUsersStream", [make(f"Listed {number}") for number in range(25)]).code == "OK"
    for page, limit in [(1, 10), (2, 10), (3, 7), (0, 0), (-3, 101), (1, 100), (100_000, 100)]:
        request = user_pb2.ListUsersRequest(page=page, limit=limit)
        answer = stream("ListUsersStream", [request])
        assert answer.code == "OK", answer
        assert answer.response == list(streaming_client.call("ListUsers", request).response.users)


def test_users_after_an_id(stream, make, user_pb2):
    created = stream("CreateUsersStream", [make(f"After {number}") for number in range(5)]).response[0].users
    answer = stream("ListUsersStream", [user_pb2.ListUsersRequest(after=created[1].id, limit=2)])
    assert answer.response == created[2:4]
    answer = stream("ListUsersStream", [user_pb2.ListUsersRequest(after=created[1].id, page=2, limit=2)])
    assert answer.response[:1] == created[4:]


# ---- CreateUsersStream ----


def test_bad_entries_do_not_end_the_stream(stream, streaming_client, make, user_pb2):
    taken = fresh_email()
    entries = [
        make("First", taken, "1"),
        make("", "a@b"),
        make("No email", ""),
        make("Second", taken.upper()),
        make("Third", "nobody"),
        make("L" * 257),
        make("Fourth", phone="1" * 33),
        make("Fif\u00dfth \U0001f600"),
    ]
    answer = stream("CreateUsersStream", entries)
    assert answer.code == "OK", answer
    response = answer.response[0]
    assert response.count == 2
    assert [user.name for user in response.users] == ["First", "Fif\u00dfth \U0001f600"]
    assert list(response.errors) == [
        "invalid request: name and email required",
        "invalid request: name and email required",
        "failed to create user Second: email is already taken",
        "failed to create user Third: email is not of the form a@b",
        f"failed to create user {'L' * 256}: name is longer than 256 bytes",
        "failed to create user Fourth: phone is longer than 32 bytes",
    ]
    assert list(response.failed) == [2, 3, 4, 5, 6, 7]
    for user in response.users:
        found = streaming_client.call("GetUser", user_pb2.GetUserRequest(id=user.id))
        assert found.response.user == user


def test_no_entries(stream):
    answer = stream("CreateUsersStream", [])
    assert (answer.code, answer.response[0].count) == ("OK", 0)


def test_many_batches(stream, make):
    answer = stream("CreateUsersStream", [make(f"N{number}") for number in range(2_500)])
    assert answer.code == "OK", answer
    response = answer.response[0]
    assert (response.count, len(response.users), list(response.errors)) == (2_500, 2_500, [])
    assert [user.name for user in response.users] == [f"N{number}" for number in range(2_500)]
    ids = [user.id for user in response.users]
    assert ids == sorted(set(ids))


# ---- ChatUsers ----


def test_each_message_is_echoed(stream, user_pb2):
    before = int(time.time())
    said = ["hello", "", "\u4e2d\U0001f600", "x" * 65536]
    answer = stream("ChatUsers", [user_pb2.ChatMessage(**{"from": "ada"}, content=content) for content in said])
    assert answer.code == "OK", answer
    assert [message.content for message in answer.response] == ["Echo: " + content for content in said]
    for message in answer.response:
        assert (getattr(message, "from"), message.to) == ("server", "ada")
        assert before - 1 <= message.timestamp <= time.time() + 1


def test_who_writes_to_himself_gets_it(stream, user_pb2):
    message = user_pb2.ChatMessage(**{"from": "solo"}, to="solo", content="me", timestamp=7)
    answer = stream("ChatUsers", [message])
    assert answer.code == "OK", answer
    assert [one.content for one in answer.response] == ["Echo: me", "me"]
    assert answer.response[1] == message


@pytest.mark.parametrize(
    "field, value", [("from", "f" * 257), ("to", "t" * 257), ("content", "c" * 65537), ("content", "\u00e9" * 32769)]
)
def test_chat_limits_name_the_field(stream, user_pb2, field, value):
    answer = stream("ChatUsers", [user_pb2.ChatMessage(**{"from": "ada", field: value})])
    assert answer.code == "INVALID_ARGUMENT", answer
    assert answer.message.startswith(field)


def test_who_speaks_under_many_names_is_reached_under_the_last_ones(stream, user_pb2):
    said = [user_pb2.ChatMessage(**{"from": f"name {number}"}) for number in range(1000)]
    said += [user_pb2.ChatMessage(**{"from": "name 999"}, to=to, content=to) for to in ("name 0", "name 936", "name 935")]
    answer = stream("ChatUsers", said)
    assert (answer.code, len(answer.response)) == ("OK", 1004)
    assert [message.content for message in answer.response if getattr(message, "from") != "server"] == ["name 936"]


@pytest.fixture
def loops_userd(tmp_path):
    """userd on several loops."""
    server = programs.Userd(tmp_path, "--loops", "3").start()
    yield server
    try:
        server.stop()
    finally:
        server.kill()


@pytest.fixture
def join(loops_userd, user_pb2):
    joined = []

    def join(name):
        joined.append(chat.Participant(loops_userd.address, user_pb2, name).join())
        return joined[-1]

    yield join
    for one in joined:
        one.vanish()


def test_participants_reach_each_other(join):
    everyone = [join(f"p{number}") for number in range(9)]
    for one in everyone:
        for other in everyone:
            if other is not one:
                one.say(f"to {other.name}", to=other.name, timestamp=5)
    for one in everyone:
        heard = sorted(one.hear() for _ in range(16))
        others = [other.name for other in everyone if other is not one]
        assert heard == sorted(
            [(other, one.name, f"to {one.name}") for other in others]
            + [("server", one.name, f"Echo: to {other}") for other in others]
        )


def test_messages_of_one_to_another_keep_their_order(join):
    ada, bob = join("ada"), join("bob")
    said = [f"line {number}" for number in range(200)]
    for line in said:
        ada.say(line, to="bob")
        assert ada.hear()[2] == f"Echo: {line}"
    assert [bob.hear()[2] for _ in said] == said


def test_every_stream_of_a_participant_hears(join):
    desk, phone, other = join("ada"), join("ada"), join("bob")
    other.say("hi", to="ada")
    assert desk.hear() == phone.hear() == ("bob", "ada", "hi")
    assert desk.leave() == []
    other.say("again", to="ada")
    assert phone.hear() == ("bob", "ada", "again")


def test_who_has_left_is_not_reached(join):
    ada, bob = join("ada"), join("bob")
    assert bob.leave() == []
    ada.say("anybody?", to="bob")
    assert ada.hear() == ("server", "ada", "Echo: anybody?")
    back = join("bob")
    ada.say("welcome", to="bob")
    assert back.hear() == ("ada", "bob", "welcome")


def test_a_slow_receiver_holds_up_nobody(join, loops_userd):
    slow, ada, bob = join("slow"), join("ada"), join("bob")
    size = 60_000
    for number in range(100):  # far beyond the windows and what waits for `slow`, who reads nothing
        ada.say("x" * size, to="slow")
        assert len(ada.hear()[2]) == size + 6
        ada.say(f"{number}", to="bob")
        assert bob.hear()[2] == f"{number}"
        assert ada.hear()[2] == f"Echo: {number}"
    heard = slow.leave()
    assert 10 < len(heard) < 100
    assert all(len(content) == size for content in heard)
    programs.wait_until(lambda: "messages_dropped" in loops_userd.said(), "the log")


def test_a_chat_ends_when_the_server_drains(tmp_path, user_pb2):
    server = programs.Userd(tmp_path, "--grace", "100s").start()
    ada = chat.Participant(server.address, user_pb2, "ada").join()
    began = time.monotonic()
    server.stop()
    with pytest.raises(grpc.RpcError) as caught:
        ada.hear()
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert time.monotonic() - began < 60
    ada.vanish()
