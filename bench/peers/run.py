#!/usr/bin/env python3
"""Runs Emit and its peers on this machine under the same load, and writes a report. `./task peers` installs what this
needs and calls it; docs/benchmarks.md says how to read what comes out."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import pathlib
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import traceback

import ceilings
import job_phases
import job_systems
import machine
import report
import socket_phases
import socket_servers
from results import Results

PARTS = ["jobs", "sockets", "end-to-end", "ceilings"]

#: The ceilings have a quick form of their own: `./task bench --quick`.
QUICK_PARTS = PARTS[:-1]


def main() -> int:
    arguments = parsed()
    raise_descriptor_limit()
    # Whoever stops the run stops its servers with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    programs = job_systems.Programs(arguments.emit.resolve(), arguments.bench.resolve())
    results = Results()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="emit-peers-", dir=arguments.scratch))
    began = datetime.datetime.now(datetime.UTC)
    try:
        syncs = machine.syncs_a_second(scratch, 0.5 if arguments.quick else 3)
        for part in arguments.only:
            # What the other parts found out is worth a report all the same.
            try:
                measure(part, arguments, programs, scratch, results)
            except Exception as error:
                traceback.print_exc()
                results.failed(part, error)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    took = datetime.datetime.now(datetime.UTC) - began
    heading = [
        f"{began:%Y-%m-%d %H:%M} UTC, {took.seconds // 60} min {took.seconds % 60} s. {machine.described()}.",
        f"The disk: {syncs:,.0f} times a second 4 KiB overwritten and synced, one after the other.",
        "", f"Made by `{command(arguments)}`.",
    ]
    report.write(results, heading, arguments.out, judge=not arguments.quick)
    print((arguments.out / "report.md").read_text())
    return 1 if results.failures else 0


def command(arguments: argparse.Namespace) -> str:
    """Without paths: they are of this machine."""
    words = ["./task", "peers"]
    words += ["--quick"] if arguments.quick else []
    words += ["--only", ",".join(arguments.only)]
    words += ["--systems", ",".join(arguments.systems)] if arguments.systems else []
    words += ["--rounds", str(arguments.rounds)] if arguments.rounds else []
    words += [word for jobs in arguments.backlog for word in ["--backlog", str(jobs)]]
    return shlex.join(words)


def measure(part: str, arguments: argparse.Namespace, programs: job_systems.Programs, scratch: pathlib.Path,
            results: Results) -> None:
    jobs = job_phases.QUICK if arguments.quick else job_phases.FULL
    sockets = socket_phases.QUICK if arguments.quick else socket_phases.FULL
    if arguments.rounds:
        jobs, sockets = (dataclasses.replace(sizes, rounds=arguments.rounds) for sizes in [jobs, sockets])
    jobs = dataclasses.replace(jobs, backlogs=jobs.backlogs + arguments.backlog)
    match part:
        case "jobs":
            job_phases.run(chosen(job_systems.SYSTEMS, arguments), programs, scratch, jobs, results)
        case "sockets":
            socket_phases.run(chosen(socket_servers.SERVERS, arguments), programs, scratch, sockets, results)
        case "end-to-end":
            servers = chosen(socket_servers.END_TO_END, arguments)
            socket_phases.run_end_to_end(servers, programs, scratch, sockets, results)
        case "ceilings":
            ceilings.run(programs, scratch, arguments.quick, results)


def chosen(all_of_them: list, arguments: argparse.Namespace) -> list:
    return [one for one in all_of_them if not arguments.systems or one.subject.name in arguments.systems]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="at most two minutes: shows that everything works")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("target/peers"), help="the report's folder")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"of {','.join(PARTS)}")
    parser.add_argument("--systems", type=lambda text: text.split(","), default=[],
                        help="only the systems of these names")
    parser.add_argument("--rounds", type=int, help="instead of three")
    parser.add_argument("--backlog", type=int, action="append", default=[], metavar="JOBS",
                        help="lives in a queue that full, too: 10000000")
    parser.add_argument("--emit", type=pathlib.Path, default=pathlib.Path("target/release/emit"))
    parser.add_argument("--bench", type=pathlib.Path, default=pathlib.Path("target/release/emit-bench"))
    parser.add_argument("--scratch", type=pathlib.Path, help="where the stores live; on a tmpfs syncs cost nothing")
    arguments = parser.parse_args()
    if not arguments.only:
        arguments.only = QUICK_PARTS if arguments.quick else PARTS
    unknown = set(arguments.only) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    return arguments


def raise_descriptor_limit() -> None:
    """10,000 sockets need more than the usual soft limit of 1,024; children inherit what is set here."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    sys.exit(main())
