"""The wall clock stepping back and forth by hours, under load and between crashes.

libfaketime gives the server a clock that this test sets; its monotonic clocks go on as ever.
"""

import itertools
import pathlib
import random
import threading
import time

import pytest

import crash_rounds
import harness
from receivers import LOOPBACK, Receiver

ROUNDS = 6
STEPS = ["+3h", "-2h", "+0", "+26h", "-90m", "+20m", "-25h"]


@pytest.fixture
def server(tmp_path):
    """A server whose wall clock is off by what `server.clock` says."""
    (library,) = pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    one = harness.Server(tmp_path / "data", *LOOPBACK, env={
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    one.clock = clock
    yield one.start()
    one.kill()


def put(server, offset: str) -> None:
    new = server.clock.with_suffix(".new")
    new.write_text(offset)
    new.rename(server.clock)


def test_steps_of_the_clock_lose_and_double_nothing(server):
    """«Clock steps back or forth must not lose or double a job»; «`timestamp` never falls along `seq`»."""
    over, steps = threading.Event(), itertools.cycle(STEPS)

    def step():
        # The pace does not matter: some steps fall into the load, some between a crash and the next start.
        while not over.wait(0.05):
            put(server, next(steps))

    stepper = threading.Thread(target=step)
    stepper.start()
    try:
        crash_rounds.play(server, ROUNDS, str(random.randrange(10**9)))
    finally:
        over.set()
        stepper.join()


def test_a_clock_set_back_delays_no_timeout(server):
    """A job whose worker is silent comes back in time."""
    space = server.space()["id"]
    job = server.create(space, timeoutSeconds=2, deliveryTimeoutSeconds=1)
    assert server.poll(space)[0]["id"] == job["id"]
    put(server, "-5h")
    (again,) = server.poll(space, waitSeconds=30)
    assert (again["id"], again["deliveryCount"]) == (job["id"], 2)


def test_a_corrected_clock_dates_what_is_signed(server):
    """«signed after Standard Webhooks»: receivers refuse what is minutes away from their own, right clock."""
    put(server, "+2h")
    with Receiver() as receiver:
        space = server.space(push={"url": receiver.url + "/wake"})["id"]
        server.report(server.running(space, callbackUrl=receiver.url + "/told")["id"], "complete", {})
        for path in ("/wake", "/told"):
            (request,) = receiver.received(1, path)[:1]
            ahead = int(request.headers["webhook-timestamp"]) - time.time()
            assert 7_000 < ahead < 7_300, (path, ahead)
