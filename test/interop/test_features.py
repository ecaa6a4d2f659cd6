# SPDX-License-Identifier: Apache-2.0
"""What the public descriptions ask of a server and no case shows, seen by grpcio's client."""
import time

import grpc
import pytest

from support import interop

TIMEOUT = 60
METADATA = [("x-grpc-test-echo-initial", "to and fro"), ("x-grpc-test-echo-trailing-bin", bytes(range(256)))]


@pytest.fixture(scope="module")
def types():
    return interop.Types()


@pytest.fixture(scope="module")
def stub(types, tmp_path_factory):
    server = interop.server(interop.weir_server, tmp_path_factory.mktemp("interop"))
    try:
        server.start()
        with grpc.insecure_channel(server.address) as channel:
            yield interop.Stub(types, channel)
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def wish(types):
    """A request for responses of these sizes."""

    def wish(*sizes, interval_us=0, **fields):
        parameters = [types.ResponseParameters(size=size, interval_us=interval_us) for size in sizes]
        return types.StreamingOutputCallRequest(response_parameters=parameters, **fields)

    return wish


def sizes_of(responses):
    return [len(response.payload.body) for response in responses]


def test_half_duplex_answers_in_order(stub, wish):
    requests = [wish(3, 1), wish(), wish(70000)]
    assert sizes_of(stub.HalfDuplexCall(iter(requests), timeout=TIMEOUT)) == [3, 1, 70000]


def test_half_duplex_answers_nothing_before_the_half_close(stub, types, wish):
    """The status that the last request asks for comes before the responses that the first one does."""
    failure = types.EchoStatus(code=5, message="gone")
    call = stub.HalfDuplexCall(iter([wish(3), wish(response_status=failure)]), timeout=TIMEOUT)
    with pytest.raises(grpc.RpcError):
        next(call)
    assert (call.code(), call.details()) == (grpc.StatusCode.NOT_FOUND, "gone")


def test_half_duplex_has_a_limit(stub, wish):
    call = stub.HalfDuplexCall(iter([wish(*[1] * 9000), wish(*[1] * 1001)]), timeout=TIMEOUT)
    assert call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("method", ["FullDuplexCall", "HalfDuplexCall"])
def test_intervals_are_waited_out(stub, wish, method):
    start = time.monotonic()
    responses = getattr(stub, method)(iter([wish(1, 2, interval_us=100000)]), timeout=TIMEOUT)
    assert sizes_of(responses) == [1, 2]
    assert time.monotonic() - start >= 0.2


def test_intervals_of_server_streaming(stub, wish):
    start = time.monotonic()
    assert sizes_of(stub.StreamingOutputCall(wish(1, 2, interval_us=100000), timeout=TIMEOUT)) == [1, 2]
    assert time.monotonic() - start >= 0.2


def test_a_negative_interval_is_none(stub, wish):
    assert sizes_of(stub.StreamingOutputCall(wish(1, interval_us=-5), timeout=TIMEOUT)) == [1]


def test_status_after_responses(stub, types, wish):
    failure = types.EchoStatus(code=9, message="enough")
    requests = [wish(10, 20), wish(response_status=failure), wish(30)]
    call = stub.FullDuplexCall(iter(requests), timeout=TIMEOUT, metadata=METADATA)
    assert [len(next(call).payload.body) for _ in range(2)] == [10, 20]
    with pytest.raises(grpc.RpcError):
        next(call)
    assert (call.code(), call.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "enough")
    assert METADATA[1] in list(call.trailing_metadata())


def test_status_of_server_streaming(stub, types, wish):
    failure = types.EchoStatus(code=16, message="who")
    call = stub.StreamingOutputCall(wish(1, response_status=failure), timeout=TIMEOUT)
    assert (call.code(), call.details()) == (grpc.StatusCode.UNAUTHENTICATED, "who")


