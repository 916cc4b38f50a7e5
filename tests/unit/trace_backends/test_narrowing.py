"""What a backend may leave out: never a span that a plan is about, on random expressions and spans."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles.spans import Oracle, random_spans
from tests.strategies.span_expressions import Maker

from nexus.query.plan import TimeRange
from nexus.query.trace_plan import (
    EVERY_SPAN,
    Binary,
    Constant,
    FindTraces,
    Place,
    SearchSpans,
    SpanCount,
    SpanExpr,
    SpanField,
    SpanProfile,
    SpanScan,
    SpanSeries,
    Spansets,
)
from nexus.query.traces.lower import lower_search
from nexus.query.traces.parser import parse
from nexus.storage.trace_backends.narrowing import MAX_SEARCHES, Condition, Search, searches

TIME = TimeRange(10, 20)
SERVICE = SpanField(Place.INTRINSIC, "service")
NAME = SpanField(Place.INTRINSIC, "name")


def text(value: str) -> Constant:
    return Constant("string", value)


def of(query: str) -> tuple[Search, ...]:
    return searches(lower_search(parse(query), query, TIME))


def told(found: tuple[Search, ...]) -> list[list[str]]:
    return [[f"{one.field.name} {one.op} {one.value.value}" for one in search.conditions] for search in found]


def as_expression(condition: Condition) -> SpanExpr:
    return Binary(condition.op, condition.field, condition.value)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 32))
def test_every_matching_span_meets_a_search(seed: int) -> None:
    spans = random_spans(random.Random(seed), 6)
    oracle = Oracle(spans)
    where, leaf = (Maker(seed + number, spans).condition() for number in range(2))
    plan = SpanCount(SpanScan(TIME, where, Spansets((leaf,))))
    found = searches(plan)
    assert len(found) <= MAX_SEARCHES and all(search.time == TIME for search in found)
    for span in oracle.matching(Binary("&&", where, leaf)):
        met = [all(oracle.holds(as_expression(one), span) for one in search.conditions) for search in found]
        assert any(met), (where, leaf, found)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{}", [[]]),
        ("{ false }", []),
        ('{ resource.service.name = "a" && name = "b" && 1s < duration }', [["service = a", "name = b", "duration > 1000000000"]]),
        ('{ name = "a" || name = "b" }', [["name = a"], ["name = b"]]),
        ('{ name = "a" && !(status = error) }', [["name = a"]]),
        ('{ name = "a" } && { name = "b" && status = error }', [["name = b", "status = error"]]),
        ('{ name = "a" } >> { .x = 1 && status = error }', [["x = 1", "status = error"]]),
        ('{ name = "a" } || { name = "b" }', [["name = a"], ["name = b"]]),
        ('{} | count() > 3', [[]]),
        ('{ .vip }', [["vip = True"]]),
        ("{ " + " || ".join(f'name = "{number}"' for number in range(9)) + " }", [[]]),
    ],
)  # fmt: skip
def test_what_is_asked_for(query: str, expected: list[list[str]]) -> None:
    assert sorted(told(of(query))) == sorted(expected)


def test_conditions_of_scans_are_joined() -> None:
    """Those of the scan and of its spansets hold together, as far as there are few of them."""
    a = Binary("=", NAME, text("a"))
    either = Binary("||", a, Binary("=", NAME, text("b")))
    many: SpanExpr = a
    for number in range(9):
        many = Binary("||", many, Binary("=", SERVICE, text(str(number))))
    both = searches(SearchSpans(SpanScan(TIME, either, Spansets((Binary("=", SERVICE, text("s")),)))))
    assert told(both) == [["name = a", "service = s"], ["name = b", "service = s"]]
    assert told(searches(SearchSpans(SpanScan(TIME, many, Spansets((a,)))))) == [["name = a"]]
    assert told(searches(SearchSpans(SpanScan(TIME, a, Spansets((many,)))))) == [["name = a"]]
    assert told(searches(SearchSpans(SpanScan(TIME, many, Spansets((many,)))))) == [[]]


def test_times_of_plans() -> None:
    """Those of series are the steps that are asked for; both sides of a comparison are looked for."""
    series = SpanSeries(SpanScan(TimeRange(0, 1000)), "rate", 100, 200, 50)
    assert [search.time for search in searches(series)] == [TimeRange(51, 201)]
    profile = SpanProfile(SpanScan(TimeRange(0, 5)), SpanScan(TimeRange(5, 9), EVERY_SPAN))
    assert [search.time for search in searches(profile)] == [TimeRange(0, 5), TimeRange(5, 9)]
    assert searches(FindTraces(TIME)) == (Search(TIME),)
