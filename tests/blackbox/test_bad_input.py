"""A table of bad inputs, each with its answer; after each the server still serves and nothing has changed.

Three sources: the table below (whole requests, as bytes where a client library would not send them), the bad jobs of
test_job_create.py, and the bad reports: these two alone and as items of a batch, for «one checking pass covers every
body, items of batches included».
"""

from __future__ import annotations

import dataclasses
import json
import socket

import pytest

import harness
import test_job_create
import test_logs_events
import test_patch
import test_spaces
from calls import (NOBODY, Raw, check_problem_body, in_seconds, job_in, jobs_of, position, post, problem, still_serves,
                   wait_for)

ULID_TOO_LONG = NOBODY + "0"
#: So that no timer changes the world while the table is gone through.
LONG = {"timeoutSeconds": 86_400, "deliveryTimeoutSeconds": 86_400}


# -- the world in which they happen -----------------------------------------------------------------------------


@dataclasses.dataclass
class World:
    """A space with a job in each status that matters, another space, and keys that may too little."""

    emit: harness.Server
    names: dict[str, str]
    keys: dict[str, str]

    def fill(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace("{" + name + "}", value)
        return text

    def picture(self):
        spaces = [self.names["space"], self.names["other"]]
        jobs = [job["id"] for space in spaces for job in jobs_of(self.emit, space, limit=100)]
        return ([self.emit.call("GET", f"/spaces/{space}").json() for space in spaces],
                [position(self.emit, space) for space in spaces], [self.emit.job(job) for job in jobs],
                [len(self.emit.call("GET", f"/spaces/{space}/tokens").json()) for space in spaces])


@pytest.fixture(scope="module")
def world(emit):
    space, other = emit.space()["id"], emit.space()["id"]
    names = {"space": space, "other": other, "nobody": NOBODY,
             "elsewhere": job_in(emit, other, "running", **LONG)["id"]}
    for status in ("scheduled", "pending", "delivered", "running", "completed"):
        names[status] = job_in(emit, space, status, name=status, **LONG)["id"]
    keys = {"admin": harness.ADMIN_KEY, "worker": emit.token(space, ["jobs:worker"]),
            "creator": emit.token(space, ["jobs:create"]), "reader": emit.token(space, ["jobs:read"]),
            "public": emit.public_token(space), "other": emit.token(other, ["jobs:worker", "jobs:create", "jobs:kill"]),
            "bound": emit.token(space, ["jobs:worker"], jobId=names["pending"]),
            "expired": emit.token(space, ["jobs:worker"], expiresAt=in_seconds(1)),
            "revoked": emit.token(space, ["jobs:read"])}
    token = emit.call("GET", "/me", key=keys["revoked"]).json()["tokenId"]
    emit.call("DELETE", f"/spaces/{space}/tokens/{token}", expect=204)
    wait_for("the expired key", lambda: emit.call("GET", "/me", key=keys["expired"]).status_code == 401)
    return World(emit, names, keys)


@pytest.fixture
def unharmed(world):
    """Around each bad input: «Of a refused request nothing is kept», «Never a panic, never a hang»."""
    before = world.picture()
    yield
    still_serves(world.emit)
    assert world.picture() == before


# -- whole requests ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Bad:
    """A request line, a body, and what comes of it. `head` adds header lines; `key` names one of the world's."""

    name: str
    line: str
    body: bytes | str = ""
    status: int | tuple[int, ...] = 422
    code: str | None = None
    path: str | None = None
    key: str | None = "admin"
    head: tuple[str, ...] = ()
    type: str | None = "application/json"


JOBS = "POST /spaces/{space}/jobs"
POLL = "POST /spaces/{space}/jobs/poll"
DONE = "POST /jobs/{running}/complete"
STEP = "POST /jobs/{running}/progress"
BATCH = "POST /jobs/reports"
JSON400 = {"status": 400, "code": "malformed_json"}
FIELDS = {"status": 422, "code": "invalid_fields"}
QUERY = {"status": 422, "code": "invalid_query"}

MALFORMED = [Bad(f"{name}: {line.rsplit('/', 1)[1]}", line, body, **JSON400) for line in (JOBS, POLL, DONE, STEP, BATCH)
             for name, body in [
    ("half an object", '{"name": "n"'), ("nothing but blanks and a brace", "  }"), ("two values", '{"name":"n"} {}'),
    ("a trailing comma", '{"name": "n",}'), ("single quotes", "{'name': 'n'}"), ("a comment", '{"name": "n"} // no'),
    ("NaN", '{"name": "n", "payload": NaN}'), ("a leading zero", '{"name": "n", "payload": 01}'),
    ("a raw newline in a string", '{"name": "n", "payload": "a\nb"}'), ("a raw NUL", b'{"name": "n\x00"}'),
    ("a bad escape", '{"name": "\\x41"}'), ("half an escape", '{"name": "\\u00"}'),
    ("a byte order mark", b'\xef\xbb\xbf{"name":"n"}'),
    ("UTF-16", '{"name": "n"}'.encode("utf-16")), ("a lone high surrogate", '{"name": "\\ud800"}'),
    ("a lone low surrogate", '{"payload": "\\udc00x", "name": "n"}'),
    ("surrogates the wrong way round", '{"name": "n", "payload": "\\ude00\\ud83d"}'),
    ("a surrogate in a field's name", '{"name": "n", "payload": {"\\ud800": 1}}'),
    ("a surrogate in UTF-8", b'{"name": "n", "payload": "\xed\xa0\x80"}'),
    ("a bare 0xff", b'{"name": "n", "payload": "\xff"}'),
    ("overlong UTF-8", b'{"name": "n", "payload": "\xc0\xaf"}'),
    ("UTF-8 cut short", b'{"name": "n", "payload": "\xe2\x82"}'),
    ("65 levels", '{"name": "n", "payload": %s%s}' % ("[" * 64, "]" * 64)), ("a deep, open end", "[" * 100_000),
]]

REPEATED = [Bad(name, line, body, path=path, **FIELDS) for name, line, body, path in [
    ("a repeated field of a job", JOBS, '{"name": "a", "name": "b"}', "/name"),
    ("a repeated field, equal", JOBS, '{"name": "a", "priority": 1, "priority": 1}', "/priority"),
    ("a repeated payload", JOBS, '{"name": "a", "payload": 1, "payload": 2}', "/payload"),
    ("a repeated field, once escaped", JOBS, '{"name": "a", "n\\u0061me": "b"}', "/name"),
    ("a repeated field in an array", JOBS, '[{"name": "a"}, {"name": "a", "name": "b"}]', "/1/name"),
    ("a repeated field of a back-off", JOBS, '{"name": "a", "retryBackoff": {"strategy": "none", "strategy": "none"}}',
     "/retryBackoff/strategy"),
    ("a repeated tag", JOBS, '{"name": "a", "tags": {"k": "1", "k": "2"}}', "/tags*"),
    ("a repeated field of a poll", POLL, '{"count": 1, "count": 2}', "/count"),
    ("a repeated field of a failure", "POST /jobs/{running}/fail", '{"error": "a", "error": "b"}', "/error"),
    ("a repeated field of an edit", "PATCH /jobs/{pending}", '{"priority": 1, "priority": 2}', "/priority"),
    ("a repeated field of a space", "PATCH /spaces/{space}", '{"name": "a", "name": "b"}', "/name"),
]]

KINDS = [Bad(f"{what} for {line.split('/', 1)[1]}", line, body, path="", **FIELDS) for line, bodies in [
    (JOBS, ['"n"', "7", "true", "null"]), (POLL, ["[]", '"x"', "7"]), (STEP, ["[]", '"x"', "7", "null"]),
    ("POST /jobs/{running}/checkpoint", ["[]"]), ("POST /jobs/{running}/event", ["null"]),
    ("POST /jobs/{running}/logs", ["[]"]), ("POST /jobs/{running}/fail", ["[]", '"boom"']),
    ("POST /jobs/{pending}/kill", ["[]"]), ("POST /spaces", ["[]"]), (BATCH, ["{}", "null"]),
] for body in bodies for what in [{"[": "an array", "{": "an object", '"': "a string"}.get(body[0], body)]]

EMPTY = [Bad(f"no body: {line.split('/', 1)[1]}", line, "", status=(400, 422), type=None) for line in (
    JOBS, STEP, BATCH, "POST /jobs/{running}/event", "POST /jobs/{running}/logs", "POST /jobs/{running}/fail",
    "POST /spaces", "POST /spaces/{space}/tokens", "POST /spaces/{space}/jobs/kill")]

UNKNOWN = [Bad(f"an unknown field: {line.split('/', 1)[1]}", line, json.dumps({**body, "x/y": 1}), path="/x~1y",
               **FIELDS) for line, body in [
    (JOBS, {"name": "n"}), (POLL, {}), ("POST /jobs/{running}/release", {}),
    ("POST /jobs/{running}/fail", {"error": "e"}), ("POST /jobs/{running}/kill", {"reason": "r"}),
    ("PATCH /jobs/{pending}", {}), ("POST /jobs/{pending}/tokens", {"expiresInSeconds": 60}),
    ("POST /spaces", {"name": "n"}), ("PATCH /spaces/{space}", {}),
    ("POST /spaces/{space}/tokens", {"name": "n", "scopes": ["jobs:read"]}),
    ("POST /spaces/{space}/jobs/kill", {"status": "pending"}),
    ("POST /spaces/{space}/jobs/requeue", {"status": "dead"})]]

NUL = [Bad(name, line, json.dumps(body), path=path, **FIELDS) for name, line, body, path in [
    ("NUL in a name", JOBS, {"name": "a\0"}, "/name"),
    ("NUL in a tag", JOBS, {"name": "a", "tags": {"k": "\0"}}, "/tags/k"),
    ("NUL in a tag's key", JOBS, {"name": "a", "tags": {"\0": "v"}}, "/tags*"),
    ("NUL in a field's name", JOBS, {"name": "a", "x\0": 1}, "/x\0"),
    ("NUL in an error", "POST /jobs/{running}/fail", {"error": "\0"}, "/error"),
    ("NUL in a kill's reason", "POST /jobs/{running}/kill", {"reason": "\0"}, "/reason"),
    ("NUL in a space's name", "PATCH /spaces/{space}", {"name": "\0"}, "/name"),
    ("NUL in a key's name", "POST /spaces/{space}/tokens", {"name": "\0", "scopes": ["jobs:read"]}, "/name")]]

QUERIES = [Bad(f"?{query}", f"GET /spaces/{{space}}/jobs?{query}", **QUERY) for query in (
    "limit=0", "limit=101", "limit=99999999999999999999", "limit=%00", "limit=1&limit=0", "offset=-1", "status=no",
    "tag=x", "cursor=..%2F..%2Fetc%2Fpasswd", "cursor='%20OR%201=1%20--", "include=secrets",
    "limit=%ZZ")] + [
    Bad("?offset=10001", "GET /spaces/{space}/jobs?offset=10001", status=422, code="use_cursor"),
    Bad("?after=-1", "GET /jobs/{running}/events?after=-1", **QUERY),
    Bad("?level=loud", "GET /jobs/{running}/logs?level=loud", **QUERY),
    Bad("?waitSeconds=31", "GET /jobs/{running}?waitSeconds=31", **QUERY),
    Bad("?waitSeconds=1e9 on creation", "POST /spaces/{space}/jobs?waitSeconds=1e9", '{"name":"n"}', **QUERY),
    Bad("?force=maybe", "DELETE /spaces/{space}?force=maybe", status=(409, 422))]

STATES = [Bad(f"{verb} of a {status} job", f"POST /jobs/{{{status}}}/{verb}", body, status=409, code="wrong_state")
          for status, verb, body in [
    ("pending", "ack", ""), ("pending", "complete", "1"), ("pending", "progress", "{}"), ("pending", "keepalive", ""),
    ("scheduled", "claim", ""), ("delivered", "complete", "1"), ("delivered", "progress", "{}"),
    ("running", "claim", ""), ("running", "requeue", ""), ("completed", "kill", ""),
    ("completed", "fail", '{"error":"e"}'), ("completed", "release", "")]
] + [Bad("an edit of a running job", "PATCH /jobs/{running}", '{"priority":1}', status=409, code="wrong_state"),
     Bad("erasing a running job", "DELETE /jobs/{running}", status=409, code="wrong_state"),
     Bad("another's delivery", DONE, "1", status=409, code="stale_delivery", head=("x-emit-delivery: " + NOBODY,)),
     Bad("a delivery that is no id", DONE, "1", status=(409, 422), head=("x-emit-delivery: ../../x",)),
     Bad("deleting a space with jobs", "DELETE /spaces/{space}", status=409, code="space_not_empty")]

KEYS = [Bad(name, line, body, status, code, key=key, head=head) for name, line, body, status, code, key, head in [
    ("no key", JOBS, '{"name":"n"}', 401, "missing_key", None, ()),
    ("an unknown key", JOBS, '{"name":"n"}', 401, "invalid_key", None, ("x-api-key: emit_" + "0" * 32,)),
    ("an expired key", "GET /jobs/{running}", "", 401, "invalid_key", "expired", ()),
    ("a revoked key", "GET /jobs/{running}", "", 401, "invalid_key", "revoked", ()),
    ("two keys", "GET /me", "", 401, None, "reader", ("authorization: Bearer emit_" + "0" * 32,)),
    ("two x-api-key lines", "GET /me", "", 401, None, "reader", ("x-api-key: emit_" + "0" * 32,)),
    ("a key of blanks", "GET /me", "", 401, None, None, ("x-api-key:   ",)),
    ("Bearer without a key", "GET /me", "", 401, None, None, ("authorization: Bearer",)),
    ("Basic", "GET /me", "", 401, None, None, ("authorization: Basic ZW1pdDplbWl0",)),
    ("a key with high bytes", "GET /me", "", 401, None, None, ("x-api-key: emit_\xff\xfe",)),
    ("a very long key", "GET /me", "", 401, "invalid_key", None, ("x-api-key: emit_" + "a" * 6_000,)),
    ("SQL for a key", "GET /me", "", 401, None, None, ("x-api-key: ' OR '1'='1",)),
    ("a scope missing", JOBS, '{"name":"n"}', 403, "missing_scope", "worker", ()),
    ("a scope missing, and a bad body", JOBS, "{", 403, "missing_scope", "worker", ()),
    ("the public token reading a job", "GET /jobs/{running}", "", 403, "missing_scope", "public", ()),
    ("a space key among the spaces", "GET /spaces", "", 403, "missing_scope", "worker", ()),
    ("another space", JOBS, '{"name":"n"}', 403, "wrong_space", "other", ()),
    ("another space, and a bad body", JOBS, "{", 403, "wrong_space", "other", ()),
    ("another space's job", DONE, "1", 403, "wrong_space", "other", ()),
    ("another space's job, and a bad body", DONE, "{", 400, "malformed_json", "other", ()),
    ("another job", DONE, "1", 403, "wrong_job", "bound", ()),
    ("no report's scope", BATCH, "[]", 403, "missing_scope", "creator", ()),
]]

IDS = [Bad(f"the job {name}", f"GET /jobs/{job}", status=404) for name, job in [
    ("that nobody knows", NOBODY), ("with an id too long", ULID_TOO_LONG), ("with an id too short", NOBODY[1:]),
    ("beyond the last ULID", "8" + "Z" * 25), ("with a letter that is none", "U" * 26), ("with a NUL", "%00"),
    ("-1", "-1"),
    ("that is a path", "..%2f..%2fspaces"), ("that is not UTF-8", "%ff%fe"), ("that is SQL", "'%20OR%201=1--"),
    ("with a very long id", "0" * 4_000), ("that is a space", "{space}")]] + [
    Bad("creating in no space", f"POST /spaces/{NOBODY}/jobs", '{"name":"n"}', 404, "space_not_found"),
    Bad("creating in a job", "POST /spaces/{running}/jobs", '{"name":"n"}', 404, "space_not_found"),
    Bad("revoking nothing", f"DELETE /spaces/{{space}}/tokens/{NOBODY}", "", 404, "token_not_found"),
    Bad("an unknown route", "GET /spaces/{space}/nothing", "", 404, "not_found"),
    Bad("dots in the path", "GET /../../etc/passwd", "", (400, 404)),
    Bad("encoded dots in the path", "GET /%2e%2e/%2e%2e/etc/passwd", "", (400, 404)),
    Bad("a double slash", "GET //me", "", 404, "not_found"),
    Bad("a slash at the end", "GET /me/", "", 404, "not_found"),
    Bad("a NUL in the path", "GET /me%00", "", 404),
    Bad("a wrong method", "PUT /jobs/{running}", "{}", 405, "method_not_allowed"),
    Bad("a method of one's own", "BREW /jobs/{running}", "", 405, "method_not_allowed")]

HEADERS = [
    Bad("no content type", JOBS, '{"name":"n"}', 415, "unsupported_media_type", type=None),
    Bad("a form", JOBS, "name=n", 415, "unsupported_media_type", type="application/x-www-form-urlencoded"),
    Bad("plain text", JOBS, '{"name":"n"}', 415, "unsupported_media_type", type="text/plain"),
    Bad("a content type that is none", JOBS, '{"name":"n"}', 415, "unsupported_media_type", type="json"),
    Bad("an idempotency key of 201", JOBS, '{"name":"n"}', 422, head=("idempotency-key: " + "k" * 201,)),
    Bad("two idempotency keys", JOBS, '{"name":"n","idempotencyKey":"a"}', 422, head=("idempotency-key: b",)),
    Bad("an idempotency key on an array", JOBS, '[{"name":"n"}]', 422, head=("idempotency-key: a",)),
    Bad("a body one byte too big", DONE, '"' + "x" * 999_999 + '"', 413, "payload_too_large"),
    Bad("an array over 16 MiB", JOBS, "[" + " " * (16 * 1024 * 1024) + "]", 413, "payload_too_large"),
    Bad("1,001 jobs", JOBS, json.dumps([{"name": "n"}] * 1001), **FIELDS), Bad("no jobs", JOBS, "[]", **FIELDS),
    Bad("1,001 reports", BATCH, json.dumps([{"jobId": NOBODY, "report": "ack"}] * 1001), **FIELDS),
    Bad("no reports", BATCH, "[]", **FIELDS),
    Bad("a compressed body", JOBS, b"\x1f\x8b\x08\0\0\0\0\0", (400, 415), head=("content-encoding: gzip",)),
]

TABLE = [*MALFORMED, *REPEATED, *KINDS, *EMPTY, *UNKNOWN, *NUL, *QUERIES, *STATES, *KEYS, *IDS, *HEADERS]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.name)
def test_the_table(world, unharmed, bad):
    """«Malformed JSON 400, wrong fields 422, unknown route 404, wrong method 405, too big 413, wrong content type 415
    …, wrong state 409»; «Of a refused request nothing is kept»; «Never a panic, never a hang, never a partial
    write.»"""
    method, path = world.fill(bad.line).split(" ")
    body = bad.body.encode() if isinstance(bad.body, str) else bad.body
    lines = [f"{method} /api/v1{path} HTTP/1.1", "Host: 127.0.0.1", *bad.head]
    if bad.key:
        lines.append(f"x-api-key: {world.keys[bad.key]}")
    if body and bad.type:
        lines.append(f"Content-Type: {bad.type}")
    lines.append(f"Content-Length: {len(body)}")
    with Raw(world.emit) as raw:
        answer = raw.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body).answer(method)
        allowed = bad.status if isinstance(bad.status, tuple) else (bad.status,)
        assert answer.status_code in allowed, answer.content
        problem(answer, answer.status_code, bad.code, bad.path)


