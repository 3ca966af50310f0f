"""The pictures: bars drawn as SVG, the range of the rounds as a line through each bar's end."""

from __future__ import annotations

import dataclasses
import html
import pathlib
import statistics

from results import Results, Subject


@dataclasses.dataclass
class Chart:
    name: str
    title: str
    part: str
    figure: str


CHARTS = [
    Chart("lives", "Lives a second, single calls, each system's shortest", "jobs", "life, a second"),
    Chart("lives-with-progress", "Lives a second with a progress report, single calls", "jobs",
          "life with progress, a second"),
    Chart("lives-batched", "Lives a second in batches", "jobs", "life, batched, a second"),
    Chart("create-to-start", "From create to a worker's hands at 200 a second, p50 in ms", "jobs",
          "create to start at 200/s, p50 ms"),
    Chart("server-cpu", "CPU seconds of the server for 1,000 lives", "jobs", "life, server CPU s per 1,000"),
    *(Chart(f"deliveries-{sockets.replace(',', '')}", f"Deliveries a second to {sockets} sockets", "sockets",
            f"{sockets}: deliveries a second") for sockets in ["100", "1,000", "10,000"]),
    Chart("idle-memory", "Memory of an idle socket in kB", "sockets", "idle: kB a socket"),
    Chart("end-to-end", "From a worker's progress call to the frame at the user, p50 in ms", "end to end",
          "progress to frame, p50 ms"),
]

WIDTH, LABELS, NUMBERS = 760, 200, 90
ROW, BAR, HEAD = 26, 16, 44
EMIT_FILL, DURABLE_FILL, OTHER_FILL = "#d9480f", "#495057", "#adb5bd"


def draw(results: Results, folder: pathlib.Path) -> list[Chart]:
    """Those for which the run has figures."""
    drawn = []
    for chart in CHARTS:
        bars = [(subject, results.values[chart.part, subject, chart.figure]) for subject in results.of(chart.part)
                if (chart.part, subject, chart.figure) in results.values]
        if bars:
            (folder / f"{chart.name}.svg").write_text(svg(chart.title, bars))
            drawn.append(chart)
    return drawn


def svg(title: str, bars: list[tuple[Subject, list[float]]]) -> str:
    most = max(max(values) for _, values in bars) or 1
    scale = (WIDTH - LABELS - NUMBERS) / most
    height = HEAD + ROW * len(bars) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        f' font-family="sans-serif" font-size="13" role="img" aria-label="{html.escape(title)}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="24" font-size="15" font-weight="bold">{html.escape(title)}</text>',
    ]
    for row, (subject, values) in enumerate(bars):
        top = HEAD + ROW * row
        value = max(0.0, statistics.median(values))
        middle, base = top + BAR / 2, top + BAR - 4
        least, greatest = (LABELS + max(0.0, edge) * scale for edge in (min(values), max(values)))
        lines += [
            f'<text x="{LABELS - 8}" y="{base}" text-anchor="end">{html.escape(str(subject))}</text>',
            f'<rect x="{LABELS}" y="{top}" width="{max(1.0, value * scale):.1f}" height="{BAR}"'
            f' fill="{fill(subject)}"/>',
            f'<line x1="{least:.1f}" x2="{greatest:.1f}" y1="{middle}" y2="{middle}" stroke="black"/>',
            f'<text x="{max(greatest, LABELS + 1) + 6:.1f}" y="{base}">{number(value)}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def fill(subject: Subject) -> str:
    if subject.name.startswith("Emit"):
        return EMIT_FILL
    return OTHER_FILL if subject.mode == "default" else DURABLE_FILL


def number(value: float) -> str:
    """Three digits that say something, whatever the size."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1 else f"{value:.3f}"
