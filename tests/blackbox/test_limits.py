"""Section 6: the table of limits, as far as HTTP shows it."""

import json
import socket

import pytest

import harness
from calls import Raw, job_in, jobs_of, position, post, problem, still_serves, types, wait_for
from streams import flag_about

FULL = 1_000_000


def padded(size: int, head: str, tail: str) -> str:
    return head + "x" * (size - len(head) - len(tail)) + tail


#: Bodies that can be of any size.
BODIES = {"create": ('{"name":"n","payload":"', '"}'), "progress": ('{"a":"', '"}'), "checkpoint": ('{"a":"', '"}'),
          "event": ('{"a":"', '"}'), "complete": ('"', '"'), "fail": ('{"error":"', '"}'),
          "kill": ('{"reason":"', '"}'), "PATCH": ('{"payload":"', '"}')}


def send(emit, space, what, size):
    body = padded(size, *BODIES[what])
    if what == "create":
        return emit.call("POST", f"/spaces/{space}/jobs", body)
    job = job_in(emit, space, "pending" if what == "PATCH" else "running")
    if what == "PATCH":
        return emit.call("PATCH", f"/jobs/{job['id']}", body)
    return emit.call("POST", f"/jobs/{job['id']}/{what}", body)


@pytest.mark.parametrize("what", BODIES)
def test_a_full_body(emit, space, what):
    """«one body, payload or report | 1,000,000 bytes (fixed …)»: from inside."""
    assert send(emit, space, what, FULL).status_code in (200, 201)


@pytest.mark.parametrize("what", BODIES)
def test_one_byte_more(emit, space, what):
    """«too big 413»: from outside, and nothing has happened."""
    problem(send(emit, space, what, FULL + 1), 413, "payload_too_large")
    assert [job["status"] for job in jobs_of(emit, space)] in ([], ["pending"], ["running"])
    assert position(emit, space) in (0, 1, 3)


@pytest.mark.parametrize("what", ["spaces", "tokens", "poll", "reports"])
def test_every_other_body_is_bounded(emit, space, what):
    """«one body … 1,000,000 bytes», «arrays of jobs or reports | 16 MiB»: blanks count, too."""
    path = {"spaces": "/spaces", "tokens": f"/spaces/{space}/tokens", "poll": f"/spaces/{space}/jobs/poll",
            "reports": "/jobs/reports"}[what]
    size = 16 * 1024 * 1024 if what == "reports" else FULL
    problem(emit.call("POST", path, " " * size + "{}"), 413, "payload_too_large")


@pytest.mark.parametrize("size, expect", [(FULL, 200), (FULL + 1, 413)])
def test_a_body_without_a_length(emit, space, size, expect):
    """«too big 413»: a chunked body is counted as it comes."""
    job, body = job_in(emit, space, "running"), padded(size, *BODIES["complete"]).encode()
    pieces = (body[i:i + 65_536] for i in range(0, len(body), 65_536))
    head = {"x-api-key": harness.ADMIN_KEY, "content-type": "application/json"}
    answer = emit.http.post(f"{emit.api}/jobs/{job['id']}/complete", content=pieces, headers=head)
    assert answer.status_code == expect
    assert emit.job(job["id"])["status"] == ("completed" if expect == 200 else "running")


def test_a_length_is_believed_at_once(emit, space):
    """«too big 413»: who announces too much need not send it."""
    with Raw(emit) as raw:
        raw.send(post(f"/api/v1/spaces/{space}/jobs", length=10**15))
        problem(raw.answer(), 413, "payload_too_large")


def test_expect_continue(emit, space):
    """A client that asks first (curl, above 1 MB) is answered: 413 without the body, or 100 and then the answer."""
    with Raw(emit) as raw:
        raw.send(post(f"/api/v1/spaces/{space}/jobs", length=17 * 1024 * 1024, headers=("Expect: 100-continue",)))
        problem(raw.answer(), 413)
    body = b'{"name":"n"}'
    with Raw(emit) as raw:
        raw.send(post(f"/api/v1/spaces/{space}/jobs", length=len(body), headers=("Expect: 100-continue",)))
        assert raw.tcp.recv(17, socket.MSG_WAITALL).startswith(b"HTTP/1.1 100")
    still_serves(emit)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth, expect", [(64, 200), (65, 400)])
def test_depth_of_a_result(emit, space, depth, expect):
    """«JSON | … depth ≤ 64»; «(the root is level 1)»"""
    job = job_in(emit, space, "running")
    answer = emit.call("POST", f"/jobs/{job['id']}/complete", nested(depth))
    if expect == 200:
        assert answer.status_code == 200
    else:
        problem(answer, 400, "malformed_json")


