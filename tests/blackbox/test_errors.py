"""Section 6: problem answers, request ids, 404, 405, and what stands on every answer."""

import httpx
import pytest

import harness
from calls import NOBODY, Raw, job_in, post, problem, wait_for
from routes import ALL_ROUTES

#: One request for each kind of refusal that a plain request can meet: (status, code, arguments of `call`).
REFUSALS = [
    (400, "malformed_json", ("POST", "/spaces", "{")),
    (401, "missing_key", ("GET", "/me", None, None)),
    (401, "invalid_key", ("GET", "/me", None, "emit_nonsense")),
    (404, "not_found", ("GET", "/nothing")),
    (404, "job_not_found", ("GET", f"/jobs/{NOBODY}")),
    (404, "space_not_found", ("GET", f"/spaces/{NOBODY}")),
    (404, "token_not_found", ("DELETE", f"/tokens/{NOBODY}")),
    (405, "method_not_allowed", ("PUT", "/spaces")),
    (413, "payload_too_large", ("POST", "/spaces", b"x" * 1_000_001)),
    (422, "invalid_fields", ("POST", "/spaces", {})),
    (422, "invalid_query", ("GET", "/spaces?limit=0")),
]


@pytest.mark.parametrize("status, code, call", REFUSALS, ids=lambda v: v if isinstance(v, str) else "")
def test_the_shape_of_a_problem(emit, status, code, call):
    """«Errors are `application/problem+json`: `type`, `title`, `status`, `detail`, `code` (stable, snake_case …),
    `requestId` (also the header `x-request-id` …)»"""
    found = problem(emit.call(*call), status, code)
    for field in ("type", "title", "detail", "code", "requestId"):
        assert isinstance(found[field], str) and found[field], field
    assert found["type"].endswith(code)
    if found["type"].startswith("/"):
        # «each has a documentation page that says whether a retry is safe»: where the server has it, it is there.
        page = httpx.get(emit.origin + found["type"], timeout=harness.PATIENCE)
        assert page.status_code == 200 and code in page.text and "retry" in page.text.lower()


def test_request_ids(emit):
    """«`requestId` (also the header `x-request-id`, also in the log)»: one of its own for each request."""
    first, second = (problem(emit.call("GET", "/nothing"), 404) for _ in range(2))
    assert first["requestId"] != second["requestId"]
    wait_for("the id in the log", lambda: first["requestId"] in emit.output())
    assert emit.call("GET", "/me").headers["x-request-id"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/api/openapi.json", "/api/v1/me", "/api/v1/nothing",
                                  "/x"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "DELETE"])
def test_on_every_answer(emit, path, method):
    """«`Referrer-Policy: no-referrer` everywhere»: good answers and bad ones."""
    for head in ({}, {"x-api-key": harness.ADMIN_KEY}):
        answer = httpx.request(method, emit.origin + path, headers=head, timeout=harness.PATIENCE)
        assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/v2/me", "/api/v1", "/api/v1/", "/api/v1/nothing",
                                  "/api/v1/spaces/x/y/z", "/api/v1/jobs", "/api/v1/jobs/x/dance", "/api/v1/me/",
                                  "/api/v1//me", "/API/V1/me", "/api/v1/ME"])
@pytest.mark.parametrize("key", [None, harness.ADMIN_KEY], ids=["no key", "admin"])
def test_unknown_routes(emit, path, key):
    """«unknown route 404»; «404 and 405 … come before 401»"""
    head = {"x-api-key": key} if key else {}
    problem(httpx.get(emit.origin + path, headers=head, timeout=harness.PATIENCE), 404, "not_found")


@pytest.mark.parametrize("path", sorted({route.path for route in ALL_ROUTES}))
def test_wrong_methods(emit, path):
    """«wrong method 405», «404 and 405 (with `Allow`) come before 401»: `Allow` names those of section 3."""
    allowed = {route.method for route in ALL_ROUTES if route.path == path}
    url = path.format(space=NOBODY, job=NOBODY, token=NOBODY)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "BREW"} - allowed:
        answer = emit.call(method, url, key=None)
        problem(answer, 405, "method_not_allowed")
        named = {word.strip() for word in answer.headers["allow"].split(",")}
        assert allowed <= named and named <= allowed | {"HEAD", "OPTIONS"}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                                  "application/xml", "text/json", "nonsense", "application/jsonx"])
def test_wrong_content_types(emit, kind):
    """«wrong content type 415»: also what a page may send without asking (a simple request)."""
    problem(emit.call("POST", "/spaces", b'{"name": "x"}', headers={"content-type": kind}), 415,
            "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_right_content_types(emit, space, kind):
    """«wrong content type 415»: this one is right, in any case and with parameters."""
    emit.call("POST", f"/spaces/{space}/jobs", b'{"name": "x"}', headers={"content-type": kind}, expect=201)


def test_a_body_without_a_content_type(emit, space):
    """«wrong content type 415 (an empty body needs none)»: one that is not empty needs one."""
    with Raw(emit) as raw:
        body = b'{"name": "x"}'
        request = post(f"/api/v1/spaces/{space}/jobs", body=body).replace(b"Content-Type: application/json\r\n", b"")
        problem(raw.send(request).answer(), 415, "unsupported_media_type")


@pytest.mark.parametrize("verb", ["claim", "ack", "release", "keepalive", "complete", "kill", "requeue"])
@pytest.mark.parametrize("kind", [None, "text/plain"])
def test_an_empty_body_needs_no_content_type(emit, space, verb, kind):
    """«(an empty body needs none)»: and is no wrong one whatever its type says."""
    status = {"claim": "pending", "ack": "delivered", "requeue": "dead"}.get(verb, "running")
    job = job_in(emit, space, status)
    head = {"content-type": kind} if kind else {}
    assert emit.call("POST", f"/jobs/{job['id']}/{verb}", headers=head).status_code == 200


def test_secrets_are_not_told(emit, space):
    """«Secrets never appear in logs, traces, errors or URLs that the server writes.»"""
    wrong, good = "emit_" + "Zq9" * 12, emit.token(space, ["jobs:read"])
    answers = [emit.call("GET", f"/me?token={wrong}", key=wrong), emit.call("GET", f"/nothing?token={wrong}"),
               emit.call("GET", f"/jobs/{NOBODY}", key=None, headers={"authorization": f"Bearer {wrong}"}),
               emit.call("POST", f"/spaces/{space}/jobs?token={good}", {"name": "n"}, key=good),
               emit.call("GET", f"/realtime/{NOBODY}?token={wrong}", key=None),
               emit.call("GET", f"/spaces/{space}/jobs?limit=1&token={good}", key=good)]
    last = problem(emit.call("GET", "/nothing"), 404)["requestId"]
    wait_for("the log", lambda: last in emit.output())
    for secret in (wrong, good, harness.ADMIN_KEY):
        assert secret not in emit.output()
        for answer in answers:
            assert secret not in answer.text + str(answer.headers)


def test_a_conflict_names_the_status(emit, space):
    """«wrong state 409 with `jobStatus`»"""
    job = emit.create(space)
    assert problem(emit.call("POST", f"/jobs/{job['id']}/complete"), 409, "wrong_state")["jobStatus"] == "pending"
