"""Section 3: «A job, as created» and «As answered»: its fields, their defaults, their limits from both sides."""

import json

import pytest

from calls import TIME, ULID, events, in_seconds, job_in, problem

YEAR = 365 * 86_400


def nearly_ten_years_ahead():
    return in_seconds(9.9 * YEAR)


def eleven_years_ahead():
    return in_seconds(11 * YEAR)


def in_an_hour():
    return in_seconds(3600)


def text(value) -> str:
    """A value's name in a test's id: a moment is a call, so that its id is the same in every run."""
    return value.__name__ if callable(value) else json.dumps(value)[:40]


FIXED = {"strategy": "fixed", "delaySeconds": 5}


def test_defaults(emit, space):
    """«`maxRetries` 3 …, `timeoutSeconds` 300 …, `deliveryTimeoutSeconds` (default 60 …), `priority` 0»; «`null` where
    there is nothing yet»; «Absent objects answer `null`.»"""
    job = emit.create(space, name="resize")
    assert {k: job[k] for k in ("name", "spaceId", "status", "attemptNumber", "maxRetries", "timeoutSeconds",
                                "deliveryTimeoutSeconds", "priority", "deliveryCount")} == {
        "name": "resize", "spaceId": space, "status": "pending", "attemptNumber": 0, "maxRetries": 3,
        "timeoutSeconds": 300, "deliveryTimeoutSeconds": 60, "priority": 0, "deliveryCount": 0}
    for field in ("payload", "scheduledFor", "expiresAt", "retryBackoff", "callbackUrl", "callbackHeaders", "tags",
                  "idempotencyKey", "progress", "checkpoint", "result", "deliveredAt", "startedAt", "completedAt",
                  "timeoutAt", "deliveryId", "workerId", "traceparent"):
        assert field in job and job[field] is None, field
    assert ULID.fullmatch(job["id"])
    assert all(TIME.fullmatch(job[field]) for field in ("createdAt", "updatedAt", "availableAt"))
    assert job["seq"] == events(emit, job["id"])[0]["seq"]


def test_everything_comes_back(emit, space):
    """«A job, as created» comes back «as answered»."""
    sent = {"name": "n", "payload": {"a": [1, None]}, "maxRetries": 7, "timeoutSeconds": 90,
            "deliveryTimeoutSeconds": 30, "scheduledFor": "2030-01-02T03:04:05.678Z", "priority": -3,
            "expiresAt": "2031-01-02T03:04:05.678Z", "tags": {"customer": "a:b", "größe": "ß"},
            "idempotencyKey": "order 7",
            "retryBackoff": {"strategy": "exponential", "delaySeconds": 2, "maxDelaySeconds": 60, "jitter": True}}
    job = emit.create(space, **sent)
    assert {k: job[k] for k in sent} == sent
    again = emit.job(job["id"])
    assert {k: again[k] for k in sent} == sent and again["status"] == "scheduled"


def test_ids_are_fresh_ulids(emit, space):
    """«ids ULIDs whose 80 random bits are fresh in every id (never incremented…)»: neighbours share no random part."""
    made = emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}] * 200, expect=201).json()
    assert all(ULID.fullmatch(job["id"]) for job in made)
    # The 16 random characters: were they incremented, the first twelve would be alike for all.
    assert len({job["id"][10:22] for job in made}) == 200


def test_realtime_url(emit, space):
    """«on create `realtimeUrl` (never with a token)»"""
    job = emit.create(space)
    assert job["realtimeUrl"].endswith(f"/api/v1/realtime/{job['id']}")
    assert not emit.job(job["id"]).get("realtimeUrl")
    many = emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}], expect=201).json()
    assert many[0]["realtimeUrl"].endswith(f"/api/v1/realtime/{many[0]['id']}")


def test_traceparent_is_handed_to_the_worker(emit, space):
    """«`traceparent` (kept from the create request, handed to the worker)»"""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    made = emit.call("POST", f"/spaces/{space}/jobs", {"name": "n"}, headers={"traceparent": trace}, expect=201)
    assert made.json()["traceparent"] == trace
    assert emit.poll(space)[0]["traceparent"] == trace