def test_the_table_is_long_enough():
    """«a table of at least 80 bad inputs», no two under one name."""
    assert len(TABLE) >= 80 and len({bad.name for bad in TABLE}) == len(TABLE)


# -- the same checks alone and in a batch -----------------------------------------------------------------------


@pytest.mark.parametrize("field, value, path", test_job_create.BAD, ids=test_job_create.text)
def test_a_bad_job_in_an_array(world, unharmed, field, value, path):
    """«One checking pass covers every body, items of batches included»: the same fault, its path led by the item's."""
    value = value() if callable(value) else value
    jobs = [{"name": "good"}, {"name": "n", field: value}]
    answer = world.emit.call("POST", "/spaces/{space}/jobs".format(**world.names), jobs)
    problem(answer, 422, "invalid_fields", "/1" + path)


REPORTS = [("logs", body, path) for body, path in test_logs_events.BAD] + [
    ("fail", {}, "/error"), ("fail", {"error": 5}, "/error"), ("fail", {"error": "e", "retryable": 1}, "/retryable"),
    ("fail", {"error": "e", "retryAfterSeconds": 86_401}, "/retryAfterSeconds"), ("fail", {"error": "e", "x": 1}, "/x"),
    ("fail", {"error": "\0"}, "/error"), ("fail", "boom", ""), ("release", {"afterSeconds": -1}, "/afterSeconds"),
    ("release", {"after": 1}, "/after"), ("release", [], ""), ("progress", [], ""), ("progress", 7, ""),
    ("checkpoint", "x", ""), ("event", [1], "")]


