# SPDX-License-Identifier: Apache-2.0
"""Every attack in turn, again and again for a while, beside well-behaved clients; see script/attack.

Each attack comes from an address of its own, which is no neighbour's and owes nothing at first. The attacker
connects again as soon as it was thrown out, and when a connection attempt is not answered at once it begins
another one, which asks more of the server than waiting would. He has a processor to himself, in the calm as well,
as whoever attacks from elsewhere."""
import argparse
import contextlib
import itertools
import multiprocessing
import os
import pathlib
import socket
import ssl
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import attacks, certs, frames, places, programs, siege  # noqa: E402

MIB = 1 << 20
MEMORY_CAP = 256 * MIB
PER_ADDRESS = 1000
GOAL = 2
IMPATIENCE = 0.05  # seconds
PROCESSORS = sorted(os.sched_getaffinity(0))
RESET = struct.pack("ii", 1, 0)


def repeat(strike, address, source, strikes):
    """An attacker: again as soon as it was stopped, until it is killed."""
    os.sched_setaffinity(0, {PROCESSORS[-1]})
    frames.From.source, frames.From.patience = source, IMPATIENCE
    while True:
        try:
            strike(address)
            with strikes.get_lock():
                strikes.value += 1
        except (OSError, AssertionError, frames.Ended):
            pass


def connect_and_leave(address):
    """50,000 connections, as fast as they come, and twice as many at a time as an address may have."""
    host, port = address.rsplit(":", 1)
    for _ in range(50_000 // (2 * PER_ADDRESS)):
        held = []
        for _ in range(2 * PER_ADDRESS):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)  # or else its ports would be used up
            one.bind((frames.From.source, 0))
            one.setblocking(False)  # so that those that are not answered hold up nothing
            one.connect_ex((host, int(port)))
            held.append(one)
        for one in held:
            one.close()


def rekeys(address):
    """TLS 1.3's KeyUpdates, each of which asks for another."""
    host, port = address.rsplit(":", 1)
    programs.run(places.program("rekeys"), host, port, frames.From.source)


def half_handshakes(address):
    """A ClientHello, whose answer costs a signature, and then nothing."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    with frames.Connection(address, greet=b"") as connection:
        connection.send(outgoing.read())
        connection.socket.recv(1)


def tls_garbage(address):
    with frames.Connection(address, greet=b"") as connection:
        connection.flood(itertools.repeat(bytes(1000)))


PLAIN = {**{attack.name: attack.strike for attack in attacks.ATTACKS}, "connections": connect_and_leave}
SECURE = {strike.__name__: strike for strike in (rekeys, half_handshakes, tls_garbage)}


class Measure:
    """What the neighbours and the server's process saw in a stretch of time."""

    def __init__(self, besieged, seconds, strike=None, source=None):
        self.strikes = multiprocessing.Value("L", 0)
        attacker = multiprocessing.Process(target=repeat, args=(strike, besieged.address, source, self.strikes))
        besieged.neighbours.report()
        cpu, start = besieged.cpu_seconds(), time.time()
        if strike is not None:
            attacker.start()
        time.sleep(seconds)
        if strike is not None:
            attacker.kill()
            attacker.join()
        elapsed = time.time() - start
        report = besieged.neighbours.report()
        self.calls, self.failed, self.why = report["calls"], report["failed"], report["why"]
        self.p99 = report["p99"] / 1000
        self.cpu = 100 * (besieged.cpu_seconds() - cpu) / elapsed
        self.memory = besieged.memory() / MIB


class Calm:
    """What is usual: right before an attack and right after it, since a machine has moods."""

    def __init__(self, before, after):
        self.p99 = (before.p99 + after.p99) / 2
        self.cpu = (before.cpu + after.cpu) / 2


def row(name, attack, calm):
    """What is over the goal is marked."""
    p99, cpu = attack.p99 / calm.p99, attack.cpu / calm.cpu
    return (
        f"{name:>24} {attack.strikes.value:7} {attack.calls:7} {attack.failed:6} {attack.memory:6.1f}"
        f" {calm.p99:8.2f} {attack.p99:8.2f} {p99:6.1f} x {calm.cpu:6.1f}% {attack.cpu:6.1f}% {cpu:6.1f} x"
        f"{'  over the goal' if max(p99, cpu) > GOAL else ''}"
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
    failed = 0
    os.sched_setaffinity(0, PROCESSORS[:-1] or PROCESSORS)
    print(f"{options.clients} clients, a call of each every {options.period_ms} ms; goal: {GOAL} x the calm")
    print(
        f"{'':>24} {'strikes':>7} {'calls':>7} {'failed':>6} {'MiB':>6}"
        f" {'p99 calm':>8} {'attack':>8} {'':>8} {'CPU calm':>7} {'attack':>7}"
    )
    for strikes, besiege in ((PLAIN, plain), (SECURE, secure)):
        chosen = {name: strikes[name] for name in strikes if name in (options.attacks or strikes)}
        if chosen:
            with tempfile.TemporaryDirectory() as folder, besiege(folder, options) as besieged:
                failed += storm(besieged, chosen, options.seconds)
    return 1 if failed else 0


# All of it is on loopback, which is trusted unless something else is.
FLAGS = ["--log-level", "info", "--max-connections-per-address", str(PER_ADDRESS), "--trust", "none"]


def plain(folder, options):
    return siege.siege(folder, *FLAGS, clients=options.clients, period_ms=options.period_ms)


def secure(folder, options):
    authority = certs.Authority(pathlib.Path(folder))
    pair = authority.issue("server", certs.LOCAL)
    return siege.siege(
        folder, *FLAGS, "--tls-cert", pair.cert, "--tls-key", pair.key, clients=options.clients,
        period_ms=options.period_ms, ca=authority.ca, answers=programs.shakes_hands,
    )  # fmt: skip


def named():
    return {**PLAIN, **SECURE}


def storm(besieged, chosen, seconds):
    """How often a neighbour's call failed, or memory was over its cap."""
    failed = 0
    besieged.neighbours.after_calls(besieged.clients)
    first = before = Measure(besieged, seconds)
    for number, (name, strike) in enumerate(chosen.items()):
        measured = Measure(besieged, seconds, strike, f"127.0.2.{number + 1}")
        after = Measure(besieged, seconds)
        print(row(name, measured, Calm(before, after)), flush=True)
        if measured.failed or measured.calls == 0:
            print(f"    {name}: a neighbour's call failed: {measured.why}")
            failed += 1
        before = after
    time.sleep(3)
    memory, peak = besieged.memory() / MIB, besieged.memory("VmHWM") / MIB
    print(f"memory: {first.memory:.1f} MiB before, {peak:.1f} at most, {memory:.1f} after")
    print(f"lines of failed connections in the log: {len(besieged.lines_of_failures())}")
    if peak * MIB > MEMORY_CAP or memory > first.memory + 16:
        print("memory: over its cap, or not given back")
        failed += 1
    return failed


if __name__ == "__main__":
    os.environ.setdefault("WEIR_BIN", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))
    sys.exit(main())
