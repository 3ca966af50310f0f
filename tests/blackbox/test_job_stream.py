"""Section 4, the job stream: its first message, its order, and one message for every row of the state table."""

import concurrent.futures
import json
import re

import pytest

import harness
from harness import PATIENCE, receive, receive_until
from streams import ORDER, in_seconds, listed, until_closed


def end(emit, space, how):
    """A job that has ended in that way, and its terminal event as stored."""
    if how == "killed":
        job = emit.create(space)
        emit.report(job["id"], "kill", {"reason": "stop"})
    else:
        job = emit.running(space)
        verb, body = ("complete", {"ok": 1}) if how == "completed" else ("fail", {"error": "no", "retryable": False})
        emit.report(job["id"], verb, body, job["deliveryId"])
    return job, listed(emit, "events", f"/jobs/{job['id']}/events")[-1]


@pytest.mark.parametrize("status", ["scheduled", "pending", "delivered", "running"])
def test_init_comes_first_and_shows_the_present_status(emit, space, status):
    """«Job stream: first `init` with the present status (no `data` …)»"""
    job = emit.create(space, "process-video", **({"scheduledFor": in_seconds(3600)} if status == "scheduled" else {}))
    if status in ("delivered", "running"):
        (job,) = emit.poll(space)
    if status == "running":
        emit.report(job["id"], "ack", delivery=job["deliveryId"])
    with emit.ws(job["id"]) as ws:
        init = receive(ws)
    assert [init[name] for name in ORDER[:4]] == [job["id"], "process-video", "init", status]
    assert "data" not in init


def test_fields_stand_in_the_order_of_the_seed(emit, space):
    """«one JSON text frame …: `{jobId, jobName, type, status, data?, timestamp, seq}`, in this order»"""
    job = emit.running(space)
    with emit.ws(job["id"]) as ws:
        emit.report(job["id"], "progress", {"percent": 1})
        init, progress = ws.recv(timeout=PATIENCE), ws.recv(timeout=PATIENCE)
    assert isinstance(init, str) and isinstance(progress, str), "text frames"
    assert list(json.loads(progress)) == ORDER
    assert list(json.loads(init)) == [name for name in ORDER if name != "data"]


def test_times_are_rfc_3339_in_utc_with_milliseconds(emit, space):
    """«Times are RFC 3339 UTC with milliseconds (`2025-02-24T10:32:00.000Z`)»"""
    job = emit.create(space)
    with emit.ws(job["id"], query="since=0") as ws:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", receive(ws)["timestamp"])


def test_init_seq_is_the_position_of_the_state_shown(emit, space):
    """«`seq` is the position to resume from: all of the job's events up to it are in the state shown»"""
    job = emit.running(space)
    last = emit.job(job["id"])["seq"]
    with emit.ws(job["id"]) as ws:
        init = receive(ws)
        assert init["seq"] >= last
        emit.report(job["id"], "progress", {"percent": 1})
        assert receive(ws)["seq"] > init["seq"]


def test_no_event_after_the_state_shown_is_skipped_and_none_is_sent_twice(emit, space):
    """«No event after the state shown by `init` is skipped, none is sent twice.»"""
    job = emit.running(space)
    total, watchers = 300, 12

    def publish():
        for n in range(total):
            emit.report(job["id"], "progress", {"n": n})
        return emit.report(job["id"], "complete", {"ok": True}, job["deliveryId"])["seq"]

    def watch():
        with emit.ws(job["id"]) as ws:
            return receive_until(ws, "completed")

    with concurrent.futures.ThreadPoolExecutor(watchers + 1) as pool:
        publishing = pool.submit(publish)
        watching = [pool.submit(watch) for _ in range(watchers)]
        last = publishing.result()
        seen = [one.result() for one in watching]
    stored = [event["seq"] for event in listed(emit, "events", f"/jobs/{job['id']}/events")]
    for messages in seen:
        assert messages[0]["type"] == "init"
        # A watcher that came after the end has `init` one below the terminal event, so the same sum holds for it.
        position = messages[0]["seq"]
        assert [m["seq"] for m in messages[1:]] == [seq for seq in stored if seq > position]
        assert messages[-1]["seq"] == last


