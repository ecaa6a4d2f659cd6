# SPDX-License-Identifier: Apache-2.0
"""Attacks on the ways in: connections by the thousand, TLS, the HTTP endpoints, and paths that no authorization knows."""
import contextlib
import re
import socket
import ssl
import subprocess

import grpc
import pytest

from support import certs, frames, places, programs, siege, tokens

CAP = 50


def assert_neighbours_are_well(besieged):
    report = besieged.neighbours.after_calls(20)
    assert report["failed"] == 0, report


# ---- connections ----


def open_connections(address, count, source):
    """Connections that say nothing, as far as the server keeps them: those that are still open."""
    host, port = address.rsplit(":", 1)
    sockets = []
    for _ in range(count):
        one = socket.socket()
        one.settimeout(programs.PATIENCE)
        one.bind((source, 0))
        one.connect((host, int(port)))
        sockets.append(one)
    return sockets


def is_open(one):
    """The server's SETTINGS, or its end."""
    try:
        return one.recv(1) != b""
    except ConnectionError:
        return False


def test_one_address_takes_only_its_share(tmp_path):
    with siege.siege(tmp_path, "--max-connections-per-address", str(CAP), "--loops", "2") as besieged:
        flood = open_connections(besieged.address, 10 * CAP, "127.0.0.2")
        assert sum(map(is_open, flood)) == CAP
        assert besieged.count("address") == 9 * CAP
        assert_neighbours_are_well(besieged)
        # Another address has its own share, and places are given back.
        others = open_connections(besieged.address, CAP, "127.0.0.3")
        assert all(map(is_open, others))
        for one in flood + others:
            one.close()
        programs.wait_until(
            lambda: besieged.count("weir_server_connections") <= besieged.clients, "them to be gone"
        )
        again = open_connections(besieged.address, CAP, "127.0.0.2")
        assert all(map(is_open, again))
        for one in again:
            one.close()
        assert_neighbours_are_well(besieged)


def test_all_addresses_together_leave_those_who_are_there_alone(tmp_path):
    flags = ["--max-connections", str(CAP), "--max-connections-per-address", str(CAP)]
    with siege.siege(tmp_path, *flags) as besieged:
        flood = [
            one for net in range(10) for one in open_connections(besieged.address, CAP, f"127.0.1.{net + 1}")
        ]
        assert sum(map(is_open, flood)) == CAP - besieged.clients
        assert besieged.count("connections") >= 9 * CAP
        assert_neighbours_are_well(besieged)
        for one in flood:
            one.close()


def test_who_is_told_goodbye_does_not_keep_the_place(tmp_path):
    """A connection that ends waits for its peer to read why; a loop lets 256 wait, and no more."""
    flood = []

    def more_than_wait():
        for one in flood:
            one.close()
        flood[:] = open_connections(besieged.address, 2 * 256, "127.0.0.2")
        for one in flood:
            one.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return besieged.count("linger") > 0

    with siege.siege(tmp_path) as besieged:
        programs.wait_until(more_than_wait, "more than may wait")
        assert besieged.open_files() < 256 + 100 + besieged.count("weir_server_connections")
        assert_neighbours_are_well(besieged)
        for one in flood:
            one.close()


# ---- debts ----

ATTACKER = "127.0.0.2"
BAD = frames.PREFACE + frames.frame(frames.SETTINGS) + frames.window_update(2**31 - 1)
OFFENCES = 4  # three are free of charge


def harm(address, source):
    for _ in range(OFFENCES):
        with frames.Connection(address, source=source) as connection:
            connection.send(frames.window_update(2**31 - 1))
            connection.end()


def comes_in(address, source, patience):
    """Is a connection attempt answered?"""
    host, port = address.rsplit(":", 1)
    with socket.socket() as one:
        one.bind((source, 0))
        one.settimeout(patience)
        try:
            one.connect((host, int(port)))
            return is_open(one)
        except OSError:
            return False


def call_on(connection, stream):
    connection.send(frames.request(stream) + frames.data(stream, frames.message(b"\x08\x01")))
    assert connection.answer(stream)["data"][:1] == b"\0"


def is_served(address, source):
    """By a new connection."""
    try:
        with frames.Connection(address, source=source) as connection:
            call_on(connection, 1)
        return True
    except (OSError, frames.Ended):
        return False


