"""Expressions over spans as SQL. Pure text.

A condition may be NULL, which means that it does not hold. Comparisons are over every pair of ways in which a span may hold
both sides (`ways`) that have comparable types; ways that no stored span has are left out, and with them whole conditions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from nexus.query.span_policy import fields_of
from nexus.query.trace_plan import KINDS, STATUSES, Binary, Constant, Kind, Place, SpanExpr, SpanField, Unary
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.traces.durations import class_of
from nexus.storage.clickhouse.traces.ways import COLUMNS_OF_TRACES, EVENTS, LINKS, Way, ways_of

_NUMBERS: Final = frozenset({"int", "float", "duration"})
_ORDER: Final = ("=", "!=", "<", "<=", ">", ">=")
_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COMPARISONS: Final = frozenset({*_ORDER, "=~", "!~"})
_ARITHMETIC: Final = frozenset("+-*/%^")
_IDS: Final = {"trace:id": ("trace_id", 16), "span:id": ("span_id", 8), "span:parentID": ("parent_span_id", 8)}
_LETTERS: Final = {"string": "s", "int": "i", "float": "f", "duration": "d", "status": "t", "kind": "k"}
_NAMES: Final = {"status": STATUSES, "kind": KINDS}
_BOOLS: Final = "if({0}, 'btrue', 'bfalse')"
_MAX_INT: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Expressions:
    """Makes SQL of expressions over the spans that a catalog describes."""

    catalog: Catalog

    # ------------------------------------------------------------------------------------------------------- conditions

    def condition(self, expression: SpanExpr) -> str:
        """Whether a span meets an expression."""
        match expression:
            case Constant("bool", value):
                return "1" if value else "0"
            case Constant():
                return "0"
            case SpanField():
                return _any(
                    _each(_both(way.asked, way.value), way.each) for way in self.ways(expression) if way.kind == "bool"
                )
            case Unary("!", part):
                return _not(self.condition(part))
            case Binary("&&", left, right):
                return _all((self.condition(left), self.condition(right)))
            case Binary("||", left, right):
                return _any((self.condition(left), self.condition(right)))
            case Binary(op, left, right) if op in _COMPARISONS:
                return self._compare(op, left, right)
        return "0"

    def conjuncts(self, expression: SpanExpr) -> list[str]:
        """The condition as terms to be joined by AND, so that indexes see each."""
        if isinstance(expression, Binary) and expression.op == "&&":
            return self.conjuncts(expression.left) + self.conjuncts(expression.right)
        condition = self.condition(expression)
        return [] if condition == "1" else [condition]

    def _compare(self, op: str, left: SpanExpr, right: SpanExpr) -> str:
        if _is_nil(left) or _is_nil(right):
            return self._is_there(op, left, right)
        if op in _FLIPPED and isinstance(left, Constant):
            op, left, right = _FLIPPED[op], right, left
        elif isinstance(left, Constant):
            left, right = right, left
        if isinstance(right, Constant):
            if (known := _stored(op, left, right)) is not None:
                return known
            return _any(self._with_constant(op, way, right) for way in self.ways(left))
        if op not in _ORDER:
            return "0"
        pairs = [(a, b) for a in self.ways(left) for b in self.ways(right) if _comparable(op, a.kind, b.kind)]
        return _any(_each(_both(a.asked, b.asked, f"{a.value} {op} {b.value}"), a.each | b.each) for a, b in pairs)

    def _with_constant(self, op: str, way: Way, constant: Constant) -> str:
        if op in ("=~", "!~"):
            if way.kind != "string" or constant.kind != "string":
                return "0"
            # The engine's dot matches line breaks unless it is told not to.
            test = f"match({way.value}, {quote(f'^(?-s:{constant.value})$')})"
            return _each(_both(way.asked, test if op == "=~" else f"NOT {test}"), way.each)
        if not _comparable(op, way.kind, constant.kind):
            return "0"
        if op == "=" and way.begins and str(constant.value)[:1] not in tuple(way.begins):
            return "0"
        test = f"{way.value} {op} {_literal(constant)}"
        if way.value == "duration" and isinstance(constant.value, int | float):
            return _duration(op, test, constant.value)
        # The engine runs a conjunction's first part over dictionaries, the others over the rows that are left.
        return _each(_both(test, way.asked) if way.light else _both(way.asked, test), way.each)

    def _is_there(self, op: str, left: SpanExpr, right: SpanExpr) -> str:
        other = right if _is_nil(left) else left
        if isinstance(other, Constant) or op not in ("=", "!="):
            return "0"
        there = self.presence(other)
        return there if op == "!=" else _not(there)

    def presence(self, expression: SpanExpr) -> str:
        """Whether a span has a value."""
        return _any(_each(way.present or "1", way.each) for way in self.ways(expression))

    # ----------------------------------------------------------------------------------------------------------- values

    def ways(self, expression: SpanExpr) -> list[Way]:
        """The ways in which a span has the value of an expression."""
        match expression:
            case SpanField():
                return ways_of(expression, self.catalog)
            case Constant("nil"):
                return []
            case Constant():
                return [Way(_kind(expression), _literal(expression))]
            case Unary("-", part):
                return [_negated(way) for way in self.ways(part) if way.kind in _NUMBERS]
            case Binary(op, left, right) if op in _ARITHMETIC:
                pairs = [(a, b) for a in self.ways(left) for b in self.ways(right) if {a.kind, b.kind} <= _NUMBERS]
                return [_arithmetic(op, a, b) for a, b in pairs]
            case _:
                return [Way("bool", f"ifNull({self.condition(expression)}, 0)")]

    def key(self, expression: SpanExpr) -> str:
        """The value as Nullable text with its type (`trace_plan.key_value`); of events and links that of the first one that
        has it."""
        return _first_of([(way, _key(way)) for way in self.ways(expression)], "String")

    def group_key(self, expression: SpanExpr, name: str) -> tuple[str, str]:
        """(what to group by, the key that a group called `name` stands for): as close to the stored column as possible,
        since that has a dictionary or a number where the key is a text of its own."""
        ways = self.ways(expression)
        if len(ways) == 1 and not ways[0].each:
            (way,) = ways
            if way.present == f"{way.value} != ''":
                return way.value, f"if({name} = '', NULL, {_key(replace(way, value=f'toString({name})'))})"
            if not way.present or way.sparse:
                text = f"toString({name})" if way.kind == "string" else name
                return way.value, _key(replace(way, value=text))
        return self.key(expression), name

    def keys(self, expression: SpanExpr) -> str:
        """The same as an array: of events and links those of every one."""
        ways = self.ways(expression)
        if not any(way.each for way in ways):
            one = self.key(expression)
            return f"if(isNull({one}), [], [assumeNotNull({one})])"
        parts = [
            f"arrayFilter(x -> x != '', {_over(_branch(_key(way), way, chr(39) * 2), way.each)})" for way in ways if way.each
        ]
        return parts[0] if len(parts) == 1 else f"arrayConcat({', '.join(parts)})"

    def number(self, expression: SpanExpr) -> str:
        """The value as a Nullable(Float64); NULL unless it is a number."""
        numbers = [(way, f"toFloat64({way.value})") for way in self.ways(expression) if way.kind in _NUMBERS]
        return _first_of(numbers, "Float64")

    def is_duration(self, expression: SpanExpr) -> bool:
        """Whether every way of an expression is a time span."""
        ways = self.ways(expression)
        return bool(ways) and all(way.kind == "duration" for way in ways)


def of_traces(expressions: Iterator[SpanExpr]) -> frozenset[str]:
    """Columns about whole traces that expressions name."""
    return frozenset(
        COLUMNS_OF_TRACES[field.name]
        for expression in expressions
        for field in fields_of(expression)
        if field.place is Place.INTRINSIC and field.name in COLUMNS_OF_TRACES
    )


# --------------------------------------------------------------------------------------------------------------- pieces


def _is_nil(part: SpanExpr) -> bool:
    return isinstance(part, Constant) and part.kind == "nil"


def _kind(constant: Constant) -> Kind:
    assert constant.kind != "nil"
    return constant.kind


def _comparable(op: str, a: str, b: str) -> bool:
    if a == "bool" or b == "bool":
        return a == b and op in ("=", "!=")
    return a == b or (a in _NUMBERS and b in _NUMBERS)


def _stored(op: str, left: SpanExpr, constant: Constant) -> str | None:
    """A comparison of an id with its stored bytes, which key and filters know; None for everything else."""
    if not (isinstance(left, SpanField) and left.place is Place.INTRINSIC and left.name in _IDS and op in ("=", "!=")):
        return None
    column, size = _IDS[left.name]
    text = str(constant.value)
    if constant.kind != "string" or not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text):
        return None
    test = f"{column} {op} unhex({quote(text)})"
    return f"(NOT root AND {test})" if column == "parent_span_id" else test


def _duration(op: str, test: str, ns: float) -> str:
    """A comparison of the span's duration, with what its class can leave out before."""
    if math.isnan(ns):
        return "0"
    number = class_of(int(min(max(ns, 0), 1 << 64)))
    match op:
        case ">" | ">=":
            return f"(duration_class >= {number} AND {test})"
        case "<" | "<=":
            return f"(duration_class <= {number} AND {test})"
        case "=":
            return f"(duration_class = {number} AND {test})"
    return test


