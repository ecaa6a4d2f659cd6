# SPDX-License-Identifier: Apache-2.0
"""Server CPU of a unary echo with two loops, beside one, and beside two processes, which share nothing but the machine."""
import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import re
import socket
import statistics

from driver import programs

# On each of the two cores a load of its own.
CONNECTIONS, STREAMS, CALLS = 8, 100, 1_000_000

GOAL = 1.05  # times the CPU of one loop


class One(programs.Server):
    """A server of one thread. Two loads at once would never let it sleep, so it has one after the other."""

    loads_at_once = 1

    def __init__(self, options, program):
        super().__init__([options.bin / program], options.server_core)

    def sleeps(self):
        """How often a thread of it has waited for something to do."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        told = ((task / "status").read_text() for task in tasks.iterdir())
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", text, re.M)[1]) for text in told)


class TwoLoops(One):
    """Each on its core."""

    loads_at_once = 2

    def __init__(self, options, program):
        self.cores = [options.server_core, options.load_core]
        programs.Server.__init__(self, [options.bin / program, "--loops", 2], ",".join(map(str, self.cores)))

    def __enter__(self):
        super().__enter__()
        threads = sorted(int(task.name) for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir())
        if len(threads) != len(self.cores):
            self.__exit__()
            raise programs.Broken(f"a server of two loops has {len(threads)} threads")
        for thread, core in zip(threads, self.cores):
            os.sched_setaffinity(thread, {core})
        return self


class Process(One):
    """One of two, with a socket of its own at the address of both, as each of two loops has one."""

    def __init__(self, options, program, core, address):
        host, port = address.split(":")
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.socket.bind((host, int(port)))
        self.socket.listen(4096)
        self.socket.setblocking(False)
        fd = self.socket.fileno()
        programs.Server.__init__(self, [options.bin / program, "--socket", fd], core, None, address, [fd])

    def __enter__(self):
        with self.socket:
            return super().__enter__()


class TwoProcesses(contextlib.ExitStack):
    """Of one thread, each on its core."""

    loads_at_once = 2

    def __init__(self, options, program):
        super().__init__()
        self.address = programs.free_address()
        cores = [options.server_core, options.load_core]
        self.servers = [Process(options, program, core, self.address) for core in cores]

    def __enter__(self):
        super().__enter__()
        for server in self.servers:
            self.enter_context(server)
        return self

    def cpu_seconds(self):
        return sum(server.cpu_seconds() for server in self.servers)

    def sleeps(self):
        return sum(server.sleeps() for server in self.servers)


SERVERS = {
    "one loop": (One, "bench-echo"),
    "two processes": (TwoProcesses, "bench-echo"),
    "two loops": (TwoLoops, "bench-echo"),
    "floor, one": (One, "bench-floor"),
    "floor, two processes": (TwoProcesses, "bench-floor"),
}

# What is held against what, in the same turn, and the goal.
RATIOS = [
    ("two loops", "one loop", GOAL),
    ("two loops", "two processes", GOAL),
    ("two processes", "one loop", None),
    ("floor, two processes", "floor, one", None),
]


def load(options, core, server, calls):
    on_core = argparse.Namespace(**{**vars(options), "load_core": core})
    programs.weir_bench(
        on_core, server.address, programs.ECHO_PATH, programs.ECHO_REQUEST, CONNECTIONS, STREAMS, calls
    )


def measure_once(server, options, calls):
    """(CPU per call in µs, sleeps of a thousand calls)."""
    cores = [options.server_core, options.load_core]
    cpu, sleeps = server.cpu_seconds(), server.sleeps()
    with concurrent.futures.ThreadPoolExecutor(max_workers=server.loads_at_once) as pool:
        for done in [pool.submit(load, options, core, server, calls) for core in cores]:
            done.result()
    count = len(cores) * calls
    return (server.cpu_seconds() - cpu) / count * 1e6, (server.sleeps() - sleeps) / count * 1e3


def measure_turns(servers, options):
    """Name -> what each turn measured. The first turn warms up."""
    calls = max(int(CALLS * options.scale), CONNECTIONS * STREAMS)
    turns = {name: [] for name in servers}
    for turn in range(options.runs + 1):
        for name, server in servers.items():
            run = measure_once(server, options, calls if turn else max(calls // 10, CONNECTIONS * STREAMS))
            if turn > 0:
                turns[name].append(run)
    return turns


def measure(options):
    print(f"unary echo, {CONNECTIONS} x {STREAMS} from each of two cores: CPU per call in µs; sleeps of 1,000 calls")
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(make(options, program)) for name, (make, program) in SERVERS.items()}
        for server in servers.values():
            programs.check_echo(server.address)
        turns = measure_turns(servers, options)
    results = {}
    for name, runs in turns.items():
        results[name] = {key: statistics.median(column) for key, column in zip(("cpu_us", "sleeps"), zip(*runs))}
        print(f"    {name:<20} {results[name]['cpu_us']:.3f} {results[name]['sleeps']:6.2f}", flush=True)
    for name, other, goal in RATIOS:
        ratio = statistics.median(run[0] / beside[0] for run, beside in zip(turns[name], turns[other]))
        results[f"{name} / {other}"] = ratio
        print(f"    {name} / {other}: {ratio:.2f}" + (f", goal {goal}" if goal else ""), flush=True)
    return results
