# SPDX-License-Identifier: Apache-2.0
"""userd and a PostgreSQL between which packets are lost: netfilter drops them, in a network namespace of this test's own."""
import concurrent.futures

import pytest

from support import network, nodes, postgres, programs


@pytest.fixture(scope="module", autouse=True)
def namespace():
    network.enter_namespace()


@pytest.fixture
def node(cluster, user_pb2, tmp_path):
    node = nodes.Node(tmp_path, user_pb2, "--db", postgres.new_database(cluster.url))
    try:
        yield node
        node.close()
    finally:
        node.userd.kill()


def sessions(node, where="true"):
    """The processes that serve userd."""
    ours = f"datname = current_database() AND application_name = 'userd' AND {where}"
    return set(postgres.query(node.userd.url, f"SELECT pid FROM pg_stat_activity WHERE {ours}"))


def update(node, user, name, timeout=nodes.SOON):
    request = node.types.UpdateUserRequest(user=node.types.User(id=user.id, name=name))
    return node.client.call("UpdateUser", request, timeout=timeout).code


def delete(node, user, timeout):
    return node.client.call("DeleteUser", node.types.DeleteUserRequest(id=user.id), timeout=timeout).code


def create(node, email, timeout):
    return node.client.call("CreateUser", node.types.CreateUserRequest(name="late", email=email), timeout=timeout).code


def connect_often(node, pool, users):
    """So that userd has as many connections."""
    with postgres.session(node.userd.url) as run:
        run("BEGIN")
        run("SELECT FROM users FOR UPDATE")
        updates = [pool.submit(update, node, user, "old") for user in users]
        programs.wait_until(lambda: len(sessions(node, "wait_event_type = 'Lock'")) == len(users), "all to wait")
        run("COMMIT")
    assert {one.result() for one in updates} == {"OK"}


def test_a_write_that_was_given_up_does_not_arrive_later(node, cluster):
    """What userd's kernel still had to send goes with the connection; PostgreSQL learns of its end by keepalive."""
    users = [node.create(f"{number}@cut.example") for number in range(6)]
    with concurrent.futures.ThreadPoolExecutor(len(users)) as pool:
        connect_often(node, pool, users)
        before = sessions(node)
        with network.holes() as drop:
            drop(cluster.address)
            writes = [
                pool.submit(update, node, users[0], "late", timeout=0.5),
                pool.submit(delete, node, users[1], timeout=0.5),
                pool.submit(create, node, "new@cut.example", timeout=0.5),
            ]
            assert {one.result() for one in writes} == {"DEADLINE_EXCEEDED"}
    for user in users:
        programs.wait_until(lambda: update(node, user, "acknowledged") == "OK", "userd to be back")
    programs.wait_until(lambda: len(before - sessions(node)) >= len(writes), "PostgreSQL to end the sessions that were cut off")
    assert postgres.query(node.userd.url, "SELECT name FROM users") == ["acknowledged"] * len(users)
