# SPDX-License-Identifier: Apache-2.0
"""kill -9 amid concurrent creators loses nothing that was acknowledged, and doubles nothing."""
import asyncio
import contextlib
import itertools
import random
import sqlite3

import grpc

from support import programs

ROUNDS = 20
CREATORS = 64
PAGE = 100


async def create_until_dead(create, request_type, numbers, acknowledged):
    """One creator: user after user, until the server is gone."""
    while True:
        number = next(numbers)
        request = request_type(name=f"user {number}", email=f"{number}@kill.example")
        try:
            answer = await create(request, timeout=programs.PATIENCE)
        except grpc.aio.AioRpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            return
        assert answer.success
        acknowledged[answer.user.id] = (answer.user.name, answer.user.email)


async def one_round(userd, user_pb2, numbers, acknowledged):
    """Kill userd while all creators are at work, at a moment that differs from round to round."""
    enough = len(acknowledged) + random.randint(CREATORS, 6 * CREATORS)
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    async with contextlib.AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(userd.address, options=options))
            for _ in range(4)
        ]
        creates = [
            channel.unary_unary(
                "/user.UserService/CreateUser",
                user_pb2.CreateUserRequest.SerializeToString,
                user_pb2.CreateUserResponse.FromString,
            )
            for channel in channels
        ]
        creators = [
            asyncio.create_task(
                create_until_dead(create, user_pb2.CreateUserRequest, numbers, acknowledged)
            )
            for create in itertools.islice(itertools.cycle(creates), CREATORS)
        ]
        while len(acknowledged) < enough:
            assert userd.process.poll() is None, userd.said()
            for creator in creators:
                assert not creator.done(), (creator, userd.said())
            await asyncio.sleep(0.001)
        userd.kill()
        await asyncio.gather(*creators)


def everyone(userd, user_pb2):
    """id -> (name, email), as userd lists them."""
    with grpc.insecure_channel(userd.address) as channel:
        list_users = channel.unary_unary(
            "/user.UserService/ListUsers",
            user_pb2.ListUsersRequest.SerializeToString,
            user_pb2.ListUsersResponse.FromString,
        )
        users = []
        for page in itertools.count(1):
            answer = list_users(user_pb2.ListUsersRequest(page=page, limit=PAGE), timeout=programs.PATIENCE)
            users += answer.users
            if len(answer.users) < PAGE:
                break
    assert len(users) == answer.total
    listed = {user.id: (user.name, user.email) for user in users}
    assert len(listed) == len(users)
    return listed


def assert_sound(database):
    """By SQLite's own judgement."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_kill_under_creators(tmp_path, user_pb2):
    numbers = itertools.count(1)
    acknowledged = {}
    userd = programs.Userd(tmp_path)
    try:
        for _ in range(ROUNDS):
            userd.start()
            asyncio.run(one_round(userd, user_pb2, numbers, acknowledged))
            userd.start()
            listed = everyone(userd, user_pb2)
            assert acknowledged.items() <= listed.items()
            emails = [email for _, email in listed.values()]
            assert len(set(emails)) == len(emails)
            userd.stop()
        assert len(acknowledged) >= ROUNDS * CREATORS
        assert_sound(userd.database)
    finally:
        userd.kill()
