#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The interoperability cases on grpcio: client.py ADDRESS reads a case's name a line, and answers "ok" or
what went wrong. Each case has a channel of its own, as if it were a program of its own. TEST_CA in the
environment: over TLS."""
import os
import pathlib
import sys
import traceback

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from support import interop  # noqa: E402

TYPES = interop.Types()
TIMEOUT = 60

REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
METADATA = [
    ("x-grpc-test-echo-initial", "test_initial_metadata_value"),
    ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"),
]
PLAIN = "test status message"
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"


def connect():
    """A channel with a connection of its own: others with the same arguments would share one."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    if "TEST_CA" not in os.environ:
        return grpc.insecure_channel(sys.argv[1], options=options)
    roots = pathlib.Path(os.environ["TEST_CA"]).read_bytes()
    return grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials(roots), options=options)


def payload(size):
    return TYPES.Payload(body=bytes(size))


def large_request(**fields):
    return TYPES.SimpleRequest(response_size=314159, payload=payload(271828), **fields)


def stream_request(request_size, response_size):
    wish = TYPES.ResponseParameters(size=response_size)
    return TYPES.StreamingOutputCallRequest(response_parameters=[wish], payload=payload(request_size))


def expect_zeros(response, size):
    body = response.payload.body
    assert body == bytes(size), f"{len(body)} bytes came, {size} zeros were to come"


def expect_status(call, code, text=None):
    assert call.code() == code, f"{call.code()} {call.details()!r}"
    assert text is None or call.details() == text, repr(call.details())


def expect_metadata(call):
    assert METADATA[0] in list(call.initial_metadata()), call.initial_metadata()
    assert METADATA[1] in list(call.trailing_metadata()), call.trailing_metadata()


def empty_unary(stub, *_):
    response = stub.EmptyCall(TYPES.Empty(), timeout=TIMEOUT)
    assert response == TYPES.Empty()


def large_unary(stub, *_):
    expect_zeros(stub.UnaryCall(large_request(), timeout=TIMEOUT), 314159)


def client_streaming(stub, *_):
    requests = (TYPES.StreamingInputCallRequest(payload=payload(size)) for size in REQUEST_SIZES)
    response = stub.StreamingInputCall(requests, timeout=TIMEOUT)
    assert response.aggregated_payload_size == sum(REQUEST_SIZES) == 74922


def server_streaming(stub, *_):
    wishes = [TYPES.ResponseParameters(size=size) for size in RESPONSE_SIZES]
    request = TYPES.StreamingOutputCallRequest(response_parameters=wishes)
    responses = list(stub.StreamingOutputCall(request, timeout=TIMEOUT))
    assert len(responses) == len(RESPONSE_SIZES)
    for response, size in zip(responses, RESPONSE_SIZES):
        expect_zeros(response, size)


def ping_pong(stub, *_):
    requests = interop.Requests()
    call = stub.FullDuplexCall(iter(requests), timeout=TIMEOUT)
    for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
        requests.send(stream_request(request_size, response_size))
        expect_zeros(next(call), response_size)
    requests.half_close()
    assert list(call) == []
    expect_status(call, grpc.StatusCode.OK)


def empty_stream(stub, *_):
    assert list(stub.FullDuplexCall(iter([]), timeout=TIMEOUT)) == []


def custom_metadata(stub, *_):
    call = stub.UnaryCall.future(large_request(), timeout=TIMEOUT, metadata=METADATA)
    expect_zeros(call.result(), 314159)
    expect_metadata(call)
    call = stub.FullDuplexCall(iter([stream_request(271828, 314159)]), timeout=TIMEOUT, metadata=METADATA)
    (response,) = call
    expect_zeros(response, 314159)
    expect_metadata(call)


def status_code_and_message(stub, *_):
    status = TYPES.EchoStatus(code=2, message=PLAIN)
    call = stub.UnaryCall.future(TYPES.SimpleRequest(response_status=status), timeout=TIMEOUT)
    expect_status(call, grpc.StatusCode.UNKNOWN, PLAIN)
    request = TYPES.StreamingOutputCallRequest(response_status=status)
    call = stub.FullDuplexCall(iter([request]), timeout=TIMEOUT)
    expect_status(call, grpc.StatusCode.UNKNOWN, PLAIN)


def special_status_message(stub, *_):
    status = TYPES.EchoStatus(code=2, message=SPECIAL)
    call = stub.UnaryCall.future(TYPES.SimpleRequest(response_status=status), timeout=TIMEOUT)
    expect_status(call, grpc.StatusCode.UNKNOWN, SPECIAL)


