"""Queries that somebody is still typing: as much of them as can be understood, for lists of names and values."""

from __future__ import annotations

from typing import Final

from nexus.errors import QuerySyntaxError
from nexus.query.traces.ast import Filter, Pipeline, Query
from nexus.query.traces.lexer import MAX_LENGTH, Kind, Token, fault, tokens
from nexus.query.traces.parser import parse

_OPENING: Final = {"(": ")", "{": "}"}
_JOINING: Final = frozenset({"&&", "||"})


def understood(text: str) -> Query:
    """A query with what is not finished left out: `{ resource.cluster = }` is `{ }`, and `{ .a = 1 && .b = }` is
    `{ .a = 1 }`. What makes no sense at all is `{ }`, too: every span. Never raises but for a text that is too long."""
    if len(text) > MAX_LENGTH:
        raise fault(text[:1], 0, f"the query is longer than {MAX_LENGTH} characters.")
    mended = _mended(text)
    for attempt in (text, mended, _first_filter(mended)):
        try:
            return parse(attempt)
        except QuerySyntaxError:
            continue
    return Query(Pipeline((Filter(),)))


def _tokens(text: str) -> list[Token]:
    """The tokens up to where the text stops making any."""
    for _ in range(4):
        try:
            return tokens(text)[:-1]
        except QuerySyntaxError as error:
            text = text[: error.offset]
    return []


def _mended(text: str) -> str:
    """The text with conditions that are not whole replaced by `true`, and everything closed that is open."""
    found = _tokens(text)
    pieces: list[str] = []
    closing: list[str] = []
    index = 0
    while index < len(found):
        token = found[index]
        if token.kind is Kind.OPERATOR and token.text in ")}":
            if token.text not in closing:
                index += 1
                continue
            while closing[-1] != token.text:
                pieces.append(closing.pop())
            closing.pop()
            pieces.append(token.text)
            index += 1
            continue
        if "}" not in closing or token.text in _JOINING or token.text in _OPENING:
            if token.kind is Kind.OPERATOR and token.text in _OPENING:
                closing.append(_OPENING[token.text])
            pieces.append(token.text)
            index += 1
            continue
        # Within braces: one condition, up to what joins or closes it.
        end, depth = index, 0
        while end < len(found) and (depth or found[end].text not in (*_JOINING, ")", "}")):
            depth += found[end].text == "("
            depth -= found[end].text == ")" and depth > 0
            end += 1
        pieces.append(_condition(text, found[index:end]))
        index = end
    pieces += reversed(closing)
    return _joined_up(pieces)


def _condition(text: str, part: list[Token]) -> str:
    """A condition as it was written, or `true` when it is not one."""
    written = text[part[0].start : part[-1].end]
    try:
        parse(f"{{ {written} }}")
    except QuerySyntaxError:
        return "true"
    return written


def _joined_up(pieces: list[str]) -> str:
    """With `true` where an operator within braces lacks a side, and without a pipe that leads nowhere."""
    found: list[str] = []
    braces = 0
    for piece in pieces:
        before = found[-1] if found else ""
        if (
            braces
            and (piece in _JOINING or piece in (")", "}"))
            and (before in _JOINING or (before in "({" and piece != "}"))
        ):
            found.append("true")
        braces += piece == "{"
        braces -= piece == "}"
        found.append(piece)
    while found and (found[-1] in _JOINING or found[-1] in ("|", ">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~")):
        found.pop()
    return " ".join(found)


def _first_filter(text: str) -> str:
    """The first pair of braces."""
    start, end = text.find("{"), text.find("}")
    return text[start : end + 1] if 0 <= start < end else ""
