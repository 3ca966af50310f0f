#!/usr/bin/env python3
"""One, two and three nodes on one PostgreSQL beside graphile-worker and pg-boss on it, all on this machine: `./task
nodes-cost`.

The peers know neither an ack nor progress: beside them a life is create, poll and complete. Then, of Emit alone, whole lives a second (create, poll, ack, progress, complete) in one space and over eight, as single calls and in batches
of 50; and how long it takes from a commit on one node to its frame on another, at 200 jobs a second. The rounds take
turns, so that a slow moment of the machine meets all.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import itertools
import json
import statistics
import sys
import threading
import time

import httpx

import cluster
import harness
from harness import ADMIN_KEY
from process import Driver

#: Clients of one node.
CLIENTS = 64
BATCH = 50
RATE = 200


def lives(drivers: list, clients: int, seconds: float, **asked) -> float:
    """Lives a second of all these nodes together, each with its share of the clients."""
    asked |= {"phase": "lives", "clients": clients // len(drivers)}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda driver: driver.ask(**asked, seconds=0.5), drivers))
        answers = list(pool.map(lambda driver: driver.ask(**asked, seconds=seconds), drivers))
    return sum(answer["done"] for answer in answers) / max(answer["seconds"] for answer in answers)


def beside_peers(bench: cluster.Bench, emit: Driver, seconds: float, rounds: int) -> None:
    peers = {"graphile-worker": bench.peer("graphile"), "pg-boss": bench.peer("pgboss")}
    systems = {"Emit, one node": emit, **peers}
    print(f"| lives a second without progress, {CLIENTS} clients | " + " | ".join(systems) + " | Emit to the better peer |")
    print("| --- " * (len(systems) + 2) + "|")
    for batch in (1, BATCH):
        found: dict[str, list[float]] = {name: [] for name in systems}
        for number in range(rounds):
            for name, driver in systems.items():
                queue = f"lives_{batch}_{number}"
                found[name].append(lives([driver], CLIENTS, seconds, queue=queue, batch=batch, progress=False))
        rate = {name: statistics.median(some) for name, some in found.items()}
        ratio = rate["Emit, one node"] / max(rate[name] for name in peers)
        print(f"| {called(batch)} | " + " | ".join(f"{rate[name]:,.0f}" for name in systems) + f" | {ratio:.2f} |", flush=True)
    print()


def called(batch: int) -> str:
    return "single calls" if batch == 1 else f"batches of {batch}"


def rates(servers: list[harness.Server], drivers: list[Driver], seconds: float, rounds: int) -> None:
    cases = [(1, CLIENTS), (1, 3 * CLIENTS), (2, 2 * CLIENTS), (3, 3 * CLIENTS)]
    print("| lives a second | " + " | ".join(f"{nodes} node{'s' * (nodes > 1)}, {clients} clients" for nodes, clients in cases)
          + " | three nodes to one: at three times its clients | with the same |")
    print("| --- " * (len(cases) + 3) + "|")
    for (spaces, batch) in itertools.product((1, 8), (1, BATCH)):
        found: dict[tuple[int, int], list[float]] = {case: [] for case in cases}
        for _ in range(rounds):
            made = [servers[0].space()["id"] for _ in range(spaces)]
            for nodes, clients in cases:
                found[nodes, clients].append(lives(drivers[:nodes], clients, seconds, made=made, batch=batch,
                                                   progress=True))
        ratios = [statistics.median(three / one for three, one in zip(found[cases[3]], found[cases[few]])) for few in (0, 1)]
        print(f"| {spaces} space{'s' * (spaces > 1)}, {called(batch)} | "
              + " | ".join(f"{statistics.median(found[case]):,.0f}" for case in cases)
              + f" | {ratios[0]:.2f} | {ratios[1]:.2f} |", flush=True)


def commit_to_frame(one: harness.Server, other: harness.Server, seconds: float) -> None:
    """From the create's answer on one node to the frame on the other."""
    space = one.space()["id"]
    answered: dict[str, float] = {}
    seen: dict[str, float] = {}
    jobs, creators = int(RATE * seconds), 8

    def create(first: int) -> None:
        with httpx.Client(headers={"x-api-key": ADMIN_KEY}) as http:
            for number in range(first, jobs, creators):
                time.sleep(max(0.0, begin + number / RATE - time.monotonic()))
                job = http.post(f"{one.api}/spaces/{space}/jobs", json={"name": "job", "payload": number}).json()
                answered[job["id"]] = time.monotonic()

    with other.ws(f"spaces/{space}") as ws:
        def watch() -> None:
            while len(seen) < jobs:
                frame = ws.recv(timeout=harness.PATIENCE)
                now = time.monotonic()
                seen[json.loads(frame)["jobId"]] = now

        begin = time.monotonic() + 0.2
        threads = [threading.Thread(target=watch), *(threading.Thread(target=create, args=(n,)) for n in range(creators))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    took = sorted((seen[job] - at) * 1000 for job, at in answered.items())
    print(f"\nFrom a commit on one node to its frame on another, at {RATE} jobs a second, {jobs} jobs: median "
          f"{statistics.median(took):.1f} ms, p99 {took[int(len(took) * 0.99)]:.1f} ms (below 0: the frame was faster than "
          "the create's answer)")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=5, help="of each round (default 5)")
    arguments.add_argument("--rounds", type=int, default=3, help="of each case (default 3)")
    chosen = arguments.parse_args()
    with cluster.Bench() as bench:
        servers = [bench.node() for _ in range(3)]
        print(f"PostgreSQL {bench.sql('SHOW server_version')}, as it comes; it, the nodes and the load share this machine\n")
        drivers = [bench.driver(server) for server in servers]
        beside_peers(bench, drivers[0], chosen.seconds, chosen.rounds)
        rates(servers, drivers, chosen.seconds, chosen.rounds)
        commit_to_frame(servers[0], servers[1], 2 * chosen.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
