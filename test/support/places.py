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


def free_address():
    """"127.0.0.1:PORT" with a port that nobody listens on."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{port}"
    raise RuntimeError("no free port")
