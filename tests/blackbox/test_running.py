"""Section 7: `emit serve`."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import httpx
import pytest

from calls import (Raw, all_pages, counts, events, in_seconds, job_in, jobs_of, position, post, problem, still_serves,
                   types, wait_for)
from harness import ADMIN_KEY, BINARY, PATIENCE, Server

KEY = re.compile(r"emit_[0-9A-Za-z]{27,}")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@contextlib.contextmanager
def serving(data, *flags, **variables):
    """`emit serve` without the harness's key, its two outputs apart. A variable that is None is not set."""
    with contextlib.closing(Bare(data, *flags, **variables)) as one:
        yield one


class Bare(Server):
    def __init__(self, data, *flags, **variables):
        super().__init__(data, *flags)
        self.env = {k: v for k, v in self.env.items() if not k.startswith("EMIT_")} | variables
        self.out, self.err = (self.data.parent / f"{time.monotonic_ns()}.{name}" for name in ("out", "err"))
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [str(BINARY), "serve", "--data", str(data), "--listen", "127.0.0.1:0", *flags], env=self.env,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=self.data.parent)
        found = wait_for("its address", lambda: re.search(r"listening on http://[^\s:]+:(\d+)", self.output()))
        self.port = int(found.group(1))
        self.http = httpx.Client(timeout=PATIENCE)

    def output(self):
        return self.out.read_text(errors="replace") + self.err.read_text(errors="replace")

    def close(self):
        self.http.close()
        self.stop()


# -- the first start --------------------------------------------------------------------------------------------


def test_the_first_start(folder):
    """«On first start it makes the space `default` and prints its id, the admin key (once, to stderr …) and a
    copy-paste `curl` for the first job.»"""
    with serving(folder) as emit:
        wait_for("the curl", lambda: "curl" in emit.output())
        [key] = set(KEY.findall(emit.err.read_text()))
        assert key not in emit.out.read_text()
        [space] = emit.call("GET", "/spaces", key=key, expect=200).json()
        assert space["name"] == "default" and space["id"] in emit.output()
        assert emit.call("GET", "/me", key=key).json()["scopes"] == ["admin"]
        command = re.search(r"(?m)^\s*(curl (?:.*\\\n)*.*)$", emit.output()).group(1)
        subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=PATIENCE)
        assert len(emit.call("GET", f"/spaces/{space['id']}/jobs", key=key).json()) == 1
    with serving(folder) as emit:
        assert emit.call("GET", "/me", key=key).status_code == 200
        assert not KEY.search(emit.output())
        assert len(emit.call("GET", "/spaces", key=key).json()) == 1


