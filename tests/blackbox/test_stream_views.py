"""Section 4, «Views»: what a full key and what a weak key see of the same events. Leaks: see test_stripping.py."""

import json

import pytest

import harness
from harness import receive, receive_until
from streams import in_seconds, until_closed

#: What each event of `a_life` says to either view. "no" stands for: the field `data` is not there at all.
FULL = {
    "updated": {"fields": ["priority"]}, "delivered": "no", "acked": "no", "progress": {"percent": 65},
    "checkpoint": {"at": 65}, "custom": {"kind": "note"}, "log": {"fromLine": 1, "toLine": 1}, "released": "no",
    "retried": {"error": "first", "attemptNumber": 1}, "dead": {"error": "last"}, "requeued": "no",
    "completed": {"url": "s3://bucket"},
}
WEAK = {**dict.fromkeys(FULL, "no"), "progress": {"percent": 65}, "completed": None, "dead": None}


def weak_key(emit, space):
    return emit.token(space, ["jobs:read:progress"])


def a_life(emit, space, job_id):
    """Every event a worker and its producer can cause in one job's life; ends with `completed`."""
    emit.call("PATCH", f"/jobs/{job_id}", {"priority": 1}, expect=200)
    emit.poll(space, autoAck=True)
    emit.report(job_id, "progress", {"percent": 65})
    emit.report(job_id, "checkpoint", {"at": 65})
    emit.report(job_id, "event", {"kind": "note"})
    emit.report(job_id, "logs", {"lines": [{"level": "info", "message": "hello"}]})
    emit.report(job_id, "release")
    emit.poll(space, autoAck=True)
    emit.report(job_id, "fail", {"error": "first"})
    emit.poll(space, autoAck=True)
    emit.report(job_id, "fail", {"error": "last", "retryable": False})
    emit.report(job_id, "requeue")
    emit.poll(space, autoAck=True)
    emit.report(job_id, "complete", {"url": "s3://bucket"})


def shown(messages):
    return {m["type"]: m.get("data", "no") for m in messages if m["type"] not in ("init", "created")}


@pytest.mark.parametrize("scopes", [["jobs:read"], ["jobs:read:space"], ["jobs:worker"],
                                    ["jobs:read:progress", "jobs:read"]], ids="+".join)
def test_full_view(emit, space, scopes):
    """«`jobs:read`: everything.» Its alias and what contains it see the same."""
    job = emit.create(space)
    with emit.ws(job["id"], emit.token(space, scopes)) as ws:
        receive(ws)
        a_life(emit, space, job["id"])
        assert shown(receive_until(ws, "completed")) == FULL


@pytest.mark.parametrize("kind", ["scope", "public", "minted"])
def test_weak_view(emit, space, kind):
    """«`jobs:read:progress`: `data` as it is on `progress`, `data: null` on `completed` and `dead`, no `data` field
    on anything else»: for a key of that scope, the space's public token and a job's own token."""
    job = emit.create(space)
    key = {
        "scope": lambda: weak_key(emit, space),
        "public": lambda: emit.public_token(space),
        "minted": lambda: emit.call("POST", f"/jobs/{job['id']}/tokens", {"expiresInSeconds": 600},
                                    expect=201).json()["token"],
    }[kind]()
    with emit.ws(job["id"], key) as ws:
        assert "data" not in receive(ws)
        a_life(emit, space, job["id"])
        assert shown(receive_until(ws, "completed")) == WEAK


def test_both_views_tell_the_same_story(emit, space):
    """The seed: «clients always know what happened (event type and status are always present)»."""
    job = emit.create(space)
    with emit.ws(job["id"]) as full, emit.ws(job["id"], weak_key(emit, space)) as weak:
        receive(full), receive(weak)
        a_life(emit, space, job["id"])
        bare = [[{k: v for k, v in m.items() if k != "data"} for m in receive_until(ws, "completed")]
                for ws in (full, weak)]
    assert bare[0] == bare[1]


def test_a_stored_terminal_event_comes_in_the_views_form(emit, space):
    """«its stored terminal event in the view's form»"""
    job = emit.running(space)
    emit.report(job["id"], "complete", {"secret": 1}, job["deliveryId"])
    for key, data in ((emit.token(space, ["jobs:read"]), {"secret": 1}), (weak_key(emit, space), None)):
        with emit.ws(job["id"], key) as ws:
            messages, code, _ = until_closed(ws)
        assert [m.get("data", "no") for m in messages] == ["no", data] and code == 1000


@pytest.mark.parametrize("end", ["killed", "expired"])
def test_other_ends_in_the_weak_view(emit, space, end):
    """«`data: null` on `completed` and `dead`, no `data` field on anything else»: `killed` has none."""
    job = emit.create(space, **({"expiresAt": in_seconds(2)} if end == "expired" else {}))
    with emit.ws(job["id"], weak_key(emit, space)) as ws:
        receive(ws)
        if end == "killed":
            emit.report(job["id"], "kill", {"reason": "secret"})
        message = receive(ws)
    assert (message["type"], message.get("data", "no")) == (("killed", "no") if end == "killed" else ("dead", None))


def test_delivery_timeout_and_erased_in_the_weak_view(emit, space):
    """The seed: «Events that never carry data — delivered, acked, delivery_timeout — are unaffected.»"""
    job = emit.create(space, deliveryTimeoutSeconds=1)
    with emit.ws(job["id"], weak_key(emit, space)) as ws:
        receive(ws)
        emit.poll(space)
        assert [set(receive(ws)) for _ in range(2)] == [{"jobId", "jobName", "type", "status", "timestamp", "seq"}] * 2
        emit.report(job["id"], "kill")
        emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
        assert "data" not in receive_until(ws, "erased")[-1]


def test_replay_is_stripped_as_the_live_stream_is(emit, space):
    """«A view is chosen» once: `since` shows a weak key what the live stream showed it."""
    job = emit.create(space)
    a_life(emit, space, job["id"])
    with emit.ws(job["id"], weak_key(emit, space), "since=0") as ws:
        assert shown(until_closed(ws)[0]) == WEAK
    with emit.ws(job["id"], query="since=0") as ws:
        assert shown(until_closed(ws)[0]) == FULL


def test_erased_progress_is_null_in_both_views(emit, space):
    """«An erased job's shells keep `type`, `status` and `jobName`; `data` becomes `null` where there was any»"""
    job = emit.running(space)
    with emit.ws(f"spaces/{space}") as ws:
        emit.report(job["id"], "progress", {"secret": 1})
        emit.report(job["id"], "complete", {"secret": 1}, job["deliveryId"])
        emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
        last = receive_until(ws, "erased")[-1]["seq"]
    with emit.ws(f"spaces/{space}", query="since=0") as ws:
        frames = []
        while not frames or json.loads(frames[-1])["seq"] < last:
            frames.append(ws.recv(timeout=harness.PATIENCE))
    assert not any("secret" in frame for frame in frames)
    assert [json.loads(f)["data"] for f in frames if json.loads(f)["type"] in ("progress", "completed")] == [None] * 2
