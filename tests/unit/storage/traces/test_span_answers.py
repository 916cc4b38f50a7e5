"""Answers of plans over spans against the slow oracle, on the real engine."""

from __future__ import annotations

import itertools
import json
import math
import random
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from tests.oracles.row_binary import PATHS, rows, whole_spans
from tests.oracles.spans import HOUR, NOON, Span, letter_of, value_of
from tests.strategies.span_expressions import FIELDS, Maker
from tests.unit.storage.traces.conftest import Filled

from nexus.query.plan import TimeRange
from nexus.query.trace_plan import (
    EVERY_SPAN,
    KINDS,
    STATUSES,
    Binary,
    Constant,
    CriticalPaths,
    FindTraces,
    GetTrace,
    GetTraces,
    Place,
    SearchSpans,
    SpanErrors,
    SpanExpr,
    SpanFacets,
    SpanField,
    SpanHeatmap,
    SpanProfile,
    SpanScan,
    SpanSeries,
    Spansets,
    TagNames,
    TagValues,
    TraceOrder,
)
from nexus.storage.clickhouse.traces.durations import class_of

ALL = TimeRange(NOON - 24 * HOUR, NOON + 48 * HOUR)


def intrinsic(name: str) -> SpanField:
    """An intrinsic field."""
    return SpanField(Place.INTRINSIC, name)


def within(spans: Iterable[Span], time: TimeRange) -> list[Span]:
    """Those that start in a range."""
    return [span for span in spans if (time.start or 0) <= span.start < (time.end or 1 << 62)]


def told(value: Any) -> Any:
    """A value of the oracle as answers have it."""
    if value is None:
        return None
    kind, held = value
    if kind in ("status", "kind"):
        return (STATUSES if kind == "status" else KINDS)[held]
    return held


# --------------------------------------------------------------------------------------------------------- whole spans


async def test_a_trace(filled: Filled) -> None:
    """Comes whole, every field of every span, wherever its attributes lie."""
    for trace_id in list(dict.fromkeys(span.trace_id for span in filled.spans))[:20]:
        answer = await filled.store.traces.spans(filled.scoped(GetTrace(trace_id)))
        found = whole_spans(answer.data, answer.attributes)
        expected = sorted(filled.oracle.trace(trace_id), key=lambda span: (span.start, span.span_id))
        assert [row["span_id"] for row in found] == [span.span_id for span in expected]
        for row, span in zip(found, expected, strict=True):
            assert row["parent_span_id"] == span.parent
            assert (row["name"], row["kind"], row["status"], row["status_message"]) == (
                span.name, span.kind, span.status, span.message,
            )  # fmt: skip
            assert (row["timestamp"], row["duration"], row["service"]) == (span.start, span.duration, span.service)
            assert json.loads(row["resource"]) == span.resource
            assert (row["scope_name"], row["scope_version"]) == span.scope
            assert json.loads(row["scope_attributes"] or "{}") == span.scope_attributes
            assert row["events_timestamp"] == [event.time for event in span.events]
            assert [json.loads(one) for one in row["events_attributes"]] == [event.attributes for event in span.events]
            assert row["links_trace_id"] == [link.trace_id for link in span.links]
            assert row["links_span_id"] == [link.span_id for link in span.links]
            assert row["weight"] == span.weight
            expected_attributes = {(key, letter_of(held)): value_of(held)[1] for key, held in span.attributes.items()}
            assert row["attributes"] == expected_attributes


async def test_where_a_trace_is_looked_for(filled: Filled) -> None:
    """Around the hint, and everywhere when it is not there; unknown ones are empty; one span of it comes alone."""
    span = filled.spans[3]
    for hint in (
        TimeRange(),
        TimeRange(span.start, span.start + 1),
        TimeRange(span.start - 30 * HOUR, span.start - 29 * HOUR),
    ):
        answer = await filled.store.traces.spans(filled.scoped(GetTrace(span.trace_id, span.span_id, hint)))
        assert [row["span_id"] for row in whole_spans(answer.data, answer.attributes)] == [span.span_id]
    missing = await filled.store.traces.spans(filled.scoped(GetTrace(bytes(range(16)))))
    assert missing.data == b""
    two = tuple(dict.fromkeys(one.trace_id for one in filled.spans))[4:6]
    answer = await filled.store.traces.spans(filled.scoped(GetTraces(two)))
    found = [row["trace_id"] for row in whole_spans(answer.data, answer.attributes)]
    assert Counter(found) == Counter(one.trace_id for one in filled.spans if one.trace_id in two)
    assert found == sorted(found)


