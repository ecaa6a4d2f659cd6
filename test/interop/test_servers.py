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

@pytest.fixture(scope="module")
def cpp_server(tmp_path_factory):
    server = interop.server(interop.cpp_server, tmp_path_factory.mktemp("compression"))
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


@pytest.mark.parametrize("case", interop.COMPRESSION_CASES)
def test_compression(cpp_server, case):
    done = interop.run_weir_client(cpp_server.address, case)
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr
