"""The phases of the job systems. Those of one mode run at once, idle while another is loaded, and take turns round
by round, so that a slow moment of the machine meets all of them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable

import machine
from job_systems import JobSystem, Programs, Running
from results import Results

PART = "jobs"


@dataclasses.dataclass
class Sizes:
    rounds: int
    seconds: float
    warm_up: float
    clients: int
    batch: int
    #: Jobs in a full queue, ascending; memory is looked at with the first.
    backlogs: list[int]
    latency_seconds: float


FULL = Sizes(rounds=3, seconds=2, warm_up=0.5, clients=64, batch=50, backlogs=[100_000, 1_000_000], latency_seconds=6)
QUICK = Sizes(rounds=1, seconds=0.4, warm_up=0.1, clients=16, batch=10, backlogs=[1_000], latency_seconds=0.5)

#: So many jobs of a queue are created in one phase: even a slow system is through before the runner gives it up.
FILL = 200_000

#: Creates a second of the latency that all meet alike, and its clients on either side.
LATENCY_RATE = 200
LATENCY_CLIENTS = 8

#: Name of the phase, what is asked, whether its jobs come in arrays.
LOOPS = [
    ("life", {"phase": "lives"}, False),
    ("life with progress", {"phase": "lives", "progress": True}, False),
    ("life, batched", {"phase": "lives", "progress": True}, True),
    ("create", {"phase": "create"}, False),
    ("create, batched", {"phase": "create"}, True),
]


def run(systems: list[JobSystem], programs: Programs, scratch: pathlib.Path, sizes: Sizes, results: Results) -> None:
    for mode in dict.fromkeys(system.subject.mode for system in systems):
        with contextlib.ExitStack() as stack:
            running = []
            for system in systems:
                if system.subject.mode != mode:
                    continue
                folder = scratch / f"{system.subject.name}-{mode}"
                folder.mkdir()
                with attempt(results, f"starting {system.subject}"):
                    started = system.start(programs, folder)
                    stack.callback(started.stop)
                    results.describe(PART, system.subject, started.described)
                    running.append(Measured(system, started, scratch, sizes, results))
            all_phases(running, sizes, results)


def all_phases(running: list["Measured"], sizes: Sizes, results: Results) -> None:
    def each(name: str, phase) -> None:
        for measured in list(running):
            if name in measured.system.leaves_out:
                continue
            # What those before it left to be written is on the disk: nobody pays for another's writes.
            os.sync()
            try:
                phase(measured)
            except Exception as error:  # one system's failure is a line of the report, and the others go on
                results.failed(f"{measured.system.subject}, {name}", error)
                running.remove(measured)

    def each_round(name: str, phase: Callable[["Measured", int], None]) -> None:
        for number in range(sizes.rounds):
            each(name, lambda one: phase(one, number))

    for name, asked, batched in LOOPS:
        each_round(name, lambda one, number: one.loop(name, asked, batched, number))
    each_round("create to start", lambda one, number: one.latency("200/s", LATENCY_RATE, LATENCY_CLIENTS, number))
    each_round("create to start at 70 %", Measured.latency_at_70_percent)
    each("memory", Measured.memory)
    for size in sizes.backlogs:
        each("backlog", lambda one: one.backlog(size))


@contextlib.contextmanager
def attempt(results: Results, what: str):
    try:
        yield
    except Exception as error:
        results.failed(what, error)


@dataclasses.dataclass
class Done:
    """What a load came to: how much was done, how often a second, and what it took of the processor."""

    count: int
    rate: float
    server_cpu_per_thousand: float
    load_cores: float


def load(running: Running, asked: dict, seconds: float) -> Done:
    server, driver = machine.cpu_seconds(running.pid), machine.cpu_seconds(running.driver.pid)
    answer = running.driver.ask(**asked, seconds=seconds)
    server, driver = machine.cpu_seconds(running.pid) - server, machine.cpu_seconds(running.driver.pid) - driver
    count, took = answer["done"], answer["seconds"]
    return Done(count, count / took, server * 1_000 / count, driver / took)


@dataclasses.dataclass
class Measured:
    """A running system with what is needed to measure it."""

    system: JobSystem
    running: Running
    scratch: pathlib.Path
    sizes: Sizes
    results: Results
    #: Jobs in the queue that is filled.
    waiting: int = 0

    def add(self, figure: str, value: float | None) -> None:
        self.results.add(PART, self.system.subject, figure, value)

    def loop(self, name: str, asked: dict, batched: bool, number: int) -> None:
        asked = {**asked, "queue": queue(name, number), "clients": self.sizes.clients,
                 "batch": self.sizes.batch if batched else 1}
        if name == "life, batched" and "life with progress" in self.system.leaves_out:
            asked["progress"] = False
        self.running.driver.ask(**asked, seconds=self.sizes.warm_up)
        flushes = machine.disk_flushes(self.scratch)
        done = load(self.running, asked, self.sizes.seconds)
        self.add(f"{name}, a second", done.rate)
        self.add(f"{name}, server CPU s per 1,000", done.server_cpu_per_thousand)
        self.add(f"{name}, cores that the load took", done.load_cores)
        if flushes is not None:
            self.add(f"{name}, disk flushes each", (machine.disk_flushes(self.scratch) - flushes) / done.count)

    def latency(self, name: str, rate: int, clients: int, number: int) -> None:
        answer = self.running.driver.ask(phase="latency", queue=queue(f"latency {name}", number), rate=rate,
                                         clients=clients, seconds=self.sizes.latency_seconds)
        self.add(f"create to start at {name}, p50 ms", answer["p50_ms"])
        self.add(f"create to start at {name}, p99 ms", answer["p99_ms"])

    def latency_at_70_percent(self, number: int) -> None:
        most = self.results.median(PART, self.system.subject, "life, a second")
        self.latency("70 % of its most", int(most * 0.7), self.sizes.clients, number)

    def memory(self) -> None:
        waiting = self.sizes.backlogs[0]
        before = machine.memory_bytes(self.running.pid)
        self.fill(waiting)
        after = machine.memory_bytes(self.running.pid)
        self.add(f"memory with {waiting:,} jobs waiting, MB", after / 1e6)
        self.add("memory of each waiting job, bytes", max(0, after - before) / waiting)

    def fill(self, jobs: int) -> None:
        while self.waiting < jobs:
            piece = min(FILL, jobs - self.waiting)
            self.running.driver.ask(phase="fill", queue="memory", clients=4, batch=self.sizes.batch, count=piece)
            self.waiting += piece

    def backlog(self, jobs: int) -> None:
        """Lives in a queue that is full: they take the oldest, and it keeps its size."""
        self.fill(jobs)
        answer = self.running.driver.ask(phase="lives", queue="memory", clients=self.sizes.clients,
                                         seconds=self.sizes.seconds)
        empty = self.results.median(PART, self.system.subject, "life, a second")
        self.add(f"life with {jobs:,} jobs waiting, against none", answer["done"] / answer["seconds"] / empty)


def queue(name: str, number: int) -> str:
    """A name that every system takes, of this phase and round alone."""
    return "".join(letter if letter.isalnum() else "_" for letter in f"{name}_{number}")
