# SPDX-License-Identifier: Apache-2.0
"""A real etcd."""
import json
import re
import shutil
import subprocess
import urllib.request

from support import certs, places, programs


def addresses():
    """Of a member: for clients, for its peers."""
    return tuple(f"http://{places.free_address()}" for _ in range(2))


class Etcd(programs.Server):
    """Debian's etcd on free ports and a folder of its own: alone, or a member of a cluster. authority: over TLS, and
    clients must show a certificate of its, as well; what names get, if asked for, are tokens of two seconds."""

    def __init__(self, folder, name="default", members=None, authority=None):
        members = members or {name: addresses()}
        client, peer = members[name]
        self.access = []  # what etcdctl is told
        program = shutil.which("etcd")
        assert program, "etcd (etcd-server) is missing"
        command = [program, "--name", name, "--data-dir", folder / name, "--log-level", "error"]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        self.metrics = f"http://{places.free_address()}"
        command += ["--listen-metrics-urls", self.metrics]
        if authority is not None:
            pair = authority.issue("etcd", certs.LOCAL)
            client = client.replace("http://", "https://")
            command = [client if word == members[name][0] else word for word in command]
            command += ["--cert-file", pair.cert, "--key-file", pair.key, "--client-cert-auth"]
            command += ["--trusted-ca-file", authority.ca]
            command += ["--auth-token", f"jwt,pub-key={pair.cert},priv-key={pair.key},sign-method=ES256,ttl=2s"]
            self.access = ["--cacert", authority.ca, "--cert", pair.cert, "--key", pair.key]
        command += ["--initial-cluster", ",".join(f"{each}={urls[1]}" for each, urls in members.items())]
        super().__init__(command, client.split("://")[1], folder / f"{name}.log", programs.accepts)
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
            ["etcdctl", f"--endpoints={self.url}", *self.access, *arguments],
            env={"ETCDCTL_API": "3"},
            capture_output=True,
            encoding="utf-8",
            timeout=programs.PATIENCE,
        )

    def enable_users(self, **users):
        """Ask for names from now on: name -> (password, "read", "write" or "readwrite", prefix of keys)."""
        commands = [["user", "add", "root:of all"], ["user", "grant-role", "root", "root"]]
        for name, (password, what, prefix) in users.items():
            commands += [["role", "add", name], ["role", "grant-permission", name, what, "--prefix=true", prefix]]
            commands += [["user", "add", f"{name}:{password}"], ["user", "grant-role", name, name]]
        for command in [*commands, ["auth", "enable"]]:
            done = self.control(*command)
            assert done.returncode == 0, done.stderr
        self.access += ["--user", "root:of all"]

    def calls(self, method, what="started"):
        """How many calls of a method have "started", or have been "handled"."""
        with urllib.request.urlopen(f"{self.metrics}/metrics", timeout=programs.PATIENCE) as answer:
            metrics = answer.read().decode()
        counts = re.findall(rf'^grpc_server_{what}_total\{{.*grpc_method="{method}".*\}} (\S+)$', metrics, re.MULTILINE)
        return sum(int(float(count)) for count in counts)

    def await_call(self, method):
        """Until a call of a method that begins from now on has been answered."""
        begun = self.calls(method)
        programs.wait_until(lambda: self.calls(method, "handled") > begun, f"{method} to be called")

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
