"""Text of LogQL to tokens, with their places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.errors import QuerySyntaxError

DURATION: Final = re.compile(r"(?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h|d|w|y))+")
_BYTES: Final = re.compile(r"\d+(?:\.\d*)?(?:[kKMGTPE]i?[bB]?|[bB])")
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FLAG: Final = re.compile(r"--[a-z-]+")
_OPERATORS: Final = re.compile(r"\|=|\|~|\|>|!=|!~|!>|=~|==|>=|<=|[{}()\[\],|=<>+\-*/%^]")
_ESCAPES: Final = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
}
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.S)
_UNITS: Final = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
    "d": 86_400 * 10**9, "w": 7 * 86_400 * 10**9, "y": 365 * 86_400 * 10**9,
}  # fmt: skip
_PART: Final = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|μs|ms|s|m|h|d|w|y)")
_SIZES: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
MAX_LENGTH: Final = 128 << 10


class Kind(Enum):
    """Kinds of tokens, by the names that Loki gives them in errors."""

    WORD = "IDENTIFIER"
    STRING = "STRING"
    NUMBER = "NUMBER"
    DURATION = "DURATION"
    BYTES = "BYTES"
    FLAG = "PARSER_FLAG"
    OPERATOR = "operator"
    END = "$end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its text (a string's without quotes and escapes) and where it is."""

    kind: Kind
    text: str
    start: int
    end: int


def fault(text: str, offset: int, message: str, length: int = 1) -> QuerySyntaxError:
    """An error in Loki's form: line and column count from 1."""
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return QuerySyntaxError(f"parse error at line {line}, col {column}: {message}", offset=offset, length=length)


def tokenize(text: str) -> list[Token]:
    """All tokens, ended by one of kind END. Raises `QuerySyntaxError`."""
    if len(text) > MAX_LENGTH:
        raise fault(text[:1], 0, f"the query is longer than {MAX_LENGTH} characters")
    found: list[Token] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            at += 1
        elif character == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        else:
            token = _token(text, at)
            found.append(token)
            at = token.end
    found.append(Token(Kind.END, "", len(text), len(text)))
    return found


def _token(text: str, at: int) -> Token:
    if text[at] in "\"`'":
        return _string(text, at)
    if match := _WORD.match(text, at):
        return Token(Kind.WORD, match[0], at, match.end())
    if match := _FLAG.match(text, at):
        return Token(Kind.FLAG, match[0], at, match.end())
    if text[at].isdigit() or (text[at] == "." and text[at + 1 : at + 2].isdigit()):
        for kind, pattern in ((Kind.DURATION, DURATION), (Kind.BYTES, _BYTES), (Kind.NUMBER, _NUMBER)):
            match = pattern.match(text, at)
            if match and not _WORD.match(text, match.end()):
                return Token(kind, match[0], at, match.end())
        raise fault(text, at, f"syntax error: unexpected {text[at : at + 12]!r}, not a number, duration or size")
    if match := _OPERATORS.match(text, at):
        return Token(Kind.OPERATOR, match[0], at, match.end())
    raise fault(text, at, f"syntax error: unexpected character {text[at]!r}")


def _string(text: str, at: int) -> Token:
    quote = text[at]
    end = at + 1
    while end < len(text) and text[end] != quote:
        if text[end] == "\n" and quote != "`":
            break
        end += 2 if text[end] == "\\" and quote != "`" else 1
    if end >= len(text) or text[end] != quote:
        raise fault(text, at, "literal not terminated")
    inner = text[at + 1 : end]
    if quote != "`" and "\\" in inner:
        inner = _ESCAPE.sub(lambda found: _unescape(text, at + 1 + found.start(), found), inner)
    return Token(Kind.STRING, inner, at, end + 1)


def _unescape(text: str, at: int, found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code is not None or found[4] is not None:
        number = int(code, 16) if code is not None else int(found[4], 8)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise fault(text, at, f"invalid escape {found[0]}")
        return chr(number)
    if found[5] not in _ESCAPES:
        raise fault(text, at, "invalid char escape")
    return _ESCAPES[found[5]]


def nanoseconds(text: str) -> int:
    """A duration token in nanoseconds."""
    return round(sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text)))


def size(text: str) -> float:
    """A size token in bytes."""
    digits = re.match(r"[\d.]+", text)
    assert digits is not None
    unit = text[digits.end() :].lower().removesuffix("b")
    base = 1024 if unit.endswith("i") else 1000
    return float(int(float(digits[0]) * base ** _SIZES[unit.removesuffix("i")]))
