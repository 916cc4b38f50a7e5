"""Names of fields as clients write them in paths and arguments (`.a`, `span.http.method`, `resource."a b"`, `status`), and
values as they are told. Pure."""

from __future__ import annotations

import re
from typing import Final

from nexus.errors import InvalidRequest
from nexus.query.trace_plan import INTRINSICS, Place, SpanField, field_label
from nexus.query.traces.ast import Intrinsic
from nexus.query.traces.expressions import field_of
from nexus.query.traces.names import INTRINSICS as WORDS
from nexus.query.traces.names import NESTED, SHORT

_PLACES: Final = {
    "span": Place.SPAN,
    "resource": Place.RESOURCE,
    "event": Place.EVENT,
    "link": Place.LINK,
    "instrumentation": Place.SCOPE,
}
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_UNLISTED: Final = frozenset({"span:id", "span:parentID", "trace:id", "link:traceID", "link:spanID", "span:startTime"})

SHOWN_INTRINSICS: Final = tuple(sorted({*SHORT, *WORDS} - NESTED - {"parent", "span:childCount"} - _UNLISTED))
"""Names of fields that every span has, for lists of names."""
SCOPES: Final = tuple(_PLACES)
"""Scopes of attributes in the order of lists."""


def place_of(scope: str) -> Place | None:
    """Where attributes of a scope lie; None for an empty one. Raises `InvalidRequest`."""
    if scope not in ("", *_PLACES):
        raise InvalidRequest(f"there is no scope {scope[:40]!r}.", hint=f"Scopes are {', '.join(_PLACES)} and intrinsic.")
    return _PLACES.get(scope)


def tag_field(text: str) -> SpanField:
    """The field of a name. One without a scope that is no intrinsic is an attribute of the span or its resource. Raises
    `InvalidRequest` for an empty one."""
    if text in WORDS or text in SHORT:
        name = SHORT.get(text, text)
        if name in NESTED or name == "parent":
            raise InvalidRequest(f"{text} has no list of values.")
        return field_of(Intrinsic(name))
    scope, dot, rest = text.partition(".")
    if dot and scope in _PLACES:
        place, name = _PLACES[scope], rest
    else:
        place, name = Place.ANYWHERE, text.removeprefix(".")
    if quoted := _QUOTED.fullmatch(name):
        name = re.sub(r"\\(.)", r"\1", quoted[1])
    if not name:
        raise InvalidRequest("the name of the attribute is empty.", hint="Write span.http.method, resource.service.name, .a")
    return SpanField(place, name)


def has_values(field: SpanField) -> bool:
    """Are the values of a field few enough to be listed? Ids, durations and times are not."""
    if field.place is not Place.INTRINSIC:
        return True
    return field_label(field) not in _UNLISTED and INTRINSICS.get(field.name) != "duration"


def bare(label: str) -> str:
    """A label of an answer without its scope, as Tempo's searches tell attributes."""
    scope, dot, rest = label.partition(".")
    return rest if dot and (scope in _PLACES or not scope) else label
