# SPDX-License-Identifier: Apache-2.0
"""userd for a long time: calls of every kind, faults, attacks; and nothing that grows."""
import argparse
import collections
import itertools
import os
import pathlib
import random
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import attacks, frames, programs, siege  # noqa: E402

MIB = 1 << 20
GAUGES = ["weir_server_fibers", "weir_server_timers", "weir_server_calls", "weir_server_connections"]
WORKERS = 4
NEIGHBOURS = 4
LONGEST_FAULT = 0.3  # seconds; a neighbour's call waits for ten
NUMBERS = itertools.count()  # of users


class Load:
    """Threads that do at random what clients, and a bad day, do to a server, until they are told to stop."""

    def __init__(self, besieged, seed, acts_per_second):
        self.besieged, self.address = besieged, besieged.address
        self.pause = WORKERS / acts_per_second
        self.over = threading.Event()
        self.fault = threading.Lock()  # one at a time, so that they do not add up
        self.done = collections.Counter()
        self.broken = []
        self.threads = [
            threading.Thread(target=self.run, args=(random.Random(seed * WORKERS + i),)) for i in range(WORKERS)
        ]

    def run(self, chance):
        acts = [
            self.calls, self.calls, self.calls, self.calls, self.streams, self.streams, self.cuts, self.cuts,
            self.attacks, self.crowds, self.visits, self.locks, self.freezes,
        ]  # fmt: skip
        while not self.over.wait(self.pause * 2 * chance.random()):
            act = chance.choice(acts)
            try:
                act(chance)
            except (OSError, frames.Ended):
                pass  # whoever is in the middle of something when it is cut
            except Exception as error:  # told at the end, by the thread that judges
                self.broken.append(f"{act.__name__}: {error!r}")
            self.done[act.__name__] += 1

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
                status = connection.answer(stream)["grpc-status"]
                assert status in ("0", "5", "12"), f"{path}: status {status}"

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

    def crowds(self, chance):
        """Connections that come together and say nothing."""
        host, port = self.address.rsplit(":", 1)
        held = [socket.create_connection((host, int(port))) for _ in range(chance.randrange(50))]
        time.sleep(LONGEST_FAULT * chance.random())
        for one in held:
            one.close()

    def visits(self, chance):
        """Of the operators' endpoints, by those who know how, and by those who do not."""
        host, port = self.besieged.ops.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=programs.PATIENCE) as visit:
            line = chance.choice([b"GET /metrics", b"GET /health", b"POST /livez", b"GET /" + b"a" * 9000, b"\0"])
            visit.sendall(line + b" HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")
            while visit.recv(1 << 16):
                pass

    def locks(self, chance):
        """Another process writes to the database, and creates have to wait."""
        with self.fault, self.besieged.userd.write_lock():
            time.sleep(LONGEST_FAULT * chance.random())

    def freezes(self, chance):
        """The machine has no time for userd."""
        with self.fault:
            self.besieged.userd.signal(signal.SIGSTOP)
            time.sleep(LONGEST_FAULT * chance.random())
            self.besieged.userd.signal(signal.SIGCONT)

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class Sample:
    """What userd holds at a time."""

    def __init__(self, besieged):
        metrics = besieged.metrics()
        self.values = {"descriptors": besieged.open_files(), "MiB": besieged.memory() / MIB}
        for name in GAUGES:
            self.values[name.removeprefix("weir_server_")] = metrics[name]

    def __str__(self):
        return ", ".join(f"{name} {value:.4g}" for name, value in self.values.items())


def at_rest(besieged):
    """Without load; quiet connections give back what they have after four seconds."""
    programs.wait_until(
        lambda: besieged.count("weir_server_connections") == besieged.clients
        and besieged.count("weir_server_calls") <= besieged.clients,
        "the load to be gone",
    )
    time.sleep(5)
    return Sample(besieged)


def soak(besieged, minutes, acts_per_second):
    """Rounds of load, each between two rests: what is there at rest must not grow."""
    rounds = max(4, round(minutes))
    rests, calls, done = [], 0, collections.Counter()
    for number in range(rounds):
        load = Load(besieged, number, acts_per_second)
        load.start()
        end = time.monotonic() + 60 * minutes / rounds
        while time.monotonic() < end:
            time.sleep(1)
            report = besieged.neighbours.report()
            assert report["failed"] == 0, report
            calls += report["calls"]
        load.stop()
        assert not load.broken, load.broken[:3]
        done += load.done
        rests.append(at_rest(besieged))
        acts = ", ".join(f"{count} {name}" for name, count in sorted(load.done.items()))
        print(f"round {number + 1} of {rounds}: {acts}; at rest {rests[-1]}", flush=True)
    acts = ", ".join(f"{count} {name}" for name, count in sorted(done.items()))
    print(f"in all: {acts}; {calls} calls of neighbours, none of which failed")
    return judge(rests)


# How much more may be there at the end. The table of users grows, and with it SQLite's cache, which has a bound; of
# the neighbours' calls some are under way.
SLACK = {"descriptors": 1, "MiB": 4, "fibers": NEIGHBOURS, "timers": NEIGHBOURS}


def judge(rests):
    """Compare a typical rest soon after the beginning, when caches and pools are filled, with one at the end."""
    third = max(1, len(rests) // 3)
    grown = False
    for name, slack in SLACK.items():
        values = [rest.values[name] for rest in rests]
        early = statistics.median(values[len(rests) // 10 + 1 :][:third])
        late = statistics.median(values[-third:])
        grown |= late > early + slack
        verdict = "GROWN" if late > early + slack else "flat"
        print(f"{name:>12}: {early:.4g} early, {late:.4g} late, {max(values):.4g} at most: {verdict}")
    return not grown


def main():
    parser = argparse.ArgumentParser(prog="script/soak", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=60, metavar="MINUTES", help="how long (60)")
    parser.add_argument("--acts", type=float, default=20, metavar="N", help="acts of the load a second (20)")
    options = parser.parse_args()
    if options.minutes <= 0 or options.acts <= 0:
        parser.error("MINUTES and N have to be above 0")
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--log-level", "warn", "--loops", "2"]
        with siege.siege(folder, *flags, clients=NEIGHBOURS, period_ms=20) as besieged:
            flat = soak(besieged, options.minutes, options.acts)
            cpu = besieged.cpu_seconds()
    print(f"soak: {'flat' if flat else 'NOT flat'} after {options.minutes:g} minutes, {cpu:.0f} s of CPU in userd")
    return 0 if flat else 1


if __name__ == "__main__":
    os.environ.setdefault("WEIR_BIN", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))
    sys.exit(main())
