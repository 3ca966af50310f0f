"""What was erased is gone: from memory, from replay, from idempotency keys, and from the bytes of the file."""

import httpx

import harness
from streams import newest_seq, receive_seqs

SECRET = "a-most-secret-word"


def test_erased_data_is_nowhere_any_more(tmp_path):
    """«payload, result, logs and event data are gone, numbered shells stay»"""
    server = harness.Server(tmp_path / "data").start()
    space = server.space()["id"]
    other = server.create(space, name="bystander")
    # One watcher keeps the topic, and what it holds in memory, alive.
    with server.ws(f"spaces/{space}", query="since=0") as watcher:
        job = server.create(space, payload={"small": SECRET}, tags={"tag": SECRET}, idempotencyKey=SECRET)
        # Large bodies lie on pages of their own.
        large = server.create(space, payload={"large": SECRET * 2_000})
        for one in server.poll(space, count=10):
            if one["id"] == other["id"]:
                continue
            server.report(one["id"], "ack")
            server.report(one["id"], "progress", {"p": SECRET, "filler": SECRET * 1_000})
            server.report(one["id"], "checkpoint", {"c": SECRET})
            server.call("POST", f"/jobs/{one['id']}/logs", {"lines": [{"level": "info", "message": SECRET}]},
                        expect=200)
            server.report(one["id"], "complete", {"r": SECRET})
        receive_seqs(watcher, newest_seq(server, space))
        for one in (job, large):
            server.call("DELETE", f"/jobs/{one['id']}", expect=204)
        newest = newest_seq(server, space)
        receive_seqs(watcher, newest)
        # From the store, from within what memory held, and from right before the erasing.
        for since in (0, newest // 2, newest - 2):
            with server.ws(f"spaces/{space}", query=f"since={since}") as again:
                seen = receive_seqs(again, newest)
                assert SECRET not in str(seen)
                assert [one["seq"] for one in seen] == list(range(since + 1, newest + 1))
        with httpx.Client(headers={"x-api-key": harness.ADMIN_KEY}) as http:
            assert SECRET not in http.get(f"{server.api}/spaces/{space}/jobs?include=payload,result").text
    # A start begins with a checkpoint.
    assert server.stop() == 0
    server.start()
    server.kill()
    found = {path.name: path.read_bytes().count(SECRET.encode()) for path in server.data.glob("emit.db*")}
    assert set(found.values()) == {0}, f"the files still hold it: {found}"
    server.start()
    try:
        again = server.create(space, name="another body", idempotencyKey=SECRET)
        assert again["id"] != job["id"], "its key is free"
    finally:
        server.kill()
