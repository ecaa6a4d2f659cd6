# SPDX-License-Identifier: Apache-2.0
"""What stands between userd and PostgreSQL, and has userd say something else."""
import contextlib
import socket
import threading

SOCKET = ".s.PGSQL.5432"


class Rewording:
    """Forwards connections to a PostgreSQL's Unix socket in another folder; `count` is how often it had words to replace."""

    def __init__(self, target, folder, words, others):
        assert len(words) == len(others)  # messages say how long they are
        self.target, self.words, self.others, self.count = str(target / SOCKET), words, others, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / SOCKET))
        self.listener.listen()
        self.threads = [threading.Thread(target=self.accept)]

    def accept(self):
        with contextlib.suppress(OSError):  # until the socket is shut down
            while True:
                near, _ = self.listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.target)
                for source, sink in ((near, far), (far, near)):
                    self.threads.append(threading.Thread(target=self.forward, args=(source, sink)))
                    self.threads[-1].start()

    def forward(self, source, sink):
        with source, contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.count += data.count(self.words)
                sink.sendall(data.replace(self.words, self.others))
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.listener.close()