def test_a_first_start_without_a_port(folder):
    """«prints … the admin key (once …)»: what it has made it tells even if it cannot listen, for nothing tells it later."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        env = {k: v for k, v in os.environ.items() if not k.startswith("EMIT_")}
        done = subprocess.run([BINARY, "serve", "--data", folder, "--listen", address], env=env, capture_output=True,
                              text=True, timeout=PATIENCE)
    assert done.returncode == 1 and f"cannot listen on {address}" in done.stderr
    [key] = set(KEY.findall(done.stderr))
    with serving(folder) as emit:
        assert emit.call("GET", "/me", key=key, expect=200).json()["scopes"] == ["admin"]
        [space] = emit.call("GET", "/spaces", key=key, expect=200).json()
        assert f"{address}/api/v1/spaces/{space['id']}/jobs" in done.stderr


@pytest.mark.parametrize("way", ["EMIT_ADMIN_KEY", "EMIT_ADMIN_KEY_FILE"])
def test_a_key_of_ones_own(folder, way):
    """«`EMIT_ADMIN_KEY` or `_FILE` sets it instead and nothing is printed»: a file may end in a newline."""
    value = ADMIN_KEY
    if way.endswith("FILE"):
        value = str(folder.parent / "key")
        pathlib.Path(value).write_text(ADMIN_KEY + "\n")
    with serving(folder, **{way: value}) as emit:
        assert emit.call("GET", "/me", expect=200).json()["scopes"] == ["admin"]
        assert not KEY.search(emit.output())
        assert [space["name"] for space in emit.call("GET", "/spaces").json()] == ["default"]
        # The curl works for whoever has the key, and does not tell it.
        command = wait_for("the curl", lambda: re.search(r"(?m)^\s*(curl .*)$", emit.output())).group(1)
        subprocess.run(["bash", "-c", command.replace("curl", "curl -sSf", 1)], check=True, capture_output=True,
                       timeout=PATIENCE, env={**os.environ, "EMIT_ADMIN_KEY": ADMIN_KEY})


def test_another_key_on_an_old_folder(folder):
    """«`EMIT_ADMIN_KEY` on a folder that has another admin key: added beside it.»"""
    other = "emit_" + "Z9y8X7w6" * 4
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY):
        pass
    for _ in range(2):  # The second time it is there already.
        with serving(folder, EMIT_ADMIN_KEY=other) as emit:
            for key in (ADMIN_KEY, other):
                assert emit.call("GET", "/me", key=key, expect=200).json()["scopes"] == ["admin"]
            assert len(emit.call("GET", "/tokens").json()) == 2


@pytest.mark.parametrize("what", ["of a space", "without the scope", "ended"])
def test_a_key_that_is_no_admin_key(folder, what):
    """It would look set and not work: no start, and a sentence without the key."""
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        match what:
            case "of a space": path, body = f"/spaces/{emit.space()['id']}/tokens", {"scopes": ["jobs:read"]}
            case "without the scope": path, body = "/tokens", {"scopes": ["jobs:read"]}
            case "ended": path, body = "/tokens", {"scopes": ["admin"], "expiresAt": in_seconds(1)}
        key = emit.call("POST", path, {"name": "other"} | body, expect=201).json()["token"]
        if what == "ended":
            wait_for("its end", lambda: emit.call("GET", "/me", key=key).status_code == 401)
    done = subprocess.run([BINARY, "serve", "--data", folder, "--listen", "127.0.0.1:0"], capture_output=True, text=True,
                          timeout=PATIENCE, env=emit.env | {"EMIT_ADMIN_KEY": key})
    assert done.returncode == 2 and "no admin key" in done.stderr and key not in done.stdout + done.stderr, done


def test_the_default_address_and_folder(tmp_path):
    """«with no configuration: one process, an embedded store in `./emit-data`, on `127.0.0.1:8080`»"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8080))
        except OSError:
            pytest.skip("port 8080 is taken on this machine")
    env = {k: v for k, v in os.environ.items() if not k.startswith("EMIT_")}
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen([str(BINARY), "serve"], cwd=tmp_path, env=env, stdout=log, stderr=log)
    try:
        wait_for("its address", lambda: "listening on http://127.0.0.1:8080" in (tmp_path / "log").read_text())
        assert httpx.get("http://127.0.0.1:8080/healthz", timeout=PATIENCE).status_code == 200
        assert (tmp_path / "emit-data").is_dir()
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_second_serve(folder):
    """«A second `serve` on one data folder exits with 2 and a sentence»: and harms the first in nothing."""
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        second = subprocess.run([BINARY, "serve", "--data", folder, "--listen", "127.0.0.1:0"], capture_output=True,
                                text=True, timeout=PATIENCE, env=emit.env)
        assert second.returncode == 2
        said = second.stderr.strip()
        assert len(said.split()) > 3 and "panicked" not in said
        still_serves(emit)
        emit.space()
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:  # The lock goes with the process.
        still_serves(emit)


def test_the_folder_is_its_owners(folder):
    """It holds everybody's payloads: a folder that Emit makes, nobody else on the machine can look into."""
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_the_files_are_their_owners(folder):
    """Also in a folder that others may look into."""
    folder.mkdir(mode=0o755)
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY):
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir() if path.name != "emit.lock"}
        assert {"emit.db", "emit.db-wal", "emit.sock"} <= set(modes) and set(modes.values()) == {"0o600"}, modes


