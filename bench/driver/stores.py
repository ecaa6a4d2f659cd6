# SPDX-License-Identifier: Apache-2.0
"""userd on SQLite and on PostgreSQL and, with --peers, the same service in Go (bench/peers/go/userd) beside it."""
import contextlib
import statistics
import tempfile

from driver import programs, users
from support import postgres

# Name of the store -> share of the calls that is enough, and how many times as many calls per CPU second as the
# Go service userd should do, by the call.
STORES = {
    "SQLite": (0.4, {"GetUser": 10, "CreateUser": 10}),
    "PostgreSQL": (0.1, {"GetUser": 5, "CreateUser": 5}),
}
PEER_SHARE = 0.3


@contextlib.contextmanager
def databases(store, folder, settings=""):
    """A function that gives the URL of a new database, as --db takes it; and the cluster that has it, if any."""
    if store == "SQLite":
        yield lambda name: f"sqlite:{folder}/{name}.db", None
        return
    cluster = postgres.Cluster(settings=settings)
    try:
        cluster.start()
        yield lambda _: postgres.new_database(cluster.url), cluster
    finally:
        cluster.remove()


def commands(options, url_of):
    """Name -> the command of a server on a database of its own."""
    result = {"weir": [options.bin / "userd", "--db", url_of("weir"), "--log-level", "warn"]}
    if options.peers:
        program = options.bin / "bench-go-userd"
        if not program.is_file():
            raise programs.Broken(f"{program} is not built: script/bench --peers does it")
        result["grpc-go"] = [program, "--db", url_of("go")]
    return result


def measure_case(servers, options, case, share):
    """Name -> medians of CPU per call in µs, and of calls a second."""
    runs = {name: [] for name in servers}
    for turn in range(options.runs + 1):
        for name, (server, numbers) in servers.items():
            part = share * (1 if name == "weir" else PEER_SHARE) * (1 if turn else 0.1)
            run = users.measure_once(server, options, case, numbers, part)
            if turn > 0:  # the first warms up
                runs[name].append(run)
    return {name: [statistics.median(column) for column in zip(*of_one)] for name, of_one in runs.items()}


def print_case(case, figures, goal):
    for name, (cpu, rate) in figures.items():
        ratio = ""
        if name == "weir" and "grpc-go" in figures:
            ratio = f"{figures['grpc-go'][0] / cpu:7.1f} x"
            ratio += f" (goal {goal})" if goal else ""
        print(f"    {case:<17} {name:<8} {cpu:8.2f} {1e6 / cpu:12,.0f} {rate:12,.0f} {ratio}", flush=True)


def measure_store(store, options, folder):
    share, goals = STORES[store]
    results = {}
    print(f"the user service on {store}: server CPU per call in µs; calls per CPU second; calls a second; times the Go one's")
    with databases(store, folder) as (url_of, _), contextlib.ExitStack() as stack:
        servers = {
            name: (stack.enter_context(programs.Server(command, options.server_core)), users.Numbers())
            for name, command in commands(options, url_of).items()
        }
        for server, numbers in servers.values():  # somebody to get and to list
            users.measure_once(server, options, users.CASES[2], numbers, 0.1)
        for case in users.CASES:
            figures = measure_case(servers, options, case, share)
            print_case(case[0], figures, goals.get(case[0]))
            results[case[0]] = {name: {"cpu_us": cpu, "calls_per_second": rate} for name, (cpu, rate) in figures.items()}
    return results


def measure(options):
    with tempfile.TemporaryDirectory() as folder:
        return {store: measure_store(store, options, folder) for store in STORES}
