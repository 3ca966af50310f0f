"""Several nodes on one PostgreSQL, for the tests that are about just that."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile

import harness
import postgres


def node(folder: pathlib.Path, url: str, number: int) -> harness.Server:
    """A node, not yet started. `url`: the database it shares with the others."""
    return harness.Server(folder / f"node-{number}", store=["--store", url])


@contextlib.contextmanager
def nodes(count: int, cluster: postgres.Cluster | None = None):
    """So many running nodes on a fresh database."""
    cluster = cluster or postgres.shared()
    url = cluster.url(cluster.database())
    with tempfile.TemporaryDirectory(prefix="emit-nodes-") as folder:
        started = []
        try:
            for number in range(count):
                started.append(node(pathlib.Path(folder), url, number).start())
            yield started
        finally:
            for one in started:
                one.http.close()
                one.kill()
