"""Syntax tree of TraceQL: frozen nodes, compared by meaning; `pos` (start and end in the text, characters) is left out of
comparisons. Durations are integer ns. `printer.print_query` turns a tree into text that parses back into an equal tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from nexus.query.trace_plan import MetricFunction

Position = tuple[int, int]

# -------------------------------------------------------------------------------------------------- expressions of a span

Scope = Literal["", "span", "resource", "event", "link", "instrumentation"]
StaticKind = Literal["string", "int", "float", "bool", "duration", "status", "kind", "nil"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """`span.name`; without a scope it is looked for in the span, then in the resource. `parent` is of the parent span."""

    scope: Scope
    name: str
    parent: bool = False
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Intrinsic:
    """What every span has, by its name with a colon (`span:duration`); `nestedSetLeft` and its like have none."""

    name: str
    parent: bool = False
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Static:
    """A value that is written down. Statuses and kinds are their names; nil's value is ""."""

    kind: StaticKind
    value: str | int | float | bool
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`: `&&` `||`, comparisons, arithmetic."""

    op: str
    left: Expr
    right: Expr
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`!inner` or `-inner`."""

    op: Literal["!", "-"]
    inner: Expr
    pos: Position = field(default=(0, 0), compare=False, repr=False)


Field = Attribute | Intrinsic
Expr = Field | Static | Binary | Unary

# --------------------------------------------------------------------------------------------------------------- spansets


@dataclass(frozen=True, slots=True)
class Filter:
    """`{ where }`; `{ }` has no condition."""

    where: Expr | None = None
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Combined:
    """`left op right` of spansets: logical and structural operators."""

    op: str
    left: SpansetExpr
    right: SpansetExpr
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`stage | stage`; in parentheses when it is a part of something larger."""

    stages: tuple[Stage, ...]
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`count()`, or `avg`, `min`, `max`, `sum` of a number that spans have."""

    function: Literal["count", "avg", "min", "max", "sum"]
    of: Expr | None = None
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left op right` of aggregates and numbers."""

    op: str
    left: Scalar
    right: Scalar
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ScalarFilter:
    """`left op right`: spansets of which the comparison holds go on."""

    op: str
    left: Scalar
    right: Scalar
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class GroupBy:
    """`by(of)`: a spanset for each value."""

    of: Expr
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Coalesce:
    """`coalesce()`: the spansets of a trace become one."""

    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Select:
    """`select(field, ...)`: what to tell of the spans."""

    fields: tuple[Field, ...]
    pos: Position = field(default=(0, 0), compare=False, repr=False)


SpansetExpr = Filter | Combined | Pipeline
Scalar = Aggregate | Arithmetic | Static
Stage = Filter | Combined | Pipeline | ScalarFilter | GroupBy | Coalesce | Select

# ---------------------------------------------------------------------------------------------------------------- metrics


@dataclass(frozen=True, slots=True)
class Over:
    """A function over matching spans in steps: `rate() by (field, ...)`, `quantile_over_time(field, 0.9)`."""

    function: MetricFunction
    of: Field | None = None
    quantiles: tuple[float, ...] = ()
    by: tuple[Field, ...] = ()
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`compare({selection}, top, start, end)`: values of all fields within the selection and without; start and end in ns, 0
    when not said."""

    selection: Filter
    top: int = 10
    start: int = 0
    end: int = 0
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ranked:
    """`topk(k)` or `bottomk(k)`: at each time, the series with the greatest or least values."""

    function: Literal["topk", "bottomk"]
    k: int
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Threshold:
    """`op value`: points of which the comparison holds stay. Durations are compared in seconds."""

    op: str
    value: Static
    pos: Position = field(default=(0, 0), compare=False, repr=False)


SecondStage = Ranked | Threshold


@dataclass(frozen=True, slots=True)
class Metrics:
    """`pipeline | function | second stages`."""

    pipeline: Pipeline
    function: Over | Compare
    then: tuple[SecondStage, ...] = ()
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class MetricsMath:
    """`(left) op (right)` of series; one side may be a number."""

    op: str
    left: MetricsExpr | Static
    right: MetricsExpr | Static
    then: tuple[SecondStage, ...] = ()
    pos: Position = field(default=(0, 0), compare=False, repr=False)


MetricsExpr = Metrics | MetricsMath

# ------------------------------------------------------------------------------------------------------------------ query


@dataclass(frozen=True, slots=True)
class Hint:
    """`name=value` of `with(...)`."""

    name: str
    value: Static
    pos: Position = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query: a search of traces or of metrics, with its hints."""

    body: Pipeline | MetricsExpr
    hints: tuple[Hint, ...] = ()

    @property
    def is_metrics(self) -> bool:
        """Does it answer with series?"""
        return not isinstance(self.body, Pipeline)

    def hint(self, name: str) -> Static | None:
        """What a hint says; the last one counts."""
        return next((one.value for one in reversed(self.hints) if one.name == name), None)


def fields_of(node: Expr) -> Iterator[Field]:
    """The fields that an expression reads, in the order of the text."""
    match node:
        case Attribute() | Intrinsic():
            yield node
        case Binary(_, left, right):
            yield from fields_of(left)
            yield from fields_of(right)
        case Unary(_, inner):
            yield from fields_of(inner)


def pipelines_of(node: Pipeline | MetricsExpr | Static) -> Iterator[Pipeline]:
    """The pipelines of spans in a query, in the order of the text."""
    match node:
        case Pipeline():
            yield node
        case Metrics(pipeline):
            yield pipeline
        case MetricsMath(_, left, right):
            yield from pipelines_of(left)
            yield from pipelines_of(right)


def filters_of(node: Stage) -> Iterator[Filter]:
    """The spanset filters of a stage, in the order of the text."""
    match node:
        case Filter():
            yield node
        case Combined(_, left, right):
            yield from filters_of(left)
            yield from filters_of(right)
        case Pipeline(stages):
            for stage in stages:
                yield from filters_of(stage)
