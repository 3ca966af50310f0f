"""Section 3: `/logs` and `/events`, and their shapes in section 8."""

import json

import pytest

from calls import TIME, all_pages, events, job_in, next_link, position, problem, types

LEVELS = ["debug", "info", "warn", "error"]


@pytest.fixture
def job(emit, space):
    return job_in(emit, space, "running")


def append(emit, job, *lines, expect=200):
    lines = [{"level": "info", "message": line} if isinstance(line, str) else line for line in lines]
    return emit.call("POST", f"/jobs/{job['id']}/logs", {"lines": lines}, expect=expect)


def logs(emit, job, **query):
    return emit.call("GET", f"/jobs/{job['id']}/logs", params=query, expect=200).json()


def test_lines_are_numbered(emit, job):
    """«`{lines: […]}` → `{fromLine, toLine}`»; «log lines appended | same | `log` | `{fromLine, toLine}`: a signal, not
    the lines»"""
    assert append(emit, job, "a", "b", "c").json() == {"fromLine": 1, "toLine": 3}
    assert append(emit, job, "d").json() == {"fromLine": 4, "toLine": 4}
    assert [(line["line"], line["message"]) for line in logs(emit, job)] == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    signals = [event for event in events(emit, job["id"]) if event["type"] == "log"]
    assert [event["data"] for event in signals] == [{"fromLine": 1, "toLine": 3}, {"fromLine": 4, "toLine": 4}]
    assert {event["status"] for event in signals} == {"running"}


def test_a_lines_shape(emit, job):
    """«a log line is `{line, level, message, timestamp, fields}`»"""
    full = {"level": "warn", "message": "m\nn", "timestamp": "2020-01-02T03:04:05.678Z", "fields": {"a": [1, None]}}
    append(emit, job, full, {"level": "debug", "message": ""})
    first, second = logs(emit, job)
    assert first == {"line": 1, **full}
    assert set(second) == set(first) and second["fields"] is None and second["message"] == ""
    assert TIME.fullmatch(second["timestamp"]) and second["timestamp"] >= job["createdAt"]


def test_a_line_that_was_read_can_be_sent(emit, job):
    """As lines are shown, `fields` is null where there are none."""
    append(emit, job, "first")
    append(emit, job, {name: value for name, value in logs(emit, job)[0].items() if name != "line"})
    append(emit, job, {"level": "info", "message": "now", "timestamp": None})
    first, second, third = logs(emit, job)
    assert {**second, "line": 1} == first and third["timestamp"] >= second["timestamp"]


@pytest.mark.parametrize("wanted", [["error"], ["warn", "error"], LEVELS])
def test_by_level(emit, job, wanted):
    """«`level` a comma list»"""
    append(emit, job, *[{"level": level, "message": level} for level in LEVELS])
    assert [line["message"] for line in logs(emit, job, level=",".join(wanted))] == wanted


def test_by_text(emit, job):
    """«`q` a substring»: nothing in it is a pattern."""
    append(emit, job, "50% done", "50 done", "a_b", "aXb", "größe")
    assert [line["line"] for line in logs(emit, job, q="50%")] == [1]
    assert [line["line"] for line in logs(emit, job, q="a_b")] == [3]
    assert [line["line"] for line in logs(emit, job, q="öß")] == [5]
    assert [line["line"] for line in logs(emit, job, q=" done", level="info", after=1)] == [2]
    assert logs(emit, job, q="nothing") == []


def test_pages_of_logs(emit, job):
    """«`limit` 100 (≤ 1,000); the next page is `?after=` the last `seq` or `line`»; «`Link: rel="next"`»"""
    append(emit, job, *[str(n) for n in range(1, 251)])
    first = emit.call("GET", f"/jobs/{job['id']}/logs", expect=200)
    assert [line["line"] for line in first.json()] == list(range(1, 101))
    assert f"after={first.json()[-1]['line']}" in next_link(first)
    assert [line["line"] for line in logs(emit, job, after=100)] == list(range(101, 201))
    assert [line["line"] for line in logs(emit, job, limit=1000)] == list(range(1, 251))
    assert [len(page) for page in all_pages(emit, f"/jobs/{job['id']}/logs?level=info&q=1")] == [100, 33]


def test_pages_of_events(emit, space, job):
    """«pages by sequence»; «`/events` and `/progress` carry `x-emit-seq`»"""
    items = [{"jobId": job["id"], "report": "event", "body": {"n": n}} for n in range(250)]
    emit.call("POST", "/jobs/reports", items, expect=200)
    first = emit.call("GET", f"/jobs/{job['id']}/events", expect=200)
    assert [event["seq"] for event in first.json()] == list(range(1, 101))
    # A page that does not reach the end shows nothing beyond its last event, and its position says so.
    assert first.headers["x-emit-seq"] == "100" and position(emit, space) == 253
    assert emit.call("GET", f"/jobs/{job['id']}/events?after=200").headers["x-emit-seq"] == "253"
    assert f"after={first.json()[-1]['seq']}" in next_link(first)
    assert [len(page) for page in all_pages(emit, f"/jobs/{job['id']}/events")] == [100, 100, 53]
    assert [e["data"]["n"] for e in events(emit, job["id"], after=251)] == [248, 249]
    assert len(events(emit, job["id"], limit=1000)) == 253
    assert events(emit, job["id"], after=253) == events(emit, job["id"], after=10**9) == []


