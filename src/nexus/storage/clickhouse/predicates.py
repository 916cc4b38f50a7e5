"""Predicates of the plan as SQL conditions.

Conditions on the body come in two forms, for the two disjoint branches of a scan (ADR 0003): over `skeleton` where the
record has one, over the body where it has none. A condition may be NULL, which means that it does not hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.query.fields import SEVERITIES
from nexus.query.plan import (
    All,
    And,
    Compare,
    CompareOp,
    Contains,
    Exists,
    Field,
    FieldKind,
    Not,
    OfResources,
    Or,
    Phrase,
    Predicate,
    Regex,
    Value,
    Wildcard,
    Word,
)
from nexus.query.values import number_of, text_of
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.slices import instant


class Body(Enum):
    """What a branch of a scan may ask instead of the body."""

    SKELETON = "skeleton"
    PLAIN = "body"


_WORD: Final = re.compile(r"[0-9A-Za-z\u0080-\U0010ffff]+")
# What is not part of a word, for RE2: the ASCII characters that are neither letters nor digits.
_GAP: Final = r"[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]"
_NEGATED: Final = {CompareOp.NE: CompareOp.EQ}
_RANKS: Final = {name: rank for rank, name in enumerate(SEVERITIES)}
_ID_BYTES: Final = {"trace_id": 16, "span_id": 8}
_SAFE_INT: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Conditions:
    """Compiles predicates for one branch of a scan over the data that a catalog describes. `hints` says whether indexes are
    told what to look for: not where a condition changes records."""

    catalog: Catalog
    body: Body = Body.PLAIN
    hints: bool = True

    def compile(self, predicate: Predicate) -> str:
        """The condition's SQL."""
        match predicate:
            case All():
                return "1"
            case And(parts):
                return self._join(parts, " AND ", "1")
            case Or(parts):
                return self._join(parts, " OR ", "0")
            case Not(part):
                return f"NOT ifNull({self.compile(part)}, 0)"
            case Word(text):
                return self._word(ascii_lower(text))
            case Phrase(text):
                return self._phrase(ascii_lower(text))
            case Compare(field, op, value):
                return self._compare(field, op, value)
            case Wildcard(field, pieces):
                return self._wildcard(field, pieces)
            case Regex(field, pattern):
                return self._any(field, lambda text: f"match({text}, {quote(pattern)})")
            case Contains(field, text):
                return f"position({fields.TEXT_COLUMNS[field.name]}, {quote(text)}) > 0"
            case OfResources(hashes):
                return f"xxh3(resource) IN ({', '.join(map(str, hashes))})" if hashes else "0"
            case Exists(field):
                return fields.presence(field, self.catalog)

    def conjuncts(self, predicate: Predicate) -> list[str]:
        """The condition as terms to be joined by AND, so that indexes see each."""
        parts = predicate.parts if isinstance(predicate, And) else (predicate,)
        return [self.compile(part) for part in parts if not isinstance(part, All)]

    def _join(self, parts: tuple[Predicate, ...], joint: str, empty: str) -> str:
        return "(" + joint.join(self.compile(part) for part in parts) + ")" if parts else empty

    # ------------------------------------------------------------------------------------------------------ the body

    def _word(self, word: str) -> str:
        if self.body is Body.SKELETON and not has_digit(word):
            return self._hinted("skeleton", word)
        return self._hinted("lower(body)", word)

    def _hinted(self, text: str, word: str) -> str:
        token = f"hasToken({text}, {quote(word)})"
        return f"({_hint(text, word)} AND {token})" if self.hints else token

    def _phrase(self, phrase: str) -> str:
        words = _WORD.findall(phrase)
        bounded = quote(_bounded(re.escape(phrase), phrase[:1], phrase[-1:]))
        # A star in a skeleton may be one of the message or a masked word.
        skeleton_knows = self.body is Body.SKELETON and not has_digit(phrase) and "*" not in phrase
        text = "skeleton" if skeleton_knows else "lower(body)"
        terms = [_hint(text, word) for word in words] if self.hints else []
        if self.body is Body.SKELETON and not skeleton_knows:
            terms += [self._word(word) for word in words if not has_digit(word)]
        terms += [f"position({text}, {quote(phrase)}) > 0", f"match({text}, {bounded})"]
        return "(" + " AND ".join(terms) + ")"

    def _body_wildcard(self, pieces: tuple[str, ...]) -> str:
        if not pieces[0] and not pieces[-1]:
            inner = [_like(ascii_lower(piece)) for piece in pieces]
            return f"lower(body) LIKE {quote('%'.join(inner))}"
        pattern = "(?s)" + ".*".join(re.escape(ascii_lower(piece)) for piece in pieces)
        first, last = pieces[0][:1], pieces[-1][-1:]
        longest = ascii_lower(max(pieces, key=len))
        bounded = _bounded(pattern.removeprefix("(?s)"), first, last)
        return f"(position(lower(body), {quote(longest)}) > 0 AND match(lower(body), {quote('(?s)' + bounded)}))"

    # -------------------------------------------------------------------------------------------------- other fields

    def _wildcard(self, field: Field, pieces: tuple[str, ...]) -> str:
        if field == Field(FieldKind.COLUMN, "body"):
            return self._body_wildcard(pieces)
        pattern = quote("%".join(_like(piece) for piece in pieces))
        if field.kind is FieldKind.COLUMN:
            text = fields.TEXT_COLUMNS[field.name]
            return f"({fields.presence(field, self.catalog)} AND lower({text}) LIKE {ascii_lower(pattern)})"
        return self._any(field, lambda text: f"{text} LIKE {pattern}")

    def _any(self, field: Field, condition: Callable[[str], str]) -> str:
        """A condition on text over each form that the field may have."""
        if field.kind is FieldKind.COLUMN:
            return condition(fields.TEXT_COLUMNS[field.name])
        terms = []
        if field.kind is not FieldKind.RESOURCE:
            for way in fields.attribute(field.name, self.catalog):
                terms.append(f"({way.presence} AND {condition(way.text)})")
        if field.kind is not FieldKind.ATTRIBUTE:
            token = fields.resource_token(field.name)
            terms.append(f"({token} != '' AND {condition(fields.resource_text(field.name))})")
        return _any_of(terms)

    def _compare(self, field: Field, op: CompareOp, value: Value) -> str:
        if field.kind is FieldKind.COLUMN:
            return _compare_column(field.name, op, value)
        terms = []
        if field.kind is not FieldKind.RESOURCE:
            terms += [_compare_attribute(way, op, value) for way in fields.attribute(field.name, self.catalog)]
        if field.kind is not FieldKind.ATTRIBUTE:
            terms.append(_compare_resource(field.name, op, value))
        return _any_of([term for term in terms if term != "0"])


