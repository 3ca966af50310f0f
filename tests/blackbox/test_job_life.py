"""Section 1: the table of a job's life. Every row, and every cell in which there is no row."""

import pytest

from calls import (CONTENTS, STATUSES, TERMINAL, TIME, counts, events, in_seconds, job_in, position, types,
                   wait_status, wrong_state)

#: What each call sends. `PATCH` and `DELETE` are named by their method.
CALLS = {
    "claim": None, "ack": None, "release": None, "progress": {"percent": 65}, "checkpoint": {"page": 3},
    "event": {"note": "hello"}, "logs": {"lines": [{"level": "info", "message": "m"}]}, "keepalive": None,
    "complete": {"url": "x"}, "fail": {"error": "boom"}, "kill": {"reason": "why"}, "requeue": None,
    "PATCH": {"priority": 5}, "DELETE": None,
}
NOTHING = object()
LINES = {"fromLine": 1, "toLine": 1}
#: (from, call) -> (to, event, data of the event)
TABLE = {
    ("pending", "claim"): ("delivered", "delivered", None),
    ("delivered", "ack"): ("running", "acked", None),
    ("delivered", "release"): ("pending", "released", None),
    ("running", "release"): ("pending", "released", None),
    ("running", "progress"): ("running", "progress", CALLS["progress"]),
    ("running", "checkpoint"): ("running", "checkpoint", CALLS["checkpoint"]),
    ("running", "event"): ("running", "custom", CALLS["event"]),
    ("delivered", "keepalive"): ("delivered", NOTHING, None),
    ("running", "keepalive"): ("running", NOTHING, None),
    ("running", "complete"): ("completed", "completed", CALLS["complete"]),
    ("running", "fail"): ("pending", "retried", {"error": "boom", "attemptNumber": 1}),
    ("scheduled", "PATCH"): ("scheduled", "updated", {"fields": ["priority"]}),
    ("pending", "PATCH"): ("pending", "updated", {"fields": ["priority"]}),
    **{(status, "kill"): ("killed", "killed", CALLS["kill"]) for status in STATUSES if status not in TERMINAL},
    **{(status, "requeue"): ("pending", "requeued", None) for status in TERMINAL},
    **{(status, "DELETE"): (None, "erased", None) for status in TERMINAL},
    **{(status, "logs"): (status, "log", LINES) for status in STATUSES},
}


def send(emit, job_id: str, call: str):
    if call.isupper():
        return emit.call(call, f"/jobs/{job_id}", CALLS[call])
    return emit.call("POST", f"/jobs/{job_id}/{call}", CALLS[call])


@pytest.mark.parametrize("status, call", [(s, c) for s in STATUSES for c in CALLS])
def test_the_table(emit, space, status, call):
    """The table of section 1, cell by cell; «Any other transition: 409 with the present `jobStatus`, and nothing
    changes.»"""
    job, before = job_in(emit, space, status), position(emit, space)
    answer = send(emit, job["id"], call)
    if (status, call) not in TABLE:
        wrong_state(answer, status)
        assert emit.job(job["id"]) == job and position(emit, space) == before
        assert counts(emit, space) == {**dict.fromkeys(STATUSES, 0), status: 1}
        return
    to, event, data = TABLE[status, call]
    assert answer.status_code == (204 if call == "DELETE" else 200), answer.text
    assert counts(emit, space) == {**dict.fromkeys(STATUSES, 0), **({to: 1} if to else {})}
    assert position(emit, space) == before + (event is not NOTHING)
    if to is None:
        assert emit.call("GET", f"/jobs/{job['id']}").status_code == 404
        return
    assert emit.job(job["id"])["status"] == to
    if event is not NOTHING:
        last = events(emit, job["id"])[-1]
        assert (last["type"], last["status"], last.get("data"), last["seq"]) == (event, to, data, before + 1)


