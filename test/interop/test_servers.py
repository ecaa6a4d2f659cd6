# SPDX-License-Identifier: Apache-2.0
"""Our client's cases against servers that others wrote."""
import pytest

from support import interop


@pytest.fixture(scope="module", params=interop.FOREIGN_SERVERS)
def server(request, tmp_path_factory):
    command_of = interop.FOREIGN_SERVERS[request.param]
    server = interop.server(command_of, tmp_path_factory.mktemp(request.param))
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


@pytest.mark.parametrize("case", interop.CASES)
def test_case(server, case):
    done = interop.run_weir_client(server.address, case)
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr


@pytest.mark.parametrize("case", interop.COMPRESSION_CASES)
@pytest.mark.parametrize("server", ["cpp"], indirect=True)
def test_compression(server, case):
    done = interop.run_weir_client(server.address, case)
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr


@pytest.mark.parametrize("case", interop.ORCA_CASES)
@pytest.mark.parametrize("server", ["node"], indirect=True)
def test_load_reports(server, case):
    done = interop.run_weir_client(server.address, case)
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr
