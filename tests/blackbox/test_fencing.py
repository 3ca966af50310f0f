"""Section 3, «Fencing», and what section 8 adds to it."""

import pytest

from calls import events, job_in, position, problem, types, wrong_state

BODIES = {"ack": None, "release": None, "progress": {"a": 1}, "checkpoint": {"a": 1}, "event": {"a": 1},
          "logs": {"lines": [{"level": "info", "message": "m"}]}, "keepalive": None, "complete": {"a": 1},
          "fail": {"error": "e"}}


def report(emit, job, verb, body=None, delivery=None):
    head = {"x-emit-delivery": delivery or job["deliveryId"]}
    return emit.call("POST", f"/jobs/{job['id']}/{verb}", body, headers=head)


def twice_delivered(emit, space, **fields):
    """A job in its second delivery, acked; the answer of each delivery."""
    job = emit.create(space, **fields)
    first = emit.report(job["id"], "claim")
    emit.report(job["id"], "release")
    second = emit.report(job["id"], "claim")
    emit.report(job["id"], "ack")
    return first, second


@pytest.mark.parametrize("verb", BODIES)
def test_an_earlier_delivery_is_stale(emit, space, verb):
    """«sent back as `x-emit-delivery`, a report from an earlier delivery gets 409 `stale_delivery` and changes
    nothing»"""
    first, second = twice_delivered(emit, space)
    assert first["deliveryId"] != second["deliveryId"]
    before, seq = emit.job(first["id"]), position(emit, space)
    wrong_state(report(emit, first, verb, BODIES[verb]), "running", "stale_delivery")
    assert emit.job(first["id"]) == before and position(emit, space) == seq
    assert emit.call("GET", f"/jobs/{first['id']}/logs").json() == []


@pytest.mark.parametrize("verb", BODIES)
def test_the_latest_delivery_is_good(emit, space, verb):
    """«A delivered job carries `deliveryId`; sent back as `x-emit-delivery`»: with the latest one it is carried out."""
    _, second = twice_delivered(emit, space)
    assert report(emit, second, verb, BODIES[verb]).status_code == 200


@pytest.mark.parametrize("end, status", [("complete", "completed"), ("fail", "dead"), ("release", "pending")])
def test_stale_comes_before_the_state(emit, space, end, status):
    """«The check for `stale_delivery` comes before the state's.»"""
    first, second = twice_delivered(emit, space, maxRetries=0)
    assert report(emit, second, end, BODIES[end]).status_code == 200
    wrong_state(report(emit, first, "complete"), status, "stale_delivery")
    wrong_state(report(emit, first, "ack"), status, "stale_delivery")


@pytest.mark.parametrize("verb, status", [("ack", "running"), ("complete", "completed"), ("fail", "pending"),
                                          ("release", "pending")])
def test_a_repetition_changes_nothing(emit, space, verb, status):
    """«`ack`, `complete` and `fail` repeated with the deliveryId of the latest delivery answer 200 with the job as it
    is and change nothing»; «A repeated `release` with the latest `deliveryId` … answer 200.»"""
    job = emit.report(emit.create(space)["id"], "claim")
    if verb in ("complete", "fail"):
        emit.report(job["id"], "ack")
    first = report(emit, job, verb, BODIES[verb])
    assert first.status_code == 200
    before, seq = emit.job(job["id"]), position(emit, space)
    again = report(emit, job, verb, BODIES[verb])
    assert again.status_code == 200 and again.json() == first.json() and again.json()["status"] == status
    assert emit.job(job["id"]) == before and position(emit, space) == seq


@pytest.mark.parametrize("verb, other", [("complete", {"b": 2}), ("fail", {"error": "another", "retryable": False})])
def test_the_first_body_stands(emit, space, verb, other):
    """«(the first body stands; …)»"""
    job = job_in(emit, space, "running", maxRetries=0)
    report(emit, job, verb, BODIES[verb])
    before = emit.job(job["id"])
    assert report(emit, job, verb, other).status_code == 200
    assert emit.job(job["id"]) == before and before["result"] == BODIES[verb]


@pytest.mark.parametrize("first, second, status", [("complete", "fail", "completed"), ("fail", "complete", "dead"),
                                                   ("complete", "release", "completed"), ("fail", "release", "dead")])
