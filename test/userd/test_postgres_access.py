# SPDX-License-Identifier: Apache-2.0
"""How userd gets to PostgreSQL: over TLS, and with credentials from wherever libpq takes them."""
import os
import ssl

import pytest

from support import certs, nodes, places, postgres, programs
from support.wrapping import Wrapping

PASSWORD = "s3cr:t'pass"
IN_URL = "s3cr%3At'pass"

ACCESS = """
local all postgres trust
hostssl all ada 127.0.0.1/32 scram-sha-256
hostssl all cert 127.0.0.1/32 cert
"""


class Secure:
    """A PostgreSQL that others than its owner reach over TLS alone."""

    def __init__(self):
        self.address = places.free_address()
        self.port = self.address.rsplit(":", 1)[1]
        self.cluster = postgres.Cluster(self.address)
        self.folder = self.cluster.folder
        self.authority = certs.Authority(self.folder)
        pair = self.authority.issue("server", ["127.0.0.1"])
        for path in pair:
            os.chmod(path, 0o600)
            self.cluster.own(path)
        files = f"-c ssl_cert_file={pair.cert} -c ssl_key_file={pair.key} -c ssl_ca_file={self.authority.ca}"
        self.cluster.settings = f"-c ssl=on {files}"
        (self.folder / "data" / "pg_hba.conf").write_text(ACCESS)
        self.socket = f"{self.folder}/.s.PGSQL.{self.port}"
        self.admin = f"postgres://postgres@/postgres?host={self.folder}&port={self.port}"

    def start(self):
        self.cluster.start()
        quoted = PASSWORD.replace("'", "''")
        postgres.query(self.admin, f"CREATE ROLE ada LOGIN PASSWORD '{quoted}'")
        postgres.query(self.admin, "CREATE ROLE cert LOGIN")
        return self

    def new_database(self, owner="ada"):
        name = postgres.new_database(self.admin).split("/")[3].split("?")[0]
        postgres.query(self.admin, f"ALTER DATABASE {name} OWNER TO {owner}")
        return name

    def sessions(self, name):
        """Of userd in a database: whether they are encrypted."""
        sql = (
            "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
            f" WHERE application_name = 'userd' AND datname = '{name}'"
        )
        return postgres.query(self.admin, sql)


@pytest.fixture(scope="module")
def secure():
    secure = Secure()
    try:
        yield secure.start()
    finally:
        secure.cluster.remove()


@pytest.fixture(autouse=True)
def nothing_of_the_users_own(monkeypatch, tmp_path):
    """Neither variables nor files."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def assert_serves(secure, name, url, user_pb2, folder):
    node = nodes.Node(folder, user_pb2, "--db", url)
    try:
        user = node.create("a@access.example")
        assert node.get(user.id).user == user
        sessions = secure.sessions(name)
        assert sessions and set(sessions) == {"t"}
        assert "s3cr" not in node.userd.said()
    finally:
        node.close()


def assert_refused(url, told):
    done = programs.run(places.program("userd"), "--listen", "127.0.0.1:0", "--ops", "off", "--db", url)
    assert done.returncode == 1 and told in done.stderr, done.stderr
    assert "s3cr" not in done.stderr


# ---- TLS ----


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
def test_a_server_that_is_who_it_says(secure, user_pb2, tmp_path, mode):
    name = secure.new_database()
    url = f"postgres://ada:{IN_URL}@{secure.address}/{name}?sslmode={mode}&sslrootcert={secure.authority.ca}"
    assert_serves(secure, name, url, user_pb2, tmp_path)


def test_a_server_that_may_be_another(secure, tmp_path):
    name, other = secure.new_database(), certs.Authority(tmp_path, "other")
    base = f"postgres://ada:{IN_URL}@{secure.address}/{name}"
    assert_refused(f"{base}?sslmode=verify-full&sslrootcert={other.ca}", "certificate verify failed")
    assert_refused(f"{base}?sslmode=verify-full", "root.crt")  # nobody is trusted by default
    named = base.replace("127.0.0.1", "localhost") + "?hostaddr=127.0.0.1"
    assert_refused(f"{named}&sslmode=verify-full&sslrootcert={secure.authority.ca}", "does not match host name")
    assert_refused(f"{base}?sslmode=disable", "no encryption")


def test_a_certificate_instead_of_a_password(secure, user_pb2, tmp_path):
    name, pair = secure.new_database("cert"), secure.authority.issue("cert")
    os.chmod(pair.key, 0o600)
    url = f"postgres://cert@{secure.address}/{name}?sslmode=verify-full&sslrootcert={secure.authority.ca}"
    assert_refused(url, "certificate")
    assert_serves(secure, name, f"{url}&sslcert={pair.cert}&sslkey={pair.key}", user_pb2, tmp_path)


# ---- credentials ----


def login_of(secure, name, password=""):
    tls = f"sslmode=verify-full&sslrootcert={secure.authority.ca}"
    return f"postgres://ada{password}@{secure.address}/{name}?{tls}"


def in_environment(secure, name, folder):
    return {"PGPASSWORD": PASSWORD}


def in_password_file(secure, name, folder):
    """The password file in the user's home, which may be read by nobody else."""
    (folder / ".pgpass").write_text(f"*:*:{name}:ada:" + PASSWORD.replace(":", "\\:") + "\n")
    (folder / ".pgpass").chmod(0o600)
    return {}


