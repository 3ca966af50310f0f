"""What a node says when it is cut off from its database: «503 meanwhile, never a wrong answer; an unknown outcome is found
out by reading, or said (`outcome_unknown`)»."""

import contextlib

import pytest

import postgres
from calls import ids, jobs_of, position, problem
from nodes import node
from streams import receive_seqs, wait_for
from wire import Wire


@pytest.fixture
def wire():
    one = Wire(postgres.shared().socket)
    yield one
    one.close()


@contextlib.contextmanager
def behind(wire: Wire, folder):
    """A node behind the wire, and one that is not."""
    database = postgres.shared().database()
    started = []
    try:
        for number, url in enumerate((wire.url(database), postgres.shared().url(database))):
            started.append(node(folder, url, number).start())
        yield started
    finally:
        for one in started:
            one.http.close()
            one.kill()


def create(server, space: str, name: str):
    return server.call("POST", f"/spaces/{space}/jobs", {"name": name, "idempotencyKey": name})


def test_a_commit_whose_answer_is_lost_is_answered(tmp_path, wire):
    with behind(wire, tmp_path) as (cut, other):
        space = cut.space()["id"]
        with other.ws(f"spaces/{space}") as stream:
            wire.cut_commit("answer-lost", "after")
            made = create(cut, space, "answer-lost")
            assert made.status_code == 201 and wire.done.is_set()
            next_one = create(cut, space, "next")
            assert [event["jobId"] for event in receive_seqs(stream, 2)] == [made.json()["id"], next_one.json()["id"]]
        assert [made.json()["seq"], next_one.json()["seq"]] == [1, 2]
        assert ids(jobs_of(other, space)) == [next_one.json()["id"], made.json()["id"]]


def test_a_commit_that_never_arrived_is_refused(tmp_path, wire):
    with behind(wire, tmp_path) as (cut, other):
        space = cut.space()["id"]
        wire.cut_commit("never-arrives", "before")
        refused = create(cut, space, "never-arrives")
        problem(refused, 503, "store_unavailable")
        assert wire.done.is_set() and "retry-after" in refused.headers
        assert jobs_of(other, space) == [] and position(other, space) == 0
        again = create(cut, space, "never-arrives")
        assert (again.status_code, again.json()["seq"]) == (201, 1)


def test_what_cannot_be_found_out_is_said(tmp_path, wire):
    with behind(wire, tmp_path) as (cut, other):
        space = cut.space()["id"]
        wire.cut_commit("nobody-knows", "after, and all")
        problem(create(cut, space, "nobody-knows"), 503, "outcome_unknown")
        assert wire.done.is_set()
        [there] = jobs_of(other, space)
        wire.up.set()
        wait_for("/readyz", lambda: cut.http.get(cut.origin + "/readyz").status_code == 200)
        again = create(cut, space, "nobody-knows")
        assert (again.status_code, again.json()["id"]) == (200, there["id"])


def test_a_node_that_is_cut_off_says_so_and_the_other_goes_on(tmp_path, wire):
    with behind(wire, tmp_path) as (cut, other):
        space = cut.space()["id"]
        held = cut.create(space, deliveryTimeoutSeconds=1)
        with cut.ws(f"spaces/{space}") as stream:
            assert ids(cut.poll(space)) == [held["id"]]
            wire.up.clear()
            # Its timer is the other node's now, and so is the job.
            wait_for("the timeout", lambda: ids(other.poll(space)) == [held["id"]])
            refused = create(cut, space, "cut")
            assert refused.status_code == 503 and refused.json()["code"] in ("store_unavailable", "outcome_unknown")
            wait_for("/readyz", lambda: cut.http.get(cut.origin + "/readyz").status_code == 503)
            made = other.create(space)
            wire.up.set()
            wait_for("/readyz", lambda: cut.http.get(cut.origin + "/readyz").status_code == 200)
            after = create(cut, space, "cut")
            assert after.status_code in (200, 201)
            newest = position(other, space)
            assert [event["seq"] for event in receive_seqs(stream, newest)] == list(range(2, newest + 1))
        assert sorted(ids(jobs_of(cut, space))) == sorted([held["id"], made["id"], after.json()["id"]])
