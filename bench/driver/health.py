# SPDX-License-Identifier: Apache-2.0
"""How soon who watches health hears of a database that is gone: from the call that fails for it to the push."""
import contextlib
import statistics
import subprocess
import threading
import time

from driver import programs
from support import postgres

GOAL_MS = 100
TURNS = 5

SERVICE = "user.UserService"
GET_USER = f"/{SERVICE}/GetUser"
WATCH = "/grpc.health.v1.Health/Watch"
SERVING = b"\x08\x01"  # HealthCheckResponse


class Watch:
    """What it was shown last, and when."""

    def __init__(self, channel):
        self.changed = threading.Condition()
        self.seen, self.at = None, 0
        self.stream = channel.unary_stream(WATCH)(programs.text_field(1, SERVICE))
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with contextlib.suppress(Exception):
            for status in self.stream:
                now = time.perf_counter()
                with self.changed:
                    self.seen, self.at = status, now
                    self.changed.notify_all()

    def wait(self, serving):
        """The time of the push."""
        with self.changed:
            if not self.changed.wait_for(lambda: (self.seen == SERVING) == serving and self.seen, programs.PATIENCE):
                raise programs.Broken("the Watch saw no change")
            return self.at


def failing_call(channel, error_type):
    """When the first call that fails was made."""
    call = channel.unary_unary(GET_USER)
    end = time.monotonic() + programs.PATIENCE
    while time.monotonic() < end:
        began = time.perf_counter()
        try:
            call(SERVING, timeout=programs.PATIENCE)
        except error_type:
            return began
    raise programs.Broken("no call fails without the database")


def measure_delays(cluster, channel, grpc, options):
    watch = Watch(channel)
    delays = []
    watch.wait(True)
    for _ in range(max(options.runs, TURNS)):
        cluster.stop("immediate")
        began = failing_call(channel, grpc.RpcError)
        delays.append((watch.wait(False) - began) * 1e3)
        cluster.start()
        watch.wait(True)
    return delays


def new_cluster():
    try:
        return postgres.Cluster()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise programs.Broken(f"PostgreSQL: {error}") from error


def measure(options):
    try:
        import grpc  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        raise programs.Broken("python3-grpcio is missing") from error
    cluster = new_cluster()
    try:
        cluster.start()
        command = [options.bin / "userd", "--db", cluster.url, "--log-level", "error"]
        with programs.Server(command, options.server_core) as server, grpc.insecure_channel(server.address) as channel:
            delays = measure_delays(cluster, channel, grpc, options)
    finally:
        cluster.remove()
    median, most = statistics.median(delays), max(delays)
    print(f"health: a PostgreSQL is stopped {len(delays)} times; from the failing call to the push of Watch, in ms")
    print(f"    median {median:.1f}, most {most:.1f}; goal {GOAL_MS}", flush=True)
    return {"median_ms": median, "most_ms": most}
