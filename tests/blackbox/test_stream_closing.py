"""Section 4, closing codes that come at once. Those that take half a minute: test_stream_patience.py."""

import contextlib
import json
import socket

import pytest
from websockets.exceptions import ConnectionClosed

import harness
from harness import receive, receive_until
from streams import RawSocket, in_seconds, refused, revoke, until_closed


def test_1009_on_a_message_over_4_kib(emit, space):
    """«Client messages are ignored, at most 4 KiB (1009).»"""
    with emit.ws(f"spaces/{space}") as ws:
        ws.send("x" * 4097)
        assert until_closed(ws)[1] == 1009


def test_1009_on_fragments_that_add_up(emit, space):
    """«Client messages …, at most 4 KiB (1009)»: a message is all of its fragments."""
    with emit.ws(f"spaces/{space}") as ws:
        with contextlib.suppress(ConnectionClosed):  # it may not even listen to the last of them
            ws.send(["x" * 1000] * 5)
        assert until_closed(ws)[1] == 1009


def test_smaller_messages_are_ignored(emit, space):
    """«Client messages are ignored»: text, binary, at the limit, and a ping gets its pong."""
    with emit.ws(f"spaces/{space}") as ws:
        ws.send("x" * 4096)
        ws.send(b"\x00" * 4096)
        ws.send(json.dumps({"type": "subscribe"}))
        assert ws.ping().wait(harness.PATIENCE)
        emit.create(space)
        assert receive(ws)["type"] == "created"


def test_a_client_that_closes_is_answered(emit, space):
    """RFC 6455: a closing frame is answered with one, here as on any server."""
    with emit.ws(f"spaces/{space}") as ws:
        ws.close(1000, "bye")
        assert until_closed(ws)[1] == 1000


def test_1012_on_sigterm():
    """«SIGTERM drains: … streams close with 1012, gone within 10 s»; «1012 server restarting: resume with since»"""
    with harness.server() as server:
        space = server.space()["id"]
        job = server.create(space)
        with server.ws(f"spaces/{space}") as all_, server.ws(job["id"]) as one:
            server.create(space)
            assert receive(all_)["type"] == "created"
            assert receive(one)["type"] == "init"
            assert server.stop() == 0
            assert [until_closed(ws)[:2] for ws in (all_, one)] == [([], 1012)] * 2


def test_4401_when_the_key_is_revoked(emit, space):
    """«A revoked key stops working at once …, its streams close with 4401.» Other keys' streams stay."""
    key = emit.token(space, ["jobs:read"])
    job = emit.create(space)
    with emit.ws(f"spaces/{space}", key) as all_, emit.ws(job["id"], key) as one, emit.ws(f"spaces/{space}") as other:
        receive(one)
        revoke(emit, space, key)
        assert until_closed(all_)[1] == 4401
        assert until_closed(one)[1] == 4401
        emit.create(space)
        assert receive(other)["type"] == "created"
    refused(emit, f"spaces/{space}", 401, key=key)


def test_4401_when_an_unbound_key_is_revoked(emit, space):
    """«`DELETE /tokens/:tokenId` | `admin` | keys bound to no space»: their streams close as well."""
    made = emit.call("POST", "/tokens", {"name": "t", "scopes": ["jobs:read"]}, expect=201).json()
    with emit.ws(f"spaces/{space}", made["token"]) as ws:
        emit.call("DELETE", f"/tokens/{made['tokenId']}", expect=204)
        assert until_closed(ws)[1] == 4401


def test_4401_when_the_key_expires(emit, space):
    """«4401 key revoked or expired»: a key with `expiresAt`."""
    key = emit.token(space, ["jobs:read"], expiresAt=in_seconds(3))
    with emit.ws(f"spaces/{space}", key) as ws:
        assert until_closed(ws)[1] == 4401
    refused(emit, f"spaces/{space}", 401, key=key)


def test_4401_when_a_jobs_own_token_expires(emit, space):
    """«4401 key revoked or expired»: a throw-away browser token."""
    job = emit.create(space)
    key = emit.call("POST", f"/jobs/{job['id']}/tokens", {"expiresInSeconds": 3}, expect=201).json()["token"]
    with emit.ws(job["id"], key) as ws:
        messages, code, _ = until_closed(ws)
    assert [m["type"] for m in messages] == ["init"] and code == 4401


