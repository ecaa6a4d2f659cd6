# SPDX-License-Identifier: Apache-2.0
"""What stands between a server and its clients."""
import contextlib
import socket
import threading


class Forwarder:
    """Has a connection to the server for each one to its listener. What goes which way is up to who inherits it."""

    def __init__(self, listener, connect):
        self.listener, self.connect = listener, connect
        self.threads = [threading.Thread(target=self.accept)]

    def ask(self, near, far, number):
        """From a client to the server, until one of them ends. Connections are counted from 0."""
        self.copy(near, far)

    def answer(self, near, far, number):
        self.copy(far, near)

    @staticmethod
    def copy(source, sink):
        while data := source.recv(65536):
            sink.sendall(data)

    def accept(self):
        count = 0
        with contextlib.suppress(OSError):  # until the socket is shut down
            while True:
                near, _ = self.listener.accept()
                far = self.connect()
                for end, work in ((near, self.ask), (far, self.answer)):
                    self.threads.append(threading.Thread(target=self.run, args=(end, work, near, far, count)))
                    self.threads[-1].start()
                count += 1

    @staticmethod
    def run(end, work, near, far, number):
        with end, contextlib.suppress(OSError):
            work(near, far, number)
        for either in near, far:
            with contextlib.suppress(OSError):
                either.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.listener.close()