def unimplemented_method(stub, *_):
    call = stub.UnimplementedCall.future(TYPES.Empty(), timeout=TIMEOUT)
    expect_status(call, grpc.StatusCode.UNIMPLEMENTED)


def unimplemented_service(_stub, channel):
    stub = interop.Stub(TYPES, channel, "grpc.testing.UnimplementedService")
    call = stub.UnimplementedCall.future(TYPES.Empty(), timeout=TIMEOUT)
    expect_status(call, grpc.StatusCode.UNIMPLEMENTED)


def cancel_after_begin(stub, *_):
    requests = interop.Requests()
    call = stub.StreamingInputCall.future(iter(requests), timeout=TIMEOUT)
    call.cancel()
    requests.half_close()
    expect_status(call, grpc.StatusCode.CANCELLED)


def cancel_after_first_response(stub, *_):
    requests = interop.Requests()
    call = stub.FullDuplexCall(iter(requests), timeout=TIMEOUT)
    requests.send(stream_request(27182, 31415))
    expect_zeros(next(call), 31415)
    call.cancel()
    requests.half_close()
    expect_status(call, grpc.StatusCode.CANCELLED)


def timeout_on_sleeping_server(stub, *_):
    requests = interop.Requests()
    requests.send(TYPES.StreamingOutputCallRequest(payload=payload(27182)))
    call = stub.FullDuplexCall(iter(requests), timeout=0.001)
    expect_status(call, grpc.StatusCode.DEADLINE_EXCEEDED)
    requests.half_close()


GZIP, IDENTITY = grpc.Compression.Gzip, grpc.Compression.NoCompression


def compressed_unary(stub, compression, expected):
    """grpcio compresses a call's messages or does not; per message it knows only to leave it."""
    request = large_request(expect_compressed=TYPES.BoolValue(value=expected))
    return stub.UnaryCall.future(request, timeout=TIMEOUT, compression=compression)


def client_compressed_unary(stub, *_):
    expect_status(compressed_unary(stub, IDENTITY, True), grpc.StatusCode.INVALID_ARGUMENT)
    expect_zeros(compressed_unary(stub, GZIP, True).result(), 314159)
    expect_zeros(compressed_unary(stub, IDENTITY, False).result(), 314159)


def server_compressed_unary(stub, *_):
    for compressed in (True, False):
        request = large_request(response_compressed=TYPES.BoolValue(value=compressed))
        expect_zeros(stub.UnaryCall(request, timeout=TIMEOUT), 314159)


def compressed_input(stub, compression, expected):
    wish = TYPES.BoolValue(value=expected)
    requests = [TYPES.StreamingInputCallRequest(payload=payload(size), expect_compressed=wish) for size in (27182, 45904)]
    return stub.StreamingInputCall(iter(requests), timeout=TIMEOUT, compression=compression)


def client_compressed_streaming(stub, *_):
    try:
        compressed_input(stub, IDENTITY, True)
        raise AssertionError("the server cannot tell")
    except grpc.RpcError as error:
        expect_status(error, grpc.StatusCode.INVALID_ARGUMENT)
    assert compressed_input(stub, GZIP, True).aggregated_payload_size == 73086
    assert compressed_input(stub, IDENTITY, False).aggregated_payload_size == 73086


def server_compressed_streaming(stub, *_):
    sizes = [31415, 92653]
    wishes = [
        TYPES.ResponseParameters(size=size, compressed=TYPES.BoolValue(value=size == sizes[0])) for size in sizes
    ]
    request = TYPES.StreamingOutputCallRequest(response_parameters=wishes)
    responses = list(stub.StreamingOutputCall(request, timeout=TIMEOUT))
    assert len(responses) == 2
    for response, size in zip(responses, sizes):
        expect_zeros(response, size)


def rpc_soak(stub, *_):
    for _ in range(10):
        large_unary(stub)


def channel_soak(*_):
    for _ in range(10):
        with connect() as channel:
            large_unary(interop.Stub(TYPES, channel))


def main():
    for line in sys.stdin:
        try:
            with connect() as channel:
                globals()[line.strip()](interop.Stub(TYPES, channel), channel)
            answer = "ok"
        except Exception:  # the test tells it
            answer = repr(traceback.format_exc())
        print(answer, flush=True)


if __name__ == "__main__":
    main()
