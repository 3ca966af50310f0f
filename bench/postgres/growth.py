#!/usr/bin/env python3
"""What a large backlog and much churn cost on PostgreSQL, autovacuum running: `./task postgres-growth`.

A poll is timed in a space with 1,000 pending jobs and in one with many, before and after other spaces' jobs have lived
and been forgotten: in rounds, each some days after the one before by the node's clock, so that retention drops what the
last has left. Tables must level off; exits 1 where they do not, or where a poll depends on the backlog.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import time

import cluster
import harness
from harness import ADMIN_KEY
from streams import wait_for

FEW = 1_000
POLLS = 300
BATCH = 50
CLIENTS = 16
#: A poll at the large backlog to one at the small: what the bench asks of the embedded store.
RATIO_MAX = 1.2
#: Autovacuum wakes once a minute and takes what has more dead rows than this; a round is over when it has been.
VACUUMED = "SELECT n_dead_tup <= 1000 + 0.02 * n_live_tup FROM pg_stat_user_tables WHERE relname = 'jobs'"
#: The last round's tables to those of the second, when the first had been forgotten.
GROWTH_MAX = 1.5


def fill(server: harness.Server, name: str, jobs: int) -> str:
    """A space whose jobs wait for ever."""
    space = server.space(name, retentionDays=3650)["id"]
    day = {"timeoutSeconds": 86_400, "deliveryTimeoutSeconds": 86_400}
    body = json.dumps([{"name": "waits", "payload": {"n": 1}, **day}] * 1_000)
    for _ in range(jobs // 1_000):
        server.call("POST", f"/spaces/{space}/jobs", body, expect=201)
    return space


def polls(server: harness.Server, spaces: list[str]) -> list[float]:
    """The median of a poll in each space, in ms; asked in turns, and each job is given back."""
    line = http.client.HTTPConnection("127.0.0.1", server.port)
    found: list[list[float]] = [[] for _ in spaces]

    def post(path: str, body: str) -> dict:
        line.request("POST", f"/api/v1{path}", body, {"x-api-key": ADMIN_KEY, "content-type": "application/json"})
        answer = line.getresponse()
        told = json.loads(answer.read())
        assert answer.status == 200, told
        return told

    for number in range(POLLS * 11 // 10):
        for at in range(len(spaces)) if number % 2 else reversed(range(len(spaces))):
            begin = time.perf_counter()
            [job] = post(f"/spaces/{spaces[at]}/jobs/poll", '{"count": 1}')["jobs"]
            # The first tenth warms up.
            if number >= POLLS // 10:
                found[at].append((time.perf_counter() - begin) * 1000)
            post(f"/jobs/{job['id']}/release", "{}")
    line.close()
    return [statistics.median(samples) for samples in found]


def judge_polls(server: harness.Server, small: str, large: str, pending: int, when: str) -> bool:
    few, many = polls(server, [small, large])
    print(f"A poll {when}: {few:.2f} ms at {FEW:,} pending, {many:.2f} ms at {pending:,}; ratio {many / few:.2f}", flush=True)
    return many / few <= RATIO_MAX


def sizes(bench: cluster.Bench) -> dict[str, int]:
    """Bytes of each table with its indexes."""
    rows = bench.sql("SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables ORDER BY 1").splitlines()
    return {name: int(size) for name, size in (row.split("|") for row in rows)}


def churn(bench: cluster.Bench, days: int, space: str, lives: int) -> None:
    """That many lives, so many days later than the machine's clock; when it returns, what is older is forgotten."""
    server = bench.node(clock=f"+{days}d")
    driver = bench.driver(server)
    done = 0
    while done < lives:
        asked = {"phase": "lives", "progress": True, "made": [space], "batch": BATCH, "clients": CLIENTS}
        done += driver.ask(**asked, seconds=min(20, lives / 1_000))["done"]
    driver.stop()
    oldest = f"SELECT e.at > extract(epoch FROM now()) * 1000 + ({days} - 1) * 86400000 FROM emit.events e JOIN emit.spaces s " \
             f"ON e.key = (s.no << 40) + s.oldest_seq WHERE s.name = 'churn'"
    wait_for("retention", lambda: bench.sql(oldest) == "t", patience=3_600)
    # What it counts is told when connections end.
    server.stop()
    wait_for("autovacuum", lambda: bench.sql(VACUUMED) == "t", patience=3_600)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pending", type=int, default=1_000_000, help="jobs of the large backlog")
    arguments.add_argument("--lives", type=int, default=200_000, help="in all rounds together")
    arguments.add_argument("--rounds", type=int, default=10)
    chosen = arguments.parse_args()
    with cluster.Bench() as bench:
        server = bench.node()
        small, large = fill(server, "few", FEW), fill(server, "many", chosen.pending)
        space = server.space("churn", retentionDays=1)["id"]
        sound = judge_polls(server, small, large, chosen.pending, "before")
        server.stop()
        backlog = sizes(bench)
        grown = []
        for number in range(chosen.rounds):
            churn(bench, 3 * (number + 1), space, chosen.lives // chosen.rounds)
            now = sizes(bench)
            grown.append(sum(now.values()) - sum(backlog.values()))
            detail = ", ".join(f"{name} {(now[name] - backlog[name]) / 1e6:.0f}" for name in ("jobs", "events", "payloads"))
            print(f"After round {number + 1}: {grown[-1] / 1e6:.0f} MB more than the backlog ({detail})", flush=True)
        server = bench.node(clock=f"+{3 * chosen.rounds}d")
        sound &= judge_polls(server, small, large, chosen.pending, f"after {chosen.lives:,} lives")
        print("HOT updates, of all: " + bench.sql(
            "SELECT string_agg(relname || ' ' || round(100.0 * n_tup_hot_upd / n_tup_upd) || ' %', ', ' ORDER BY relname) "
            "FROM pg_stat_user_tables WHERE n_tup_upd > 1000"))
        growth = grown[-1] / grown[1]
        print(f"Tables after the last round to those after the second: {growth:.2f} (at most {GROWTH_MAX})")
        return 0 if sound and growth <= GROWTH_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
