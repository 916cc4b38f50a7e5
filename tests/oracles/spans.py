"""What expressions over spans mean, said slowly and with nothing of the program but the tree of the expression; and random
spans, stored as the encoder stores them but from JSON."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nexus.query.trace_plan import KINDS, STATUSES, Binary, Constant, Place, SpanExpr, SpanField, Unary

DAY = 86_400 * 10**9
NOON = 20_700 * DAY + DAY // 2
HOUR = DAY // 24

Value = tuple[str, Any]
"""(kind, value). Statuses and kinds are numbers."""

LEARNED = {
    ("http.route", "s"): ("s_http_route", "LowCardinality(Nullable(String))"),
    ("user.id", "s"): ("s_user_id", "Nullable(String)"),
    ("http.status", "i"): ("i_http_status", "Nullable(Int64)"),
    ("ratio", "f"): ("f_ratio", "Nullable(Float64)"),
}


@dataclass
class Event:
    """An event of a span."""

    time: int
    name: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Link:
    """A link of a span."""

    trace_id: bytes
    span_id: bytes
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Span:
    """A span as its sender sees it."""

    trace_id: bytes
    span_id: bytes
    parent: bytes
    start: int
    duration: int
    name: str = "op"
    service: str = "shop"
    kind: int = 1
    status: int = 0
    message: str = ""
    resource: dict[str, Any] = field(default_factory=dict)
    scope: tuple[str, str] = ("", "")
    scope_attributes: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    weight: float = 1.0
    tenant: str = "acme"

    @property
    def root(self) -> bool:
        """Whether it has no parent."""
        return self.parent == bytes(8)

    @property
    def ids(self) -> bytes:
        """Trace and span."""
        return self.trace_id + self.span_id


# ------------------------------------------------------------------------------------------------------------- meaning


def value_of(held: Any) -> Value:
    """A value with its type."""
    if isinstance(held, bool):
        return "bool", held
    if isinstance(held, int):
        return "int", held
    if isinstance(held, float):
        return "float", held
    if isinstance(held, str):
        return "string", held
    return "string", json.dumps(held, separators=(",", ":"), ensure_ascii=False)


@dataclass
class Oracle:
    """Every span that is seen, and what whole traces are."""

    spans: list[Span]

    def __post_init__(self) -> None:
        self._traces: dict[bytes, list[Span]] = {}
        for span in self.spans:
            self._traces.setdefault(span.trace_id, []).append(span)

    def trace(self, id: bytes) -> list[Span]:
        """The spans of a trace."""
        return self._traces[id]

    def matching(self, where: SpanExpr, among: Iterable[Span] | None = None) -> list[Span]:
        """The spans that meet a condition."""
        return [span for span in (self.spans if among is None else among) if self.holds(where, span)]

    def holds(self, where: SpanExpr, span: Span) -> bool:
        """Whether a span meets a condition."""
        match where:
            case Constant("bool", value):
                return bool(value)
            case Constant():
                return False
            case Unary("!", part):
                return not self.holds(part, span)
            case Binary("&&", left, right):
                return self.holds(left, span) and self.holds(right, span)
            case Binary("||", left, right):
                return self.holds(left, span) or self.holds(right, span)
            case SpanField():
                return any(value == ("bool", True) for (value,) in self._values((where,), span))
            case Binary(op, left, right) if op in ("=", "!=", "<", "<=", ">", ">=", "=~", "!~"):
                if _nil(left) or _nil(right):
                    other = right if _nil(left) else left
                    there = any(value is not None for (value,) in self._values((other,), span))
                    return not isinstance(other, Constant) and there == (op == "!=") and op in ("=", "!=")
                return any(
                    _compare(op, a, b) for a, b in self._values((left, right), span) if a is not None and b is not None
                )
        return False

    def first(self, expression: SpanExpr, span: Span) -> Value | None:
        """The value of an expression; of events and links that of the first that has it."""
        return next((value for (value,) in self._values((expression,), span) if value is not None), None)

    def all(self, expression: SpanExpr, span: Span) -> list[Value]:
        """Every value of an expression."""
        return [value for (value,) in self._values((expression,), span) if value is not None]

    def _values(self, parts: tuple[SpanExpr, ...], span: Span) -> Iterator[tuple[Value | None, ...]]:
        """The values of expressions, for each event and link when they name some."""
        names = [held for part in parts for held in _fields(part)]
        events: list[Any] = list(span.events) if any(_of_event(one) for one in names) else [None]
        links: list[Any] = list(span.links) if any(_of_link(one) for one in names) else [None]
        for event in events:
            for link in links:
                yield tuple(self._value(part, span, event, link) for part in parts)

    def _value(self, part: SpanExpr, span: Span, event: Event | None, link: Link | None) -> Value | None:
        match part:
            case SpanField():
                return self._field(part, span, event, link)
            case Constant("nil"):
                return None
            case Constant(kind, value):
                if kind in ("status", "kind"):
                    names: tuple[str, ...] = STATUSES if kind == "status" else KINDS
                    return kind, names.index(str(value)) if value in names else 255
                return kind, value
            case Unary("-", inner):
                found = self._value(inner, span, event, link)
                return (found[0], -found[1]) if found and found[0] in _NUMBERS else None
            case Binary(op, left, right) if op in "+-*/%^":
                a, b = self._value(left, span, event, link), self._value(right, span, event, link)
                if a is None or b is None or a[0] not in _NUMBERS or b[0] not in _NUMBERS:
                    return None
                return "float", _arithmetic(op, float(a[1]), float(b[1]))
            case _:
                return "bool", self.holds(part, span)

    def _field(self, part: SpanField, span: Span, event: Event | None, link: Link | None) -> Value | None:
        name = part.name
        match part.place:
            case Place.INTRINSIC:
                return self._intrinsic(name, span, event, link)
            case Place.SPAN:
                return value_of(span.attributes[name]) if name in span.attributes else None
            case Place.RESOURCE:
                return _resource(span, name)
            case Place.SCOPE:
                return value_of(span.scope_attributes[name]) if name in span.scope_attributes else None
            case Place.EVENT:
                return value_of(event.attributes[name]) if event and name in event.attributes else None
            case Place.LINK:
                return value_of(link.attributes[name]) if link and name in link.attributes else None
            case Place.ANYWHERE:
                return value_of(span.attributes[name]) if name in span.attributes else _resource(span, name)

    def _intrinsic(self, name: str, span: Span, event: Event | None, link: Link | None) -> Value | None:
        trace = self._traces[span.trace_id]
        roots = sorted((one for one in trace if one.root), key=lambda one: one.start)
        found: dict[str, Value | None] = {
            "name": ("string", span.name),
            "kind": ("kind", span.kind),
            "status": ("status", span.status),
            "statusMessage": ("string", span.message),
            "duration": ("duration", span.duration),
            "span:id": ("string", span.span_id.hex()),
            "span:parentID": None if span.root else ("string", span.parent.hex()),
            "span:childCount": ("int", len({one.ids for one in trace if one.parent == span.span_id})),
            "span:startTime": ("int", span.start),
            "trace:id": ("string", span.trace_id.hex()),
            "traceDuration": (
                "duration",
                max(one.start + one.duration for one in trace) - min(one.start for one in trace),
            ),
            "rootName": ("string", roots[0].name) if roots else None,
            "rootServiceName": ("string", roots[0].service) if roots else None,
            "event:name": ("string", event.name) if event else None,
            "event:timeSinceStart": ("duration", event.time - span.start) if event else None,
            "link:traceID": ("string", link.trace_id.hex()) if link else None,
            "link:spanID": ("string", link.span_id.hex()) if link else None,
            "instrumentation:name": ("string", span.scope[0]) if span.scope[0] else None,
            "instrumentation:version": ("string", span.scope[1]) if span.scope[1] else None,
            "service": ("string", span.service) if span.service else None,
        }
        return found[name]


_NUMBERS = ("int", "float", "duration")


def _resource(span: Span, name: str) -> Value | None:
    if name == "service.name":
        return ("string", span.service) if span.service else None
    return value_of(span.resource[name]) if name in span.resource else None


def _nil(part: SpanExpr) -> bool:
    return isinstance(part, Constant) and part.kind == "nil"


def _fields(part: SpanExpr) -> Iterator[SpanField]:
    match part:
        case SpanField():
            yield part
        case Unary(op, inner) if op == "-":
            yield from _fields(inner)
        case Binary(op, left, right) if op in "+-*/%^":
            yield from _fields(left)
            yield from _fields(right)


def _of_event(one: SpanField) -> bool:
    return one.place is Place.EVENT or (one.place is Place.INTRINSIC and one.name.startswith("event:"))


def _of_link(one: SpanField) -> bool:
    return one.place is Place.LINK or (one.place is Place.INTRINSIC and one.name.startswith("link:"))


def _compare(op: str, a: Value, b: Value) -> bool:
    if op in ("=~", "!~"):
        if a[0] != "string" or b[0] != "string":
            return False
        return (re.fullmatch(b[1], a[1]) is not None) == (op == "=~")
    if a[0] != b[0] and not (a[0] in _NUMBERS and b[0] in _NUMBERS):
        return False
    if a[0] == "bool" and op not in ("=", "!="):
        return False
    left, right = a[1], b[1]
    if a[0] == "string":
        left, right = left.encode(), right.encode()
    return {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[op]


def _arithmetic(op: str, a: float, b: float) -> float:
    try:
        match op:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
            case "/":
                return a / b if b else math.copysign(math.inf, a) * math.copysign(1, b) if a and a == a else math.nan
            case "%":
                return a - math.trunc(a / b) * b if b and math.isfinite(a / b) else math.nan
        result = a**b
        return math.nan if isinstance(result, complex) else result
    except OverflowError:
        return math.inf
    except ZeroDivisionError:
        return math.inf


# -------------------------------------------------------------------------------------------------------- random spans

SERVICES = ("shop", "cart", "pay", "")
NAMES = ("GET /", "GET /cart", "charge", "SELECT items", "ünï 'q\"\\", "")
ROUTES = ("/", "/cart", "/cart/{id}", "/x'y\\z")
WORDS = ("a", "b", "GET", "5", "true", "x'y\"\\z", "ü", "", "a\nb")


def random_spans(random: random.Random, traces: int, tenant: str = "acme") -> list[Span]:
    """Traces of one to eight spans over two days, with every kind of field."""
    found = []
    for _ in range(traces):
        trace_id = random.randbytes(16)
        start = NOON + random.randrange(-8, 20) * HOUR + random.randrange(HOUR)
        ids = [random.randbytes(8) for _ in range(random.randrange(1, 9))]
        for number, id in enumerate(ids):
            parent = bytes(8) if number == 0 else random.choice(ids[:number])
            if random.random() < 0.05:
                parent = random.randbytes(8)
            found.append(_span(random, trace_id, id, parent, start + random.randrange(5 * 10**9), tenant))
    return found


def _span(random: random.Random, trace_id: bytes, id: bytes, parent: bytes, start: int, tenant: str) -> Span:
    def some(*values: Any) -> Any:
        return random.choice(values)

    attributes: dict[str, Any] = {}
    if random.random() < 0.6:
        attributes["http.route"] = some(*ROUTES)
    if random.random() < 0.5:
        attributes["http.status"] = some(200, 404, 500, -1, 2**62, "200")
    if random.random() < 0.5:
        attributes["user.id"] = some("u1", "u2", f"u{random.randrange(1000)}", 7)
    if random.random() < 0.4:
        attributes["ratio"] = some(0.5, 1.0, -2.25, 1e300)
    if random.random() < 0.4:
        attributes["word"] = some(*WORDS, 5, 5.0, True, False, ["a", 1], {"k": "v"})
    if random.random() < 0.3:
        attributes["flag"] = some(True, False)
    resource: dict[str, Any] = {}
    if random.random() < 0.7:
        resource["host.name"] = some("n1", "n2", "n'3\"")
    if random.random() < 0.4:
        resource["word"] = some(*WORDS, 5, 2.5, True, ["a"], {"k": 1})
    service = some(*SERVICES)
    if service:
        resource["service.name"] = service
    events = [
        Event(
            start + random.randrange(1000),
            some("exception", "log", "retry"),
            {key: some(*WORDS, 3, 2.5, False, ["z"]) for key in ("word", "exception.type") if random.random() < 0.5},
        )
        for _ in range(some(0, 0, 1, 2))
    ]
    links = [
        Link(random.randbytes(16), random.randbytes(8), {"word": some(*WORDS, 3)} if random.random() < 0.5 else {})
        for _ in range(some(0, 0, 0, 1, 2))
    ]
    return Span(
        trace_id, id, parent, start, some(0, 1, 3, random.randrange(10**6), random.randrange(10**10)), some(*NAMES), service,
        random.randrange(6), some(0, 0, 1, 2), some("", "", "failed", "timeout after 30 ms"), resource,
        some(("", ""), ("otel", "1.0"), ("grpc", "")), {"word": some(*WORDS, 4)} if random.random() < 0.4 else {},
        attributes, events, links, some(1.0, 1.0, 1.0, 4.0), tenant,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- storing

_LETTERS = {"string": "s", "int": "i", "float": "f", "bool": "b"}


def letter_of(held: Any) -> str:
    """The type letter of an attribute."""
    return "j" if isinstance(held, list | dict) else _LETTERS[value_of(held)[0]]


def class_of(duration: int) -> int:
    """By floating point, for the durations that are used here."""
    if duration == 0:
        return 0
    octave = int(math.log2(duration))
    octave += (1 << octave + 1) <= duration
    octave -= (1 << octave) > duration
    return min(255, 1 + 4 * octave + int(4 * (duration / 2**octave - 1)))


def row(span: Span) -> dict[str, Any]:
    """A span as a row of the table, ids as hex."""
    maps: dict[str, dict[str, Any]] = {letter: {} for letter in "sifbj"}
    learned: dict[str, Any] = {}
    for key, held in span.attributes.items():
        letter = letter_of(held)
        value = json.dumps(held, separators=(",", ":"), ensure_ascii=False) if letter == "j" else held
        if (key, letter) in LEARNED:
            learned[LEARNED[key, letter][0]] = value
        else:
            maps[letter][key] = value
    return {
        "tenant": span.tenant,
        "slot": span.start // 300_000_000_000,
        "trace_hex": span.trace_id.hex(),
        "ids_hex": (span.span_id + span.parent).hex(),
        "ns": span.start,
        "duration": span.duration,
        "duration_class": class_of(span.duration),
        "root": span.root,
        "name": span.name,
        "kind": span.kind,
        "status": span.status,
        "status_message": span.message,
        "service": span.service,
        "resource": _json(span.resource),
        "scope_name": span.scope[0],
        "scope_version": span.scope[1],
        "scope_attributes": _json(span.scope_attributes) if span.scope_attributes else "",
        "attributes_string": maps["s"],
        "attributes_int": maps["i"],
        "attributes_float": maps["f"],
        "attributes_bool": maps["b"],
        "attributes_json": maps["j"],
        "events_ns": [event.time for event in span.events],
        "events_name": [event.name for event in span.events],
        "events_attributes": [_json(event.attributes) for event in span.events],
        "links_trace_hex": [link.trace_id.hex() for link in span.links],
        "links_span_hex": [link.span_id.hex() for link in span.links],
        "links_trace_state": ["" for _ in span.links],
        "links_attributes": [_json(link.attributes) for link in span.links],
        "weight": span.weight,
        **learned,
    }


_TYPES = {
    "tenant": "String", "slot": "UInt32", "trace_hex": "String", "ids_hex": "String", "ns": "Int64", "duration": "UInt64",
    "duration_class": "UInt8", "root": "Bool", "name": "String", "kind": "UInt8", "status": "UInt8",
    "status_message": "String", "service": "String", "resource": "String", "scope_name": "String", "scope_version": "String",
    "scope_attributes": "String", "attributes_string": "Map(String, String)", "attributes_int": "Map(String, Int64)",
    "attributes_float": "Map(String, Float64)", "attributes_bool": "Map(String, Bool)",
    "attributes_json": "Map(String, String)", "events_ns": "Array(Int64)", "events_name": "Array(String)",
    "events_attributes": "Array(String)", "links_trace_hex": "Array(String)", "links_span_hex": "Array(String)",
    "links_trace_state": "Array(String)", "links_attributes": "Array(String)", "weight": "Float32",
}  # fmt: skip
_MADE = {
    "trace_hex": ("trace_id", "toFixedString(unhex(trace_hex), 16)"),
    "ids_hex": ("ids", "toFixedString(unhex(ids_hex), 16)"),
    "ns": ("timestamp", "fromUnixTimestamp64Nano(ns, 'UTC')"),
    "events_ns": ("events_timestamp", "arrayMap(x -> fromUnixTimestamp64Nano(x, 'UTC'), events_ns)"),
    "links_trace_hex": ("links_trace_id", "arrayMap(x -> toFixedString(unhex(x), 16), links_trace_hex)"),
    "links_span_hex": ("links_span_id", "arrayMap(x -> toFixedString(unhex(x), 8), links_span_hex)"),
}


def insert_statement(spans: list[Span], pending: int = 0) -> str:
    """SQL that stores spans; `pending` is the slice in which they arrived when they are pending."""
    types = _TYPES | {name: type.removeprefix("LowCardinality(").removesuffix(")") if type.startswith("Low") else type
                      for name, type in LEARNED.values()}  # fmt: skip
    structure = ", ".join(f"{name} {type}" for name, type in types.items())
    targets = [_MADE.get(name, (name, name)) for name in types]
    lines = "\n".join(json.dumps(row(span), ensure_ascii=False) for span in spans)
    return (
        f"INSERT INTO nexus.spans ({', '.join(target for target, _ in targets)}, expires_on, pending) "
        f"SELECT {', '.join(made for _, made in targets)}, toDate('2149-01-01'), {pending} "
        f"FROM format(JSONEachRow, {_literal(structure)}, {_literal(lines)})"
    )


def _json(object: dict[str, Any]) -> str:
    return json.dumps(object, separators=(",", ":"), ensure_ascii=False)


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
