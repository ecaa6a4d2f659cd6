# SPDX-License-Identifier: Apache-2.0
"""Allocations per call, once things have settled."""
import os
import pathlib
import struct
import tempfile

from driver import programs

SETTINGS = [(8, 100), (100, 10), (1, 1)]

# Two lengths of the same run; what differs belongs to the calls, not to the connections.
SHORT, LONG = 20_000, 120_000


def measure_setting(server, counter, options, connections, streams):
    def allocations(calls):
        before = struct.unpack("=Q", counter.read_bytes())[0]
        programs.h2load(
            server.address, programs.ECHO_PATH, programs.ECHO_REQUEST, options.load_core, connections, streams, calls
        )
        return struct.unpack("=Q", counter.read_bytes())[0] - before

    allocations(SHORT)  # warms up
    return (allocations(LONG) - allocations(SHORT)) / (LONG - SHORT)


def measure(options):
    library = options.bin.parent / "lib" / "libbench-alloc-count.so"
    if not library.is_file():
        raise programs.Broken(f"{library} is not built")
    print("allocations per call of the echo server, in the steady state")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        counter = pathlib.Path(folder) / "count"
        environment = {**os.environ, "LD_PRELOAD": str(library), "BENCH_ALLOC_FILE": str(counter)}
        with programs.Server([options.bin / "bench-echo"], options.server_core, environment) as server:
            for connections, streams in SETTINGS:
                per_call = measure_setting(server, counter, options, connections, streams)
                print(f"{f'{connections} x {streams}':>9}  {per_call:.4f}", flush=True)
                results.append({"connections": connections, "streams": streams, "per_call": per_call})
    return results