def _literal(constant: Constant) -> str:
    value = constant.value
    match constant.kind:
        case "string":
            return quote(str(value))
        case "bool":
            return "true" if value else "false"
        case "status" | "kind":
            names = _NAMES[constant.kind]
            # What is none of them equals none of them.
            return str(names.index(str(value))) if value in names else "255"
    if isinstance(value, float) or not -_MAX_INT <= int(value) < 2 * _MAX_INT:
        number = float(value)
        return "nan" if math.isnan(number) else ("-inf" if number < 0 else "inf") if math.isinf(number) else repr(number)
    return f"({value})" if int(value) < 0 else str(value)


def _negated(way: Way) -> Way:
    value = f"negate({way.value})" if way.kind == "int" else f"negate(toFloat64({way.value}))"
    return Way(way.kind, value, way.present, way.sparse, way.each)


def _arithmetic(op: str, a: Way, b: Way) -> Way:
    left, right = f"toFloat64({a.value})", f"toFloat64({b.value})"
    value = f"pow({left}, {right})" if op == "^" else f"({left} {op} {right})"
    durations = "duration" in (a.kind, b.kind) and op in "+-*/%" and not (a.kind == b.kind and op == "/")
    kind: Kind = "duration" if durations else "float"
    present = _both(a.present, b.present) if a.present or b.present else ""
    return Way(kind, value, present, (a.sparse or not a.present) and (b.sparse or not b.present), a.each | b.each)


