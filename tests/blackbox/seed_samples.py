"""The seed page's own samples, cut out of tests/seed/websockets.txt whenever the tests run.

The page was saved as text, which glued a sample's end to the next one's start and lost all indentation. Cutting undoes
just that: JavaScript does not care, Python gets its blanks back by rule. No word of a sample is changed but scheme,
host, ids and tokens.
"""

from __future__ import annotations

import json
import re

from harness import ROOT

TEXT = (ROOT / "tests" / "seed" / "websockets.txt").read_text()
WEBSOCKET = "const ws = new WebSocket("


def cut(start: str, end: str, after: str = "") -> str:
    """The text from `start` to and with `end`, searched behind `after`; each must be there."""
    begin = TEXT.index(after) + len(after)
    begin = TEXT.index(start, begin)
    return TEXT[begin:TEXT.index(end, begin) + len(end)]


def public_token() -> str:
    """JavaScript: a job created by the backend, watched by the frontend with the space's public token."""
    return cut("// Backend: create a job, return the job ID to your client\n", "\n};")


def job_stream() -> str:
    """JavaScript: the job stream with a `switch` over its types."""
    return cut(WEBSOCKET, "\n};", after="\ntoken | Yes | API key with jobs:read:progress or higher. |\n")


def job_stream_in_python() -> str:
    return indented(cut("import asyncio\n", '"emit_YOUR_KEY"))'))


def websocat() -> str:
    return cut('websocat "', '$EMIT_KEY"')


def messages() -> list[dict]:
    """The JSON samples of events, in the page's order."""
    found = [json.loads(piece) for piece in re.findall(r"^\{\n.*?^\}", TEXT, re.MULTILINE | re.DOTALL)]
    return [message for message in found if "type" in message]


def space_stream() -> str:
    """JavaScript: the space stream, one console line an event."""
    return cut(WEBSOCKET, "\n};", after="Must be scoped to this space if the key is space-scoped. |\n")


def space_stream_in_python() -> str:
    return indented(cut("async def watch_space", '"emit_YOUR_KEY"))'))


def submit_and_watch() -> str:
    """JavaScript: both halves of the pattern."""
    return cut("// Backend: create job and return ID to client\n", "\n};", after="Submit-and-watch\n")


def dashboard() -> str:
    return cut(WEBSOCKET, "\n};", after="Dashboard live feed\n")


def aimed_at(server, sample: str, **replaced: str) -> str:
    """The sample with the host of this test's server, and ids and tokens as given."""
    aimed, hosts = re.subn(r"wss://emit\.run", f"ws://127.0.0.1:{server.port}", sample)
    assert hosts == 1, sample
    for old, new in {"01JLQX...": replaced.get("id"), "emit_YOUR_KEY": replaced.get("key")}.items():
        if new:
            assert old in aimed
            aimed = aimed.replace(old, new)
    return aimed


def indented(flat: str) -> str:
    """Python's blanks restored: a colon opens a block, `case` goes back to its `match`, `asyncio.run` to the margin."""
    depth, of_case, lines = 0, 0, []
    for line in flat.split("\n"):
        if line.startswith(("asyncio.run", "async def", "import ")):
            depth = 0
        if line.startswith("case "):
            depth = of_case
        lines.append("    " * depth + line)
        if line.endswith(":"):
            depth += 1
        if line.startswith("match "):
            of_case = depth
    return "\n".join(lines)
