"""Metrics of TraceQL: which series to ask a store for, and what is made of the answers (arithmetic, `topk`, thresholds,
`compare`). The plans of a query are answered in any order; `answer` takes the answers in the order of the plans.

    program = lower_metrics(query, text, start, end, step)
    answers = [await store.series(scope(plan)) for plan in program.plans]     # `compare`: see `Comparison`
    series = program.answer(answers)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, cast

from nexus.errors import InvalidRequest
from nexus.model.time import TimeRange
from nexus.query.trace_plan import (
    KEY_LETTERS,
    Binary,
    Constant,
    Place,
    SpanExpr,
    SpanField,
    SpanProfile,
    SpanScan,
    SpanSeries,
    field_label,
    key_value,
)
from nexus.query.traces.ast import (
    Compare,
    Metrics,
    MetricsExpr,
    Pipeline,
    Query,
    Ranked,
    SecondStage,
    Static,
    Threshold,
)
from nexus.query.traces.expressions import Fail, both, either, field_of, negated
from nexus.query.traces.lower import failing, scan_of
from nexus.query.traces.program import condition_of_pipeline
from nexus.storage.trace_api import Exemplar, MetricSeries, SeriesSet

MAX_POINTS: Final = 11_000
"""Points of a series."""
MAX_COMPARED_POINTS: Final = 1_000
DEFAULT_EXEMPLARS: Final = 100

META: Final = "__meta_type"
ERROR: Final = "__meta_error"
TOO_MANY: Final = "__too_many_values__"
NAME: Final = "__name__"

_START: Final = SpanField(Place.INTRINSIC, "span:startTime")
Value = str | int | float | bool | None


# ---------------------------------------------------------------------------------------------------------------- plans


@dataclass(frozen=True, slots=True)
class Leaf:
    """The answer to one of the plans, as the series of a function."""

    index: int
    function: str
    grouped: bool
    then: tuple[SecondStage, ...] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """Two sides joined by arithmetic."""

    op: str
    left: Leaf | Joined | float
    right: Leaf | Joined | float
    then: tuple[SecondStage, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsProgram:
    """What to ask of a store, and how the answers go together."""

    plans: tuple[SpanSeries, ...]
    root: Leaf | Joined

    def answer(self, answers: Sequence[SeriesSet]) -> SeriesSet:
        """The series of the query from those of its plans."""
        incomplete = " ".join(dict.fromkeys(one.incomplete for one in answers if one.incomplete))
        series = _answer(self.root, answers)
        statistics = answers[0].statistics if answers else SeriesSet([]).statistics
        return SeriesSet(series, incomplete, statistics)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A `compare()`: one plan, whose table `answer` turns into series."""

    plan: SpanProfile
    top: int

    def answer(self, rows: Iterable[Sequence[Any]]) -> SeriesSet:
        """Series of each value within the selection and without, and of each field (label `__meta_type`), from rows
        (time ns, place, name, type letter, value, selection, baseline) of a `SpanProfile` with a step."""
        return SeriesSet(_compared(rows, self.top))


