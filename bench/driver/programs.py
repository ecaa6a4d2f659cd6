# SPDX-License-Identifier: Apache-2.0
"""Servers and load generators, each on its core, and what they cost."""
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from support import places

PATIENCE = 60  # seconds

TEXT = "the quick brown fox jumps over a"  # 32 bytes
ECHO_PATH = "/echo.Echo/Unary"


class Broken(Exception):
    """Something does not work, so there is nothing to measure."""


def text_field(number, text):
    """A string field of a protobuf message, shorter than 128 bytes."""
    return bytes([number << 3 | 2, len(text)]) + text.encode()


def framed(message):
    """A gRPC message behind its five-byte prefix."""
    return b"\0" + len(message).to_bytes(4, "big") + message


ECHO_REQUEST = text_field(1, TEXT)


@contextlib.contextmanager
def file_of(content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name


def tool(name, package):
    if shutil.which(name) is None:
        raise Broken(f"{name} is missing (Debian's package {package})")
    return name


def allow_files(count):
    """Servers and clients inherit the limit on open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Broken(f"{count} open files are needed, the hard limit is {hard}")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


class Server:
    """A server program under measurement: Server(command, core), used with `with`. files: it inherits them."""

    def __init__(self, command, core, environment=None, address=None, files=()):
        self.command = [str(part) for part in command]
        self.core = core
        self.environment = environment
        self.address = address or places.free_address()
        self.files = files
        self.process = None

    def __enter__(self):
        if not pathlib.Path(self.command[0]).is_file():
            raise Broken(f"{self.command[0]} is not built")
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["taskset", "-c", str(self.core), *self.command, "--listen", self.address],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=self.files,
        )
        end = time.monotonic() + PATIENCE
        while not self.accepts():
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                self.log.seek(0)
                raise Broken(f"{self.command[0]} does not start: {self.log.read().decode(errors='replace')}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def accepts(self):
        host, port = self.address.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return False
        return True

    def cpu_seconds(self):
        """User and system time of all its threads; nanoseconds, where stat counts in hundredths."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9

    def private_kib(self):
        """Memory that is its alone and written to."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Private_Dirty: +(\d+) kB$", text, re.M)[1])

    def page_table_kib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmPTE:\s+(\d+) kB$", text, re.M)[1])


def check_echo(address, package="python3-grpcio", ca=None, metadata=()):
    """A real client must get a real answer, or there is nothing to measure. ca: over TLS."""
    make = f"grpc.insecure_channel({address!r})"
    if ca is not None:
        make = f"grpc.secure_channel({address!r}, grpc.ssl_channel_credentials(open({str(ca)!r}, 'rb').read()))"
    script = f"""
import grpc
with {make} as channel:
    call = channel.unary_unary({ECHO_PATH!r})
    for _ in range(100):
        assert call({ECHO_REQUEST!r}, timeout={PATIENCE}, metadata={metadata!r}) == {ECHO_REQUEST!r}
"""
    done = subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Broken(f"{address} does not echo ({package} must be there too): {done.stderr.strip()[-400:]}")


def h2load(options, address, path, body, connections, streams, calls, secure=False, headers=()):
    """Make calls; every one must get its 200. Returns how long they took, in seconds."""
    with file_of(framed(body)) as body_file:
        done = subprocess.run(
            [
                "taskset", "-c", str(options.load_core), tool("h2load", "nghttp2-client"),
                "--threads=1", f"--clients={connections}", f"--max-concurrent-streams={streams}",
                f"--requests={calls}", f"--data={body_file}",
                "--header=content-type: application/grpc", "--header=te: trailers",
                *(f"--header={header}" for header in headers), f"http{'s' if secure else ''}://{address}{path}",
            ],
            capture_output=True, text=True, check=False,
        )
    succeeded = re.search(r"(\d+) succeeded, 0 failed, 0 errored", done.stdout)
    finished = re.search(r"^finished in ([\d.]+)(us|ms|s|m),", done.stdout, re.M)
    if done.returncode != 0 or not succeeded or int(succeeded[1]) != calls or not finished:
        raise Broken(f"h2load: {(done.stdout + done.stderr)[-600:]}")
    return float(finished[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[finished[2]]


def client(options, address, path, body, *arguments, **popen):
    """bench-client, which checks every answer's grpc-status; see bench/client.c."""
    program = options.bin / "bench-client"
    if not program.is_file():
        raise Broken(f"{program} is not built (it needs Debian's package libnghttp2-dev)")
    return subprocess.Popen(
        [
            "taskset", "-c", str(options.load_core), str(program), "--connect", address, "--path", path,
            "--body", body, *map(str, arguments),
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen,
    )


def finish_client(process, calls):
    """Seconds that the calls took, of its CPU and on the clock."""
    out, err = process.communicate(timeout=10 * PATIENCE)
    told = re.search(r"^answered (\d+) failed (\d+) cpu ([\d.]+) seconds ([\d.]+)$", out, re.M)
    if process.returncode != 0 or not told or int(told[1]) != calls:
        raise Broken(f"bench-client: {(out + err).strip()[-400:]}")
    return float(told[3]), float(told[4])


def weir_bench(options, address, path, body, connections, streams, calls, *flags):
    """The load driver: every call must end in OK. Its results."""
    program = options.bin / "weir-bench"
    if not program.is_file():
        raise Broken(f"{program} is not built")
    with file_of(body) as message:
        done = subprocess.run(
            [
                "taskset", "-c", str(options.load_core), str(program), address, path, "--message", message,
                "--connections", str(connections), "--streams", str(streams), "--calls", str(calls),
                "--json", "-", "--quiet", *map(str, flags),
            ],
            capture_output=True, text=True, check=False, timeout=10 * PATIENCE,
        )
    if done.returncode != 0:
        raise Broken(f"weir-bench: {(done.stderr + done.stdout).strip()[-400:]}")
    return json.loads(done.stdout)


# Other servers of the echo service: name -> (program or script in the programs' folder, share of the calls that is
# enough for their slower figures). bench/peers builds them, all but C++ with WEIR_PEERS.
PEERS = {
    "nghttp2": ("bench-nghttp2", 0.5),
    "Rust h2": ("bench-h2", 0.3),
    "grpc C++": ("bench-grpc-cpp", 0.1),
    "grpc-go": ("bench-go-echo", 0.1),
    "grpc-js": ("bench-grpc_js.js", 0.03),
    "grpcio": ("bench-grpcio.py", 0.01),
}
NODE_MODULES = pathlib.Path(__file__).resolve().parents[2] / "test" / "clients" / "node_modules"


def peer(name, options):
    """A server of another make, not started yet."""
    program = options.bin / PEERS[name][0]
    if not program.is_file():
        raise Broken(f"{program} is not built: script/bench --peers does it")
    if program.suffix == ".js":
        environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}
        return Server([shutil.which(tool("node", "nodejs")), program], options.server_core, environment)
    return Server([program], options.server_core)
