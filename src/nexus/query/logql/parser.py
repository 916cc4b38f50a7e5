"""Text of LogQL to its syntax tree, by precedence climbing. Errors are `QuerySyntaxError`s in Loki's form.

metric := or-level of: aggregation | range aggregation | number | vector(n) | label_replace(...) | ( metric )
log    := { matchers } stage*
"""

from __future__ import annotations

import re
from typing import Final, Literal, Never, cast

from nexus import _native
from nexus.errors import QuerySyntaxError
from nexus.query.logql.ast import (
    AndFilter,
    Binary,
    Decolorize,
    Drop,
    Grouping,
    IpFilter,
    JsonParser,
    Keep,
    LabelFilter,
    LabelFormat,
    LabelReplace,
    LabelStage,
    LineFilter,
    LineFormat,
    LogfmtParser,
    LogQuery,
    Matcher,
    Matching,
    Metric,
    Needle,
    Number,
    NumberFilter,
    OrFilter,
    PatternParser,
    Query,
    RangeAggregation,
    RegexpParser,
    Stage,
    Target,
    TextFilter,
    Unpack,
    Unwrap,
    Vector,
    VectorAggregation,
)
from nexus.query.logql.lexer import Kind, Token, fault, nanoseconds, size, tokenize

MAX_DEPTH: Final = 60
MAX_STAGES: Final = 200

