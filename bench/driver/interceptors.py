# SPDX-License-Identifier: Apache-2.0
"""What interceptors add to the server's CPU per call of a unary echo."""
import contextlib
import statistics

from driver import programs, unary

CONNECTIONS, STREAMS, CALLS = 100, 10, 400_000

# Each list is measured beside a server without any.
LISTS = ["logging", "metrics", "ratelimit", "concurrency", "tracing", "metrics,tracing"]


def measure_turns(servers, options):
    """Name -> CPU per call in µs of each turn; the first turn warms up."""
    runs = {name: [] for name in servers}
    for turn in range(options.runs + 1):
        for name, server in servers.items():
            share = options.scale * (1 if turn else 0.1)
            each = max(int(CALLS * share / CONNECTIONS), STREAMS)
            cpu, _ = unary.measure_once(server, options, CONNECTIONS, STREAMS, each * CONNECTIONS)
            if turn > 0:
                runs[name].append(cpu)
    return runs


def measure(options):
    results = {}
    print(f"interceptors around a unary echo, {CONNECTIONS} x {STREAMS}: server CPU per call in µs, and what they add")
    with contextlib.ExitStack() as stack:
        program = options.bin / "bench-echo"
        servers = {"none": stack.enter_context(programs.Server([program], options.server_core))}
        # It takes spans in as well: refuses them, but what it costs to send them is all there.
        otlp = ["--otlp", servers["none"].address]
        for names in LISTS:
            command = [program, "--interceptors", names, *otlp]
            servers[names] = stack.enter_context(programs.Server(command, options.server_core))
        for server in servers.values():
            programs.check_echo(server.address)
        runs = measure_turns(servers, options)
    for name, of_one in runs.items():
        added = statistics.median(one / none - 1 for one, none in zip(of_one, runs["none"]))
        results[name] = {"cpu_us": statistics.median(of_one), "added": added}
        print(f"{name:>24} {results[name]['cpu_us']:8.3f} {added * 100:+7.1f} %", flush=True)
    return results
