"""Slack: chosen events as readable blocks, at most one message a second, the rest summed up."""

import json
import re
import time

import pytest

import harness
from calls import job_in, problem, wait_for
from receivers import LOOPBACK, Receiver


@pytest.fixture(scope="module")
def emit():
    with harness.server(*LOOPBACK, "--public-url", "https://jobs.example.com") as one:
        yield one


def check_blocks(request) -> dict:
    """Slack's limits of an incoming webhook and its blocks; what it does not take it answers with `invalid_blocks`."""
    assert request.headers["content-type"] == "application/json"
    message = request.body
    assert set(message) == {"text", "blocks"} and 1 <= len(message["text"]) <= 40_000
    assert 1 <= len(message["blocks"]) <= 50
    for block in message["blocks"]:
        if block["type"] == "section":
            assert set(block) == {"type", "text"}
            texts = [block["text"]]
        else:
            assert block["type"] == "context" and set(block) == {"type", "elements"} and 1 <= len(block["elements"]) <= 10
            texts = block["elements"]
        for text in texts:
            # Without `verbatim` Slack makes links and mentions of what only looks like some.
            assert text["type"] == "mrkdwn" and text["verbatim"] is True and 1 <= len(text["text"]) <= 3_000
    return message


class FakeSlack(Receiver):
    def __init__(self):
        self.times = []
        self.faults = []
        super().__init__(self.answer)

    def answer(self, request):
        self.times.append(time.monotonic())
        try:
            check_blocks(request)
        except AssertionError as fault:
            self.faults.append((fault, request.text))
            return (400, {}, "invalid_blocks")
        return (200, {}, "ok")

    def __exit__(self, *_):
        super().__exit__()
        assert self.faults == []


def told(request) -> str:
    return json.dumps(request.body, ensure_ascii=False)


def total(slack, kind: str) -> int:
    """How many events of that kind all messages tell of, summed up or singly."""
    heads = [request.body["text"] for request in list(slack.requests)]
    summed = [int(count) for head in heads for count in re.findall(rf"(\d+) {kind}", head)]
    return sum(summed) + sum(head.endswith(f"* {kind}") for head in heads)


def test_a_death_is_told(emit):
    """«readable blocks (name, status, duration, error, link to the dashboard)»; by default of dead jobs"""
    with FakeSlack() as slack:
        space = emit.space(slack={"webhookUrl": slack.url + "/services/T0/B0/s3cret"})["id"]
        job_in(emit, space, "completed", name="fine")
        job = emit.running(space, name="<!channel> & `co`")
        emit.report(job["id"], "fail", {"error": "no ```disk``` <left>", "retryable": False})
        [request] = slack.received(1)
        assert request.path == "/services/T0/B0/s3cret"
        text = told(request)
        assert "&lt;!channel&gt; &amp; `co`" in text and "dead" in text and "no '''disk''' &lt;left&gt;" in text
        page = f"/jobs/{job['id']}"
        assert f"<https://jobs.example.com{page}|" in text and re.search(r"ran \d+(\.\d+)? s", text)
        answer = emit.http.get(emit.origin + page)
        assert answer.status_code == 200 and "text/html" in answer.headers["content-type"], "the dashboard's page of it"
        assert len(slack.requests) == 1, "only what was chosen"
    assert "s3cret" not in emit.output()


def test_chosen_events(emit):
    """«chosen events (`created acked completed retried dead killed`)»"""
    with FakeSlack() as slack:
        events = ["created", "acked", "completed", "retried", "dead", "killed"]
        space = emit.space(slack={"webhookUrl": slack.url, "events": events})["id"]
        job_in(emit, space, "completed")
        job_in(emit, space, "killed")
        job = emit.running(space, maxRetries=1)
        emit.report(job["id"], "fail", {"error": "once"})
        emit.report(job["id"], "claim")
        emit.report(job["id"], "ack")
        emit.report(job["id"], "fail", {"error": "twice"})
        expected = {"created": 3, "acked": 3, "completed": 1, "retried": 1, "dead": 1, "killed": 1}
        wait_for("all are told", lambda: {kind: total(slack, kind) for kind in events} == expected)


