"""`?q=` on the list of jobs (docs/searching.md), and what operators ask of a space: stats and failures."""

import pytest

from calls import in_seconds


@pytest.fixture
def jobs(emit, space):
    """A few jobs that differ in everything a search can ask about, by a word of their own."""
    made = {
        "plain": emit.create(space, "mail"),
        "encode": emit.create(space, "video.encode", tags={"customer": "42", "region": "eu"}),
        "cut": emit.create(space, "video.cut", tags={"customer": "42", "region": "us"}),
        "later": emit.create(space, "mail", scheduledFor=in_seconds(3600)),
    }
    for word, error in (("dead_a", "Timeout after 30s"), ("dead_b", "Timeout after 45s"), ("dead_c", "no \"paper\" left")):
        job = made[word] = emit.running(space, name=f"fails.{word[-1]}")
        emit.report(job["id"], "fail", {"error": error, "retryable": False})
    return made


def found(emit, space, q, **query):
    answer = emit.call("GET", f"/spaces/{space}/jobs", params={"q": q, **query}, expect=200)
    return [job["id"] for job in answer.json()]


@pytest.mark.parametrize("q, expected", [
    ("status:dead", ["dead_c", "dead_b", "dead_a"]),
    ("status:scheduled,pending", ["later"]),
    ("name:video.*", ["cut", "encode"]),
    ("name:video.cut", ["cut"]),
    ("tag:customer=42", ["cut", "encode"]),
    ("tag:customer=42 tag:region=eu", ["encode"]),
    ("age:<1h name:mail", ["later", "plain"]),
    ("age:>1h", []),
    ('error:"timeout after"', ["dead_b", "dead_a"]),
    ('error:"no \\"PAPER"', ["dead_c"]),
    ("error:timeout name:fails.a", ["dead_a"]),
    ("status:completed error:timeout", []),
])
def test_a_search_means_what_it_says(emit, space, jobs, q, expected):
    """docs/searching.md: all terms hold, newest first."""
    assert found(emit, space, q) == [jobs[word]["id"] for word in expected]


def test_the_dead_without_an_error_text_are_found(emit, space, jobs):
    """docs/searching.md: `error:""` means the group of `/failures` whose shape is empty, and no other dead jobs."""
    silent = emit.running(space)
    emit.report(silent["id"], "fail", {"error": "", "retryable": False})
    assert found(emit, space, 'error:""') == [silent["id"]]
    groups = emit.call("GET", f"/spaces/{space}/failures", expect=200).json()["groups"]
    assert [group["count"] for group in groups if group["shape"] == group["common"] == ""] == [1]


def test_pages_of_a_search_join_without_a_hole_or_a_double(emit, space):
    """«A page may be short, even empty, and still have a next»: following `Link` finds all, with the search kept in it."""
    made = [emit.create(space, f"{'video' if n % 3 else 'mail'}.{n}")["id"] for n in range(30)]
    wanted = [job for n, job in enumerate(made) if n % 3][::-1]
    seen, path = [], f"/spaces/{space}/jobs?q=name:video.*&limit=7"
    while path:
        answer = emit.call("GET", path, expect=200)
        seen += [job["id"] for job in answer.json()]
        path = answer.links.get("next", {}).get("url", "").removeprefix("/api/v1")
    assert seen == wanted


@pytest.mark.parametrize("q, words", [
    ("video", "name:video"), ("colour:red", "colour"), ("status:done", "done"), ("age:1h", "age"), ('error:"x', "quote"),
    ("name:a name:b", "twice"), ("tag:x", "key=value"), ("name:a age:<1", "character 8"),
])
def test_a_mistake_is_said_with_its_place(emit, space, q, words):
    """«Query values out of range: 422 `invalid_query`», with the field and what is wrong with it."""
    problem = emit.call("GET", f"/spaces/{space}/jobs", params={"q": q}, expect=422).json()
    assert problem["code"] == "invalid_query"
    assert problem["errors"][0]["path"] == "/q" and words in problem["errors"][0]["detail"]


def test_a_search_stands_alone(emit, space):
    """Two ways to say the same thing could contradict each other."""
    for other in ("status=dead", "name=a", "tag=a:b", "ids=x", "offset=5"):
        assert emit.call("GET", f"/spaces/{space}/jobs?q=name:a&{other}").status_code == 422


def test_contents_come_only_when_asked_for(emit, space, jobs):
    """A search in errors reads results, and shows them only with `include=result`."""
    path = f"/spaces/{space}/jobs?q=error:timeout"
    assert "result" not in emit.call("GET", path).json()[0]
    assert emit.call("GET", f"{path}&include=result").json()[0]["result"] == {"error": "Timeout after 45s"}


def test_stats_sum_up_the_newest_events(emit, space, jobs):
    """docs/searching.md: pace by name, durations, workers, the oldest job that waits."""
    stats = emit.call("GET", f"/spaces/{space}/stats", expect=200).json()
    names = {row["name"]: row for row in stats["names"]}
    assert names["mail"]["total"]["created"] == 2
    assert names["fails.a"]["total"]["dead"] == 1
    assert names["fails.a"]["runSeconds"]["count"] == names["fails.a"]["waitSeconds"]["count"] == 1
    assert sum(bucket["created"] for bucket in stats["buckets"]) == 7 and len(stats["buckets"]) == 60
    assert stats["events"] > 7 and stats["oldestPendingAt"] is None, "the polls have taken all that waited"


def test_failures_of_one_shape_stand_together(emit, space, jobs):
    """docs/searching.md: alike but for numbers, ids and what stands in quotes; `common` finds them all."""
    failures = emit.call("GET", f"/spaces/{space}/failures", expect=200).json()
    assert failures["looked"] == 3 and not failures["more"]
    shapes = {group["shape"]: group for group in failures["groups"]}
    timeouts = shapes["Timeout after …"]
    assert timeouts["count"] == 2 and timeouts["newestJobId"] == jobs["dead_b"]["id"]
    assert timeouts["names"] == ["fails.b", "fails.a"]
    assert found(emit, space, f"error:\"{timeouts['common']}\"") == [jobs["dead_b"]["id"], jobs["dead_a"]["id"]]
