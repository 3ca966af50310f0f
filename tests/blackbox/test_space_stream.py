"""Section 4, the space stream: every event of every job, in the space's own numbers, and nothing before them."""

import concurrent.futures
import re

import harness
from harness import receive, receive_until
from streams import ORDER, STATUSES, newest_seq, receive_seqs


def test_nothing_precedes_the_live_events(emit, space):
    """«Space stream: live events of all jobs, `created` included. By default **nothing** precedes them»"""
    emit.create(space, "earlier")
    with emit.ws(f"spaces/{space}") as ws:
        job = emit.create(space, "process-video")
        first = receive(ws)
    assert (first["jobId"], first["jobName"], first["type"], first["status"]) == \
        (job["id"], "process-video", "created", "pending")
    assert "data" not in first


def test_a_scheduled_job_is_created_as_scheduled(emit, space):
    """Row «create | `pending` (`scheduled` with a future `scheduledFor`) | `created` | –»"""
    with emit.ws(f"spaces/{space}") as ws:
        emit.create(space, scheduledFor="2027-01-01T00:00:00.000Z")
        assert receive(ws)["status"] == "scheduled"


def test_every_message_has_the_seeds_fields(emit, space):
    """«the seed's own clients index `jobName` and `status` on every message», «in this order»"""
    with emit.ws(f"spaces/{space}") as ws:
        job = emit.running(space)
        emit.report(job["id"], "progress", {"percent": 1})
        emit.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])
        messages = receive_until(ws, "completed")
    assert [m["type"] for m in messages] == ["created", "delivered", "acked", "progress", "completed"]
    for message in messages:
        assert list(message) == [name for name in ORDER if name in message]
        assert message["jobName"] == "job" and message["status"] in STATUSES


def test_the_same_event_is_the_same_on_both_streams(emit, space):
    """«Each message is one JSON text frame …: `{jobId, jobName, type, status, data?, timestamp, seq}`» on both."""
    job = emit.create(space)
    with emit.ws(job["id"]) as one, emit.ws(f"spaces/{space}") as all_:
        receive(one)
        emit.poll(space, autoAck=True)
        emit.report(job["id"], "complete", {"ok": 1})
        assert receive_until(one, "completed") == receive_until(all_, "completed")


def test_the_stream_shows_all_jobs_of_its_space_and_no_other(emit, space):
    """«**Space**: an isolated queue with its own jobs, keys and event stream.»"""
    other = emit.space("other")["id"]
    with emit.ws(f"spaces/{space}") as ws:
        mine = [emit.create(space)["id"]]
        emit.create(other)
        mine.append(emit.create(space)["id"])
        assert [receive(ws)["jobId"], receive(ws)["jobId"]] == mine


def test_seq_counts_each_space_from_1_without_gaps(emit, space):
    """«`seq`: per space, from 1, strictly increasing, no gaps»"""
    other = emit.space("other")["id"]
    emit.create(other)
    with emit.ws(f"spaces/{space}") as ws:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: emit.create(space if n % 2 else other), range(100)))
        emit.call("POST", f"/spaces/{space}/jobs", [{"name": "batch"}] * 50, expect=201)
        messages = receive_seqs(ws, 100)
    assert [m["seq"] for m in messages] == list(range(1, 101))


def test_jobs_of_an_array_are_created_in_its_order(emit, space):
    """«Order: … creation (= `seq` of `created`; in an array its order)»"""
    with emit.ws(f"spaces/{space}") as ws:
        jobs = emit.call("POST", f"/spaces/{space}/jobs", [{"name": f"n{n}"} for n in range(20)], expect=201).json()
        messages = receive_seqs(ws, 20)
    assert [(m["jobId"], m["jobName"], m["seq"]) for m in messages] == [(j["id"], j["name"], j["seq"]) for j in jobs]


def test_seq_survives_restarts(tmp_path):
    """«never reused, surviving restarts»: after a stop and after a crash the numbers go on."""
    server = harness.Server(tmp_path / "data").start()
    space = server.space()["id"]
    try:
        for ending in (server.stop, server.kill):
            server.create(space)
            before = newest_seq(server, space)
            ending()
            server.start()
            assert server.create(space)["seq"] == before + 1
        with server.ws(f"spaces/{space}", query="since=0") as ws:
            assert [m["seq"] for m in receive_seqs(ws, 4)] == [1, 2, 3, 4]
    finally:
        server.kill()


