# SPDX-License-Identifier: Apache-2.0
"""The client of a fleet of userd."""
import json
import subprocess
import threading

from support import places, programs

RATE = 1000  # calls a second


class Caller:
    """The client that does not stop; see bench/fleet.c."""

    def __init__(self, target, balancer="round_robin"):
        self.process = subprocess.Popen(
            [places.program("bench-fleet"), target, balancer, str(RATE)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        )
        self.last = {"calls": 0, "failed": 0, "why": "", "servers": {}}
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.last = json.loads(line)

    def calls(self, userd=None):
        last = self.last
        return last["calls"] if userd is None else last["servers"].get(f"ipv4:{userd.address}", 0)

    def await_calls(self, count, userd=None):
        """That many more, of one server or at all."""
        goal = self.calls(userd) + count
        programs.wait_until(lambda: self.calls(userd) >= goal, f"{count} more calls")

    def await_even(self, userds):
        """Until from now on each has had its share, within a fiftieth: a machine that stands still for a moment holds
        back answers of one of them, which matter less the longer it goes on."""

        def counts():
            servers = self.last["servers"]
            return [servers.get(f"ipv4:{userd.address}", 0) for userd in userds]

        def is_even():
            shares = [end - begin for begin, end in zip(before, counts())]
            return sum(shares) >= RATE and max(shares) - min(shares) <= 0.02 * sum(shares)

        before = counts()
        programs.wait_until(is_even, f"even shares of {userds}")

    def stop(self):
        """What it says in the end, of its calls and besides."""
        self.process.stdin.close()
        said = self.process.stderr.read()
        assert self.process.wait(timeout=programs.PATIENCE) == 0, said
        self.reader.join()
        self.process.stderr.close()
        self.process.stdout.close()
        return self.last, said

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join()
