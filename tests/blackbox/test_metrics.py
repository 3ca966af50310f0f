"""`/metrics`: «Prometheus text; admin key or `--metrics-listen`»; what it counts, and what is made of it."""

import concurrent.futures
import json
import re

import httpx
import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

import harness
from calls import problem, wait_for
from harness import PATIENCE, ROOT
from receivers import LOOPBACK, Receiver

BOARD = ROOT / "deploy" / "grafana.json"


def shown(answer: httpx.Response) -> dict:
    """Every sample by name and labels, as Prometheus' own parser reads the page."""
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples), "no sample is shown twice"
    return found


def metrics(emit) -> dict:
    return shown(emit.http.get(f"{emit.origin}/metrics"))


def value(found: dict, name: str, **labels) -> float:
    """The sum of the samples of that name with these labels."""
    return sum(v for (n, got), v in found.items() if n == name and labels.items() <= dict(got).items())


def rise(emit, before: dict, name: str, **labels) -> float:
    return value(metrics(emit), name, **labels) - value(before, name, **labels)


@pytest.fixture
def own():
    """A server whose counts nobody else changes."""
    with harness.server("--metrics-listen", "127.0.0.1:0") as one:
        yield one


def test_only_an_admin_key_sees_it(emit, space):
    """«admin key»: it names every space, so no key of a space is enough."""
    problem(httpx.get(f"{emit.origin}/metrics"), 401, "missing_key")
    for key in (emit.public_token(space), emit.token(space, ["jobs:read", "jobs:worker", "jobs:kill", "jobs:create"])):
        problem(httpx.get(f"{emit.origin}/metrics", headers={"x-api-key": key}), 403, "missing_scope")
    assert metrics(emit)


def test_a_separate_address_needs_no_key_and_serves_nothing_else(own):
    """«or `--metrics-listen`»"""
    origin = re.search(r"metrics on (http://127\.0\.0\.1:\d+)/metrics", own.output()).group(1)
    assert ("emit_store_writable", frozenset()) in shown(httpx.get(f"{origin}/metrics"))
    for path in ("/", "/api/v1/spaces", "/api/v1/me", "/healthz"):
        problem(httpx.get(origin + path, headers={"x-api-key": harness.ADMIN_KEY}), 404, "not_found")
    problem(httpx.post(f"{origin}/metrics"), 405, "method_not_allowed")
    with httpx.Client() as collector:
        assert collector.get(f"{origin}/metrics").status_code == 200
        assert own.stop() == 0, "a collector's idle connection does not hold up the end"


def test_requests_are_counted_by_route_and_class(own):
    """«requests by route and status class with latency», «refused … clients»"""
    space = own.space()["id"]
    before = metrics(own)
    job = own.create(space)["id"]
    for _ in range(3):
        own.call("POST", f"/jobs/{job}/ack", expect=409)
    own.call("GET", "/nothing", expect=404)
    ack = "/api/v1/jobs/{jobId}/ack"
    assert rise(own, before, "emit_http_requests_total", route=ack, method="POST", status="4xx") == 3
    assert rise(own, before, "emit_http_request_duration_seconds_count", route=ack) == 3
    assert rise(own, before, "emit_http_problems_total", code="wrong_state") == 3
    assert rise(own, before, "emit_http_requests_total", route="none", status="4xx") == 1
    created = {"route": "/api/v1/spaces/{spaceId}/jobs", "method": "POST", "status": "2xx"}
    assert rise(own, before, "emit_http_requests_total", **created) == 1
    assert job not in own.http.get(f"{own.origin}/metrics").text


def test_jobs_and_their_wait_are_shown_by_space(own):
    """«jobs by state and space, oldest pending per space»"""
    one, other = own.space()["id"], own.space("other")["id"]
    for _ in range(3):
        own.create(one)
    own.create(other, scheduledFor="2035-01-01T00:00:00.000Z")
    job = own.poll(one)[0]
    own.report(job["id"], "ack")
    own.report(job["id"], "complete")
    found = metrics(own)
    counts = {status: value(found, "emit_jobs", space=one, status=status) for status in ("pending", "completed")}
    assert counts == {"pending": 2, "completed": 1}
    assert value(found, "emit_jobs", space=other) == value(found, "emit_jobs", space=other, status="scheduled") == 1
    assert value(found, "emit_spaces") == 3 and value(found, "emit_events_kept", space=one) == 6
    wait = value(found, "emit_jobs_oldest_pending_seconds", space=one)
    assert value(found, "emit_jobs_oldest_pending_seconds", space=other) == 0
    assert wait_for("the wait to grow", lambda: value(metrics(own), "emit_jobs_oldest_pending_seconds", space=one) > wait)
    assert value(found, "emit_events_total", type="created") == 4
    assert value(found, "emit_events_total", type="completed") == 1


