"""Random expressions over the spans of `oracles.spans`."""

from __future__ import annotations

import random

from tests.oracles.spans import NAMES, NOON, ROUTES, SERVICES, WORDS, Span

from nexus.query.trace_plan import INTRINSICS, KINDS, STATUSES, Binary, Constant, Place, SpanExpr, SpanField, Unary

FIELDS = (
    *(SpanField(Place.SPAN, name) for name in ("http.route", "http.status", "user.id", "ratio", "word", "flag", "none")),
    *(SpanField(Place.RESOURCE, name) for name in ("host.name", "word", "service.name", "none")),
    *(SpanField(Place.ANYWHERE, name) for name in ("word", "host.name", "http.route", "none")),
    SpanField(Place.SCOPE, "word"),
    *(SpanField(Place.EVENT, name) for name in ("word", "exception.type")),
    SpanField(Place.LINK, "word"),
    *(SpanField(Place.INTRINSIC, name) for name in INTRINSICS),
)
REGEXES = (".*", "/cart.*", "G.T|POST", "u[0-9]+", "", "n1|n2", "ü", "[^/]+", "a.b", "(?s)a.b")


class Maker:
    """Makes expressions; ids are those of real spans."""

    def __init__(self, seed: int, spans: list[Span]) -> None:
        self.random = random.Random(seed)
        self.spans = spans

    def condition(self, depth: int = 3) -> SpanExpr:
        """A condition."""
        choice = self.random.random()
        if depth and choice < 0.3:
            return Binary(self.random.choice(("&&", "||")), self.condition(depth - 1), self.condition(depth - 1))
        if depth and choice < 0.4:
            return Unary("!", self.condition(depth - 1))
        if choice < 0.45:
            return Constant("bool", self.random.random() < 0.7)
        if choice < 0.5:
            return self.random.choice(FIELDS)
        return self.comparison()

    def comparison(self) -> SpanExpr:
        """A comparison."""
        left = self.random.choice(FIELDS)
        choice = self.random.random()
        if choice < 0.12:
            return Binary(self.random.choice(("=", "!=")), left, Constant("nil", ""))
        if choice < 0.24:
            return Binary(self.random.choice(("=~", "!~")), left, Constant("string", self.random.choice(REGEXES)))
        op = self.random.choice(("=", "=", "=", "!=", "<", "<=", ">", ">="))
        if choice < 0.32:
            return Binary(op, left, self.random.choice(FIELDS))
        if choice < 0.42:
            return Binary(op, self.number(2), self.number(1))
        right = self.fitting(left) if self.random.random() < 0.8 else self.constant()
        return Binary(op, right, left) if self.random.random() < 0.1 else Binary(op, left, right)

    def number(self, depth: int) -> SpanExpr:
        """Something with numbers in it."""
        if depth and self.random.random() < 0.5:
            return Binary(self.random.choice("+-*/%"), self.number(depth - 1), self.number(depth - 1))
        if depth and self.random.random() < 0.1:
            return Unary("-", self.number(depth - 1))
        if self.random.random() < 0.3:
            return Constant("int", self.random.choice((1, 2, 3, 100)))
        names = ("duration", "span:childCount", "traceDuration", "event:timeSinceStart", "name")
        fields = [SpanField(Place.INTRINSIC, name) for name in names]
        fields += [SpanField(Place.SPAN, name) for name in ("http.status", "ratio", "word")]
        return self.random.choice([*fields, SpanField(Place.RESOURCE, "word")])

    def fitting(self, field: SpanField) -> Constant:
        """A constant that some span may have in a field."""
        span = self.random.choice(self.spans)
        if field.place is Place.INTRINSIC:
            match INTRINSICS[field.name]:
                case "status":
                    return Constant("status", self.random.choice(STATUSES))
                case "kind":
                    return Constant("kind", self.random.choice(KINDS))
                case "duration":
                    return Constant("duration", self.random.choice((0, 1, 3, 500, 10**6, 10**9, span.duration)))
                case "int":
                    return Constant("int", self.random.choice((0, 1, 2, NOON, span.start)))
            ids = {"span:id": span.span_id.hex(), "span:parentID": span.parent.hex(), "trace:id": span.trace_id.hex()}
            if field.name in ids:
                return Constant("string", ids[field.name])
            return Constant("string", self.random.choice((*NAMES, *SERVICES, "otel", "exception", "failed")))
        values: dict[str, tuple[str | int | float | bool, ...]] = {
            "http.route": ROUTES, "http.status": (200, 404, 500, "200", 2**62), "user.id": ("u1", "u2", 7),
            "ratio": (0.5, 1, 1.0, -2.25), "flag": (True, False), "host.name": ("n1", "n'3\""),
        }  # fmt: skip
        return _constant(self.random.choice(values.get(field.name, (*WORDS, 5, 5.0, 3, 2.5, True, '["a",1]'))))

    def constant(self) -> Constant:
        """Any constant."""
        return _constant(self.random.choice((*WORDS, 5, 2.5, True, 10**30, -1)))


def _constant(value: str | int | float | bool) -> Constant:
    if isinstance(value, bool):
        return Constant("bool", value)
    if isinstance(value, str):
        return Constant("string", value)
    return Constant("int" if isinstance(value, int) else "float", value)
