"""A wire between a node and its database, which a test can cut: a TCP proxy that passes on all bytes until told otherwise.

A wire that is down holds back what both sides say and leaves their connections open, as a network does that was cut.
"""

from __future__ import annotations

import contextlib
import pathlib
import socket
import threading

#: A simple query that says COMMIT, and what a database answers that has done it.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"


class Wire:
    """Leads from a port of its own to a database's socket (the file that PostgreSQL listens on)."""

    def __init__(self, to: pathlib.Path):
        self.to = to
        self.up = threading.Event()
        self.up.set()
        #: What is to be found in a connection's words for its next commit to be cut, and where.
        self.cut: tuple[bytes, str] | None = None
        #: A commit was cut.
        self.done = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return self.listener.getsockname()[1]

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgres://{user}@127.0.0.1:{self.port}/{database}"

    def cut_commit(self, words: str, where: str) -> None:
        """The commit that comes next after these words, on their connection, is cut: "before" it reaches the database;
        "after" it was done, but is not answered; or "after, and all" connections with it, new ones too."""
        self.done.clear()
        self.cut = (words.encode(), where)

    def close(self) -> None:
        self.up.set()
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as far:
            self.up.wait()
            far.connect(str(self.to))
            Line(self, near, far).run()


class Line:
    """One connection over the wire."""

    def __init__(self, wire: Wire, near: socket.socket, far: socket.socket):
        self.wire, self.near, self.far = wire, near, far
        #: What the node has said while words are looked for; what the database then said and is not passed back.
        self.said, self.withheld = b"", b""
        #: A commit is being cut.
        self.muted = False

    def run(self) -> None:
        back = threading.Thread(target=self._pass, args=(self.far, self.near, self._back), daemon=True)
        back.start()
        self._pass(self.near, self.far, self._forth)
        back.join()

    def _pass(self, source: socket.socket, target: socket.socket, look) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.wire.up.wait()
                if look(data):
                    target.sendall(data)
        self._end()

    def _end(self) -> None:
        for side in (self.near, self.far):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _forth(self, data: bytes) -> bool:
        if self.wire.cut is None:
            return True
        words, where = self.wire.cut
        self.said += data
        if words not in self.said or COMMIT not in self.said[self.said.index(words):]:
            return True
        if where == "before":
            self._cut()
            return False
        self.muted = True
        return True

    def _back(self, data: bytes) -> bool:
        if not self.muted:
            return True
        self.withheld += data
        if COMMITTED in self.withheld:
            if self.wire.cut and self.wire.cut[1] == "after, and all":
                self.wire.up.clear()
            self._cut()
        return False

    def _cut(self) -> None:
        self.wire.cut = None
        self.wire.done.set()
        self._end()
