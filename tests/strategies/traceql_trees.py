"""Trees of TraceQL as the parser builds them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nexus.query.trace_plan import KINDS, STATUSES
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
    Query,
    Ranked,
    Scalar,
    ScalarFilter,
    Select,
    SpansetExpr,
    Stage,
    Static,
    Threshold,
    Unary,
)
from nexus.query.traces.names import INTRINSICS, NESTED, OVER_FIELD, SHORT, STRUCTURAL

MAX = (1 << 63) - 1

_names = st.one_of(
    st.sampled_from(
        ["a", "http.status_code", "foo-bar", "a+b", "span.a", "duration", "3x", 'q"u', "b\\s", "a b", "ü", "x//y"]
    ),
    st.text(min_size=1, max_size=8).filter(lambda text: "\r" not in text),
)
_scopes = st.sampled_from(["", "span", "resource", "event", "link", "instrumentation"])
attributes = st.builds(Attribute, _scopes, _names)
of_parent = st.builds(Attribute, st.sampled_from(["", "span", "resource"]), _names, st.just(True)) | st.builds(
    Intrinsic, st.sampled_from(sorted(set(SHORT.values()) - {"parent"})), st.just(True)
)
intrinsics = st.builds(Intrinsic, st.sampled_from(sorted(set(INTRINSICS) - {"parent"})))
own_fields: st.SearchStrategy[Field] = attributes | intrinsics
fields: st.SearchStrategy[Field] = own_fields | of_parent

integers = st.integers(-MAX - 1, MAX)
floats = st.floats(allow_nan=False, allow_infinity=False)
texts = st.builds(Static, st.just("string"), st.text(max_size=10))
numbers = (
    st.builds(Static, st.just("int"), integers)
    | st.builds(Static, st.just("float"), floats)
    | st.builds(Static, st.just("duration"), integers.filter(lambda ns: abs(ns) <= MAX))
)
booleans = st.builds(Static, st.just("bool"), st.booleans())


def _is_number(node: Expr) -> bool:
    return isinstance(node, Static) and node.kind in ("int", "float", "duration")


def _negative(inner: Expr) -> Expr:
    # A sign before a number belongs to it.
    return inner if _is_number(inner) else Unary("-", inner)


def _calculations(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.builds(Binary, st.sampled_from("+-*/%^"), inner, inner) | st.builds(_negative, inner)


def amounts_of(of: st.SearchStrategy[Field]) -> st.SearchStrategy[Expr]:
    """Numbers made of some fields."""
    leaves: st.SearchStrategy[Expr] = of.filter(lambda one: isinstance(one, Attribute)) | st.just(Intrinsic("span:duration"))
    return st.recursive(leaves | numbers, _calculations, max_leaves=4)


amounts = amounts_of(fields)
_ordered = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
_equal = st.sampled_from(["=", "!="])


def _compared(field: Field) -> st.SearchStrategy[Expr]:
    kind = "any" if isinstance(field, Attribute) else INTRINSICS[field.name]
    nil = st.builds(Binary, st.just("!="), st.just(field), st.just(Static("nil", "")))
    values: dict[str, Any] = {
        "any": st.builds(Binary, _ordered, st.just(field), texts | numbers)
        | st.builds(Binary, _equal, st.just(field), booleans)
        | st.builds(Binary, _equal, st.just(field), st.just(Static("nil", "")))
        | st.builds(Binary, st.sampled_from(["=~", "!~"]), st.just(field), st.just(Static("string", 'a.*"\\d'))),
        "string": st.builds(Binary, _ordered, st.just(field), texts),
        "int": st.builds(Binary, _ordered, st.just(field), numbers),
        "duration": st.builds(Binary, _ordered, numbers, st.just(field)),
        "status": st.builds(Binary, _equal, st.just(field), st.builds(Static, st.just("status"), st.sampled_from(STATUSES))),
        "kind": st.builds(Binary, _equal, st.just(field), st.builds(Static, st.just("kind"), st.sampled_from(KINDS))),
    }
    found: st.SearchStrategy[Expr] = values[kind]
    return found if isinstance(field, Intrinsic) and field.name in NESTED else found | nil


def conditions_of(of: st.SearchStrategy[Field]) -> st.SearchStrategy[Expr]:
    """Conditions on some fields."""
    single: st.SearchStrategy[Expr] = (
        of.flatmap(_compared)
        | of.filter(lambda one: isinstance(one, Attribute))
        | booleans
        | st.builds(Binary, _ordered, amounts_of(of), amounts_of(of))
    )

    def joined(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        return st.builds(Binary, st.sampled_from(["&&", "||"]), inner, inner) | st.builds(Unary, st.just("!"), inner)

    return st.recursive(single, joined, max_leaves=5)


conditions = conditions_of(fields)
filters = st.builds(Filter, st.none() | conditions)

own_amounts = amounts_of(own_fields).filter(lambda node: not isinstance(node, Static) and _has_field(node))


def _has_field(node: Expr) -> bool:
    match node:
        case Attribute() | Intrinsic():
            return True
        case Binary(_, left, right):
            return _has_field(left) or _has_field(right)
        case Unary(_, inner):
            return _has_field(inner)
    return False


aggregates: st.SearchStrategy[Aggregate] = st.just(Aggregate("count")) | st.builds(
    Aggregate, st.sampled_from(["avg", "min", "max", "sum"]), own_amounts
)


def _scalars(inner: st.SearchStrategy[Scalar]) -> st.SearchStrategy[Scalar]:
    return st.builds(Arithmetic, st.sampled_from("+-*/%^"), inner, inner | numbers) | st.builds(
        Arithmetic, st.sampled_from("+-*/%^"), inner | numbers, inner
    )


scalars: st.SearchStrategy[Scalar] = st.recursive(aggregates, _scalars, max_leaves=3)
scalar_filters = st.builds(ScalarFilter, _ordered, scalars, numbers | scalars)
groups = st.builds(GroupBy, own_fields | own_amounts)
selects = st.builds(Select, st.lists(own_fields, min_size=1, max_size=3).map(tuple))
later: st.SearchStrategy[Stage] = scalar_filters | groups | selects | st.just(Coalesce())


def _pipelines(inner: st.SearchStrategy[SpansetExpr]) -> st.SearchStrategy[Pipeline]:
    first: st.SearchStrategy[Stage] = inner.filter(lambda node: not isinstance(node, Pipeline)) | scalar_filters | groups
    rest: st.SearchStrategy[Stage] = inner.filter(lambda node: not isinstance(node, Pipeline)) | later
    return st.builds(lambda one, more: Pipeline((one, *more)), first, st.lists(rest, max_size=2))


def _unwrapped(node: Pipeline) -> SpansetExpr:
    # A pipeline of one spanset needs no parentheses.
    if len(node.stages) == 1 and isinstance(node.stages[0], Filter | Combined):
        return node.stages[0]
    return node


def _combined(inner: st.SearchStrategy[SpansetExpr]) -> st.SearchStrategy[SpansetExpr]:
    return st.builds(Combined, st.sampled_from(["&&", "||", *STRUCTURAL]), inner, inner) | _pipelines(inner).map(_unwrapped)


spansets: st.SearchStrategy[SpansetExpr] = st.recursive(filters, _combined, max_leaves=4)
pipelines = _pipelines(spansets)

quantiles = st.lists(st.floats(0, 1), min_size=1, max_size=3).map(tuple)
_by = st.lists(own_fields, max_size=2).map(tuple)
_numeric = attributes | st.just(Intrinsic("span:duration"))
functions: st.SearchStrategy[Over] = (
    st.builds(Over, st.sampled_from(["rate", "count_over_time"]), by=_by)
    | st.builds(Over, st.sampled_from(OVER_FIELD), _numeric, by=_by)
    | st.builds(Over, st.just("quantile_over_time"), _numeric, quantiles, _by)
)
second = st.lists(
    st.builds(Ranked, st.sampled_from(["topk", "bottomk"]), st.integers(1, 1000)) | st.builds(Threshold, _ordered, numbers),
    max_size=2,
).map(tuple)
series: st.SearchStrategy[MetricsExpr] = st.builds(Metrics, pipelines, functions, second)
comparisons = st.builds(Metrics, pipelines, st.builds(Compare, filters, st.integers(1, 1000)))
_factors = numbers.filter(lambda node: node.kind != "duration")


def _math(inner: st.SearchStrategy[MetricsExpr]) -> st.SearchStrategy[MetricsExpr]:
    return (
        st.builds(MetricsMath, st.sampled_from("+-*/"), inner, inner, second)
        | st.builds(MetricsMath, st.sampled_from("+-*/"), inner, _factors, second)
        | st.builds(MetricsMath, st.sampled_from("+-*/"), _factors, inner, second)
    )


metrics: st.SearchStrategy[MetricsExpr] = st.recursive(series, _math, max_leaves=3)
_hints = st.lists(
    st.builds(Hint, st.sampled_from(["most_recent", "exemplars"]), booleans)
    | st.builds(Hint, st.just("sample"), st.builds(Static, st.just("float"), st.floats(0, 1))),
    max_size=2,
).map(tuple)
searches = st.builds(Query, pipelines, _hints)
queries = st.builds(Query, pipelines | metrics | comparisons, _hints)
