#!/usr/bin/env python3
"""What changes gave: servers of several commits under the same load, in turns: `./task ladder COMMIT COMMIT…`.

The load is today's, and so are the lives: create, poll, ack, progress, complete. Each figure stands beside the first
commit's of the same rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "peers"))
from job_phases import FULL, Done, load, queue  # noqa: E402
from job_systems import Programs, Running, start_emit  # noqa: E402  (the peers' own way to start Emit and its load)

BATCHES = {"single calls": 1, f"calls of {FULL.batch}": FULL.batch}


@dataclasses.dataclass
class Step:
    """One commit's server, and of each kind of call what was done in each round."""

    commit: str
    running: Running
    found: dict[str, list[Done]]


def built(commit: str, folder: pathlib.Path) -> pathlib.Path:
    """The commit's binary. Built once, in a worktree and a build folder that all commits share."""
    binary = folder / f"emit-{commit}"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if binary.exists():
            return binary
        source = folder / "source"
        # A folder that is no worktree of its own would stand for the one around it.
        if not (source / ".git").exists():
            shutil.rmtree(source, ignore_errors=True)
            git("worktree", "prune")
            git("worktree", "add", "--detach", source)
        git("-C", source, "checkout", "--quiet", "--force", "--detach", commit)
        build = ["cargo", "build", "--quiet", "--release", "--locked", "-p", "emit", "--target-dir", folder / "build"]
        subprocess.run(list(map(str, build)), cwd=source, check=True)
        copied = binary.with_suffix(".new")
        shutil.copy(folder / "build/release/emit", copied)
        copied.rename(binary)
    return binary


def git(*words) -> str:
    done = subprocess.run(["git", *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def live(step: Step, calls: str, number: int, seconds: float) -> None:
    asked = {"phase": "lives", "progress": True, "clients": FULL.clients, "batch": BATCHES[calls],
             "queue": queue(calls, number)}
    step.running.driver.ask(**asked, seconds=seconds / 4)
    step.found[calls].append(load(step.running, asked, seconds))


def table(steps: list[Step]) -> str:
    lines = ["| commit | subject | " + " | ".join(f"{calls}: lives a second | CPU" for calls in BATCHES) + " |",
             "| --- " * (2 + 2 * len(BATCHES)) + "|"]
    for step in steps:
        cells = []
        for calls in BATCHES:
            for figure in (lambda done: done.rate, lambda done: done.server_cpu_per_thousand):
                ratios = [figure(one) / figure(first) for one, first in zip(step.found[calls], steps[0].found[calls])]
                cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        subject = git("log", "-1", "--format=%s", step.commit)
        lines.append(f"| {step.commit} | {subject} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("commits", nargs="+", metavar="COMMIT")
    arguments.add_argument("--rounds", type=int, default=6)
    arguments.add_argument("--seconds", type=float, default=2, help="of each round and kind of call (default 2)")
    arguments.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("target/ladder"),
                           help="where they are built, in a worktree of this repository, and kept")
    arguments.add_argument("--bench", type=pathlib.Path, default=pathlib.Path("target/release/emit-bench"))
    chosen = arguments.parse_args()
    folder = chosen.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    commits = [git("rev-parse", "--verify", "--short", f"{commit}^{{commit}}") for commit in chosen.commits]
    binaries = [built(commit, folder) for commit in commits]
    with contextlib.ExitStack() as stack:
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emit-ladder-")))
        steps = []
        # The same commit may stand there twice: that shows how much chance there is in the figures.
        for number, (commit, binary) in enumerate(zip(commits, binaries)):
            data = scratch / f"{number}-{commit}"
            data.mkdir()
            running = start_emit(Programs(binary, chosen.bench.resolve()), data)
            stack.callback(running.stop)
            steps.append(Step(commit, running, {calls: [] for calls in BATCHES}))
        for calls in BATCHES:
            for number in range(chosen.rounds):
                # Each second round the other way round: whoever comes after somebody is not always the same.
                for step in steps if number % 2 == 0 else reversed(steps):
                    os.sync()
                    live(step, calls, number, chosen.seconds)
        print(table(steps))
    return 0


if __name__ == "__main__":
    sys.exit(main())
