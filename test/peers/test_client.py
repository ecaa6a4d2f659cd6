# SPDX-License-Identifier: Apache-2.0
"""Weir's client against servers that others wrote: from plain threads, and through a server that goes away."""
import grpc
import pytest

from support import peers, places, programs, protos


@pytest.mark.parametrize("kind", ["grpcio", "cpp", "weir"])
def test_plain_threads(kind, tmp_path):
    """client_test.c holds the tests."""
    with peers.chain(kind, tmp_path) as server:
        done = programs.run(places.program("peer-client"), server.address, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", peers.FOREIGN)
def test_a_server_that_dies_is_unavailable_until_it_is_back(kind, stubs, tmp_path):
    peer_pb2 = protos.python_module(stubs, "peer")
    with peers.chain(f"weir to {kind}", tmp_path) as front, grpc.insecure_channel(front.address) as channel:
        do = channel.unary_unary("/peer.Peer/Do", peer_pb2.Order.SerializeToString, peer_pb2.Report.FromString)
        do(peer_pb2.Order(), timeout=60)
        sleeping = do.future(peer_pb2.Order(sleep_ms=60_000), timeout=60)
        waiting = do.future(peer_pb2.Order(), timeout=60)
        waiting.result()
        front.upstream.kill()
        assert sleeping.code() == grpc.StatusCode.UNAVAILABLE
        assert do.future(peer_pb2.Order(), timeout=60).code() == grpc.StatusCode.UNAVAILABLE
        front.upstream.start()

        def answered():
            return do.future(peer_pb2.Order(), timeout=60).code() == grpc.StatusCode.OK

        programs.wait_until(answered, "the channel to connect again")