def lower_metrics(
    query: Query,
    text: str,
    start: int,
    end: int,
    step: int,
    *,
    instant: bool = False,
    exemplars: int = 0,
    series_limit: int = 1_000,
) -> MetricsProgram | Comparison:
    """What a metrics query asks for, at `start + n * step` up to `end` (ns), or of all of `(start, end]` at once. The hint
    `exemplars` overrides the argument. Raises `QuerySyntaxError`, and `InvalidRequest` for a range that makes no sense."""
    fail = failing(text)
    body = query.body
    if isinstance(body, Pipeline):
        hint = "Add a function over time: | rate()"
        fail(body.pos, "this query is about traces, not about metrics.", hint)
    if end < start or (instant and end == start):
        raise InvalidRequest("the range of the metrics query ends before it begins.")
    if not instant and step <= 0:
        raise InvalidRequest("the step of the metrics query is not greater than 0.", hint="Give a step such as 60s.")
    points = 1 if instant else (end - start) // step + 1
    most = MAX_COMPARED_POINTS if _is_compare(body) else MAX_POINTS
    if points > most:
        raise InvalidRequest(
            f"the metrics query asks for {points} points of each series; {most} are allowed.",
            hint=f"Use a step of at least {math.ceil((end - start) / most / 1e9)}s or a shorter range.",
        )
    if instant:
        start, step = end, end - start
    time = TimeRange(start - step + 1, end + 1)
    if _is_compare(body):
        return _comparison(cast(Metrics, body), time, (start, end, step), fail)
    wanted = _exemplars(query, exemplars)
    lowering = _Lowering(fail, time, start, end, step, instant, wanted, series_limit)
    root = lowering.lower(body)
    assert not isinstance(root, float)
    return MetricsProgram(tuple(lowering.plans), root)


def _is_compare(body: MetricsExpr | Pipeline) -> bool:
    return isinstance(body, Metrics) and isinstance(body.function, Compare)


def _exemplars(query: Query, asked: int) -> int:
    hint = query.hint("exemplars")
    if hint is None:
        return asked
    if hint.kind == "bool":
        return (asked or DEFAULT_EXEMPLARS) if hint.value else 0
    return max(0, min(int(hint.value), 10 * DEFAULT_EXEMPLARS))


@dataclass(slots=True)
class _Lowering:
    fail: Fail
    time: TimeRange
    start: int
    end: int
    step: int
    instant: bool
    exemplars: int
    series_limit: int
    plans: list[SpanSeries] = field(default_factory=list)

    def lower(self, node: MetricsExpr | Static) -> Leaf | Joined | float:
        match node:
            case Static(_, value):
                return float(value)
            case Metrics(pipeline, function, then):
                assert not isinstance(function, Compare)
                begin = self.end - self.step if self.instant else self.start
                plan = SpanSeries(
                    scan=scan_of([pipeline], self.time, self.fail),
                    function=function.function,
                    start=begin,
                    end=self.end,
                    step=self.step,
                    of=None if function.of is None else field_of(function.of),
                    by=tuple(map(field_of, function.by)),
                    quantiles=function.quantiles,
                    instant=self.instant,
                    series_limit=self.series_limit,
                    exemplars=self.exemplars,
                )
                # Two sides of a calculation are often about the same.
                if plan not in self.plans:
                    self.plans.append(plan)
                return Leaf(self.plans.index(plan), function.function, bool(function.by), then)
        left, right = self.lower(node.left), self.lower(node.right)
        return Joined(node.op, left, right, node.then)


# ----------------------------------------------------------------------------------------------------------- arithmetic


def _answer(node: Leaf | Joined, answers: Sequence[SeriesSet]) -> list[MetricSeries]:
    if isinstance(node, Leaf):
        series = answers[node.index].series
        series = [one if one.labels else replace(one, labels={NAME: node.function}) for one in series]
    elif isinstance(node.left, float):
        series = _scaled(node.op, _side(node.right, answers), node.left, on_left=True)
    elif isinstance(node.right, float):
        series = _scaled(node.op, _side(node.left, answers), node.right, on_left=False)
    else:
        series = _joined(node.op, _answer(node.left, answers), _answer(node.right, answers))
    for stage in node.then:
        match stage:
            case Ranked():
                series = _ranked(series, stage)
            case Threshold():
                series = _above(series, stage)
    return series


def _side(node: Leaf | Joined | float, answers: Sequence[SeriesSet]) -> list[MetricSeries]:
    assert not isinstance(node, float)
    return _answer(node, answers)


def calculated(op: str, left: float, right: float) -> float:
    """An operator of two values; a division by zero has no value."""
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    return left / right if right else math.nan


