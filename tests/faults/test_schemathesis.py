"""Schemathesis over `/api/openapi.json`: every call with what its description allows, and with what it forbids.

One worker: with more, Python 3.11 now and then fails in `ast.parse` (python/cpython issue 106905), and no faster.
EMIT_SCHEMATHESIS_EXAMPLES and EMIT_SCHEMATHESIS_SECONDS lengthen a run; the seed it prints repeats it.
"""

import os
import pathlib
import subprocess
import sys

import harness
from calls import still_serves

EXAMPLES = os.environ.get("EMIT_SCHEMATHESIS_EXAMPLES", "4")
SECONDS = os.environ.get("EMIT_SCHEMATHESIS_SECONDS", "25")


def test_the_server_is_what_its_description_says(emit):
    """No 500, no undocumented status or content type, nothing accepted that the schema forbids, …"""
    space = emit.space()["id"]
    job = emit.create(space)["id"]
    emit.poll(space)
    emit.report(job, "ack")
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file",
         pathlib.Path(__file__).parent / "schemathesis.toml", "run", f"{emit.origin}/api/openapi.json",
         "--header", f"x-api-key: {harness.ADMIN_KEY}", "--phases", "examples,coverage,fuzzing",
         "--max-examples", EXAMPLES, "--max-time", SECONDS, "--workers", "1", "--warnings", "off", "--no-color",
         "--continue-on-failure", "--generation-database", "none"],
        capture_output=True, text=True)
    print(done.stdout[-3000:])
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert "Tested: " in done.stdout
    still_serves(emit)