@pytest.mark.parametrize("code, seen", [(0, "OK"), (17, "UNKNOWN"), (-1, "UNKNOWN")])
def test_a_status_that_is_no_error(stub, types, code, seen):
    request = types.SimpleRequest(response_size=1, response_status=types.EchoStatus(code=code, message="odd"))
    assert stub.UnaryCall.future(request, timeout=TIMEOUT).code().name == seen


def call_with_metadata(stub, types, wish, method):
    """A call of a method, whose responses have been read: until then grpcio does not tell the status."""
    options = {"timeout": TIMEOUT, "metadata": METADATA}
    if method in ("EmptyCall", "UnaryCall"):
        request = types.Empty() if method == "EmptyCall" else types.SimpleRequest()
        return getattr(stub, method).future(request, **options)
    if method == "StreamingInputCall":
        return stub.StreamingInputCall.future(iter([types.StreamingInputCallRequest()]), **options)
    request = wish(1) if method == "StreamingOutputCall" else iter([wish(1)])
    call = getattr(stub, method)(request, **options)
    assert sizes_of(call) == [1]
    return call


@pytest.mark.parametrize(
    "method",
    ["EmptyCall", "UnaryCall", "StreamingInputCall", "StreamingOutputCall", "FullDuplexCall", "HalfDuplexCall"],
)
def test_every_method_echoes_metadata(stub, types, wish, method):
    call = call_with_metadata(stub, types, wish, method)
    assert call.code() == grpc.StatusCode.OK
    assert METADATA[0] in list(call.initial_metadata())
    assert METADATA[1] in list(call.trailing_metadata())


def test_blanks_at_the_ends_of_metadata_are_stripped(stub, types):
    """RFC 9113 calls them malformed, but clients send what they are given; gRPC lets the server strip them."""
    key, value = METADATA[0]
    call = stub.UnaryCall.future(types.SimpleRequest(), timeout=TIMEOUT, metadata=[(key, f"  {value} ")])
    assert call.code() == grpc.StatusCode.OK
    assert (key, value) in list(call.initial_metadata())


def test_without_metadata_nothing_is_echoed(stub, types):
    call = stub.UnaryCall.future(types.SimpleRequest(), timeout=TIMEOUT)
    call.result()
    keys = [key for key, _ in [*call.initial_metadata(), *call.trailing_metadata()]]
    assert not [key for key in keys if key.startswith("x-")]


@pytest.mark.parametrize("size", [-1, 16777217, 2147483647])
def test_a_size_that_is_not_to_be_had(stub, types, wish, size):
    call = stub.UnaryCall.future(types.SimpleRequest(response_size=size), timeout=TIMEOUT)
    assert call.code() == grpc.StatusCode.INVALID_ARGUMENT
    call = stub.StreamingOutputCall(wish(1, size), timeout=TIMEOUT)
    assert len(next(call).payload.body) == 1
    assert call.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_an_unknown_type_of_payload(stub, types, wish):
    call = stub.UnaryCall.future(types.SimpleRequest(response_type=2), timeout=TIMEOUT)
    assert call.code() == grpc.StatusCode.INVALID_ARGUMENT
    call = stub.FullDuplexCall(iter([wish(1, response_type=2)]), timeout=TIMEOUT)
    assert call.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_many_streams_at_once(stub, wish):
    """Each in step with its own responses, on one connection that allows a hundred."""
    streams = []
    for _ in range(100):
        requests = interop.Requests()
        streams.append((requests, stub.FullDuplexCall(iter(requests), timeout=TIMEOUT)))
    for size in (1, 20000, 7):
        for requests, _ in streams:
            requests.send(wish(size))
        for _, call in streams:
            assert len(next(call).payload.body) == size
    for requests, _ in streams:
        requests.half_close()
    for _, call in streams:
        assert call.code() == grpc.StatusCode.OK


def test_a_cacheable_answer_is_the_time_and_says_for_how_long(stub, types):
    response, call = stub.CacheableUnaryCall.with_call(types.SimpleRequest(), timeout=TIMEOUT)
    assert abs(int(response.payload.body) / 1e9 - time.time()) < TIMEOUT
    assert ("cache-control", "max-age=60, public") in list(call.initial_metadata())
