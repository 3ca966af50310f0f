"""The report: a page of Markdown with pictures, and all figures as CSV."""

from __future__ import annotations

import csv
import pathlib
import statistics

import charts
import goals
from results import Results, Subject

#: Title of a table, its part, its columns: heading and figure. A column nobody has is left out.
TABLES = [
    ("Jobs: rates", "jobs", [
        ("life", "life, a second"), ("life with progress", "life with progress, a second"),
        ("life, batched", "life, batched, a second"), ("create", "create, a second"),
        ("create, batched", "create, batched, a second")]),
    ("Jobs: what a life costs the server", "jobs", [
        ("CPU s per 1,000 lives", "life, server CPU s per 1,000"),
        ("with progress", "life with progress, server CPU s per 1,000"),
        ("batched", "life, batched, server CPU s per 1,000"),
        ("disk flushes a life", "life, disk flushes each"),
        ("with progress, flushes", "life with progress, disk flushes each"),
        ("batched, flushes", "life, batched, disk flushes each"),
        ("cores that the load took", "life, cores that the load took"),
        ("batched ", "life, batched, cores that the load took")]),
    ("Jobs: from create to a worker's hands", "jobs", [
        ("200/s, p50 ms", "create to start at 200/s, p50 ms"), ("p99 ms", "create to start at 200/s, p99 ms"),
        ("at 70 % of its most, p50 ms", "create to start at 70 % of its most, p50 ms"),
        ("p99 ms ", "create to start at 70 % of its most, p99 ms")]),
    ("Jobs: a full queue", "jobs", [
        *((f"MB with {size} waiting", f"memory with {size} jobs waiting, MB") for size in ["1,000", "100,000"]),
        ("bytes a job", "memory of each waiting job, bytes"),
        *((f"rate of lives with {size} against none", f"life with {size} jobs waiting, against none")
          for size in ["1,000", "100,000", "1,000,000", "10,000,000"])]),
    ("Sockets: one message to all", "sockets", [
        (f"{sockets} {heading}", f"{sockets}: {figure}")
        for sockets in ["100", "1,000", "10,000"]
        for heading, figure in [("deliveries/s", "deliveries a second"),
                                ("CPU s per million", "server CPU s per million"),
                                ("load's cores", "cores that the load took")]]),
    ("Sockets: at a fixed rate, a topic each, and idle", "sockets", [
        ("50/s to 1,000, p50 ms", "paced to many, p50 ms"), ("p99 ms", "paced to many, p99 ms"),
        ("CPU s per million", "paced to many, server CPU s per million"),
        ("topic each: deliveries/s", "own topics: deliveries a second"),
        ("CPU s per million ", "own topics: server CPU s per million"),
        ("200/s, p50 ms", "own topics, paced: p50 ms"), ("p99 ms ", "own topics, paced: p99 ms"),
        ("kB an idle socket", "idle: kB a socket")]),
    ("Sockets: a tenth never reads", "sockets", [
        ("none slow, p99 ms", "none slow: p99 ms"), ("others' p99 ms", "a tenth slow: others' p99 ms"),
        ("ratio", "a tenth slow: others' p99, ratio"), ("MB grown", "a tenth slow: MB that the server grew by")]),
    ("End to end: a worker's progress call to a frame at the user", "end to end", [
        ("p50 ms", "progress to frame, p50 ms"), ("p99 ms", "progress to frame, p99 ms")]),
]


def write(results: Results, heading: list[str], folder: pathlib.Path, judge: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pictures = charts.draw(results, folder)
    (folder / "report.md").write_text(markdown(results, heading, pictures, judge))
    with (folder / "figures.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["part", "system", "mode", "version", "setting", "figure", "median", "min", "max", "rounds"])
        for (part, subject, figure), values in results.values.items():
            of = results.subjects[part, subject]
            rows.writerow([part, subject.name, subject.mode, of.version, of.setting, figure,
                           statistics.median(values), min(values), max(values), len(values)])


def markdown(results: Results, heading: list[str], pictures: list[charts.Chart], judge: bool) -> str:
    lines = ["# Emit beside its peers", "", *heading, ""]
    if not judge:
        lines += ["A quick run: it shows that everything works; too small and too short to judge a figure.", ""]
    lines += ["## Goals", "", *goals.table(results, judge), ""]
    lines += ["## Pictures", "", "Medians of the rounds; the thin line is their range.", ""]
    lines += [f"![{chart.title}]({chart.name}.svg)" for chart in pictures]
    lines += [""]
    for title, part, columns in TABLES:
        lines += table(results, title, part, columns)
    if results.ceilings:
        lines += ["## Ceilings: emit-bench in the same run", "", results.ceilings, ""]
    lines += ["## Who was measured, and how", "", "| | version | setting | load |", "| --- | --- | --- | --- |"]
    for (part, subject), of in results.subjects.items():
        lines.append(f"| {part}: {subject} | {of.version} | {of.setting} | {of.load} |")
    for failure in results.failures:
        lines += ["", f"**Failed:** {failure}"]
    return "\n".join(lines) + "\n"


def table(results: Results, title: str, part: str, columns: list[tuple[str, str]]) -> list[str]:
    subjects = results.of(part)
    columns = [(heading, figure) for heading, figure in columns
               if any((part, subject, figure) in results.values for subject in subjects)]
    if not columns:
        return []
    lines = [f"## {title}", "", f"| | {' | '.join(heading for heading, _ in columns)} |",
             "| --- |" + " --- |" * len(columns)]
    for subject in subjects:
        cells = [cell(results, part, subject, figure) for _, figure in columns]
        if any(text != "–" for text in cells):
            lines.append(f"| {subject} | {' | '.join(cells)} |")
    return [*lines, ""]


def cell(results: Results, part: str, subject: Subject, figure: str) -> str:
    values = results.values.get((part, subject, figure))
    if not values:
        return "–"
    return charts.number(statistics.median(values))
