# SPDX-License-Identifier: Apache-2.0
"""Who is refused by TLS, and what is said about it: by userd in its log, by userctl to its user."""
import contextlib
import os
import signal
import socket
import ssl

import grpc
import pytest

from support import certs, places, programs, tls


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """An authority that nobody here believes."""
    return certs.Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture
def start(authority, tmp_path):
    """Start userd with a pair and flags; at the end it must stop cleanly."""
    servers = []

    def start(pair=None, *flags):
        pair = pair or authority.issue("server", certs.LOCAL)
        servers.append(tls.userd(tmp_path, pair, *flags))
        return servers[-1].start()

    yield start
    try:
        for server in servers:
            server.stop()
    finally:
        for server in servers:
            server.kill()


def expect_in_log(server, text):
    programs.wait_until(
        lambda: any("connection failed" in line and text in line for line in server.said().splitlines()),
        f"{text!r} in the log, which is {server.said()}",
    )


def userctl(server, *flags, host=None):
    address = server.address if host is None else f"{host}:{server.address.rsplit(':', 1)[1]}"
    return programs.run(places.program("userctl"), "--server", address, *flags, "list")


def expect_unavailable(done, text):
    assert (done.returncode, done.stdout) == (64 + 14, ""), done.stderr
    assert f"TLS: {text}" in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1
    assert "Is userd running?" not in done.stderr  # somebody has answered


# ---- what a client says of its server ----


def test_a_foreign_authority(start, stranger):
    server = start()
    expect_unavailable(userctl(server, "--ca", stranger.ca), "certificate verify failed: unable to get local issuer")
    expect_unavailable(
        userctl(server, "--tls"),
        "certificate verify failed: unable to get local issuer certificate. --ca says whose certificates to believe\n",
    )
    expect_in_log(server, "TLS: refused by the peer: tlsv1 alert unknown ca")


def test_an_expired_certificate(start, authority):
    server = start(authority.issue("expired", certs.LOCAL, expired=True))
    expect_unavailable(userctl(server, "--ca", authority.ca), "certificate verify failed: certificate has expired")
    expect_in_log(server, "alert certificate expired")


def test_another_name(start, authority):
    server = start(authority.issue("other", ["other.example.org"]))
    expect_unavailable(
        userctl(server, "--ca", authority.ca, host="localhost"),
        "certificate verify failed: hostname mismatch: it is not for localhost",
    )
    expect_unavailable(
        userctl(server, "--ca", authority.ca),
        "certificate verify failed: IP address mismatch: it is not for 127.0.0.1",
    )
    expect_in_log(server, "TLS: refused by the peer: sslv3 alert bad certificate")


def test_a_server_without_tls(userd, authority):
    expect_unavailable(
        userctl(userd, "--ca", authority.ca),
        "the peer does not speak TLS; without --tls and --ca userctl does not either\n",
    )


def test_a_server_without_h2(authority):
    pair = authority.issue("http1", certs.LOCAL)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*pair)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "127.0.0.1:%d" % listener.getsockname()[1]
        child = os.fork()
        while child == 0:  # each attempt of a client that tries again
            with contextlib.suppress(OSError):
                context.wrap_socket(listener.accept()[0], server_side=True).recv(1)
        try:
            done = programs.run(places.program("userctl"), "--server", address, "--ca", authority.ca, "list")
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    expect_unavailable(done, "the server does not agree on h2 by ALPN")


# ---- what userd says of its clients ----


def test_no_certificate(start, authority, user_pb2):
    server = start(None, "--tls-client-ca", authority.ca)
    expect_unavailable(
        userctl(server, "--ca", authority.ca),
        "refused by the peer: tlsv13 alert certificate required. --cert and --key show one\n",
    )
    expect_in_log(server, "TLS: peer did not return a certificate")
    with tls.channel(server.address, authority) as channel:
        with pytest.raises(grpc.FutureTimeoutError):
            grpc.channel_ready_future(channel).result(timeout=1)


def test_a_certificate_of_a_foreign_authority(start, authority, stranger):
    server = start(None, "--tls-client-ca", authority.ca)
    pair = stranger.issue("mallory")
    done = userctl(server, "--ca", authority.ca, "--cert", pair.cert, "--key", pair.key)
    expect_unavailable(done, "refused by the peer: tlsv1 alert unknown ca")
    expect_in_log(server, "TLS: certificate verify failed: unable to get local issuer certificate")


def test_an_expired_client(start, authority):
    server = start(None, "--tls-client-ca", authority.ca)
    pair = authority.issue("former", expired=True)
    done = userctl(server, "--ca", authority.ca, "--cert", pair.cert, "--key", pair.key)
    expect_unavailable(done, "refused by the peer: sslv3 alert certificate expired")
    expect_in_log(server, "TLS: certificate verify failed: certificate has expired")


