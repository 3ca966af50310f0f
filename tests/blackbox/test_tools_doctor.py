"""Section 7: «`emit doctor` read[s] beside a running server». Each thing it looks for is found in a copy of a sound store
that was damaged in just that way, and in no other check."""

import os
import shutil
import sqlite3
import subprocess
import threading

import pytest

from calls import events, job_in
from harness import BINARY, PATIENCE, Server
from streams import wait_for

STATUSES = ("scheduled", "pending", "delivered", "running", "completed", "dead", "killed")
CHECKS = ["file", "schema", "rows", "numbers", "counts", "histories", "states", "tags", "idempotency", "payloads", "logs",
          "callbacks", "keys"]


def doctor(data, code):
    env = {k: v for k, v in os.environ.items() if not k.startswith("EMIT_")}
    done = subprocess.run([BINARY, "doctor", "--data", data], env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == code, done
    return done.stderr if code in (1, 2) else done.stdout


def findings(text) -> dict[str, list[str]]:
    """What stands under each check that found something."""
    found, check = {}, None
    for line in text.splitlines():
        if line.startswith(("ok ", "WRONG ")):
            check = line.split()[1]
            if line.startswith("WRONG "):
                found[check] = []
        elif line.startswith("        "):
            found[check].append(line.strip())
    return found


def fill(emit, space, mark=""):
    """Everything that a store may hold. `mark` tells the idempotency keys of several calls apart."""
    # The name leads nowhere, so that a callback is left to be sent.
    told = emit.running(space, name="told", callbackUrl="https://nowhere.invalid/")
    emit.report(told["id"], "complete", {"n": 1})
    failed = emit.running(space, name="failed", maxRetries=1)
    emit.report(failed["id"], "fail", {"error": "once"})
    emit.report(emit.poll(space)[0]["id"], "release")
    emit.report(failed["id"], "kill")
    jobs = {}
    for status in STATUSES:
        jobs[status] = job = job_in(emit, space, status, name=status, payload={"p": status}, tags={"is": status},
                                    idempotencyKey=status + mark)
        emit.report(job["id"], "logs", {"lines": [{"level": "info", "message": status}] * 3})
    for verb in ("progress", "checkpoint", "event"):
        emit.report(jobs["running"]["id"], verb, {"at": verb})
    again = job_in(emit, space, "dead", name="again", idempotencyKey="again" + mark)["id"]
    emit.report(again, "requeue")
    emit.call("PATCH", f"/jobs/{again}", {"priority": 5}, expect=200)
    emit.call("DELETE", f"/jobs/{job_in(emit, space, 'completed', payload=1)['id']}", expect=204)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A sound store that nobody serves."""
    folder = tmp_path_factory.mktemp("sound")
    emit = Server(folder / "data").start()
    fill(emit, emit.space()["id"])
    # Of this one, retention drops the events and keeps the latest progress and checkpoint.
    kept = emit.space("kept", retentionDays=0)["id"]
    job = emit.running(kept)["id"]
    for verb in ("progress", "checkpoint"):
        emit.report(job, verb, {"at": verb})
    wait_for("retention", lambda: events(emit, job) == [])
    assert emit.job(job)["progress"] == {"at": "progress"}
    # And this one is deleted with all it holds.
    gone = emit.space("gone")["id"]
    fill(emit, gone)
    emit.call("DELETE", f"/spaces/{gone}?force=true", expect=204)
    emit.stop()
    # One file without a log, so that a copy of it is whole.
    with sqlite3.connect(folder / "data" / "emit.db") as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "data"


@pytest.fixture
def copy(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_sound_store(sound):
    """Code 0, and every check is named."""
    text = doctor(sound, 0)
    assert [line.split()[1] for line in text.splitlines() if line.startswith("ok ")] == CHECKS
    assert text.endswith("The store is sound.\n")


def test_beside_a_running_server(tmp_path):
    """No check sees half a commit, while jobs are made, worked on and dropped."""
    emit = Server(tmp_path / "data").start()
    space, dropped = emit.space()["id"], emit.space(retentionDays=0)["id"]
    stop, filled = threading.Event(), []

    def work():
        while not stop.is_set():
            fill(emit, space, str(len(filled)))
            for _ in range(20):
                emit.report(emit.create(dropped)["id"], "kill")
            filled.append(1)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        while len(filled) < 8 and worker.is_alive():
            doctor(tmp_path / "data", 0)
    finally:
        stop.set()
        worker.join()
        emit.kill()
    assert len(filled) >= 8
    doctor(tmp_path / "data", 0)  # and after a crash


SPACE = "(SELECT no FROM spaces WHERE name = 'test')"
#: Changes a row to what it is: dropping an index counts as no change.
MARK = "UPDATE spaces SET no = no;"
KEPT = "(SELECT no FROM spaces WHERE name = 'kept')"


def job(status, column="no"):
    return f"(SELECT {column} FROM jobs WHERE name = '{status}' AND space = {SPACE})"


#: What is done to the copy, the check that must see it, and what it must say.
DAMAGES = [
    ("an event is lost", f"DELETE FROM events WHERE key = ({SPACE} << 40) + {job('completed', 'result_seq')} - 1",
     {"numbers": "are missing", "histories": "which is not an earlier one of the job"}),
    ("the oldest is lost", f"DELETE FROM events WHERE key = ({SPACE} << 40) + 1",
     {"numbers": "its row says that numbers 1 to", "histories": ""}),
    ("the newest number is wrong", f"UPDATE spaces SET seq = seq + 1 WHERE no = {SPACE}",
     {"numbers": "its row says that numbers 1 to"}),
    ("the oldest number is wrong", f"UPDATE spaces SET oldest_seq = 1 WHERE no = {KEPT}",
     {"numbers": "there are none", "states": ""}),
    ("a time falls", f"UPDATE events SET at = at - 86400000 WHERE key = ({SPACE} << 40) + 3",
     {"numbers": "event 3 is older than the one before it"}),
    ("the newest time is wrong", f"UPDATE spaces SET last_at = last_at * 2 WHERE no = {SPACE}",
     {"numbers": "its row says that event"}),
    ("a space is lost", f"DELETE FROM spaces WHERE no = {SPACE}",
     {"numbers": "events belong to a space that there is not", "counts": "jobs belong to a space that there is not",
      "keys": "belongs to a space that there is not"}),
    *[(f"the count of {status} is wrong", f"UPDATE spaces SET {status} = {status} + 7 WHERE no = {SPACE}",
       {"counts": f"jobs as {status}; there are"}) for status in STATUSES],
    ("a job is lost", f"DELETE FROM jobs WHERE no = {job('pending')}",
     {"counts": "jobs as pending", "histories": "belongs to no job of its space", "tags": "", "idempotency": "",
      "payloads": "a row of payloads", "logs": "a row of logs"}),
    ("a link is wrong", f"UPDATE events SET prev = 1 WHERE key = ({SPACE} << 40) + {job('running', 'seq')}",
     {"histories": "follows on event 1, which is not an earlier one of the job"}),
    ("a link leads nowhere", f"UPDATE events SET prev = -1 WHERE key = ({SPACE} << 40) + {job('running', 'seq')}",
     {"histories": "follows on event -1, which is not an earlier one of the job"}),
    ("a step is impossible", f"UPDATE events SET type = 10 WHERE type = 9 AND key >> 40 = {SPACE} "
     f"AND job = {job('completed')}", {"histories": "(retried) leads from running to completed", "states": ""}),
    ("a status is wrong", f"UPDATE jobs SET status = 5 WHERE no = {job('completed')}",
     {"counts": "", "states": "its row says dead, its last event completed"}),
    ("a job forgets its last event", f"UPDATE jobs SET seq = seq - 1 WHERE no = {job('killed')}",
     {"states": "is its last; it is"}),
    ("a job can be claimed twice", f"UPDATE jobs SET available = 1 WHERE no = {job('running')}",
     {"states": "it is running and can be claimed"}),
    ("a delivery is lost", f"UPDATE jobs SET delivery_id = NULL WHERE no = {job('delivered')}",
     {"states": "it is delivered and has no delivery"}),
    ("a timeout is lost", f"UPDATE jobs SET timeout_at = NULL WHERE no = {job('running')}",
     {"states": "it is running and has no timeout"}),
    ("a result is lost", f"UPDATE jobs SET result_seq = NULL WHERE no = {job('dead')}",
     {"states": "it is dead and has no result"}),
    ("an end is lost", f"UPDATE jobs SET completed_at = NULL WHERE no = {job('completed')}",
     {"states": "it is completed and has not ended"}),
    *[(f"{what} stands elsewhere", f"UPDATE jobs SET {column} = 1 WHERE no = {job(status)}",
       {"states": f"its latest {what} is said to be event 1, which does not hold it"})
      for what, column, status in (("progress", "progress_seq", "running"), ("checkpoint", "checkpoint_seq", "running"),
                                   ("result", "result_seq", "killed"))],
    *[(f"the latest {what} is forgotten", f"UPDATE jobs SET {what}_seq = NULL WHERE no = {job('running')}",
       {"states": f"is a later {what} than its row knows"}) for what in ("progress", "checkpoint")],
    *[(f"an attempt is miscounted ({status})", f"UPDATE jobs SET attempt_number = attempt_number + 1 WHERE no = {job(status)}",
       {"states": "its row says that it is at attempt"}) for status in ("running", "failed", "again")],
    ("what was kept is lost", "DELETE FROM kept WHERE kind = 0",
     {"states": "its latest progress is said to be event"}),
    ("a tag is not listed", f"DELETE FROM job_tags WHERE job = {job('pending')}",
     {"tags": "it has the tag is:pending and is not listed under it"}),
    ("a tag is made up", f"INSERT INTO job_tags VALUES ({SPACE}, 'no:such', {job('pending')})",
     {"tags": "listed under the tag no:such and does not have it"}),
    ("a key is forgotten", "DELETE FROM idempotency WHERE key = 'dead'",
     {"idempotency": "its idempotency key dead is not remembered"}),
    ("a key stands for another", f"UPDATE idempotency SET job = {job('dead')} WHERE key = 'killed'",
     {"idempotency": "the idempotency key killed stands for a job that was not made with it"}),
    ("a payload is cut", f"UPDATE payloads SET body = '{{\"p\":' WHERE job = {job('pending')}",
     {"payloads": "its payload is no JSON"}),
    ("an event's data is cut", f"UPDATE events SET data = '{{' WHERE key = ({SPACE} << 40) + {job('dead', 'result_seq')}",
     {"payloads": "the data of event"}),
    ("what was kept is cut", "UPDATE kept SET data = '{' WHERE kind = 1", {"payloads": "kept progress or checkpoint"}),
    ("a payload belongs to nobody", "INSERT INTO payloads VALUES (4711, '1')", {"payloads": "a row of payloads"}),
    ("something kept belongs to nobody", "INSERT INTO kept VALUES (4711, 0, 0, '1')", {"payloads": "a row of kept"}),
    ("a log line is lost", f"DELETE FROM logs WHERE job = {job('dead')} AND line = 2",
     {"logs": "its row says 3 log lines; there are 2, up to line 3"}),
    ("a log line has another number", f"UPDATE logs SET line = -1 WHERE job = {job('dead')} AND line = 1",
     {"logs": "its row says 3 log lines; there are 2, up to line 3"}),
    *[(f"a log line's {column} is none", f"UPDATE logs SET {column} = {value} WHERE job = {job('dead')} AND line = 2",
       {"logs": "its log line 2 cannot be read"}) for column, value in (("level", 9), ("fields", "'{'"))],
    ("a log line belongs to nobody", "INSERT INTO logs VALUES (4711, 1, 1, 0, 'm', NULL)", {"logs": "a row of logs"}),
    ("a callback belongs to nobody",
     f"INSERT INTO callbacks (job, space, endpoint, tries) VALUES (4711, {SPACE}, 'e', 0)",
     {"callbacks": "a row of callbacks"}),
    ("a callback comes too early", f"UPDATE callbacks SET job = {job('pending')} WHERE job = {job('told')}",
     {"callbacks": "it is pending, and there is a callback of its end"}),
    ("a callback's headers are cut", f"UPDATE jobs SET callback_headers = '{{' WHERE no = {job('told')}",
     {"callbacks": "the headers of its callback are no JSON"}),
    ("a key belongs to nowhere", "UPDATE tokens SET space = 4711 WHERE space IS NOT NULL",
     {"keys": "the key Public read-only (progress) belongs to a space that there is not"}),
    ("an index misses rows", "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX jobs_name ON "
     "jobs (space, id)' WHERE name = 'jobs_name'", {"file": "missing from index jobs_name", "schema": "the index jobs_name is another than"}),
    *[(f"the index {name} is lost", f"{MARK} DROP INDEX {name}", {"schema": f"the index {name} is missing"})
      for name in ("jobs_held", "jobs_claim", "callbacks_due")],
    ("an id is cut", f"UPDATE jobs SET id = x'00' WHERE no = {job('pending')}", {"rows": "of jobs cannot be read"}),
    ("a back-off is none", f"UPDATE jobs SET backoff = 'zz' WHERE no = {job('pending')}",
     {"rows": "of jobs cannot be read: "}),
    ("a signing secret is lost", f"UPDATE spaces SET secret = NULL WHERE no = {SPACE}",
     {"rows": "of spaces cannot be read: "}),
    *[(f"{setting} is none", f"UPDATE spaces SET {setting} = '{{' WHERE no = {SPACE}",
       {"rows": f"of spaces cannot be read: an unreadable {setting}"}) for setting in ("slack", "push", "older_secrets")],
    ("a scope is none", "UPDATE tokens SET scopes = 'zzz' WHERE space IS NULL",
     {"rows": "of tokens cannot be read: unknown scopes"}),
]


@pytest.mark.parametrize("sql, expected", [damage[1:] for damage in DAMAGES], ids=[damage[0] for damage in DAMAGES])
def test_a_damage_is_named(copy, sql, expected):
    with sqlite3.connect(copy / "emit.db") as store:
        before = store.total_changes
        store.executescript(sql)
        assert store.total_changes > before, "nothing was damaged"
    found = findings(doctor(copy, 3))
    required = {check for check, says in expected.items() if says != "*"}
    assert required <= set(found) <= set(expected), found
    for check, says in expected.items():
        assert says == "*" or any(says in line for line in found[check]), found[check]


def test_a_damaged_page(copy):
    """Bytes of the file itself: what cannot be read is said, and no check gives up on it silently."""
    file = copy / "emit.db"
    with sqlite3.connect(file) as store:
        [page] = store.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events'").fetchone()
        [size] = store.execute("PRAGMA page_size").fetchone()
    store.close()
    with open(file, "r+b") as raw:
        raw.seek((page - 1) * size)
        raw.write(b"\x55" * size)
    found = findings(doctor(copy, 3))
    assert found["file"] and any("cannot be checked" in line for line in found["numbers"]), found


def test_a_page_of_another(copy):
    """An index without rows, whose page another one stands on: what SQLite's own check passes by."""
    file = copy / "emit.db"
    with sqlite3.connect(file) as store:
        roots = dict(store.execute("SELECT name, rootpage FROM sqlite_schema"))
        [size] = store.execute("PRAGMA page_size").fetchone()
    store.close()
    with open(file, "r+b") as raw:
        raw.seek((roots["sqlite_sequence"] - 1) * size)
        page = raw.read(size)
        raw.seek((roots["tokens_expiry"] - 1) * size)
        raw.write(page)
    assert any("the index tokens_expiry cannot be read" in line for line in findings(doctor(copy, 3))["schema"])


def test_many_findings_are_cut(copy):
    with sqlite3.connect(copy / "emit.db") as store:
        store.executescript(";".join(f"INSERT INTO payloads VALUES ({n}, '1')" for n in range(4000, 4050)))
    [lines] = findings(doctor(copy, 3)).values()
    assert len(lines) == 21 and lines[-1] == "and more"


def test_it_changes_nothing(copy):
    before = (copy / "emit.db").read_bytes()
    doctor(copy, 0)
    assert (copy / "emit.db").read_bytes() == before


@pytest.mark.parametrize("how, says", [("none", "there is no store"), ("words", "no store of Emit"),
                                       ("newer", "written by a newer emit"), ("older", "from an older emit")])
def test_what_cannot_be_examined(copy, how, says):
    """Code 1 and a sentence."""
    file = copy / "emit.db"
    if how == "words":
        file.write_bytes(b"not a database at all\n" * 500)
    elif how == "none":
        file.unlink()
    else:
        with sqlite3.connect(file) as store:
            store.execute(f"PRAGMA user_version = {99 if how == 'newer' else 1}")
    said = doctor(copy, 1)
    assert says in said and said.startswith("emit: ")
