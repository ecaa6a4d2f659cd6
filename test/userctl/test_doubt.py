# SPDX-License-Identifier: Apache-2.0
"""userctl, where answers get lost: what may have been done is said to be so, and nothing else is."""
import json
import os
import socket

import grpc
import pytest
from support import places, programs
from support.lossy import Lossy

EARLIER = "an earlier attempt that failed may have done it"
LAST = "whether it was done is not known"


def code(name):
    return 64 + getattr(grpc.StatusCode, name).value[0]


@pytest.fixture
def userctl(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}

    def run(server, *words, expect=0, text=""):
        done = programs.run(places.program("userctl"), *words, "--server", server, input=text, env=environment)
        assert done.returncode == expect, done.stdout + done.stderr
        assert done.stderr.count("\n") == (0 if expect == 0 else 1), done.stderr
        return done.stderr if expect else done.stdout

    return run


def first(count):
    return count == 0


def every(_):
    return True


def test_what_an_earlier_attempt_has_done(userd, userctl):
    """The second attempt finds what the first one did in its way."""
    with Lossy(userd.address, first) as lossy:
        said = userctl(lossy.address, "create", "Ada", "ada@x", expect=code("ALREADY_EXISTS"))
    assert said == f"userctl: email is already taken; {EARLIER}\n"
    with Lossy(userd.address, first) as lossy:
        said = userctl(lossy.address, "register", "Bob", "bob@x", expect=code("ALREADY_EXISTS"), text="password 1\n")
    assert EARLIER in said
    with Lossy(userd.address, first) as lossy:
        passwords = "password 1\npassword 2\n"
        said = userctl(
            lossy.address, "passwd", "--email", "bob@x", expect=code("PERMISSION_DENIED"), text=passwords
        )
    assert said == f"userctl: the old password is wrong; {EARLIER}\n"
    with Lossy(userd.address, first) as lossy:
        said = userctl(lossy.address, "delete", "1", expect=code("NOT_FOUND"))
    assert EARLIER in said
    assert [one["name"] for one in json.loads(userctl(userd.address, "list", "--json"))["users"]] == ["Bob"]


def test_where_a_second_attempt_does_it_again_all_is_well(userd, userctl):
    userctl(userd.address, "create", "Ada", "ada@x")
    with Lossy(userd.address, first) as lossy:
        assert "Ada L." in userctl(lossy.address, "update", "1", "--name", "Ada L.")
    with Lossy(userd.address, first) as lossy:
        assert "Ada L." in userctl(lossy.address, "get", "1")


def test_who_hears_nothing_may_have_done_it(userd, userctl):
    with Lossy(userd.address, every) as lossy:
        said = userctl(lossy.address, "create", "Ada", "ada@x", "--timeout", "1m", expect=code("UNAVAILABLE"))
    assert LAST in said
    assert "Ada" in userctl(userd.address, "get", "1")


def test_who_was_too_late_may_have_done_it(userd, userctl):
    """The database has a lock on it, which holds up what writes."""
    with userd.write_lock():
        said = userctl(userd.address, "create", "Ada", "ada@x", "--timeout", "1s", expect=code("DEADLINE_EXCEEDED"))
    assert LAST in said


def test_what_did_not_leave_was_not_done(userd, userctl):
    nowhere = places.free_address()
    said = userctl(nowhere, "create", "Ada", "ada@x", "--timeout", "2s", expect=code("UNAVAILABLE"))
    assert LAST not in said and EARLIER not in said
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        said = userctl(address, "create", "Ada", "ada@x", "--timeout", "1s", expect=code("DEADLINE_EXCEEDED"))
    assert LAST not in said and EARLIER not in said
    userctl(userd.address, "create", "Ada", "ada@x")
    said = userctl(userd.address, "create", "Ada", "ada@x", expect=code("ALREADY_EXISTS"))
    assert said == "userctl: email is already taken\n"
