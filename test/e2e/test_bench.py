# SPDX-License-Identifier: Apache-2.0
"""The benchmarks run, and what they count is as it should be; what they time is not judged here."""
import json
import os
import pathlib

import pytest

from support import places, programs


@pytest.fixture
def bench(tmp_path):
    """Run benchmarks, briefly; what they found."""

    def bench(*arguments):
        results = tmp_path / "results.json"
        done = programs.run(
            places.REPO / "bench" / "run", *arguments, "--bin", os.environ["WEIR_BIN"], "--json", results,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(pathlib.Path(results).read_text())

    return bench


def test_a_call_allocates_nothing(bench):
    """An allocation a batch would be a tenth of one a call; memory that is given back at rest, and taken again, is less."""
    for setting in bench("allocs")["allocs"]:
        assert abs(setting["per_call"]) < 0.01, setting


def test_the_others_run(bench):
    some = ["unary", "loops", "users", "idle", "tls", "interceptors", "tokens", "stream", "client"]
    results = bench(*some, "--runs", "1", "--scale", "0.05")
    for setting in results["unary"]:
        assert setting["servers"]["weir"]["cpu_us"] > 0
    for kind in results["loops"].values():
        assert all(figure["cpu_us"] > 0 for figure in kind["servers"].values())
    assert results["interceptors"]["tracing"]["cpu_us"] > 0
    assert results["tokens"]["first_us"] > 0
    assert results["users"]["CreateUser"]["calls_per_second"] > 0
    for setting in results["tls"]["calls"]:
        assert setting["servers"]["weir"]["cpu_us"] > 0
    assert results["tls"]["handshakes"]["weir"]["resumed"] > 0
    assert results["users"]["CreateUsersStream"]["users_per_second"] > 0
    assert results["users"]["CreateUsersStream, one"]["users_per_second"] > 0
    assert results["users"]["ListUsersStream"]["users_per_second"] > 0
    for case in results["stream"].values():
        assert case["weir"]["cpu_us"] > 0
    assert results["idle"]["weir"]["kib_per_connection"] > 0
    for setting in results["client"]:
        assert setting["clients"]["weir"]["cpu_us"] > 0


def test_a_crowd_is_held(bench):
    crowd = bench("crowd", "--scale", "0.02")["crowd"]
    for one in crowd["connections"] + crowd["parked"]:
        assert one["answer_us"] > 0, one


def test_the_delay_of_a_push_is_told(bench):
    delay = bench("health", "--runs", "1")["health"]
    assert 0 < delay["median_ms"] <= delay["most_ms"]


def test_a_newcomer_gets_its_share(bench):
    newcomer = bench("newcomer", "--runs", "1")["newcomer"]
    assert 0 < newcomer["answers"] <= newcomer["share"]


def test_too_many_calls_are_shed_and_none_hangs(bench):
    results = bench("overload", "--scale", "0.2")["overload"]
    for name, figure in results.items():
        assert figure["other"] == 0, figure
        assert figure["ok"]["count"] > 0
    # None of a third, but where others need the processor: then less of it is enough to be too much.
    shares = {name: figure["refused"]["count"] / figure["ok"]["count"] for name, figure in results.items()}
    assert 0 <= shares["a third of it"] < shares["three times, limited"]


def test_hedged_calls_all_succeed(bench):
    results = bench("hedge", "--scale", "0.1")["hedge"]
    for figure in results.values():
        assert figure["failed"] == 0, figure
    assert results["without"]["served"] == results["without"]["calls"]
    assert results["hedged"]["served"] > results["hedged"]["calls"]
