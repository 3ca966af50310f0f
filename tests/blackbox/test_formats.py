"""Old data opens: a store of each format that was ever written is kept under `tests/formats`, with what it must show.

«Migrations only expand; a newer binary opens older data.» After a change of format, `EMIT_KEEP_FORMAT=name` makes a new
one (once with EMIT_TEST_STORE=postgres); those that are there are never made anew.
"""

import gzip
import json
import os
import pathlib
import subprocess

import pytest

import harness
import postgres

KEPT = harness.ROOT / "tests" / "formats"
#: What may differ: it is told of the present, not of what is kept.
PRESENT = {"lastUsedAt", "realtimeUrl"}


def fill(server: harness.Server) -> None:
    """A bit of everything that waits for nobody: no state in it may change by time alone."""
    space = server.space("kept", retentionDays=3650, maxPending=1000)["id"]
    server.token(space, ["jobs:create", "jobs:worker"])
    for name, end in (("done", "complete"), ("failed", "fail"), ("killed", "kill"), ("erased", "complete")):
        job = server.running(space, name=name, maxRetries=0)
        server.report(job["id"], "progress", {"percent": 50})
        server.report(job["id"], "checkpoint", {"step": [1, 2.5, None]})
        server.report(job["id"], "logs", {"lines": [{"level": "warn", "message": "careful"}]})
        body = {"complete": {"ok": True}, "fail": {"error": "no"}, "kill": {"reason": "enough"}}[end]
        server.report(job["id"], end, body)
        if name == "erased":
            server.call("DELETE", f"/jobs/{job['id']}", expect=204)
    server.create(space, "waits", payload={"n": 1, "text": "ü\u2028"}, priority=7, tags={"k": "v:w"},
                  idempotencyKey="once", retryBackoff={"strategy": "exponential", "delaySeconds": 1.5})
    server.create(space, "later", scheduledFor="2036-01-01T00:00:00.000Z", callbackUrl="https://example.com/x",
                  callbackHeaders={"k": "v"})
    server.call("PATCH", f"/spaces/{space}", {"paused": True}, expect=200)


def shown(server: harness.Server) -> dict:
    """All that the API shows of it."""
    all_of_it = {}
    for space in server.call("GET", "/spaces", expect=200).json():
        path = f"/spaces/{space['id']}"
        jobs = server.call("GET", f"{path}/jobs?include=payload,result&limit=100", expect=200).json()
        with server.ws(f"spaces/{space['id']}", query="since=0") as ws:
            newest = int(server.call("GET", f"{path}/counts", expect=200).headers["x-emit-seq"])
            events = [harness.receive(ws) for _ in range(newest)]
        all_of_it[space["name"]] = {
            "space": space, "jobs": jobs, "events": events,
            "counts": server.call("GET", f"{path}/counts", expect=200).json(),
            "tokens": server.call("GET", f"{path}/tokens", expect=200).json(),
            "logs": {job["id"]: server.call("GET", f"/jobs/{job['id']}/logs", expect=200).json() for job in jobs},
        }
    return all_of_it


def holds(now, then, where: str = "") -> None:
    """Everything that was shown then is shown now; what is shown besides was added since."""
    if isinstance(then, dict):
        for key in then.keys() - PRESENT:
            assert key in now, f"{where}/{key} is gone"
            holds(now[key], then[key], f"{where}/{key}")
    elif isinstance(then, list):
        assert len(now) == len(then), where
        for number, (one, other) in enumerate(zip(now, then)):
            holds(one, other, f"{where}/{number}")
    else:
        assert now == then, where


def keep(server: harness.Server, name: str) -> None:
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(shown(server), indent=1, ensure_ascii=False) + "\n")
    if harness.STORE == "postgres":
        [dump] = server.stored()
    else:
        copy = server.data.with_name("copy.db")
        subprocess.run([harness.BINARY, "backup", "--data", server.data, copy], check=True, capture_output=True)
        dump = copy.read_bytes()
    (KEPT / f"{name}.gz").write_bytes(gzip.compress(dump, mtime=0))


def put(name: str, data: pathlib.Path) -> None:
    """Makes the kept store that of a folder (or of the database that stands for it)."""
    kept = gzip.decompress((KEPT / f"{name}.gz").read_bytes())
    if name.startswith("postgres"):
        database = postgres.shared().database()
        harness.DATABASES[data] = database
        load = [postgres.programs() / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h",
                postgres.shared().folder, "-d", database]
        subprocess.run(load, input=kept, check=True, capture_output=True)
    else:
        backup = data.with_name("kept.db")
        backup.write_bytes(kept)
        subprocess.run([harness.BINARY, "restore", "--data", data, backup], check=True, capture_output=True)


def test_a_new_format_is_kept():
    name = os.environ.get("EMIT_KEEP_FORMAT")
    with harness.server() as server:
        fill(server)
        if name:
            keep(server, name)
        holds(shown(server), shown(server))


@pytest.mark.parametrize("name", sorted(file.stem for file in KEPT.glob("*.gz")))
def test_a_kept_format_opens(name, tmp_path):
    data = tmp_path / "data"
    put(name, data)
    store = None
    if name.startswith("postgres"):
        store = ["--store", postgres.shared().url(harness.DATABASES[data])]
    server = harness.Server(data, store=store or ["--data", str(data)]).start()
    try:
        holds(shown(server), json.loads((KEPT / f"{name}.json").read_text()))
        # And it goes on from there.
        [space] = [space for space in server.call("GET", "/spaces").json() if space["name"] == "kept"]
        server.call("PATCH", f"/spaces/{space['id']}", {"paused": False}, expect=200)
        assert [job["name"] for job in server.poll(space["id"])] == ["waits"]
    finally:
        server.kill()
