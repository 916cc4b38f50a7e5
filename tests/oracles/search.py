"""What the search language means, said a second time and slowly: a syntax tree over one record held in Python.

Written from `docs/reference/search-language.md` and the docstrings of the plan, not from the compiler.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nexus.query.fields import SEVERITIES, resolve, severity_name
from nexus.query.logs import ast
from nexus.query.plan import CompareOp, Field, FieldKind

_WORD_RUN = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ORDERINGS: dict[CompareOp, Callable[[Any, Any], bool]] = {
    CompareOp.LT: lambda a, b: a < b,
    CompareOp.LE: lambda a, b: a <= b,
    CompareOp.GT: lambda a, b: a > b,
    CompareOp.GE: lambda a, b: a >= b,
}


@dataclass
class Record:
    """One log record. Ids are lower-case hex or empty; attributes hold str, int, float, bool, and lists or dicts."""

    number: int
    timestamp: int
    body: str
    service: str = ""
    severity_number: int = 0
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""
    template_id: str = "0" * 16
    scope_name: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> str:
        return next((name for name, (low, high) in SEVERITIES.items() if low <= self.severity_number <= high), "unset")


def matches(node: ast.Node, record: Record, over: str | None = None) -> bool:
    """Does the record match? `over` is the field of the group that the node stands in."""
    match node:
        case ast.Everything():
            return True
        case ast.And(parts):
            return all(matches(part, record, over) for part in parts)
        case ast.Or(parts):
            return any(matches(part, record, over) for part in parts)
        case ast.Not(part):
            return not matches(part, record, over)
        case ast.Group(name, inner):
            return matches(inner, record, name)
        case ast.Term(name, matcher):
            return _term(resolve(name or over or "body"), matcher, record)


def _term(target: Field, matcher: ast.Matcher, record: Record) -> bool:
    if target == Field(FieldKind.COLUMN, "body") and isinstance(matcher, ast.Text | ast.Pattern):
        return _body(matcher, record.body)
    if target.kind is FieldKind.COLUMN:
        return _column(target.name, matcher, record)
    values = []
    if target.kind in (FieldKind.ATTRIBUTE, FieldKind.ANYWHERE) and target.name in record.attributes:
        values.append(record.attributes[target.name])
    if target.kind in (FieldKind.RESOURCE, FieldKind.ANYWHERE) and target.name in record.resource:
        # A resource attribute is its text, whatever type it came with.
        values.append(text_of(record.resource[target.name]))
    return any(_value(value, matcher) for value in values)


# ---------------------------------------------------------------------------------------------------------------- body


def lower(text: str) -> str:
    """Without case for the letters A to Z."""
    return "".join(character.lower() if character.isascii() else character for character in text)


def _body(matcher: ast.Text | ast.Pattern, body: str) -> bool:
    body = lower(body)
    if isinstance(matcher, ast.Pattern):
        return _placed([lower(piece) for piece in matcher.pieces], body, open_ends=True)
    text = lower(matcher.value)
    if not text:
        return body == ""
    if _WORD_RUN.fullmatch(text):
        return text in _WORD_RUN.findall(body)
    return _placed([text], body, open_ends=False)


def _placed(pieces: list[str], body: str, *, open_ends: bool) -> bool:
    """Do the pieces occur in this order, the first beginning and the last ending where words may?"""

    def is_word(index: int) -> bool:
        return 0 <= index < len(body) and _WORD_RUN.fullmatch(body[index]) is not None

    def at(index: int, rest: list[str], first: bool) -> bool:
        if not rest:
            return True
        piece, last = rest[0], len(rest) == 1
        for start in range(index, len(body) + 1):
            end = start + len(piece)
            if not body.startswith(piece, start):
                continue
            if first and piece and is_word(start) and is_word(start - 1):
                continue
            if last and piece and is_word(end - 1) and is_word(end):
                continue
            if at(end, rest[1:], False):
                return True
        return False

    return at(0, pieces, True)


# -------------------------------------------------------------------------------------------------------------- columns


def _column(name: str, matcher: ast.Matcher, record: Record) -> bool:
    if name == "severity":
        return _severity(matcher, record)
    if name in ("trace_id", "span_id", "template_id"):
        return _identifier(name, matcher, getattr(record, name))
    if name == "severity_number":
        return record.severity_number != 0 and _value(record.severity_number, matcher)
    text = getattr(record, name)
    match matcher:
        case ast.Text(""):
            return bool(text == "")
        case ast.Comparison(CompareOp.EQ, ""):
            return bool(text == "")
        case ast.Pattern(pieces):
            return text != "" and _whole([lower(piece) for piece in pieces], lower(text))
        case ast.Regex(pattern):
            return re.search(pattern, text, re.DOTALL) is not None
    return text != "" and _value(text, matcher)


def _severity(matcher: ast.Matcher, record: Record) -> bool:
    rank = list(SEVERITIES).index(record.severity)
    match matcher:
        case ast.Text(value):
            return severity_name(value) == record.severity
        case ast.Comparison(CompareOp.EQ, value):
            return severity_name(value) == record.severity
        case ast.Comparison(CompareOp.NE, value):
            return rank > 0 and severity_name(value) != record.severity
        case ast.Comparison(op, value):
            return rank > 0 and _ORDERINGS[op](rank, _rank(value))
        case ast.Range():
            return all(_severity(ast.Comparison(op, value), record) for op, value in _ends(matcher)) and (
                rank > 0 or bool(_ends(matcher))
            )
        case ast.Present():
            return rank > 0
        case ast.Pattern(pieces):
            return rank > 0 and _whole([lower(piece) for piece in pieces], record.severity)
        case ast.Regex(pattern):
            return re.search(pattern, record.severity) is not None


def _rank(value: str) -> int:
    name = severity_name(value)
    assert name is not None
    return list(SEVERITIES).index(name)


def _identifier(name: str, matcher: ast.Matcher, digits: str) -> bool:
    def plain(value: str) -> str:
        value = value.replace("-", "").lower()
        return value.rjust(32, "0") if name == "trace_id" and len(value) == 16 else value

    match matcher:
        case ast.Text(value) | ast.Comparison(CompareOp.EQ, value):
            return digits == plain(value)
        case ast.Comparison(CompareOp.NE, value):
            return digits != "" and digits != plain(value)
        case ast.Pattern(pieces):
            return digits != "" and digits.startswith(pieces[0].replace("-", "").lower())
        case ast.Present():
            return digits != ""
    raise AssertionError(matcher)


# ----------------------------------------------------------------------------------------------------- attribute values


def text_of(value: Any) -> str:
    """The text that a value equals: numbers as they print, JSON in its compact form."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def number_of(text: str) -> float | int | None:
    """The number that a text reads as."""
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)


