# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by hand: frames that no library would send, and the answers to them."""
import contextlib
import select
import socket
import ssl
import struct
import time

import hpack

from support import programs

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
CODES = [
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
    "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
]  # fmt: skip
ENOUGH = 1 << 30  # bytes of an attack that nothing stops


class From:
    """Where connections come from, unless they say so themselves, and how long they try."""

    source = None
    patience = programs.PATIENCE


def frame(kind, payload=b"", flags=0, stream=0):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def setting(name, value):
    return struct.pack(">HI", name, value)


def window_update(increment, stream=0):
    return frame(WINDOW_UPDATE, struct.pack(">I", increment), stream=stream)


def reset(stream, code="CANCEL"):
    return frame(RST_STREAM, struct.pack(">I", CODES.index(code)), stream=stream)


def number(prefix_bits, first, value):
    """An integer of HPACK (RFC 7541, 5.1), whose first byte has `first` in front."""
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes([first | value])
    out = [first | most]
    value -= most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + [value])


def literal(name, value, first=0x00):
    """A field without Huffman; first 0x40: with indexing."""
    return bytes([first]) + number(7, 0, len(name)) + name + number(7, 0, len(value)) + value


def fields(path="/user.UserService/GetUser", *more, method=b"POST", authority=b"attack"):
    """A header block, each field spelt out."""
    pairs = [
        (b":method", method), (b":scheme", b"http"), (b":path", path.encode("latin-1")), (b":authority", authority),
        (b"content-type", b"application/grpc"), (b"te", b"trailers"), *more,
    ]  # fmt: skip
    return b"".join(literal(*pair) for pair in pairs)


def request(stream, path="/user.UserService/GetUser", *more, end=False):
    return frame(HEADERS, fields(path, *more), END_HEADERS | (END_STREAM if end else 0), stream)


def message(payload, flag=0, length=None):
    return struct.pack(">BI", flag, len(payload) if length is None else length) + payload


def data(stream, payload, end=True):
    return frame(DATA, payload, END_STREAM if end else 0, stream)


class Ended(Exception):
    """The connection is at its end; `code` and `why` are those of its GOAWAY, None without one."""

    def __init__(self, code, why):
        super().__init__(f"{code}: {why}")
        self.code, self.why = code, why


class Connection:
    """One to a server, with the handshake behind it unless `greet` is empty."""

    def __init__(self, address, greet=PREFACE + frame(SETTINGS), source=None, receive=None, tls=None):
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket()
        if receive is not None:  # the kernel's buffer, so that the server soon feels that nobody reads
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        if source or From.source:
            self.socket.bind((source or From.source, 0))
        self.socket.settimeout(From.patience)
        try:
            self.socket.connect((host, int(port)))
        except OSError:
            self.socket.close()
            raise
        self.socket.settimeout(programs.PATIENCE)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.goaway = None
        self.decoder = hpack.Decoder()
        if greet:
            self.socket.sendall(greet)
            assert self.take()[0] == SETTINGS
            self.socket.sendall(frame(SETTINGS, flags=ACK))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def take(self):
        """The next frame (type, flags, stream, payload); Ended at the connection's end."""
        while True:
            if len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + length:
                    kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
                    payload, self.buffer = self.buffer[9 : 9 + length], self.buffer[9 + length :]
                    if kind == GOAWAY:
                        self.goaway = (CODES[int.from_bytes(payload[4:8], "big")], payload[8:].decode())
                    return kind, flags, stream, payload
            try:
                more = self.socket.recv(1 << 16)
            except (ConnectionError, ssl.SSLError):
                more = b""
            if not more:
                raise Ended(*(self.goaway or (None, None)))
            self.buffer += more

    def end(self):
        """Read to the end of the connection; the Ended."""
        try:
            while True:
                self.take()
        except Ended as ended:
            return ended

    def flood(self, pieces, most=ENOUGH):
        """Send piece after piece, reading beside it, until the server ends it; the Ended. An empty
        piece only reads."""
        sent = 0
        left = memoryview(b"")
        self.socket.setblocking(False)
        try:
            while self.goaway is None:
                left = left or memoryview(next(pieces))
                readable, writable, _ = select.select([self.socket], [self.socket], [], programs.PATIENCE)
                assert readable or writable, "it neither takes nor says anything"
                if writable and left:
                    written = self.socket.send(left)
                    left, sent = left[written:], sent + written
                    assert sent < most, f"nothing stopped {sent} bytes"
                if readable:
                    self.take_what_is_there()
        except ConnectionError:
            pass
        except Ended as ended:
            return ended
        self.socket.settimeout(programs.PATIENCE)
        return self.end()

    def take_what_is_there(self):
        """Frames that are whole, without waiting for more."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.take()

    def answer(self, stream):
        """What came on a stream, to its end: its headers and trailers, "data", and the code of a "reset"."""
        answer = {"data": b""}
        while True:
            kind, flags, number, payload = self.take()
            block = self.decoder.decode(payload) if kind == HEADERS else []
            if number != stream:
                continue
            answer.update(block)
            if kind == RST_STREAM:
                return {**answer, "reset": CODES[int.from_bytes(payload, "big")]}
            if kind == DATA:
                answer["data"] += payload
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                return answer


def forever(piece, batch=64):
    """The same again and again, or what a function makes of a running number."""
    if isinstance(piece, bytes):
        while True:
            yield piece * batch
    at = 0
    while True:
        yield b"".join(piece(at + i) for i in range(batch))
        at += batch


def slowly(piece, period):
    """The same every so often."""
    while True:
        yield piece
        time.sleep(period)