@pytest.mark.parametrize("seed", range(6))
async def test_lists_of_spans(filled: Filled, seed: int) -> None:
    """The first spans in an order; those of a trace follow each other."""
    maker = Maker(1000 + seed, filled.spans)
    for order, limit in (("newest", 7), ("longest", 7), ("newest", 10_000)):
        where = maker.condition(2)
        plan = SearchSpans(SpanScan(ALL, where), limit, order)  # type: ignore[arg-type]
        answer = await filled.store.traces.spans(filled.scoped(plan))
        found = whole_spans(answer.data, answer.attributes)
        matching = filled.oracle.matching(where)
        amount = (lambda span: span.start) if order == "newest" else (lambda span: span.duration)
        expected = sorted((amount(span) for span in matching), reverse=True)[:limit]
        shown = [row["timestamp" if order == "newest" else "duration"] for row in found]
        assert sorted(shown, reverse=True) == expected, answer.statistics.sql
        assert {row["trace_id"] + row["span_id"] for row in found} <= {span.ids for span in matching}
        traces = [row["trace_id"] for row in found]
        assert len(list(dict.fromkeys(traces))) == 1 + sum(a != b for a, b in itertools.pairwise(traces)) - (not traces)
        assert not shown or shown[0] == expected[0]


async def test_critical_paths(filled: Filled) -> None:
    """All spans of traces whose matching spans lie between two quantiles, the matching ones marked."""
    where = Binary("=", intrinsic("status"), Constant("status", "error"))
    durations = sorted(span.duration for span in filled.oracle.matching(where))
    low, high = durations[int(0.5 * (len(durations) - 1))], durations[-1]
    plan = CriticalPaths(SpanScan(ALL, where), (0.5, 1.0), 1000)
    answer = await filled.store.traces.spans(filled.scoped(plan))
    found = rows(answer.data, PATHS)
    marked = {row["trace_id"] + row["span_id"] for row in found if row["matched"]}
    assert {span.ids for span in filled.oracle.matching(where) if low < span.duration <= high} <= marked
    assert marked <= {span.ids for span in filled.oracle.matching(where) if low <= span.duration <= high}
    traces = {ids[:16] for ids in marked}
    assert {row["trace_id"] + row["span_id"] for row in found} == {s.ids for s in filled.spans if s.trace_id in traces}
    few = await filled.store.traces.spans(filled.scoped(CriticalPaths(SpanScan(ALL, where), (0.5, 1.0), 3)))
    assert len({row["trace_id"] for row in rows(few.data, PATHS)}) == 3


# ------------------------------------------------------------------------------------------------------------- searches


@pytest.mark.parametrize("seed", range(10))
async def test_searches(filled: Filled, seed: int) -> None:
    """Traces with matching spans in every order, what they are as a whole and their first matching spans."""
    chance = random.Random(seed)
    maker = Maker(2000 + seed, filled.spans)
    orders: tuple[TraceOrder, ...] = ("newest", "longest", "spans", "errors")
    for order in orders:
        leaves = tuple(maker.condition(2) for _ in range(chance.choice((1, 1, 2))))
        time = chance.choice((ALL, TimeRange(NOON - 3 * HOUR, NOON + 5 * HOUR), TimeRange()))
        select = (chance.choice(FIELDS), SpanField(Place.SPAN, "http.status"))
        plan = FindTraces(time, Spansets(leaves), select, limit=chance.choice((3, 1000)), order=order)
        answer = await filled.store.traces.find(filled.scoped(plan))
        matching = within((s for s in filled.spans if any(filled.oracle.holds(leaf, s) for leaf in leaves)), time)
        by_trace: dict[bytes, list[Span]] = {}
        for span in matching:
            by_trace.setdefault(span.trace_id, []).append(span)
        amounts = {
            "newest": lambda id: max(span.start for span in by_trace[id]),
            "longest": lambda id: _end(filled, id) - _start(filled, id),
            "spans": lambda id: len(filled.oracle.trace(id)),
            "errors": lambda id: sum(span.status == 2 for span in filled.oracle.trace(id)),
        }
        expected = sorted((amounts[order](id) for id in by_trace), reverse=True)[: plan.limit]
        assert [amounts[order](bytes.fromhex(hit.trace_id)) for hit in answer.hits] == expected, answer.statistics.sql
        assert answer.incomplete == ""
        for hit in answer.hits:
            id = bytes.fromhex(hit.trace_id)
            trace = filled.oracle.trace(id)
            roots = sorted((span for span in trace if span.root), key=lambda span: span.start)
            assert (hit.root_service, hit.root_name) == ((roots[0].service, roots[0].name) if roots else ("", ""))
            assert (hit.start, hit.duration) == (_start(filled, id), _end(filled, id) - _start(filled, id))
            assert (hit.spans, hit.errors) == (len(trace), sum(span.status == 2 for span in trace))
            services = Counter(span.service for span in trace)
            failed = Counter(span.service for span in trace if span.status == 2)
            assert hit.services == {name: (count, failed[name]) for name, count in services.items()}
            (one,) = hit.sets
            first = sorted(by_trace[id], key=lambda span: (span.start, span.span_id))
            assert one.matched == len(first)
            assert [span.span_id for span in one.spans] == [span.span_id.hex() for span in first[: plan.spans_per_trace]]
            for shown, span in zip(one.spans, first, strict=False):
                assert (shown.name, shown.service, shown.start, shown.duration) == (
                    span.name, span.service, span.start, span.duration,
                )  # fmt: skip
                values = [told(filled.oracle.first(field, span)) for field in select]
                assert sorted(map(repr, shown.attributes.values())) == sorted(
                    {repr(v) for v in values if v is not None}
                ) or (len(shown.attributes) == sum(v is not None for v in values))


