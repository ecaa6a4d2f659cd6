# SPDX-License-Identifier: Apache-2.0
"""userd on SQLite and a disk whose writes and syncs take long."""
import concurrent.futures
import contextlib
import sqlite3

import pytest

from support import clients, places, programs
from support.storm import CLIENTS, Storm


@pytest.fixture
def start(tmp_path, user_pb2, monkeypatch):
    """start(sync, write): userd whose syncs and writes take so many milliseconds longer, and a client."""
    opened = []

    def start(sync, write=0):
        server = programs.Userd(tmp_path)
        server.start().stop()  # the database is made at full speed
        with monkeypatch.context() as patch:
            patch.setenv("LD_PRELOAD", places.program("slow-disk.so"))
            patch.setenv("SLOW_SYNC", str(sync))
            patch.setenv("SLOW_WRITE", str(write))
            server.start()
        client = clients.Grpcio(user_pb2, server.address, tmp_path)
        opened.extend((client.close, server.kill))
        return server, client

    yield start
    for close in opened:
        close()


def create(client, number, timeout=programs.PATIENCE):
    request = client.types.CreateUserRequest(name="S", email=f"{number}@slow.example")
    return client.call("CreateUser", request, timeout=timeout)


def test_reads_do_not_wait_for_the_disk(start):
    """What is answered before the disk has answered did not wait for it, however slow the machine is."""
    server, client = start(300)
    assert create(client, 0).code == "OK"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for number in range(1, 50):
            slow = pool.submit(create, client, number)
            answer = client.call("GetUser", client.types.GetUserRequest(id=1))
            listed = client.call("ListUsers", client.types.ListUsersRequest())
            in_time = not slow.done()
            assert answer.response.found and listed.response.users[0].id == 1
            assert slow.result().code == "OK"
            if in_time:
                break
        assert in_time
    client.close()
    server.stop()


def test_a_deadline_holds(start):
    server, client = start(300)
    assert create(client, 0, timeout=0.1).code == "DEADLINE_EXCEEDED"
    assert create(client, 1).code == "OK"
    client.close()
    server.stop()


def test_many_share_a_sync_and_none_is_lost(start):
    server, client = start(100)
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        made = list(pool.map(lambda number: create(client, number), range(4 * CLIENTS)))
        assert {answer.code for answer in made} == {"OK"}
        last = [pool.submit(create, client, number) for number in range(4 * CLIENTS, 5 * CLIENTS)]
        concurrent.futures.wait(last, return_when=concurrent.futures.FIRST_COMPLETED)
        server.kill()  # amid the rest
        made += [one.result() for one in last]
    acknowledged = [answer.response.user for answer in made if answer.code == "OK"]
    assert {answer.code for answer in made} <= {"OK", "UNAVAILABLE"}
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        rows = dict(database.execute("SELECT id, email FROM users"))
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert all(rows[user.id] == user.email for user in acknowledged)
    assert len(set(rows.values())) == len(rows)


def look(database, storm):
    """What the file says has to be what the clients were told."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        [total] = connection.execute("SELECT sum(users) FROM totals").fetchone()
        storm.check(connection.execute("SELECT email, id, name FROM users").fetchall(), total)


def test_calls_of_all_kinds(start):
    """None waits past its deadline; what userd was told to do, it has done when it has stopped."""
    server, client = start(100, 1)
    storm = Storm(client)

    def amid_a_crash():
        storm.await_codes(300, "OK")
        server.kill()
        storm.await_codes(CLIENTS, "UNAVAILABLE")
        server.start()
        storm.await_codes(300, "OK")

    storm.rage(amid_a_crash)
    print(dict(storm.codes), f"slowest {storm.slowest:.2f} s")
    client.close()
    server.stop()
    look(server.database, storm)


def test_deadlines_of_calls_of_all_kinds(start):
    """A sync takes longer than a call may: writes end in doubt, and happen all the same."""
    server, client = start(250, 1)
    storm = Storm(client)
    storm.timeout = programs.PATIENCE

    def in_a_hurry():
        storm.await_codes(2 * CLIENTS, ("CreateUser", "OK"))
        storm.timeout = 0.1
        for method in ("CreateUser", "UpdateUser", "DeleteUser"):
            storm.await_codes(5, (method, "DEADLINE_EXCEEDED"))

    storm.rage(in_a_hurry)
    print(dict(storm.codes), f"slowest {storm.slowest:.2f} s")
    assert not storm.codes["UNAVAILABLE"]
    client.close()
    server.stop()
    look(server.database, storm)
