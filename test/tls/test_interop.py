# SPDX-License-Identifier: Apache-2.0
"""gRPC's public interoperability cases over TLS: ours with ours, ours with others."""
import contextlib

import pytest

from support import certs, interop, places, programs

SOME = ["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
        "custom_metadata", "special_status_message", "cancel_after_first_response", "timeout_on_sleeping_server",
        "channel_soak"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("server", ["test.example.com", *certs.LOCAL])


@contextlib.contextmanager
def running(server):
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def weir(pair, tmp_path_factory):
    def command_of(address, folder):
        flags = ["--use_tls=true", f"--tls_cert_file={pair.cert}", f"--tls_key_file={pair.key}"]
        return [*interop.weir_server(address, folder), *flags]

    with running(interop.server(command_of, tmp_path_factory.mktemp("weir"), programs.shakes_hands)) as server:
        yield server


@pytest.fixture(scope="module")
def grpcio(pair, tmp_path_factory):
    def command_of(address, folder):
        environment = [f"TEST_CERT={pair.cert}", f"TEST_KEY={pair.key}"]
        return ["env", *environment, *interop.grpcio_server(address, folder)]

    with running(interop.server(command_of, tmp_path_factory.mktemp("grpcio"), programs.shakes_hands)) as server:
        yield server


def run_weir_client(server, authority, case, *flags):
    return interop.run_weir_client(
        server.address, case, "--use_tls=true", "--use_test_ca=true", f"--ca_file={authority.ca}", *flags
    )


@pytest.mark.parametrize("case", interop.CASES + interop.ORCA_CASES)
def test_ours(weir, authority, case):
    done = run_weir_client(weir, authority, case, "--server_host_override=test.example.com")
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr


def test_a_name_that_the_certificate_has_not(weir, authority):
    done = run_weir_client(weir, authority, "empty_unary", "--server_host_override=other.example.com")
    assert done.returncode == 1
    assert "hostname mismatch: it is not for other.example.com" in done.stderr


@pytest.mark.parametrize("case", SOME)
def test_our_client_with_grpcio(grpcio, authority, case):
    done = run_weir_client(grpcio, authority, case)
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr


@pytest.mark.parametrize("make", [interop.grpcio_client, interop.node_client])
def test_our_server(weir, authority, monkeypatch, tmp_path, make):
    monkeypatch.setenv("TEST_CA", authority.ca)
    with contextlib.closing(make(weir.address, tmp_path)) as client:
        assert {case: client.run(case) for case in SOME} == {case: "ok" for case in SOME}


@pytest.mark.parametrize(
    "program, flags, complaint",
    [
        ("interop-server", ["--port=1", "--use_tls"], "a certificate and its key go together"),
        ("interop-client", ["--server_port=1", "--test_case=empty_unary", "--use_tls", "--use_test_ca"],
         "--use_test_ca needs --ca_file"),
        ("interop-client", ["--server_port=1", "--test_case=empty_unary", "--use_tls", "--use_test_ca",
                            "--ca_file=/nowhere"], "/nowhere: No such file"),
    ],
)
def test_flags(program, flags, complaint):
    done = programs.run(places.program(program), *flags)
    assert done.returncode == 2
    assert complaint in done.stderr
