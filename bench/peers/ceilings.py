"""What nothing could beat here: emit-bench's own run beside bare servers, in the middle of the same report. Against a
bare server the load generator shows what it can do itself."""

from __future__ import annotations

import pathlib
import subprocess

from job_systems import Programs
from results import Described, Results, Subject

PART = "ceilings"
EMIT = Subject("Emit", "")
PARTS = "lives,batches,latency,fanout,idle,in-process,polls"


def run(programs: Programs, scratch: pathlib.Path, quick: bool, results: Results) -> None:
    report = scratch / "emit-bench.md"
    command = [programs.bench, "--emit", programs.emit, "--only", PARTS, "--scratch", scratch, "--report", report]
    # It judges its own bounds by its exit code; here only a part that failed counts, and the report names it.
    subprocess.run([*command, *(["--quick"] if quick else [])], stdout=subprocess.DEVNULL, check=False)
    if not report.exists():
        results.failed("ceilings", RuntimeError("emit-bench wrote no report"))
        return
    results.ceilings = report.read_text()
    results.describe(PART, EMIT, Described("emit-bench", "as above", "emit-bench"))
    for line in results.ceilings.splitlines():
        if line.startswith("**Failed:**"):
            results.failed("ceilings", RuntimeError(line))
        cells = [cell.strip() for cell in line.split("|")]
        # | figure | measured | ceiling | ratio | …
        if len(cells) > 4 and cells[4].replace(".", "", 1).isdigit():
            results.add(PART, EMIT, f"{cells[1]}: ratio", float(cells[4]))
