# SPDX-License-Identifier: Apache-2.0
"""userd's streams under load: many users, many participants, peers that are slow, gone or killed."""
import asyncio
import collections
import contextlib
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys

import grpc
import pytest

from support import programs

USERS = 20_000
PARTICIPANTS = 1_000
STREAMS_A_CONNECTION = 50  # userd allows 100


@pytest.fixture
def loops_userd(tmp_path):
    server = programs.Userd(tmp_path, "--loops", "3").start()
    yield server
    server.kill()


def private_kib(server):
    """Memory that is the server's alone and written to."""
    text = pathlib.Path(f"/proc/{server.process.pid}/smaps_rollup").read_text()
    return int(re.search(r"^Private_Dirty: +(\d+) kB$", text, re.M)[1])


def connections(server):
    """How many connections the server has: those that are open, and those that only it has not closed."""
    port = f":{int(server.address.rsplit(':', 1)[1]):04X}"
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(port) and row[3] in ("01", "08") for row in rows)


# ---- CreateUsersStream ----


def entries(user_pb2, first, count, watch=lambda number: None, padding=""):
    for number in range(first, first + count):
        watch(number - first)
        yield user_pb2.CreateUserRequest(name=f"user {number}{padding}", email=f"{number}@stream.example")


def create_users(server, user_pb2, requests):
    with grpc.insecure_channel(server.address) as channel:
        create = channel.stream_unary(
            "/user.UserService/CreateUsersStream",
            user_pb2.CreateUserRequest.SerializeToString,
            user_pb2.CreateUsersResponse.FromString,
        )
        return create(requests, timeout=programs.PATIENCE)


def test_acknowledged_users_survive_kill(userd, user_pb2):
    response = create_users(userd, user_pb2, entries(user_pb2, 0, USERS))
    userd.kill()
    assert (response.count, len(response.errors)) == (USERS, 0)
    with contextlib.closing(sqlite3.connect(userd.database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = dict(db.execute("SELECT id, email FROM users"))
    assert len(rows) == USERS
    assert all(rows[user.id] == user.email for user in response.users)
    assert len(response.users) == USERS  # so many short ones fit
    userd.start()


def test_memory_does_not_grow_with_a_stream(userd, user_pb2):
    padding = "x" * 120  # so that not all of them fit the answer
    create_users(userd, user_pb2, entries(user_pb2, 0, USERS, padding=padding))
    before = private_kib(userd)
    seen = []

    def watch(number):
        if number % 1000 == 0:
            seen.append(private_kib(userd))

    response = create_users(userd, user_pb2, entries(user_pb2, USERS, 2 * USERS, watch, padding))
    assert response.count == 2 * USERS
    assert 0 < len(response.users) < 2 * USERS
    assert response.ByteSize() < 4 * 1024 * 1024
    seen.append(private_kib(userd))
    assert max(seen) - before < 16 * 1024, seen


def test_errors_beyond_the_answer_are_left_out(userd, user_pb2):
    bad = (user_pb2.CreateUserRequest(name="n" * 256, email="nobody") for _ in range(USERS))
    response = create_users(userd, user_pb2, bad)
    assert (response.count, len(response.users)) == (0, 0)
    assert 1_000 <= len(response.errors) < USERS
    assert list(response.failed) == list(range(1, len(response.errors) + 1))
    assert response.ByteSize() < 4 * 1024 * 1024


def test_a_stream_that_is_given_up_is_freed(userd, user_pb2):

    def endless():
        number = 0
        while True:
            yield user_pb2.CreateUserRequest(name="endless", email=f"{number}@endless.example")
            number += 1

    with grpc.insecure_channel(userd.address) as channel:
        create = channel.stream_unary(
            "/user.UserService/CreateUsersStream",
            user_pb2.CreateUserRequest.SerializeToString,
            user_pb2.CreateUsersResponse.FromString,
        )
        with pytest.raises(grpc.RpcError) as caught:
            create(endless(), timeout=0.5)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    programs.wait_until(lambda: connections(userd) == 0, "the connection to be closed")
    userd.signal(signal.SIGTERM)
    assert userd.wait() == 0
    assert "all finished" in userd.said()
    userd.start()


# ---- ChatUsers ----


def chat_method(channel, user_pb2):
    return channel.stream_stream(
        "/user.UserService/ChatUsers",
        user_pb2.ChatMessage.SerializeToString,
        user_pb2.ChatMessage.FromString,
    )


async def take_part(channel, user_pb2, number, everyone_is_here):
    """Say hello to two others, and hear the echoes and the two that say hello: what came."""
    call = chat_method(channel, user_pb2)(timeout=programs.PATIENCE)
    name = f"p{number}"

    async def say(to):
        await call.write(user_pb2.ChatMessage(**{"from": name}, to=to, content=f"hello from {name}"))

    await say("")
    assert getattr(await call.read(), "from") == "server"
    await everyone_is_here.wait()
    for other in ((number + 1) % PARTICIPANTS, (number + 300) % PARTICIPANTS):
        await say(f"p{other}")
    heard = collections.Counter()
    for _ in range(4):
        message = await call.read()
        assert message.to == name
        heard[getattr(message, "from")] += 1
    await everyone_is_here.wait()  # nobody leaves while others may write to it
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK
    return heard


async def chat_together(address, user_pb2):
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with contextlib.AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, options=options))
            for _ in range(PARTICIPANTS // STREAMS_A_CONNECTION)
        ]
        here = Gathering(PARTICIPANTS)
        return await asyncio.gather(
            *(take_part(channels[n % len(channels)], user_pb2, n, here) for n in range(PARTICIPANTS))
        )