async def test_a_search_that_looks_at_few(filled: Filled) -> None:
    """Says so."""
    answer = await filled.store.traces.find(filled.scoped(FindTraces(ALL, order="longest", max_candidates=5, limit=3)))
    assert len(answer.hits) == 3
    assert "5 traces" in answer.incomplete


def _start(filled: Filled, id: bytes) -> int:
    return min(span.start for span in filled.oracle.trace(id))


def _end(filled: Filled, id: bytes) -> int:
    return max(span.start + span.duration for span in filled.oracle.trace(id))


# --------------------------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("seed", range(4))
async def test_tag_names(filled: Filled, seed: int) -> None:
    """Every name of every place that matching spans have."""
    where = EVERY_SPAN if seed == 0 else Maker(3000 + seed, filled.spans).condition(1)
    answer = await filled.store.traces.table(filled.scoped(TagNames(SpanScan(ALL, where))))
    expected = set()
    for span in filled.oracle.matching(where):
        expected |= {("span", name) for name in span.attributes} | {("resource", name) for name in span.resource}
        expected |= {("instrumentation", name) for name in span.scope_attributes}
        expected |= {("event", name) for event in span.events for name in event.attributes}
        expected |= {("link", name) for link in span.links for name in link.attributes}
    assert {tuple(row) for row in answer.rows} == expected
    assert len(answer.rows) == len(expected)
    some = await filled.store.traces.table(filled.scoped(TagNames(SpanScan(ALL, where), Place.RESOURCE)))
    assert {tuple(row) for row in some.rows} == {pair for pair in expected if pair[0] == "resource"}


@pytest.mark.parametrize("field", FIELDS)
async def test_tag_values(filled: Filled, field: SpanField) -> None:
    """Values with their types and weighted numbers of spans; of events and links every one counts."""
    answer = await filled.store.traces.table(filled.scoped(TagValues(SpanScan(ALL), field)))
    expected: Counter[tuple[Any, str]] = Counter()
    for span in filled.spans:
        for value in filled.oracle.all(field, span):
            expected[told(value), value[0]] += span.weight  # type: ignore[assignment]
    found = {(value, kind): spans for value, kind, spans in answer.rows}
    if len(expected) <= 1000:
        assert found == dict(expected), answer.statistics.sql
        amounts = [spans for *_, spans in answer.rows]
        assert amounts == sorted(amounts, reverse=True)


