"""Callbacks: told once a job has ended, signed, tried again, each try an event."""

import contextlib
import itertools
import threading

import pytest
from standardwebhooks import Webhook

import harness
from calls import events, problem, types, wait_for, wrong_state
from receivers import LOOPBACK, Receiver, dripping, silent


@pytest.fixture(scope="module")
def emit():
    with harness.server(*LOOPBACK, "--callback-retry-seconds", "1,1") as one:
        yield one


def fresh(emit, **settings) -> tuple[str, str]:
    """A space and its signing secret."""
    made = emit.space(**settings)
    return made["id"], made["webhookSecret"]


def ended(emit, space: str, url: str, result='{"a" : 1}', **fields) -> dict:
    """A job with that callback, completed."""
    job = emit.running(space, callbackUrl=url, **fields)
    emit.report(job["id"], "complete", result)
    return job


def tries(emit, job_id: str, count: int) -> list[dict]:
    """The data of the job's callback events, once there are so many."""
    def there():
        found = [event for event in events(emit, job_id, limit=1000) if event["type"].startswith("callback_")]
        return found if len(found) >= count else None
    return wait_for(f"{count} tries", there)


def verify(secret: str, request) -> dict:
    return Webhook(secret).verify(request.text, request.headers)


def test_the_end_is_told_signed(emit):
    """«POST to `callbackUrl`: `{jobId, spaceId, name, status, attemptNumber, result, timestamp}`, … signed after
    Standard Webhooks with the space's secret»; «each try is an event»"""
    space, secret = fresh(emit)
    with Receiver() as receiver:
        job = ended(emit, space, receiver.url + "/hook?token=t0p", name="resize",
                    callbackHeaders={"Authorization": "Bearer s3cret", "x-own": "1"})
        [request] = receiver.received(1)
        assert request.path == "/hook?token=t0p"
        body = verify(secret, request)
        read = emit.job(job["id"])
        assert body == {"jobId": job["id"], "spaceId": space, "name": "resize", "status": "completed",
                        "attemptNumber": 0, "result": {"a": 1}, "timestamp": read["completedAt"]}
        assert list(body) == ["jobId", "spaceId", "name", "status", "attemptNumber", "result", "timestamp"]
        assert '"result":{"a" : 1}' in request.text, "the result leaves as it came"
        assert request.headers["content-type"] == "application/json"
        assert (request.headers["authorization"], request.headers["x-own"]) == ("Bearer s3cret", "1")
        [event] = tries(emit, job["id"], 1)
        assert (event["type"], event["status"]) == ("callback_sent", "completed")
        assert event["data"].pop("durationMs") >= 0
        assert event["data"] == {"url": receiver.url + "/hook", "statusCode": 204, "try": 1, "nextTryAt": None,
                                 "answer": None, "error": None}
        # What was told stays told.
        assert read["callbackHeaders"] == {"Authorization": "***", "x-own": "***"}
        assert read["callbackUrl"] == receiver.url + "/hook?token=t0p"
    for hidden in ("t0p", "s3cret", secret):
        assert hidden not in emit.output()


@pytest.mark.parametrize("verb, body, status, result", [
    ("fail", {"error": "broken", "retryable": False}, "dead", {"error": "broken"}),
    ("kill", {"reason": "tired"}, "killed", {"reason": "tired"}),
])
def test_every_kind_of_end_is_told(emit, verb, body, status, result):
    """«on `completed`, `dead`, `killed`»"""
    space, secret = fresh(emit)
    with Receiver() as receiver:
        job = emit.running(space, callbackUrl=receiver.url)
        emit.report(job["id"], verb, body)
        told = verify(secret, receiver.received(1)[0])
        assert (told["status"], told["result"]) == (status, result)


def test_a_retry_is_no_end(emit):
    space, _ = fresh(emit)
    with Receiver() as receiver:
        job = emit.running(space, callbackUrl=receiver.url, maxRetries=1)
        emit.report(job["id"], "fail", {"error": "once"})
        emit.report(job["id"], "kill", {})
        assert receiver.received(1)[0].body["status"] == "killed"
        assert receiver.received(1)[0].body["attemptNumber"] == 1
        tries(emit, job["id"], 1)
        assert len(receiver.requests) == 1


