"""TraceQL over whole traces the slow way: sets of spans as Python lists, relations by walking up from every span.

What a condition means is `oracles.spans`'s; how broken traces hang together is said here in the words of
`crates/nexus-core/src/traces/spansets/mod.rs`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.oracles.spans import Oracle, Span

from nexus.query.trace_plan import KINDS, STATUSES, SpanExpr, Spansets
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
from nexus.query.traces.expressions import condition_of, value_of
from nexus.query.traces.lower import failing
from nexus.query.traces.names import label_of
from nexus.query.traces.printer import print_expression

FAIL = failing("")


@dataclass
class Found:
    """Spans (by place in their trace) that match together, and what is said of them."""

    spans: list[int]
    said: dict[str, str | float | None] = field(default_factory=dict)


class SlowTrace:
    """The spans of a trace, in the order of their rows."""

    def __init__(self, spans: Sequence[Span]) -> None:
        """Work out who lies above whom."""
        self.spans = spans
        self.oracle = Oracle(list(spans))
        self.above: dict[bytes, bytes] = {}
        self.first: dict[bytes, tuple[int, int]] = {}
        for place, span in sorted(enumerate(spans), key=lambda item: (item[1].start, item[0])):
            if span.span_id not in self.first:
                self.first[span.span_id] = (span.start, place)
                if span.parent not in (bytes(8), span.span_id):
                    self.above[span.span_id] = span.parent
        self.opened: dict[bytes, bytes] = {}
        while circle := self._circle():
            earliest = min(circle, key=lambda id: self.first[id])
            self.opened[earliest] = self.above.pop(earliest)

    def _circle(self) -> list[bytes]:
        for id in self.above:
            walked = [id]
            while (parent := self.above.get(walked[-1])) is not None:
                if parent in walked:
                    return walked[walked.index(parent) :]
                walked.append(parent)
        return []

    def parent(self, place: int) -> bytes | None:
        """The id of the parent, stored or not."""
        span = self.spans[place]
        if span.parent in (bytes(8), span.span_id) or self.opened.get(span.span_id) == span.parent:
            return None
        return span.parent

    def ancestors(self, place: int) -> list[bytes]:
        """Ids above a span."""
        found = []
        at = self.parent(place)
        while at is not None:
            found.append(at)
            at = self.above.get(at)
        return found

    def is_related(self, relation: str, left: int, right: int) -> bool:
        """Is the right span a child, descendant, ... of the left one?"""
        match relation:
            case ">":
                return self.parent(right) == self.spans[left].span_id
            case ">>":
                return self.spans[left].span_id in self.ancestors(right)
            case "<":
                return self.is_related(">", right, left)
            case "<<":
                return self.is_related(">>", right, left)
        return left != right and self.parent(left) is not None and self.parent(left) == self.parent(right)

    # ------------------------------------------------------------------------------------------------------- conditions

    def holds(self, where: Expr | None, place: int) -> bool:
        """Does a condition hold for a span?"""
        if where is None:
            return True
        of_parent = [one.parent for one in fields_of(where)]
        if not any(of_parent):
            return self.oracle.holds(condition_of(where, FAIL), self.spans[place])
        match where:
            case Binary("&&", left, right):
                return self.holds(left, place) and self.holds(right, place)
            case Binary("||", left, right):
                return self.holds(left, place) or self.holds(right, place)
            case Unary("!", Binary() | Unary() as inner):
                return not self.holds(inner, place)
        condition = condition_of(where, FAIL)
        parents = [span for span in self.spans if span.span_id == self.parent(place)]
        if not parents:
            return _absent(where)
        return any(self.oracle.holds(condition, parent) for parent in parents)

    def number(self, expression: SpanExpr, place: int) -> float | None:
        """The number that a span has."""
        found = self.oracle.first(expression, self.spans[place])
        if found is None or found[0] not in ("int", "float", "duration") or math.isnan(found[1]):
            return None
        return float(found[1])

    def key(self, expression: SpanExpr, place: int) -> str | None:
        """The key of a group, as `trace_plan.KEY_LETTERS` has it."""
        found = self.oracle.first(expression, self.spans[place])
        if found is None:
            return None
        kind, value = found
        match kind:
            case "bool":
                return f"b{str(value).lower()}"
            case "status":
                return f"t{STATUSES[value]}"
            case "kind":
                return f"k{KINDS[value]}"
        return f"{kind[0]}{value}"

    # --------------------------------------------------------------------------------------------------------- spansets

    def run(self, pipeline: Pipeline) -> list[Found]:
        """The spansets that a pipeline leaves."""
        return self.pipeline(pipeline.stages, [Found(list(range(len(self.spans))))])

    def pipeline(self, stages: Iterable[Stage], sets: list[Found]) -> list[Found]:
        """One stage after the other."""
        for stage in stages:
            sets = self.stage(stage, sets)
        return sets

    def stage(self, node: Stage, sets: list[Found]) -> list[Found]:
        """Spansets in, spansets out; an empty one is none."""
        match node:
            case Select():
                return sets
            case Pipeline(stages):
                return self.pipeline(stages, sets)
            case Filter(where):
                found = [Found([one for one in a_set.spans if self.holds(where, one)], dict(a_set.said)) for a_set in sets]
                return [one for one in found if one.spans]
            case Combined():
                found = [Found(self.combined(node, a_set), dict(a_set.said)) for a_set in sets]
                return [one for one in found if one.spans]
            case GroupBy(of):
                return [group for a_set in sets for group in self.groups(of, a_set)]
            case Coalesce():
                return [Found(sorted({one for a_set in sets for one in a_set.spans}))] if sets else []
            case ScalarFilter(op, left, right):
                return [a_set for a_set in sets if self.compares(op, left, right, a_set)]
        raise AssertionError(node)

    def combined(self, node: Combined, a_set: Found) -> list[int]:
        """Spans of two sides that belong together."""
        sides = [
            sorted({one for found in self.stage(side, [Found(list(a_set.spans))]) for one in found.spans})
            for side in (node.left, node.right)
        ]
        left, right = sides
        if node.op == "||":
            return sorted({*left, *right})
        if node.op == "&&":
            return sorted({*left, *right}) if left and right else []
        relation = node.op.lstrip("!&")
        pairs = [(one, other) for one in left for other in right if self.is_related(relation, one, other)]
        matched = {other for _, other in pairs}
        if node.op.startswith("!"):
            return [one for one in right if one not in matched]
        return sorted(matched | {one for one, _ in pairs}) if node.op.startswith("&") else sorted(matched)

    def groups(self, of: Expr, a_set: Found) -> list[Found]:
        """A spanset for each key, in the order in which they are met."""
        expression = value_of(of, FAIL)
        found: dict[str | None, Found] = {}
        name = f"by({print_expression(of, label_of)})"
        for place in a_set.spans:
            key = self.key(expression, place)
            if key not in found:
                found[key] = Found([], {**a_set.said, name: key})
            found[key].spans.append(place)
        return list(found.values())

    def compares(self, op: str, left: Scalar, right: Scalar, a_set: Found) -> bool:
        """Does a comparison of aggregates hold? They are said of the set."""
        said: dict[str, str | float | None] = {}
        numbers = [self.scalar(side, a_set.spans, said) for side in (left, right)]
        one, other = numbers
        if one is None or other is None:
            return False
        a_set.said.update(said)
        order = {"=": one == other, "!=": one != other, "<": one < other, "<=": one <= other, ">": one > other}
        return order.get(op, one >= other)

    def scalar(self, node: Scalar, spans: list[int], said: dict[str, str | float | None]) -> float | None:
        """The number of a set."""
        match node:
            case Static(_, value):
                return float(value)
            case Arithmetic(op, left, right):
                one, other = self.scalar(left, spans, said), self.scalar(right, spans, said)
                return None if one is None or other is None else _calculated(op, one, other)
            case Aggregate(function, None):
                said["count()"] = float(len(spans))
                return float(len(spans))
            case Aggregate(function, of):
                assert of is not None
                expression = value_of(of, FAIL)
                numbers = [one for place in spans if (one := self.number(expression, place)) is not None]
                if not numbers:
                    return None
                total = numbers[0]
                for number in numbers[1:]:
                    total += number
                found = {"min": min(numbers), "max": max(numbers), "sum": total}.get(function)
                if found is None:
                    total = 0.0
                    for number in numbers:
                        total += number
                    found = total / len(numbers)
                said[f"{function}({print_expression(of, label_of)})"] = found
                return found
        raise AssertionError(node)

    # ------------------------------------------------------------------------------------------------------------- rows

    def rows(self, spansets: Spansets) -> bytes:
        """What the engine would say of the spans: RowBinary, those that it needs."""
        found = bytearray()
        for place, span in enumerate(self.spans):
            leaves = sum(self.oracle.holds(leaf, span) << bit for bit, leaf in enumerate(spansets.leaves))
            if not leaves and not spansets.whole:
                continue
            found += span.trace_id + span.span_id + span.parent
            found += struct.pack("<qQQ", span.start, span.duration, leaves)
            found.append(len(spansets.values))
            for value in spansets.values:
                number = self.number(value, place)
                found += b"\1" if number is None else b"\0" + struct.pack("<d", number)
            found.append(len(spansets.keys))
            for expression in spansets.keys:
                key = self.key(expression, place)
                found += b"\1" if key is None else b"\0" + _varint(len(key.encode())) + key.encode()
        return bytes(found)


def _absent(where: Expr) -> bool:
    """Does a test of one field hold when there is no span to have it?"""
    match where:
        case Binary(op, _, Static("nil")):
            return op == "="
        case Binary(op, Binary() as left, Static("bool", value)):
            return (_absent(left) == value) == (op == "=")
    return False


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _calculated(op: str, left: float, right: float) -> float | None:
    try:
        match op:
            case "+":
                found = left + right
            case "-":
                found = left - right
            case "*":
                found = left * right
            case "/":
                found = left / right
            case "%":
                found = math.fmod(left, right)
            case _:
                found = math.pow(left, right)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return found if math.isfinite(found) else None
