"""Section 3: spaces and their settings."""

import pytest

from calls import (NOBODY, STATUSES, TIME, ULID, all_pages, counts, ids, in_seconds, job_in, jobs_of, meanwhile,
                   problem, still_serves)

SETTINGS = {"name": "s", "paused": False, "retentionDays": 14, "maxPending": None, "maxDeliveries": None}


def patch(emit, space, body, expect=200):
    return emit.call("PATCH", f"/spaces/{space}", body, expect=expect).json()


def test_creation(emit):
    """«Spaces: `{id, createdAt, …settings}`; `name` required; 201»; «`retentionDays` (default 14)», «`maxPending`
    (default none)», «`maxDeliveries` (default none …)»"""
    made = emit.call("POST", "/spaces", {"name": "s"}, expect=201).json()
    assert {k: made[k] for k in SETTINGS} == SETTINGS
    assert ULID.fullmatch(made["id"]) and TIME.fullmatch(made["createdAt"])
    # The secret is shown only here.
    read = {**made, "webhookSecret": "whsec_***"}
    assert emit.call("GET", f"/spaces/{made['id']}", expect=200).json() == read


@pytest.mark.parametrize("field, value", [("name", "ü" * 200), ("paused", True), ("retentionDays", 0),
                                          ("retentionDays", 365), ("maxPending", 1), ("maxPending", 1_000_000),
                                          ("maxDeliveries", 1), ("maxDeliveries", 1000)])
def test_settings(emit, space, field, value):
    """«spaces and settings: `name, paused, retentionDays, maxPending, maxDeliveries, …`»: on creation and by PATCH."""
    made = emit.space(**{"name": "s", field: value})
    before = emit.call("GET", f"/spaces/{space}", expect=200).json()
    changed = patch(emit, space, {field: value})
    assert made[field] == value and changed == {**before, field: value}
    assert emit.call("GET", f"/spaces/{space}").json() == changed


@pytest.mark.parametrize("field", ["maxPending", "maxDeliveries"])
def test_a_setting_can_be_taken_back(emit, space, field):
    """«`maxPending` (default none)», «`maxDeliveries` (default none …)»: none is a value."""
    patch(emit, space, {field: 5})
    assert patch(emit, space, {field: None})[field] is None


#: Bad settings with the path of the error; test_bad_input.py sends them too.
BAD = [({"name": ""}, "/name"), ({"name": 5}, "/name"), ({"name": "n" * 201}, "/name"), ({"name": "a\x00"}, "/name"),
       ({"paused": "no"}, "/paused"), ({"retentionDays": -1}, "/retentionDays"),
       ({"retentionDays": 1.5}, "/retentionDays"), ({"maxPending": -1}, "/maxPending"),
       ({"maxPending": "1"}, "/maxPending"), ({"maxDeliveries": 0}, "/maxDeliveries"),
       ({"maxDeliveries": 1001}, "/maxDeliveries"), ({"id": NOBODY}, "/id"), ({"createdAt": None}, "/createdAt"),
       ({"colour": "red"}, "/colour")]


@pytest.mark.parametrize("body, path", BAD, ids=str)
def test_bad_settings(emit, space, body, path):
    """«(default none, 1–1,000)» and the others; «Unknown fields are 422»"""
    before = emit.call("GET", f"/spaces/{space}").json()
    problem(emit.call("PATCH", f"/spaces/{space}", body), 422, "invalid_fields", path)
    problem(emit.call("POST", "/spaces", {"name": "s", **body}), 422, "invalid_fields", path)
    assert emit.call("GET", f"/spaces/{space}").json() == before


def test_a_name_is_required(emit):
    """«`name` required»"""
    problem(emit.call("POST", "/spaces", {}), 422, "invalid_fields", "/name")


def test_the_list(emit):
    """«`/spaces` … answer arrays; `limit` 100 (≤ 1,000); `Link: rel="next"`»: each space once."""
    made = {emit.space(name=f"s{n}")["id"] for n in range(7)}
    seen = [row["id"] for page in all_pages(emit, "/spaces?limit=3") for row in page]
    assert made < set(seen) and len(seen) == len(set(seen))
    for limit in ("0", "1001", "x"):
        problem(emit.call("GET", f"/spaces?limit={limit}"), 422, "invalid_query")


