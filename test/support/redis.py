# SPDX-License-Identifier: Apache-2.0
"""A Redis of one's own, which tests stop, freeze and start; and what redis-cli sees in it."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from support import places, programs


class Redis:
    """On a free port, in memory alone; what it says goes to a file."""

    def __init__(self, *options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-redis."))
        self.address = places.free_address()
        self.port = self.address.rsplit(":", 1)[1]
        self.url = f"redis://{self.address}"
        self.options = options
        self.process = None

    @property
    def flags(self):
        """Of a userd that does not take it for away when the machine stands still for a moment."""
        return ["--redis", self.url, "--redis-timeout", "3s"]

    def start(self):
        command = ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--save", "", "--dir", str(self.folder)]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([*command, *self.options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        programs.wait_until(self.is_up, "Redis to answer")
        return self

    def is_up(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        return programs.accepts(self.address)

    def cli(self, *words):
        """A command's answer, as lines."""
        command = ["redis-cli", "-p", self.port, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=programs.PATIENCE, check=True)
        return done.stdout.splitlines()

    def freeze(self):
        """Connections stay open and are not answered any more."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder)
