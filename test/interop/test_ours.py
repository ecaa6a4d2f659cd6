# SPDX-License-Identifier: Apache-2.0
"""Our client against our server, and what their command lines refuse."""
import re

import pytest

from support import interop, places, programs


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = interop.server(interop.weir_server, tmp_path_factory.mktemp("interop"))
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


@pytest.mark.parametrize("case", interop.CASES + interop.COMPRESSION_CASES + interop.ORCA_CASES)
def test_case(server, case):
    done = interop.run_weir_client(server.address, case)
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr


def test_more_calls_than_a_connection_has_get_another_one(tmp_path):
    case = "max_concurrent_streams_connection_scaling"
    server = interop.server(interop.narrow_weir_server, tmp_path)
    try:
        done = interop.run_weir_client(server.start().address, case)
        assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr
        server.stop()
    finally:
        server.kill()


def test_enough_calls_for_all_share_a_connection(server):
    done = interop.run_weir_client(server.address, "max_concurrent_streams_connection_scaling")
    assert done.returncode == 1 and "three calls went over one connection" in done.stderr


def test_a_name_for_the_host(server):
    port = server.address.rsplit(":", 1)[1]
    done = interop.run_weir_client(f"localhost:{port}", "large_unary")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", ["rpc_soak", "channel_soak"])
def test_soak_logs_each_iteration(server, case):
    done = interop.run_weir_client(server.address, case, "--soak_iterations=5", "--soak_min_time_ms_between_rpcs=1")
    assert done.returncode == 0, done.stderr
    for n in range(5):
        assert re.search(
            rf"^soak iteration: {n} elapsed_ms: \d+ peer: ipv4:\S+ server_uri: \S+ succeeded$", done.stderr, re.M
        )


@pytest.mark.parametrize("case", ["rpc_soak", "channel_soak"])
def test_soak_on_threads(server, case):
    done = interop.run_weir_client(
        server.address, case, "--soak_num_threads=4", "--soak_iterations=200", "--soak_request_size=1000"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(" succeeded\n") == 200


def test_soak_counts_failures():
    nowhere = places.free_address()
    done = interop.run_weir_client(nowhere, "rpc_soak", "--soak_iterations=3", "--soak_max_failures=3")
    assert done.returncode == 0, done.stderr
    failed = re.findall(r"^soak iteration: \d elapsed_ms: \d+ peer: \S+ .* failed: UNAVAILABLE", done.stderr, re.M)
    assert len(failed) == 3
    done = interop.run_weir_client(nowhere, "rpc_soak", "--soak_iterations=3", "--soak_max_failures=2")
    assert done.returncode == 1
    assert "3 of 3 iterations failed, more than 2" in done.stderr


def test_soak_that_takes_too_long(server):
    done = interop.run_weir_client(
        server.address, "rpc_soak", "--soak_iterations=100000", "--soak_overall_timeout_seconds=1"
    )
    assert done.returncode == 1
    assert "time was over after" in done.stderr


def test_additional_metadata(server):
    done = interop.run_weir_client(server.address, "ping_pong", "--additional_metadata=abc-key:a:b;foo-key:c")
    assert done.returncode == 0, done.stderr
    done = interop.run_weir_client(server.address, "ping_pong", "--additional_metadata=grpc-timeout:1S")
    assert done.returncode == 1
    assert "--additional_metadata may not be sent" in done.stderr


def test_without_a_server_a_case_fails():
    done = interop.run_weir_client(places.free_address(), "empty_unary")
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"interop-client: empty_unary: .*UNAVAILABLE.*\n", done.stderr)


def test_a_cacheable_call_without_a_cache_gets_two_answers(server):
    done = interop.run_weir_client(server.address, "cacheable_unary")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "interop-client: cacheable_unary: the second answer differs: no cache gave it\n"


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--server_port=1"], "--test_case is missing"),
        (["--test_case=empty_unary"], "--server_port is missing"),
        (["--server_port=1", "--test_case=odd"], 'there is no test case "odd"'),
        (["--server_port=0", "--test_case=empty_unary"], "--server_port"),
        (["--server_port=1", "--test_case=empty_unary", "--use_lts"], "--use_lts"),
        (["--server_port=1", "--test_case=empty_unary", "more"], '"more" is no flag'),
        (["--server_port=1", "--test_case=rpc_soak", "--soak_iterations=none"], "--soak_iterations"),
    ],
)
def test_a_command_line_that_the_client_refuses(arguments, complaint):
    done = programs.run(places.program("interop-client"), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("interop-client: ") and complaint in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, code, complaint",
    [
        ([], 2, "--port is missing"),
        (["--port=65536"], 2, "--port"),
        (["--port=1", "--host=not/a/host"], 1, "not/a/host"),
    ],
)
def test_a_command_line_that_the_server_refuses(arguments, code, complaint):
    done = programs.run(places.program("interop-server"), *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("interop-server: ") and complaint in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_in_use(server):
    port = server.address.rsplit(":", 1)[1]
    done = programs.run(places.program("interop-server"), f"--port={port}")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
