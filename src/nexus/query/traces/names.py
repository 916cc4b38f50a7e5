"""Words of TraceQL: fields that every span has, functions, operators, hints; and the nearest to a word that is none."""

from __future__ import annotations

import difflib
from typing import Final

from nexus.query.trace_plan import KINDS, STATUSES, MetricFunction
from nexus.query.traces.ast import Attribute, Field, Intrinsic, StaticKind

INTRINSICS: Final[dict[str, StaticKind]] = {
    "span:name": "string", "span:kind": "kind", "span:status": "status", "span:statusMessage": "string",
    "span:duration": "duration", "span:id": "string", "span:parentID": "string", "span:childCount": "int",
    "trace:id": "string", "trace:duration": "duration", "trace:rootName": "string", "trace:rootService": "string",
    "event:name": "string", "event:timeSinceStart": "duration", "link:traceID": "string", "link:spanID": "string",
    "instrumentation:name": "string", "instrumentation:version": "string",
    "nestedSetParent": "int", "nestedSetLeft": "int", "nestedSetRight": "int", "parent": "nil",
}  # fmt: skip
"""Intrinsic fields by name, with their types. `parent` can only be asked whether it is nil."""

SHORT: Final = {
    "name": "span:name", "kind": "span:kind", "status": "span:status", "statusMessage": "span:statusMessage",
    "duration": "span:duration", "traceDuration": "trace:duration", "rootName": "trace:rootName",
    "rootServiceName": "trace:rootService", "parent": "parent", "nestedSetParent": "nestedSetParent",
    "nestedSetLeft": "nestedSetLeft", "nestedSetRight": "nestedSetRight",
}  # fmt: skip
"""Names without a scope, as first versions of the language had them."""
_SHORT_OF: Final = {name: short for short, name in SHORT.items()}

SCOPES: Final = ("span", "resource", "event", "link", "instrumentation")
SCOPES_OF_INTRINSICS: Final = ("span", "trace", "event", "link", "instrumentation")
NESTED: Final = frozenset({"nestedSetParent", "nestedSetLeft", "nestedSetRight"})

AGGREGATES: Final = ("count", "avg", "min", "max", "sum")
OVER_FIELD: Final[tuple[MetricFunction, ...]] = (
    "min_over_time",
    "max_over_time",
    "avg_over_time",
    "sum_over_time",
    "histogram_over_time",
)
OVER_TIME: Final[tuple[MetricFunction, ...]] = ("rate", "count_over_time", *OVER_FIELD, "quantile_over_time")
SECOND: Final = ("topk", "bottomk")
STAGES: Final = ("by", "coalesce", "select")

COMPARISONS: Final = ("=", "!=", "<", "<=", ">", ">=")
REGEXES: Final = ("=~", "!~")
ARITHMETIC: Final = ("+", "-", "*", "/", "%", "^")
STRUCTURAL: Final = (
    ">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~", "&>", "&>>", "&<", "&<<", "&~",
)  # fmt: skip

HINTS: Final[dict[str, tuple[StaticKind, ...]]] = {
    "exemplars": ("bool", "int"), "most_recent": ("bool",), "extrapolate": ("bool",), "sample": ("bool", "float", "int"),
    "span_sample": ("float", "int", "bool"), "trace_sample": ("float", "int", "bool"),
}  # fmt: skip
"""Hints that mean something, with the types of their values. Others are let through: they are about how an engine works."""

STATIC_WORDS: Final[dict[str, tuple[StaticKind, str | int | bool]]] = {
    "true": ("bool", True), "false": ("bool", False), "nil": ("nil", ""),
    "minInt": ("int", -(1 << 63)), "maxInt": ("int", (1 << 63) - 1),
    **{name: ("status", name) for name in STATUSES},
    **{name: ("kind", name) for name in KINDS},
}  # fmt: skip
WORDS_IN_BRACES: Final = (*SHORT, *STATIC_WORDS, *(f"{scope}." for scope in SCOPES), *INTRINSICS)
WORDS_OF_STAGES: Final = (*AGGREGATES, *STAGES, *OVER_TIME, "compare", *SECOND, "with")


def nearest(word: str, known: tuple[str, ...]) -> str:
    """A hint that names the word most likely meant, or ""."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.7) or difflib.get_close_matches(
        word.lower(), [one.lower() for one in known], n=1, cutoff=0.7
    )
    if not found:
        return ""
    meant = next(one for one in known if found[0] in (one, one.lower()))
    return f"Did you mean {meant}?"


def label_of(field: Field) -> str:
    """What a field is called in answers: as Tempo does, by the short name of an intrinsic."""
    prefix = "parent." if field.parent else ""
    match field:
        case Intrinsic(name):
            return prefix + _SHORT_OF.get(name, name)
        case Attribute(scope, name):
            return f"{prefix}{scope}.{name}" if scope or not prefix else prefix + name


def short_of(name: str) -> str:
    """The name of an intrinsic without a scope, or "" when it has none."""
    return _SHORT_OF.get(name, "")
