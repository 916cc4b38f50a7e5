"""Types of TraceQL expressions, and what a query must not mix. Attributes may be of any type; what they turn out to be is
looked at while the query runs, and what does not fit compares as false."""

from __future__ import annotations

from typing import Final, Literal, Never

from nexus.query.logs.regex import check_regex
from nexus.query.promql import regex
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
    Intrinsic,
    Metrics,
    MetricsExpr,
    MetricsMath,
    Over,
    Pipeline,
    Position,
    Query,
    Ranked,
    Scalar,
    ScalarFilter,
    SecondStage,
    Select,
    Stage,
    Static,
    StaticKind,
    Threshold,
    Unary,
    fields_of,
)
from nexus.query.traces.lexer import fault
from nexus.query.traces.names import ARITHMETIC, COMPARISONS, HINTS, INTRINSICS, REGEXES, label_of, nearest

Type = StaticKind | Literal["any"]
"""What an expression evaluates to; `any` of an attribute."""

MAX_TOP: Final = 1_000
"""Most values of a field that `compare()` tells, and most series that `topk()` keeps."""
MAX_FIELDS: Final = 50
"""Most fields of a `select()` or `by()`."""
_NUMBERS: Final = frozenset({"int", "float", "duration"})
_ORDERED: Final = _NUMBERS | {"string"}
_NAMES: Final[dict[Type, str]] = {
    "string": "a text", "int": "an integer", "float": "a number", "bool": "a boolean", "duration": "a duration",
    "status": "a status", "kind": "a kind of span", "nil": "nil", "any": "an attribute",
}  # fmt: skip


def type_of(node: Expr) -> Type:
    """What an expression evaluates to, by what is written."""
    match node:
        case Attribute():
            return "any"
        case Intrinsic(name):
            return INTRINSICS[name]
        case Static(kind):
            return kind
        case Unary(op, inner):
            return "bool" if op == "!" else type_of(inner)
        case Binary(op, left, right):
            if op not in ARITHMETIC:
                return "bool"
            return _joined(type_of(left), type_of(right))


def _joined(left: Type, right: Type) -> Type:
    if "any" in (left, right):
        return "any"
    if "duration" in (left, right):
        return "duration"
    return "float" if "float" in (left, right) else "int"


def type_of_scalar(node: Scalar) -> Type:
    """What an expression over aggregates evaluates to."""
    match node:
        case Static(kind):
            return kind
        case Aggregate("count"):
            return "int"
        case Aggregate(function, of):
            assert of is not None
            found = type_of(of)
            return "float" if function == "avg" and found == "int" else found
        case Arithmetic(_, left, right):
            return _joined(type_of_scalar(left), type_of_scalar(right))


def check(query: Query, text: str) -> None:
    """Raises `QuerySyntaxError` for the first part of a query that does not fit."""
    _Checker(text).query(query)


