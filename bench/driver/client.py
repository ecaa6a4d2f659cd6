# SPDX-License-Identifier: Apache-2.0
"""Client CPU of a unary call, beside other clients that call the same server by turns."""
import re
import statistics
import subprocess

from driver import programs

GOAL = 0.2  # of the better of the peers

# name -> (program, share of the calls that is enough for slower figures)
CLIENTS = {"weir": ("bench-call", 1)}
# What no client can do without: bytes that were made beforehand, and answers that are hardly looked at (bench/client.c).
# The first has one call at a time, and no loop that it could come back to: a write, and a read that waits.
FLOORS = {"bare": ["--bare"], "floor": []}
PEERS = {"grpc C++": ("bench-grpc-cpp-client", 0.2), "grpc-go": ("bench-go-call", 0.2)}

# calls at once, calls
SETTINGS = [(1, 50_000), (10, 200_000), (100, 400_000)]


def measure_floor(options, server, flags, calls, at_once):
    with programs.file_of(programs.framed(programs.ECHO_REQUEST)) as body:
        process = programs.client(
            options, server.address, programs.ECHO_PATH, body, "--streams", at_once, "--calls", calls, *flags
        )
        return programs.finish_client(process, calls)


def measure_client(options, server, program, calls, at_once):
    path = options.bin / program
    if not path.is_file():
        raise programs.Broken(f"{path} is not built: script/bench --peers does it")
    done = subprocess.run(
        ["taskset", "-c", str(options.load_core), str(path), server.address, str(calls), str(at_once)],
        capture_output=True, text=True, check=False, timeout=10 * programs.PATIENCE,
    )
    told = re.search(r"^answered (\d+) cpu ([\d.]+) seconds ([\d.]+)$", done.stdout, re.M)
    if done.returncode != 0 or not told or int(told[1]) != calls:
        raise programs.Broken(f"{program}: {(done.stdout + done.stderr).strip()[-400:]}")
    return float(told[2]), float(told[3])


def measure_setting(options, server, clients, at_once, calls):
    """Name -> medians of CPU per call, and of calls a second."""
    floors = [name for name in FLOORS if name != "bare" or at_once == 1]
    runs = {name: [] for name in (*floors, *clients)}
    for _ in range(options.runs):
        for name, of_one in runs.items():
            program, share = clients.get(name, (None, 1))
            each = max(int(calls * share * options.scale), 100)
            if name in FLOORS:
                cpu, seconds = measure_floor(options, server, FLOORS[name], each, at_once)
            else:
                cpu, seconds = measure_client(options, server, program, each, at_once)
            of_one.append((cpu / each * 1e6, each / seconds))
    return {
        name: {
            "cpu_us": statistics.median(cpu for cpu, _ in of_one),
            "calls_per_second": statistics.median(rate for _, rate in of_one),
        }
        for name, of_one in runs.items()
    }


def print_setting(at_once, figures):
    best = min((figure["cpu_us"] for name, figure in figures.items() if name in PEERS), default=None)
    for name, figure in figures.items():
        share = f"{figure['cpu_us'] / best:8.2f}" if best and name not in PEERS else f"{'':8}"
        share += f" {GOAL:6.2f}" if best and name == "weir" else f"{'':7}"
        print(f"{at_once:>7}  {name:<9} {figure['cpu_us']:8.2f} {share} {figure['calls_per_second']:12,.0f}", flush=True)


def measure(options):
    print("unary echo of 32 bytes, client CPU per call in µs; of the better of the others, and its goal; calls a second")
    print(f"{'at once':>7}  {'client':<9} {'µs':>8} {'share':>8} {'goal':>6} {'calls/s':>12}")
    clients = {**CLIENTS, **PEERS} if options.peers else CLIENTS
    with programs.Server([options.bin / "bench-echo"], options.server_core) as server:
        programs.check_echo(server.address)
        results = []
        for at_once, calls in SETTINGS:
            figures = measure_setting(options, server, clients, at_once, calls)
            print_setting(at_once, figures)
            results.append({"at_once": at_once, "clients": figures})
        return results
