"""Text of the search language to its syntax tree, by precedence climbing.

    query   := operand { [AND] operand | OR operand }      OR binds weakest, then AND (which may be left out), then NOT
    operand := NOT operand | -operand | !operand | ( query ) | field:value | field:( query ) | value | *

`parse` raises `QuerySyntaxError` and nothing else, whatever the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nexus.errors import QuerySyntaxError
from nexus.query.logs.ast import (
    Everything,
    Group,
    Node,
    Not,
    Present,
    Span,
    Term,
    conjunction,
    disjunction,
)
from nexus.query.logs.lexer import Kind, Lexer, Place, Token

MAX_DEPTH: Final = 100
MAX_TERMS: Final = 1000

_WEAKEST: Final = 0
_OR: Final = 1
_AND: Final = 2
_STARTS_OPERAND: Final = frozenset({Kind.OPEN, Kind.NOT, Kind.FIELD, Kind.MATCH})


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of the outermost conjunction: `shown` is where it stands, `removable` includes the AND that joins it, so that
    the text without that range is the query without that part."""

    node: Node
    shown: Span
    removable: Span


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed text. `clauses` is empty for an empty query."""

    text: str
    root: Node
    clauses: tuple[Clause, ...]


def parse(text: str) -> Query:
    """Parse a query. An empty text matches everything. Raises `QuerySyntaxError`."""
    parser = _Parser(text)
    if parser.token.kind is Kind.END:
        return Query(text, Everything((0, len(text))), ())
    root, clauses = parser.whole()
    return Query(text, root, clauses)


class _Parser:
    def __init__(self, text: str) -> None:
        self.lexer = Lexer(text)
        self.place = Place.QUERY
        self.depth = 0
        self.terms = 0
        self.token = self.lexer.next(self.place)
        self.last_end = 0  # end of the token before the current one

    def advance(self, place: Place | None = None) -> Token:
        """Step over the current token and return it."""
        token = self.token
        self.last_end = token.end
        self.token = self.lexer.next(place or self.place)
        return token

    def fail(self, message: str, token: Token, hint: str = "") -> QuerySyntaxError:
        return self.lexer.error(message, token.start, max(token.end, token.start), hint)

    # -------------------------------------------------------------------------------------------------------- climbing

    def whole(self) -> tuple[Node, tuple[Clause, ...]]:
        """The outermost expression, keeping where the parts of a plain conjunction stand."""
        parts: list[Node] = []
        places: list[tuple[int, int, int]] = []  # start of the AND before (or of the part), start, end
        joint = self.token.start
        while True:
            start = self.token.start
            parts.append(self.operand())
            places.append((joint, start, self.last_end))
            joint = self.token.start
            if self.token.kind is Kind.AND:
                self.advance()
            elif self.token.kind not in _STARTS_OPERAND:
                break
        root = conjunction(parts)
        if self.token.kind is Kind.OR:
            root = self.climb(_WEAKEST, root)
            places = [(places[0][1], places[0][1], self.last_end)]
            parts = [root]
        if self.token.kind is not Kind.END:
            raise self.unexpected(self.token)
        # The first part has no AND before it: it takes along the one behind it, up to where the second part begins.
        first_end = places[1][1] if len(places) > 1 else places[0][2]
        clauses = [Clause(parts[0], places[0][1:], (places[0][1], first_end))]
        clauses += [
            Clause(part, (start, end), (joint, end)) for part, (joint, start, end) in zip(parts[1:], places[1:], strict=True)
        ]
        return root, tuple(clauses)

    def climb(self, floor: int, left: Node | None = None) -> Node:
        """Read an expression whose operators bind tighter than `floor`."""
        if left is None:
            left = self.operand()
        while True:
            kind = self.token.kind
            if kind is Kind.OR and floor < _OR:
                self.advance()
                left = disjunction((left, self.climb(_OR)))
            elif kind is Kind.AND and floor < _AND:
                self.advance()
                left = conjunction((left, self.climb(_AND)))
            elif kind in _STARTS_OPERAND and floor < _AND:
                left = conjunction((left, self.climb(_AND)))
            else:
                return left

    def operand(self) -> Node:
        token = self.token
        match token.kind:
            case Kind.NOT:
                return self.nested(token, self.negation)
            case Kind.OPEN:
                return self.nested(token, lambda: self.parenthesis(self.place))
            case Kind.FIELD:
                return self.field_term()
            case Kind.MATCH:
                return self.term(None, token)
        raise self.unexpected(token)

    def nested(self, token: Token, read: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"the query is nested more than {MAX_DEPTH} deep.", token, "Take out some parentheses.")
        node = read()
        self.depth -= 1
        return node

    def negation(self) -> Node:
        start = self.advance().start
        part = self.operand()
        return Not(part, (start, self.last_end))

    def parenthesis(self, inside: Place) -> Node:
        """Read `( ... )`; what is within stands at the place `inside`."""
        outside, self.place = self.place, inside
        opening = self.advance()
        if self.token.kind is Kind.CLOSE:
            raise self.lexer.error(
                "there is nothing between the parentheses.",
                opening.start,
                self.token.end,
                'To find them, quote them: "f()".',
            )
        unclosed = self.fail("this parenthesis is not closed.", opening, 'Add ")", or quote it: "(".')
        if self.token.kind is Kind.END:
            raise unclosed
        inner = self.climb(_WEAKEST)
        closing = self.token
        if closing.kind is Kind.END:
            raise unclosed
        if closing.kind is not Kind.CLOSE:
            raise self.unexpected(closing)
        self.place = outside
        self.advance()
        return inner

    def field_term(self) -> Node:
        field = self.advance(Place.VALUE)
        if self.token.kind is not Kind.OPEN:
            return self.term(field.text, field)
        inner = self.nested(self.token, lambda: self.parenthesis(Place.GROUP))
        return Group(field.text, inner, (field.start, self.last_end))

    def term(self, field: str | None, first: Token) -> Node:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise self.fail(f"the query has more than {MAX_TERMS} terms.", first, "Use a wildcard or a /regex/ instead.")
        matcher = self.advance().match
        assert matcher is not None
        span = (first.start, self.last_end)
        if isinstance(matcher, Present) and field is None and self.place is Place.QUERY:
            return Everything(span)
        return Term(field, matcher, span)

    def unexpected(self, token: Token) -> QuerySyntaxError:
        match token.kind:
            case Kind.END:
                return self.fail("the query ends where a term is expected.", token, "Add a term, or take out the operator.")
            case Kind.CLOSE:
                return self.fail("this parenthesis was never opened.", token, 'Remove it, or quote it: ")".')
            case _:
                name = self.lexer.text[token.start : token.end]
                return self.fail(
                    f"{name} stands where a term is expected.",
                    token,
                    f'Put a term on both sides, or quote the word: "{name}".',
                )
