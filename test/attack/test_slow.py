# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow on purpose: they hold what they take for a while, and then no more."""
import concurrent.futures
import contextlib
import itertools
import time

import grpc
import pytest

from support import attacks, frames, programs, siege
from support.frames import HEADERS

USERS = 100
MEMORY_CAP = 128 << 20


@pytest.fixture(scope="module")
def besieged(tmp_path_factory, user_pb2):
    folder = tmp_path_factory.mktemp("userd")
    with siege.siege(folder, *(f"--{what}-timeout=2s" for what in ("stall", "window", "message"))) as besieged:
        fill(besieged.address, user_pb2)
        yield besieged
        assert besieged.memory("VmHWM") < MEMORY_CAP


def fill(address, types):
    """Users of 200 bytes and more, so that a page of them is large."""
    entries = (
        types.CreateUserRequest(name="n" * 180, email=f"user{i}@example.org") for i in range(USERS)
    )
    with grpc.insecure_channel(address) as channel:
        create = channel.stream_unary(
            "/user.UserService/CreateUsersStream",
            request_serializer=types.CreateUserRequest.SerializeToString,
            response_deserializer=types.CreateUsersResponse.FromString,
        )
        assert create(entries, timeout=programs.PATIENCE).count == USERS


@pytest.fixture(autouse=True)
def neighbours_are_well(besieged):
    yield
    report = besieged.neighbours.after_calls(20)
    assert report["failed"] == 0, report


def pages(stream):
    """Ask for a page of 100 users."""
    return frames.request(stream, attacks.LIST) + frames.data(stream, frames.message(b"\x10\x64"))


def test_who_does_not_shake_hands_is_left(besieged):
    """After ten seconds, whatever came meanwhile."""
    before = besieged.count("handshake")

    def strike(pieces):
        with frames.Connection(besieged.address, greet=b"") as connection:
            return connection.flood(pieces)

    greetings = [
        frames.slowly(b"", 0.5),
        itertools.chain([frames.PREFACE[:10]], frames.slowly(b"", 0.5)),
        (time.sleep(0.6) or frames.PREFACE[at : at + 1] for at in range(len(frames.PREFACE))),
    ]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for ended in pool.map(strike, greetings):
            assert ended.code == "SETTINGS_TIMEOUT", ended
    assert besieged.count("handshake") == before + len(greetings)


# One round the kernel takes from userd, and finds out itself; three are more than it takes.
@pytest.mark.parametrize("rounds", [1, 3])
def test_who_takes_nothing_of_what_he_asked_for_is_left(besieged, rounds):
    before = besieged.count("stall")
    widest = frames.frame(frames.SETTINGS, frames.setting(frames.INITIAL_WINDOW_SIZE, 2**31 - 1))
    with frames.Connection(
        besieged.address, frames.PREFACE + widest + frames.window_update(2**30), receive=4096
    ) as connection:
        for index in range(100 * rounds):
            connection.send(pages(attacks.stream_of(index)))
            if index % 100 == 99:
                time.sleep(0.3)
        programs.wait_until(lambda: besieged.count("stall") > before, "the slow reader to be left")
    assert besieged.count("weir_server_calls") <= besieged.clients


def test_who_takes_it_by_drops_is_left(besieged):
    before = besieged.count("stall")
    widest = frames.frame(frames.SETTINGS, frames.setting(frames.INITIAL_WINDOW_SIZE, 2**31 - 1))
    with frames.Connection(
        besieged.address, frames.PREFACE + widest + frames.window_update(2**30), receive=4096
    ) as connection:
        for index in range(300):
            connection.send(pages(attacks.stream_of(index)))
            if index % 100 == 99:
                time.sleep(0.3)

        def take_a_drop():
            time.sleep(0.2)
            connection.socket.recv(512)
            return besieged.count("stall") > before

        programs.wait_until(take_a_drop, "the slow reader to be left")


def test_a_closed_window_ends_the_call(besieged):
    before = besieged.count("window")
    shut = frames.frame(frames.SETTINGS, frames.setting(frames.INITIAL_WINDOW_SIZE, 0))
    with frames.Connection(besieged.address, frames.PREFACE + shut) as connection:
        for index in range(100):
            connection.send(pages(attacks.stream_of(index)))
        assert connection.answer(1)["grpc-status"] == "8"
    programs.wait_until(lambda: besieged.count("window") >= before + 100, "all calls to end")


