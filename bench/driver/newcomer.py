# SPDX-License-Identifier: Apache-2.0
"""How soon a userd that is added to a fleet of three has its share of the calls: from the start of its process."""
import contextlib
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from driver import programs
from support import etcd, fleet, programs as servers

SERVICE = "user.UserService"
MEMBERS = 3
GOAL = 2  # seconds
PART = 0.9  # of its share, over a tenth of a second, which the client tells ten times a second


def add(folder, store, number):
    home = folder / f"userd-{number}"
    home.mkdir()
    return servers.Userd(home, "--etcd", store.url)


def has_share(caller, newcomer, count):
    """Whether the newcomer had PART of its share of the calls between the last two reports."""
    before = caller.last
    servers.wait_until(lambda: caller.last is not before, "another report")
    after = caller.last
    name = f"ipv4:{newcomer.address}"
    more = after["servers"].get(name, 0) - before["servers"].get(name, 0)
    return more > 0 and more >= PART * (after["calls"] - before["calls"]) / count


def measure_once(folder):
    """Seconds until the newcomer answers, and until it has its share."""
    with contextlib.ExitStack() as stack:
        store = etcd.Etcd(folder)
        stack.callback(store.kill)
        store.start()
        members = [add(folder, store, number) for number in range(MEMBERS)]
        for member in members:
            stack.callback(member.kill)
            member.start()
        caller = fleet.Caller(f"etcd://{store.address}/{SERVICE}")
        stack.callback(caller.kill)
        for member in members:
            caller.await_calls(fleet.RATE // 10, member)
        newcomer = add(folder, store, MEMBERS)
        stack.callback(newcomer.kill)
        began = time.monotonic()
        newcomer.start()
        answers = time.monotonic() - began
        while not has_share(caller, newcomer, MEMBERS + 1):
            if time.monotonic() - began > programs.PATIENCE:
                raise programs.Broken("the newcomer has no share of the calls")
        shared = time.monotonic() - began
        last, _ = caller.stop()
        if last["failed"] > 0:
            raise programs.Broken(f"{last['failed']} calls have failed: {last['why']}")
        return answers, shared


def measure(options):
    os.environ["WEIR_BIN"] = str(options.bin)
    print(f"{MEMBERS} userd on etcd at {fleet.RATE:,} calls a second, and a newcomer; seconds from its start", flush=True)
    runs = []
    try:
        for _ in range(options.runs):
            with tempfile.TemporaryDirectory() as folder:
                runs.append(measure_once(pathlib.Path(folder)))
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        raise programs.Broken(str(error)) from error
    answers = statistics.median(first for first, _ in runs)
    shared = [second for _, second in runs]
    print(f"    it answers after {answers:.2f}; it has its share after {statistics.median(shared):.2f}, "
          f"at most {max(shared):.2f} (goal: {GOAL})", flush=True)
    return {"answers": answers, "share": statistics.median(shared), "most": max(shared)}
