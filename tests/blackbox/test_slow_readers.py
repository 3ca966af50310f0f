"""«**Slow clients** never slow anyone else, and memory per connection is bounded.»

A hundred sockets with a 4 KiB receive buffer read nothing while 100 MB are published. Publisher and ordinary reader are
processes of their own, so that this process's sockets cannot slow them.
"""

import concurrent.futures
import json
import multiprocessing
import statistics
import time

import httpx

import harness
from streams import RawSocket, newest_seq, wait_for

SLOW, EVENTS, EVENT_BYTES = 100, 5_000, 20_000
#: How many pairs of runs the median is taken of; more where a busy machine blurs it.
PAIRS, PAIRS_MAX, RATIO_MAX = 5, 9, 1.2
MB = 1_000_000


def publish(port: int, space: str) -> dict[int, float]:
    """Reports progress one by one; when the request of each event left, by its number."""
    server = harness.Server("unused")
    server.port = port
    with httpx.Client(headers={"x-api-key": harness.ADMIN_KEY}, timeout=harness.PATIENCE) as server.http:
        job = server.running(space)
        body = json.dumps({"filler": "x" * (EVENT_BYTES - 14)})
        sent = {}
        for _ in range(EVENTS):
            before = time.monotonic()
            sent[server.report(job["id"], "progress", body)["seq"]] = before
    return sent


def read(port: int, space: str, ready, got) -> None:
    """An ordinary reader: when each event arrived, by its number."""
    server = harness.Server("unused")
    server.port = port
    arrived = {}
    with server.ws(f"spaces/{space}") as ws:
        ready.set()
        while len(arrived) < EVENTS:
            frame = ws.recv(timeout=harness.PATIENCE)
            now = time.monotonic()
            message = json.loads(frame)
            if message["type"] == "progress":
                arrived[message["seq"]] = now
    got.put(arrived)


def p99_of_a_run(server, slow_readers: int) -> tuple[float, int]:
    """The 99th percentile of delivery, in seconds, and by how much the server's memory grew at its highest."""
    space = server.space()["id"]
    context = multiprocessing.get_context("spawn")
    ready, got = context.Event(), context.Queue()
    before = server.rss_bytes()
    with open(f"/proc/{server.pid}/clear_refs", "w") as clear:
        clear.write("5")  # starts VmHWM, the highest resident size, anew
    slow = [RawSocket(server, f"spaces/{space}", receive_buffer=4096) for _ in range(slow_readers)]
    assert all(one.status == 101 for one in slow)
    reader = context.Process(target=read, args=(server.port, space, ready, got))
    reader.start()
    try:
        assert ready.wait(harness.PATIENCE)
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            sent = pool.submit(publish, server.port, space).result()
        arrived = got.get(timeout=harness.PATIENCE)
        with open(f"/proc/{server.pid}/status") as status:
            highest = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    finally:
        reader.kill()
        reader.join()
        for one in slow:
            one.tcp.close()
    delays = sorted(arrived[seq] - sent[seq] for seq in sent)
    return delays[int(len(delays) * 0.99)], highest - before


def test_slow_readers_cost_neither_memory_nor_the_others_time():
    """«Slow clients never slow anyone else, and memory per connection is bounded»: with 100 of them and 100 MB, memory
    grows by less than 20 MB and the 99th percentile of an ordinary reader by less than a fifth."""
    with harness.server() as server:
        p99_of_a_run(server, 0)  # fills the caches that any load fills
        ratios, growths = [], []
        for number in range(PAIRS_MAX):
            if number >= PAIRS and statistics.median(ratios) < RATIO_MAX:
                break
            runs = {}
            # Which of the two comes first alternates, so that a machine getting slower does not speak for either.
            for slow in ((0, SLOW) if number % 2 else (SLOW, 0)):
                runs[slow] = p99_of_a_run(server, slow)
            ratios.append(runs[SLOW][0] / runs[0][0])
            growths.append(runs[SLOW][1])
            (alone, grown_alone), (beside, grown) = runs[0], runs[SLOW]
            print(f"pair {number}: p99 {alone * 1e3:.2f} ms alone, {beside * 1e3:.2f} ms beside {SLOW} slow readers, "
                  f"ratio {ratios[-1]:.2f}; memory +{grown / MB:.1f} MB (alone +{grown_alone / MB:.1f})")
        print(f"median ratio {statistics.median(ratios):.2f}, most memory +{max(growths) / MB:.1f} MB")
        assert max(growths) < 20 * MB
        assert statistics.median(ratios) < RATIO_MAX


def test_a_slow_reader_misses_nothing():
    """«a client that falls behind is served on from the store, in order, missing nothing»"""
    with harness.server() as server:
        space = server.space()["id"]
        job = server.running(space)
        first = newest_seq(server, space)
        with RawSocket(server, f"spaces/{space}", receive_buffer=4096) as raw:
            for number in range(300):
                server.report(job["id"], "progress", {"n": number, "filler": "x" * 50_000})
            last = newest_seq(server, space)
            seen = []
            while not seen or seen[-1]["seq"] < last:
                seen.append(json.loads(raw.frame()[1]))
        assert [(m["seq"], m["data"]["n"]) for m in seen] == [(first + 1 + n, n) for n in range(300)]


def test_the_others_go_on_while_one_sleeps():
    """«Slow clients never slow anyone else»: neither the readers of the same job, nor those who write."""
    with harness.server() as server:
        space = server.space()["id"]
        job = server.running(space)
        with RawSocket(server, job["id"], receive_buffer=4096) as sleeper, server.ws(job["id"]) as reader:
            harness.receive(reader)
            for number in range(300):
                server.report(job["id"], "progress", {"n": number, "filler": "x" * 50_000})
                assert harness.receive(reader)["data"]["n"] == number
            wait_for("the sleeper to be still there", sleeper.server_side_is_open)
