"""Syntax tree of PromQL as JSON, as `/api/v1/parse_query` has it and trees in UIs draw it."""

from __future__ import annotations

import math
from typing import Any

from nexus.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Duration,
    Expr,
    Matcher,
    Matrix,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    Vector,
)
from nexus.query.promql.functions import FUNCTIONS
from nexus.query.promql.lower import whole_ms
from nexus.query.promql.printer import number


def tree_of(node: Expr) -> dict[str, Any]:
    """The JSON of a tree."""
    match node:
        case Aggregate(op, inner, parameter, labels, without):
            return {
                "type": "aggregation",
                "op": op,
                "expr": tree_of(inner),
                "param": None if parameter is None else tree_of(parameter),
                "grouping": labels,
                "without": without,
            }
        case Binary(op, left, right, as_bool):
            return {
                "type": "binaryExpr",
                "op": op,
                "lhs": tree_of(left),
                "rhs": tree_of(right),
                "matching": _matching(node),
                "bool": as_bool,
            }
        case Call(name, arguments):
            function = FUNCTIONS[name]
            return {
                "type": "call",
                "func": {
                    "name": name,
                    "argTypes": function.arguments,
                    "variadic": function.variadic,
                    "returnType": function.result,
                },
                "args": [tree_of(one) for one in arguments],
            }
        case Matrix(vector, length, expression):
            return {
                "type": "matrixSelector",
                "range": whole_ms(length),
                "rangeExpr": _duration(expression),
                **_selector(vector),
            }
        case Vector():
            return {"type": "vectorSelector", **_selector(node)}
        case Subquery(inner, length, expression, step, step_expression):
            return {
                "type": "subquery",
                "expr": tree_of(inner),
                "range": whole_ms(length),
                "rangeExpr": _duration(expression),
                "step": whole_ms(step),
                "stepExpr": _duration(step_expression),
                **_shift(node),
            }
        case Number(value):
            return {"type": "numberLiteral", "val": number(value)}
        case String(text):
            return {"type": "stringLiteral", "val": text}
        case Paren(inner):
            return {"type": "parenExpr", "expr": tree_of(inner)}
        case Unary(op, inner):
            return {"type": "unaryExpr", "op": op, "expr": tree_of(inner)}


def _matching(node: Binary) -> dict[str, Any] | None:
    if (found := node.matching) is None:
        return None
    return {
        "card": found.card,
        "labels": found.labels,
        "on": found.on,
        "include": found.include,
        "fillValues": {"lhs": _finite(found.fill_left), "rhs": _finite(found.fill_right)},
    }


def _finite(value: float | None) -> float | None:
    """JSON has no others."""
    return value if value is not None and math.isfinite(value) else None


def _selector(node: Vector) -> dict[str, Any]:
    return {
        "name": node.name,
        "matchers": [_matcher(one) for one in node.matchers],
        "anchored": node.anchored,
        "smoothed": node.smoothed,
        **_shift(node),
    }


def _shift(node: Vector | Subquery) -> dict[str, Any]:
    return {
        "offset": whole_ms(node.offset),
        "offsetExpr": _duration(node.offset_expr),
        "timestamp": node.at,
        "startOrEnd": node.bound or None,
    }


def _matcher(one: Matcher) -> dict[str, str]:
    return {"name": one.name, "value": one.value, "type": one.op}


def _duration(node: Number | Duration | None) -> dict[str, Any] | None:
    match node:
        case None:
            return None
        case Number(value, duration):
            return {"type": "numberLiteral", "val": number(value), "duration": duration}
        case Duration(op, left, right, wrapped):
            return {"type": "durationExpr", "op": op, "lhs": _duration(left), "rhs": _duration(right), "wrapped": wrapped}
