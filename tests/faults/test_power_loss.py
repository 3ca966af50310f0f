"""Power loss: after `kill -9` under load the disk forgets, at random, what was not yet synced.

A shim logs every change and every sync of the store's files; from the log comes what a disk may hold: nothing that was
not synced, some of the writes, some pages or sectors of them, a torn last one; a folder that knows of new files or not.
EMIT_POWER_LOSS_ROUNDS lengthens a run, EMIT_POWER_LOSS_SEED repeats it.
"""

import os
import random

import crash_rounds
import disk
import harness

ROUNDS = int(os.environ.get("EMIT_POWER_LOSS_ROUNDS", "10"))


def test_a_disk_that_forgets_what_was_not_synced_keeps_every_promise(tmp_path):
    """«A 2xx answer to a write means that the change and its event are on disk (fsync) before the answer leaves»;
    «`seq`: … never reused, surviving restarts»."""
    seed = os.environ.get("EMIT_POWER_LOSS_SEED") or str(random.randrange(10**9))
    print(f"EMIT_POWER_LOSS_SEED={seed} EMIT_POWER_LOSS_ROUNDS={ROUNDS}")
    data, log = (tmp_path / "data").resolve(), tmp_path / "disk.log"
    server = harness.Server(data).start()  # the first start makes the folder; the shim comes with the second
    server.stop()
    server.env |= {"LD_PRELOAD": str(disk.shim(tmp_path)), "EMIT_DISK_DIR": str(data), "EMIT_DISK_LOG": str(log)}
    state = disk.Disk(data)
    modes: dict[str, int] = {}

    def lose_power(rng):
        state.replay(log.read_bytes())
        log.write_bytes(b"")
        how = state.lose_power(rng)
        modes[how] = modes.get(how, 0) + 1

    server.start()
    try:
        crash_rounds.play(server, ROUNDS, seed, lose_power)
    finally:
        server.kill()
    print(f"{state.syncs} syncs, {state.forgotten} changes not synced in time; {modes}")
    assert state.syncs > ROUNDS and state.forgotten > 0, "the shim saw nothing"
