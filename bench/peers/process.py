"""Child processes: each has a folder of its own, is waited for, and is gone with its handle."""

from __future__ import annotations

import json
import pathlib
import select
import socket
import subprocess
import time

#: How long a server may take to listen on a busy machine, in seconds.
START_SECONDS_MAX = 60

#: How long a phase may take beyond what it was told, in seconds: a slow system ends what it has begun.
PHASE_SECONDS_MAX = 400


class Server:
    """A server that listens on a port of the loopback."""

    def __init__(self, command: list, folder: pathlib.Path, port: int, environment: dict | None = None):
        self.port = port
        self.folder = folder
        self.log = folder / "output.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(list(map(str, command)), cwd=folder, env=environment, stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        self.pid = self.process.pid
        deadline = time.monotonic() + START_SECONDS_MAX
        while not listens(port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{command[0]} did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        stop(self.process)


def listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Driver:
    """A load generator that is told phases and says what came of them, a line of JSON each."""

    def __init__(self, command: list, folder: pathlib.Path):
        self.log = folder / "driver.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=log, text=True)
        self.pid = self.process.pid

    def ask(self, **phase) -> dict:
        try:
            self.process.stdin.write(json.dumps(phase) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self._fail(phase)
        ready, _, _ = select.select([self.process.stdout], [], [], phase.get("seconds", 0) + PHASE_SECONDS_MAX)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self._fail(phase)
        return json.loads(line)

    def _fail(self, phase: dict):
        self.stop()
        raise RuntimeError(f"{phase}: the load ended early or hung:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        stop(self.process)