@pytest.mark.parametrize("how", ["completed", "dead", "killed"])
def test_an_ended_job_gives_init_its_terminal_event_and_1000(emit, space, how):
    """«On a job that has already ended: `init` (its `seq` one below the terminal event's …), its stored terminal
    event …, close 1000»"""
    job, terminal = end(emit, space, how)
    with emit.ws(job["id"]) as ws:
        messages, code, _ = until_closed(ws)
    assert [(m["type"], m["status"]) for m in messages] == [("init", how), (how, how)]
    assert messages[0]["seq"] == messages[1]["seq"] - 1
    assert messages[1]["seq"] == terminal["seq"] and messages[1]["data"] == terminal["data"]
    assert messages[1]["timestamp"] == terminal["timestamp"]
    assert code == 1000


def test_late_events_of_an_ended_job_do_not_hide_its_terminal_event(emit, space):
    """«On a job that has already ended: `init` (its `seq` one below the terminal event's …), its stored terminal
    event»: also when log lines came after it."""
    job, terminal = end(emit, space, "completed")
    emit.report(job["id"], "logs", {"lines": [{"level": "info", "message": "late"}]})
    with emit.ws(job["id"]) as ws:
        messages, code, _ = until_closed(ws)
    assert [m["type"] for m in messages] == ["init", "completed"]
    assert [m["seq"] for m in messages] == [terminal["seq"] - 1, terminal["seq"]]
    assert code == 1000


def test_a_job_stream_shows_no_other_job(emit, space):
    """«Job stream: … live events» of that job alone; `seq` then jumps, for it counts the space."""
    job, other = emit.running(space), emit.running(space)
    with emit.ws(job["id"]) as ws:
        receive(ws)
        emit.report(other["id"], "progress", {"percent": 1})
        emit.report(job["id"], "progress", {"percent": 2})
        message = receive(ws)
    assert (message["jobId"], message["data"]) == (job["id"], {"percent": 2})


def test_data_is_forwarded_as_it_was_sent(emit, space):
    """«payloads and data are forwarded as sent (fixed)»: no number, escape or order changes on the way."""
    job = emit.running(space)
    body = r'{"z":1.50,"big":123456789012345678901234567890,"e":1E5,"a":"\u00e9\/é","a2":{"b":[],"a":-0.0}}'
    with emit.ws(job["id"]) as ws:
        ws.recv(timeout=PATIENCE)
        emit.report(job["id"], "progress", body)
        assert f'"data":{body},' in ws.recv(timeout=PATIENCE).replace('"data": ', '"data":')


def test_the_largest_body_fits_one_frame_below_1_mib(emit, space):
    """«Each message is one JSON text frame of at most 1 MiB», «one body …: 1,000,000 bytes»"""
    job = emit.running(space)
    body = json.dumps({"text": "x" * (1_000_000 - len('{"text": ""}'))})
    assert len(body) == 1_000_000
    with emit.ws(job["id"]) as ws:
        ws.recv(timeout=PATIENCE)
        emit.report(job["id"], "progress", body)
        frame = ws.recv(timeout=PATIENCE)
    assert len(frame.encode()) <= 1024 * 1024
    assert json.loads(frame)["data"] == json.loads(body)


# -- the state table, row by row: (event, status, data) as the full view shows them ------------------------------


def life(emit, space, act, job=None, **fields):
    """The messages that `act` causes on the stream of a job, up to a custom marker or the first terminal event."""
    job = job or emit.running(space, **fields)
    with emit.ws(job["id"]) as ws:
        receive(ws)
        act(job)
        return job, receive(ws)


def row(message):
    return message["type"], message["status"], message.get("data", "no data")


def test_delivered_then_acked(emit, space):
    """Rows `delivered` and `acked`: no `data`."""
    job = emit.create(space)
    with emit.ws(job["id"]) as ws:
        receive(ws)
        (polled,) = emit.poll(space)
        emit.report(job["id"], "ack", delivery=polled["deliveryId"])
        assert row(receive(ws)) == ("delivered", "delivered", "no data")
        assert row(receive(ws)) == ("acked", "running", "no data")