def test_worker_id(emit, space):
    """«`workerId` (from the header `x-emit-worker`)»"""
    job = emit.create(space)
    head = {"x-emit-worker": "box-7"}
    [polled] = emit.call("POST", f"/spaces/{space}/jobs/poll", {}, headers=head, expect=200).json()["jobs"]
    assert polled["workerId"] == emit.job(job["id"])["workerId"] == "box-7"


@pytest.mark.parametrize("payload", ["null", "false", "0", '""', "[]", "{}", '{"a": 1.0}', "1e400", "-0",
                                     '{"x":"\\u0000\\ud83d\\ude00"}', '{"a":1,"a":2}', "1234567890123456789012345"])
def test_a_payload_is_any_json_as_sent(emit, space, payload):
    """«`payload` (any JSON)»; «payloads and data are forwarded as sent (fixed)»"""
    made = emit.call("POST", f"/spaces/{space}/jobs", '{"name":"n", "payload" : %s }' % payload, expect=201)
    for answer in (made, emit.call("GET", f"/jobs/{made.json()['id']}"),
                   emit.call("GET", f"/spaces/{space}/jobs?include=payload"),
                   emit.call("POST", f"/spaces/{space}/jobs/poll")):
        assert f'"payload":{payload}' in answer.text


@pytest.mark.parametrize("timeout, default", [(1, 1), (59, 59), (60, 60), (61, 60)])
def test_delivery_timeout_defaults_to_the_timeout(emit, space, timeout, default):
    """«`deliveryTimeoutSeconds` defaults to 60, or to `timeoutSeconds` if that is less»"""
    assert emit.create(space, timeoutSeconds=timeout)["deliveryTimeoutSeconds"] == default


def test_never_as_go_writes_it_is_past(emit, space):
    """«`scheduledFor` (in the past: due at once …)»"""
    assert emit.create(space, scheduledFor="0001-01-01T00:00:00Z")["status"] == "pending"


GOOD = [
    ("name", "n"), ("name", "n" * 200), ("name", "é" * 200), ("name", "😀" * 200), ("name", " / ? # 名 "),
    ("maxRetries", 0), ("maxRetries", 25), ("timeoutSeconds", 1), ("timeoutSeconds", 86_400),
    ("deliveryTimeoutSeconds", 1), ("deliveryTimeoutSeconds", 300), ("priority", -100), ("priority", 100),
    ("scheduledFor", nearly_ten_years_ahead), ("scheduledFor", "2015-02-24T10:32:00.000Z"),
    ("expiresAt", in_an_hour), ("idempotencyKey", "k"), ("idempotencyKey", "ü" * 200),
    ("retryBackoff", {"strategy": "none"}), ("retryBackoff", FIXED),
    ("retryBackoff", {**FIXED, "delaySeconds": 0}), ("retryBackoff", {**FIXED, "delaySeconds": 86_400}),
    ("retryBackoff", {**FIXED, "maxDelaySeconds": 86_400, "jitter": False}),
    ("tags", {}), ("tags", {f"k{n}": "v" for n in range(16)}), ("tags", {"k" * 50: "v" * 200}), ("tags", {"k": ""}),
    ("tags", {"ü" * 50: "😀" * 200}),
]


@pytest.mark.parametrize("field, value", GOOD, ids=text)
def test_on_the_limit(emit, space, field, value):
    """The limits of «A job, as created» and of section 6, from inside."""
    value = value() if callable(value) else value
    job = emit.create(space, **{"name": "n", field: value})
    shown = emit.job(job["id"])[field]
    if field == "retryBackoff":
        assert {k: shown[k] for k in value} == value
    elif value == {}:
        assert shown in (None, {})
    else:
        assert shown == value