@pytest.fixture()
def trusting_nobody(tmp_path):
    with siege.siege(tmp_path, "--trust", "none", "--trust", "192.0.2.0/24", "--loops", "2") as besieged:
        yield besieged


def test_who_harms_again_and_again_is_kept_out_for_a_while(trusting_nobody):
    address = trusting_nobody.address
    with frames.Connection(address, source=ATTACKER) as good:
        call_on(good, 1)
        harm(address, ATTACKER)
        # In five attempts, each too short for the kernel to try again, at most one has its turn.
        assert sum(comes_in(address, ATTACKER, 0.1) for _ in range(5)) <= 1
        assert comes_in(address, "127.0.0.3", programs.PATIENCE)
        assert trusting_nobody.count("weir_server_addresses_held_back") == 1
        assert trusting_nobody.count('weir_server_offences_total{kind="harmful"}') == OFFENCES
        call_on(good, 3)  # what was there goes on
        # Somebody else of that address comes in, too, but has to wait for it.
        programs.wait_until(lambda: is_served(address, ATTACKER), "the address to have its turn")
        call_on(good, 5)
    assert_neighbours_are_well(trusting_nobody)


def test_who_asks_for_pings_too_often_does_not_hold_back_its_neighbours(trusting_nobody):
    """Clients that were set up so, all behind one address: each connection is ended, and that is all."""
    futile = 'weir_server_offences_total{kind="futile"}'
    before = trusting_nobody.count(futile)
    for count in range(1, 4 * OFFENCES):
        with frames.Connection(trusting_nobody.address, source=ATTACKER) as connection:
            call_on(connection, 1)
            assert connection.flood(frames.forever(frames.frame(frames.PING, bytes(8)))).why == "too_many_pings"
        programs.wait_until(
            lambda: trusting_nobody.count(futile) == before + count, "it to be noted"
        )
    assert trusting_nobody.count("weir_server_addresses_held_back") == 0
    assert is_served(trusting_nobody.address, ATTACKER)
    assert_neighbours_are_well(trusting_nobody)


def test_who_is_kept_out_is_refused_where_the_kernel_let_it_by(trusting_nobody):
    """Those whose connections were complete before: userd accepts all of them, but then knows."""
    host, port = trusting_nobody.address.rsplit(":", 1)
    flood = []
    with trusting_nobody.frozen():
        for _ in range(200):
            one = socket.socket()
            one.settimeout(programs.PATIENCE)
            one.bind((ATTACKER, 0))
            one.connect((host, int(port)))
            one.sendall(BAD)
            flood.append(one)
    assert sum(map(is_open, flood)) < 150
    assert trusting_nobody.count("penalty") > 50
    for one in flood:
        one.close()
    assert_neighbours_are_well(trusting_nobody)


def test_who_is_trusted_is_let_in_whatever_it_did(tmp_path):
    """A proxy, to which loopback belongs unless told otherwise."""
    with siege.siege(tmp_path) as besieged:
        for _ in range(5):
            harm(besieged.address, ATTACKER)
        assert all(comes_in(besieged.address, ATTACKER, programs.PATIENCE) for _ in range(20))
        assert besieged.count("penalty") == 0


@pytest.mark.parametrize("network", ["127.0.0.0/33", "localhost", "::/"])
def test_what_is_no_network_is_not_trusted(tmp_path, network):
    refused = programs.run(
        places.program("userd"), "--listen", "127.0.0.1:0", "--db", f"sqlite:{tmp_path}/db", "--trust", network
    )
    assert refused.returncode == 2
    assert "not a network" in refused.stderr


# ---- TLS ----


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    authority = certs.Authority(tmp_path_factory.mktemp("certs"))
    pair = authority.issue("server", certs.LOCAL)
    with siege.siege(
        tmp_path_factory.mktemp("userd"), "--tls-cert", pair.cert, "--tls-key", pair.key,
        clients=0, answers=programs.shakes_hands,
    ) as besieged:  # fmt: skip
        besieged.authority = authority
        yield besieged