def uses_words(predicate: Predicate) -> bool:
    """Whether a predicate asks for words or phrases that skeletons can answer."""
    match predicate:
        case And(parts) | Or(parts):
            return any(uses_words(part) for part in parts)
        case Not(part):
            return uses_words(part)
        case Word(text):
            return not has_digit(text)
        case Phrase(text):
            return any(not has_digit(word) for word in _WORD.findall(text)) or not has_digit(text)
        case _:
            return False


def selective(predicate: Predicate) -> bool:
    """Whether few records are likely to match, so that searching a small window first is a waste."""
    parts = predicate.parts if isinstance(predicate, And) else (predicate,)
    ids = {"trace_id", "span_id"}
    return any(
        isinstance(part, (Word, Phrase))
        or (isinstance(part, Compare) and part.op is CompareOp.EQ and part.field.name in ids)
        for part in parts
    )


def ascii_lower(text: str) -> str:
    """Lower case of ASCII letters alone, as the engine's `lower` does."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def has_digit(text: str) -> bool:
    """Whether a text holds an ASCII digit: such words are masked in skeletons."""
    return any("0" <= c <= "9" for c in text)


def _hint(text: str, word: str) -> str:
    """What the bloom filter on the words of a text can be asked."""
    return f"indexHint(has(tokens({text}), {quote(word)}))"


def _bounded(pattern: str, first: str, last: str) -> str:
    before = f"(?:^|{_GAP})" if _WORD.fullmatch(first) else ""
    after = f"(?:$|{_GAP})" if _WORD.fullmatch(last) else ""
    return before + pattern + after


def _like(piece: str) -> str:
    return piece.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _any_of(terms: list[str]) -> str:
    if not terms:
        return "0"
    return terms[0] if len(terms) == 1 else "(" + " OR ".join(terms) + ")"


def _compare_column(name: str, op: CompareOp, value: Value) -> str:
    if name == "severity":
        return _compare_severity(op, text_of(value))
    if name in _ID_BYTES:
        return _compare_id(name, op, text_of(value))
    if name == "template_id":
        wanted = text_of(value)
        if op in (CompareOp.EQ, CompareOp.NE) and re.fullmatch("[0-9a-f]{1,16}", wanted):
            return f"template_id {op} {int(wanted, 16)}"
        return f"{fields.TEXT_COLUMNS[name]} {op} {quote(wanted)}"
    if name in ("timestamp", "observed_timestamp"):
        number = number_of(value)
        return "0" if number is None else f"{name} {op} {instant(int(number))}"
    if name == "severity_number":
        number = number_of(value)
        return "0" if number is None else f"(severity_number != 0 AND severity_number {op} {number!r})"
    if op is CompareOp.EQ:
        return f"{name} = {quote(text_of(value))}"
    number = number_of(value)
    if op is not CompareOp.NE and number is not None:
        return f"toFloat64OrNull({name}) {op} {number!r}"
    return f"({name} != '' AND {name} {op} {quote(text_of(value))})"


def _compare_severity(op: CompareOp, name: str) -> str:
    if name not in _RANKS:
        return f"severity {op} {quote(name)}" if op in (CompareOp.EQ, CompareOp.NE) else "0"
    low, high = SEVERITIES[name]
    match op:
        case CompareOp.EQ:
            return f"severity = {quote(name)}"
        # Without a severity a record has no rank: it is neither above nor below, nor another one.
        case CompareOp.NE:
            return f"(severity_number != 0 AND severity != {quote(name)})"
        case CompareOp.LT:
            return f"(severity_number != 0 AND severity_number < {low})"
        case CompareOp.LE:
            return f"(severity_number != 0 AND severity_number <= {high})"
        case CompareOp.GT:
            return f"severity_number > {high}"
        case CompareOp.GE:
            return f"severity_number >= {max(low, 1)}"


def _compare_id(name: str, op: CompareOp, wanted: str) -> str:
    size = _ID_BYTES[name]
    if op in (CompareOp.EQ, CompareOp.NE):
        if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", wanted):
            return "0" if op is CompareOp.EQ else fields.PRESENCE[name]
        equal = f"{name} {op} unhex({quote(wanted)})"
        return equal if op is CompareOp.EQ else f"({fields.PRESENCE[name]} AND {equal})"
    return f"({fields.PRESENCE[name]} AND {fields.TEXT_COLUMNS[name]} {op} {quote(wanted)})"


def _compare_attribute(way: fields.Attribute, op: CompareOp, value: Value) -> str:
    if op in _NEGATED:
        equal = _compare_attribute(way, _NEGATED[op], value)
        return way.presence if equal == "0" else f"({way.presence} AND NOT ifNull({equal}, 0))"
    number = number_of(value)
    ordering = op is not CompareOp.EQ
    learned = way.presence.startswith("isNotNull")
    condition = "0"
    if way.type in "sj":
        if ordering and number is not None:
            condition = f"toFloat64OrNull({way.value}) {op} {number!r}"
        else:
            condition = f"{way.value} {op} {quote(text_of(value))}"
    elif way.type in "if" and number is not None:
        if way.type == "i" and isinstance(number, float) and number.is_integer():
            number = int(number)
        if way.type == "f" or ordering or isinstance(number, int):
            condition = f"{way.value} {op} {_literal(number)}"
    elif way.type == "b" and not ordering and text_of(value) in ("true", "false"):
        condition = f"{way.value} = {text_of(value)}"
    if condition == "0" or learned:
        return condition
    return f"({way.presence} AND {condition})"


def _compare_resource(key: str, op: CompareOp, value: Value) -> str:
    token, text = fields.resource_token(key), text_of(value)
    spellings = {json.dumps([text], ensure_ascii=False)}
    if number_of(value) is not None or text in ("true", "false") or text[:1] in ("[", "{"):
        spellings.add(f"[{text}]")
    equal = f"{token} IN ({', '.join(quote(spelling) for spelling in sorted(spellings))})"
    match op:
        case CompareOp.EQ:
            return equal
        case CompareOp.NE:
            return f"({token} != '' AND NOT {equal})"
    number = number_of(value)
    if number is not None:
        return f"toFloat64OrNull({fields.resource_text(key)}) {op} {number!r}"
    return f"({token} != '' AND {fields.resource_text(key)} {op} {quote(text)})"


def _literal(number: int | float) -> str:
    if isinstance(number, int) and not -_SAFE_INT <= number < 2 * _SAFE_INT:
        return repr(float(number))
    return repr(number)
