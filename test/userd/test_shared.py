# SPDX-License-Identifier: Apache-2.0
"""What several userd share through Redis: rates, and the chat."""
import concurrent.futures
import time

import pytest

from support import chat, nodes, places, programs


@pytest.fixture
def start(user_pb2, redis, tmp_path):
    """start(count, flags): userd that share Redis and nothing else."""
    started = []

    def start(count, *flags):
        for number in range(count):
            started.append(nodes.Node(tmp_path / str(number), user_pb2, *redis.flags, *flags))
            started[-1].await_cache("SERVING")
        heard = ["userd:chat", str(len(started))]
        programs.wait_until(lambda: redis.cli("PUBSUB", "NUMSUB", "userd:chat") == heard, "all to listen")
        return started

    yield start
    for node in started:
        node.close()


# ---- rates ----


def codes_of(node, count):
    """Of so many calls, one after the other."""
    return [node.client.call("GetUser", node.types.GetUserRequest(id=1)).code for _ in range(count)]


def test_a_rate_holds_over_all(start):
    several = start(3, "--rate-shared", "--rate", "0.01:12")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        codes = [code for part in pool.map(lambda node: codes_of(node, 20), several) for code in part]
    assert (codes.count("OK"), codes.count("RESOURCE_EXHAUSTED")) == (12, 48)


def test_tokens_come_back(start):
    first, second = start(2, "--rate-shared", "--rate", "20:2")
    began = time.monotonic()
    accepted = codes_of(first, 100).count("OK") + codes_of(second, 100).count("OK")
    seconds = time.monotonic() - began
    assert 2 <= accepted <= 2 + 20 * seconds + 1
    programs.wait_until(lambda: codes_of(second, 1) == ["OK"], "a token")


def test_methods_have_rates_of_their_own(start, tmp_path):
    policy = tmp_path / "policy.json"
    policy.write_text('{"rates": {"/user.UserService/GetUser": "0.01:4"}}')
    first, second = start(2, "--rate-shared", "--policy", policy, "--rate", "0.01:3")
    assert codes_of(first, 3) + codes_of(second, 3) == ["OK"] * 4 + ["RESOURCE_EXHAUSTED"] * 2
    listed = [node.client.call("ListUsers", node.types.ListUsersRequest()).code for node in (first, second) * 3]
    assert (listed.count("OK"), listed.count("RESOURCE_EXHAUSTED")) == (3, 3)


@pytest.mark.parametrize("way", ["kill", "freeze"])
def test_each_counts_alone_while_redis_is_away(start, redis, way):
    several = start(2, "--rate-shared", "--rate", "0.01:5")
    assert codes_of(several[0], 1) == ["OK"]
    redis.kill() if way == "kill" else redis.freeze()
    for node in several:
        codes = codes_of(node, 10)
        assert codes.count("OK") == 5 and codes[-1] == "RESOURCE_EXHAUSTED"
        assert node.metric("weir_ratelimit_fallback_total") >= 10
    if way == "freeze":
        redis.thaw()


def test_probes_do_not_wait_for_redis(start, redis):
    (node,) = start(1, "--rate-shared", "--rate", "0.01:5")
    check = node.client.channel.unary_unary("/grpc.health.v1.Health/Check")
    redis.freeze()
    for _ in range(20):
        check(b"", timeout=programs.PATIENCE)
    assert node.metric("weir_ratelimit_fallback_total") == 0
    redis.thaw()


def test_a_shared_rate_needs_redis():
    done = programs.run(places.program("userd"), "--rate-shared")
    assert done.returncode == 2 and "--rate-shared needs --redis" in done.stderr


# ---- chat ----


@pytest.fixture
def participant(user_pb2):
    joined = []

    def participant(node, name):
        joined.append(chat.Participant(node.userd.address, user_pb2, name).join())
        return joined[-1]

    yield participant
    for one in joined:
        one.vanish()


def test_participants_reach_each_other_wherever_they_are(start, participant):
    several = start(3)
    ada, bob, cyd = (participant(node, name) for node, name in zip(several, ["ada", "bob", "cyd"]))
    for sender, receiver in [(ada, bob), (bob, cyd), (cyd, ada), (bob, ada)]:
        sender.say("hello", to=receiver.name)
        assert sender.hear() == ("server", sender.name, "Echo: hello")
        assert receiver.hear() == (sender.name, receiver.name, "hello")


def test_one_name_on_several(start, participant):
    several = start(2)
    here, there = participant(several[0], "twin"), participant(several[1], "twin")
    sender = participant(several[0], "sender")
    for number in range(20):
        sender.say(f"{number}", to="twin")
    for twin in (here, there):
        assert [twin.hear()[2] for _ in range(20)] == [f"{number}" for number in range(20)]
    here.say("last", to="nobody")
    assert here.hear() == ("server", "twin", "Echo: last")  # and nothing twice before it


def test_order_is_kept_and_nothing_comes_twice(start, participant):
    several = start(2)
    receiver = participant(several[1], "receiver")
    senders = [participant(several[0], f"sender {number}") for number in range(4)]
    for number in range(50):
        for sender in senders:
            sender.say(f"{number}", to="receiver")
    heard = {sender.name: [] for sender in senders}
    for _ in range(200):
        name, _, content = receiver.hear()
        heard[name].append(int(content))
    assert all(numbers == list(range(50)) for numbers in heard.values())


def test_without_redis_those_on_the_same_userd_are_reached(start, redis, participant):
    several = start(2)
    ada, bob = participant(several[0], "ada"), participant(several[0], "bob")
    far = participant(several[1], "far")
    redis.kill()
    ada.say("hello", to="bob")
    assert bob.hear() == ("ada", "bob", "hello")
    ada.say("lost", to="far")
    assert [ada.hear()[2] for _ in range(2)] == ["Echo: hello", "Echo: lost"]
    assert several[0].metric("userd_chat_relay_unsent_total") == 2
    said = "chat: participants on other userd are out of reach"
    programs.wait_until(lambda: all(said in node.userd.said() for node in several), "the log")
    redis.start()
    back = "chat: other userd are heard again"
    programs.wait_until(lambda: all(back in node.userd.said() for node in several), "both to hear")
    programs.wait_until(lambda: all(node.health()[1] == "SERVING" for node in several), "both to speak")
    ada.say("found", to="far")
    assert far.hear() == ("ada", "far", "found")


def test_rubbish_on_the_channel_is_refused(start, redis, participant):
    (node,) = start(1)
    bob = participant(node, "bob")
    for rubbish in ("", "short", "sixteen bytes...", "sixteen bytes...and no message", "sixteen bytes...\x0a\x7fx"):
        redis.cli("PUBLISH", "userd:chat", rubbish)
    programs.wait_until(lambda: node.metric("userd_chat_relay_refused_total") == 5, "all to be refused")
    bob.say("still here")
    assert bob.hear() == ("server", "bob", "Echo: still here")
