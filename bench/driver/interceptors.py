# SPDX-License-Identifier: Apache-2.0
"""What interceptors add to the server's CPU per call of a unary echo, and to its instructions."""
import contextlib
import pathlib
import statistics
import tempfile

from driver import instructions, programs
from support import places

CONNECTIONS, STREAMS, CALLS = 100, 10, 400_000

# Each list is measured beside a server without any. h2load sends a token as a literal in every call, Huffman code
# and all, which costs more than what auth does: so lists with auth are measured beside one that is sent the token, too.
# The last row is of weir-bench, which sends a token once a connection, as gRPC's clients do.
NONE, NONE_WITH_TOKEN = "none", "none, sent a token"
ALL = "metrics,tracing,auth"
LISTS = ["logging", "metrics", "ratelimit", "concurrency", "tracing", "auth", ALL]

# What these three may add together.
GOAL = 0.25


class Server(programs.Server):
    """bench-echo with interceptors, and the token that it wants where it wants one."""

    def __init__(self, options, names, collector, folder, counted=False):
        self.token_file = pathlib.Path(folder) / f"token-{names}"
        flags = ["--interceptors", names, "--otlp", collector, "--token-file", self.token_file]
        command = [options.bin / "bench-echo", *flags]
        super().__init__(instructions.counted(command) if counted else command, options.server_core)

    def bearer(self):
        return f"Bearer {self.token_file.read_text()}" if self.token_file.exists() else ""

    def headers(self):
        return [f"authorization: {self.bearer()}"] if self.bearer() else []

    def check(self):
        programs.check_echo(self.address, metadata=[("authorization", self.bearer())] if self.bearer() else [])


def cpu_per_call(server, headers, options, calls):
    before = server.cpu_seconds()
    programs.h2load(
        options, server.address, programs.ECHO_PATH, programs.ECHO_REQUEST, CONNECTIONS, STREAMS, calls,
        headers=headers,
    )
    return (server.cpu_seconds() - before) / calls * 1e6


def cpu_per_indexed_call(server, headers, options, calls):
    flags = [f"--header={header.replace(': ', ':')}" for header in headers]
    before = server.cpu_seconds()
    programs.weir_bench(
        options, server.address, programs.ECHO_PATH, programs.ECHO_REQUEST, CONNECTIONS, STREAMS, calls, *flags
    )
    return (server.cpu_seconds() - before) / calls * 1e6


def measure_indexed(none, every, options):
    """What all of them add where no token is decoded again: CPU per call in µs, and the share."""
    calls = max(int(CALLS * options.scale), CONNECTIONS * STREAMS)
    turns = [
        [cpu_per_indexed_call(server, headers, options, calls) for server, headers in (none, every)]
        for _ in range(options.runs + 1)
    ][1:]
    return {
        "cpu_us": statistics.median(turn[1] for turn in turns),
        "added": statistics.median(turn[1] / turn[0] - 1 for turn in turns),
    }


def measure_turns(cases, options):
    """Name -> CPU per call in µs of each turn; the first turn warms up. cases: name -> server and headers."""
    runs = {name: [] for name in cases}
    for turn in range(options.runs + 1):
        for name, (server, headers) in cases.items():
            share = options.scale * (1 if turn else 0.1)
            each = max(int(CALLS * share / CONNECTIONS), STREAMS)
            cpu = cpu_per_call(server, headers, options, each * CONNECTIONS)
            if turn > 0:
                runs[name].append(cpu)
    return runs


def count(options, names, collector, folder):
    """Instructions per call. Not with auth: under callgrind, making its key takes minutes, and never as many."""

    def run(batches):
        server = Server(options, names, collector, folder, counted=True)
        return instructions.of_server(server, instructions.unary, batches)

    return instructions.per_call(run)


def measure(options):
    results = {}
    print(
        f"interceptors around a unary echo, {CONNECTIONS} x {STREAMS}: server CPU per call in µs, what they add,"
        " instructions per call that they add"
    )
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        # It takes spans in as well: refuses them, but what it costs to send them is all there.
        collector = stack.enter_context(Server(options, "", places.free_address(), folder))
        servers = {names: stack.enter_context(Server(options, names, collector.address, folder)) for names in LISTS}
        for server in [collector, *servers.values()]:
            server.check()
        cases = {NONE: (collector, []), NONE_WITH_TOKEN: (collector, servers["auth"].headers())}
        cases |= {names: (server, server.headers()) for names, server in servers.items()}
        runs = measure_turns(cases, options)
        indexed = measure_indexed(cases[NONE], cases[ALL], options)
        counts = {names: count(options, names, collector.address, folder) for names in LISTS if "auth" not in names}
        plain = count(options, "", collector.address, folder)
    for name, of_one in runs.items():
        base = NONE_WITH_TOKEN if "auth" in name else NONE
        added = statistics.median(one / none - 1 for one, none in zip(of_one, runs[base]))
        results[name] = {"cpu_us": statistics.median(of_one), "added": added}
        if name in counts:
            results[name]["instructions_added"] = counts[name] - plain
        told = f"{counts[name] - plain:+9.0f}" if name in counts else ""
        goal = f"   (goal {GOAL * 100:.0f} %)" if name == ALL else ""
        print(f"{name:>24} {results[name]['cpu_us']:8.3f} {added * 100:+7.1f} % {told}{goal}", flush=True)
    results["indexed"] = indexed
    name = "the same, token indexed"
    print(
        f"{name:>24} {indexed['cpu_us']:8.3f} {indexed['added'] * 100:+7.1f} %   (goal {GOAL * 100:.0f} %)", flush=True
    )
    return results
