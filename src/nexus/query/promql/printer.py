"""Syntax tree of PromQL to text: `parse(print_query(tree)) == tree`; `pretty` breaks lines that are too long, as the
`format_query` of the Prometheus API does."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from nexus.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Card,
    Duration,
    Expr,
    Matcher,
    Matching,
    Matrix,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    Vector,
)
from nexus.query.promql.lexer import quote

LINE: Final = 100
"""Longest line of `pretty` that is not broken, in bytes."""
_UNITS: Final = (
    ("y", 365 * 86_400_000, True), ("w", 7 * 86_400_000, True), ("d", 86_400_000, False), ("h", 3_600_000, False),
    ("m", 60_000, False), ("s", 1000, False), ("ms", 1, False),
)  # fmt: skip
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def print_query(node: Expr) -> str:
    """Print a tree as canonical text."""
    match node:
        case Number():
            return _amount(node)
        case String(value):
            return quote(value)
        case Vector():
            return _vector(node)
        case Matrix():
            return _matrix(node)
        case Subquery(inner):
            return print_query(inner) + _subquery(node)
        case Paren(inner):
            return f"({print_query(inner)})"
        case Unary(op, inner):
            return op + print_query(inner)
        case Call(function, arguments):
            return f"{function}({', '.join(map(print_query, arguments))})"
        case Aggregate(_, inner, parameter):
            first = "" if parameter is None else f"{print_query(parameter)}, "
            return f"{_aggregate(node)}({first}{print_query(inner)})"
        case Binary(_, left, right):
            return f"{print_query(left)} {_operator(node)} {print_query(right)}"


def pretty(node: Expr, level: int = 0) -> str:
    """Print a tree with a part a line where a line would be longer than `LINE`."""
    indent = "  " * level
    if isinstance(node, Unary):
        return f"{indent}{node.op}{pretty(node.inner, level).strip()}"
    text = print_query(node)
    if len(text.encode(errors="replace")) <= LINE:
        return text if isinstance(node, Subquery) else indent + text
    match node:
        case Aggregate(_, inner, parameter):
            first = "" if parameter is None else f"{pretty(parameter, level + 1)},\n"
            return f"{indent}{_aggregate(node)}(\n{first}{pretty(inner, level + 1)}\n{indent})"
        case Binary(_, left, right):
            return f"{pretty(left, level + 1)}\n{indent}{_operator(node)}\n{pretty(right, level + 1)}"
        case Call(function, arguments):
            inside = ",\n".join(pretty(one, level + 1) for one in arguments)
            return f"{indent}{function}(\n{inside}\n{indent})"
        case Paren(inner):
            return f"{indent}(\n{pretty(inner, level + 1)}\n{indent})"
        case Subquery(inner):
            return pretty(inner, level) + _subquery(node)
    return indent + text


def print_selector(matchers: Iterable[Matcher], name: str = "") -> str:
    """A selector; the matcher of `name` is left out of the braces."""
    shown = sorted(_matcher(one) for one in matchers if not (name and one == Matcher("__name__", "=", name)))
    return name + ("{" + ",".join(shown) + "}" if shown or not name else "")


def number(value: float) -> str:
    """A number without an exponent, as short as it can be."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = f"{Decimal(repr(value)):f}"
    return text.removesuffix(".0")


def duration(ns: int) -> str:
    """A duration that is not negative, in whole ms."""
    left = ns // 10**6
    parts = []
    for unit, length, whole in _UNITS:
        if whole and left % length:
            continue
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def label(name: str) -> str:
    """A label's name, in quotes where it needs them."""
    return name if _LABEL.fullmatch(name) else quote(name)


def _amount(node: Number | Duration | None) -> str:
    match node:
        case Number(value, True):
            return ("-" if value < 0 else "") + duration(int(abs(value) * 1e9))
        case Number(value):
            return number(value)
        case Duration(op, left, right, wrapped):
            if op in ("step", "range"):
                text = f"{op}()"
            elif op in ("min_of", "max_of"):
                text = f"{op}({_amount(left)}, {_amount(right)})"
            elif left is None:
                text = ("-" if op == "-" else "") + _amount(right)
            else:
                text = f"{_amount(left)} {op} {_amount(right)}"
            return f"({text})" if wrapped else text
    return ""


def _at(node: Vector | Subquery) -> str:
    if node.at is not None:
        return f" @ {node.at / 1000:.3f}"
    return f" @ {node.bound}()" if node.bound else ""


def _offset(node: Vector | Subquery) -> str:
    if node.offset_expr is not None:
        return f" offset {_amount(node.offset_expr)}"
    if node.offset:
        return f" offset {'-' if node.offset < 0 else ''}{duration(abs(node.offset))}"
    return ""


def _extension(node: Vector) -> str:
    return " anchored" if node.anchored else " smoothed" if node.smoothed else ""


def _vector(node: Vector) -> str:
    shown = print_selector(node.matchers, node.name) if node.matchers else node.name
    return shown + _at(node) + _extension(node) + _offset(node)


def _matrix(node: Matrix) -> str:
    vector = node.vector
    length = _amount(node.range_expr) if node.range_expr else duration(node.range)
    return f"{print_selector(vector.matchers, vector.name)}[{length}]{_extension(vector)}{_at(vector)}{_offset(vector)}"


def _subquery(node: Subquery) -> str:
    length = _amount(node.range_expr) if node.range_expr else duration(node.range)
    step = duration(node.step) if node.step else _amount(node.step_expr)
    return f"[{length}:{step}]{_at(node)}{_offset(node)}"


def _labels(names: tuple[str, ...]) -> str:
    return f"({', '.join(map(label, names))})"


def _aggregate(node: Aggregate) -> str:
    if not node.without and not node.labels:
        return node.op
    return f"{node.op} {'without' if node.without else 'by'} {_labels(node.labels)} "


def _operator(node: Binary) -> str:
    matching = _matching(node.matching) if node.matching else ""
    return node.op + (" bool" if node.as_bool else "") + matching


def _matching(one: Matching) -> str:
    text = ""
    grouped = one.card in (Card.MANY_TO_ONE, Card.ONE_TO_MANY)
    if one.labels or one.on or grouped:
        text += f" {'on' if one.on else 'ignoring'} {_labels(one.labels)}"
    if grouped:
        text += f" group_{'left' if one.card is Card.MANY_TO_ONE else 'right'} {_labels(one.include)}"
    left, right = one.fill_left, one.fill_right
    if left is not None and left == right:
        return f"{text} fill ({_short(left)})"
    text += "" if left is None else f" fill_left ({_short(left)})"
    return text + ("" if right is None else f" fill_right ({_short(right)})")


def _short(value: float) -> str:
    """As Go's `%v` shows a float: an exponent from 1e21 on and below 1e-4."""
    if not math.isfinite(value) or value == 0 or 1e-4 <= abs(value) < 1e21:
        return number(value)
    digits, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    return f"{digits}e{exponent[0]}{exponent[1:]:0>2}"


def _matcher(one: Matcher) -> str:
    return f"{label(one.name)}{one.op}{quote(one.value)}"
