"""Syntax tree of TraceQL to text: `parse(print_query(tree)) == tree`, with the parentheses that it needs and no others.
`pretty` breaks lines that are too long."""

from __future__ import annotations

import re
from collections.abc import Callable
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
    SecondStage,
    Select,
    SpansetExpr,
    Stage,
    Static,
    Threshold,
    Unary,
)
from nexus.query.traces.names import SHORT, short_of

LINE: Final = 100
"""Longest line of `pretty` that is not broken."""
_RANKS: Final = {
    "&&": 1, "||": 1, "=": 2, "!=": 2, "<": 2, "<=": 2, ">": 2, ">=": 2, "=~": 2, "!~": 2, "+": 3, "-": 3, "*": 5, "/": 5,
    "%": 5, "^": 6,
}  # fmt: skip
_MINUS, _NOT, _ATOM = 3, 4, 7
_PLAIN: Final = re.compile(r"[^\s{}()=~!<>&|^,\"\\]+")
Show = Callable[[Field], str]
_UNITS: Final = (
    ("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1),
)  # fmt: skip


def print_query(query: Query) -> str:
    """Print a query as canonical text."""
    return _print(query.body) + _hints(query)


def pretty(query: Query) -> str:
    """Print a query with a stage a line where the line would be longer than `LINE`."""
    text = print_query(query)
    if len(text) <= LINE:
        return text
    match query.body:
        case Pipeline(stages):
            lines = [_stage(stages[0]), *(f"| {_stage(one)}" for one in stages[1:])]
        case Metrics(pipeline, function, then):
            stages = pipeline.stages
            lines = [_stage(stages[0]), *(f"| {_stage(one)}" for one in stages[1:]), f"| {_function(function)}"]
            lines += [_second(one).strip() for one in then]
        case MetricsMath(op, left, right, then):
            lines = [_left(op, left), f"{op} {_right(op, right)}"]
            lines += [_second(one).strip() for one in then]
    if query.hints:
        lines.append(_hints(query).strip())
    return "\n  ".join(lines)


def print_expression(node: Expr, show: Show | None = None) -> str:
    """Print an expression over the fields of a span; `show` prints the fields."""
    return _expression(node, show or print_field)[0]


def print_stage(node: Stage) -> str:
    """Print a stage of a pipeline."""
    return _stage(node)


def print_scalar(node: Scalar) -> str:
    """Print an expression over aggregates."""
    return _scalar(node)[0]


def print_field(node: Field) -> str:
    """Print a field."""
    match node:
        case Intrinsic(name, parent):
            return f"parent.{short_of(name)}" if parent else name
        case Attribute(scope, name, parent):
            prefix = "parent." if parent else ""
            prefix += f"{scope}." if scope else "" if parent else "."
            return prefix + _name(name, node)


def quote(text: str) -> str:
    """A text in quotes."""
    shown = []
    for character in text:
        if character in '\\"':
            shown.append("\\" + character)
        elif character in "\a\b\f\n\r\t\v":
            shown.append("\\" + "abtnvfr"[ord(character) - 7])
        elif character == " " or character.isprintable():
            shown.append(character)
        else:
            code = ord(character)
            shown.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(shown) + '"'


def duration(ns: int) -> str:
    """A duration in the largest units that say it exactly."""
    if ns == 0:
        return "0s"
    left, parts = abs(ns), []
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if ns < 0 else "") + "".join(parts)


def static(node: Static) -> str:
    """A value as it is written."""
    match node.kind:
        case "string":
            return quote(str(node.value))
        case "duration":
            return duration(int(node.value))
        case "bool":
            return "true" if node.value else "false"
        case "nil":
            return "nil"
        case "float":
            return repr(float(node.value))
    return str(node.value)


# --------------------------------------------------------------------------------------------------------- expressions


def _name(name: str, node: Attribute) -> str:
    # What the lexer would take for something else is written in quotes.
    ambiguous = node.parent and not node.scope and (name in SHORT or name.startswith(("span.", "resource.")))
    digit = not node.scope and name[:1].isdecimal()
    comment = "//" in name or "/*" in name
    if _PLAIN.fullmatch(name) and not ambiguous and not digit and not comment:
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _expression(node: Expr, show: Show) -> tuple[str, int]:
    """The text, and how tightly it holds together."""
    match node:
        case Attribute() | Intrinsic():
            return show(node), _ATOM
        case Static(kind):
            negative = kind in ("int", "float", "duration") and static(node).startswith("-")
            return static(node), _MINUS if negative else _ATOM
        case Unary(op, inner):
            # What `-` takes are products and powers, `!` takes them too.
            text, rank = _expression(inner, show)
            least = _NOT
            # A sign before a number would be part of it.
            bare = rank >= least and not (isinstance(inner, Static) and inner.kind in ("int", "float", "duration"))
            return f"{op}{text}" if bare else f"{op}({text})", _MINUS if op == "-" else _NOT
        case Binary(op, left, right):
            rank = _RANKS[op]
            before, behind = _expression(left, show), _expression(right, show)
            # A power binds to the right.
            low, high = (rank + 1, rank) if op == "^" else (rank, rank + 1)
            # What begins with a sign takes all that binds tighter behind it.
            loose = _begins_loosely(left, rank)
            first = before[0] if before[1] >= low and not loose else f"({before[0]})"
            second = behind[0] if behind[1] >= high else f"({behind[0]})"
            return f"{first} {op} {second}", rank
    raise AssertionError(node)


