"""The selectors of a PromQL query, and in which unit it answers, as far as names and metadata tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nexus.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Matcher,
    Matrix,
    Number,
    Paren,
    Position,
    String,
    Subquery,
    Unary,
    Vector,
    walk,
)
from nexus.query.promql.printer import print_selector

_PER_SECOND: Final = frozenset({"rate", "irate", "deriv"})
_KEEPS_UNIT: Final = frozenset(
    {"abs", "ceil", "clamp", "clamp_max", "clamp_min", "delta", "double_exponential_smoothing", "first_over_time", "floor"}
    | {
        "histogram_avg",
        "histogram_quantile",
        "histogram_quantiles",
        "histogram_stddev",
        "histogram_sum",
        "idelta",
        "increase",
    }
    | {"info", "label_join", "label_replace", "last_over_time", "mad_over_time", "max_over_time", "min_over_time"}
    | {"avg_over_time", "predict_linear", "quantile_over_time", "round", "scalar", "sort", "sort_desc", "stddev_over_time"}
    | {"sort_by_label", "sort_by_label_desc", "sum_over_time"}
)
_SECONDS: Final = frozenset({"time", "timestamp", "start", "end", "range", "step", "start_timestamp"})
_NO_UNIT: Final = frozenset({"count", "count_values", "group"})
_SUFFIXES: Final = ("_total", "_sum", "_count", "_bucket", "_created", "_info")
_KNOWN_UNITS: Final = frozenset(
    {"seconds", "bytes", "ratio", "percent", "celsius", "joules", "volts", "amperes", "hertz", "meters", "grams", "bits"}
    | {"milliseconds", "microseconds", "nanoseconds", "minutes", "hours", "days"}
)


@dataclass(frozen=True, slots=True)
class Found:
    """A selector of a query."""

    name: str
    text: str
    matchers: tuple[Matcher, ...]
    pos: Position


def selectors(tree: Expr) -> list[Found]:
    """The selectors, in the order of the text."""
    found = [
        Found(metric_of(node.matchers), print_selector(node.matchers, node.name), node.matchers, node.pos)
        for node in walk(tree)
        if isinstance(node, Vector)
    ]
    return sorted(found, key=lambda one: one.pos)


def metric_of(matchers: tuple[Matcher, ...]) -> str:
    """The one metric that matchers let through, or ""."""
    return next((one.value for one in matchers if one.name == "__name__" and one.op == "="), "")


def histogram_of(metric: str) -> str:
    """The histogram or summary that a metric may be a part of, or ""."""
    return next((metric.removesuffix(part) for part in ("_bucket", "_count", "_sum") if metric.endswith(part)), "")


def family_names(metric: str) -> tuple[str, ...]:
    """The metric families that a metric may belong to, the most likely first."""
    return (metric, *(metric.removesuffix(suffix) for suffix in _SUFFIXES if metric.endswith(suffix)))


def unit_of(tree: Expr, units: Mapping[str, str]) -> str:
    """The unit of what a query answers, "" when it is not known; `units` are those of metrics by name (metadata), and names
    that end in a unit tell it themselves."""
    match tree:
        case Vector():
            return _unit_of_metric(metric_of(tree.matchers), units)
        case Matrix(vector):
            return unit_of(vector, units)
        case Subquery(inner) | Paren(inner) | Unary(_, inner):
            return unit_of(inner, units)
        case Aggregate(op, inner):
            return "" if op in _NO_UNIT or op == "stdvar" else unit_of(inner, units)
        case Call(name, arguments):
            return _unit_of_call(name, arguments, units)
        case Binary():
            return _unit_of_binary(tree, units)
        case Number(_, True):
            return "seconds"
    return ""


def _unit_of_metric(metric: str, units: Mapping[str, str]) -> str:
    if metric.endswith(("_count", "_bucket")):
        return ""
    for name in family_names(metric):
        if unit := units.get(name, ""):
            return unit
    last = metric.removesuffix("_total").removesuffix("_sum").rpartition("_")[2]
    return last if last in _KNOWN_UNITS else ""


def _unit_of_call(name: str, arguments: tuple[Expr, ...], units: Mapping[str, str]) -> str:
    if name in _SECONDS or name.startswith("ts_of_"):
        return "seconds"
    of = next((one for one in arguments if not isinstance(one, Number | String)), None)
    if name == "histogram_quantile" and of is not None:
        return _unit_of_buckets(of, units)
    inner = "" if of is None else unit_of(of, units)
    if name in _PER_SECOND:
        # Seconds per second are a share of time.
        return "" if not inner else "ratio" if inner == "seconds" else f"{inner}/s"
    return inner if name in _KEEPS_UNIT else ""


def _unit_of_buckets(node: Expr, units: Mapping[str, str]) -> str:
    """Of what is observed: the buckets' counts have none, their metric's name tells."""
    found = {_unit_of_metric(one.name.removesuffix("_bucket"), units) for one in selectors(node) if one.name}
    return found.pop() if len(found) == 1 else ""


def _unit_of_binary(node: Binary, units: Mapping[str, str]) -> str:
    left, right = unit_of(node.left, units), unit_of(node.right, units)
    if node.op in ("+", "-", "%"):
        return left if left == right or isinstance(node.right, Number) else right if isinstance(node.left, Number) else ""
    if node.op in ("and", "unless", "or"):
        return left if node.op != "or" or left == right else ""
    if node.op == "/" and left and right:
        return "ratio" if left == right else f"{left}/{right}"
    if node.op in ("==", "!=", ">", "<", ">=", "<="):
        return "" if node.as_bool else left
    if node.op in ("*", "/") and isinstance(node.right, Number):
        # Who multiplies by 8 or 100 means another unit.
        return ""
    return ""
