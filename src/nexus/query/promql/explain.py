"""What a PromQL query does, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Card,
    Duration,
    Expr,
    Matching,
    Matrix,
    Number,
    Paren,
    Position,
    String,
    Subquery,
    Unary,
    Vector,
    children,
)
from nexus.query.promql.lexer import quote
from nexus.query.promql.printer import duration, number, print_query
from nexus.query.promql.units import metric_of

_OPERATORS: Final = {
    "+": "the sum of", "-": "the difference of", "*": "the product of", "/": "the quotient of", "%": "the remainder of",
    "^": "the power of", "atan2": "the angle (atan2) of", "==": "equal", "!=": "not equal", ">": "greater",
    ">=": "greater or equal", "<": "less", "<=": "less or equal",
    "and": "those of the left side that have a match on the right",
    "or": "those of the left side, and of the right side those without a match on the left",
    "unless": "those of the left side that have no match on the right",
    "</": "histograms without what lies above", ">/": "histograms without what lies below",
}  # fmt: skip
_AGGREGATIONS: Final = {
    "sum": "the sum", "avg": "the mean", "count": "how many there are", "min": "the least", "max": "the greatest",
    "group": "1 for each group", "stddev": "the standard deviation", "stdvar": "the variance",
    "topk": "the greatest", "bottomk": "the least", "quantile": "a quantile", "count_values": "how often each value occurs",
    "limitk": "some series", "limit_ratio": "a share of the series",
}  # fmt: skip
FUNCTION_WORDS: Final = {
    "rate": "increase per second of a counter over the window, resets taken into account",
    "irate": "increase per second of a counter between its last two samples in the window",
    "increase": "increase of a counter over the window, resets taken into account",
    "delta": "difference of a gauge between the ends of the window",
    "idelta": "difference of the last two samples in the window",
    "deriv": "slope per second of a gauge over the window, by linear regression",
    "predict_linear": "value that a gauge will have after some seconds, by linear regression over the window",
    "double_exponential_smoothing": "smoothed value of a gauge over the window (Holt)",
    "changes": "how often the value changes in the window",
    "resets": "how often a counter starts anew in the window",
    "avg_over_time": "mean of the samples in the window",
    "min_over_time": "least sample in the window",
    "max_over_time": "greatest sample in the window",
    "sum_over_time": "sum of the samples in the window",
    "count_over_time": "number of samples in the window",
    "quantile_over_time": "quantile of the samples in the window",
    "stddev_over_time": "standard deviation of the samples in the window",
    "stdvar_over_time": "variance of the samples in the window",
    "mad_over_time": "median absolute deviation of the samples in the window",
    "last_over_time": "last sample in the window",
    "first_over_time": "first sample in the window",
    "present_over_time": "1 where there is a sample in the window",
    "absent_over_time": "1 where there is no series with a sample in the window, else nothing",
    "ts_of_first_over_time": "time of the first sample in the window",
    "ts_of_last_over_time": "time of the last sample in the window",
    "ts_of_min_over_time": "time of the least sample in the window",
    "ts_of_max_over_time": "time of the greatest sample in the window",
    "absent": "1 where there is no such series, else nothing",
    "histogram_quantile": "estimated quantile of the observations in histograms",
    "histogram_quantiles": "estimated quantiles of the observations in histograms",
    "histogram_fraction": "estimated share of observations between two bounds",
    "histogram_count": "number of observations in native histograms",
    "histogram_sum": "sum of the observations in native histograms",
    "histogram_avg": "mean of the observations in native histograms",
    "histogram_stddev": "estimated standard deviation of the observations in native histograms",
    "histogram_stdvar": "estimated variance of the observations in native histograms",
    "label_replace": "the same series with a label set from another by a regular expression",
    "label_join": "the same series with a label joined from others",
    "info": "the same series with labels of the info series of their job and instance",
    "scalar": "value of the only series as a number",
    "vector": "a number as a series without labels",
    "time": "time of the evaluation, in seconds",
    "timestamp": "time of each sample, in seconds",
    "start_timestamp": "start timestamp of each sample, in seconds",
    "sort": "series by value, the least first",
    "sort_desc": "series by value, the greatest first",
    "sort_by_label": "series by labels",
    "sort_by_label_desc": "series by labels, backwards",
    "clamp": "values held between two bounds",
    "clamp_min": "values, at least a bound",
    "clamp_max": "values, at most a bound",
    "round": "values rounded",
    "abs": "absolute values",
    "ceil": "values rounded up",
    "floor": "values rounded down",
    "sgn": "sign of the values",
    "sqrt": "square roots",
    "exp": "powers of e",
    "ln": "natural logarithms",
    "log2": "logarithms to the base 2",
    "log10": "logarithms to the base 10",
    "pi": "the number pi",
    "deg": "angles in degrees",
    "rad": "angles in radians",
    "start": "start of the query's range, in seconds",
    "end": "end of the query's range, in seconds",
    "range": "length of the query's range, in seconds",
    "step": "step of the query, in seconds",
    "min_of": "the smaller of two numbers",
    "max_of": "the greater of two numbers",
}
_PARTS_OF_TIME: Final = {
    "day_of_month": "day of the month", "day_of_week": "day of the week (0 is Sunday)", "day_of_year": "day of the year",
    "days_in_month": "number of days of the month", "hour": "hour", "minute": "minute", "month": "month", "year": "year",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """A part of a query in words; `depth` is 0 for the whole, `pos` is in bytes."""

    text: str
    depth: int
    pos: Position


def explain(tree: Expr) -> list[Words]:
    """The tree in words, the outermost first."""
    found: list[Words] = []
    _explain(tree, 0, found)
    return found


def _explain(node: Expr, depth: int, found: list[Words]) -> None:
    match node:
        case Paren(inner):
            _explain(inner, depth, found)
            return
        case Matrix(vector, length, expression):
            window = _amount(length, expression)
            found.append(Words(f"samples of {_selected(vector)} in a window of {window}{_shift(vector)}", depth, node.pos))
            return
        case Subquery(inner, length, expression, step, step_expr):
            every = _amount(step, step_expr) if step or step_expr else "the default step"
            text = f"evaluated every {every} over a window of {_amount(length, expression)}{_shift(node)}"
            found.append(Words(text, depth, node.pos))
        case Vector():
            found.append(Words(f"the latest sample of {_selected(node)}{_shift(node)}", depth, node.pos))
            return
        case Number(_, True):
            found.append(Words(f"{print_query(node)} in seconds", depth, node.pos))
            return
        case Number(value):
            found.append(Words(f"the number {number(value)}", depth, node.pos))
            return
        case String(value):
            found.append(Words(f"the text {quote(value)}", depth, node.pos))
            return
        case Unary(op):
            found.append(Words("negated" if op == "-" else "as it is", depth, node.pos))
        case Aggregate():
            found.append(Words(_aggregated(node), depth, node.pos))
        case Binary():
            found.append(Words(_joined(node), depth, node.pos))
        case Call(name):
            found.append(Words(f"{name}: {_called(name)}", depth, node.pos))
    for one in children(node):
        _explain(one, depth + 1, found)


def _called(name: str) -> str:
    if name in _PARTS_OF_TIME:
        return f"{_PARTS_OF_TIME[name]} (UTC) of values that are times in seconds"
    return FUNCTION_WORDS.get(name, "the function of that name, of every value")


def _selected(node: Vector) -> str:
    metric = metric_of(node.matchers)
    others = [one for one in node.matchers if one.name != "__name__" or one.op != "="]
    text = f"the metric {metric}" if metric else "every metric"
    if not others:
        return text
    words = {"=": "is", "!=": "is not", "=~": "matches", "!~": "does not match"}
    shown = " and ".join(
        f"{one.name} {words[one.op]} {quote(one.value)}"
        if one.value
        else f"{one.name} is {'not ' if one.op in ('!=', '!~') else ''}empty"
        for one in others
    )
    return f"{text} where {shown}"


def _shift(node: Vector | Subquery) -> str:
    text = ""
    if isinstance(node, Vector) and (node.anchored or node.smoothed):
        text += ", its ends interpolated" if node.smoothed else ", begun with the sample before it"
    if node.bound:
        text += f", always at the {node.bound} of the range"
    elif node.at is not None:
        text += f", always at {node.at / 1000:.3f}"
    if node.offset_expr is not None:
        text += f", shifted by {_amount(0, node.offset_expr)}"
    elif node.offset:
        text += f", {duration(abs(node.offset))} {'earlier' if node.offset > 0 else 'later'}"
    return text


def _aggregated(node: Aggregate) -> str:
    text = _AGGREGATIONS[node.op]
    if node.parameter is not None:
        shown = print_query(node.parameter)
        text = {
            "topk": f"the {shown} greatest series",
            "bottomk": f"the {shown} least series",
            "limitk": f"any {shown} series",
            "limit_ratio": f"a share of {shown} of the series",
            "quantile": f"the {shown} quantile",
            "count_values": f"how often each value occurs, the value in the label {shown}",
        }[node.op]
    if node.without:
        groups = f", in groups of all labels but {', '.join(node.labels)}" if node.labels else ", of every series by itself"
    else:
        groups = f", for each {', '.join(node.labels)}" if node.labels else ", of all series"
    return text + groups


def _joined(node: Binary) -> str:
    matching = node.matching
    if node.op in ("==", "!=", ">", "<", ">=", "<="):
        what = "1 where the left side is" if node.as_bool else "what of the left side is"
        text = f"{what} {_OPERATORS[node.op]} {'to' if node.op in ('==', '!=') else 'than'} the right side"
        text = text.replace("greater or equal than", "at least").replace("less or equal than", "at most")
        text += ", else 0" if node.as_bool else ""
    elif node.op in ("and", "or", "unless"):
        text = _OPERATORS[node.op]
    elif node.op in ("</", ">/"):
        text = f"{_OPERATORS[node.op]} the bound"
    else:
        text = f"{_OPERATORS[node.op]} both sides"
    return text + (_matched(matching) if matching else "")


def _matched(matching: Matching) -> str:
    text = ""
    if matching.on:
        text += f", series matched by {', '.join(matching.labels) or 'nothing: all with all'}"
    elif matching.labels:
        text += f", series matched by all labels but {', '.join(matching.labels)}"
    if matching.card in (Card.MANY_TO_ONE, Card.ONE_TO_MANY):
        side = "left" if matching.card is Card.MANY_TO_ONE else "right"
        text += f", many of the {side} side to one of the other"
        text += f", with its {', '.join(matching.include)}" if matching.include else ""
    for side, value in (("left", matching.fill_left), ("right", matching.fill_right)):
        if value is not None:
            text += f", {number(value)} for what is missing on the {side}"
    return text


def _amount(ns: int, expression: Duration | None) -> str:
    if expression is None:
        return duration(ns)
    return print_query(Vector(offset_expr=expression)).partition(" offset ")[2]
