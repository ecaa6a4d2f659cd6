# SPDX-License-Identifier: Apache-2.0
"""A real etcd."""
import json
import shutil
import subprocess

from support import places, programs


class Etcd(programs.Server):
    """Debian's etcd on free ports and a folder of its own."""

    def __init__(self, folder):
        client, peer = (f"http://{places.free_address()}" for _ in range(2))
        program = shutil.which("etcd")
        assert program, "etcd (etcd-server) is missing"
        command = [program, "--data-dir", folder / "etcd", "--log-level", "error"]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        command += ["--initial-cluster", f"default={peer}"]
        super().__init__(command, client.removeprefix("http://"), folder / "etcd.log", programs.accepts)
        self.url = client
        self.data = folder / "etcd"

    def start(self):
        super().start()
        programs.wait_until(lambda: self.control("endpoint", "health").returncode == 0, "etcd's health")
        return self

    def control(self, *arguments):
        return subprocess.run(
            ["etcdctl", f"--endpoints={self.url}", *arguments],
            env={"ETCDCTL_API": "3"},
            capture_output=True,
            encoding="utf-8",
            timeout=programs.PATIENCE,
        )

    def registered(self, prefix):
        """What is registered: {key: value}."""
        done = self.control("get", "--prefix", prefix)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        return {key: json.loads(value) for key, value in zip(lines[::2], lines[1::2])}
