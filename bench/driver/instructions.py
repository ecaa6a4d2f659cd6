# SPDX-License-Identifier: Apache-2.0
"""Instructions per call, counted by callgrind: they do not depend on what else the machine does."""
import json
import pathlib
import re
import shutil
import subprocess

from driver import programs, raw

BASELINE = pathlib.Path(__file__).resolve().parents[1] / "instructions.json"

BATCH = 100  # calls at once; the least limit of streams that servers have
SHORT, LONG = 10, 40  # batches; what two runs differ by belongs to the calls, not to starting up


def unary(connection, batches):
    block = raw.request_block(programs.ECHO_PATH)
    for _ in range(batches):
        connection.batch([block] * BATCH, programs.ECHO_REQUEST)


def changing_headers(connection, batches):
    """A timeout and an id that differ in each call."""
    for i in range(batches):
        blocks = [
            raw.request_block(
                programs.ECHO_PATH, ("grpc-timeout", f"{900000 + i * BATCH + j}m"), ("request-id", f"id-{i}-{j:08}")
            )
            for j in range(BATCH)
        ]
        connection.batch(blocks, programs.ECHO_REQUEST)


def streamed(connection, batches):
    """Calls are messages here."""
    times = batches * BATCH
    number = bytes([times & 0x7F | 0x80, times >> 7])
    got = connection.batch(
        [raw.request_block("/echo.Echo/ServerStream")], programs.ECHO_REQUEST + b"\x10" + number
    )
    if got != times * len(programs.framed(programs.ECHO_REQUEST)):
        raise programs.Broken("messages are missing")


def counted(command):
    path = shutil.which(programs.tool("valgrind", "valgrind"))
    return [path, "--tool=callgrind", "--callgrind-out-file=/dev/null", *map(str, command)]


def collected(log):
    told = re.search(r"Collected : (\d+)", log)
    if not told:
        raise programs.Broken(f"callgrind: {log[-400:]}")
    return int(told[1])


def of_server(server, case, batches):
    """Instructions of a server, one that is counted, from start to end."""
    with server:
        case(raw.Connection(server.address), batches)
    server.log.seek(0)
    return collected(server.log.read().decode(errors="replace"))


def serve(options, batches, case):
    return of_server(programs.Server(counted([options.bin / "bench-echo"]), options.server_core), case, batches)


def call(options, batches, server, at_once):
    """Instructions of a client that makes a tenth of these calls, and warms up with a tenth of that, times ten."""
    command = counted([options.bin / "bench-call", server.address, batches * BATCH // 11, at_once])
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=programs.PATIENCE)
    if done.returncode != 0:
        raise programs.Broken(done.stderr[-400:])
    return 10 * collected(done.stderr)


def per_call(measure_batches):
    return (measure_batches(LONG) - measure_batches(SHORT)) / ((LONG - SHORT) * BATCH)


def measure(options):
    print("instructions per call (callgrind)")
    cases = {"unary": unary, "changing headers": changing_headers, "streamed message": streamed}
    results = {name: per_call(lambda n, case=case: serve(options, n, case)) for name, case in cases.items()}
    with programs.Server([options.bin / "bench-echo"], options.server_core) as server:
        results["client call"] = per_call(lambda n: call(options, n, server, 1))
        results["client calls"] = per_call(lambda n: call(options, n, server, BATCH))
    baseline = json.loads(BASELINE.read_text())
    for name, figure in results.items():
        print(f"    {name:<17} {figure:9.1f}, baseline {baseline[name]:9.1f}", flush=True)
    return results
