# SPDX-License-Identifier: Apache-2.0
"""The unary calls of userd, as clients that others wrote see them."""
import concurrent.futures
import contextlib
import itertools
import sqlite3
import time

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

serial = itertools.count(1)


def fresh_email():
    return f"user{next(serial)}@example.org"


@pytest.fixture
def call(each_client):
    return each_client.call


@pytest.fixture
def create(call, user_pb2):
    """Create a user that must succeed."""

    def create(name, email=None, phone=""):
        request = user_pb2.CreateUserRequest(name=name, email=email or fresh_email(), phone=phone)
        answer = call("CreateUser", request)
        assert answer.code == "OK", answer
        assert answer.response.success
        return answer.response.user

    return create


@pytest.fixture
def get(call, user_pb2):
    """A user, or None."""

    def get(user_id):
        answer = call("GetUser", user_pb2.GetUserRequest(id=user_id))
        assert answer.code == "OK", answer
        assert answer.response.found == answer.response.HasField("user")
        return answer.response.user if answer.response.found else None

    return get


def test_life_of_a_user(call, create, get, user_pb2):
    before = int(time.time())
    user = create("Ada", "ada@example.org", "+44 1")
    assert user.id > 0
    assert (user.name, user.email, user.phone) == ("Ada", "ada@example.org", "+44 1")
    assert before - 1 <= user.created_at <= time.time() + 1
    assert get(user.id) == user

    listed = call("ListUsers", user_pb2.ListUsersRequest(page=1, limit=100))
    assert listed.code == "OK"
    assert user in listed.response.users

    change = user_pb2.User(id=user.id, name="Ada L.", email="ignored@example.org")
    updated = call("UpdateUser", user_pb2.UpdateUserRequest(user=change, update_mask=FieldMask(paths=["name"])))
    assert updated.code == "OK", updated
    user.name = "Ada L."
    assert updated.response.user == user
    assert get(user.id) == user

    deleted = call("DeleteUser", user_pb2.DeleteUserRequest(id=user.id))
    assert deleted.code == "OK", deleted
    assert get(user.id) is None
    assert call("DeleteUser", user_pb2.DeleteUserRequest(id=user.id)).code == "NOT_FOUND"
    assert call("UpdateUser", user_pb2.UpdateUserRequest(user=change)).code == "NOT_FOUND"


def test_update_without_a_mask_changes_what_is_not_empty(call, create, get, user_pb2):
    user = create("Grace", phone="1")
    change = user_pb2.User(id=user.id, phone="2")
    assert call("UpdateUser", user_pb2.UpdateUserRequest(user=change)).code == "OK"
    user.phone = "2"
    assert get(user.id) == user


def test_a_mask_can_empty_a_field(call, create, get, user_pb2):
    user = create("Grace", phone="1")
    mask = FieldMask(paths=["phone"])
    change = user_pb2.User(id=user.id)
    assert call("UpdateUser", user_pb2.UpdateUserRequest(user=change, update_mask=mask)).code == "OK"
    user.phone = ""
    assert get(user.id) == user


def test_a_mask_that_names_no_such_field_is_refused(call, create, get, user_pb2):
    user = create("Grace")
    mask = FieldMask(paths=["name", "shoe"])
    change = user_pb2.User(id=user.id, name="Changed")
    answer = call("UpdateUser", user_pb2.UpdateUserRequest(user=change, update_mask=mask))
    assert answer.code == "INVALID_ARGUMENT", answer
    assert "shoe" in answer.message
    assert get(user.id) == user


