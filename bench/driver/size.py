# SPDX-License-Identifier: Apache-2.0
"""userd with a thousand users and with ten million, on SQLite and on PostgreSQL: what a call costs userd and its database."""
import contextlib
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

from driver import programs, stores, users

FEW, MANY = 1_000, 10_000_000  # the latter times --scale
GOAL = 1.5  # times the cost with few, at most: of userd, as its calls per CPU second are counted elsewhere
SETTLE = 65  # seconds from the first list far out until userd counts users: doc/POSTGRES.md
SETTINGS = "-c shared_buffers=4GB -c max_wal_size=8GB"  # doc/OPERATIONS.md, as the index is
HASH_INDEX = "CREATE INDEX users_by_id ON users USING hash (id)"
SHARED = 4_500_000  # KiB of memory that its processes then share
HUGE_PAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")
COUNTED = 1_000_000  # users that it counts in one list

GET, LIST, CREATE = range(3)
PAGE = 10
USERD, DATABASE, TOGETHER = "userd", "database", "together"
CASES = [
    ("GetUser", 8, 8, 20_000, "GetUser", b"\x08" + users.DRAWN),
    ("ListUsers, any page", 8, 8, 4_000, "ListUsers", b"\x08" + users.DRAWN + b"\x10\x0a"),
    ("CreateUser", 8, 8, 1_000, "CreateUser", users.NEW_USER),
]

# Their emails are none that users.NEW_USER makes.
FILL = {
    "SQLite": "WITH RECURSIVE ids (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM ids WHERE n < {count})"
    " INSERT INTO users (name, email, email_key, phone, created_at)"
    " SELECT 'User ' || n, 'filled' || n || '@example.org', 'filled' || n || '@example.org', '', 1700000000 FROM ids",
    "PostgreSQL": "INSERT INTO users (name, email, email_key, phone, created_at)"
    " SELECT 'User ' || n, 'filled' || n || '@example.org', 'filled' || n || '@example.org', '', 1700000000"
    " FROM generate_series(1, {count}) AS s (n); UPDATE totals SET users = users + {count} WHERE id = 0;",
}


def fill(store, url, options, count):
    subprocess.run([options.bin / "userd", "db", "migrate", "--db", url], stdout=subprocess.DEVNULL, check=True)
    sql = FILL[store].format(count=count)
    if store == "SQLite":
        subprocess.run([programs.tool("sqlite3", "sqlite3"), url.removeprefix("sqlite:"), sql], check=True)
        return
    for statement in (sql, HASH_INDEX, "VACUUM ANALYZE", "CHECKPOINT"):  # the latter as its daemons would, in time
        subprocess.run([programs.tool("psql", "postgresql-client"), "-qX", url, "-c", statement], check=True)


@contextlib.contextmanager
def huge_pages(kib):
    """Have the kernel keep that much memory in huge pages, and take them back: did it let us?"""
    try:
        size = int(re.search(r"Hugepagesize: +([0-9]+) kB", pathlib.Path("/proc/meminfo").read_text(encoding="ascii"))[1])
        before = int(HUGE_PAGES.read_text(encoding="ascii"))
        wanted = before - (-kib // size)
        HUGE_PAGES.write_text(str(wanted), encoding="ascii")
    except (OSError, TypeError):  # not root, or a container, or a kernel without them
        yield False
        return
    try:
        yield int(HUGE_PAGES.read_text(encoding="ascii")) >= wanted
    finally:
        HUGE_PAGES.write_text(str(before), encoding="ascii")


class Subject:
    """A userd under measurement, and the processes of its database where that has some."""

    def __init__(self, server, cluster):
        self.server = server
        self.address = server.address
        self.cluster = cluster

    def cpu_seconds(self):
        """Part -> of its processes. What is in userd itself, as SQLite is, has no other."""
        parts = {USERD: self.server.cpu_seconds()}
        if self.cluster:
            parts[DATABASE] = self.cluster.cpu_seconds()
            parts[TOGETHER] = sum(parts.values())
        return parts


def padded(number):
    """As a varint of five bytes."""
    return bytes(number >> 7 * place & 0x7F | (0x80 if place < 4 else 0) for place in range(5))


def settle(subject, options, count):
    """Have userd count the users."""
    last_page = programs.framed(CASES[LIST][5].replace(users.DRAWN, padded(count // PAGE)))
    for turn in range(2 + count // COUNTED):
        with programs.file_of(last_page) as body:
            path = users.SERVICE + CASES[LIST][4]
            programs.finish_client(programs.client(options, subject.address, path, body, "--calls", 1), 1)
        if turn == 0 and subject.cluster:
            time.sleep(SETTLE)


def measure_once(number, subject, options, numbers, count):
    """Part -> CPU per call in µs."""
    drawn = {GET: count, LIST: count // PAGE, CREATE: 1}[number]
    whole = 1 / options.scale  # which is for the users here, not for the calls
    before = subject.cpu_seconds()
    calls, _ = users.load_once(subject, options, CASES[number], numbers, whole, drawn)
    return {part: (seconds - before[part]) / calls * 1e6 for part, seconds in subject.cpu_seconds().items()}


def measure_case(number, subjects, options, numbers):
    """Count of users -> part -> median CPU per call in µs; the counts take turns."""
    runs = {count: [] for count in subjects}
    for turn in range(options.runs + 1):
        for count, subject in subjects.items():
            run = measure_once(number, subject, options, numbers, count)
            if turn > 0:  # the first warms up
                runs[count].append(run)
    return {count: {part: statistics.median(run[part] for run in of_one) for part in of_one[0]} for count, of_one in runs.items()}


def measure_counts(counts, store, options, folder):
    """Count of users -> call -> part -> CPU per call in µs."""
    figures = {count: {} for count in counts}
    with stores.databases(store, folder, SETTINGS) as (url_of, cluster), contextlib.ExitStack() as stack:
        subjects = {}
        for count in counts:
            url = url_of(str(count))
            fill(store, url, options, count)
            command = [options.bin / "userd", "--db", url, "--log-level", "warn"]
            subjects[count] = Subject(stack.enter_context(programs.Server(command, options.server_core)), cluster)
            settle(subjects[count], options, count)
        numbers = users.Numbers()
        for number, case in enumerate(CASES):
            for count, parts in measure_case(number, subjects, options, numbers).items():
                figures[count][case[0]] = parts
    return figures


def measure_store(store, options, folder):
    many = max(int(MANY * options.scale), FEW + 1)
    print(f"{store}: CPU of userd and of its database, per call in µs, with {FEW:,} and with {many:,} users", flush=True)
    with huge_pages(SHARED) if store == "PostgreSQL" else contextlib.nullcontext(True) as granted:
        if not granted:
            print("    the kernel lets us have no huge pages: its memory is in small ones", flush=True)
        figures = measure_counts((FEW, many), store, options, folder)
    for case, parts in figures[FEW].items():
        for part, few in parts.items():
            lots = figures[many][case][part]
            goal = f" (goal {GOAL})" if part == USERD else ""
            print(f"    {case:<20} {part:<8} {few:8.2f} {lots:8.2f} {lots / few:6.2f} x{goal}", flush=True)
    return {str(count): figure for count, figure in figures.items()}


def measure(options):
    with tempfile.TemporaryDirectory() as folder:
        return {store: measure_store(store, options, folder) for store in stores.STORES}
