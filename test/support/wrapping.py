# SPDX-License-Identifier: Apache-2.0
"""What ends TLS in front of a PostgreSQL that speaks none."""
import collections
import select
import socket
import threading

from support.forwarder import Forwarder

RECORD = 16384  # bytes that one record of TLS holds at most (RFC 8446, 5.1)
READY = b"Z\0\0\0\5"  # the end of an answer but for the last byte, which tells of transactions


class Wrapping(Forwarder):
    """Forwards to a PostgreSQL's Unix socket. Answers go out in as few records as can be, and the last one is full, as from
    an engine that has larger buffers than PostgreSQL; `large` is how many took more than one."""

    def __init__(self, context, path):
        self.context, self.path, self.large = context, path, 0
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % listener.getsockname()[1]
        self.over = collections.defaultdict(threading.Event)
        super().__init__(listener, self.connect_to)

    def connect_to(self):
        far = socket.socket(socket.AF_UNIX)
        far.connect(self.path)
        return far

    def ask(self, near, far, number):
        """Both ways, since only one thread at a time may use a connection of TLS."""
        try:
            assert len(near.recv(8)) == 8  # SSLRequest
            near.sendall(b"S")
            with self.context.wrap_socket(near, server_side=True) as secure:
                self.forward(secure, far)
        finally:
            self.over[number].set()

    def answer(self, near, far, number):
        self.over[number].wait()

    def forward(self, secure, far):
        while True:
            if not secure.pending() and far in select.select([secure, far], [], [])[0]:
                if not self.pass_answer(secure, far):
                    return
            elif data := secure.recv(65536):
                far.sendall(data)
            else:
                return

    def pass_answer(self, secure, far):
        answer = b""
        while answer[-6:-1] != READY:
            if not (data := far.recv(65536)):
                return False
            answer += data
        self.large += len(answer) > RECORD
        first = len(answer) % RECORD or RECORD
        for start, end in zip([0, *range(first, len(answer), RECORD)], range(first, len(answer) + 1, RECORD)):
            secure.sendall(answer[start:end])
        return True
