# SPDX-License-Identifier: Apache-2.0
"""The image: its Dockerfile is well formed, the build gets all it needs, and what it stages runs without a system around
it, as the user and with the commands that the Dockerfile names."""
import os
import pathlib
import subprocess

import pytest
from support import deploy, places, programs

MOST_BYTES = 48 * 1024 * 1024

DOCKERFILE = deploy.Dockerfile()
USER, GROUP = map(int, DOCKERFILE.last("USER")[0].split(":"))


def lint(text):
    return programs.run("node", places.CLIENTS / "dockerfile.js", input=text)


def test_dockerfile_is_well_formed():
    done = lint(DOCKERFILE.text)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    for wrong in ("\nRUNN a\n", "\nEXPOSE 5005x\n", "\nHEALTHCHECK --interval=10 CMD a\n"):
        assert lint(DOCKERFILE.text + wrong).returncode == 1, wrong


def test_stages():
    build, image = DOCKERFILE.stages
    assert build[0] == ("FROM", "debian:bookworm-slim AS build") and image[0] == ("FROM", "scratch")
    for name, argument in build:
        if name == "COPY":
            source = argument.split()[0]
            assert (places.REPO / source).exists() and (source == "." or deploy.is_sent(source))
    assert USER != 0 and GROUP != 0


def build_inputs():
    """The files of the repository that the build of userd and userctl has read."""
    build = pathlib.Path(os.environ["WEIR_BIN"]).parent
    read = set()
    for tool in (["-t", "inputs", "userd", "userctl"], ["-t", "deps"]):
        done = programs.run("ninja", "-C", build, *tool)
        assert done.returncode == 0, done.stderr
        read |= {line.strip() for line in done.stdout.splitlines()}
    for name in read:
        path = pathlib.Path(os.path.normpath(build / name))
        if path.is_relative_to(places.REPO) and not path.is_relative_to(build) and path.is_file():
            yield str(path.relative_to(places.REPO))


def test_the_builder_gets_what_it_needs():
    # The tests are built in the same folder, but not for the image.
    needed = [path for path in build_inputs() if path.split("/")[0] not in ("test", "examples")]
    assert "userd/main.c" in needed and "include/weir/server.h" in needed and "proto/user.proto" in needed
    needed += ["CMakeLists.txt", "CMakePresets.json", "script/setup", "deploy/stage", "userd/systemd/userd.service.in"]
    assert [path for path in needed if not deploy.is_sent(path)] == []
    for path in (".git/config", "build/bin/userd", "test/conftest.py", "doc/AUTH.md", "README.md", "userd/x.pyc"):
        assert not deploy.is_sent(path), path


def test_the_builder_can_begin(tmp_path):
    """What is sent configures, and has all sources that the build of the programs names."""
    for folder, names, files in os.walk(places.REPO):
        here = pathlib.Path(folder).relative_to(places.REPO)
        names[:] = [name for name in names if not name.startswith((".git", "build", "node_modules"))]
        for name in files:
            if deploy.is_sent(str(here / name)):
                (tmp_path / here).mkdir(parents=True, exist_ok=True)
                (tmp_path / here / name).symlink_to(places.REPO / here / name)
    done = programs.run("cmake", "--preset", "release", "-DWEIR_TESTS=OFF", cwd=tmp_path, timeout=10 * programs.PATIENCE)
    assert done.returncode == 0, done.stderr
    done = programs.run("ninja", "-C", tmp_path / "build", "-n", "userd", "userctl")
    assert done.returncode == 0, done.stdout[-300:]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The root of the image."""
    folder = tmp_path_factory.mktemp("image")
    folder.chmod(0o755)
    root = folder / "root"
    done = programs.run(deploy.STAGE, root, places.program("userd"), places.program("userctl"))
    assert done.returncode == 0, done.stderr
    return root


def inside(root):
    """What runs a program with the root of the image for its own, and as the image's user."""
    if os.geteuid() == 0:
        return ["chroot", f"--userspec={USER}:{GROUP}", "--groups=", root]
    return ["unshare", "--user", f"--map-user={USER}", f"--map-group={GROUP}", "--root", root]


def test_it_is_small(root):
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    assert {path.name for path in (root / "usr" / "bin").iterdir()} == {"userd", "userctl"}
    assert (root / "etc" / "ssl" / "certs" / "ca-certificates.crt").stat().st_size > 100_000
    assert not (root / "bin").exists() and not list(root.rglob("*sh"))


def test_it_serves(root):
    entry, arguments = DOCKERFILE.command()
    address = places.free_address()
    assert arguments == ["--listen", "0.0.0.0:50051"]
    environment = {"PATH": os.environ["PATH"], **dict(argument.split("=", 1) for argument in DOCKERFILE.last("ENV"))}
    run = [str(part) for part in [*inside(root), *entry]]
    exposed = ["--listen", f"0.0.0.0:{address.split(':')[1]}", "--ops", "off"]

    refused = programs.run(*run, *exposed, env=environment)
    assert refused.returncode == 2 and "--insecure" in refused.stderr

    check = [*inside(root), *DOCKERFILE.health_check()]
    assert programs.run(*check).returncode != 0
    userd = subprocess.Popen([*run, *exposed, "--insecure"], env=environment)
    try:
        programs.wait_until(lambda: programs.run(*check).returncode == 0, "userd to be healthy")
        status = pathlib.Path(f"/proc/{userd.pid}/status").read_text()
        assert f"\nUid:\t{USER if os.geteuid() == 0 else os.getuid()}\t" in status
        client = [*inside(root), "/usr/bin/userctl", "--server", f"127.0.0.1:{address.split(':')[1]}"]
        assert programs.run(*client, "create", "--name", "Ada", "--email", "ada@example.org").returncode == 0
        assert "ada@example.org" in programs.run(*client, "get", "1").stdout
        assert (root / "data" / "users.db").is_file()
    finally:
        userd.terminate()
        assert userd.wait(timeout=programs.PATIENCE) == 0
    assert programs.run(*check).returncode != 0


def test_stage_refuses(root, tmp_path):
    assert programs.run(deploy.STAGE).returncode == 2
    assert "is there already" in programs.run(deploy.STAGE, root, places.program("userd")).stderr
    assert programs.run(deploy.STAGE, tmp_path / "new", tmp_path / "absent").returncode != 0
