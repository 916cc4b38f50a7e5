"""Syntax tree of the search language to a predicate of the plan.

What a term means depends on its field: over the body, text is a word or a phrase; over any other field, equality.
Raises `QuerySyntaxError` at the place of a term that makes no sense (a trace id that is not hex, an unknown severity).
"""

from __future__ import annotations

import re
import time
from collections.abc import Container, Iterator
from typing import Final, Never

from nexus.errors import InvalidRequest, QuerySyntaxError
from nexus.model.time import parse_time
from nexus.query import plan
from nexus.query.fields import SEVERITIES, resolve, severity_name
from nexus.query.logs import ast
from nexus.query.plan import CompareOp, Field, FieldKind, Predicate, Value

_BODY: Final = Field(FieldKind.COLUMN, "body")
_WORD: Final = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")
_ID_DIGITS: Final = {"trace_id": 32, "span_id": 16, "template_id": 16}
_TIMES: Final = frozenset({"timestamp", "observed_timestamp"})
_HEX: Final = re.compile(r"[0-9a-f]*")
_ORDERING: Final = frozenset({CompareOp.LT, CompareOp.LE, CompareOp.GT, CompareOp.GE})


def lower(root: ast.Node, *, now_ns: int | None = None) -> Predicate:
    """Lower a tree. `now_ns` is what `now` means in a comparison with a timestamp; the clock when None."""
    return _Lowering(time.time_ns() if now_ns is None else now_ns).node(root, None)


def terms(root: ast.Node, *, now_ns: int) -> Iterator[tuple[ast.Span, Predicate]]:
    """Each term of a tree by itself, with its place."""
    lowering = _Lowering(now_ns)

    def walk(node: ast.Node, field: Field | None) -> Iterator[tuple[ast.Span, Predicate]]:
        match node:
            case ast.And(parts) | ast.Or(parts):
                for part in parts:
                    yield from walk(part, field)
            case ast.Not(part):
                yield from walk(part, field)
            case ast.Group(name, inner, span):
                yield from walk(inner, lowering.resolve(name, span))
            case ast.Term():
                yield node.span, lowering.node(node, field)

    return walk(root, None)


class _Lowering:
    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def node(self, node: ast.Node, field: Field | None) -> Predicate:
        """Lower a node that stands in the group of `field`, or in none."""
        match node:
            case ast.Everything():
                return plan.All()
            case ast.And(parts):
                return plan.And(tuple(self.node(part, field) for part in parts))
            case ast.Or(parts):
                return plan.Or(tuple(self.node(part, field) for part in parts))
            case ast.Not(part):
                return plan.Not(self.node(part, field))
            case ast.Group(name, inner, span):
                return self.node(inner, self.resolve(name, span))
            case ast.Term(name, matcher, span):
                over = self.resolve(name, span) if name is not None else field or _BODY
                return _Term(over, span, self.now_ns).lower(matcher)

    def resolve(self, name: str, span: ast.Span) -> Field:
        try:
            return resolve(name)
        except InvalidRequest as error:
            raise QuerySyntaxError(error.message, offset=span[0], length=span[1] - span[0], hint=error.hint) from None


class _Term:
    """One matcher over one field."""

    def __init__(self, field: Field, span: ast.Span, now_ns: int) -> None:
        self.field = field
        self.span = span
        self.now_ns = now_ns
        self.column = field.name if field.kind is FieldKind.COLUMN else None

    def lower(self, matcher: ast.Matcher) -> Predicate:
        match matcher:
            case ast.Text(value):
                return self.text(value)
            case ast.Pattern(pieces):
                return self.pattern(pieces)
            case ast.Regex(pattern):
                self.refuse_for({*_ID_DIGITS, *_TIMES, "severity_number"}, "a regular expression")
                return plan.Regex(self.field, pattern)
            case ast.Comparison(op, value):
                return self.compare(op, value)
            case ast.Range():
                return self.range(matcher)
            case ast.Present():
                return plan.Exists(self.field)

    def range(self, matcher: ast.Range) -> Predicate:
        if self.field.kind is FieldKind.ANYWHERE:
            # One value has to lie within both ends.
            kinds = (FieldKind.ATTRIBUTE, FieldKind.RESOURCE)
            places = (_Term(Field(kind, self.field.name), self.span, self.now_ns) for kind in kinds)
            return plan.Or(tuple(place.range(matcher) for place in places))
        ends = []
        if matcher.low is not None:
            ends.append(self.compare(CompareOp.GE if matcher.includes_low else CompareOp.GT, matcher.low))
        if matcher.high is not None:
            ends.append(self.compare(CompareOp.LE if matcher.includes_high else CompareOp.LT, matcher.high))
        return plan.And(tuple(ends)) if ends else plan.Exists(self.field)

    def text(self, value: str) -> Predicate:
        if self.column != "body":
            return self.compare(CompareOp.EQ, value)
        if not value:
            return plan.Compare(self.field, CompareOp.EQ, "")
        return plan.Word(value) if _WORD.fullmatch(value) else plan.Phrase(value)

    def pattern(self, pieces: tuple[str, ...]) -> Predicate:
        self.refuse_for({*_TIMES, "severity_number"}, "a wildcard")
        if self.column in _ID_DIGITS:
            prefix = _plain_hex(pieces[0])
            if len(pieces) != 2 or pieces[1] or not _HEX.fullmatch(prefix) or len(prefix) > _ID_DIGITS[self.column]:
                self.fail(f"{self.column} takes hex digits before the star.", f"For example {self.column}:4bf92f*.")
            return plan.Wildcard(self.field, (prefix, ""))
        return plan.Wildcard(self.field, pieces)

    def compare(self, op: CompareOp, value: str) -> Predicate:
        return plan.Compare(self.field, op, self.value(op, value))

    def value(self, op: CompareOp, text: str) -> Value:
        """The value in the form that the plan has for this field."""
        if self.column == "severity":
            name = severity_name(text)
            if name is None:
                self.fail(f"{text!r} is not a severity.", f"Severities are {', '.join(SEVERITIES)}.")
            return name
        if self.column in _ID_DIGITS:
            return self.identifier(self.column, op, text)
        if self.column in _TIMES:
            try:
                return parse_time(text, now_ns=self.now_ns)
            except InvalidRequest as error:
                self.fail(error.message, error.hint)
        if self.column == "severity_number":
            if not re.fullmatch(r"\d{1,3}", text, re.ASCII):
                self.fail(f"{text!r} is not a severity number.", "OpenTelemetry's numbers are 1 to 24.")
            return int(text)
        return text

    def identifier(self, column: str, op: CompareOp, text: str) -> str:
        digits = _ID_DIGITS[column]
        value = _plain_hex(text)
        if op in _ORDERING:
            self.fail(f"{column} has no order.", f"Compare it with = or !=, or give a prefix: {column}:4bf92f*.")
        if column == "trace_id" and len(value) == 16:
            value = value.rjust(32, "0")  # 64-bit trace ids are stored with leading zeros
        if len(value) != digits or not _HEX.fullmatch(value):
            self.fail(f"{text!r} is not a {column} of {digits} hex digits.", f"For a prefix write {column}:4bf92f*.")
        return value

    def refuse_for(self, columns: Container[str | None], what: str) -> None:
        if self.column in columns:
            self.fail(f"{self.column} cannot be matched with {what}.", f"Compare it: {self.column}:value.")

    def fail(self, message: str, hint: str) -> Never:
        raise QuerySyntaxError(message, offset=self.span[0], length=self.span[1] - self.span[0], hint=hint)


def _plain_hex(text: str) -> str:
    return text.replace("-", "").lower()
