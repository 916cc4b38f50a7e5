"""Search forms that are older than TraceQL, as TraceQL: Tempo's `tags` in logfmt, Jaeger's parameters, Zipkin's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from nexus.errors import InvalidRequest
from nexus.query.trace_plan import KINDS, STATUSES
from nexus.query.traces.ast import Attribute, Binary, Expr, Field, Filter, Intrinsic, Pipeline, Query, Static
from nexus.query.traces.lexer import duration_ns
from nexus.query.traces.parser import MAX_OPERATORS

_WORD: Final = re.compile(r'\s*([^\s="]+)(?:=("(?:[^"\\]|\\.)*"|[^\s"]*))?(?=\s|$)')
_ESCAPE: Final = re.compile(r"\\(.)", re.S)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
_INTEGER: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_FLOAT: Final = re.compile(r"-?\d+\.\d+(?:[eE][+-]?\d+)?", re.ASCII)
_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")

SERVICE: Final = Attribute("resource", "service.name")
_ROOT: Final = {"root.name": "trace:rootName", "root.service.name": "trace:rootService"}
_MOST: Final = MAX_OPERATORS // 6


def tempo_tags(tags: str, min_duration: str = "", max_duration: str = "") -> Query:
    """Tempo's old search: `tags` are pairs in logfmt whose values are parts of the attributes' values; durations are those
    of the trace. All pairs are of one span. Raises `InvalidRequest`."""
    parts: list[Expr] = []
    for key, value in logfmt(tags):
        if key == "name":
            parts.append(_contains(Intrinsic("span:name"), value))
        elif key in _ROOT:
            parts.append(_contains(Intrinsic(_ROOT[key]), value))
        elif key in ("status", "status.code") and value in STATUSES:
            parts.append(Binary("=", Intrinsic("span:status"), Static("status", value)))
        elif key == "error" and value == "true":
            parts.append(_failed())
        elif key == "service.name":
            parts.append(_contains(SERVICE, value))
        else:
            field = Attribute("", key)
            parts.append(_any((_contains(field, value), *_numbers(field, value))))
    duration = Intrinsic("trace:duration")
    parts += _durations(duration, _ns(min_duration, "minDuration"), _ns(max_duration, "maxDuration"))
    return _query(parts)


def jaeger_search(
    service: str = "",
    operation: str = "",
    tags: Mapping[str, object] | None = None,
    min_duration: str = "",
    max_duration: str = "",
) -> Query:
    """Jaeger's search: all of it is of one span; tags are attributes of the span, of its process or of its events. Raises
    `InvalidRequest`."""
    parts: list[Expr] = []
    if service:
        parts.append(_equals(SERVICE, service))
    if operation:
        parts.append(_equals(Intrinsic("span:name"), operation))
    for key, value in (tags or {}).items():
        if isinstance(value, bool):
            parts.append(_jaeger_tag(key, "true" if value else "false"))
        elif isinstance(value, str | int | float):
            parts.append(_jaeger_tag(key, str(value)))
        else:
            raise InvalidRequest(f"the tag {key} has to be a text, a number or a boolean.")
    minimum, maximum = _ns(min_duration, "minDuration"), _ns(max_duration, "maxDuration")
    return _query(parts + _durations(Intrinsic("span:duration"), minimum, maximum))


def zipkin_search(
    service: str = "",
    span_name: str = "",
    annotation_query: str = "",
    min_duration_us: int | None = None,
    max_duration_us: int | None = None,
) -> Query:
    """Zipkin's search: terms of `annotationQuery` are joined by `and`; one with a value is a tag, one without is a tag or an
    annotation of that name. All of it is of one span."""
    parts: list[Expr] = []
    if service:
        parts.append(_equals(SERVICE, service))
    if span_name and span_name != "all":
        parts.append(_equals(Intrinsic("span:name"), span_name))
    for term in filter(None, (one.strip() for one in re.split(r"\s+and\s+", annotation_query.strip()))):
        key, equals, value = term.partition("=")
        if equals:
            parts.append(_jaeger_tag(key.strip(), value.strip()))
        elif key == "error":
            parts.append(_any((_failed(), _exists(Attribute("", key)))))
        else:
            parts.append(_any((_exists(Attribute("", key)), _equals(Intrinsic("event:name"), key))))
    bounds = [None if one is None else one * 1_000 for one in (min_duration_us, max_duration_us)]
    return _query(parts + _durations(Intrinsic("span:duration"), bounds[0], bounds[1]))


def logfmt(text: str) -> list[tuple[str, str]]:
    """The pairs of a text in logfmt; a key alone has an empty value. Raises `InvalidRequest` with the place."""
    found: list[tuple[str, str]] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        pair = _WORD.match(text, at)
        if pair is None:
            raise InvalidRequest(
                f"the tags are not logfmt from character {at + 1} on: {text[at : at + 40]}",
                hint='Write service.name=checkout http.route="/a b"',
            )
        value = pair[2] or ""
        if value.startswith('"'):
            value = _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), value[1:-1])
        found.append((pair[1], value))
        at = pair.end()
    return found


def _jaeger_tag(key: str, value: str) -> Expr:
    lowered = value.lower()
    if key == "error":
        return _failed() if lowered == "true" else Binary("!=", Intrinsic("span:status"), Static("status", "error"))
    if key == "span.kind" and lowered in KINDS:
        return Binary("=", Intrinsic("span:kind"), Static("kind", lowered))
    if key == "otel.status_code" and lowered in STATUSES:
        return Binary("=", Intrinsic("span:status"), Static("status", lowered))
    if key == "otel.status_description":
        return _equals(Intrinsic("span:statusMessage"), value)
    if key in ("otel.scope.name", "otel.library.name"):
        return _equals(Intrinsic("instrumentation:name"), value)
    if key in ("otel.scope.version", "otel.library.version"):
        return _equals(Intrinsic("instrumentation:version"), value)
    fields = (Attribute("", key), Attribute("event", key))
    return _any(test for field in fields for test in (_equals(field, value), *_numbers(field, value)))


def _failed() -> Expr:
    return Binary("=", Intrinsic("span:status"), Static("status", "error"))


def _equals(field: Field, value: str) -> Expr:
    return Binary("=", field, Static("string", value))


def _exists(field: Field) -> Expr:
    return Binary("!=", field, Static("nil", ""))


def _contains(field: Field, value: str) -> Expr:
    if not value:
        return _exists(field)
    escaped = _SPECIAL.sub(r"\\\g<0>", value)
    return Binary("=~", field, Static("string", f".*{escaped}.*"))


def _numbers(field: Field, value: str) -> list[Expr]:
    """The same value of an attribute that is no text."""
    if value in ("true", "false"):
        return [Binary("=", field, Static("bool", value == "true"))]
    if _INTEGER.fullmatch(value):
        return [Binary("=", field, Static("int", int(value)))]
    if _FLOAT.fullmatch(value):
        return [Binary("=", field, Static("float", float(value)))]
    return []


def _durations(field: Field, minimum: int | None, maximum: int | None) -> list[Expr]:
    found: list[Expr] = []
    if minimum:
        found.append(Binary(">=", field, Static("duration", minimum)))
    if maximum:
        found.append(Binary("<=", field, Static("duration", maximum)))
    return found


def _ns(text: str, name: str) -> int | None:
    if not text.strip():
        return None
    found = duration_ns(text.strip())
    if found is None:
        raise InvalidRequest(f"{name} is no duration: {text[:40]}", hint="Write 100ms, 1.5s or 2m.")
    return found


def _any(parts: Iterable[Expr]) -> Expr:
    first, *others = parts
    for part in others:
        first = Binary("||", first, part)
    return first


def _query(parts: list[Expr]) -> Query:
    if len(parts) > _MOST:
        raise InvalidRequest(f"the search has more than {_MOST} conditions.")
    where: Expr | None = None
    for part in parts:
        where = part if where is None else Binary("&&", where, part)
    return Query(Pipeline((Filter(where),)))
