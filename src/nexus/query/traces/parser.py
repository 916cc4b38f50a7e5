"""Tokens of TraceQL to a tree, by precedence climbing. What its parts must be is `check`'s.

Precedences are Tempo's: `&&` and `||` bind alike, from the left; structural operators and comparisons bind tighter, then
sums, then `!`, then products, then powers (from the right).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final, Never

from nexus.query.traces.ast import (
    Aggregate,
    Arithmetic,
    Attribute,
    Binary,
    Coalesce,
    Combined,
    Compare,
    Expr,
    Field,
    Filter,
    GroupBy,
    Hint,
    Intrinsic,
    Metrics,
    MetricsMath,
    Over,
    Pipeline,
    Position,
    Query,
    Ranked,
    ScalarFilter,
    Select,
    Stage,
    Static,
    Threshold,
    Unary,
)
from nexus.query.traces.check import check
from nexus.query.traces.lexer import Kind, Token, fault, tokens
from nexus.query.traces.names import (
    AGGREGATES,
    ARITHMETIC,
    COMPARISONS,
    OVER_FIELD,
    OVER_TIME,
    REGEXES,
    SECOND,
    SHORT,
    STAGES,
    STATIC_WORDS,
    STRUCTURAL,
    WORDS_IN_BRACES,
    WORDS_OF_STAGES,
    nearest,
)

MAX_DEPTH: Final = 100
"""Nesting of a query."""
MAX_OPERATORS: Final = 300
"""Operators of a query: what walks its tree goes as deep."""
_LOGICAL, _COMPARE, _SUM, _NOT, _PRODUCT, _POWER = 1, 2, 3, 4, 5, 6
_OF_FIELDS: Final = {
    "&&": _LOGICAL, "||": _LOGICAL, **dict.fromkeys((*COMPARISONS, *REGEXES), _COMPARE), "+": _SUM, "-": _SUM,
    "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT, "^": _POWER,
}  # fmt: skip
_OF_SETS: Final = {**_OF_FIELDS, **dict.fromkeys(STRUCTURAL, _COMPARE)}
_LARGEST: Final = (1 << 63) - 1

Part = Filter | Combined | Pipeline | Aggregate | Arithmetic | Static | ScalarFilter | Metrics | MetricsMath
"""What an expression outside of braces may turn out to be."""
_SPANSETS: Final = (Filter, Combined, Pipeline)
_SCALARS: Final = (Aggregate, Arithmetic, Static)
_METRICS: Final = (Metrics, MetricsMath)


def parse(text: str) -> Query:
    """Read and check a query; an empty one is `{ }`. Raises `QuerySyntaxError` with the place and a hint."""
    query = parse_unchecked(text)
    check(query, text)
    return query


def parse_unchecked(text: str) -> Query:
    """Read a query whose parts may not fit together. Raises `QuerySyntaxError`."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.index = 0
        self.depth = 0
        self.operators = 0

    # ----------------------------------------------------------------------------------------------------- small parts

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.token
        self.index += token.kind is not Kind.END
        return token

    def at(self, *operators: str) -> bool:
        return self.token.kind is Kind.OPERATOR and self.token.text in operators

    def at_end(self) -> bool:
        return self.token.kind is Kind.END

    def at_word(self, *words: str) -> bool:
        return self.token.kind is Kind.WORD and self.token.text in words

    def fail(self, pos: Position | Token, message: str, hint: str = "") -> Never:
        start, end = (pos.start, pos.end) if isinstance(pos, Token) else pos
        raise fault(self.text, start, message, end, hint)

    def expect(self, operator: str, what: str, hint: str = "") -> Token:
        if not self.at(operator):
            self.fail(self.token, f"expected `{operator}` {what}, got {self.token.described()}.", hint)
        return self.advance()

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(self.token, f"the query is nested more than {MAX_DEPTH} deep.", "Say it with fewer parentheses.")

    def counted(self) -> None:
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            hint = 'Alternatives of one field are shorter as a regular expression: =~ "a|b".'
            self.fail(self.token, f"the query has more than {MAX_OPERATORS} operators.", hint)

    # ------------------------------------------------------------------------------------------------------- the whole

    def query(self) -> Query:
        if self.at_end():
            return Query(Pipeline((Filter(),)))
        body = self.sequence()
        hints: list[Hint] = []
        while self.at_word("with"):
            hints.extend(self.hints())
        if not self.at_end():
            self.trailing()
        if isinstance(body, _SCALARS):
            self.lonely(body)
        if isinstance(body, _METRICS):
            return Query(body, tuple(hints))
        return Query(body if isinstance(body, Pipeline) else Pipeline((body,), body.pos), tuple(hints))

    def trailing(self) -> Never:
        token = self.token
        message = f"{token.described()} is not expected here."
        if self.at(")", "}"):
            self.fail(token, message, f"There is no {'(' if token.text == ')' else '{'} that it closes.")
        if token.kind is Kind.WORD and (hint := nearest(token.text, WORDS_OF_STAGES)):
            self.fail(token, message, hint)
        self.fail(token, message, "Stages are separated by |, spansets are joined by operators such as && or >>.")

    def lonely(self, scalar: Aggregate | Arithmetic | Static) -> Never:
        if isinstance(scalar, Static):
            self.fail(scalar.pos, "a number alone selects nothing.", "A query begins with spans: { status = error }")
        hint = "Say which spansets go on: count() > 2"
        self.fail(scalar.pos, "an aggregate has to be compared with something.", hint)

    def sequence(self) -> Part:
        """Stages up to the end or a closing parenthesis."""
        self.deeper()
        start = self.token.start
        stages: list[Stage] = []
        found: Part
        while True:
            item = self.stage(stages, start)
            if isinstance(item, _METRICS):
                found = self.second_stages(item)
                break
            if isinstance(item, _SCALARS):
                if stages or self.at("|"):
                    self.lonely(item)
                found = item
                break
            stages.extend(item.stages if isinstance(item, Pipeline) else (item,))
            if not self.at("|"):
                found = _pipeline(stages, (start, self.tokens[self.index - 1].end))
                break
            self.advance()
        self.depth -= 1
        return found

    def stage(self, before: list[Stage], start: int) -> Part | GroupBy | Coalesce | Select:
        token = self.token
        if token.kind is Kind.WORD:
            if token.text in STAGES:
                if token.text == "coalesce" and not before:
                    self.fail(token, "nothing stands before coalesce().", "Write { } | by(name) | coalesce()")
                return self.named_stage()
            if token.text in OVER_TIME or token.text == "compare":
                if not before:
                    self.fail(token, f"no spans stand before {token.text}().", f"Write {{ }} | {token.text}()")
                function = self.compare() if token.text == "compare" else self.over()
                pipeline = Pipeline(tuple(before), (start, before[-1].pos[1]))
                return Metrics(pipeline, function, pos=(start, function.pos[1]))
            if token.text in SECOND:
                hint = f"Write {{ }} | rate() by (resource.service.name) | {token.text}(10)"
                self.fail(token, f"{token.text}() ranks series, so a function over time has to stand before it.", hint)
        return self.expression(_LOGICAL)

    def second_stages(self, node: Metrics | MetricsMath) -> Metrics | MetricsMath:
        then = list(node.then)
        while True:
            token = self.token
            self.counted()
            if self.at(*COMPARISONS):
                self.advance()
                then.append(self.threshold(token))
            elif self.at("|"):
                self.advance()
                then.append(self.ranked())
            else:
                return replace(node, then=tuple(then), pos=(node.pos[0], self.tokens[self.index - 1].end))

    def threshold(self, operator: Token) -> Threshold:
        value = self.expression(_SUM)
        if not isinstance(value, Static):
            self.fail(value.pos, "values of metrics are compared with numbers and durations only.")
        return Threshold(operator.text, value, (operator.start, value.pos[1]))

    def ranked(self) -> Ranked:
        token = self.advance()
        if token.kind is not Kind.WORD or token.text not in SECOND:
            hint = nearest(token.text, SECOND) if token.kind is Kind.WORD else ""
            message = f"behind a function over time only topk() and bottomk() may stand, got {token.described()}."
            self.fail(token, message, hint or "Put conditions on spans before the function.")
        self.expect("(", f"behind {token.text}")
        number = self.integer(f"{token.text}() keeps a whole number of series")
        end = self.expect(")", "behind the number").end
        return Ranked("topk" if token.text == "topk" else "bottomk", number, (token.start, end))

    def integer(self, what: str) -> int:
        token = self.token
        if token.kind is not Kind.INTEGER or not isinstance(token.value, int):
            self.fail(token, f"{what}, got {token.described()}.")
        if token.value > _LARGEST:
            self.fail(token, f"{token.text} does not fit into 64 bits.")
        self.advance()
        return token.value

    def hints(self) -> list[Hint]:
        self.advance()
        self.expect("(", "behind with", "Write with(most_recent=true)")
        found: list[Hint] = []
        while True:
            name = self.token
            if name.kind is not Kind.WORD:
                self.fail(name, f"expected the name of a hint, got {name.described()}.", "Write with(most_recent=true)")
            self.advance()
            self.expect("=", f"behind {name.text}", f"Write with({name.text}=true)")
            start = self.token
            negative = self.at("-")
            if negative:
                self.advance()
            value = self.static(allow_least=negative)
            if value is None or (negative and value.kind not in ("int", "float", "duration")):
                self.fail(start, f"expected the value of {name.text}, got {self.token.described()}.")
            if negative:
                value = _negated(value, start.start)
            found.append(Hint(name.text, value, (name.start, value.pos[1])))
            if not self.at(","):
                break
            self.advance()
        self.expect(")", "behind the hints")
        return found

    # ----------------------------------------------------------------------------------------------- outside of braces

    def expression(self, least: int) -> Part:
        self.deeper()
        left = self.operand()
        while True:
            token = self.token
            rank = _OF_SETS.get(token.text, 0) if token.kind is Kind.OPERATOR else 0
            if rank < least or token.text == "=~":
                break
            if isinstance(left, _METRICS) and token.text in COMPARISONS:
                self.counted()
                self.advance()
                threshold = self.threshold(token)
                left = replace(left, then=(*left.then, threshold), pos=(left.pos[0], threshold.pos[1]))
                continue
            self.counted()
            self.advance()
            right = self.expression(rank + (token.text != "^"))
            left = self.joined(token, left, right)
        self.depth -= 1
        return left

    def operand(self) -> Part:
        token = self.token
        if self.at("{"):
            return self.filter()
        if self.at("("):
            self.advance()
            inner = self.sequence()
            end = self.expect(")", "to close the parenthesis", "A closing parenthesis is missing.").end
            if isinstance(inner, Pipeline) and len(inner.stages) == 1 and isinstance(inner.stages[0], Filter | Combined):
                inner = inner.stages[0]
            return replace(inner, pos=(token.start, end))
        if self.at("-"):
            self.advance()
            inner = self.static(allow_least=True) or self.operand()
            if not isinstance(inner, Static) or inner.kind not in ("int", "float", "duration"):
                self.fail(inner.pos, "outside of braces only a number can be negative.")
            return _negated(inner, token.start)
        if token.kind is Kind.WORD and token.text in AGGREGATES:
            return self.aggregate()
        if token.kind in (Kind.INTEGER, Kind.FLOAT, Kind.DURATION):
            static = self.static()
            assert static is not None
            return static
        return self.no_operand()

    def no_operand(self) -> Never:
        token = self.token
        hint = "A query begins with spans: { status = error }"
        if token.kind is Kind.WORD:
            meant = nearest(token.text, WORDS_OF_STAGES)
            if token.text in OVER_TIME or token.text in STAGES or token.text in SECOND or token.text == "compare":
                hint = "It stands behind a |, and what it is part of stands in parentheses."
            elif token.text in SHORT or token.text in STATIC_WORDS:
                hint = f"Conditions on spans stand in braces: {{ {token.text} ... }}"
            elif meant:
                hint = meant
            self.fail(token, f"`{token.text}` means nothing here.", hint)
        if token.kind is Kind.FIELD:
            hint = f"Conditions on spans stand in braces: {{ {token.text} ... }}"
        self.fail(token, f"expected a spanset such as {{ }}, got {token.described()}.", hint)

    def joined(self, token: Token, left: Part, right: Part) -> Part:
        op, pos = token.text, (left.pos[0], right.pos[1])
        if isinstance(left, _SPANSETS) and isinstance(right, _SPANSETS):
            if op not in ("&&", "||", *STRUCTURAL):
                hint = "Spansets are joined by && || > >> < << ~ and their negations (!>) and unions (&>)."
                self.fail(token, f"`{op}` does not join spansets.", hint)
            return Combined(op, left, right, pos)
        if isinstance(left, Static) and isinstance(right, Static) and op in ARITHMETIC:
            return self.folded(token, left, right)
        if isinstance(left, _SCALARS) and isinstance(right, _SCALARS):
            if op in COMPARISONS:
                if isinstance(left, Static) and isinstance(right, Static):
                    self.fail(pos, "two numbers are compared, which says nothing about spans.", "Write count() > 2")
                return ScalarFilter(op, left, right, pos)
            if op in ARITHMETIC:
                return Arithmetic(op, left, right, pos)
        metrics = isinstance(left, _METRICS) or isinstance(right, _METRICS)
        if isinstance(left, (Static, *_METRICS)) and isinstance(right, (Static, *_METRICS)) and metrics:
            if op not in ("+", "-", "*", "/"):
                self.fail(token, f"`{op}` does not join metrics.", "Metrics are joined by + - * /")
            for side in (left, right):
                if isinstance(side, Static) and side.kind == "duration":
                    self.fail(side.pos, "metrics are not calculated with durations.", "Write the number of seconds.")
            return MetricsMath(op, left, right, pos=pos)
        if isinstance(right, ScalarFilter) or isinstance(left, ScalarFilter):
            hint = "Write it as a stage of its own: { } | count() > 2 | avg(duration) > 1s"
            self.fail(token, f"a condition on aggregates cannot be joined by `{op}`.", hint)
        hint = "Metrics in calculations stand in parentheses: ({ } | rate()) * 100" if op in ARITHMETIC else ""
        return self.fail(token, f"`{op}` cannot join {_named(left)} and {_named(right)}.", hint)

    def folded(self, token: Token, left: Static, right: Static) -> Static:
        """Constants are calculated at once; integers stay integers, as in Go."""
        pos = (left.pos[0], right.pos[1])
        value = calculated(token.text, left, right, pos)
        if value is None:
            self.fail(pos, f"`{token.text}` of these two numbers has no value.", "It divides by zero or is too large.")
        return value

    def aggregate(self) -> Aggregate:
        name = self.advance()
        self.expect("(", f"behind {name.text}", f"Write {name.text}({'' if name.text == 'count' else 'duration'}) > 2")
        of: Expr | None = None
        if name.text != "count":
            if self.at(")"):
                self.fail(self.token, f"{name.text}() of what?", f"Write {name.text}(duration)")
            of = self.field_expression(_LOGICAL)
        end = self.expect(")", f"to close {name.text}(").end
        pos = (name.start, end)
        match name.text:
            case "avg" | "min" | "max" | "sum" as function:
                return Aggregate(function, of, pos)
        return Aggregate("count", None, pos)

    def named_stage(self) -> GroupBy | Coalesce | Select:
        name = self.advance()
        self.expect("(", f"behind {name.text}")
        if name.text == "coalesce":
            return Coalesce((name.start, self.expect(")", "behind coalesce(").end))
        if self.at(")"):
            self.fail(self.token, f"{name.text}() of what?", f"Write {name.text}(resource.service.name)")
        if name.text == "by":
            of = self.field_expression(_LOGICAL)
            return GroupBy(of, (name.start, self.expect(")", "to close by(").end))
        fields = self.fields()
        return Select(fields, (name.start, self.expect(")", "to close select(").end))

    def fields(self) -> tuple[Field, ...]:
        found = [self.field()]
        while self.at(","):
            self.advance()
            found.append(self.field())
        return tuple(found)

    def field(self) -> Field:
        token = self.token
        if token.kind is Kind.FIELD and isinstance(token.value, Attribute | Intrinsic):
            self.advance()
            return token.value
        if token.kind is Kind.WORD and token.text in SHORT:
            self.advance()
            return Intrinsic(SHORT[token.text], pos=(token.start, token.end))
        hint = "Fields are written as span.name, resource.name, .name or span:duration."
        if token.kind is Kind.WORD:
            hint = nearest(token.text, tuple(SHORT)) or f"An attribute is written with a point: .{token.text}"
        return self.fail(token, f"expected a field, got {token.described()}.", hint)

    def over(self) -> Over:
        name = self.advance()
        self.expect("(", f"behind {name.text}", f"Write {name.text}()")
        of: Field | None = None
        quantiles: list[float] = []
        if name.text in OVER_FIELD or name.text == "quantile_over_time":
            if self.at(")"):
                example = "duration, 0.99" if name.text == "quantile_over_time" else "duration"
                self.fail(self.token, f"{name.text}() of what?", f"Write {name.text}({example})")
            of = self.field()
        if name.text == "quantile_over_time":
            if not self.at(","):
                self.fail(self.token, "which quantile?", "Write quantile_over_time(duration, 0.99)")
            while self.at(","):
                self.advance()
                quantiles.append(self.quantile())
        end = self.expect(")", f"to close {name.text}(").end
        by: tuple[Field, ...] = ()
        if self.at_word("by"):
            self.advance()
            self.expect("(", "behind by")
            by = self.fields()
            end = self.expect(")", "to close by(").end
        function = next(one for one in OVER_TIME if one == name.text)
        return Over(function, of, tuple(quantiles), by, (name.start, end))

    def quantile(self) -> float:
        token = self.token
        if token.kind not in (Kind.INTEGER, Kind.FLOAT) or not isinstance(token.value, int | float):
            self.fail(token, f"a quantile is a number from 0 to 1, got {token.described()}.")
        self.advance()
        if not 0 <= token.value <= 1:
            self.fail(token, f"a quantile is a number from 0 to 1, got {token.text}.")
        return float(token.value)

    def compare(self) -> Compare:
        name = self.advance()
        self.expect("(", "behind compare", "Write compare({ status = error })")
        if not self.at("{"):
            hint = "Write compare({ status = error })"
            self.fail(self.token, f"compare() begins with a selection in braces, got {self.token.described()}.", hint)
        selection = self.filter()
        numbers: list[int] = []
        while self.at(",") and len(numbers) < 3:
            self.advance()
            numbers.append(self.integer("compare() takes whole numbers: how many values, and the start and end in ns"))
        if len(numbers) == 2:
            self.fail(
                self.token, "compare() has a start without an end.", "Both are in ns since 1970: compare({ }, 10, 1, 2)"
            )
        end = self.expect(")", "to close compare(").end
        top, begin, finish = (*numbers, *(10, 0, 0)[len(numbers) :])
        return Compare(selection, top, begin, finish, (name.start, end))

    # --------------------------------------------------------------------------------------------------- within braces

    def filter(self) -> Filter:
        start = self.expect("{", "").start
        if self.at("}"):
            return Filter(pos=(start, self.advance().end))
        where = self.field_expression(_LOGICAL)
        if not self.at("}"):
            token = self.token
            hint = "A closing brace is missing." if token.kind is Kind.END else "Conditions are joined by && and ||."
            if token.kind is Kind.WORD and token.text.lower() in ("and", "or"):
                hint = f"Write {'&&' if token.text.lower() == 'and' else '||'}."
            self.fail(token, f"expected an operator or `}}`, got {token.described()}.", hint)
        return Filter(where, (start, self.advance().end))

    def field_expression(self, least: int) -> Expr:
        self.deeper()
        left = self.prefix()
        while True:
            token = self.token
            rank = _OF_FIELDS.get(token.text, 0) if token.kind is Kind.OPERATOR else 0
            if rank < least or rank == 0:
                break
            self.counted()
            self.advance()
            right = self.field_expression(rank + (token.text != "^"))
            left = Binary(token.text, left, right, (left.pos[0], right.pos[1]))
        self.depth -= 1
        return left

    def prefix(self) -> Expr:
        token = self.token
        if self.at("("):
            self.advance()
            inner = self.field_expression(_LOGICAL)
            end = self.expect(")", "to close the parenthesis", "A closing parenthesis is missing.").end
            return replace(inner, pos=(token.start, end))
        if self.at("!"):
            self.advance()
            inner = self.field_expression(_PRODUCT)
            return Unary("!", inner, (token.start, inner.pos[1]))
        if self.at("-"):
            self.advance()
            behind = self.tokens[min(self.index + 1, len(self.tokens) - 1)]
            least = self.token.kind is Kind.INTEGER and _OF_FIELDS.get(behind.text, 0) <= _SUM
            single = self.static(allow_least=True) if least else None
            inner = single or self.field_expression(_NOT)
            if isinstance(inner, Static) and inner.kind in ("int", "float", "duration"):
                return _negated(inner, token.start)
            return Unary("-", inner, (token.start, inner.pos[1]))
        if (static := self.static()) is not None:
            return static
        if token.kind is Kind.FIELD or (token.kind is Kind.WORD and token.text in SHORT):
            return self.field()
        if token.kind is Kind.WORD:
            hint = nearest(token.text, WORDS_IN_BRACES)
            example = f"An attribute is written with a point: .{token.text} or span.{token.text}"
            self.fail(token, f"`{token.text}` is no field.", f"{hint} {example}" if hint else example)
        hint = "A closing brace is missing." if token.kind is Kind.END else ""
        if self.at("}"):
            hint = "A value is missing before the brace."
        return self.fail(token, f"expected a field or a value, got {token.described()}.", hint)

    def static(self, *, allow_least: bool = False) -> Static | None:
        """A value, or None (and nothing read) when there is none here. The least integer comes without its sign."""
        token = self.token
        pos = (token.start, token.end)
        if isinstance(token.value, Attribute | Intrinsic):
            return None
        found: Static | None = None
        match token.kind:
            case Kind.STRING:
                found = Static("string", token.value, pos)
            case Kind.INTEGER:
                if int(token.value) > _LARGEST + allow_least:
                    self.fail(token, f"{token.text} does not fit into 64 bits.", "Write it as a number with a point.")
                found = Static("int", token.value, pos)
            case Kind.FLOAT:
                if not math.isfinite(float(token.value)):
                    self.fail(token, f"{token.text} is too large.")
                found = Static("float", token.value, pos)
            case Kind.DURATION:
                found = Static("duration", token.value, pos)
            case Kind.WORD if token.text in STATIC_WORDS:
                kind, value = STATIC_WORDS[token.text]
                found = Static(kind, value, pos)
        if found is not None:
            self.advance()
        return found


