"""The phases of the socket servers: one message to many, idle sockets, a topic each, readers that do not read."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable

import machine
from job_systems import Programs
from results import Results, Subject
from socket_servers import SocketServer, Watched

PART, END_TO_END = "sockets", "end to end"


@dataclasses.dataclass
class Sizes:
    sockets: list[int]
    rounds: int
    seconds: float
    pace_seconds: float
    slow_among: int
    settle: float


FULL = Sizes(sockets=[100, 1_000, 10_000], rounds=3, seconds=2, pace_seconds=4, slow_among=100, settle=2)
QUICK = Sizes(sockets=[100], rounds=1, seconds=0.5, pace_seconds=0.5, slow_among=50, settle=0.1)

#: Messages a second of the paced phases: one message to 1,000 sockets, one to its own socket, one to a job's user.
PACE_TO_MANY, PACE_TO_ONE, PACE_END_TO_END = 50, 200, 200
PACED_SOCKETS = 1_000

#: For the slow readers: messages large enough that a few seconds fill every buffer of the kernel.
SLOW_BYTES, SLOW_PACE = 16_000, 100


def run(servers: list[SocketServer], programs: Programs, scratch: pathlib.Path, sizes: Sizes,
        results: Results) -> None:
    # Round by round, so that a slow moment of the machine meets all of them; each alone, for idle ones would weigh.
    for number in range(sizes.rounds):
        for server in servers:
            for sockets in sizes.sockets:
                alone(server, programs, scratch, results, PART, f"flood {sockets} {number}",
                      lambda watched: flood(server.subject, watched, sockets, sizes, results))
    for server in servers:
        alone(server, programs, scratch, results, PART, "pace",
              lambda watched: pace_to_many(server.subject, watched, sizes, results))
        alone(server, programs, scratch, results, PART, "idle",
              lambda watched: idle(server.subject, watched, sizes, results))
        alone(server, programs, scratch, results, PART, "own topics",
              lambda watched: own_topics(server.subject, watched, sizes, results))
        alone(server, programs, scratch, results, PART, "slow",
              lambda watched: slow_tenth(server.subject, watched, sizes, results))


def run_end_to_end(servers: list[SocketServer], programs: Programs, scratch: pathlib.Path, sizes: Sizes,
                   results: Results) -> None:
    for server in servers:
        alone(server, programs, scratch, results, END_TO_END, "end to end",
              lambda watched: end_to_end(server.subject, watched, sizes, results))


def end_to_end(subject: Subject, watched: Watched, sizes: Sizes, results: Results) -> None:
    open_sockets(watched, sockets=100, own=True)
    # The first message to each topic pays for what is made once.
    watched.watch.ask(step="pace", rate=PACE_END_TO_END, seconds=0.5)
    answer = watched.watch.ask(step="pace", rate=PACE_END_TO_END, seconds=sizes.pace_seconds)
    results.add(END_TO_END, subject, "progress to frame, p50 ms", answer["p50_ms"])
    results.add(END_TO_END, subject, "progress to frame, p99 ms", answer["p99_ms"])


def alone(server: SocketServer, programs: Programs, scratch: pathlib.Path, results: Results, part: str, what: str,
          measure: Callable[[Watched], None]) -> None:
    """Measures the server on a folder of its own; a failure, also one to start, is a line of the report."""
    folder = scratch / f"{part} {server.subject.name} {what}".replace(" ", "-")
    folder.mkdir()
    try:
        watched = server.start(programs, folder)
        try:
            results.describe(part, server.subject, watched.described)
            measure(watched)
        finally:
            watched.stop()
    except Exception as error:
        results.failed(f"{server.subject}, {what}", error)


def open_sockets(watched: Watched, slow: int = 0, **prepare) -> None:
    watched.watch.ask(step="prepare", **prepare)
    watched.watch.ask(step="open", slow=slow)


def flood(subject: Subject, watched: Watched, sockets: int, sizes: Sizes, results: Results) -> None:
    open_sockets(watched, sockets=sockets)
    watched.watch.ask(step="flood", seconds=sizes.seconds / 5)
    server, load = machine.cpu_seconds(watched.pid), machine.cpu_seconds(watched.watch.pid)
    answer = watched.watch.ask(step="flood", seconds=sizes.seconds)
    server, load = machine.cpu_seconds(watched.pid) - server, machine.cpu_seconds(watched.watch.pid) - load
    results.add(PART, subject, f"{sockets:,}: deliveries a second", answer["deliveries"] / answer["seconds"])
    results.add(PART, subject, f"{sockets:,}: server CPU s per million", server * 1e6 / answer["deliveries"])
    results.add(PART, subject, f"{sockets:,}: cores that the load took", load / answer["seconds"])


def pace_to_many(subject: Subject, watched: Watched, sizes: Sizes, results: Results) -> None:
    open_sockets(watched, sockets=min(PACED_SOCKETS, max(sizes.sockets)))
    watched.watch.ask(step="pace", rate=PACE_TO_MANY, seconds=sizes.pace_seconds / 5)
    server = machine.cpu_seconds(watched.pid)
    answer = watched.watch.ask(step="pace", rate=PACE_TO_MANY, seconds=sizes.pace_seconds)
    server = machine.cpu_seconds(watched.pid) - server
    results.add(PART, subject, "paced to many, p50 ms", answer["p50_ms"])
    results.add(PART, subject, "paced to many, p99 ms", answer["p99_ms"])
    results.add(PART, subject, "paced to many, server CPU s per million", server * 1e6 / answer["deliveries"])


def idle(subject: Subject, watched: Watched, sizes: Sizes, results: Results) -> None:
    """Sockets of one topic: making a topic for each would leave freed memory behind, which sockets then use."""
    # What the first sockets cost once is no socket's share.
    open_sockets(watched, sockets=50)
    watched.watch.ask(step="close")
    sockets = max(sizes.sockets)
    watched.watch.ask(step="prepare", sockets=sockets)
    time.sleep(sizes.settle)
    before = machine.memory_bytes(watched.pid)
    watched.watch.ask(step="open")
    time.sleep(sizes.settle)
    results.add(PART, subject, "idle: kB a socket", (machine.memory_bytes(watched.pid) - before) / sockets / 1_000)


def own_topics(subject: Subject, watched: Watched, sizes: Sizes, results: Results) -> None:
    open_sockets(watched, sockets=max(sizes.sockets), own=True)
    server = machine.cpu_seconds(watched.pid)
    answer = watched.watch.ask(step="flood", seconds=sizes.seconds)
    server = machine.cpu_seconds(watched.pid) - server
    results.add(PART, subject, "own topics: deliveries a second", answer["deliveries"] / answer["seconds"])
    results.add(PART, subject, "own topics: server CPU s per million", server * 1e6 / answer["deliveries"])
    answer = watched.watch.ask(step="pace", rate=PACE_TO_ONE, seconds=sizes.pace_seconds)
    results.add(PART, subject, "own topics, paced: p50 ms", answer["p50_ms"])
    results.add(PART, subject, "own topics, paced: p99 ms", answer["p99_ms"])


def slow_tenth(subject: Subject, watched: Watched, sizes: Sizes, results: Results) -> None:
    for _ in range(sizes.rounds):
        worst = {}
        for slow in [0, sizes.slow_among // 10]:
            before = machine.memory_bytes(watched.pid)
            open_sockets(watched, slow, sockets=sizes.slow_among, bytes=SLOW_BYTES)
            watched.watch.ask(step="pace", rate=SLOW_PACE, seconds=sizes.pace_seconds / 5)
            worst[slow] = watched.watch.ask(step="pace", rate=SLOW_PACE, seconds=sizes.pace_seconds)["p99_ms"]
            grown = machine.memory_bytes(watched.pid) - before
            watched.watch.ask(step="close")
        results.add(PART, subject, "none slow: p99 ms", worst[0])
        results.add(PART, subject, "a tenth slow: others' p99 ms", worst[slow])
        results.add(PART, subject, "a tenth slow: others' p99, ratio", worst[slow] / worst[0])
        results.add(PART, subject, "a tenth slow: MB that the server grew by", grown / 1e6)
