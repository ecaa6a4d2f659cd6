# SPDX-License-Identifier: Apache-2.0
"""What operators see: a real Prometheus scrapes userd; health over gRPC and HTTP tells the same."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import grpc
import pytest

from support import certs, clients, places, programs, protos, tls

HEALTH = "grpc/health/v1/health.proto"


def userd_with_ops(folder, *flags):
    userd = programs.Userd(folder, "--ops", places.free_address(), *flags)
    userd.ops = userd.command[userd.command.index("--ops") + 1]
    return userd


@pytest.fixture
def userd(tmp_path):
    userd = userd_with_ops(tmp_path)
    userd.start()
    try:
        yield userd
        userd.stop()
    finally:
        userd.kill()


@pytest.fixture(scope="session")
def health(tmp_path_factory):
    """Modules of the public definition."""
    return protos.public_modules(tmp_path_factory.mktemp("health"), HEALTH)


def fetch(address, path, method="GET"):
    """(status, content type, content)."""
    connection = http.client.HTTPConnection(address, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()


def call(userd, method, request=b"", times=1):
    """Calls without a .proto; the codes."""
    codes = []
    with grpc.insecure_channel(userd.address) as channel:
        for _ in range(times):
            try:
                channel.unary_unary(method)(request, timeout=60)
                codes.append("OK")
            except grpc.RpcError as error:
                codes.append(error.code().name)
    return codes


# ---- endpoints ----


def test_endpoints(userd):
    status, kind, text = fetch(userd.ops, "/health")
    body = json.loads(text)
    assert (status, kind) == (200, "application/json")
    assert body["status"] == "healthy" and abs(body["timestamp"] - time.time()) < 600
    assert body["services"]["user.UserService"] == body["services"]["database"] == "SERVING"
    assert fetch(userd.ops, "/readyz")[::2] == (200, "ready\n")
    assert fetch(userd.ops, "/livez")[::2] == (200, "alive\n")
    version = programs.run(places.program("userd"), "--version").stdout.split()[1]
    assert json.loads(fetch(userd.ops, "/version")[2]) == {"name": "userd", "version": version}
    assert fetch(userd.ops, "/metrics")[1] == "text/plain; version=0.0.4; charset=utf-8"
    status, kind, text = fetch(userd.ops, "/metrics", "HEAD")
    assert (status, kind, text) == (200, "text/plain; version=0.0.4; charset=utf-8", "")
    assert fetch(userd.ops, "/absent")[0] == 404
    assert fetch(userd.ops, "/metrics", "POST")[0] == 405


def test_default_address_is_taken(tmp_path):
    """Nobody asked for it: userd says so and goes on. Asked for, it is an error."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody else has it already, which is just as well
            other.bind(("127.0.0.1", 8080))
            other.listen()
        userd = programs.Userd(tmp_path, "--ops", "off")
        place = userd.command.index("--ops")
        del userd.command[place : place + 2]
        userd.start()
        try:
            programs.wait_until(lambda: "going on without metrics" in userd.said(), "the warning")
            userd.stop()
        finally:
            userd.kill()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = programs.run(places.program("userd"), "--listen", "127.0.0.1:0", "--ops", address,
                            "--db", f"sqlite:{tmp_path}/x.db")
    assert done.returncode == 1 and address in done.stderr
    done = programs.run(places.program("userd"), "--ops", "nonsense")
    assert done.returncode == 2 and "--ops" in done.stderr


# ---- Prometheus ----

CONFIG = """
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
scrape_configs:
  - job_name: userd
    static_configs:
      - targets: ["%s"]
"""


