# SPDX-License-Identifier: Apache-2.0
"""Three userd on one PostgreSQL and one Redis, many clients, and faults: what they saw has to make sense."""
import collections
import concurrent.futures
import itertools
import random
import threading
import time

import pytest

from support import history, nodes, postgres, programs
from support.history import Call

CLIENTS = 8
SLOTS = 4  # at a time: few, so that clients meet
SLOT_CALLS = 60  # then another email takes its place
STALE_SECONDS = 35  # doc/REDIS.md


# ---- the checker itself ----


def call(verb, user_id, name, code, begin, end):
    return Call(verb, user_id, name, code, begin, end)


MADE = call("create", 1, "a", "OK", 0, 1)


@pytest.mark.parametrize(
    "calls, good",
    [
        ([MADE, call("get", 1, "a", "OK", 2, 3)], True),
        ([MADE, call("get", 1, None, "OK", 2, 3)], False),
        ([MADE, call("update", 1, "b", "OK", 2, 5), call("get", 1, "a", "OK", 3, 4), call("get", 1, "b", "OK", 3, 4)], True),
        ([MADE, call("update", 1, "b", "OK", 2, 3), call("get", 1, "a", "OK", 4, 5)], False),  # stale
        ([MADE, call("update", 1, "b", "OK", 2, 9), call("get", 1, "b", "OK", 3, 4), call("get", 1, "a", "OK", 5, 6)], False),
        ([MADE, call("update", 1, "b", "?", 2, 3), call("get", 1, "a", "OK", 4, 5), call("get", 1, "b", "OK", 6, 7)], True),
        ([MADE, call("update", 1, "b", "?", 2, 3), call("get", 1, "b", "OK", 4, 5), call("get", 1, "a", "OK", 6, 7)], False),
        ([MADE, call("create", 2, "b", "OK", 2, 3)], False),  # doubled
        ([MADE, call("delete", 1, None, "OK", 2, 3), call("create", 2, "b", "OK", 4, 5)], True),
        ([MADE, call("delete", 1, None, "OK", 2, 3), call("delete", 1, None, "OK", 4, 5)], False),
        ([MADE, call("create", None, "b", "ALREADY_EXISTS", 2, 3)], True),
        ([call("create", None, "b", "ALREADY_EXISTS", 2, 3)], False),
        ([call("create", None, "b", "?", 0, 1), call("create", None, "c", "ALREADY_EXISTS", 2, 3)], True),
    ],
)
def test_the_checker(calls, good):
    assert history.explain(calls) == good


def test_staleness():
    calls = [MADE, call("update", 1, "b", "OK", 2, 3), call("get", 1, "a", "OK", 10, 11)]
    assert history.stale_for(calls) == 7
    assert history.stale_for(calls[:2]) == 0
    assert history.stale_for([MADE, call("get", 1, "x", "OK", 2, 3)]) == float("inf")


# ---- clients ----


class Slot:
    """An email that clients fight over, and what they did."""

    serial = itertools.count(1)

    def __init__(self):
        self.email = f"{next(self.serial)}@history.example"
        self.user_id = None  # the last that was made
        self.calls = []


