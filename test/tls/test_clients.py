# SPDX-License-Identifier: Apache-2.0
"""Clients that others wrote, and userctl, speak to userd over TLS."""
import contextlib
import json
import os

import grpc
import pytest

from support import certs, clients, places, programs, tls

CREATE = "/user.UserService/CreateUser"
GET = "/user.UserService/GetUser"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("server", certs.LOCAL)


@contextlib.contextmanager
def running(server):
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def userd(pair, tmp_path_factory):
    with running(tls.userd(tmp_path_factory.mktemp("userd"), pair)) as server:
        yield server


@pytest.fixture(scope="module")
def mutual(authority, pair, tmp_path_factory):
    """A userd that wants to see certificates."""
    with running(tls.userd(tmp_path_factory.mktemp("mutual"), pair, "--tls-client-ca", authority.ca)) as server:
        yield server


@pytest.fixture(scope="module")
def alice(authority):
    return authority.issue("alice")


def create(channel, user_pb2, name):
    method = channel.unary_unary(
        CREATE,
        request_serializer=user_pb2.CreateUserRequest.SerializeToString,
        response_deserializer=user_pb2.CreateUserResponse.FromString,
    )
    request = user_pb2.CreateUserRequest(name=name, email=f"{name}@example.org")
    return method(request, timeout=programs.PATIENCE, wait_for_ready=True).user


@pytest.mark.parametrize("host", certs.LOCAL)
def test_grpcio(userd, authority, user_pb2, host):
    port = userd.address.rsplit(":", 1)[1]
    with tls.channel(f"{host}:{port}", authority) as channel:
        assert create(channel, user_pb2, f"grpcio-{host}").name == f"grpcio-{host}"


def test_grpcio_with_a_certificate(mutual, authority, alice, user_pb2):
    with tls.channel(mutual.address, authority, alice) as channel:
        assert create(channel, user_pb2, "grpcio").name == "grpcio"


@pytest.mark.parametrize("with_certificate", [False, True])
def test_grpc_js(userd, mutual, authority, alice, user_pb2, tmp_path, monkeypatch, with_certificate):
    monkeypatch.setenv("TEST_CA", authority.ca)
    if with_certificate:
        monkeypatch.setenv("TEST_CERT", alice.cert)
        monkeypatch.setenv("TEST_KEY", alice.key)
    server = mutual if with_certificate else userd
    with contextlib.closing(clients.Node(user_pb2, server.address, tmp_path)) as client:
        answer = client.call("CreateUser", user_pb2.CreateUserRequest(name="js", email="js@example.org"))
    assert answer.code == "OK", answer


def test_buf_curl(userd, authority, tmp_path):
    done = programs.run(
        places.CLIENTS / "node_modules" / ".bin" / "buf", "curl", "--protocol", "grpc",
        "--schema", places.REPO / "proto" / "user.proto", "--cacert", authority.ca,
        "--data", json.dumps({"name": "buf", "email": "buf@example.org"}), f"https://{userd.address}{CREATE}",
        env={**os.environ, "BUF_CACHE_DIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["user"]["name"] == "buf"


def test_curl(userd, authority, tmp_path):
    body = tmp_path / "request"
    body.write_bytes(b"\0\0\0\0\x02\x08\x63")  # GetUser {id: 99}
    done = programs.run(
        "curl", "-sS", "--cacert", authority.ca, "-D", "-", "-o", tmp_path / "answer",
        "-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary", f"@{body}",
        f"https://{userd.address}{GET}",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("HTTP/2 200")
    assert "grpc-status: 0" in done.stdout
    assert (tmp_path / "answer").read_bytes().startswith(b"\0\0\0\0")


@pytest.mark.parametrize("version, name", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_openssl(userd, authority, version, name):
    done = tls.s_client(
        userd.address, version, "-alpn", "h2", "-CAfile", authority.ca, "-verify_return_error",
        "-verify_hostname", "localhost",
    )
    assert done.returncode == 0, done.stderr
    assert "ALPN protocol: h2" in done.stdout
    assert "Verification: OK" in done.stdout
    assert f"New, {name}, Cipher is " in done.stdout
    assert "Compression: NONE" in done.stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_resumes(userd, version, tmp_path):
    ticket = tmp_path / "ticket"
    # SETTINGS and GOAWAY behind the preface: the server closes. Its ticket comes before all it says.
    settings, goaway = "\0\0\0\4\0\0\0\0\0", "\0\0\x08\x07\0" + "\0" * 12
    preface = f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{settings}{goaway}"
    first = tls.s_client(
        userd.address, version, "-alpn", "h2", "-sess_out", ticket, "-ign_eof", "-quiet", text=preface
    )
    assert ticket.exists(), first.stderr
    again = tls.s_client(userd.address, version, "-alpn", "h2", "-sess_in", ticket)
    assert "\nReused, TLSv1." in again.stdout, again.stdout


def test_userctl(userd, authority):
    userctl = places.program("userctl")
    done = programs.run(
        userctl, "--server", userd.address, "--ca", authority.ca, "create", "ctl", "ctl@example.org"
    )
    assert done.returncode == 0, done.stderr
    done = programs.run(userctl, "--server", userd.address, "--tls", "get", "1", env={"SSL_CERT_FILE": authority.ca})
    assert done.returncode == 0, done.stderr


def test_userctl_with_a_certificate(mutual, authority, alice):
    done = programs.run(
        places.program("userctl"), "list", "--server", mutual.address, "--ca", authority.ca,
        "--cert", alice.cert, "--key", alice.key,
    )
    assert done.returncode == 0, done.stderr


def test_a_unix_socket_beside_it_stays_plain(pair, user_pb2, tmp_path):
    path = tmp_path / "userd.sock"
    with running(tls.userd(tmp_path, pair, "--listen", f"unix:{path}")):
        with grpc.insecure_channel(f"unix:{path}") as channel:
            assert create(channel, user_pb2, "unix").id == 1