def test_failed_tries_come_again_under_the_same_id(emit):
    """«`webhook-id`, the same for all tries of one end»; «each try is an event»; the last one has no `nextTryAt`"""
    space, secret = fresh(emit)
    with Receiver(lambda request: (500, {}, "no \x01room")) as receiver:
        job = ended(emit, space, receiver.url)
        requests = receiver.received(3)
        assert len({request.id for request in requests}) == 1
        for request in requests:
            verify(secret, request)
        found = tries(emit, job["id"], 3)
        assert [event["type"] for event in found] == ["callback_failed"] * 3
        assert [event["data"]["try"] for event in found] == [1, 2, 3]
        assert all(event["data"]["statusCode"] == 500 for event in found)
        assert found[0]["data"]["answer"] == "no \x01room"
        assert [event["data"]["nextTryAt"] is None for event in found] == [False, False, True]
        for earlier, later in itertools.pairwise(found):
            assert later["timestamp"] >= earlier["data"]["nextTryAt"]
        assert len(requests) == len(receiver.requests) == 3


def test_the_first_success_ends_it(emit):
    space, _ = fresh(emit)
    answers = iter([503, 200])
    with Receiver(lambda request: next(answers)) as receiver:
        job = ended(emit, space, receiver.url)
        found = tries(emit, job["id"], 2)
        assert [event["type"] for event in found] == ["callback_failed", "callback_sent"]
        assert emit.call("GET", f"/spaces/{space}/failing-endpoints", expect=200).json() == []


def test_410_stops(emit):
    """«410 stops»"""
    space, _ = fresh(emit)
    with Receiver(lambda request: 410) as receiver:
        job = ended(emit, space, receiver.url)
        [event] = tries(emit, job["id"], 1)
        assert (event["data"]["statusCode"], event["data"]["nextTryAt"]) == (410, None)
        [failing] = emit.call("GET", f"/spaces/{space}/failing-endpoints", expect=200).json()
        assert (failing["endpoint"], failing["waiting"], failing["givenUp"]) == (receiver.url, 0, 1)


def test_retry_after_is_heeded(emit):
    """«`Retry-After` honoured»: it beats a shorter delay."""
    space, _ = fresh(emit)
    with Receiver(lambda request: (429, {"retry-after": "3600"}, "")) as receiver:
        job = ended(emit, space, receiver.url)
        [event] = tries(emit, job["id"], 1)
        assert event["data"]["nextTryAt"] > event["timestamp"]
        assert event["data"]["nextTryAt"][11:13] != event["timestamp"][11:13], "an hour later"
        [failing] = emit.call("GET", f"/spaces/{space}/failing-endpoints", expect=200).json()
        assert failing["nextTryAt"] == event["data"]["nextTryAt"]
        assert (failing["waiting"], failing["lastStatusCode"], failing["lastError"]) == (1, 429, None)
        assert failing["lastTriedAt"] == event["timestamp"]


@pytest.mark.parametrize("to", ["/elsewhere", "http://127.0.0.1:1/", "http://169.254.169.254/latest/meta-data/"])
def test_redirects_are_failures(emit, to):
    """«redirects count as failures», wherever they lead"""
    space, _ = fresh(emit)
    with Receiver(lambda request: (302, {"location": to}, "")) as receiver:
        job = ended(emit, space, receiver.url + "/hook")
        [event] = tries(emit, job["id"], 1)
        assert (event["type"], event["data"]["statusCode"]) == ("callback_failed", 302)
        assert event["data"]["error"] == "redirects are not followed"
        emit.report(job["id"], "requeue")
        assert {request.path for request in receiver.requests} == {"/hook"}


