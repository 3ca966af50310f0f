"""Section 4, the same streams as server-sent events, down to a real EventSource in Chromium."""

import json
import socket
import time

import httpx
import pytest

import browser
from harness import ADMIN_KEY, PATIENCE, receive_until
from streams import check_problem, receive_seqs, revoke, sse, until_closed


def test_the_answer_is_an_event_stream(emit, space):
    """«The same addresses answer `Accept: text/event-stream` … as SSE …, `Cache-Control: no-store`»"""
    job = emit.create(space)
    for path in (job["id"], f"spaces/{space}"):
        with sse(emit, path) as stream:
            assert stream.answer.headers["content-type"].split(";")[0] == "text/event-stream"
            assert stream.answer.headers["cache-control"] == "no-store"
            assert stream.answer.headers["referrer-policy"] == "no-referrer"


def test_one_id_and_one_data_line_and_nothing_else(emit, space):
    """«one `data:` line, `id:` the sequence number …, no `event:` field»; each block is checked by the reader."""
    with sse(emit, f"spaces/{space}", query="since=0") as stream:
        job = emit.running(space)
        # A body with line breaks is still one line on the wire: JSON allows a break only where a blank would do.
        emit.report(job["id"], "progress", '{\n  "percent":\r\n 5,\r "text": "a\\nb"\n}')
        assert stream.until("progress")[-1]["data"] == {"percent": 5, "text": "a\nb"}


def test_what_many_readers_take_for_a_line_break_is_escaped(emit, space):
    """«one `data:` line»: also for a client that splits at Unicode's separators, as Python's `splitlines` does."""
    job = emit.running(space)
    with sse(emit, f"spaces/{space}") as stream:
        emit.report(job["id"], "progress", {"text": "a\u2028b\u2029c\u0085d"})
        raw = next(text for text in stream.answer.iter_text() if "progress" in text)
        data = [line for line in raw.splitlines() if line.startswith("data:") and "progress" in line]
        assert json.loads(data[0][5:])["data"] == {"text": "a\u2028b\u2029c\u0085d"}


def test_head_tells_what_get_would_and_the_connection_goes_on(emit, space):
    """A HEAD has no stream: the next request on its connection is answered."""
    job = emit.create(space)
    answer = emit.http.head(f"/realtime/{job['id']}", headers={"accept": "text/event-stream"})
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/event-stream"
    assert emit.job(job["id"])["id"] == job["id"]


def test_http_1_0_gets_its_messages_without_chunks(emit, space):
    """nginx asks so unless told otherwise."""
    job = emit.create(space)
    with socket.create_connection(("127.0.0.1", emit.port), timeout=PATIENCE) as client:
        client.sendall(f"GET /api/v1/realtime/{job['id']} HTTP/1.0\r\nauthorization: Bearer {ADMIN_KEY}\r\n"
                       "accept: text/event-stream\r\n\r\n".encode())
        seen = b""
        while b'"init"' not in seen:
            seen += client.recv(65_536)
        emit.call("POST", f"/jobs/{job['id']}/kill", expect=200)
        emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
        while piece := client.recv(65_536):
            seen += piece
    head, body = seen.split(b"\r\n\r\n", 1)
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"id: ") and body.endswith(b"}\n\n")


def test_the_same_messages_as_over_websocket(emit, space):
    """«with the same messages as SSE»: the job stream with its `init`, and the space stream."""
    job = emit.create(space)
    with sse(emit, job["id"]) as stream, emit.ws(job["id"]) as ws, \
            sse(emit, f"spaces/{space}") as stream_of_all, emit.ws(f"spaces/{space}") as ws_of_all:
        emit.poll(space, autoAck=True)
        emit.report(job["id"], "progress", {"percent": 1})
        emit.report(job["id"], "complete", {"ok": 1})
        events, messages = stream.until("completed"), receive_until(ws, "completed")
        assert stream_of_all.until("completed") == receive_until(ws_of_all, "completed")
    assert events[0]["type"] == "init"
    # The two `init` may be built at different moments, the events after them are the same.
    assert events[1:] == messages[1:]


