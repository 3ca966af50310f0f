"""Section 7: «`emit backup FILE` (consistent) … read[s] beside a running server …, `emit restore` needs it stopped»; and
section 4: what a stream is told when it resumes on a restored store."""

import os
import pathlib
import sqlite3
import subprocess
import threading

import pytest

from calls import all_pages, events, job_in, jobs_of, position
from harness import ADMIN_KEY, BINARY, PATIENCE, Server, ending, receive, receive_until


def run(*words):
    env = {k: v for k, v in os.environ.items() if not k.startswith("EMIT_")}
    return subprocess.run([BINARY, *words], env=env, capture_output=True, text=True, timeout=PATIENCE)


def backup(data, file, code=0):
    done = run("backup", "--data", data, file)
    assert done.returncode == code, done
    return done


def restore(file, data, code=0):
    done = run("restore", "--data", data, file)
    assert done.returncode == code, done
    assert code == 0 or (done.stderr.startswith("emit: ") and "panicked" not in done.stderr)
    return done


@pytest.fixture
def serving():
    """Starts servers on folders, and ends those that are left."""
    with ending() as started:
        def start(data):
            started.append(Server(data).start())
            return started[-1]

        yield start


def picture(emit, space):
    return {"space": emit.call("GET", f"/spaces/{space}").json(), "seq": position(emit, space),
            "jobs": [emit.job(job["id"]) for job in jobs_of(emit, space, limit=100)],
            "logs": [all_pages(emit, f"/jobs/{job['id']}/logs") for job in jobs_of(emit, space, limit=100)],
            "events": [events(emit, job["id"]) for job in jobs_of(emit, space, limit=100)]}


def test_a_backup_is_everything(tmp_path, serving):
    """Jobs in every status, their histories and logs, keys and settings are as they were."""
    emit = serving(tmp_path / "data")
    space = emit.space(maxPending=99, retentionDays=3)["id"]
    key = emit.token(space, ["jobs:worker"])
    for status in ("scheduled", "pending", "delivered", "running", "completed", "dead", "killed"):
        job = job_in(emit, space, status, payload={"p": status}, tags={"k": "v"}, idempotencyKey=status)
        emit.report(job["id"], "logs", {"lines": [{"level": "info", "message": status}]})
    before = picture(emit, space)
    backup(tmp_path / "data", tmp_path / "copy")
    assert picture(emit, space) == before  # and the server has not noticed
    restore(tmp_path / "copy", tmp_path / "other")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "copy", tmp_path / "other" / "emit.db")} == {0o600}
    other = serving(tmp_path / "other")
    assert picture(other, space) == before
    assert other.call("GET", "/me", key=key).status_code == 200
    assert [job["tags"] for job in jobs_of(other, space, tag="k:v")] == [{"k": "v"}] * 7
    assert other.create(space)["seq"] == before["seq"] + 1


def test_a_backup_under_load_is_one_moment(tmp_path, serving):
    """«consistent»: what was answered before is in it, and nothing of a later commit without all before it."""
    emit = serving(tmp_path / "data")
    space = emit.space()["id"]
    stop, made = threading.Event(), []

    def produce():
        while not stop.is_set():
            made.append(emit.create(space, payload={"n": len(made)})["seq"])

    def work():
        while not stop.is_set():
            for job in emit.poll(space, count=20):
                emit.report(job["id"], "ack")
                emit.report(job["id"], "complete", {"n": 1})

    threads = [threading.Thread(target=what) for what in (produce, work)]
    for thread in threads:
        thread.start()
    try:
        answered = []
        for number in range(3):
            while len(made) < 50 * (number + 1):
                stop.wait(0.01)
            answered.append(made[-1])
            backup(tmp_path / "data", tmp_path / f"copy{number}")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for number, at_least in enumerate(answered):
        with sqlite3.connect(tmp_path / f"copy{number}") as copy:
            seq, oldest = copy.execute("SELECT max(seq), min(oldest_seq) FROM spaces WHERE name = 'test'").fetchone()
            numbers = [key & (1 << 40) - 1 for key, in copy.execute("SELECT key FROM events ORDER BY key")]
            assert seq >= at_least and numbers == list(range(oldest, seq + 1))
        done = run("restore", "--data", tmp_path / f"data{number}", tmp_path / f"copy{number}")
        assert done.returncode == 0
        assert run("doctor", "--data", tmp_path / f"data{number}").returncode == 0
        assert position(serving(tmp_path / f"data{number}"), space) == seq


def test_a_backup_after_a_crash(tmp_path, serving):
    """Beside nobody: what a killed server left in its log is in the backup."""
    emit = serving(tmp_path / "data")
    space = emit.space()["id"]
    jobs = {emit.create(space)["id"] for _ in range(5)}
    emit.kill()
    backup(tmp_path / "data", tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "other")
    assert {job["id"] for job in jobs_of(serving(tmp_path / "other"), space)} == jobs