@pytest.mark.parametrize("verb, body, path", REPORTS, ids=lambda v: json.dumps(v)[:40])
def test_a_bad_report(world, unharmed, verb, body, path):
    """«Unknown fields are 422 in every body whose fields this page lists»; «a malformed item is that item's 422», with
    the same code and a path that ends alike."""
    job = world.names["running"]
    alone = problem(world.emit.call("POST", f"/jobs/{job}/{verb}", json.dumps(body)), 422, "invalid_fields", path)
    [item] = world.emit.call("POST", "/jobs/reports", [{"jobId": job, "report": verb, "body": body}], expect=200).json()
    assert item["code"] == 422 and not item.get("job")
    check_problem_body(item["problem"], 422, "invalid_fields")
    for ours, theirs in zip(alone["errors"], item["problem"]["errors"], strict=True):
        assert theirs["path"].endswith(ours["path"]) and theirs["detail"] == ours["detail"]


ITEMS = [(7, ""), ([], ""), (None, ""), ({}, "/*"), ({"report": "ack"}, "/jobId"), ({"jobId": NOBODY}, "/report"),
         ({"jobId": 7, "report": "ack"}, "/jobId"), ({"jobId": NOBODY, "report": "dance"}, "/report"),
         ({"jobId": NOBODY, "report": ["ack"]}, "/report"), ({"jobId": NOBODY, "report": "kill"}, "/report"),
         ({"jobId": NOBODY, "report": "ack", "x": 1}, "/x"),
         ({"jobId": NOBODY, "report": "ack", "deliveryId": 7}, "/deliveryId")]


