"""What a TraceQL query does, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.query.traces.ast import (
    Aggregate,
    Arithmetic,
    Attribute,
    Binary,
    Coalesce,
    Combined,
    Compare,
    Expr,
    Field,
    Filter,
    GroupBy,
    Hint,
    Intrinsic,
    Metrics,
    MetricsExpr,
    MetricsMath,
    Over,
    Pipeline,
    Position,
    Query,
    Ranked,
    Scalar,
    ScalarFilter,
    SecondStage,
    Select,
    Stage,
    Static,
    Threshold,
    Unary,
)
from nexus.query.traces.printer import duration, static

_FIELDS: Final = {
    "span:name": "the name", "span:kind": "the kind", "span:status": "the status",
    "span:statusMessage": "the status message",
    "span:duration": "the duration", "span:id": "the id", "span:parentID": "the id of the parent",
    "span:childCount": "the number of children", "trace:id": "the id of the trace",
    "trace:duration": "the duration of the trace", "trace:rootName": "the name of the root span",
    "trace:rootService": "the service of the root span", "event:name": "the name of an event",
    "event:timeSinceStart": "the time of an event since the start", "link:traceID": "the id of a linked trace",
    "link:spanID": "the id of a linked span", "instrumentation:name": "the name of the instrumentation",
    "instrumentation:version": "the version of the instrumentation", "nestedSetParent": "the parent's number in the trace",
    "nestedSetLeft": "the lower number in the trace", "nestedSetRight": "the upper number in the trace",
    "parent": "the parent",
}  # fmt: skip
_SCOPES: Final = {
    "": "the attribute", "span": "the span attribute", "resource": "the resource attribute", "event": "the event attribute",
    "link": "the link attribute", "instrumentation": "the attribute of the instrumentation",
}  # fmt: skip
_COMPARED: Final = {
    "=": "is", "!=": "is not", "<": "is less than", "<=": "is at most", ">": "is greater than", ">=": "is at least",
    "=~": "matches", "!~": "does not match",
}  # fmt: skip
_LIMITS: Final = {
    "=": "equal to", "!=": "not", "<": "less than", "<=": "at most", ">": "greater than", ">=": "at least",
}  # fmt: skip
_CALCULATED: Final = {"+": "plus", "-": "minus", "*": "times", "/": "divided by", "%": "modulo", "^": "to the power of"}
_JOINED: Final = {
    "&&": "the spans of both sides, of traces that have some of each",
    "||": "the spans of either side",
    ">": "spans of the right side whose parent is one of the left",
    ">>": "spans of the right side that are somewhere below one of the left",
    "<": "spans of the right side that are the parent of one of the left",
    "<<": "spans of the right side that are somewhere above one of the left",
    "~": "spans of the right side that have the same parent as one of the left",
}  # fmt: skip
_BOTH: Final = {
    ">": "parents of the left side with their children of the right side",
    ">>": "spans of the left side with those of the right side that are somewhere below them",
    "<": "children of the left side with their parents of the right side",
    "<<": "spans of the left side with those of the right side that are somewhere above them",
    "~": "spans of both sides that have a parent in common",
}  # fmt: skip
_AGGREGATES: Final = {"avg": "the mean of", "min": "the least of", "max": "the greatest of", "sum": "the sum of"}
_OVER: Final = {
    "rate": "spans per second", "count_over_time": "number of spans", "min_over_time": "least", "max_over_time": "greatest",
    "avg_over_time": "mean of", "sum_over_time": "sum of", "quantile_over_time": "quantiles",
    "histogram_over_time": "how many spans lie in each range of",
}  # fmt: skip
_HINTS: Final = {
    "exemplars": "examples of spans beside the values", "most_recent": "the newest traces",
    "extrapolate": "spans count for those that were not kept", "sample": "a sample may be looked at",
    "span_sample": "a sample of the spans may be looked at", "trace_sample": "a sample of the traces may be looked at",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """A part of a query in words; `depth` is 0 for the whole, `pos` is in characters."""

    text: str
    depth: int
    pos: Position


def explain(query: Query) -> list[Words]:
    """The query in words, in the order of its stages; what joins comes before what it joins."""
    found: list[Words] = []
    match query.body:
        case Pipeline(stages):
            for stage in stages:
                _stage(stage, 0, found)
        case body:
            _metrics(body, 0, found)
    found += [Words(_hint(one), 0, one.pos) for one in query.hints]
    return found


def in_words(node: Expr) -> str:
    """An expression over the fields of a span."""
    match node:
        case Attribute() | Intrinsic():
            return _field(node)
        case Static(kind, value):
            return str(value) if kind in ("status", "kind") else static(node)
        case Unary("!", inner):
            return f"not ({in_words(inner)})"
        case Unary(_, inner):
            return f"minus {_part(inner)}"
        case Binary("&&" | "||" as op, left, right):
            word = "and" if op == "&&" else "or"
            shown = [f"({in_words(one)})" if isinstance(one, Binary) and one.op in ("&&", "||") and one.op != op
                     else in_words(one) for one in (left, right)]  # fmt: skip
            return f" {word} ".join(shown)
        case Binary("=" | "!=" as op, left, right) if _is_nil(left) or _is_nil(right):
            what = in_words(right if _is_nil(left) else left)
            return f"{what} is {'missing' if op == '=' else 'there'}"
        case Binary(op, left, right) if op in _COMPARED:
            return f"{_part(left)} {_COMPARED[op]} {_part(right)}"
    assert isinstance(node, Binary)
    return f"{_part(node.left)} {_CALCULATED[node.op]} {_part(node.right)}"


def _part(node: Expr) -> str:
    return f"({in_words(node)})" if isinstance(node, Binary) else in_words(node)


def _is_nil(node: Expr) -> bool:
    return isinstance(node, Static) and node.kind == "nil"


def _field(node: Field) -> str:
    match node:
        case Intrinsic(name):
            text = _FIELDS[name]
        case Attribute(scope, name):
            text = f"{_SCOPES[scope]} {name}"
    return f"{text} of the parent" if node.parent else text


def _condition(node: Filter) -> str:
    if node.where is None:
        return "every span"
    if isinstance(node.where, Attribute | Intrinsic):
        return f"spans where {_field(node.where)} is true"
    return f"spans where {in_words(node.where)}"


def _stage(node: Stage, depth: int, found: list[Words]) -> None:
    match node:
        case Filter():
            found.append(Words(_condition(node), depth, node.pos))
        case Combined(op, left, right):
            found.append(Words(_relation(op), depth, node.pos))
            _stage(left, depth + 1, found)
            _stage(right, depth + 1, found)
        case Pipeline(stages):
            for stage in stages:
                _stage(stage, depth, found)
        case ScalarFilter(op, left, right):
            text = f"spansets where {_scalar(left)} {_COMPARED[op]} {_scalar(right)}"
            found.append(Words(text, depth, node.pos))
        case GroupBy(of):
            found.append(Words(f"one spanset for each value of {in_words(of)}", depth, node.pos))
        case Coalesce():
            found.append(Words("all spansets of a trace become one", depth, node.pos))
        case Select(fields):
            found.append(Words(f"tell {', '.join(map(_field, fields))} of each span", depth, node.pos))


def _relation(op: str) -> str:
    if op.startswith("!"):
        text = _JOINED[op[1:]]
        for one, other in (
            ("whose parent is one", "whose parent is none"), ("that are somewhere below one", "that are not below any"),
            ("that are the parent of one", "that are not the parent of any"),
            ("that are somewhere above one", "that are not above any"),
            ("that have the same parent as one", "that have no parent in common with any"),
        ):  # fmt: skip
            text = text.replace(one, other)
        return text
    if op.startswith("&") and op != "&&":
        return _BOTH[op[1:]]
    return _JOINED[op]


def _scalar(node: Scalar) -> str:
    match node:
        case Static():
            return static(node)
        case Aggregate(_, None):
            return "the number of spans"
        case Aggregate(function, of):
            assert of is not None
            return f"{_AGGREGATES[function]} {in_words(of)}"
        case Arithmetic(op, left, right):
            return f"({_scalar(left)} {_CALCULATED[op]} {_scalar(right)})"


def _metrics(node: MetricsExpr, depth: int, found: list[Words]) -> None:
    match node:
        case Metrics(pipeline, function, then):
            text = _compare(function) if isinstance(function, Compare) else _over(function)
            found.append(Words(text, depth, function.pos))
            found += [Words(_second(one), depth, one.pos) for one in then]
            for stage in pipeline.stages:
                _stage(stage, depth + 1, found)
        case MetricsMath(op, left, right, then):
            numbers = [f"the number {static(one)}" if isinstance(one, Static) else "" for one in (left, right)]
            first, second = numbers[0] or "the first series", numbers[1] or "the second series"
            found.append(Words(f"{first} {_CALCULATED[op]} {second}", depth, node.pos))
            found += [Words(_second(one), depth, one.pos) for one in then]
            for side in (left, right):
                if not isinstance(side, Static):
                    _metrics(side, depth + 1, found)


def _over(node: Over) -> str:
    text = _OVER[node.function]
    if node.function == "quantile_over_time":
        text = f"{', '.join(f'{one:g}' for one in node.quantiles)} quantile{'s' if len(node.quantiles) > 1 else ''} of"
    if node.of is not None:
        text = f"{text} {_field(node.of)}"
    text = f"{text} in each step"
    return f"{text}, for each value of {', '.join(map(_field, node.by))}" if node.by else text


def _compare(node: Compare) -> str:
    window = " in the chosen window" if node.start else ""
    chosen = _condition(node.selection)
    return f"values of every field, of {chosen}{window} and of the others; the {node.top} most frequent of each field"


def _second(node: SecondStage) -> str:
    match node:
        case Ranked(function, k):
            return f"at each time the {k} series with the {'greatest' if function == 'topk' else 'least'} values"
        case Threshold(op, value):
            shown = duration(int(value.value)) if value.kind == "duration" else static(value)
            return f"values that are {_LIMITS[op]} {shown}"


def _hint(one: Hint) -> str:
    return _HINTS.get(one.name, f"the hint {one.name}, which means nothing here")
