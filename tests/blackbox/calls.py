"""What the HTTP tests share: jobs brought to a status, problem answers, histories, and requests written by hand."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import re
import socket
import struct

import harness
from harness import PATIENCE
from streams import check_problem, in_seconds, wait_for

__all__ = ["in_seconds", "wait_for"]

#: A well-formed id that nothing has.
NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
STATUSES = ["scheduled", "pending", "delivered", "running", "completed", "dead", "killed"]
TERMINAL = ["completed", "dead", "killed"]
#: Every scope but the shorthands, the alias and `admin`.
PLAIN_SCOPES = ["jobs:create", "jobs:read", "jobs:read:progress", "jobs:poll", "jobs:ack", "jobs:progress",
                "jobs:complete", "jobs:fail", "jobs:keepalive", "jobs:event", "jobs:kill"]
#: What answers to worker reports leave out.
CONTENTS = {"payload", "progress", "result", "checkpoint", "events"}


def problem(answer, status: int, code: str | None = None, path: str | None = None) -> dict:
    """The answer as a problem of that status; `path` is where its fault lies (a trailing `*` stands for any rest)."""
    found = check_problem(answer.status_code, answer.headers, answer.content, status, code)
    check_problem_body(found, status, code, path)
    return found


def check_problem_body(found: dict, status: int, code: str | None = None, path: str | None = None) -> None:
    """The same of a problem inside a batch answer, whose request id may stand on the whole."""
    assert found["status"] == status, found
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", found["code"]), found
    if code:
        assert found["code"] == code, found
    if path is not None:
        paths = [error["path"] for error in found["errors"]]
        assert all(error["detail"] for error in found["errors"])
        assert any(fits(path, one) for one in paths), f"{path} is not among {paths}"


def fits(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def wrong_state(answer, status: str, code: str | None = None) -> None:
    """A 409 «with the present `jobStatus`»."""
    assert problem(answer, 409, code)["jobStatus"] == status


# -- jobs in a status -------------------------------------------------------------------------------------------


def job_in(emit, space: str, status: str, **fields) -> dict:
    """A job in that status, as GET answers it."""
    if status == "scheduled":
        fields = {"scheduledFor": in_seconds(3600), **fields}
    job = emit.create(space, **fields)
    if status not in ("scheduled", "pending", "killed"):
        emit.report(job["id"], "claim")
    if status in ("running", "completed", "dead"):
        emit.report(job["id"], "ack")
    if status == "completed":
        emit.report(job["id"], "complete", {"done": True})
    if status == "dead":
        emit.report(job["id"], "fail", {"error": "broken", "retryable": False})
    if status == "killed":
        emit.report(job["id"], "kill", {"reason": "tired"})
    job = emit.job(job["id"])
    assert job["status"] == status
    return job


def wait_status(emit, job_id: str, status: str) -> dict:
    """The job once it is in that status: for what timers do."""
    def there():
        job = emit.job(job_id)
        return job if job["status"] == status else None
    return wait_for(f"status {status}", there)


def events(emit, job_id: str, **query) -> list[dict]:
    return emit.call("GET", f"/jobs/{job_id}/events", params=query, expect=200).json()


def types(emit, job_id: str) -> list[str]:
    return [event["type"] for event in events(emit, job_id, limit=1000)]


def counts(emit, space: str) -> dict[str, int]:
    return emit.call("GET", f"/spaces/{space}/counts", expect=200).json()


def position(emit, space: str) -> int:
    """The number of the newest event of the space."""
    return int(emit.call("GET", f"/spaces/{space}/counts", expect=200).headers["x-emit-seq"])


def jobs_of(emit, space: str, **query) -> list[dict]:
    return emit.call("GET", f"/spaces/{space}/jobs", params=query, expect=200).json()


def ids(rows: list[dict]) -> list[str]:
    return [row["id"] for row in rows]


def shells(emit, space: str) -> list[dict]:
    """Every kept event of the space, those of erased jobs too, which only the stream still shows.

    A marker job ends the reading; its event is not in the answer.
    """
    marker = emit.create(space, name="marker")
    with emit.ws(f"spaces/{space}", query="since=0") as ws:
        seen = []
        while not seen or seen[-1]["jobId"] != marker["id"]:
            seen.append(harness.receive(ws))
    return seen[:-1]


def next_link(answer) -> str | None:
    """Where `Link: rel="next"` points, or None."""
    found = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', answer.headers.get("link", ""))
    return found.group(1) if found else None


def all_pages(emit, path: str, key: str = harness.ADMIN_KEY) -> list[list]:
    """The pages of a list, by its links alone."""
    answer = emit.call("GET", path, key=key, expect=200)
    pages = [answer.json()]
    while link := next_link(answer):
        assert link.startswith("/api/v1/") and "token" not in link.split("?", 1)[-1], link
        answer = emit.call("GET", link.removeprefix("/api/v1"), key=key, expect=200)
        pages.append(answer.json())
    return pages


# -- several things at once -------------------------------------------------------------------------------------


@contextlib.contextmanager
def meanwhile(call, *args, **kwargs):
    """Runs a call beside the body; yields its future. The body should do what lets the call end."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    try:
        yield pool.submit(call, *args, **kwargs)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def post(path: str, key: str = harness.ADMIN_KEY, body: bytes = b"", headers: tuple[str, ...] = (),
         method: str = "POST", length: int | None = None) -> bytes:
    """A request as bytes, so that any of its parts can be wrong."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"x-api-key: {key}", *headers]
    if body or length is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Raw:
    """A bare TCP connection to the server: sends what it is told, byte for byte."""

    def __init__(self, emit, receive_buffer: int | None = None):
        self.tcp = socket.socket()
        self.tcp.settimeout(PATIENCE)
        if receive_buffer:  # before the connection is made, so that the window is small from the start
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.tcp.connect(("127.0.0.1", emit.port))
        self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> "Raw":
        # A server that has already refused may have hung up; its answer is still to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.tcp.sendall(data)
        return self

    def half_close(self) -> "Raw":
        with contextlib.suppress(OSError):
            self.tcp.shutdown(socket.SHUT_WR)
        return self

    def reset(self) -> None:
        """Hangs up without a word more: what is under way is lost."""
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.tcp.close()

    def answer(self, method: str = "POST"):
        """The answer in the shape of httpx's, or None where the server hung up without one."""
        response = http.client.HTTPResponse(self.tcp, method=method)
        try:
            response.begin()
            content = response.read()
        except (http.client.BadStatusLine, ConnectionResetError, BrokenPipeError):
            return None
        return RawAnswer(response.status, {k.lower(): v for k, v in response.getheaders()}, content)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tcp.close()


class RawAnswer:
    def __init__(self, status_code: int, headers: dict[str, str], content: bytes):
        self.status_code, self.headers, self.content = status_code, headers, content


def still_serves(emit) -> None:
    """«Never a panic, never a hang»: it answers, and did not panic in between."""
    assert emit.http.get(emit.origin + "/healthz").status_code == 200
    assert "panicked at" not in emit.output()