@contextlib.contextmanager
def scraping(ops, folder):
    """A real one that scrapes this address; a function that runs a PromQL query."""
    program = shutil.which("prometheus")
    assert program, "prometheus (Debian's package) is missing"
    address = places.free_address()
    (folder / "prometheus.yml").write_text(CONFIG % ops)
    with open(folder / "prometheus.log", "w") as log:
        process = subprocess.Popen(
            [program, f"--config.file={folder}/prometheus.yml", f"--web.listen-address={address}",
             f"--storage.tsdb.path={folder}/tsdb"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )

    def query(text):
        url = f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": text})
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                body = json.load(answer)
        except OSError:
            return []
        assert body["status"] == "success", body
        return body["data"]["result"]

    try:
        yield query
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def prometheus(userd, tmp_path):
    with scraping(userd.ops, tmp_path) as query:
        yield query


def value_of(query, text):
    result = query(text)
    return float(result[0]["value"][1]) if result else None


def test_prometheus(userd, prometheus, user_pb2):
    with contextlib.closing(clients.Grpcio(user_pb2, userd.address, None)) as client:
        for i in range(3):
            answer = client.call("CreateUser", user_pb2.CreateUserRequest(name="N", email=f"p{i}@example.org"))
            assert answer.code == "OK"
        for _ in range(5):
            client.call("GetUser", user_pb2.GetUserRequest(id=1))
        client.call("DeleteUser", user_pb2.DeleteUserRequest(id=999))
    flood = 200
    for i in range(flood):
        assert call(userd, f"/user.UserService/Flood{i}") == ["UNIMPLEMENTED"]
    get = 'method="/user.UserService/GetUser",type="unary"'
    expected = {
        "up": 1,
        f"grpc_requests_total{{{get}}}": 5,
        f"grpc_request_duration_seconds_count{{{get}}}": 5,
        f'grpc_request_duration_seconds_bucket{{{get},le="+Inf"}}': 5,
        'grpc_request_errors_total{method="/user.UserService/DeleteUser",code="NotFound"}': 1,
        'grpc_requests_total{method="other"}': flood,
        'grpc_request_errors_total{method="other",code="Unimplemented"}': flood,
        'count(count by (method) (grpc_requests_total{method!~"/grpc.*"}))': 4,
        "userd_database_batch_size_sum": 4,  # DeleteUser is a write, too
        "userd_database_queued": 0,
        "userd_database_faults_total": 0,
        "weir_server_handshakes_failed_total": 0,
        'weir_server_limit_hits_total{limit="header_list"}': 0,
        'count(weir_server_limit_hits_total) >= bool 14': 1,
        "weir_server_connections_refused_total": 0,
        "weir_server_fibers_refused_total": 0,
        "weir_server_calls_refused_total": 0,
        "weir_server_http_connections": 1,
        "weir_pool_threads": 2,
        "weir_pool_queued": 0,
        "userd_log_dropped_lines_total": 0,
    }
    for text, value in expected.items():
        programs.wait_until(lambda: value_of(prometheus, text) == value, f"{text} to be {value}")
    for text in [
        f"grpc_request_duration_seconds_sum{{{get}}}", "userd_database_commits_total",
        "weir_server_connections_accepted_total", "weir_server_calls_started_total",
        "weir_server_received_bytes_total", "weir_server_sent_bytes_total", "weir_server_fiber_stacks",
        "weir_server_http_requests_total", "weir_pool_done_total", "process_resident_memory_bytes",
        "process_virtual_memory_bytes", "process_open_fds", "process_max_fds", "process_cpu_seconds_total",
        "process_start_time_seconds", "userd_build_info",
        f"histogram_quantile(0.5, grpc_request_duration_seconds_bucket{{{get}}})",
    ]:
        programs.wait_until(lambda: (value_of(prometheus, text) or 0) > 0, f"{text} to be there")
    for text in ["weir_server_connections", "weir_server_calls", "weir_server_fibers", "weir_pool_busy"]:
        assert value_of(prometheus, text) is not None, text


@pytest.fixture
def guarded(tmp_path):
    """A userd that asks for tokens and issues them."""
    keys = programs.run(places.program("userd"), "keys", "create", "--out", tmp_path)
    assert keys.returncode == 0, keys.stderr
    userd = userd_with_ops(tmp_path, "--auth", "jwt", "--jwt-private-key", tmp_path / "jwt-private.pem")
    userd.start()
    try:
        yield userd
        userd.stop()
    finally:
        userd.kill()


def test_prometheus_sees_tokens_and_passwords(guarded, tmp_path):
    environment = {"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(tmp_path / "state")}

    def userctl(*words, expect, text=""):
        command = [places.program("userctl"), *words, "--server", guarded.address]
        done = programs.run(*command, input=text, env=environment)
        assert done.returncode in expect, done.stderr
        return done.returncode

    userctl("register", "Ada", "ada@x", expect=[0], text="password 1\n")
    userctl("login", "ada@x", expect=[0], text="password 1\n")
    for _ in range(3):
        userctl("get", "1", expect=[0])
    for word in ("rubbish", "e30.e30.e30"):
        userctl("get", "1", "--token", word, expect=[80])
    with grpc.insecure_channel(guarded.address) as channel:
        with pytest.raises(grpc.RpcError):
            channel.unary_unary("/user.UserService/GetUser")(b"\x08\x01", timeout=60)
    codes = [userctl("login", "nobody@x", expect=[80, 72], text="password 1\n") for _ in range(15)]
    assert 10 <= codes.count(80) < 15
    expected = {
        "weir_auth_verified_total": 1,
        "weir_auth_cached_total": 2,
        "weir_auth_ended_total": 0,
        "weir_auth_evicted_total": 0,
        "weir_auth_key_reloads_total": 0,
        "weir_auth_key_failures_total": 0,
        'weir_auth_refused_total{reason="malformed"}': 2,
        'weir_auth_refused_total{reason="missing"}': 1,
        'weir_auth_refused_total{reason="expired"}': 0,
        "count(weir_auth_refused_total)": 10,
        "sum(weir_auth_refused_total)": 3,
        "userd_passwords_hashed_total": 1,
        "userd_passwords_compared_total": 1 + codes.count(80),
        "userd_passwords_refused_total": 0,
        "userd_passwords_waiting": 0,
        "userd_login_attempts_refused_total": codes.count(72),
    }
    with scraping(guarded.ops, tmp_path) as query:
        for text, value in expected.items():
            programs.wait_until(lambda: value_of(query, text) == value, f"{text} to be {value}")


@pytest.fixture
def complete(tmp_path):
    """A userd with all that counts something and needs no other server."""
    keys = programs.run(places.program("userd"), "keys", "create", "--out", tmp_path)
    assert keys.returncode == 0, keys.stderr
    userd = userd_with_ops(
        tmp_path, "--auth", "jwt", "--jwt-private-key", tmp_path / "jwt-private.pem", "--rate", "1000", "--concurrency",
        "--otlp", f"http://{places.free_address()}",
    )
    userd.start()
    try:
        call(userd, "/user.UserService/GetUser")
        call(userd, "/user.UserService/DeleteUser")
        call(userd, "/user.UserService/None")
        yield userd
        userd.stop()
    finally:
        userd.kill()


def test_prometheus_has_every_metric(complete, tmp_path):
    text = fetch(complete.ops, "/metrics")[2]
    told = {re.match(r"\w+", line)[0] for line in text.splitlines() if line and line[0] != "#"}
    for family in ("ratelimit", "concurrency", "tracing", "auth", "server", "pool"):
        assert any(name.startswith(f"weir_{family}_") for name in told), family
    with scraping(complete.ops, tmp_path) as query:
        programs.wait_until(lambda: value_of(query, "up") == 1, "a scrape")
        programs.wait_until(
            lambda: told <= {found["metric"]["__name__"] for found in query('{__name__=~".+"}')}, "every metric"
        )


def test_the_page_on_attacks_names_every_limit(userd):
    limits = re.findall(r'^weir_server_limit_hits_total\{limit="(\w+)"\}', fetch(userd.ops, "/metrics")[2], re.M)
    page = (places.REPO / "doc/SECURITY.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("|")]
    told = {name for row in rows if len(row) == 5 for name in re.findall(r"`(\w+)`", row[3])}
    assert {name for name in told if not name.startswith(("weir_", "userd_"))} == set(limits)


@pytest.fixture
def secure(tmp_path):
    """A userd with TLS; its pair and who signed that."""
    authority = certs.Authority(tmp_path)
    pair = authority.issue("server", certs.LOCAL)
    userd = tls.userd(tmp_path, pair, "--ops", places.free_address())
    userd.ops = userd.command[userd.command.index("--ops") + 1]
    userd.start()
    try:
        yield userd, pair, authority
        userd.stop()
    finally:
        userd.kill()


def metric(userd, name):
    """What /metrics says of a name without labels; None: nothing."""
    found = re.search(rf"^{name} (\S+)$", fetch(userd.ops, "/metrics")[2], re.MULTILINE)
    return float(found[1]) if found else None


def test_reloads_of_certificates_are_counted(secure):
    userd, pair, authority = secure
    assert metric(userd, "weir_tls_handshakes_total") >= 1 and metric(userd, "weir_tls_reloads_total") == 0
    failures = 0
    for rounds in range(1, 4):
        pathlib.Path(pair.cert).write_text("this is no certificate\n")
        userd.signal(signal.SIGHUP)
        programs.wait_until(lambda: metric(userd, "weir_tls_reload_failures_total") > failures, "a failed reload")
        authority.issue("server", certs.LOCAL)
        userd.signal(signal.SIGHUP)
        programs.wait_until(lambda: metric(userd, "weir_tls_reloads_total") >= rounds, "a reload")
        failures = metric(userd, "weir_tls_reload_failures_total")
    before = metric(userd, "weir_tls_handshakes_failed_total")
    programs.answers(userd.address)  # which speaks no TLS
    programs.wait_until(lambda: metric(userd, "weir_tls_handshakes_failed_total") > before, "a failed handshake")
    assert metric(userd, "weir_tls_handshakes_resumed_total") == 0


def test_promtool(complete):
    promtool = shutil.which("promtool")
    assert promtool, "promtool (Debian's package prometheus) is missing"
    text = fetch(complete.ops, "/metrics")[2]
    assert "grpc_request_errors_total{" in text
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr


# ---- health ----


class Watcher:
    """A Watch by grpcio, with the statuses that it has shown."""

    def __init__(self, userd, health, service):
        messages, services = health
        self.channel = grpc.insecure_channel(userd.address)
        self.names = messages.HealthCheckResponse.ServingStatus
        self.seen, self.code = [], None
        self.stream = services.HealthStub(self.channel).Watch(messages.HealthCheckRequest(service=service))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            for one in self.stream:
                self.seen.append(self.names.Name(one.status))
        except grpc.RpcError as error:
            self.code = error.code().name


def check(userd, health, service):
    messages, services = health
    with grpc.insecure_channel(userd.address) as channel:
        try:
            answer = services.HealthStub(channel).Check(messages.HealthCheckRequest(service=service), timeout=60)
            return messages.HealthCheckResponse.ServingStatus.Name(answer.status)
        except grpc.RpcError as error:
            return error.code().name


def test_check(userd, health):
    for service in "", "user.UserService", "database":
        assert check(userd, health, service) == "SERVING"
    assert check(userd, health, "absent") == "NOT_FOUND"
    absent = Watcher(userd, health, "absent")
    programs.wait_until(lambda: absent.seen == ["SERVICE_UNKNOWN"], "SERVICE_UNKNOWN")
    assert absent.code is None
    absent.stream.cancel()


def test_npm_health_check(userd):
    """The protocol as npm's grpc-health-check has it."""
    command = ["node", str(places.CLIENTS / "health.js"), userd.address, "user.UserService"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert [process.stdout.readline(), process.stdout.readline()] == ["SERVING\n", "SERVING\n"]
            userd.signal(signal.SIGTERM)
            assert process.stdout.read() == "NOT_SERVING\nUNAVAILABLE\n"
        finally:
            process.kill()
    assert userd.wait() == 0
    userd.start()  # for the fixture, which wants to stop it


def test_database_fails(userd, health, user_pb2):
    """Its files become rubbish; the first call that meets that makes everyone know."""
    watchers = [Watcher(userd, health, service) for service in ("", "user.UserService", "database")]
    for watcher in watchers:
        programs.wait_until(lambda: watcher.seen == ["SERVING"], "SERVING")
    for suffix in "", "-wal":
        path = userd.database.with_name(userd.database.name + suffix)
        with open(path, "r+b") as file:
            file.write(b"rubbish " * 8192)
    with contextlib.closing(clients.Grpcio(user_pb2, userd.address, None)) as client:

        def has_failed():
            answer = client.call("CreateUser", user_pb2.CreateUserRequest(name="N", email=f"{time.time()}@x"))
            return answer.code in ("INTERNAL", "UNAVAILABLE")

        programs.wait_until(has_failed, "the database to fail")
        for watcher in watchers:
            programs.wait_until(lambda: watcher.seen[-1:] == ["NOT_SERVING"], "NOT_SERVING")
    status, _, text = fetch(userd.ops, "/health")
    body = json.loads(text)
    assert (status, body["status"]) == (503, "unhealthy")
    assert body["services"]["database"] == body["services"]["user.UserService"] == "NOT_SERVING"
    assert fetch(userd.ops, "/readyz")[::2] == (503, "not ready\n")
    assert fetch(userd.ops, "/livez")[0] == 200
    assert check(userd, health, "user.UserService") == "NOT_SERVING"
    assert "does not work" in userd.said() and "rubbish" not in text
    assert " 0\n" not in fetch(userd.ops, "/metrics")[2].split("userd_database_faults_total")[-1][:3]


def test_drain(userd, health):
    """NOT_SERVING before the end, over HTTP as well, while a call is under way."""
    watcher = Watcher(userd, health, "user.UserService")
    programs.wait_until(lambda: watcher.seen == ["SERVING"], "SERVING")
    messages, services = health
    with grpc.insecure_channel(userd.address) as channel:
        # A call whose request does not come holds the drain up.
        release = threading.Event()

        def requests():
            release.wait()
            yield b""

        held = channel.stream_unary("/user.UserService/GetUser")
        pending = held.future(requests())
        programs.wait_until(lambda: "weir_server_calls 2" in fetch(userd.ops, "/metrics")[2], "the call")
        userd.signal(signal.SIGTERM)
        programs.wait_until(lambda: watcher.seen == ["SERVING", "NOT_SERVING"], "NOT_SERVING")
        programs.wait_until(lambda: watcher.code == "UNAVAILABLE", "the stream's end")
        assert fetch(userd.ops, "/health")[0] == 503
        assert fetch(userd.ops, "/readyz")[0] == 503
        assert fetch(userd.ops, "/livez")[0] == 200
        pending.cancel()
        release.set()
    assert userd.wait() == 0, userd.said()
    with open(userd.log, "ab"):
        userd.start()  # for the fixture, which wants to stop it


# ---- the log ----


def test_log(tmp_path):
    userd = userd_with_ops(tmp_path, "--log-format", "json")
    userd.start()
    try:
        with grpc.insecure_channel(userd.address) as channel:
            with pytest.raises(grpc.RpcError):
                channel.unary_unary("/user.UserService/DeleteUser")(
                    b"\x08\x07", timeout=60, metadata=[("authorization", "Bearer secret")]
                )
        userd.stop()
    finally:
        userd.kill()
    lines = [json.loads(line) for line in userd.said().splitlines()]
    (started,) = [line for line in lines if line["message"] == "call started"]
    (ended,) = [line for line in lines if line["message"] == "call ended"]
    for line in started, ended:
        assert line["method"] == "/user.UserService/DeleteUser" and line["peer"].startswith("ipv4:127.0.0.1:")
    assert ended["code"] == "NOT_FOUND" and ended["error"] == "user 7 not found" and ended["duration_us"] >= 0
    assert "secret" not in userd.said()