def test_what_is_erased_is_not_in_a_backup(tmp_path, serving):
    emit = serving(tmp_path / "data")
    space, secret = emit.space()["id"], "forget-me-" * 20
    job = job_in(emit, space, "completed", payload={"p": secret})
    emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
    backup(tmp_path / "data", tmp_path / "copy")
    assert secret.encode() not in (tmp_path / "copy").read_bytes()


def test_a_backup_overwrites_nothing(tmp_path, serving):
    """«never overwrites»"""
    serving(tmp_path / "data")
    (tmp_path / "precious").write_text("mine")
    said = backup(tmp_path / "data", tmp_path / "precious", code=2).stderr
    assert "is there already" in said and (tmp_path / "precious").read_text() == "mine"


def test_a_backup_that_cannot_be(tmp_path):
    """No store, or no place for the file: a sentence, and nothing half done is left."""
    assert "there is no store" in backup(tmp_path / "none", tmp_path / "copy", code=1).stderr
    assert not (tmp_path / "none").exists()
    assert "cannot be written" in backup(tmp_path / "none", tmp_path / "no" / "copy", code=1).stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def saved(tmp_path, serving):
    """A backup of a store with one job, and its space."""
    emit = serving(tmp_path / "source")
    space = emit.space()["id"]
    emit.create(space)
    backup(tmp_path / "source", tmp_path / "saved")
    emit.kill()
    return tmp_path / "saved", space


def test_restore_refuses_what_is_there(tmp_path, saved, serving):
    """«refuses to overwrite and refuses a served folder»: code 2, and the store is as it was."""
    file, space = saved
    emit = serving(tmp_path / "data")
    made = emit.space("mine")["id"]
    assert "another emit serves" in restore(file, tmp_path / "data", code=2).stderr
    assert emit.call("GET", f"/spaces/{made}").status_code == 200
    emit.stop()
    assert "move it away first" in restore(file, tmp_path / "data", code=2).stderr
    again = serving(tmp_path / "data")
    assert again.call("GET", f"/spaces/{made}").status_code == 200
    assert again.call("GET", f"/spaces/{space}").status_code == 404


def test_restore_refuses_what_is_left_of_a_store(tmp_path, saved):
    """A log without its file would be played into the restored one."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "emit.db-wal").write_bytes(b"left")
    assert "move it away first" in restore(saved[0], tmp_path / "data", code=2).stderr


def broken(file: pathlib.Path, how: str) -> pathlib.Path:
    made = file.parent / "broken"
    if how == "not there":
        return made
    made.write_bytes({"words": b"not a database at all\n" * 500, "empty": b"",
                      "cut": file.read_bytes()[:20_000]}.get(how, file.read_bytes()))
    if how == "somebody else's":
        made.unlink()
        with sqlite3.connect(made) as other:
            other.execute("CREATE TABLE t (x)")
    if how == "newer":
        with sqlite3.connect(made) as newer:
            newer.execute("PRAGMA user_version = 99")
    return made


@pytest.mark.parametrize("how, says", [
    ("words", "no store of Emit"), ("empty", "no store of Emit"), ("somebody else's", "no store of Emit"),
    ("cut", "malformed"), ("newer", "written by a newer emit"), ("not there", "there is no file")])
def test_restore_refuses_what_is_no_backup(tmp_path, saved, serving, how, says):
    """A sentence, and the folder can be used for the right one afterwards."""
    file, space = saved
    assert says in restore(broken(file, how), tmp_path / "data", code=1).stderr
    assert not list((tmp_path / "data").glob("emit.db*")) if (tmp_path / "data").exists() else True
    restore(file, tmp_path / "data")
    assert len(jobs_of(serving(tmp_path / "data"), space)) == 1


def test_a_stream_resumes_across_a_restore(tmp_path, serving):
    """«`seq` … surviving restarts»: who had read up to the backup goes on with the next number; who had read further
    is told by «`gap` … (a restored backup) … reason "ahead"», then gets everything kept."""
    emit = serving(tmp_path / "data")
    space = emit.space()["id"]
    with emit.ws(f"spaces/{space}", query="since=0") as stream:
        for _ in range(3):
            emit.create(space)
        at_backup = [receive(stream) for _ in range(3)][-1]["seq"]
        backup(tmp_path / "data", tmp_path / "copy")
        emit.create(space, name="lost")
        beyond = receive(stream)["seq"]
    assert (at_backup, beyond) == (3, 4)
    emit.kill()
    restore(tmp_path / "copy", tmp_path / "other")
    emit = serving(tmp_path / "other")
    with emit.ws(f"spaces/{space}", query=f"since={at_backup}") as resumed, \
            emit.ws(f"spaces/{space}", query=f"since={beyond}") as ahead:
        gap = receive(ahead)
        assert (gap["type"], gap["status"], gap["jobId"]) == ("gap", None, None)
        assert gap["data"] == {"reason": "ahead", "oldest": 1, "newest": 3}
        assert [receive(ahead)["seq"] for _ in range(3)] == [1, 2, 3]
        emit.create(space, name="new")
        for stream in (resumed, ahead):
            message = receive_until(stream, "created")[-1]
            assert (message["seq"], message["jobName"]) == (4, "new")
    assert emit.call("GET", "/me", key=ADMIN_KEY).status_code == 200