def _begins_loosely(node: Expr, rank: int) -> bool:
    """Would a prefix at the beginning of the text take what follows an operator of this rank?"""
    while isinstance(node, Binary):
        if _RANKS[node.op] < rank:
            return True
        node = node.left
    if isinstance(node, Static):
        return static(node).startswith("-") and rank > _MINUS
    return isinstance(node, Unary) and rank > (_MINUS if node.op == "-" else _NOT)


# ------------------------------------------------------------------------------------------------------------ spansets


def _stage(node: Stage) -> str:
    match node:
        case Filter() | Combined() | Pipeline():
            return _spanset(node)[0]
        case ScalarFilter(op, left, right):
            return f"{_scalar(left)[0]} {op} {_scalar(right)[0]}"
        case GroupBy(of):
            return f"by({print_expression(of)})"
        case Coalesce():
            return "coalesce()"
        case Select(fields):
            return f"select({', '.join(map(print_field, fields))})"
    raise AssertionError(node)


def _spanset(node: SpansetExpr) -> tuple[str, int]:
    match node:
        case Filter(None):
            return "{ }", _ATOM
        case Filter(where):
            assert where is not None
            return f"{{ {print_expression(where)} }}", _ATOM
        case Combined(op, left, right):
            rank = 1 if op in ("&&", "||") else 2
            before, behind = _spanset(left), _spanset(right)
            first = before[0] if before[1] >= rank else f"({before[0]})"
            second = behind[0] if behind[1] > rank else f"({behind[0]})"
            return f"{first} {op} {second}", rank
        case Pipeline(stages):
            return f"({' | '.join(map(_stage, stages))})", _ATOM
    raise AssertionError(node)


def _scalar(node: Scalar) -> tuple[str, int]:
    match node:
        case Static():
            return static(node), _ATOM
        case Aggregate(function, of):
            return f"{function}({'' if of is None else print_expression(of)})", _ATOM
        case Arithmetic(op, left, right):
            rank = _RANKS[op]
            before, behind = _scalar(left), _scalar(right)
            low, high = (rank + 1, rank) if op == "^" else (rank, rank + 1)
            first = before[0] if before[1] >= low else f"({before[0]})"
            second = behind[0] if behind[1] >= high else f"({behind[0]})"
            return f"{first} {op} {second}", rank
    raise AssertionError(node)


# ------------------------------------------------------------------------------------------------------------- metrics


def _print(body: Pipeline | MetricsExpr) -> str:
    match body:
        case Pipeline(stages):
            return " | ".join(map(_stage, stages))
        case Metrics(pipeline, function, then):
            return f"{_print(pipeline)} | {_function(function)}{''.join(map(_second, then))}"
        case MetricsMath(op, left, right, then):
            return f"{_left(op, left)} {op} {_right(op, right)}{''.join(map(_second, then))}"
    raise AssertionError(body)


def _left(op: str, side: MetricsExpr | Static) -> str:
    if isinstance(side, MetricsMath) and not side.then and _RANKS[side.op] >= _RANKS[op]:
        return _print(side)
    return _side(side)


def _right(op: str, side: MetricsExpr | Static) -> str:
    if isinstance(side, MetricsMath) and not side.then and _RANKS[side.op] > _RANKS[op]:
        return _print(side)
    return _side(side)


def _side(side: MetricsExpr | Static) -> str:
    return static(side) if isinstance(side, Static) else f"({_print(side)})"


def _function(node: Over | Compare) -> str:
    match node:
        case Over(function, of, quantiles, by):
            inside = [] if of is None else [print_field(of)]
            inside += [repr(one).removesuffix(".0") for one in quantiles]
            text = f"{function}({', '.join(inside)})"
            return f"{text} by ({', '.join(map(print_field, by))})" if by else text
        case Compare(selection, top, start, end):
            window = f", {start}, {end}" if start or end else ""
            amount = f", {top}" if window or top != 10 else ""
            return f"compare({_spanset(selection)[0]}{amount}{window})"
    raise AssertionError(node)


def _second(node: SecondStage) -> str:
    match node:
        case Ranked(function, k):
            return f" | {function}({k})"
        case Threshold(op, value):
            return f" {op} {static(value)}"
    raise AssertionError(node)


def _hints(query: Query) -> str:
    if not query.hints:
        return ""
    return f" with({', '.join(f'{one.name}={static(one.value)}' for one in query.hints)})"