def test_a_burst_is_summed_up(emit):
    """«at most one message a second, the rest summed up»; the largest texts stay within Slack's limits"""
    with FakeSlack() as slack:
        space = emit.space(name="&" * 200, slack={"webhookUrl": slack.url, "events": ["created", "dead"]})["id"]
        emit.call("POST", f"/spaces/{space}/jobs", [{"name": "&" * 200, "maxRetries": 0}] * 500, expect=201)
        for job in emit.poll(space, count=40, autoAck=True):
            emit.report(job["id"], "fail", {"error": "&" * 9_000})

        wait_for("all are told", lambda: (total(slack, "created"), total(slack, "dead")) == (500, 40))
        # Seen from here a pause may be cut short where the one before it was seen late.
        pauses = [later - earlier for earlier, later in zip(slack.times, slack.times[1:])]
        assert all(pause > 0.5 for pause in pauses) and sum(pauses) > 0.95 * len(pauses) - 0.5, pauses
        assert len(slack.requests) < 540 / 2, "nothing was summed up"


def test_what_slack_refuses_for_now_comes_again(emit):
    answers = iter([(429, {"retry-after": "1"}, ""), (500, {}, ""), (200, {}, "ok")])
    with Receiver(lambda request: next(answers)) as slack:
        space = emit.space(slack={"webhookUrl": slack.url})["id"]
        job_in(emit, space, "dead")
        assert len({request.text for request in slack.received(3)}) == 1


def test_spaces_that_share_an_address_share_its_pace(emit):
    """«at most one message a second»: to a channel, whoever writes there."""
    with FakeSlack() as slack:
        for name in "abc":
            space = emit.space(name=name, slack={"webhookUrl": slack.url, "events": ["created"]})["id"]
            emit.create(space)
        slack.received(3)
        assert slack.times[2] - slack.times[0] > 1.9, slack.times


def test_only_an_attempt_that_ran_has_a_duration(emit):
    with FakeSlack() as slack:
        space = emit.space(slack={"webhookUrl": slack.url, "events": ["killed"]})["id"]
        job = emit.running(space)
        emit.report(job["id"], "fail", {"error": "once"})
        emit.report(job["id"], "kill", {})
        assert "ran " not in told(slack.received(1)[0]), "it waited when it was killed"


def test_what_waits_outlives_a_change_of_other_settings(emit):
    answers = iter([503, 200])
    with Receiver(lambda request: next(answers)) as slack:
        space = emit.space(slack={"webhookUrl": slack.url, "events": ["killed"]})["id"]
        emit.report(emit.create(space)["id"], "kill", {})
        slack.received(1)
        put = {"maxPending": 100, "name": "b", "slack": {"webhookUrl": slack.url, "events": ["dead"]}}
        emit.call("PATCH", f"/spaces/{space}", put, expect=200)
        first, second = slack.received(2)
        assert first.text == second.text


def test_settings(emit):
    """«secrets shown once or masked»; `null` takes it away"""
    space = emit.space()["id"]
    put = {"slack": {"webhookUrl": "https://hooks.slack.com/services/T/B/secret", "events": ["killed", "dead", "dead"]}}
    answer = emit.call("PATCH", f"/spaces/{space}", put, expect=200).json()["slack"]
    assert answer == {"webhookUrl": "https://hooks.slack.com/***", "events": ["killed", "dead"]}
    problem(emit.call("PATCH", f"/spaces/{space}", {"slack": answer}), 422, "invalid_fields", "/slack/webhookUrl")
    for wrong, path in [({}, "/slack/webhookUrl"), ({"webhookUrl": "https://a", "events": []}, "/slack/events"),
                        ({"webhookUrl": "https://a", "events": ["log"]}, "/slack/events/0"),
                        ({"webhookUrl": "https://a", "channel": "#x"}, "/slack/channel"), ("https://a", "/slack")]:
        problem(emit.call("PATCH", f"/spaces/{space}", {"slack": wrong}), 422, "invalid_fields", path)
    assert emit.call("GET", f"/spaces/{space}").json()["slack"] == answer
    assert emit.call("PATCH", f"/spaces/{space}", {"name": "b"}, expect=200).json()["slack"] == answer
    assert emit.call("PATCH", f"/spaces/{space}", {"slack": None}, expect=200).json()["slack"] is None
