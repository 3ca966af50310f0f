"""Retention under load: a space full of ended jobs becomes due at once, while clients create jobs in another.

EMIT_PURGE_JOBS sets how many ended jobs. The load's figures are judged against the same load just before, on the same
server; where there is enough to purge, with and without it in turns, so that the rest of the machine weighs on both.
"""

import contextlib
import json
import multiprocessing
import os
import sqlite3
import statistics
import subprocess
import time

import httpx

import harness
from calls import counts, jobs_of, position
from streams import TEXT, RawSocket, wait_for
from test_hostile_clients import at

JOBS = int(os.environ.get("EMIT_PURGE_JOBS", "5000"))
ARRAY, POLL, CLIENTS, SAMPLES, PACE, PAIRS = 500, 50, 4, 100, 0.02, 3
#: How often the purge goes and rests, and for how many seconds each; in the first, the server may not yet have looked.
TURNS, TURN, LOOKS = min(15, JOBS // 50_000), 4.0, 1.5
#: Creates of each client before it is measured: connections and caches.
WARM = 30
#: What a job's life here leaves in the space: created, delivered, acked, completed.
EVENTS_PER_JOB = 4
MB = 1_000_000
#: How many events after the oldest are looked at for holes.
FOLLOWING = 20
#: What the load holds when the file is largest differs a little between rounds. Without reuse it would be 1.
SLACK = 0.05


def fill(server, space: str) -> None:
    """JOBS lives, from arrays to batches of reports."""
    for begin in range(0, JOBS, ARRAY):
        many = [{"name": "old", "payload": {"n": begin, "filler": "x" * 200}}] * min(ARRAY, JOBS - begin)
        server.call("POST", f"/spaces/{space}/jobs", many, expect=201)
        while taken := server.poll(space, count=POLL):
            reports = [{"jobId": job["id"], "report": report, "deliveryId": job["deliveryId"]}
                       for job in taken for report in ("ack", "complete")]
            answers = server.call("POST", "/jobs/reports", reports, expect=200).json()
            assert all(answer["code"] == 200 for answer in answers)


def creating(port: int, space: str, together, over, got) -> None:
    """Creates one every PACE seconds, SAMPLES of them or until it is over: each one's moment, and how long after it that
    was made.

    Its moment, not its start: otherwise a long stop would count as one slow call, however many it kept from starting.
    """
    url, took = f"{at(port).api}/spaces/{space}/jobs", []
    with httpx.Client(headers={"x-api-key": harness.ADMIN_KEY}, timeout=harness.PATIENCE) as http:
        def create():
            answer = http.post(url, json={"name": "new", "payload": {"n": len(took)}})
            assert answer.status_code == 201, answer.text
        for _ in range(WARM):
            create()
        together.wait(harness.PATIENCE)
        moment = time.monotonic()
        while len(took) < SAMPLES if over is None else not over.is_set():
            time.sleep(max(0.0, moment - time.monotonic()))
            create()
            took.append((moment, time.monotonic() - moment))
            moment += PACE
    got.put(took)


def load(server, space: str, meanwhile=None) -> list[tuple[float, float]]:
    """When creates were due and how long after it they were made, while `meanwhile` runs, or SAMPLES of each client."""
    context = multiprocessing.get_context("spawn")
    together, over, got = context.Barrier(CLIENTS + 1), context.Event() if meanwhile else None, context.Queue()
    arguments = server.port, space, together, over, got
    clients = [context.Process(target=creating, args=arguments) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        together.wait(harness.PATIENCE)
        if meanwhile:
            meanwhile()
            over.set()
        return [one for _ in clients for one in got.get(timeout=harness.PATIENCE)]
    finally:
        for client in clients:
            client.kill()
            client.join()


def oldest_kept(server, space: str) -> int:
    """The number of the oldest kept event, as a stream from the beginning shows it; of none, the next event's; 0 if
    it could not be seen."""
    with RawSocket(server, f"spaces/{space}", query="since=0", receive_buffer=4096) as stream:
        opcode, content = stream.frame()
        if opcode != TEXT:
            return 0  # the purge overtook the stream, and closed it before its first message
        first = json.loads(content)
        if first["type"] != "gap":
            return first["seq"]
        oldest, newest = first["data"]["oldest"], first["data"]["newest"]
        for seq in range(oldest, min(oldest + FOLLOWING, newest + 1)) if oldest else ():
            opcode, content = stream.frame()
            if opcode != TEXT:
                break  # the purge overtook the stream, and closed it
            assert json.loads(content)["seq"] == seq, "an event is gone from the middle"
        return oldest or newest + 1


def purge(server, space: str) -> list[int]:
    """Makes every ended job due, and sees them go: the oldest kept numbers on the way."""
    newest = position(server, space)
    server.call("PATCH", f"/spaces/{space}", {"retentionDays": 0}, expect=200)
    seen, moved = [1], time.monotonic()
    while seen[-1] <= newest:
        oldest = oldest_kept(server, space) or seen[-1]
        assert oldest >= seen[-1], "what was dropped came back"
        if oldest > seen[-1]:
            seen.append(oldest)
            moved = time.monotonic()
        assert time.monotonic() < moved + harness.PATIENCE, f"the purge stands still at {seen[-1]} of {newest}"
        time.sleep(0.01)
    return seen


def in_turns(server, space: str, busy: str) -> tuple[list, list[float], list[float]]:
    """All creates; and how long they took without the purge and beside it, in turns."""
    turns: tuple[list, list] = [], []

    def meanwhile():
        for number in range(2 * TURNS):
            purging = number % 2
            server.call("PATCH", f"/spaces/{space}", {"retentionDays": 0 if purging else 14}, expect=200)
            time.sleep(LOOKS)
            begin = time.monotonic()
            time.sleep(TURN)
            turns[purging].append((begin, time.monotonic()))

    took = load(server, busy, meanwhile)
    alone, among = (sorted(late for moment, late in took if any(begin <= moment < end for begin, end in spans))
                    for spans in turns)
    return took, alone, among


def p99(took: list[float]) -> float:
    return took[int(len(took) * 0.99)]


def one_round(server, number: int, space: str) -> float:
    """Fills, measures, purges while it measures, and leaves nothing behind; the ratio of the two p99."""
    begun = time.monotonic()
    fill(server, space)
    print(f"round {number}: {JOBS} jobs filled in {time.monotonic() - begun:.1f} s", end=", ")
    newest = EVENTS_PER_JOB * JOBS * (number + 1)
    assert (counts(server, space)["completed"], position(server, space)) == (JOBS, newest)
    spaces = rows(server, "spaces")
    busy = server.space("busy")["id"]
    before, seen = load(server, busy), []
    if TURNS:
        beside, alone, among = in_turns(server, space, busy)
        server.call("PATCH", f"/spaces/{space}", {"retentionDays": 14}, expect=200)
        first = newest + 1 - EVENTS_PER_JOB * JOBS
        assert first < oldest_kept(server, space) <= newest, "it did not go, or was all gone before the last turn"
    begun = time.monotonic()
    if TURNS:
        seen = purge(server, space)
    else:
        beside = load(server, busy, lambda: seen.extend(purge(server, space)))
        alone, among = (sorted(late for _, late in took) for took in (before, beside))
    print(f"purged in {time.monotonic() - begun:.1f} s, seen at {len(seen)} numbers; creates: {said(alone)} alone, "
          f"{said(among)} beside it, ratio {p99(among) / p99(alone):.2f}")
    assert jobs_of(server, space) == [] and not any(counts(server, space).values())
    assert position(server, space) == newest and seen[-1] == newest + 1
    assert counts(server, busy)["pending"] == CLIENTS * 2 * WARM + len(before) + len(beside)
    server.call("DELETE", f"/spaces/{busy}?force=true", expect=204)
    wait_for("the load's jobs to go", lambda: rows(server, "spaces") == spaces, harness.PATIENCE + JOBS / 1_000)
    assert rows(server, "jobs") == 0 and rows(server, "events") == 0
    return p99(among) / p99(alone)


def said(took: list[float]) -> str:
    return f"p99 {p99(took) * 1e3:.2f} ms, median {statistics.median(took) * 1e3:.2f} ms of {len(took)}"


def rows(server, table: str) -> int:
    """What is in the file, seen or not."""
    with contextlib.closing(sqlite3.connect(f"file:{server.data}/emit.db?mode=ro", uri=True)) as store:
        return store.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def sound_size(server) -> int:
    """Stops the server, asks the doctor, and starts it again: the bytes of its file."""
    assert server.stop() == 0
    found = subprocess.run([harness.BINARY, "doctor", "--data", server.data], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    size = (server.data / "emit.db").stat().st_size
    server.start()
    return size


def test_a_purge_gives_way_to_creates_and_its_room_is_used_again():
    """«`retentionDays` …: ended jobs with payload, result and logs that long after their end; events are dropped per
    space from the oldest on, never from the middle.»"""
    with harness.server() as server:
        space = server.space("purged")["id"]
        ratios, sizes = [], []
        while len(ratios) < 2 or len(ratios) < PAIRS and min(ratios) > 2:
            server.call("PATCH", f"/spaces/{space}", {"retentionDays": 14}, expect=200)
            ratios.append(one_round(server, len(ratios), space))
            sizes.append(sound_size(server))
            print(f"the file: {sizes[-1] / MB:.2f} MB")
        # One quiet pair is enough: a busy machine makes a ratio worse, never better for all of it.
        assert min(ratios) <= 2, ratios
        assert sizes[1] <= sizes[0] * (1 + SLACK), sizes