def _key(way: Way) -> str:
    if way.kind == "bool":
        # A condition that is NULL would choose the second.
        return (
            f"if(isNull({way.value}), NULL, if({way.value}, 'btrue', 'bfalse'))" if way.sparse else _BOOLS.format(way.value)
        )
    letter = quote(_LETTERS[way.kind])
    if way.kind in _NAMES:
        names = ", ".join(map(quote, _NAMES[way.kind]))
        return f"concat({letter}, arrayElement([{names}], toUInt16({way.value}) + 1))"
    if way.kind == "duration":
        return f"concat({letter}, toString(toInt64({way.value})))"
    return f"concat({letter}, {way.value if way.kind == 'string' else f'toString({way.value})'})"


def _first_of(values: list[tuple[Way, str]], type: str) -> str:
    """The first value that a span has, as Nullable."""
    if not values:
        return f"CAST(NULL, 'Nullable({type})')"
    if len(values) == 1 and not values[0][0].each and (not values[0][0].present or values[0][0].sparse):
        return values[0][1]
    branches: list[str] = []
    for way, value in values:
        if way.each:
            null = f"CAST(NULL, 'Nullable({type})')"
            one = f"arrayFirstOrNull(x -> isNotNull(x), {_over(_branch(f'toNullable({value})', way, null), way.each)})"
            branches += [_each(way.present or "1", way.each), one]
        elif way.present:
            branches += [way.present, value]
        else:
            return f"multiIf({', '.join([*branches, value])})" if branches else value
    return f"multiIf({', '.join(branches)}, NULL)"


def _branch(value: str, way: Way, other: str) -> str:
    return f"if({way.present}, {value}, {other})" if way.present else value


def _each(condition: str, each: frozenset[str]) -> str:
    """A condition that holds for some event, some link or both."""
    for columns in (EVENTS, LINKS):
        names = [name for name in columns if name in each]
        if names and condition != "0":
            condition = (
                f"arrayExists(({', '.join(names)}) -> ifNull({condition}, 0), {', '.join(columns[n] for n in names)})"
            )
    return condition


def _over(value: str, each: frozenset[str]) -> str:
    """An array of the values that events (or links) have."""
    columns = EVENTS | LINKS
    names = sorted(each)
    return f"arrayMap(({', '.join(names)}) -> {value}, {', '.join(columns[name] for name in names)})"


def _both(*conditions: str) -> str:
    return _all(condition for condition in conditions if condition)


def _all(conditions: Iterator[str] | tuple[str, ...]) -> str:
    terms = [condition for condition in conditions if condition != "1"]
    if "0" in terms:
        return "0"
    if not terms:
        return "1"
    return terms[0] if len(terms) == 1 else f"({' AND '.join(terms)})"


def _any(conditions: Iterator[str] | tuple[str, ...]) -> str:
    terms = [condition for condition in conditions if condition != "0"]
    if "1" in terms:
        return "1"
    if not terms:
        return "0"
    return terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"


def _not(condition: str) -> str:
    return {"0": "1", "1": "0"}.get(condition, f"NOT ifNull({condition}, 0)")
