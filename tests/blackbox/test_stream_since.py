"""Section 4, `since`, `Last-Event-ID` and `gap`: a stream resumed at any number goes on without gap or double."""

import concurrent.futures
import random

import pytest

import harness
from harness import receive, receive_until
from streams import ORDER, listed, newest_seq, receive_seqs, sse, until_closed, wait_for


def purged(emit, keep: int):
    """A space whose first events are gone and whose last `keep` are still there; with its oldest and newest."""
    space = emit.space(retentionDays=0)["id"]
    job = emit.running(space)
    emit.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])
    wait_for("the purge of an ended job",
             lambda: emit.call("GET", f"/jobs/{job['id']}").status_code == 404
             and emit.call("GET", f"/spaces/{space}/jobs", expect=200).json() == [])
    # The rows of events go in batches of their own: the purge is over when a reader from 0 is told so.
    newest = newest_seq(emit, space)

    def events_are_gone():
        with emit.ws(f"spaces/{space}", query="since=0") as ws:
            first = receive(ws)
            return first["type"] == "gap" and first["data"]["oldest"] in (0, newest + 1)
    wait_for("the purge of its events", events_are_gone)
    emit.call("PATCH", f"/spaces/{space}", {"retentionDays": 14}, expect=200)
    jobs = [emit.create(space) for _ in range(keep)]
    return space, jobs, newest + 1 if keep else 0, newest + keep


def test_replay_then_live_without_gap_or_double(emit, space):
    """«`?since=SEQ` on either stream sends no `init`: it replays, in order, every stored event after SEQ, then goes
    live without gap or double»: tried at many numbers while events keep coming."""
    total, rng = 1500, random.Random(7)

    def publish():
        for first in range(0, total, 25):
            emit.call("POST", f"/spaces/{space}/jobs", [{"name": f"n{first + n}"} for n in range(25)], expect=201)

    def watch(since):
        with emit.ws(f"spaces/{space}", query=f"since={since}") as ws:
            return [m["seq"] for m in receive_seqs(ws, total)]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        publishing = pool.submit(publish)
        starts = []
        while not publishing.done():
            since = rng.randint(0, newest_seq(emit, space))
            starts.append((since, pool.submit(watch, since)))
            wait_for("a free watcher", lambda: sum(not w.done() for _, w in starts) < 5)
        publishing.result()
        for since, watching in starts:
            assert watching.result() == list(range(since + 1, total + 1))


def test_since_on_a_job_stream_sends_no_init(emit, space):
    """«`?since=SEQ` on either stream sends no `init`»"""
    job = emit.create(space)
    emit.create(space)
    emit.poll(space, autoAck=True)
    with emit.ws(job["id"], query=f"since={job['seq']}") as ws:
        first = receive(ws)
        assert (first["type"], first["jobId"]) == ("delivered", job["id"])
        receive_until(ws, "acked")
        emit.report(job["id"], "progress", {"percent": 1})
        assert receive(ws)["type"] == "progress"


def test_since_0_replays_everything(emit, space):
    """«every stored event after SEQ», the first of the space included; on an empty space that is nothing."""
    with emit.ws(f"spaces/{space}", query="since=0") as ws:
        emit.create(space)
        assert (receive(ws)["type"], emit.create(space)["seq"]) == ("created", 2)
    with emit.ws(f"spaces/{space}", query="since=0") as ws:
        assert [receive(ws)["seq"], receive(ws)["seq"]] == [1, 2]


def test_since_the_newest_replays_nothing(emit, space):
    """«every stored event after SEQ»: at the newest there is none, and no gap either."""
    emit.create(space)
    with emit.ws(f"spaces/{space}", query="since=1") as ws:
        emit.create(space)
        assert receive(ws)["seq"] == 2


def test_since_on_an_ended_job_ends_with_1000(emit, space):
    """«(on an ended job: then 1000)»; «a later `since` closes right after its replay»"""
    job = emit.running(space)
    end = emit.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])["seq"]
    for since, types in ((0, ["created", "delivered", "acked", "completed"]), (end - 1, ["completed"]), (end, [])):
        with emit.ws(job["id"], query=f"since={since}") as ws:
            messages, code, _ = until_closed(ws)
        assert [m["type"] for m in messages] == types and code == 1000


