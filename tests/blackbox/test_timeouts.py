"""What timers do: delivery and execution timeouts, retry delays, expiry, schedules. Tests wait for signals."""

import datetime

import pytest

from calls import events, in_seconds, job_in, position, problem, types, wait_for, wait_status


def moment(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def delay(job) -> float:
    """How long a job that went back to pending has to wait, in seconds."""
    return moment(job["availableAt"]) - moment(job["updatedAt"])


def start(emit, job):
    emit.report(job["id"], "claim")
    emit.report(job["id"], "ack")


def wait_event(emit, job, kind):
    return wait_for(f"event {kind}", lambda: [e for e in events(emit, job["id"]) if e["type"] == kind])[-1]


# -- delivery ---------------------------------------------------------------------------------------------------


def test_delivery_timeout(emit, space):
    """«no ack within the delivery timeout | `pending` … | `delivery_timeout`»; «A delivery timeout … consumes no
    retry.»"""
    job = emit.create(space, deliveryTimeoutSeconds=1, maxRetries=0)
    for n in (1, 2):
        claimed = emit.report(job["id"], "claim")
        assert moment(claimed["timeoutAt"]) - moment(claimed["deliveredAt"]) == pytest.approx(1, abs=0.01)
        back = wait_status(emit, job["id"], "pending")
        assert (back["attemptNumber"], back["deliveryCount"], back["timeoutAt"]) == (0, n, None)
        assert back["deliveryId"] == claimed["deliveryId"]
    last = events(emit, job["id"])[-1]
    assert (last["type"], last["status"], last.get("data")) == ("delivery_timeout", "pending", None)
    assert last["timestamp"] >= claimed["timeoutAt"]


@pytest.mark.parametrize("most", [1, 2])
def test_max_deliveries(emit, space, most):
    """«(`dead` once `maxDeliveries` is reached) | … (`dead`) | … (`{error: "delivery timeout"}`)»; it «counts the
    delivery timeouts»."""
    emit.call("PATCH", f"/spaces/{space}", {"maxDeliveries": most}, expect=200)
    job = emit.create(space, deliveryTimeoutSeconds=1)
    for n in range(1, most + 1):
        emit.report(job["id"], "claim")
        back = wait_status(emit, job["id"], "dead" if n == most else "pending")
    assert back["result"] == {"error": "delivery timeout"} and back["completedAt"]
    last = events(emit, job["id"])[-1]
    assert (last["type"], last["status"], last["data"]) == ("dead", "dead", {"error": "delivery timeout"})
    assert types(emit, job["id"]).count("delivery_timeout") == most - 1


def test_deliveries_of_the_present_attempt(emit, space):
    """«`maxDeliveries` … counts the delivery timeouts of the present attempt»: a retry starts counting anew."""
    emit.call("PATCH", f"/spaces/{space}", {"maxDeliveries": 2}, expect=200)
    job = emit.create(space, deliveryTimeoutSeconds=1)
    for _ in range(2):
        emit.report(job["id"], "claim")
        wait_status(emit, job["id"], "pending")
        start(emit, job)
        assert emit.report(job["id"], "fail", {"error": "e"})["status"] == "pending"


def test_an_ack_stops_the_delivery_timeout(emit, space):
    """«`delivered` | no ack within the delivery timeout»: with one, the running timeout counts."""
    job = emit.create(space, deliveryTimeoutSeconds=1, timeoutSeconds=3600)
    start(emit, job)
    other = emit.create(space, deliveryTimeoutSeconds=1)
    emit.report(other["id"], "claim")
    wait_status(emit, other["id"], "pending")
    running = emit.job(job["id"])
    assert running["status"] == "running"
    assert moment(running["timeoutAt"]) - moment(running["startedAt"]) == pytest.approx(3600, abs=0.01)


# -- execution --------------------------------------------------------------------------------------------------


def test_execution_timeout(emit, space):
    """«fail, or the execution timeout passes; retries left | `retried` | `{error, attemptNumber}`», «none left … |
    `dead` | `{error}`»; «A timeout's error is `execution timeout`.»"""
    job = emit.create(space, timeoutSeconds=1, maxRetries=1)
    start(emit, job)
    back = wait_status(emit, job["id"], "pending")
    assert (back["attemptNumber"], back["timeoutAt"], back["result"]) == (1, None, None)
    last = events(emit, job["id"])[-1]
    assert (last["type"], last["data"]) == ("retried", {"error": "execution timeout", "attemptNumber": 1})
    start(emit, job)
    dead = wait_status(emit, job["id"], "dead")
    assert dead["result"] == {"error": "execution timeout"} and dead["attemptNumber"] == 1
    assert events(emit, job["id"])[-1]["data"] == {"error": "execution timeout"}


def test_execution_timeouts_back_off(emit, space):
    """«fail, or the execution timeout passes»: the back-off holds for both."""
    job = emit.create(space, timeoutSeconds=1, retryBackoff={"strategy": "fixed", "delaySeconds": 3600})
    start(emit, job)
    assert delay(wait_status(emit, job["id"], "pending")) == pytest.approx(3600, abs=1)
    assert emit.poll(space) == []


@pytest.mark.parametrize("verb, body", [("progress", {"a": 1}), ("checkpoint", {"a": 1}), ("event", {"a": 1}),
                                        ("keepalive", None), ("logs", {"lines": [{"level": "info", "message": "m"}]})])
def test_what_restarts_the_running_timeout(emit, space, verb, body):
    """«Progress, checkpoint, custom event, keepalive and, while running, logs restart the running timeout.»"""
    job = emit.create(space, timeoutSeconds=100)
    start(emit, job)
    before = emit.job(job["id"])["timeoutAt"]
    wait_for("a later millisecond", lambda: moment(in_seconds(100)) > moment(before) + 0.001)
    answer = emit.report(job["id"], verb, body)
    after = emit.job(job["id"])["timeoutAt"]
    assert after > before
    if verb == "keepalive":
        assert answer["timeoutAt"] == after and 0 < answer["secondsLeft"] <= 100


def test_a_job_that_reports_outlives_its_timeout(emit, space):
    """The same, seen from the clock: it goes on for longer than `timeoutSeconds`, then falls silent and times out."""
    job = emit.create(space, timeoutSeconds=2, maxRetries=0)
    start(emit, job)
    first = emit.job(job["id"])["timeoutAt"]

    def kept_alive():
        emit.report(job["id"], "keepalive")
        return in_seconds(0) > first
    wait_for("the first timeout to pass", kept_alive)
    assert emit.job(job["id"])["status"] == "running"
    wait_status(emit, job["id"], "dead")


def test_keepalive_restarts_the_delivery_timeout(emit, space):
    """«Keepalive restarts the timeout of the present state.»"""
    job = emit.create(space, deliveryTimeoutSeconds=50, timeoutSeconds=100)
    before = emit.report(job["id"], "claim")["timeoutAt"]
    wait_for("a later millisecond", lambda: moment(in_seconds(50)) > moment(before) + 0.001)
    answer, seq = emit.report(job["id"], "keepalive"), position(emit, space)
    assert answer["timeoutAt"] > before and 0 < answer["secondsLeft"] <= 50
    assert emit.job(job["id"])["timeoutAt"] == answer["timeoutAt"] and seq == 2


def test_logs_of_a_delivered_job_restart_nothing(emit, space):
    """«while running, logs restart the running timeout»: only then."""
    job = job_in(emit, space, "delivered")
    emit.report(job["id"], "logs", {"lines": [{"level": "info", "message": "m"}]})
    assert emit.job(job["id"])["timeoutAt"] == job["timeoutAt"]


# -- retry delays -----------------------------------------------------------------------------------------------


def fail(emit, job, **more):
    """The next attempt, failed; how long the job waits then."""
    start(emit, job)
    return delay(emit.report(job["id"], "fail", {"error": "e", **more}))


@pytest.mark.parametrize("backoff, delays", [
    (None, [0, 0, 0]),
    ({"strategy": "none"}, [0, 0, 0]),
    ({"strategy": "fixed", "delaySeconds": 100}, [100, 100, 100]),
    ({"strategy": "fixed", "delaySeconds": 100, "maxDelaySeconds": 60}, [60, 60, 60]),
    ({"strategy": "exponential", "delaySeconds": 100}, [100, 200, 400]),
    ({"strategy": "exponential", "delaySeconds": 100, "maxDelaySeconds": 250}, [100, 200, 250]),
    ({"strategy": "exponential", "delaySeconds": 50_000}, [50_000, 86_400, 86_400]),
    ({"strategy": "exponential", "delaySeconds": 0}, [0, 0, 0]),
], ids=str)
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_back_off(emit, space, backoff, delays, nth):
    """«(default none: pending again at once; delay = min(delaySeconds·2^(n−1), maxDelaySeconds)»; «`maxDelaySeconds`
    default 86,400, for `fixed` too»; «`retryAfterSeconds?` (0–86,400, beats the back-off)»"""
    job = emit.create(space, maxRetries=3, **({"retryBackoff": backoff} if backoff else {}))
    for _ in range(nth - 1):
        assert fail(emit, job, retryAfterSeconds=0) == pytest.approx(0, abs=1)
    assert fail(emit, job) == pytest.approx(delays[nth - 1], abs=1)
    assert len(emit.poll(space)) == (delays[nth - 1] == 0)


def test_jitter(emit, space):
    """«jitter: uniform from 0 to it»: forty draws, none beyond, some in each half."""
    backoff = {"strategy": "fixed", "delaySeconds": 1000, "jitter": True}
    made = emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n", "retryBackoff": backoff}] * 40, expect=201).json()
    delays = [fail(emit, job) for job in made]
    assert all(-1 <= one <= 1001 for one in delays)
    assert min(delays) < 500 < max(delays) and len({round(one) for one in delays}) > 10


@pytest.mark.parametrize("seconds", [0, 1234, 86_400])
def test_retry_after(emit, space, seconds):
    """«`retryAfterSeconds?` (0–86,400, beats the back-off)»; «`retryAfterSeconds` is never jittered»"""
    backoff = {"strategy": "fixed", "delaySeconds": 77, "jitter": True}
    for _ in range(3):
        assert fail(emit, emit.create(space, retryBackoff=backoff), retryAfterSeconds=seconds) == pytest.approx(
            seconds, abs=1)


@pytest.mark.parametrize("body, path", [({}, "/error"), ({"error": 5}, "/error"), ({"error": None}, "/error"),
                                        ({"error": "e", "retryable": "no"}, "/retryable"),
                                        ({"error": "e", "retryAfterSeconds": -1}, "/retryAfterSeconds"),
                                        ({"error": "e", "retryAfterSeconds": 86_401}, "/retryAfterSeconds"),
                                        ({"error": "e", "reason": "r"}, "/reason"), ({"error": "a\x00b"}, "/error")])
def test_bad_failures(emit, space, body, path):
    """«`{error: string, retryable?: bool, retryAfterSeconds? (0–86,400 …)}`»"""
    job = job_in(emit, space, "running")
    problem(emit.call("POST", f"/jobs/{job['id']}/fail", body), 422, "invalid_fields", path)
    assert emit.job(job["id"])["status"] == "running"


def test_a_delay_ends(emit, space):
    """A delayed retry becomes available by itself; that is no event (it is `pending` all the while)."""
    job = emit.create(space, retryBackoff={"strategy": "fixed", "delaySeconds": 1})
    fail(emit, job)
    [again] = emit.poll(space, waitSeconds=30)
    assert (again["id"], again["attemptNumber"]) == (job["id"], 1)
    assert again["deliveredAt"] >= again["availableAt"]
    assert types(emit, job["id"])[-2:] == ["retried", "delivered"]


# -- expiry and schedules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["pending", "scheduled", "delayed"])
def test_expiry(emit, space, state):
    """«`scheduled` `pending` | its `expiresAt` passes | `dead` | `dead` | `{error: "expired"}`»"""
    expires = in_seconds(2)
    job = emit.create(space, expiresAt=expires, **({"scheduledFor": in_seconds(3600)} if state == "scheduled" else {}))
    if state == "delayed":
        start(emit, job)
        emit.report(job["id"], "release", {"afterSeconds": 3600})
    dead = wait_status(emit, job["id"], "dead")
    assert dead["result"] == {"error": "expired"} and dead["completedAt"] >= expires
    last = events(emit, job["id"])[-1]
    assert (last["type"], last["status"], last["data"]) == ("dead", "dead", {"error": "expired"})


def test_running_jobs_do_not_expire(emit, space):
    """«`scheduled` `pending` | its `expiresAt` passes»: one that runs is past that."""
    expires = in_seconds(2)
    job, other = emit.create(space, expiresAt=expires), emit.create(space, expiresAt=expires)
    start(emit, job)
    wait_status(emit, other["id"], "dead")
    assert emit.job(job["id"])["status"] == "running"
    assert emit.report(job["id"], "complete")["status"] == "completed"


def test_a_schedule_keeps_its_time(emit, space):
    """«`scheduled` | its time comes | `pending`»: not before, then for the next poll."""
    due = in_seconds(1)
    job = emit.create(space, scheduledFor=due)
    [got] = emit.poll(space, waitSeconds=30)
    assert got["id"] == job["id"] and got["deliveredAt"] >= due
    enqueued = wait_event(emit, job, "enqueued")
    assert enqueued["timestamp"] >= due and types(emit, job["id"]) == ["created", "enqueued", "delivered"]
