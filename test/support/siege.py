# SPDX-License-Identifier: Apache-2.0
"""userd under attack, and what can be seen of it from outside."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time
import urllib.request

from support import places, programs


class Neighbours:
    """Well-behaved clients that call all the time; see test/attack/neighbours.c."""

    def __init__(self, address, clients, period_ms, ca=None):
        tls = [] if ca is None else [str(ca)]
        self.process = subprocess.Popen(
            [places.program("neighbours"), address, str(clients), str(period_ms), *tls],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def report(self):
        """What happened since the last report."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def after_calls(self, count):
        """A report of at least so many calls from now on."""
        reports = [self.report()]

        def enough():
            reports.append(self.report())
            return sum(one["calls"] + one["failed"] for one in reports[1:]) >= count

        programs.wait_until(enough, "calls of the neighbours")
        failed = [one for one in reports if one["failed"]]
        return (failed or reports)[0]

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=programs.PATIENCE) == 0


class Siege:
    """A userd that serves neighbours, while others attack it."""

    def __init__(self, folder, *flags, clients=4, period_ms=5, ca=None, **options):
        self.ops = places.free_address()
        self.userd = programs.Userd(folder, "--ops", self.ops, *flags, **options)
        self.clients, self.period_ms, self.ca = clients, period_ms, ca
        self.neighbours = None

    @property
    def address(self):
        return self.userd.address

    def start(self):
        self.userd.start()
        if self.clients:
            self.neighbours = Neighbours(self.address, self.clients, self.period_ms, self.ca)
            self.neighbours.after_calls(self.clients)
        return self

    def metrics(self):
        """{name or name{labels}: value}"""
        with urllib.request.urlopen(f"http://{self.ops}/metrics", timeout=programs.PATIENCE) as answer:
            text = answer.read().decode()
        return {key: float(value) for key, value in re.findall(r"^([^#\s]\S*) (\S+)$", text, re.MULTILINE)}

    def count(self, counter):
        """A counter by its name, or that of a limit; or of several, by "|"."""
        metrics = self.metrics()

        def one(name):
            return metrics[name if name in metrics else f'weir_server_limit_hits_total{{limit="{name}"}}']

        return sum(one(name) for name in counter.split("|"))

    def memory(self, of="VmRSS"):
        """Bytes that are resident; VmHWM: the most so far."""
        with open(f"/proc/{self.userd.process.pid}/status") as status:
            return 1024 * int(re.search(rf"^{of}:\s*(\d+) kB$", status.read(), re.MULTILINE)[1])

    @contextlib.contextmanager
    def frozen(self):
        """userd gets no time meanwhile; connections are made with its kernel all the same."""
        process = self.userd.process
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def cpu_seconds(self):
        """Of all its threads, in the kernel as well: by the clock of the process (clock_getcpuclockid(3))."""
        return time.clock_gettime(~self.userd.process.pid << 3 | 2)

    def open_files(self):
        return len(os.listdir(f"/proc/{self.userd.process.pid}/fd"))

    def lines_of_failures(self):
        return [line for line in self.userd.said().splitlines() if "connection failed" in line]

    def stop(self):
        if self.neighbours is not None:
            self.neighbours.close()
        self.userd.stop()


@contextlib.contextmanager
def siege(folder, *flags, **options):
    one = Siege(folder, *flags, **options)
    try:
        yield one.start()
        one.stop()
    finally:
        if one.neighbours is not None:
            one.neighbours.process.kill()
        one.userd.kill()
