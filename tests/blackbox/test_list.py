"""Section 3: `GET /spaces/:spaceId/jobs` and `/counts`."""

import pytest

from calls import (NOBODY, STATUSES, all_pages, counts, ids, in_seconds, job_in, jobs_of, next_link, position, problem)


def path(space, query=""):
    return f"/spaces/{space}/jobs?{query}"


def fill(emit, space, count, **fields):
    jobs = [{"name": "n", **fields}] * count
    return ids(emit.call("POST", f"/spaces/{space}/jobs", jobs, expect=201).json())


def test_newest_first_fifty(emit, space):
    """«`limit=50(≤100)` … → array, newest first»"""
    made = fill(emit, space, 60)
    assert ids(jobs_of(emit, space)) == made[::-1][:50]


@pytest.mark.parametrize("limit", [1, 59, 60, 100])
def test_limit(emit, space, limit):
    """«`limit=50(≤100)`»; «`Link: rel="next"` … says that there is more»: and only then."""
    made = fill(emit, space, 60)
    answer = emit.call("GET", path(space, f"limit={limit}"), expect=200)
    assert ids(answer.json()) == made[::-1][:limit]
    assert bool(next_link(answer)) == (limit < 60)


@pytest.mark.parametrize("query", ["limit=7", "limit=7&offset=0", "limit=20&status=pending", "limit=7&name=n",
                                   "limit=7&tag=k:v", "limit=7&status=pending,dead&name=n&tag=k:v"])
def test_pages_by_link(emit, space, query):
    """«`Link: rel="next"` (an absolute path with query, never a token) says that there is more»: following it shows
    each job once, in order, filters kept."""
    made = fill(emit, space, 45, tags={"k": "v"})
    pages = all_pages(emit, path(space, query))
    assert [job["id"] for page in pages for job in page] == made[::-1]
    assert len(pages) == -(-45 // len(pages[0]))


def test_a_cursor_stays_where_it_is(emit, space):
    """«`cursor=`»: jobs created meanwhile neither shift a page nor appear in it, unlike with `offset`."""
    made = fill(emit, space, 10)
    first = emit.call("GET", path(space, "limit=5"), expect=200)
    link = next_link(first)
    assert "cursor=" in link
    fill(emit, space, 3)
    second = emit.call("GET", link.removeprefix("/api/v1"), expect=200)
    assert ids(first.json() + second.json()) == made[::-1]


def test_offset(emit, space):
    """«or `&offset=` (≤ 10,000 …)»"""
    made = fill(emit, space, 10)
    assert ids(jobs_of(emit, space, offset=7)) == made[::-1][7:]
    assert jobs_of(emit, space, offset=10_000) == []


def test_offset_too_far(emit, space):
    """«≤ 10,000, else 422 `use_cursor`»"""
    problem(emit.call("GET", path(space, "offset=10001")), 422, "use_cursor")


@pytest.mark.parametrize("wanted", [*STATUSES, "pending,dead", "completed,dead,killed", "running,running"])
def test_by_status(emit, space, wanted):
    """«`?status=a,b`»"""
    made = {status: job_in(emit, space, status)["id"] for status in reversed(STATUSES)}
    assert set(ids(jobs_of(emit, space, status=wanted))) == {made[status] for status in wanted.split(",")}


def test_by_name(emit, space):
    """«`&name=`»: exactly."""
    one, _ = emit.create(space, name="a b&c"), emit.create(space, name="a b&c2")
    assert ids(jobs_of(emit, space, name="a b&c")) == [one["id"]]
    assert jobs_of(emit, space, name="a b") == []


def test_by_tag(emit, space):
    """«`&tag=k:v`»; «`?tag=` splits at the first colon»"""
    one = emit.create(space, tags={"url": "http://x", "n": "1"})
    emit.create(space, tags={"url": "http", "n": "2"})
    assert ids(jobs_of(emit, space, tag="url:http://x")) == [one["id"]]
    assert ids(jobs_of(emit, space, tag="n:1")) == [one["id"]]
    assert jobs_of(emit, space, tag="n:3") == jobs_of(emit, space, tag="1:n") == []


def test_by_ids(emit, space):
    """«`&ids=a,b`»: those of the space that exist; others are no error and no leak."""
    made, elsewhere = fill(emit, space, 5), emit.create(emit.space()["id"])["id"]
    wanted = ",".join([made[1], NOBODY, made[3], elsewhere])
    assert ids(jobs_of(emit, space, ids=wanted)) == [made[3], made[1]]


def test_filters_together(emit, space):
    """«`?status=a,b&name=&tag=k:v&ids=a,b`»: all of them hold."""
    one = emit.create(space, name="x", tags={"k": "v"})
    emit.create(space, name="y", tags={"k": "v"})
    emit.create(space, name="x")
    emit.create(space, name="x", tags={"k": "v"}, scheduledFor=in_seconds(3600))
    assert ids(jobs_of(emit, space, status="pending,dead", name="x", tag="k:v")) == [one["id"]]
    assert jobs_of(emit, space, ids=one["id"], name="y") == []


@pytest.mark.parametrize("include, shown", [(None, set()), ("payload", {"payload"}), ("result", {"result"}),
                                            ("payload,result", {"payload", "result"})])
def test_include(emit, space, include, shown):
    """«without payload and result unless `?include=payload,result`»"""
    job_in(emit, space, "completed", payload={"p": 1})
    [job] = jobs_of(emit, space, **({"include": include} if include else {}))
    assert {"payload", "result"} & set(job) == shown
    assert job.get("payload", {"p": 1}) == {"p": 1} and job.get("result", {"done": True}) == {"done": True}


def test_a_list_stops_at_8_mib(emit, space):
    """«Every list stops at 8 MiB as well as at its limit; `Link: rel="next"` … says that there is more.»"""
    made = [emit.create(space, payload="x" * 990_000)["id"] for _ in range(10)]
    assert len(jobs_of(emit, space)) == 10
    pages = all_pages(emit, path(space, "include=payload"))
    assert len(pages) == 2 and 1 < len(pages[0]) <= 8
    assert [job["id"] for page in pages for job in page] == made[::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=-1", "limit=ten", "limit=1.5", "offset=-1",
                                   "offset=x", "status=waiting", "status=pending,nope", "tag=nocolon", "cursor=%00",
                                   "cursor=nonsense", "include=everything", "ids=nonsense"])
