# SPDX-License-Identifier: Apache-2.0
"""weir-bench against servers of several makes, and the usual mistakes."""
import json
import socket
import threading
import xml.etree.ElementTree

import pytest
from support import certs, interop, places, programs, tls

SERVERS = {"weir": interop.weir_server, **interop.FOREIGN_SERVERS}
SERVICE = f"/{interop.SERVICE}"


@pytest.fixture(scope="module")
def types():
    return interop.Types()


@pytest.fixture(scope="module", params=SERVERS)
def server(request, tmp_path_factory):
    server = interop.server(SERVERS[request.param], tmp_path_factory.mktemp(request.param))
    server.calls_at_once = 1 if request.param == "ruby" else 4  # it refuses what its threads cannot take
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    server = interop.server(interop.weir_server, tmp_path_factory.mktemp("weir"))
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


def run(address, method, *flags):
    return programs.run(places.program("weir-bench"), address, method, *flags)


def measure(address, method, *flags):
    done = run(address, method, *flags, "--json", "-")
    assert done.returncode == 0, done.stderr + done.stdout
    result = json.loads(done.stdout)
    assert (result["failed"], result["unfinished"], result["connections_lost"]) == (0, 0, 0)
    return result


def file_of(folder, message):
    path = folder / "message.bin"
    path.write_bytes(message.SerializeToString())
    return path


@pytest.fixture
def message_of(tmp_path):
    return lambda message: file_of(tmp_path, message)


# ---- each kind of call ----


def test_unary(server, types, message_of):
    request = types.SimpleRequest(response_size=100, payload=types.Payload(body=b"x" * 200))
    result = measure(
        server.address, f"{SERVICE}/UnaryCall", "--message", message_of(request), "--calls", 200,
        "--connections", 2, "--streams", server.calls_at_once, "--threads", 2, "--header", "x-who: me",
    )
    assert result["codes"] == {"OK": 200}
    assert (result["messages_sent"], result["messages_received"]) == (200, 200)
    assert result["bytes_received"] > 200 * 100
    times = result["latency_ns"]
    assert 0 < times["p50"] <= times["p99"] <= times["max"]


def test_large_messages(server, types, message_of):
    request = types.SimpleRequest(response_size=300000, payload=types.Payload(body=b"x" * 300000))
    result = measure(
        server.address, f"{SERVICE}/UnaryCall", "--message", message_of(request), "--calls", 20, "--streams", server.calls_at_once
    )
    assert result["calls"] == 20
    assert min(result["bytes_sent"], result["bytes_received"]) > 20 * 300000


def test_server_stream(server, types, message_of):
    request = types.StreamingOutputCallRequest(response_parameters=[types.ResponseParameters(size=10)] * 7)
    result = measure(
        server.address, f"{SERVICE}/StreamingOutputCall", "--kind", "server-stream", "--message",
        message_of(request), "--calls", 30, "--streams", server.calls_at_once,
    )
    assert (result["calls"], result["messages_sent"], result["messages_received"]) == (30, 30, 210)


def test_client_stream(server, types, message_of):
    request = types.StreamingInputCallRequest(payload=types.Payload(body=b"x" * 1000))
    result = measure(
        server.address, f"{SERVICE}/StreamingInputCall", "--kind", "client-stream", "--message",
        message_of(request), "--messages", 500, "--calls", 6, "--streams", server.calls_at_once,
    )
    assert (result["calls"], result["messages_sent"], result["messages_received"]) == (6, 3000, 6)


def test_bidirectional(server, types, message_of):
    request = types.StreamingOutputCallRequest(response_parameters=[types.ResponseParameters(size=10)])
    result = measure(
        server.address, f"{SERVICE}/FullDuplexCall", "--kind", "bidi", "--message", message_of(request),
        "--messages", 20, "--calls", 6, "--streams", server.calls_at_once,
    )
    assert (result["calls"], result["messages_sent"], result["messages_received"]) == (6, 120, 120)


# ---- when calls begin ----


def test_a_rate_is_kept(ours):
    result = measure(
        ours.address, f"{SERVICE}/EmptyCall", "--rate", 500, "--duration", "1s", "--streams", 100, "--threads", 1
    )
    assert result["calls"] == 500


def test_a_time_with_a_warm_up(ours):
    result = measure(ours.address, f"{SERVICE}/EmptyCall", "--duration", "300ms", "--warm-up", "100ms")
    assert result["calls"] > 0
    assert 0.3 <= result["seconds"]


def test_fewer_calls_than_threads(ours):
    result = measure(ours.address, f"{SERVICE}/EmptyCall", "--calls", 1, "--connections", 2, "--threads", 2)
    assert result["calls"] == 1


def test_headers_that_change(ours):
    measure(ours.address, f"{SERVICE}/EmptyCall", "--calls", 500, "--streams", 50, "--changing")