def test_an_ended_job_ends_the_answer(emit, space):
    """«On a job that has already ended: `init` …, its stored terminal event …, close»: over SSE the body ends."""
    job = emit.running(space)
    emit.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])
    with sse(emit, job["id"]) as stream, emit.ws(job["id"]) as ws:
        seen = stream.rest()
        assert [m["type"] for m in seen] == ["init", "completed"]
        assert seen[1:] == until_closed(ws)[0][1:]


def test_last_event_id_resumes(emit, space):
    """«`Last-Event-ID` resumes»"""
    job = emit.running(space)
    for n in range(5):
        emit.report(job["id"], "progress", {"n": n})
    with sse(emit, job["id"], query="since=0") as stream:
        seen = [stream.message() for _ in range(5)]
    with sse(emit, job["id"], headers={"last-event-id": str(seen[-1]["seq"])}) as stream:
        rest = [stream.message() for _ in range(3)]
    assert [m["data"] for m in seen[3:] + rest] == [{"n": n} for n in range(5)]


def test_a_resume_at_the_end_of_an_ended_job_answers_204(emit, space):
    """«a resume at the end of an ended job answers 204, which stops EventSource»"""
    job = emit.running(space)
    end = emit.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])["seq"]
    head = {"accept": "text/event-stream", "last-event-id": str(end)}
    answer = emit.call("GET", f"/realtime/{job['id']}", headers=head, expect=204)
    assert answer.content == b"" and answer.headers["cache-control"] == "no-store"
    # One event earlier there is still something to tell.
    with sse(emit, job["id"], headers={"last-event-id": str(end - 1)}) as stream:
        assert [m["type"] for m in stream.rest()] == ["completed"]


def test_a_comment_every_15_seconds(emit, space):
    """«a comment every 15 s»: on a silent stream the second comes about 15 s after the first."""
    with sse(emit, f"spaces/{space}") as stream:
        comments = []
        for line in stream.lines:
            if line.startswith(":"):
                comments.append(time.monotonic())
            if len(comments) == 2:
                break
    # A busy machine may be late, never early.
    assert 14 < comments[1] - comments[0]


def test_weak_view_over_sse(emit, space):
    """«The same addresses …»: with the same views."""
    job = emit.create(space)
    with sse(emit, job["id"], emit.public_token(space)) as stream:
        emit.poll(space, autoAck=True)
        emit.report(job["id"], "checkpoint", {"secret": 1})
        emit.report(job["id"], "progress", {"percent": 5})
        emit.report(job["id"], "complete", {"secret": 1})
        seen = stream.until("completed")
    assert [(m["type"], m.get("data", "no")) for m in seen] == [
        ("init", "no"), ("delivered", "no"), ("acked", "no"), ("checkpoint", "no"), ("progress", {"percent": 5}),
        ("completed", None)]


def test_snapshot_over_sse(emit, space):
    """«`?snapshot=true` on a space stream first sends … "connected"»"""
    emit.create(space)
    with sse(emit, f"spaces/{space}", query="snapshot=true") as stream:
        connected = stream.message()
    assert connected["type"] == "connected" and connected["data"]["counts"]["pending"] == 1


def test_replay_of_thousands_over_sse(emit, space):
    """«it replays, in order, every stored event after SEQ»"""
    for _ in range(3):
        emit.call("POST", f"/spaces/{space}/jobs", [{"name": "n"}] * 1000, expect=201)
    with sse(emit, f"spaces/{space}", query="since=0") as stream:
        seqs = [stream.message()["seq"] for _ in range(3000)]
    assert seqs == list(range(1, 3001))
    with emit.ws(f"spaces/{space}", query="since=0") as ws:
        assert [m["seq"] for m in receive_seqs(ws, 3000)] == seqs