def test_a_different_kind_is_refused(emit, space, first, second, status):
    """«a different kind is 409»"""
    job = job_in(emit, space, "running", maxRetries=0)
    report(emit, job, first, BODIES[first])
    before = emit.job(job["id"])
    wrong_state(report(emit, job, second, BODIES[second]), status, "wrong_state")
    assert emit.job(job["id"]) == before


def test_after_a_retry_the_repeated_fail_is_known(emit, space):
    """«`deliveryId` stays the latest delivery's until the next one or a requeue»: so a repeated `fail` of a job that
    waits for its retry is a repetition, not a second failure."""
    job = job_in(emit, space, "running")
    report(emit, job, "fail", {"error": "e"})
    assert report(emit, job, "fail", {"error": "e"}).json()["attemptNumber"] == 1
    wrong_state(report(emit, job, "complete"), "pending", "wrong_state")
    assert types(emit, job["id"]).count("retried") == 1


@pytest.mark.parametrize("end, status", [("complete", "completed"), ("fail", "dead")])
def test_a_late_ack(emit, space, end, status):
    """«a late repeat of `ack` answer 200»: also when the job has gone on."""
    job = job_in(emit, space, "running", maxRetries=0)
    report(emit, job, end, BODIES[end])
    answer = report(emit, job, "ack")
    assert answer.status_code == 200 and answer.json()["status"] == status
    assert types(emit, job["id"]).count("acked") == 1


@pytest.mark.parametrize("verb", ["ack", "complete", "fail", "release"])
def test_without_a_delivery_id_a_repetition_is_a_wrong_state(emit, space, verb):
    """«repeated with the deliveryId of the latest delivery»: without it nobody knows that it is a repetition."""
    job = job_in(emit, space, "delivered" if verb == "ack" else "running", maxRetries=0)
    emit.report(job["id"], verb, BODIES[verb])
    problem(emit.call("POST", f"/jobs/{job['id']}/{verb}", BODIES[verb]), 409, "wrong_state")


@pytest.mark.parametrize("verb", ["progress", "checkpoint", "event", "logs"])
def test_the_others_apply_again(emit, space, verb):
    """«The other reports simply apply again.»"""
    job = job_in(emit, space, "running")
    for _ in range(2):
        assert report(emit, job, verb, BODIES[verb]).status_code == 200
    made = {"event": "custom", "logs": "log"}.get(verb, verb)
    assert types(emit, job["id"]).count(made) == 2


@pytest.mark.parametrize("verb", [verb for verb in BODIES if verb != "logs"])
def test_the_worker_of_a_killed_job_learns_it(emit, space, verb):
    """«A worker whose job was killed learns it by 409 with `jobStatus: "killed"` on its next report.» A repeated ack
    is no news of the worker's and answers as ever."""
    job = job_in(emit, space, "running")
    emit.report(job["id"], "kill")
    answer = report(emit, job, verb, BODIES[verb])
    if verb == "ack" and answer.status_code == 200:
        assert answer.json()["status"] == "killed"
    else:
        wrong_state(answer, "killed", "wrong_state")


@pytest.mark.parametrize("verb", ["ack", "complete", "progress"])
def test_a_requeue_ends_the_delivery(emit, space, verb):
    """«`deliveryId` stays the latest delivery's until the next one or a requeue»"""
    job = job_in(emit, space, "running")
    emit.report(job["id"], "kill")
    emit.report(job["id"], "requeue")
    wrong_state(report(emit, job, verb, BODIES[verb]), "pending", "stale_delivery")


def test_every_delivery_has_its_own(emit, space):
    """«`deliveryId`» changes with each delivery, «`deliveryCount`» counts them, and retries keep it until the next."""
    job, seen = emit.create(space), []
    for n in range(1, 4):
        [got] = emit.poll(space)
        assert got["deliveryCount"] == n
        seen.append(got["deliveryId"])
        report(emit, got, "ack")
        report(emit, got, "fail", {"error": "e"})
        assert emit.job(job["id"])["deliveryId"] == got["deliveryId"]
    assert len(set(seen)) == 3


def test_keepalive_of_a_delivered_job(emit, space):
    """«delivered running | keepalive | same | none»: with the delivery's id, too."""
    job = job_in(emit, space, "delivered")
    assert set(report(emit, job, "keepalive").json()) == {"timeoutAt", "secondsLeft"}
    assert events(emit, job["id"])[-1]["type"] == "delivered"
