# SPDX-License-Identifier: Apache-2.0
"""gRPC clients that others wrote, each behind the same call().

The drivers in test/clients read one JSON object a line: path; like, the method whose request and
response types the call uses; request in proto3's JSON form; timeout in seconds or null; metadata,
pairs, the value base64 where the key ends in -bin. They answer {code, message, response}. With kind
(a streaming kind of STREAMS) there are requests and types, the names of the request and response,
and the answer has responses: what came, whatever the code.
"""
import base64
import json
import os
import subprocess
from typing import Any, NamedTuple

import grpc
from google.protobuf import json_format

from support import places, programs, protos

SERVICE = "user.UserService"


class Answer(NamedTuple):
    code: str  # "OK", "NOT_FOUND", ...
    message: str
    response: Any  # None unless OK


# What streams: kind, request, response.
STREAMS = {
    "ListUsersStream": ("server_stream", "ListUsersRequest", "User"),
    "CreateUsersStream": ("client_stream", "CreateUserRequest", "CreateUsersResponse"),
    "ChatUsers": ("bidi_stream", "ChatMessage", "ChatMessage"),
}

CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class Client:
    """`types` is the module user_pb2."""

    def __init__(self, types):
        self.types = types

    def call(self, like, request, *, path=None, timeout=programs.PATIENCE, metadata=()):
        """One unary call. `path` is that of the method `like` unless given."""
        path = path or f"/{SERVICE}/{like}"
        return self.unary(path, like, request, timeout, metadata)

    def response_of(self, like, answer):
        """The message that a driver's JSON is."""
        response = getattr(self.types, f"{like}Response")()
        return json_format.ParseDict(answer, response)

    def stream(self, method, requests, *, timeout=programs.PATIENCE):
        """Send all requests, and take all responses: an Answer with a list of them."""
        raise NotImplementedError

    def close(self):
        pass


class Grpcio(Client):
    """Python's grpcio, in this process."""

    def __init__(self, types, address, _folder):
        super().__init__(types)
        self.channel = grpc.insecure_channel(address)

    def unary(self, path, like, request, timeout, metadata):
        method = self.channel.unary_unary(
            path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=getattr(self.types, f"{like}Response").FromString,
        )
        try:
            return Answer("OK", "", method(request, timeout=timeout, metadata=metadata))
        except grpc.RpcError as error:
            return Answer(error.code().name, error.details(), None)

    def stream(self, method, requests, *, timeout=programs.PATIENCE):
        kind, request, response = STREAMS[method]
        types = {
            "request_serializer": getattr(self.types, request).SerializeToString,
            "response_deserializer": getattr(self.types, response).FromString,
        }
        path = f"/{SERVICE}/{method}"
        responses = []
        try:
            if kind == "client_stream":
                responses.append(self.channel.stream_unary(path, **types)(iter(requests), timeout=timeout))
            elif kind == "server_stream":
                responses.extend(self.channel.unary_stream(path, **types)(requests[0], timeout=timeout))
            else:
                responses.extend(self.channel.stream_stream(path, **types)(iter(requests), timeout=timeout))
        except grpc.RpcError as error:
            return Answer(error.code().name, error.details(), responses)
        return Answer("OK", "", responses)

    def close(self):
        self.channel.close()


class Piped(Client):
    """A driver that stays for many calls."""

    def __init__(self, types, command, environment=None):
        super().__init__(types)
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **(environment or {})},
        )

    def unary(self, path, like, request, timeout, metadata):
        order = {
            "path": path,
            "like": like,
            "request": json_format.MessageToDict(request),
            "timeout": timeout,
            "metadata": [
                [key, base64.b64encode(value).decode() if key.endswith("-bin") else value]
                for key, value in metadata
            ],
        }
        answer = self.ask(order)
        response = self.response_of(like, answer["response"]) if answer["code"] == 0 else None
        return Answer(CODES[answer["code"]], answer["message"], response)

    def ask(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{self.process.args} ended"
        return json.loads(line)

    def stream(self, method, requests, *, timeout=programs.PATIENCE):
        kind, request, response = STREAMS[method]
        answer = self.ask({
            "path": f"/{SERVICE}/{method}",
            "like": method,
            "kind": kind,
            "types": [request, response],
            "requests": [json_format.MessageToDict(one) for one in requests],
            "timeout": timeout,
            "metadata": [],
        })
        types = getattr(self.types, response)
        responses = [json_format.ParseDict(one, types()) for one in answer["responses"]]
        return Answer(CODES[answer["code"]], answer["message"], responses)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=programs.PATIENCE) == 0
        self.process.stdout.close()


class Ruby(Piped):
    """Ruby's grpc."""

    def __init__(self, types, address, folder):
        stubs = protos.ruby_file(folder, "user")
        super().__init__(types, ["ruby", places.CLIENTS / "call.rb", stubs, SERVICE, address])


class Node(Piped):
    """@grpc/grpc-js with @grpc/proto-loader."""

    def __init__(self, types, address, _folder):
        driver = places.CLIENTS / "call.js"
        super().__init__(types, ["node", driver, protos.PROTO / "user.proto", SERVICE, address])


class Buf(Client):
    """`buf curl`, a process a call."""

    def __init__(self, types, address, folder):
        super().__init__(types)
        self.address = address
        self.schema = protos.wider_user_proto(folder)
        self.program = places.CLIENTS / "node_modules" / ".bin" / "buf"
        self.cache = folder / "buf-cache"

    def unary(self, path, like, request, timeout, metadata):
        headers = []
        for key, value in metadata:
            value = base64.b64encode(value).decode() if key.endswith("-bin") else value
            headers += ["--header", f"{key}: {value}"]
        done = programs.run(
            self.program, "curl", "--protocol", "grpc", "--http2-prior-knowledge",
            "--schema", self.schema, "--timeout", f"{timeout}s", *headers,
            "--data", "@-", f"http://{self.address}{path}",
            input=json_format.MessageToJson(request),
            env={**os.environ, "BUF_CACHE_DIR": str(self.cache)},
        )
        if done.returncode == 0:
            return Answer("OK", "", self.response_of(like, json.loads(done.stdout)))
        if done.stderr == "Failure: context deadline exceeded\n":  # before it was connected
            return Answer("DEADLINE_EXCEEDED", done.stderr, None)
        assert done.returncode % 8 == 0, done.stderr
        message = json.loads(done.stderr).get("message", "")
        return Answer(CODES[done.returncode // 8], message, None)


KINDS = {"grpcio": Grpcio, "ruby": Ruby, "node": Node, "buf": Buf}
STREAMING = ("grpcio", "ruby", "node")
