# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests: userd on a fresh database, clients that others wrote."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from support import clients, places, postgres, programs, protos  # noqa: E402
from support.redis import Redis  # noqa: E402


@pytest.fixture(scope="session")
def stubs(tmp_path_factory):
    """A folder for generated code."""
    return tmp_path_factory.mktemp("stubs")


@pytest.fixture(scope="session")
def user_pb2(stubs):
    return protos.python_module(stubs, "user")


@pytest.fixture
def userd(tmp_path):
    """userd on an empty database; at the end it must stop cleanly."""
    server = programs.Userd(tmp_path).start()
    yield server
    try:
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def shared_userd(tmp_path_factory):
    """One userd for a whole file of tests, which therefore take names of their own."""
    server = programs.Userd(tmp_path_factory.mktemp("userd")).start()
    yield server
    try:
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def cluster():
    """A PostgreSQL for a whole file of tests, which take databases of their own."""
    cluster = postgres.Cluster(places.free_address())
    try:
        yield cluster.start()
    finally:
        cluster.remove()


@pytest.fixture
def redis():
    """A fresh Redis."""
    server = Redis()
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture
def client(userd, user_pb2, tmp_path):
    """grpcio against the fresh userd."""
    client = clients.Grpcio(user_pb2, userd.address, tmp_path)
    yield client
    client.close()


def client_of(kind, server, user_pb2, tmp_path_factory):
    client = clients.KINDS[kind](user_pb2, server.address, tmp_path_factory.mktemp(kind))
    client.kind = kind
    yield client
    client.close()


@pytest.fixture(scope="module", params=clients.KINDS)
def each_client(request, shared_userd, user_pb2, tmp_path_factory):
    """Every foreign client in turn, against the file's userd."""
    yield from client_of(request.param, shared_userd, user_pb2, tmp_path_factory)


@pytest.fixture(scope="module", params=clients.STREAMING)
def streaming_client(request, shared_userd, user_pb2, tmp_path_factory):
    """Every foreign client that streams, in turn, against the file's userd."""
    yield from client_of(request.param, shared_userd, user_pb2, tmp_path_factory)
