"""The engine's own view of SQL text, as far as checking needs it: words, quoted names, literals, symbols, places.

The parser that builds the tree is another one (sqlglot). Reading the text by the engine's rules, before and after, makes
sure that the engine sees in it what was checked. What could be read in two ways is refused: characters beyond ASCII
outside quotes (some are quotes or spaces to the engine), heredocs, parameters, several statements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from nexus.errors import QuerySyntaxError

_SPACE: Final = re.compile(r"[ \t\n\r\f\v]+")
_COMMENT: Final = re.compile(r"--[^\n]*|#[ !][^\n]*|/\*.*?\*/", re.S)
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SYMBOL: Final = re.compile(r"->|::|<=>|<=|>=|<>|!=|==|\|\||[()\[\],.;*+\-/%=<>?:]")
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "v": "\v", "e": "\x1b"}


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    QUOTED = auto()
    STRING = auto()
    NUMBER = auto()
    SYMBOL = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token: `value` is decoded for strings and quoted names; the range of characters is half-open."""

    kind: Kind
    value: str
    start: int
    end: int


def scan(text: str) -> list[Token]:
    """Tokens without comments. Raises `QuerySyntaxError`."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if match := _SPACE.match(text, at) or _COMMENT.match(text, at):
            at = match.end()
            continue
        token = _token(text, at)
        tokens.append(token)
        at = token.end
    return tokens


def _token(text: str, at: int) -> Token:
    character = text[at]
    if character in "'\"`":
        value, end = _quoted(text, at)
        return Token(Kind.STRING if character == "'" else Kind.QUOTED, value, at, end)
    if (match := _NUMBER.match(text, at)) and not (character == "." and _follows_a_name(text, at)):
        if _WORD.match(text, match.end()):
            raise QuerySyntaxError("a name cannot begin with a digit.", offset=at, length=match.end() - at + 1)
        return Token(Kind.NUMBER, match[0], at, match.end())
    for kind, pattern in ((Kind.WORD, _WORD), (Kind.SYMBOL, _SYMBOL)):
        if match := pattern.match(text, at):
            return Token(kind, match[0], at, match.end())
    raise QuerySyntaxError(
        f"{character!r} has no place in SQL here.",
        offset=at,
        length=1,
        hint="Text goes in single quotes, odd names in double quotes; there are no parameters.",
    )


def _follows_a_name(text: str, at: int) -> bool:
    return at > 0 and (text[at - 1].isalnum() or text[at - 1] in '_)]"`')


def _quoted(text: str, start: int) -> tuple[str, int]:
    quote, at = text[start], start + 1
    pieces: list[str] = []
    while at < len(text):
        character = text[at]
        if character == quote:
            if text.startswith(quote, at + 1):
                pieces.append(quote)
                at += 2
                continue
            return "".join(pieces), at + 1
        if character == "\\":
            piece, at = _escape(text, at)
            pieces.append(piece)
            continue
        pieces.append(character)
        at += 1
    raise QuerySyntaxError("the quote is not closed.", offset=start, length=1, hint=f"Add a closing {quote}.")


def _escape(text: str, at: int) -> tuple[str, int]:
    following = text[at + 1 : at + 2]
    if following == "x":
        digits = text[at + 2 : at + 4]
        if not re.fullmatch("[0-7][0-9a-fA-F]", digits):
            raise QuerySyntaxError(
                "\\x is followed by two hexadecimal digits below 80.", offset=at, length=4, hint="Or use unhex('...')."
            )
        return chr(int(digits, 16)), at + 4
    if following == "N":
        raise QuerySyntaxError("\\N is not supported.", offset=at, length=2, hint="For NULL write NULL.")
    if following in _ESCAPES:
        return _ESCAPES[following], at + 2
    if following in ("\\", "'", '"', "`", "/", "="):
        return following, at + 2
    # To the engine, a backslash before anything else stands for itself.
    return "\\" + following, at + 1 + len(following)
