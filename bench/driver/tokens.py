# SPDX-License-Identifier: Apache-2.0
"""What auth does for a token: one that it sees for the first time beside OpenSSL's verifying alone, and one it knows."""
import statistics
import subprocess

from driver.programs import Broken

TOKENS = 3000

# A first-seen token is to cost what its signature costs, and little more.
GOAL = 1.5


def measure_once(options):
    """(verify, first, cached): µs of CPU by the token; the last two with a call around."""
    count = max(int(TOKENS * min(options.scale, 1)), 100)
    command = ["taskset", "-c", str(options.server_core), options.bin / "bench-token", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Broken(f"bench-token: {done.stderr.strip()}")
    return [float(word) for word in done.stdout.split()[1::2]]


def measure(options):
    print("RS256 tokens of 3072 bits: CPU by the token in µs")
    runs = [measure_once(options) for _ in range(options.runs)]
    verify = statistics.median(run[0] for run in runs)
    first = statistics.median(run[1] - run[2] for run in runs)
    ratio = statistics.median((run[1] - run[2]) / run[0] for run in runs)
    print(f"{'OpenSSL verifies':>24} {verify:8.2f}")
    print(f"{'first seen adds':>24} {first:8.2f}    {ratio:.2f} times that (goal {GOAL})", flush=True)
    return {"verify_us": verify, "first_us": first, "ratio": ratio, "goal": GOAL}
