"""Section 3: `?waitSeconds=` on a single creation and on `GET /jobs/:jobId`."""

import pytest

from calls import STATUSES, TERMINAL, job_in, jobs_of, meanwhile, problem, types, wait_for
from streams import revoke

ENDS = {"completed": ("complete", {"x": 1}), "dead": ("fail", {"error": "e", "retryable": False}),
        "killed": ("kill", {"reason": "r"})}
RESULTS = {"completed": {"x": 1}, "dead": {"error": "e"}, "killed": {"reason": "r"}}


def finish(emit, job, status):
    emit.report(job["id"], "claim")
    emit.report(job["id"], "ack")
    emit.report(job["id"], *ENDS[status])


@pytest.mark.parametrize("status", TERMINAL)
def test_create_and_wait(emit, space, status):
    """«`?waitSeconds=30` on a single job: the answer comes when it is terminal, with its result»"""
    with meanwhile(emit.call, "POST", f"/spaces/{space}/jobs?waitSeconds=30", {"name": "n"}) as future:
        [job] = wait_for("the job", lambda: jobs_of(emit, space))
        finish(emit, job, status)
        answer = future.result()
    assert answer.status_code == 201
    done = answer.json()
    assert (done["id"], done["status"], done["result"]) == (job["id"], status, RESULTS[status])


def test_create_and_wait_in_vain(emit, space):
    """«or as it is by then»"""
    job = emit.call("POST", f"/spaces/{space}/jobs?waitSeconds=1", {"name": "n"}, expect=201).json()
    assert job["status"] == "pending" and job["result"] is None


@pytest.mark.parametrize("status", TERMINAL)
def test_wait_for_a_job(emit, space, status):
    """«`?waitSeconds=30` answers once it is terminal»"""
    job = emit.create(space)
    with meanwhile(emit.call, "GET", f"/jobs/{job['id']}?waitSeconds=30", expect=200) as future:
        finish(emit, job, status)
        done = future.result().json()
    assert (done["status"], done["result"]) == (status, RESULTS[status])
    assert [event["type"] for event in done["events"]] == types(emit, job["id"])


def test_what_does_not_end_it(emit, space):
    """«once it is terminal»: no other change answers it, and in the end it is shown as it is."""
    job = emit.create(space)
    with meanwhile(emit.call, "GET", f"/jobs/{job['id']}?waitSeconds=2", expect=200) as future:
        emit.report(job["id"], "claim")
        emit.report(job["id"], "ack")
        assert future.result().json()["status"] == "running"


@pytest.mark.parametrize("status", STATUSES)
def test_without_waiting(emit, space, status):
    """A job that has ended is answered at once, and so is any with `waitSeconds=0`."""
    job = job_in(emit, space, status)
    wait = 30 if status in TERMINAL else 0
    answer = emit.call("GET", f"/jobs/{job['id']}?waitSeconds={wait}", expect=200)
    # Were it to wait, it would take the whole 30 seconds.
    assert answer.json() == job and answer.elapsed.total_seconds() < 29


def test_many_waiters(emit, space):
    """Each waiter of a job is answered."""
    job = emit.create(space)
    with (meanwhile(emit.call, "GET", f"/jobs/{job['id']}?waitSeconds=30") as one,
          meanwhile(emit.call, "GET", f"/jobs/{job['id']}?waitSeconds=30") as other):
        emit.report(job["id"], "kill")
        assert one.result().json()["status"] == other.result().json()["status"] == "killed"


@pytest.mark.parametrize("wait", ["31", "-1", "x", "1.5.2"])
def test_waits_out_of_range(emit, space, wait):
    """«Query values out of range: 422 `invalid_query`»; nothing is created."""
    problem(emit.call("POST", f"/spaces/{space}/jobs?waitSeconds={wait}", {"name": "n"}), 422, "invalid_query")
    assert jobs_of(emit, space) == []
    job = emit.create(space)
    problem(emit.call("GET", f"/jobs/{job['id']}?waitSeconds={wait}"), 422, "invalid_query")


def test_a_creation_that_waits_shows_nothing_after_its_key_is_revoked(emit, space):
    """«A 2xx means…»: the job is made, so the answer says so; «a revoked key stops working at once»: no more than that."""
    key = emit.token(space, ["jobs:create"])
    with meanwhile(emit.call, "POST", f"/spaces/{space}/jobs?waitSeconds=30", {"name": "n"}, key=key) as future:
        [job] = wait_for("the job", lambda: jobs_of(emit, space))
        revoke(emit, space, key)
        finish(emit, job, "completed")
        answer = future.result()
    assert answer.status_code == 201
    made = answer.json()
    assert (made["id"], made["status"], made["result"]) == (job["id"], "pending", None)
