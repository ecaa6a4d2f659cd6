# SPDX-License-Identifier: Apache-2.0
"""SIGTERM under load, from grpcio and through Weir's own client: what was accepted is answered, and its answer arrives."""
import contextlib
import json
import signal
import threading
import urllib.request

import grpc
import pytest
from support import frames, peers, places, programs

THREADS = 3
CALLS = 300  # before the signal, of each kind

CREATE, GET = "/user.UserService/CreateUser", "/user.UserService/GetUser"


class Load(threading.Thread):
    """Calls until the first that fails, which the others may outlive."""

    def __init__(self, address, path, request, ok):
        super().__init__()
        self.address, self.path, self.request, self.ok = address, path, request, ok
        self.answered, self.failure = 0, None

    def run(self):
        with grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            call = channel.unary_unary(self.path)
            while self.failure is None:
                try:
                    call(self.request(self.answered), timeout=programs.PATIENCE)
                    self.answered += 1
                    self.ok.release()
                except grpc.RpcError as error:
                    self.failure = f"{error.code().name} {error.details()}"


def creator(user_pb2, name):
    return lambda n: user_pb2.CreateUserRequest(name="N", email=f"{name}.{n}@example.org").SerializeToString()


def log_lines(server):
    return [json.loads(line) for line in server.said().splitlines()]


def is_whole(lines):
    """No line was lost: a log that gets no time to write drops some rather than wait, and says so."""
    return not any("lost" in line["message"] or "dropped" in line["message"] for line in lines)


def ended_calls(lines):
    """Path -> codes of the calls that the server says it has ended; each that began is one of them."""
    codes = {CREATE: [], GET: []}
    started = [line["method"] for line in lines if line["message"] == "call started"]
    for line in lines:
        if line["message"] == "call ended":
            codes[line["method"]].append(line["code"])
    assert {path: started.count(path) for path in codes} == {path: len(of_one) for path, of_one in codes.items()}
    return codes


def stop_under_load(user_pb2, folder, loops):
    """What userd logged, and those who created and got users until it went."""
    folder.mkdir()
    server = programs.Userd(folder, "--loops", str(loops), "--log-format", "json")
    relay_address = places.free_address()
    relay = programs.Server(
        [places.program("user-relay"), relay_address, server.address, "http://127.0.0.1:1"],
        relay_address, folder / "relay.log",
    )
    created, got = threading.Semaphore(0), threading.Semaphore(0)
    server.start()
    try:
        with peers.running(relay):
            creates = [Load(server.address, CREATE, creator(user_pb2, i), created) for i in range(THREADS)]
            gets = [Load(relay_address, GET, lambda _: b"\x08\x01", got) for _ in range(THREADS)]
            for load in creates + gets:
                load.start()
            for _ in range(CALLS):
                assert created.acquire(timeout=programs.PATIENCE) and got.acquire(timeout=programs.PATIENCE)
            server.stop()  # within the grace, with 0
            for load in creates + gets:
                load.join()
    finally:
        server.kill()
    assert {load.failure.split()[0] for load in creates + gets} == {"UNAVAILABLE"}
    assert "all finished" in server.said()
    return log_lines(server), creates, gets


@pytest.mark.parametrize("loops", [1, 3])
def test_what_was_accepted_is_answered(user_pb2, tmp_path, loops):
    for number in range(10):
        lines, creates, gets = stop_under_load(user_pb2, tmp_path / str(number), loops)
        if is_whole(lines):
            break
    assert is_whole(lines), "of no run the log is whole"
    codes = ended_calls(lines)
    assert set(codes[CREATE]) == set(codes[GET]) == {"OK"}
    assert len(codes[CREATE]) == sum(load.answered for load in creates)
    assert len(codes[GET]) == sum(load.answered for load in gets)


def metric(ops, name):
    with urllib.request.urlopen(f"http://{ops}/metrics", timeout=programs.PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))


@contextlib.contextmanager
def chat(server, user_pb2, said):
    """The answers to what is said."""
    with grpc.insecure_channel(server.address) as channel:
        yield channel.stream_stream(
            "/user.UserService/ChatUsers",
            request_serializer=user_pb2.ChatMessage.SerializeToString,
            response_deserializer=user_pb2.ChatMessage.FromString,
        )(said, timeout=programs.PATIENCE)


