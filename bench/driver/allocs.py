# SPDX-License-Identifier: Apache-2.0
"""Allocations per call, once things have settled."""
import os
import pathlib
import struct
import tempfile

from driver import programs

# connections, streams on each, calls
SETTINGS = [(8, 100, 40_000), (100, 10, 40_000), (1, 1, 5_000)]

INTERCEPTORS = "logging,metrics,ratelimit,concurrency,tracing"


def measure_setting(server, counter, options, connections, streams, calls):
    """Two runs, one four times as long: what differs belongs to the calls, not to the connections."""

    def allocations(wanted):
        before = struct.unpack("=Q", counter.read_bytes())[0]
        programs.h2load(
            options, server.address, programs.ECHO_PATH, programs.ECHO_REQUEST, connections, streams, wanted
        )
        return struct.unpack("=Q", counter.read_bytes())[0] - before

    allocations(calls)  # warms up
    return (allocations(4 * calls) - allocations(calls)) / (3 * calls)


def measure(options):
    library = options.bin.parent / "lib" / "libbench-alloc-count.so"
    if not library.is_file():
        raise programs.Broken(f"{library} is not built")
    print("allocations per call of the echo server, in the steady state")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        counter = pathlib.Path(folder) / "count"
        environment = {**os.environ, "LD_PRELOAD": str(library), "BENCH_ALLOC_FILE": str(counter)}
        for names in ["", INTERCEPTORS]:
            command = [options.bin / "bench-echo", "--interceptors", names]
            with programs.Server(command, options.server_core, environment) as server:
                for connections, streams, calls in SETTINGS:
                    per_call = measure_setting(server, counter, options, connections, streams, calls)
                    print(f"{f'{connections} x {streams}':>9}  {per_call:.4f}  {names}", flush=True)
                    results.append(
                        {"connections": connections, "streams": streams, "interceptors": names, "per_call": per_call}
                    )
    return results
