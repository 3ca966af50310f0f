"""Section 4, what only time brings: pings, the 30 s after the end, clients that take nothing for a minute.

The scenarios wait side by side: the first test that asks starts them all, each test then takes its own outcome.
"""

import concurrent.futures
import re
import time

import pytest

import harness
from harness import PATIENCE, receive, receive_until
from streams import CLOSE, PING, PONG, RawSocket, newest_seq, receive_seqs, until_closed, wait_for

BIG = b'{"filler":"' + b"x" * 900_000 + b'"}'


def an_ended_job_stays_open_for_late_events(server):
    space = server.space()["id"]
    job = server.running(space)
    with server.ws(job["id"]) as ws:
        receive(ws)
        server.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])
        receive_until(ws, "completed")
        ended = time.monotonic()
        server.report(job["id"], "logs", {"lines": [{"level": "info", "message": "late"}]})
        late, code, _ = until_closed(ws)
    return [m["type"] for m in late], code, time.monotonic() - ended


def a_requeue_keeps_the_stream_open(server):
    space = server.space()["id"]
    job = server.running(space)
    with server.ws(job["id"]) as ws, server.ws(job["id"]) as control:
        server.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])
        receive_until(ws, "completed")
        server.report(job["id"], "requeue")
        # Another job that ends later closes first, if the requeued one stays: its closing is the signal.
        other = server.running(server.space()["id"])
        with server.ws(other["id"]) as second:
            receive(second)
            server.report(other["id"], "complete", {}, other["deliveryId"])
            assert until_closed(second)[1] == 1000
        server.poll(space, autoAck=True)
        server.report(job["id"], "complete", {"ok": 2})
        return [[m["type"] for m in receive_until(one, "acked") + receive_until(one, "completed")]
                for one in (ws, control)]


def a_client_that_never_pongs(server):
    space = server.space()["id"]
    with RawSocket(server, f"spaces/{space}") as raw:
        start, pings = time.monotonic(), []
        raw.tcp.settimeout(2 * PATIENCE)
        while True:
            opcode, content = raw.frame()
            if opcode == PING:
                pings.append(time.monotonic() - start)
            if opcode == CLOSE:
                return pings, int.from_bytes(content[:2], "big"), time.monotonic() - start


def a_client_that_pongs(server):
    """Stays beyond the moment at which the silent one is closed: its own third ping comes at 90 s."""
    space = server.space()["id"]
    with RawSocket(server, f"spaces/{space}") as raw:
        raw.tcp.settimeout(2 * PATIENCE)
        for _ in range(3):
            opcode, content = raw.frame()
            assert opcode == PING, opcode
            raw.send(PONG, content)
        server.create(space)
        return raw.frame()[1]


def a_client_that_takes_nothing(server):
    space = server.space()["id"]
    job = server.running(space)
    with RawSocket(server, f"spaces/{space}", receive_buffer=4096) as raw:
        for _ in range(20):
            server.report(job["id"], "progress", BIG)
        start = time.monotonic()
        wait_for("the server to close the slow client", lambda: not raw.server_side_is_open(), 3 * PATIENCE)
        waited = time.monotonic() - start
        messages, code, reason = raw.until_closed()
    last = messages[-1]["seq"] if messages else newest_seq(server, space) - 20
    with server.ws(f"spaces/{space}", query=f"since={last}") as ws:
        rest = receive_seqs(ws, newest_seq(server, space))
    return waited, [m["seq"] for m in messages], code, reason, [m["seq"] for m in rest]


def a_client_that_lags_beyond_what_is_kept(server):
    space = server.space()["id"]
    job = server.running(space)
    with RawSocket(server, f"spaces/{space}", receive_buffer=4096) as raw:
        for _ in range(20):
            server.report(job["id"], "progress", BIG)
        server.call("PATCH", f"/spaces/{space}", {"retentionDays": 0}, expect=200)
        wait_for("the purge of the events it has not taken", lambda: server.call(
            "GET", f"/jobs/{job['id']}/events", expect=200).json() == [])
        messages, code, reason = raw.until_closed()
    return [m["seq"] for m in messages], code, reason


SCENARIOS = [an_ended_job_stays_open_for_late_events, a_requeue_keeps_the_stream_open, a_client_that_never_pongs,
             a_client_that_pongs, a_client_that_takes_nothing, a_client_that_lags_beyond_what_is_kept]


@pytest.fixture(scope="module")
def outcome():
    with harness.server() as server, concurrent.futures.ThreadPoolExecutor(len(SCENARIOS)) as pool:
        running = {scenario: pool.submit(scenario, server) for scenario in SCENARIOS}
        yield lambda scenario: running[scenario].result()


def test_the_stream_stays_open_30_seconds_after_the_end(outcome):
    """«After a terminal event the job stream stays open 30 s for late events …, then closes 1000.»"""
    late, code, seconds = outcome(an_ended_job_stays_open_for_late_events)
    assert (late, code) == (["log"], 1000)
    assert seconds > 29


def test_a_requeue_keeps_the_stream_open(outcome):
    """«late events (`callback_*`, `requeued`, which keeps it open)»"""
    for types in outcome(a_requeue_keeps_the_stream_open):
        assert types[-4:] == ["requeued", "delivered", "acked", "completed"]


def test_ping_every_30_seconds_and_1011_without_a_pong(outcome):
    """«Ping every 30 s; no pong in 60 s closes (1011).»"""
    pings, code, seconds = outcome(a_client_that_never_pongs)
    assert pings and pings[0] > 25 and code == 1011
    assert seconds > 59


def test_a_pong_keeps_a_silent_stream_open(outcome):
    """«no pong in 60 s closes»: a client that answers stays."""
    assert b'"created"' in outcome(a_client_that_pongs)


def test_1013_for_a_client_that_takes_nothing_for_60_seconds(outcome):
    """«One that takes nothing for 60 s … is closed with 1013 and `slow: resume with since=SEQ` (or reset, where
    nothing can be written).»"""
    waited, seqs, code, reason, rest = outcome(a_client_that_takes_nothing)
    assert waited > 55
    if code is not None:
        assert code == 1013
        assert int(re.fullmatch(r"slow: resume with since=(\d+)", reason).group(1)) == seqs[-1]
    # What it got and what it gets with `since` are together everything, once.
    both = seqs + rest
    assert both == list(range(both[0], both[-1] + 1)) and len(rest) > 0


def test_1013_for_a_client_that_lags_beyond_what_is_kept(outcome):
    """«or lags beyond what is kept, is closed with 1013»: it never misses an event without being told."""
    seqs, code, reason = outcome(a_client_that_lags_beyond_what_is_kept)
    assert len(seqs) < 20
    assert seqs == [seqs[0] + n for n in range(len(seqs))]
    if code is not None:
        assert code == 1013 and re.fullmatch(r"slow: resume with since=\d+", reason)
