# SPDX-License-Identifier: Apache-2.0
"""userctl reaches userd through an HTTP proxy that others wrote, with TLS from end to end.

This machine itself is never reached through a proxy, so userd goes by an address that stands for it without being
one of its own: 0.0.0.0."""
import os
import shutil

import pytest

from support import certs, places, programs, tls

USER, PASSWORD = "me", "pass.word"
CODED = "me:p%61ss%2Eword"


class Tinyproxy(programs.Server):
    """It lets who has the password connect to one port."""

    def __init__(self, folder, port):
        program = shutil.which("tinyproxy", path="/usr/bin:/usr/sbin")
        assert program, "tinyproxy is missing"
        address = places.free_address()
        config = folder / "tinyproxy.conf"
        config.write_text(
            f"""
Listen 127.0.0.1
Port {address.rsplit(":", 1)[1]}
Timeout 60
MaxClients 20
LogFile "{folder}/connections"
LogLevel Connect
ConnectPort {port}
BasicAuth {USER} {PASSWORD}
"""
        )
        self.connections = folder / "connections"
        super().__init__([program, "-d", "-c", config], address, folder / "log", answers=programs.accepts)

    def count(self):
        """How many it has led to servers."""
        return self.connections.read_text().count("Established connection to host")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="module", params=["plain", "TLS"])
def userd(request, authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("userd")
    pair = authority.issue("server", ["0.0.0.0"])
    server = programs.Userd(folder) if request.param == "plain" else tls.userd(folder, pair)
    server.secure = ["--ca", authority.ca] if request.param == "TLS" else []
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


@pytest.fixture
def proxy(userd, tmp_path):
    server = Tinyproxy(tmp_path, userd.address.rsplit(":", 1)[1])
    try:
        yield server.start()
    finally:
        server.kill()


def userctl(userd, *words, port=None, **environment):
    port = port or userd.address.rsplit(":", 1)[1]
    names = ("grpc_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy", "no_grpc_proxy", "no_proxy", "NO_PROXY")
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    command = [places.program("userctl"), "--server", f"0.0.0.0:{port}", *userd.secure, *words]
    return programs.run(*command, env={**inherited, **environment})


@pytest.mark.parametrize("variable", ["grpc_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy"])
def test_calls_go_through_it(userd, proxy, variable):
    done = userctl(userd, "list", **{variable: f"http://{CODED}@{proxy.address}"})
    assert done.returncode == 0, done.stderr
    assert proxy.count() == 1


def test_streams_go_through_it(userd, proxy):
    url = f"http://{CODED}@{proxy.address}"
    done = userctl(userd, "create", "--name", "Ada", "--email", f"ada{proxy.address}@example.org", https_proxy=url)
    assert done.returncode == 0, done.stderr
    done = userctl(userd, "export", "-", https_proxy=url)
    assert done.returncode == 0 and f"ada{proxy.address}@example.org" in done.stdout
    assert proxy.count() == 2


def test_what_is_reached_directly(userd, proxy):
    url = f"http://{CODED}@{proxy.address}"
    for direct in {"no_proxy": "example.org,0.0.0.0/8"}, {"no_grpc_proxy": "0.0.0.0"}, {"grpc_proxy": ""}:
        done = userctl(userd, "list", **{"https_proxy": url, **direct})
        assert done.returncode == 0, done.stderr
    assert proxy.count() == 0


@pytest.mark.parametrize("user", ["", "me:wrong@", "me@"])
def test_a_wrong_password(userd, proxy, user):
    done = userctl(userd, "list", https_proxy=f"http://{user}{proxy.address}")
    assert done.returncode == 64 + 14
    assert f"through the proxy {proxy.address}" in done.stderr
    assert "it answers CONNECT with 40" in done.stderr and "wrong" not in done.stderr


def test_a_port_that_is_not_allowed(userd, proxy):
    done = userctl(userd, "list", port=1, https_proxy=f"http://{CODED}@{proxy.address}")
    assert done.returncode == 64 + 14
    assert "it answers CONNECT with 403" in done.stderr


def test_one_that_is_no_proxy(userd, proxy):
    """userd itself, which speaks HTTP/2, or TLS."""
    done = userctl(userd, "list", https_proxy=f"http://{userd.address}")
    assert done.returncode == 64 + 14, done.stderr
    assert f"through the proxy {userd.address}: " in done.stderr
