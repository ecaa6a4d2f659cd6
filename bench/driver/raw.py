# SPDX-License-Identifier: Apache-2.0
"""A client that sends prebuilt bytes in fixed batches, so that a server does the same work each time."""
import socket

from driver import programs

FRAME_HEADER = 9
DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, GOAWAY = 0, 1, 3, 4, 8, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    """Without indexing (RFC 7541, 6.2.2); name: a number of the static table, or a text."""
    head = bytes([name]) if isinstance(name, int) else bytes([0, len(name)]) + name.encode()
    return head + bytes([len(value)]) + value.encode()


def request_block(path, *extra):
    fields = [literal(4, path), literal(1, "bench"), b"\x0f\x10" + literal(0, "application/grpc")[1:]]
    fields.append(literal("te", "trailers"))
    return b"\x83\x86" + b"".join(fields) + b"".join(literal(*field) for field in extra)


class Connection:
    def __init__(self, address):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=programs.PATIENCE)
        self.input = b""
        self.next_stream = 1
        window = b"\0\4" + (2**31 - 1).to_bytes(4, "big")
        opening = frame(SETTINGS, 0, 0, window) + frame(WINDOW_UPDATE, 0, 0, (2**30).to_bytes(4, "big"))
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + opening)

    def next_frame(self):
        while len(self.input) < FRAME_HEADER or len(self.input) < FRAME_HEADER + int.from_bytes(self.input[:3], "big"):
            more = self.socket.recv(1 << 20)
            if not more:
                raise programs.Broken("the server closed the connection")
            self.input += more
        end = FRAME_HEADER + int.from_bytes(self.input[:3], "big")
        kind, flags, payload = self.input[3], self.input[4], self.input[FRAME_HEADER:end]
        self.input = self.input[end:]
        return kind, flags, payload

    def batch(self, blocks, message):
        """Make the calls of these header blocks at once; how many bytes of content came back."""
        requests, content, ended = b"", 0, 0
        for block in blocks:
            requests += frame(HEADERS, END_HEADERS, self.next_stream, block)
            requests += frame(DATA, END_STREAM, self.next_stream, programs.framed(message))
            self.next_stream += 2
        self.socket.sendall(requests)
        while ended < len(blocks):
            kind, flags, payload = self.next_frame()
            if kind in (RST_STREAM, GOAWAY):
                raise programs.Broken("the server refused a call")
            if kind == SETTINGS and not flags & ACK:
                self.socket.sendall(frame(SETTINGS, ACK, 0, b""))
            content += len(payload) if kind == DATA else 0
            ended += kind == HEADERS and flags & END_STREAM
        return content