def test_a_window_that_opens_by_bytes_ends_the_call(besieged):
    before = besieged.count("window")
    shut = frames.frame(frames.SETTINGS, frames.setting(frames.INITIAL_WINDOW_SIZE, 0))
    with frames.Connection(besieged.address, frames.PREFACE + shut) as connection:
        connection.send(pages(1))
        opening = frames.slowly(frames.window_update(1, 1), 0.1)
        programs.wait_until(
            lambda: connection.send(next(opening)) or besieged.count("window") > before, "the call to end"
        )
        assert connection.answer(1)["grpc-status"] == "8"


def test_a_frame_that_does_not_end_is_not_waited_for(besieged):
    before = besieged.count("stall")
    with frames.Connection(besieged.address) as connection:
        connection.send(frames.frame(HEADERS, bytes(1000))[:9])
        ended = connection.flood(frames.slowly(b"\x82", 0.2))
    assert ended.code == "ENHANCE_YOUR_CALM" and "not finished" in ended.why
    assert besieged.count("stall") == before + 1


@pytest.mark.parametrize("drip", [b"", b"x"], ids=["stops", "drips"])
def test_a_message_that_does_not_end_ends_its_call(besieged, drip):
    before = besieged.count("message_time")
    with frames.Connection(besieged.address) as connection:
        for index in range(50):
            stream = attacks.stream_of(index)
            connection.send(frames.request(stream) + frames.data(stream, frames.message(b"x" * 9000, length=60000), False))

        def drop_a_byte():
            time.sleep(0.1)
            connection.send(frames.data(attacks.stream_of(49), drip, False) if drip else b"")
            return besieged.count("message_time") >= before + 50

        programs.wait_until(drop_a_byte, "all calls to end")
        assert connection.answer(1)["grpc-status"] == "8"


def test_a_request_that_drips_in_holds_up_nobody(besieged):
    """A byte of a message every now and then, in frames of its own, is a stream like others."""
    with frames.Connection(besieged.address) as connection:
        connection.send(frames.request(1))
        whole = frames.message(b"\x08\x01")
        for at, piece in enumerate(frames.slowly(b"", 0.1)):
            last = at == len(whole) - 1
            connection.send(piece + frames.data(1, whole[at : at + 1], end=last))
            if last:
                break
        assert connection.answer(1)["data"][:1] == b"\0"


LETTER, SEAT, HUB = 60 << 10, 1 << 20, 64 << 20  # bytes: of a message, and what may wait for one stream, and for all


@pytest.mark.parametrize("limit, deaf", [("stream", 1), ("all", HUB // SEAT + 8)])
def test_a_chat_that_nobody_reads_is_bounded(besieged, user_pb2, limit, deaf):
    """Streams that share a name and read nothing: each message to it waits for all of them."""
    dropped = f'userd_chat_messages_dropped_total{{limit="{limit}"}}'
    before = besieged.count(dropped)
    me = frames.message(user_pb2.ChatMessage(**{"from": "sink"}).SerializeToString())
    letter = user_pb2.ChatMessage(to="sink", content="x" * LETTER, **{"from": "talker"})
    with contextlib.ExitStack() as stack:
        for _ in range(deaf):
            sink = stack.enter_context(frames.Connection(besieged.address))
            sink.send(frames.request(1, "/user.UserService/ChatUsers") + frames.data(1, me, end=False))
        programs.wait_until(lambda: besieged.count("userd_chat_streams") == deaf, "them to sit down")
        with grpc.insecure_channel(besieged.address) as channel:
            talk = channel.stream_stream(
                "/user.UserService/ChatUsers",
                request_serializer=user_pb2.ChatMessage.SerializeToString,
                response_deserializer=user_pb2.ChatMessage.FromString,
            )
            letters = [letter] * 2 * (SEAT // LETTER)
            assert len(list(talk(iter(letters), timeout=programs.PATIENCE))) == len(letters)
        assert besieged.count(dropped) > before
    programs.wait_until(lambda: besieged.count("userd_chat_streams") == 0, "the chat to be empty")
