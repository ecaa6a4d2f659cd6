# SPDX-License-Identifier: Apache-2.0
"""A network namespace of a test's own, in which netfilter drops packets."""
import contextlib
import ctypes
import os
import pathlib
import subprocess

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SBIN = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


def enter_namespace():
    """This thread, and what it starts, has a network of its own, in which it may do anything."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    as_root = user == 0  # who needs no users of its own, which a chroot cannot have
    flags = CLONE_NEWNET if as_root else CLONE_NEWUSER | CLONE_NEWNET
    assert libc.unshare(flags) == 0, os.strerror(ctypes.get_errno())
    if not as_root:
        this = pathlib.Path("/proc/self")
        (this / "setgroups").write_text("deny")
        (this / "uid_map").write_text(f"0 {user} 1")
        (this / "gid_map").write_text(f"0 {group} 1")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, env=SBIN)


def nft(*words):
    subprocess.run(["nft", *words], check=True, env=SBIN)


@contextlib.contextmanager
def holes():
    """A function that drops all packets to and from an address from then on, until the end."""
    nft("add table inet hole")
    nft("add chain inet hole packets { type filter hook input priority 0; }")

    def drop(address):
        port = address.rsplit(":", 1)[1]
        nft(f"add rule inet hole packets tcp dport {port} drop; add rule inet hole packets tcp sport {port} drop")

    try:
        yield drop
    finally:
        nft("delete table inet hole")
