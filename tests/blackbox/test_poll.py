"""Section 3, «Polling»: filters, order, long polls, autoAck, pauses, connections that are gone."""

import contextlib

import pytest

from calls import (Raw, events, ids, in_seconds, job_in, jobs_of, meanwhile, position, post, problem, still_serves,
                   types, wait_for, wait_status)


def poll(emit, space, expect=200, **body):
    return emit.call("POST", f"/spaces/{space}/jobs/poll", body, expect=expect)


@contextlib.contextmanager
def waiting_poll(emit, space, **body):
    """A poll that waits while the body makes something available; yields its future (of a list of jobs)."""
    with meanwhile(emit.poll, space, **{"waitSeconds": 30, **body}) as future:
        # No signal tells that it waits. A few requests later it does; were it late, the test would still hold.
        for _ in range(20):
            still_serves(emit)
        yield future


def test_an_empty_queue(emit, space):
    """«→ `{jobs: […]}`»; «`waitSeconds: 0`»: at once."""
    assert poll(emit, space).json() == {"jobs": []}


@pytest.mark.parametrize("kwargs", [{}, {"headers": {"content-type": "application/json"}}], ids=["none", "typed"])
def test_an_empty_body(emit, space, kwargs):
    """«`{count: 1(≤50) …}`»: everything has a default; «(an empty body needs none)» of content types."""
    made = [emit.create(space) for _ in range(2)]
    answer = emit.call("POST", f"/spaces/{space}/jobs/poll", expect=200, **kwargs).json()
    assert ids(answer["jobs"]) == [made[0]["id"]]


@pytest.mark.parametrize("count, got", [(1, 1), (2, 2), (50, 50)])
def test_count(emit, space, count, got):
    """«`count: 1(≤50)`»"""
    made = emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}] * 60, expect=201).json()
    assert ids(emit.poll(space, count=count)) == ids(made)[:got]


@pytest.mark.parametrize("body, path", [
    ({"count": 0}, "/count"), ({"count": 51}, "/count"), ({"count": "1"}, "/count"),
    ({"waitSeconds": 31}, "/waitSeconds"), ({"waitSeconds": -1}, "/waitSeconds"), ({"autoAck": "yes"}, "/autoAck"),
    ({"names": 7}, "/names"), ({"names": [7]}, "/names/0"), ({"limit": 1}, "/limit")])
def test_bad_bodies(emit, space, body, path):
    """«(≤50)», «(≤30)»; «Unknown fields are 422 in every body whose fields this page lists»"""
    made = emit.create(space)
    problem(emit.call("POST", f"/spaces/{space}/jobs/poll", body), 422, "invalid_fields", path)
    assert emit.job(made["id"])["status"] == "pending"


@pytest.mark.parametrize("filters, wanted", [
    ({"types": ["a", "b"]}, "ab"), ({"type": "a"}, "a"), ({"names": ["b"]}, "b"), ({"name": "c"}, "c"),
    ({"name": "c", "names": ["b"], "type": "a", "types": ["x"]}, ""), ({"name": "c", "names": ["b"], "type": "a"}, "a"),
    ({"name": "c", "names": ["b"]}, "b"), ({"names": ["a", "nothing"]}, "a"), ({"name": "A"}, ""), ({}, "abc")])
def test_filters(emit, space, filters, wanted):
    """«Filters match exactly; of several, the first named of types, type, names, name counts.»"""
    for name in "abc":
        emit.create(space, name=name)
    assert "".join(job["name"] for job in emit.poll(space, count=50, **filters)) == wanted


def test_order(emit, space):
    """«Order: priority, then `availableAt`, then creation (= `seq` of `created`; in an array its order)»"""
    low = emit.create(space, priority=-100)
    first, second = emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}, {"name": "n"}], expect=201).json()
    high = emit.create(space, priority=100)
    # Created last, available first: a moment in the past is a moment all the same only if availableAt says so.
    assert first["availableAt"] <= second["availableAt"] <= high["availableAt"]
    assert ids(emit.poll(space, count=50)) == [high["id"], first["id"], second["id"], low["id"]]


