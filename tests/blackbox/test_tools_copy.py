"""Section 7: «`emit copy --from DIR --to postgres://…`: an embedded store moves with ids, keys, events and sequence
numbers, so that clients resume their streams across the move»."""

import contextlib
import sqlite3

import pytest

import postgres
from calls import STATUSES, ids, job_in, jobs_of, position, wait_for, wait_status
from harness import Server, ending, receive
from receivers import Receiver
from streams import in_seconds, revoke
from test_tools_backup import picture, run


@pytest.fixture
def empty():
    """The URL of a database without anything."""
    return postgres.shared().url(postgres.shared().database())


@pytest.fixture
def serving(tmp_path):
    """Starts servers on a folder, or on a database, and ends those that are left."""
    with ending() as started:
        def start(*store):
            flags = ["--allow-private-destinations", "127.0.0.1"]
            started.append(Server(tmp_path / f"server{len(started)}", *flags, store=list(map(str, store))).start())
            return started[-1]

        yield start


def copy(folder, url: str, code: int = 0):
    done = run("copy", "--from", folder, "--to", url)
    assert done.returncode == code, done
    assert code == 0 or done.stderr.splitlines()[-1].startswith("emit: ")
    return done


def everything(emit, space: str) -> dict:
    """All that is shown of a space, but for when its keys were used."""
    tokens = [{**token, "lastUsedAt": None} for token in emit.call("GET", f"/spaces/{space}/tokens").json()]
    lists = {status: jobs_of(emit, space, status=status) for status in STATUSES}
    return {**picture(emit, space), "tokens": tokens, "lists": lists, "tagged": jobs_of(emit, space, tag="k:v")}


def fill(emit, space: str) -> None:
    """Jobs in every status, twice, with all that may stand beside them; one is erased."""
    for number, status in enumerate(2 * STATUSES):
        job = job_in(emit, space, status, name=f"n{number}", payload={"n": number, "text": "ü\u2028"},
                     tags={"k": "v"}, priority=number % 3, timeoutSeconds=86_400, deliveryTimeoutSeconds=86_400)
        if status == "running":
            emit.report(job["id"], "progress", {"percent": number})
            emit.report(job["id"], "checkpoint", {"step": number})
            emit.report(job["id"], "logs", {"lines": [{"level": "warn", "message": "careful", "fields": {"a": 1}}]})
    emit.call("DELETE", f"/jobs/{job_in(emit, space, 'completed')['id']}", expect=204)


def past(emit) -> str:
    """A space whose retention has dropped the beginning, of jobs that go on too."""
    space = emit.space("past", retentionDays=0)["id"]
    for status in ("pending", "running", "pending"):
        job_in(emit, space, status, payload=status, timeoutSeconds=86_400)
    job = jobs_of(emit, space, status="running")[0]
    emit.report(job["id"], "progress", {"percent": 1})
    for status in ("completed", "dead"):
        job_in(emit, space, status)
    wait_for("retention", lambda: sum(len(jobs_of(emit, space, status=end)) for end in ("completed", "dead")) == 0)
    return space