def _scaled(op: str, series: list[MetricSeries], number: float, *, on_left: bool) -> list[MetricSeries]:
    def of(value: float) -> float:
        return calculated(op, number, value) if on_left else calculated(op, value, number)

    return [
        replace(
            one,
            points=[(time, of(value)) for time, value in one.points],
            exemplars=[replace(exemplar, value=of(exemplar.value)) for exemplar in one.exemplars],
        )
        for one in series
    ]


def _key(labels: Mapping[str, Value]) -> frozenset[tuple[str, str, Value]]:
    """What tells series apart: all labels but the name. `1`, `1.0` and `true` differ."""
    return frozenset((name, type(value).__name__, value) for name, value in labels.items() if name != NAME)


_NONE: Final[frozenset[tuple[str, str, Value]]] = frozenset()


def _joined(op: str, left: list[MetricSeries], right: list[MetricSeries]) -> list[MetricSeries]:
    """Series with equal labels, and the only one without labels with each of the other side."""
    lefts, rights = {_key(one.labels): one for one in left}, {_key(one.labels): one for one in right}
    keys = lefts if _NONE in rights else rights
    found: list[MetricSeries] = []
    for key in keys:
        one, other = lefts.get(key) or lefts.get(_NONE), rights.get(key) or rights.get(_NONE)
        if one is None or other is None:
            continue
        spread = (key not in lefts, key not in rights)
        exemplars: list[Exemplar] = []
        # What stands for all spans says nothing about one series of them.
        if not spread[0] or spread[1]:
            exemplars += one.exemplars
        if not spread[1] or spread[0]:
            exemplars += other.exemplars
        found.append(MetricSeries(_labels(op, one.labels, other.labels), _points(op, one, other), exemplars))
    return found


def _points(op: str, left: MetricSeries, right: MetricSeries) -> list[tuple[int, float]]:
    """Where one side has no value there is none: NaN."""
    of_left, of_right = dict(left.points), dict(right.points)
    times = sorted(of_left.keys() | of_right.keys())
    return [(time, calculated(op, of_left.get(time, math.nan), of_right.get(time, math.nan))) for time in times]


def _labels(op: str, left: Mapping[str, Value], right: Mapping[str, Value]) -> dict[str, Value]:
    found = {**right, **left}
    found.pop(NAME, None)
    if NAME in left and NAME in right and not found:
        found[NAME] = f"({left[NAME]} {op} {right[NAME]})"
    return found


# --------------------------------------------------------------------------------------------------------- second stage


def _above(series: list[MetricSeries], stage: Threshold) -> list[MetricSeries]:
    assert not isinstance(stage.value.value, str)
    wanted = stage.value.value / 1e9 if stage.value.kind == "duration" else float(stage.value.value)
    found: list[MetricSeries] = []
    for one in series:
        points = [(time, value) for time, value in one.points if _holds(stage.op, value, wanted)]
        if points:
            times = {time for time, _ in points}
            exemplars = one.exemplars if len(points) == len(one.points) else _within(one, times)
            found.append(replace(one, points=points, exemplars=exemplars))
    return found


def _within(one: MetricSeries, times: set[int]) -> list[Exemplar]:
    """The exemplars of the points that are left: those of the step that ends at each."""
    every = sorted(time for time, _ in one.points)
    found = []
    for exemplar in one.exemplars:
        of = next((time for time in every if time >= exemplar.time), None)
        if of in times:
            found.append(exemplar)
    return found


def _holds(op: str, value: float, wanted: float) -> bool:
    match op:
        case "=":
            return value == wanted
        case "!=":
            return value != wanted and not math.isnan(value)
        case "<":
            return value < wanted
        case "<=":
            return value <= wanted
        case ">":
            return value > wanted
    return value >= wanted


