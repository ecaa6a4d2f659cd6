# SPDX-License-Identifier: Apache-2.0
"""What hedging makes of a server of which one reply in twenty is 100 times slower, and what it costs."""
import json
import subprocess

from driver import programs

CALLS = 4000
GOAL_P99, GOAL_MORE = 0.5, 10  # of the p99 without; % of calls


def run(options, *arguments):
    calls = max(round(CALLS * min(options.scale, 1)), 200)
    done = subprocess.run(
        [options.bin / "bench-hedge", "--calls", str(calls), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise programs.Broken(done.stderr.strip())
    return json.loads(done.stdout)


def measure(options):
    print("unary calls, 16 at a time, of 4 ms, every twentieth 400 ms; a further attempt after 40 ms; latencies in ms")
    print(f"{'':>10} {'p50':>8} {'p99':>8} {'attempts':>10}")
    results = {"without": run(options), "hedged": run(options, "--hedge")}
    for name, figure in results.items():
        print(f"{name:>10} {figure['p50'] / 1e3:8.2f} {figure['p99'] / 1e3:8.2f} {figure['served']:10}")
    share = results["hedged"]["p99"] / results["without"]["p99"]
    more = (results["hedged"]["served"] / results["hedged"]["calls"] - 1) * 100
    print(f"p99: {share:.2f} of it without (goal: at most {GOAL_P99}); {more:.1f} % more calls (goal: under {GOAL_MORE})")
    return results
