"""The real binary, started for a test, and the few calls that nearly every test makes.

Every server gets a folder of its own and a port the kernel picks; nothing waits for a time, only for signals.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import httpx
import postgres
from websockets.sync.client import connect as ws_connect

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("EMIT_BINARY", ROOT / "target" / "release" / "emit"))
ADMIN_KEY = "emit_" + "A1b2C3d4" * 4
#: How long a signal may take to arrive on a busy machine, in seconds. Not a measure of anything.
PATIENCE = 60


#: `sqlite` or `postgres`: what the servers of this run keep their jobs in. The promises are the same.
STORE = os.environ.get("EMIT_TEST_STORE", "sqlite")
#: Which database stands for which folder: a second server on a folder finds what the first has left.
DATABASES: dict[pathlib.Path, str] = {}


def store_of(data: pathlib.Path) -> list[str]:
    """The flags that name a server's store."""
    if STORE == "sqlite":
        return ["--data", str(data)]
    if data not in DATABASES:
        DATABASES[data] = postgres.shared().database()
    return ["--store", postgres.shared().url(DATABASES[data])]


class Server:
    """One `emit serve` process on a folder."""

    def __init__(self, data: pathlib.Path, *flags: str, env: dict[str, str] | None = None,
                 store: list[str] | None = None):
        self.data = pathlib.Path(data)
        self.store = store or store_of(self.data)
        self.flags = flags
        self.env = {**os.environ, "EMIT_ADMIN_KEY": ADMIN_KEY, **(env or {})}
        #: What the binary is started through, if anything: its arguments before the binary's own.
        self.wrapped: list[str] = []
        #: Where it listens, and is called.
        self.host = "127.0.0.1"
        self.process: subprocess.Popen | None = None
        self.port = 0

    def start(self, port: int = 0) -> "Server":
        self.log = open(self.data.parent / (self.data.name + ".log"), "ab+")
        start_of_this_run = self.log.seek(0, os.SEEK_END)
        self.process = subprocess.Popen(
            [*self.wrapped, str(BINARY), "serve", *self.store, "--listen", f"{self.host}:{port}", *self.flags],
            env=self.env, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            text = self.output()[start_of_this_run:]
            found = re.search(r"listening on http://[^\s:]+:(\d+)", text)
            if found:
                self.port = int(found.group(1))
                break
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"emit did not start:\n{text}")
            time.sleep(0.01)
        self.http = httpx.Client(base_url=self.api, headers={"x-api-key": ADMIN_KEY}, timeout=PATIENCE)
        return self

    def output(self) -> str:
        return pathlib.Path(self.log.name).read_text(errors="replace")

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.origin}/api/v1"

    @property
    def pid(self) -> int:
        return self.process.pid

    def stored(self) -> list[bytes]:
        """All that its store holds, as raw as it gets: the folder's files, or what a dump of the database shows."""
        if STORE == "sqlite":
            return [path.read_bytes() for path in self.data.rglob("*") if path.is_file()]
        dump = [postgres.programs() / "pg_dump", "-U", "postgres", "-h", postgres.shared().folder, DATABASES[self.data]]
        return [subprocess.run(dump, check=True, capture_output=True).stdout]

    def rss_bytes(self) -> int:
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def kill(self) -> None:
        """`kill -9`: what a crash looks like to the store."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, patience: float = PATIENCE) -> int:
        """SIGTERM, and the exit code."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(patience)
        return self.process.returncode if self.process else 0

    # -- the calls that most tests make -------------------------------------------------------------------------

    def call(self, method: str, path: str, body=None, key: str | None = ADMIN_KEY, expect: int | None = None,
             headers: dict | None = None, **kwargs) -> httpx.Response:
        """One request on `/api/v1`. `body` is sent as JSON; `expect` is the status it must answer."""
        head = {"x-api-key": key or "", **(headers or {})}
        if key is None:
            head.pop("x-api-key")
        if body is not None:
            kwargs["content"] = body if isinstance(body, (bytes, str)) else json.dumps(body)
            head.setdefault("content-type", "application/json")
        request = self.http.build_request(method, self.api + path, headers=head, **kwargs)
        if key is None:
            request.headers.pop("x-api-key", None)
        answer = self.http.send(request)
        if expect is not None:
            assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def space(self, name: str = "test", **settings) -> dict:
        return self.call("POST", "/spaces", {"name": name, **settings}, expect=201).json()

    def token(self, space_id: str | None, scopes: list[str], **more) -> str:
        path = f"/spaces/{space_id}/tokens" if space_id else "/tokens"
        return self.call("POST", path, {"name": "t", "scopes": scopes, **more}, expect=201).json()["token"]

    def public_token(self, space_id: str) -> str:
        tokens = self.call("GET", f"/spaces/{space_id}/tokens", expect=200).json()
        return next(t["token"] for t in tokens if t.get("token", "").startswith("emit_pub_"))

    def create(self, space_id: str, name: str = "job", key: str = ADMIN_KEY, **fields) -> dict:
        return self.call("POST", f"/spaces/{space_id}/jobs", {"name": name, **fields}, key=key, expect=201).json()

    def poll(self, space_id: str, **body) -> list[dict]:
        return self.call("POST", f"/spaces/{space_id}/jobs/poll", body, expect=200).json()["jobs"]

    def report(self, job_id: str, verb: str, body=None, delivery: str | None = None, expect: int = 200) -> dict:
        headers = {"x-emit-delivery": delivery} if delivery else None
        return self.call("POST", f"/jobs/{job_id}/{verb}", body, headers=headers, expect=expect).json()

    def job(self, job_id: str) -> dict:
        return self.call("GET", f"/jobs/{job_id}", expect=200).json()

    def running(self, space_id: str, **fields) -> dict:
        """A job that a worker has polled and acked; as the poll answered it."""
        made = self.create(space_id, **fields)
        job = next(j for j in self.poll(space_id, count=50) if j["id"] == made["id"])
        self.report(job["id"], "ack", delivery=job["deliveryId"])
        return job

    def ws(self, path: str, key: str | None = ADMIN_KEY, query: str = "", **kwargs):
        """A WebSocket on `/api/v1/realtime/<path>` as the seed's Python client opens it."""
        token = f"token={key}" if key else ""
        question = "&".join(part for part in (token, query) if part)
        return ws_connect(f"ws://{self.host}:{self.port}/api/v1/realtime/{path}?{question}",
                          open_timeout=PATIENCE, max_size=None, **kwargs)


def receive(socket, timeout: float = PATIENCE) -> dict:
    return json.loads(socket.recv(timeout=timeout))


def receive_until(socket, event_type: str, timeout: float = PATIENCE) -> list[dict]:
    """All messages up to and with the first of that type."""
    seen = []
    while not seen or seen[-1]["type"] != event_type:
        seen.append(receive(socket, timeout))
    return seen


@contextlib.contextmanager
def ending():
    """A list: the servers put into it end with it, unless they have ended."""
    started: list[Server] = []
    yield started
    for one in started:
        one.http.close()
        if one.process.poll() is None:
            one.kill()


@contextlib.contextmanager
def server(*flags: str, env: dict[str, str] | None = None, data: pathlib.Path | None = None):
    """A server on a throw-away folder, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="emit-test-") as folder:
        one = Server(data or pathlib.Path(folder) / "data", *flags, env=env).start()
        try:
            yield one
        finally:
            one.http.close()
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()
