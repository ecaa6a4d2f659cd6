# SPDX-License-Identifier: Apache-2.0
"""userd on SQLite: reading a user, listing ten, creating durably, and streams of users both ways."""
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

from driver import programs

SERVICE = "/user.UserService/"

# What the calls are: name, connections, streams, calls on each connection, method, request.
DIGITS = "00000000"  # bench-client counts them up, so that every email is new
DRAWN = b"\x81\x82\x83\x84\x05"  # a number of five bytes, which it draws
KNOWN = 64  # of these users: so many are there before anybody is read
NEW_USER = programs.text_field(1, "Bench") + programs.text_field(2, f"user{DIGITS}@example.org")
CASES = [
    ("GetUser", 8, 8, 25_000, "GetUser", b"\x08" + DRAWN),
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


def load_once(server, options, case, numbers, share=1.0, drawn=KNOWN):
    """(calls made, seconds that they took). drawn: where the request says DRAWN, a number from 1 to this."""
    _, connections, streams, calls, method, request = case
    calls = max(int(calls * options.scale * share), streams)
    body = programs.framed(request)
    arguments = ["--connections", connections, "--streams", streams, "--calls", calls]
    if DIGITS.encode() in body:
        arguments += ["--number-at", body.index(DIGITS.encode())]
        arguments += ["--first-number", numbers.take(connections * calls)]
    if DRAWN in body:
        arguments += ["--varint-at", body.index(DRAWN), "--varint-max", drawn]
    with programs.file_of(body) as body_file:
        process = programs.client(options, server.address, SERVICE + method, body_file, *arguments)
        _, seconds = programs.finish_client(process, connections * calls)
    return connections * calls, seconds


def measure_once(server, options, case, numbers, share=1.0):
    """(CPU per call in µs, calls a second)."""
    before = server.cpu_seconds()
    calls, seconds = load_once(server, options, case, numbers, share)
    return (server.cpu_seconds() - before) / calls * 1e6, calls / seconds


STREAMED = 1_000_000
STREAM_LIMIT = 100  # users of a ListUsersStream
LIST_CASE = ("ListUsersStream", 8, 8, 1_000, "ListUsersStream", bytes([0x10, STREAM_LIMIT]))


def import_users(server, options, folder):
    """Create many with CreateUsersStream: (CPU per user in µs, users a second)."""
    count = max(int(STREAMED * options.scale), 1_000)
    file = pathlib.Path(folder) / "users.csv"
    with file.open("w", encoding="utf-8") as rows:
        rows.write("name,email,phone\n")
        rows.writelines(f"Streamed,streamed{number}@example.org,\n" for number in range(count))
    before, began = server.cpu_seconds(), time.monotonic()
    done = subprocess.run(
        ["taskset", "-c", str(options.load_core), options.bin / "userctl", "import", file, "--server", server.address],
        capture_output=True, text=True, check=False,
    )
    if not re.fullmatch(rf"{count} users created, 0 errors\n", done.stdout):
        raise programs.Broken(f"userctl import: {(done.stdout + done.stderr).strip()[-400:]}")
    return (server.cpu_seconds() - before) / count * 1e6, count / (time.monotonic() - began)


def create_in_one_stream(server, options):
    """The same in a single call: (CPU per user in µs, users a second, KiB that the server has grown by)."""
    count = max(int(STREAMED * options.scale), 1_000)
    before, memory = server.cpu_seconds(), server.private_kib()
    done = subprocess.run(
        ["taskset", "-c", str(options.load_core), options.bin / "bench-create", server.address, str(count)],
        capture_output=True, text=True, check=False,
    )
    if done.returncode != 0:
        raise programs.Broken(done.stderr.strip())
    seconds = float(done.stdout.split()[3])
    return (server.cpu_seconds() - before) / count * 1e6, count / seconds, server.private_kib() - memory


def measure_streams(server, options, numbers, folder):
    """Of users, not of calls."""
    results = {}
    print("streams: server CPU per user in µs; users per CPU second; users per second")
    created = import_users(server, options, folder)
    *in_one, grown = create_in_one_stream(server, options)
    runs = [measure_once(server, options, LIST_CASE, numbers) for _ in range(options.runs)]
    cpu, rate = (statistics.median(column) for column in zip(*runs))
    for name, (cpu, rate) in {
        "CreateUsersStream": created,
        "CreateUsersStream, one": in_one,
        "ListUsersStream": (cpu / STREAM_LIMIT, rate * STREAM_LIMIT),
    }.items():
        results[name] = {"cpu_us": cpu, "users_per_second": rate}
        print(f"    {name:<22} {cpu:8.2f} {1e6 / cpu:12,.0f} {rate:12,.0f}", flush=True)
    results["CreateUsersStream, one"]["grown_kib"] = grown
    print(f"    memory of the server, after that one stream: {grown:+,} KiB", flush=True)
    return results


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
            results.update(measure_streams(server, options, numbers, folder))
    return results
