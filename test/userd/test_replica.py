# SPDX-License-Identifier: Apache-2.0
"""userd that reads from a replica of PostgreSQL, which lags, pauses and goes away."""
import contextlib
import itertools
import os
import signal
import time

import pytest

from support import nodes, places, postgres, programs
from support.redis import Redis

RECENT_SECONDS = 10  # doc/POSTGRES.md: who was written so lately is read from the primary
HUNG_SECONDS = 5  # doc/POSTGRES.md: so long nobody asks a replica that has let a call time out


@pytest.fixture(scope="module")
def clusters():
    """A primary, and what follows it."""
    primary = postgres.Cluster()
    replica = None
    try:
        primary.start()
        replica = primary.replica()
        yield primary, replica.start()
    finally:
        if replica is not None:
            replica.remove()
        primary.remove()


@pytest.fixture
def start(clusters, user_pb2, tmp_path, monkeypatch):
    """start(flags): userd on a new database of the primary, which the replica has, too."""
    primary, replica = clusters
    monkeypatch.setenv("WEIR_POSTGRES", primary.url)
    started = []

    def start(*flags, url=None):
        url = url or postgres.new_database(primary.url)
        read_url = url.replace(str(primary.folder), str(replica.folder))
        programs.wait_until(lambda: answers(read_url), "the database to get to the replica")
        node = nodes.Node(tmp_path / str(len(started)), user_pb2, "--db", url, "--db-read", read_url, *flags)
        node.url, node.read_url = url, read_url
        started.append(node)
        return node

    yield start
    for node in started:
        node.close()


def answers(url):
    done = programs.run("psql", "--no-psqlrc", "-qAt", url, "-c", "SELECT 1")
    return done.returncode == 0


def await_replica(node, user_id, name):
    sql = f"SELECT name FROM users WHERE id = {user_id}"
    programs.wait_until(lambda: postgres.query(node.read_url, sql) == [name], "the replica to follow")


def reads(node):
    return node.metric("userd_database_replica_reads_total"), node.metric("userd_database_replica_faults_total")


def listed(node):
    return [user.name for user in node.call("ListUsers", node.types.ListUsersRequest()).users]


def found_and_listed(node, user_id):
    """A user, and the names in a list; of a call that fails its code."""
    found = node.client.call("GetUser", node.types.GetUserRequest(id=user_id), timeout=nodes.SOON)
    lists = node.client.call("ListUsers", node.types.ListUsersRequest(), timeout=nodes.SOON)
    return (
        found.response.user if found.response else found.code,
        [user.name for user in lists.response.users] if lists.response else lists.code,
    )


@contextlib.contextmanager
def paused(clusters):
    """The replica applies nothing meanwhile."""
    _, replica = clusters
    postgres.query(replica.url, "SELECT pg_wal_replay_pause()")
    try:
        yield
    finally:
        postgres.query(replica.url, "SELECT pg_wal_replay_resume()")


def test_what_can_be_read_there_is(start):
    writer = start()
    user = writer.create("a@replica.example")
    await_replica(writer, user.id, "old")
    reader = start(url=writer.url)
    for _ in range(5):
        assert reader.get(user.id).user == user
        assert listed(reader) == ["old"]
    assert reads(reader) == (10, 0)
    assert not reader.get(99).found  # which the primary is asked, too


def test_who_writes_reads_what_was_written(start, clusters):
    node = start()
    with paused(clusters):
        user = node.create("b@replica.example")
        assert node.get(user.id).user == user  # whom the replica does not know
        assert listed(node) == []  # a list shows what the replica has
        node.call("DeleteUser", node.types.DeleteUserRequest(id=user.id))
        assert not node.get(user.id).found


def test_who_writes_does_not_read_what_was_before(start, clusters):
    """Where the write and the reading were closer than what userd remembers; a machine that stands still is tried again."""
    node = start()
    for number in itertools.count(1):
        user = node.create(f"b{number}@replica.example")
        await_replica(node, user.id, "old")
        with paused(clusters):
            began = time.monotonic()
            node.rename(user.id, "new")
            renamed = node.get(user.id)
            node.call("DeleteUser", node.types.DeleteUserRequest(id=user.id))
            deleted = node.get(user.id)
            in_time = time.monotonic() - began < RECENT_SECONDS
            assert listed(node)[-1] == "old"
        assert not in_time or (renamed.user.name, deleted.found) == ("new", False)
        if in_time:
            break
        assert number < 10, "this machine stands still"


def test_a_new_user_is_found_by_others(start, clusters):
    writer = start()
    reader = start(url=writer.url)
    with paused(clusters):
        user = writer.create("c@replica.example")
        assert reader.get(user.id).user == user


def test_with_redis_everybody_reads_what_was_written(start, clusters):
    redis = Redis().start()
    try:
        writer = start(*redis.flags)
        reader = start(*redis.flags, url=writer.url)
        for node in (writer, reader):
            node.await_cache("SERVING")
        user = writer.create("d@replica.example")
        await_replica(writer, user.id, "old")
        with paused(clusters):
            for number in range(5):
                writer.rename(user.id, f"new {number}")
                assert reader.get(user.id).user.name == writer.get(user.id).user.name == f"new {number}"
    finally:
        redis.remove()


@pytest.mark.parametrize("way", ["stop", "kill", "freeze"])
def test_without_the_replica_the_primary_answers(start, clusters, way):
    _, replica = clusters
    writer = start()
    user = writer.create("e@replica.example")
    await_replica(writer, user.id, "old")
    node = start(url=writer.url)
    assert node.get(user.id).user == user and reads(node) == (1, 0)
    pids, hung = [], None
    if way == "freeze":
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'userd'"
        pids = [int(pid) for pid in postgres.query(replica.url, query)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        hung = time.monotonic()
        answer = node.client.call("GetUser", node.types.GetUserRequest(id=user.id), timeout=0.5)
        assert answer.code == "DEADLINE_EXCEEDED"
    else:
        replica.stop("immediate") if way == "stop" else replica.kill()
    try:
        for _ in range(3):
            answers = [found_and_listed(node, user.id) for _ in range(20)]
            if way != "freeze" or time.monotonic() - hung < HUNG_SECONDS:
                break
            hung = time.monotonic()  # meanwhile one may have asked the replica again, on a machine that stood still
            node.client.call("GetUser", node.types.GetUserRequest(id=user.id), timeout=0.5)
        assert answers == [(user, ["old"])] * 20
        assert reads(node)[1] > 0
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        if way != "freeze":
            replica.start()
    before = reads(node)[0]
    programs.wait_until(lambda: node.get(user.id) and reads(node)[0] > before, "the replica to be read again")


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--db-read", "postgres://127.0.0.1/users"], "--db-read needs --db postgres://"),
        (["--db-read", "sqlite:users.db"], "--db-read"),
        (["--db", "sqlite:users.db", "--db-read", "postgres://127.0.0.1/users"], "--db-read needs"),
    ],
)
def test_flags_that_do_not_go_together(flags, told):
    done = programs.run(places.program("userd"), *flags)
    assert done.returncode == 2 and told in done.stderr, done.stderr
