# SPDX-License-Identifier: Apache-2.0
"""Server CPU of a unary echo with two loops, beside one: what loops cost each other."""
import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import statistics

from driver import programs

# On each of the two cores a load of its own.
CONNECTIONS, STREAMS, CALLS = 8, 100, 1_000_000

GOAL = 1.05  # times the CPU of one loop


class Server(programs.Server):
    """bench-echo with so many loops, each on its core."""

    def __init__(self, options, loops):
        self.cores = [options.server_core, options.load_core]
        super().__init__([options.bin / "bench-echo", "--loops", loops], ",".join(map(str, self.cores)))
        self.loops = loops

    def __enter__(self):
        super().__enter__()
        threads = sorted(int(task.name) for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir())
        if len(threads) != self.loops:
            self.__exit__()
            raise programs.Broken(f"a server of {self.loops} loops has {len(threads)} threads")
        for thread, core in zip(threads, self.cores):
            os.sched_setaffinity(thread, {core})
        return self


def load(options, core, server, calls):
    on_core = argparse.Namespace(**{**vars(options), "load_core": core})
    programs.weir_bench(
        on_core, server.address, programs.ECHO_PATH, programs.ECHO_REQUEST, CONNECTIONS, STREAMS, calls
    )


def cpu_per_call(server, options, calls):
    """In µs. Each loop has as many calls in flight: with one loop the two loads come one after the other."""
    before = server.cpu_seconds()
    with concurrent.futures.ThreadPoolExecutor(max_workers=server.loops) as pool:
        for done in [pool.submit(load, options, core, server, calls) for core in server.cores]:
            done.result()
    return (server.cpu_seconds() - before) / (len(server.cores) * calls) * 1e6


def measure(options):
    print(f"unary echo with two loops beside one, {CONNECTIONS} x {STREAMS} for each: CPU per call in µs")
    calls = max(int(CALLS * options.scale), CONNECTIONS * STREAMS)
    turns = []
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(options, loops)) for loops in (1, 2)]
        for server in servers:
            programs.check_echo(server.address)
        for turn in range(options.runs + 1):
            share = calls if turn else max(calls // 10, CONNECTIONS * STREAMS)  # the first turn warms up
            cpu = [cpu_per_call(server, options, share) for server in servers]
            if turn > 0:
                turns.append(cpu)
    one, two = (statistics.median(column) for column in zip(*turns))
    ratio = statistics.median(turn[1] / turn[0] for turn in turns)
    print(f"    one loop {one:.3f}, two {two:.3f}: {ratio:.2f} times, goal {GOAL}", flush=True)
    return {"one_cpu_us": one, "two_cpu_us": two, "ratio": ratio}
