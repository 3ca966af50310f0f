"""The WebSocket codec against the Autobahn cases (`kosoku`), through an echo server that is built of the same code."""

import json
import os
import re
import subprocess
import sys

import pytest

from harness import PATIENCE, ROOT


@pytest.fixture(scope="module")
def echo():
    """HOST:PORT of the example `echo`, running: built as `cargo test` has built it already, with the same features."""
    built = subprocess.run(
        ["cargo", "build", "--locked", "--workspace", "--examples", "--message-format=json"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
    program = next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "echo")
    process = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"listening on (\S+:\d+)", process.stdout.readline()).group(1)
    finally:
        process.kill()
        process.wait()


def test_every_case_of_the_suite_passes(echo, tmp_path):
    """RFC 6455, all that clients can do wrong and right; cases 12 and 13 are compression, which is not offered."""
    kosoku = os.path.join(os.path.dirname(sys.executable), "kosoku")
    run = subprocess.run([kosoku, "-m", "fuzzingclient", "-x", "12.*", "-x", "13.*", "-o", tmp_path, f"{echo}/"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10 * PATIENCE)
    print(run.stdout[-3000:])
    assert run.returncode == 0
    (cases,) = json.loads((tmp_path / "index.json").read_text()).values()
    # A suite that ran nothing passes nothing.
    assert len(cases) >= 300
    assert not [case for case, result in cases.items() if result["behavior"] == "FAILED"]
