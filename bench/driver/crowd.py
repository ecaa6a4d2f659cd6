# SPDX-License-Identifier: Apache-2.0
"""Many connections and calls that wait, on one userd: what each holds, what they take at rest, and how long another
one's call takes among them."""
import re
import tempfile
import time

from driver import programs, users

CONNECTIONS = (1_000, 2_000, 5_000, 10_000, 18_000)
CONNECTION_GOAL = 2  # KiB, at most
PARKED = (1_000, 10_000, 50_000, 100_000)
PARKED_CONNECTIONS = 1_000
PARKED_GOAL = 6  # KiB, at most
REST = 3  # seconds that are looked at
TRIM = 8  # seconds after which a server has given back what only load needs
PROBES = 200  # calls, one after the other

MOST_CONNECTIONS = 19_000  # that userd takes; one address may have half of them by default

GET_USER = programs.framed(b"\x08\x01")


class Crowd:
    """A client that has opened its connections, and is told when to go on."""

    def __init__(self, options, address, method, connections, *flags):
        self.connections = connections
        with programs.file_of(GET_USER) as body:
            self.process = programs.client(
                options, address, users.SERVICE + method, body, "--connections", connections, "--hold", "--stay", *flags
            )
            self.expect(f"open {connections}\n")

    def expect(self, line):
        told = self.process.stdout.readline()
        if not re.fullmatch(line, told):
            self.process.kill()
            raise programs.Broken(f"bench-client: {told}{self.process.communicate()[1][-400:]}")

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def close(self):
        self.process.communicate("\n", timeout=programs.PATIENCE)
        if self.process.returncode != 0:
            raise programs.Broken("bench-client failed")


def scaled_time(options, seconds):
    """A smaller crowd is looked at for less long."""
    return seconds * min(options.scale, 1)


def at_rest(options, server):
    """Share of a core, in per cent."""
    before, rest = server.cpu_seconds(), scaled_time(options, REST)
    time.sleep(rest)
    return (server.cpu_seconds() - before) / rest * 100


def answer_us(options, server):
    """Time of a GetUser of a connection of its own, one after the other, on the clock."""
    with programs.file_of(GET_USER) as body:
        process = programs.client(options, server.address, users.SERVICE + "GetUser", body, "--calls", PROBES)
        _, seconds = programs.finish_client(process, PROBES)
        return seconds / PROBES * 1e6


def userd(options, folder):
    return programs.Server(
        [
            options.bin / "userd", "--db", f"sqlite:{folder}/users.db", "--log-level", "warn",
            "--max-connections", MOST_CONNECTIONS, "--max-connections-per-address", MOST_CONNECTIONS,
        ],
        options.server_core,
    )


def make_user(options, server):
    with programs.file_of(programs.framed(users.NEW_USER)) as body:
        process = programs.client(options, server.address, users.SERVICE + "CreateUser", body)
        programs.finish_client(process, 1)
    answer_us(options, server)


def measure_connections(options, count):
    with tempfile.TemporaryDirectory() as folder, userd(options, folder) as server:
        make_user(options, server)
        before = server.private_kib()
        crowd = Crowd(options, server.address, "GetUser", count)
        time.sleep(scaled_time(options, TRIM))
        figures = {
            "count": count,
            "kib": (server.private_kib() - before) / count,
            "rest_percent": at_rest(options, server),
            "answer_us": answer_us(options, server),
        }
        crowd.go_on()
        crowd.expect(rf"answered {count} failed 0 cpu [\d.]+ seconds [\d.]+\n")
        time.sleep(scaled_time(options, TRIM))
        figures["kib_after_a_call"] = (server.private_kib() - before) / count
        crowd.close()
    return figures


def measure_parked(options, count):
    connections = min(count, PARKED_CONNECTIONS)
    with tempfile.TemporaryDirectory() as folder, userd(options, folder) as server:
        make_user(options, server)
        crowd = Crowd(
            options, server.address, "ChatUsers", connections, "--park", "--streams", count // connections
        )
        before, tables = server.private_kib(), server.page_table_kib()
        crowd.go_on()
        crowd.expect(f"parked {count // connections * connections}\n")
        crowd.expect(r"answered 0 failed 0 cpu [\d.]+ seconds [\d.]+\n")
        time.sleep(scaled_time(options, TRIM))
        figures = {
            "count": count,
            "kib": (server.private_kib() - before) / count,
            "page_table_kib": (server.page_table_kib() - tables) / count,
            "rest_percent": at_rest(options, server),
            "answer_us": answer_us(options, server),
        }
        crowd.close()
    return figures


def scaled(options, counts):
    return [max(int(count * options.scale), 10) for count in counts]


def measure(options):
    programs.allow_files(max(scaled(options, CONNECTIONS)) + 1_000)
    results = {"connections": [], "parked": []}
    print("idle connections to one userd: KiB of its memory for each, the same after a call on each; goal;")
    print("CPU at rest, % of a core; time for one more connection's GetUser, µs")
    for count in scaled(options, CONNECTIONS):
        one = measure_connections(options, count)
        results["connections"].append(one)
        print(
            f"    {count:7,} {one['kib']:6.2f} {one['kib_after_a_call']:6.2f} {CONNECTION_GOAL:3}"
            f" {one['rest_percent']:6.2f} {one['answer_us']:8.1f}", flush=True,
        )
    print("calls that wait, of 1,000 connections: KiB of each, and of page tables; goal; the same")
    for count in scaled(options, PARKED):
        one = measure_parked(options, count)
        results["parked"].append(one)
        print(
            f"    {count:7,} {one['kib']:6.2f} {one['page_table_kib']:6.2f} {PARKED_GOAL:3}"
            f" {one['rest_percent']:6.2f} {one['answer_us']:8.1f}", flush=True,
        )
    return results
