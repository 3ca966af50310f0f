"""SIGTERM in the middle of everything.

«SIGTERM drains: `/readyz` 503, waiting polls answer `[]`, what is in flight is answered, streams close with 1012, gone
within 10 s.»
"""

import concurrent.futures
import signal
import threading
import time

import httpx

import harness
from calls import Raw, post
from streams import CLOSE, RawSocket, wait_for

SOCKETS, POLLS, CREATORS = 1_000, 100, 4


def create_until_gone(server, space: str, promised: list) -> None:
    with httpx.Client(headers={"x-api-key": harness.ADMIN_KEY}, timeout=harness.PATIENCE) as http:
        while True:
            try:
                answer = http.post(f"{server.api}/spaces/{space}/jobs", json={"name": "job"})
            except httpx.TransportError:
                return
            if answer.status_code != 201:
                assert answer.json()["code"] == "draining", answer.text
                return
            promised.append(answer.json()["id"])


def poll(server, space: str) -> httpx.Response:
    return httpx.post(f"{server.api}/spaces/{space}/jobs/poll", json={"waitSeconds": 30, "names": ["never"]},
                      headers={"x-api-key": harness.ADMIN_KEY}, timeout=harness.PATIENCE)


def test_nothing_promised_is_lost_and_nobody_holds_it_up(tmp_path):
    """With 1,000 idle sockets, 100 waiting polls, a reader who has stalled, a body that never ends, and creates."""
    server = harness.Server(tmp_path / "data").start()
    space = server.space()["id"]
    job = server.running(space)
    quiet = server.space()["id"]
    sockets = [RawSocket(server, f"spaces/{quiet}", query="since=0") for _ in range(SOCKETS)]
    stalled = RawSocket(server, job["id"], receive_buffer=4096)
    for number in range(100):
        server.report(job["id"], "progress", {"n": number, "filler": "x" * 50_000})
    slow = Raw(server).send(post(f"/api/v1/spaces/{space}/jobs", body=b'{"name"', length=1_000))
    promised: list[str] = []
    creators = [threading.Thread(target=create_until_gone, args=(server, space, promised)) for _ in range(CREATORS)]
    with concurrent.futures.ThreadPoolExecutor(POLLS) as pool:
        polls = [pool.submit(poll, server, space) for _ in range(POLLS)]
        for creator in creators:
            creator.start()
        wait_for("some load", lambda: len(promised) > 50)
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        answers = [one.result() for one in polls]
        assert server.process.wait(harness.PATIENCE) == 0
        took = time.monotonic() - begin
    for creator in creators:
        creator.join()
    print(f"gone after {took:.1f} s, {len(promised)} creates answered, {SOCKETS} sockets and {POLLS} polls let go")
    # Its own deadline is 10 s; what is above is the machine's.
    assert took < 20
    assert all((one.status_code, one.json()) in [(200, {"jobs": []})] or one.json().get("code") == "draining"
               for one in answers), {one.text for one in answers}
    assert sum(one.status_code == 200 for one in answers) > 0
    told = 0
    for one in sockets:
        told += closing_code(one) == 1012
        one.tcp.close()
    assert told == SOCKETS, f"only {told} sockets were told to resume"
    stalled.tcp.close()
    slow.tcp.close()
    server.http.close()
    server.start()
    try:
        for job_id in promised:
            assert server.job(job_id)["status"] == "pending"
    finally:
        server.kill()


def closing_code(one: RawSocket) -> int | None:
    try:
        while True:
            opcode, content = one.frame()
            if opcode == CLOSE:
                return int.from_bytes(content[:2])
    except (ConnectionError, OSError):
        return None
