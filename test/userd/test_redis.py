# SPDX-License-Identifier: Apache-2.0
"""userd with a Redis that is there, that dies, freezes and comes back."""
import itertools
import time

import pytest

from support import nodes, places, programs


@pytest.fixture
def node(redis, user_pb2, tmp_path):
    node = nodes.Node(tmp_path / "node", user_pb2, *redis.flags)
    node.await_cache("SERVING")
    yield node
    node.close()


ABSENT_SECONDS = 5  # doc/REDIS.md; so long, too, a load may take that is kept


def counts(node):
    return [node.metric(f"userd_cache_{name}_total") for name in ("hits", "misses")]


def counted(node, calls):
    """Hits and misses of calls() that took less time than anything needs to expire. It is called again where it takes longer."""
    for _ in range(10):
        before, began = counts(node), time.monotonic()
        calls()
        if time.monotonic() - began < ABSENT_SECONDS:
            return [after - earlier for after, earlier in zip(counts(node), before)]
    raise AssertionError("this machine stands still")


def test_users_are_read_once(node, redis):
    serial, types = itertools.count(1), []

    def one_user():
        user = node.create(f"a{next(serial)}@redis.example")
        answers = [node.get(user.id) for _ in range(10)]
        assert all(answer.user == user for answer in answers)
        types.append(redis.cli("TYPE", f"userd:user:{user.id}"))

    def nobody():
        absent = 12345 + next(serial)
        assert [node.get(absent).found for _ in range(5)] == [False] * 5

    assert counted(node, one_user) == [9, 1] and types[-1] == ["string"]
    assert counted(node, nobody) == [4, 1]
    assert node.metric("userd_cache_errors_total") == 0


def test_writes_are_seen_at_once(node):
    user = node.create("b@redis.example")
    for number in range(20):
        assert node.get(user.id).user.name == ("old" if number == 0 else f"new {number - 1}")
        node.rename(user.id, f"new {number}")
    node.call("DeleteUser", node.types.DeleteUserRequest(id=user.id))
    assert not node.get(user.id).found


@pytest.mark.parametrize("way", ["kill", "freeze"])
def test_without_redis_all_goes_on(node, redis, way):
    user = node.create("c@redis.example")
    assert node.get(user.id).user == user
    redis.kill() if way == "kill" else redis.freeze()
    node.rename(user.id, "new")
    assert node.get(user.id).user.name == "new"
    node.await_cache("NOT_SERVING")
    assert "Redis is away" in node.userd.said()
    began = time.monotonic()
    for _ in range(200):
        assert node.get(user.id).user.name == "new"
    assert time.monotonic() - began < nodes.SOON  # nobody waits for what is known to be away
    assert node.metric("userd_cache_errors_total") > 200
    redis.start() if way == "kill" else redis.thaw()
    node.await_cache("SERVING")
    assert node.get(user.id).user.name == "new"  # though a Redis that thaws has kept the old one
    hits = node.metric("userd_cache_hits_total")
    programs.wait_until(lambda: node.get(user.id) and node.metric("userd_cache_hits_total") > hits, "a hit")
    assert "Redis is back" in node.userd.said()


def test_userd_starts_without_redis(redis, user_pb2, tmp_path):
    redis.kill()
    node = nodes.Node(tmp_path, user_pb2, *redis.flags)
    try:
        assert node.get(node.create("d@redis.example").id).found
        assert node.health() == ("healthy", "NOT_SERVING")
        redis.start()
        node.await_cache("SERVING")
    finally:
        node.close()


def test_a_redis_that_refuses_is_told_of(redis, user_pb2, tmp_path):
    redis.cli("CONFIG", "SET", "requirepass", "secret")
    node = nodes.Node(tmp_path, user_pb2, *redis.flags)
    try:
        assert node.get(node.create("e@redis.example").id).found
        assert node.health() == ("healthy", "NOT_SERVING")
        assert "NOAUTH" in node.userd.said()
    finally:
        node.close()


def test_a_redis_that_is_silent_is_told_of(redis, user_pb2, tmp_path):
    redis.freeze()
    node = nodes.Node(tmp_path, user_pb2, *redis.flags)
    try:
        assert node.health() == ("healthy", "NOT_SERVING")
        assert 'why="no answer in time"' in node.userd.said()
    finally:
        node.close()


def test_a_password_in_the_url(redis, user_pb2, tmp_path):
    redis.cli("CONFIG", "SET", "requirepass", "s@cret")
    url = redis.url
    redis.url = url.replace("redis://", "redis://:s%40cret@") + "/3"
    node = nodes.Node(tmp_path, user_pb2, *redis.flags)
    try:
        node.await_cache("SERVING")
        user = node.create("f@redis.example")
        assert node.get(user.id).user == user == node.get(user.id).user
        assert node.metric("userd_cache_hits_total") == 1
        assert "cret" not in node.userd.said()
    finally:
        node.close()


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "rediss://127.0.0.1", "redis://127.0.0.1:0"])
def test_bad_urls_are_refused(url):
    done = programs.run(places.program("userd"), "--redis", url)
    assert done.returncode == 2 and "--redis" in done.stderr and "redis://" in done.stderr, done.stderr
