"""Section 6: CORS, which is «the same list as `Origin` on sockets»."""

import httpx
import pytest

import harness
from calls import NOBODY, problem
from streams import flag_about

PAGE = "https://page.example"
ALLOWED = {"authorization", "x-api-key", "content-type", "idempotency-key", "x-emit-delivery", "x-emit-worker",
           "last-event-id"}
EXPOSED = {"link", "retry-after", "x-emit-seq"}


def words(answer, header):
    return {word.strip().lower() for word in answer.headers.get(header, "").split(",") if word.strip()}


def preflight(emit, path, method="POST", origin=PAGE):
    head = {"origin": origin, "access-control-request-method": method,
            "access-control-request-headers": "authorization,content-type"}
    return httpx.request("OPTIONS", emit.origin + path, headers=head, timeout=harness.PATIENCE)


@pytest.mark.parametrize("path", ["/api/v1/spaces", f"/api/v1/spaces/{NOBODY}/jobs", f"/api/v1/jobs/{NOBODY}",
                                  "/api/v1/jobs/reports", "/api/v1/me", "/api/v1/nothing/here", "/api/openapi.json"])
def test_preflight(emit, path):
    """«OPTIONS 204 without a key; allowed `authorization x-api-key …`»; «OPTIONS on an unknown route: 204»"""
    answer = preflight(emit, path)
    assert answer.status_code == 204 and answer.content == b""
    assert answer.headers["access-control-allow-origin"] in ("*", PAGE)
    assert words(answer, "access-control-allow-headers") >= ALLOWED
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_methods(emit, method):
    """«CORS»: a preflight that does not name the method forbids it."""
    answer = preflight(emit, f"/api/v1/jobs/{NOBODY}", method)
    assert {method.lower(), "*"} & words(answer, "access-control-allow-methods")


def test_options_without_an_origin(emit):
    """«OPTIONS 204 without a key»: whoever asks."""
    assert emit.call("OPTIONS", "/spaces", key=None).status_code == 204


def test_answers(emit, space):
    """«default `*`, never credentials», «exposed `Link Retry-After RateLimit-* x-emit-seq`»"""
    answer = emit.call("GET", f"/spaces/{space}/jobs", headers={"origin": PAGE}, expect=200)
    assert answer.headers["access-control-allow-origin"] in ("*", PAGE)
    assert "access-control-allow-credentials" not in answer.headers
    exposed = words(answer, "access-control-expose-headers")
    assert exposed >= EXPOSED and any(word.startswith("ratelimit-") for word in exposed)


@pytest.mark.parametrize("call, status", [
    (("GET", "/me", None, None), 401), (("GET", "/nothing",), 404), (("DELETE", "/me"), 405),
    (("POST", "/spaces", "{"), 400), (("POST", "/spaces", {}), 422), (("GET", f"/jobs/{NOBODY}"), 404)], ids=str)
def test_errors_too(emit, call, status):
    """«on errors too»: without it a page could not read why."""
    answer = emit.call(*call, headers={"origin": PAGE})
    problem(answer, status)
    assert answer.headers["access-control-allow-origin"] in ("*", PAGE)
    assert words(answer, "access-control-expose-headers") >= EXPOSED


def test_a_list_of_origins():
    """«the same list as `Origin` on sockets (default `*` …)»: one page may, another may not."""
    with harness.server(flag_about("origin"), PAGE) as emit:
        for answer in (preflight(emit, "/api/v1/spaces"), emit.call("GET", "/me", headers={"origin": PAGE})):
            assert answer.headers["access-control-allow-origin"] == PAGE
            assert "origin" in words(answer, "vary")
        for other in ("https://other.example", PAGE + ".evil", "http://page.example", "null"):
            for answer in (preflight(emit, "/api/v1/spaces", origin=other),
                           emit.call("GET", "/me", headers={"origin": other})):
                assert answer.headers.get("access-control-allow-origin") not in ("*", other)