@pytest.mark.parametrize("due, status", [(None, "pending"), (3600, "scheduled"), (-3600, "pending")])
def test_creation(emit, space, due, status):
    """«create | `pending` (`scheduled` with a future `scheduledFor`) | `created`»; «in the past: due at once»"""
    job = emit.create(space, **({"scheduledFor": in_seconds(due)} if due else {}))
    assert job["status"] == status
    assert [(e["type"], e["status"], e.get("data")) for e in events(emit, job["id"])] == [("created", status, None)]


def test_enqueued(emit, space):
    """«`scheduled` | its time comes | `pending` | `enqueued`»"""
    job = emit.create(space, scheduledFor=in_seconds(1))
    assert job["status"] == "scheduled"
    wait_status(emit, job["id"], "pending")
    last = events(emit, job["id"])[-1]
    assert (last["type"], last["status"], last.get("data")) == ("enqueued", "pending", None)


def test_polled_is_delivered(emit, space):
    """«`pending` | a worker polls or claims it | `delivered`»: by polling."""
    made = emit.create(space)
    [job] = emit.poll(space)
    assert (job["id"], job["status"]) == (made["id"], "delivered")
    assert types(emit, job["id"]) == ["created", "delivered"]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_job_dies_with_its_retries_used(emit, space, retries):
    """«`retried` carries the next one; with `maxRetries: 3` a job dies with `attemptNumber: 3`»"""
    job = emit.create(space, maxRetries=retries)
    for attempt in range(retries):
        assert emit.job(job["id"])["attemptNumber"] == attempt
        emit.report(job["id"], "claim")
        emit.report(job["id"], "ack")
        assert emit.report(job["id"], "fail", {"error": f"no {attempt}"})["status"] == "pending"
        last = events(emit, job["id"])[-1]
        assert (last["type"], last["status"]) == ("retried", "pending")
        assert last["data"] == {"error": f"no {attempt}", "attemptNumber": attempt + 1}
    emit.report(job["id"], "claim")
    emit.report(job["id"], "ack")
    assert emit.report(job["id"], "fail", {"error": "the last"})["status"] == "dead"
    dead, last = emit.job(job["id"]), events(emit, job["id"])[-1]
    assert (dead["attemptNumber"], dead["result"]) == (retries, {"error": "the last"})
    assert (last["type"], last["status"], last["data"]) == ("dead", "dead", {"error": "the last"})


def test_not_retryable_is_dead_at_once(emit, space):
    """«the same, none left, or `retryable: false` | `dead`»; «result (for `dead`: `{error}`»"""
    job = job_in(emit, space, "running")
    emit.report(job["id"], "fail", {"error": "no use", "retryable": False})
    dead = emit.job(job["id"])
    assert (dead["status"], dead["attemptNumber"], dead["result"]) == ("dead", 0, {"error": "no use"})


def test_retryable_true_changes_nothing(emit, space):
    """`retryable` may be said, and true is what counts when it is not."""
    job = job_in(emit, space, "running")
    assert emit.report(job["id"], "fail", {"error": "again", "retryable": True})["status"] == "pending"


def test_a_release_has_no_penalty(emit, space):
    """«a worker releases it, no penalty»; «A delivery timeout or a release consumes no retry.»"""
    job = emit.create(space, maxRetries=0)
    for _ in range(3):
        emit.report(job["id"], "claim")
        emit.report(job["id"], "ack")
        released = emit.report(job["id"], "release")
        assert (released["status"], released["attemptNumber"]) == ("pending", 0)
    emit.report(job["id"], "claim")
    emit.report(job["id"], "ack")
    assert emit.report(job["id"], "complete")["status"] == "completed"