def test_requeue_cancels_tries_still_due(emit):
    """«Requeue cancels tries still due»; the new life's end is told under an id of its own."""
    space, _ = fresh(emit)
    with Receiver(lambda request: (503, {"retry-after": "3600"}, "")) as receiver:
        job = ended(emit, space, receiver.url)
        tries(emit, job["id"], 1)
        emit.report(job["id"], "requeue")
        assert emit.call("GET", f"/spaces/{space}/failing-endpoints", expect=200).json() == []
        receiver.behave = lambda request: 204
        emit.report(job["id"], "kill", {})
        found = tries(emit, job["id"], 2)
        assert [event["data"]["try"] for event in found] == [1, 1]
        first, second = receiver.received(2)
        assert first.id != second.id and second.body["status"] == "killed"


def test_a_resend(emit):
    """A manual resend tells the same end again, under the same id."""
    space, secret = fresh(emit)
    with Receiver() as receiver:
        job = ended(emit, space, receiver.url)
        tries(emit, job["id"], 1)
        answer = emit.call("POST", f"/jobs/{job['id']}/callback", expect=200).json()
        assert answer["status"] == "completed"
        first, second = receiver.received(2)
        assert first.id == second.id and verify(secret, first) == verify(secret, second)
        assert [event["data"]["try"] for event in tries(emit, job["id"], 2)] == [1, 1]


def test_a_resend_needs_an_end_and_a_callback(emit):
    space, _ = fresh(emit)
    waiting = emit.create(space, callbackUrl="http://127.0.0.1:1/")
    wrong_state(emit.call("POST", f"/jobs/{waiting['id']}/callback"), "pending", "wrong_state")
    silent = emit.create(space)
    emit.report(silent["id"], "kill", {})
    wrong_state(emit.call("POST", f"/jobs/{silent['id']}/callback"), "killed", "no_callback")
    key = emit.token(space, ["jobs:read"])
    problem(emit.call("POST", f"/jobs/{silent['id']}/callback", key=key), 403, "missing_scope")


def test_rotation_signs_with_both(emit):
    """«rotation keeps the old one 24 h»"""
    space, old = fresh(emit)
    new = emit.call("PATCH", f"/spaces/{space}", {"webhookSecret": None}, expect=200).json()["webhookSecret"]
    assert new != old and new.startswith("whsec_")
    with Receiver() as receiver:
        ended(emit, space, receiver.url)
        [request] = receiver.received(1)
        verify(old, request)
        verify(new, request)
        third = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
        told = emit.call("PATCH", f"/spaces/{space}", {"webhookSecret": third}, expect=200).json()
        assert told["webhookSecret"] == third
        ended(emit, space, receiver.url)
        request = receiver.received(2)[1]
        # Its 24 h have not passed, however many came after it.
        for secret in (third, new, old):
            verify(secret, request)


def test_a_resend_is_told_whatever_comes_of_a_try_under_way(emit):
    """«a manual resend»: the try that had set out before it decides nothing about it."""
    space, _ = fresh(emit)
    gate, answers = threading.Event(), iter([410, 204])

    def behave(request):
        status = next(answers)
        assert status != 410 or gate.wait(60)
        return status

    with Receiver(behave) as receiver:
        job = ended(emit, space, receiver.url)
        receiver.received(1)
        emit.call("POST", f"/jobs/{job['id']}/callback", expect=200)
        gate.set()
        told = [(event["type"], event["data"]["try"]) for event in tries(emit, job["id"], 2)]
        assert told == [("callback_failed", 1), ("callback_sent", 1)]


def test_secrets_are_shown_once(emit):
    """«Settings by API …; secrets shown once or masked»"""
    space, _ = fresh(emit)
    for answer in (emit.call("GET", f"/spaces/{space}"), emit.call("PATCH", f"/spaces/{space}", {"name": "b"})):
        assert answer.json()["webhookSecret"] == "whsec_***"
    listed = emit.call("GET", "/spaces", params={"limit": 1000}).json()
    assert {one["webhookSecret"] for one in listed} == {"whsec_***"}


