"""What a plan lets a backend leave out: conditions that some span of every trace meets which the plan can be about.

A backend may be asked for less than these say (it returns more traces then), never for more: what it returns is looked at by
the statements of the plan itself. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

from nexus.query.plan import TimeRange
from nexus.query.trace_plan import (
    EVERY_SPAN,
    Binary,
    Constant,
    FindTraces,
    Place,
    Searched,
    SpanExpr,
    SpanField,
    SpanProfile,
    SpanScan,
    SpanSeries,
    Spansets,
)

MAX_SEARCHES: Final = 8
"""Alternatives of a plan that are asked for one by one; with more, all traces of its time are."""
COMPARISONS: Final = frozenset({"=", "!=", "<", "<=", ">", ">=", "=~", "!~"})
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
SERVICE: Final = SpanField(Place.INTRINSIC, "service")
_NEVER: Final = Constant("bool", False)


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of a field with a value."""

    field: SpanField
    op: str
    value: Constant


@dataclass(frozen=True, slots=True)
class Search:
    """Traces with a span that began in a range and meets all conditions."""

    time: TimeRange
    conditions: tuple[Condition, ...] = ()


def searches(plan: Searched) -> tuple[Search, ...]:
    """Searches that together find every trace that a plan can be about."""
    match plan:
        case FindTraces(time, spansets):
            found = _of_scan(SpanScan(time, EVERY_SPAN, spansets))
        case SpanProfile(selection, baseline):
            found = (*_of_scan(selection), *_of_scan(baseline))
        case SpanSeries(scan):
            first = plan.start if plan.instant else plan.start - plan.step
            time = within(scan.time, TimeRange(max(first + 1, 0), max(plan.end + 1, 0)))
            found = _of_scan(SpanScan(time, scan.where, scan.spansets))
        case _:
            found = _of_scan(plan.scan)
    return tuple(dict.fromkeys(found))


def plain(field: SpanField) -> SpanField:
    """The name of a service is one field, however it is written."""
    return SERVICE if (field.place, field.name) == (Place.RESOURCE, "service.name") else field


def within(inner: TimeRange, outer: TimeRange) -> TimeRange:
    """What two ranges share."""
    starts = [start for start in (inner.start, outer.start) if start is not None]
    ends = [end for end in (inner.end, outer.end) if end is not None]
    return TimeRange(max(starts) if starts else None, min(ends) if ends else None)


def _of_scan(scan: SpanScan) -> tuple[Search, ...]:
    every = list(islice(_alternatives(scan.where), MAX_SEARCHES + 1))
    of_sets = list(islice(_of_spansets(scan.spansets), MAX_SEARCHES + 1)) if scan.spansets else [()]
    if len(every) * len(of_sets) > MAX_SEARCHES:
        # One of both may still be narrow enough.
        every = every if len(every) <= MAX_SEARCHES else [()]
        of_sets = [()] if len(every) > 1 or len(of_sets) > MAX_SEARCHES else of_sets
    return tuple(Search(scan.time, (*one, *other)) for one, other in product(every, of_sets))


def _of_spansets(spansets: Spansets) -> Iterator[tuple[Condition, ...]]:
    if not spansets.program:
        for leaf in spansets.leaves:
            yield from _alternatives(leaf)
        return
    for one in spansets.candidates.sets:
        if not one:
            yield ()
            continue
        # The trace needs a span of every one of these leaves: that which says most is asked for.
        leaves = [list(islice(_alternatives(spansets.leaves[number]), MAX_SEARCHES + 1)) for number in one]
        yield from max(leaves, key=lambda found: (min((len(other) for other in found), default=9), -len(found)))


def _alternatives(expression: SpanExpr) -> Iterator[tuple[Condition, ...]]:
    """Conjunctions of which a span that meets the expression meets one."""
    match expression:
        case Binary("||", left, right):
            yield from _alternatives(left)
            yield from _alternatives(right)
        case Binary("&&", left, right):
            for one, other in product(_few(left), _few(right)):
                yield (*one, *other)
        case Binary(op, SpanField() as field, Constant() as value) if op in COMPARISONS:
            yield (Condition(plain(field), op, value),)
        case Binary(op, Constant() as value, SpanField() as field) if op in COMPARISONS and "~" not in op:
            yield (Condition(plain(field), _MIRRORED.get(op, op), value),)
        case SpanField():
            yield (Condition(plain(expression), "=", Constant("bool", True)),)
        case _ if expression == _NEVER:
            return
        case _:
            yield ()


def _few(expression: SpanExpr) -> list[tuple[Condition, ...]]:
    found = list(islice(_alternatives(expression), MAX_SEARCHES + 1))
    return found if len(found) <= MAX_SEARCHES else [()]
