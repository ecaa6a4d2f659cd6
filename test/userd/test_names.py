# SPDX-License-Identifier: Apache-2.0
"""Targets "dns://SERVER/NAME" and service configs in TXT records (gRFC A2), told by a real DNS server."""
import json
import socket
import subprocess

import pytest

from support import dns, places, programs

NAME = f"users.{dns.ZONE}"
CONFIG_NAME = f"_grpc_config.{NAME}"
ROUND_ROBIN = {"loadBalancingConfig": [{"round_robin": {}}]}
NO_ANSWERS = {"methodConfig": [{"name": [{}], "maxResponseMessageBytes": 1}]}


def choices(*configs):
    return "grpc_config=" + json.dumps([{"serviceConfig": config} for config in configs])


class Client:
    """See named.c."""

    def __init__(self, target, *flags):
        self.process = subprocess.Popen(
            [places.program("user-named"), target, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def call(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=programs.PATIENCE)
        self.process.stdout.close()
        return code


@pytest.fixture
def server(tmp_path):
    server = dns.Dns(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def fleet(tmp_path):
    """userd on one port of several addresses."""
    members = []
    port = places.free_address().rsplit(":", 1)[1]
    for number in (1, 2):
        folder = tmp_path / f"userd-{number}"
        folder.mkdir()
        member = programs.Userd(folder)
        member.address = f"127.0.0.{number}:{port}"
        member.command[member.command.index("--listen") + 1] = member.address
        members.append(member.start())
    yield members
    for member in members:
        member.kill()


@pytest.fixture
def start(server, fleet):
    clients = []

    def start(*flags):
        port = fleet[0].address.rsplit(":", 1)[1]
        clients.append(Client(f"dns://{server.address}/{NAME}:{port}", *flags))
        return clients[-1]

    yield start
    for client in clients:
        assert client.stop() == 0


ADDRESSES = {NAME: ["127.0.0.1", "127.0.0.2"]}


def servers_of(client, calls=20):
    outcomes = [client.call() for _ in range(calls)]
    assert {outcome["code"] for outcome in outcomes} == {"OK"}, outcomes
    return {outcome["server"] for outcome in outcomes}


def await_both(client):
    """Calls are spread over both userd, once both are connected."""
    programs.wait_until(lambda: len(servers_of(client)) == 2, "calls at both servers")


def test_a_config_is_heeded(server, start):
    server.tell(ADDRESSES, [(CONFIG_NAME, choices(ROUND_ROBIN))])
    await_both(start())
    assert len(servers_of(start("off"))) == 1


def test_without_a_record_there_is_none(server, start):
    server.tell(ADDRESSES, [(CONFIG_NAME, "v=spf1 -all"), (NAME, choices(ROUND_ROBIN))])
    client = start()
    assert len(servers_of(client)) == 1
    assert client.call()["refused"] == ""


def test_records_besides_are_passed_over(server, start):
    server.tell(ADDRESSES, [(CONFIG_NAME, "another text"), (CONFIG_NAME, choices(ROUND_ROBIN))])
    await_both(start())


def test_the_first_choice_for_this_client_counts(server, start):
    listed = [
        {"clientLanguage": ["go", "java"], "serviceConfig": NO_ANSWERS},
        {"clientHostname": ["no-host-of-this-name"], "serviceConfig": NO_ANSWERS},
        {"percentage": 0, "serviceConfig": NO_ANSWERS},
        {"clientLanguage": ["C"], "clientHostname": [socket.gethostname()], "percentage": 100, "serviceConfig": ROUND_ROBIN},
        {"serviceConfig": NO_ANSWERS},
    ]
    server.tell(ADDRESSES, [(CONFIG_NAME, "grpc_config=" + json.dumps(listed))])
    await_both(start())


def test_a_long_config_comes_whole(server, start):
    """Longer than a string of a record, and than an answer over UDP."""
    names = [{"service": f"a.package.of.no.importance.and.a.long.name.Service{number}"} for number in range(8)]
    config = {"methodConfig": [{"name": names, "timeout": "1s"}, {"name": [{}], "maxResponseMessageBytes": 1}]}
    assert len(choices(config)) > 512
    server.tell(ADDRESSES, [(CONFIG_NAME, choices(config))])
    outcome = start().call()
    assert outcome["code"] == "RESOURCE_EXHAUSTED", outcome


@pytest.mark.parametrize("text", ["grpc_config=", "grpc_config=[", "grpc_config=[{}]", choices({"loadBalancingConfig": 1})])
def test_a_bad_config_changes_nothing(server, start, text):
    server.tell(ADDRESSES, [(CONFIG_NAME, text)])
    client = start()
    assert client.call()["code"] == "OK"
    assert client.call()["refused"] != ""


def test_a_changed_config_takes_effect(server, start, fleet):
    server.tell(ADDRESSES, [(CONFIG_NAME, choices(ROUND_ROBIN))])
    client = start()
    await_both(client)
    server.tell(ADDRESSES, [(CONFIG_NAME, choices({**ROUND_ROBIN, **NO_ANSWERS}))])
    fleet[1].kill()  # who loses a server asks again
    programs.wait_until(lambda: client.call()["code"] == "RESOURCE_EXHAUSTED", "the new config")
    server.tell(ADDRESSES)
    fleet[0].kill()
    programs.wait_until(lambda: client.call()["code"] == "UNAVAILABLE", "the loss to be noticed")
    fleet[0].start()
    programs.wait_until(lambda: client.call()["code"] == "OK", "the config to go")


def test_a_server_that_is_gone_changes_nothing(server, start, fleet):
    server.tell(ADDRESSES, [(CONFIG_NAME, choices({**ROUND_ROBIN, **NO_ANSWERS}))])
    client = start()
    assert client.call()["code"] == "RESOURCE_EXHAUSTED"
    server.kill()
    fleet[1].kill()
    for _ in range(50):
        assert client.call()["code"] in ("RESOURCE_EXHAUSTED", "UNAVAILABLE")


def test_names_that_are_none_are_told(server, start):
    server.tell({f"other.{dns.ZONE}": ["127.0.0.1"]})
    outcome = start().call()
    assert outcome["code"] == "UNAVAILABLE" and "Name or service not known" in outcome["why"], outcome


def test_a_server_that_does_not_answer_is_told(server):
    client = Client(f"dns://{places.free_address()}/{NAME}:1")
    outcome = client.call()
    assert outcome["code"] == "UNAVAILABLE" and "the DNS server does not answer" in outcome["why"], outcome
    assert client.stop() == 0


def loopback(count):
    return [f"127.0.{1 + number // 250}.{1 + number % 250}" for number in range(count)]


@pytest.fixture
def many(tmp_path):
    """userd on one port of 96 addresses, as many at each as it takes."""
    members = []
    port = places.free_address().rsplit(":", 1)[1]
    for first in range(0, 96, 16):
        folder = tmp_path / f"many-{first}"
        folder.mkdir()
        member = programs.Userd(folder)
        addresses = [f"{address}:{port}" for address in loopback(96)[first:first + 16]]
        at = member.command.index("--listen")
        member.command[at:at + 2] = [word for address in addresses for word in ("--listen", address)]
        member.address = addresses[0]
        members.append(member.start())
    yield port
    for member in members:
        member.kill()


def test_all_of_many_addresses_are_used(server, many):
    server.tell({NAME: loopback(96)}, [(CONFIG_NAME, choices(ROUND_ROBIN))])
    client = Client(f"dns://{server.address}/{NAME}:{many}")
    programs.wait_until(lambda: len(servers_of(client, 200)) == 96, "calls at all of them")
    assert client.stop() == 0


def test_a_name_may_have_more_than_are_used(server, many):
    """Those of them that do not answer are passed over."""
    server.tell({NAME: loopback(2000)})
    client = Client(f"dns://{server.address}/{NAME}:{many}")
    assert client.call()["code"] == "OK"
    assert client.stop() == 0


def test_names_of_lists_are_asked_of_the_server(server, fleet):
    server.tell(ADDRESSES)
    port = fleet[0].address.rsplit(":", 1)[1]
    client = Client(f"dns://{server.address}/none.{dns.ZONE}:{port},{NAME}:{port}")
    assert client.call()["code"] == "OK"
    assert client.stop() == 0


def test_both_families(tmp_path):
    """The server is asked over IPv6, and of a name both families are tried."""
    userd = programs.Userd(tmp_path)
    userd.start()
    server = dns.Dns(tmp_path, "::1")
    server.tell({NAME: ["::1", "127.0.0.1"]})
    done = programs.run(
        places.program("userctl"), "list", "--json",
        "--server", f"dns://{server.address}/{NAME}:{userd.address.rsplit(':', 1)[1]}",
    )
    server.kill()
    userd.kill()
    assert done.returncode == 0, done.stderr
