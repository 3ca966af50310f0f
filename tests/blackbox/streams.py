"""What the stream tests share: closings, refusals, SSE, and a WebSocket so plain that it can misbehave."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import socket
import struct
import subprocess
import time

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus

import harness
from harness import PATIENCE

#: The fields of a message, in the order in which they stand in the frame; `data` may be missing.
ORDER = ["jobId", "jobName", "type", "status", "data", "timestamp", "seq"]
STATUSES = {"scheduled", "pending", "delivered", "running", "completed", "dead", "killed"}


def in_seconds(seconds: float) -> str:
    """That many seconds from now, as the wire writes times."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def wait_for(what, condition, patience: float = PATIENCE):
    """The first true value that `condition` gives. For facts that no message tells."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
    return value


def listed(server, what: str, path: str, key: str = harness.ADMIN_KEY) -> list[dict]:
    """All pages of `/events` or `/logs`."""
    rows, after = [], 0
    while page := server.call("GET", f"{path}?after={after}&limit=1000", key=key, expect=200).json():
        rows += page
        after = page[-1]["seq" if what == "events" else "line"]
    return rows


def until_closed(socket_, patience: float = PATIENCE) -> tuple[list[dict], int | None, str]:
    """All that still comes, and the code and reason with which the server closes."""
    seen = []
    try:
        while True:
            seen.append(harness.receive(socket_, patience))
    except ConnectionClosed as closed:
        if closed.rcvd is None:
            return seen, None, ""
        return seen, closed.rcvd.code, closed.rcvd.reason


def receive_seqs(socket_, last_seq: int) -> list[dict]:
    """All messages up to the one with that number."""
    seen = [harness.receive(socket_)]
    while seen[-1]["seq"] < last_seq:
        seen.append(harness.receive(socket_))
    return seen


def newest_seq(server, space: str) -> int:
    return int(server.call("GET", f"/spaces/{space}/counts", expect=200).headers["x-emit-seq"])


def check_problem(status: int, headers, body: bytes | str, expect: int, code: str | None = None) -> dict:
    """Section 6: an error is a problem answer with all its fields, and says its request's id twice."""
    assert status == expect, f"{status} instead of {expect}: {body!r}"
    assert headers["content-type"].split(";")[0] == "application/problem+json"
    problem = json.loads(body)
    assert {"type", "title", "status", "detail", "code", "requestId"} <= set(problem)
    assert problem["status"] == expect
    assert problem["requestId"] == headers["x-request-id"]
    if code:
        assert problem["code"] == code, problem
    return problem


def refused(server, path: str, expect: int, code: str | None = None, key: str | None = harness.ADMIN_KEY,
            query: str = "", **kwargs) -> dict:
    """Tries a WebSocket, which must be refused before the upgrade; the problem answer."""
    try:
        with server.ws(path, key, query, **kwargs):
            raise AssertionError(f"{path} was not refused")
    except InvalidStatus as error:
        answer = error.response
        return check_problem(answer.status_code, answer.headers, answer.body, expect, code)


def revoke(server, space: str, key: str) -> None:
    """Revokes a key, found by asking it who it is."""
    token_id = server.call("GET", "/me", key=key, expect=200).json()["tokenId"]
    server.call("DELETE", f"/spaces/{space}/tokens/{token_id}", expect=204)