def test_progress_and_checkpoint_outlive_retries(emit, space):
    """«`progress` and `checkpoint` (the latest of each) outlive retries, so that the next attempt can resume.»"""
    job = job_in(emit, space, "running")
    for n in (1, 2):
        emit.report(job["id"], "progress", {"percent": n})
        emit.report(job["id"], "checkpoint", {"page": n})
    emit.report(job["id"], "fail", {"error": "again"})
    [again] = emit.poll(space)
    assert (again["progress"], again["checkpoint"], again["attemptNumber"]) == ({"percent": 2}, {"page": 2}, 1)


def test_back_in_pending_the_last_attempt_shows(emit, space):
    """«Back in `pending`, `timeoutAt` is null and the other fields of the attempt keep the last attempt's values.»"""
    job = emit.create(space)
    emit.call("POST", f"/jobs/{job['id']}/claim", headers={"x-emit-worker": "w1"}, expect=200)
    emit.report(job["id"], "ack")
    was = emit.job(job["id"])
    assert all(TIME.fullmatch(was[field]) for field in ("timeoutAt", "deliveredAt", "startedAt"))
    emit.report(job["id"], "fail", {"error": "again"})
    now = emit.job(job["id"])
    assert now["timeoutAt"] is None
    for field in ("deliveredAt", "startedAt", "deliveryId", "deliveryCount", "workerId"):
        assert now[field] == was[field], field
    assert now["workerId"] == "w1" and now["completedAt"] is None


@pytest.mark.parametrize("status", TERMINAL)
def test_requeue_starts_anew(emit, space, status):
    """«Requeue sets `attemptNumber` 0, clears `progress`, `result` and the times, keeps `checkpoint`.» «Requeue also
    sets `deliveryCount` 0, clears `deliveryId`, `expiresAt` and `scheduledFor`; … afterwards `GET …/progress` shows
    nulls again.»"""
    job = emit.create(space, scheduledFor=in_seconds(-60), expiresAt=in_seconds(3600), maxRetries=2)
    emit.report(job["id"], "claim")
    emit.report(job["id"], "ack")
    emit.report(job["id"], "fail", {"error": "first"})
    emit.report(job["id"], "claim")
    emit.report(job["id"], "ack")
    emit.report(job["id"], "progress", {"percent": 1})
    emit.report(job["id"], "checkpoint", {"page": 1})
    end = {"completed": ("complete", {"x": 1}), "dead": ("fail", {"error": "e", "retryable": False}),
           "killed": ("kill", {"reason": "r"})}[status]
    emit.report(job["id"], *end)
    ended = emit.job(job["id"])
    assert ended["status"] == status and TIME.fullmatch(ended["completedAt"]) and ended["attemptNumber"] == 1
    again = emit.report(job["id"], "requeue")
    assert (again["status"], again["attemptNumber"], again["deliveryCount"]) == ("pending", 0, 0)
    assert again["checkpoint"] == {"page": 1}
    for field in ("progress", "result", "deliveryId", "expiresAt", "scheduledFor", "deliveredAt", "startedAt",
                  "completedAt", "timeoutAt"):
        assert again[field] is None, field
    shown = emit.call("GET", f"/jobs/{job['id']}/progress", expect=200).json()
    assert (shown["data"], shown["timestamp"], shown["seq"]) == (None, None, None)
    assert types(emit, job["id"])[-2:] == [status, "requeued"]
    [polled] = emit.poll(space)
    assert (polled["id"], polled["checkpoint"], polled["deliveryCount"]) == (job["id"], {"page": 1}, 1)


@pytest.mark.parametrize("body, kept", [(None, {"reason": None}), ({}, {}), ({"reason": None}, {"reason": None}),
                                        ({"reason": "enough"}, {"reason": "enough"})])
def test_a_kills_reason(emit, space, body, kept):
    """«A kill's `data` and `result` are the body as sent; an empty body …: `{"reason": null}`.»"""
    job = emit.create(space)
    emit.report(job["id"], "kill", body)
    assert emit.job(job["id"])["result"] == kept
    assert events(emit, job["id"])[-1]["data"] == kept


