# SPDX-License-Identifier: Apache-2.0
"""A real DNS server."""
import pathlib
import shutil
import socket
import struct

from support import places, programs

ZONE = "weir.test"


def quoted(text):
    """As dnsmasq's file has it: strings of at most 255 bytes make up a TXT record."""
    pieces = [text[at:at + 255] for at in range(0, len(text), 255)]
    return ",".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


def answers(address):
    """Whether a DNS server is at work there: it says something to a question over TCP."""
    host, port = address.rsplit(":", 1)
    question = struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + b"\x04weir\x04test\0" + struct.pack(">2H", 1, 1)
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1) as probe:
            probe.sendall(struct.pack(">H", len(question)) + question)
            return len(probe.recv(2)) > 0
    except OSError:
        return False


class Dns(programs.Server):
    """Debian's dnsmasq, which knows the names it is given and no others. texts: (name, text) of TXT records."""

    def __init__(self, folder, host="127.0.0.1"):
        program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/bin")
        assert program, "dnsmasq (dnsmasq-base) is missing"
        self.file = pathlib.Path(folder) / "dnsmasq.conf"
        self.port = places.free_address().rsplit(":", 1)[1]
        self.host = host
        address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        command = [program, "--keep-in-foreground", f"--conf-file={self.file}"]
        super().__init__(command, address, pathlib.Path(folder) / "dnsmasq.log", answers)

    def tell(self, addresses, texts=()):
        """Serve this from now on. addresses: name -> list."""
        lines = [f"port={self.port}", f"listen-address={self.host}", "bind-interfaces", "no-resolv", "no-hosts"]
        lines += [f"local=/{ZONE}/", "pid-file", "user=", "group=", "log-facility=-"]
        lines += [f"host-record={name},{address}" for name, each in addresses.items() for address in each]
        lines += [f"txt-record={name},{quoted(text)}" for name, text in texts]
        self.file.write_text("\n".join(lines) + "\n")
        self.kill()
        return self.start()
