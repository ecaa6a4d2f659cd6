# SPDX-License-Identifier: Apache-2.0
"""A network that loses answers."""
import socket

from support import frames
from support.forwarder import Forwarder


class Lossy(Forwarder):
    """Forwards connections to a server. Those that `loses` says, counted from 0, end where the first answer would
    begin: the server has done its work, and its client does not know."""

    def __init__(self, target, loses):
        host, port = target.rsplit(":", 1)
        super().__init__(socket.create_server(("127.0.0.1", 0)), lambda: socket.create_connection((host, int(port))))
        self.loses = loses
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"

    def answer(self, near, far, number):
        if not self.loses(number):
            self.copy(far, near)
            return
        with far.makefile("rb") as stream:
            while len(head := stream.read(9)) == 9 and head[3] != frames.HEADERS:
                near.sendall(head + stream.read(int.from_bytes(head[:3], "big")))
