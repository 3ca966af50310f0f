"""Section 3: `POST /spaces/:spaceId/jobs/requeue` and `/kill`."""

import pytest

from calls import (STATUSES, TERMINAL, all_pages, counts, events, ids, in_seconds, job_in, jobs_of, position, problem,
                   wait_for)


def bulk(emit, space, verb, expect=200, **body):
    return emit.call("POST", f"/spaces/{space}/jobs/{verb}", body, expect=expect)


def bad(emit, space, verb, body, path):
    problem(emit.call("POST", f"/spaces/{space}/jobs/{verb}", body), 422, "invalid_fields", path)


@pytest.mark.parametrize("verb, status", [("requeue", s) for s in TERMINAL]
                         + [("kill", s) for s in STATUSES if s not in TERMINAL])
def test_one_status(emit, space, verb, status):
    """«`{status, …}` → `{count, more}`»; «one `status`, terminal for requeue, any other for kill»: the others stay."""
    for each in STATUSES:
        job_in(emit, space, each, name=each)
    assert bulk(emit, space, verb, status=status).json() == {"count": 1, "more": False}
    to = "pending" if verb == "requeue" else "killed"
    wanted = dict.fromkeys(STATUSES, 1)
    wanted[status] -= 1
    wanted[to] += 1
    assert counts(emit, space) == wanted
    [job] = jobs_of(emit, space, name=status)
    last = events(emit, job["id"])[-1]
    wanted = {"requeue": ("requeued", None), "kill": ("killed", {"reason": None})}[verb]
    assert (last["type"], last.get("data")) == wanted
    if verb == "kill":
        assert emit.job(job["id"])["result"] == {"reason": None}


@pytest.mark.parametrize("verb, status", [("requeue", s) for s in STATUSES if s not in TERMINAL]
                         + [("kill", s) for s in TERMINAL])
def test_the_wrong_status(emit, space, verb, status):
    """«terminal for requeue, any other for kill, else 422»"""
    job_in(emit, space, status)
    bad(emit, space, verb, {"status": status}, "/status")
    assert counts(emit, space)[status] == 1


@pytest.mark.parametrize("verb, status", [("requeue", "dead"), ("kill", "pending")])
@pytest.mark.parametrize("more, path", [
    ({"status": None}, "/status"), ({"status": "lost"}, "/status"), ({"status": ["dead"]}, "/status"),
    ({"limit": 0}, "/limit"), ({"limit": 1001}, "/limit"), ({"limit": "all"}, "/limit"), ({"dryRun": 1}, "/dryRun"),
    ({"createdBefore": "yesterday"}, "/createdBefore"), ({"name": 5}, "/name"), ({"tag": "a:b"}, "/tag")], ids=str)
def test_bad_bodies(emit, space, verb, status, more, path):
    """«`{status, name?, createdBefore?, limit: 100(≤1,000), dryRun?}`»"""
    job_in(emit, space, status)
    before = position(emit, space)
    bad(emit, space, verb, {"status": status, **more}, path)
    assert position(emit, space) == before


@pytest.mark.parametrize("verb", ["requeue", "kill"])
def test_a_status_is_required(emit, space, verb):
    """«one `status`»"""
    bad(emit, space, verb, {}, "/status")


@pytest.mark.parametrize("limit, count", [(None, 100), (1, 1), (104, 104), (105, 105), (1000, 105)])
def test_limit_and_order(emit, space, limit, count):
    """«`limit: 100(≤1,000)` … → `{count, more}`, oldest first»; «`more` = others match beyond `limit`»"""
    made = emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}] * 105, expect=201).json()
    answer = bulk(emit, space, "kill", status="pending", **({"limit": limit} if limit else {})).json()
    assert answer == {"count": count, "more": count < 105}
    killed = [job["id"] for page in all_pages(emit, f"/spaces/{space}/jobs?status=killed") for job in page]
    assert killed[::-1] == ids(made)[:count]


def test_requeue_in_order(emit, space):
    """«oldest first»: and so they are handed out."""
    made = emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}] * 10, expect=201).json()
    bulk(emit, space, "kill", status="pending")
    assert bulk(emit, space, "requeue", status="killed", limit=6).json() == {"count": 6, "more": True}
    assert ids(emit.poll(space, count=50)) == ids(made)[:6]


def test_by_name(emit, space):
    """«`name?`»"""
    one, other = job_in(emit, space, "dead", name="a"), job_in(emit, space, "dead", name="ab")
    assert bulk(emit, space, "requeue", status="dead", name="a").json() == {"count": 1, "more": False}
    assert emit.job(one["id"])["status"] == "pending" and emit.job(other["id"])["status"] == "dead"


def test_by_age(emit, space):
    """«`createdBefore?`»"""
    old = emit.create(space)
    wait_for("a later millisecond", lambda: in_seconds(0) > old["createdAt"])
    young = emit.create(space)
    assert bulk(emit, space, "kill", status="pending", createdBefore=young["createdAt"]).json()["count"] == 1
    assert emit.job(old["id"])["status"] == "killed" and emit.job(young["id"])["status"] == "pending"


@pytest.mark.parametrize("verb, status", [("requeue", "dead"), ("kill", "running")])
def test_dry_run(emit, space, verb, status):
    """«`count` = changed (with `dryRun`: would be)»"""
    for _ in range(3):
        job_in(emit, space, status)
    before = position(emit, space)
    assert bulk(emit, space, verb, status=status, limit=2, dryRun=True).json() == {"count": 2, "more": True}
    assert counts(emit, space)[status] == 3 and position(emit, space) == before
    assert bulk(emit, space, verb, status=status, limit=2, dryRun=False).json() == {"count": 2, "more": True}
    assert counts(emit, space)[status] == 1 and position(emit, space) == before + 2


def test_only_this_space(emit, space):
    """«Space: an isolated queue»"""
    other = emit.space()["id"]
    emit.create(other)
    assert bulk(emit, space, "kill", status="pending").json() == {"count": 0, "more": False}
    assert counts(emit, other)["pending"] == 1
