# SPDX-License-Identifier: Apache-2.0
"""Many clients with calls of all kinds, while what userd stands on is stopped, killed, cut off and comes back."""
import time

import pytest

from support import network, nodes, postgres, programs
from support.storm import CLIENTS, IN_DOUBT, Storm

HELD = 1.5  # seconds that a fault lasts


@pytest.fixture(scope="module", autouse=True)
def namespace():
    network.enter_namespace()


@pytest.fixture
def storm(cluster, redis, user_pb2, tmp_path):
    node = nodes.Node(tmp_path, user_pb2, "--db", postgres.new_database(cluster.url), "--redis", redis.url, "--loops", "2")
    try:
        node.await_cache("SERVING")
        storm = Storm(node.client)
        storm.url = node.userd.url
        yield storm
        node.close()
    finally:
        node.userd.kill()


def check(storm):
    lines = [line.split("|") for line in postgres.query(storm.url, "SELECT email, id, name FROM users")]
    [total] = postgres.query(storm.url, "SELECT sum(users) FROM totals")
    storm.check(lines, int(total))


def blow(storm, begin, end, *codes):
    """A fault in the midst of calls, which then end in one of these codes."""

    def fault():
        storm.await_codes(500, "OK")
        begin()
        if codes:
            storm.await_codes(CLIENTS, *codes)
        time.sleep(HELD)
        end()
        began = time.monotonic()
        storm.await_codes(1, ("CreateUser", "OK"))
        print(f"back after {time.monotonic() - began:.2f} s")
        storm.await_codes(500, "OK")

    storm.rage(fault)
    print(dict(storm.codes), f"slowest {storm.slowest:.2f} s")
    check(storm)


@pytest.mark.parametrize("way", ["fast", "immediate", "kill"])
def test_the_database_goes_and_comes_back(storm, cluster, way):
    blow(storm, cluster.kill if way == "kill" else lambda: cluster.stop(way), cluster.start, "UNAVAILABLE")


def test_the_database_hangs(storm, cluster):
    """What its kernel has taken for it meanwhile, it does when it goes on, and with new connections at the same time."""
    storm.may_be_late = True
    hanging = cluster.frozen()
    blow(storm, hanging.__enter__, lambda: hanging.__exit__(None, None, None), *IN_DOUBT)


def test_the_database_is_cut_off(storm, cluster):
    with network.holes() as drop:
        blow(storm, lambda: drop(cluster.address), lambda: network.nft("flush table inet hole"), *IN_DOUBT)


def test_redis_is_killed(storm, redis):
    storm.timeout = programs.PATIENCE
    blow(storm, redis.kill, redis.start)
    assert not any(storm.codes[code] for code in IN_DOUBT), storm.codes


def test_redis_is_cut_off(storm, redis):
    with network.holes() as drop:
        blow(storm, lambda: drop(redis.address), lambda: network.nft("flush table inet hole"))
    assert not storm.codes["UNAVAILABLE"], storm.codes
