"""The JSON query language to predicates. Scores do not exist: a clause matches or does not.

What is not supported is refused by name, never ignored; options that only steer scoring or analysis are accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, Final

from nexus.errors import InvalidRequest
from nexus.query.elastic import terms
from nexus.query.elastic.lucene import Reading, parse_lucene
from nexus.query.elastic.names import field_of
from nexus.query.plan import (
    All,
    And,
    Compare,
    CompareOp,
    Exists,
    Field,
    FieldKind,
    LogScan,
    Not,
    Or,
    Predicate,
    TimeRange,
)

MAX_DEPTH: Final = 50
MAX_COMBINATIONS: Final = 300
_TIMESTAMP: Final = Field(FieldKind.COLUMN, "timestamp")
_RANGE: Final = {"gt": CompareOp.GT, "gte": CompareOp.GE, "lt": CompareOp.LT, "lte": CompareOp.LE}


def lower_query(query: Any, *, now_ns: int) -> Predicate:
    """The predicate of a query object. Raises `InvalidRequest` for what is malformed or not supported."""
    return _Lowering(now_ns).query(query, 0)


def scan_of(predicate: Predicate) -> LogScan:
    """The scan of a predicate: comparisons of the timestamp that all records must pass become its time range."""
    parts: list[Predicate] = [predicate]
    kept: list[Predicate] = []
    start, end = 0, 1 << 63
    while parts:
        part = parts.pop(0)
        match part:
            case And(inner):
                parts = [*inner, *parts]
            case Compare(field, op, int() as value) if field == _TIMESTAMP and op is not CompareOp.NE:
                low = value + 1 if op is CompareOp.GT else value if op in (CompareOp.GE, CompareOp.EQ) else 0
                high = value + 1 if op in (CompareOp.LE, CompareOp.EQ) else value if op is CompareOp.LT else 1 << 63
                start, end = max(start, low), min(end, high)
            case All():
                pass
            case _:
                kept.append(part)
    where: Predicate = kept[0] if len(kept) == 1 else And(tuple(kept)) if kept else All()
    return LogScan(TimeRange(start or None, max(end, start) if end < 1 << 63 else None), where)


class _Lowering:
    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def query(self, query: Any, depth: int) -> Predicate:
        if query is None or query == {}:
            return All()
        if not isinstance(query, Mapping) or len(query) != 1:
            raise InvalidRequest("a query is an object with one key, the kind of the query.")
        if depth > MAX_DEPTH:
            raise InvalidRequest(f"the query is nested more than {MAX_DEPTH} deep.")
        ((kind, body),) = query.items()
        if kind == "match_all":
            return All()
        if kind == "match_none":
            return terms.NOTHING
        if not isinstance(body, Mapping):
            raise InvalidRequest(f"[{kind}] takes an object.")
        match kind:
            case "bool":
                return self.combined(body, depth)
            case "constant_score":
                return self.query(body.get("filter"), depth + 1)
            case "exists":
                return Exists(field_of(_text(body.get("field"), "the field of [exists]")))
            case "query_string" | "simple_query_string":
                return self.text(body, simple=kind.startswith("simple"))
            case "multi_match":
                return self.multi_match(body)
            case "ids":
                raise InvalidRequest("[ids] stands alone: as the whole query, or as its only filter.")
        name, value, options = _field_and_value(kind, body)
        field = field_of(name)
        match kind:
            case "match" | "match_phrase" | "match_phrase_prefix" | "match_bool_prefix":
                return self.match(kind, field, value, options)
            case "term":
                return terms.equal(field, value)
            case "terms":
                if not isinstance(value, list):
                    raise InvalidRequest("[terms] takes a list of values.")
                return Or(tuple(terms.equal(field, one) for one in value))
            case "range":
                return self.range(field, options)
            case "prefix":
                return terms.prefix(field, _text(value, "the value of [prefix]"))
            case "wildcard":
                return terms.wildcard(field, _text(value or options.get("wildcard"), "the value of [wildcard]"))
            case "regexp":
                return terms.regex(field, _text(value, "the value of [regexp]"))
        raise InvalidRequest(f"unknown query [{kind}]", hint="See docs/reference/elasticsearch.md for what is supported.")

    def combined(self, body: Mapping[str, Any], depth: int) -> Predicate:
        unknown = set(body) - {
            "must",
            "filter",
            "should",
            "must_not",
            "minimum_should_match",
            "boost",
            "adjust_pure_negative",
        }
        if unknown:
            raise InvalidRequest(f"[bool] query does not support [{min(unknown)}]")
        every, some, none = (
            [self.query(one, depth + 1) for key in keys for one in _list(body.get(key))]
            for keys in (("must", "filter"), ("should",), ("must_not",))
        )
        parts = [*every, *(Not(part) for part in none)]
        if some:
            needed = _minimum(body.get("minimum_should_match"), len(some), 0 if every else 1)
            if needed == len(some):
                parts += some
            elif needed == 1:
                parts.append(Or(tuple(some)))
            elif needed > 1:
                choices = list(_bounded(combinations(some, needed)))
                parts.append(Or(tuple(And(choice) for choice in choices)))
        return parts[0] if len(parts) == 1 else And(tuple(parts)) if parts else All()

    def text(self, body: Mapping[str, Any], *, simple: bool) -> Predicate:
        every = str(body.get("default_operator", "or")).lower() == "and"
        names = [name.split("^")[0] for name in _list(body.get("fields")) or _list(body.get("default_field"))]
        fields = [field_of(name) for name in names if name and "*" not in name] or [terms.BODY]
        text = _text(body.get("query"), "the query")
        parts = tuple(parse_lucene(text, Reading(field, every, self.now_ns, simple)) for field in fields)
        return parts[0] if len(parts) == 1 else Or(parts)

    def multi_match(self, body: Mapping[str, Any]) -> Predicate:
        kind = {"phrase": "match_phrase", "phrase_prefix": "match_phrase_prefix"}.get(body.get("type", ""), "match")
        names = [str(name).split("^")[0] for name in _list(body.get("fields"))]
        fields = [field_of(name) for name in names if "*" not in name] or [terms.BODY]
        return Or(tuple(self.match(kind, field, body.get("query"), body) for field in fields))

    def match(self, kind: str, field: Field, value: Any, options: Mapping[str, Any]) -> Predicate:
        if not isinstance(value, str) or field != terms.BODY:
            return terms.prefix(field, str(value)) if kind.endswith("prefix") else terms.equal(field, value)
        if kind == "match_phrase":
            return terms.phrase(value)
        if kind.endswith("prefix"):
            return terms.prefix(field, value)
        return terms.words(field, value, str(options.get("operator", "or")).lower() == "and")

    def range(self, field: Field, options: Mapping[str, Any]) -> Predicate:
        bounds = dict(options)
        # The old spelling.
        for old, new in (("from", "gte"), ("to", "lte")):
            if bounds.get(old) is not None:
                side = "include_lower" if old == "from" else "include_upper"
                bounds[new if bounds.get(side, True) else new[:2]] = bounds[old]
        ends = tuple(
            terms.ordered(field, op, bounds[name], now_ns=self.now_ns, format=str(bounds.get("format", "")))
            for name, op in _RANGE.items()
            if bounds.get(name) is not None
        )
        return And(ends) if ends else Exists(field)


def only_ids(query: Any) -> list[str] | None:
    """The ids that a query asks for and nothing else, or None when it is another query."""
    while isinstance(query, Mapping) and len(query) == 1:
        ((kind, body),) = query.items()
        if kind == "ids" and isinstance(body, Mapping):
            return [str(value) for value in _list(body.get("values"))]
        if kind == "terms" and isinstance(body, Mapping) and isinstance(body.get("_id"), list):
            return [str(value) for value in body["_id"]]
        if kind == "term" and isinstance(body, Mapping) and "_id" in body:
            held = body["_id"]
            return [str(held.get("value") if isinstance(held, Mapping) else held)]
        if kind == "constant_score" and isinstance(body, Mapping):
            query = body.get("filter")
        elif kind == "bool" and isinstance(body, Mapping) and len(body) == 1 and set(body) <= {"filter", "must"}:
            (inner,) = body.values()
            clauses = _list(inner)
            query = clauses[0] if len(clauses) == 1 else None
        else:
            return None
    return None


def _field_and_value(kind: str, body: Mapping[str, Any]) -> tuple[str, Any, Mapping[str, Any]]:
    """The field of a leaf, its value in either spelling, and its options."""
    named = {key: value for key, value in body.items() if key not in ("boost", "_name")}
    if len(named) != 1:
        raise InvalidRequest(f"[{kind}] takes one field.")
    ((name, held),) = named.items()
    if isinstance(held, Mapping):
        return name, held.get("query", held.get("value")), held
    if kind == "range":
        raise InvalidRequest("[range] takes an object with gt, gte, lt or lte.")
    return name, held, {}


def _minimum(given: Any, clauses: int, default: int) -> int:
    if given is None:
        return default
    text = str(given).strip()
    try:
        number = int(clauses * int(text[:-1]) / 100) if text.endswith("%") else int(text)
    except ValueError:
        raise InvalidRequest(
            f"minimum_should_match {text[:40]!r} is not supported.", hint="A number or a percentage."
        ) from None
    return min(max(number + clauses if number < 0 else number, 0), clauses + 1)


def _bounded(choices: Any) -> Any:
    for at, choice in enumerate(choices):
        if at >= MAX_COMBINATIONS:
            raise InvalidRequest("minimum_should_match has too many combinations.", hint="Use fewer clauses.")
        yield choice


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{what} is a text.")
    return value
