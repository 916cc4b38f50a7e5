"""A predicate of the plan as bytes for the native filter, `nexus._native.Filter`.

Each node is a JSON array that begins with its name, as `crates/nexus-core/src/select/predicate.rs` reads it. What a value
says (its text, and the number that it reads as) is settled here, with the rules that compiled SQL follows, too.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from nexus.query.plan import (
    All,
    And,
    Compare,
    Contains,
    Exists,
    Field,
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

_LEAST: Final = -(1 << 63)
_MOST: Final = (1 << 64) - 1


def encode_predicate(predicate: Predicate) -> bytes:
    """The predicate as JSON in ASCII. Raises `ValueError` for one that means stored records only."""
    return json.dumps(_node(predicate), separators=(",", ":"), allow_nan=False).encode()


def _node(predicate: Predicate) -> list[Any]:
    match predicate:
        case All():
            return ["all"]
        case Word(text):
            return ["word", text]
        case Phrase(text):
            return ["phrase", text]
        case Compare(field, op, value):
            return ["compare", *_field(field), op.value, text_of(value), _number(value)]
        case Wildcard(field, pieces):
            return ["wildcard", *_field(field), *pieces]
        case Regex(field, pattern):
            return ["regex", *_field(field), pattern]
        case Contains(field, text):
            return ["regex", *_field(field), re.escape(text)]
        case OfResources():
            raise ValueError("a set of resources holds for stored records only")
        case Exists(field):
            return ["exists", *_field(field)]
        case And(parts):
            return ["and", *map(_node, parts)]
        case Or(parts):
            return ["or", *map(_node, parts)]
        case Not(part):
            return ["not", _node(part)]


def _field(field: Field) -> tuple[str, str]:
    return field.kind.value, field.name


def _number(value: Value) -> int | float | None:
    """The value's number; an integer that no column can hold is as good as a float."""
    number = number_of(value)
    if isinstance(number, int) and not _LEAST <= number <= _MOST:
        return float(number)
    return number