def test_everything_moves_and_goes_on(tmp_path, serving, empty):
    before = serving("--data", tmp_path / "data")
    space, early, gone = before.space(maxPending=99)["id"], past(before), before.space("gone")["id"]
    for one in (space, gone):
        fill(before, one)
    worker, public = before.token(space, ["jobs:create", "jobs:worker"]), before.public_token(space)
    revoked = before.token(space, ["jobs:read"])
    revoke(before, space, revoked)
    once = before.create(space, "once", idempotencyKey="k")
    held = job_in(before, space, "delivered", name="held")
    before.call("DELETE", f"/spaces/{gone}?force=true", expect=204)
    with before.ws(f"spaces/{space}", query="since=0") as stream:
        seen = [receive(stream) for _ in range(position(before, space))]
    shown = [everything(before, one) for one in (space, early)]
    before.stop()

    said = copy(tmp_path / "data", empty)
    assert "The database holds all of" in said.stdout and "\njobs: " in said.stderr

    after = serving("--store", empty)
    with after.ws(f"spaces/{space}", query=f"since={seen[4]['seq']}") as stream:
        assert [receive(stream) for _ in seen[5:]] == seen[5:]
        assert [everything(after, one) for one in (space, early)] == shown
        made = after.create(space, "new", key=worker)
        assert made["seq"] == receive(stream)["seq"] == seen[-1]["seq"] + 1
    assert after.call("GET", f"/spaces/{gone}").status_code == 404
    assert after.call("GET", "/me", key=revoked).status_code == 401
    assert after.call("GET", f"/jobs/{held['id']}/progress", key=public).status_code == 200
    replayed = after.call("POST", f"/spaces/{space}/jobs", {"name": "once", "idempotencyKey": "k"}, key=worker)
    assert (replayed.status_code, replayed.json()["id"]) == (200, once["id"])
    for report in ("ack", "complete"):
        after.report(held["id"], report, delivery=held["deliveryId"])
    for one in (space, early):
        waiting = jobs_of(after, one, status="pending")[::-1]
        in_order = sorted(waiting, key=lambda job: (-job["priority"], job["availableAt"]))
        assert ids(after.poll(one, count=50)) == ids(in_order)
    after.call("DELETE", f"/jobs/{held['id']}", expect=204)
    after.call("DELETE", f"/spaces/{space}?force=true", expect=204)
    assert after.space("new")["id"] not in (space, early, gone)


def test_what_is_under_way_goes_on(tmp_path, serving, empty):
    """A job whose time comes, and a callback that is to be tried again, whether before the move or after it."""
    before = serving("--data", tmp_path / "data")
    space = before.space()["id"]
    answers = [503]
    with Receiver(lambda request: answers.pop() if answers else 204) as receiver:
        job_in(before, space, "completed", callbackUrl=receiver.url)
        receiver.received(1)
        soon = before.create(space, scheduledFor=in_seconds(1))
        before.stop()
        copy(tmp_path / "data", empty)
        after = serving("--store", empty)
        assert len({request.id for request in receiver.received(2)}) == 1
    wait_status(after, soon["id"], "pending")


def test_a_store_in_use_is_not_copied(tmp_path, serving, empty):
    serving("--data", tmp_path / "data")
    assert "another emit serves" in copy(tmp_path / "data", empty, code=2).stderr


def test_a_database_in_use_is_not_filled(tmp_path, serving, empty):
    serving("--data", tmp_path / "data").stop()
    copy(tmp_path / "data", empty)
    again = copy(tmp_path / "data", empty, code=2)
    assert "has spaces or keys already" in again.stderr and again.stdout == ""


@pytest.mark.parametrize("damage, says", [
    ("PRAGMA user_version = 1", "from an older emit"), ("PRAGMA user_version = 99", "written by a newer emit"),
    ("DELETE FROM events WHERE key = (SELECT max(key) FROM events)", "not sound"),
    ("UPDATE spaces SET pending = pending + 1", "not sound")])
def test_what_does_not_fit_is_not_copied(tmp_path, serving, empty, damage, says):
    """Another format, or a store that `emit doctor` would not be content with: the database is as empty as before."""
    emit = serving("--data", tmp_path / "data")
    emit.create(emit.space()["id"])
    emit.stop()
    whole = (tmp_path / "data" / "emit.db").read_bytes()
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "emit.db", isolation_level=None)) as store:
        store.execute(damage)
    assert says in copy(tmp_path / "data", empty, code=1).stderr
    (tmp_path / "data" / "emit.db").write_bytes(whole)
    copy(tmp_path / "data", empty)


def test_where_there_is_no_store_or_no_database(tmp_path, empty):
    assert "there is no store" in copy(tmp_path / "none", empty, code=1).stderr
    assert run("copy", "--from", tmp_path, "--to", "mysql://u@localhost/d").returncode == 2
