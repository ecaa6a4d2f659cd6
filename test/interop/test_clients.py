# SPDX-License-Identifier: Apache-2.0
"""The cases of clients that others wrote, against our server."""
import pytest

from support import interop


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = interop.server(interop.weir_server, tmp_path_factory.mktemp("interop"))
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module", params=interop.FOREIGN_CLIENTS)
def client(request, server, tmp_path_factory):
    make = interop.FOREIGN_CLIENTS[request.param]
    client = make(server.address, tmp_path_factory.mktemp(request.param))
    yield client
    client.close()


@pytest.mark.parametrize("case", interop.CASES)
def test_case(client, case):
    assert client.run(case) == "ok"


@pytest.mark.parametrize("case", interop.COMPRESSION_CASES)
@pytest.mark.parametrize("name", ["grpcio", "cpp"])
def test_compression(server, tmp_path, name, case):
    client = interop.FOREIGN_CLIENTS[name](server.address, tmp_path)
    try:
        assert client.run(case) == "ok"
    finally:
        client.close()


@pytest.mark.parametrize("case", interop.ORCA_CASES)
def test_load_reports(server, tmp_path, case):
    client = interop.node_client(server.address, tmp_path)
    try:
        assert client.run(case) == "ok"
    finally:
        client.close()


def test_a_client_tells_what_went_wrong(client):
    """Or its "ok" would mean nothing."""
    assert client.run("no_such_case") != "ok"