@pytest.mark.parametrize("item, path", ITEMS, ids=str)
def test_a_bad_item(world, unharmed, item, path):
    """«a malformed item is that item's 422»: its neighbours get what is theirs (here: 404)."""
    good = {"jobId": NOBODY, "report": "ack"}
    answers = world.emit.call("POST", "/jobs/reports", [good, item, good], expect=200).json()
    assert [answer["code"] for answer in answers] == [404, 422, 404]
    check_problem_body(answers[1]["problem"], 422, "invalid_fields")
    if not path.endswith("*"):
        assert any(error["path"].endswith(path) for error in answers[1]["problem"]["errors"])


@pytest.mark.parametrize("body, path", test_patch.BAD, ids=str)
def test_a_bad_edit(world, unharmed, body, path):
    """The same table as test_patch.py's, in a world that must not change."""
    answer = world.emit.call("PATCH", "/jobs/{pending}".format(**world.names), json.dumps(body))
    problem(answer, 422, "invalid_fields", path)


@pytest.mark.parametrize("body, path", test_spaces.BAD, ids=str)
def test_a_bad_setting(world, unharmed, body, path):
    """The same table as test_spaces.py's, in a world that must not change."""
    problem(world.emit.call("PATCH", "/spaces/{space}".format(**world.names), body), 422, "invalid_fields", path)


