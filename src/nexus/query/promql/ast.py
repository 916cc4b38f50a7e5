"""Syntax tree of PromQL: frozen nodes, compared by meaning; `pos` (start and end in the text, bytes of UTF-8) is left out of
comparisons. Durations are integer nanoseconds, `@` is in ms. `printer.print_query` turns a tree into text that parses back
into an equal tree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Position = tuple[int, int]


class Type(StrEnum):
    """Types of expressions, by the names that the Prometheus API gives them."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"

    @property
    def documented(self) -> str:
        """The name in error messages."""
        return {"vector": "instant vector", "matrix": "range vector"}.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class Number:
    """A number; `duration` when it was written as a duration (its value is in seconds)."""

    value: float
    duration: bool = False
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class String:
    """A text."""

    value: str
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Duration:
    """An expression of durations in seconds: `step`, `range`, `min_of`, `max_of` or an operator; a sign has no `left`. One
    number in parentheses is a `+` of it."""

    op: str
    left: Number | Duration | None = None
    right: Number | Duration | None = None
    wrapped: bool = False
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Matcher:
    """`name op "value"`; `op` is `=`, `!=`, `=~` or `!~`; expressions match the whole value."""

    name: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    """An instant vector selector. The matcher of a `name` before the braces comes last among `matchers`.

    `bound` is "start" or "end" for `@ start()` and `@ end()`.
    """

    name: str = ""
    matchers: tuple[Matcher, ...] = ()
    offset: int = 0
    offset_expr: Duration | None = None
    at: int | None = None
    bound: Literal["", "start", "end"] = ""
    anchored: bool = False
    smoothed: bool = False
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A range vector selector; offset, `@` and extension are those of `vector`."""

    vector: Vector
    range: int = 0
    range_expr: Duration | None = None
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Subquery:
    """`inner[range:step]`; a step of 0 is the default."""

    inner: Expr
    range: int = 0
    range_expr: Duration | None = None
    step: int = 0
    step_expr: Duration | None = None
    offset: int = 0
    offset_expr: Duration | None = None
    at: int | None = None
    bound: Literal["", "start", "end"] = ""
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Paren:
    """`(inner)`."""

    inner: Expr
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`+inner` or `-inner` of anything but a number."""

    op: str
    inner: Expr
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Expr, ...] = ()
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`op by (labels) (parameter, inner)`."""

    op: str
    inner: Expr
    parameter: Expr | None = None
    labels: tuple[str, ...] = ()
    without: bool = False
    pos: Position = field(default=(0, 0), compare=False, repr=False)


class Card(StrEnum):
    """Cardinality of a vector match."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


@dataclass(frozen=True, slots=True)
class Matching:
    """`on (labels)`, else `ignoring (labels)`; `group_left (include)`, `group_right (include)`; values of `fill`."""

    card: Card = Card.ONE_TO_ONE
    labels: tuple[str, ...] = ()
    on: bool = False
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`; `matching` is of two vectors."""

    op: str
    left: Expr
    right: Expr
    as_bool: bool = False
    matching: Matching | None = None
    pos: Position = field(default=(0, 0), compare=False, repr=False)


Expr = Number | String | Vector | Matrix | Subquery | Paren | Unary | Call | Aggregate | Binary


def children(node: Expr) -> tuple[Expr, ...]:
    """The expressions directly below a node, in the order of evaluation."""
    match node:
        case Matrix(vector):
            return (vector,)
        case Subquery(inner) | Paren(inner) | Unary(_, inner):
            return (inner,)
        case Call(_, arguments):
            return arguments
        case Aggregate(_, inner, parameter):
            return (inner,) if parameter is None else (inner, parameter)
        case Binary(_, left, right):
            return (left, right)
        case _:
            return ()


def walk(node: Expr) -> list[Expr]:
    """A node and all below it, each before those below it."""
    found: list[Expr] = []
    left = [node]
    while left:
        found.append(left.pop())
        left.extend(reversed(children(found[-1])))
    return found
