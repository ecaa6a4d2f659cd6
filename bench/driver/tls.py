# SPDX-License-Identifier: Apache-2.0
"""What TLS costs the server: a unary echo over it, and handshakes, new and resumed."""
import contextlib
import pathlib
import socket
import ssl
import statistics
import subprocess
import tempfile

from driver import programs

SETTINGS = [(8, 100, 200_000), (100, 10, 100_000), (1, 1, 10_000)]
HANDSHAKES = 400

# Name -> program, and does it speak TLS here.
SERVERS = {"plain": ("bench-echo", False), "weir": ("bench-echo", True)}
PEERS = {"grpc C++": ("bench-grpc-cpp", True)}
PEER_SHARE = 0.1


def make_pair(folder):
    """A certificate of its own authority for 127.0.0.1, and its key: P-256."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    done = subprocess.run(
        [
            programs.tool("openssl", "openssl"), "req", "-x509", "-newkey", "ec",
            "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
            "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        capture_output=True, text=True, check=False,
    )
    if done.returncode != 0:
        raise programs.Broken(f"openssl: {done.stderr.strip()[-400:]}")
    return cert, key


def start(names, options, pair):
    """Name -> server, not started yet."""
    servers = {}
    for name, (program, secure) in names.items():
        flags = ["--tls-cert", pair[0], "--tls-key", pair[1]] if secure else []
        servers[name] = programs.Server([options.bin / program, *flags], options.server_core)
        servers[name].ca = pair[0] if secure else None
    return servers


def measure_calls(servers, options, setting):
    """Name -> medians of CPU per call and of its ratio to Weir's without TLS in the same turn."""
    connections, streams, calls = setting
    runs = {name: [] for name in servers}
    for turn in range(options.runs + 1):
        for name, server in servers.items():
            share = (PEER_SHARE if name in PEERS else 1) * options.scale * (1 if turn else 0.1)
            count = max(int(calls * share / connections), streams) * connections
            before = server.cpu_seconds()
            programs.h2load(
                options, server.address, programs.ECHO_PATH, programs.ECHO_REQUEST, connections, streams, count,
                secure=server.ca is not None,
            )
            if turn > 0:  # the first warms up
                runs[name].append((server.cpu_seconds() - before) / count * 1e6)
    return {
        name: {
            "cpu_us": statistics.median(of_one),
            "ratio": statistics.median(own / plain for own, plain in zip(of_one, runs["plain"])),
        }
        for name, of_one in runs.items()
    }


def shake(context, address, session):
    """One connection until the server has spoken; its session, and whether that was resumed."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=programs.PATIENCE) as plain:
        with context.wrap_socket(plain, server_hostname=host, session=session) as secure:
            secure.recv(1)  # tickets of TLS 1.3 come with it
            return secure.session, secure.session_reused


def measure_handshakes(server, options, resume):
    """CPU per handshake in µs."""
    count = max(int(HANDSHAKES * options.scale), 10)
    context = ssl.create_default_context(cafile=server.ca)
    context.set_alpn_protocols(["h2"])
    session, _ = shake(context, server.address, None)
    resumed = 0
    before = server.cpu_seconds()
    for _ in range(count):
        session, reused = shake(context, server.address, session if resume else None)
        resumed += reused
    cost = (server.cpu_seconds() - before) / count * 1e6
    if resumed != (count if resume else 0):
        return None  # a peer that takes no tickets
    return cost


def median_handshakes(server, options, resume):
    costs = [measure_handshakes(server, options, resume) for _ in range(options.runs)]
    return None if None in costs else statistics.median(costs)


def print_calls(setting, figures):
    for name, figure in figures.items():
        print(f"{f'{setting[0]} x {setting[1]}':>9}  {name:<9} {figure['cpu_us']:8.3f} {figure['ratio']:9.2f}", flush=True)


def print_handshakes(name, kind, cost):
    if cost is None:
        print(f"{kind:>9}  {name:<9} {'-':>8}", flush=True)
    else:
        print(f"{kind:>9}  {name:<9} {cost:8.1f} {1e6 / cost:12,.0f}", flush=True)


def calls(servers, options):
    print("unary echo of 32 bytes over TLS 1.3: server CPU per call in µs; ratio to Weir without TLS")
    print(f"{'conn x str':>9} {'server':<9} {'µs':>8} {'x plain':>9}")
    results = []
    for setting in SETTINGS:
        figures = measure_calls(servers, options, setting)
        print_calls(setting, figures)
        results.append({"connections": setting[0], "streams": setting[1], "servers": figures})
    return results


def handshakes(servers, options):
    print("handshakes, P-256: server CPU of one in µs; how many in a second of CPU")
    results = {}
    for name, server in servers.items():
        if server.ca is None:
            continue
        results[name] = {}
        for kind in ("new", "resumed"):
            cost = median_handshakes(server, options, kind == "resumed")
            print_handshakes(name, kind, cost)
            results[name][kind] = cost
    return results


def measure(options):
    names = dict(SERVERS)
    if options.peers:
        names.update({name: peer for name, peer in PEERS.items() if (options.bin / peer[0]).is_file()})
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers = start(names, options, make_pair(pathlib.Path(folder)))
        for server in servers.values():
            stack.enter_context(server)
            programs.check_echo(server.address, ca=server.ca)
        return {"calls": calls(servers, options), "handshakes": handshakes(servers, options)}
