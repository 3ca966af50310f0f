"""A private PostgreSQL for the tests: Debian's, in a temporary folder, on a socket in it, with default durability."""

from __future__ import annotations

import atexit
import functools
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

#: How long a database may take to start on a busy machine, in seconds.
PATIENCE = 60


def programs() -> pathlib.Path:
    """Where Debian keeps the newest version's programs."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise RuntimeError("PostgreSQL is missing; ./task tools installs it")
    return found[-1].parent


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def as_owner() -> list[str]:
    """PostgreSQL refuses to be root: what goes before its commands."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


class Cluster:
    """One PostgreSQL server. `port` 0: on its socket alone. `addresses`: what it listens on beside the loopback; whoever
    comes from their networks is let in. `of`: a standby of that one."""

    def __init__(self, *settings: str, port: int = 0, addresses: tuple[str, ...] = (), of: "Cluster | None" = None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="emit-pg-"))
        if as_owner():
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.data = self.folder / "data"
        self.settings = settings
        self.port = port
        self.addresses = addresses
        self.process: subprocess.Popen | None = None
        self.databases = 0
        if of:
            self.follow(of)
            return
        self.run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D", self.data)
        if addresses:
            with open(self.data / "pg_hba.conf", "a") as rules:
                rules.write("host all all samenet trust\n")

    def follow(self, of: "Cluster") -> "Cluster":
        """Becomes a standby of that one, whatever it was; not yet started."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.run("pg_basebackup", "-h", of.folder, "-p", of.port or 5432, "-U", "postgres", "-D", self.data, "-R",
                 "-c", "fast")
        return self

    def run(self, program: str, *arguments) -> None:
        done = subprocess.run([*as_owner(), programs() / program, *map(str, arguments)], cwd="/",
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr}")

    def start(self) -> "Cluster":
        listen = ",".join(["127.0.0.1", *self.addresses]) if self.port else ""
        flags = [f"-clisten_addresses={listen}", f"-cport={self.port or 5432}", f"-k{self.folder}"]
        flags += [f"-c{setting}" for setting in self.settings]
        self.log = open(self.folder.with_suffix(".log"), "ab")
        self.process = subprocess.Popen([*as_owner(), programs() / "postgres", "-D", self.data, *flags], cwd="/",
                                        stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        return self._psql("postgres", "SELECT 1").returncode == 0

    def stop(self, how: int = signal.SIGINT) -> None:
        """SIGINT: fast, connections are cut. SIGQUIT: at once, as in a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.with_suffix(".log").unlink(missing_ok=True)

    def database(self) -> str:
        """The name of a fresh database."""
        self.databases += 1
        name = f"test_{self.databases}"
        self.sql("postgres", f"CREATE DATABASE {name}")
        return name

    @property
    def socket(self) -> pathlib.Path:
        return self.folder / f".s.PGSQL.{self.port or 5432}"

    def url(self, database: str) -> str:
        if self.port:
            return f"postgres://postgres@127.0.0.1:{self.port}/{database}"
        return f"postgres://postgres@{str(self.folder).replace('/', '%2F')}/{database}"

    def sql(self, database: str, statement: str) -> str:
        done = self._psql(database, statement)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def _psql(self, database: str, statement: str) -> subprocess.CompletedProcess:
        return subprocess.run([programs() / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres",
                               "-h", self.folder, "-p", str(self.port or 5432), "-d", database, "-c", statement],
                              capture_output=True, text=True)


class Pair:
    """A primary and a standby that has every commit before it is answered; now and then they change places."""

    def __init__(self, *addresses: str):
        # The standby tries at once again where its primary was away.
        settings = ["wal_retrieve_retry_interval=100ms"]
        self.primary = Cluster(*settings, port=free_port(), addresses=addresses).start()
        try:
            self.standby = Cluster(*settings, port=free_port(), addresses=addresses, of=self.primary).start()
        except BaseException:
            self.primary.remove()
            raise
        self.both = (self.primary, self.standby)
        self._synchronous("*")

    def promote(self) -> None:
        """The primary crashes, the standby takes its place, and the old one comes back as its standby."""
        self.primary.stop(signal.SIGQUIT)
        self.primary, self.standby = self.standby, self.primary
        self.primary.sql("postgres", "SELECT pg_promote()")
        self._synchronous("")
        self.standby.follow(self.primary).start()
        self._synchronous("*")

    def _synchronous(self, names: str) -> None:
        self.primary.sql("postgres", f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.primary.sql("postgres", "SELECT pg_reload_conf()")

    def remove(self) -> None:
        for one in self.both:
            one.remove()


@functools.cache
def shared() -> Cluster:
    """The cluster that all servers of this test process share, each with a database of its own."""
    cluster = Cluster().start()
    atexit.register(cluster.remove)
    return cluster
