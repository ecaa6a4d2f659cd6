# SPDX-License-Identifier: Apache-2.0
"""Server CPU of a unary echo, beside the floor of bench/floor.c."""
import contextlib
import statistics

from driver import programs

# connections, streams on each, calls
SETTINGS = [(8, 100, 1_000_000), (100, 10, 400_000), (1, 1, 40_000)]

SERVERS = {"floor": "bench-floor", "weir": "bench-echo"}
PEERS = {"grpc C++": "bench-grpc-cpp"}

# Peers are slow, and their figures need less precision.
PEER_SHARE = 0.1


def measure_once(server, options, connections, streams, calls):
    """(CPU per call in µs, calls a second)."""
    load = programs.bench_client if options.load == "bench-client" else programs.h2load
    before = server.cpu_seconds()
    seconds = load(options, server.address, programs.ECHO_PATH, programs.ECHO_REQUEST, connections, streams, calls)
    return (server.cpu_seconds() - before) / calls * 1e6, calls / seconds


def measure_setting(servers, options, setting):
    """Name -> medians of CPU per call, of its ratio to the floor's in the same turn, and of calls a second."""
    connections, streams, calls = setting
    runs = {name: [] for name in servers}
    for turn in range(options.runs + 1):
        for name, server in servers.items():
            share = (PEER_SHARE if name in PEERS else 1) * options.scale * (1 if turn else 0.1)
            each = max(int(calls * share / connections), streams)  # calls on one connection
            run = measure_once(server, options, connections, streams, each * connections)
            if turn > 0:  # the first warms up
                runs[name].append(run)
    return {
        name: {
            "cpu_us": statistics.median(cpu for cpu, _ in of_one),
            "ratio": statistics.median(one[0] / floor[0] for one, floor in zip(of_one, runs["floor"])),
            "calls_per_second": statistics.median(rate for _, rate in of_one),
        }
        for name, of_one in runs.items()
    }


def print_setting(setting, figures):
    for name, figure in figures.items():
        print(
            f"{f'{setting[0]} x {setting[1]}':>9}  {name:<9} {figure['cpu_us']:8.3f}"
            f" {figure['ratio']:9.2f} {figure['calls_per_second']:12,.0f}",
            flush=True,
        )


def measure(options):
    names = dict(SERVERS)
    if options.peers:
        names.update({name: program for name, program in PEERS.items() if (options.bin / program).is_file()})
    print("unary echo of 32 bytes: server CPU per call in µs; ratio to the floor; calls per second")
    print(f"{'conn x str':>9} {'server':<9} {'µs':>8} {'x floor':>9} {'calls/s':>12}")
    results = []
    for setting in SETTINGS:
        servers = {
            name: programs.Server([options.bin / program], options.server_core) for name, program in names.items()
        }
        figures = measure_started(servers, options, setting)
        print_setting(setting, figures)
        results.append({"connections": setting[0], "streams": setting[1], "servers": figures})
    return results


def measure_started(servers, options, setting):
    """All servers run side by side; the idle ones cost nothing."""
    with contextlib.ExitStack() as stack:
        for server in servers.values():
            stack.enter_context(server)
            programs.check_echo(server.address)
        return measure_setting(servers, options, setting)