@pytest.mark.parametrize("depth, expect", [(63, 201), (64, 400)])
def test_depth_of_a_payload(emit, space, depth, expect):
    """«depth ≤ 64»: the job around the payload is level 1; objects count as arrays do."""
    for payload in (nested(depth), '{"a":' * depth + "1" + "}" * depth):
        answer = emit.call("POST", f"/spaces/{space}/jobs", '{"name":"n","payload":%s}' % payload)
        if expect == 201:
            assert answer.status_code == 201 and f'"payload":{payload}' in answer.text
        else:
            problem(answer, 400, "malformed_json")


@pytest.mark.parametrize("depth, expect", [(62, 201), (64, 400)])
def test_depth_in_an_array(emit, space, depth, expect):
    """«depth ≤ 64»: within an array as well."""
    answer = emit.call("POST", f"/spaces/{space}/jobs", '[{"name":"n","payload":%s}]' % nested(depth))
    assert answer.status_code == expect


def test_very_deep(emit, space):
    """«Never a panic, never a hang»: half a million levels are refused like sixty-five."""
    for body in ("[" * 500_000, nested(499_999), '{"name":' * 100_000):
        problem(emit.call("POST", f"/spaces/{space}/jobs", body), 400, "malformed_json")
    still_serves(emit)


# -- requests per second ----------------------------------------------------------------------------------------


def rate_limited(answer):
    found = problem(answer, 429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 0
    assert any(name.lower().startswith("ratelimit") for name in answer.headers)
    return found


def until_limited(emit, key):
    """Requests until one is refused. A machine too slow for the configured rate would run into the bound."""
    for _ in range(2_000):
        answer = emit.call("GET", "/me", key=key)
        if answer.status_code != 200:
            return answer
    raise AssertionError("2,000 requests and no limit")


def test_rate_limit():
    """«requests | secret keys: none; public and job-bound tokens: 1,000/s per key and client address»; «over the rate
    limit 429 with `Retry-After` and `RateLimit-*`». Configured lower here, so that any machine reaches it."""
    with harness.server(flag_about("requests"), "5") as emit:
        space = emit.space()["id"]
        job = emit.create(space)["id"]
        public, secret = emit.public_token(space), emit.token(space, ["jobs:read"])
        bound = emit.call("POST", f"/jobs/{job}/tokens", {"expiresInSeconds": 3600}, expect=201).json()["token"]
        rate_limited(until_limited(emit, public))
        # Its own count each: another key is not held up by the first.
        assert emit.call("GET", "/me", key=bound).status_code == 200
        rate_limited(until_limited(emit, bound))
        wait_for("the limit to pass", lambda: emit.call("GET", "/me", key=public).status_code == 200)
        for _ in range(100):
            assert emit.call("GET", "/me", key=secret).status_code == 200
        assert emit.job(job)["seq"] == 1


def from_(emit, key, address):
    return emit.call("GET", "/me", key=key, headers={"x-forwarded-for": address})


@pytest.mark.parametrize("trusted", [False, True])
def test_the_clients_address(trusted):
    """«per key and client address, … (`--trusted-proxies` for forwarded ones)»: who is no trusted proxy cannot make
    himself another address; behind one, each address has a count of its own."""
    flags = ["--trusted-proxies", "10.0.0.7,127.0.0.0/8"] if trusted else []
    with harness.server(flag_about("requests"), "5", *flags) as emit:
        key, last = emit.public_token(emit.space()["id"]), None
        for n in range(2_000):
            last = from_(emit, key, "203.0.113.1" if trusted else f"203.0.113.{n % 250}")
            if last.status_code != 200:
                break
        rate_limited(last)
        if trusted:
            assert from_(emit, key, "203.0.113.2").status_code == 200


# -- slowness ---------------------------------------------------------------------------------------------------


def test_slow_headers(emit):
    """«slow requests | headers within 10 s … (408)»: half a head is not waited for for ever."""
    with Raw(emit) as raw:
        raw.send(b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nx-api-")
        answer = raw.answer()  # gives up after PATIENCE, which fails the test
        assert answer is None or answer.status_code == 408


def test_a_slow_body(emit, space):
    """«body within 30 s (408)»: and nothing of it has happened."""
    with Raw(emit) as raw:
        raw.send(post(f"/api/v1/spaces/{space}/jobs", body=b'{"name":', length=12))
        problem(raw.answer(), 408, "request_timeout")
    assert jobs_of(emit, space) == []


def test_one_byte_at_a_time(emit, space):
    """«Never a hang»: a slow request that gets done is answered."""
    with Raw(emit) as raw:
        for byte in post(f"/api/v1/spaces/{space}/jobs", body=json.dumps({"name": "drip"}).encode()):
            raw.send(bytes([byte]))
        assert raw.answer().status_code == 201
    [job] = jobs_of(emit, space)
    assert job["name"] == "drip" and types(emit, job["id"]) == ["created"]