def test_4401_when_the_grace_of_a_rotation_ends(emit, space):
    """«can be rotated with a grace period»: the old public token's streams live until it ends, the new one's on."""
    old = emit.public_token(space)
    job = emit.create(space)
    tokens = emit.call("GET", f"/spaces/{space}/tokens", expect=200).json()
    token_id = next(t["tokenId"] for t in tokens if t.get("token") == old)
    with emit.ws(job["id"], old) as ws:
        receive(ws)
        answer = emit.call("POST", f"/spaces/{space}/tokens/{token_id}/rotate", {"graceSeconds": 3}, expect=201).json()
        emit.report(job["id"], "kill")
        assert receive(ws)["type"] == "killed"
        assert until_closed(ws)[1] == 4401
    refused(emit, job["id"], 401, key=old)
    with emit.ws(job["id"], answer["token"]) as ws:
        assert receive(ws)["type"] == "init"


def test_4401_at_once_without_a_grace(emit, space):
    """«rotate: 201 with a new `tokenId`, grace 0 by default»"""
    key = emit.token(space, ["jobs:read"])
    token_id = emit.call("GET", "/me", key=key, expect=200).json()["tokenId"]
    with emit.ws(f"spaces/{space}", key) as ws:
        emit.call("POST", f"/spaces/{space}/tokens/{token_id}/rotate", {}, expect=201)
        assert until_closed(ws)[1] == 4401


def test_4404_when_the_job_is_erased(emit, space):
    """«its job streams get `erased`, then 4404»"""
    job = emit.running(space)
    with emit.ws(job["id"]) as ws:
        emit.report(job["id"], "complete", {"ok": 1}, job["deliveryId"])
        receive_until(ws, "completed")
        emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
        messages, code, _ = until_closed(ws)
    assert [m["type"] for m in messages] == ["erased"] and code == 4404
    refused(emit, job["id"], 404)


@pytest.mark.parametrize("stream", ["space", "job"])
def test_4404_when_the_space_is_deleted(emit, stream):
    """«DELETE needs `?force=true` unless empty and closes its streams with 4404»"""
    space = emit.space()["id"]
    job = emit.create(space)
    path = f"spaces/{space}" if stream == "space" else job["id"]
    with emit.ws(path) as ws:
        if stream == "job":
            receive(ws)
        emit.call("DELETE", f"/spaces/{space}?force=true", expect=204)
        assert until_closed(ws)[1] == 4404
    refused(emit, path, 404)


def test_4401_also_for_an_sse_client_that_takes_nothing(emit, space):
    """«A revoked key stops working at once on the node that revoked it …, its streams close»: also one that lags."""
    minted = emit.call("POST", f"/spaces/{space}/tokens", {"name": "t", "scopes": ["jobs:read"]}, expect=201).json()
    job = emit.running(space)
    with socket.socket() as lagging:
        lagging.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lagging.settimeout(harness.PATIENCE)
        lagging.connect(("127.0.0.1", emit.port))
        lagging.sendall(
            f"GET /api/v1/realtime/spaces/{space} HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n"
            f"x-api-key: {minted['token']}\r\n\r\n".encode()
        )
        assert b"200 OK" in lagging.recv(1000)
        for _ in range(60):
            emit.report(job["id"], "progress", {"text": "before" * 10_000})
        emit.call("DELETE", f"/spaces/{space}/tokens/{minted['tokenId']}", expect=204)
        for _ in range(20):
            emit.report(job["id"], "progress", {"text": "hidden" * 10_000})
        received = b""
        try:
            while piece := lagging.recv(1 << 20):
                received += piece
        except ConnectionResetError:
            pass
    assert b"hidden" not in received


def test_a_broken_frame_ends_the_connection(emit, space):
    """«at most 4 KiB (1009)»: after the close frame the server closes its side without an answer of the client's."""
    with RawSocket(emit, f"spaces/{space}") as raw:
        raw.tcp.sendall(b"\x82\xfe\xff\xff" + bytes(4))
        received = b""
        while piece := raw.tcp.recv(65_536):
            received += piece
    assert received.startswith(b"\x88") and received[2:4] == (1009).to_bytes(2)
