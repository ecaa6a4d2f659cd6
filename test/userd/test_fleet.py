# SPDX-License-Identifier: Apache-2.0
"""A fleet of userd that a client finds through a real etcd, and that changes under its calls."""
import json
import subprocess

import pytest

from support import etcd, places, programs
from support.fleet import RATE, Caller

SERVICE = "user.UserService"


@pytest.fixture
def store(tmp_path):
    server = etcd.Etcd(tmp_path).start()
    yield server
    server.kill()


@pytest.fixture
def fleet(tmp_path, store):
    """A function that starts one more userd."""
    members = []

    def add():
        folder = tmp_path / f"userd-{len(members)}"
        folder.mkdir()
        members.append(programs.Userd(folder, "--etcd", store.url))
        return members[-1].start()

    yield add
    for member in members:
        member.kill()


@pytest.fixture
def call():
    callers = []

    def start(servers, service=SERVICE):
        callers.append(Caller(f"etcd://{servers}/{service}"))
        return callers[-1]

    yield start
    for caller in callers:
        caller.kill()


def test_no_call_fails_whatever_happens(store, fleet, call):
    first, second, third = (fleet() for _ in range(3))
    caller = call(store.address)
    for member in (first, second, third):
        caller.await_calls(100, member)
    first.kill()
    caller.await_calls(RATE // 2)
    second.stop()
    caller.await_calls(RATE // 2)
    newcomer = fleet()
    caller.await_calls(100, newcomer)
    store.kill()
    caller.await_calls(RATE // 2)
    store.start()
    caller.await_calls(RATE // 2)
    latest = fleet()  # so the client hears of changes again
    caller.await_calls(100, latest)
    caller.await_even((third, newcomer, latest))
    last, said = caller.stop()
    assert last["failed"] == 0, last
    assert said == ""


def test_etcd_that_comes_later_is_found(store, fleet, call):
    store.kill()
    caller = call(store.address)
    caller.await_calls(1)
    store.start()
    member = fleet()
    caller.await_calls(100, member)
    last, _ = caller.stop()
    assert "etcd" in last["why"] or last["failed"] == 0, last


def test_rubbish_is_passed_over(store, fleet, call):
    for key, value in {"a": "", "b": "[]", "c": '{"addr": 1}', "d": '{"addr": "nonsense"}',
                       "e": '{"addr": "127.0.0.1:1", "weight": -1}', "f": "{" * 5000}.items():
        assert store.control("put", "--", f"{SERVICE}/{key}", value).returncode == 0
    member = fleet()
    caller = call(store.address)
    caller.await_calls(200, member)
    # What was good stays good.
    key = f"{SERVICE}/{member.address}"
    assert store.control("put", "--", key, "rubbish").returncode == 0
    caller.await_calls(200, member)
    last, said = caller.stop()
    assert last["failed"] == 0, last
    for name in "abcdef":
        assert f"{SERVICE}/{name} is passed over: it" in said, said
    assert f"{key} is passed over: it is no JSON object" in said


def test_nobody_there_is_said_clearly(store, call):
    assert store.control("put", "--", "other.Service/x", "rubbish").returncode == 0
    caller = call(store.address, "other.Service")
    programs.wait_until(lambda: caller.last["failed"] > 0, "a call to fail")
    last, _ = caller.stop()
    assert "resolver error: etcd has no server under \"other.Service/\"" in last["why"]
    assert "other.Service/x is passed over: it is no JSON object" in last["why"]


def test_a_watch_outlives_compaction(store, fleet, call):
    """While the client hears nothing of etcd, what it would watch next is compacted."""
    first = fleet()
    caller = call(store.address)
    caller.await_calls(100, first)
    store.process.send_signal(19)  # SIGSTOP
    caller.await_calls(100, first)
    store.process.send_signal(18)  # SIGCONT
    for number in range(10):
        assert store.control("put", "other", str(number)).returncode == 0
    revision = json.loads(store.control("get", "other", "--write-out=json").stdout)["header"]["revision"]
    store.kill()
    store.start()
    assert store.control("compact", str(revision)).returncode == 0
    second = fleet()
    caller.await_calls(100, second)
    last, _ = caller.stop()
    assert last["failed"] == 0, last


def test_members_of_etcd_may_go(tmp_path, call):
    """Who has lost the others of its cluster says so, and is not asked any more where there are others."""
    members = etcd.start_cluster(tmp_path)
    userds = []
    try:
        for number, url in enumerate((members[0].url, members[1].url)):
            folder = tmp_path / f"userd-{number}"
            folder.mkdir()
            userds.append(programs.Userd(folder, "--etcd", url))
        userds[0].start()
        caller = call(",".join(member.address for member in members))
        caller.await_calls(100, userds[0])
        members[0].kill()
        userds[1].start()
        caller.await_calls(100, userds[1])
        members[1].kill()
        lonely = f"etcd://{members[2].address}/{SERVICE}"
        programs.wait_until(
            lambda: "no leader" in programs.run(places.program("userctl"), "list", "--server", lonely).stderr,
            "the last member to say that it has no leader",
        )  # fmt: skip
        caller.await_calls(200, userds[1])
        last, _ = caller.stop()
        assert last["failed"] == 0, last
    finally:
        for server in (*userds, *members):
            server.kill()


@pytest.mark.parametrize("target", ["etcd:", "etcd://", "etcd://127.0.0.1:1", "etcd://127.0.0.1:1/",
                                    "etcd:///x", "etcd://127.0.0.1/x", "etcd://127.0.0.1:1/a/b"])
def test_targets_that_are_none(target):
    done = programs.run(places.program("bench-fleet"), target, "round_robin", "1", stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert f"bench-fleet: {target}: INVALID_ARGUMENT" in done.stderr


def test_userctl_takes_fleets(store, fleet):
    member = fleet()
    programs.wait_until(lambda: store.registered(f"{SERVICE}/"), "userd in etcd")
    for target in (f"etcd://{store.address}/{SERVICE}", f"{places.free_address()},{member.address}"):
        done = programs.run(places.program("userctl"), "list", "--json", "--server", target)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["total"] == 0
    done = programs.run(places.program("userctl"), "list", "--server", f"etcd://{store.address}/no.Service")
    assert done.returncode == 64 + 14
    assert 'etcd has no server under "no.Service/"' in done.stderr
