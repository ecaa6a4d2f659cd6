#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The echo service on grpcio: grpcio.py --listen HOST:PORT."""
import asyncio
import sys

import grpc


class Echo(grpc.GenericRpcHandler):
    """Bytes go back as they came: generated classes would only make it slower."""

    def service(self, handler_call_details):
        return grpc.unary_unary_rpc_method_handler(answer) if handler_call_details.method == "/echo.Echo/Unary" else None


async def answer(request, _context):
    return request


async def serve(address):
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Echo(),))
    if server.add_insecure_port(address) == 0:
        sys.exit(f"grpcio.py: cannot listen on {address}")
    await server.start()
    await server.wait_for_termination()


if len(sys.argv) != 3 or sys.argv[1] != "--listen":
    sys.exit("usage: grpcio.py --listen HOST:PORT")
asyncio.run(serve(sys.argv[2]))
