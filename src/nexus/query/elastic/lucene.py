"""Lucene's query syntax, as `query_string` and `simple_query_string` take it, to predicates.

    query  := clause { [AND | OR | && | || ] clause }        without an operator: the default one
    clause := [ + | - | ! | NOT ] ( field: value | value | ( query ) ) [ ^boost ]
    value  := word | "phrase" | /regex/ | wild*card | [a TO b] | {a TO b} | >=a | ( query )

As in Lucene, AND binds tighter than OR, `+` makes a clause necessary and `-` forbids it. Fuzzy terms and proximity (`~`) are
refused. Nothing here raises anything but `InvalidRequest`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nexus.errors import InvalidRequest, QuerySyntaxError
from nexus.query.elastic import terms
from nexus.query.elastic.names import field_of
from nexus.query.plan import All, And, CompareOp, Exists, Field, Not, Or, Predicate

MAX_CHARACTERS: Final = 16 * 1024
MAX_DEPTH: Final = 50
MAX_CLAUSES: Final = 1024

_OPERATORS: Final = {"AND": "and", "&&": "and", "OR": "or", "||": "or"}
_FIELD: Final = re.compile(r"((?:[\w@.\-]|\\.)+):(?=\S)")
_RANGE: Final = re.compile(r'([\[{])\s*("[^"]*"|\S+)\s+TO\s+("[^"]*"|[^\s\]}]+)\s*([\]}])')
_COMPARE: Final = re.compile(r'(>=|<=|>|<)("[^"]*"|[^\s()]+)')
_PHRASE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
_REGEX: Final = re.compile(r"/((?:[^/\\]|\\.)+)/")
_TERM: Final = re.compile(r'(?:[^\s()"\[\]{}^~:\\]|\\.|:(?!\s|$))+', re.S)
_BOOST: Final = re.compile(r"\^[0-9.]+")
_OPS: Final = {">=": CompareOp.GE, "<=": CompareOp.LE, ">": CompareOp.GT, "<": CompareOp.LT}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text is read: the field of bare terms, the default operator, and what `now` is."""

    field: Field = terms.BODY
    every: bool = False
    now_ns: int = 0
    simple: bool = False


