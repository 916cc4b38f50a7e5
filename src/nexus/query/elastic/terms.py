"""What a value means over a field: the leaves that the JSON language and the Lucene syntax share."""

from __future__ import annotations

import re
from typing import Final

from nexus.errors import InvalidRequest
from nexus.query.elastic.dates import read_date
from nexus.query.fields import severity_name
from nexus.query.logs.regex import check_regex
from nexus.query.plan import (
    And,
    Compare,
    CompareOp,
    Exists,
    Field,
    FieldKind,
    Or,
    Phrase,
    Predicate,
    Regex,
    Value,
    Wildcard,
    Word,
)

BODY: Final = Field(FieldKind.COLUMN, "body")
NOTHING: Final[Predicate] = Or(())
_WORD: Final = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")
_HEX: Final = {"trace_id": 32, "span_id": 16, "template_id": 16}
_TIMES: Final = frozenset({"timestamp", "observed_timestamp"})


def equal(field: Field, value: object) -> Predicate:
    """The field has this value; in the message: these words, one after the other."""
    if isinstance(value, list | dict) or value is None:
        raise InvalidRequest("a value is a text, a number or a boolean.")
    if field == BODY:
        return phrase(str(value))
    return _compare(field, CompareOp.EQ, value, 0)


def words(field: Field, text: str, every: bool) -> Predicate:
    """Some (or every) word of a text is in the message; any other field has the text."""
    if field != BODY:
        return equal(field, text)
    found = tuple(dict.fromkeys(_WORD.findall(text)))
    if not found:
        return phrase(text)
    parts = tuple(Word(word) for word in found)
    return parts[0] if len(parts) == 1 else And(parts) if every else Or(parts)


def phrase(text: str) -> Predicate:
    """The message holds this text."""
    if not text:
        return Compare(BODY, CompareOp.EQ, "")
    return Word(text) if _WORD.fullmatch(text) else Phrase(text)


def wildcard(field: Field, pattern: str) -> Predicate:
    """`*` and `?` over a field, whole; in the message, from where a word begins to where one ends."""
    _no_pattern(field)
    pieces: list[str] = [""]
    expression, single = "", False
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            pieces.append("")
            expression += ".*"
        elif character == "?":
            single = True
            expression += "."
        else:
            if character == "\\":
                character = next(characters, "\\")
            pieces[-1] += character
            expression += re.escape(character)
    if single:
        return Regex(field, f"(?is){expression}" if field == BODY else f"^(?s:{expression})$")
    if len(pieces) == 1:
        return equal(field, pieces[0])
    kept = [pieces[0], *(piece for piece in pieces[1:-1] if piece), pieces[-1]]
    if not any(kept):
        return Exists(field)
    return Wildcard(field, tuple(kept))


def prefix(field: Field, text: str) -> Predicate:
    """The field, or a word of the message, begins with this text."""
    _no_pattern(field)
    return Wildcard(field, (text, ""))


def regex(field: Field, pattern: str) -> Predicate:
    """An expression over the whole field; in the message, found anywhere. Raises `InvalidRequest`."""
    _no_pattern(field)
    if problem := check_regex(pattern):
        raise InvalidRequest(f"the regular expression is not understood: {problem.message}", hint=problem.hint)
    return Regex(field, pattern if field == BODY else f"^(?:{pattern})$")


def ordered(field: Field, op: CompareOp, value: object, *, now_ns: int, format: str = "") -> Predicate:
    """A comparison; of times, with date math."""
    return _compare(field, op, value, now_ns, format)


def _compare(field: Field, op: CompareOp, value: object, now_ns: int, format: str = "") -> Predicate:
    plain: Value = value if isinstance(value, str | int | float) else str(value)
    if field.kind is not FieldKind.COLUMN:
        return Compare(field, op, plain)
    if field.name in _TIMES:
        up = op in (CompareOp.LE, CompareOp.GT)
        return Compare(field, op, read_date(value, now_ns=now_ns, up=up, format=format))
    if field.name == "severity":
        name = severity_name(str(value))
        return NOTHING if name is None else Compare(field, op, name)
    if field.name in _HEX:
        text = str(value).replace("-", "").lower()
        if field.name == "trace_id" and len(text) == 16:
            text = text.rjust(32, "0")
        if not re.fullmatch(rf"[0-9a-f]{{{_HEX[field.name]}}}", text):
            return NOTHING
        return Compare(field, op, text)
    return Compare(field, op, plain if field.name == "severity_number" else str(value))


def _no_pattern(field: Field) -> None:
    if field.kind is FieldKind.COLUMN and field.name in {*_TIMES, "severity_number"}:
        raise InvalidRequest(f"{field.name} cannot be matched with a pattern.", hint="Use a term or a range.")