def test_what_was_available_earlier_comes_earlier(emit, space):
    """«then `availableAt`, then creation»: a job that became available again stands behind one created before that."""
    old = emit.create(space)
    emit.report(old["id"], "claim")
    wait_for("a later millisecond", lambda: in_seconds(0) > emit.job(old["id"])["updatedAt"])
    young = emit.create(space)
    wait_for("a later millisecond", lambda: in_seconds(0) > young["availableAt"])
    emit.report(old["id"], "release")
    assert emit.job(old["id"])["availableAt"] > young["availableAt"]
    assert ids(emit.poll(space, count=50)) == [young["id"], old["id"]]


@pytest.mark.parametrize("fields", [{"scheduledFor": 3600}, {"retryBackoff": True}, {"afterSeconds": True}], ids=str)
def test_what_is_delayed_is_not_handed_out(emit, space, fields):
    """«`scheduled`» waits for its time, a delayed `pending` for its delay."""
    if "scheduledFor" in fields:
        job = emit.create(space, scheduledFor=in_seconds(3600))
    elif "retryBackoff" in fields:
        job = job_in(emit, space, "running", retryBackoff={"strategy": "fixed", "delaySeconds": 3600})
        emit.report(job["id"], "fail", {"error": "e"})
    else:
        job = job_in(emit, space, "delivered")
        emit.report(job["id"], "release", {"afterSeconds": 3600})
    assert emit.poll(space, count=50) == []
    assert emit.job(job["id"])["status"] in ("scheduled", "pending")


def test_an_expired_job_is_never_handed_out(emit, space):
    """«a job past its `expiresAt` is never handed out»"""
    job = emit.create(space, expiresAt=in_seconds(1))
    wait_for("its expiry", lambda: in_seconds(0) > job["expiresAt"])
    assert emit.poll(space) == []
    wait_status(emit, job["id"], "dead")


def test_auto_ack(emit, space):
    """«`autoAck` emits `delivered` and `acked`.»"""
    made = emit.create(space)
    [job] = emit.poll(space, autoAck=True)
    assert job["status"] == "running" and job["startedAt"] and job["deliveryId"]
    assert types(emit, made["id"]) == ["created", "delivered", "acked"]
    emit.report(job["id"], "complete", delivery=job["deliveryId"])


def test_what_a_worker_gets(emit, space):
    """«A delivered job carries `deliveryId`»; payload, progress and checkpoint are there, «so that the next attempt can
    resume»."""
    made = emit.create(space, payload={"p": 1})
    [job] = emit.poll(space)
    assert (job["id"], job["payload"], job["progress"], job["checkpoint"]) == (made["id"], {"p": 1}, None, None)
    assert job["deliveryId"] and job["deliveryCount"] == 1 and job["deliveredAt"] and job["timeoutAt"]
    assert job["deliveryId"] == emit.job(job["id"])["deliveryId"]


def test_an_answer_stops_at_8_mib(emit, space):
    """«An answer stops at 8 MiB.» What did not fit is still pending."""
    made = [emit.create(space, payload="x" * 990_000)["id"] for _ in range(10)]
    first = emit.poll(space, count=50)
    assert ids(first) == made[:len(first)] and 1 < len(first) <= 8
    assert set(ids(jobs_of(emit, space, status="pending"))) == set(made[len(first):])
    assert ids(emit.poll(space, count=50)) == made[len(first):]


# -- long polls -------------------------------------------------------------------------------------------------


def test_a_wait_ends_empty(emit, space):
    """«`waitSeconds: 0(≤30)`»"""
    assert poll(emit, space, waitSeconds=1).json() == {"jobs": []}


def make_by_create(emit, space, job):
    emit.create(space, name="wanted")


def make_by_array(emit, space, job):
    emit.call("POST", f"/spaces/{space}/jobs", [{"name": "wanted"}] * 3, expect=201)


