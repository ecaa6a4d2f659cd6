# SPDX-License-Identifier: Apache-2.0
"""Servers whose packets go nowhere: netfilter drops them, in a network namespace of this test's own."""
import pytest

from support import network, places, programs
from support.fleet import RATE, Caller


@pytest.fixture(scope="module", autouse=True)
def namespace():
    network.enter_namespace()


@pytest.fixture
def drop():
    """A function that drops all packets to and from an address, until the test is over."""
    with network.holes() as drop:
        yield drop


@pytest.fixture
def pair(tmp_path):
    members = []
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        members.append(programs.Userd(folder).start())
    yield members
    for member in members:
        member.kill()


@pytest.fixture
def call():
    callers = []

    def start(target, balancer):
        callers.append(Caller(target, balancer))
        return callers[-1]

    yield start
    for caller in callers:
        caller.kill()


@pytest.mark.parametrize("balancer", ["pick_first", "round_robin", "least_request"])
def test_connecting_goes_on_elsewhere(pair, drop, call, balancer):
    lost, other = pair
    drop(lost.address)
    caller = call(f"ipv4:{lost.address},{other.address}", balancer)
    caller.await_calls(RATE, other)
    last, _ = caller.stop()
    assert last["failed"] == 0, last
    assert caller.calls(lost) == 0


def test_a_dead_connection_is_noticed(pair, drop, call):
    """And the calls that were on it are made elsewhere."""
    lost, other = pair
    caller = call(f"ipv4:{lost.address},{other.address}", "round_robin")
    for member in pair:
        caller.await_calls(100, member)
    drop(lost.address)
    caller.await_calls(2 * RATE, other)
    last, _ = caller.stop()
    assert last["failed"] == 0, last


def test_no_call_outlives_its_deadline(pair, drop):
    lost, _ = pair
    drop(lost.address)
    done = programs.run(places.program("userctl"), "list", "--timeout", "1s", "--server", lost.address)
    assert done.returncode == 64 + 4
    assert "no answer" in done.stderr
