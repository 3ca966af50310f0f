"""Push: `job.pending` wakes workers that do not poll."""

import pytest
from standardwebhooks import Webhook

import harness
from calls import in_seconds, meanwhile, problem, wait_for
from receivers import LOOPBACK, Receiver


@pytest.fixture(scope="module")
def emit():
    with harness.server(*LOOPBACK) as one:
        yield one


def test_a_pending_job_wakes(emit):
    """«POST `job.pending` with `jobId`, optional headers»; signed as callbacks are"""
    with Receiver() as worker:
        made = emit.space(push={"url": worker.url + "/wake?k=v", "headers": {"Authorization": "Bearer s3cret"}})
        assert made["push"] == {"url": worker.url + "/wake?k=v", "headers": {"Authorization": "***"}, "names": []}
        job = emit.create(made["id"], name="resize")
        [request] = worker.received(1)
        body = Webhook(made["webhookSecret"]).verify(request.text, request.headers)
        assert body.pop("timestamp").endswith("Z")
        assert body == {"type": "job.pending", "spaceId": made["id"], "jobId": job["id"], "jobName": "resize", "count": 1}
        assert request.path == "/wake?k=v" and request.headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in emit.output()


def test_whatever_makes_a_job_pending_wakes(emit):
    with Receiver() as worker:
        space = emit.space(push={"url": worker.url})["id"]
        job = emit.create(space, scheduledFor=in_seconds(0.5), retryBackoff={"strategy": "fixed", "delaySeconds": 0.3})
        worker.received(1)  # its time came
        for at, (verb, body) in enumerate([("release", {}), ("fail", {"error": "x"}), ("kill", {})], 2):
            if verb != "kill":
                emit.report(job["id"], "claim")
                emit.report(job["id"], "ack")
                emit.report(job["id"], verb, body)  # the failed one is pending at once, and available after its delay
            else:
                emit.report(job["id"], verb, body)
                emit.report(job["id"], "requeue")
            worker.received(at)
        assert {request.body["jobId"] for request in worker.requests} == {job["id"]}


def test_the_name_filter(emit):
    """«a name filter»"""
    with Receiver() as worker:
        space = emit.space(push={"url": worker.url, "names": ["wanted", "too"]})["id"]
        emit.create(space, name="other")
        wanted = emit.create(space, name="too")
        emit.create(space, name="Wanted")
        assert worker.received(1)[0].body["jobId"] == wanted["id"]
        assert {request.body["jobName"] for request in worker.requests} == {"too"}


def test_a_burst_is_few_requests(emit):
    """«a burst of 10,000 jobs is not 10,000 requests»"""
    with Receiver() as worker:
        space = emit.space(push={"url": worker.url})["id"]
        for _ in range(10):
            emit.call("POST", f"/spaces/{space}/jobs", [{"name": "j"}] * 1000, expect=201)
        wait_for("all are counted", lambda: sum(r.body["count"] for r in list(worker.requests)) >= 10_000)
        assert sum(request.body["count"] for request in worker.requests) == 10_000
        assert len(worker.requests) <= 100


def test_a_job_that_a_waiting_poll_takes_wakes_nobody(emit):
    with Receiver() as worker:
        space = emit.space(push={"url": worker.url, "names": ["taken", "left"]})["id"]
        with meanwhile(emit.poll, space, waitSeconds=30, name="taken") as polled:
            # The poll is there before the job: it has a connection, and a moment.
            wait_for("the poll waits", lambda: polled.running())
            taken = emit.create(space, name="taken", scheduledFor=in_seconds(1))
            assert [job["id"] for job in polled.result(harness.PATIENCE)] == [taken["id"]]
        left = emit.create(space, name="left")
        assert worker.received(1)[0].body["jobId"] == left["id"]


def test_back_off_on_failure_keeps_the_wake_up(emit):
    """«back-off on failure»: the wake-up comes again, with what has come since."""
    answers = iter([500, 302, 200])
    with Receiver(lambda request: next(answers)) as worker:
        space = emit.space(push={"url": worker.url})["id"]
        first = emit.create(space)
        worker.received(1)
        emit.create(space)
        requests = worker.received(3)
        assert [request.body["jobId"] for request in requests] == [first["id"]] * 3
        assert requests[-1].body["count"] >= 2


def test_a_message_keeps_its_id_and_its_back_off(emit):
    """The same for all tries of one message, and a change of other settings starts nothing anew."""
    answers = iter([500, 500, 200])
    with Receiver(lambda request: next(answers)) as worker:
        space = emit.space(push={"url": worker.url})["id"]
        emit.create(space)
        worker.received(1)
        emit.call("PATCH", f"/spaces/{space}", {"maxPending": 100}, expect=200)
        assert len({request.id for request in worker.received(3)}) == 1


def test_earlier_jobs_wake_when_push_is_set_or_the_space_goes_on(emit):
    with Receiver() as worker:
        space = emit.space(paused=True)["id"]
        job = emit.create(space, name="a")
        put = {"push": {"url": worker.url, "names": ["b", "a"]}}
        emit.call("PATCH", f"/spaces/{space}", put, expect=200)
        emit.create(space, name="b")
        emit.call("PATCH", f"/spaces/{space}", {"paused": False}, expect=200)
        worker.received(1)
        assert len(worker.requests) == 1 and job, "a paused space wakes nobody"


def test_a_job_that_waits_in_its_delay_wakes_only_when_it_is_over(emit):
    """Push set meanwhile finds nothing that could be taken."""
    with Receiver() as worker:
        space = emit.space()["id"]
        delayed = emit.running(space)
        emit.report(delayed["id"], "fail", {"error": "x", "retryAfterSeconds": 3600})
        emit.call("PATCH", f"/spaces/{space}", {"push": {"url": worker.url}}, expect=200)
        job = emit.create(space)
        [request] = worker.received(1)[:1]
        assert (request.body["jobId"], request.body["count"]) == (job["id"], 1)


def test_a_restart_wakes(tmp_path):
    with Receiver() as worker:
        emit = harness.Server(tmp_path / "data", *LOOPBACK).start()
        space = emit.space(push={"url": worker.url})["id"]
        emit.create(space)
        worker.received(1)
        assert emit.stop() == 0
        emit.http.close()
        emit.start()
        worker.received(2)
        emit.kill()


def test_settings(emit):
    space = emit.space()["id"]
    for wrong, path in [({}, "/push/url"), ({"url": "https://a", "names": [""]}, "/push/names/0"),
                        ({"url": "https://a", "names": ["n"] * 101}, "/push/names"),
                        ({"url": "https://a", "events": []}, "/push/events"), ([], "/push")]:
        problem(emit.call("PATCH", f"/spaces/{space}", {"push": wrong}), 422, "invalid_fields", path)
    assert emit.call("PATCH", f"/spaces/{space}", {"push": None}, expect=200).json()["push"] is None
