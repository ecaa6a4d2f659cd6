# SPDX-License-Identifier: Apache-2.0
"""userd on SQLite: reading a user, listing ten, creating durably."""
import statistics
import tempfile

from driver import programs

SERVICE = "/user.UserService/"

# What the calls are: name, connections, streams, calls on each connection, method, request.
DIGITS = "00000000"  # bench-client counts them up, so that every email is new
NEW_USER = programs.text_field(1, "Bench") + programs.text_field(2, f"user{DIGITS}@example.org")
CASES = [
    ("GetUser", 8, 8, 25_000, "GetUser", b"\x08\x01"),
    ("ListUsers of ten", 8, 8, 5_000, "ListUsers", b"\x08\x01\x10\x0a"),
    ("CreateUser", 8, 8, 1_000, "CreateUser", NEW_USER),
]


class Numbers:
    """No number of an email is used twice in a run."""

    def __init__(self):
        self.next = 0

    def take(self, count):
        first = self.next
        self.next += count
        return first


def measure_once(server, options, case, numbers, share=1.0):
    """(CPU per call in µs, calls a second)."""
    _, connections, streams, calls, method, request = case
    calls = max(int(calls * options.scale * share), streams)
    body = programs.framed(request)
    arguments = ["--connections", connections, "--streams", streams, "--calls", calls]
    if DIGITS.encode() in body:
        arguments += ["--number-at", body.index(DIGITS.encode())]
        arguments += ["--first-number", numbers.take(connections * calls)]
    with programs.file_of(body) as body_file:
        before = server.cpu_seconds()
        process = programs.client(options, server.address, SERVICE + method, body_file, *arguments)
        seconds = programs.finish_client(process, connections * calls)
    return (server.cpu_seconds() - before) / (connections * calls) * 1e6, connections * calls / seconds


def measure(options):
    results = {}
    numbers = Numbers()
    print("userd on SQLite: server CPU per call in µs; calls per CPU second; calls per second")
    with tempfile.TemporaryDirectory() as folder:
        command = [options.bin / "userd", "--db", f"sqlite:{folder}/users.db", "--log-level", "warn"]
        with programs.Server(command, options.server_core) as server:
            measure_once(server, options, CASES[2], numbers, 0.1)  # somebody to get and to list
            for case in CASES:
                measure_once(server, options, case, numbers, 0.1)  # warms up
                runs = [measure_once(server, options, case, numbers) for _ in range(options.runs)]
                cpu, rate = (statistics.median(column) for column in zip(*runs))
                results[case[0]] = {"cpu_us": cpu, "calls_per_second": rate}
                print(f"    {case[0]:<17} {cpu:8.2f} {1e6 / cpu:12,.0f} {rate:12,.0f}", flush=True)
    return results
