"""Pipelines of spansets as programs for native code, with what it is to be told of each span.

A program is JSON: `["program", values, keys, numbering, node]`: how many values and keys a row has, and whether spans are
told where they lie in their trace. Nodes, as `crates/nexus-core/src/traces/spansets/program.rs` reads them, take spansets of
a trace and give others:

    ["leaf", n]                spans that meet leaf n
    ["where", condition]       spans of which it holds: ["leaf", n], ["parent", n, absent] (of the parent; `absent` when
                               there is none), ["and", c, ...], ["or", c, ...], ["not", c]
    ["set", op, node, node]    two sides joined by an operator of spansets
    ["by", key, label]         a spanset for each key
    ["coalesce"]               one spanset
    ["scalar", op, left, right] spansets of which it holds: ["number", x], ["count", label],
                               ["avg" | "min" | "max" | "sum", value, label], [operator, left, right]
    ["pipeline", node, ...]    one after the other
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

from nexus.query.trace_plan import Candidates, SetLabel, SpanExpr, Spansets
from nexus.query.traces.ast import (
    Aggregate,
    Arithmetic,
    Binary,
    Coalesce,
    Combined,
    Expr,
    Filter,
    GroupBy,
    Pipeline,
    Scalar,
    ScalarFilter,
    Select,
    Stage,
    Static,
    Unary,
    fields_of,
)
from nexus.query.traces.check import type_of_scalar
from nexus.query.traces.expressions import TRUE, Fail, both, condition_of, either, value_of, without_fields
from nexus.query.traces.names import label_of
from nexus.query.traces.printer import print_expression

MAX_LEAVES: Final = 64
MAX_VALUES: Final = 16
MAX_SETS: Final = 64
"""Alternatives of candidates; with more, fewer conditions are asked for."""

_ANY: Final[frozenset[frozenset[int]]] = frozenset({frozenset()})
_WHOLE: Final = frozenset({">>", "<<", "!>>", "!<<", "&>>", "&<<"})


def condition_of_pipeline(node: Pipeline, fail: Fail) -> SpanExpr | None:
    """The condition on single spans that says the same as a pipeline, or None when there is none."""
    found: SpanExpr = TRUE
    for stage in node.stages:
        if isinstance(stage, Select):
            continue
        one = _condition_of(stage, fail)
        if one is None:
            return None
        found = both(found, one)
    return found


def _condition_of(node: Stage, fail: Fail) -> SpanExpr | None:
    match node:
        case Filter(None):
            return TRUE
        case Filter(where) if where is not None and not any(one.parent for one in fields_of(where)):
            return condition_of(where, fail)
        case Combined("||", left, right):
            first, second = _condition_of(left, fail), _condition_of(right, fail)
            return None if first is None or second is None else either(first, second)
        case Pipeline():
            return condition_of_pipeline(node, fail)
    return None


def spansets_of(node: Pipeline, fail: Fail, *, numbering: bool = False) -> Spansets:
    """What a pipeline selects of each trace."""
    if not numbering and (condition := condition_of_pipeline(node, fail)) is not None:
        return Spansets((condition,), candidates=Candidates(((),) if condition == TRUE else ((0,),)))
    builder = _Builder(fail)
    encoded, sets = builder.pipeline(node)
    program = json.dumps(["program", len(builder.values), len(builder.keys), numbering, encoded], allow_nan=False)
    if not builder.leaves:
        builder.leaf(TRUE)
    return Spansets(
        leaves=tuple(builder.leaves),
        program=program.encode(),
        candidates=Candidates(_alternatives(sets)),
        values=tuple(builder.values),
        keys=tuple(builder.keys),
        labels=tuple(builder.labels),
        whole=builder.whole or numbering,
    )


Sets = frozenset[frozenset[int]]
"""Alternatives: of one of them a trace needs a span for every leaf."""


@dataclass(slots=True)
class _Builder:
    fail: Fail
    leaves: dict[SpanExpr, int] = field(default_factory=dict)
    values: dict[SpanExpr, int] = field(default_factory=dict)
    keys: dict[SpanExpr, int] = field(default_factory=dict)
    labels: list[SetLabel] = field(default_factory=list)
    whole: bool = False

    def leaf(self, condition: SpanExpr, pos: tuple[int, int] = (0, 0)) -> int:
        return self.numbered(self.leaves, condition, MAX_LEAVES, "different conditions", pos)

    def numbered(self, known: dict[SpanExpr, int], one: SpanExpr, most: int, what: str, pos: tuple[int, int]) -> int:
        if one not in known and len(known) == most:
            self.fail(pos, f"the query has more than {most} {what}.", "Ask for less at once.")
        return known.setdefault(one, len(known))

    def label(self, name: str, kind: str) -> int:
        match kind:
            case "key" | "int" | "float" | "duration" as known:
                label = SetLabel(name, known)
            case _:
                label = SetLabel(name, "number")
        if label not in self.labels:
            self.labels.append(label)
        return self.labels.index(label)

    def pipeline(self, node: Pipeline) -> tuple[list[Any], Sets]:
        nodes: list[list[Any]] = []
        sets = _ANY
        pending: SpanExpr = TRUE
        pos = node.pos
        for stage in node.stages:
            # Conditions that follow each other are one.
            if (one := _condition_of(stage, self.fail)) is not None:
                pending, pos = both(pending, one), stage.pos
                continue
            if pending != TRUE:
                sets = _product(sets, self.condition(pending, pos, nodes))
                pending = TRUE
            if isinstance(stage, Select):
                continue
            # What takes spans that meet no condition needs all of them.
            self.whole = self.whole or (not nodes and not isinstance(stage, Combined))
            encoded, needed = self.stage(stage)
            nodes.append(encoded)
            sets = _product(sets, needed)
        if pending != TRUE or not nodes:
            sets = _product(sets, self.condition(pending, pos, nodes))
        return (nodes[0] if len(nodes) == 1 else ["pipeline", *nodes]), sets

    def condition(self, condition: SpanExpr, pos: tuple[int, int], nodes: list[list[Any]]) -> Sets:
        leaf = self.leaf(condition, pos)
        nodes.append(["leaf", leaf])
        return _ANY if condition == TRUE else frozenset({frozenset({leaf})})

    def stage(self, node: Stage) -> tuple[list[Any], Sets]:
        match node:
            case Filter(where):
                assert where is not None
                encoded, sets = self.where(where)
                return ["where", encoded], sets
            case Combined(op, left, right):
                first, of_left = self.side(left)
                second, of_right = self.side(right)
                self.whole = self.whole or op in _WHOLE
                if op == "||":
                    sets = _union(of_left, of_right)
                else:
                    sets = of_right if op.startswith("!") else _product(of_left, of_right)
                return ["set", op, first, second], sets
            case Pipeline():
                return self.pipeline(node)
            case ScalarFilter(op, left, right):
                return ["scalar", op, self.scalar(left), self.scalar(right)], _ANY
            case GroupBy(of):
                key = self.numbered(self.keys, value_of(of, self.fail), MAX_VALUES, "groups", node.pos)
                return ["by", key, self.label(f"by({print_expression(of, label_of)})", "key")], _ANY
            case Coalesce():
                return ["coalesce"], _ANY
        raise AssertionError(node)

    def side(self, node: Filter | Combined | Pipeline) -> tuple[list[Any], Sets]:
        return self.pipeline(node if isinstance(node, Pipeline) else Pipeline((node,), node.pos))

    def where(self, node: Expr) -> tuple[list[Any], Sets]:
        """A condition that is about the parent span, too: which parts are about whom."""
        of_parent = [one.parent for one in fields_of(node)]
        if not any(of_parent):
            condition = condition_of(node, self.fail)
            leaf = self.leaf(condition, node.pos)
            return ["leaf", leaf], _ANY if condition == TRUE else frozenset({frozenset({leaf})})
        match node:
            case Binary("&&" | "||" as op, left, right):
                first, of_left = self.where(left)
                second, of_right = self.where(right)
                joined = _product(of_left, of_right) if op == "&&" else _union(of_left, of_right)
                return ["and" if op == "&&" else "or", first, second], joined
            case Unary("!", inner) if isinstance(inner, Binary | Unary):
                return ["not", self.where(inner)[0]], _ANY
        if not all(of_parent):
            hint = 'Compare each with a value: { parent.name = "a" && name = "b" }'
            self.fail(node.pos, "a field of the span and one of its parent cannot be compared with each other.", hint)
        condition = condition_of(node, self.fail)
        leaf = self.leaf(condition, node.pos)
        absent = without_fields(condition)
        return ["parent", leaf, absent], _ANY if absent else frozenset({frozenset({leaf})})

    def scalar(self, node: Scalar) -> list[Any]:
        match node:
            case Static(_, value):
                return ["number", value]
            case Arithmetic(op, left, right):
                return [op, self.scalar(left), self.scalar(right)]
            case Aggregate(function, of):
                if of is None:
                    return ["count", self.label("count()", "int")]
                value = self.numbered(self.values, value_of(of, self.fail), MAX_VALUES, "numbers", node.pos)
                name = f"{function}({print_expression(of, label_of)})"
                return [function, value, self.label(name, type_of_scalar(node))]
        raise AssertionError(node)


def _product(left: Sets, right: Sets) -> Sets:
    found = frozenset(one | other for one, other in product(left, right))
    if len(found) <= MAX_SETS:
        return found
    return min(left, right, key=len)


def _union(left: Sets, right: Sets) -> Sets:
    found = left | right
    return found if len(found) <= MAX_SETS else _ANY


def _alternatives(sets: Sets) -> tuple[tuple[int, ...], ...]:
    """Without those that ask for more than another."""
    least = [one for one in sets if not any(other < one for other in sets)]
    return tuple(sorted(tuple(sorted(one)) for one in least))
