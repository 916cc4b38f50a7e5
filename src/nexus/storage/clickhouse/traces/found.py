"""SQL of a search for traces, and what its answers say. Pure.

Four questions: which traces may match (`candidates`), rows of theirs for native code when it decides (`rows`), what each
found trace is as a whole (`summaries`), and which of its spans match (`matches`, `chosen`); `told` is the last two in one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nexus.query.plan import Scoped, TimeRange
from nexus.query.trace_plan import FindTraces, SpanField, Spansets, field_label, key_value
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.traces.expressions import Expressions
from nexus.storage.clickhouse.traces.scan import (
    FEW_GRANULES,
    either,
    of_these_traces,
    spans_of,
    these_spans,
    widened,
    within,
)
from nexus.storage.trace_api import MatchedSpan, TraceHit

NS = "toUnixTimestamp64Nano(timestamp)"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trace that may match, the start (ns) of its newest span that meets a leaf, and how many do."""

    trace_id: bytes
    newest: int
    spans: int = 1


def bits(spansets: Spansets, catalog: Catalog) -> str:
    """The leaves that a span meets, as a number with a bit for each."""
    compiled = Expressions(catalog)
    terms = []
    for number, leaf in enumerate(spansets.leaves):
        condition = compiled.condition(leaf)
        if condition != "0":
            terms.append(f"bitShiftLeft(toUInt64(ifNull({condition}, 0)), {number})")
    if not terms:
        return "toUInt64(0)"
    text = terms[0]
    for term in terms[1:]:
        text = f"bitOr({text}, {term})"
    return text


def candidates(scoped: Scoped, spansets: Spansets, time: TimeRange, window: TimeRange, limit: int, catalog: Catalog) -> str:
    """(trace id as hex, newest, spans) of traces whose newest span that meets a leaf starts in the window. Spans around it
    count for whether a trace has all the leaves that it needs."""
    sets = spansets.candidates.sets if spansets.program else tuple((n,) for n in range(len(spansets.leaves)))
    needed = sorted({number for one in sets for number in one})
    alone = all(len(one) == 1 for one in sets)
    where = either(tuple(spansets.leaves[number] for number in needed) if all(sets) else ())
    reach = window if alone else within(widened(window), time)
    leaves = Spansets(tuple(spansets.leaves[number] for number in needed))
    counted = "" if alone or not all(sets) else f", {bits(leaves, catalog)} AS l"
    inner = spans_of(scoped, reach, catalog, where, asked=leaves.leaves).union(f"trace_id, {NS} AS t{counted}")
    having = []
    if not alone:
        having += [f"n >= {window.start or 0}", f"n < {window.end or 1 << 62}"]
    if counted:
        masks = [sum(1 << needed.index(number) for number in one) for one in sets]
        having.append("(" + " OR ".join(f"bitAnd(groupBitOr(l), {mask}) = {mask}" for mask in masks) + ")")
    return (
        f"SELECT lower(hex(trace_id)), max(t) AS n, count() FROM (\n{inner}\n)\nGROUP BY trace_id"
        + (f"\nHAVING {' AND '.join(having)}" if having else "")
        + f"\nORDER BY n DESC, trace_id\nLIMIT {limit}"
    )


def rows(scoped: Scoped, spansets: Spansets, time: TimeRange, some: Sequence[Candidate], catalog: Catalog) -> str:
    """Rows of candidates for `_native.evaluate_spansets` (`trace_plan.Spansets` says which)."""
    compiled = Expressions(catalog)
    near = around(some)
    leaves = bits(spansets, catalog)
    reach = near
    where = either(spansets.leaves)
    extra = [of_these_traces(one.trace_id for one in some)]
    if spansets.whole:
        where = either(())
        if inside := _inside(time):
            leaves = f"if({' AND '.join(inside)}, {leaves}, toUInt64(0))"
    else:
        reach = within(near, time)
    values = ", ".join(compiled.number(value) for value in spansets.values)
    keys = ", ".join(compiled.key(key) for key in spansets.keys)
    columns = (
        f"trace_id, span_id, parent_span_id, {NS} AS t, duration, {leaves} AS l, "
        f"CAST([{values}], 'Array(Nullable(Float64))') AS v, CAST([{keys}], 'Array(Nullable(String))') AS k"
    )
    asked = (*spansets.leaves, *spansets.values, *spansets.keys)
    inner = spans_of(scoped, reach, catalog, where, extra, asked).union(columns)
    place = "".join(one.trace_id.hex() for one in some)
    return (
        f"SELECT trace_id, span_id, parent_span_id, t, duration, l, v, k FROM (\n{inner}\n)\n"
        f"ORDER BY position('{place}', lower(hex(trace_id))), t, span_id\nLIMIT 1 BY trace_id, span_id"
    )


_WHOLE = (
    "lower(hex(trace_id)), if(countIf(root) = 0, '', toString(argMinIf(service, (t, ids), root))), "
    "if(countIf(root) = 0, '', toString(argMinIf(name, (t, ids), root))), min(t), max(e) - min(t), count(), "
    "countIf(f), sumMap(map(toString(service), 1)), sumMap(map(toString(service), toUInt64(f)))"
)
_OF_WHOLE = f"trace_id, ids, kind, {NS} AS t, {NS} + toInt64(duration) AS e, root, name, service, status = 2 AS f"


