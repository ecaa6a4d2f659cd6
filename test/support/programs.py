# SPDX-License-Identifier: Apache-2.0
"""Programs under test, run to their end or kept running."""
import contextlib
import itertools
import os
import pathlib
import signal
import socket
import sqlite3
import ssl
import subprocess
import time

from support import places, postgres

# Longer than anything takes on a busy machine; reached only by what hangs.
PATIENCE = 60

serial = itertools.count(1)


def run(*command, timeout=PATIENCE, **options):
    """Run a program to its end; its output is text."""
    return subprocess.run(
        [str(part) for part in command], timeout=timeout, capture_output=True, encoding="utf-8", **options
    )


def wait_until(condition, what, timeout=PATIENCE):
    """Return the first true value of condition."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {timeout} s for {what}")


def accepts(address):
    """Whether somebody listens on "HOST:PORT"."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def answers(address):
    """Whether an HTTP/2 server is at work there: its SETTINGS come, not just its listener is open."""
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=1) as probe:
            probe.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            return len(probe.recv(9)) > 0
    except OSError:
        return False


def shakes_hands(address):
    """Whether a server that speaks HTTP/2 over TLS is at work there."""
    host, port = address.rsplit(":", 1)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with socket.create_connection((host, int(port)), timeout=1) as probe:
            with context.wrap_socket(probe) as secure:
                return secure.selected_alpn_protocol() == "h2"
    except OSError:
        return False


class Server:
    """A server program. What it says goes to a file, which a failure shows."""

    def __init__(self, command, address, log, answers=answers):
        self.answers = answers
        self.command = [str(part) for part in command]
        self.address = address
        self.log = pathlib.Path(log)
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(self.is_up, f"{self.command[0]} to answer")
        return self

    def is_up(self):
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.said()}"
        return self.answers(self.address)

    def said(self):
        return self.log.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Its exit code."""
        return self.process.wait(timeout=PATIENCE)

    def kill(self):
        """As a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """As an init system would; it must end cleanly."""
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.said()}"
        self.signal(signal.SIGTERM)
        assert self.wait() == 0, self.said()


class Userd(Server):
    """userd on a database of its own: a file, or a new one in the PostgreSQL that WEIR_POSTGRES names; behind the Redis of WEIR_REDIS."""

    def __init__(self, folder, *flags, database=None, answers=answers):
        self.folder = pathlib.Path(folder)
        self.database = pathlib.Path(database or self.folder / "users.db")
        self.url = f"sqlite:{self.database}"
        if "--db" in flags:
            self.url = flags[flags.index("--db") + 1]
        elif "WEIR_POSTGRES" in os.environ:
            self.url = postgres.new_database(os.environ["WEIR_POSTGRES"])
        address = places.free_address()
        command = [places.program("userd"), "--listen", address, *flags]
        if "--db" not in flags:
            command += ["--db", self.url]
        if "WEIR_REDIS" in os.environ and "--redis" not in flags:
            command += ["--redis", f"{os.environ['WEIR_REDIS']}/{next(serial)}"]  # a database of its own
        if "--ops" not in flags:
            command += ["--ops", "off"]
        super().__init__(command, address, self.folder / "userd.log", answers)

    @contextlib.contextmanager
    def write_lock(self):
        """While another process writes to the database, userd creates nobody."""
        if self.url.startswith("postgres"):
            with postgres.session(self.url) as run:
                run("BEGIN; UPDATE totals SET users = users")  # which every create and delete counts in
                yield
            return
        with contextlib.closing(sqlite3.connect(self.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