@pytest.mark.parametrize("text", ["null", "true", "0", '"text"', "[1, 2]", "{}", '{"a":  1.0}',
                                  '{"n":12345678901234567890123,"e":1E5}', r'"\u0041\/"', '{"a":1,"a":2}', ""])
def test_a_result_is_any_json_as_sent(emit, space, text):
    """«complete | `completed` | the request body: the result (empty body: `null`)»; «payloads and data are forwarded
    as sent (fixed)»: byte for byte, and fields that are no known ones may even repeat."""
    job = job_in(emit, space, "running")
    emit.call("POST", f"/jobs/{job['id']}/complete", text.encode() or None, expect=200)
    stored = text or "null"
    assert f'"result":{stored}' in emit.call("GET", f"/jobs/{job['id']}").text
    assert f'"data":{stored}' in emit.call("GET", f"/jobs/{job['id']}/events").text


@pytest.mark.parametrize("verb, field", [("progress", "progress"), ("checkpoint", "checkpoint"), ("event", None)])
def test_reports_are_forwarded_as_sent(emit, space, verb, field):
    """«payloads and data are forwarded as sent (fixed)»: progress, checkpoint and custom events."""
    job, text = job_in(emit, space, "running"), r'{"b": 1.50, "a":{"a":1,"a":2},  "c":"\u00e9\u0000"}'
    emit.call("POST", f"/jobs/{job['id']}/{verb}", text, expect=200)
    assert f'"data":{text}' in emit.call("GET", f"/jobs/{job['id']}/events").text
    if field:
        assert f'"{field}":{text}' in emit.call("GET", f"/jobs/{job['id']}").text


@pytest.mark.parametrize("verb, body", [("ack", None), ("release", None), ("progress", {"a": 1}),
                                        ("checkpoint", {"a": 1}), ("event", {"a": 1}), ("complete", {"a": 1}),
                                        ("fail", {"error": "e"})])
def test_reports_answer_the_job_without_its_contents(emit, space, verb, body):
    """«Answers to worker reports leave out payload, progress, result, checkpoint and events.»"""
    job = job_in(emit, space, "delivered" if verb == "ack" else "running", payload={"p": 1})
    answer = emit.report(job["id"], verb, body)
    assert answer["id"] == job["id"] and not CONTENTS & set(answer)


def test_times_of_a_life(emit, space):
    """«adds … `createdAt`, `updatedAt`, …, `deliveredAt`, `startedAt`, `completedAt` (its end, of any kind), …, `seq`
    (its last event's)»; «`null` where there is nothing yet»"""
    job = emit.create(space)
    assert [job[f] for f in ("deliveredAt", "startedAt", "completedAt", "timeoutAt")] == [None] * 4
    delivered = emit.report(job["id"], "claim")
    assert TIME.fullmatch(delivered["deliveredAt"]) and TIME.fullmatch(delivered["timeoutAt"])
    assert delivered["startedAt"] is None
    running = emit.report(job["id"], "ack")
    assert TIME.fullmatch(running["startedAt"]) and running["completedAt"] is None
    done = emit.report(job["id"], "complete")
    assert TIME.fullmatch(done["completedAt"]) and done["timeoutAt"] is None
    assert job["createdAt"] <= done["deliveredAt"] <= done["startedAt"] <= done["completedAt"] <= done["updatedAt"]
    assert emit.job(job["id"])["seq"] == done["seq"] == events(emit, job["id"])[-1]["seq"] == job["seq"] + 3


@pytest.mark.parametrize("status", ["scheduled", "pending", "delivered", "running"])
def test_a_kill_is_an_end(emit, space, status):
    """«`completedAt` (its end, of any kind)»: also where it never ran."""
    job = job_in(emit, space, status)
    killed = emit.report(job["id"], "kill")
    assert TIME.fullmatch(killed["completedAt"]) and killed["timeoutAt"] is None
    assert emit.poll(space) == []
