# SPDX-License-Identifier: Apache-2.0
"""userd on a PostgreSQL that stops, dies, comes back and is slow."""
import concurrent.futures
import contextlib
import itertools
import threading
import time

import grpc
import pytest

from support import clients, postgres, programs
from support.rewording import Rewording


@pytest.fixture(scope="module")
def whole_cluster():
    cluster = postgres.Cluster()
    try:
        yield cluster.start()
    finally:
        cluster.remove()


@pytest.fixture
def cluster(whole_cluster, monkeypatch):
    """Running, whatever the test before did; userd takes a new database there."""
    monkeypatch.setenv("WEIR_POSTGRES", whole_cluster.url)
    return whole_cluster


@pytest.fixture
def userd(cluster, tmp_path):
    server = programs.Userd(tmp_path, "--loops", "2").start()
    yield server
    try:
        server.stop()
    finally:
        server.kill()


@pytest.fixture
def client(userd, user_pb2, tmp_path):
    client = clients.Grpcio(user_pb2, userd.address, tmp_path)
    yield client
    client.close()


@pytest.fixture
def create(client, user_pb2):
    serial = itertools.count(1)

    def create(timeout=programs.PATIENCE):
        email = f"{next(serial)}@postgres.example"
        return client.call("CreateUser", user_pb2.CreateUserRequest(name="P", email=email), timeout=timeout)

    return create


@pytest.fixture
def get(client, user_pb2):
    return lambda user_id: client.call("GetUser", user_pb2.GetUserRequest(id=user_id))


@pytest.fixture
def list_users(client, user_pb2):
    return lambda page, limit: client.call("ListUsers", user_pb2.ListUsersRequest(page=page, limit=limit))


def assert_back(get, user):
    """The service comes back by itself, with what it had acknowledged."""
    answer = programs.wait_until(lambda: (found := get(user.id)).code == "OK" and found, "userd to be back")
    assert answer.response.user == user


@pytest.mark.parametrize("way", ["fast", "immediate", "kill"])
def test_a_database_that_goes_away_and_comes_back(cluster, create, get, userd, way):
    user = create().response.user
    assert get(user.id).response.user == user
    cluster.kill() if way == "kill" else cluster.stop(way)
    for answer in (get(user.id), create(), get(user.id)):
        assert (answer.code, answer.message.split()[0]) == ("UNAVAILABLE", "failed"), answer
    programs.wait_until(lambda: "cause" in userd.said(), "the cause in the log")
    cluster.start()
    assert_back(get, user)
    assert create().code == "OK"


def test_no_acknowledged_user_is_lost_when_the_database_is_killed(cluster, create, userd):
    acknowledged, stopping = [], threading.Event()

    def create_many():
        while not stopping.is_set():
            answer = create()
            if answer.code == "OK":
                acknowledged.append(answer.response.user)
            else:
                assert answer.code == "UNAVAILABLE", answer

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        creators = [pool.submit(create_many) for _ in range(8)]
        for _ in range(2):
            enough = len(acknowledged) + 100
            programs.wait_until(lambda: len(acknowledged) >= enough, "users")
            cluster.kill()
            cluster.start()
        enough = len(acknowledged) + 10
        programs.wait_until(lambda: len(acknowledged) >= enough, "users after the last crash")
        stopping.set()
        for creator in creators:
            creator.result()
    rows = dict(row.split("|") for row in postgres.query(userd.url, "SELECT id, email FROM users"))
    assert all(rows[str(user.id)] == user.email for user in acknowledged)
    assert len(set(rows.values())) == len(rows)
    assert postgres.query(userd.url, "SELECT sum(users) FROM totals") == [str(len(rows))]


def test_a_deadline_ends_a_call_and_its_statement(create, userd):
    assert create().code == "OK"
    with userd.write_lock():
        assert create(timeout=0.3).code == "DEADLINE_EXCEEDED"
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        programs.wait_until(lambda: postgres.query(userd.url, waiting) == ["0"], "the statement to be cancelled")
    assert create().code == "OK"


