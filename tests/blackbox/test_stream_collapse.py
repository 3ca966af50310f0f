"""Section 4, `?collapse=progress`: a client that lags may skip progress that newer progress has overtaken."""

import json

import harness
from harness import receive
from streams import TEXT, RawSocket, newest_seq

FILLER = "x" * 20_000


def published_while_the_client_slept(server, query):
    """A reader with a tiny window sleeps through 600 big events of two jobs, then reads to the end; all and its own."""
    space = server.space()["id"]
    jobs = [server.running(space), server.running(space)]
    with RawSocket(server, f"spaces/{space}", query=query, receive_buffer=4096) as raw:
        first = newest_seq(server, space)
        for n in range(600):
            job = jobs[n % 5 == 0]["id"]
            server.report(job, "checkpoint" if n % 50 == 7 else "progress", {"n": n, "filler": FILLER})
        last = newest_seq(server, space)
        seen = []
        while not seen or seen[-1]["seq"] < last:
            opcode, content = raw.frame()
            if opcode == TEXT:
                seen.append(json.loads(content))
    with server.ws(f"spaces/{space}", query=f"since={first}") as ws:
        everything = [receive(ws) for _ in range(last - first)]
    return everything, seen


def test_a_laggard_gets_only_the_newest_progress_of_each_job():
    """«With `?collapse=progress` a client that lags gets, of each stretch served at once (up to 1,000 events), only
    the newest `progress` of each job.»"""
    with harness.server() as server:
        everything, seen = published_while_the_client_slept(server, "collapse=progress")
    by_seq = {m["seq"]: m for m in everything}
    # In order, each as it was, and less than all: 12 MB did not fit into the kernel's buffers.
    assert all(by_seq[m["seq"]] == m for m in seen)
    seqs = [m["seq"] for m in seen]
    assert seqs == sorted(set(seqs)) and len(seqs) < len(everything)
    for event in everything:
        if event["seq"] in seqs:
            continue
        assert event["type"] == "progress", "only progress is ever left out"
        newer = [m["seq"] for m in seen if m["jobId"] == event["jobId"] and m["type"] == "progress"
                 and event["seq"] < m["seq"] < event["seq"] + 1000]
        assert newer, f"no newer progress came in place of {event['seq']}"


def test_without_it_a_laggard_gets_everything():
    """«a client that falls behind is served on from the store, in order, missing nothing»"""
    with harness.server() as server:
        everything, seen = published_while_the_client_slept(server, "")
    assert seen == everything


def test_a_client_that_keeps_up_gets_everything(emit, space):
    """«a client that lags»: one that does not, sees every progress in spite of the option."""
    job = emit.running(space)
    with emit.ws(job["id"], query="collapse=progress") as ws:
        receive(ws)
        for n in range(50):
            emit.report(job["id"], "progress", {"n": n})
            assert receive(ws)["data"] == {"n": n}


def test_a_collapsed_replay_ends_with_the_newest(emit, space):
    """«of each stretch served at once …, only the newest `progress` of each job»: a replay is a lag like any other, or
    whole; never without the last progress, nor without any other event."""
    job = emit.running(space)
    for n in range(100):
        emit.report(job["id"], "progress", {"n": n})
    emit.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])
    with emit.ws(job["id"], query="since=0&collapse=progress") as ws:
        seen = [receive(ws)]
        while seen[-1]["type"] != "completed":
            seen.append(receive(ws))
    assert [m["type"] for m in seen if m["type"] != "progress"] == ["created", "delivered", "acked", "completed"]
    assert [m["data"] for m in seen if m["type"] == "progress"][-1] == {"n": 99}
