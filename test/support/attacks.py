# SPDX-License-Identifier: Apache-2.0
"""Attacks on an HTTP/2 server, those of the table in doc/SECURITY.md.

Each is a function that strikes once: it takes the address of a userd, does its worst on one
connection until the server ends that, and returns how: (code of GOAWAY, its text).
"""
import itertools
import struct
import zlib
from typing import Callable, NamedTuple

from support import frames
from support.frames import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, SETTINGS

LIST = "/user.UserService/ListUsers"


def stream_of(index):
    return 2 * index + 1


def flood(address, piece, before=b"", batch=64):
    with frames.Connection(address) as connection:
        connection.send(before)
        ended = connection.flood(frames.forever(piece, batch))
    return ended.code, ended.why


def rapid_reset(address):
    return flood(address, lambda i: frames.request(stream_of(i)) + frames.reset(stream_of(i)))


def rapid_reset_among_calls(address):
    """Every sixteenth stream is a call that is answered."""

    def strike(index):
        stream = stream_of(index)
        return frames.request(stream) + (frames.reset(stream) if index % 16 else frames.data(stream, frames.message(b"")))

    return flood(address, strike)


def made_you_reset(address):
    return flood(address, lambda i: frames.request(stream_of(i)) + frames.window_update(0, stream_of(i)))


def streams(address):
    return flood(address, lambda i: frames.request(stream_of(i)))


def resets_of_closed(address):
    return flood(address, frames.reset(1), frames.request(1) + frames.reset(1))


def continuations(address):
    return flood(
        address, frames.frame(CONTINUATION, frames.literal(b"a", b"b" * 1000), stream=1),
        frames.frame(HEADERS, frames.fields(), stream=1),
    )  # fmt: skip


def empty_continuations(address):
    return flood(
        address, frames.frame(CONTINUATION, stream=1), frames.frame(HEADERS, frames.fields(), stream=1)
    )


def settings(address):
    return flood(address, frames.frame(SETTINGS, frames.setting(frames.INITIAL_WINDOW_SIZE, 65535)))


def long_settings(address):
    return flood(address, frames.frame(SETTINGS, frames.setting(0x99, 1) * 1000), batch=1)


def settings_acks(address):
    return flood(address, frames.frame(SETTINGS, flags=frames.ACK))


def pings(address):
    return flood(address, frames.frame(PING, bytes(8)))


def ping_acks(address):
    return flood(address, frames.frame(PING, bytes(8), frames.ACK))


def priorities(address):
    return flood(address, frames.frame(PRIORITY, struct.pack(">IB", 0, 7), stream=1))


def window_updates(address):
    return flood(address, frames.window_update(1))


def unknown_frames(address):
    return flood(address, frames.frame(0xF0, b"x" * 100))


def empty_data(address):
    return flood(address, frames.data(1, b"", end=False), frames.request(1))


def hpack_bomb(address):
    """A field of 4,000 bytes into the table, and then two thousand times in each list."""
    fill = frames.frame(HEADERS, frames.fields() + frames.literal(b"bomb", b"b" * 3900, 0x40), END_HEADERS, 1)
    block = frames.fields() + b"\xbe" * 2000  # 62, the table's newest

    def bomb(index):
        return frames.frame(HEADERS, block, END_HEADERS | END_STREAM, stream_of(index + 1))

    return flood(address, bomb, fill, batch=8)


def many_fields(address):
    block = frames.fields() + frames.literal(b"x", b"") * 3000
    return flood(
        address, lambda i: frames.frame(HEADERS, block, END_HEADERS | END_STREAM, stream_of(i)), batch=8
    )


def endless_number(address):
    """An index in HPACK that goes on for ever."""
    return flood(address, frames.frame(HEADERS, b"\xff" + b"\x80" * 100, END_HEADERS, 1), batch=1)


def reused_stream(address):
    """The last number there is, and then again: streams are used up, a new connection is needed."""
    with frames.Connection(address) as connection:
        connection.send(frames.request(2**31 - 1, end=True))
        ended = connection.flood(itertools.repeat(frames.request(2**31 - 3, end=True)))
    return ended.code, ended.why


def garbage(address):
    with frames.Connection(address, greet=b"") as connection:
        ended = connection.flood(itertools.repeat(b"GET / HTTP/1.1\r\nHost: attack\r\n\r\n"))
    return ended.code, ended.why


def oversized_frame(address):
    return flood(address, frames.frame(HEADERS, bytes(20000), END_HEADERS, 1), batch=1)


def window_overflow(address):
    return flood(address, frames.window_update(2**31 - 1))


class Attack(NamedTuple):
    strike: Callable
    counter: str  # a limit of weir_server_limit_hits_total, or the name of another counter; or several, by "|"
    code: str = "ENHANCE_YOUR_CALM"

    @property
    def name(self):
        return self.strike.__name__


PROTOCOL = "weir_server_protocol_errors_total"

ATTACKS = [
    Attack(rapid_reset, "resets"),
    Attack(rapid_reset_among_calls, "resets"),
    Attack(made_you_reset, "local_resets|control_frames"),
    Attack(streams, "streams"),
    Attack(resets_of_closed, "resets"),
    Attack(continuations, "continuations"),
    Attack(empty_continuations, "continuations"),
    Attack(settings, "settings"),
    Attack(long_settings, "settings"),
    Attack(settings_acks, "settings"),
    Attack(pings, "pings"),
    Attack(ping_acks, "priority"),
    Attack(priorities, "priority"),
    Attack(window_updates, "priority"),
    Attack(unknown_frames, "priority"),
    Attack(empty_data, "empty_frames"),
    Attack(hpack_bomb, "header_list"),
    Attack(many_fields, "header_list"),
    Attack(endless_number, PROTOCOL, "COMPRESSION_ERROR"),
    Attack(reused_stream, PROTOCOL, "PROTOCOL_ERROR"),
    Attack(garbage, PROTOCOL, "PROTOCOL_ERROR"),
    Attack(oversized_frame, PROTOCOL, "FRAME_SIZE_ERROR"),
    Attack(window_overflow, PROTOCOL, "FLOW_CONTROL_ERROR"),
]


# ---- calls that do not end the connection: the status says no ----


def lying_prefix(connection, stream):
    """A message of 4 GiB, says its prefix."""
    connection.send(frames.request(stream) + frames.data(stream, frames.message(b"x", length=2**32 - 1)))
    return connection.answer(stream)


def gzip_bomb(connection, stream):
    """256 MiB of zeros in a message of 256 KiB."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    connection.send(frames.request(stream, "/user.UserService/GetUser", (b"grpc-encoding", b"gzip")))
    whole = frames.message(bomb, flag=1)
    for at in range(0, len(whole), 16000):
        connection.send(frames.data(stream, whole[at : at + 16000], end=False))
    connection.send(frames.frame(DATA, b"", END_STREAM, stream))
    return connection.answer(stream)
