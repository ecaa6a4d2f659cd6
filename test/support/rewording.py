# SPDX-License-Identifier: Apache-2.0
"""What has userd say something else to PostgreSQL."""
import socket

from support.forwarder import Forwarder

SOCKET = ".s.PGSQL.5432"


class Rewording(Forwarder):
    """Forwards connections to a PostgreSQL's Unix socket in another folder; `count` is how often it had words to replace."""

    def __init__(self, target, folder, words, others):
        assert len(words) == len(others)  # messages say how long they are
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / SOCKET))
        listener.listen()
        super().__init__(listener, lambda: self.connect_to(str(target / SOCKET)))
        self.words, self.others, self.count = words, others, 0

    @staticmethod
    def connect_to(path):
        far = socket.socket(socket.AF_UNIX)
        far.connect(path)
        return far

    def ask(self, near, far, number):
        while data := near.recv(65536):
            self.count += data.count(self.words)
            far.sendall(data.replace(self.words, self.others))
