# SPDX-License-Identifier: Apache-2.0
"""userd's place in a real etcd: there while it serves, gone when it drains, back when etcd is."""
import json
import shutil
from concurrent import futures

import pytest

from support import certs, places, programs
from support.etcd import Etcd

PREFIX = "user.UserService/"


@pytest.fixture
def etcd(tmp_path):
    etcd = Etcd(tmp_path)
    etcd.start()
    try:
        yield etcd
    finally:
        etcd.kill()


@pytest.fixture
def userd(tmp_path, etcd):
    userd = programs.Userd(tmp_path, "--etcd", etcd.url)
    userd.start()
    try:
        yield userd
    finally:
        userd.kill()


def expected(address):
    return {PREFIX + address: {"addr": address, "weight": 1}}


def await_registered(etcd, what):
    programs.wait_until(lambda: etcd.registered(PREFIX) == what, f"{what} in etcd")


def lost(userd):
    """What userd said of having lost its place, but for an etcd whose machine stood still for longer than userd waits."""
    return [line for line in userd.said().splitlines() if "not registered" in line and "DEADLINE_EXCEEDED" not in line]


def test_it_is_there_while_it_serves(etcd, userd):
    await_registered(etcd, expected(userd.address))
    userd.stop()
    assert etcd.registered(PREFIX) == {}
    assert "left etcd" in userd.said()


def test_what_is_advertised_is_registered(etcd, tmp_path):
    userd = programs.Userd(tmp_path, "--etcd", etcd.url, "--advertise", "users.example.org:443")
    userd.start()
    try:
        await_registered(etcd, expected("users.example.org:443"))
        userd.stop()
    finally:
        userd.kill()


def test_a_crash_is_forgotten(etcd, userd):
    await_registered(etcd, expected(userd.address))
    userd.kill()
    assert etcd.registered(PREFIX) == expected(userd.address)
    await_registered(etcd, {})


def test_it_comes_back_with_etcd(etcd, userd):
    """Even with one that knows nothing any more."""
    await_registered(etcd, expected(userd.address))
    etcd.kill()
    programs.wait_until(lambda: "not registered in etcd" in userd.said(), "userd to notice")
    shutil.rmtree(etcd.data)
    etcd.start()
    await_registered(etcd, expected(userd.address))
    userd.stop()
    assert etcd.registered(PREFIX) == {}


def test_a_deleted_key_comes_back(etcd, userd):
    """Under the same lease, so that it goes with the server."""
    await_registered(etcd, expected(userd.address))
    assert etcd.control("del", PREFIX + userd.address).stdout == "1\n"
    await_registered(etcd, expected(userd.address))
    assert len(etcd.control("lease", "list").stdout.splitlines()) == 2  # a line of words, and one
    userd.stop()
    assert etcd.registered(PREFIX) == {}
    assert lost(userd) == []


def test_what_others_put_in_its_place_stays(etcd, userd):
    await_registered(etcd, expected(userd.address))
    other = {"addr": userd.address, "weight": 7}
    etcd.control("put", PREFIX + userd.address, json.dumps(other))
    etcd.await_call("Range")  # it looks
    assert etcd.registered(PREFIX) == {PREFIX + userd.address: other}
    userd.stop()
    assert etcd.registered(PREFIX) == {PREFIX + userd.address: other}


def test_it_serves_without_etcd(tmp_path):
    etcd = Etcd(tmp_path)
    userd = programs.Userd(tmp_path, "--etcd", etcd.url)
    userd.start()
    try:
        programs.wait_until(lambda: "not registered in etcd" in userd.said(), "userd to say so")
        etcd.start()
        await_registered(etcd, expected(userd.address))
        etcd.kill()
        userd.stop()
    finally:
        userd.kill()
        etcd.kill()


@pytest.fixture
def guarded(tmp_path):
    """An etcd that speaks TLS, asks for certificates, and for names."""
    authority = certs.Authority(tmp_path)
    etcd = Etcd(tmp_path, authority=authority)
    etcd.start()
    try:
        etcd.enable_users(
            weir=("pass:word", "readwrite", PREFIX), writer=("w", "write", PREFIX), stranger=("s", "readwrite", "other/"))
        pair = authority.issue("client")
        yield etcd, ["--etcd-ca", authority.ca, "--etcd-cert", pair.cert, "--etcd-key", pair.key]
    finally:
        etcd.kill()


