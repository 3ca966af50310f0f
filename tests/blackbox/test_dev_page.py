"""`emit dev` in a browser: one click, a job, a progress bar, and no key in the page but the public one."""

import os
import re
import signal
import subprocess
import threading

import pytest

import browser
import harness
from streams import wait_for


@pytest.fixture
def dev():
    """The link that `emit dev` prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("EMIT_")}
    process = subprocess.Popen([str(harness.BINARY), "dev", "--listen", "127.0.0.1:0"], env=env, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    lines = []
    threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True).start()
    try:
        yield wait_for("the link", lambda: (
            (found := re.search(r"http://127\.0\.0\.1:[1-9]\d*/\S*", "".join(lines))) and found.group()))
        process.send_signal(signal.SIGTERM)
        assert process.wait(harness.PATIENCE) == 0, "".join(lines)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_click_creates_a_job_and_its_bar_fills(dev, tmp_path):
    """Issue: «one small page … that creates a demo job and watches it as a progress bar with the public token»; section
    2: the public token «may be embedded», and is the only key the page ever has."""
    screenshot = tmp_path / "dev-page.png"
    with browser.script("dev-page.mjs", dev, screenshot) as page:
        calls = page.until("keys", patience=4 * harness.PATIENCE)
    told = {call[0]: call[1] for call in calls}
    assert told["values"][-1] == 100 and len(told["values"]) > 2, "the bar moves, it does not jump"
    assert told["values"] == sorted(told["values"])
    assert "completed" in told["status"]
    for event in ("acked", "progress", "completed"):
        assert event in told["log"]
    assert len(told["keys"]) == 1 and told["keys"][0].startswith("emit_pub_"), told["keys"]
    assert "/api/v1/realtime/" in told["websocket"], "watched over a WebSocket, as the seed does it"
    assert screenshot.stat().st_size > 1000
