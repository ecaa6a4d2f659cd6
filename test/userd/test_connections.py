# SPDX-License-Identifier: Apache-2.0
"""Ten thousand connections: all stay open, and all are answered."""
import resource

from support import places, programs

CONNECTIONS = 10_000

# GetUser {id: 1} behind its five-byte prefix.
REQUEST = b"\0\0\0\0\x02\x08\x01"


def allow_files(count):
    """userd and the client inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard >= count, f"{count} open files are needed"
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def test_all_are_answered(tmp_path):
    allow_files(CONNECTIONS + 200)
    body = tmp_path / "request"
    body.write_bytes(REQUEST)
    userd = programs.Userd(tmp_path, "--max-connections-per-address", 2 * CONNECTIONS)
    userd.start()
    try:
        done = programs.run(
            places.program("bench-client"), "--connect", userd.address, "--path", "/user.UserService/GetUser",
            "--body", body, "--connections", CONNECTIONS, "--streams", 2, "--calls", 2,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"open {CONNECTIONS}\n" in done.stdout
        assert f"answered {2 * CONNECTIONS} failed 0 " in done.stdout
        userd.stop()
    finally:
        userd.kill()