def test_what_ends_tokens_bears_the_time_when_it_happened(create, client, user_pb2, userd):
    """Other userd read what is new: a delete that waited must not look as old as its wait."""
    user_id = create().response.user.id
    postgres.query(userd.url, f"UPDATE users SET password_hash = 'x' WHERE id = {user_id}")
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    clock = "SELECT extract(epoch FROM clock_timestamp())::int8"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with postgres.session(userd.url) as run:
            run(f"BEGIN; UPDATE users SET phone = '1' WHERE id = {user_id}")
            deleted = pool.submit(client.call, "DeleteUser", user_pb2.DeleteUserRequest(id=user_id))
            programs.wait_until(lambda: postgres.query(userd.url, waiting), "the delete to wait")
            [began] = postgres.query(userd.url, clock)
            programs.wait_until(lambda: int(postgres.query(userd.url, clock)[0]) > int(began) + 1, "two seconds")
            run("COMMIT")
        assert deleted.result().code == "OK"
    [changed] = postgres.query(userd.url, f"SELECT changed_at FROM revocations WHERE user_id = {user_id}")
    assert int(changed) > int(began) + 1


def test_a_call_that_is_cancelled_cancels_its_statement(create, userd, user_pb2):
    """Which has no deadline that would end it."""
    assert create().code == "OK"
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with userd.write_lock(), grpc.insecure_channel(userd.address) as channel:
        call = channel.unary_unary("/user.UserService/CreateUser", user_pb2.CreateUserRequest.SerializeToString)
        requests = [user_pb2.CreateUserRequest(name="C", email=f"{number}@cancelled.example") for number in range(3)]
        calls = [call.future(request) for request in requests]
        programs.wait_until(lambda: postgres.query(userd.url, waiting) != ["0"], "a statement to wait")
        for one in calls:
            one.cancel()
        programs.wait_until(lambda: postgres.query(userd.url, waiting) == ["0"], "the statements to be cancelled")
    assert create().code == "OK"
    assert postgres.query(userd.url, "SELECT count(*) FROM users") == ["2"]


def test_the_end_does_not_wait_for_a_database_that_hangs(cluster, create, userd):
    assert create().code == "OK"
    with cluster.frozen():
        assert create(timeout=0.3).code == "DEADLINE_EXCEEDED"
        userd.stop()
    userd.start()
    assert create().code == "OK"


def test_slow_calls_hold_up_nobody(create, get, userd):
    user = create().response.user
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        with userd.write_lock():
            slow = [pool.submit(create) for _ in range(12)]  # of 16 connections
            time.sleep(0.2)
            assert get(user.id).response.user == user
            assert not any(future.done() for future in slow)
        assert all(future.result().code == "OK" for future in slow)