def test_an_events_shape(emit, space, job):
    """Section 4: «`{jobId, jobName, type, status, data?, timestamp, seq}`»: as on the streams."""
    emit.report(job["id"], "progress", {"percent": 1})
    acked, progress = events(emit, job["id"])[-2:]
    assert (progress["jobId"], progress["jobName"], progress["data"]) == (job["id"], "job", {"percent": 1})
    assert acked.get("data") is None and TIME.fullmatch(progress["timestamp"])


def test_a_job_shows_its_latest_hundred(emit, job):
    """«job with its latest 100 `events`, ascending»"""
    items = [{"jobId": job["id"], "report": "event", "body": {"n": n}} for n in range(150)]
    emit.call("POST", "/jobs/reports", items, expect=200)
    shown = emit.job(job["id"])["events"]
    assert [event["data"]["n"] for event in shown] == list(range(50, 150))


def test_events_stop_at_8_mib(emit, job):
    """«Every list stops at 8 MiB as well as at its limit»"""
    for n in range(10):
        emit.report(job["id"], "event", {"n": n, "text": "x" * 990_000})
    pages = all_pages(emit, f"/jobs/{job['id']}/events?after={job['seq']}")
    assert len(pages) == 2 and 1 < len(pages[0]) <= 8
    assert [event["data"]["n"] for page in pages for event in page] == list(range(10))


def test_logs_stop_at_8_mib(emit, job):
    """«Every list stops at 8 MiB as well as at its limit»"""
    for n in range(12):
        append(emit, job, *["x" * 8000] * 100)
    pages = all_pages(emit, f"/jobs/{job['id']}/logs?limit=1000")
    assert 500 < len(pages[0]) < 1049
    assert [line["line"] for page in pages for line in page] == list(range(1, 1201))


@pytest.mark.parametrize("what", ["events", "logs"])
@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=-1", "after=x", "after=1.5"])
def test_query_values_out_of_range(emit, job, what, query):
    """«Query values out of range: 422 `invalid_query`»"""
    assert problem(emit.call("GET", f"/jobs/{job['id']}/{what}?{query}"), 422, "invalid_query")["errors"]


def test_an_unknown_level_to_read(emit, job):
    """«Query values out of range: 422 `invalid_query`»: a level that does not exist."""
    problem(emit.call("GET", f"/jobs/{job['id']}/logs?level=info,loud"), 422, "invalid_query")


@pytest.mark.parametrize("lines", [["x" * 8_000], ["m"] * 1000, [{"level": "error", "message": "é" * 4_000}]],
                         ids=["long", "many", "bytes"])
def test_within_the_limits(emit, job, lines):
    """«`debug info warn error`, ≤ 1,000 lines of ≤ 8 KiB»"""
    assert append(emit, job, *lines).json() == {"fromLine": 1, "toLine": len(lines)}


GOOD = {"level": "info", "message": "m"}
#: Bad bodies with the path of the error; test_bad_input.py sends them too, alone and in batches.
BAD = [
    ({}, "/lines"), ({"lines": None}, "/lines"), ({"lines": "text"}, "/lines"), ({"lines": [GOOD] * 1001}, "/lines"),
    ({"lines": [GOOD, "text"]}, "/lines/1"), ({"lines": [{"message": "m"}]}, "/lines/0/level"),
    ({"lines": [{"level": "loud", "message": "m"}]}, "/lines/0/level"),
    ({"lines": [{"level": "info"}]}, "/lines/0/message"), ({"lines": [{**GOOD, "message": 5}]}, "/lines/0/message"),
    ({"lines": [{**GOOD, "message": "x" * 8_193}]}, "/lines/0*"),
    ({"lines": [{**GOOD, "message": "é" * 4_097}]}, "/lines/0*"),
    ({"lines": [{**GOOD, "fields": {"x": "x" * 8_193}}]}, "/lines/0*"),
    ({"lines": [{**GOOD, "message": "a\x00b"}]}, "/lines/0/message"),
    ({"lines": [{**GOOD, "timestamp": "now"}]}, "/lines/0/timestamp"),
    ({"lines": [{**GOOD, "fields": [1]}]}, "/lines/0/fields"), ({"lines": [{**GOOD, "host": "x"}]}, "/lines/0/host"),
    ({"lines": [GOOD], "x": 1}, "/x"), ([GOOD], ""),
]


@pytest.mark.parametrize("body, path", BAD, ids=lambda v: json.dumps(v)[:50])
def test_bad_lines(emit, job, body, path):
    """«`{lines: [{level, message, timestamp?, fields?}]}` (`debug info warn error`, ≤ 1,000 lines of ≤ 8 KiB)»: all or
    nothing."""
    answer = emit.call("POST", f"/jobs/{job['id']}/logs", body)
    problem(answer, 422, "invalid_fields", path)
    assert logs(emit, job) == [] and types(emit, job["id"])[-1] == "acked"
