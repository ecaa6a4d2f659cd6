# SPDX-License-Identifier: Apache-2.0
"""Where things are, and free addresses."""
import os
import pathlib
import random
import socket

REPO = pathlib.Path(__file__).resolve().parents[2]
CLIENTS = REPO / "test" / "clients"

# Below the ports that the kernel gives to outgoing connections, of which some tests make thousands.
PORTS = range(20000, 32000)


def program(name):
    """A program of the build under test; WEIR_BIN is set by CTest."""
    path = pathlib.Path(os.environ["WEIR_BIN"]) / name
    assert path.is_file(), f"{path} is not built"
    return str(path)


# A name for each port that this process was given, which no other process can have until this one ends: between
# finding a port and a server's start on it, and between a server's end and its next start, nobody else takes it.
claims = []


def claim(port):
    """Whether the port is free, and from now on this process' own among tests."""
    name = socket.socket(socket.AF_UNIX)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            name.bind(f"\0weir-test-port-{port}")
            probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            return False
    claims.append(name)
    return True


def free_address():
    """"127.0.0.1:PORT" with a port that nobody listens on, and that no other test is given."""
    for port in random.sample(PORTS, 100):
        if claim(port):
            return f"127.0.0.1:{port}"
    raise RuntimeError("no free port")