def _ranked(series: list[MetricSeries], stage: Ranked) -> list[MetricSeries]:
    """At each time the series with the greatest (least) values; of equal ones those whose labels come first."""
    if len(series) <= stage.k:
        return series
    at: dict[int, list[tuple[float, str, int]]] = {}
    greatest = stage.function == "topk"
    for index, one in enumerate(series):
        order = "\0".join(f"{name}\0{value}" for name, value in sorted(one.labels.items()))
        for time, value in one.points:
            if not math.isnan(value):
                at.setdefault(time, []).append((-value if greatest else value, order, index))
    kept: list[set[int]] = [set() for _ in series]
    for time, values in at.items():
        for _, _, index in sorted(values)[: stage.k]:
            kept[index].add(time)
    return [
        replace(one, points=[point for point in one.points if point[0] in times], exemplars=_within(one, times))
        for one, times in zip(series, kept, strict=True)
        if times
    ]


# -------------------------------------------------------------------------------------------------------------- compare


def _comparison(body: Metrics, time: TimeRange, steps: tuple[int, int, int], fail: Fail) -> Comparison:
    node = body.function
    assert isinstance(node, Compare)
    scan = scan_of([body.pipeline], time, fail)
    chosen = condition_of_pipeline(Pipeline((node.selection,), node.selection.pos), fail)
    if chosen is None:
        hint = "Put conditions on the parent before compare()."
        fail(node.selection.pos, "the selection of compare() is about the span itself only.", hint)
    others: SpanExpr = negated(chosen)
    if node.start or node.end:
        within = both(_compare_start(">", node.start), _compare_start("<=", node.end))
        chosen, others = both(within, chosen), either(negated(within), others)
    start, end, step = steps
    return Comparison(
        SpanProfile(
            selection=_narrowed(scan, chosen),
            baseline=_narrowed(scan, others),
            values=node.top + 1,
            start=start,
            end=end,
            step=step,
        ),
        node.top,
    )


def _compare_start(op: str, ns: int) -> SpanExpr:
    return Binary(op, _START, Constant("int", ns))


def _narrowed(scan: SpanScan, condition: SpanExpr) -> SpanScan:
    return replace(scan, where=both(scan.where, condition))


Side = Literal["baseline", "selection"]
_SIDES: Final[tuple[Side, Side]] = ("baseline", "selection")


def _compared(rows: Iterable[Sequence[Any]], top: int) -> list[MetricSeries]:
    values: dict[Side, dict[str, dict[tuple[str, str], dict[int, float]]]] = {"baseline": {}, "selection": {}}
    totals: dict[Side, dict[str, dict[int, float]]] = {"baseline": {}, "selection": {}}
    times: set[int] = set()
    for time, place, name, letter, value, selection, baseline in rows:
        label = field_label(SpanField(Place(place), name))
        times.add(time)
        for side, count in zip(_SIDES, (baseline, selection), strict=True):
            if not count:
                continue
            if not letter:
                totals[side].setdefault(label, {})[time] = float(count)
            else:
                found = values[side].setdefault(label, {}).setdefault((letter, str(value)), {})
                found[time] = found.get(time, 0.0) + float(count)
    every = sorted(times)
    series: list[MetricSeries] = []
    too_many: dict[str, None] = {}
    for side in _SIDES:
        for label, found_values in values[side].items():
            ranked = sorted(found_values.items(), key=lambda item: (-sum(item[1].values()), item[0]))
            if len(ranked) > top:
                too_many[label] = None
            for (letter, text), counts in ranked[:top]:
                series.append(MetricSeries({META: side, label: _typed(letter, text)}, _filled(counts, every)))
    series += [MetricSeries({ERROR: TOO_MANY, label: None}, []) for label in too_many]
    for side in _SIDES:
        for label, counts in totals[side].items():
            series.append(MetricSeries({META: f"{side}_total", label: None}, _filled(counts, every)))
    return series


def _typed(letter: str, text: str) -> Value:
    return key_value(letter + text) if letter in KEY_LETTERS else text


def _filled(counts: Mapping[int, float], times: list[int]) -> list[tuple[int, float]]:
    return [(time, counts.get(time, 0.0)) for time in times]
