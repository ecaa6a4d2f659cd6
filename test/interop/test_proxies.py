# SPDX-License-Identifier: Apache-2.0
"""Our client's cases against servers that others wrote, behind the proxies that people put in front of them."""
import shutil

import pytest

from support import interop, places, programs


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


def program(name):
    path = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert path, f"{name} is missing"
    return path


PROXIES = {"nginx": nginx, "haproxy": haproxy}
SERVERS = {"cpp": interop.cpp_server, "grpcio": interop.grpcio_server, "weir": interop.weir_server}


@pytest.fixture(scope="module", params=SERVERS)
def server(request, tmp_path_factory):
    server = interop.server(SERVERS[request.param], tmp_path_factory.mktemp("server"))
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request, server, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    address = places.free_address()
    proxy = programs.Server(PROXIES[request.param](folder, address, server.address), address, folder / "log")
    try:
        yield proxy.start()
    finally:
        proxy.kill()


@pytest.mark.parametrize("case", interop.CASES)
def test_case(proxy, case):
    done = interop.run_weir_client(proxy.address, case)
    assert (done.returncode, done.stdout) == (0, f"{case}: passed\n"), done.stderr + proxy.said()
