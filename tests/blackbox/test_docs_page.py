"""`/api/docs`: the description of the API for people, readable without a network."""

import browser


def test_it_can_be_read_without_a_network(emit, tmp_path):
    """«`/api/docs` readable offline»: one request, no script, and its own policy lets it be seen as it is meant."""
    with browser.script("docs-page.mjs", f"{emit.origin}/api/docs", tmp_path / "docs.png") as page:
        told = {call[0]: call[1] for call in page.until("complaints")}
    assert "Required scope: jobs:create" in told["call"] and "waitSeconds" in told["call"]
    assert told["target"].startswith("CreateRequest") and "maxRetries" in told["target"]
    assert told["requests"] == [f"{emit.origin}/api/docs"] and told["scripts"] == 0
    assert told["complaints"] == [] and told["style"] == "sticky"


def test_it_shows_every_described_call_and_is_bound_to_this_host(emit):
    answer = emit.http.get(f"{emit.origin}/api/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8" and len(answer.content) < 100_000
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'none'" in policy and "unsafe" not in policy
    described = emit.http.get(f"{emit.origin}/api/openapi.json").json()
    for path, methods in described["paths"].items():
        for call in methods.values():
            assert f'id="{call["operationId"]}"' in answer.text, path
    for name in described["components"]["schemas"]:
        assert f'<section id="{name}">' in answer.text
    assert "http:" not in answer.text and "https:" not in answer.text and "//" not in answer.text