def _value(value: Any, matcher: ast.Matcher) -> bool:
    match matcher:
        case ast.Present():
            return True
        case ast.Text(wanted) | ast.Comparison(CompareOp.EQ, wanted):
            return _equals(value, wanted)
        case ast.Comparison(CompareOp.NE, wanted):
            return not _equals(value, wanted)
        case ast.Comparison(op, wanted):
            return _ordered(value, op, wanted)
        case ast.Range():
            return all(_ordered(value, op, wanted) for op, wanted in _ends(matcher))
        case ast.Pattern(pieces):
            return _whole(list(pieces), text_of(value))
        case ast.Regex(pattern):
            return re.search(pattern, text_of(value), re.DOTALL) is not None


def _equals(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == ("true" if value else "false")
    if isinstance(value, int | float):
        number = number_of(wanted)
        return number is not None and value == number
    return text_of(value) == wanted


def _ordered(value: Any, op: CompareOp, wanted: str) -> bool:
    number = number_of(wanted)
    if isinstance(value, bool):
        return False
    if number is None:
        return not isinstance(value, int | float) and _ORDERINGS[op](text_of(value).encode(), wanted.encode())
    if isinstance(value, int | float):
        return _ORDERINGS[op](value, number)
    own = number_of(text_of(value))
    return own is not None and _ORDERINGS[op](float(own), number)


def _ends(matcher: ast.Range) -> list[tuple[CompareOp, str]]:
    ends = []
    if matcher.low is not None:
        ends.append((CompareOp.GE if matcher.includes_low else CompareOp.GT, matcher.low))
    if matcher.high is not None:
        ends.append((CompareOp.LE if matcher.includes_high else CompareOp.LT, matcher.high))
    return ends


def _whole(pieces: list[str], text: str) -> bool:
    return re.fullmatch(".*".join(re.escape(piece) for piece in pieces), text, re.DOTALL) is not None
