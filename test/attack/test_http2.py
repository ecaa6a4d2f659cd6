# SPDX-License-Identifier: Apache-2.0
"""One connection does its worst; those on other connections notice nothing, and the log says it once."""
import pytest

from support import attacks, frames, programs, siege

# While one attacker after the other is at work.
MEMORY_CAP = 128 << 20


@pytest.fixture(scope="module")
def besieged(tmp_path_factory):
    with siege.siege(tmp_path_factory.mktemp("userd")) as besieged:
        yield besieged
        assert besieged.memory("VmHWM") < MEMORY_CAP


def assert_neighbours_are_well(besieged):
    report = besieged.neighbours.after_calls(20)
    assert report["failed"] == 0, report


@pytest.mark.parametrize("attack", attacks.ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_ends_itself_alone(besieged, attack):
    before = besieged.count(attack.counter)
    code, why = attack.strike(besieged.address)
    # What was in flight when it was closed may have cost the goodbye.
    assert code in (attack.code, None), why
    assert besieged.count(attack.counter) > before
    assert_neighbours_are_well(besieged)


def test_the_log_says_each_reason_once(besieged):
    before = len(besieged.lines_of_failures())
    for _ in range(50):
        attacks.continuations(besieged.address)
    programs.wait_until(lambda: besieged.count("weir_server_connections") <= 4, "the attackers to be gone")
    lines = besieged.lines_of_failures()
    assert any("header block is too long" in line for line in lines)
    # Two reasons at most each time: HTTP/2's, and the kernel's when it was faster.
    assert len(lines) - before <= 4, lines[before:]


@pytest.mark.parametrize("strike", [attacks.lying_prefix, attacks.gzip_bomb], ids=lambda strike: strike.__name__)
def test_a_message_that_is_too_large_ends_its_call_alone(besieged, strike):
    before = besieged.count("message")
    with frames.Connection(besieged.address) as connection:
        answer = strike(connection, 1)
        assert answer["grpc-status"] == "8", answer
        connection.send(frames.request(3) + frames.data(3, frames.message(b"\x08\x01")))
        assert connection.answer(3)["data"][:1] == b"\0"
    assert besieged.count("message") > before
    assert_neighbours_are_well(besieged)


def test_bad_base64_ends_its_call_alone(besieged):
    with frames.Connection(besieged.address) as connection:
        bad = frames.request(1, "/user.UserService/GetUser", (b"x-bin", b"!!!!"))
        connection.send(bad + frames.data(1, frames.message(b"\x08\x01")))
        assert connection.answer(1)["grpc-status"] == "13"
        connection.send(frames.request(3) + frames.data(3, frames.message(b"\x08\x01")))
        assert connection.answer(3)["data"][:1] == b"\0"


def test_who_hedges_is_no_attacker(besieged):
    """Of five attempts at each call four are reset."""
    before = besieged.count("resets")
    with frames.Connection(besieged.address) as connection:
        for call in range(1000):
            first = 10 * call + 1
            others = range(first + 2, first + 10, 2)
            connection.send(
                b"".join(map(frames.request, (first, *others)))
                + frames.data(first, frames.message(b"\x08\x01")) + b"".join(map(frames.reset, others))
            )  # fmt: skip
            assert connection.answer(first)["data"][:1] == b"\0"
    assert besieged.count("resets") == before
    assert_neighbours_are_well(besieged)


def test_memory_is_given_back(besieged):
    for attack in attacks.ATTACKS:
        attack.strike(besieged.address)
    programs.wait_until(lambda: besieged.count("weir_server_connections") <= 4, "the attackers to be gone")
    before = besieged.memory()
    for attack in 3 * attacks.ATTACKS:
        attack.strike(besieged.address)
    programs.wait_until(lambda: besieged.memory() <= before + (8 << 20), "the memory to come back")
