# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL as psql sees it, and clusters that tests stop, kill and start."""
import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

serial = itertools.count(1)


def run(url, *arguments):
    """psql; its output as lines."""
    command = ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", url, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def query(url, sql):
    """One statement; its rows as lines."""
    return run(url, "-c", sql)


def new_database(url):
    """The URL of a database that was not there before, in the cluster of this one."""
    name = f"test_{os.getpid()}_{next(serial)}"
    query(url, f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")


@contextlib.contextmanager
def session(url):
    """A function that runs statements in one session, which ends with the block."""
    command = ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def run(sql):
            process.stdin.write(f"{sql};\n\\echo done\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"

        yield run
        process.stdin.close()


class Cluster:
    """A cluster of its own on a Unix socket. Durable: what it acknowledged survives kill().

    address: of "HOST:PORT" it is on TCP, too, as another machine would be. settings: "-c NAME=VALUE" and more.
    """

    def __init__(self, address=None, settings=""):
        self.address = address
        self.settings = settings
        self.bin = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self.user = []
        self.make_folder()
        self.run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")

    def make_folder(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-postgres."))
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            self.become_another()
        self.url = f"postgres://postgres@{self.address or ''}/postgres?"
        if not self.address:
            self.url += f"host={self.folder}"

    def become_another(self):
        """The user that Debian has for it; where there is only root, one that is root elsewhere."""
        try:
            shutil.chown(self.folder, "postgres")
        except OSError:
            self.user = ["unshare", "--map-user", "1000", "--map-group", "1000"]
            return
        self.folder.chmod(0o755)
        self.user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]

    def own(self, path):
        """A file that the server may read though nobody else does."""
        if self.user[:1] == ["setpriv"]:
            shutil.chown(path, "postgres")

    def replica(self):
        """A cluster that follows this one, which runs; not started yet."""
        replica = Cluster.__new__(Cluster)
        replica.bin, replica.user, replica.address, replica.settings = self.bin, self.user, None, self.settings
        replica.make_folder()
        replica.run("pg_basebackup", "-D", "data", "-h", str(self.folder), "-U", "postgres", "-R", "-c", "fast")
        return replica

    def run(self, program, *arguments):
        with open(self.folder / "log", "a+", encoding="utf-8") as log:
            os.chmod(self.folder / "log", 0o666)
            subprocess.run(
                [*self.user, self.bin / program, *arguments],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=120, check=True,
            )

    def start(self):
        host, port = (self.address or ":5432").rsplit(":", 1)
        options = f"-k {self.folder} -c listen_addresses='{host}' -p {port} -c max_connections=60 {self.settings}"
        self.run("pg_ctl", "-D", "data", "-l", "server.log", "-s", "-w", "-t", "60", "-o", options, "start")
        return self

    def stop(self, mode="fast"):
        self.run("pg_ctl", "-D", "data", "-m", mode, "-s", "-w", "stop")

    def kill(self):
        """As a crash would: the postmaster, whose children end with it."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 9)
        while pathlib.Path(f"/proc/{pid}").exists():
            pass

    def pids(self):
        """Of the postmaster and its children."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_seconds(self):
        """Of all that run now."""
        return sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in self.pids()) / 1e9

    @contextlib.contextmanager
    def frozen(self):
        """As a host that hangs: its kernel still takes connections, and nobody answers."""
        os.kill(self.pids()[0], signal.SIGSTOP)  # first, so that its children are all there are
        pids = self.pids()
        for one in pids[1:]:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in pids:
                os.kill(one, signal.SIGCONT)

    def remove(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        shutil.rmtree(self.folder)
