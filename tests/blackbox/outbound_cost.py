"""What callbacks that wait for dead endpoints cost the jobs: `./task outbound-cost`.

Two servers take turns at the same load, the other one halted meanwhile: one has 10,000 callbacks waiting for endpoints
that refuse or never answer, the other none. Prints both rates and their ratio; exits 1 below 0.95.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import pathlib
import signal
import statistics
import sys
import tempfile
import time

import harness
from receivers import LOOPBACK, silent

CALLBACKS = 10_000
ROUNDS = 8
ROUND_SECONDS = 6
CLIENTS = 4
BATCH = 50
RATIO_MIN = 0.95


def lives(emit: harness.Server, space: str, count: int, url: str | None = None) -> None:
    """Jobs from creation to completion, in batches."""
    fields = {"callbackUrl": url} if url else {}
    emit.call("POST", f"/spaces/{space}/jobs", [{"name": "j", **fields}] * count, expect=201)
    while count > 0:
        held = emit.poll(space, count=50, autoAck=True)
        reports = [{"jobId": job["id"], "report": "complete", "body": {"ok": True}} for job in held]
        count -= len(held)
        if reports:
            emit.call("POST", "/jobs/reports", reports, expect=200)


def rate(emit: harness.Server, spaces: list[str]) -> float:
    """Whole lives a second, each client in a space of its own."""
    deadline = time.monotonic() + ROUND_SECONDS

    def client(space: str) -> int:
        done = 0
        while time.monotonic() < deadline:
            lives(emit, space, BATCH)
            done += BATCH
        return done

    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        done = sum(pool.map(client, spaces))
    return done / (time.monotonic() - begin)


def main() -> int:
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emit-cost-")))
        servers = []
        for name in ("none", "waiting"):
            emit = harness.Server(folder / name, *LOOPBACK).start()
            stack.callback(emit.process.kill)
            servers.append(emit)
        none, waiting = servers
        spaces = {emit: [emit.space()["id"] for _ in range(CLIENTS)] for emit in servers}
        # The same number of ended jobs on both; on one of them their ends are to be told to the dead.
        dead = [stack.enter_context(silent()) for _ in range(5)] + [f"http://127.0.0.{n}:1" for n in range(1, 6)]
        for at in range(0, CALLBACKS, 500):
            lives(none, spaces[none][0], 500)
            lives(waiting, spaces[waiting][0], 500, dead[at // 500 % len(dead)])
        rates = {none: [], waiting: []}
        for turn in range(ROUNDS):
            for emit, other in [(none, waiting), (waiting, none)] if turn % 2 else [(waiting, none), (none, waiting)]:
                other.process.send_signal(signal.SIGSTOP)
                rates[emit].append(rate(emit, spaces[emit]))
                other.process.send_signal(signal.SIGCONT)
        failing = waiting.call("GET", f"/spaces/{spaces[waiting][0]}/failing-endpoints").json()
        tried = sum(one["waiting"] + one["givenUp"] for one in failing)
        for name, emit in (("none waiting", none), ("10,000 waiting", waiting)):
            print(f"{name}: {statistics.median(rates[emit]):.0f} lives/s "
                  f"({', '.join(f'{one:.0f}' for one in rates[emit])})")
        # Neighbours in time are compared, so that a machine that slows down does not count.
        ratio = statistics.median(with_ / without for with_, without in zip(rates[waiting], rates[none]))
        print(f"{len(failing)} of {len(dead)} endpoints were seen failing, {tried} callbacks tried; ratio {ratio:.3f} "
              f"(at least {RATIO_MIN})")
        return 0 if ratio >= RATIO_MIN and len(failing) == len(dead) else 1


if __name__ == "__main__":
    sys.exit(main())