def test_a_revoked_key_ends_its_stream_and_gets_401_again(emit, space):
    """«SSE of a revoked key ends, and its reconnect gets 401.»"""
    key = emit.token(space, ["jobs:read"])
    with sse(emit, f"spaces/{space}", key) as stream:
        emit.create(space)
        assert stream.message()["type"] == "created"
        revoke(emit, space, key)
        assert stream.rest() == []
    answer = emit.call("GET", f"/realtime/spaces/{space}", key=key, headers={"accept": "text/event-stream"})
    check_problem(answer.status_code, answer.headers, answer.content, 401)


def test_erasing_and_deleting_end_the_answer(emit, space):
    """«its job streams get `erased`, then 4404»; «DELETE … closes its streams with 4404»: over SSE the body ends."""
    job = emit.running(space)
    with sse(emit, job["id"]) as stream, sse(emit, f"spaces/{space}") as stream_of_all:
        emit.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])
        stream.until("completed")
        emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
        assert [m["type"] for m in stream.rest()] == ["erased"]
        emit.call("DELETE", f"/spaces/{space}?force=true", expect=204)
        stream_of_all.rest()


@pytest.mark.parametrize("where", ["query", "bearer", "header"])
def test_keys_are_taken_where_sockets_take_them(emit, space, where):
    """«Accepted in `x-api-key`, in `Authorization: Bearer`, and, on the two realtime addresses, in `?token=`»"""
    key = emit.token(space, ["jobs:read"])
    query = f"?token={key}&snapshot=true" if where == "query" else "?snapshot=true"
    head = {"bearer": {"authorization": f"Bearer {key}"}, "header": {"x-api-key": key}, "query": {}}[where]
    with httpx.stream("GET", f"{emit.api}/realtime/spaces/{space}{query}", timeout=PATIENCE,
                      headers={"accept": "text/event-stream", **head}) as answer:
        assert answer.status_code == 200
        assert next(line for line in answer.iter_lines() if line.startswith("data:"))


@pytest.mark.parametrize("path, key, status", [("{job}", "bad", 401), ("spaces/{space}", "weak", 403),
                                               ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "full", 404)])
def test_refusals_are_problem_answers(emit, space, path, key, status):
    """«Refusals happen before the upgrade, as HTTP problem answers»: over SSE with the same status."""
    job = emit.create(space)
    secret = {"bad": "emit_nobody", "weak": emit.public_token(space), "full": emit.token(space, ["jobs:read"])}[key]
    answer = emit.call("GET", "/realtime/" + path.format(job=job["id"], space=space), key=secret,
                       headers={"accept": "text/event-stream"})
    check_problem(answer.status_code, answer.headers, answer.content, status)


def test_event_source_watches_to_the_end_and_stops(emit, space):
    """«a resume at the end of an ended job answers 204, which stops EventSource»: in Chromium, from another origin,
    where the browser itself reconnects with the last id it saw."""
    job = emit.running(space)
    program = f"""
        const source = new EventSource("{emit.api}/realtime/{job['id']}?token={emit.public_token(space)}");
        source.onmessage = (e) => record("message", JSON.parse(e.data).type, e.lastEventId);
        source.onerror = () => {{ if (source.readyState === EventSource.CLOSED) record("stopped"); }};
    """
    with browser.run_in_chromium(program) as page:
        assert page.next("message")[0] == "init"
        emit.report(job["id"], "progress", {"percent": 50})
        emit.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])
        assert page.next("message")[0] == "progress"
        kind, last_id = page.next("message")
        assert (kind, json.loads(last_id)) == ("completed", emit.job(job["id"])["seq"])
        # The server holds the stream 30 s for late events, then ends it; EventSource asks again and is told 204.
        assert page.next("stopped", patience=2 * PATIENCE) == []
