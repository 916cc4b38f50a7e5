"""Trees of TraceQL to plans: searches of traces, spans that a query is about, and series (`metrics` puts those together)."""

from __future__ import annotations

from typing import Final, Never

from nexus.model.time import TimeRange
from nexus.query.trace_plan import FindTraces, SpanExpr, SpanField, SpanScan, Spansets, TraceOrder
from nexus.query.traces.ast import (
    Combined,
    Field,
    Filter,
    Intrinsic,
    Pipeline,
    Position,
    Query,
    Select,
    Stage,
    fields_of,
    filters_of,
    pipelines_of,
)
from nexus.query.traces.expressions import FALSE, Fail, either, field_of
from nexus.query.traces.lexer import fault
from nexus.query.traces.names import NESTED
from nexus.query.traces.program import condition_of_pipeline, spansets_of

_ALWAYS_TOLD: Final = frozenset({"span:name", "span:duration", "span:id", "trace:id", "parent", *NESTED})
"""What every answer to a search says, or what is no field."""


def failing(text: str) -> Fail:
    """What raises the errors of a query's places."""

    def fail(pos: Position, message: str, hint: str) -> Never:
        raise fault(text, pos[0], message, pos[1], hint)

    return fail


def lower_search(
    query: Query,
    text: str,
    time: TimeRange,
    *,
    limit: int = 20,
    spans_per_trace: int = 3,
    order: TraceOrder = "newest",
    max_candidates: int = 10_000,
) -> FindTraces:
    """A search of traces. Fields that the conditions read are told of each span, as are those of `select()`. Raises
    `QuerySyntaxError` for metrics and for what cannot be asked."""
    fail = failing(text)
    if not isinstance(query.body, Pipeline):
        hint = "Functions over time answer with series. Leave the function out to find traces."
        fail(query.body.pos, "this query is about metrics, not about traces.", hint)
    selected = [one for node in _selects(query.body) for one in node.fields]
    numbering = any(isinstance(one, Intrinsic) and one.name in NESTED for one in selected)
    return FindTraces(
        time=time,
        spansets=spansets_of(query.body, fail, numbering=numbering),
        select=_told(query.body, selected),
        limit=limit,
        spans_per_trace=spans_per_trace,
        order=order,
        max_candidates=max_candidates,
        numbering=numbering,
    )


def lower_scan(query: Query, text: str, time: TimeRange) -> SpanScan:
    """The spans that a query is about: those that a search finds, those that metrics are made of (all of them, when there
    are several)."""
    pipelines = list(pipelines_of(query.body))
    return scan_of(pipelines, time, failing(text))


def scan_of(pipelines: list[Pipeline], time: TimeRange, fail: Fail) -> SpanScan:
    """The spans of pipelines, together."""
    where: SpanExpr = FALSE
    conditions = [condition_of_pipeline(one, fail) for one in pipelines]
    for one in conditions:
        if one is None:
            return SpanScan(time, spansets=_spansets_of(pipelines, fail))
        where = either(where, one)
    return SpanScan(time, where)


def _spansets_of(pipelines: list[Pipeline], fail: Fail) -> Spansets:
    first, *others = pipelines
    union: Pipeline = first
    for other in others:
        pos = (union.pos[0], other.pos[1])
        union = Pipeline((Combined("||", union, other, pos),), pos)
    return spansets_of(union, fail)


def _selects(node: Stage) -> list[Select]:
    match node:
        case Select():
            return [node]
        case Combined(_, left, right):
            return _selects(left) + _selects(right)
        case Pipeline(stages):
            return [one for stage in stages for one in _selects(stage)]
    return []


def _told(body: Pipeline, selected: list[Field]) -> tuple[SpanField, ...]:
    asked = [one for node in filters_of(body) for one in _fields(node) if _told_unasked(one)]
    fields = [one for one in (*selected, *asked) if not (isinstance(one, Intrinsic) and one.name in _ALWAYS_TOLD)]
    return tuple(dict.fromkeys(map(field_of, fields)))


def _fields(node: Filter) -> list[Field]:
    return [] if node.where is None else list(fields_of(node.where))


def _told_unasked(node: Field) -> bool:
    """A field of the span itself that has one value."""
    if node.parent:
        return False
    if isinstance(node, Intrinsic):
        return node.name.startswith(("span:", "instrumentation:"))
    return node.scope not in ("event", "link")