async def test_facets(filled: Filled) -> None:
    """Top values by weight; of the store's choice when no field is named."""
    fields = (SpanField(Place.SPAN, "http.route"), intrinsic("status"), SpanField(Place.RESOURCE, "host.name"))
    answer = await filled.store.traces.table(filled.scoped(SpanFacets(SpanScan(ALL), fields, 3)))
    for field, name in zip(fields, ("span.http.route", "status", "resource.host.name"), strict=True):
        expected: Counter[Any] = Counter()
        for span in filled.spans:
            if (value := filled.oracle.first(field, span)) is not None:
                expected[told(value)] += span.weight  # type: ignore[assignment]
        shown = [(value, spans) for shown_field, value, spans in answer.rows if shown_field == name]
        assert [spans for _, spans in shown] == [spans for _, spans in expected.most_common(3)]
        assert all(expected[value] == spans for value, spans in shown)
    chosen = await filled.store.traces.table(filled.scoped(SpanFacets(SpanScan(ALL))))
    names = ["resource.service.name", "name", "kind", "status", "span.http.route"]
    assert list(dict.fromkeys(field for field, *_ in chosen.rows)) == names
    for name in names:
        amounts = [spans for field, _, spans in chosen.rows if field == name]
        assert amounts == sorted(amounts, reverse=True)