def make_by_schedule(emit, space, job):
    emit.create(space, name="wanted", scheduledFor=in_seconds(1))


def make_by_release(emit, space, job):
    emit.report(job["id"], "release")


def make_by_delayed_release(emit, space, job):
    emit.report(job["id"], "release", {"afterSeconds": 1})


def make_by_retry(emit, space, job):
    emit.report(job["id"], "fail", {"error": "e"})


def make_by_delayed_retry(emit, space, job):
    emit.report(job["id"], "fail", {"error": "e", "retryAfterSeconds": 1})


def make_by_requeue(emit, space, job):
    emit.report(job["id"], "kill")
    emit.report(job["id"], "requeue")


def make_by_bulk_requeue(emit, space, job):
    emit.report(job["id"], "kill")
    emit.call("POST", f"/spaces/{space}/jobs/requeue", {"status": "killed"}, expect=200)


def make_by_batch(emit, space, job):
    emit.call("POST", "/jobs/reports", [{"jobId": job["id"], "report": "release"}], expect=200)


def make_by_edit(emit, space, job):
    made = emit.create(space, name="wanted", scheduledFor=in_seconds(3600))
    emit.call("PATCH", f"/jobs/{made['id']}", {"scheduledFor": None}, expect=200)


WAYS = [make_by_create, make_by_array, make_by_schedule, make_by_release, make_by_delayed_release, make_by_retry,
        make_by_delayed_retry, make_by_requeue, make_by_bulk_requeue, make_by_batch, make_by_edit]


@pytest.mark.parametrize("make", WAYS, ids=lambda way: way.__name__)
def test_a_waiting_poll_is_served(emit, space, make):
    """«`waitSeconds`»: whatever makes a job available wakes the poll that waits for it, within its filter."""
    job = job_in(emit, space, "running", name="wanted")
    with waiting_poll(emit, space, name="wanted") as future:
        emit.create(space, name="not this one")
        make(emit, space, job)
        [got] = future.result()
    assert (got["name"], got["status"]) == ("wanted", "delivered")


def test_a_timeout_serves_a_waiting_poll(emit, space):
    """«no ack within the delivery timeout | `pending`»: available again, to whoever waits."""
    job = emit.create(space, timeoutSeconds=1)
    emit.report(job["id"], "claim")
    with waiting_poll(emit, space) as future:
        assert ids(future.result()) == [job["id"]]


def test_one_job_one_waiter(emit, space):
    """One job is handed out once, however many wait."""
    with contextlib.ExitStack() as stack:
        futures = [stack.enter_context(waiting_poll(emit, space)) for _ in range(4)]
        made = [emit.create(space) for _ in range(4)]
        got = [job["id"] for future in futures for job in future.result()]
    assert sorted(got) == sorted(ids(made))
    assert all(types(emit, job) == ["created", "delivered"] for job in got)


def test_many_workers_never_share_a_job(emit, space):
    """«`pending` | a worker polls … it | `delivered`»: to one of them."""
    made = emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}] * 200, expect=201).json()
    with contextlib.ExitStack() as stack:
        futures = [stack.enter_context(meanwhile(emit.poll, space, count=30)) for _ in range(10)]
        got = [job["id"] for future in futures for job in future.result()]
    assert sorted(got) == sorted(ids(made))


# -- pauses -----------------------------------------------------------------------------------------------------


def pause(emit, space, paused=True):
    emit.call("PATCH", f"/spaces/{space}", {"paused": paused}, expect=200)


def test_a_paused_space(emit, space):
    """«A paused space answers `[]`.» Creating goes on."""
    pause(emit, space)
    made = emit.create(space)
    assert emit.poll(space) == [] and emit.job(made["id"])["status"] == "pending"
    pause(emit, space, False)
    assert ids(emit.poll(space)) == [made["id"]]