def test_late_events_reach_the_jobs_stream(emit):
    """«After a terminal event the job stream stays open 30 s for late events (`callback_*`…)»"""
    space, _ = fresh(emit)
    answers = iter([500, 200])
    with Receiver(lambda request: next(answers)) as receiver:
        job = emit.running(space, callbackUrl=receiver.url)
        with emit.ws(job["id"]) as ws, emit.ws(job["id"], key=emit.public_token(space)) as weak:
            harness.receive_until(ws, "init"), harness.receive_until(weak, "init")
            emit.report(job["id"], "complete")
            seen = harness.receive_until(ws, "callback_sent")
            assert [message["type"] for message in seen] == ["completed", "callback_failed", "callback_sent"]
            hidden = harness.receive_until(weak, "callback_sent")
            assert all("data" not in message for message in hidden[1:])


def test_a_receiver_that_never_answers_delays_nobody(emit):
    """«One slow or dead endpoint never delays another's callbacks»; «10 s each»"""
    space, _ = fresh(emit)
    with silent() as dead, dripping(after_head=False) as slow_head, dripping(after_head=True) as slow_body, \
            Receiver() as receiver:
        stuck = [ended(emit, space, url) for url in (dead, slow_head)]
        stuck += [ended(emit, space, dead) for _ in range(20)]
        dripped = ended(emit, space, slow_body)
        for _ in range(10):
            ended(emit, space, receiver.url)
        receiver.received(10)
        assert all(types(emit, job["id"])[-1] == "completed" for job in stuck[:2]), "those still wait"
        for job in stuck[:2]:
            [event, *_] = tries(emit, job["id"], 1)
            assert (event["data"]["statusCode"], event["data"]["error"]) == (None, "no answer within 10 s")
            assert 10_000 <= event["data"]["durationMs"]
        # Its status is what counts; its body is not read to the end.
        [event, *_] = tries(emit, dripped["id"], 1)
        assert (event["type"], event["data"]["statusCode"]) == ("callback_sent", 200)
        assert set(event["data"]["answer"]) == {"x"} and len(event["data"]["answer"]) <= 1024


def test_spaces_whose_endpoints_all_hang_stop_no_other(emit):
    """More than can be under way at once, in spaces that are looked at first, and more behind it."""
    with contextlib.ExitStack() as held:
        urls = [held.enter_context(silent()) for _ in range(25)]
        receiver = held.enter_context(Receiver())
        for _ in range(4):
            space, _ = fresh(emit)
            emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n", "callbackUrl": url} for url in urls] * 16, expect=201)
            emit.call("POST", f"/spaces/{space}/jobs/kill", {"status": "pending"}, expect=200)
        ended(emit, fresh(emit)[0], receiver.url)
        receiver.received(1)


def test_an_answer_shows_no_secret_that_it_echoes(emit):
    space, _ = fresh(emit)
    def echo(request):
        return 500, {}, f"{request.headers['authorization']} {request.headers['webhook-signature']} no room"
    with Receiver(echo) as receiver:
        job = ended(emit, space, receiver.url, callbackHeaders={"Authorization": "Bearer s3cret-t0ken"})
        assert tries(emit, job["id"], 1)[0]["data"]["answer"] == "*** *** no room"


def test_a_huge_answer_is_cut(emit):
    space, _ = fresh(emit)
    with Receiver(lambda request: (200, {}, "é" * 5_000_000)) as receiver:
        job = ended(emit, space, receiver.url)
        [event] = tries(emit, job["id"], 1)
        assert event["type"] == "callback_sent" and 500 <= len(event["data"]["answer"]) <= 513


def test_what_is_no_http_is_a_failure(emit):
    space, _ = fresh(emit)
    job = ended(emit, space, "http://no-such-host.invalid/")
    [event, *_] = tries(emit, job["id"], 1)
    assert event["data"]["error"] == "the host's name cannot be resolved"
    with Receiver() as receiver:
        job = ended(emit, space, receiver.url.replace("http:", "https:"))
        [event, *_] = tries(emit, job["id"], 1)
        assert event["data"]["error"].startswith("TLS was not agreed on")