@pytest.mark.parametrize("step", [HOUR, 7 * 10**9, 600 * 10**9])
async def test_heatmap(filled: Filled, step: int) -> None:
    """Weights by time and class of duration, errors apart."""
    time = TimeRange(NOON - 3 * HOUR - 5, NOON + 5 * HOUR + 7)
    answer = await filled.store.traces.table(filled.scoped(SpanHeatmap(SpanScan(time), step)))
    expected: Counter[tuple[int, int]] = Counter()
    failed: Counter[tuple[int, int]] = Counter()
    for span in within(filled.spans, time):
        expected[span.start // step * step, class_of(span.duration)] += int(span.weight)
        failed[span.start // step * step, class_of(span.duration)] += int(span.weight) * (span.status == 2)
    assert {(at, number): spans for at, number, spans, _ in answer.rows} == dict(expected)
    assert {(at, number): errors for at, number, _, errors in answer.rows} == dict(failed)


async def test_errors(filled: Filled) -> None:
    """Failed spans by service, operation, type and message without its numbers."""
    answer = await filled.store.traces.table(filled.scoped(SpanErrors(SpanScan(ALL), 1000)))
    expected: Counter[tuple[str, ...]] = Counter()
    for span in filled.spans:
        if span.status == 2:
            types = [filled.oracle.first(SpanField(Place.EVENT, "exception.type"), span)]
            kind = next((_text(value[1]) for value in types if value is not None), "")
            message = re.sub(r"[0-9A-Za-z]*[0-9][0-9A-Za-z]*", "*", span.message)
            expected[span.service, span.name, kind, message] += int(span.weight)
    assert {tuple(row[:4]): row[4] for row in answer.rows} == dict(expected)
    for service, name, *_, first, last, trace in answer.rows:
        group = [s for s in filled.spans if (s.service, s.name, s.status) == (service, name, 2)]
        assert first in {span.start for span in group} and last in {span.start for span in group}
        assert trace in {span.trace_id.hex() for span in group}


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


async def test_profile(filled: Filled) -> None:
    """Counts of values on both sides."""
    failed = Binary("=", intrinsic("status"), Constant("status", "error"))
    answer = await filled.store.traces.table(filled.scoped(SpanProfile(SpanScan(ALL, failed), SpanScan(ALL), values=5)))
    table = {(kind, name, value): (a, b) for kind, name, value, a, b, *_ in answer.rows}
    weights = [sum(s.weight for s in spans) for spans in (filled.oracle.matching(failed), filled.spans)]
    assert table["", "", ""] == tuple(weights)
    for value in ("/", "/cart"):
        sides = [
            sum(s.weight for s in spans if s.attributes.get("http.route") == value)
            for spans in (filled.oracle.matching(failed), filled.spans)
        ]
        assert table["span", "http.route", value] == tuple(sides)
    assert ("intrinsic", "kind", "server") in table and ("resource", "host.name", "n1") in table


async def test_profile_by_step(filled: Filled) -> None:
    """The same by time, with the number of spans that have the field at all."""
    failed = Binary("=", intrinsic("status"), Constant("status", "error"))
    start, end, step = NOON - 4 * HOUR, NOON + 20 * HOUR, 4 * HOUR
    plan = SpanProfile(SpanScan(ALL, failed), SpanScan(ALL), values=1000, start=start, end=end, step=step)
    answer = await filled.store.traces.table(filled.scoped(plan))
    table = {(at, place, name, letter, value): (a, b) for at, place, name, letter, value, a, b in answer.rows}
    for number in range(7):
        at = start + number * step
        inside = [span for span in filled.spans if at - step < span.start <= at and "http.status" in span.attributes]
        sides = [sum(s.weight for s in inside if s.status == 2), sum(s.weight for s in inside)]
        assert table.get((at, "span", "http.status", "", None), (0, 0)) == tuple(sides)
        found = [span for span in inside if span.attributes["http.status"] == 404]
        sides = [sum(s.weight for s in found if s.status == 2), sum(s.weight for s in found)]
        assert table.get((at, "span", "http.status", "i", 404), (0, 0)) == tuple(sides)


# --------------------------------------------------------------------------------------------------------------- series


@pytest.mark.parametrize("function", ["rate", "count_over_time", "min_over_time", "max_over_time", "avg_over_time",
                                      "sum_over_time", "quantile_over_time", "histogram_over_time"])  # fmt: skip
@pytest.mark.parametrize("instant", [False, True])
async def test_series(filled: Filled, function: Any, instant: bool) -> None:
    """Values of each step and group are those of the spans that start in it."""
    start, end, step = NOON - 4 * HOUR, NOON + 20 * HOUR - 1, 4 * HOUR
    counted = function in ("rate", "count_over_time")
    of: SpanExpr | None = None if counted else intrinsic("duration")
    where = Binary("!=", intrinsic("name"), Constant("string", "charge"))
    by = (SpanField(Place.RESOURCE, "service.name"), SpanField(Place.SPAN, "http.status"))
    plan = SpanSeries(
        SpanScan(TimeRange(), where), function, start, end, step, of, by, (0.0, 1.0), instant=instant, exemplars=10
    )
    answer = await filled.store.traces.series(filled.scoped(plan))
    assert answer.incomplete == ""
    groups: dict[tuple[Any, ...], list[Span]] = {}
    for span in filled.oracle.matching(where):
        number = 0 if instant else math.ceil((span.start - start) / step)
        inside = start < span.start <= end if instant else 0 <= number <= (end - start) // step
        if inside:
            at = end if instant else start + number * step
            keys = tuple(told(filled.oracle.first(field, span)) for field in by)
            groups.setdefault((*map(repr, keys), at), []).append(span)
    expected: dict[tuple[Any, ...], float] = {}
    for key, spans in groups.items():
        weights = sum(span.weight for span in spans)
        seconds = [span.duration / 1e9 for span in spans]
        total = sum(span.weight * span.duration / 1e9 for span in spans)
        values: dict[str, dict[Any, float]] = {
            "rate": {"": weights / ((end - start if instant else step) / 1e9)},
            "count_over_time": {"": weights},
            "min_over_time": {"": min(seconds)},
            "max_over_time": {"": max(seconds)},
            "avg_over_time": {"": total / weights},
            "sum_over_time": {"": total},
            "quantile_over_time": {0.0: min(seconds), 1.0: max(seconds)},
            "histogram_over_time": dict(
                sum(
                    (Counter({2.0 ** math.ceil(math.log2(max(s.duration, 1))) / 1e9: s.weight}) for s in spans),  # type: ignore[dict-item]
                    Counter[float](),
                )
            ),
        }
        expected |= {(*key, label): value for label, value in values[function].items()}
    found = {}
    for series in answer.series:
        label = series.labels.get("p", series.labels.get("__bucket", ""))
        keys = (repr(series.labels["resource.service.name"]), repr(series.labels["span.http.status"]))
        for at, value in series.points:
            found[(*keys, at, label)] = value
        for exemplar in series.exemplars:
            assert bytes.fromhex(exemplar.trace_id + exemplar.span_id) in {span.ids for span in filled.spans}
    assert set(found) == set(expected)
    assert found == pytest.approx(expected, rel=1e-6)
    assert 0 < sum(len(series.exemplars) for series in answer.series) <= 10


async def test_too_many_series(filled: Filled) -> None:
    """The largest ones are told, and that there are more."""
    plan = SpanSeries(
        SpanScan(), "count_over_time", NOON - 9 * HOUR, NOON + 30 * HOUR, HOUR, by=(intrinsic("name"),), series_limit=2
    )
    answer = await filled.store.traces.series(filled.scoped(plan))
    sizes = Counter[str]()
    for span in filled.spans:
        sizes[span.name] += int(span.weight)
    assert {series.labels["name"] for series in answer.series} == {name for name, _ in sizes.most_common(2)}
    assert "2 largest" in answer.incomplete
