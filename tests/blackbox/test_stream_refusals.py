"""Section 4: «Refusals happen before the upgrade, as HTTP problem answers; a plain GET gets the same refusal»."""

import resource
import time

import httpx
import pytest

import harness
from harness import receive
from streams import RawSocket, check_problem, flag_about, in_seconds, refused, revoke, wait_for

NOBODY = "emit_" + "0" * 32
NO_JOB = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
STREAMS = ["job", "space"]


@pytest.fixture
def paths(emit, space):
    return {"job": emit.create(space)["id"], "space": f"spaces/{space}"}


def refused_both_ways(emit, path, expect, code=None, key=harness.ADMIN_KEY, query="", headers=None):
    """The refusal of the WebSocket, and the same one on a plain GET, «so that a page can ask why»."""
    problem = refused(emit, path, expect, code, key, query, additional_headers=headers)
    question = "&".join(part for part in (f"token={key}" if key else "", query) if part)
    plain = httpx.get(f"{emit.api}/realtime/{path}?{question}", headers=headers, timeout=harness.PATIENCE)
    same = check_problem(plain.status_code, plain.headers, plain.content, expect, code)
    assert same["code"] == problem["code"]
    return problem


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("key", [None, NOBODY, "emit_pub_" + "0" * 32, "not-a-key"], ids=str)
def test_401_without_a_known_key(emit, paths, stream, key):
    """«401 (key missing, unknown, expired, revoked)»"""
    refused_both_ways(emit, paths[stream], 401, key=key)


@pytest.mark.parametrize("stream", STREAMS)
def test_401_with_a_revoked_key(emit, space, paths, stream):
    """«401 (key …, revoked)»"""
    key = emit.token(space, ["jobs:read"])
    revoke(emit, space, key)
    refused_both_ways(emit, paths[stream], 401, key=key)


@pytest.mark.parametrize("stream", STREAMS)
def test_401_with_an_expired_key(emit, space, paths, stream):
    """«401 (key …, expired …)»"""
    key = emit.token(space, ["jobs:read"], expiresAt=in_seconds(1))
    wait_for("the key's end", lambda: emit.call("GET", "/me", key=key).status_code == 401)
    refused_both_ways(emit, paths[stream], 401, key=key)


@pytest.mark.parametrize("stream", STREAMS)
def test_401_with_two_different_keys(emit, space, paths, stream):
    """«Two different keys in one request: 401.» Both good ones; the same one twice is no contradiction."""
    one, two = emit.token(space, ["jobs:read"]), emit.token(space, ["jobs:read"])
    refused_both_ways(emit, paths[stream], 401, key=one, headers={"x-api-key": two})
    refused_both_ways(emit, paths[stream], 401, key=one, headers={"authorization": f"Bearer {two}"})
    refused(emit, paths[stream], 401, key=one, subprotocols=["emit.v1", f"emit.token.{two}"])
    same = {"additional_headers": {"x-api-key": one}, "subprotocols": ["emit.v1", f"emit.token.{one}"]}
    with emit.ws(paths[stream], one, **same):
        pass


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("where", ["x-api-key", "bearer", "subprotocol", "query"])
def test_keys_are_accepted_in_four_places(emit, space, paths, stream, where):
    """«Accepted in `x-api-key`, in `Authorization: Bearer`, and, on the two realtime addresses, in `?token=` or as the
    subprotocol pair `emit.v1, emit.token.<key>`.»"""
    key = emit.token(space, ["jobs:read"])
    how = {"x-api-key": {"additional_headers": {"x-api-key": key}},
           "bearer": {"additional_headers": {"authorization": f"Bearer {key}"}},
           "subprotocol": {"subprotocols": ["emit.v1", f"emit.token.{key}"]}, "query": {}}[where]
    with emit.ws(paths[stream], key if where == "query" else None, "since=0", **how) as ws:
        assert receive(ws)["type"] == "created"
        # The half that is answered is never the one with the key in it.
        assert ws.subprotocol == ("emit.v1" if where == "subprotocol" else None)