def test_the_engine_is_measured(own):
    """«batch sizes, commit latency, queue depth, waiting polls, … checkpoints, … process memory»"""
    space = own.space()["id"]
    before = metrics(own)
    own.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}] * 10, expect=201)
    assert rise(own, before, "emit_engine_commit_duration_seconds_count") == 1
    assert rise(own, before, "emit_engine_batch_commands_sum") >= 1
    assert value(metrics(own), "emit_engine_queue_depth") == 0
    empty = own.space("empty")["id"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        poll = pool.submit(own.poll, empty, waitSeconds=30)
        wait_for("the poll", lambda: value(metrics(own), "emit_polls_waiting") == 1)
        own.create(empty)
        assert len(poll.result()) == 1
    wait_for("its end", lambda: value(metrics(own), "emit_polls_waiting") == 0)
    found = metrics(own)
    assert value(found, "emit_store_writable") == 1 and value(found, "emit_engine_commits_failed_total") == 0
    assert value(found, "emit_store_file_bytes") > 0 and value(found, "emit_store_log_bytes") > 0
    # What the kernel says elsewhere, within a wide margin: it moves while it is read.
    assert 0.5 < value(found, "process_resident_memory_bytes") / own.rss_bytes() < 2
    assert value(found, "process_open_fds") > 5 and value(found, "process_cpu_seconds_total") >= 0


def test_retention_is_counted(own):
    """«retention»: what it drops, and what is still kept."""
    space = own.space(retentionDays=0)["id"]
    own.report(own.create(space)["id"], "kill")
    wait_for("the purge", lambda: value(metrics(own), "emit_events_kept", space=space) == 0)
    # Counted by the same second's look, which is told after its commit.
    wait_for("its count", lambda: value(metrics(own), "emit_retention_rows_total") >= 2)
    assert value(metrics(own), "emit_jobs", space=space) == 0


def test_streams_are_counted_while_open_and_when_they_end(own):
    """«streams open and their lag»"""
    space = own.space()["id"]
    job = own.create(space)["id"]
    with own.ws(f"spaces/{space}") as socket, own.ws(job) as other:
        harness.receive(other)
        wait_for("both", lambda: value(metrics(own), "emit_streams_open", transport="websocket") == 2)
        own.report(job, "kill")
        harness.receive_until(socket, "killed")
        harness.receive_until(other, "killed")
        found = metrics(own)
        assert value(found, "emit_stream_lag_seconds_count") >= 2 and value(found, "emit_streams_behind") == 0
        assert value(found, "emit_connections_open") >= 3
    wait_for("their end", lambda: value(metrics(own), "emit_streams_closed_total", reason="client") == 2)
    assert value(metrics(own), "emit_streams_open") == 0
    with own.ws(f"spaces/{space}", query="since=0") as socket:
        harness.receive_until(socket, "killed")
    assert value(metrics(own), "emit_stream_store_pages_total") >= 1


def test_what_is_sent_out():
    """Callbacks by outcome: taken, refused, and those that reach nobody."""
    with harness.server(*LOOPBACK, "--callback-retry-seconds", "86400") as emit, Receiver(lambda request: 204 if request.path == "/good" else 500) as receiver:
        space = emit.space()["id"]
        for url in (f"{receiver.url}/good", f"{receiver.url}/bad", "http://10.0.0.1/"):
            emit.report(emit.create(space, callbackUrl=url)["id"], "kill")
        outcomes = ("taken", "refused", "unanswered")
        wait_for("three tries", lambda: value(metrics(emit), "emit_outbound_request_duration_seconds_count") >= 3)
        found = metrics(emit)
        assert all(value(found, "emit_outbound_requests_total", kind="callback", outcome=one) == 1 for one in outcomes)
        assert value(found, "emit_outbound_requests_total") == 3


def selectors(node) -> list:
    """Every selector of a parsed query: metric and labels."""
    if isinstance(node, promql_parser.VectorSelector):
        return [node]
    parts = [getattr(node, name) for name in ("expr", "lhs", "rhs", "vs", "vector_selector", "param") if hasattr(node, name)]
    parts += list(getattr(node, "args", None) or [])
    return [one for part in parts if part is not None for one in selectors(part)]


def test_the_board_asks_for_metrics_that_there_are(own):
    """«an importable Grafana board … whose queries are tested to use existing metric names»: and labels."""
    own.create(own.space()["id"])
    found = metrics(own)
    labels: dict[str, set] = {}
    for name, got in found:
        labels.setdefault(name, {"job", "instance"}).update(dict(got))
    board = json.loads(BOARD.read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    used = set()
    for panel in panels:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "5m")
            asked = selectors(promql_parser.parse(query))
            assert asked, query
            for one in asked:
                assert one.name in labels, f"{panel['title']}: {one.name}"
                matched = {matcher.name for matcher in one.matchers.matchers}
                assert matched <= labels[one.name], f"{panel['title']}: {matched - labels[one.name]}"
                used.add(one.name)
            shown_labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert shown_labels <= set.union(*(labels[one.name] for one in asked)), panel["title"]
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    all_names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in labels}
    assert all_names - names == {"emit_build_info", "emit_spaces"}, "the board shows the rest"
    variables = {variable["name"]: variable.get("definition", "") for variable in board["templating"]["list"]}
    for name in re.findall(r"\$(\w+)", " ".join(target["expr"] for panel in panels for target in panel["targets"])):
        assert name in variables or name == "__rate_interval", name
    for definition in filter(None, variables.values()):
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", definition).groups()
        assert label in labels[metric], definition
    boxes = [panel["gridPos"] for panel in board["panels"]]
    cells = [(x, y) for box in boxes for x in range(box["x"], box["x"] + box["w"])
             for y in range(box["y"], box["y"] + box["h"])]
    assert len(cells) == len(set(cells)), "panels do not overlap"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