@pytest.mark.parametrize(
    "flags, said, logged",
    [
        ([], "alert no application protocol", "TLS: no application protocol: the client does not offer h2"),
        (["-alpn", "http/1.1,spdy/3"], "alert no application protocol", "the client does not offer h2 by ALPN"),
        (["-alpn", "h2", "-tls1_1", "-cipher", "ALL@SECLEVEL=0"], "alert protocol version", "TLS: unsupported protocol"),
        (["-alpn", "h2", "-tls1_2", "-cipher", "AES128-GCM-SHA256"], "handshake failure", "TLS: no shared cipher"),
        (["-alpn", "h2", "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], "handshake failure", "TLS: no shared cipher"),
    ],
)
def test_openssl(start, flags, said, logged):
    server = start()
    done = tls.s_client(server.address, *flags)
    assert done.returncode == 1
    assert said in done.stderr, done.stderr
    expect_in_log(server, logged)


def test_renegotiation(start):
    server = start()
    done = tls.s_client(server.address, "-alpn", "h2", "-tls1_2", "-legacy_renegotiation", text="R\n")
    assert "RENEGOTIATING" in done.stderr + done.stdout
    assert "no renegotiation" in done.stderr, done.stderr


def test_plain_http2(start, user_pb2):
    server = start()
    with grpc.insecure_channel(server.address) as channel:
        method = channel.unary_unary("/user.UserService/GetUser")
        with pytest.raises(grpc.RpcError) as error:
            method(b"", timeout=programs.PATIENCE)
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    expect_in_log(server, "TLS: the peer does not speak TLS")
    done = userctl(server)
    assert done.returncode == 64 + 14 and done.stderr.endswith("Does it speak TLS? Then add --tls or --ca\n")


def test_half_a_handshake_and_then_nothing(start, authority, user_pb2):
    """Some stay silent, some stop in the middle; others are served meanwhile."""
    server = start()
    host, port = server.address.rsplit(":", 1)
    idle = [socket.create_connection((host, int(port))) for _ in range(50)]
    for one in idle[::2]:
        one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert userctl(server, "--ca", authority.ca).returncode == 0
    for one in idle:
        one.close()
    expect_in_log(server, "TLS: the peer closed the connection during the handshake")


def test_noise(start, authority):
    server = start()
    host, port = server.address.rsplit(":", 1)
    for length in range(1, 400, 7):
        with socket.create_connection((host, int(port))) as noise:
            noise.sendall(os.urandom(length))
    # The log of strangers is bounded.
    assert userctl(server, "--ca", authority.ca).returncode == 0
    failures = [line for line in server.said().splitlines() if "connection failed" in line]
    assert len(failures) < 58


# ---- flags ----


@pytest.mark.parametrize(
    "flags, complaint",
    [
        (["--tls-cert", "{cert}"], "--tls-key is missing"),
        (["--tls-key", "{key}"], "--tls-cert is missing"),
        (["--tls-client-ca", "{ca}"], "--tls-client-ca needs --tls-cert and --tls-key"),
        (["--tls-cert", "{ca}", "--tls-key", "{key}"], "the key does not belong to the certificate in {ca}"),
        (["--tls-cert", "/nowhere.pem", "--tls-key", "{key}"], "/nowhere.pem: No such file or directory"),
        (["--tls-cert", "{key}", "--tls-key", "{key}"], "{key}: nothing in PEM form that belongs here is in it"),
    ],
)
def test_flags_of_userd(authority, tmp_path, flags, complaint):
    pair = authority.issue("flags", certs.LOCAL)
    words = {"cert": pair.cert, "key": pair.key, "ca": authority.ca}
    done = programs.run(
        places.program("userd"), "--listen", places.free_address(), "--db", f"sqlite:{tmp_path}/users.db",
        *(flag.format(**words) for flag in flags),
    )
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("userd: ") and done.stderr.count("\n") == 1
    assert complaint.format(**words) in done.stderr
    assert not (tmp_path / "users.db").exists()


@pytest.mark.parametrize(
    "flags, complaint",
    [
        (["--cert", "{cert}"], "--cert and --key go together: --key is missing"),
        (["--ca", "/nowhere.pem"], "TLS: /nowhere.pem: No such file or directory"),
    ],
)
def test_flags_of_userctl(authority, flags, complaint):
    pair = authority.issue("flags", certs.LOCAL)
    done = programs.run(places.program("userctl"), "list", *(flag.format(cert=pair.cert) for flag in flags))
    assert done.returncode == 2
    assert done.stderr.startswith("userctl: ") and complaint in done.stderr


def test_sighup_without_tls_changes_nothing(userd, client, user_pb2):
    userd.signal(signal.SIGHUP)
    programs.wait_until(lambda: "signal=SIGHUP" in userd.said(), "userd to notice")
    assert client.call("GetUser", user_pb2.GetUserRequest(id=1)).code == "OK"
