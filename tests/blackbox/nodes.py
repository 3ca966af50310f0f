"""Several nodes on one PostgreSQL, for the tests that are about just that."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile

import harness
import postgres


def node(folder: pathlib.Path, url: str, number: int, *flags: str) -> harness.Server:
    """A node, not yet started. `url`: the database it shares with the others."""
    return harness.Server(folder / f"node-{number}", *flags, store=["--store", url])


def without_hints(cluster: postgres.Cluster) -> str:
    """The URL of a fresh database on which no node may tell another anything: every hint is lost."""
    database = cluster.database()
    role = f"{database}_mute"
    cluster.sql(database, f"CREATE ROLE {role} LOGIN; ALTER DATABASE {database} OWNER TO {role}; "
                          "REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC")
    return cluster.url(database).replace("postgres@", f"{role}@")


@contextlib.contextmanager
def nodes(count: int, cluster: postgres.Cluster | None = None, url: str | None = None, flags: tuple[str, ...] = ()):
    """So many running nodes, on a fresh database unless it is given."""
    cluster = cluster or postgres.shared()
    url = url or cluster.url(cluster.database())
    with tempfile.TemporaryDirectory(prefix="emit-nodes-") as folder:
        started = []
        try:
            for number in range(count):
                started.append(node(pathlib.Path(folder), url, number, *flags).start())
            yield started
        finally:
            for one in started:
                one.http.close()
                one.kill()
