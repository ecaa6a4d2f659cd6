# SPDX-License-Identifier: Apache-2.0
"""A real etcd."""
import json
import shutil
import subprocess

from support import places, programs


def addresses():
    """Of a member: for clients, for its peers."""
    return tuple(f"http://{places.free_address()}" for _ in range(2))


class Etcd(programs.Server):
    """Debian's etcd on free ports and a folder of its own: alone, or a member of a cluster."""

    def __init__(self, folder, name="default", members=None):
        members = members or {name: addresses()}
        client, peer = members[name]
        program = shutil.which("etcd")
        assert program, "etcd (etcd-server) is missing"
        command = [program, "--name", name, "--data-dir", folder / name, "--log-level", "error"]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        command += ["--initial-cluster", ",".join(f"{each}={urls[1]}" for each, urls in members.items())]
        super().__init__(command, client.removeprefix("http://"), folder / f"{name}.log", programs.accepts)
        self.url = client
        self.data = folder / name

    def start(self):
        super().start()
        self.await_health()
        return self

    def await_health(self):
        programs.wait_until(lambda: self.control("endpoint", "health").returncode == 0, "etcd's health")

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


def start_cluster(folder, count=3):
    """The members of a cluster; one alone is healthy only when most are there."""
    urls = {f"member-{number}": addresses() for number in range(count)}
    members = [Etcd(folder, name, urls) for name in urls]
    for member in members:
        programs.Server.start(member)
    for member in members:
        member.await_health()
    return members
