"""Rounds of load that each end in a crash, and the check after each that every promise was kept."""

from __future__ import annotations

import random
import time

import harness
from crash_load import Journal, Load, Watcher
from streams import newest_seq

#: The status that an event leaves behind; the others keep the one before.
AFTER = {"created": "pending", "enqueued": "pending", "delivered": "delivered", "delivery_timeout": "pending",
         "acked": "running", "released": "pending", "completed": "completed", "retried": "pending", "dead": "dead",
         "killed": "killed", "requeued": "pending"}


def play(server: harness.Server, rounds: int, seed: str, while_down=lambda rng: None) -> None:
    """So many rounds on a started server's folder; `while_down` may do to it what a crash can do."""
    space = server.space()["id"]
    journal, watchers = Journal(), [Watcher() for _ in range(3)]
    # One more that reads only between the crashes: what is on disk then, must be there ever after.
    auditor = Watcher()
    jobs: dict[str, dict] = {}
    promises = 0
    for number in range(rounds):
        rng = random.Random(f"{seed}-{number}")
        load = Load(server, space, journal, watchers, rng).start()
        # The random moment. Not a wait for anything: the crash may come whenever it likes.
        time.sleep(rng.uniform(0.05, 1.5))
        server.kill()
        load.join()
        server.http.close()
        while_down(rng)
        server.start()
        promised = journal.taken()
        promises += len(promised)
        audit(server, space, auditor, promised, jobs, f"round {number} of seed {seed}")
    newest = newest_seq(server, space)
    for watcher in watchers:
        watcher.watch(server, space, until=newest)
    everything = Watcher()
    everything.watch(server, space, until=newest)
    for watcher in [everything, auditor, *watchers]:
        assert (watcher.position, len(watcher.fingerprints), watcher.jumps) == (newest, newest, [])
        assert watcher.fingerprints == everything.fingerprints
    print(f"{rounds} crashes, {newest} events, {promises} promises kept, {len(jobs)} jobs")
    assert promises > rounds, "the load did hardly anything"


def audit(server, space, auditor, promised, jobs, where):
    """After a crash: the new events are gapless, hold every promise, and the jobs are what their events say."""
    before = auditor.position
    newest = newest_seq(server, space)
    new = auditor.watch(server, space, until=newest)
    assert auditor.position == newest, where
    assert [event["seq"] for event in new] == list(range(before + 1, before + 1 + len(new))), where
    times = [event["timestamp"] for event in new]
    assert times == sorted(times), f"{where}: time falls"
    by_seq = {event["seq"]: event for event in new}
    bodies = {(event["jobId"], event["type"], repr(event.get("data"))) for event in new}
    kinds = {(event["jobId"], event["type"]) for event in new}
    for promise in promised:
        assert (promise["jobId"], promise["type"]) in kinds, f"{where}: lost {promise}"
        if promise["seq"] is not None:
            event = by_seq.get(promise["seq"])
            assert event and (event["jobId"], event["type"]) == (promise["jobId"], promise["type"]), \
                f"{where}: {promise} became {event}"
        if promise["hasData"]:
            assert (promise["jobId"], promise["type"], repr(promise["data"])) in bodies, f"{where}: lost {promise}"
    for event in new:
        job = jobs.setdefault(event["jobId"], {"status": None, "result": None})
        job["status"] = AFTER.get(event["type"], job["status"])
        if event["type"] in ("completed", "killed", "dead", "requeued"):
            job["result"] = event.get("data")
    touched = sorted({event["jobId"] for event in new})
    for first in range(0, len(touched), 100):
        ids = touched[first:first + 100]
        rows = server.call("GET", f"/spaces/{space}/jobs?ids={','.join(ids)}&limit=100&include=result",
                           expect=200).json()
        shown = {row["id"]: (row["status"], row["result"]) for row in rows}
        assert shown == {job_id: (jobs[job_id]["status"], jobs[job_id]["result"]) for job_id in ids}, where
    counts = server.call("GET", f"/spaces/{space}/counts", expect=200).json()
    statuses = [job["status"] for job in jobs.values()]
    assert counts == {status: statuses.count(status) for status in counts}, where
