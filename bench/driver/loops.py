# SPDX-License-Identifier: Apache-2.0
"""Server CPU of a unary echo with two loops, beside one, and beside two processes, which share nothing but the machine."""
import argparse
import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import re
import socket
import statistics
import struct
import time

from driver import programs
from support import places

# On each of the two cores a load of its own.
CONNECTIONS, STREAMS, CALLS = 8, 100, 1_000_000

GOAL = 1.05

BACKLOG = 4096
SO_ATTACH_REUSEPORT_CBPF = 51  # linux/socket.h; Python has no name for it


def steer(listening, cores):
    """The nth socket gets the connections that come from the nth core, by a program for the kernel: linux/filter.h."""
    load_cpu, jump_equal, give = 0x20, 0x15, 0x06
    steps = [(load_cpu, 0, 0, 0xFFFFF000 + 36)]
    for index, core in enumerate(cores):
        steps += [(jump_equal, 0, 1, core), (give, 0, 0, index)]
    steps += [(give, 0, 0, 0)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    listening[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)


def listen_twice(address, cores, steered):
    """Two sockets at an address, one for each core's loop. Without `steered` the kernel draws one for each connection."""
    host, port = address.split(":")
    listening = [socket.socket() for _ in cores]
    for one in listening:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((host, int(port)))
        one.listen(BACKLOG)
        one.setblocking(False)
    if steered:
        steer(listening, cores)
    return listening


class Server(programs.Server):
    """A server whose loops have their sockets from here, if any."""

    def __init__(self, command, core, address=None, listening=()):
        files = [one.fileno() for one in listening]
        options = [part for fd in files for part in ("--socket", fd)]
        super().__init__([*command, *options], core, None, address, files)
        self.listening = listening

    def __enter__(self):
        with contextlib.ExitStack() as sockets:
            for one in self.listening:
                sockets.enter_context(one)
            return super().__enter__()

    def cpu_seconds(self):
        if self.process.poll() is not None:
            raise programs.Broken(f"{self.command[0]} has ended")
        return super().cpu_seconds()

    def tasks(self):
        """Of its threads, first to last."""
        return sorted(pathlib.Path(f"/proc/{self.process.pid}/task").iterdir(), key=lambda task: int(task.name))

    def sleeps(self):
        """How often a thread of it has waited for something to do."""
        told = ((task / "status").read_text() for task in self.tasks())
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", text, re.M)[1]) for text in told)


class TwoLoops(Server):
    """Of bench-echo, each on its core."""

    def __init__(self, options, cores, steered):
        self.cores = cores
        address = places.free_address()
        command = [options.bin / "bench-echo", "--loops", len(cores)]
        super().__init__(command, ",".join(map(str, cores)), address, listen_twice(address, cores, steered))

    def __enter__(self):
        super().__enter__()
        end = time.monotonic() + programs.PATIENCE
        while len(self.tasks()) < len(self.cores):
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise programs.Broken("a server of two loops has not two threads")
            time.sleep(0.01)
        for task, core in zip(self.tasks(), self.cores):
            os.sched_setaffinity(int(task.name), {core})
        return self


class TwoProcesses:
    """Of one loop, each on its core, with their sockets at one address as those of two loops are."""

    def __init__(self, options, program, cores, steered):
        self.address = places.free_address()
        listening = listen_twice(self.address, cores, steered)
        self.servers = [
            Server([options.bin / program], core, self.address, [one]) for core, one in zip(cores, listening)
        ]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for server in self.servers:
                stack.enter_context(server)
            self.started = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.started.close()

    def cpu_seconds(self):
        return sum(server.cpu_seconds() for server in self.servers)

    def sleeps(self):
        return sum(server.sleeps() for server in self.servers)


def make_servers(options, cores, steered):
    """Name -> (server, whether both loads come at once). Who is loaded by one after the other is a loop alone."""

    def one_by_one(program):
        return TwoProcesses(options, program, cores, True) if steered else Server([options.bin / program], cores[0])

    return {
        "one loop": (one_by_one("bench-echo"), False),
        "two processes": (TwoProcesses(options, "bench-echo", cores, steered), True),
        "two loops": (TwoLoops(options, cores, steered), True),
        "floor, one": (one_by_one("bench-floor"), False),
        "floor, two": (TwoProcesses(options, "bench-floor", cores, steered), True),
    }


# How connections come to the loops; whether they are steered.
KINDS = {
    "own core": ("each load at the loop of its own core", True),
    "any core": ("each load at both loops, as the kernel draws them", False),
}

# Whose CPU is held against whose in the same turn, and the goal.
RATIOS = [
    ("two processes", "one loop", None),
    ("two loops", "one loop", GOAL),
    ("two loops", "two processes", GOAL),
    ("floor, two", "floor, one", None),
]


def load(options, core, server, calls):
    on_core = argparse.Namespace(**{**vars(options), "load_core": core})
    programs.weir_bench(
        on_core, server.address, programs.ECHO_PATH, programs.ECHO_REQUEST, CONNECTIONS, STREAMS, calls
    )


def measure_once(server, at_once, options, cores, calls):
    """(CPU per call in µs, sleeps of a thousand calls)."""
    cpu, sleeps = server.cpu_seconds(), server.sleeps()
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(cores) if at_once else 1) as pool:
        for done in [pool.submit(load, options, core, server, calls) for core in cores]:
            done.result()
    count = len(cores) * calls
    return (server.cpu_seconds() - cpu) / count * 1e6, (server.sleeps() - sleeps) / count * 1e3


def measure_turns(servers, options, cores):
    """Name -> what each turn measured. The first turn warms up."""
    calls = max(int(CALLS * options.scale), CONNECTIONS * STREAMS)
    turns = {name: [] for name in servers}
    for turn in range(options.runs + 1):
        share = calls if turn else max(calls // 10, CONNECTIONS * STREAMS)
        for name, (server, at_once) in servers.items():
            run = measure_once(server, at_once, options, cores, share)
            if turn > 0:
                turns[name].append(run)
    return turns


def summary(turns):
    servers = {
        name: {key: statistics.median(column) for key, column in zip(("cpu_us", "sleeps"), zip(*runs))}
        for name, runs in turns.items()
    }
    ratios = [
        statistics.median(run[0] / beside[0] for run, beside in zip(turns[name], turns[other]))
        for name, other, _ in RATIOS
    ]
    return {"servers": servers, "ratios": ratios}


def print_summary(figures):
    for name, figure in figures["servers"].items():
        print(f"    {name:<14} {figure['cpu_us']:.3f} µs, {figure['sleeps']:5.2f} sleeps")
    for (name, other, goal), ratio in zip(RATIOS, figures["ratios"]):
        print(f"    {ratio:.2f} {f'(goal {goal})' if goal else '           '} {name} by {other}", flush=True)


def measure(options):
    cores = [options.server_core, options.load_core]
    print(f"unary echo, {CONNECTIONS} x {STREAMS} from each of two cores: CPU of a call, sleeps of a thousand; ratios of CPU")
    results = {}
    for kind, (words, steered) in KINDS.items():
        print(f"  {words}:")
        try:
            servers = make_servers(options, cores, steered)
        except OSError as error:  # a kernel that takes no program at sockets
            print(f"    not measured: connections cannot be given to loops: {error}", flush=True)
            continue
        with contextlib.ExitStack() as stack:
            for server, _ in servers.values():
                stack.enter_context(server)
                programs.check_echo(server.address)
            results[kind] = summary(measure_turns(servers, options, cores))
        print_summary(results[kind])
    return results
