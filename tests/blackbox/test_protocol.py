"""`docs/protocol.md`: says what the server says of itself, and is enough to write a client from."""

import re
import sys
import threading

import pytest

import harness
from harness import PATIENCE, ROOT
from streams import wait_for

PAGE = (ROOT / "docs" / "protocol.md").read_text()
sys.path.insert(0, str(ROOT / "examples" / "protocol-client"))
from emit_client import Client, Lost, Problem  # noqa: E402


def table(header: str) -> dict[str, list[str]]:
    """The rows of the table that begins with this header, by what stands first."""
    rows = PAGE[PAGE.index(header):].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {row[0].strip("`"): row[1:] for row in cells}


def described(emit, what: str) -> dict:
    return emit.http.get(f"{emit.origin}/api/{what}.json").json()


def test_the_page_names_every_message(emit):
    """Types as in AsyncAPI, which is made from the code."""
    channels = described(emit, "asyncapi")["channels"]
    served = {name for channel in ("space", "job") for name in channels[channel]["messages"]}
    assert set(table("| type | when | `data` |")) == served


def test_the_page_names_every_report_and_field(emit):
    """Calls and fields as in OpenAPI, which is made from the code."""
    openapi = described(emit, "openapi")
    schemas = openapi["components"]["schemas"]
    reports = schemas["ReportItem"]["properties"]["report"]
    assert set(table("| report | body |")) == set(re.findall(r"ack|release|progress|checkpoint|event|logs|keepalive|"
                                                             r"complete|fail", str(reports)))
    fields = set(table("| field | type | default |"))
    assert set(schemas["CreateRequest"]["properties"]) == fields
    polled = set(table("| field | meaning | default |"))
    assert polled <= set(schemas["PollRequest"]["properties"])
    for path in re.findall(r"`(?:GET|POST)\s(/[^`?]*)", PAGE):
        shape = re.sub(r"\{report\}", "ack", path)
        if shape.startswith(("/api", "/healthz")):
            continue
        assert f"/api/v1{shape}" in openapi["paths"], path


@pytest.mark.parametrize("scope", table("| scope | calls |"))
def test_every_scope_of_the_page_can_be_granted(emit, space, scope):
    assert emit.token(space, [scope])


@pytest.fixture
def client(emit, space):
    return Client(emit.origin, emit.token(space, ["jobs:worker", "jobs:create", "jobs:kill"]))


def working(url, key, space, handlers):
    """A worker in a thread, until its space is deleted."""
    stop = threading.Event()

    def run():
        try:
            Client(url, key).work(space, handlers, stop)
        except Problem as problem:
            assert problem.status in (401, 404), problem

    thread = threading.Thread(target=run)
    thread.start()
    return stop, thread


def test_a_client_from_the_page_runs_jobs(emit, space, client):
    """A producer, a worker and a watcher: result, failure with retries, progress; and a problem that is read."""
    def resize(delivery):
        delivery.progress(percent=50)
        return {"took": delivery.job["payload"]}

    def fail(delivery):
        raise ValueError(f"attempt {delivery.job['attemptNumber']}")

    stop, thread = working(emit.origin, client.key, space, {"resize": resize, "fail": fail})
    made = client.create(space, "resize", {"picture": 42})
    assert client.result(made["id"])["result"] == {"took": {"picture": 42}}
    seen = [message["type"] for message in client.watch(made["id"], since=0)]
    assert seen == ["created", "delivered", "acked", "progress", "completed"]
    dead = client.result(client.create(space, "fail", maxRetries=1)["id"])
    assert (dead["status"], dead["result"]) == ("dead", {"error": "ValueError: attempt 1"})
    with pytest.raises(Problem, match="404 job_not_found"):
        client.call("GET", "/jobs/nothing")
    with pytest.raises(Problem, match="422 invalid_fields"):
        client.create(space, "")
    stop.set()
    client.create(space, "resize")
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_killed_job_stops_its_worker(emit, space, client):
    """[7.5] «On 409 a worker stops this job's work»."""
    made = client.create(space, "n", timeoutSeconds=3)
    (delivery,) = client.poll(space, ["n"])
    with pytest.raises(Lost), delivery.alive():
        client.call("POST", f"/jobs/{made['id']}/kill")
        delivery.progress(percent=1)
    with pytest.raises(Lost):
        delivery.report("complete")
    assert emit.job(made["id"])["status"] == "killed"


def test_a_client_from_the_page_survives_a_crash_of_the_server():
    """[10] Creates are made once, reports are heard, and a watcher misses nothing and sees nothing twice, although the
    server is killed again and again while they go on."""
    with harness.server() as emit:
        space = emit.space()["id"]
        key = emit.token(space, ["jobs:worker", "jobs:create"])
        jobs, seen = [], []

        def watch():
            for message in Client(emit.origin, key).watch(f"spaces/{space}", since=0):
                seen.append(message)
                if sum(one["type"] == "completed" for one in seen) == 12:
                    return

        def produce():
            producer = Client(emit.origin, key)
            # A poll whose answer is lost with the server costs two seconds.
            jobs.extend(producer.create(space, "n", number, deliveryTimeoutSeconds=2)["id"] for number in range(12))

        threads = [threading.Thread(target=watch), threading.Thread(target=produce)]
        stop, worker = working(emit.origin, key, space, {"n": lambda delivery: delivery.job["payload"]})
        for thread in threads:
            thread.start()
        for _ in range(3):
            emit.kill()
            emit.start(port=emit.port)
            before = len(seen)
            # Until something has happened since: then again.
            wait_for("the clients to go on", lambda: len(seen) > before or not threads[0].is_alive(), 4 * PATIENCE)
        for thread in threads:
            thread.join(4 * PATIENCE)
            assert not thread.is_alive()
        stored = emit.call("GET", f"/spaces/{space}/jobs?limit=100&include=result", expect=200).json()
        assert len(jobs) == len(set(jobs)) == len(stored) == 12, "each create made one job"
        assert {job["status"] for job in stored} == {"completed"}
        assert sorted(job["result"] for job in stored) == list(range(12))
        # Numbers without gap or double: nothing was missed, nothing came twice.
        assert [message["seq"] for message in seen] == list(range(1, len(seen) + 1))
        stop.set()
        emit.create(space, "n")
        worker.join(PATIENCE)