#: Bad values by field, with the path of the error. test_bad_input.py sends them too, alone and in arrays.
BAD = [
    ("name", "", "/name"), ("name", "n" * 201, "/name"), ("name", "a\nb", "/name"), ("name", "\x7f", "/name"),
    ("name", "\x85", "/name"), ("name", "a\x00b", "/name"), ("name", None, "/name"), ("name", 7, "/name"),
    ("name", ["n"], "/name"),
    ("maxRetries", -1, "/maxRetries"), ("maxRetries", 26, "/maxRetries"), ("maxRetries", 1.5, "/maxRetries"),
    ("maxRetries", "3", "/maxRetries"), ("maxRetries", True, "/maxRetries"), ("maxRetries", 1e30, "/maxRetries"),
    ("timeoutSeconds", 0, "/timeoutSeconds"), ("timeoutSeconds", 86_401, "/timeoutSeconds"),
    ("deliveryTimeoutSeconds", -1, "/deliveryTimeoutSeconds"),
    ("deliveryTimeoutSeconds", 301, "/deliveryTimeoutSeconds"),
    ("priority", -101, "/priority"), ("priority", 101, "/priority"), ("priority", "high", "/priority"),
    ("scheduledFor", "tomorrow", "/scheduledFor"), ("scheduledFor", 1_700_000_000, "/scheduledFor"),
    ("scheduledFor", "2025-02-30T00:00:00.000Z", "/scheduledFor"),
    ("scheduledFor", eleven_years_ahead, "/scheduledFor"),
    ("expiresAt", "2025-02-24 10:32", "/expiresAt"), ("expiresAt", {}, "/expiresAt"),
    ("retryBackoff", "fixed", "/retryBackoff"), ("retryBackoff", {}, "/retryBackoff/strategy"),
    ("retryBackoff", {"strategy": "linear"}, "/retryBackoff/strategy"),
    ("retryBackoff", {"strategy": "fixed"}, "/retryBackoff/delaySeconds"),
    ("retryBackoff", {"strategy": "exponential"}, "/retryBackoff/delaySeconds"),
    ("retryBackoff", {**FIXED, "delaySeconds": -1}, "/retryBackoff/delaySeconds"),
    ("retryBackoff", {**FIXED, "delaySeconds": 86_401}, "/retryBackoff/delaySeconds"),
    ("retryBackoff", {**FIXED, "maxDelaySeconds": 86_401}, "/retryBackoff/maxDelaySeconds"),
    ("retryBackoff", {**FIXED, "jitter": "yes"}, "/retryBackoff/jitter"),
    ("retryBackoff", {**FIXED, "factor": 2}, "/retryBackoff/factor"),
    ("tags", ["a:b"], "/tags"), ("tags", {f"k{n}": "v" for n in range(17)}, "/tags"), ("tags", {"": "v"}, "/tags*"),
    ("tags", {"k" * 51: "v"}, "/tags*"), ("tags", {"a:b": "v"}, "/tags*"), ("tags", {"k": "v" * 201}, "/tags/k"),
    ("tags", {"k": 1}, "/tags/k"), ("tags", {"k": None}, "/tags/k"), ("tags", {"k": "\x00"}, "/tags/k"),
    ("idempotencyKey", "", "/idempotencyKey"), ("idempotencyKey", "k" * 201, "/idempotencyKey"),
    ("idempotencyKey", "a\tb", "/idempotencyKey"), ("idempotencyKey", 5, "/idempotencyKey"),
    ("colour", "red", "/colour"), ("id", "01JLQX", "/id"), ("status", "dead", "/status"), ("a/b~c", 1, "/a~1b~0c"),
]


@pytest.mark.parametrize("field, value, path", BAD, ids=text)
def test_beyond_the_limit(emit, space, field, value, path):
    """The same limits from outside: 422 with the field's path, and nothing is created. «Unknown fields: 422 with their
    path.» «Paths are JSON Pointers; `errors` stands on every 422 about a field»"""
    value = value() if callable(value) else value
    answer = emit.call("POST", f"/spaces/{space}/jobs", {"name": "n", field: value})
    problem(answer, 422, "invalid_fields", path)
    assert emit.call("GET", f"/spaces/{space}/jobs").json() == []


def test_a_name_is_required(emit, space):
    """«`name` (1 to 200 characters, required)»"""
    problem(emit.call("POST", f"/spaces/{space}/jobs", {"payload": 1}), 422, "invalid_fields", "/name")


def test_a_delivery_timeout_beyond_the_timeout(emit, space):
    """«given and larger: 422»"""
    sent = {"name": "n", "timeoutSeconds": 10, "deliveryTimeoutSeconds": 11}
    problem(emit.call("POST", f"/spaces/{space}/jobs", sent), 422, "invalid_fields", "/deliveryTimeoutSeconds")


def test_a_job_shows_its_events(emit, space):
    """«`GET /jobs/:jobId` → job with its latest 100 `events`, ascending»"""
    job = job_in(emit, space, "running")
    shown = emit.job(job["id"])["events"]
    assert [event["type"] for event in shown] == ["created", "delivered", "acked"]
    assert shown == events(emit, job["id"])
