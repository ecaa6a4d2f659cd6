# SPDX-License-Identifier: Apache-2.0
"""Server CPU of a unary echo, beside the floor of bench/floor.c and beside other servers."""
import contextlib
import statistics

from driver import programs

# connections, streams on each, calls, and what the ratio to the floor should be at most, whatever the headers but
# for those that change in each call
SETTINGS = [(8, 100, 2_000_000, 1.5), (100, 10, 800_000, 1.15), (1, 1, 40_000, 1.05)]

SERVERS = {"floor": "bench-floor", "weir": "bench-echo"}


def weir_bench(*flags):
    def load(options, address, connections, streams, calls):
        result = programs.weir_bench(
            options, address, programs.ECHO_PATH, programs.ECHO_REQUEST, connections, streams, calls, *flags
        )
        return result["seconds"]

    return load


def h2load(options, address, connections, streams, calls):
    return programs.h2load(
        options, address, programs.ECHO_PATH, programs.ECHO_REQUEST, connections, streams, calls
    )


# What requests are like, name -> (in words, the load). Real clients repeat their header fields by number.
LOADS = {
    "repeating": ("header fields that repeat (weir-bench)", weir_bench()),
    "changing": ("a timeout and a request id that differ in each call (weir-bench --changing)", weir_bench("--changing")),
    "literal": (":path and content-length as literals in each call (h2load)", h2load),
}


def measure_once(server, load, options, connections, streams, calls):
    """(CPU per call in µs, calls a second)."""
    before = server.cpu_seconds()
    seconds = load(options, server.address, connections, streams, calls)
    return (server.cpu_seconds() - before) / calls * 1e6, calls / seconds


def measure_setting(servers, load, options, setting):
    """Name -> medians of CPU per call, of its ratio to the floor's in the same turn, and of calls a second."""
    connections, streams, calls, _ = setting
    runs = {name: [] for name in servers}
    order = list(servers.items())
    for turn in range(options.runs + 1):
        for name, server in order:
            share = programs.PEERS[name][1] if name in programs.PEERS else 1
            share *= options.scale * (1 if turn else 0.1)
            each = max(int(calls * share / connections), streams)  # calls on one connection
            run = measure_once(server, load, options, connections, streams, each * connections)
            if turn > 0:  # the first warms up
                runs[name].append(run)
        order.reverse()  # who comes behind a larger server finds colder caches
    return {
        name: {
            "cpu_us": statistics.median(cpu for cpu, _ in of_one),
            "ratio": statistics.median(one[0] / floor[0] for one, floor in zip(of_one, runs["floor"])),
            "calls_per_second": statistics.median(rate for _, rate in of_one),
        }
        for name, of_one in runs.items()
    }


def print_setting(load, setting, figures):
    for name, figure in figures.items():
        goal = f"{setting[3]:6.2f}" if name == "weir" and load != "changing" else ""
        print(
            f"{f'{setting[0]} x {setting[1]}':>9}  {name:<9} {figure['cpu_us']:8.3f}"
            f" {figure['ratio']:9.2f} {goal:>6} {figure['calls_per_second']:12,.0f}",
            flush=True,
        )


def measure_load(servers, name, options):
    words, load = LOADS[name]
    print(f"unary echo of 32 bytes, {words}:")
    print("server CPU per call in µs; ratio to the floor, and its goal; calls a second")
    print(f"{'conn x str':>9} {'server':<9} {'µs':>8} {'x floor':>9} {'goal':>6} {'calls/s':>12}")
    results = []
    for setting in SETTINGS:
        figures = measure_setting(servers, load, options, setting)
        print_setting(name, setting, figures)
        results.append({"load": name, "connections": setting[0], "streams": setting[1], "servers": figures})
    return results


def measure(options):
    """All servers run side by side; the idle ones cost nothing."""
    servers = {name: programs.Server([options.bin / program], options.server_core) for name, program in SERVERS.items()}
    if options.peers:
        servers.update({name: programs.peer(name, options) for name in programs.PEERS})
    with contextlib.ExitStack() as stack:
        for server in servers.values():
            stack.enter_context(server)
            programs.check_echo(server.address)
        results = []
        for name in LOADS:
            results += measure_load(servers, name, options)
        return results
