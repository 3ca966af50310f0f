"""The socket servers: how each is started, and how it is watched."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Callable
from importlib.metadata import version

from job_systems import HERE, NODE, Programs, emit_server, free_port, npm_version, said
from process import Driver, Server
from results import Described, Subject


@dataclasses.dataclass
class Watched:
    """A running server and who watches it."""

    described: Described
    pid: int
    watch: Driver
    servers: list[Server]

    def stop(self) -> None:
        self.watch.stop()
        for server in reversed(self.servers):
            server.stop()


@dataclasses.dataclass
class SocketServer:
    subject: Subject
    start: Callable[[Programs, pathlib.Path], Watched]


LOAD = "emit-bench"


def watch(programs: Programs, folder: pathlib.Path, kind: str, port: int, *more) -> Driver:
    return Driver([programs.bench, "watch", kind, "--address", f"127.0.0.1:{port}", *more], folder)


def emit(kind: str):
    def start(programs: Programs, folder: pathlib.Path) -> Watched:
        return start_emit(programs, folder, kind)
    return start


def start_emit(programs: Programs, folder: pathlib.Path, kind: str) -> Watched:
    server, port, key = emit_server(programs, folder)
    return Watched(Described(said(programs.emit, "--version"), "each message is a durable event first", LOAD),
                   server.pid, watch(programs, folder, kind, port, "--key", key), [server])


def plain(what: str, command: list):
    def start(programs: Programs, folder: pathlib.Path) -> Watched:
        port = free_port()
        server = Server([*command, port], folder, port)
        return Watched(Described(what, "messages are kept nowhere", LOAD), server.pid,
                       watch(programs, folder, "plain", port), [server])
    return start


def start_socket_io(programs: Programs, folder: pathlib.Path) -> Watched:
    port = free_port()
    server = Server([NODE, HERE / "servers/socketio.mjs", port], folder, port)
    return Watched(Described(f"socket.io {npm_version('socket.io')}, Node 24", "messages are kept nowhere", LOAD),
                   server.pid, watch(programs, folder, "socket-io", port), [server])


def start_nats(programs: Programs, folder: pathlib.Path) -> Watched:
    port, sockets = free_port(), free_port()
    settings = folder / "nats.conf"
    settings.write_text(f"host: 127.0.0.1\nport: {port}\n"
                        f"websocket {{ host: 127.0.0.1\nport: {sockets}\nno_tls: true }}\n")
    server = Server(["nats-server", "-c", settings], folder, port)
    return Watched(Described(said("nats-server", "--version"), "no JetStream: messages are kept nowhere", LOAD),
                   server.pid, watch(programs, folder, "nats", sockets, "--publish", f"127.0.0.1:{port}"), [server])


def start_bullmq_with_socket_io(programs: Programs, folder: pathlib.Path) -> Watched:
    """As people glue them: the worker's progress goes to Redis, its events to socket.io, and from there to a room."""
    redis_port, worker_port, port = free_port(), free_port(), free_port()
    redis = Server(["redis-server", "--bind", "127.0.0.1", "--port", redis_port, "--dir", folder, "--appendonly",
                    "yes", "--appendfsync", "always"], folder, redis_port)
    worker = Server([NODE, HERE / "servers/bullmq_worker.mjs", worker_port, redis_port], folder, worker_port)
    glue = Server([NODE, HERE / "servers/socketio.mjs", port, redis_port], folder, port)
    versions = f"BullMQ {npm_version('bullmq')}, socket.io {npm_version('socket.io')}"
    return Watched(Described(versions, "Redis: appendfsync always", "a worker in Node 24, emit-bench reads"), glue.pid,
                   watch(programs, folder, "socket-io", port, "--publish", f"127.0.0.1:{worker_port}"),
                   [redis, worker, glue])


SERVERS = [
    SocketServer(Subject("Emit", ""), emit("emit")),
    SocketServer(Subject("Emit SSE", ""), emit("emit-sse")),
    SocketServer(Subject("uWebSockets", ""), plain(f"socketify {version('socketify')}",
                                                   [sys.executable, HERE / "servers/uwebsockets.py"])),
    SocketServer(Subject("NATS WebSocket", ""), start_nats),
    SocketServer(Subject("ws", ""), plain(f"ws {npm_version('ws')}, Node 24", [NODE, HERE / "servers/ws.mjs"])),
    SocketServer(Subject("socket.io", ""), start_socket_io),
]

END_TO_END = [
    SocketServer(Subject("Emit", ""), emit("emit")),
    SocketServer(Subject("BullMQ with socket.io", ""), start_bullmq_with_socket_io),
]