def summaries(scoped: Scoped, some: Sequence[Candidate], catalog: Catalog) -> str:
    """(trace id as hex, root's service and name, start, duration, spans, errors, spans and errors by service)."""
    inner = spans_of(scoped, around(some), catalog, extra=(of_these_traces(one.trace_id for one in some),)).union(_OF_WHOLE)
    return f"SELECT {_WHOLE} FROM (\nSELECT * FROM (\n{inner}\n)\nLIMIT 1 BY trace_id, ids, kind\n)\nGROUP BY trace_id"


def told(scoped: Scoped, plan: FindTraces, some: Sequence[Candidate], catalog: Catalog) -> str:
    """A row of `summaries`, then how many spans match and the first of them by start, each as a row of `chosen` without its
    trace: reading the same granules once is half of what both cost."""
    compiled = Expressions(catalog)
    extra = (of_these_traces(one.trace_id for one in some),)
    scan = spans_of(scoped, around(some), catalog, extra=extra, asked=(*plan.spansets.leaves, *plan.select))
    condition = " AND ".join([*_inside(plan.time), *compiled.conjuncts(either(plan.spansets.leaves))]) or "1"
    keys = [compiled.key(field) for field in plan.select]
    columns = [_OF_WHOLE, "duration AS d", f"ifNull({condition}, 0) AS m"]
    columns += [f"{key} AS k{number}" for number, key in enumerate(keys)]
    # Of a span that was stored twice the one that matches counts.
    inner = f"SELECT * FROM (\n{scan.union(', '.join(columns))}\n)\nORDER BY m DESC, t\nLIMIT 1 BY trace_id, ids, kind"
    parts = ["lower(hex(substring(ids, 1, 8)))", "toString(name)", "toString(service)", "t", "d"]
    parts += [f"k{number}" for number in range(len(keys))]
    return (
        f"WITH arraySort(x -> (x.4, x.1), groupArrayIf(({', '.join(parts)}), m)) AS every, "
        "arrayFilter((x, n) -> n = 1, every, arrayEnumerateUniq(arrayMap(x -> x.1, every))) AS spans\n"
        f"SELECT {_WHOLE}, length(spans), arraySlice(spans, 1, {max(plan.spans_per_trace, 0)}) FROM (\n{inner}\n)\n"
        f"GROUP BY trace_id{FEW_GRANULES}"
    )


def _inside(time: TimeRange) -> list[str]:
    """Conditions that a span begins in a range."""
    inside = [f"{NS} >= {time.start}"] if time.start is not None else []
    return inside + ([f"{NS} < {time.end}"] if time.end is not None else [])


def matches(scoped: Scoped, plan: FindTraces, some: Sequence[Candidate], catalog: Catalog) -> str:
    """Matching spans of found traces, the first of each by start: (trace id, span id, both as hex, name, service, start,
    duration, selected fields, how many there are)."""
    where = either(plan.spansets.leaves)
    scan = spans_of(
        scoped,
        within(around(some), plan.time),
        catalog,
        where,
        (of_these_traces(one.trace_id for one in some),),
        plan.select,
    )
    return (
        f"SELECT *, count() OVER (PARTITION BY trace) FROM (\n{_distinct(scan.union(_shown(plan.select, catalog)))}\n)\n"
        f"ORDER BY trace, t, span\nLIMIT {max(plan.spans_per_trace, 0)} BY trace"
    )


def chosen(scoped: Scoped, plan: FindTraces, packed: bytes, some: Sequence[Candidate], catalog: Catalog) -> str:
    """The same of spans that native code chose, without their number."""
    extra = (of_these_traces(one.trace_id for one in some), these_spans(packed))
    scan = spans_of(scoped, around(some), catalog, extra=extra, asked=plan.select)
    return f"{_distinct(scan.union(_shown(plan.select, catalog)))}"


def _distinct(inner: str) -> str:
    return f"SELECT * FROM (\n{inner}\n)\nORDER BY t\nLIMIT 1 BY trace, span"


def _shown(select: Iterable[SpanField], catalog: Catalog) -> str:
    compiled = Expressions(catalog)
    keys = [f"{compiled.key(field)} AS k{number}" for number, field in enumerate(select)]
    plain = (
        "lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span, toString(name) AS n, toString(service) AS s, "
        f"{NS} AS t, duration AS d"
    )
    return ", ".join([plain, *keys])


def matched_span(row: Sequence[Any], select: Sequence[SpanField]) -> MatchedSpan:
    """A span from a row of `matches` or `chosen`."""
    _, span, name, service, start, duration, *rest = row
    texts = zip(select, rest, strict=False)
    attributes = {field_label(field): key_value(text) for field, text in texts if text is not None}
    return MatchedSpan(span, name, service, int(start), int(duration), attributes)


def hit(row: Sequence[Any]) -> TraceHit:
    """A trace from a row of `summaries`, without its spansets."""
    trace, service, name, start, duration, spans, errors, by_service, failed = row
    services = {one: (int(count), int(failed.get(one, 0))) for one, count in sorted(by_service.items())}
    return TraceHit(trace, service, name, int(start), int(duration), int(spans), int(errors), services, [])


def around(some: Sequence[Candidate]) -> TimeRange:
    if not some:
        return TimeRange(0, 0)
    newest = [one.newest for one in some]
    return widened(TimeRange(min(newest), max(newest) + 1))
