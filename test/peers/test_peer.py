# SPDX-License-Identifier: Apache-2.0
"""Metadata, deadlines, cancellation and status, seen by grpcio's client.

The servers are grpcio's and gRPC C++'s own, to know that these tests ask nothing odd; Weir's; and
Weir's passing each call on to those, so that Weir's client is at work inside a handler.
"""
import threading

import grpc
import pytest

from support import peers, protos

DO = "/peer.Peer/Do"
ALL_BYTES = bytes(range(256))


@pytest.fixture(scope="module")
def peer_pb2(stubs):
    return protos.python_module(stubs, "peer")


@pytest.fixture(scope="module", params=peers.CHAINS)
def server(request, tmp_path_factory):
    with peers.chain(request.param, tmp_path_factory.mktemp("peer")) as server:
        yield server


@pytest.fixture(scope="module")
def channel(server):
    limit = 64 << 20
    options = [("grpc.max_receive_message_length", limit), ("grpc.max_metadata_size", 64 << 10)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        yield channel


@pytest.fixture(scope="module")
def do(channel, peer_pb2):
    """Start a Do; the result is grpcio's future, which is also the call."""
    method = channel.unary_unary(DO, peer_pb2.Order.SerializeToString, peer_pb2.Report.FromString)

    def do(metadata=(), timeout=60, **fields):
        return method.future(peer_pb2.Order(**fields), timeout=timeout, metadata=metadata)

    return do


@pytest.fixture(scope="module")
def fate(channel, peer_pb2):
    """What the server says became of the call with a tag."""
    method = channel.unary_unary(
        "/peer.Peer/Fate", peer_pb2.FateRequest.SerializeToString, peer_pb2.FateReport.FromString
    )
    return lambda tag: method(peer_pb2.FateRequest(tag=tag), timeout=60)


def ours(metadata):
    """The custom metadata among what came."""
    return [(key, value) for key, value in metadata if key.startswith("x-")]


@pytest.mark.parametrize("sent, answered", [(0, 0), (1, 1), (16384, 65536), (3 << 20, 1), (1, 3 << 20)])
def test_messages_of_every_size(do, sent, answered):
    report = do(payload=b"p" * sent, answer_bytes=answered).result()
    assert report.received_bytes == sent
    assert report.payload == bytes(n % 251 for n in range(answered))


def test_metadata_goes_there_and_back(do):
    initial = [("x-initial", "one, two"), ("x-initial-bin", ALL_BYTES)]
    trailing = [("x-trailing", "!\"~"), ("x-trailing-bin", b""), ("x-trailing-other-bin", b"\0")]
    call = do(metadata=[*initial, *trailing])
    call.result()
    assert sorted(ours(call.initial_metadata())) == sorted(initial)
    assert sorted(ours(call.trailing_metadata())) == sorted(trailing)


def test_repeated_keys_keep_their_order(do):
    sent = [("x-trailing", "first"), ("x-trailing", "second"), ("x-trailing", "third")]
    call = do(metadata=sent)
    call.result()
    assert ours(call.trailing_metadata()) == sent


@pytest.mark.parametrize("length", [0, 1, 2, 3, 100])
def test_binary_metadata_of_every_padding(do, length):
    value = ALL_BYTES[-length:] if length else b""
    call = do(metadata=[("x-trailing-bin", value)])
    call.result()
    assert ours(call.trailing_metadata()) == [("x-trailing-bin", value)]


def test_much_metadata(do):
    sent = [(f"x-trailing-{n}", "v" * 200) for n in range(30)]
    call = do(metadata=sent)
    call.result()
    assert sorted(ours(call.trailing_metadata())) == sorted(sent)


@pytest.mark.parametrize("code", range(1, 17))
def test_every_status_arrives_with_its_text(do, code):
    call = do(code=code, message=peers.HARD_TEXT, metadata=[("x-trailing", "with the error")])
    assert call.code().value[0] == code
    assert call.details() == peers.HARD_TEXT
    assert ours(call.trailing_metadata()) == [("x-trailing", "with the error")]


def test_a_status_without_a_text(do):
    call = do(code=5)
    assert (call.code(), call.details()) == (grpc.StatusCode.NOT_FOUND, "")


def test_the_server_sees_the_deadline(do):
    report = do(timeout=30).result()
    assert report.has_deadline
    assert 0 < report.time_left_ms <= 31_000  # a client may round up


def test_without_a_deadline_the_server_sees_none(do):
    report = do(timeout=None).result()
    assert not report.has_deadline


def test_a_deadline_ends_the_call_on_both_ends(do, fate):
    call = do(tag="deadline", sleep_ms=60_000, timeout=1)
    assert call.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    known = fate("deadline")
    assert known.has_deadline
    assert known.time_left_ms <= 2_000
    assert known.cancelled


def test_a_cancelled_call_ends_on_both_ends(do, fate):
    call = do(tag="cancelled", sleep_ms=60_000)
    threading.Timer(0.3, call.cancel).start()
    assert call.code() == grpc.StatusCode.CANCELLED
    assert fate("cancelled").cancelled


def test_a_call_that_is_in_time_is_not_cancelled(do, fate):
    do(tag="in time", sleep_ms=50).result()
    assert not fate("in time").cancelled


def test_sleeping_calls_do_not_hold_up_others(do):
    sleeping = [do(sleep_ms=60_000) for _ in range(20)]
    for _ in range(50):
        do().result()
    for call in sleeping:
        assert not call.done()
        call.cancel()


def test_an_unknown_method_is_unimplemented(channel):
    call = channel.unary_unary("/peer.Peer/Absent").future(b"", timeout=60)
    assert call.code() == grpc.StatusCode.UNIMPLEMENTED


def test_details_of_a_status(request, do):
    """gRPC C++'s server is the one that sends none."""
    call = do(code=9, message="not like this")
    assert call.code() == grpc.StatusCode.FAILED_PRECONDITION
    details = dict(call.trailing_metadata()).get("grpc-status-details-bin")
    none = request.node.callspec.params["server"].endswith("cpp")
    assert details == (None if none else protos.status_with_info(9, "not like this"))
