# SPDX-License-Identifier: Apache-2.0
"""Long streams both ways at once: our client with our server and grpcio's, and grpcio's client with our server."""
import pathlib
import threading

import grpc
import pytest

from support import interop

TIMEOUT = 240
LARGE = 4 * 1024 * 1024 - 64
OPTIONS = [("grpc.max_receive_message_length", 8 * 1024 * 1024)]
NARROW = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65535)]  # its windows stay at 64 KiB


def start(command, folder):
    server = interop.server(command, folder)
    server.start()
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = start(interop.weir_server, tmp_path_factory.mktemp("interop"))
    try:
        yield server
        server.stop()
    finally:
        server.kill()


@pytest.mark.parametrize("case", interop.LONG_CASES)
def test_our_client_and_server(server, case):
    done = interop.run_weir_client(server.address, case)
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr


@pytest.mark.parametrize("case", interop.LONG_CASES)
def test_our_client_and_grpcio(tmp_path, case):
    server = start(interop.grpcio_server, tmp_path)
    try:
        done = interop.run_weir_client(server.address, case, timeout=TIMEOUT)  # it is slow
    finally:
        server.kill()
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr


def resident(server):
    """Bytes of memory that the server has now."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int(status.split("VmRSS:")[1].split()[0])


@pytest.mark.parametrize(
    "count, size, growth, windows", [(100_000, 32, 8 << 20, []), (24, LARGE, 64 << 20, []), (24, LARGE, 64 << 20, NARROW)]
)
def test_grpcio_and_our_server(server, count, size, growth, windows):
    """grpcio sends on a thread of its own while it receives."""
    types = interop.Types()
    request = types.StreamingOutputCallRequest(
        response_parameters=[types.ResponseParameters(size=size)], payload=types.Payload(body=bytes(size))
    )
    before = 0
    with grpc.insecure_channel(server.address, options=OPTIONS + windows) as channel:
        call = interop.Stub(types, channel).FullDuplexCall((request for _ in range(count)), timeout=TIMEOUT)
        for number, response in enumerate(call):
            assert response.payload.body == request.payload.body
            if number == count // 4:
                before = resident(server)
        assert number == count - 1
        assert call.code() == grpc.StatusCode.OK
    assert resident(server) < before + growth


def test_a_grpcio_client_that_reads_one_stream_less(server):
    """The one that nobody reads stops alone, and goes on when somebody does."""
    types = interop.Types()
    request = types.StreamingOutputCallRequest(response_parameters=[types.ResponseParameters(size=10000)] * 500)
    with grpc.insecure_channel(server.address) as channel:
        stub = interop.Stub(types, channel)
        calls = [stub.StreamingOutputCall(request, timeout=TIMEOUT) for _ in range(20)]
        counts = [0] * len(calls)

        def read(number):
            counts[number] = sum(1 for _ in calls[number])

        threads = [threading.Thread(target=read, args=[number]) for number in range(1, len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == [0] + [500] * (len(calls) - 1)
        read(0)
        assert counts[0] == 500


@pytest.mark.parametrize("compression, compressed", [(grpc.Compression.Gzip, True), (None, False)])
def test_grpcio_compresses(server, compression, compressed):
    types = interop.Types()
    request = types.SimpleRequest(
        payload=types.Payload(body=bytes(10000)),
        response_size=20000,
        expect_compressed=types.BoolValue(value=compressed),
        response_compressed=types.BoolValue(value=True),
    )
    with grpc.insecure_channel(server.address) as channel:
        stub = interop.Stub(types, channel)
        response = stub.UnaryCall(request, timeout=TIMEOUT, compression=compression)
        assert response.payload.body == bytes(20000)
