"""Runs a script against a stack: what loads samples and answers queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

from tests.conformance.promql.compare import Answer, context_free, differences, in_range
from tests.conformance.promql.nhcb import converted
from tests.conformance.promql.pinned import pinned, times
from tests.conformance.promql.script import Clear, Eval, Load, read
from tests.conformance.promql.series import Labels, Value

from nexus.errors import NexusError
from nexus.query.promql import parse
from nexus.query.promql.lower import lower

MINUTE = 60_000
MAX_SAMPLES = 10_000

Samples: TypeAlias = "list[tuple[int, Value]]"


class Stack(Protocol):
    """What is tested."""

    def clear(self) -> None:
        """Forget all samples."""

    def load(self, series: list[tuple[Labels, Samples]], starts: dict[Labels, dict[int, int]]) -> None:
        """Take samples, ms; start times by sample time."""

    def run(self, program: bytes) -> Answer:
        """Answer a query."""


@dataclass
class Outcome:
    """Of one evaluation: where, the query, and what is wrong."""

    place: str
    query: str
    faults: list[str]


def run(path: Path, stack: Stack) -> Iterator[Outcome]:
    """The evaluations of a script, in order."""
    stack.clear()
    for command in read(path.read_text()):
        match command:
            case Clear():
                stack.clear()
            case Load():
                _load(command, stack)
            case Eval():
                yield Outcome(f"{path.name}:{command.line}", command.query, _faults(command, stack))


def ask(stack: Stack, query: str, start: int, end: int, step: int) -> Answer:
    """Parse, lower and run a query; times in ms, step 0 for an instant."""
    try:
        lowered = lower(parse(query), query, start=start, end=end, step=step, max_samples=MAX_SAMPLES)
    except NexusError as error:
        return Answer(None, [], [], error.message)
    return stack.run(lowered.program)


def _faults(case: Eval, stack: Stack) -> list[str]:
    answer = ask(stack, case.query, case.start, case.end, case.step)
    found = differences(case, answer)
    if found or case.fails or not case.instant or case.string is not None or case.matrix or not context_free(case.query):
        return found
    around = ask(stack, case.query, case.start - MINUTE, case.start + MINUTE, MINUTE)
    if around.error or around.data is None:
        return [f"in range mode: {around.error}"]
    found = [] if "ordered" in case.expects else in_range(case, around.data, case.start)
    return found or _faults_when_pinned(case, stack)


def _faults_when_pinned(case: Eval, stack: Stack) -> list[str]:
    query = pinned(case.query, case.start)
    values = replace(case, expects={kind: found for kind, found in case.expects.items() if kind == "ordered"})
    for time in times(case.start) if query else []:
        if found := differences(values, ask(stack, query, time, time, 0)):
            return [f"{query} at {time}: {text}" for text in found]
    return []


def _load(load: Load, stack: Stack) -> None:
    series: dict[Labels, Samples] = {}
    starts: dict[Labels, dict[int, int]] = {}
    for labels, values in load.series:
        times = range(0, load.step * max(len(values), 1), load.step or 1)
        series[labels] = [(time, value) for time, value in zip(times, values, strict=False) if value is not None]
        if labels in load.starts:
            offsets = zip(times, load.starts[labels], strict=False)
            starts[labels] = {time: time + offset for time, offset in offsets if offset is not None}
    if load.nhcb:
        floats = [
            (labels, [(time, value) for time, value in one if isinstance(value, float)]) for labels, one in series.items()
        ]
        for labels, histograms in converted(floats):
            series.setdefault(labels, []).extend(histograms)
    stack.load(list(series.items()), starts)
