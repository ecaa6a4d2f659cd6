# SPDX-License-Identifier: Apache-2.0
"""userd for a long time: calls of every kind, faults, attacks; and nothing that grows. See script/soak."""
import itertools
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import attacks, frames, programs, siege  # noqa: E402

MIB = 1 << 20
GAUGES = ["weir_server_fibers", "weir_server_timers", "weir_server_calls", "weir_server_connections"]
WORKERS = 4
NUMBERS = itertools.count()  # of users


class Load:
    """Threads that do at random what clients do, well or badly, until they are told to stop."""

    def __init__(self, address, seed):
        self.address = address
        self.over = threading.Event()
        self.done = dict.fromkeys(("calls", "streams", "cuts", "attacks"), 0)
        self.broken = []
        self.threads = [
            threading.Thread(target=self.run, args=(random.Random(seed * WORKERS + i),)) for i in range(WORKERS)
        ]

    def run(self, chance):
        acts = [self.calls, self.calls, self.streams, self.cuts, self.attacks]
        while not self.over.is_set():
            act = chance.choice(acts)
            try:
                act(chance)
                self.done[act.__name__] += 1
            except OSError:
                pass
            except Exception as error:  # told at the end, by the thread that judges
                self.broken.append(f"{act.__name__}: {error!r}")

    def calls(self, chance):
        with frames.Connection(self.address) as connection:
            for stream in range(1, 2 * chance.randrange(1, 40), 2):
                number = next(NUMBERS)
                name = b"soak %d" % number
                email = b"soak%d@example.org" % number
                create = b"\x0a" + bytes([len(name)]) + name + b"\x12" + bytes([len(email)]) + email
                path, payload = chance.choice([
                    ("GetUser", b"\x08\x01"), ("CreateUser", create), ("ListUsers", b"\x10\x0a"), ("Nothing", b""),
                    ("DeleteUser", b"\x08" + bytes([chance.randrange(1, 128)])),
                ])  # fmt: skip
                request = frames.request(stream, "/user.UserService/" + path)
                connection.send(request + frames.data(stream, frames.message(payload)))
                assert connection.answer(stream)["grpc-status"] in ("0", "5", "12")

    def streams(self, chance):
        """A chat, whose end is now and then missing."""
        with frames.Connection(self.address) as connection:
            connection.send(frames.request(1, "/user.UserService/ChatUsers"))
            for _ in range(chance.randrange(20)):
                connection.send(frames.data(1, frames.message(b"\x0a\x01a\x12\x01b\x1a\x02hi"), end=False))
            if chance.random() < 0.7:
                connection.send(frames.frame(frames.DATA, b"", frames.END_STREAM, 1))
                connection.answer(1)

    def cuts(self, chance):
        """Requests that nobody waits for, cut at any byte."""
        with frames.Connection(self.address) as connection:
            bytes_of = b"".join(
                frames.request(stream, "/user.UserService/ListUsersStream")
                + frames.data(stream, frames.message(b"\x10\x64"))
                for stream in range(1, 60, 2)
            )
            connection.send(bytes_of[: chance.randrange(len(bytes_of))])

    def attacks(self, chance):
        chance.choice(attacks.ATTACKS).strike(self.address)

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class Sample:
    def __init__(self, besieged):
        metrics = besieged.metrics()
        self.files = besieged.open_files()
        self.memory = besieged.memory()
        self.gauges = {name: metrics[name] for name in GAUGES}

    def __str__(self):
        gauges = ", ".join(f"{name.removeprefix('weir_server_')} {value:.0f}" for name, value in self.gauges.items())
        return f"{self.files} descriptors, {self.memory / MIB:.1f} MiB, {gauges}"


def at_rest(besieged):
    """Without load; quiet connections give back what they have after four seconds."""
    programs.wait_until(
        lambda: besieged.count("weir_server_connections") == besieged.clients
        and besieged.count("weir_server_calls") <= besieged.clients,
        "the load to be gone",
    )
    time.sleep(5)
    return Sample(besieged)


def soak(besieged, minutes):
    """Rounds of load, each between two rests: what is there at rest must not grow from the second one on."""
    rounds = max(3, round(minutes))
    rests = []
    for number in range(rounds):
        load = Load(besieged.address, number)
        load.start()
        end = time.monotonic() + 60 * minutes / rounds
        while time.monotonic() < end:
            time.sleep(1)
            report = besieged.neighbours.report()
            assert report["failed"] == 0, report
        load.stop()
        assert not load.broken, load.broken[:3]
        rests.append(at_rest(besieged))
        print(f"round {number + 1} of {rounds}: {load.done}; at rest {rests[-1]}", flush=True)
    judge(rests)


def judge(rests):
    first, last = rests[1], rests[-1]
    assert last.files <= first.files + 2, f"descriptors: {first.files}, then {last.files}"
    # The table of users grows, and with it SQLite's cache, which has a bound.
    assert last.memory <= first.memory + 24 * MIB, f"memory: {first.memory}, then {last.memory}"
    for name in ("weir_server_fibers", "weir_server_timers"):
        slack = 2 + 4 * 2  # a neighbour's call may be under way
        assert last.gauges[name] <= first.gauges[name] + slack, f"{name}: {first}, then {last}"


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as folder:
        with siege.siege(folder, "--log-level", "warn", "--loops", "2", clients=4, period_ms=20) as besieged:
            soak(besieged, minutes)
    print(f"soak: flat after {minutes:g} minutes")


if __name__ == "__main__":
    os.environ.setdefault("WEIR_BIN", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))
    main()