class Workload:
    """Clients on all nodes until it is stopped."""

    def __init__(self, several):
        self.nodes = several
        self.types = several[0].types
        self.slots = [Slot() for _ in range(SLOTS)]
        self.all = list(self.slots)
        self.codes = collections.Counter()
        self.names = itertools.count(1)
        self.lock = threading.Lock()
        self.stopping = threading.Event()

    def slot(self):
        with self.lock:
            place = random.randrange(SLOTS)
            if len(self.slots[place].calls) >= SLOT_CALLS:
                self.slots[place] = Slot()
                self.all.append(self.slots[place])
            return self.slots[place]

    def do(self, node, slot):
        verb = random.choices(["create", "get", "update", "delete"], [1, 6, 3, 1])[0]
        user_id = slot.user_id
        if user_id is None:
            verb = "create"
        name = f"name {next(self.names)}" if verb in ("create", "update") else None
        types, begin = self.types, time.monotonic()
        request = {
            "create": lambda: ("CreateUser", types.CreateUserRequest(name=name, email=slot.email)),
            "get": lambda: ("GetUser", types.GetUserRequest(id=user_id)),
            "update": lambda: ("UpdateUser", types.UpdateUserRequest(user=types.User(id=user_id, name=name))),
            "delete": lambda: ("DeleteUser", types.DeleteUserRequest(id=user_id)),
        }[verb]()
        answer = node.client.call(*request)
        end, code = time.monotonic(), answer.code
        self.codes[code] += 1
        if code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
            code = "?"
        if verb == "get":
            if code == "?":
                return
            name = answer.response.user.name if answer.response.found else None
        if verb == "create":
            user_id = answer.response.user.id if code == "OK" else None
            if code == "OK":
                slot.user_id = user_id
        slot.calls.append(Call(verb, user_id, name, code, begin, end))

    def client(self, number):
        node = self.nodes[number % len(self.nodes)]
        while not self.stopping.is_set():
            self.do(node, self.slot())

    def run(self, meanwhile):
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self.client, number) for number in range(CLIENTS)]
            try:
                meanwhile()
            finally:
                self.stopping.set()
            for one in clients:
                one.result()
        return self

    def assert_explained(self):
        for slot in self.all:
            assert history.explain(slot.calls), "\n".join(map(str, sorted(slot.calls, key=lambda c: c.begin)))


# ---- what is checked ----


@pytest.fixture
def several(cluster, redis, user_pb2, tmp_path):
    """Three userd."""
    url = postgres.new_database(cluster.url)
    started = []
    try:
        for number in range(3):
            started.append(nodes.Node(tmp_path / str(number), user_pb2, "--db", url, *redis.flags))
            started[-1].await_cache("SERVING")
        yield started
        for node in started:
            node.close()
    finally:
        for node in started:
            node.userd.kill()


def enough(workload, count):
    """So many calls more that went well."""
    goal = workload.codes["OK"] + count
    programs.wait_until(lambda: workload.codes["OK"] >= goal, "calls to go well")


def errors(several):
    return sum(node.metric("userd_cache_errors_total") for node in several)


def test_all_sees_one_order(several):
    """While Redis works for all."""
    before, workload = errors(several), Workload(several)
    workload.run(lambda: enough(workload, 4000))
    assert set(workload.codes) <= {"OK", "NOT_FOUND", "ALREADY_EXISTS"}
    assert errors(several) == before
    workload.assert_explained()
    assert sum(node.metric("userd_cache_hits_total") for node in several) > 0


def test_one_order_though_the_database_dies(several, cluster):
    workload = Workload(several)
    back = []

    def kill_and_start():
        for way in (cluster.kill, lambda: cluster.stop("immediate"), lambda: cluster.stop("fast")):
            enough(workload, 300)
            way()
            cluster.start()
            began = time.monotonic()
            enough(workload, 1)
            back.append(time.monotonic() - began)
        enough(workload, 300)

    workload.run(kill_and_start).assert_explained()
    assert set(workload.codes) <= {"OK", "NOT_FOUND", "ALREADY_EXISTS", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
    print("back after", ", ".join(f"{seconds:.2f} s" for seconds in back), dict(workload.codes))


def test_nothing_is_lost_nor_stale_beyond_the_bound_though_redis_dies(several, redis):
    workload = Workload(several)

    def kill_and_start():
        for _ in range(3):
            enough(workload, 400)
            redis.kill()
            enough(workload, 400)
            redis.start()
        redis.freeze()
        enough(workload, 200)
        redis.thaw()
        enough(workload, 400)

    workload.run(kill_and_start)
    assert set(workload.codes) <= {"OK", "NOT_FOUND", "ALREADY_EXISTS"}
    for slot in workload.all:
        # Writes never go through Redis.
        assert history.explain([call for call in slot.calls if call.verb != "get"])
        assert history.stale_for(slot.calls) <= STALE_SECONDS
    url = several[0].userd.url
    rows = dict(row.split("|") for row in postgres.query(url, "SELECT id, name FROM users"))
    ids = {slot.user_id for slot in workload.all if slot.user_id is not None}

    def all_fresh():
        for node in several:
            for user_id in ids:
                answer = node.get(user_id)
                if (answer.user.name if answer.found else None) != rows.get(str(user_id)):
                    return False
        return True

    programs.wait_until(all_fresh, "every userd to tell what the database has")
