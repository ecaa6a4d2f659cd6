# SPDX-License-Identifier: Apache-2.0
"""Every attack in turn, again and again for a while, beside well-behaved clients; see script/attack."""
import argparse
import multiprocessing
import os
import pathlib
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import attacks, siege  # noqa: E402

MIB = 1 << 20
MEMORY_CAP = 256 * MIB
PER_ADDRESS = 1000
RESET = struct.pack("ii", 1, 0)


def repeat(strike, address, until):
    """An attacker: again as soon as it was stopped."""
    while time.time() < until:
        try:
            strike(address)
        except (OSError, AssertionError):
            pass


def connect_and_leave(address):
    """50,000 connections from one address, as fast as they come, and twice as many at a time as it may have."""
    host, port = address.rsplit(":", 1)
    for _ in range(50_000 // (2 * PER_ADDRESS)):
        held = []
        for _ in range(2 * PER_ADDRESS):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)  # or else its ports would be used up
            one.bind(("127.0.0.2", 0))
            one.connect((host, int(port)))
            held.append(one)
        for one in held:
            one.close()


class Measure:
    """What the neighbours and the server's process saw in a stretch of time."""

    def __init__(self, besieged, seconds, strike=None):
        besieged.neighbours.report()
        cpu, start = besieged.cpu_seconds(), time.time()
        if strike is None:
            time.sleep(seconds)
        else:
            attacker = multiprocessing.Process(target=repeat, args=(strike, besieged.address, start + seconds))
            attacker.start()
            attacker.join()
        elapsed = time.time() - start
        report = besieged.neighbours.report()
        self.calls, self.failed, self.why = report["calls"], report["failed"], report["why"]
        self.p99 = report["p99"] / 1000
        self.cpu = (besieged.cpu_seconds() - cpu) / elapsed
        self.memory = besieged.memory() / MIB

    def row(self, name, calm=None):
        times = "" if calm is None else f"{self.p99 / calm.p99:6.1f} x {self.cpu / calm.cpu:6.1f} x"
        return (
            f"{name:>22} {self.calls:8} {self.failed:6} {self.p99:9.2f} {100 * self.cpu:7.1f}%"
            f" {self.memory:7.1f} {times}"
        )


def main():
    parser = argparse.ArgumentParser(prog="script/attack", description=__doc__)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help="of: " + " ".join(named()))
    parser.add_argument("--seconds", type=float, default=5, help="of each attack (5)")
    parser.add_argument("--clients", type=int, default=64, help="well-behaved ones (64)")
    parser.add_argument("--period-ms", type=int, default=50, help="between the calls of each (50)")
    options = parser.parse_args()
    unknown = set(options.attacks) - set(named())
    if unknown:
        parser.error("there is no attack " + ", ".join(sorted(unknown)))
    chosen = {name: strike for name, strike in named().items() if name in (options.attacks or named())}
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--log-level", "info", "--max-connections-per-address", str(PER_ADDRESS)]
        with siege.siege(folder, *flags, clients=options.clients, period_ms=options.period_ms) as besieged:
            return storm(besieged, chosen, options.seconds)


def named():
    return {**{attack.name: attack.strike for attack in attacks.ATTACKS}, "connections": connect_and_leave}


def storm(besieged, chosen, seconds):
    """The exit status: 1 when a neighbour's call failed or memory was over its cap."""
    failed = 0
    besieged.neighbours.after_calls(besieged.clients)
    print(f"{besieged.clients} clients, a call of each every {besieged.period_ms} ms; goal: 2 x the calm")
    print(f"{'':>22} {'calls':>8} {'failed':>6} {'p99 ms':>9} {'CPU':>8} {'MiB':>7} {'p99':>8} {'CPU':>8}")
    calm = Measure(besieged, max(seconds, 5))
    print(calm.row("calm"), flush=True)
    for name, strike in chosen.items():
        measured = Measure(besieged, seconds, strike)
        print(measured.row(name, calm), flush=True)
        if measured.failed or measured.calls == 0:
            print(f"    {name}: a neighbour's call failed: {measured.why}")
            failed += 1
    time.sleep(3)
    after = Measure(besieged, max(seconds, 5))
    print(after.row("calm again", calm))
    peak = besieged.memory("VmHWM") / MIB
    print(f"memory: {calm.memory:.1f} MiB before, {peak:.1f} at most, {after.memory:.1f} after")
    print(f"lines of failed connections in the log: {len(besieged.lines_of_failures())}")
    if peak * MIB > MEMORY_CAP or after.memory > calm.memory + 16:
        print("memory: over its cap, or not given back")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.setdefault("WEIR_BIN", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))
    sys.exit(main())
