# SPDX-License-Identifier: Apache-2.0
"""Server CPU of a streamed message, and of an echo of 1 MiB."""
import contextlib
import re
import statistics
import subprocess

from driver import programs

SERVERS = {"floor": "bench-bulk", "weir": "bench-echo", "grpc C++": "bench-grpc-cpp", "grpc-go": "bench-go-echo"}
PEERS = {"grpc C++", "grpc-go"}
UNARY_ONLY = {"floor", "grpc-go"}
WARM_UP = 3  # turns' worth of large messages, until gRPC's C++ library has the memory that it wants

# What the calls are: name, kind, messages, bytes of each; what Weir's server is to take at most, in µs.
# Under the unary ones there is a floor.
CASES = [
    ("a message of 32 bytes, of 100,000 on a stream", "stream", 100_000, 32, 0.08),
    ("an echo of 1 MiB", "unary", 200, 1 << 20, 300),
    # Weir's alone
    ("a message of 32 bytes both ways at once, of 1,000,000 on a stream", "both", 1_000_000, 32, None),
]


def measure_once(server, options, kind, times, size):
    """(Server CPU in µs, time on the clock in µs), of one message."""
    if server.command[0].endswith("bench-bulk"):
        load = [options.bin / "bench-bulk", "--connect", server.address, times, size]
    else:
        load = [options.bin / "bench-stream", server.address, kind, times, size]
    before = server.cpu_seconds()
    done = subprocess.run(
        ["taskset", "-c", str(options.load_core), *map(str, load)],
        capture_output=True, text=True, check=False, timeout=10 * programs.PATIENCE,
    )
    told = re.search(r"^answered (\d+) seconds ([\d.]+)$", done.stdout, re.M)
    if done.returncode != 0 or not told or int(told[1]) != times:
        raise programs.Broken(f"{load[0].name}: {(done.stdout + done.stderr).strip()[-400:]}")
    return (server.cpu_seconds() - before) / times * 1e6, float(told[2]) / times * 1e6


def measure_case(servers, options, case):
    _, kind, times, size, _ = case
    if kind == "both":
        servers = {"weir": servers["weir"]}
    elif kind != "unary":
        servers = {name: server for name, server in servers.items() if name not in UNARY_ONLY}
    times = max(int(times * options.scale), 10)
    warm_up = WARM_UP * times if kind == "unary" else max(times // 10, 1)
    runs = {name: [] for name in servers}
    for turn in range(options.runs + 1):
        for name, server in servers.items():
            run = measure_once(server, options, kind, times if turn else warm_up, size)
            if turn > 0:  # the first warms up
                runs[name].append(run)
    return {
        name: {
            "cpu_us": statistics.median(cpu for cpu, _ in of_one),
            "least_us": min(cpu for cpu, _ in of_one),
            "most_us": max(cpu for cpu, _ in of_one),
            "clock_us": statistics.median(clock for _, clock in of_one),
            "ratio": statistics.median(one[0] / floor[0] for one, floor in zip(of_one, runs["floor"]))
            if "floor" in runs else None,
        }
        for name, of_one in runs.items()
    }


def measure(options):
    names = {name: program for name, program in SERVERS.items() if name not in PEERS or options.peers}
    results = {}
    print("streams and large messages: server CPU in µs, least and most; time on the clock in µs; x floor; goal of the first")
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(programs.Server([options.bin / program], options.server_core))
            for name, program in names.items()
        }
        for name, server in servers.items():
            if name != "floor":
                programs.check_echo(server.address)
        for case in CASES:
            results[case[0]] = measure_case(servers, options, case)
            print(f"  {case[0]}")
            for name, one in results[case[0]].items():
                goal = f"{case[4]:9.2f}" if name == "weir" and case[4] else ""
                ratio = f"{one['ratio']:6.2f}" if one["ratio"] else " " * 6
                print(
                    f"    {name:<9} {one['cpu_us']:9.3f} {one['least_us']:9.3f} {one['most_us']:9.3f}"
                    f" {one['clock_us']:9.3f} {ratio} {goal}", flush=True,
                )
    return results
