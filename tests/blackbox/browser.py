"""Debian's Chromium and Node, driven by the small scripts in tests/browser.

A program under test calls `record(name, ...args)`; each call arrives here as one line of JSON.
"""

from __future__ import annotations

import contextlib
import functools
import json
import pathlib
import queue
import subprocess
import threading

from harness import PATIENCE, ROOT

FOLDER = ROOT / "tests" / "browser"


@functools.cache
def installed() -> pathlib.Path:
    """The folder of the scripts, with its dependencies as the lock file has them."""
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    if not all((FOLDER / "node_modules" / name).is_dir() for name in wanted):
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=FOLDER, check=True)
    return FOLDER


class Recorded:
    """The calls that a program makes, in order, as they come."""

    def __init__(self, process: subprocess.Popen):
        self.process = process
        self.calls: list[list] = []
        self.queue: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.queue.put(json.loads(line))
        self.queue.put(None)

    def take(self, patience: float = PATIENCE) -> list:
        """The next call: its name, then its arguments."""
        call = self.queue.get(timeout=patience)
        assert call is not None, f"the program ended after {self.calls}"
        assert call[0] != "failed", call
        self.calls.append(call)
        return call

    def next(self, name: str, patience: float = PATIENCE) -> list:
        """The arguments of the next call, which must have that name."""
        call = self.take(patience)
        assert call[0] == name, f"{call} instead of {name}, after {self.calls}"
        return call[1:]

    def until(self, name: str, patience: float = PATIENCE) -> list[list]:
        """All calls up to and with the next one of that name."""
        calls = [self.take(patience)]
        while calls[-1][0] != name:
            calls.append(self.take(patience))
        return calls


@contextlib.contextmanager
def started(command: list, text: str = "", **kwargs):
    """A program whose standard output is lines of JSON; `text` goes to its standard input, which stays open."""
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True, **kwargs)
    try:
        if text:
            process.stdin.write(text)
            process.stdin.flush()
        yield Recorded(process)
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_in_chromium(program: str):
    """Runs an ES module in an empty page, until the block ends."""
    return started(["node", installed() / "run-module.mjs"], json.dumps(program) + "\n")


def run_in_node(program: str):
    """Runs an ES module in Node, whose WebSocket is still behind a flag in version 20."""
    record = "globalThis.record = (...call) => process.stdout.write(JSON.stringify(call) + '\\n');\n"
    return started(["node", "--no-warnings", "--experimental-websocket", "--input-type=module", "-e", record + program])


def script(name: str, *arguments):
    """Runs one of the scripts in tests/browser."""
    return started(["node", installed() / name, *arguments])
