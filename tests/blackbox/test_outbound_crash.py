"""`kill -9` during deliveries: every ended job's callback arrives at least once, under the same id each try."""

import collections
import pathlib
import random
import time

import httpx

import harness
from calls import wait_for
from receivers import LOOPBACK, Receiver

ROUNDS = 4
JOBS = 60


def test_every_end_is_told_whatever_happens(tmp_path: pathlib.Path):
    """«durable (the intent is written in the transaction that ends the job), at least once»"""
    tired = random.Random(8)

    def behave(request):
        time.sleep(tired.random() * 0.02)
        return 500 if tired.random() < 0.3 else 200

    emit = harness.Server(tmp_path / "data", *LOOPBACK, "--callback-retry-seconds", ",".join("1" * 20))
    with Receiver(behave) as receiver:
        emit.start()
        space = emit.space()["id"]
        for _ in range(ROUNDS):
            emit.call("POST", f"/spaces/{space}/jobs",
                      [{"name": "j", "callbackUrl": receiver.url}] * JOBS, expect=201)
            held = emit.poll(space, count=50, autoAck=True)
            before = len(receiver.requests)
            try:
                for at in range(0, len(held), 10):
                    emit.call("POST", "/jobs/reports", [
                        {"jobId": job["id"], "report": "complete", "deliveryId": job["deliveryId"], "body": {}}
                        for job in held[at:at + 10]])
                    if tired.random() < 0.3:
                        break
                receiver.received(before + tired.randrange(1, 5))
            except httpx.HTTPError:
                pass
            emit.kill()
            emit.http.close()
            emit.start()
        ended = set()
        for page in range(0, ROUNDS * JOBS, 100):
            query = {"status": "completed", "limit": 100, "offset": page}
            ended |= {job["id"] for job in emit.call("GET", f"/spaces/{space}/jobs", params=query).json()}
        assert len(ended) >= ROUNDS * 10

        def all_told():
            counts = collections.Counter()
            for job_id in ended:
                kinds = [event["type"] for event in emit.call("GET", f"/jobs/{job_id}/events").json()]
                counts["callback_sent" in kinds] += 1
            return counts[False] == 0
        wait_for("every end is told", all_told)
        told = collections.defaultdict(set)
        for request in receiver.requests:
            told[request.body["jobId"]].add(request.id)
        assert ended <= set(told), "an end that nobody was told of"
        assert all(len(ids) == 1 for ids in told.values()), "an end under two ids"
        assert len(receiver.requests) > len(told), "nothing was ever tried twice"
        assert emit.stop() == 0
