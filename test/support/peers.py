# SPDX-License-Identifier: Apache-2.0
"""Servers of the Peer service (test/peers/peer.proto); those that others' libraries made serve users too."""
import contextlib
import sys

from support import places, programs

# GetUser of the foreign servers: so many ms above SLEEPY_ID it answers, code above FAILING_ID it fails.
SLEEPY_ID = 1000000000
FAILING_ID = 900000000
HARD_TEXT = "100% d\u00e9j\u00e0 vu,\r\n\ttwo lines \u2026 \U0001f642 %41 \x7f"


def grpcio_server(address):
    return [sys.executable, places.REPO / "test" / "peers" / "server.py", address]


def cpp_server(address):
    return [places.program("peer-server"), address]


def weir_server(address):
    return [places.program("weir-peer"), address]


FOREIGN = {"grpcio": grpcio_server, "cpp": cpp_server}


def server(command_of, folder, name="server"):
    """A server on a free address; start() is the caller's."""
    address = places.free_address()
    return programs.Server(command_of(address), address, folder / f"{name}.log")


@contextlib.contextmanager
def running(*servers):
    """Start them in turn, stop them in the other order; each must stop cleanly."""
    with contextlib.ExitStack() as stack:
        for one in servers:
            stack.callback(one.kill)
            one.start()
        yield servers[-1]
        for one in reversed(servers):
            one.stop()


@contextlib.contextmanager
def chain(kind, folder):
    """A running server of a kind: grpcio, cpp, weir, or "weir to grpcio", which passes calls on."""
    if kind in FOREIGN:
        with running(server(FOREIGN[kind], folder)) as one:
            yield one
    elif kind == "weir":
        with running(server(weir_server, folder)) as one:
            yield one
    else:
        upstream = server(FOREIGN[kind.removeprefix("weir to ")], folder, "upstream")
        front = server(lambda address: [*weir_server(address), upstream.address], folder)
        with running(upstream, front) as one:
            one.upstream = upstream
            yield one


CHAINS = ["grpcio", "cpp", "weir", "weir to grpcio", "weir to cpp"]