class Gathering:
    """All wait for all, again and again."""

    def __init__(self, count):
        self.count = count
        self.waiting = 0
        self.complete = asyncio.Event()

    async def wait(self):
        self.waiting += 1
        if self.waiting < self.count:
            await self.complete.wait()
            return
        self.complete.set()
        self.waiting = 0
        self.complete = asyncio.Event()


def test_a_thousand_participants(loops_userd, user_pb2):
    heard = asyncio.run(chat_together(loops_userd.address, user_pb2))
    for number, counts in enumerate(heard):
        others = {f"p{(number - 1) % PARTICIPANTS}": 1, f"p{(number - 300) % PARTICIPANTS}": 1}
        assert counts == {"server": 2, **others}
    loops_userd.stop()
    assert "all finished" in loops_userd.said()
    assert "messages_dropped" not in loops_userd.said()


# Joins the chat over as many streams as it is told, says so, and waits to be killed.
VANISHING = """
import sys, time
sys.path[:0] = [sys.argv[1]]
import grpc, user_pb2
channel = grpc.insecure_channel(sys.argv[2])
chat = channel.stream_stream("/user.UserService/ChatUsers",
    user_pb2.ChatMessage.SerializeToString, user_pb2.ChatMessage.FromString)
def say(name):
    yield user_pb2.ChatMessage(**{"from": name})
    time.sleep(1000)
calls = [chat(say("vanishing")) for _ in range(20)]
for call in calls:
    next(call)
print("here", flush=True)
time.sleep(1000)
"""


def test_clients_that_vanish_leave_nothing(loops_userd, user_pb2):
    """Killed, so that the kernel closes their connections amid everything."""
    stubs = pathlib.Path(user_pb2.__file__).parent
    for _ in range(3):
        client = subprocess.Popen(
            [sys.executable, "-c", VANISHING, stubs, loops_userd.address], stdout=subprocess.PIPE
        )
        assert client.stdout.readline() == b"here\n"
        assert connections(loops_userd) > 0
        client.kill()
        client.wait()
        client.stdout.close()
        programs.wait_until(lambda: connections(loops_userd) == 0, "connections to be closed")
    with grpc.insecure_channel(loops_userd.address) as channel:
        message = user_pb2.ChatMessage(**{"from": "ada"}, to="vanishing", content="anybody?")
        heard = list(chat_method(channel, user_pb2)(iter([message]), timeout=programs.PATIENCE))
    assert [one.content for one in heard] == ["Echo: anybody?"]
    loops_userd.stop()
    assert "all finished" in loops_userd.said()


# ---- ListUsersStream ----


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def test_a_list_waits_for_the_window_and_ends_with_the_client(userd, user_pb2):
    """A peer whose windows are shut gets nothing, holds no snapshot, and may go away."""
    create_users(userd, user_pb2, entries(user_pb2, 0, 200))
    request = user_pb2.ListUsersRequest(page=1, limit=100).SerializeToString()
    headers = b"\x83\x86\x04\x22/user.UserService/ListUsersStream".replace(b"\x22", bytes([33]))
    headers += b"\x0f\x10\x10application/grpc" + b"\x01\x01x"
    with socket.create_connection(userd.address.rsplit(":", 1)) as peer:
        peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"\0\4\0\0\0\0"))  # INITIAL_WINDOW_SIZE 0
        peer.sendall(frame(1, 4, 1, headers) + frame(0, 1, 1, len(request).to_bytes(5, "big") + request))
        peer.sendall(frame(6, 0, 0, b"settled?"))
        got = read_frames(peer, until=lambda kind, flags, _stream: kind == 6 and flags == 1)
        assert 0 not in [kind for kind, _, _ in got]  # no DATA
        assert connections(userd) == 1
        wal = pathlib.Path(f"{userd.database}-wal")
        create_users(userd, user_pb2, entries(user_pb2, 200, USERS))
        assert wal.stat().st_size < 16 * 1024 * 1024
    programs.wait_until(lambda: connections(userd) == 0, "the connection to be closed")
    userd.signal(signal.SIGTERM)
    assert userd.wait() == 0
    assert "all finished" in userd.said()
    userd.start()


def read_frames(peer, until):
    """Frames as (kind, flags, stream), up to the one that is waited for."""
    peer.settimeout(programs.PATIENCE)
    file = peer.makefile("rb")
    frames = []
    while True:
        head = file.read(9)
        file.read(int.from_bytes(head[:3], "big"))
        frames.append((head[3], head[4], int.from_bytes(head[5:], "big")))
        if until(*frames[-1]):
            return frames
