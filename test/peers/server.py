#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A grpcio server of UserService and Peer, for clients to be tested against: server.py ADDRESS.

Users live in memory. GetUser has ids that misbehave: 1000000000 + n (n below a million) answers after n ms and
tells its fate under the tag get-ID; 900000000 + n ends with status n and a text of hard characters.
"""
import pathlib
import signal
import sys
import tempfile
import threading
import time
from concurrent import futures

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import protos  # noqa: E402

STUBS = tempfile.TemporaryDirectory()
user_pb2 = protos.python_module(STUBS.name, "user")
user_grpc = protos.python_services(STUBS.name, "user")
peer_pb2 = protos.python_module(STUBS.name, "peer")
peer_grpc = protos.python_services(STUBS.name, "peer")

SLEEPY_ID = 1000000000
FAILING_ID = 900000000
HARD_TEXT = "100% d\u00e9j\u00e0 vu,\r\n\ttwo lines \u2026 \U0001f642 %41 \x7f"

CODES = {code.value[0]: code for code in grpc.StatusCode}


class Fates:
    """What became of tagged calls."""

    def __init__(self):
        self.known = {}
        self.changed = threading.Condition()

    def tell(self, tag, fate):
        with self.changed:
            self.known[tag] = fate
            self.changed.notify_all()

    def wait(self, tag, context):
        with self.changed:
            while tag not in self.known and context.is_active():
                self.changed.wait(0.1)
            return self.known.get(tag, peer_pb2.FateReport())


FATES = Fates()


def time_left(context):
    """(has a deadline, ms until it)."""
    left = context.time_remaining()
    return (False, 0) if left is None or left > 1e8 else (True, int(left * 1000))


def sleep(context, tag, milliseconds):
    """False when the call has ended first."""
    has_deadline, left = time_left(context)
    end = time.monotonic() + milliseconds / 1000
    while context.is_active() and time.monotonic() < end:
        time.sleep(0.002)
    active = context.is_active()
    if tag:
        FATES.tell(tag, peer_pb2.FateReport(has_deadline=has_deadline, time_left_ms=left, cancelled=not active))
    return active


class Peer(peer_grpc.PeerServicer):
    def Do(self, order, context):
        has_deadline, left = time_left(context)
        metadata = context.invocation_metadata()
        initial = [pair for pair in metadata if pair.key.startswith("x-initial")]
        trailing = [pair for pair in metadata if pair.key.startswith("x-trailing")]
        context.send_initial_metadata(initial)
        context.set_trailing_metadata(trailing)
        sleep(context, order.tag, order.sleep_ms)
        if order.code != 0:
            if len(order.message) < 50:
                details = protos.status_with_info(order.code, order.message)
                context.set_trailing_metadata([*trailing, ("grpc-status-details-bin", details)])
            context.abort(CODES[order.code], order.message)
        return peer_pb2.Report(
            payload=bytes(n % 251 for n in range(order.answer_bytes)),
            received_bytes=len(order.payload),
            has_deadline=has_deadline,
            time_left_ms=left,
            user_agent=dict(metadata).get("user-agent", ""),
        )

    def Fate(self, request, context):
        return FATES.wait(request.tag, context)


class Users(user_grpc.UserServiceServicer):
    def __init__(self):
        self.lock = threading.Lock()
        self.users = {}
        self.last_id = 0

    def taken(self, email, but=0):
        folded = email.casefold()
        return any(user.email.casefold() == folded for user in self.users.values() if user.id != but)

    def GetUser(self, request, context):
        if SLEEPY_ID <= request.id < SLEEPY_ID + 1000000:
            sleep(context, f"get-{request.id}", request.id - SLEEPY_ID)
        elif FAILING_ID <= request.id <= FAILING_ID + 16:
            context.abort(CODES[request.id - FAILING_ID], HARD_TEXT)
        with self.lock:
            user = self.users.get(request.id)
            return user_pb2.GetUserResponse(user=user, found=user is not None)

    def ListUsers(self, request, context):
        page = max(request.page, 1)
        limit = request.limit if 1 <= request.limit <= 100 else 10
        with self.lock:
            users = sorted(self.users.values(), key=lambda user: user.id)
        first = (page - 1) * limit
        return user_pb2.ListUsersResponse(
            users=users[first : first + limit], total=len(users), page=page, limit=limit
        )

    def CreateUser(self, request, context):
        if not request.name or not request.email:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "name and email are required")
        with self.lock:
            if self.taken(request.email):
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "email is already taken")
            self.last_id += 1
            user = user_pb2.User(
                id=self.last_id,
                name=request.name,
                email=request.email,
                phone=request.phone,
                created_at=int(time.time()),
            )
            self.users[user.id] = user
            return user_pb2.CreateUserResponse(user=user, success=True)

    def UpdateUser(self, request, context):
        change = request.user
        fields = request.update_mask.paths or [
            field for field in ("name", "email", "phone") if getattr(change, field)
        ]
        with self.lock:
            if change.id not in self.users:
                context.abort(grpc.StatusCode.NOT_FOUND, "no such user")
            if "email" in fields and self.taken(change.email, but=change.id):
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "email is already taken")
            unknown = set(fields) - {"name", "email", "phone"}
            if unknown:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no such field: {unknown.pop()}")
            user = self.users[change.id]
            for field in fields:
                setattr(user, field, getattr(change, field))
            return user_pb2.UpdateUserResponse(user=user)

    def DeleteUser(self, request, context):
        with self.lock:
            if self.users.pop(request.id, None) is None:
                context.abort(grpc.StatusCode.NOT_FOUND, "no such user")
        return user_pb2.DeleteUserResponse()


def main():
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=64),
        options=[("grpc.max_receive_message_length", 64 << 20), ("grpc.max_metadata_size", 64 << 10)],
    )
    user_grpc.add_UserServiceServicer_to_server(Users(), server)
    peer_grpc.add_PeerServicer_to_server(Peer(), server)
    assert server.add_insecure_port(sys.argv[1])
    server.start()
    stop.wait()
    server.stop(grace=1).wait()


if __name__ == "__main__":
    main()