# -- addresses and settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health(emit, path):
    """«`GET /healthz` (alive), `/readyz` (store reachable, not draining)»: without a key."""
    assert httpx.get(emit.origin + path, timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize("url, starts", [("https://emit.example", "emit.example/api/"),
                                         ("https://x.example:8443/emit/", "x.example:8443/emit/api/")])
def test_public_url(folder, url, starts):
    """«`--public-url` feeds `realtimeUrl`»"""
    with serving(folder, "--public-url", url, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        job = emit.create(emit.space()["id"])
        scheme, _, rest = job["realtimeUrl"].partition("://")
        assert scheme in ("wss", "https") and rest == starts + f"v1/realtime/{job['id']}"


def test_flags_beat_variables(folder):
    """«Everything is set by flags, `EMIT_*` variables or `emit.toml`, in that order of strength»"""
    variables = {"EMIT_ADMIN_KEY": ADMIN_KEY, "EMIT_PUBLIC_URL": "https://variable.example"}
    with serving(folder, **variables) as emit:
        assert "//variable.example/" in emit.create(emit.space()["id"])["realtimeUrl"]
    with serving(folder, "--public-url", "https://flag.example", **variables) as emit:
        assert "//flag.example/" in emit.create(emit.space()["id"])["realtimeUrl"]


@pytest.mark.parametrize("flags", [["--listen", "nonsense"], ["--no-such-flag"]], ids=str)
def test_bad_flags(folder, flags):
    """A setting that cannot be meant is refused at the start, with a sentence; never a panic."""
    done = subprocess.run([BINARY, "serve", "--data", folder, *flags], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode not in (0, 101) and done.stderr.strip() and "panicked" not in done.stderr


# -- the end ----------------------------------------------------------------------------------------------------


def test_sigterm_answers_waiting_polls(folder):
    """«SIGTERM drains: … waiting polls answer `[]`, …, gone within 10 s»"""
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        space = emit.space()["id"]
        with Raw(emit) as raw:
            raw.send(post(f"/api/v1/spaces/{space}/jobs/poll", body=b'{"waitSeconds": 30}'))
            for _ in range(20):
                still_serves(emit)
            emit.process.send_signal(signal.SIGTERM)
            answer = raw.answer()
            assert answer.status_code == 200 and json.loads(answer.content) == {"jobs": []}
        assert emit.process.wait(PATIENCE) == 0


def test_sigterm_answers_waiting_reads(folder):
    """«what is in flight is answered»: a GET that waits for the job's end shows it as it is by then."""
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        job = emit.create(emit.space()["id"])
        with Raw(emit) as raw:
            raw.send(post(f"/api/v1/jobs/{job['id']}?waitSeconds=30", method="GET"))
            for _ in range(20):
                still_serves(emit)
            emit.process.send_signal(signal.SIGTERM)
            assert raw.answer("GET").status_code == 200
        assert emit.process.wait(PATIENCE) == 0


@contextlib.contextmanager
def draining(folder):
    """A server that has got its SIGTERM while half of a request has arrived; yields it, the rest of that request, and
    the space in which it makes a job."""
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit, Raw(emit) as raw:
        space, body = emit.space()["id"], b'{"name": "late"}'
        raw.send(post(f"/api/v1/spaces/{space}/jobs", body=body[:5], length=len(body)))
        for _ in range(20):
            still_serves(emit)
        emit.process.send_signal(signal.SIGTERM)
        yield emit, lambda: raw.send(body[5:]).answer(), space


def readiness(emit) -> int | None:
    """What `/readyz` answers to a new connection; None where there is none to be had."""
    try:
        return httpx.get(emit.origin + "/readyz", timeout=PATIENCE).status_code
    except httpx.TransportError:
        return None


def test_sigterm_answers_what_is_in_flight(folder):
    """«SIGTERM drains: … what is in flight is answered»: a request half sent when the signal comes is carried out."""
    with draining(folder) as (emit, finish, space):
        wait_for("the drain", lambda: readiness(emit) != 200)
        assert finish().status_code == 201
        assert emit.process.wait(PATIENCE) == 0
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        assert [job["name"] for job in jobs_of(emit, space)] == ["late"]


def test_a_draining_server_says_so(folder):
    """«SIGTERM drains: `/readyz` 503»: who asks whether to send it more is told, as long as there is something in
    flight."""
    with draining(folder) as (emit, finish, _):
        wait_for("the drain", lambda: readiness(emit) != 200)
        assert readiness(emit) == 503
        finish()


def test_a_sigterm_right_after_the_start(folder):
    """«SIGTERM drains»: from the moment on in which the server says that it listens."""
    for _ in range(5):
        with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
            assert emit.stop() == 0


def test_an_idle_connection_does_not_hold_it_up(folder):
    """«gone within 10 s»: neither a silent connection nor half a request keeps it."""
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        with Raw(emit), Raw(emit) as half:
            half.send(b"POST /api/v1/spaces HTTP/1.1\r\nHost: x\r\n")
            still_serves(emit)
            assert emit.stop() == 0


# -- starting again ---------------------------------------------------------------------------------------------


def picture(emit, space):
    """All that can be read of a space."""
    jobs = jobs_of(emit, space, limit=100)
    tokens = [{**row, "lastUsedAt": None} for row in emit.call("GET", f"/spaces/{space}/tokens").json()]
    return {"space": emit.call("GET", f"/spaces/{space}").json(), "tokens": tokens, "counts": counts(emit, space),
            "seq": position(emit, space), "jobs": [emit.job(job["id"]) for job in jobs],
            "events": [events(emit, job["id"]) for job in jobs],
            "logs": [all_pages(emit, f"/jobs/{job['id']}/logs") for job in jobs]}


def test_a_restart_keeps_everything(folder):
    """«A 2xx answer to a write means that the change and its event are on disk»; «`seq` … surviving restarts»"""
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        space = emit.space(maxPending=100, maxDeliveries=9, retentionDays=3)["id"]
        key = emit.token(space, ["jobs:worker"])
        for status in ("scheduled", "pending", "delivered", "running", "completed", "dead", "killed"):
            job = job_in(emit, space, status, payload={"p": status}, tags={"k": "v"}, idempotencyKey=status,
                         retryBackoff={"strategy": "fixed", "delaySeconds": 9})
            emit.report(job["id"], "logs", {"lines": [{"level": "info", "message": status}]})
        before = picture(emit, space)
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        assert picture(emit, space) == before
        assert emit.call("GET", "/me", key=key).status_code == 200
        assert emit.create(space)["seq"] == before["seq"] + 1
        again = {"name": "job", "idempotencyKey": "killed", "payload": 1}
        problem(emit.call("POST", f"/spaces/{space}/jobs", again), 422, "idempotency_mismatch")


@pytest.mark.parametrize("fields, verbs, status", [
    ({"scheduledFor": 1}, [], "pending"), ({"expiresAt": 1}, [], "dead"),
    ({"deliveryTimeoutSeconds": 1}, ["claim"], "pending"),
    ({"timeoutSeconds": 1}, ["claim", "ack"], "pending")], ids=str)
def test_timers_survive_a_restart(folder, fields, verbs, status):
    """What falls due while the server is down, or was due before, happens after the start."""
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        space = emit.space()["id"]
        fields = {k: in_seconds(v) if k in ("scheduledFor", "expiresAt") else v for k, v in fields.items()}
        job = emit.create(space, **fields)["id"]
        for verb in verbs:
            emit.report(job, verb)
        emit.kill()
    with serving(folder, EMIT_ADMIN_KEY=ADMIN_KEY) as emit:
        wait_for(status, lambda: emit.job(job)["status"] == status
                 and types(emit, job)[-1] in ("enqueued", "dead", "delivery_timeout", "retried"))
