"""Section 4, «Retention», as REST shows it. `retentionDays: 0` purges at once."""

import pytest

from calls import TERMINAL, counts, events, ids, in_seconds, job_in, jobs_of, position, problem, wait_for


@pytest.fixture
def brief(emit):
    """A space that keeps no ended jobs."""
    return emit.space(retentionDays=0)["id"]


def purged(emit, job):
    wait_for("the purge", lambda: emit.call("GET", f"/jobs/{job['id']}").status_code == 404)


@pytest.mark.parametrize("status", TERMINAL)
def test_ended_jobs_go(emit, brief, status):
    """«ended jobs with payload, result and logs that long after their end»; «unknown or purged job: 404»"""
    job = emit.create(brief, payload="x", idempotencyKey="k")
    emit.report(job["id"], "claim")
    emit.report(job["id"], "ack")
    end = {"completed": ("complete", None), "dead": ("fail", {"error": "e", "retryable": False}),
           "killed": ("kill", None)}[status]
    emit.report(job["id"], *end)
    purged(emit, job)
    for path in ("/events", "/logs", "/progress"):
        problem(emit.call("GET", f"/jobs/{job['id']}{path}"), 404, "job_not_found")
    problem(emit.call("POST", f"/jobs/{job['id']}/requeue"), 404, "job_not_found")
    assert jobs_of(emit, brief) == [] and set(counts(emit, brief).values()) == {0}
    # «Erasing or purging a job frees its key.»
    assert emit.create(brief, name="another", idempotencyKey="k")["id"] != job["id"]


def test_waiting_and_running_jobs_stay(emit, brief):
    """«Waiting and running jobs are never dropped, though their oldest events may be: their latest progress and
    checkpoint stay.»"""
    kept = [job_in(emit, brief, status) for status in ("scheduled", "pending", "delivered", "running")]
    emit.report(kept[3]["id"], "progress", {"percent": 7})
    emit.report(kept[3]["id"], "checkpoint", {"page": 7})
    gone = emit.create(brief)
    emit.report(gone["id"], "kill")
    purged(emit, gone)
    assert ids(jobs_of(emit, brief)) == ids(kept)[::-1]
    running = emit.job(kept[3]["id"])
    assert (running["progress"], running["checkpoint"]) == ({"percent": 7}, {"page": 7})
    shown = emit.call("GET", f"/jobs/{kept[3]['id']}/progress", expect=200).json()
    assert shown["data"] == {"percent": 7}
    assert emit.report(kept[3]["id"], "complete")["status"] == "completed"


def test_numbers_go_on(emit, brief):
    """«`seq` … no gaps, never reused»: a purge takes old events away, not numbers."""
    job = emit.create(brief)
    emit.report(job["id"], "kill")
    purged(emit, job)
    before = position(emit, brief)
    assert emit.create(brief)["seq"] == before + 1 and before >= 2


def test_a_longer_retention_keeps(emit, space, brief):
    """«`retentionDays` (default 14)»: an ended job of another space is there when this one's has gone."""
    kept = job_in(emit, space, "killed")
    gone = emit.create(brief)
    emit.report(gone["id"], "kill")
    purged(emit, gone)
    assert emit.job(kept["id"]) == kept and len(events(emit, kept["id"])) == 2


def test_a_shorter_retention_holds_for_what_has_ended(emit, space):
    """«ended jobs … that long after their end»: the setting counts, not what it was at the end."""
    job = job_in(emit, space, "completed")
    emit.call("PATCH", f"/spaces/{space}", {"retentionDays": 0}, expect=200)
    purged(emit, job)
    late = emit.create(space, scheduledFor=in_seconds(3600))
    assert ids(jobs_of(emit, space)) == [late["id"]]
