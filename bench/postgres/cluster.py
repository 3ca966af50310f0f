"""A PostgreSQL with its defaults, nodes of Emit on it, and what loads them."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "peers"), str(HERE.parent.parent / "tests/blackbox")]
import harness  # noqa: E402  (the tests' own way to start a server)
import postgres  # noqa: E402
from job_systems import node_driver  # noqa: E402  (the peers, and the way to load them)
from process import Driver  # noqa: E402

BENCH = pathlib.Path(os.environ.get("EMIT_BENCH", harness.BINARY.with_name("emit-bench")))


class Bench:
    """A fresh database, and everything that was started on it; used as a context."""

    def __enter__(self) -> "Bench":
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="emit-nodes-")))
        self.cluster = postgres.Cluster(port=postgres.free_port()).start()
        self.stack.callback(self.cluster.remove)
        self.database = self.cluster.database()
        self.started = 0
        return self

    def __exit__(self, *_) -> None:
        self.stack.close()

    def node(self, clock: str = "") -> harness.Server:
        """A node. `clock`: how far ahead of the machine's its clock is, as libfaketime takes it."""
        self.started += 1
        env = {}
        if clock:
            [library] = pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
            env = {"LD_PRELOAD": str(library), "FAKETIME": clock, "DONT_FAKE_MONOTONIC": "1",
                   "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        server = harness.Server(self.folder / f"node-{self.started}", env=env,
                                store=["--store", self.cluster.url(self.database)]).start()
        self.stack.callback(server.stop)
        return server

    def driver(self, server: harness.Server) -> Driver:
        self.started += 1
        folder = self.folder / f"driver-{self.started}"
        folder.mkdir()
        driver = Driver([BENCH, "drive", "emit", "--address", f"127.0.0.1:{server.port}", "--key", harness.ADMIN_KEY],
                        folder)
        self.stack.callback(driver.stop)
        return driver

    def peer(self, name: str) -> Driver:
        """Another job system, on a database of its own in the same PostgreSQL."""
        folder = self.folder / name
        folder.mkdir()
        driver = node_driver(name, folder, self.cluster.url(self.cluster.database()))
        self.stack.callback(driver.stop)
        return driver

    def sql(self, statement: str) -> str:
        return self.cluster.sql(self.database, statement)


