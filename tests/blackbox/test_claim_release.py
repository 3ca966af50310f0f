"""Section 3: `/claim`, `/ack`, `/release`."""

import pytest

from calls import TIME, in_seconds, job_in, problem, types, wait_for, wrong_state


def test_a_claim_takes_that_one(emit, space):
    """«claims that one pending job → the job»: whatever stands before it, with what a worker needs."""
    emit.create(space, priority=100)
    made = emit.create(space, payload={"p": 1})
    job = emit.call("POST", f"/jobs/{made['id']}/claim", headers={"x-emit-worker": "w"}, expect=200).json()
    assert (job["id"], job["status"], job["payload"], job["workerId"]) == (made["id"], "delivered", {"p": 1}, "w")
    assert job["deliveryId"] and job["deliveryCount"] == 1 and TIME.fullmatch(job["timeoutAt"])
    assert types(emit, job["id"]) == ["created", "delivered"]


@pytest.mark.parametrize("delay", ["release", "retry"])
def test_no_claim_while_a_delay_runs(emit, space, delay):
    """«or 409 (`not_available` while a delay runs)»"""
    job = job_in(emit, space, "running")
    if delay == "release":
        emit.report(job["id"], "release", {"afterSeconds": 3600})
    else:
        emit.report(job["id"], "fail", {"error": "e", "retryAfterSeconds": 3600})
    wrong_state(emit.call("POST", f"/jobs/{job['id']}/claim"), "pending", "not_available")
    assert emit.job(job["id"])["status"] == "pending"


def test_no_claim_in_a_paused_space(emit, space):
    """«In a paused space a claim is 409 `space_paused`»"""
    job = emit.create(space)
    emit.call("PATCH", f"/spaces/{space}", {"paused": True}, expect=200)
    wrong_state(emit.call("POST", f"/jobs/{job['id']}/claim"), "pending", "space_paused")
    emit.call("PATCH", f"/spaces/{space}", {"paused": False}, expect=200)
    emit.report(job["id"], "claim")


@pytest.mark.parametrize("status", ["scheduled", "delivered", "running", "completed", "dead", "killed"])
def test_no_claim_of_what_is_not_pending(emit, space, status):
    """«claims that one pending job → the job, or 409»"""
    job = job_in(emit, space, status)
    wrong_state(emit.call("POST", f"/jobs/{job['id']}/claim"), status, "wrong_state")


def test_no_claim_past_its_expiry(emit, space):
    """«a job past its `expiresAt` is never handed out»: by a claim neither."""
    job = emit.create(space, expiresAt=in_seconds(1))
    wait_for("its expiry", lambda: in_seconds(0) > job["expiresAt"])
    problem(emit.call("POST", f"/jobs/{job['id']}/claim"), 409)


@pytest.mark.parametrize("status", ["delivered", "running"])
def test_release(emit, space, status):
    """«`delivered` `running` | worker releases it, no penalty | `pending` | `released`»: at once to the next."""
    job = job_in(emit, space, status)
    released = emit.report(job["id"], "release", {})
    assert (released["status"], released["attemptNumber"], released["timeoutAt"]) == ("pending", 0, None)
    [again] = emit.poll(space)
    assert again["id"] == job["id"] and again["deliveryId"] != job["deliveryId"]


def test_release_after_a_while(emit, space):
    """«(release: `{afterSeconds?}`)»"""
    job = job_in(emit, space, "delivered")
    released = emit.report(job["id"], "release", {"afterSeconds": 1})
    assert released["status"] == "pending" and released["availableAt"] > released["updatedAt"]
    [again] = emit.poll(space, waitSeconds=30)
    assert again["id"] == job["id"] and again["deliveredAt"] >= released["availableAt"]


@pytest.mark.parametrize("body, path", [({"afterSeconds": -1}, "/afterSeconds"), ({"after": 1}, "/after"),
                                        ({"afterSeconds": "1"}, "/afterSeconds"),
                                        ({"afterSeconds": 1e12}, "/afterSeconds")])
def test_bad_releases(emit, space, body, path):
    """«Unknown fields are 422 in every body whose fields this page lists»; negative or endless waits are none."""
    job = job_in(emit, space, "running")
    problem(emit.call("POST", f"/jobs/{job['id']}/release", body), 422, "invalid_fields", path)
    assert emit.job(job["id"])["status"] == "running"


def test_releases_never_count(emit, space):
    """«`maxDeliveries` … counts the delivery timeouts of the present attempt; releases … never count»"""
    emit.call("PATCH", f"/spaces/{space}", {"maxDeliveries": 1}, expect=200)
    job = emit.create(space)
    for _ in range(3):
        emit.report(job["id"], "claim")
        assert emit.report(job["id"], "release")["status"] == "pending"