def silent_server():
    """Accepts, says its SETTINGS, and answers no call."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.sendall(b"\0\0\0\4\0\0\0\0\0")
            kept.append(connection)

    kept = []
    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_what_was_due_counts_although_the_server_stalls(tmp_path):
    listener = silent_server()
    done = run(
        "127.0.0.1:%d" % listener.getsockname()[1], "/a.B/C", "--rate", 100, "--duration", "1s", "--streams", 5,
        "--json", tmp_path / "result.json",
    )
    listener.close()
    assert done.returncode == 1
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["calls"], result["unfinished"]) == (0, 100)
    assert result["latency_ns"]["p50"] > 1e9
    assert "100 not answered by the end" in done.stdout


# ---- TLS ----


def test_tls(types, message_of, tmp_path):
    authority = certs.Authority(tmp_path)
    pair = authority.issue("server", ["127.0.0.1"])
    address = places.free_address()
    host, port = address.rsplit(":", 1)
    command = [
        places.program("interop-server"), f"--host={host}", f"--port={port}", "--use_tls=true",
        f"--tls_cert_file={pair.cert}", f"--tls_key_file={pair.key}",
    ]
    server = programs.Server(command, address, tmp_path / "log", programs.shakes_hands).start()
    try:
        measure(address, f"{SERVICE}/EmptyCall", "--calls", 50, "--streams", 5, "--tls", "--ca", authority.ca)
        done = run(address, f"{SERVICE}/EmptyCall", "--calls", 1, "--tls")
        assert done.returncode == 1 and "certificate" in done.stderr
    finally:
        server.kill()


# ---- what it says ----


def test_text_and_picture(ours, tmp_path):
    done = run(ours.address, f"{SERVICE}/EmptyCall", "--calls", 300, "--svg", tmp_path / "plot.svg")
    assert done.returncode == 0, done.stderr
    assert "300 calls in " in done.stdout and "0 failed" in done.stdout and "p99.9" in done.stdout
    root = xml.etree.ElementTree.parse(tmp_path / "plot.svg").getroot()
    assert root.tag.endswith("svg")
    assert any(element.tag.endswith("polyline") for element in root)


def test_failures_are_counted_by_code(ours):
    done = run(ours.address, f"{SERVICE}/Nothing", "--calls", 10)
    assert done.returncode == 1
    assert "10 failed" in done.stdout and "UNIMPLEMENTED 10, the first: " in done.stdout


def test_a_server_that_dies_and_comes_back(tmp_path):
    server = interop.server(interop.weir_server, tmp_path).start()
    results = {}

    def load():
        results["done"] = run(
            server.address, f"{SERVICE}/EmptyCall", "--duration", "3s", "--streams", 4, "--json", "-"
        )

    thread = threading.Thread(target=load)
    thread.start()
    try:
        programs.time.sleep(1)
        server.kill()
        server.start()
        thread.join()
    finally:
        server.kill()
    assert results["done"].returncode == 1
    result = json.loads(results["done"].stdout)
    assert result["connections_lost"] >= 1
    assert set(result["codes"]) == {"OK", "UNAVAILABLE"}


def test_nobody_listens():
    done = run(places.free_address(), "/a.B/C", "--calls", 1)
    assert done.returncode == 1
    assert done.stderr.endswith(": Connection refused\n")


@pytest.mark.parametrize("much", [["--connections", "20000000"], ["--connections", "3", "--streams", "20000000"]])
def test_no_memory(much):
    limited = ["prlimit", f"--as={2**30}", places.program("weir-bench")]
    done = programs.run(*limited, "127.0.0.1:1", "/a.B/C", *much)
    assert done.returncode == 1
    assert done.stderr.endswith(": out of memory or of file descriptors\n")


MISTAKES = {
    "no method": (["127.0.0.1:1"], "a target and a method are needed"),
    "bad method": (["127.0.0.1:1", "a.B/C"], "the method is written /package.Service/Method"),
    "bad target": (["nowhere", "/a.B/C"], '"nowhere" is not HOST:PORT or unix:PATH'),
    "bad kind": (["127.0.0.1:1", "/a.B/C", "--kind", "both"], "unary, client-stream, server-stream or bidi"),
    "no streams": (["127.0.0.1:1", "/a.B/C", "--streams", "0"], "a whole number from 1 on"),
    "no file": (["127.0.0.1:1", "/a.B/C", "--message", "/nowhere"], "/nowhere: No such file or directory"),
    "bad header": (["127.0.0.1:1", "/a.B/C", "--header", "grpc-x: 1"], "--header: not metadata that may be sent"),
    "no colon": (["127.0.0.1:1", "/a.B/C", "--header", "x"], "--header: write it NAME:VALUE"),
    "half a pair": (["127.0.0.1:1", "/a.B/C", "--tls", "--cert", "x"], "--cert and --key go together"),
    "no tls": (["127.0.0.1:1", "/a.B/C", "--ca", "x"], "need --tls"),
    "threads": (["127.0.0.1:1", "/a.B/C", "--threads", "2"], "there are no more of them than connections"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake):
    words, error = MISTAKES[mistake]
    done = programs.run(places.program("weir-bench"), *words)
    assert done.returncode == 2
    assert error in done.stderr and done.stderr.count("\n") == 1, done.stderr
