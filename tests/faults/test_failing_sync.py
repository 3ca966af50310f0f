"""A disk that refuses to sync: the server stops taking writes, says so, and a restart heals it.

After a failed sync nobody can know what is on the disk, and the next sync may well succeed without it: so nothing more
is taken until the truth was read again.
"""

import re
import threading

import httpx
import pytest

import disk
import harness
from streams import wait_for


@pytest.fixture
def server(tmp_path):
    """A server under the shim; `server.failing` is the file that makes syncs fail."""
    one = harness.Server((tmp_path / "data").resolve())
    one.failing = tmp_path / "failing"
    one.env |= {"LD_PRELOAD": str(disk.shim(tmp_path)), "EMIT_DISK_DIR": str(one.data),
                "EMIT_DISK_FAIL": str(one.failing)}
    yield one.start()
    one.kill()


def ready(server) -> httpx.Response:
    return server.http.get(server.origin + "/readyz")


def create_until_refused(server, space: str, promised: list, refused: list, payload: str = "") -> None:
    with httpx.Client(headers={"x-api-key": harness.ADMIN_KEY}, timeout=harness.PATIENCE) as http:
        while not refused:
            answer = http.post(f"{server.api}/spaces/{space}/jobs", json={"name": "job", "payload": payload})
            if answer.status_code == 201:
                promised.append(answer.json()["id"])
            else:
                refused.append(answer.json()["code"])


def check_stopped(server, space: str, promised: list, refused: list, in_checkpoint: bool) -> None:
    """It takes nothing more and says why; what it had promised it still shows."""
    assert set(refused) <= {"store_stopped", "outcome_unknown"}, refused
    answer = wait_for("/readyz to tell", lambda: (a := ready(server)).status_code == 503 and a)
    assert answer.json()["code"] == "store_stopped"
    assert "takes no writes until a restart" in server.output()
    assert server.call("POST", f"/spaces/{space}/jobs", {"name": "late"}).json()["code"] == "store_stopped"
    assert server.call("POST", f"/spaces/{space}/jobs/poll", {}).json()["code"] == "store_stopped"
    # Its metrics say so too, and can still be read.
    metrics = server.http.get(server.origin + "/metrics").text
    assert "\nemit_store_writable 0\n" in metrics
    failed = {name: int(count) for name, count in re.findall(r"\nemit_(\w+)_failed_total (\d+)", metrics)}
    assert failed["engine_commits"] > 0 and (failed["store_checkpoints"] > 0) == in_checkpoint, failed
    # Alive, and good for reading.
    assert server.http.get(server.origin + "/healthz").status_code == 200
    assert server.job(promised[0])["status"] == "pending"


def check_healed(server, space: str, promised: list) -> None:
    """After a restart all is there, and writing goes on."""
    assert ready(server).status_code == 200
    for job in promised:
        assert server.job(job)["status"] == "pending"
    assert server.create(space)["seq"] > len(promised)


def test_a_failed_sync_stops_writing_until_a_restart(server):
    """«After a failed fsync the embedded store stops taking writes and says so in `/readyz` and the log»"""
    space = server.space()["id"]
    promised, refused = [], []
    threads = [threading.Thread(target=create_until_refused, args=(server, space, promised, refused))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for("some load", lambda: len(promised) > 50)
    server.failing.touch()
    for thread in threads:
        thread.join()
    check_stopped(server, space, promised, refused, in_checkpoint=False)
    # That the disk works again is not enough.
    server.failing.unlink()
    assert server.call("POST", f"/spaces/{space}/jobs", {"name": "late"}).json()["code"] == "store_stopped"
    assert ready(server).status_code == 503
    assert server.stop() == 0
    check_healed(server.start(), space, promised)


def test_a_sync_that_fails_in_a_checkpoint_stops_it_too(server):
    """The same, where commits reach the disk and the copy into the file does not."""
    space = server.space()["id"]
    promised, refused = [], []
    server.failing.write_text("database")
    create_until_refused(server, space, promised, refused, payload="x" * 100_000)
    check_stopped(server, space, promised, refused, in_checkpoint=True)
    server.failing.unlink()
    server.kill()
    check_healed(server.start(), space, promised)