# -- what no client library sends -------------------------------------------------------------------------------

CHUNKED = b"POST /api/v1/spaces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
GARBAGE = [
    ("nothing", b""), ("line ends", b"\r\n\r\n\r\n"), ("a word", b"hello\r\n\r\n"), ("binary", bytes(range(256)) * 4),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64),
    ("HTTP/2 without asking", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9),
    ("HTTP/9", b"GET /healthz HTTP/9.9\r\n\r\n"),
    ("a header without a colon", b"GET /healthz HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n"),
    ("a NUL in a header", b"GET /healthz HTTP/1.1\r\nHost: x\r\nx-a: a\0b\r\n\r\n"),
    ("a blank before the colon", b"GET /healthz HTTP/1.1\r\nHost: x\r\nx-a : b\r\n\r\n"),
    ("a folded header", b"GET /healthz HTTP/1.1\r\nHost: x\r\nx-a: b\r\n c\r\n\r\n"),
    ("a very long target", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a very long header", b"GET /healthz HTTP/1.1\r\nHost: x\r\nx-a: " + b"a" * 1_000_000 + b"\r\n\r\n"),
    ("ten thousand headers", b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"x-a: b\r\n" * 10_000 + b"\r\n"),
    ("high bytes in the path", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a length that is no number", b"POST /api/v1/spaces HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n"),
    ("a negative length", b"POST /api/v1/spaces HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
    ("two lengths", b"POST /api/v1/spaces HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
    ("a length and chunks", CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n"),
    ("a chunk that is no size", CHUNKED + b"\r\nzz\r\n\r\n"),
    ("a chunk of all there is", CHUNKED + b"\r\nffffffffffffffffff\r\nx\r\n"),
]


@pytest.mark.parametrize("name, data", GARBAGE, ids=[name for name, _ in GARBAGE])
@pytest.mark.parametrize("ending", ["half-closed", "closed"])
def test_garbage(world, unharmed, name, data, ending):
    """«Never a panic, never a hang»: it is refused with a 4xx or 5xx, or hung up on; nothing is done."""
    with Raw(world.emit) as raw:
        raw.send(data)
        if ending == "closed":
            return
        answer = raw.half_close().answer("GET")
        if answer is not None and name != "a blank before the colon":
            assert answer.status_code >= 400
            problem(answer, answer.status_code)


def one_of(world, what: str) -> bytes:
    """A good request that must not be carried out because of how it is sent."""
    space, job = world.names["space"], world.names["running"]
    path, body = {"a job": (f"/api/v1/spaces/{space}/jobs", b'{"name":"n"}'),
                  "a result": (f"/api/v1/jobs/{job}/complete", b'{"x":1}'),
                  "a batch": ("/api/v1/jobs/reports", json.dumps([{"jobId": job, "report": "complete"}]).encode()),
                  "a poll": (f"/api/v1/spaces/{space}/jobs/poll", b'{"count": 50}')}[what]
    return post(path, body=body)


@pytest.mark.parametrize("what", ["a job", "a result", "a batch", "a poll"])
@pytest.mark.parametrize("ending", ["half-closed", "closed"])
@pytest.mark.parametrize("missing", [1, 5])
def test_a_body_cut_short(world, unharmed, what, ending, missing):
    """«never a partial write»: a body that does not come whole is none."""
    with Raw(world.emit) as raw:
        raw.send(one_of(world, what)[:-missing])
        if ending == "half-closed":
            answer = raw.half_close().answer()
            assert answer is None or 400 <= answer.status_code < 500


@pytest.mark.parametrize("line", ["POST /api/v1/spaces HTTP/1.1", "GET /api/v1/me HTTP/1.1"])
def test_bad_input_one_byte_at_a_time(world, unharmed, line):
    """«one byte at a time»: refused in the end just the same."""
    body = b'{"name":}' if line.startswith("POST") else b""
    head = f"{line}\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    key = f"x-api-key: {harness.ADMIN_KEY}\r\n" if body else ""
    with Raw(world.emit) as raw:
        for byte in f"{head}{key}\r\n".encode() + body:
            raw.send(bytes([byte]))
        problem(raw.answer(), 400 if body else 401)


def test_smuggling(world, unharmed):
    """Two requests in one, their border unclear: the second is not carried out with the first one's key."""
    inner = one_of(world, "a job")
    outer = post("/api/v1/me", method="GET", headers=("Content-Length: 0", f"Content-Length: {len(inner)}"))
    with Raw(world.emit) as raw:
        answer = raw.send(outer + inner).half_close().answer("GET")
        assert answer is None or answer.status_code == 400


def test_pipelined_requests(world, unharmed):
    """A refusal in the middle does not put answers and requests out of step."""
    bad = post("/api/v1/spaces", body=b"{")
    good = post("/api/v1/me", method="GET")
    with Raw(world.emit) as raw:
        raw.send(bad + good + bad)
        assert raw.tcp.recv(12, socket.MSG_WAITALL).startswith(b"HTTP/1.1 400")
        raw.half_close()
        seen = b""
        while piece := raw.tcp.recv(65_536):
            seen += piece
    statuses = [part[:3] for part in seen.split(b"HTTP/1.1 ")[1:]]
    assert statuses in ([b"200", b"400"], [b"200"], [])  # closing after a refusal is allowed, mixing up is not


def test_a_hundred_open_ends(world, unharmed):
    """«Never a hang»: connections that send half a request and stay do not keep others out."""
    request = one_of(world, "a job")
    raws = [Raw(world.emit).send(request[:-1]) for _ in range(100)]
    still_serves(world.emit)
    for raw in raws:
        raw.tcp.close()
