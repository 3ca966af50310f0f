"""Everything under examples/ runs, and shows what it says."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import browser
import harness
from harness import PATIENCE, ROOT
from receivers import LOOPBACK

EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(path for path in (EXAMPLES / "curl").glob("*.sh") if path.name != "lib.sh")


@pytest.fixture(scope="module")
def emit():
    """The receiver of the callbacks' example is on this machine."""
    with harness.server(*LOOPBACK) as one:
        yield one


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_curl_example(emit, script):
    """Issue: «One curl example a feature, all run in CI»; each exits non-zero when an answer is not what it shows."""
    run = subprocess.run([script], env={**os.environ, "EMIT_URL": emit.origin, "EMIT_KEY": harness.ADMIN_KEY},
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=3 * PATIENCE)
    print(run.stdout)
    assert run.returncode == 0


def test_there_is_one_example_a_feature():
    """The examples are numbered without a hole, open with a sentence, and use bash, curl and jq."""
    assert [int(path.name[:2]) for path in SCRIPTS] == list(range(1, len(SCRIPTS) + 1)) and len(SCRIPTS) >= 20
    for script in SCRIPTS:
        first, second, third = script.read_text().splitlines()[:3]
        assert first == "#!/usr/bin/env bash" and second.startswith("# ") and third.startswith(("#", "source"))


def test_an_example_fails_where_the_answer_differs(emit, tmp_path):
    """«exits non-zero when something differs»: the checks of lib.sh are no decoration."""
    for line in ("expect '{\"a\": 1}' '.a == 2'", "same 1 2", 'curl "${emit[@]}" "$api/jobs/none"'):
        script = tmp_path / "wrong.sh"
        script.write_text(f'source "{EXAMPLES}/curl/lib.sh"\n{line}\n')
        env = {**os.environ, "EMIT_URL": emit.origin, "EMIT_KEY": harness.ADMIN_KEY}
        assert subprocess.run(["bash", script], env=env, capture_output=True).returncode != 0, line


def test_thumbnails_watched_by_a_page_with_the_public_token(emit, space, tmp_path):
    """Issue: «a worker that does real work: …, progress from the tool's real output, watched by a page that holds only
    the public token»."""
    folder = EXAMPLES / "thumbnails"
    env = {**os.environ, "EMIT_URL": emit.origin, "EMIT_SPACE": space, "FILM_SECONDS": "60"}
    link = subprocess.run([folder / "submit.sh"], env={**env, "EMIT_KEY": harness.ADMIN_KEY}, check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()
    public = emit.public_token(space)
    assert re.findall(r"emit_\w+", link) == [public]

    shots = tmp_path / "watch.png"
    with browser.script("watch-page.mjs", link, shots) as page:
        # The worker starts when the page watches, or the page would see only the end.
        page.until("websocket")
        worker = subprocess.Popen([sys.executable, folder / "worker.py", "--once", "--out", tmp_path],
                                  env={**env, "EMIT_KEY": emit.token(space, ["jobs:worker"])})
        try:
            page.until("end", patience=4 * PATIENCE)
            assert worker.wait(PATIENCE) == 0
        finally:
            worker.kill()
            worker.wait()

    bar = [call[1] for call in page.calls if call[0] == "shown"]
    assert bar == sorted(bar) and len(set(bar)) > 3, f"the bar moved: {bar}"
    assert page.calls[-1][1] == "completed" and page.calls[-1][2] > 90
    keys = {key for call in page.calls for part in call for key in re.findall(r"emit_\w{16,}", str(part))}
    assert keys == {public}, "the page holds only the public token"
    assert shots.stat().st_size > 1000

    (job,) = emit.call("GET", f"/spaces/{space}/jobs?include=result", expect=200).json()
    pictures = sorted(pathlib.Path(job["result"]["folder"]).glob("*.png"))
    # A minute at five a second; ffmpeg may round the last one away or in.
    assert job["result"]["pictures"] == len(pictures) and abs(len(pictures) - 300) <= 1
    assert pictures[0].read_bytes().startswith(b"\x89PNG")
    # What the page showed is what ffmpeg said: frames and speed, never more than there are.
    told = [event["data"] for event in emit.job(job["id"])["events"] if event["type"] == "progress"]
    assert told and all(0 <= t["percent"] <= 100 and t["frame"] <= len(pictures) for t in told)
