"""The load of test_crash.py: creators, workers, meddlers and watchers, and the journal of what was promised to them.

Each thread stops at the first broken connection: that is the crash. A call whose answer never came may have happened
or not; one that was answered with 2xx must have happened, and stands in the journal.
"""

from __future__ import annotations

import array
import json
import random
import threading

import httpx
from websockets.exceptions import WebSocketException

import harness
from harness import PATIENCE


class Journal:
    """What 2xx answers promised. Those of one round are taken out and checked after it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.entries: list[dict] = []
        self.serial = 0

    def promise(self, job_id: str, event: str, seq: int | None = None, data=None, has_data: bool = False) -> None:
        with self.lock:
            self.entries.append({"jobId": job_id, "type": event, "seq": seq, "data": data, "hasData": has_data})

    def marker(self) -> dict:
        """A body that no other call sends."""
        with self.lock:
            self.serial += 1
            return {"marker": self.serial}

    def taken(self) -> list[dict]:
        with self.lock:
            entries, self.entries = self.entries, []
        return entries


class Unavailable(Exception):
    """The server said 503: nothing is promised, and the caller tries something else after a moment."""


class Load:
    """All threads of one round. `patient`: where 503 is an honest answer too, since the database is shot at."""

    def __init__(self, server: harness.Server, space: str, journal: Journal, watchers: list["Watcher"],
                 rng: random.Random, patient: bool = False):
        self.patient, self.over, self.refusals = patient, threading.Event(), 0
        self.server, self.space, self.journal = server, space, journal
        seeds = [rng.random() for _ in range(6)]
        parts = [self.create, self.create, self.work, self.work, self.work_in_batches, self.meddle]
        self.threads = [threading.Thread(target=self.part, args=(part, random.Random(seed)))
                        for part, seed in zip(parts, seeds)]
        self.threads += [threading.Thread(target=watcher.watch, args=(server, space)) for watcher in watchers]
        self.broken: list[str] = []

    def start(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def join(self) -> None:
        for thread in self.threads:
            thread.join()
        assert not self.broken, self.broken

    def part(self, part, rng: random.Random) -> None:
        with httpx.Client(headers={"x-api-key": harness.ADMIN_KEY}, timeout=PATIENCE) as http:
            def call(path: str, body=None, method: str = "POST", delivery: str | None = None):
                headers = {"x-emit-delivery": delivery} if delivery else None
                answer = http.request(method, self.server.api + path, json=body, headers=headers)
                if self.patient and answer.status_code == 503:
                    raise Unavailable(answer.text)
                # 409 and 404 are honest answers under this load; a 503 or 500 is a fault of its own.
                if answer.status_code not in (200, 201, 204, 404, 409):
                    self.broken.append(f"{method} {path}: {answer.status_code} {answer.text}")
                return answer.json() if answer.status_code in (200, 201) else None
            try:
                while not self.broken and not self.over.is_set():
                    try:
                        part(call, rng)
                    except Unavailable:
                        self.refusals += 1
                        self.over.wait(0.1)
            except (httpx.TransportError, json.JSONDecodeError):
                pass  # the crash
            except Exception as error:  # a fault of the server's answers, or of this load: either must be seen
                self.broken.append(repr(error))

    # -- the parts; each call of one is a step ------------------------------------------------------------------

    def create(self, call, rng) -> None:
        count = rng.choice([1, 1, 1, 20])
        # Long timeouts: no event shall come by itself while the audit compares.
        bodies = [{"name": "job", "payload": self.journal.marker(), "priority": rng.randint(0, 3),
                   "maxRetries": rng.randint(0, 2), "timeoutSeconds": 86_400, "deliveryTimeoutSeconds": 86_400}
                  for _ in range(count)]
        made = call(f"/spaces/{self.space}/jobs", bodies[0] if count == 1 else bodies)
        for job, body in zip([made] if count == 1 else made, bodies):
            assert job["payload"] == body["payload"]
            self.journal.promise(job["id"], "created", job["seq"])

    def work(self, call, rng) -> None:
        polled = call(f"/spaces/{self.space}/jobs/poll", {"count": rng.randint(1, 3), "waitSeconds": 1})
        for job in polled["jobs"]:
            self.journal.promise(job["id"], "delivered", job["seq"])
        for job in polled["jobs"]:
            self.report(call, job, "ack", "acked", None, delivery=job["deliveryId"])
            for _ in range(rng.randint(0, 3)):
                verb, event = rng.choice([("progress", "progress"), ("checkpoint", "checkpoint"), ("event", "custom")])
                self.report(call, job, verb, event, self.journal.marker(), delivery=job["deliveryId"])
            end = rng.choice(["complete", "complete", "fail", "release"])
            if end == "complete":
                self.report(call, job, "complete", "completed", self.journal.marker(), delivery=job["deliveryId"])
            elif end == "release":
                self.report(call, job, "release", "released", None, delivery=job["deliveryId"])
            else:
                error = f"error {self.journal.marker()['marker']}"
                last = job["attemptNumber"] >= job["maxRetries"]
                data = {"error": error} if last else {"error": error, "attemptNumber": job["attemptNumber"] + 1}
                self.report(call, job, "fail", "dead" if last else "retried", {"error": error}, data, job["deliveryId"])

    def report(self, call, job, verb, event, body, data=None, delivery=None) -> None:
        answered = call(f"/jobs/{job['id']}/{verb}", body, delivery=delivery)
        if answered:  # None: a meddler was faster
            self.journal.promise(job["id"], event, answered["seq"], data or body, body is not None)

    def work_in_batches(self, call, rng) -> None:
        polled = call(f"/spaces/{self.space}/jobs/poll", {"count": 10, "autoAck": True, "waitSeconds": 1})
        reports, promised = [], []
        for job in polled["jobs"]:
            self.journal.promise(job["id"], "acked", job["seq"])
            for verb, event in (("progress", "progress"), ("complete", "completed")):
                body = self.journal.marker()
                reports.append({"jobId": job["id"], "report": verb, "body": body, "deliveryId": job["deliveryId"]})
                promised.append((job["id"], event, body))
        if reports:
            for item, (job_id, event, body) in zip(call("/jobs/reports", reports), promised):
                if item["code"] == 200:
                    # Which number a report inside a batch got, the answer need not say; the body is its proof.
                    self.journal.promise(job_id, event, None, body, True)

    def meddle(self, call, rng) -> None:
        """An operator: kills, requeues and edits what the list shows."""
        jobs = call(f"/spaces/{self.space}/jobs?limit=20", method="GET")
        if not jobs:
            return
        job = rng.choice(jobs)
        if job["status"] in ("completed", "dead", "killed"):
            self.report(call, job, "requeue", "requeued", None)
        elif job["status"] == "pending" and rng.random() < 0.5:
            answered = call(f"/jobs/{job['id']}", {"priority": rng.randint(0, 9)}, "PATCH")
            if answered:
                self.journal.promise(job["id"], "updated", None)
        else:
            body = {"reason": f"reason {self.journal.marker()['marker']}"}
            self.report(call, job, "kill", "killed", body)


class Watcher:
    """Watches the space over all rounds, resuming after each crash where it stood.

    Hundreds of rounds are millions of events: kept is one number for each, which tells whether two watchers saw the same.
    """

    def __init__(self):
        self.position = 0
        self.fingerprints = array.array("q")
        #: Where the numbers did not go on by one: a gap or a double.
        self.jumps: list[tuple[int, int]] = []

    def watch(self, server: harness.Server, space: str, until: int | None = None) -> list[dict]:
        """Until the connection breaks, or up to a number; the events seen by this call."""
        seen = []
        try:
            with server.ws(f"spaces/{space}", query=f"since={self.position}") as ws:
                while until is None or self.position < until:
                    frame = ws.recv(timeout=PATIENCE)
                    event = json.loads(frame)
                    if event["seq"] != self.position + 1:
                        self.jumps.append((self.position, event["seq"]))
                    self.position = event["seq"]
                    self.fingerprints.append(hash(frame))
                    if until is not None:
                        seen.append(event)
        except (WebSocketException, OSError, EOFError):
            pass  # the crash
        return seen
