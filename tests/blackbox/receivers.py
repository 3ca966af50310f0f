"""A real receiver of what the server sends: remembers every request, answers as it is told."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from streams import wait_for

#: Opens this machine to the server under test.
LOOPBACK = ("--allow-private-destinations", "127.0.0.0/8")


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> dict:
        return json.loads(self.text)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """Answers what `behave` makes of a request: a status, or (status, headers, body)."""

    def __init__(self, behave=lambda request: 204, tls=None, host="127.0.0.1", port=0):
        self.behave, self.host = behave, host
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                text = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, text)
                with outer.lock:
                    outer.requests.append(request)
                answer = outer.behave(request)
                status, headers, body = answer if isinstance(answer, tuple) else (answer, {}, "")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body.encode())

            def do_GET(self):
                outer.requests.append(Request("GET " + self.path, {}, ""))
                self.send_error(405)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server((host, port), Handler)
        self.scheme = "http"
        if tls:
            self.scheme = "https"
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.configure_cert(context)
            # The handshake belongs to the connection's own thread, not to the one that accepts.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return self.server.server_port

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    def received(self, count: int, path: str | None = None) -> list[Request]:
        """The first `count` requests (to that path), once there are so many."""
        def there():
            with self.lock:
                found = [r for r in self.requests if path is None or r.path == path]
            return found if len(found) >= count else None
        return wait_for(f"{count} requests", there)

    def __enter__(self) -> "Receiver":
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def silent():
    """A port whose connections are accepted by the kernel and never answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def dripping(after_head: bool):
    """Sends a byte every tenth of a second for ever: of its head, or of its body behind a 200."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    over = threading.Event()

    def drip(peer):
        with contextlib.suppress(OSError), peer:
            if after_head:
                peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
            else:
                peer.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
            while not over.wait(0.1):
                peer.sendall(b"x")

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.close()