def grpc_call(besieged):
    """An ordinary call over TLS."""
    with open(besieged.authority.ca, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    with grpc.secure_channel(besieged.address, credentials) as channel:
        channel.unary_unary("/user.UserService/GetUser")(b"\x08\x01", timeout=programs.PATIENCE)


GARBAGE = {
    "no TLS": frames.PREFACE + frames.frame(frames.SETTINGS),
    "a record of nothing": b"\x16\x03\x01\x00\x00",
    "a record that is too long": b"\x16\x03\x01\xff\xff" + bytes(65535),
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "zeros": bytes(1000),
    "a hello of another kind": b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00",
    "HTTP": b"GET / HTTP/1.1\r\nHost: attack\r\n\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_tls_fails_the_handshake(secure, name):
    before = secure.count("weir_server_handshakes_failed_total")
    host, port = secure.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=programs.PATIENCE) as attack:
        attack.sendall(GARBAGE[name])
        attack.shutdown(socket.SHUT_WR)
        try:
            while attack.recv(4096):
                pass
        except ConnectionError:
            pass
    programs.wait_until(
        lambda: secure.count("weir_server_handshakes_failed_total") > before, "the handshake to fail"
    )
    grpc_call(secure)


def test_there_is_no_renegotiation(secure):
    """TLS 1.2 lets a client ask for handshake after handshake, each dear to the server."""
    client = subprocess.run(
        ["openssl", "s_client", "-connect", secure.address, "-tls1_2", "-alpn", "h2", "-CAfile", secure.authority.ca],
        input=b"R\nR\nR\n", capture_output=True, timeout=programs.PATIENCE,
    )  # fmt: skip
    said = (client.stdout + client.stderr).decode(errors="replace")
    assert re.search("no renegotiation", said), said
    grpc_call(secure)


def test_new_keys_are_not_made_for_ever(secure):
    """TLS 1.3 lets a client ask for new keys at any time, each dear to both sides (RFC 8446, 4.6.3)."""
    before = secure.count("tls")
    client = programs.run(places.program("rekeys"), *secure.address.rsplit(":", 1))
    assert client.returncode == 0, client.stderr
    assert int(client.stdout) < 100_000
    programs.wait_until(lambda: secure.count("tls") == before + 1, "the limit to be counted")
    assert "too many messages without content" in "".join(secure.lines_of_failures())
    grpc_call(secure)


def test_floods_are_stopped_inside_of_tls_as_well(secure):
    context = ssl.create_default_context(cafile=secure.authority.ca)
    context.set_alpn_protocols(["h2"])
    before = secure.count("resets")
    with frames.Connection(secure.address, tls=context) as connection:
        for at in range(1, 4000, 2):
            try:
                connection.send(frames.request(at) + frames.reset(at))
            except OSError:
                break
        assert connection.end().code in ("ENHANCE_YOUR_CALM", None)
    assert secure.count("resets") == before + 1
    grpc_call(secure)


# ---- memory ----


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    with siege.siege(tmp_path_factory.mktemp("plain")) as besieged:
        yield besieged


def test_what_requests_held_that_never_came_is_given_back(plain):
    """Sixty connections, each with as many requests as it may have, their headers as long as they may be."""
    before = plain.memory()
    more = [(b"x-%d" % i, b"v" * 1000) for i in range(14)]
    requests = b"".join(frames.request(stream, "/user.UserService/GetUser", *more) for stream in range(1, 200, 2))
    with contextlib.ExitStack() as held:
        for _ in range(60):
            held.enter_context(frames.Connection(plain.address)).send(requests)
        programs.wait_until(lambda: plain.memory() > before + (64 << 20), "memory to be taken")
    programs.wait_until(lambda: plain.memory() < before + (24 << 20), "memory to be given back")
    assert_neighbours_are_well(plain)


# ---- HTTP/1.1, that of the operators ----


def say(besieged, request):
    """Every byte that is answered, to the end of the connection."""
    host, port = besieged.ops.rsplit(":", 1)
    answer = b""
    with socket.create_connection((host, int(port)), timeout=programs.PATIENCE) as attack:
        attack.sendall(request)
        attack.shutdown(socket.SHUT_WR)
        try:
            while more := attack.recv(4096):
                answer += more
        except ConnectionError:
            pass
    return answer


def smuggle(*lines, body=b"0\r\n\r\nGET /version HTTP/1.1\r\nHost: a\r\n\r\n"):
    return b"\r\n".join([b"POST /livez HTTP/1.1", b"Host: a", *lines, b"", body])


SMUGGLING = {
    "both lengths": smuggle(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "two lengths": smuggle(b"Content-Length: 5", b"Content-Length: 6"),
    "a list of lengths": smuggle(b"Content-Length: 5, 6"),
    "a signed length": smuggle(b"Content-Length: +5"),
    "a length in hex": smuggle(b"Content-Length: 0x5"),
    "an unknown coding": smuggle(b"Transfer-Encoding: xchunked"),
    "chunked twice": smuggle(b"Transfer-Encoding: chunked, chunked"),
    "a space before the colon": smuggle(b"Transfer-Encoding : chunked"),
    "a folded line": smuggle(b"Transfer-Encoding:", b" chunked"),
    "a bare carriage return": smuggle(b"A: b\rTransfer-Encoding: chunked"),
    "a chunk with a sign": smuggle(b"Transfer-Encoding: chunked", body=b"-1\r\n\r\n"),
    "a chunk that overflows": smuggle(b"Transfer-Encoding: chunked", body=b"fffffffffffffffff\r\n\r\n"),
    "no host": b"GET /livez HTTP/1.1\r\n\r\nGET /version HTTP/1.1\r\nHost: a\r\n\r\n",
    "two hosts": b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET /version HTTP/1.1\r\nHost: a\r\n\r\n",
    "a NUL in the line": b"GET /livez\0 HTTP/1.1\r\nHost: a\r\n\r\nGET /version HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_a_request_that_could_be_read_in_two_ways_is_the_last(plain, name):
    before = plain.count("http_malformed|http_request")
    answer = say(plain, SMUGGLING[name])
    assert re.match(rb"HTTP/1\.1 (400|413|501) ", answer), answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert plain.count("http_malformed|http_request") == before + 1
    assert_neighbours_are_well(plain)


def test_long_requests_are_refused(plain):
    before = plain.count("http_request")
    assert b" 414 " in say(plain, b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    many = b"".join(b"x-%d: y\r\n" % i for i in range(1000))
    assert b" 431 " in say(plain, b"GET /livez HTTP/1.1\r\nHost: a\r\n" + many + b"\r\n")
    assert plain.count("http_request") == before + 2


def test_requests_sent_ahead_are_all_answered_and_keep_nobody_waiting(plain):
    """More of them at once than a turn of the loop has time for, and the end of the connection behind."""
    count = 1000
    answer = say(plain, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * count)
    assert answer.count(b"HTTP/1.1 200 ") == count
    assert_neighbours_are_well(plain)


# ---- paths ----

TRICKS = [
    "user.UserService/GetUser", "//user.UserService/GetUser", "/user.UserService//GetUser",
    "/user.UserService/GetUser/", "/./user.UserService/GetUser", "/x/../user.UserService/GetUser",
    "/user.UserService/getuser", "/USER.UserService/GetUser", "/user.UserService/GetUser?x", "/user.UserService/GetUser#x",
    "/user.UserService/GetUser%00", "/user.UserService%2fGetUser", "/user.UserService/GetUser ", "*", "",
]  # fmt: skip


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Nobody may call without a token, but for GetUser: skip lists that path alone."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "public.pem").write_bytes(tokens.public_pem(tokens.new_key("EdDSA")))
    (folder / "policy.json").write_text('{"skip": ["/user.UserService/DeleteUser"]}')
    flags = ["--auth", "jwt", "--jwt-public-key", folder / "public.pem", "--policy", folder / "policy.json"]
    with siege.siege(folder, *flags, clients=0) as besieged:
        yield besieged


@pytest.mark.parametrize("path", TRICKS)
def test_no_path_leads_round_authorization(guarded, path):
    """What is not a method's very path is nobody's method: no rule that lets it pass, no handler behind it."""
    for tricked in (path, path.replace("GetUser", "DeleteUser")):
        with frames.Connection(guarded.address) as connection:
            connection.send(frames.request(1, tricked) + frames.data(1, frames.message(b"\x08\x01")))
            answer = connection.answer(1)
        assert answer.get("reset") == "PROTOCOL_ERROR" or answer["grpc-status"] in ("12", "16"), answer
        assert not answer["data"]


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"OPTIONS", b"CONNECT", b"post"])
def test_no_method_but_post(guarded, method):
    with frames.Connection(guarded.address) as connection:
        block = frames.fields("/user.UserService/DeleteUser", method=method)
        connection.send(frames.frame(frames.HEADERS, block, frames.END_HEADERS, 1))
        connection.send(frames.data(1, frames.message(b"\x08\x01")))
        answer = connection.answer(1)
    assert answer.get("reset") or answer[":status"] == "405" or answer.get("grpc-status") not in ("0", "5"), answer
