"""Section 3: `POST /jobs/reports`, and section 8: «In `/jobs/reports` scope, space, state and commit are judged per
item»."""

import json

import pytest

from calls import CONTENTS, NOBODY, check_problem_body, events, job_in, jobs_of, position, problem, types
from test_fencing import BODIES


def send(emit, items, expect=200, key=None):
    return emit.call("POST", "/jobs/reports", items, expect=expect, **({"key": key} if key else {}))


def one(emit, expect, **item):
    """One report as a batch of one; its item of the answer."""
    [answer] = send(emit, [item]).json()
    assert answer["code"] == expect, answer
    return answer


@pytest.mark.parametrize("verb", BODIES)
def test_every_report(emit, space, verb):
    """«`report: "ack"|"release"|…|"fail"`, deliveryId?, body?` → 200 and as many `{code, job?, problem?}` (`code`: the
    HTTP number), in order, also for one job»: does what the single call does."""
    status = "delivered" if verb == "ack" else "running"
    alone, batched = job_in(emit, space, status), job_in(emit, space, status)
    emit.report(alone["id"], verb, BODIES[verb])
    item = {"jobId": batched["id"], "report": verb, "deliveryId": batched["deliveryId"]}
    answer = one(emit, 200, **item, **({"body": BODIES[verb]} if BODIES[verb] else {}))
    assert not answer.get("problem")
    if verb in ("keepalive", "logs"):
        assert "job" in answer and answer["job"] is None
        wanted = {"timeoutAt", "secondsLeft"} if verb == "keepalive" else {"fromLine", "toLine"}
        assert set(answer["result"]) == wanted
    else:
        assert answer["job"]["id"] == batched["id"] and not CONTENTS & set(answer["job"])
        assert not answer.get("result")
    one_life, other_life = events(emit, alone["id"]), events(emit, batched["id"])
    assert [(e["type"], e["status"], e.get("data")) for e in one_life] == [
        (e["type"], e["status"], e.get("data")) for e in other_life]
    assert emit.job(alone["id"])["result"] == emit.job(batched["id"])["result"]


def test_a_whole_life_in_one_batch(emit, space):
    """«in order»: the reports of one job apply one after the other."""
    job = job_in(emit, space, "delivered")
    verbs = ["ack", "progress", "checkpoint", "event", "logs", "keepalive", "complete"]
    items = [{"jobId": job["id"], "report": verb, "body": BODIES[verb]} if BODIES[verb]
             else {"jobId": job["id"], "report": verb} for verb in verbs]
    assert [item["code"] for item in send(emit, items).json()] == [200] * len(verbs)
    assert types(emit, job["id"]) == ["created", "delivered", "acked", "progress", "checkpoint", "custom", "log",
                                      "completed"]
    assert emit.job(job["id"])["result"] == BODIES["complete"]


def test_each_stands_alone(emit, space):
    """«each stands alone»; «scope, space, state and commit are judged per item: a 200 in an item means on disk; a
    malformed item is that item's 422»"""
    here, elsewhere = emit.space()["id"], job_in(emit, space, "running")
    key = emit.token(here, ["jobs:ack", "jobs:complete"])
    good, waiting, last = job_in(emit, here, "running"), job_in(emit, here, "pending"), job_in(emit, here, "delivered")
    items = [{"jobId": good["id"], "report": "complete", "body": [1]},
             {"jobId": waiting["id"], "report": "complete"},
             {"jobId": elsewhere["id"], "report": "complete"},
             {"jobId": NOBODY, "report": "complete"},
             {"jobId": last["id"], "report": "fail", "body": {"error": "e"}},
             {"jobId": last["id"], "report": "dance"},
             {"jobId": last["id"], "report": "ack", "deliveryId": good["deliveryId"]},
             {"jobId": last["id"], "report": "ack", "colour": "red"},
             7,
             {"report": "ack"},
             {"jobId": good["id"], "report": "complete", "body": [1]},
             {"jobId": last["id"], "report": "ack"}]
    answers = send(emit, items, key=key).json()
    assert [a["code"] for a in answers] == [200, 409, 403, 404, 403, 422, 409, 422, 422, 422, 409, 200]
    for answer, code, path in zip(answers, [
            None, "wrong_state", "wrong_space", "job_not_found", "missing_scope", "invalid_fields", "stale_delivery",
            "invalid_fields", "invalid_fields", "invalid_fields", "wrong_state", None],
            [None] * 5 + ["*"] + [None] + ["*"] * 3 + [None] * 2, strict=True):
        if code:
            check_problem_body(answer["problem"], answer["code"], code, path)
    assert answers[1]["problem"]["jobStatus"] == "pending" and answers[10]["problem"]["jobStatus"] == "completed"
    assert answers[4]["problem"]["detail"] == "Missing required scope: jobs:fail"
    assert emit.job(good["id"])["result"] == [1] and emit.job(last["id"])["status"] == "running"
    assert emit.job(elsewhere["id"])["status"] == "running" and emit.job(waiting["id"])["status"] == "pending"


