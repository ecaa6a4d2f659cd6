# SPDX-License-Identifier: Apache-2.0
"""script/cluster: one command starts three userd and what they share; one Ctrl-C stops all."""
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import threading

import pytest

from support import places, programs


def free_ports():
    """A first port whose others are free, too."""
    for first in random.sample(places.PORTS[:-50:50], 100):
        if all(places.claim(first + offset) for offset in (0, 1, 2, 10, 11, 12, 20, 30, 31)):
            return first
    raise RuntimeError("no free ports")


class Cluster:
    def __init__(self):
        self.port = free_ports()
        self.said = []
        self.ready = threading.Event()
        self.process = subprocess.Popen(
            [places.REPO / "script" / "cluster", "--port", str(self.port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )
        self.reader = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.PIPE, text=True)
        self.process.stdout.close()
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self):
        for line in self.reader.stdout:
            self.said.append(line)
            if "ready" in line:
                self.ready.set()

    def userctl(self, number, *words):
        done = programs.run(
            places.program("userctl"), "--server", f"127.0.0.1:{self.port + number}", "--json", "--timeout", "60s", *words
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def interrupt(self):
        """Ctrl-C: to all of the terminal's foreground."""
        os.killpg(self.process.pid, signal.SIGINT)


@pytest.fixture
def cluster():
    cluster = Cluster()
    yield cluster
    if cluster.process.poll() is None:
        cluster.interrupt()
        cluster.process.wait(timeout=programs.PATIENCE)


def test_one_command_starts_all_and_one_ctrl_c_stops_all(cluster):
    assert cluster.ready.wait(2 * programs.PATIENCE), cluster.said
    user = cluster.userctl(0, "create", "--name", "Ada", "--email", "ada@cluster.example")
    user = user.get("user", user)
    for number in range(3):
        assert "ada@cluster.example" in json.dumps(cluster.userctl(number, "get", str(user["id"])))
    cluster.userctl(1, "update", str(user["id"]), "--name", "Countess")
    for number in range(3):
        assert "Countess" in json.dumps(cluster.userctl(number, "get", str(user["id"])))
    folder = pathlib.Path(re.search(r"host=(/tmp/weir-cluster\.\w+)", "".join(cluster.said)).group(1))
    assert folder.is_dir()
    cluster.interrupt()
    assert cluster.process.wait(timeout=programs.PATIENCE) == 0, cluster.said
    assert not folder.exists()
    offsets = (0, 1, 2, 10, 11, 12, 20, 30, 31)
    assert not any(programs.accepts(f"127.0.0.1:{cluster.port + offset}") for offset in offsets)


def test_all_stops_when_nobody_reads_what_it_says(cluster):
    assert cluster.ready.wait(2 * programs.PATIENCE), cluster.said
    folder = pathlib.Path(re.search(r"host=(/tmp/weir-cluster\.\w+)", "".join(cluster.said)).group(1))
    os.kill(cluster.reader.pid, signal.SIGKILL)
    cluster.reader.wait()
    os.killpg(cluster.process.pid, signal.SIGHUP)  # as a terminal does that is closed
    cluster.process.wait(timeout=programs.PATIENCE)
    assert not folder.exists()
    assert not any(programs.accepts(f"127.0.0.1:{cluster.port + offset}") for offset in (0, 1, 2, 20, 30))


def test_help_starts_nothing():
    done = programs.run(places.REPO / "script" / "cluster", "--help")
    assert done.returncode == 0 and "--port" in done.stdout and "ninja" not in done.stderr


@pytest.mark.parametrize("port", ["", "x", "80", "70000"])
def test_a_bad_port_is_refused(port):
    done = programs.run(places.REPO / "script" / "cluster", "--port", port)
    assert done.returncode == 2 and "--port" in done.stderr
