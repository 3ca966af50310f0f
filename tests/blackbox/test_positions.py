"""Section 3, «Positions»: `x-emit-seq`."""

import pytest

from calls import job_in, position
from harness import receive

READS = ["/jobs/{job}", "/jobs/{job}/events", "/jobs/{job}/progress", "/spaces/{space}/jobs", "/spaces/{space}/counts"]


@pytest.mark.parametrize("path", READS)
def test_reads_carry_a_position(emit, space, path):
    """«GETs of jobs and counts carry `x-emit-seq`: the state shown holds at least all events up to it»; «`/events` and
    `/progress` carry `x-emit-seq`»: at rest it is the newest of the space, whatever job is asked for."""
    first = emit.create(space)
    for n in range(3):
        emit.create(space)
        answer = emit.call("GET", path.format(space=space, job=first["id"]), expect=200)
        assert answer.headers["x-emit-seq"] == str(n + 2)


def test_a_fresh_space(emit, space):
    """Section 4: «`seq`: per space, from 1»: before the first there is none."""
    assert position(emit, space) == 0
    assert emit.call("GET", f"/spaces/{space}/jobs").headers["x-emit-seq"] == "0"


@pytest.mark.parametrize("path", READS)
def test_nothing_is_missed(emit, space, path):
    """«Connect with `since=` it and nothing is missed.»"""
    job = job_in(emit, space, "running")
    seq = emit.call("GET", path.format(space=space, job=job["id"]), expect=200).headers["x-emit-seq"]
    emit.report(job["id"], "progress", {"percent": 1})
    for stream in (job["id"], f"spaces/{space}"):
        with emit.ws(stream, query=f"since={seq}") as ws:
            message = receive(ws)
            assert (message["type"], message["seq"]) == ("progress", int(seq) + 1)


def test_the_state_is_as_new_as_the_position(emit, space):
    """«the state shown holds at least all events up to it»: right after each write, without a pause."""
    job = emit.create(space)
    for verb, status in [("claim", "delivered"), ("ack", "running"), ("release", "pending")] * 10:
        seq = emit.report(job["id"], verb)["seq"]
        answer = emit.call("GET", f"/jobs/{job['id']}")
        assert (answer.json()["status"], answer.json()["seq"]) == (status, seq)
        assert int(answer.headers["x-emit-seq"]) >= seq
        listed = emit.call("GET", f"/spaces/{space}/jobs")
        assert listed.json()[0]["status"] == status and int(listed.headers["x-emit-seq"]) >= seq
        counts = emit.call("GET", f"/spaces/{space}/counts")
        assert counts.json()[status] == 1 and int(counts.headers["x-emit-seq"]) >= seq