def test_since_on_an_ended_job_replays_what_came_after_the_end(emit, space):
    """«it replays, in order, every stored event after SEQ»: late log lines are events too."""
    job = emit.running(space)
    emit.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])
    emit.report(job["id"], "logs", {"lines": [{"level": "info", "message": "late"}]})
    with emit.ws(job["id"], query="since=0") as ws:
        messages, code, _ = until_closed(ws)
    assert [m["type"] for m in messages][-2:] == ["completed", "log"] and code == 1000


def test_replay_equals_the_live_stream_to_the_byte(emit, space):
    """«it replays, in order, every stored event»: as it was, to the byte."""
    with emit.ws(f"spaces/{space}") as ws:
        job = emit.running(space, payload={"a": 1})
        emit.report(job["id"], "progress", '{"b":  1.0, "a":[ ]}')
        emit.report(job["id"], "fail", {"error": "é\n"})
        live = [ws.recv(timeout=harness.PATIENCE) for _ in range(5)]
    with emit.ws(f"spaces/{space}", query="since=0") as ws:
        assert [ws.recv(timeout=harness.PATIENCE) for _ in range(5)] == live


@pytest.mark.parametrize("path", ["/spaces/{space}/jobs", "/spaces/{space}/counts", "/jobs/{job}", "/jobs/{job}/events",
                                  "/jobs/{job}/progress"])
def test_positions_of_answers_can_be_resumed_from(emit, space, path):
    """«GETs of jobs and counts carry `x-emit-seq`…. Connect with `since=` it and nothing is missed.»; «`/events` and
    `/progress` carry `x-emit-seq`»"""
    job = emit.running(space)
    answer = emit.call("GET", path.format(space=space, job=job["id"]), expect=200)
    emit.report(job["id"], "progress", {"percent": 1})
    for stream in (f"spaces/{space}", job["id"]):
        with emit.ws(stream, query=f"since={answer.headers['x-emit-seq']}") as ws:
            assert receive(ws)["data"] == {"percent": 1}


def test_init_seq_can_be_resumed_from(emit, space):
    """«`seq` is the position to resume from»"""
    job = emit.running(space)
    with emit.ws(job["id"]) as ws:
        position = receive(ws)["seq"]
    emit.report(job["id"], "progress", {"percent": 1})
    with emit.ws(job["id"], query=f"since={position}") as ws:
        assert receive(ws)["data"] == {"percent": 1}


def test_last_event_id_beats_since(emit, space):
    """«`Last-Event-ID` beats `since`»"""
    for _ in range(3):
        emit.create(space)
    with emit.ws(f"spaces/{space}", query="since=0", additional_headers={"Last-Event-ID": "2"}) as ws:
        assert receive(ws)["seq"] == 3
    with sse(emit, f"spaces/{space}", query="since=0", headers={"last-event-id": "2"}) as stream:
        assert stream.message()["seq"] == 3


def test_with_since_a_snapshot_is_ignored(emit, space):
    """«with either, `snapshot` is ignored»"""
    emit.create(space)
    with emit.ws(f"spaces/{space}", query="snapshot=true&since=0") as ws:
        assert receive(ws)["type"] == "created"
    with emit.ws(f"spaces/{space}", query="snapshot=true", additional_headers={"Last-Event-ID": "0"}) as ws:
        assert receive(ws)["type"] == "created"


# -- gap --------------------------------------------------------------------------------------------------------


def check_gap(message, reason, oldest, newest):
    assert list(message) == ORDER
    assert [message[name] for name in ORDER[:4]] == [None, None, "gap", None]
    assert message["data"] == {"reason": reason, "oldest": oldest, "newest": newest}
    assert isinstance(message["seq"], int)


def test_gap_when_since_is_older_than_what_is_kept(emit):
    """«If SEQ is older than what is kept … first comes `{… type: "gap" … data: {reason: "retention"|"ahead", oldest,
    newest} …}`, then everything kept.»"""
    space, jobs, oldest, newest = purged(emit, keep=3)
    with emit.ws(f"spaces/{space}", query="since=0") as ws:
        check_gap(receive(ws), "retention", oldest, newest)
        assert [(m["seq"], m["jobId"]) for m in receive_seqs(ws, newest)] == [(j["seq"], j["id"]) for j in jobs]
        emit.create(space)
        assert receive(ws)["seq"] == newest + 1


