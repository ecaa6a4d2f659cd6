# SPDX-License-Identifier: Apache-2.0
"""A network that loses answers."""
import contextlib
import socket
import threading

from support import frames


class Lossy:
    """Forwards connections to a server. Those that `loses` says, counted from 0, end where the first answer would
    begin: the server has done its work, and its client does not know."""

    def __init__(self, target, loses):
        self.target, self.loses = target, loses
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        count = 0
        with contextlib.suppress(OSError):  # until the socket is shut down
            while True:
                near, _ = self.listener.accept()
                host, port = self.target.rsplit(":", 1)
                far = socket.create_connection((host, int(port)))
                for forward in (self.ask, self.lose if self.loses(count) else self.answer):
                    self.threads.append(threading.Thread(target=forward, args=(near, far)))
                    self.threads[-1].start()
                count += 1

    @staticmethod
    def cut(near, far):
        for end in near, far:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def ask(self, near, far):
        with near, contextlib.suppress(OSError):
            while data := near.recv(65536):
                far.sendall(data)
        self.cut(near, far)

    def answer(self, near, far):
        with far, contextlib.suppress(OSError):
            while data := far.recv(65536):
                near.sendall(data)
        self.cut(near, far)

    def lose(self, near, far):
        with far, contextlib.suppress(OSError), far.makefile("rb") as stream:
            while len(head := stream.read(9)) == 9 and head[3] != frames.HEADERS:
                near.sendall(head + stream.read(int.from_bytes(head[:3], "big")))
        self.cut(near, far)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.listener.close()
