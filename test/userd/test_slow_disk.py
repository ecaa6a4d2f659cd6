# SPDX-License-Identifier: Apache-2.0
"""userd on SQLite and a disk whose syncs take long."""
import concurrent.futures
import contextlib
import sqlite3

import pytest

from support import clients, places, programs

CREATORS = 64


@pytest.fixture
def start(tmp_path, user_pb2, monkeypatch):
    """start(milliseconds): userd whose syncs take so much longer, and a client."""
    opened = []

    def start(milliseconds):
        server = programs.Userd(tmp_path)
        server.start().stop()  # the database is made at full speed
        with monkeypatch.context() as patch:
            patch.setenv("LD_PRELOAD", places.program("slow-sync.so"))
            patch.setenv("SLOW_SYNC", str(milliseconds))
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
    server, client = start(1500)
    assert create(client, 0).code == "OK"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for number in range(1, 10):
            slow = pool.submit(create, client, number)
            answer = client.call("GetUser", client.types.GetUserRequest(id=1))
            listed = client.call("ListUsers", client.types.ListUsersRequest())
            in_time = not slow.done()
            assert answer.response.found and listed.response.users[0].id == 1
            assert slow.result().code == "OK"
            if in_time:
                break
        assert in_time
    server.stop()


def test_a_deadline_holds(start):
    server, client = start(1500)
    assert create(client, 0, timeout=0.3).code == "DEADLINE_EXCEEDED"
    assert create(client, 1).code == "OK"
    server.stop()


def test_many_share_a_sync_and_none_is_lost(start):
    server, client = start(100)
    with concurrent.futures.ThreadPoolExecutor(CREATORS) as pool:
        made = list(pool.map(lambda number: create(client, number), range(4 * CREATORS)))
        assert {answer.code for answer in made} == {"OK"}
        last = [pool.submit(create, client, number) for number in range(4 * CREATORS, 5 * CREATORS)]
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