SENT_AWAY = "UNAVAILABLE the server closes this connection; call again"


def drains(server):
    return "a second signal ends at once" in server.said()


def test_what_was_said_in_a_chat_is_answered(user_pb2, tmp_path):
    ops = places.free_address()
    server = programs.Userd(tmp_path, "--ops", ops).start()
    said = [user_pb2.ChatMessage(**{"from": "ada"}, content=f"{number:01000}") for number in range(100)]
    try:
        with chat(server, user_pb2, iter(said)) as answers:
            # All of it has come, and more was answered than a client takes that does not read.
            programs.wait_until(lambda: metric(ops, "weir_server_received_bytes_total") > 100_000, "it to be said")
            server.signal(signal.SIGTERM)
            programs.wait_until(lambda: drains(server), "userd to drain")
            assert [message.content for message in answers] == ["Echo: " + message.content for message in said]
        assert server.wait() == 0, server.said()
    finally:
        server.kill()


@pytest.mark.parametrize("letters", [False, True], ids=["answers", "letters"])
def test_a_chat_whose_client_does_not_read_holds_up_nothing(user_pb2, tmp_path, letters):
    """It takes neither what others have said, nor the answers to what it says."""
    ops = places.free_address()
    server = programs.Userd(tmp_path, "--ops", ops).start()
    shut = frames.frame(frames.SETTINGS, frames.setting(frames.INITIAL_WINDOW_SIZE, 0 if letters else 500))
    said = [user_pb2.ChatMessage(**{"from": "ada"}, content=f"{number:0100}") for number in range(100)]
    try:
        with frames.Connection(server.address, frames.PREFACE + shut) as deaf:
            deaf.send(frames.request(1, "/user.UserService/ChatUsers"))
            for one in said[: 1 if letters else None]:
                deaf.send(frames.data(1, frames.message(one.SerializeToString()), end=False))
            programs.wait_until(lambda: metric(ops, "userd_chat_streams") == 1, "it to sit down")
            if letters:
                to_it = [user_pb2.ChatMessage(to="ada", content="hello")] * 3
                with chat(server, user_pb2, iter(to_it)) as answers:
                    assert len(list(answers)) == len(to_it)
            server.signal(signal.SIGTERM)
            assert deaf.answer(1)["grpc-status"] == "14"
        assert server.wait() == 0, server.said()
        assert "all finished" in server.said()
    finally:
        server.kill()


@pytest.mark.parametrize("finishes", [True, False], ids=["finished", "silent"])
def test_who_speaks_while_it_drains_may_finish_and_who_is_silent_is_sent_away(user_pb2, tmp_path, finishes):
    server = programs.Userd(tmp_path).start()
    answered, over = threading.Semaphore(1), threading.Event()

    def speak():
        after = 0
        while after < 20:  # one answer, one message
            assert answered.acquire(timeout=programs.PATIENCE)
            after += drains(server)
            yield user_pb2.ChatMessage(content="still here")
        if not finishes:
            over.wait(programs.PATIENCE)

    try:
        with chat(server, user_pb2, speak()) as answers:
            assert next(answers).content == "Echo: still here"
            answered.release()
            server.signal(signal.SIGTERM)
            try:
                for message in answers:
                    assert message.content == "Echo: still here"
                    answered.release()
                ended = "finished"
            except grpc.RpcError as error:
                ended = f"{error.code().name} {error.details()}"
            over.set()
        assert ended == ("finished" if finishes else SENT_AWAY)
        assert server.wait() == 0, server.said()
    finally:
        over.set()
        server.kill()


def test_a_silent_chat_ends_with_a_connection_that_is_old(user_pb2, tmp_path):
    server = programs.Userd(tmp_path, "--max-connection-age", "500ms").start()
    over = threading.Event()

    def speak():
        yield user_pb2.ChatMessage(content="hello")
        over.wait(programs.PATIENCE)

    try:
        with chat(server, user_pb2, speak()) as answers:
            assert next(answers).content == "Echo: hello"
            with pytest.raises(grpc.RpcError) as ended:
                next(answers)
            over.set()
        assert f"{ended.value.code().name} {ended.value.details()}" == SENT_AWAY
        server.stop()
    finally:
        over.set()
        server.kill()
