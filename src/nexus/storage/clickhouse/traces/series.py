"""SQL of metrics over spans, and what its answers say. Pure.

Steps are numbered from 0; the step n holds the spans that started in `(start + (n - 1) * step, start + n * step]`. Numbers
that are durations are told in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from nexus.query.plan import Scoped, TimeRange
from nexus.query.trace_plan import SpanScan, SpanSeries, field_label, key_value
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.traces.expressions import Expressions
from nexus.storage.clickhouse.traces.found import NS
from nexus.storage.clickhouse.traces.scan import matching, within
from nexus.storage.clickhouse.traces.windows import newest_first
from nexus.storage.trace_api import Exemplar, MetricSeries

BUCKET: Final = "__bucket"
QUANTILE: Final = "p"
_PARTS: Final = 16
"""Weights are told to quantiles in sixteenths."""


def steps_of(plan: SpanSeries) -> int:
    """How many values a series has at most."""
    return 1 if plan.instant else max((plan.end - plan.start) // plan.step, 0) + 1


def step_parts(plan: SpanSeries, catalog: Catalog) -> list[tuple[int, int]]:
    """The steps of a plan in parts, (first, last) of each, the newest part first: as a search reads time."""
    count = steps_of(plan)
    first = plan.start - plan.step
    reach = within(plan.scan.time, TimeRange(max(first + 1, 0), max(first + count * plan.step + 1, 0)))
    found = []
    last = count - 1
    for window in newest_first(reach, catalog)[:-1]:
        # The first step that lies in the window whole.
        whole = max(-(-((window.start or 0) - first - 1) // plan.step), 0)
        if whole <= last:
            found.append((whole, last))
            last = whole - 1
    if last >= 0:
        found.append((0, last))
    return found


def of_steps(plan: SpanSeries, first: int, last: int) -> SpanSeries:
    """The plan for some of its steps."""
    return replace(plan, start=plan.start + first * plan.step, end=plan.start + last * plan.step)


Row = list[Any]


def joined(known: list[Row], rows: list[Row], first: int) -> list[Row]:
    """Rows of parts together, as the whole plan would answer: `known` with those of a part that begins with the step
    `first`."""
    totals = {_series_of(row): row[6] for row in known}
    for series, total in {_series_of(row): row[6] for row in rows}.items():
        totals[series] = totals.get(series, 0.0) + total
    ranks = {series: number for number, series in enumerate(sorted(totals, key=lambda one: (-totals[one], one)), 1)}
    found = []
    for offset, part in ((0, known), (first, rows)):
        for row in part:
            series = _series_of(row)
            found.append([*row[:2], int(row[2]) + offset, *row[3:5], ranks[series], totals[series]])
    found.sort(key=lambda row: (row[5], row[2]))
    return found


def _series_of(row: Row) -> tuple[Any, ...]:
    """What tells a series from others, in their order: values that are not there come last."""
    return (tuple((key is None, key or "") for key in row[0]), float(row[1]))


def compile_series(scoped: Scoped, plan: SpanSeries, catalog: Catalog, extra: Iterable[str] = ()) -> str:
    """(keys, bucket, step number, value or values, exemplar, number of the series among the largest, its spans)."""
    compiled = Expressions(catalog)
    first = plan.start if plan.instant else plan.start - plan.step
    last = plan.end if plan.instant else plan.start + (steps_of(plan) - 1) * plan.step
    time = within(plan.scan.time, TimeRange(max(first + 1, 0), max(last + 1, 0)))
    number = "0" if plan.instant else f"intDiv({NS} - {first + 1}, {plan.step})"
    pairs = [compiled.group_key(field, f"k{number}") for number, field in enumerate(plan.by)]
    names = "".join(f"k{number}, " for number in range(len(pairs)))
    keys = f"CAST([{', '.join(key for _, key in pairs)}], 'Array(Nullable(String))')"
    asked = (*plan.by, *((plan.of,) if plan.of is not None else ()))
    needs_number = plan.of is not None
    scan = SpanScan(time, plan.scan.where, plan.scan.spansets)
    columns = [f"{inner} AS k{number}" for number, (inner, _) in enumerate(pairs)]
    columns += [f"{number} AS i", "weight AS w"]
    if needs_number:
        columns.append(f"{_number(plan, compiled)} AS v")
    if plan.exemplars:
        columns.append(f"trace_id, span_id, {NS} AS t")
    inner = matching(scoped, scan, catalog, extra, asked).union(", ".join(columns))
    bucket = "exp2(ceil(log2(greatest(v, 1e-9))))" if plan.function == "histogram_over_time" else "0"
    if plan.function == "histogram_over_time" and _in_seconds(plan, compiled):
        # Powers of two of nanoseconds.
        bucket = "exp2(ceil(log2(greatest(v * 1e9, 1)))) / 1e9"
    counted = "isNotNull(v) AND isFinite(v)" if needs_number else "1"
    shown_value = "assumeNotNull(v)" if needs_number else "w"
    example = f"any((trace_id, span_id, t, {shown_value}))" if plan.exemplars else "0"
    grouped = (
        f"SELECT {keys} AS k, {bucket} AS b, i, {_aggregate(plan)} AS a, {example} AS x, sum(w) AS n FROM (\n{inner}\n)\n"
        f"WHERE {counted}\nGROUP BY {names}b, i"
    )
    example = "(lower(hex(x.1)), lower(hex(x.2)), x.3, toFloat64(x.4))" if plan.exemplars else "x"
    return (
        f"SELECT k, b, i, a, {example}, r, total FROM (\n"
        "SELECT k, b, i, a, x, total, dense_rank() OVER (ORDER BY total DESC, k, b) AS r FROM (\n"
        f"SELECT k, b, i, a, x, sum(n) OVER (PARTITION BY k, b) AS total FROM (\n{grouped}\n)\n)\n)\n"
        f"WHERE r <= {plan.series_limit + 1}\nORDER BY r, i"
    )


def _aggregate(plan: SpanSeries) -> str:
    seconds = (plan.end - plan.start if plan.instant else plan.step) / 1e9
    match plan.function:
        case "rate":
            return f"sum(w) / {seconds!r}"
        case "count_over_time" | "histogram_over_time":
            return "toFloat64(sum(w))"
        case "min_over_time":
            return "min(v)"
        case "max_over_time":
            return "max(v)"
        case "sum_over_time":
            return "sum(v * w)"
        case "avg_over_time":
            return "sum(v * w) / sum(w)"
        case "quantile_over_time":
            levels = ", ".join(map(repr, plan.quantiles))
            return f"quantilesTDigestWeighted({levels})(assumeNotNull(v), toUInt32(greatest(round(w * {_PARTS}), 1)))"


def _in_seconds(plan: SpanSeries, compiled: Expressions) -> bool:
    return plan.of is not None and compiled.is_duration(plan.of)


def _number(plan: SpanSeries, compiled: Expressions) -> str:
    assert plan.of is not None
    number = compiled.number(plan.of)
    return f"{number} / 1e9" if _in_seconds(plan, compiled) else number


def read_series(plan: SpanSeries, rows: Sequence[Sequence[Any]]) -> tuple[list[MetricSeries], bool]:
    """The series of an answer, the largest first, and whether some are left out."""
    found: dict[tuple[Any, ...], MetricSeries] = {}
    more = False
    for keys, bucket, number, value, example, rank, _ in rows:
        if rank > plan.series_limit:
            more = True
            continue
        time = plan.end if plan.instant else plan.start + int(number) * plan.step
        values = list(zip(plan.quantiles, value, strict=True)) if plan.function == "quantile_over_time" else [(None, value)]
        for quantile, one in values:
            name = (*keys, bucket, quantile)
            series = found.get(name)
            if series is None:
                labels = {
                    field_label(field): None if key is None else key_value(key)
                    for field, key in zip(plan.by, keys, strict=True)
                }
                if plan.function == "histogram_over_time":
                    labels[BUCKET] = float(bucket)
                if quantile is not None:
                    labels[QUANTILE] = quantile
                series = found[name] = MetricSeries(labels, [])
            if one is not None and math.isfinite(float(one)):
                series.points.append((time, float(one)))
            if example:
                trace, span, at, shown_value = example
                series.exemplars.append(Exemplar(trace, span, int(at), float(shown_value)))
    every = list(found.values())
    _thin(every, plan.exemplars)
    return every, more


def _thin(series: list[MetricSeries], wanted: int) -> None:
    """Leave at most so many exemplars, spread over series and time."""
    if not wanted:
        return
    each = max(wanted // max(len(series), 1), 1)
    left = wanted
    for one in series:
        keep = min(each, left, len(one.exemplars))
        size = len(one.exemplars)
        one.exemplars = [one.exemplars[position * size // keep] for position in range(keep)]
        left -= keep
