#!/usr/bin/env python3
"""A worker that makes thumbnails of a film with ffmpeg, and tells Emit how far ffmpeg really is.

It knows nothing but HTTP and the standard library. EMIT_URL, EMIT_KEY (scope `jobs:worker`) and EMIT_SPACE come from
the environment; `--once` ends after one job, `--out` is where the pictures go.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import urllib.error
import urllib.request

API = os.environ["EMIT_URL"] + "/api/v1"
HEADERS = {"x-api-key": os.environ["EMIT_KEY"], "content-type": "application/json", "x-emit-worker": "thumbnails"}


class Gone(Exception):
    """The job is no longer ours: killed, or given to another worker."""


def post(path, body=None, delivery=None):
    headers = {**HEADERS, **({"x-emit-delivery": delivery} if delivery else {})}
    data = json.dumps(body or {}).encode()
    request = urllib.request.Request(API + path, data, headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 409:
            raise Gone(error.read().decode()) from None
        raise


def film(seconds, size, folder):
    """A generated film, so that the example needs no file: a test picture with a running clock."""
    path = pathlib.Path(folder) / "film.mp4"
    subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", f"testsrc2=duration={seconds}:size={size}",
                    "-c:v", "mpeg4", "-q:v", "5", str(path)], check=True)
    return path


def thumbnails(payload, out, tell):
    """Runs ffmpeg and passes on what it says of itself: `-progress` prints key=value lines while it works."""
    with tempfile.TemporaryDirectory() as folder:
        path = film(payload["seconds"], payload["size"], folder)
        errors = open(pathlib.Path(folder) / "errors", "w+")
        ffmpeg = subprocess.Popen(
            ["ffmpeg", "-loglevel", "error", "-nostdin", "-progress", "pipe:1", "-stats_period", "0.1", "-i", str(path),
             "-vf", f"fps={payload['perSecond']},scale={payload['width']}:-1", str(out / "%05d.png")],
            stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            seen = {}
            for line in ffmpeg.stdout:
                name, _, value = line.strip().partition("=")
                seen[name] = value
                # Each block ends with `progress=continue` or `progress=end`; times may be N/A before the first frame.
                if name == "progress" and seen.get("out_time_us", "N/A").isdigit():
                    percent = min(100, int(seen["out_time_us"]) / 1e6 / payload["seconds"] * 100)
                    tell({"percent": round(percent, 1), "frame": int(seen["frame"]), "speed": seen.get("speed", "")})
        except Gone:
            # Nobody wants the pictures any more: stop at once.
            ffmpeg.kill()
            ffmpeg.wait()
            raise
        if ffmpeg.wait() != 0:
            errors.seek(0)
            raise RuntimeError(errors.read()[-500:])
    return sorted(picture.name for picture in out.glob("*.png"))


def work(job, out):
    delivery = job["deliveryId"]

    def report(verb, body=None):
        return post(f"/jobs/{job['id']}/{verb}", body, delivery)

    report("ack")
    folder = out / job["id"]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        pictures = thumbnails(job["payload"], folder, lambda progress: report("progress", progress))
    except (RuntimeError, KeyError, subprocess.CalledProcessError) as error:
        report("fail", {"error": f"{type(error).__name__}: {error}"})
    else:
        report("complete", {"folder": str(folder), "pictures": len(pictures)})


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--once", action="store_true")
    options.add_argument("--out", type=pathlib.Path, default=pathlib.Path("thumbnails"))
    options = options.parse_args()
    while True:
        # The poll waits up to 30 s for a job: an idle worker makes two requests a minute.
        polled = post(f"/spaces/{os.environ['EMIT_SPACE']}/jobs/poll", {"names": ["thumbnails"], "waitSeconds": 30})
        for job in polled["jobs"]:
            try:
                work(job, options.out)
            except Gone as gone:
                print(f"{job['id']} is not ours any more: {gone}")
            if options.once:
                return


if __name__ == "__main__":
    main()
