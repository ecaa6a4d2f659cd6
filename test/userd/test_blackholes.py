# SPDX-License-Identifier: Apache-2.0
"""Servers whose packets go nowhere: netfilter drops them, in a network namespace of this test's own."""
import ctypes
import os
import pathlib
import subprocess

import pytest

from support import places, programs
from support.fleet import RATE, Caller

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SBIN = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


@pytest.fixture(scope="module", autouse=True)
def namespace():
    """This process, and those it starts, have a network of their own, in which they may do anything."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    as_root = user == 0  # who needs no users of its own, which a chroot cannot have
    flags = CLONE_NEWNET if as_root else CLONE_NEWUSER | CLONE_NEWNET
    assert libc.unshare(flags) == 0, os.strerror(ctypes.get_errno())
    if not as_root:
        this = pathlib.Path("/proc/self")
        (this / "setgroups").write_text("deny")
        (this / "uid_map").write_text(f"0 {user} 1")
        (this / "gid_map").write_text(f"0 {group} 1")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, env=SBIN)


@pytest.fixture
def drop():
    """A function that drops all packets to and from an address, until the test is over."""
    def nft(*words):
        subprocess.run(["nft", *words], check=True, env=SBIN)

    nft("add table inet hole")
    nft("add chain inet hole packets { type filter hook input priority 0; }")
    yield lambda address: nft(f"add rule inet hole packets tcp dport {address.rsplit(':', 1)[1]} drop; "
                              f"add rule inet hole packets tcp sport {address.rsplit(':', 1)[1]} drop")
    nft("delete table inet hole")


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
