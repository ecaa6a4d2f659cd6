# SPDX-License-Identifier: Apache-2.0
"""Our client's cases against servers that others wrote, behind the proxies that people put in front of them."""
import os
import shutil
import subprocess

import pytest

from support import interop, places, programs
from support.fleet import Caller


def nginx(folder, address, backend):
    """grpc_pass, without root and without a word to the system's log."""
    places_of_temporaries = "\n".join(
        f"    {kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(f"""
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ }}
http {{
    access_log off;
{places_of_temporaries}
    client_max_body_size 0;
    server {{
        listen {address} http2;
        location / {{
            grpc_pass grpc://{backend};
            grpc_read_timeout 60s;
        }}
    }}
}}
""")
    return [program("nginx"), "-c", config, "-p", folder, "-e", "stderr"]


def haproxy(folder, address, backend):
    config = folder / "haproxy.cfg"
    config.write_text(f"""
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen grpc
    bind {address} proto h2
    server backend {backend} proto h2
""")
    return [program("haproxy"), "-db", "-f", config]


def caching(folder, address, backend):
    """HAProxy again, with a cache for what says that it may be kept."""
    command = haproxy(folder, address, backend)
    config = folder / "haproxy.cfg"
    config.write_text(f"""
cache answers
    total-max-size 4
    max-age 60
{config.read_text()}
    http-request cache-use answers
    http-response cache-store answers
""")
    return command


def program(name):
    path = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert path, f"{name} is missing"
    return path


PROXIES = {"nginx": nginx, "haproxy": haproxy}
CACHES = {"haproxy with a cache": caching}
SERVERS = {"cpp": interop.cpp_server, "grpcio": interop.grpcio_server, "weir": interop.weir_server}


@pytest.fixture(scope="module", params=SERVERS)
def server(request, tmp_path_factory):
    server = interop.server(SERVERS[request.param], tmp_path_factory.mktemp("server"))
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def go_server(tmp_path_factory):
    """On grpc-go as Debian has it; it answers any call."""
    folder = tmp_path_factory.mktemp("go")
    environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": folder / "cache", "GOFLAGS": ""}
    subprocess.run(
        ["go", "build", "-o", folder / "server", interop.PEERS / "server.go"], check=True,
        env={**os.environ, **environment}, timeout=300,
    )
    address = places.free_address()
    server = programs.Server([folder / "server", address], address, folder / "log")
    try:
        yield server.start()
    finally:
        server.kill()


def in_front(name, server, folder):
    address = places.free_address()
    return programs.Server({**PROXIES, **CACHES}[name](folder, address, server.address), address, folder / "log")


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request, server, tmp_path_factory):
    proxy = in_front(request.param, server, tmp_path_factory.mktemp(request.param))
    try:
        yield proxy.start()
    finally:
        proxy.kill()


@pytest.mark.parametrize("case", interop.CASES)
def test_case(proxy, case):
    done = interop.run_weir_client(proxy.address, case)
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr + proxy.said()


@pytest.mark.parametrize("name", CACHES)
def test_a_cache_answers_the_second_time(tmp_path, name):
    server = interop.server(interop.weir_server, tmp_path).start()
    proxy = in_front(name, server, tmp_path).start()
    try:
        done = interop.run_weir_client(proxy.address, "cacheable_unary")
        assert (done.returncode, done.stdout) == (0, "cacheable_unary: passed\n"), done.stderr + proxy.said()
    finally:
        proxy.kill()
        server.kill()


@pytest.mark.parametrize("name", [None, *PROXIES])
def test_go(go_server, tmp_path, name):
    """A thousand calls a second, straight to it and behind a proxy."""
    proxy = None if name is None else in_front(name, go_server, tmp_path).start()
    caller = Caller((proxy or go_server).address, "pick_first")
    try:
        caller.await_calls(2000)
        last, _ = caller.stop()
        assert last["failed"] == 0, last
    finally:
        caller.kill()
        if proxy is not None:
            proxy.kill()