def test_timestamps_never_fall_along_seq(emit, space):
    """«`timestamp` never falls along `seq`.»"""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: emit.create(space), range(200)))
    with emit.ws(f"spaces/{space}", query="since=0") as ws:
        times = [m["timestamp"] for m in receive_seqs(ws, 200)]
    assert times == sorted(times)


def test_two_watchers_see_the_same(emit, space):
    """«live events of all jobs»: for each of its watchers, to the byte."""
    with emit.ws(f"spaces/{space}") as one, emit.ws(f"spaces/{space}") as two:
        for n in range(50):
            emit.create(space, payload={"n": n})
        assert [one.recv() for _ in range(50)] == [two.recv() for _ in range(50)]


def test_the_stream_carries_full_data(emit, space):
    """«`jobs:read`: everything.» The seed: «Requires jobs:read or higher — so events always include full data.»"""
    key = emit.token(space, ["jobs:read"])
    with emit.ws(f"spaces/{space}", key) as ws:
        job = emit.running(space, maxRetries=0)
        emit.report(job["id"], "checkpoint", {"at": 3})
        emit.report(job["id"], "fail", {"error": "boom"})
        data = {m["type"]: m.get("data") for m in receive_until(ws, "dead")}
    assert data["checkpoint"] == {"at": 3} and data["dead"] == {"error": "boom"}


def test_erasing_is_an_event_of_the_space(emit, space):
    """«terminal | erase (`DELETE`) | gone | `erased` | –»; the shells before it keep number, type and name."""
    job = emit.running(space)
    emit.report(job["id"], "progress", {"secret": "x"})
    emit.report(job["id"], "complete", {"secret": "x"}, job["deliveryId"])
    with emit.ws(f"spaces/{space}") as ws:
        emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
        erased = receive(ws)
    assert (erased["type"], erased["jobId"], "data" in erased) == ("erased", job["id"], False)
    with emit.ws(f"spaces/{space}", query="since=0") as ws:
        shells = receive_seqs(ws, erased["seq"])
    assert [m["seq"] for m in shells] == list(range(1, erased["seq"] + 1))
    assert [(m["type"], m["jobName"]) for m in shells[:5]] == \
        [(t, "job") for t in ("created", "delivered", "acked", "progress", "completed")]
    # «`data` becomes `null` where there was any»
    assert [m.get("data", "none") for m in shells[:5]] == ["none", "none", "none", None, None]


def test_snapshot_sends_the_counts_first(emit, space):
    """«`?snapshot=true` on a space stream first sends `{jobId: null, jobName: null, type: "connected", status: null,
    data: {counts}, timestamp, seq}`»; «`data: {counts: {…}}` name all seven statuses, zeros too»"""
    emit.running(space)
    for _ in range(3):
        emit.create(space)
    with emit.ws(f"spaces/{space}", query="snapshot=true") as ws:
        connected = receive(ws)
        after = emit.create(space)
        live = receive(ws)
    assert list(connected) == ORDER
    assert [connected[name] for name in ORDER[:4]] == [None, None, "connected", None]
    assert connected["data"]["counts"] == {**dict.fromkeys(STATUSES, 0), "running": 1, "pending": 3}
    assert live["jobId"] == after["id"] and live["seq"] == connected["seq"] + 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", connected["timestamp"])


def test_snapshot_and_live_events_meet_without_gap(emit, space):
    """«`?snapshot=true` … `seq`»: the counts hold the events up to it, and the stream goes on with the next."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        creating = pool.submit(lambda: [emit.create(space) for _ in range(200)])
        while not creating.done():
            with emit.ws(f"spaces/{space}", query="snapshot=true") as ws:
                connected = receive(ws)
                # In this space every event is a `created`, so the counts say which events they hold.
                assert connected["data"]["counts"]["pending"] == connected["seq"]
                if connected["seq"] < 200:
                    assert receive(ws)["seq"] == connected["seq"] + 1


def test_without_snapshot_true_there_is_none(emit, space):
    """«By default **nothing** precedes them»: `snapshot=false` is the default said aloud."""
    with emit.ws(f"spaces/{space}", query="snapshot=false") as ws:
        emit.create(space)
        assert receive(ws)["type"] == "created"


def test_the_stream_of_a_space_has_no_end_of_its_own(emit, space):
    """«1000 job over»: only a job's stream ends with its job."""
    with emit.ws(f"spaces/{space}") as ws:
        job = emit.running(space)
        emit.report(job["id"], "complete", {}, job["deliveryId"])
        receive_until(ws, "completed")
        emit.create(space, "next")
        assert receive(ws)["jobName"] == "next"