class _Checker:
    def __init__(self, text: str) -> None:
        self.text = text

    def fail(self, pos: Position, message: str, hint: str = "") -> Never:
        raise fault(self.text, pos[0], message, pos[1], hint)

    def query(self, query: Query) -> None:
        match query.body:
            case Pipeline():
                self.pipeline(query.body)
            case body:
                self.metrics(body)
        for hint in query.hints:
            wanted = HINTS.get(hint.name)
            if wanted is None:
                # Hints of other engines are about how they work; a misspelt one is none of them.
                if meant := nearest(hint.name, tuple(HINTS)):
                    self.fail(hint.pos, f"there is no hint {hint.name}.", meant)
            elif hint.value.kind not in wanted:
                shown = " or ".join(_NAMES[one] for one in wanted)
                self.fail(hint.value.pos, f"the hint {hint.name} is {shown}, not {_NAMES[hint.value.kind]}.")

    # -------------------------------------------------------------------------------------------------------- metrics

    def metrics(self, node: MetricsExpr) -> None:
        match node:
            case Metrics(pipeline, function, then):
                self.pipeline(pipeline)
                if isinstance(function, Compare):
                    self.compare(function, then)
                else:
                    self.over(function)
            case MetricsMath(_, left, right, then):
                for side in (left, right):
                    if isinstance(side, Metrics | MetricsMath):
                        self.metrics(side)
                    if isinstance(side, Metrics) and isinstance(side.function, Compare):
                        message = "compare() cannot be calculated with."
                        self.fail(side.function.pos, message, "It answers with series of every field.")
        for stage in then:
            self.second(stage)

    def compare(self, node: Compare, then: tuple[SecondStage, ...]) -> None:
        self.filter(node.selection)
        if not 1 <= node.top <= MAX_TOP:
            self.fail(node.pos, f"compare() tells from 1 to {MAX_TOP} values of a field, not {node.top}.")
        if (node.start > 0) != (node.end > 0) or node.end < node.start:
            self.fail(node.pos, "the window of compare() ends before it begins.", "Start and end are in ns since 1970.")
        if then:
            self.fail(then[0].pos, "nothing can stand behind compare().", "It answers with series of every field.")

    def over(self, node: Over) -> None:
        if node.of is not None:
            self.field(node.of)
            self.own(node.of, f"{node.function}()")
            found = type_of(node.of)
            if found != "any" and found not in _NUMBERS:
                shown = label_of(node.of)
                hint = "Numbers are duration, span:childCount and attributes that hold numbers."
                self.fail(node.of.pos, f"{node.function}() is of a number; {shown} is {_NAMES[found]}.", hint)
        if len(node.quantiles) > MAX_FIELDS:
            self.fail(node.pos, f"more than {MAX_FIELDS} quantiles are too many.")
        self.fields(node.by, "by()")

    def second(self, node: SecondStage) -> None:
        match node:
            case Ranked(function, k) if not 1 <= k <= MAX_TOP:
                self.fail(node.pos, f"{function}() keeps from 1 to {MAX_TOP} series, not {k}.")
            case Threshold(_, value) if value.kind not in _NUMBERS:
                self.fail(value.pos, f"values of metrics are numbers, {_NAMES[value.kind]} is none.")

    # ------------------------------------------------------------------------------------------------------- spansets

    def pipeline(self, node: Pipeline) -> None:
        for stage in node.stages:
            self.stage(stage)

    def stage(self, node: Stage) -> None:
        match node:
            case Filter():
                self.filter(node)
            case Combined(_, left, right):
                self.stage(left)
                self.stage(right)
            case Pipeline():
                self.pipeline(node)
            case ScalarFilter():
                self.scalar_filter(node)
            case GroupBy(of):
                self.expression(of)
                self.own(of, "by()")
                if next(fields_of(of), None) is None:
                    self.fail(node.pos, "by() groups by something that spans have.", "Write by(resource.service.name)")
            case Select(fields):
                self.fields(fields, "select()")
            case Coalesce():
                pass

    def fields(self, fields: tuple[Field, ...], where: str) -> None:
        if len(fields) > MAX_FIELDS:
            self.fail(fields[MAX_FIELDS].pos, f"more than {MAX_FIELDS} fields in {where} are too many.")
        for one in fields:
            self.field(one)
            self.own(one, where)

    def own(self, node: Expr, where: str) -> None:
        for one in fields_of(node):
            if one.parent:
                hint = 'Fields of the parent can be asked for in conditions: { parent.name = "a" }'
                self.fail(one.pos, f"{where} is about the span itself only.", hint)

    def field(self, node: Field) -> None:
        if isinstance(node, Intrinsic) and node.name == "parent":
            self.fail(node.pos, "`parent` has no value of its own.", "Ask whether there is one: { parent = nil }")

    def filter(self, node: Filter) -> None:
        if node.where is None:
            return
        self.expression(node.where)
        found = type_of(node.where)
        if found not in ("any", "bool"):
            hint = ""
            if isinstance(node.where, Intrinsic | Attribute):
                hint = f"Compare it: {{ {label_of(node.where)} = {_example(found)} }}"
            self.fail(node.where.pos, f"a spanset needs a condition; this is {_NAMES[found]}.", hint)

    def scalar_filter(self, node: ScalarFilter) -> None:
        self.scalar(node.left)
        self.scalar(node.right)
        for side in (node.left, node.right):
            found = type_of_scalar(side)
            if found != "any" and found not in _NUMBERS:
                self.fail(side.pos, f"aggregates are compared with numbers, {_NAMES[found]} is none.")

    def scalar(self, node: Scalar) -> None:
        match node:
            case Arithmetic(_, left, right):
                self.scalar(left)
                self.scalar(right)
            case Aggregate(function, of) if of is not None:
                self.expression(of)
                self.own(of, f"{function}()")
                found = type_of(of)
                if found != "any" and found not in _NUMBERS:
                    self.fail(of.pos, f"{function}() is of numbers; this is {_NAMES[found]}.", f"Write {function}(duration)")
                if next(fields_of(of), None) is None:
                    self.fail(of.pos, f"{function}() is of something that spans have.", f"Write {function}(duration)")

    # ---------------------------------------------------------------------------------------------------- expressions

    def expression(self, node: Expr) -> None:
        match node:
            case Intrinsic("parent"):
                self.field(node)
            case Unary(op, inner):
                self.expression(inner)
                found = type_of(inner)
                wanted = _NUMBERS if op == "-" else frozenset({"bool"})
                if found != "any" and found not in wanted:
                    shown = "a number" if op == "-" else "a condition"
                    hint = "Put it in parentheses: !(.a = 1)" if op == "!" else ""
                    self.fail(node.pos, f"`{op}` is of {shown}; this is {_NAMES[found]}.", hint)
            case Binary():
                self.binary(node)
            case Static("nil"):
                self.fail(node.pos, "nil can be compared by = and != only.", "Ask { .a != nil } for spans that have it.")

    def binary(self, node: Binary) -> None:
        sides = (node.left, node.right)
        nils = [isinstance(side, Static) and side.kind == "nil" for side in sides]
        if any(nils):
            self.nil(node, nils)
            return
        for side in sides:
            self.expression(side)
        left, right = map(type_of, sides)
        if node.op in REGEXES:
            self.regex(node)
        wrong = next((side for side in sides if not _allowed(node.op, type_of(side))), None)
        if wrong is not None:
            found = type_of(wrong)
            hint = "Statuses and kinds have no order: compare them by = and !=." if found in ("status", "kind") else ""
            if node.op in ("&&", "||"):
                hint = "Both sides are conditions, such as .a = 1."
            self.fail(wrong.pos, f"`{node.op}` does not go with {_NAMES[found]}.", hint)
        if "any" not in (left, right) and left != right and not {left, right} <= _NUMBERS:
            self.fail(node.pos, f"{_NAMES[left]} and {_NAMES[right]} are not comparable.", self.hint_of(node))

    def hint_of(self, node: Binary) -> str:
        """Two fields that are often written with quotes, or without."""
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if not isinstance(other, Static):
                continue
            match type_of(one), other.kind:
                case "string", "int" | "float" | "bool" | "duration" | "status" | "kind":
                    return f'Texts are written in quotes: "{other.value}"'
                case "status" | "kind" as kind, "string":
                    return f"{'Statuses' if kind == 'status' else 'Kinds'} are written without quotes: {other.value}"
                case "duration", "string":
                    return "Durations are written without quotes: 100ms"
        return ""

    def nil(self, node: Binary, nils: list[bool]) -> None:
        if node.op not in ("=", "!="):
            self.fail(node.pos, f"`{node.op}` does not go with nil.", "Ask { .a != nil } for spans that have it.")
        if all(nils):
            return
        side = node.left if nils[1] else node.right
        if isinstance(side, Intrinsic) and (side.name in ("parent", "span:parentID") or side.parent):
            return
        self.expression(side)
        if isinstance(side, Intrinsic) and side.name.startswith(("span:", "trace:")) and node.op == "=":
            self.fail(node.pos, f"{label_of(side)} is never nil: every span has it.")

    def regex(self, node: Binary) -> None:
        pattern = node.right
        if not isinstance(pattern, Static) or pattern.kind != "string":
            hint = 'Write it as .a =~ "b.*"'
            self.fail(pattern.pos, f"`{node.op}` is followed by a regular expression in quotes.", hint)
        text = str(pattern.value)
        if (problem := check_regex(text)) is not None:
            self.fail(pattern.pos, f"the regular expression is wrong: {problem.message.removesuffix('.')}.")
        try:
            regex.check(text)
        except ValueError as error:
            self.fail(pattern.pos, f"the regular expression is wrong: {str(error).removesuffix('.')}.")


def _allowed(op: str, found: Type) -> bool:
    if found == "any":
        return True
    if op in ("&&", "||"):
        return found == "bool"
    if op in REGEXES:
        return found == "string"
    if op in ARITHMETIC:
        return found in _NUMBERS
    assert op in COMPARISONS
    return op in ("=", "!=") or found in _ORDERED


def _example(found: Type) -> str:
    examples: dict[Type, str] = {"string": '"a"', "int": "1", "duration": "100ms", "status": "error", "kind": "server"}
    return examples.get(found, "1")
