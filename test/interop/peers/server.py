#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""grpc.testing.TestService on grpcio: server.py ADDRESS."""
import os
import pathlib
import signal
import sys
import threading
import time
from concurrent import futures

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from support import interop  # noqa: E402

TYPES = interop.Types()
CODES = {code.value[0]: code for code in grpc.StatusCode}


def echo_metadata(context):
    metadata = dict(context.invocation_metadata())
    initial, trailing = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
    if initial in metadata:
        context.send_initial_metadata([(initial, metadata[initial])])
    if trailing in metadata:
        context.set_trailing_metadata([(trailing, metadata[trailing])])


def echo_status(status, context):
    if status.code != 0:
        context.abort(CODES[status.code], status.message)


def payload(size):
    return TYPES.Payload(body=bytes(size))


def responses(request, context):
    echo_status(request.response_status, context)
    for wish in request.response_parameters:
        time.sleep(wish.interval_us / 1e6)
        yield TYPES.StreamingOutputCallResponse(payload=payload(wish.size))


class TestService:
    def EmptyCall(self, _request, context):
        echo_metadata(context)
        return TYPES.Empty()

    def UnaryCall(self, request, context):
        echo_metadata(context)
        echo_status(request.response_status, context)
        return TYPES.SimpleResponse(payload=payload(request.response_size))

    def StreamingOutputCall(self, request, context):
        echo_metadata(context)
        yield from responses(request, context)

    def StreamingInputCall(self, requests, context):
        echo_metadata(context)
        size = sum(len(request.payload.body) for request in requests)
        return TYPES.StreamingInputCallResponse(aggregated_payload_size=size)

    def FullDuplexCall(self, requests, context):
        echo_metadata(context)
        for request in requests:
            yield from responses(request, context)

    def HalfDuplexCall(self, requests, context):
        echo_metadata(context)
        for request in list(requests):
            yield from responses(request, context)


def handlers():
    """Those methods that TestService has, for grpcio; UnimplementedCall is none of them."""
    service, result = TestService(), {}
    for method, request, response in TYPES.methods(interop.SERVICE):
        if hasattr(service, method.name):
            make = getattr(grpc, f"{interop.kind_of(method)}_rpc_method_handler")
            result[method.name] = make(
                getattr(service, method.name), request.FromString, response.SerializeToString
            )
    return grpc.method_handlers_generic_handler(interop.SERVICE, result)


def add_port(server, address):
    """TEST_CERT and TEST_KEY in the environment: over TLS."""
    if "TEST_CERT" not in os.environ:
        return server.add_insecure_port(address)
    pair = [pathlib.Path(os.environ[name]).read_bytes() for name in ("TEST_KEY", "TEST_CERT")]
    return server.add_secure_port(address, grpc.ssl_server_credentials([pair]))


def main():
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32))
    server.add_generic_rpc_handlers([handlers()])
    assert add_port(server, sys.argv[1])
    server.start()
    stop.wait()
    server.stop(grace=1).wait()


if __name__ == "__main__":
    main()
