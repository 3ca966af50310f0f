"""Section 3: `PATCH /jobs/:jobId` while waiting."""

import json

import pytest

from calls import events, ids, in_seconds, job_in, position, problem, types, wait_status
from test_job_create import in_an_hour, nearly_ten_years_ahead, text


def edit(emit, job, body, expect=200):
    return emit.call("PATCH", f"/jobs/{job['id']}", body, expect=expect).json()


@pytest.mark.parametrize("status", ["scheduled", "pending"])
@pytest.mark.parametrize("field, value", [("priority", -100), ("priority", 100), ("maxRetries", 0), ("maxRetries", 25),
                                          ("payload", {"p": 2}), ("payload", None), ("expiresAt", in_an_hour),
                                          ("scheduledFor", nearly_ten_years_ahead)], ids=text)
def test_each_field(emit, space, status, field, value):
    """«`{priority?, scheduledFor? (null: now), maxRetries?, payload?, expiresAt?}` while waiting → job»; «`PATCH` makes
    one event, `updated`, carrying the new status»; its data: `{fields: […]}`."""
    value = value() if callable(value) else value
    job = job_in(emit, space, status, payload={"p": 1})
    edited = edit(emit, job, {field: value})
    assert edited[field] == value and edited == {k: v for k, v in emit.job(job["id"]).items() if k in edited}
    to = "scheduled" if field == "scheduledFor" else status
    last = events(emit, job["id"])[-1]
    assert (last["type"], last["status"], last["data"], edited["status"]) == ("updated", to, {"fields": [field]}, to)
    assert edited["seq"] == last["seq"] == job["seq"] + 1


def test_several_fields_one_event(emit, space):
    """«`PATCH` makes one event, `updated`»"""
    job = emit.create(space)
    edit(emit, job, {"priority": 9, "maxRetries": 1, "payload": [1]})
    assert types(emit, job["id"]) == ["created", "updated"]
    assert sorted(events(emit, job["id"])[-1]["data"]["fields"]) == ["maxRetries", "payload", "priority"]


@pytest.mark.parametrize("status", ["scheduled", "pending"])
def test_nothing_to_edit(emit, space, status):
    """«`{}` answers 200 without an event»"""
    job = job_in(emit, space, status)
    assert edit(emit, job, {})["id"] == job["id"]
    assert position(emit, space) == job["seq"] and emit.job(job["id"]) == job


def test_due_now(emit, space):
    """«scheduledFor? (null: now)»: `updated` carries the new status, and a worker gets it."""
    job = job_in(emit, space, "scheduled")
    assert edit(emit, job, {"scheduledFor": None})["status"] == "pending"
    assert [(e["type"], e["status"]) for e in events(emit, job["id"])] == [
        ("created", "scheduled"), ("updated", "pending")]
    assert ids(emit.poll(space)) == [job["id"]]


def test_put_off(emit, space):
    """«edited (`PATCH`) | `scheduled` or `pending`»: a pending job may be put off, and comes when its time comes."""
    job = emit.create(space)
    assert edit(emit, job, {"scheduledFor": in_seconds(3600)})["status"] == "scheduled"
    assert emit.poll(space) == []
    edit(emit, job, {"scheduledFor": in_seconds(1)})
    wait_status(emit, job["id"], "pending")
    assert types(emit, job["id"]) == ["created", "updated", "updated", "enqueued"]


def test_expiry_set_and_cleared(emit, space):
    """«`expiresAt: null` clears it»; one that is set holds."""
    job, other = emit.create(space, expiresAt=in_seconds(3600)), emit.create(space)
    assert edit(emit, job, {"expiresAt": None})["expiresAt"] is None
    edit(emit, other, {"expiresAt": in_seconds(1)})
    assert wait_status(emit, other["id"], "dead")["result"] == {"error": "expired"}
    assert emit.job(job["id"])["status"] == "pending"


def test_priority_counts(emit, space):
    """«Order: priority …»: the edited one."""
    first, second = emit.create(space), emit.create(space)
    edit(emit, second, {"priority": 1})
    assert ids(emit.poll(space, count=2)) == [second["id"], first["id"]]


def test_a_payload_is_kept_as_sent(emit, space):
    """«payloads and data are forwarded as sent»"""
    job, payload = emit.create(space), '{"a": 1.0,  "a":[ ]}'
    edit(emit, job, '{"payload": %s}' % payload)
    assert f'"payload":{payload}' in emit.call("POST", f"/spaces/{space}/jobs/poll").text


#: Bad edits with the path of the error; test_bad_input.py sends them too.
BAD = [({"priority": 101}, "/priority"), ({"priority": "1"}, "/priority"), ({"maxRetries": 26}, "/maxRetries"),
       ({"maxRetries": -1}, "/maxRetries"), ({"scheduledFor": "soon"}, "/scheduledFor"),
       ({"expiresAt": 5}, "/expiresAt"), ({"name": "other"}, "/name"), ({"tags": {}}, "/tags"), ([], ""), ("x", "")]


@pytest.mark.parametrize("body, path", BAD, ids=str)
def test_bad_edits(emit, space, body, path):
    """«Unknown fields are 422 in every body whose fields this page lists»; limits as on creation."""
    job = job_in(emit, space, "pending")
    problem(emit.call("PATCH", f"/jobs/{job['id']}", json.dumps(body)), 422, "invalid_fields", path)
    assert emit.job(job["id"]) == job