def in_another_password_file(secure, name, folder):
    in_password_file(secure, name, folder)
    (folder / ".pgpass").rename(folder / "passwords")
    return {"PGPASSFILE": str(folder / "passwords")}


@pytest.mark.parametrize("way", [in_environment, in_password_file, in_another_password_file])
def test_a_password_that_is_not_in_the_url(secure, user_pb2, tmp_path, monkeypatch, way):
    name = secure.new_database()
    assert_refused(login_of(secure, name), "no password supplied")
    for variable, value in way(secure, name, tmp_path).items():
        monkeypatch.setenv(variable, value)
    assert_serves(secure, name, login_of(secure, name), user_pb2, tmp_path)


@pytest.mark.parametrize("where", ["url", "environment"])
def test_a_service_file_has_it_all(secure, user_pb2, tmp_path, monkeypatch, where):
    name = secure.new_database()
    settings = {
        "host": "127.0.0.1", "port": secure.port, "dbname": name, "user": "ada", "password": PASSWORD,
        "sslmode": "verify-full", "sslrootcert": secure.authority.ca,
    }
    lines = "".join(f"{key}={value}\n" for key, value in settings.items())
    (tmp_path / "services").write_text(f"[users]\n{lines}")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    if where == "environment":
        monkeypatch.setenv("PGSERVICE", "users")
    assert_serves(secure, name, "postgres://" if where == "environment" else "postgres://?service=users", user_pb2, tmp_path)


def test_what_the_url_leaves_out_is_in_the_environment(secure, user_pb2, tmp_path, monkeypatch):
    name = secure.new_database()
    settings = {
        "PGHOST": "127.0.0.1", "PGPORT": secure.port, "PGDATABASE": name, "PGUSER": "ada", "PGPASSWORD": PASSWORD,
        "PGSSLMODE": "verify-full", "PGSSLROOTCERT": secure.authority.ca,
    }
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    assert_serves(secure, name, "postgres://", user_pb2, tmp_path)


def test_a_wrong_password_is_said_and_not_shown(secure):
    assert_refused(login_of(secure, secure.new_database(), ":s3cr-wrong"), "password authentication failed")


# ---- large answers ----


def test_an_answer_comes_whole_however_tls_cuts_it(secure, user_pb2, tmp_path):
    """What a record holds beyond the room that libpq has for it waits in neither the socket nor the database."""
    name, pair = secure.new_database("postgres"), secure.authority.issue("proxy", ["127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*pair)
    with Wrapping(context, secure.socket) as wrapped:
        url = f"postgres://postgres@{wrapped.address}/{name}?sslmode=verify-full&sslrootcert={secure.authority.ca}"
        node = nodes.Node(tmp_path, user_pb2, "--db", url)
        try:
            users = [node.create(f"{number}@{'x' * 200}.example", name="n" * 90) for number in range(100)]
            for limit in range(50, 101):
                assert list(node.call("ListUsers", node.types.ListUsersRequest(limit=limit)).users) == users[:limit]
        finally:
            node.close()
    assert wrapped.large > 0
