"""Section 2: keys and scopes."""

import re

import httpx
import pytest

from calls import NOBODY, PLAIN_SCOPES, TIME, ULID, all_pages, in_seconds, job_in, problem, wait_for
from harness import ADMIN_KEY, PATIENCE
from routes import ADMIN_ROUTES, ALL_ROUTES, JOB_ROUTES, SCOPED, SPACE_ROUTES, Route

#: What else a scope is contained in, so that «all but this one» must leave out, too.
ALSO = {"jobs:read:progress": {"jobs:read"}}
WRITE = ["jobs:ack", "jobs:progress", "jobs:event", "jobs:complete", "jobs:fail", "jobs:keepalive"]
SHORTHANDS = {"jobs:write": set(WRITE), "jobs:read": {"jobs:read", "jobs:read:progress"},
              "jobs:read:space": {"jobs:read", "jobs:read:progress"},
              "jobs:worker": {"jobs:read", "jobs:read:progress", "jobs:poll", *WRITE}}
UNKNOWN = "emit_" + "0" * 32


def named(route: Route) -> str:
    return route.id


def make(emit, space, **fields):
    body = {"name": "t", "scopes": ["jobs:read"], **fields}
    return emit.call("POST", f"/spaces/{space}/tokens", body, expect=201).json()


def listed(emit, space):
    return emit.call("GET", f"/spaces/{space}/tokens?limit=1000", expect=200).json()


def me(emit, key, expect=200):
    return emit.call("GET", "/me", key=key, expect=expect).json()