PLAIN_RANGES: Final = frozenset({"count_over_time", "rate", "bytes_over_time", "bytes_rate", "absent_over_time"})
UNWRAPPED_RANGES: Final = frozenset(
    {"rate", "rate_counter", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time", "stdvar_over_time"}
    | {"stddev_over_time", "quantile_over_time", "first_over_time", "last_over_time", "absent_over_time"}
)
RANGES: Final = PLAIN_RANGES | UNWRAPPED_RANGES
GROUPED_RANGES: Final = frozenset(
    {"avg_over_time", "min_over_time", "max_over_time", "stdvar_over_time", "stddev_over_time", "quantile_over_time"}
    | {"first_over_time", "last_over_time"}
)
VECTORS: Final = frozenset(
    {"sum", "avg", "min", "max", "count", "stddev", "stdvar", "topk", "bottomk", "sort", "sort_desc", "approx_topk"}
)
WITH_K: Final = frozenset({"topk", "bottomk", "approx_topk"})
_PRECEDENCE: Final = {
    "or": 1, "and": 2, "unless": 2, "==": 3, "!=": 3, ">": 3, ">=": 3, "<": 3, "<=": 3,
    "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "^": 6,
}  # fmt: skip
_SETS: Final = frozenset({"and", "or", "unless"})
_COMPARISONS: Final = frozenset({"==", "!=", ">", ">=", "<", "<="})
_FILTERS: Final = frozenset({"|=", "!=", "|~", "!~", "|>", "!>"})
_TEXT_OPS: Final = frozenset({"=", "!=", "=~", "!~"})
_PATH: Final = re.compile(r"""\.?([A-Za-z_][\w-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]""", re.ASCII)


def parse(text: str) -> Query:
    """Parse a query. Raises `QuerySyntaxError`."""
    parser = _Parser(text)
    query: Query
    if parser.at_operator("{") or (parser.at_operator("(") and parser.log_in_parentheses()):
        query = parser.log()
    else:
        query = parser.metric()
    parser.end()
    return query


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Parse matchers in braces; `{}` takes every stream. Raises `QuerySyntaxError`."""
    parser = _Parser(text)
    matchers = parser.selector()
    parser.end()
    return matchers


def parse_log(text: str) -> LogQuery:
    """Parse a log query that may take every stream. Raises `QuerySyntaxError`."""
    parser = _Parser(text)
    query = parser.log(check=False)
    parser.end()
    return query


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.at = 0
        self.depth = 0

    # --------------------------------------------------------------------------------------------------------- tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def advance(self) -> Token:
        token = self.token
        self.at += 1
        return token

    def at_operator(self, *texts: str) -> bool:
        return self.token.kind is Kind.OPERATOR and self.token.text in texts

    def at_word(self, *texts: str) -> bool:
        return self.token.kind is Kind.WORD and self.token.text in texts

    def ahead(self, count: int = 1) -> Token:
        return self.tokens[min(self.at + count, len(self.tokens) - 1)]

    def eat(self, text: str) -> bool:
        if self.at_operator(text):
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> Token:
        if not self.at_operator(text):
            self.unexpected(f"expecting {text!r}")
        return self.advance()

    def word(self) -> Token:
        if self.token.kind is not Kind.WORD:
            self.unexpected("expecting IDENTIFIER")
        return self.advance()

    def string(self) -> Token:
        if self.token.kind is not Kind.STRING:
            self.unexpected("expecting STRING")
        return self.advance()

    def unexpected(self, expected: str = "") -> Never:
        token = self.token
        shown = token.kind.value if token.kind in (Kind.END, Kind.STRING, Kind.NUMBER) else token.text
        self.fail(token, f"syntax error: unexpected {shown}{', ' + expected if expected else ''}")

    def fail(self, token: Token, message: str) -> Never:
        raise fault(self.text, token.start, message, max(token.end - token.start, 1))

    def wrong(self, message: str) -> Never:
        """What is wrong with the query as a whole."""
        raise QuerySyntaxError(f"parse error : {message}", offset=0, length=len(self.text))

    def end(self) -> None:
        if self.token.kind is not Kind.END:
            self.unexpected()

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(self.token, f"the query is nested more than {MAX_DEPTH} deep")

    def check(self, token: Token, kind: str, text: str) -> None:
        """Ask the native module whether a regular expression, pattern, template or address can be compiled."""
        try:
            _native.logql_check(kind, text)
        except ValueError as error:
            self.fail(token, str(error))

    # ---------------------------------------------------------------------------------------------------- log queries

    def log_in_parentheses(self) -> bool:
        """Is what stands in these parentheses a log query?"""
        at = self.at
        while self.tokens[at].kind is Kind.OPERATOR and self.tokens[at].text == "(":
            at += 1
        return self.tokens[at].kind is Kind.OPERATOR and self.tokens[at].text == "{"

    def log(self, *, check: bool = True) -> LogQuery:
        if self.at_operator("("):
            self.enter()
            self.advance()
            inner = self.log(check=check)
            self.expect(")")
            self.depth -= 1
            return LogQuery(inner.matchers, (*inner.stages, *self.stages()))
        return LogQuery(self.selector(check=check), tuple(self.stages()))

    def selector(self, *, check: bool = False) -> tuple[Matcher, ...]:
        self.expect("{")
        matchers: list[Matcher] = []
        while not self.at_operator("}"):
            name = self.word().text
            op = self.token.text
            if not self.at_operator(*_TEXT_OPS):
                self.unexpected("expecting one of =, !=, =~, !~")
            self.advance()
            value = self.string()
            if op in ("=~", "!~"):
                self.check(value, "regex", value.text)
            matchers.append(Matcher(name, op, value.text))
            if not self.eat(","):
                break
        self.expect("}")
        if check and not any(_needs_a_value(one) for one in matchers):
            self.wrong(
                "queries require at least one regexp or equality matcher that does not have an empty-compatible value. For "
                'instance, app=~".*" does not meet this requirement, but app=~".+" will'
            )
        return tuple(matchers)

    def stages(self) -> list[Stage]:
        found: list[Stage] = []
        while True:
            if self.at_operator(*_FILTERS):
                found.append(self.line_filter())
            elif self.at_operator("|") and not (self.ahead().kind is Kind.WORD and self.ahead().text == "unwrap"):
                self.advance()
                found.append(self.stage())
            else:
                return found
            if len(found) > MAX_STAGES:
                self.fail(self.token, f"a pipeline has at most {MAX_STAGES} stages")

    def line_filter(self) -> LineFilter:
        op = self.advance().text
        needles = [self.needle(op)]
        while self.at_word("or"):
            self.advance()
            needles.append(self.needle(op))
        return LineFilter(op, tuple(needles))

    def needle(self, op: str) -> Needle:
        if self.at_word("ip") and self.ahead().text == "(":
            if op not in ("|=", "!="):
                self.fail(self.token, "ip() takes |= or !=")
            return Needle(self.address(), ip=True)
        text = self.string()
        if op in ("|~", "!~"):
            self.check(text, "regex", text.text)
        elif op in ("|>", "!>"):
            self.check(text, "filter-pattern", text.text)
        return Needle(text.text)

    def address(self) -> str:
        self.advance()
        self.expect("(")
        text = self.string()
        self.check(text, "ip", text.text)
        self.expect(")")
        return text.text

    def stage(self) -> Stage:
        token = self.token
        if token.kind is not Kind.WORD:
            return LabelStage(self.label_filter())
        match token.text:
            case "json":
                self.advance()
                pairs = self.expressions()
                return JsonParser(tuple((name, self.path(at, source)) for at, name, source in pairs))
            case "logfmt":
                self.advance()
                flags = []
                while self.token.kind is Kind.FLAG:
                    if self.token.text not in ("--strict", "--keep-empty"):
                        self.unexpected("expecting --strict or --keep-empty")
                    flags.append(self.advance().text)
                pairs = self.expressions()
                wanted = tuple((name, source) for _, name, source in pairs)
                return LogfmtParser(wanted, "--strict" in flags, "--keep-empty" in flags)
            case "regexp":
                self.advance()
                text = self.string()
                self.check(text, "regex", text.text)
                if not re.search(r"\(\?P?<", text.text):
                    self.fail(text, "at least one named capture must be supplied")
                return RegexpParser(text.text)
            case "pattern":
                self.advance()
                text = self.string()
                self.check(text, "pattern", text.text)
                return PatternParser(text.text)
            case "unpack":
                self.advance()
                return Unpack()
            case "line_format":
                self.advance()
                text = self.string()
                self.check(text, "template", text.text)
                return LineFormat(text.text)
            case "label_format":
                self.advance()
                return self.label_format()
            case "decolorize":
                self.advance()
                return Decolorize()
            case "drop" | "keep":
                self.advance()
                targets = tuple(self.targets())
                return Drop(targets) if token.text == "drop" else Keep(targets)
        return LabelStage(self.label_filter())

    def expressions(self) -> list[tuple[Token, str, str]]:
        """`a="x", b` behind a parser: (token, name, source)."""
        found: list[tuple[Token, str, str]] = []
        while self.token.kind is Kind.WORD:
            name = self.advance()
            source = name
            if self.eat("="):
                source = self.string()
            found.append((source, name.text, source.text))
            if not self.eat(","):
                break
        return found

    def path(self, token: Token, text: str) -> tuple[str | int, ...]:
        steps: list[str | int] = []
        at = 0
        while at < len(text):
            match = _PATH.match(text, at)
            if match is None or (match[0].startswith(".") and not steps) or (match[1] and steps and match[0][0] != "."):
                self.fail(token, f"cannot parse expression [{text}]: syntax error: unexpected {text[at]!r}")
            if match[2] is not None:
                steps.append(int(match[2]))
            else:
                steps.append(match[1] if match[1] is not None else tokenize(match[3])[0].text)
            at = match.end()
        if not steps:
            self.fail(token, "cannot parse expression []: syntax error: unexpected end")
        return tuple(steps)

    def label_format(self) -> LabelFormat:
        formats: list[tuple[str, str, bool]] = []
        while True:
            name = self.word()
            self.expect("=")
            if self.token.kind is Kind.STRING:
                text = self.advance()
                self.check(text, "template", text.text)
                formats.append((name.text, text.text, True))
            else:
                formats.append((name.text, self.word().text, False))
            if sum(name.text == other for other, _, _ in formats) > 1:
                self.fail(name, f"multiple label name '{name.text}' not allowed in a single format operation")
            if not self.eat(","):
                return LabelFormat(tuple(formats))

    def targets(self) -> list[Target]:
        found = []
        while True:
            name = self.word().text
            if self.at_operator(*_TEXT_OPS):
                op = self.advance().text
                value = self.string()
                if op in ("=~", "!~"):
                    self.check(value, "regex", value.text)
                found.append(Target(name, op, value.text))
            else:
                found.append(Target(name))
            if not self.eat(","):
                return found

    def label_filter(self) -> LabelFilter:
        """`or` binds weakest; `and`, a comma and nothing at all mean the same."""
        self.enter()
        left = self.label_conjunction()
        while self.at_word("or"):
            self.advance()
            left = OrFilter(left, self.label_conjunction())
        self.depth -= 1
        return left

    def label_conjunction(self) -> LabelFilter:
        left = self.label_term()
        while True:
            if self.at_word("and") or self.at_operator(","):
                self.advance()
            elif not self.at_operator("(") and not (self.token.kind is Kind.WORD and not self.at_word("or")):
                return left
            left = AndFilter(left, self.label_term())

    def label_term(self) -> LabelFilter:
        if self.eat("("):
            inner = self.label_filter()
            self.expect(")")
            return inner
        name = self.word().text
        op = self.token.text
        if not self.at_operator(*(_TEXT_OPS | _COMPARISONS)):
            self.unexpected("expecting an operator")
        self.advance()
        if self.token.kind is Kind.STRING:
            if op not in _TEXT_OPS:
                self.unexpected("expecting NUMBER, DURATION or BYTES")
            value = self.advance()
            if op in ("=~", "!~"):
                self.check(value, "regex", value.text)
            return TextFilter(name, op, value.text)
        if self.at_word("ip"):
            if op not in ("=", "!="):
                self.fail(self.token, "ip() takes = or !=")
            return IpFilter(name, op, self.address())
        if op in ("=~", "!~"):
            self.unexpected("expecting STRING")
        op = "==" if op == "=" else op
        sign = -1 if self.eat("-") else 1
        token = self.advance()
        match token.kind:
            case Kind.NUMBER:
                return NumberFilter(name, op, sign * _float(token.text))
            case Kind.DURATION:
                return NumberFilter(name, op, float(sign * nanoseconds(token.text)), "duration")
            case Kind.BYTES:
                return NumberFilter(name, op, sign * size(token.text), "bytes")
        self.at -= 1
        return self.unexpected("expecting a STRING, NUMBER, DURATION or BYTES")

    # --------------------------------------------------------------------------------------------------------- metrics

    def metric(self, least: int = 1) -> Metric:
        self.enter()
        left = self.operand()
        while (op := self.binary_operator()) and _PRECEDENCE[op] >= least:
            token = self.advance()
            as_bool = False
            if self.at_word("bool"):
                if op not in _COMPARISONS:
                    self.fail(self.token, "bool modifier can only be used on comparison operators")
                self.advance()
                as_bool = True
            matching = self.matching(op)
            # `^` binds to the right, the others to the left.
            right = self.metric(_PRECEDENCE[op] + (op != "^"))
            left = self.binary(token, op, left, right, as_bool, matching)
        self.depth -= 1
        return left

    def binary_operator(self) -> str:
        token = self.token
        known = token.kind in (Kind.OPERATOR, Kind.WORD) and token.text in _PRECEDENCE
        return token.text if known else ""

    def binary(self, token: Token, op: str, left: Metric, right: Metric, as_bool: bool, matching: Matching | None) -> Metric:
        literal = isinstance(left, Number) or isinstance(right, Number)
        if op in _SETS and literal:
            side = "left" if isinstance(left, Number) else "right"
            self.fail(token, f"unexpected literal for {side} leg of logical/set binary operation ({op})")
        if matching is not None and literal:
            self.fail(token, "vector matching only allowed between vectors")
        return Binary(op, left, right, as_bool, matching)

    def matching(self, op: str) -> Matching | None:
        if not self.at_word("on", "ignoring"):
            return None
        on = self.advance().text == "on"
        labels = self.names()
        card: Literal["", "left", "right"] = ""
        include: tuple[str, ...] = ()
        if self.at_word("group_left", "group_right"):
            if op in _SETS:
                self.fail(self.token, f"no grouping allowed for {op} operation")
            card = cast(Literal["left", "right"], self.advance().text.removeprefix("group_"))
            if self.at_operator("("):
                include = self.names()
        return Matching(on, labels, card, include)

    def names(self) -> tuple[str, ...]:
        self.expect("(")
        found = []
        while not self.at_operator(")"):
            found.append(self.word().text)
            if not self.eat(","):
                break
        self.expect(")")
        return tuple(found)

    def operand(self) -> Metric:
        token = self.token
        if self.eat("("):
            inner = self.metric()
            self.expect(")")
            return inner
        if token.kind is Kind.NUMBER or self.at_operator("-", "+"):
            return Number(self.signed_number())
        if token.kind is Kind.WORD and self.ahead().text in ("(", "by", "without"):
            if token.text in RANGES:
                return self.range_aggregation()
            if token.text in VECTORS:
                return self.vector_aggregation()
            if token.text == "vector":
                self.advance()
                self.expect("(")
                value = self.signed_number()
                self.expect(")")
                return Vector(value)
            if token.text == "label_replace":
                return self.label_replace()
        return self.unexpected()

    def signed_number(self) -> float:
        sign = 1
        while self.at_operator("-", "+"):
            sign = -sign if self.advance().text == "-" else sign
        if self.token.kind is not Kind.NUMBER:
            self.unexpected("expecting NUMBER")
        return sign * _float(self.advance().text)

    def label_replace(self) -> LabelReplace:
        self.advance()
        self.expect("(")
        inner = self.metric()
        texts = []
        for _ in range(4):
            self.expect(",")
            texts.append(self.string())
        self.expect(")")
        self.check(texts[3], "regex", texts[3].text)
        target, replacement, source, regex = (token.text for token in texts)
        return LabelReplace(inner, target, replacement, source, regex)

    def grouping(self) -> Grouping | None:
        if not self.at_word("by", "without"):
            return None
        return Grouping(self.advance().text == "without", self.names())

    def vector_aggregation(self) -> VectorAggregation:
        name = self.advance()
        grouping = self.grouping()
        self.expect("(")
        parameter = None
        if name.text in WITH_K:
            if self.token.kind is not Kind.NUMBER:
                self.fail(name, f"parameter required for operation {name.text}")
            token = self.advance()
            if not token.text.isdigit() or int(token.text) <= 0:
                self.fail(token, f"invalid parameter (must be greater than 0) {name.text}({token.text},")
            parameter = min(int(token.text), 1 << 31)
            self.expect(",")
        inner = self.metric()
        self.expect(")")
        grouping = grouping or self.grouping()
        if name.text in ("sort", "sort_desc", "approx_topk") and grouping is not None:
            self.fail(name, f"grouping not allowed for {name.text} aggregation")
        return VectorAggregation(name.text, inner, grouping, parameter)

    def range_aggregation(self) -> RangeAggregation:
        name = self.advance()
        op = name.text
        self.expect("(")
        parameter = None
        if op == "quantile_over_time":
            parameter = self.signed_number()
            self.expect(",")
        query, unwrap, length, offset = self.log_range()
        self.expect(")")
        grouping = self.grouping()
        if unwrap is None and op not in PLAIN_RANGES:
            self.wrong(f"invalid aggregation {op} without unwrap")
        if unwrap is not None and op not in UNWRAPPED_RANGES:
            self.wrong(f"invalid aggregation {op} with unwrap")
        if grouping is not None and op not in GROUPED_RANGES:
            self.wrong(f"grouping not allowed for {op} aggregation")
        return RangeAggregation(op, query, length, offset, unwrap, parameter, grouping)

    def log_range(self) -> tuple[LogQuery, Unwrap | None, int, int]:
        """The range may stand behind the selector, in the middle, or at the end."""
        if self.eat("("):
            self.enter()
            query, unwrap, length, offset = self.log_range_parts()
            self.expect(")")
            self.depth -= 1
            if not length:
                length, offset = self.length()
        else:
            query, unwrap, length, offset = self.log_range_parts()
        if not length:
            self.unexpected("expecting a range [duration]")
        return query, unwrap, length, offset

    def log_range_parts(self) -> tuple[LogQuery, Unwrap | None, int, int]:
        if self.at_operator("("):
            return self.log_range()
        matchers = self.selector(check=True)
        length, offset = self.length()
        stages = self.stages()
        unwrap = self.unwrap()
        if not length:
            length, offset = self.length()
            if not stages and unwrap is None:
                stages, unwrap = self.stages(), self.unwrap()
        return LogQuery(matchers, tuple(stages)), unwrap, length, offset

    def length(self) -> tuple[int, int]:
        """`[5m] offset 1h`, or nothing."""
        if not self.eat("["):
            return 0, 0
        if self.token.kind is not Kind.DURATION:
            self.fail(self.token, f"not a valid duration string: {self.token.text!r}")
        length = nanoseconds(self.advance().text)
        if length <= 0:
            self.fail(self.token, "a range is longer than nothing")
        self.expect("]")
        offset = 0
        if self.at_word("offset"):
            self.advance()
            sign = -1 if self.eat("-") else 1
            if self.token.kind is not Kind.DURATION:
                self.unexpected("expecting DURATION")
            offset = sign * nanoseconds(self.advance().text)
        return length, offset

    def unwrap(self) -> Unwrap | None:
        if not (self.at_operator("|") and self.ahead().kind is Kind.WORD and self.ahead().text == "unwrap"):
            return None
        self.advance()
        self.advance()
        label = self.word().text
        conversion = ""
        if label in ("duration", "duration_seconds", "bytes") and self.eat("("):
            conversion, label = label, self.word().text
            self.expect(")")
        filters = []
        while self.eat("|"):
            filters.append(self.label_filter())
        return Unwrap(label, conversion, tuple(filters))


def _needs_a_value(matcher: Matcher) -> bool:
    """Does the matcher refuse streams without the label?"""
    match matcher.op:
        case "=":
            return matcher.value != ""
        case "=~":
            return not _native.logql_line(_one_filter(matcher.value), "")[0]
        case "!=":
            return matcher.value == ""
        case _:
            return _native.logql_line(_one_filter(matcher.value), "")[0]


def _one_filter(pattern: str) -> str:
    import json

    return json.dumps({"stages": [{"t": "lines", "op": "|~", "any": [{"text": f"^(?:{pattern})$"}]}]})


def _float(text: str) -> float:
    return float(int(text, 16)) if text[:2].lower() == "0x" else float(text)
