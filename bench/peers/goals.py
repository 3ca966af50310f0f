"""The goals: each a ratio of two figures of the same run, and a plain yes or no."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from results import Results, Subject

EMIT = Subject("Emit", "durable")


@dataclasses.dataclass
class Goal:
    """`value` gives the figure that is judged and the words on what it stands beside, or None where it was not
    measured. Without `holds` it is only told."""

    figure: str
    bound: str
    holds: Callable[[float], bool] | None
    value: Callable[[Results], tuple[float, str] | None]


NO_BOUND = ("none", None)


def at_least(bound: float) -> tuple[str, Callable[[float], bool]]:
    return f"≥ {bound:g}", lambda value: value >= bound


def at_most(bound: float) -> tuple[str, Callable[[float], bool]]:
    return f"≤ {bound:g}", lambda value: value <= bound


def durable_peers(results: Results) -> list[Subject]:
    return [subject for subject in results.of("jobs") if subject.mode == "durable" and subject != EMIT]


def figure_of(results: Results, peer: Subject, figures: Iterable[str]) -> float | None:
    """The first of these figures that the peer has."""
    found = (results.median("jobs", peer, figure) for figure in figures)
    return next((value for value in found if value is not None), None)


def against_best(emits: str, *peers: str, most: bool = True):
    """Emit's figure through the best durable peer's, of each peer the first of these figures that it has."""
    def value(results: Results):
        ours = results.median("jobs", EMIT, emits)
        theirs = [(figure_of(results, peer, peers), peer) for peer in durable_peers(results)]
        theirs = [pair for pair in theirs if pair[0] is not None]
        if ours is None or not theirs:
            return None
        best, who = (max if most else min)(theirs, key=lambda pair: pair[0])
        return ours / best, f"{ours:,.4g} beside {best:,.4g} of {who.name}"
    return value


def against(name: str, emits: str, peers: str):
    def value(results: Results):
        ours = results.median("jobs", EMIT, emits)
        theirs = results.median("jobs", Subject(name, "default"), peers)
        return None if ours is None or theirs is None else (ours / theirs, f"{ours:,.4g} beside {theirs:,.4g}")
    return value


def of_emit(figure: str, part: str = "jobs", subject: Subject = EMIT):
    def value(results: Results):
        ours = results.median(part, subject, figure)
        return None if ours is None else (ours, f"{ours:.3g}")
    return value


#: Single calls: Emit's life is the whole one of five steps; a peer's is the one with progress where it has that.
LIFE, WHOLE = "life, a second", "life with progress, a second"
BATCHED = "life, batched, a second"
CPU = "life, server CPU s per 1,000"
WHOLE_CPU = "life with progress, server CPU s per 1,000"


def cpu_below_peers(results: Results):
    ours = results.median("jobs", EMIT, WHOLE_CPU)
    peers = [(results.median("jobs", peer, CPU), peer.name) for peer in durable_peers(results)
             if peer.name != "beanstalkd"]
    peers = [pair for pair in peers if pair[0] is not None]
    if ours is None or not peers:
        return None
    least, who = min(peers)
    return ours / least, f"{ours:.3g} s beside {least:.3g} s of {who}"


def deliveries_against_uwebsockets(sockets: str):
    def value(results: Results):
        figure = f"{sockets}: deliveries a second"
        ours, theirs = (results.median("sockets", Subject(name, ""), figure) for name in ["Emit", "uWebSockets"])
        return None if ours is None or theirs is None else (ours / theirs, f"{ours:,.3g} beside {theirs:,.3g}")
    return value


def dearest_poll(results: Results):
    """Of the polls with and without filters."""
    polls = [(values[0], figure) for (part, _, figure), values in results.values.items()
             if part == "ceilings" and figure.startswith("a poll at")]
    return max(polls) if polls else None


def of_sockets(figure: str, name: str = "Emit"):
    return of_emit(figure, "sockets", Subject(name, ""))


GOALS = [
    Goal("durable lives, single calls, with progress where a system has it, against the best durable peer's",
         *at_least(3), against_best(WHOLE, WHOLE, LIFE)),
    Goal("Emit's five steps against the best durable peer's shortest life", *NO_BOUND, against_best(WHOLE, LIFE)),
    Goal("durable lives in batches, with progress where a system has it, against the best durable peer's",
         *at_least(5), against_best(BATCHED, BATCHED)),
    Goal("durable single-call lives against bunqueue's, not durable, both with progress", *at_least(4),
         against("bunqueue", WHOLE, WHOLE)),
    Goal("the same against bunqueue's shortest life", *NO_BOUND, against("bunqueue", WHOLE, LIFE)),
    Goal("durable single-call lives against JetStream's, not durable, both with progress", *at_least(0.5),
         against("NATS JetStream", WHOLE, WHOLE)),
    Goal("the same against JetStream's shortest life", *NO_BOUND, against("NATS JetStream", WHOLE, LIFE)),
    Goal("create to start at 200/s, p50 against the best durable", *at_most(2),
         against_best("create to start at 200/s, p50 ms", "create to start at 200/s, p50 ms", most=False)),
    Goal("create to start at 200/s, p99 against the best durable", *at_most(1),
         against_best("create to start at 200/s, p99 ms", "create to start at 200/s, p99 ms", most=False)),
    Goal("server CPU seconds per 1,000 lives of five steps", *at_most(0.15), of_emit(WHOLE_CPU)),
    Goal("the same against the least of the durable peers but beanstalkd", *at_most(1), cpu_below_peers),
    *(Goal(f"deliveries to {sockets} sockets against uWebSockets", *at_least(1),
           deliveries_against_uwebsockets(sockets)) for sockets in ["100", "1,000", "10,000"]),
    Goal("kB for each idle stream, WebSocket", *at_most(3), of_sockets("idle: kB a socket")),
    Goal("kB for each idle stream, SSE", *at_most(10), of_sockets("idle: kB a socket", "Emit SSE")),
    Goal("a poll of a large backlog against one at 1,000", *at_most(1.2), dearest_poll),
    Goal("others' p99 with a tenth of the sockets stalled against none", *at_most(1.2),
         of_sockets("a tenth slow: others' p99, ratio")),
]


def table(results: Results, judge: bool) -> list[str]:
    lines = ["| goal | bound | measured | from | holds |", "| --- | --- | --- | --- | --- |"]
    for goal in GOALS:
        found = goal.value(results)
        if found is None:
            lines.append(f"| {goal.figure} | {goal.bound} | – | not measured in this run | – |")
            continue
        value, words = found
        verdict = ("yes" if goal.holds(value) else "**no**") if judge and goal.holds else "not judged"
        lines.append(f"| {goal.figure} | {goal.bound} | {value:.3g} | {words} | {verdict} |")
    return lines