# -- where a key stands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["x-api-key", "authorization"])
def test_accepted_in_two_headers(emit, space, head):
    """«Accepted in `x-api-key`, in `Authorization: Bearer`»"""
    key = emit.token(space, ["jobs:read"])
    headers = {head: key if head == "x-api-key" else f"Bearer {key}"}
    answer = httpx.get(f"{emit.api}/me", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200 and answer.json()["spaceId"] == space


def test_not_in_the_query(emit, space):
    """«on the two realtime addresses, in `?token=`»: elsewhere it is ignored, for good and for bad."""
    key = emit.token(space, ["jobs:read"])
    problem(emit.call("GET", f"/me?token={key}", key=None), 401, "missing_key")
    assert emit.call("GET", f"/me?token={UNKNOWN}", key=key).status_code == 200


def test_not_in_the_body_or_as_basic(emit, space):
    """«Accepted in …»: nowhere else."""
    key = emit.token(space, ["jobs:read"])
    for value in (f"Basic {key}", f"Token {key}", key):
        problem(emit.call("GET", "/me", key=None, headers={"authorization": value}), 401)
    problem(emit.call("GET", "/me", key=None, headers={"cookie": f"x-api-key={key}"}), 401, "missing_key")


def test_two_different_keys(emit, space):
    """«Two different keys in one request: 401.» The same one twice is no contradiction."""
    one, two = emit.token(space, ["jobs:read"]), emit.token(space, ["jobs:read"])
    problem(emit.call("GET", "/me", key=one, headers={"authorization": f"Bearer {two}"}), 401)
    assert emit.call("GET", "/me", key=one, headers={"authorization": f"Bearer {one}"}).status_code == 200


@pytest.mark.parametrize("route", ALL_ROUTES, ids=named)
def test_every_route_wants_a_key(emit, space, route):
    """«401 (key missing, unknown …)»: on every route, before anything else about it is looked at."""
    job = emit.create(space)["id"]
    problem(route.call(emit, space, job, NOBODY, key=None), 401, "missing_key")
    problem(route.call(emit, space, job, NOBODY, key=UNKNOWN, body="{"), 401, "invalid_key")
    assert emit.job(job)["seq"] == 1


@pytest.mark.parametrize("key", ["", "emit_", "emit_ü", ADMIN_KEY + "x", ADMIN_KEY[:-1], ADMIN_KEY.upper(),
                                 "x" * 5000], ids=lambda key: key[:12] or "empty")
def test_what_is_no_key(emit, key):
    """«401 (key missing, unknown …)»"""
    problem(httpx.get(f"{emit.api}/me", headers={"x-api-key": key.encode()}, timeout=PATIENCE), 401)


# -- scopes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", SCOPED, ids=named)
def test_the_scope_of_a_route(emit, space, route):
    """The tables of sections 2 and 3, row by row: with this scope alone it goes, with all others it does not; «Scope
    missing: 403 `Missing required scope: jobs:create`»."""
    job = emit.create(space)["id"]
    without = [s for s in PLAIN_SCOPES if s != route.scope and s not in ALSO.get(route.scope, ())]
    found = problem(route.call(emit, space, job, key=emit.token(space, without)), 403, "missing_scope")
    assert found["detail"] == f"Missing required scope: {route.scope}"
    assert emit.job(job)["seq"] == 1
    allowed = route.call(emit, space, job, key=emit.token(space, [route.scope]))
    assert allowed.status_code in (200, 201, 409), allowed.text


@pytest.mark.parametrize("route", ADMIN_ROUTES, ids=named)
def test_admin_routes(emit, space, route):
    """«`admin` | spaces, keys, settings, everything above, in every space»: and nothing less does."""
    key = emit.token(space, [*PLAIN_SCOPES, "jobs:worker", "jobs:write", "jobs:read:space"])
    found = problem(route.call(emit, space, "", NOBODY, key=key), 403, "missing_scope")
    assert found["detail"] == "Missing required scope: admin"
    unbound = emit.token(None, PLAIN_SCOPES)
    problem(route.call(emit, space, "", NOBODY, key=unbound), 403, "missing_scope")


@pytest.mark.parametrize("route", SCOPED, ids=named)
def test_admin_does_everything(emit, space, route):
    """«`admin` | …, everything above, in every space»"""
    job = emit.create(space)["id"]
    key = emit.token(None, ["admin"])
    assert route.call(emit, space, job, key=key).status_code in (200, 201, 409)


@pytest.mark.parametrize("scope", SHORTHANDS)
def test_shorthands(emit, space, scope):
    """«`jobs:write` | shorthand: ack, progress, event, complete, fail, keepalive», «`jobs:worker` | shorthand:
    `jobs:read`, `jobs:poll` and `jobs:write`», «`jobs:read:space` | alias of `jobs:read`», «[`jobs:read:progress`]
    contained in `jobs:read`»: these and nothing more."""
    key, job = emit.token(space, [scope]), emit.create(space)["id"]
    for route in SCOPED:
        answer = route.call(emit, space, job, key=key)
        assert (answer.status_code != 403) == (route.scope in SHORTHANDS[scope]), (route, answer.text)


def test_several_scopes_add_up(emit, space):
    """«carrying scopes»: as many as are named."""
    key = emit.token(space, ["jobs:create", "jobs:kill"])
    job = emit.create(space, key=key)
    emit.call("POST", f"/jobs/{job['id']}/kill", key=key, expect=200)
    problem(emit.call("GET", f"/jobs/{job['id']}", key=key), 403, "missing_scope")


def test_the_progress_view_sees_progress_only(emit, space):
    """«`GET …/progress`» with `jobs:read:progress`: «`{jobId, jobName, status, data, timestamp, seq}`: the latest
    progress, `null`s before the first»"""
    job, key = job_in(emit, space, "running", name="film"), emit.public_token(space)
    before = emit.call("GET", f"/jobs/{job['id']}/progress", key=key, expect=200)
    assert before.json() == {"jobId": job["id"], "jobName": "film", "status": "running", "data": None,
                             "timestamp": None, "seq": None}
    for percent in (1, 2):
        emit.report(job["id"], "progress", {"percent": percent})
    emit.report(job["id"], "complete", {"secret": True})
    shown = emit.call("GET", f"/jobs/{job['id']}/progress", key=key, expect=200).json()
    assert (shown["status"], shown["data"], shown["seq"]) == ("completed", {"percent": 2}, 5)
    assert TIME.fullmatch(shown["timestamp"])


# -- the order of checks ----------------------------------------------------------------------------------------


def test_404_and_405_before_401(emit):
    """«404 route, 401 …»; «404 and 405 (with `Allow`) come before 401»"""
    problem(emit.call("GET", "/nothing/here", key=None), 404, "not_found")
    assert problem(emit.call("DELETE", "/me", key=None), 405, "method_not_allowed")


def test_401_before_403_and_the_body(emit, space):
    """«401 (key missing, unknown, expired, revoked), 403 …, the body»"""
    problem(emit.call("POST", f"/spaces/{NOBODY}/jobs", "{", key=UNKNOWN), 401, "invalid_key")


@pytest.mark.parametrize("route", [r for r in SPACE_ROUTES + ADMIN_ROUTES if r.method == "POST"], ids=named)
def test_scope_before_the_paths_space(emit, space, route):
    """«403 (scope, then the path's space)»"""
    other, key = emit.space()["id"], emit.token(space, ["jobs:keepalive"])
    problem(route.call(emit, other, "", NOBODY, key=key, body="{"), 403, "missing_scope")


@pytest.mark.parametrize("route", SPACE_ROUTES, ids=named)
def test_the_paths_space_before_the_body(emit, space, route):
    """«403 (scope, then the path's space), the body (413, 415, 400, 422)»; «A space-bound key in another space: 403
    `wrong_space`»: a space that does not exist is another one, too."""
    other, key = emit.space()["id"], emit.token(space, [route.scope])
    for elsewhere in (other, NOBODY):
        problem(route.call(emit, elsewhere, key=key), 403, "wrong_space")
        if route.method == "POST":
            problem(route.call(emit, elsewhere, key=key, body="{"), 403, "wrong_space")


@pytest.mark.parametrize("route", [r for r in JOB_ROUTES if r.body is not None], ids=named)
def test_the_body_before_the_job(emit, space, route):
    """«the body (413, 415, 400, 422), 403/404 of the space or job»"""
    elsewhere = job_in(emit, emit.space()["id"], "pending")["id"]
    key = emit.token(space, [route.scope])
    for job in (NOBODY, elsewhere):
        problem(route.call(emit, "", job, key=key, body="{"), 400, "malformed_json")
        problem(route.call(emit, "", job, key=key, headers={"content-type": "text/plain"}), 415)


def test_the_order_within_the_body(emit, space):
    """«the body (413, 415, 400, 422)»: of several faults, the first of these is told."""
    path, plain = f"/spaces/{space}/jobs", {"content-type": "text/plain"}
    problem(emit.call("POST", path, "x" * 1_000_001 * 17, headers=plain), 413, "payload_too_large")
    problem(emit.call("POST", path, "{", headers=plain), 415, "unsupported_media_type")
    problem(emit.call("POST", path, '{"name": 7'), 400, "malformed_json")
    problem(emit.call("POST", path, '{"name": 7}'), 422, "invalid_fields")


@pytest.mark.parametrize("route", JOB_ROUTES, ids=named)
def test_a_job_of_another_space(emit, space, route):
    """«and so for a job of another space; unknown or purged job: 404»; «403/404 of the space or job, 409»: even where
    its state would not allow the call."""
    elsewhere = emit.space()["id"]
    pending, ended = job_in(emit, elsewhere, "pending"), job_in(emit, elsewhere, "completed")
    key = emit.token(space, [route.scope])
    for job in (pending, ended):
        problem(route.call(emit, "", job["id"], key=key), 403, "wrong_space")
        assert emit.job(job["id"]) == job
    problem(route.call(emit, "", NOBODY, key=key), 404, "job_not_found")
    problem(route.call(emit, "", "not-an-id", key=key), 404)


@pytest.mark.parametrize("route", [r for r in SPACE_ROUTES + ADMIN_ROUTES if "{space}" in r.path], ids=named)
def test_an_unknown_space(emit, route):
    """«403/404 of the space or job»: 404 for a key that is bound to none."""
    problem(route.call(emit, NOBODY, "", NOBODY), 404, "space_not_found")


# -- the life of a key ------------------------------------------------------------------------------------------


def test_what_a_key_looks_like(emit, space):
    """«Key (token): `emit_` + at least 160 random bits in base62 (public tokens `emit_pub_…`)»: 27 digits or more."""
    keys = [emit.token(space, ["jobs:read"]) for _ in range(20)] + [emit.token(None, ["jobs:read"])]
    assert all(re.fullmatch(r"emit_[0-9A-Za-z]{27,}", key) for key in keys) and len(set(keys)) == 21
    assert len({key[5:15] for key in keys}) == 21
    assert re.fullmatch(r"emit_pub_[0-9A-Za-z]{27,}", emit.public_token(space))


def test_what_creation_answers(emit, space):
    """«`POST {name, scopes, expiresAt?, jobId?}` → 201 `{tokenId, name, scopes, spaceId, jobId, createdAt, expiresAt,
    lastUsedAt, token}`»"""
    expires = in_seconds(3600)
    made = make(emit, space, name="ci", scopes=["jobs:read", "jobs:kill"], expiresAt=expires)
    assert set(made) == {"tokenId", "name", "scopes", "spaceId", "jobId", "createdAt", "expiresAt", "lastUsedAt",
                         "token"}
    assert (made["name"], sorted(made["scopes"]), made["spaceId"], made["jobId"], made["expiresAt"],
            made["lastUsedAt"]) == ("ci", ["jobs:kill", "jobs:read"], space, None, expires, None)
    assert ULID.fullmatch(made["tokenId"]) and TIME.fullmatch(made["createdAt"])


def test_a_secret_is_shown_once(emit, space):
    """«Stored hashed …, shown once»; «`token` only there, in rotate's answer, and in lists for the public one»"""
    made = make(emit, space)
    rows = {row["tokenId"]: row for row in listed(emit, space)}
    assert len(rows) == 2 and not rows[made["tokenId"]].get("token")
    assert {k: v for k, v in made.items() if k not in ("token", "lastUsedAt")}.items() <= rows[made["tokenId"]].items()
    assert made["token"] not in emit.call("GET", f"/spaces/{space}/tokens").text
    stored = emit.stored()
    assert stored and not [text for text in stored if made["token"].encode() in text]


def test_each_space_is_born_with_a_public_token(emit, space):
    """«each space is born with a **public token** (scope `jobs:read:progress`), which stays readable … in the admin
    API»"""
    [public] = listed(emit, space)
    assert public["scopes"] == ["jobs:read:progress"] and public["token"].startswith("emit_pub_")
    who = me(emit, public["token"])
    assert (who["tokenId"], who["spaceId"], who["scopes"]) == (public["tokenId"], space, ["jobs:read:progress"])


@pytest.mark.parametrize("fields, path", [
    ({"name": None}, "/name"), ({"name": ""}, "/name"), ({"scopes": None}, "/scopes"),
    ({"scopes": "jobs:read"}, "/scopes"), ({"scopes": ["jobs:fly"]}, "/scopes*"), ({"scopes": [7]}, "/scopes*"),
    ({"scopes": ["admin"]}, "/scopes"), ({"scopes": ["jobs:read", "admin"]}, "/scopes"),
    ({"expiresAt": "never"}, "/expiresAt"), ({"jobId": 7}, "/jobId"),
    ({"secret": "mine"}, "/secret"), ({"token": UNKNOWN}, "/token")], ids=str)
def test_bad_keys(emit, space, fields, path):
    """«`POST {name, scopes, expiresAt?, jobId?}`»; «`admin` on a space-bound key: 422 at `/scopes`»"""
    body = {"name": "t", "scopes": ["jobs:read"], **fields}
    problem(emit.call("POST", f"/spaces/{space}/tokens", body), 422, "invalid_fields", path)
    assert len(listed(emit, space)) == 1


def test_keys_bound_to_no_space(emit, space):
    """«`GET/POST /tokens`, `DELETE /tokens/:tokenId` | keys bound to no space»: they work in every space, and are not
    among a space's."""
    body = {"name": "everywhere", "scopes": ["jobs:create"]}
    made = emit.call("POST", "/tokens", body, expect=201).json()
    assert made["spaceId"] is None and made["tokenId"] not in [row["tokenId"] for row in listed(emit, space)]
    for one in (space, emit.space()["id"]):
        emit.create(one, key=made["token"])
    rows = {row["tokenId"]: row for row in emit.call("GET", "/tokens?limit=1000", expect=200).json()}
    assert not rows[made["tokenId"]].get("token") and space not in [row["spaceId"] for row in rows.values()]
    emit.call("DELETE", f"/tokens/{made['tokenId']}", expect=204)
    problem(emit.call("GET", "/me", key=made["token"]), 401, "invalid_key")


def test_revocation(emit, space):
    """«A revoked key stops working at once on the node that revoked it»; «DELETE 204»"""
    made = make(emit, space)
    me(emit, made["token"])
    emit.call("DELETE", f"/spaces/{space}/tokens/{made['tokenId']}", expect=204)
    problem(emit.call("GET", "/me", key=made["token"]), 401, "invalid_key")
    problem(emit.call("DELETE", f"/spaces/{space}/tokens/{made['tokenId']}"), 404, "token_not_found")


@pytest.mark.parametrize("call", ["DELETE {}", "POST {}/rotate"])
def test_a_key_of_another_space(emit, space, call):
    """«`DELETE …/:tokenId`, `POST …/:tokenId/rotate`» under a space: only that space's."""
    made, (method, path) = make(emit, emit.space()["id"]), call.split()
    problem(emit.call(method, f"/spaces/{space}/tokens/" + path.format(made["tokenId"])), 404, "token_not_found")
    if method == "DELETE":
        problem(emit.call("DELETE", f"/tokens/{made['tokenId']}"), 404, "token_not_found")
    me(emit, made["token"])


def test_expiry(emit, space):
    """«Keys may carry `expiresAt`»; «401 (key …, expired …)»"""
    made = make(emit, space, expiresAt=in_seconds(2))
    assert me(emit, made["token"])["expiresAt"] == made["expiresAt"]
    wait_for("its end", lambda: emit.call("GET", "/me", key=made["token"]).status_code == 401)
    assert in_seconds(0) >= made["expiresAt"]
    problem(emit.call("GET", "/me", key=made["token"]), 401, "invalid_key")


def test_rotation(emit, space):
    """«rotate: 201 with a new `tokenId`, grace 0 by default»"""
    made = make(emit, space, name="r", scopes=["jobs:create"], expiresAt=in_seconds(3600))
    path = f"/spaces/{space}/tokens/{made['tokenId']}/rotate"
    fresh = emit.call("POST", path, expect=201).json()
    assert fresh["tokenId"] != made["tokenId"] and fresh["token"] != made["token"]
    assert [fresh[k] for k in ("name", "scopes", "spaceId", "expiresAt")] == [
        made[k] for k in ("name", "scopes", "spaceId", "expiresAt")]
    problem(emit.call("GET", "/me", key=made["token"]), 401, "invalid_key")
    assert me(emit, fresh["token"])["tokenId"] == fresh["tokenId"]


def test_rotation_with_grace(emit, space):
    """«rotate `{graceSeconds}`»: both work while it lasts."""
    made = make(emit, space)
    path = f"/spaces/{space}/tokens/{made['tokenId']}/rotate"
    fresh = emit.call("POST", path, {"graceSeconds": 3600}, expect=201).json()
    assert me(emit, made["token"])["tokenId"] == made["tokenId"]
    assert me(emit, fresh["token"])["tokenId"] == fresh["tokenId"]


def test_grace_ends(emit, space):
    """«rotate `{graceSeconds}`»: then the old one is refused."""
    made = make(emit, space)
    path = f"/spaces/{space}/tokens/{made['tokenId']}/rotate"
    fresh = emit.call("POST", path, {"graceSeconds": 1}, expect=201).json()
    wait_for("the old key's end", lambda: emit.call("GET", "/me", key=made["token"]).status_code == 401)
    me(emit, fresh["token"])


def test_the_public_token_rotates(emit, space):
    """«and can be rotated with a grace period»: the new one is public and readable, too."""
    [old] = listed(emit, space)
    path = f"/spaces/{space}/tokens/{old['tokenId']}/rotate"
    fresh = emit.call("POST", path, {"graceSeconds": 3600}, expect=201).json()
    assert fresh["token"].startswith("emit_pub_") and fresh["token"] != old["token"]
    rows = {row["tokenId"]: row for row in listed(emit, space)}
    assert rows[fresh["tokenId"]]["token"] == fresh["token"] and fresh["scopes"] == ["jobs:read:progress"]
    for key in (old["token"], fresh["token"]):
        assert me(emit, key)["scopes"] == ["jobs:read:progress"]


@pytest.mark.parametrize("body", [{"graceSeconds": -1}, {"graceSeconds": "1"}, {"grace": 1}], ids=str)
def test_bad_rotations(emit, space, body):
    """«rotate `{graceSeconds}`»"""
    made = make(emit, space)
    path = f"/spaces/{space}/tokens/{made['tokenId']}/rotate"
    problem(emit.call("POST", path, body), 422, "invalid_fields", "/" + next(iter(body)))
    me(emit, made["token"])
    assert len(listed(emit, space)) == 2


def test_me(emit, space):
    """«`GET /me` | any key | → `{tokenId, spaceId, jobId, scopes, expiresAt}`»"""
    for scope in ("jobs:keepalive", "jobs:read:progress"):
        made = make(emit, space, scopes=[scope])
        assert me(emit, made["token"]) == {"tokenId": made["tokenId"], "spaceId": space, "jobId": None,
                                           "scopes": [scope], "expiresAt": None}
    admin = me(emit, ADMIN_KEY)
    assert (admin["spaceId"], admin["scopes"]) == (None, ["admin"])


def test_last_used(emit, space):
    """«`lastUsedAt` is true to the minute»: null before the first use, there right after it."""
    made = make(emit, space)

    def used():
        return next(row for row in listed(emit, space) if row["tokenId"] == made["tokenId"])["lastUsedAt"]
    assert used() is None
    before = in_seconds(-60)
    me(emit, made["token"])
    assert before < used() <= in_seconds(60)


def test_the_pages_of_keys(emit, space):
    """«`/spaces` and `/tokens` answer arrays; `limit` 100 (≤ 1,000); … `Link: rel="next"`»"""
    made = {make(emit, space)["tokenId"] for _ in range(6)}
    pages = all_pages(emit, f"/spaces/{space}/tokens?limit=3")
    assert [len(page) for page in pages] == [3, 3, 1]
    assert made < {row["tokenId"] for page in pages for row in page}
    for limit in ("0", "1001", "x"):
        problem(emit.call("GET", f"/spaces/{space}/tokens?limit={limit}"), 422, "invalid_query")


# -- keys of one job --------------------------------------------------------------------------------------------


def test_a_browser_token(emit, space):
    """«`POST /jobs/:jobId/tokens` | `{expiresInSeconds ≤ 86,400}` → a `jobs:read:progress` key for that job»; «a
    throw-away browser token»"""
    job = emit.create(space)["id"]
    made = emit.call("POST", f"/jobs/{job}/tokens", {"expiresInSeconds": 86_400},
                     key=emit.token(space, ["jobs:create"]), expect=201).json()
    assert (made["scopes"], made["jobId"], made["spaceId"]) == (["jobs:read:progress"], job, space)
    assert in_seconds(86_000) < made["expiresAt"] < in_seconds(86_500)
    assert me(emit, made["token"]) == {"tokenId": made["tokenId"], "spaceId": space, "jobId": job,
                                       "scopes": ["jobs:read:progress"], "expiresAt": made["expiresAt"]}
    emit.call("GET", f"/jobs/{job}/progress", key=made["token"], expect=200)
    problem(emit.call("GET", f"/jobs/{job}", key=made["token"]), 403, "missing_scope")


@pytest.mark.parametrize("body, path", [({"expiresInSeconds": 86_401}, "/expiresInSeconds"),
                                        ({"expiresInSeconds": -1}, "/expiresInSeconds"),
                                        ({"expiresInSeconds": "60"}, "/expiresInSeconds"),
                                        ({"expiresInSeconds": 60, "scopes": ["jobs:read"]}, "/scopes")])
def test_bad_browser_tokens(emit, space, body, path):
    """«`{expiresInSeconds ≤ 86,400}`»"""
    job = emit.create(space)["id"]
    problem(emit.call("POST", f"/jobs/{job}/tokens", body), 422, "invalid_fields", path)


def test_a_browser_token_expires(emit, space):
    """«throw-away»: after its seconds it is refused."""
    job = emit.create(space)["id"]
    key = emit.call("POST", f"/jobs/{job}/tokens", {"expiresInSeconds": 1}, expect=201).json()["token"]
    wait_for("its end", lambda: emit.call("GET", "/me", key=key).status_code == 401)


@pytest.mark.parametrize("route", JOB_ROUTES, ids=named)
def test_a_job_bound_key_on_another_job(emit, space, route):
    """«may be bound to one job (`jobId`)»: on another one 403, of the same space even, and nothing changes."""
    mine, other = emit.create(space)["id"], job_in(emit, space, "running")
    key = make(emit, space, scopes=[route.scope], jobId=mine)["token"]
    problem(route.call(emit, "", other["id"], key=key), 403, "wrong_job")
    assert emit.job(other["id"]) == other
    assert route.call(emit, "", mine, key=key).status_code in (200, 201, 409)


@pytest.mark.parametrize("route", SPACE_ROUTES, ids=named)
def test_a_job_bound_key_on_the_space(emit, space, route):
    """«may be bound to one job (`jobId`)»: so it sees and changes no others, by way of the space neither."""
    mine, other = emit.create(space)["id"], job_in(emit, space, "pending")
    key = make(emit, space, scopes=[route.scope], jobId=mine)["token"]
    answer = route.call(emit, space, key=key)
    assert 400 <= answer.status_code < 500 and other["id"] not in answer.text
    assert emit.job(other["id"]) == other


def test_a_key_for_a_job_of_another_space(emit, space):
    """«usually bound to one space» and «may be bound to one job»: not to a job elsewhere."""
    elsewhere = emit.create(emit.space()["id"])["id"]
    for job in (elsewhere, NOBODY):
        body = {"name": "t", "scopes": ["jobs:read"], "jobId": job}
        assert emit.call("POST", f"/spaces/{space}/tokens", body).status_code in (403, 404, 422)
    assert len(listed(emit, space)) == 1