def test_a_guarded_etcd_lets_in_who_may(guarded, tmp_path):
    etcd, access = guarded
    userd = programs.Userd(tmp_path, "--etcd", etcd.url, *access, "--etcd-user", "weir:pass:word")
    userd.start()
    try:
        await_registered(etcd, expected(userd.address))
        etcd.control("del", PREFIX + userd.address)
        await_registered(etcd, expected(userd.address))
        listing = [places.program("userctl"), "list", "--server", f"etcd://{etcd.address}/user.UserService"]
        done = programs.run(*listing, *access, "--etcd-user", "weir:pass:word")
        assert done.returncode == 0, done.stderr
        refused = {
            "peer closed the connection": [],
            "etcdserver: permission denied": access,
            "authentication failed": [*access, "--etcd-user", "weir:wrong"],
            "PERMISSION_DENIED": [*access, "--etcd-user", "stranger:s"],
        }
        with futures.ThreadPoolExecutor() as pool:  # each tries again for seconds
            lists = pool.map(lambda flags: programs.run(*listing, "--timeout", "50s", *flags), refused.values())
        for why, done in zip(refused, lists):
            assert done.returncode == 78 and why in done.stderr, done.stderr
        etcd.await_call("Range")  # it looks again, with a token that has expired
        userd.stop()
        assert etcd.registered(PREFIX) == {}
        assert lost(userd) == []
    finally:
        userd.kill()


def test_who_may_not_read_stays_registered(guarded, tmp_path):
    etcd, access = guarded
    userd = programs.Userd(tmp_path, "--etcd", etcd.url, *access, "--etcd-user", "writer:w")
    userd.start()
    try:
        await_registered(etcd, expected(userd.address))
        etcd.await_call("Range")  # it looks
        userd.stop()
        assert etcd.registered(PREFIX) == {}
        assert lost(userd) == []
    finally:
        userd.kill()


@pytest.mark.parametrize("access", [["--etcd-ca", "ca.pem"], ["--etcd-cert", "a.pem", "--etcd-key", "b.pem"]])
def test_files_for_tls_need_tls(access):
    done = programs.run(places.program("userd"), "--etcd", "http://127.0.0.1:1", *access)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{access[0]} needs TLS with etcd" in done.stderr


def test_files_that_are_none_are_told(tmp_path):
    userd = programs.run(
        places.program("userd"), "--listen", places.free_address(), "--ops", "off", "--db", f"sqlite:{tmp_path}/users.db",
        "--etcd", "https://127.0.0.1:1", "--etcd-ca", tmp_path / "none",
    )
    assert userd.returncode != 0 and "etcd: " in userd.stderr and "none" in userd.stderr, userd.stderr
    userctl = programs.run(places.program("userctl"), "list", "--etcd-ca", tmp_path / "none")
    assert userctl.returncode == 2 and "etcd: " in userctl.stderr, userctl.stderr


@pytest.mark.parametrize("program", ["userd", "userctl"])
@pytest.mark.parametrize("user", ["secret", ":secret"])
def test_a_password_is_in_no_message(program, user):
    done = programs.run(places.program(program), "--etcd-user", user)
    assert done.returncode == 2 and "--etcd-user needs NAME:PASSWORD" in done.stderr and "secret" not in done.stderr, done.stderr


@pytest.mark.parametrize("servers", ["192.0.2.1:2379", "127.0.0.1:1,192.0.2.1:2379", "[2001:db8::1]:2379", "etcd.example:2379"])
def test_userctl_sends_no_password_in_the_clear(servers):
    listing = [places.program("userctl"), "list", "--server", f"etcd://{servers}/user.UserService"]
    done = programs.run(*listing, "--etcd-user", "weir:secret")
    assert (done.returncode, done.stdout) == (2, "")
    assert "without TLS" in done.stderr and "secret" not in done.stderr


@pytest.mark.parametrize("target", ["etcd://127.0.0.1:1/user.UserService", "etcd://[::1]:1,localhost:1/user.UserService", "127.0.0.1:1"])
def test_userctl_sends_a_password_within_this_machine(target):
    done = programs.run(places.program("userctl"), "list", "--server", target, "--timeout", "1s", "--etcd-user", "weir:secret")
    assert done.returncode == 78, done.stderr


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:2379", "http://127.0.0.1", "http://:2379", "ftp://a:1", "http://a:b", "http://a b:1", "http://a/b:1",
     "http://a:99999", "http://::1:2379", "http://u:p@a:1", "http://a,b:1", "http://a:1,"],
)
def test_a_url_that_is_none(url, tmp_path):
    done = programs.run(places.program("userd"), "--etcd", url, "--db", f"sqlite:{tmp_path}/users.db")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--etcd" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("flag, value", [("--listen", "unix:{}/s"), ("--listen", "0.0.0.0:0"), ("--advertise", "nonsense")])
def test_an_address_that_nobody_reaches(tmp_path, flag, value):
    done = programs.run(
        places.program("userd"), flag, value.format(tmp_path), "--etcd", "http://127.0.0.1:1", "--insecure",
        "--ops", "off", "--db", f"sqlite:{tmp_path}/users.db",
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--advertise" in done.stderr.splitlines()[-1]