def test_auto_ack_emits_both(emit, space):
    """«`autoAck` emits `delivered` and `acked`.»"""
    job = emit.create(space)
    with emit.ws(job["id"]) as ws:
        receive(ws)
        emit.poll(space, autoAck=True)
        assert [receive(ws)["type"], receive(ws)["type"]] == ["delivered", "acked"]


@pytest.mark.parametrize("verb, event", [("progress", "progress"), ("checkpoint", "checkpoint"), ("event", "custom")])
def test_reports_carry_the_request_body(emit, space, verb, event):
    """Rows `progress`, `checkpoint`, `custom`: `data` is the request body, the status stays."""
    body = {"percent": 65, "step": "encoding"}
    _, message = life(emit, space, lambda job: emit.report(job["id"], verb, body))
    assert row(message) == (event, "running", body)


@pytest.mark.parametrize("body", [{"url": "s3://x"}, [1, "two"], "text", 7, False, None])
def test_completed_carries_the_result(emit, space, body):
    """Row `completed`: `data` is the request body: the result, any JSON value."""
    _, message = life(emit, space, lambda job: emit.report(job["id"], "complete", json.dumps(body), job["deliveryId"]))
    assert row(message) == ("completed", "completed", body)


def test_completed_without_a_body_carries_null(emit, space):
    """Row `completed`: «(empty body: `null`)»"""
    _, message = life(emit, space, lambda job: emit.report(job["id"], "complete", delivery=job["deliveryId"]))
    assert row(message) == ("completed", "completed", None)


def test_retried_carries_the_error_and_the_next_attempt(emit, space):
    """«`retried` | `{error, attemptNumber}`», «`retried` carries the next one»"""
    _, message = life(emit, space, lambda job: emit.report(job["id"], "fail", {"error": "Connection timeout"}))
    assert row(message) == ("retried", "pending", {"error": "Connection timeout", "attemptNumber": 1})


@pytest.mark.parametrize("fields, body", [({"maxRetries": 0}, {"error": "out of memory"}),
                                          ({}, {"error": "out of memory", "retryable": False})])
def test_dead_carries_the_error(emit, space, fields, body):
    """«the same, none left, or `retryable: false` | `dead` | `dead` | `{error}`»"""
    _, message = life(emit, space, lambda job: emit.report(job["id"], "fail", body), **fields)
    assert row(message) == ("dead", "dead", {"error": "out of memory"})


def test_execution_timeout(emit, space):
    """«the execution timeout passes; retries left | `retried`», «A timeout's error is `execution timeout`.»"""
    _, message = life(emit, space, lambda job: None, timeoutSeconds=1)
    assert row(message) == ("retried", "pending", {"error": "execution timeout", "attemptNumber": 1})


def test_execution_timeout_without_retries_left(emit, space):
    """«the same, none left … | `dead` | `dead` | `{error}`»"""
    _, message = life(emit, space, lambda job: None, timeoutSeconds=1, maxRetries=0)
    assert row(message) == ("dead", "dead", {"error": "execution timeout"})


def test_delivery_timeout(emit, space):
    """«no ack within the delivery timeout | `pending` | `delivery_timeout` | –»"""
    job = emit.create(space, deliveryTimeoutSeconds=1)
    with emit.ws(job["id"]) as ws:
        receive(ws)
        emit.poll(space)
        receive_until(ws, "delivered")
        assert row(receive(ws)) == ("delivery_timeout", "pending", "no data")


def test_delivery_timeout_at_max_deliveries(emit):
    """«(`dead` once `maxDeliveries` is reached) … (`{error: "delivery timeout"}`)»"""
    space = emit.space(maxDeliveries=1)["id"]
    job = emit.create(space, deliveryTimeoutSeconds=1)
    with emit.ws(job["id"]) as ws:
        receive(ws)
        emit.poll(space)
        receive_until(ws, "delivered")
        assert row(receive(ws)) == ("dead", "dead", {"error": "delivery timeout"})


def test_released(emit, space):
    """«worker releases it, no penalty | `pending` | `released` | –»"""
    _, message = life(emit, space, lambda job: emit.report(job["id"], "release", delivery=job["deliveryId"]))
    assert row(message) == ("released", "pending", "no data")