def test_a_bad_key_in_the_subprotocol_is_401(emit, paths):
    """«401 (key … unknown …)» wherever it is given."""
    refused(emit, paths["job"], 401, key=None, subprotocols=["emit.v1", f"emit.token.{NOBODY}"])


def test_the_token_in_the_query_counts_only_here(emit, space):
    """«unknown parameters are ignored; `?token=` outside the realtime addresses too»"""
    key = emit.token(space, ["jobs:read"])
    answer = emit.call("GET", f"/spaces/{space}/jobs?token={key}", key=None)
    check_problem(answer.status_code, answer.headers, answer.content, 401)


@pytest.mark.parametrize("kind", ["public", "progress", "minted", "create"])
def test_403_on_the_space_stream_without_jobs_read(emit, space, paths, kind):
    """«`GET /api/v1/realtime/spaces/:spaceId` (`jobs:read`)»; «Scope missing: 403 `Missing required scope: …`»"""
    key = {"public": lambda: emit.public_token(space), "progress": lambda: emit.token(space, ["jobs:read:progress"]),
           "minted": lambda: emit.call("POST", f"/jobs/{paths['job']}/tokens", {"expiresInSeconds": 60},
                                       expect=201).json()["token"],
           "create": lambda: emit.token(space, ["jobs:create"])}[kind]()
    problem = refused_both_ways(emit, paths["space"], 403, key=key)
    assert "Missing required scope: jobs:read" in (problem["title"] + problem["detail"])


def test_403_on_a_job_stream_without_a_reading_scope(emit, space, paths):
    """«`GET /api/v1/realtime/:jobId` (`jobs:read:progress` or `jobs:read`)»"""
    key = emit.token(space, ["jobs:create", "jobs:poll", "jobs:kill", "jobs:write"])
    problem = refused_both_ways(emit, paths["job"], 403, key=key)
    assert "Missing required scope: jobs:read:progress" in (problem["title"] + problem["detail"])


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("scope", ["jobs:read", "jobs:read:progress"])
def test_403_in_another_space(emit, paths, stream, scope):
    """«A space-bound key in another space: 403 `wrong_space`, and so for a job of another space»; the scope first."""
    key = emit.token(emit.space("other")["id"], [scope])
    wrong_space = stream == "job" or scope == "jobs:read"
    refused_both_ways(emit, paths[stream], 403, "wrong_space" if wrong_space else None, key)


def test_403_with_a_key_of_another_job(emit, space, paths):
    """«may be bound to one job (`jobId`)»: its token opens no other job's stream, and its own it does."""
    mine = emit.create(space)
    key = emit.call("POST", f"/jobs/{mine['id']}/tokens", {"expiresInSeconds": 60}, expect=201).json()["token"]
    refused_both_ways(emit, paths["job"], 403, key=key)
    with emit.ws(mine["id"], key) as ws:
        assert receive(ws)["jobId"] == mine["id"]


@pytest.mark.parametrize("path", [NO_JOB, f"spaces/{NO_JOB}", "not-an-id", "spaces/not-an-id"])
def test_404_for_what_does_not_exist(emit, path):
    """«unknown or purged job: 404»; so for a space."""
    refused_both_ways(emit, path, 404)


def test_401_comes_before_404_and_before_the_query(emit):
    """«Order of checks: 404 route, 401 …, 403 …, the body …, 403/404 of the space or job»"""
    refused_both_ways(emit, NO_JOB, 401, key=NOBODY, query="since=abc")
    refused_both_ways(emit, f"spaces/{NO_JOB}", 403, key=emit.token(None, ["jobs:create"]), query="since=abc")


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("since", ["abc", "-1", "1.5", "99999999999999999999999"])
def test_422_on_a_since_that_is_no_number(emit, paths, stream, since):
    """«Query values out of range: 422 `invalid_query`»; «`errors` stands on every 422 about a field or parameter»"""
    assert refused_both_ways(emit, paths[stream], 422, "invalid_query", query=f"since={since}")["errors"]


