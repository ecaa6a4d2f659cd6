# SPDX-License-Identifier: Apache-2.0
"""Three times what a server can do, with and without the concurrency limit."""
import json
import subprocess

from driver import programs

WORKERS, WORK_MS = 4, 5
CAPACITY = WORKERS * 1000 // WORK_MS  # calls a second
SECONDS = 10

# Name, interceptors, calls offered as a multiple of the capacity.
UNLOADED, LIMITED = "a third of it", "three times, limited"
SETTINGS = [
    (UNLOADED, ["--interceptors", "concurrency"], 1 / 3),
    ("three times, no limit", [], 3),
    (LIMITED, ["--interceptors", "concurrency"], 3),
]

# How many times the unloaded p99 that of the calls let in may be.
GOAL = 3


def offer(options, address, rate, seconds):
    done = subprocess.run(
        [
            "taskset", "-c", str(options.load_core), options.bin / "bench-overload", "--connect", address,
            "--rate", str(rate), "--seconds", str(seconds),
        ],
        capture_output=True, text=True, check=False,
    )
    if done.returncode != 0:
        raise programs.Broken(done.stderr.strip())
    return json.loads(done.stdout)


def measure_setting(options, interceptors, load):
    command = [
        options.bin / "bench-echo", "--work-ms", str(WORK_MS), "--workers", str(WORKERS), *interceptors,
    ]
    seconds = max(round(SECONDS * min(options.scale, 1)), 1)
    with programs.Server(command, options.server_core) as server:
        return offer(options, server.address, round(CAPACITY * load), seconds)


def measure(options):
    print(f"calls of {WORK_MS} ms on {WORKERS} threads, so {CAPACITY} a second; latencies in ms")
    print(f"{'offered':>24} {'answered':>9} {'p50':>8} {'p99':>8} {'refused':>9} {'p50':>8} {'p99':>8}")
    results = {}
    for name, interceptors, load in SETTINGS:
        figure = results[name] = measure_setting(options, interceptors, load)
        ok, refused = figure["ok"], figure["refused"]
        print(
            f"{name:>24} {ok['count']:9} {ok['p50'] / 1e3:8.2f} {ok['p99'] / 1e3:8.2f}"
            f" {refused['count']:9} {refused['p50'] / 1e3:8.2f} {refused['p99'] / 1e3:8.2f}",
            flush=True,
        )
    ratio = results[LIMITED]["p99_ratio"] = results[LIMITED]["ok"]["p99"] / results[UNLOADED]["ok"]["p99"]
    print(f"    with the limit the p99 of what is answered is {ratio:.2f} times the unloaded one (goal {GOAL})", flush=True)
    return results
