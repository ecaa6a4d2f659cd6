# SPDX-License-Identifier: Apache-2.0
"""userd on SQLite beside another process that writes: the write-ahead log can begin anew."""
import contextlib
import sqlite3

from support import programs

CALLS = 200


def look_up(client, id):
    answer = client.call("GetUser", client.types.GetUserRequest(id=id))
    assert answer.response.found
    return answer.response.user.name


def wal_of(userd):
    return userd.database.with_name(userd.database.name + "-wal")


def truncate(other):
    """Move the log into the database and empty it; false: somebody reads it."""
    busy, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return busy == 0


def test_an_idle_userd_lets_others_begin_the_log_anew(userd, client, user_pb2):
    request = user_pb2.CreateUserRequest(name="User 0", email="wal@example.org")
    id = client.call("CreateUser", request).response.user.id
    with contextlib.closing(sqlite3.connect(userd.database, isolation_level=None, timeout=0)) as other:
        for number in range(1, 4):
            assert look_up(client, id) == f"User {number - 1}"
            other.execute("UPDATE users SET name = ? WHERE id = ?", (f"User {number}", id))
            assert wal_of(userd).stat().st_size > 0
            programs.wait_until(lambda: truncate(other), "userd to let go of the log")
            assert wal_of(userd).stat().st_size == 0
        assert look_up(client, id) == "User 3"


def test_the_log_does_not_grow_while_userd_is_idle(userd, client, user_pb2):
    """Another process's own checkpoints, which wait for nobody, have the log begin anew once userd is idle."""
    request = user_pb2.CreateUserRequest(name="User", email="wal@example.org")
    id = client.call("CreateUser", request).response.user.id
    with contextlib.closing(sqlite3.connect(userd.database, isolation_level=None, timeout=0)) as other:
        other.execute("PRAGMA wal_autocheckpoint = 10")
        other.execute("PRAGMA synchronous = OFF")
        for _ in range(CALLS):
            look_up(client, id)
        other.execute("UPDATE users SET name = 'x' WHERE id = ?", (id,))
        programs.wait_until(lambda: truncate(other), "userd to let go of the log")
        for number in range(1000):
            other.execute("UPDATE users SET name = ? WHERE id = ?", (f"User {number}", id))
        assert wal_of(userd).stat().st_size < 100 * 4096
        assert look_up(client, id) == "User 999"