def test_query_values_out_of_range(emit, space, query):
    """«Query values out of range: 422 `invalid_query`»; «`errors` stands on every 422 about a field or parameter»"""
    answer = emit.call("GET", path(space, query))
    if query == "ids=nonsense" and answer.status_code == 200:
        assert answer.json() == []  # what is no id is nobody's id: both readings are harmless
        return
    assert problem(answer, 422, "invalid_query")["errors"]


def test_unknown_parameters_are_ignored(emit, space):
    """«unknown parameters are ignored; `?token=` outside the realtime addresses too»"""
    made = fill(emit, space, 1)
    answer = emit.call("GET", path(space, "colour=red&token=emit_nonsense"), expect=200)
    assert ids(answer.json()) == made


def test_only_its_own_jobs(emit, space):
    """«Space: an isolated queue with its own jobs»"""
    mine, other = emit.create(space), emit.space()["id"]
    assert jobs_of(emit, other) == [] and set(counts(emit, other).values()) == {0}
    assert ids(jobs_of(emit, space)) == [mine["id"]]


def test_counts(emit, space):
    """«`GET /spaces/:spaceId/counts` → `{scheduled, pending, …}`»; «name all seven statuses, zeros too»"""
    assert counts(emit, space) == dict.fromkeys(STATUSES, 0)
    for wanted, status in enumerate(reversed(STATUSES), 1):
        for _ in range(wanted):
            job_in(emit, space, status)
    assert counts(emit, space) == {status: n for n, status in enumerate(reversed(STATUSES), 1)}


def test_lists_carry_a_position(emit, space):
    """«GETs of jobs and counts carry `x-emit-seq`»"""
    fill(emit, space, 3)
    assert emit.call("GET", path(space), expect=200).headers["x-emit-seq"] == str(position(emit, space)) == "3"
