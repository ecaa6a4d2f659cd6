# SPDX-License-Identifier: Apache-2.0
"""examples/keyvalue as its page tells it: a server, a client that watches, another one that puts; in the clear and with TLS."""
import os
import re
import select
import subprocess

import pytest

from support import certs, places, programs


@pytest.fixture(params=["clear", "tls"])
def server(request, tmp_path):
    address = places.free_address()
    command = [places.program("keyvalue-server"), address]
    environment, answers = dict(os.environ), programs.answers
    if request.param == "tls":
        authority = certs.Authority(tmp_path)
        command += authority.issue("server", certs.LOCAL)
        environment["KEYVALUE_CA"], answers = authority.ca, programs.shakes_hands
    server = programs.Server(command, address, tmp_path / "log", answers)
    server.start()
    server.environment = environment
    yield server
    server.kill()


def test_the_commands_of_its_page(tmp_path):
    """As they stand there, but for the folder of the programs and the port: a server, and what is asked of it in the next block."""
    address, answers = places.free_address(), programs.answers
    page = (places.REPO / "examples" / "keyvalue" / "README.md").read_text()
    page = page.replace("127.0.0.1:50051", address).replace("build/keyvalue", f"{places.program('keyvalue')}")
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```$", page)
    assert len(blocks) == 4
    for serving, asking in (blocks[:2], blocks[2:]):
        before, _, command = serving.rstrip().rpartition("\n")
        if "openssl" in before:
            made = programs.run("bash", "-ec", before, cwd=tmp_path)
            assert made.returncode == 0, made.stderr
            answers = programs.shakes_hands
        server = programs.Server(["bash", "-c", f"cd {tmp_path} && exec {command}"], address, tmp_path / "log", answers)
        server.start()
        try:
            asked = programs.run("bash", "-ec", asking, cwd=tmp_path)
            assert (asked.returncode, asked.stdout) == (0, "blue\n"), asked.stderr
            server.stop()
        finally:
            server.kill()


def keyvalue(server, *words):
    done = programs.run(places.program("keyvalue"), server.address, *words, env=server.environment)
    return done.returncode, done.stdout, done.stderr


def test_its_page(server):
    assert keyvalue(server, "get", "color/sky") == (1, "", 'keyvalue: NOT_FOUND: there is no key "color/sky"\n')
    assert keyvalue(server, "put", "color/sky", "blue") == (0, "", "")
    assert keyvalue(server, "get", "color/sky") == (0, "blue\n", "")
    assert keyvalue(server, "put", "", "x") == (1, "", "keyvalue: INVALID_ARGUMENT: the key is empty\n")
    assert keyvalue(server, "get")[0] == 2


def test_a_watch_is_told_and_ends_with_its_server(server):
    command = [places.program("keyvalue"), server.address, "watch", "color/"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=server.environment
    ) as watcher:
        told = []
        while not told:  # until it watches
            keyvalue(server, "put", "shape/sun", "round")
            keyvalue(server, "put", "color/sky", "blue")
            told = select.select([watcher.stdout], [], [], 0.2)[0]
        assert watcher.stdout.readline() == "color/sky = blue\n"
        server.stop()
        rest, error = watcher.communicate(timeout=programs.PATIENCE)
    assert "shape" not in rest
    assert watcher.returncode == 1 and error.startswith("keyvalue: ")
