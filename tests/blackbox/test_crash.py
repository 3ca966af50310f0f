"""Durability: `kill -9` under load, again and again on one folder.

«A 2xx answer to a write means that the change and its event are on disk (fsync) before the answer leaves.» A killed
process tells no more than that nothing acknowledged waited in its memory; a lost disk cache is another test's matter.
EMIT_CRASH_ROUNDS and EMIT_CRASH_SEED repeat a run or lengthen it.
"""

import os
import random

import crash_rounds
import harness

ROUNDS = int(os.environ.get("EMIT_CRASH_ROUNDS", "20"))


def test_nothing_acknowledged_is_lost_and_no_number_is_given_twice(tmp_path):
    """«A 2xx answer to a write means that the change and its event are on disk»; «`seq`: per space, from 1, strictly
    increasing, no gaps, never reused, surviving restarts»; «it replays, in order, every stored event after SEQ, then
    goes live without gap or double»."""
    seed = os.environ.get("EMIT_CRASH_SEED") or str(random.randrange(10**9))
    print(f"EMIT_CRASH_SEED={seed} EMIT_CRASH_ROUNDS={ROUNDS}")
    server = harness.Server(tmp_path / "data").start()
    try:
        crash_rounds.play(server, ROUNDS, seed)
    finally:
        server.kill()