def flag_about(word: str) -> str:
    """The option of `emit serve` whose name contains the word: the contract names what can be set, not how."""
    text = subprocess.run([harness.BINARY, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    names = [part.strip(",=<[") for part in text.replace("=", " ").split() if part.startswith("--") and word in part]
    assert names, f"emit serve --help names no option with {word!r}:\n{text}"
    return names[0]


# -- server-sent events -----------------------------------------------------------------------------------------


class EventStream:
    """A `text/event-stream` answer, block by block, as the standard cuts it."""

    def __init__(self, answer: httpx.Response):
        self.answer = answer
        self.lines = answer.iter_lines()

    def block(self) -> list[str] | None:
        """The lines up to the next empty one; None at the end."""
        lines: list[str] = []
        for line in self.lines:
            if line == "":
                if lines:
                    return lines
            else:
                lines.append(line)
        return lines or None

    def message(self) -> dict | None:
        """The next block that is not a comment, checked to be one `id:` and one `data:` line."""
        while (lines := self.block()) is not None:
            lines = [line for line in lines if not line.startswith(":")]
            if not lines:
                continue
            fields = dict(line.split(":", 1) for line in lines)
            assert len(lines) == 2 and set(fields) == {"id", "data"}, lines
            message = json.loads(fields["data"])
            assert int(fields["id"]) == message["seq"]
            return message
        return None

    def until(self, event_type: str) -> list[dict]:
        seen = []
        while not seen or seen[-1]["type"] != event_type:
            message = self.message()
            assert message is not None, f"the stream ended after {seen}"
            seen.append(message)
        return seen

    def rest(self) -> list[dict]:
        seen = []
        while message := self.message():
            seen.append(message)
        return seen


@contextlib.contextmanager
def sse(server, path: str, key: str | None = harness.ADMIN_KEY, query: str = "", headers: dict | None = None):
    """The stream as EventSource and `curl -N` ask for it; the answer must be 200."""
    head = {"accept": "text/event-stream", **({"x-api-key": key} if key else {}), **(headers or {})}
    url = f"{server.api}/realtime/{path}" + (f"?{query}" if query else "")
    with httpx.Client(timeout=PATIENCE) as client, client.stream("GET", url, headers=head) as answer:
        if answer.status_code != 200:
            raise AssertionError(f"{answer.status_code} {answer.read()!r}")
        yield EventStream(answer)


# -- a WebSocket without manners --------------------------------------------------------------------------------

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class RawSocket:
    """A handshake and frames on a bare TCP socket: reads only when told to, answers no ping.

    `receive_buffer` is set before the connection is made, so that the advertised window is small from the start.
    """

    def __init__(self, server, path: str, key: str = harness.ADMIN_KEY, query: str = "",
                 receive_buffer: int | None = None):
        self.tcp = socket.socket()
        if receive_buffer:
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.tcp.settimeout(PATIENCE)
        self.tcp.connect(("127.0.0.1", server.port))
        self.ports = (server.port, self.tcp.getsockname()[1])
        question = "&".join(part for part in (f"token={key}", query) if part)
        self.tcp.sendall(
            f"GET /api/v1/realtime/{path}?{question} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n".encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        self.head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(self.head.split()[1])

    def _more(self) -> None:
        piece = self.tcp.recv(65536)
        if not piece:
            raise ConnectionResetError("the server hung up")
        self.buffer += piece

    def _take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self._more()
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def frame(self) -> tuple[int, bytes]:
        """Opcode and content of the next frame. Server frames are whole (one message each) and unmasked."""
        first, second = self._take(2)
        assert first & 0x80 and not second & 0x80, "a fragment or a masked frame from the server"
        length = second
        if length == 126:
            (length,) = struct.unpack("!H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._take(8))
        return first & 0x0F, self._take(length)

    def body(self) -> bytes:
        """The rest of a refusal, by its content-length."""
        head = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in
                                                      self.head.decode().split("\r\n")[1:])}
        return self._take(int(head["content-length"]))

    def send(self, opcode: int, content: bytes = b"") -> None:
        mask = os.urandom(4)
        size = len(content)
        head = bytes([0x80 | opcode]) + (bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size))
        self.tcp.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(content)))

    def until_closed(self) -> tuple[list[dict], int | None, str]:
        """All messages up to the closing frame, its code and reason; (…, None, "") after a reset."""
        seen = []
        try:
            while True:
                opcode, content = self.frame()
                if opcode == CLOSE:
                    return seen, struct.unpack("!H", content[:2])[0], content[2:].decode()
                if opcode == TEXT:
                    seen.append(json.loads(content))
        except ConnectionError:
            return seen, None, ""

    def server_side_is_open(self) -> bool:
        """Whether the server still holds its end; read from the kernel, for nothing can arrive while we don't read."""
        ends = tuple(f"0100007F:{port:04X}" for port in self.ports)
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return any((row[1], row[2]) == ends and row[3] == "01" for row in rows)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tcp.close()