# Each class of UTF-8, at the edges of its range.
TEXTS = {
    "one byte": "\x20!~ \"quotes\" \\ % & <tag> ' ; -- /*",
    "controls": "tab\tnewline\ncarriage\rbell\x07delete\x7f",
    "two bytes": "\u0080\u00e9\u00df\u07ff",
    "three bytes": "\u0800\u20ac\u4e2d\u6587\ud7ff\ue000\ufffd\uffff",
    "four bytes": "\U00010000\U0001d11e\U0002070e\U0010ffff",
    "combining": "e\u0301 \u00e9 a\u0308\u0323 \u1112\u1161\u11ab",
    "right to left": "\u05e9\u05c1\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202edesrever\u202c",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd \u2764\ufe0f",
    "invisible": "\ufeffbom\u200bspace\u00adhyphen\u2028line",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_every_class_of_utf8_survives(create, get, text):
    phone = text.encode()[:32].decode(errors="ignore")
    user = create(text, phone=phone)
    assert (user.name, user.phone) == (text, phone)
    assert get(user.id) == user


def test_an_email_may_be_utf8(create, get):
    user = create("Jos\u00e9", f"jos\u00e9.\u4e2d\U0001f600@{next(serial)}.example")
    assert get(user.id) == user


@pytest.mark.parametrize("user_id", [2**31 - 1, 0, -1, -(2**31)])
def test_an_absent_id_is_no_error(get, user_id):
    assert get(user_id) is None


@pytest.mark.parametrize("name, email", [("", "a@b"), ("A", ""), ("", "")])
def test_name_and_email_are_required(call, user_pb2, name, email):
    answer = call("CreateUser", user_pb2.CreateUserRequest(name=name, email=email))
    assert answer[:2] == ("INVALID_ARGUMENT", "name and email are required")


@pytest.mark.parametrize(
    "field, value",
    [
        ("name", "n" * 257),
        ("name", "\u00e9" * 129),
        ("email", "a@" + "b" * 253),
        ("phone", "1" * 33),
        ("email", "nobody"),
        ("email", "@b"),
        ("email", "a@"),
        ("email", "a b@c"),
        ("email", "a\u0085@b"),
        ("email", "a\u202e@b"),
    ],
)
def test_limits_name_the_field(call, user_pb2, field, value):
    request = user_pb2.CreateUserRequest(name="N", email=fresh_email())
    setattr(request, field, value)
    answer = call("CreateUser", request)
    assert answer.code == "INVALID_ARGUMENT", answer
    assert field in answer.message


def test_what_is_just_within_the_limits_is_kept(create, get):
    tail = f"@{next(serial)}.example"
    user = create("\u00e9" * 128, "e" * (254 - len(tail)) + tail, "1" * 32)
    assert get(user.id) == user


@pytest.mark.parametrize(
    "first, second",
    [("Zuse.{}@Example.ORG", "zuSE.{}@eXAMPLE.org"), ("\u00c5ngstr\u00f6m{}@x", "\u00e5ngstr\u00d6m{}@X")],
)
def test_an_email_is_taken_whatever_its_case(call, create, user_pb2, first, second):
    number = next(serial)
    create("First", first.format(number))
    answer = call("CreateUser", user_pb2.CreateUserRequest(name="Second", email=second.format(number)))
    assert answer.code == "ALREADY_EXISTS", answer


def test_an_update_cannot_take_an_email(call, create, get, user_pb2):
    first, second = create("First"), create("Second")
    change = user_pb2.User(id=second.id, email=first.email.upper())
    answer = call("UpdateUser", user_pb2.UpdateUserRequest(user=change))
    assert answer.code == "ALREADY_EXISTS", answer
    assert get(second.id) == second


def test_an_unknown_method_is_unimplemented(call, user_pb2):
    request = user_pb2.GetUserRequest(id=1)
    assert call("GetUser", request, path="/user.UserService/Absent").code == "UNIMPLEMENTED"


def test_an_unknown_service_is_unimplemented(call, user_pb2):
    request = user_pb2.GetUserRequest(id=1)
    assert call("GetUser", request, path="/user.AbsentService/Absent").code == "UNIMPLEMENTED"


def test_a_deadline_ends_a_call_that_takes_too_long(call, create, shared_userd, user_pb2):
    with shared_userd.write_lock():
        request = user_pb2.CreateUserRequest(name="Late", email=fresh_email())
        assert call("CreateUser", request, timeout=0.3).code == "DEADLINE_EXCEEDED"
    create("In time")


def test_foreign_metadata_changes_nothing(call, create, user_pb2):
    user = create("Grace")
    metadata = [
        ("x-request-id", "42"),
        ("x-trace-bin", bytes(range(256))),
        ("x-long", "v" * 4000),
        ("x-empty", ""),
        ("x-blanks", " at the ends "),
    ]
    answer = call("GetUser", user_pb2.GetUserRequest(id=user.id), metadata=metadata)
    assert answer.code == "OK", answer
    assert answer.response.user == user


def test_pages(call, create, user_pb2):
    created = [create(f"Page {number}") for number in range(12)]

    def page(number, limit):
        answer = call("ListUsers", user_pb2.ListUsersRequest(page=number, limit=limit))
        assert answer.code == "OK", answer
        return answer.response

    first = page(1, 5)
    assert (first.page, first.limit, len(first.users)) == (1, 5, 5)
    everyone = list(itertools.chain.from_iterable(page(n, 5).users for n in range(1, first.total // 5 + 2)))
    assert len(everyone) == first.total
    assert [user.id for user in everyone] == sorted({user.id for user in everyone})
    assert all(user in everyone for user in created)
    for limit in (0, -1, 101, 2**31 - 1):
        assert (page(1, limit).limit, len(page(1, limit).users)) == (10, 10)
    assert page(0, 3) == page(-7, 3) == page(1, 3)
    beyond = page(2**31 - 1, 100)
    assert (len(beyond.users), beyond.total, beyond.page) == (0, first.total, 2**31 - 1)


USERS = 200_000


@pytest.fixture
def many_users(userd):
    """userd with USERS users, the even ids from 2."""
    with contextlib.closing(sqlite3.connect(userd.database)) as other:
        other.execute(
            "WITH RECURSIVE ids (id) AS (SELECT 2 UNION ALL SELECT id + 2 FROM ids WHERE id < ?)"
            " INSERT INTO users (id, name, email, email_key, phone, created_at) SELECT id, 'U', id || '@x', id || '@x', '', 0 FROM ids",
            (2 * USERS,),
        )
        other.commit()
    return userd


def test_pages_far_out_hold_nothing_up(many_users, client, user_pb2):
    def page(number):
        answer = client.call("ListUsers", user_pb2.ListUsersRequest(page=number, limit=10))
        assert answer.code == "OK", answer
        return answer.response

    def given_up(number):
        request = user_pb2.ListUsersRequest(page=number, limit=10)
        assert client.call("ListUsers", request, timeout=0.001).code in ("OK", "DEADLINE_EXCEEDED")

    numbers = [101, 102, 5_000, USERS // 10 - 1, USERS // 10]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        abandoned = [pool.submit(given_up, USERS // 10) for _ in range(100)]
        pages = [pool.submit(page, number) for number in numbers * 5]
        users = [pool.submit(client.call, "GetUser", user_pb2.GetUserRequest(id=2 * n)) for n in range(1, 100)]
        created = client.call("CreateUser", user_pb2.CreateUserRequest(name="N", email="n@x"))
    for future in abandoned:
        future.result()
    for number, future in zip(numbers * 5, pages):
        first = 2 * (10 * (number - 1) + 1)
        assert [user.id for user in future.result().users] == list(range(first, first + 20, 2))
        assert future.result().total in (USERS, USERS + 1)
    assert all(future.result().response.found for future in users)
    assert created.code == "OK", created
    last = page(USERS // 10 + 1)
    assert (list(last.users), last.total) == ([created.response.user], USERS + 1)
    assert not page(USERS // 10 + 2).users