@pytest.mark.parametrize("stream", STREAMS)
def test_426_on_a_plain_get(emit, paths, stream):
    """«a plain GET gets the same refusal, else 426»; RFC 9110: it names what to upgrade to."""
    answer = emit.call("GET", f"/realtime/{paths[stream]}")
    check_problem(answer.status_code, answer.headers, answer.content, 426)
    assert answer.headers["upgrade"].lower() == "websocket"


@pytest.mark.parametrize("stream", STREAMS)
def test_405_for_other_methods(emit, paths, stream):
    """«wrong method 405», «404 and 405 (with `Allow`) come before 401»"""
    answer = emit.call("POST", f"/realtime/{paths[stream]}", key=None)
    check_problem(answer.status_code, answer.headers, answer.content, 405)
    assert "GET" in answer.headers["allow"]


def test_every_origin_is_welcome_by_default(emit, paths):
    """«the same list as `Origin` on sockets (default `*`, never credentials)»"""
    for origin in ("https://example.com", "null"):
        with emit.ws(paths["job"], origin=origin) as ws:
            assert receive(ws)["type"] == "init"


def test_other_origins_are_refused_where_a_list_is_set():
    """«CORS: the same list as `Origin` on sockets»: one on the list passes, another is 403 before the upgrade."""
    with harness.server(flag_about("origin"), "https://app.example") as server:
        space = server.space()["id"]
        with server.ws(f"spaces/{space}", origin="https://app.example"):
            pass
        with server.ws(f"spaces/{space}"):
            pass  # no browser, no Origin
        refused(server, f"spaces/{space}", 403, origin="https://evil.example")
        head = {"accept": "text/event-stream", "origin": "https://evil.example"}
        with server.http.stream("GET", f"{server.api}/realtime/spaces/{space}", headers=head) as answer:
            assert "access-control-allow-origin" not in answer.headers


def test_refusals_may_be_read_by_pages_of_other_origins(emit, paths):
    """«so that a page can ask why»; «CORS: … on errors too»"""
    answer = emit.call("GET", f"/realtime/{paths['job']}", key=None, headers={"origin": "https://app.example"})
    assert answer.status_code == 401 and answer.headers["access-control-allow-origin"] == "*"


def test_429_above_a_thousand_streams_of_a_public_token():
    """«1,000 per public token and address; above it 429 `too_many_streams` before the upgrade»"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with harness.server() as server:
        space = server.space()["id"]
        job, key = server.create(space), server.public_token(space)
        sockets = []
        try:
            while len(sockets) < 1000:
                one = RawSocket(server, job["id"], key)
                if one.status == 429:
                    # The limit of requests a second is another one; it passes by itself.
                    check = check_problem(429, _head(one), one.body(), 429)
                    assert check["code"] != "too_many_streams", len(sockets)
                    time.sleep(float(_head(one)["retry-after"]))
                    continue
                assert one.status == 101, one.head
                sockets.append(one)
            refused(server, job["id"], 429, "too_many_streams", key)
            # Others are not touched by it, and a place that is given up is free again.
            with server.ws(job["id"]) as ws:
                assert receive(ws)["type"] == "init"
            sockets.pop().tcp.close()

            def a_place():
                with RawSocket(server, job["id"], key) as one:
                    return one.status == 101
            wait_for("the place given up", a_place)
        finally:
            for one in sockets:
                one.tcp.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _head(raw):
    lines = raw.head.decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_429_above_the_streams_of_a_node():
    """«streams | 50,000 a node …; above it 429 `too_many_streams` before the upgrade», tried at a lower setting."""
    with harness.server(flag_about("streams"), "3") as server:
        space = server.space()["id"]
        path = f"spaces/{space}"
        with server.ws(path), server.ws(path), server.ws(path):
            assert refused(server, path, 429, "too_many_streams")["status"] == 429
        wait_for("the places given up", lambda: _opens(server, path))


def _opens(server, path):
    with RawSocket(server, path) as one:
        return one.status == 101