def test_calls_that_share_a_statement_end_each_at_its_own_deadline(create, get, userd):
    """On whose fiber the statement's answer is waited for does not matter to the others."""
    user = create().response.user
    with concurrent.futures.ThreadPoolExecutor(60) as pool, postgres.session(userd.url) as run:
        run("BEGIN")
        run("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        hasty = [pool.submit(create, 0.5) for _ in range(10)]
        patient = [pool.submit(create) for _ in range(20)]
        reading = [pool.submit(get, user.id) for _ in range(20)]
        hasty += [pool.submit(create, 0.5) for _ in range(10)]
        assert {future.result().code for future in hasty} == {"DEADLINE_EXCEEDED"}
        assert not any(future.done() for future in patient + reading)
        run("COMMIT")
        assert {future.result().code for future in patient + reading} == {"OK"}
        assert all(future.result().response.user == user for future in reading)
    ids = {future.result().response.user.id for future in patient}
    assert len(ids) == len(patient) and all(get(one).response.found for one in ids)
    assert postgres.query(userd.url, "SELECT sum(users) FROM totals") == postgres.query(userd.url, "SELECT count(*) FROM users")


@contextlib.contextmanager
def gathering(userd, table="users"):
    """A function that begins calls and gives their futures: they queue up until the block ends, and then share statements."""
    with concurrent.futures.ThreadPoolExecutor(64) as pool, postgres.session(userd.url) as run:
        run("BEGIN")
        run(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield pool.submit
        time.sleep(0.3)
        run("COMMIT")


def end_connections(userd, get):
    """So that userd makes new ones."""
    ours = "datname = current_database() AND application_name = 'userd'"
    postgres.query(userd.url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
    programs.wait_until(lambda: get(1).code == "OK", "userd to connect again")


def waits_by_hash(userd):
    """Which statement finds users, once one waits for a lock."""
    sql = (
        "SELECT query LIKE '%WHERE id = wanted%' FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE '%FROM users WHERE id = %'"
    )
    return programs.wait_until(lambda: postgres.query(userd.url, sql), "a statement to wait")[0] == "t"


@pytest.mark.parametrize("kind", ["btree", "hash"])
def test_calls_that_share_a_statement_get_each_what_it_asked_for(create, get, list_users, userd, kind):
    """Whichever kind of index the users' ids have beside the primary key: one of hashes has a statement of its own."""
    postgres.query(userd.url, f"CREATE INDEX users_by_id ON users USING {kind} (id)")
    end_connections(userd, get)
    users = [create().response.user for _ in range(30)]
    absent = [-1, 0, 31, 2**31 - 1, -(2**31)]
    with gathering(userd) as begin:
        getting = [(one, begin(get, one)) for one in [*range(30, 0, -1), *absent, *range(1, 30, 2), 7, 7]]
        assert waits_by_hash(userd) == (kind == "hash")
    found = {user.id: user for user in users}
    for one, future in getting:
        answer = future.result()
        assert answer.code == "OK" and answer.response.found == (one in found)
        assert not answer.response.found or answer.response.user == found[one]
    with gathering(userd) as begin:
        pages = [(page, limit) for page in (1, 2, 3, 2000, 2**31 - 1) for limit in (1, 7, 10, 100)]
        listing = [(page, limit, begin(list_users, page, limit)) for page, limit in [*pages, *[(1, 10)] * 20]]
    for page, limit, future in listing:
        answer = future.result()
        assert answer.code == "OK" and answer.response.total == 30
        assert list(answer.response.users) == users[(page - 1) * limit:page * limit]


def scans(url):
    """How often users was read whole, and by an index."""
    sql = "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'users'"
    return [int(number) for number in postgres.query(url, sql)[0].split("|")]


@pytest.mark.parametrize("kind", ["btree", "hash"])
def test_a_plan_of_a_small_table_serves_a_large_one(create, get, list_users, userd, kind):
    """Reading one page whole would be cheaper, and is what a planner that knows of so few users would do for ever."""
    postgres.query(userd.url, f"CREATE INDEX users_by_id ON users USING {kind} (id)")
    users = [create().response.user for _ in range(5)]
    postgres.query(userd.url, "VACUUM ANALYZE users")
    end_connections(userd, get)
    whole, by_index = scans(userd.url)
    assert create().code == list_users(2, 3).code == "OK"
    assert all(get(user.id).response.user == user for user in users)
    end_connections(userd, get)  # which is when a connection tells what it has done
    programs.wait_until(lambda: scans(userd.url)[1] >= by_index + 6, "the database to count")
    assert scans(userd.url)[0] == whole


def test_an_engine_that_does_not_know_a_setting_takes_the_others(cluster, user_pb2, tmp_path):
    """As those have none for compiling that only speak PostgreSQL's protocol."""
    url = postgres.new_database(cluster.url)
    with Rewording(cluster.folder, tmp_path, b"SET jit = off", b"SET jot = off") as reworded:
        server = programs.Userd(tmp_path, "--db", url.replace(str(cluster.folder), str(tmp_path))).start()
        client = clients.Grpcio(user_pb2, server.address, tmp_path)
        try:
            user = client.call("CreateUser", user_pb2.CreateUserRequest(name="P", email="j@x")).response.user
            postgres.query(url, "VACUUM ANALYZE users")
            whole = scans(url)[0]
            assert client.call("GetUser", user_pb2.GetUserRequest(id=user.id)).response.user == user
            server.stop()  # when connections tell what they have done
            programs.wait_until(lambda: scans(url)[1] > 0, "the database to count")
        finally:
            client.close()
            server.kill()
    assert reworded.count > 0
    assert scans(url)[0] == whole


def test_what_the_database_refuses_to_many_readers_is_tried_for_each_alone(create, get, list_users, userd):
    for _ in range(20):
        create()
    view = "SELECT id, name, CASE WHEN id = 7 THEN (1 / (id - 7))::text ELSE email END AS email, email_key, phone, created_at"
    postgres.query(userd.url, "ALTER TABLE users RENAME TO kept")
    postgres.query(userd.url, f"CREATE VIEW users AS {view} FROM kept")
    with gathering(userd, "kept") as begin:
        getting = [begin(get, one) for one in range(1, 21)]
        listing = [begin(list_users, page, 1) for page in range(1, 21)]
    for futures in (getting, listing):
        assert [future.result().code for future in futures] == ["OK"] * 6 + ["INTERNAL"] + ["OK"] * 13


def test_what_the_database_refuses_to_many_is_tried_for_each_alone(create, userd):
    """One of those that share a statement is the reason, the others do not suffer for it."""
    assert create().code == "OK"
    postgres.query(userd.url, "ALTER TABLE users ADD CHECK (email <> '7@postgres.example')")
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        with userd.write_lock():
            waiting = [pool.submit(create) for _ in range(40)]
            time.sleep(0.3)
        codes = sorted(future.result().code for future in waiting)
    assert codes == ["INTERNAL", *["OK"] * 39], codes
    assert postgres.query(userd.url, "SELECT sum(users) FROM totals") == ["40"]


# What a user's row is written for fails so often, others being in the way.
IN_THE_WAY = """
CREATE SEQUENCE tries;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') <= {failures} THEN RAISE EXCEPTION 'in the way' USING ERRCODE = '{state}'; END IF;
    RETURN COALESCE(NEW, OLD); END $$;
CREATE TRIGGER in_the_way BEFORE INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION fail();
"""


@pytest.mark.parametrize("state", ["serialization_failure", "deadlock_detected"])
@pytest.mark.parametrize("failures", [5, 1000])
def test_what_others_are_in_the_way_of_is_tried_again(create, client, user_pb2, userd, state, failures):
    user = create().response.user
    expected = "OK" if failures < 8 else "UNAVAILABLE"
    entries = [user_pb2.CreateUserRequest(name="S", email=f"{number}@tried.example") for number in range(3)]
    ways = {
        "create": create,
        "create many": lambda: client.stream("CreateUsersStream", entries),
        "update": lambda: client.call("UpdateUser", user_pb2.UpdateUserRequest(user=user_pb2.User(id=user.id, name="N"))),
        "delete": lambda: client.call("DeleteUser", user_pb2.DeleteUserRequest(id=user.id)),
    }
    postgres.query(userd.url, IN_THE_WAY.format(failures=failures, state=state))
    for name, call in ways.items():
        postgres.query(userd.url, "SELECT setval('tries', 1, false)")
        assert call().code == expected, name
    count = str(1 + 1 + 3 - 1) if expected == "OK" else "1"
    assert postgres.query(userd.url, "SELECT count(*) FROM users") == [count]
    assert postgres.query(userd.url, "SELECT sum(users) FROM totals") == [count]


def test_serializable_transactions(cluster, user_pb2, tmp_path):
    """As engines have them that know no other ones: several userd start at once, and what is done is done once."""
    url = postgres.new_database(cluster.url)
    name = url.split("/")[3].split("?")[0]
    postgres.query(cluster.url, f"ALTER DATABASE {name} SET default_transaction_isolation = serializable")
    several = [programs.Userd(tmp_path, "--db", url, "--loops", "2") for _ in range(3)]
    for number, one in enumerate(several):
        one.log = tmp_path / f"{number}.log"
    stations, left = [], set()
    try:
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            list(pool.map(lambda one: one.start(), several))
            stations = [clients.Grpcio(user_pb2, one.address, tmp_path) for one in several]

            def work(number):
                station, codes = stations[number % 3], []
                for turn in range(20):
                    email = f"{number}.{turn}@serial.example"
                    made = station.call("CreateUser", user_pb2.CreateUserRequest(name="S", email=email))
                    codes.append(made.code)
                    if made.code != "OK":
                        continue
                    named = user_pb2.User(id=made.response.user.id, name="T")
                    codes.append(station.call("UpdateUser", user_pb2.UpdateUserRequest(user=named)).code)
                    codes.append(station.call("GetUser", user_pb2.GetUserRequest(id=named.id)).code)
                    codes.append(station.call("ListUsers", user_pb2.ListUsersRequest(limit=5)).code)
                    if turn % 2:
                        codes.append(station.call("DeleteUser", user_pb2.DeleteUserRequest(id=named.id)).code)
                    if turn % 2 == 0 or codes[-1] != "OK":
                        left.add(named.id)
                return codes

            codes = [code for codes in pool.map(work, range(32)) for code in codes]
        assert set(codes) <= {"OK", "UNAVAILABLE"} and codes.count("OK") > codes.count("UNAVAILABLE")
        assert postgres.query(url, "SELECT sum(users) FROM totals") == [str(len(left))]
        assert set(postgres.query(url, "SELECT id FROM users")) == {str(one) for one in left}
        for one in several:
            one.stop()
    finally:
        for station in stations:
            station.close()
        for one in several:
            one.kill()


def test_a_full_disk_is_not_tried_for_each_alone(create, userd):
    """Whose statement it is makes no difference, so those that share one all learn it from that one."""
    postgres.query(userd.url, "CREATE SEQUENCE tries")  # which counts what is undone, too
    postgres.query(
        userd.url,
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('tries');"
        " RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$",
    )
    postgres.query(userd.url, "CREATE TRIGGER full_disk BEFORE INSERT ON users EXECUTE FUNCTION fail()")
    with gathering(userd) as begin:
        waiting = [begin(create) for _ in range(40)]
    assert {future.result().code for future in waiting} == {"UNAVAILABLE"}
    assert int(postgres.query(userd.url, "SELECT last_value FROM tries")[0]) < 40
    postgres.query(userd.url, "DROP TRIGGER full_disk ON users")
    assert create().code == "OK"


def test_a_connection_that_may_not_write_any_more_is_replaced(create, get, userd, cluster):
    """As after a failover, when the primary that it is to has become a standby."""
    pids = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE application_name = 'userd'"
    user = create().response.user
    before = set(postgres.query(userd.url, pids)[0].split())
    try:
        postgres.query(cluster.url, "ALTER SYSTEM SET default_transaction_read_only = on")
        postgres.query(cluster.url, "SELECT pg_reload_conf()")
        programs.wait_until(lambda: create().code == "UNAVAILABLE", "writes to be refused")
        assert get(user.id).response.user == user
        programs.wait_until(
            lambda: create().code == "UNAVAILABLE" and not before & set(postgres.query(userd.url, pids)[0].split()),
            "other connections",
        )
    finally:
        reset = ["-c", "SET default_transaction_read_only = off", "-c", "ALTER SYSTEM RESET default_transaction_read_only"]
        postgres.run(cluster.url, *reset, "-c", "SELECT pg_reload_conf()")
    programs.wait_until(lambda: create().code == "OK", "writes to work again")


def test_more_calls_than_connections(create, get, userd):
    with userd.write_lock(), concurrent.futures.ThreadPoolExecutor(64) as pool:
        waiting = [pool.submit(create, 1) for _ in range(64)]
        assert {future.result().code for future in waiting} == {"DEADLINE_EXCEEDED"}
    assert create().code == "OK"
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        created = [pool.submit(create).result() for _ in range(64)]
    assert all(get(answer.response.user.id).response.found for answer in created)
    connections = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'userd'"
    assert 0 < int(postgres.query(userd.url, connections)[0]) <= 16


def test_several_userd_may_start_at_once(cluster, user_pb2, tmp_path):
    several = [programs.Userd(tmp_path) for _ in range(4)]
    for number, one in enumerate(several):
        one.command[one.command.index("--db") + 1] = several[0].url
        one.log = tmp_path / f"{number}.log"
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: one.start(), several))
        for number, one in enumerate(several):
            with grpc.insecure_channel(one.address) as channel:
                method = channel.unary_unary(
                    "/user.UserService/CreateUser",
                    user_pb2.CreateUserRequest.SerializeToString,
                    user_pb2.CreateUserResponse.FromString,
                )
                request = user_pb2.CreateUserRequest(name="N", email=f"{number}@several.example")
                assert method(request, timeout=programs.PATIENCE).user.id == number + 1
        for one in several:
            one.stop()
    finally:
        for one in several:
            one.kill()


@pytest.mark.parametrize(
    "prepare, url, told",
    [
        (None, "postgres:///absent?host={folder}&user=postgres", "does not exist"),
        (None, "postgres://u:secret@127.0.0.1:1/users", "onnection refused"),
        ("CREATE TABLE users (x int)", None, "already exists"),
        ("CREATE TABLE userd_schema (id int4 PRIMARY KEY, version int4);"
         " INSERT INTO userd_schema VALUES (1, 99)", None, "version 99"),
    ],
    ids=["no database", "nobody there", "another program's", "newer"],
)
def test_what_cannot_be_opened_is_said_at_the_start(cluster, prepare, url, told):
    url = url.format(folder=cluster.folder) if url else postgres.new_database(cluster.url)
    if prepare:
        postgres.query(url, prepare)
    done = programs.run(programs.places.program("userd"), "--listen", "127.0.0.1:0", "--db", url)
    assert done.returncode == 1
    assert done.stderr.startswith("userd: cannot open the database postgres://") and told in done.stderr, done.stderr
    assert "secret" not in done.stderr