def test_no_gap_where_nothing_is_missing(emit):
    """«If SEQ is older than what is kept»: the number just before the oldest is not."""
    space, _, oldest, newest = purged(emit, keep=2)
    with emit.ws(f"spaces/{space}", query=f"since={oldest - 1}") as ws:
        assert [m["seq"] for m in receive_seqs(ws, newest)] == [oldest, newest]
    with emit.ws(f"spaces/{space}", query=f"since={oldest - 2}") as ws:
        check_gap(receive(ws), "retention", oldest, newest)


def test_gap_on_a_job_stream_names_the_numbers_of_the_space(emit):
    """«In `gap`, `oldest` and `newest` are the space's …, on job streams too.»"""
    space, jobs, oldest, newest = purged(emit, keep=3)
    with emit.ws(jobs[1]["id"], query="since=0") as ws:
        check_gap(receive(ws), "retention", oldest, newest)
        assert receive(ws)["seq"] == jobs[1]["seq"]
    with emit.ws(jobs[1]["id"], query="since=1000") as ws:
        check_gap(receive(ws), "ahead", oldest, newest)
        assert receive(ws)["seq"] == jobs[1]["seq"]


def test_gap_over_sse_and_for_a_weak_key(emit):
    """«The same addresses answer `Accept: text/event-stream` with the same messages as SSE», gap included."""
    space, jobs, oldest, newest = purged(emit, keep=1)
    with sse(emit, jobs[0]["id"], emit.public_token(space), "since=0") as stream:
        check_gap(stream.message(), "retention", oldest, newest)
        assert stream.message()["jobId"] == jobs[0]["id"]


def test_gap_when_since_is_beyond_the_newest(emit, space):
    """«or beyond the newest (a restored backup), first comes … "ahead" …, then everything kept»"""
    jobs = [emit.create(space) for _ in range(3)]
    with emit.ws(f"spaces/{space}", query="since=4") as ws:
        check_gap(receive(ws), "ahead", 1, 3)
        assert [m["jobId"] for m in receive_seqs(ws, 3)] == [j["id"] for j in jobs]
        emit.create(space)
        assert receive(ws)["seq"] == 4


def test_gap_in_a_space_without_events(emit, space):
    """«(0 when it has none)»"""
    with emit.ws(f"spaces/{space}", query="since=5") as ws:
        check_gap(receive(ws), "ahead", 0, 0)
        emit.create(space)
        assert receive(ws)["seq"] == 1


def test_retention_drops_from_the_oldest_on_and_keeps_waiting_jobs(emit):
    """«events are dropped per space from the oldest on, never from the middle. Waiting and running jobs are never
    dropped, though their oldest events may be: their latest progress and checkpoint stay.»"""
    space = emit.space()["id"]
    running = emit.running(space)
    emit.report(running["id"], "progress", {"percent": 40})
    emit.report(running["id"], "checkpoint", {"at": 40})
    waiting = emit.create(space, payload={"keep": "me"})
    ended = emit.create(space, priority=9)
    emit.poll(space, autoAck=True)
    emit.report(ended["id"], "complete", {"ok": 1})
    newest = newest_seq(emit, space)
    emit.call("PATCH", f"/spaces/{space}", {"retentionDays": 0}, expect=200)
    wait_for("the purge of the ended job", lambda: emit.call("GET", f"/jobs/{ended['id']}").status_code == 404)
    wait_for("the purge of all events", lambda: listed(emit, "events", f"/jobs/{running['id']}/events") == [])
    assert emit.job(waiting["id"])["payload"] == {"keep": "me"}
    kept = emit.job(running["id"])
    assert (kept["progress"], kept["checkpoint"]) == ({"percent": 40}, {"at": 40})
    shown = emit.call("GET", f"/jobs/{running['id']}/progress", expect=200).json()
    assert (shown["data"], shown["status"]) == ({"percent": 40}, "running")
    with emit.ws(running["id"]) as ws:
        assert receive(ws)["status"] == "running"
        emit.report(running["id"], "progress", {"percent": 41})
        message = receive(ws)
    assert (message["data"], message["seq"]) == ({"percent": 41}, newest + 1)