@pytest.mark.parametrize("scope, verbs", [
    ("jobs:ack", {"ack", "release"}), ("jobs:progress", {"progress"}), ("jobs:event", {"checkpoint", "event", "logs"}),
    ("jobs:keepalive", {"keepalive"}), ("jobs:complete", {"complete"}), ("jobs:fail", {"fail"}),
    ("jobs:write", set(BODIES)), ("jobs:worker", set(BODIES))])
def test_that_reports_scope(emit, space, scope, verbs):
    """«`POST /jobs/reports` | that report's scope»"""
    key, made = emit.token(space, [scope]), [job_in(emit, space, "running") for _ in BODIES]
    items = [{"jobId": job["id"], "report": verb, **({"body": BODIES[verb]} if BODIES[verb] else {})}
             for job, verb in zip(made, BODIES)]
    for item, answer in zip(items, send(emit, items, key=key).json(), strict=True):
        allowed = item["report"] in verbs
        # An ack of a running job is in the wrong state; what counts here is that its scope was not.
        assert answer["code"] == ((409 if item["report"] == "ack" else 200) if allowed else 403), answer


@pytest.mark.parametrize("scopes", [["jobs:create"], ["jobs:read", "jobs:poll", "jobs:kill"]])
def test_without_any_report_scope(emit, space, scopes):
    """«a key without any report scope gets 403 for the whole»: before the body is looked at."""
    key = emit.token(space, scopes)
    problem(emit.call("POST", "/jobs/reports", [{"jobId": NOBODY, "report": "ack"}], key=key), 403, "missing_scope")
    problem(emit.call("POST", "/jobs/reports", "{", key=key), 403, "missing_scope")


@pytest.mark.parametrize("count", [1, 1000])
def test_size(emit, space, count):
    """«(1 to 1,000) → 200 and as many …, in order»"""
    job = job_in(emit, space, "running")
    items = [{"jobId": job["id"], "report": "progress", "body": {"n": n}} for n in range(count)]
    answers = send(emit, items).json()
    assert [a["code"] for a in answers] == [200] * count
    assert [a["job"]["seq"] for a in answers] == list(range(job["seq"] + 1, job["seq"] + 1 + count))
    assert emit.job(job["id"])["progress"] == {"n": count - 1}


@pytest.mark.parametrize("body, path", [([], ""), ({"jobId": NOBODY, "report": "ack"}, ""), ("null", ""), ("7", "")])
def test_what_is_no_batch(emit, body, path):
    """«`[{jobId, report…}]` (1 to 1,000)»; «a body of the wrong kind: 422 with its path»"""
    problem(send(emit, body, 422), 422, "invalid_fields", path)


def test_too_many(emit, space):
    """«(1 to 1,000)»: with one more, none is carried out."""
    job = job_in(emit, space, "running")
    problem(send(emit, [{"jobId": job["id"], "report": "progress", "body": {}}] * 1001, 422), 422, "invalid_fields")
    assert position(emit, space) == job["seq"]


def test_an_item_over_its_size(emit, space):
    """«An array item over its size: 413 with the item's path.»"""
    job = job_in(emit, space, "running")
    items = [{"jobId": job["id"], "report": "progress", "body": {"n": 1}},
             {"jobId": job["id"], "report": "complete", "body": "x" * 1_000_001}]
    found = problem(send(emit, items, 413), 413, "payload_too_large")
    assert [error["path"] for error in found["errors"]] == ["/1"]
    assert position(emit, space) == job["seq"]


def test_a_big_batch(emit, space):
    """«arrays of jobs or reports | 16 MiB»: sixteen results of nearly 1,000,000 bytes go at once, seventeen do not."""
    made = [job_in(emit, space, "running") for _ in range(17)]
    items = [{"jobId": job["id"], "report": "complete", "body": "x" * 990_000} for job in made]
    problem(send(emit, items, 413), 413, "payload_too_large")
    assert len(jobs_of(emit, space, status="running")) == 17
    assert [a["code"] for a in send(emit, items[:16]).json()] == [200] * 16


def test_bodies_are_stored_as_sent(emit, space):
    """«payloads and data are forwarded as sent (fixed)»: out of a batch, too; without a body the result is null."""
    one_job, other = job_in(emit, space, "running"), job_in(emit, space, "running")
    text = r'{"b": 1.50, "a":{"a":1,"a":2},  "c":"\u00e9"}'
    send(emit, '[{"jobId":"%s","report":"complete","body": %s },{"jobId":"%s","report":"complete"}]' % (
        one_job["id"], text, other["id"]))
    assert f'"result":{text}' in emit.call("GET", f"/jobs/{one_job['id']}").text
    assert '"result":null' in emit.call("GET", f"/jobs/{other['id']}").text


def test_a_job_bound_key_reports_its_own_job_only(emit, space):
    """«may be bound to one job (`jobId`)»: judged per item."""
    mine, other = job_in(emit, space, "running"), job_in(emit, space, "running")
    key = emit.token(space, ["jobs:complete"], jobId=mine["id"])
    items = [{"jobId": job["id"], "report": "complete"} for job in (mine, other)]
    answers = send(emit, json.dumps(items), key=key).json()
    assert [a["code"] for a in answers] == [200, 403]
    assert answers[1]["problem"]["code"] == "wrong_job" and emit.job(other["id"])["status"] == "running"