def test_unpausing_wakes(emit, space):
    """«unpausing wakes waiting polls»"""
    pause(emit, space)
    made = emit.create(space)
    with waiting_poll(emit, space) as future:
        pause(emit, space, False)
        assert ids(future.result()) == [made["id"]]


# -- connections that are gone ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", ["half-closed", "closed", "reset"])
@pytest.mark.parametrize("parked", [True, False])
def test_a_gone_connection_claims_nothing(emit, space, gone, parked):
    """«A poll whose connection is known to be gone claims nothing (a half-closed one counts as gone)»"""
    request = post(f"/api/v1/spaces/{space}/jobs/poll", body=b'{"waitSeconds": 30}')
    with Raw(emit) as raw:
        raw.send(request)
        for _ in range(20 * parked):
            still_serves(emit)
        if gone == "half-closed":
            raw.half_close()
        elif gone == "closed":
            raw.tcp.close()
        else:
            raw.reset()
        for _ in range(20):
            still_serves(emit)
        made = emit.create(space)
        # Were it handed to the lost poll, it would come back only with its delivery timeout, a minute later.
        [job] = emit.poll(space, waitSeconds=30)
    assert job["id"] == made["id"]
    assert types(emit, made["id"])[-1] == "delivered"
    if gone == "half-closed":
        assert types(emit, made["id"]) == ["created", "delivered"] and position(emit, space) == 2


def test_an_answer_that_is_not_taken(emit, space):
    """«if writing its answer fails, its jobs are released at once»: a worker that hangs up before it has read."""
    made = [emit.create(space, payload="x" * 990_000)["id"] for _ in range(6)]
    with Raw(emit, receive_buffer=4096) as raw:
        raw.send(post(f"/api/v1/spaces/{space}/jobs/poll", body=b'{"count": 50}'))
        wait_for("the delivery", lambda: all(types(emit, job)[-1] == "delivered" for job in made))
        raw.reset()
    # Long before their delivery timeout of a minute, they are there again.
    assert ids(emit.poll(space, count=50, waitSeconds=30)) == made
    assert all(types(emit, job) == ["created", "delivered", "released", "delivered"] for job in made)


def test_polls_write_no_events_but_deliveries(emit, space):
    """«`delivered`» is the one event of a poll; an empty one makes none."""
    emit.poll(space)
    assert position(emit, space) == 0
    job = emit.create(space)
    emit.poll(space)
    assert [event["type"] for event in events(emit, job["id"])] == ["created", "delivered"]


def test_a_poll_that_waits_ends_with_its_key(emit, space):
    """«A revoked key stops working at once»: its poll is refused without a job's coming, and takes none."""
    minted = emit.call("POST", f"/spaces/{space}/tokens", {"name": "t", "scopes": ["jobs:poll"]}, expect=201).json()
    path = f"/spaces/{space}/jobs/poll"
    with meanwhile(emit.call, "POST", path, {"waitSeconds": 30}, key=minted["token"]) as future:
        for _ in range(20):
            still_serves(emit)
        emit.call("DELETE", f"/spaces/{space}/tokens/{minted['tokenId']}", expect=204)
        problem(future.result(), 401, "invalid_key")
        made = emit.create(space)
    assert types(emit, made["id"]) == ["created"]


@pytest.mark.parametrize("call", ["create", "complete"])
def test_what_does_not_wait_is_answered_on_a_half_closed_connection(emit, space, call):
    """«a half-closed one counts as gone» is said of polls: everything else is carried out and answered."""
    job = job_in(emit, space, "running")["id"]
    path = f"/api/v1/spaces/{space}/jobs" if call == "create" else f"/api/v1/jobs/{job}/complete"
    with Raw(emit) as raw:
        answer = raw.send(post(path, body=b'{"name": "n"}')).half_close().answer()
    assert answer.status_code == (201 if call == "create" else 200)


def test_filters_that_are_null_are_none(emit, space):
    """An absent object is answered as `null`, and may be sent so."""
    made = emit.create(space)
    assert ids(emit.poll(space, types=None, type=None, names=None, name=None)) == [made["id"]]
