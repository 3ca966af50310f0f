"""Section 3: `DELETE /jobs/:jobId`, and what section 8 says stays."""

import pytest

from calls import STATUSES, TERMINAL, counts, ids, job_in, jobs_of, problem, shells

SECRET = "do-not-keep-me"


@pytest.mark.parametrize("status", TERMINAL)
def test_an_erased_job_is_gone(emit, space, status):
    """«a terminal job: payload, result, logs and event data are gone … → 204»; «unknown or purged job: 404»"""
    job, other = job_in(emit, space, status), emit.create(space)
    answer = emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
    assert answer.content == b""
    for path in ("", "/events", "/logs", "/progress"):
        problem(emit.call("GET", f"/jobs/{job['id']}{path}"), 404, "job_not_found")
    for verb in ("claim", "requeue", "kill"):
        problem(emit.call("POST", f"/jobs/{job['id']}/{verb}"), 404, "job_not_found")
    problem(emit.call("DELETE", f"/jobs/{job['id']}"), 404, "job_not_found")
    assert ids(jobs_of(emit, space)) == [other["id"]] and jobs_of(emit, space, ids=job["id"]) == []
    assert counts(emit, space) == {**dict.fromkeys(STATUSES, 0), "pending": 1}


@pytest.mark.parametrize("status", TERMINAL)
def test_numbered_shells_stay(emit, space, status):
    """«numbered shells stay»; «An erased job's shells keep `type`, `status` and `jobName`; `data` becomes `null` where
    there was any»"""
    job = emit.create(space, name="kept", payload=SECRET)
    emit.report(job["id"], "claim")
    emit.report(job["id"], "ack")
    for verb in ("progress", "checkpoint", "event"):
        emit.report(job["id"], verb, {"secret": SECRET})
    emit.report(job["id"], "logs", {"lines": [{"level": "info", "message": SECRET}]})
    end = {"completed": ("complete", SECRET), "dead": ("fail", {"error": SECRET, "retryable": False}),
           "killed": ("kill", {"reason": SECRET})}[status]
    emit.report(job["id"], end[0], f'"{SECRET}"' if status == "completed" else end[1])
    before = emit.call("GET", f"/jobs/{job['id']}/events").json()
    emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
    kept = shells(emit, space)
    assert SECRET not in str(kept)
    assert [e["seq"] for e in kept] == list(range(1, len(kept) + 1))
    stays = ("type", "status", "seq")
    assert [[e[k] for k in stays] for e in kept[:-1]] == [[e[k] for k in stays] for e in before]
    assert {e["jobName"] for e in kept} == {"kept"} and kept[-1]["type"] == "erased"
    for shell, event in zip(kept, before):
        assert ("data" in shell) == (event.get("data") is not None)
        assert shell.get("data") is None
    assert kept[-1].get("data") is None


def test_lists_show_nothing_of_it(emit, space):
    """«payload, result, logs and event data are gone»: lists with contents do not show them either."""
    job = job_in(emit, space, "completed", payload=SECRET)
    emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
    assert SECRET not in emit.call("GET", f"/spaces/{space}/jobs?include=payload,result").text
