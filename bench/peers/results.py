"""All figures of a run: what was measured, of whom, how often."""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time


@dataclasses.dataclass(frozen=True)
class Subject:
    """A system in one of its settings."""

    name: str
    mode: str  # "durable" or "default"; sockets have none

    def __str__(self) -> str:
        return f"{self.name}, {self.mode}" if self.mode else self.name


@dataclasses.dataclass
class Described:
    version: str
    setting: str
    load: str


class Results:
    def __init__(self):
        self.values: dict[tuple[str, Subject, str], list[float]] = {}
        self.subjects: dict[tuple[str, Subject], Described] = {}
        self.failures: list[str] = []
        self.ceilings: str = ""
        self.began = time.monotonic()

    def describe(self, part: str, subject: Subject, described: Described) -> None:
        self.subjects[part, subject] = described

    def add(self, part: str, subject: Subject, figure: str, value: float | None) -> None:
        if value is not None:
            self.values.setdefault((part, subject, figure), []).append(value)
            self._say(f"{part}: {subject}: {figure} {value:,.3f}")

    def failed(self, what: str, error: Exception) -> None:
        self.failures.append(f"{what}: {error}")
        self._say(f"FAILED {what}: {error}")

    def _say(self, words: str) -> None:
        print(f"{time.monotonic() - self.began:5.0f} s  {words}", file=sys.stderr, flush=True)

    def median(self, part: str, subject: Subject, figure: str) -> float | None:
        values = self.values.get((part, subject, figure))
        return statistics.median(values) if values else None

    def of(self, part: str) -> list[Subject]:
        return [subject for of_part, subject in self.subjects if of_part == part]
