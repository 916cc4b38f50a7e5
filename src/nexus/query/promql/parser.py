"""Text of PromQL to its syntax tree, by precedence climbing, and the check of types (`check`). Errors are
`QuerySyntaxError`s worded and placed as Prometheus does: `1:5: parse error: unexpected ...`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal, Never, TypeVar, cast

from nexus.query.promql import regex
from nexus.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Card,
    Duration,
    Expr,
    Matcher,
    Matching,
    Matrix,
    Number,
    Paren,
    Position,
    String,
    Subquery,
    Type,
    Unary,
    Vector,
)
from nexus.query.promql.check import SETS, check, type_of
from nexus.query.promql.functions import FUNCTIONS, WITH_PARAMETER
from nexus.query.promql.lexer import Kind, Lexer, Token, fault, parse_duration, parse_number, quote

T = TypeVar("T")

MAX_DEPTH: Final = 100
"""How deep parentheses, calls and signs may be nested."""
MAX_HEIGHT: Final = 200
"""How high a tree may be: a chain of operators adds one each."""
MAX_EXPRESSIONS: Final = 200
"""Different regular expressions of a query: each costs some ms to compile."""

_PRECEDENCE: Final = {
    "or": 1, "and": 2, "unless": 2, "==": 3, "!=": 3, ">": 3, ">=": 3, "<": 3, "<=": 3, "</": 3, ">/": 3,
    "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "atan2": 5, "^": 6,
}  # fmt: skip
_POWER: Final = 6
_NO_METRICS: Final = frozenset({"bool", "group_left", "group_right", "ignoring", "on"})
_DURATION_WORDS: Final = "number, duration, step(), or range()"
_LONGEST: Final = float(1 << 63) / 1e9


def parse(text: str) -> Expr:
    """Parse and check a query. Raises `QuerySyntaxError`."""
    parser = _Parser(text)
    if parser.token.kind is Kind.END:
        parser.fail((0, 0), "no expression found in input")
    tree = parser.expr()
    parser.end()
    check(tree, text)
    return tree


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Parse an instant vector selector without modifiers (`match[]`). Raises `QuerySyntaxError`."""
    parser = _Parser(text)
    vector = parser.vector()
    parser.end()
    return vector.matchers


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lexer = Lexer(text)
        self.expressions: set[str] = set()
        self.contexts: list[tuple[str, str]] = [("", "")]
        self.depth = 0
        self.height = 0
        self.closed = 0
        self.token = self.lexer.next()

    # --------------------------------------------------------------------------------------------------------- tokens

    def advance(self) -> Token:
        token = self.token
        self.closed = token.end
        self.token = self.lexer.next()
        return token

    def at(self, *texts: str) -> bool:
        """Is the token one of these, a sign or a word of the language?"""
        return self.token.value in texts and self.token.kind not in (Kind.STRING, Kind.IDENTIFIER, Kind.NUMBER)

    def eat(self, text: str) -> bool:
        if self.at(text):
            self.advance()
            return True
        return False

    def expect(self, text: str) -> Token:
        if not self.at(text):
            self.unexpected()
        return self.advance()

    def unexpected(self, context: str | None = None, expected: str = "") -> Never:
        """Complain about the token, in the innermost construct that says something, or in one that is named."""
        if context is None:
            context, expected = self.contexts[-1]
        message = f"unexpected {self.token.described()}"
        message += f" in {context}" if context else ""
        message += f", expected {expected}" if expected else ""
        self.fail((self.token.start, self.token.end), message)

    def fail(self, pos: Position, message: str) -> Never:
        raise fault(self.text, pos[0], message, pos[1])

    def end(self) -> None:
        if self.token.kind is not Kind.END:
            self.unexpected()

    def within(self, context: str, expected: str, work: Callable[[], T]) -> T:
        """Do some parsing inside a construct that errors name."""
        self.contexts.append((context, expected))
        result = work()
        self.contexts.pop()
        return result

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail((self.token.start, self.token.end), f"the query is nested more than {MAX_DEPTH} deep")

    def grow(self, *heights: int) -> None:
        self.height = max(heights, default=0) + 1
        if self.height > MAX_HEIGHT:
            self.fail(
                (self.token.start, self.token.end), f"the query has more than {MAX_HEIGHT} operations within each other"
            )

    # ---------------------------------------------------------------------------------------------------- expressions

    def expr(self, least: int = 1) -> Expr:
        self.enter()
        left = self.unary()
        while self.token.kind is Kind.OPERATOR and (rank := _PRECEDENCE.get(self.token.value, 0)) >= least:
            height = self.height
            op = self.advance().value
            as_bool, matching = self.modifiers()
            right = self.expr(rank if op == "^" else rank + 1)
            self.grow(height, self.height)
            left = _binary(op, left, right, as_bool, matching)
        self.depth -= 1
        return left

    def unary(self) -> Expr:
        if not self.at("+", "-"):
            return self.postfix(self.primary())
        sign = self.advance()
        inner = self.expr(_POWER)
        if isinstance(inner, Number):
            value = -inner.value if sign.value == "-" else inner.value
            return replace(inner, value=value, pos=(sign.start, inner.pos[1]))
        self.grow(self.height)
        return Unary(sign.value, inner, (sign.start, inner.pos[1]))

    def primary(self) -> Expr:
        token = self.token
        self.height = 1
        match token.kind:
            case Kind.NUMBER | Kind.DURATION:
                return self.number()
            case Kind.STRING:
                self.advance()
                return String(token.value, (token.start, token.end))
            case Kind.AGGREGATION:
                self.advance()
                if self.at("(", "by", "without"):
                    return self.within("aggregation", "", lambda: self.aggregation(token))
                return self.selector(token)
            case Kind.IDENTIFIER | Kind.PREPROCESSOR:
                self.advance()
                return self.call(token) if self.at("(") else self.selector(token)
        if self.at("("):
            self.advance()
            inner = self.expr()
            closing = self.expect(")")
            self.grow(self.height)
            return Paren(inner, (token.start, closing.end))
        return self.vector()

    def number(self) -> Number:
        token = self.advance()
        pos = (token.start, token.end)
        try:
            if token.kind is Kind.DURATION:
                return Number(_seconds(parse_duration(token.text)), True, pos)
            return Number(parse_number(token.text), False, pos)
        except ValueError as error:
            self.fail(pos, str(error))

    def arguments(self) -> tuple[list[Expr], int]:
        """Arguments in parentheses, and where they end."""
        self.expect("(")
        found: list[Expr] = []
        heights = [0]
        if not self.at(")"):
            while True:
                found.append(self.expr())
                heights.append(self.height)
                if not self.at(","):
                    break
                comma = self.advance()
                if not self.begins():
                    self.fail((comma.start, comma.end), "trailing commas not allowed in function call args")
        end = self.expect(")").end
        self.grow(*heights)
        return found, end

    def begins(self) -> bool:
        """May an expression begin here?"""
        kind = self.token.kind
        if kind is Kind.KEYWORD:
            return self.token.value not in _NO_METRICS
        if kind in (Kind.OPERATOR, Kind.PUNCTUATION):
            return self.at("+", "-", "and", "or", "unless", "(", "{")
        return True

    def call(self, name: Token) -> Call:
        arguments, end = self.arguments()
        if name.text not in FUNCTIONS:
            self.fail((name.start, name.end), f"unknown function with name {quote(name.text)}")
        return Call(name.text, tuple(arguments), (name.start, end))

    def aggregation(self, op: Token) -> Aggregate:
        grouping = self.grouping()
        arguments, end = self.arguments()
        if grouping is None and (grouping := self.grouping()) is not None:
            end = self.closed
        pos = (op.start, end)
        if not arguments:
            self.fail(pos, "no arguments for aggregate expression provided")
        wanted = 2 if op.value in WITH_PARAMETER else 1
        if len(arguments) != wanted:
            self.fail(
                pos,
                f"wrong number of arguments for aggregate expression provided, expected {wanted}, got {len(arguments)}",
            )
        without, labels = grouping or (False, ())
        return Aggregate(op.value, arguments[-1], arguments[0] if wanted == 2 else None, labels, without, pos)

    def grouping(self) -> tuple[bool, tuple[str, ...]] | None:
        if not self.at("by", "without"):
            return None
        return self.advance().value == "without", self.labels()

    def labels(self) -> tuple[str, ...]:
        context = "grouping opts"
        if not self.at("("):
            self.unexpected(context, '"("')
        self.advance()
        found: list[str] = []
        while not (self.at(")") and (found or self.closed)):
            token = self.token
            named = token.kind not in (Kind.NUMBER, Kind.DURATION, Kind.PUNCTUATION, Kind.END)
            if not named or token.value == "without" or (token.kind is Kind.OPERATOR and not token.text.isalnum()):
                self.unexpected(context, "label")
            name = token.value if token.kind is Kind.STRING else token.text
            if not name:
                self.fail((token.start, token.end), f"invalid label name for grouping: {quote(name)}")
            found.append(name)
            self.advance()
            if not self.eat(","):
                break
        if not self.at(")"):
            self.unexpected(context, '"," or ")"')
        self.advance()
        return tuple(found)

    def modifiers(self) -> tuple[bool, Matching]:
        """`bool`, `on`, `group_left`, `fill` behind a binary operator."""
        as_bool = self.eat("bool")
        matching = Matching()
        if self.at("on", "ignoring"):
            on = self.advance().value == "on"
            matching = Matching(labels=self.labels(), on=on)
            if self.at("group_left", "group_right"):
                card = Card.MANY_TO_ONE if self.advance().value == "group_left" else Card.ONE_TO_MANY
                matching = replace(matching, card=card, include=self.labels() if self.at("(") else ())
        seen: set[str] = set()
        while self.at("fill", "fill_left", "fill_right") and self.token.value not in seen | {"fill" if seen else ""}:
            if "fill" in seen:
                break
            side = self.advance().value
            seen.add(side)
            value = self.fill()
            if side != "fill_right":
                matching = replace(matching, fill_left=value)
            if side != "fill_left":
                matching = replace(matching, fill_right=value)
        return as_bool, matching

    def fill(self) -> float:
        self.expect("(")
        sign = -1 if self.at("-") else 1
        if self.at("-", "+"):
            self.advance()
        if self.token.kind not in (Kind.NUMBER, Kind.DURATION):
            self.unexpected()
        value = self.number().value
        self.expect(")")
        return sign * value

    # ------------------------------------------------------------------------------------------------------ selectors

    def vector(self) -> Vector:
        token = self.token
        words = (Kind.IDENTIFIER, Kind.METRIC_IDENTIFIER, Kind.AGGREGATION, Kind.PREPROCESSOR)
        keyword = token.kind is Kind.KEYWORD and token.value not in _NO_METRICS
        if token.kind in words or keyword or self.at("and", "or", "unless"):
            return self.selector(self.advance())
        if not self.at("{"):
            self.unexpected()
        return self.selector(None)

    def selector(self, name: Token | None) -> Vector:
        """A metric name, which has been read, with or without matchers; or matchers."""
        start = name.start if name else self.token.start
        matchers: list[Matcher] = []
        if self.at("{"):
            matchers = self.matchers()
        if name is not None:
            matchers.append(Matcher("__name__", "=", name.text))
        self.height = 1
        return Vector(name.text if name else "", tuple(matchers), pos=(start, self.closed))

    def matchers(self) -> list[Matcher]:
        context = "label matching"
        self.expect("{")
        found: list[Matcher] = []
        while not (self.at("}") and self.closed):
            if self.token.kind not in (Kind.IDENTIFIER, Kind.STRING):
                self.unexpected(context, 'identifier or "}"')
            label = self.advance()
            if self.at("=", "!=", "=~", "!~"):
                op = self.advance().text
                if self.token.kind is not Kind.STRING:
                    self.unexpected(context, "string")
                value = self.advance()
                if op in ("=~", "!~"):
                    self.check_regex(value.value, (label.start, value.end))
                found.append(Matcher(label.value, op, value.value))
            elif label.kind is Kind.STRING:
                found.append(Matcher("__name__", "=", label.value))
            else:
                self.unexpected(context, "label matching operator")
            if not self.eat(","):
                break
        if not self.at("}"):
            self.unexpected(context, '"," or "}"')
        self.advance()
        return found

    def check_regex(self, pattern: str, pos: Position) -> None:
        self.expressions.add(pattern)
        if len(self.expressions) > MAX_EXPRESSIONS:
            self.fail(pos, f"the query has more than {MAX_EXPRESSIONS} regular expressions")
        try:
            regex.check(pattern)
        except ValueError as error:
            self.fail(pos, f"error parsing regexp: {error}")

    def postfix(self, node: Expr) -> Expr:
        while True:
            if self.at("["):
                node = self.bracket(node)
            elif self.at("offset"):
                node = self.offset(node)
            elif self.at("@"):
                node = self.time(node)
            elif self.at("anchored", "smoothed"):
                node = self.extended(node, self.token.value)
            else:
                return node

    def bracket(self, node: Expr) -> Expr:
        opening = self.advance()
        length = self.within("subquery or range selector", _DURATION_WORDS, self.positive)
        range_ns, range_expr = _settled(length)
        if self.at("]"):
            closing = self.token
            message = ""
            if not isinstance(node, Vector):
                message = "ranges only allowed for vector selectors"
            elif node.offset or node.offset_expr:
                message = "no offset modifiers allowed before range"
            elif node.at is not None or node.bound:
                message = "no @ modifiers allowed before range"
            if message or not isinstance(node, Vector):
                self.fail((opening.start, closing.end), message)
            self.advance()
            return Matrix(node, range_ns, range_expr, (node.pos[0], closing.end))
        if not self.at(":"):
            self.unexpected("subquery or range", '":" or "]"')
        self.advance()
        step_ns, step_expr = 0, None
        if not self.at("]"):
            expected = 'number, duration, step(), range(), or "]"'
            step_ns, step_expr = _settled(self.within("subquery selector", expected, self.positive))
            if not self.at("]"):
                self.unexpected("subquery selector", '"]"')
        end = self.advance().end
        self.grow(self.height)
        return Subquery(node, range_ns, range_expr, step_ns, step_expr, pos=(node.pos[0], end))

    def offset(self, node: Expr) -> Expr:
        self.advance()
        found = self.within("offset", _DURATION_WORDS, self.offset_duration)
        amount, expression = _settled(found)
        target = node.vector if isinstance(node, Matrix) else node
        if not isinstance(target, Vector | Subquery):
            self.fail(
                node.pos,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            )
        if target.offset or target.offset_expr:
            self.fail(node.pos, "offset may not be set multiple times")
        changed = replace(target, offset=amount, offset_expr=expression)
        return self.put_back(node, changed)

    def time(self, node: Expr) -> Expr:
        self.advance()
        expected = ("@", "timestamp")
        bound: Literal["", "start", "end"] = ""
        at: int | None = None
        if self.at("start", "end"):
            bound = cast(Literal["start", "end"], self.advance().value)
            for bracket in "()":
                if not self.at(bracket):
                    self.unexpected(*expected)
                self.advance()
        else:
            sign = -1 if self.at("-") else 1
            if self.at("-", "+"):
                self.advance()
            if self.token.kind not in (Kind.NUMBER, Kind.DURATION):
                self.unexpected(*expected)
            seconds = sign * self.number().value
            if not abs(seconds) < 2.0**63:
                self.fail(node.pos, f"timestamp out of bounds for @ modifier: {_fixed(seconds)}")
            at = _rounded(seconds * 1000)
        target = node.vector if isinstance(node, Matrix) else node
        if not isinstance(target, Vector | Subquery):
            self.fail(
                node.pos, "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery"
            )
        if target.at is not None or target.bound:
            self.fail(node.pos, "@ <timestamp> may not be set multiple times")
        return self.put_back(node, replace(target, at=at, bound=bound))

    def extended(self, node: Expr, word: str) -> Expr:
        if isinstance(node, Subquery):
            self.fail(node.pos, f"{word} modifier is not supported for subqueries")
        target = node.vector if isinstance(node, Matrix) else node
        if not isinstance(target, Vector):
            self.fail(node.pos, f"{word} modifier not implemented")
        if target.smoothed if word == "anchored" else target.anchored:
            self.fail(node.pos, "anchored and smoothed modifiers cannot be used together")
        self.advance()
        changed = replace(target, anchored=True) if word == "anchored" else replace(target, smoothed=True)
        return self.put_back(node, changed)

    def put_back(self, node: Expr, target: Vector | Subquery) -> Expr:
        if isinstance(node, Matrix):
            assert isinstance(target, Vector)
            return replace(node, vector=target, pos=(node.pos[0], self.closed))
        return replace(target, pos=(target.pos[0], self.closed))

    # ------------------------------------------------------------------------------------------------------ durations

    def positive(self) -> Number | Duration:
        found = self.duration()
        if isinstance(found, Number) and not found.value > 0:
            self.fail(found.pos, "duration must be greater than 0")
        return found

    def offset_duration(self) -> Number | Duration:
        """What stands behind `offset`: operators belong to it only behind parentheses without a sign."""
        if self.at("("):
            return self.duration()
        if self.at("+", "-"):
            sign = self.advance()
            return self.signed(sign, self.duration_operand())
        return self.duration_operand()

    def duration(self, least: int = 4) -> Number | Duration:
        self.enter()
        if self.at("+", "-"):
            sign = self.advance()
            left = self.signed(sign, self.duration(_POWER))
        else:
            left = self.duration_operand()
        while self.token.kind is Kind.OPERATOR and (rank := _PRECEDENCE.get(self.token.value, 0)) >= least:
            if self.token.value == "atan2":
                break
            op = self.advance()
            height = self.height
            right = self.duration(rank if op.value == "^" else rank + 1)
            self.grow(height, self.height)
            if op.value in "/%" and isinstance(right, Number) and right.value == 0:
                self.fail((op.start, op.end), "division by zero" if op.value == "/" else "modulo by zero")
            left = Duration(op.value, left, right, pos=(left.pos[0], right.pos[1]))
        self.depth -= 1
        return left

    def signed(self, sign: Token, inner: Number | Duration) -> Number | Duration:
        if isinstance(inner, Number):
            value = -inner.value if sign.value == "-" else inner.value
            return replace(inner, value=value, pos=(sign.start, inner.pos[1]))
        if sign.value == "+":
            return inner
        self.grow(self.height)
        return Duration("-", None, inner, pos=(sign.start, inner.pos[1]))

    def duration_operand(self) -> Number | Duration:
        token = self.token
        self.height = 1
        if token.kind in (Kind.NUMBER, Kind.DURATION):
            number = self.number()
            if not -_LONGEST <= number.value <= _LONGEST:
                self.fail(number.pos, "duration out of range")
            return number
        if self.at("("):
            self.advance()
            inner = self.duration()
            pos = (token.start, self.expect(")").end)
            self.grow(self.height)
            if isinstance(inner, Duration):
                return replace(inner, wrapped=True)
            return Duration("+", None, inner, True, pos)
        if self.at("step", "range"):
            self.advance()
            self.expect("(")
            return Duration(token.value, pos=(token.start, self.expect(")").end))
        if self.at("min_of", "max_of"):
            self.advance()
            self.expect("(")
            left = self.duration()
            height = self.height
            self.expect(",")
            right = self.duration()
            pos = (token.start, self.expect(")").end)
            self.grow(height, self.height)
            return Duration(token.value, left, right, pos=pos)
        return self.unexpected()


def _binary(op: str, left: Expr, right: Expr, as_bool: bool, matching: Matching | None) -> Binary:
    pos = (left.pos[0], right.pos[1])
    if matching is not None:
        if op in SETS and matching.card is Card.ONE_TO_ONE:
            matching = replace(matching, card=Card.MANY_TO_MANY)
        said = matching.labels or matching.fill_left is not None or matching.fill_right is not None
        if not said and not (type_of(left) is type_of(right) is Type.VECTOR):
            matching = None
    return Binary(op, left, right, as_bool, matching, pos)


def _settled(found: Number | Duration) -> tuple[int, Duration | None]:
    """A number in ns, or an expression that the range of the query will tell."""
    if isinstance(found, Number):
        return _rounded(found.value * 1e9), None
    return 0, found


def _seconds(ns: int) -> float:
    """As Go's `Duration.Seconds` rounds."""
    whole, rest = divmod(ns, 10**9)
    return whole + rest / 1e9


def _rounded(value: float) -> int:
    """Halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value)) if abs(value) < 2.0**52 else int(value)


def _fixed(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return f"{value:.6f}" if math.isfinite(value) else f"{'+' if value > 0 else '-'}Inf"