def calculated(op: str, left: Static, right: Static, pos: Position = (0, 0)) -> Static | None:
    """The value of an operator of two numbers. Two integers give an integer (quotients and remainders towards zero), a
    duration makes a duration of what is whole. None when it has none: by zero, out of range, no number."""
    numbers = ("int", "float", "duration")
    if left.kind not in numbers or right.kind not in numbers:
        return None
    one, other = left.value, right.value
    assert not isinstance(one, str) and not isinstance(other, str)
    try:
        value = _operated(op, one, other)
    except (OverflowError, ZeroDivisionError, ValueError):
        return None
    if not math.isfinite(value):
        return None
    lasting = "duration" in (left.kind, right.kind)
    if isinstance(value, float) and lasting and value.is_integer() and abs(value) <= 2.0**63 - 1024:
        value = int(value)
    if isinstance(value, int):
        if not -_LARGEST - 1 <= value <= _LARGEST:
            return None
        return Static("duration" if lasting else "int", value, pos)
    return Static("float", value, pos)


def _operated(op: str, left: int | float, right: int | float) -> int | float:
    whole = isinstance(left, int) and isinstance(right, int)
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            if not whole:
                return left / right
            quotient = abs(int(left)) // abs(int(right))
            return quotient if (left < 0) == (right < 0) else -quotient
        case "%":
            if not whole:
                return math.fmod(left, right)
            rest = abs(int(left)) % abs(int(right))
            return -rest if left < 0 else rest
    if whole and right >= 0:
        # Beyond 64 bits it has no value; the exact power of two large numbers would take for ever.
        return int(left) ** int(right) if abs(left) <= 1 or right <= 64 else math.inf
    return math.pow(left, right)


def _negated(inner: Static, start: int) -> Static:
    assert isinstance(inner.value, int | float)
    return Static(inner.kind, -inner.value, (start, inner.pos[1]))


def _pipeline(stages: list[Stage], pos: Position) -> Pipeline:
    return Pipeline(tuple(stages), pos)


def _named(part: Part) -> str:
    match part:
        case Filter() | Combined() | Pipeline():
            return "a spanset"
        case Metrics() | MetricsMath():
            return "metrics"
        case ScalarFilter():
            return "a condition on aggregates"
        case Static(kind):
            return "a duration" if kind == "duration" else "a number"
    return "an aggregate"
