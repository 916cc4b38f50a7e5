"""Types of expressions and what a query must not mix, in the order and the words of Prometheus."""

from __future__ import annotations

from typing import Final, Never

from nexus.query.promql import regex
from nexus.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Card,
    Expr,
    Matcher,
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
from nexus.query.promql.functions import FUNCTIONS
from nexus.query.promql.lexer import fault, quote

SETS: Final = frozenset({"and", "or", "unless"})
COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})


def type_of(node: Expr) -> Type:
    """What an expression evaluates to."""
    match node:
        case Number():
            return Type.SCALAR
        case String():
            return Type.STRING
        case Vector() | Aggregate():
            return Type.VECTOR
        case Matrix() | Subquery():
            return Type.MATRIX
        case Call(function):
            return FUNCTIONS[function].result
        case Paren(inner) | Unary(_, inner):
            return type_of(inner)
        case Binary(_, left, right):
            return Type.SCALAR if type_of(left) is type_of(right) is Type.SCALAR else Type.VECTOR


def check(node: Expr, text: str) -> Type:
    """The type of a tree whose parts fit. Raises `QuerySyntaxError` for the first that does not."""
    return _Checker(text).check(node)


def needs_value(matcher: Matcher) -> bool:
    """Does the matcher refuse a series without its label?"""
    match matcher.op:
        case "=":
            return matcher.value != ""
        case "!=":
            return matcher.value == ""
    return regex.matches(matcher.value, "") != (matcher.op == "=~")


class _Checker:
    def __init__(self, text: str) -> None:
        self.text = text

    def fail(self, pos: Position, message: str) -> Never:
        raise fault(self.text, pos[0], message, pos[1])

    def expect(self, node: Expr, wanted: Type, context: str) -> None:
        found = self.check(node)
        if found is not wanted:
            self.fail(node.pos, f"expected type {wanted.documented} in {context}, got {found.documented}")

    def check(self, node: Expr) -> Type:
        match node:
            case Aggregate(op, inner, parameter):
                self.expect(inner, Type.VECTOR, "aggregation expression")
                if parameter is not None:
                    wanted = Type.STRING if op == "count_values" else Type.SCALAR
                    self.expect(parameter, wanted, "aggregation parameter")
            case Binary():
                self.binary(node)
            case Call():
                self.call(node)
            case Paren(inner):
                self.check(inner)
            case Unary(_, inner):
                found = self.check(inner)
                if found not in (Type.SCALAR, Type.VECTOR):
                    shown = quote(found.documented)
                    message = f"unary expression only allowed on expressions of type scalar or instant vector, got {shown}"
                    self.fail(node.pos, message)
            case Subquery(inner):
                found = self.check(inner)
                if found is not Type.VECTOR:
                    self.fail(node.pos, f"subquery is only allowed on instant vector, got {found.value} instead")
            case Matrix(vector):
                self.vector(vector)
            case Vector():
                self.vector(node)
        return type_of(node)

    def binary(self, node: Binary) -> None:
        left, right = self.check(node.left), self.check(node.right)
        matching = node.matching
        scalars = left is right is Type.SCALAR
        if node.as_bool and node.op not in COMPARISONS:
            self.fail(self.operator(node), "bool modifier can only be used on comparison operators")
        if scalars and node.op in COMPARISONS and not node.as_bool:
            self.fail(self.operator(node), "comparisons between scalars must use BOOL modifier")
        if matching is not None and matching.on:
            for label in matching.labels:
                if label in matching.include:
                    message = f"label {quote(label)} must not occur in ON and GROUP clause at once"
                    self.fail(self.operator(node), message)
        for side, found in ((node.left, left), (node.right, right)):
            if found not in (Type.SCALAR, Type.VECTOR):
                self.fail(side.pos, "binary expression must contain only scalar and instant vector types")
        if matching is not None:
            self.matching(node, left is right is Type.VECTOR)
        if Type.SCALAR in (left, right) and node.op in SETS:
            self.fail(node.pos, f"set operator {quote(node.op)} not allowed in binary scalar expression")

    def matching(self, node: Binary, vectors: bool) -> None:
        assert node.matching is not None
        filled = node.matching.fill_left is not None or node.matching.fill_right is not None
        if not vectors:
            if node.matching.labels:
                self.fail(node.pos, "vector matching only allowed between instant vectors")
            self.fail(node.pos, "filling in missing series only allowed between instant vectors")
        if node.op in SETS:
            if node.matching.card is not Card.MANY_TO_MANY:
                self.fail(node.pos, f"no grouping allowed for {quote(node.op)} operation")
            if filled:
                self.fail(node.pos, "filling in missing series not allowed for set operators")

    def operator(self, node: Binary) -> Position:
        """Where the operator is."""
        raw = self.text.encode()
        start, end = node.left.pos[1], node.right.pos[0]
        between = raw[start:end]
        lead = len(between) - len(between.lstrip(b" \t\r\n"))
        return start + lead, start + len(between.rstrip(b" \t\r\n"))

    def call(self, node: Call) -> None:
        function = FUNCTIONS[node.function]
        kinds, given, name = function.arguments, len(node.arguments), quote(node.function)
        if function.variadic == 0:
            if given != len(kinds):
                self.fail(node.pos, f"expected {len(kinds)} argument(s) in call to {name}, got {given}")
        elif given < len(kinds) - 1:
            self.fail(node.pos, f"expected at least {len(kinds) - 1} argument(s) in call to {name}, got {given}")
        elif 0 < function.variadic < given - len(kinds) + 1:
            most = len(kinds) - 1 + function.variadic
            self.fail(node.pos, f"expected at most {most} argument(s) in call to {name}, got {given}")
        if node.function == "info" and given > 1:
            self.info(node)
        for place, argument in enumerate(node.arguments):
            wanted = kinds[min(place, len(kinds) - 1)]
            lenient = node.function == "info" and place == 1
            found = type_of(argument) if lenient else self.check(argument)
            if found is not wanted:
                message = f"expected type {wanted.documented} in call to function {name}, got {found.documented}"
                self.fail(argument.pos, message)

    def info(self, node: Call) -> None:
        labels = node.arguments[1]
        if (found := type_of(labels)) is not Type.VECTOR:
            self.fail(node.pos, f'expected type instant vector in call to function "info", got {found.documented}')
        if not isinstance(labels, Vector):
            self.fail(labels.pos, "expected label selectors only")
        if labels.name:
            self.fail(labels.pos, "expected label selectors only, got vector selector instead")

    def vector(self, node: Vector) -> None:
        if node.name:
            for one in node.matchers[:-1]:
                if one.name == "__name__":
                    message = f"metric name must not be set twice: {quote(node.name)} or {quote(one.value)}"
                    self.fail(node.pos, message)
        elif not any(map(needs_value, node.matchers)):
            self.fail(node.pos, "vector selector must contain at least one non-empty matcher")