def test_isolation(emit, space):
    """«**Space**: an isolated queue with its own jobs, keys and event stream.»"""
    other = emit.space()["id"]
    job = emit.create(space)
    assert emit.poll(other, count=50) == [] and jobs_of(emit, other) == []
    assert emit.create(other)["seq"] == 1 and emit.create(space)["seq"] == 2
    assert ids(emit.poll(space)) == [job["id"]]


def test_deleting_an_empty_space(emit, space):
    """«DELETE needs `?force=true` unless empty»; «201, 204»"""
    key = emit.token(space, ["jobs:read"])
    assert emit.call("DELETE", f"/spaces/{space}", expect=204).content == b""
    problem(emit.call("GET", f"/spaces/{space}"), 404, "space_not_found")
    problem(emit.call("DELETE", f"/spaces/{space}"), 404, "space_not_found")
    problem(emit.call("GET", "/me", key=key), 401, "invalid_key")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("query", ["", "?force=false"])
def test_deleting_a_space_with_jobs(emit, space, status, query):
    """«not empty: 409 `space_not_empty`»: whatever the jobs' status."""
    job = job_in(emit, space, status)
    problem(emit.call("DELETE", f"/spaces/{space}{query}"), 409, "space_not_empty")
    assert emit.job(job["id"]) == job


def test_forced_deletion(emit, space):
    """«a forced deletion answers 204 once nothing of it can be read»"""
    made = [job_in(emit, space, status) for status in STATUSES]
    key, public = emit.token(space, ["jobs:worker"]), emit.public_token(space)
    emit.call("DELETE", f"/spaces/{space}?force=true", expect=204)
    for job in made:
        for path in ("", "/events", "/logs", "/progress"):
            problem(emit.call("GET", f"/jobs/{job['id']}{path}"), 404, "job_not_found")
        problem(emit.call("POST", f"/jobs/{job['id']}/kill"), 404, "job_not_found")
    for path in ("", "/jobs", "/counts", "/tokens"):
        problem(emit.call("GET", f"/spaces/{space}{path}"), 404, "space_not_found")
    problem(emit.call("POST", f"/spaces/{space}/jobs", {"name": "n"}), 404, "space_not_found")
    problem(emit.call("POST", f"/spaces/{space}/jobs/poll", {}), 404, "space_not_found")
    for one in (key, public):
        problem(emit.call("GET", "/me", key=one), 401, "invalid_key")
    assert space not in [row["id"] for page in all_pages(emit, "/spaces?limit=1000") for row in page]


def test_deletion_ends_what_waits(emit, space):
    """«a forced deletion answers 204 once nothing of it can be read»: not by a GET that has been waiting, either."""
    job = emit.create(space)["id"]
    with meanwhile(emit.call, "GET", f"/jobs/{job}?waitSeconds=30") as future:
        for _ in range(20):
            still_serves(emit)
        emit.call("DELETE", f"/spaces/{space}?force=true", expect=204)
        problem(future.result(), 404, "job_not_found")


def full(answer):
    problem(answer, 503, "queue_full")
    assert int(answer.headers["retry-after"]) >= 0


def test_max_pending(emit, space):
    """«`maxPending` (default none) counts pending and scheduled; what does not fit whole: 503 `queue_full`»; «queue
    full … 503 with `Retry-After`»"""
    patch(emit, space, {"maxPending": 3})
    emit.create(space)
    emit.create(space, scheduledFor=in_seconds(3600))
    full(emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}] * 2))
    assert counts(emit, space)["pending"] == 1
    emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}], expect=201)
    full(emit.call("POST", f"/spaces/{space}/jobs", {"name": "n"}))
    emit.poll(space)  # a delivered job is not waiting any more
    emit.create(space)
    full(emit.call("POST", f"/spaces/{space}/jobs", {"name": "n"}))


def test_a_full_queue_still_replays(emit, space):
    """«Idempotency: … 200, the first job as it is now»: a repetition needs no room."""
    patch(emit, space, {"maxPending": 1})
    job = emit.create(space, idempotencyKey="k")
    body = {"name": "job", "idempotencyKey": "k"}
    assert emit.call("POST", f"/spaces/{space}/jobs", body, expect=200).json()["id"] == job["id"]


def test_a_full_queue_takes_retries(emit, space):
    """«counts pending and scheduled»: what is in already is not lost for want of room."""
    patch(emit, space, {"maxPending": 1})
    job = job_in(emit, space, "running")
    emit.create(space)
    assert emit.report(job["id"], "fail", {"error": "e"})["status"] == "pending"
