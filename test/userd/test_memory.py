# SPDX-License-Identifier: Apache-2.0
"""What userd holds for requests that never end is bounded by --max-held, and small calls go on."""
import contextlib
import re
import urllib.request

import pytest

from support import clients, frames, places, programs

CONNECTIONS, STREAMS, PART = 8, 30, 60_000  # 14 MB


def hits(ops):
    """How often something was stopped for want of room."""
    with urllib.request.urlopen(f"http://{ops}/metrics", timeout=programs.PATIENCE) as answer:
        text = answer.read().decode()
    return int(re.search(r'^weir_server_limit_hits_total\{limit="held"\} (\d+)$', text, re.MULTILINE)[1])


def begin_requests(connection):
    """Calls whose messages are said to have 4,000,000 bytes, of which the first come."""
    part = frames.message(bytes(PART), length=4_000_000)
    for stream in range(1, 2 * STREAMS, 2):
        connection.send(frames.request(stream))
        for at in range(0, len(part), 16_000):
            connection.send(frames.data(stream, part[at : at + 16_000], end=False))


def await_all_read(connection):
    connection.send(frames.frame(frames.PING, bytes(8)))
    while connection.take()[:2] != (frames.PING, frames.ACK):
        continue


@pytest.mark.parametrize("flags, refused", [(["--max-held", "8MiB"], True), ([], False)])
def test_requests_that_never_end(tmp_path, user_pb2, flags, refused):
    ops = places.free_address()
    userd = programs.Userd(tmp_path, "--ops", ops, *flags).start()
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(CONNECTIONS):
                connection = stack.enter_context(frames.Connection(userd.address))
                begin_requests(connection)
                await_all_read(connection)
            assert (hits(ops) > 0) == refused
            with contextlib.closing(clients.Grpcio(user_pb2, userd.address, tmp_path)) as client:
                assert client.call("GetUser", user_pb2.GetUserRequest(id=1)).code == "OK"
        userd.stop()
    finally:
        userd.kill()