def test_keepalive_makes_no_event(emit, space):
    """«keepalive | same | none»"""
    def act(job):
        emit.report(job["id"], "keepalive")
        emit.report(job["id"], "progress", {"percent": 2})
    _, message = life(emit, space, act)
    assert message["type"] == "progress"


def test_enqueued(emit, space):
    """«`scheduled` | its time comes | `pending` | `enqueued` | –»"""
    job = emit.create(space, scheduledFor=in_seconds(2))
    with emit.ws(job["id"]) as ws:
        assert receive(ws)["status"] == "scheduled"
        assert row(receive(ws)) == ("enqueued", "pending", "no data")


def test_expired(emit, space):
    """«`scheduled` `pending` | its `expiresAt` passes | `dead` | `dead` | `{error: "expired"}`»"""
    job = emit.create(space, expiresAt=in_seconds(2))
    with emit.ws(job["id"]) as ws:
        receive(ws)
        assert row(receive(ws)) == ("dead", "dead", {"error": "expired"})


def test_updated_names_the_fields_and_the_new_status(emit, space):
    """«edited (`PATCH`) … `updated` | `{fields: […]}`», «one event, `updated`, carrying the new status»"""
    made = emit.create(space)
    later = {"priority": 5, "scheduledFor": in_seconds(3600)}
    _, message = life(emit, space, lambda job: emit.call("PATCH", f"/jobs/{job['id']}", later, expect=200), made)
    assert (message["type"], message["status"]) == ("updated", "scheduled")
    assert sorted(message["data"]["fields"]) == ["priority", "scheduledFor"]


@pytest.mark.parametrize("body, data", [({"reason": "no longer needed"}, {"reason": "no longer needed"}),
                                        (None, {"reason": None})])
def test_killed(emit, space, body, data):
    """«`killed` | the request body (`{reason}`)»; «an empty body …: `{"reason": null}`»"""
    _, message = life(emit, space, lambda job: emit.report(job["id"], "kill", body))
    assert row(message) == ("killed", "killed", data)


def test_requeued_after_the_end(emit, space):
    """«terminal | requeue | `pending` | `requeued` | –»"""
    job = emit.running(space)
    with emit.ws(job["id"]) as ws:
        emit.report(job["id"], "complete", {}, job["deliveryId"])
        receive_until(ws, "completed")
        emit.report(job["id"], "requeue")
        assert row(receive(ws)) == ("requeued", "pending", "no data")


@pytest.mark.parametrize("ended", [False, True])
def test_log_is_a_signal_and_not_the_lines(emit, space, ended):
    """«any | log lines appended | same | `log` | `{fromLine, toLine}`: a signal, not the lines»"""
    job = emit.running(space)
    with emit.ws(job["id"]) as ws:
        receive(ws)
        if ended:
            emit.report(job["id"], "complete", {}, job["deliveryId"])
            receive_until(ws, "completed")
        lines = emit.report(job["id"], "logs", {"lines": [{"level": "info", "message": m} for m in ("one", "two")]})
        assert row(receive(ws)) == ("log", "completed" if ended else "running", lines)
        assert lines["toLine"] - lines["fromLine"] == 1


def test_a_refused_transition_makes_no_event(emit, space):
    """«Any other transition: 409 with the present `jobStatus`, and nothing changes.»"""
    job = emit.create(space)
    with emit.ws(job["id"]) as ws:
        receive(ws)
        assert emit.report(job["id"], "complete", {}, expect=409)["jobStatus"] == "pending"
        emit.poll(space)
        assert receive(ws)["type"] == "delivered"


def test_every_key_of_the_space_that_may_read_can_watch(emit, space):
    """«`GET /api/v1/realtime/:jobId` (`jobs:read:progress` or `jobs:read`)», and what contains them."""
    job = emit.create(space)
    minted = emit.call("POST", f"/jobs/{job['id']}/tokens", {"expiresInSeconds": 60}, expect=201).json()["token"]
    scopes = ["jobs:read:progress", "jobs:read", "jobs:read:space", "jobs:worker"]
    for key in [minted, emit.public_token(space), *(emit.token(space, [scope]) for scope in scopes), harness.ADMIN_KEY]:
        with emit.ws(job["id"], key) as ws:
            assert receive(ws)["type"] == "init"
