# SPDX-License-Identifier: Apache-2.0
"""examples/custom_balancer: every call is answered, and the policy decides by whom."""
import pytest

from support import places, programs


@pytest.fixture
def servers(tmp_path):
    started = []
    for name in ("a", "b"):
        address = places.free_address()
        started.append(programs.Server([places.program("hello-server"), address], address, tmp_path / name))
        started[-1].start()
    yield started
    for server in started:
        server.kill()


def test_calls_go_where_the_policy_says(servers):
    target = ",".join(server.address for server in servers)
    done = programs.run(places.program("custom-balancer"), "400", target)
    assert done.returncode == 0, done.stderr
    calls = {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines()}
    assert sum(calls.values()) == 400
    assert set(calls) == {f"ipv4:{server.address}" for server in servers}


def test_it_is_short():
    lines = (places.REPO / "examples" / "custom_balancer" / "fastest.c").read_text().splitlines()
    assert len(lines) < 60
