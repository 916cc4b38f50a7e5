"""Expressions over the fields of a span, from the tree of TraceQL into those of the plan. What is constant is calculated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Never

from nexus.query.promql import regex
from nexus.query.trace_plan import Binary as PlanBinary
from nexus.query.trace_plan import Constant, Place, SpanExpr, SpanField
from nexus.query.trace_plan import Unary as PlanUnary
from nexus.query.traces.ast import Attribute, Binary, Expr, Field, Intrinsic, Position, Static, Unary
from nexus.query.traces.names import ARITHMETIC, COMPARISONS, NESTED, short_of
from nexus.query.traces.parser import calculated

TRUE: Final = Constant("bool", True)
FALSE: Final = Constant("bool", False)
_PLACES: Final = {
    "": Place.ANYWHERE, "span": Place.SPAN, "resource": Place.RESOURCE, "event": Place.EVENT, "link": Place.LINK,
    "instrumentation": Place.SCOPE,
}  # fmt: skip
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_ROOT: Final = PlanBinary("=", SpanField(Place.INTRINSIC, "span:parentID"), Constant("nil", ""))
_NOT_ROOT: Final = PlanBinary("!=", SpanField(Place.INTRINSIC, "span:parentID"), Constant("nil", ""))

Fail = Callable[[Position, str, str], Never]
"""Raises the error of a place with a hint."""


def field_of(node: Field) -> SpanField:
    """A field of the plan; which span it is of is said elsewhere."""
    match node:
        case Attribute(scope, name):
            return SpanField(_PLACES[scope], name)
        case Intrinsic(name):
            return SpanField(Place.INTRINSIC, short_of(name) or name)


def value_of(node: Expr, fail: Fail) -> SpanExpr:
    """A number or a text of a span, for aggregates and groups."""
    if isinstance(node, Intrinsic) and node.name in NESTED:
        fail(node.pos, f"{node.name} can be compared and selected, not calculated with.", "")
    return _lower(node, fail)


def condition_of(node: Expr, fail: Fail) -> SpanExpr:
    """A condition on a span."""
    return _lower(node, fail)


def both(left: SpanExpr, right: SpanExpr) -> SpanExpr:
    """A condition that holds when two do."""
    if left == TRUE:
        return right
    if right == TRUE:
        return left
    return FALSE if FALSE in (left, right) else PlanBinary("&&", left, right)


def either(left: SpanExpr, right: SpanExpr) -> SpanExpr:
    """A condition that holds when one of two does."""
    if left in (FALSE, right):
        return right
    if right == FALSE:
        return left
    return TRUE if TRUE in (left, right) else PlanBinary("||", left, right)


def negated(part: SpanExpr) -> SpanExpr:
    """A condition that holds when another does not. A field that is no boolean is neither."""
    if isinstance(part, Constant):
        return Constant("bool", part.value is False)
    return PlanBinary("=", part, FALSE) if isinstance(part, SpanField) else PlanUnary("!", part)


def without_fields(node: SpanExpr) -> bool:
    """Does a condition hold for a span that has no fields at all?"""
    return _value_without_fields(node) is True


def _value_without_fields(node: SpanExpr) -> str | int | float | bool | None:
    """What an expression is then; None for nil."""
    match node:
        case SpanField() | Constant("nil"):
            return None
        case Constant(_, value):
            return value
        case PlanUnary("!", part):
            return not without_fields(part)
        case PlanUnary():
            return None
        case PlanBinary("&&", left, right):
            return without_fields(left) and without_fields(right)
        case PlanBinary("||", left, right):
            return without_fields(left) or without_fields(right)
    assert isinstance(node, PlanBinary)
    if node.op in ARITHMETIC:
        return None
    one, other = _value_without_fields(node.left), _value_without_fields(node.right)
    if isinstance(node.right, Constant) and node.right.kind == "nil":
        return (one is None) == (node.op == "=")
    if one is None or other is None or node.op not in COMPARISONS:
        return False
    return _compared(node.op, one, other)


def _lower(node: Expr, fail: Fail) -> SpanExpr:
    match node:
        case Attribute() | Intrinsic():
            if isinstance(node, Intrinsic) and node.name in NESTED:
                fail(node.pos, f"{node.name} can be compared with a number only.", "Root spans: { nestedSetParent < 0 }")
            return field_of(node)
        case Static(kind, value):
            return Constant(kind, value)
        case Unary("!", inner):
            return negated(_lower(inner, fail))
        case Unary(_, inner):
            part = _lower(inner, fail)
            if not isinstance(part, Constant):
                return PlanUnary("-", part)
            return _calculated("-", Constant("int", 0), part, node.pos, fail)
        case Binary():
            return _binary(node, fail)
    raise AssertionError(node)


def _binary(node: Binary, fail: Fail) -> SpanExpr:
    for side, other, op in ((node.left, node.right, node.op), (node.right, node.left, _MIRRORED.get(node.op, ""))):
        if isinstance(other, Static) and other.kind == "nil":
            return _nil(side, node.op)
        if isinstance(side, Intrinsic) and side.name in NESTED and op in COMPARISONS and isinstance(other, Static):
            return _nested(side, op, other, fail)
    left, right = _lower(node.left, fail), _lower(node.right, fail)
    if node.op == "&&":
        return both(left, right)
    if node.op == "||":
        return either(left, right)
    if isinstance(left, Constant) and isinstance(right, Constant):
        return _constant(node, left, right, fail)
    return PlanBinary(node.op, left, right)


def _constant(node: Binary, left: Constant, right: Constant, fail: Fail) -> Constant:
    if node.op in ARITHMETIC:
        return _calculated(node.op, left, right, node.pos, fail)
    if node.op in ("=~", "!~"):
        return Constant("bool", regex.matches(str(right.value), str(left.value)) == (node.op == "=~"))
    return Constant("bool", _compared(node.op, left.value, right.value))


def _calculated(op: str, left: Constant, right: Constant, pos: Position, fail: Fail) -> Constant:
    found = calculated(op, Static(left.kind, left.value), Static(right.kind, right.value))
    if found is None:
        fail(pos, f"`{op}` of these numbers has no value.", "It divides by zero or is too large.")
    return Constant(found.kind, found.value)


def _compared(op: str, left: str | int | float, right: str | int | float) -> bool:
    if isinstance(left, str) != isinstance(right, str):
        return False
    match op:
        case "=":
            return left == right
        case "!=":
            return left != right
    # Both are texts or both are numbers.
    order = (left > right) - (left < right)  # type: ignore[operator]
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[op]


def _nil(side: Expr, op: str) -> SpanExpr:
    """Whether something is there. A calculation is nil when one of its fields is; a condition never is."""
    absent = op == "="
    match side:
        case Intrinsic("parent", parent):
            if not parent:
                return _ROOT if absent else _NOT_ROOT
            return PlanBinary(op, SpanField(Place.INTRINSIC, "span:parentID"), Constant("nil", ""))
        case Intrinsic(name, False) if name in NESTED or (name.startswith("span:") and name != "span:parentID"):
            return FALSE if absent else TRUE
        case Attribute() | Intrinsic():
            return PlanBinary(op, field_of(side), Constant("nil", ""))
        case Static("nil"):
            return FALSE
        case Binary(inner, left, right) if inner in ARITHMETIC:
            join = either if absent else both
            return join(_nil(left, op), _nil(right, op))
        case Unary("-", inner):
            return _nil(inner, op)
    return FALSE if absent else TRUE


def _nested(side: Intrinsic, op: str, other: Static, fail: Fail) -> SpanExpr:
    """Numbers of nested sets are not stored: -1 is the parent of a root, all others are greater than 0. So only what all of
    them have in common can be asked."""
    assert isinstance(other.value, int | float)
    ordinary = {_compared(op, low, other.value) for low in (1, 2**62)}
    if len(ordinary) > 1 or (op in ("=", "!=") and other.value >= 1):
        hint = "Root spans: { nestedSetParent < 0 }. To see the numbers: | select(nestedSetParent, nestedSetLeft)"
        fail(side.pos, f"{side.name} can be compared with 0 and -1 only.", hint)
    others = ordinary.pop()
    if side.name != "nestedSetParent":
        return Constant("bool", others)
    root = _compared(op, -1, other.value)
    if root == others:
        return Constant("bool", root)
    return _ROOT if root else _NOT_ROOT
