# SPDX-License-Identifier: Apache-2.0
"""A policy of peers: who may call is who the connection proves to be, by certificate or by Unix socket."""
import contextlib
import json
import os

import grpc
import pytest
from support import certs, programs, tls

GET = "/user.UserService/GetUser"
LIST = "/user.UserService/ListUsers"
DELETE = "/user.UserService/DeleteUser"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("certs"))


@contextlib.contextmanager
def running(server):
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


def policy_of(folder, peers):
    path = folder / "policy.json"
    path.write_text(json.dumps({"peers": peers}))
    return path


@pytest.fixture(scope="module")
def userd(authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("userd")
    policy = policy_of(
        folder, {GET: ["uri:spiffe://example.org/billing", "cn:alice"], LIST: ["dns:ops.example.org"], DELETE: []}
    )
    server = tls.userd(
        folder, authority.issue("server", certs.LOCAL), "--tls-client-ca", authority.ca, "--policy", policy
    )
    with running(server):
        yield server


def answer(channel, method):
    """The code and the text that the method ends with."""
    try:
        channel.unary_unary(method)(b"", timeout=programs.PATIENCE)
        return "OK", ""
    except grpc.RpcError as error:
        return error.code().name, error.details()


REFUSED = ("PERMISSION_DENIED", "peer not allowed")
OK = ("OK", "")


@pytest.mark.parametrize(
    "name, alternatives, get, list_users",
    [
        ("alice", [], OK, REFUSED),
        ("billing", ["spiffe://example.org/billing"], OK, REFUSED),
        ("ops", ["ops.example.org", "spiffe://example.org/ops"], REFUSED, OK),
        ("mallory", ["alice", "spiffe://example.org/billing/more"], REFUSED, REFUSED),
    ],
)
def test_certificates_decide(userd, authority, name, alternatives, get, list_users):
    pair = authority.issue(name, alternatives)
    with tls.channel(userd.address, authority, pair) as channel:
        assert answer(channel, GET) == get
        assert answer(channel, LIST) == list_users
        assert answer(channel, DELETE) == REFUSED  # nobody's
        assert answer(channel, "/grpc.health.v1.Health/Check") == OK  # of which the policy does not speak


def test_the_user_behind_a_socket_decides(tmp_path):
    path = tmp_path / "s"
    policy = policy_of(tmp_path, {GET: [f"uid:{os.getuid()}"], LIST: [f"uid:{os.getuid() + 1}"]})
    with running(programs.Userd(tmp_path, "--listen", f"unix:{path}", "--policy", policy)) as server:
        with grpc.insecure_channel(f"unix:{path}") as inside, grpc.insecure_channel(server.address) as outside:
            assert answer(inside, GET) == OK
            assert answer(inside, LIST) == REFUSED
            assert answer(outside, GET) == REFUSED