def parse_lucene(text: str, reading: Reading) -> Predicate:
    """The predicate of a text; an empty one matches everything. Raises `QuerySyntaxError`, `InvalidRequest`.

    `simple` is the language of `simple_query_string`: `+` is AND, `|` OR, `-` NOT; what cannot be read is taken as words.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidRequest(f"the query has more than {MAX_CHARACTERS} characters.")
    if not text.strip() or text.strip() == "*":
        return All()
    if not reading.simple:
        return _Parser(text, reading).whole()
    try:
        return _Parser(re.sub(r"(?<=\s)\+(?=\s)", "AND", re.sub(r"\|", " OR ", text)), reading).whole()
    except InvalidRequest:
        return terms.words(reading.field, re.sub(r'[+|\-"*()~^]', " ", text), reading.every)


class _Parser:
    def __init__(self, text: str, reading: Reading) -> None:
        self.text, self.reading = text, reading
        self.at = self.depth = self.clauses = 0

    def whole(self) -> Predicate:
        found = self.expression(self.reading.field)
        self.space()
        if self.at < len(self.text):
            raise self.fail("this is not expected here.")
        return found

    def fail(self, message: str) -> QuerySyntaxError:
        return QuerySyntaxError(message, offset=self.at, length=1, hint='Quote what is meant as text: "...".')

    def space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if match := pattern.match(self.text, self.at):
            self.at = match.end()
        return match

    def operator(self) -> str:
        self.space()
        for sign, name in _OPERATORS.items():
            end = self.at + len(sign)
            if self.text.startswith(sign, self.at) and (
                not sign.isalpha() or self.text[end : end + 1] in ("", " ", "\t", "\n", "(")
            ):
                self.at = end
                self.space()
                return name
        return ""

    def expression(self, field: Field) -> Predicate:
        """Clauses up to a closing parenthesis or the end."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"the query is nested more than {MAX_DEPTH} deep.")
        alternatives: list[list[tuple[str, Predicate]]] = [[]]
        while True:
            joint = self.operator()
            if self.at >= len(self.text) or self.text[self.at] == ")":
                if joint or alternatives == [[]]:
                    raise self.fail("a term is missing here.")
                break
            if joint and alternatives == [[]]:
                raise self.fail("a term is missing before this.")
            clause = self.clause(field)
            if joint == "or":
                alternatives.append([clause])
            elif joint == "and":
                # `a AND b`: both are necessary.
                sign, before = alternatives[-1][-1]
                alternatives[-1][-1] = (sign or "+", before)
                alternatives[-1].append((clause[0] or "+", clause[1]))
            else:
                alternatives[-1].append(clause)
        self.depth -= 1
        parts = tuple(self.group(clauses) for clauses in alternatives)
        return parts[0] if len(parts) == 1 else Or(parts)

    def group(self, clauses: list[tuple[str, Predicate]]) -> Predicate:
        """Clauses side by side: all necessary ones, none that is forbidden, and some other one if nothing is necessary."""
        necessary = [part for sign, part in clauses if sign == "+"]
        forbidden = [Not(part) for sign, part in clauses if sign == "-"]
        others = [part for sign, part in clauses if not sign]
        if others and self.reading.every:
            necessary += others
        elif others and not necessary:
            necessary = [others[0] if len(others) == 1 else Or(tuple(others))]
        parts: list[Predicate] = [*necessary, *forbidden]
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def clause(self, field: Field) -> tuple[str, Predicate]:
        self.clauses += 1
        if self.clauses > MAX_CLAUSES:
            raise self.fail(f"the query has more than {MAX_CLAUSES} clauses.")
        sign = ""
        if match := self.take(re.compile(r"NOT\s+|[!\-+]\s*(?=\S)")):
            sign = "+" if match[0].startswith("+") else "-"
        named = self.take(_FIELD)
        if named is not None:
            name = _plain(named[1])
            if name == "_exists_":
                held = self.take(_TERM)
                if held is None:
                    raise self.fail("the name of a field is missing here.")
                return sign, Exists(field_of(_plain(held[0])))
            field = self.reading.field if name == "*" else field_of(name)
        found = self.value(field, named is not None)
        if self.text.startswith("~", self.at):
            raise self.fail("fuzzy terms and proximity are not supported.")
        self.take(_BOOST)
        return sign, found

    def value(self, field: Field, named: bool) -> Predicate:
        reading = self.reading
        if self.text.startswith("(", self.at):
            self.at += 1
            inner = self.expression(field)
            if not self.text.startswith(")", self.at):
                raise self.fail("a parenthesis is not closed.")
            self.at += 1
            return inner
        if match := self.take(_PHRASE):
            return terms.equal(field, _plain(match[1]))
        if match := self.take(_REGEX):
            return terms.regex(field, match[1].replace("\\/", "/"))
        if named and (match := self.take(_RANGE)):
            low, high = _plain(match[2].strip('"')), _plain(match[3].strip('"'))
            ends = []
            if low != "*":
                ends.append(
                    terms.ordered(field, CompareOp.GE if match[1] == "[" else CompareOp.GT, low, now_ns=reading.now_ns)
                )
            if high != "*":
                ends.append(
                    terms.ordered(field, CompareOp.LE if match[4] == "]" else CompareOp.LT, high, now_ns=reading.now_ns)
                )
            return ends[0] if len(ends) == 1 else And(tuple(ends)) if ends else Exists(field)
        if named and (match := self.take(_COMPARE)):
            return terms.ordered(field, _OPS[match[1]], _plain(match[2].strip('"')), now_ns=reading.now_ns)
        match = self.take(_TERM)
        if match is None:
            raise self.fail("this is not expected here.")
        if match[0] == "*":
            return Exists(field) if named else All()
        if re.search(r"(?<!\\)[*?]", match[0]):
            return terms.wildcard(field, match[0])
        return terms.equal(field, _plain(match[0]))


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.S)
