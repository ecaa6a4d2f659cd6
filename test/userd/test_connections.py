# SPDX-License-Identifier: Apache-2.0
"""Connections: ten thousand of them are all answered, and those that go are no failure."""
import resource
import select
import socket
import struct

from support import frames, places, programs

CONNECTIONS = 10_000

# GetUser {id: 1} behind its five-byte prefix.
REQUEST = b"\0\0\0\0\x02\x08\x01"


def allow_files(count):
    """userd and the client inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard >= count, f"{count} open files are needed"
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def test_all_are_answered(tmp_path):
    allow_files(CONNECTIONS + 200)
    body = tmp_path / "request"
    body.write_bytes(REQUEST)
    userd = programs.Userd(tmp_path, "--max-connections-per-address", 2 * CONNECTIONS)
    userd.start()
    try:
        done = programs.run(
            places.program("bench-client"), "--connect", userd.address, "--path", "/user.UserService/GetUser",
            "--body", body, "--connections", CONNECTIONS, "--streams", 2, "--calls", 2,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"open {CONNECTIONS}\n" in done.stdout
        assert f"answered {2 * CONNECTIONS} failed 0 " in done.stdout
        userd.stop()
    finally:
        userd.kill()


def go(connection):
    """At once, with a reset."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()


def test_one_that_goes_is_no_failure(tmp_path):
    """Nobody wants lines of what clients do all day; what breaks rules is told."""
    chat = frames.request(1, "/user.UserService/ChatUsers") + frames.data(1, b"\0\0\0\0\0", end=False)
    userd = programs.Userd(tmp_path).start()
    try:
        go(frames.Connection(userd.address))
        with frames.Connection(userd.address) as talking:
            talking.send(chat)
            while talking.take()[0] != frames.DATA:
                continue
            go(talking)
        with frames.Connection(userd.address) as unread:  # the kernel resets what is closed with bytes in it
            unread.send(chat)
            select.select([unread.socket], [], [], programs.PATIENCE)
        with frames.Connection(userd.address) as bad:
            bad.send(frames.frame(frames.SETTINGS, b"odd"))
            bad.end()
        programs.wait_until(lambda: "connection failed" in userd.said(), "the reason in the log")
        failures = [line for line in userd.said().splitlines() if "connection failed" in line]
        assert len(failures) == 1 and "HTTP/2" in failures[0], failures
        userd.stop()
    finally:
        userd.kill()
