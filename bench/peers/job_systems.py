"""The job systems: how each is started on a folder of its own, with what durability, and who loads it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
from collections.abc import Callable

from process import Driver, Server
from results import Described, Subject

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "tests/blackbox"))
import postgres  # noqa: E402  (the tests' own way to start one)
from postgres import free_port  # noqa: E402

NODE = HERE / "node_modules/.bin/node"
BUN = HERE / "node_modules/.bin/bun"


@dataclasses.dataclass
class Programs:
    """What loads nearly every system, and Emit itself. Missing ones are told before any server is started."""

    emit: pathlib.Path
    bench: pathlib.Path

    def __post_init__(self):
        for program in (self.emit, self.bench):
            if not program.is_file():
                raise FileNotFoundError(f"{program} is missing")


@dataclasses.dataclass
class Running:
    """`pid`: the root of the server's processes."""

    described: Described
    pid: int
    driver: Driver
    stop_server: Callable[[], None]

    def stop(self) -> None:
        self.driver.stop()
        self.stop_server()


@dataclasses.dataclass
class JobSystem:
    """`leaves_out`: phases for which the system has no call."""

    subject: Subject
    start: Callable[[Programs, pathlib.Path], Running]
    leaves_out: set[str] = dataclasses.field(default_factory=set)


def said(*command) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    return (done.stdout or done.stderr).strip()


def npm_version(package: str) -> str:
    return json.loads((HERE / "node_modules" / package / "package.json").read_text())["version"]


def node_driver(name: str, folder: pathlib.Path, *arguments) -> Driver:
    return Driver([NODE, HERE / f"drivers/{name}.mjs", *arguments], folder)


def emit_server(programs: Programs, folder: pathlib.Path) -> tuple[Server, int, str]:
    """A server, its port and its admin key."""
    port, key = free_port(), "emit_" + secrets.token_hex(20)
    server = Server([programs.emit, "serve", "--listen", f"127.0.0.1:{port}", "--data", folder], folder, port,
                    {**os.environ, "EMIT_ADMIN_KEY": key})
    return server, port, key


def start_emit(programs: Programs, folder: pathlib.Path) -> Running:
    server, port, key = emit_server(programs, folder)
    driver = Driver([programs.bench, "drive", "emit", "--address", f"127.0.0.1:{port}", "--key", key], folder)
    return Running(Described(said(programs.emit, "--version"), "fsync before each answer (there is no other)",
                             "emit-bench, HTTP"), server.pid, driver, server.stop)


def beanstalkd(flush: list[str], setting: str):
    def start(programs: Programs, folder: pathlib.Path) -> Running:
        port = free_port()
        server = Server(["beanstalkd", "-l", "127.0.0.1", "-p", port, "-b", folder, *flush], folder, port)
        driver = Driver([programs.bench, "drive", "beanstalkd", "--address", f"127.0.0.1:{port}"], folder)
        return Running(Described(said("beanstalkd", "-v"), setting, "emit-bench, its protocol"), server.pid, driver,
                       server.stop)
    return start


def bullmq(flags: list[str], setting: str):
    def start(_programs: Programs, folder: pathlib.Path) -> Running:
        port = free_port()
        server = Server(["redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", folder, *flags], folder, port)
        redis = re.search(r"v=(\S+)", said("redis-server", "--version")).group(1)
        return Running(Described(f"BullMQ {npm_version('bullmq')} on Redis {redis}", setting, "its library, Node 24"),
                       server.pid, node_driver("bullmq", folder, port), server.stop)
    return start


def nats(setting_line: str, setting: str):
    def start(programs: Programs, folder: pathlib.Path) -> Running:
        port = free_port()
        settings = folder / "nats.conf"
        settings.write_text(f'host: 127.0.0.1\nport: {port}\n'
                            f'jetstream {{ store_dir: "{folder}"\n{setting_line} }}\n')
        server = Server(["nats-server", "-c", settings], folder, port)
        driver = Driver([programs.bench, "drive", "nats", "--address", f"127.0.0.1:{port}"], folder)
        return Running(Described(said("nats-server", "--version"), setting, "emit-bench, its protocol"), server.pid,
                       driver, server.stop)
    return start


def on_postgres(package: str, driver: str):
    def start(_programs: Programs, folder: pathlib.Path) -> Running:
        cluster = postgres.Cluster(port=free_port()).start()
        version = said(postgres.programs() / "postgres", "--version").split()[2]
        return Running(Described(f"{package} {npm_version(package)} on PostgreSQL {version}",
                                 "synchronous_commit on, as PostgreSQL comes", "its library, Node 24"),
                       cluster.process.pid, node_driver(driver, folder, cluster.url(cluster.database())),
                       cluster.remove)
    return start


def bunqueue(before: list, setting: str):
    def start(_programs: Programs, folder: pathlib.Path) -> Running:
        port = free_port()
        environment = {**os.environ, "TCP_PORT": str(port), "HTTP_PORT": str(free_port()), "HOST": "127.0.0.1",
                       "BUNQUEUE_DATA_PATH": str(folder / "bunqueue.db"), "RATE_LIMIT_MAX_REQUESTS": "1000000000",
                       "LOG_LEVEL": "error"}
        server = Server([BUN, *before, HERE / "node_modules/bunqueue/dist/main.js"], folder, port, environment)
        version = f"bunqueue {npm_version('bunqueue')} on Bun {npm_version('bun')}"
        return Running(Described(version, setting, "its library over TCP, Bun"), server.pid,
                       Driver([BUN, HERE / "drivers/bunqueue.mjs", port], folder), server.stop)
    return start


DURABLE, DEFAULT = "durable", "default"

#: Systems without a call for a worker's progress.
NO_PROGRESS = {"life with progress"}

#: pg-boss's waiting workers look twice a second, or when NOTIFY wakes them: they do not reach what its calls do.
SLOW_WORKERS = {"create to start at 70 %"}

#: Libraries whose workers take what they find, so that a full queue does not stay full.
EMPTIES = {"backlog"}

SYSTEMS = [
    JobSystem(Subject("Emit", DURABLE), start_emit),
    JobSystem(Subject("beanstalkd", DURABLE), beanstalkd(["-f0"], "fsync each write (-f0)")),
    JobSystem(Subject("BullMQ", DURABLE), bullmq(["--appendonly", "yes", "--appendfsync", "always"],
                                                 "appendonly, appendfsync always"), EMPTIES),
    JobSystem(Subject("NATS JetStream", DURABLE), nats("sync_interval: always", "sync_interval always")),
    JobSystem(Subject("graphile-worker", DURABLE), on_postgres("graphile-worker", "graphile"),
              NO_PROGRESS | EMPTIES),
    JobSystem(Subject("pg-boss", DURABLE), on_postgres("pg-boss", "pgboss"), NO_PROGRESS | SLOW_WORKERS),
    JobSystem(Subject("bunqueue", DURABLE), bunqueue(["--preload", HERE / "servers/bunqueue_full_sync.mjs"],
                                                     "durable jobs, and its SQLite made to sync at each commit"), EMPTIES),
    JobSystem(Subject("beanstalkd", DEFAULT), beanstalkd([], "fsync at most each 50 ms")),
    JobSystem(Subject("BullMQ", DEFAULT), bullmq([], "snapshots only, as Redis comes"), EMPTIES),
    JobSystem(Subject("NATS JetStream", DEFAULT), nats("", "fsync each 2 minutes")),
    JobSystem(Subject("bunqueue", DEFAULT), bunqueue([], "durable jobs; its SQLite does not sync at a commit"), EMPTIES),
]
