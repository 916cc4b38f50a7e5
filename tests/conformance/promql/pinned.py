"""A query with `@ time` on every selector: it answers the same whenever it is evaluated."""

from __future__ import annotations

from dataclasses import replace

from tests.conformance.promql.compare import context_free

from nexus.query.promql import parse, print_query
from nexus.query.promql.ast import Aggregate, Binary, Call, Expr, Matrix, Paren, Subquery, Unary, Vector, walk

_OF_THE_STEP = frozenset(
    "days_in_month day_of_month day_of_week day_of_year hour minute month year predict_linear time timestamp "
    "start_timestamp info".split()
)


def pinned(query: str, time: int) -> str:
    """The query at `time` (ms), "" for one that asks for the time of evaluation."""
    tree = parse(query)
    if not context_free(query) or any(isinstance(node, Call) and node.function in _OF_THE_STEP for node in walk(tree)):
        return ""
    return print_query(_pin(tree, time))


def times(time: int) -> list[int]:
    """Other times to evaluate it at."""
    return [-1000, 1000] if time == 0 else [-10 * time, 0, time // 5, 10 * time]


def _pin(node: Expr, time: int) -> Expr:
    match node:
        case Vector():
            return replace(node, at=time) if node.at is None else node
        case Matrix():
            vector = node.vector
            return replace(node, vector=replace(vector, at=time)) if vector.at is None else node
        case Subquery():
            return replace(node, at=time) if node.at is None else node
        case Paren() | Unary():
            return replace(node, inner=_pin(node.inner, time))
        case Call():
            return replace(node, arguments=tuple(_pin(one, time) for one in node.arguments))
        case Aggregate():
            parameter = None if node.parameter is None else _pin(node.parameter, time)
            return replace(node, inner=_pin(node.inner, time), parameter=parameter)
        case Binary():
            return replace(node, left=_pin(node.left, time), right=_pin(node.right, time))
        case _:
            return node
