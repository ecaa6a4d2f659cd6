# SPDX-License-Identifier: Apache-2.0
"""userd db: whole databases, backed up, restored and copied from one kind to the other."""
import contextlib
import fcntl
import itertools
import os
import pathlib
import sqlite3
import subprocess

import pytest

from support import clients, places, postgres, programs

COLUMNS = "id, name, email, email_key, phone, created_at, password_hash, roles, epoch"
MANY = 2345

serial = itertools.count(1)


def db(*words, **options):
    return programs.run(places.program("userd"), "db", *words, **options)


def succeed(*words):
    done = db(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fails(told, *words, code=1):
    done = db(*words)
    assert done.returncode == code and told in done.stderr, (done.returncode, done.stdout, done.stderr)


class Sqlite:
    def __init__(self, folder):
        self.path = folder / f"{next(serial)}.db"
        self.url = f"sqlite:{self.path}"

    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            rows = [tuple("" if value is None else str(value) for value in row) for row in connection.execute(sql)]
            connection.commit()
            return rows


class Postgres:
    def __init__(self, _):
        self.url = postgres.new_database(os.environ["WEIR_POSTGRES"])

    def rows(self, sql):
        return [tuple(line.split("|")) for line in postgres.query(self.url, sql)]


KINDS = {"sqlite": Sqlite, "postgres": Postgres}


@pytest.fixture(params=KINDS)
def source(request, tmp_path):
    yield KINDS[request.param](tmp_path)


@pytest.fixture(params=KINDS)
def target(request, tmp_path):
    yield KINDS[request.param](tmp_path)


def users(database):
    return database.rows(f"SELECT {COLUMNS} FROM users ORDER BY id")


def count_of(database):
    return int(database.rows("SELECT count(*) FROM users")[0][0])


def fill(database):
    """Users of all sorts: ids with gaps, texts of all kinds, accounts, a user who is gone."""
    succeed("migrate", "--db", database.url)
    quotes = "it''s \"quoted\" \\ {1,2} 李 😀"
    hashed = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaA"
    values = [
        f"({number * 3}, '{quotes}', 'U{number}@Copy.example', 'u{number}@copy.example', '+{number}', 17000{number:05d},"
        f" {'NULL' if number % 10 else repr(hashed)}, '{'' if number % 10 else 'admin,user'}', {number % 7})"
        for number in range(1, MANY + 1)
    ]
    for start in range(0, MANY, 500):
        database.rows(f"INSERT INTO users ({COLUMNS}) VALUES {', '.join(values[start : start + 500])}")
    database.rows("DELETE FROM users WHERE id = 30")
    database.rows("INSERT INTO revocations VALUES (77, 5, 1790000000) ON CONFLICT DO NOTHING")
    if isinstance(database, Postgres):
        database.rows(f"UPDATE totals SET users = {MANY - 1} WHERE id = 0")
        database.rows(f"SELECT setval('users_id_seq', {MANY * 3 + 5})")
    else:
        database.rows(f"UPDATE sqlite_sequence SET seq = {MANY * 3 + 5} WHERE name = 'users'")
    return users(database)


def assert_same(database, rows, last_id=MANY * 3 + 5):
    assert users(database) == rows
    assert database.rows("SELECT sum(users) FROM totals") == [(str(len(rows)),)]
    assert ("77", "5", "1790000000") in database.rows("SELECT user_id, epoch, changed_at FROM revocations")
    status = succeed("status", "--db", database.url)
    assert f"users    {len(rows)}\n" in status and f"last id  {last_id}\n" in status


def test_a_backup_restores_all(source, target, tmp_path, user_pb2):
    rows = fill(source)
    backup = tmp_path / "users.backup"
    assert succeed("backup", "--db", source.url, "--out", backup) == f"{MANY - 1} users are in {backup}\n"
    assert backup.stat().st_mode & 0o777 == 0o600 and not pathlib.Path(f"{backup}.part").exists()
    assert succeed("restore", "--db", target.url, "--in", backup) == f"{MANY - 1} users are restored\n"
    assert_same(target, rows)
    server = programs.Userd(tmp_path, "--db", target.url).start()  # which gives the next id, of all that were
    try:
        client = clients.Grpcio(user_pb2, server.address, tmp_path)
        made = client.call("CreateUser", user_pb2.CreateUserRequest(name="N", email="new@copy.example"))
        assert made.response.user.id == MANY * 3 + 6
        client.close()
        server.stop()
    finally:
        server.kill()


def test_ids_that_come_again_are_counted_again(source, target, tmp_path):
    """A userd that serves the target has counted their blocks as empty, as of so many removals."""
    rows = fill(source)
    succeed("backup", "--db", source.url, "--out", tmp_path / "users.backup")
    succeed("migrate", "--db", target.url)
    target.rows("INSERT INTO removals VALUES (1, 256)")
    [(before,)] = target.rows("SELECT sum(removed) FROM totals")
    succeed("restore", "--db", target.url, "--in", tmp_path / "users.backup")
    assert_same(target, rows)
    assert int(target.rows("SELECT removed FROM removals WHERE block = 1")[0][0]) > 256
    assert int(target.rows("SELECT sum(removed) FROM totals")[0][0]) > int(before)


def test_of_two_backups_to_one_file_one_is_refused(source, tmp_path):
    fill(source)
    backup = tmp_path / "users.backup"
    with open(f"{backup}.part", "w", encoding="utf-8") as other:  # as another one that is under way
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write("a part")
        other.flush()
        fails("another backup writes it", "backup", "--db", source.url, "--out", backup)
        assert pathlib.Path(f"{backup}.part").read_text(encoding="utf-8") == "a part"
    assert "users are in" in succeed("backup", "--db", source.url, "--out", backup)  # what a crash has left is in nobody's way
    fails("is there already", "backup", "--db", source.url, "--out", backup)
    assert not pathlib.Path(f"{backup}.part").exists()


def test_a_copy_is_the_same(source, target):
    rows = fill(source)
    told = f"{MANY - 1} users are copied, and the same in both\n"
    assert succeed("copy", "--from", source.url, "--to", target.url) == told
    assert_same(target, rows)
    assert succeed("copy", "--from", source.url, "--to", target.url) == told  # once more is nothing new
    assert_same(target, rows)


BATCH = 1000  # users of a transaction


def test_a_copy_that_was_cut_off_goes_on(source, target):
    """Killed once a user is there, once more than a batch is, and so on; what it is killed at is any moment after that."""
    rows = fill(source)
    succeed("migrate", "--db", target.url)
    command = [places.program("userd"), "db", "copy", "--from", source.url, "--to", target.url]
    for killed_at in (0, 1, BATCH + 1, MANY - 1):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as copying:
            programs.wait_until(lambda: count_of(target) >= killed_at or copying.poll() is not None, "users")
            copying.kill()
        count = count_of(target)
        assert count in range(0, MANY, BATCH) or count == MANY - 1  # whole batches
        assert users(target) == rows[:count]
    succeed("copy", "--from", source.url, "--to", target.url)
    assert_same(target, rows)


def test_progress_of_a_copy(tmp_path):
    """Whatever was there already, and while users are compared, too."""
    source, target = Sqlite(tmp_path), Sqlite(tmp_path)
    for database, count in ((source, 150500), (target, 500)):
        succeed("migrate", "--db", database.url)
        database.rows(
            "INSERT INTO users (name, email, email_key, phone, created_at) WITH RECURSIVE number (n) AS"
            f" (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < {count})"
            " SELECT 'N', n || '@progress.example', n || '@progress.example', '', 1700000000 FROM number"
        )
    copied, compared = "100500 of 150500 users are copied", "100000 of 150500 users are compared"
    for said in ([copied, compared], [compared, compared]):
        done = db("copy", "--from", source.url, "--to", target.url)
        assert (done.returncode, done.stderr.splitlines()) == (0, said)


def test_tokens_that_go_on_are_found(source, target):
    """A target that is told what ends tokens and does not keep it."""
    fill(source)
    succeed("migrate", "--db", target.url)
    if isinstance(target, Sqlite):
        target.rows("CREATE TRIGGER forgetful AFTER INSERT ON revocations BEGIN DELETE FROM revocations; END")
    else:
        target.rows("CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
        target.rows("CREATE TRIGGER forgetful BEFORE INSERT ON revocations FOR EACH ROW EXECUTE FUNCTION forget()")
    fails("does not end the tokens of user", "copy", "--from", source.url, "--to", target.url)


def test_a_target_with_others_is_left_alone(source, target, tmp_path):
    fill(source)
    succeed("migrate", "--db", target.url)
    target.rows(f"INSERT INTO users ({COLUMNS}) VALUES (1, 'O', 'o@o', 'o@o', '', 1, NULL, '', 0)")
    if isinstance(target, Postgres):
        target.rows("UPDATE totals SET users = 1 WHERE id = 0")
    before = users(target)
    fails("another user 1", "copy", "--from", source.url, "--to", target.url)
    succeed("backup", "--db", source.url, "--out", tmp_path / "b")
    fails("it has 1 users; give one that is empty", "restore", "--db", target.url, "--in", tmp_path / "b")
    assert users(target) == before


def test_what_changed_in_the_target_is_found(source, target):
    fill(source)
    succeed("copy", "--from", source.url, "--to", target.url)
    target.rows("UPDATE users SET phone = 'x' WHERE id = 6000")
    fails("another user 6000", "copy", "--from", source.url, "--to", target.url)


@pytest.mark.parametrize(
    "spoil, told",
    [
        (lambda text: "", "line 1: it ends too soon"),
        (lambda text: "hello\n", "no backup of userd"),
        (lambda text: text.replace('backup":1', 'backup":2'), "no backup of userd"),
        (lambda text: text[: len(text) // 2], "no such line"),
        (lambda text: "".join(text.splitlines(True)[:-1]), "it ends too soon"),
        (lambda text: text.replace('"phone":"+7"', '"phone":"+8"'), "not as it was written"),
        (lambda text: "".join(line for line in text.splitlines(True) if '"id":3000,' not in line and '"id":33,' not in line),
         "not as it was written"),
        (lambda text: text + "{}\n", "more behind the end"),
        (lambda text: text.replace("\n", "\n\n", 1), "not as it was written"),
        (lambda text: text.replace("\n", "\n" + "x" * 9000 + "\n", 1), "no such line"),
    ],
)
def test_a_backup_that_was_spoilt_changes_nothing(tmp_path, spoil, told):
    source, target = Sqlite(tmp_path), Postgres(tmp_path)
    fill(source)
    succeed("backup", "--db", source.url, "--out", tmp_path / "b")
    text = (tmp_path / "b").read_text()
    (tmp_path / "b").write_text(spoil(text))
    fails(told, "restore", "--db", target.url, "--in", tmp_path / "b")
    assert postgres.query(target.url, "SELECT count(*) FROM pg_tables WHERE tablename = 'users'") == ["0"]


def test_a_backup_of_what_is_served(tmp_path, user_pb2):
    server = programs.Userd(tmp_path).start()
    try:
        client = clients.Grpcio(user_pb2, server.address, tmp_path)
        for number in range(20):
            client.call("CreateUser", user_pb2.CreateUserRequest(name="N", email=f"{number}@served.example"))
        assert "20 users" in succeed("backup", "--db", server.url, "--out", tmp_path / "b")
        client.close()
        server.stop()
    finally:
        server.kill()


def test_a_backup_of_what_can_only_be_read(tmp_path):
    source = Postgres(tmp_path)
    fill(source)
    read_only = f"{source.url}&options=-c%20default_transaction_read_only%3Don"  # as on a standby
    assert "version  3 of 3" in succeed("status", "--db", read_only)
    assert f"{MANY - 1} users" in succeed("backup", "--db", read_only, "--out", tmp_path / "b")


def test_what_cannot_be_done_is_said(tmp_path):
    empty = Postgres(tmp_path)
    (tmp_path / "there").write_text("x")
    (tmp_path / "rubbish.db").write_text("x" * 5000)
    absent = f"sqlite:{tmp_path}/absent.db"
    fails("there is no file", "status", "--db", absent)
    fails("there is no file", "backup", "--db", absent, "--out", tmp_path / "b")
    fails("there is no file", "copy", "--from", absent, "--to", empty.url)
    assert not pathlib.Path(f"{tmp_path}/absent.db").exists()
    fails("not a database", "status", "--db", f"sqlite:{tmp_path}/rubbish.db")
    fails("No such file", "restore", "--db", empty.url, "--in", tmp_path / "b")
    fails("userd db migrate", "backup", "--db", empty.url, "--out", tmp_path / "b")
    assert db("status", "--db", empty.url).stdout == "version  0 of 3\n"
    assert db("status", "--db", empty.url).returncode == 1
    succeed("migrate", "--db", empty.url)
    fails("is there already", "backup", "--db", empty.url, "--out", tmp_path / "there")
    fails("No such file", "backup", "--db", empty.url, "--out", tmp_path / "no" / "folder")
    fails("onnection refused", "status", "--db", "postgres://u:secret@127.0.0.1:1/users")


@pytest.mark.parametrize(
    "words, told",
    [
        ([], "userd db does one of"),
        (["destroy"], "userd db does one of"),
        (["backup", "twice"], '"twice" is one argument too many'),
        (["status", "--out", "f"], "userd db status takes no --out"),
        (["backup", "--out", "f", "--from", "sqlite:a"], "userd db backup takes no --from"),
        (["restore", "--in", "f", "--to", "sqlite:a"], "userd db restore takes no --to"),
        (["backup"], "needs --out"),
        (["restore"], "needs --in"),
        (["copy", "--from", "sqlite:a"], "needs --to"),
        (["status", "u:secret@h"], "a URL belongs to a flag"),
        (["copy", "--from", "mysql://a", "--to", "sqlite:b"], "--from"),
        (["status", "--nonsense"], "--nonsense"),
    ],
)
def test_usage(words, told):
    fails(told, *words, code=2)


def test_help():
    assert "userd db copy --from URL --to URL" in succeed("--help")
