"""Syntax tree of the search language back to text: `parse(print_query(root)).root == root`.

The text is canonical: quotes only where they are needed, `-` for NOT, no written AND, parentheses only around what
would bind otherwise.
"""

from __future__ import annotations

import re
from typing import Final

from nexus.query.logs.ast import (
    And,
    Comparison,
    Everything,
    Group,
    Matcher,
    Node,
    Not,
    Or,
    Pattern,
    Present,
    Range,
    Regex,
    Term,
    Text,
)
from nexus.query.logs.lexer import KEYWORDS

# What reads back as itself in every place: as a word, a value, a range end and a field name. `\w` includes letters and
# digits of every script and no white space.
_PLAIN: Final = re.compile(r"[\w.,@#$%&+;?|^'`][\w.,@#$%&+;?|^'`=/<>~!-]*")
_ESCAPED_IN_PATTERN: Final = re.compile(r"[^\w.,@#$%&+;?|^'`]")


def print_query(root: Node) -> str:
    """Print a tree as canonical text."""
    return _print(root, in_and=False)


def quote(text: str) -> str:
    """Text as the language writes it, in quotes only when it must be."""
    if _PLAIN.fullmatch(text) and text not in KEYWORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _print(node: Node, *, in_and: bool) -> str:
    match node:
        case Everything():
            return "*"
        case Term(field, matcher):
            return ("" if field is None else quote(field) + ":") + _matcher(matcher)
        case Group(field, inner):
            return f"{quote(field)}:({_print(inner, in_and=False)})"
        case Not(part):
            text = _print(part, in_and=False)
            return f"-({text})" if isinstance(part, And | Or | Not) else f"-{text}"
        case And(parts):
            return " ".join(_print(part, in_and=True) for part in parts)
        case Or(parts):
            text = " OR ".join(_print(part, in_and=False) for part in parts)
            return f"({text})" if in_and else text


def _matcher(matcher: Matcher) -> str:
    match matcher:
        case Text(value):
            return quote(value)
        case Pattern(pieces):
            return "*".join(_ESCAPED_IN_PATTERN.sub(_escape, piece) for piece in pieces)
        case Regex(pattern):
            return "/" + re.sub(r"\\.|/", lambda found: "\\/" if found[0] == "/" else found[0], pattern, flags=re.S) + "/"
        case Comparison(op, value):
            return op.value + quote(value)
        case Range(low, high, includes_low, includes_high):
            ends = ("*" if end is None else quote(end) for end in (low, high))
            return ("[" if includes_low else "{") + " TO ".join(ends) + ("]" if includes_high else "}")
        case Present():
            return "*"


def _escape(found: re.Match[str]) -> str:
    return "\\" + found[0]
