"""Names of fields, as people write them, to fields of the plan and back."""

from __future__ import annotations

from typing import Final

from nexus.errors import InvalidRequest
from nexus.query.plan import LOG_COLUMNS, Field, FieldKind

SEVERITIES: Final[dict[str, tuple[int, int]]] = {
    "unset": (0, 0),
    "trace": (1, 4),
    "debug": (5, 8),
    "info": (9, 12),
    "warn": (13, 16),
    "error": (17, 20),
    "fatal": (21, 24),
}
"""Normalised severities in order, each with its range of OpenTelemetry severity numbers, both ends included."""

_SEVERITY_ALIASES: Final = {
    "warning": "warn",
    "err": "error",
    "critical": "fatal",
    "crit": "fatal",
    "emergency": "fatal",
    "emerg": "fatal",
    "alert": "fatal",
    "panic": "fatal",
    "information": "info",
    "informational": "info",
    "notice": "info",
}
_COLUMN_ALIASES: Final = {
    "level": "severity",
    "message": "body",
    "_msg": "body",
    "_time": "timestamp",
    "service.name": "service",
}
_MAPS: Final = frozenset({"attributes", "resource"})
# Bare names that senders put into the resource as often as into the record.
_RESOURCE_PREFIXES: Final = (
    "aws.",
    "azure.",
    "cloud.",
    "container.",
    "deployment.",
    "device.",
    "faas.",
    "gcp.",
    "heroku.",
    "host.",
    "k8s.",
    "oci.",
    "os.",
    "process.",
    "service.",
    "telemetry.",
    "webengine.",
)
_RESOURCE_NAMES: Final = frozenset(
    {"app", "application", "cluster", "container", "env", "environment", "host", "hostname", "instance", "job"}
    | {"namespace", "node", "pod", "region", "zone"}
)


def resolve(name: str) -> Field:
    """The field that a name means; see `docs/reference/search-language.md`. Raises `InvalidRequest`.

    Columns go by their name in any case; `attributes.` and `resource.` say where to look; a bare name is an attribute,
    and one that senders also put into the resource (`host.name`, `k8s.*`, `pod`) is looked for in both.
    """
    if not name:
        raise InvalidRequest("a field name is empty.")
    lowered = name.lower()
    column = _COLUMN_ALIASES.get(lowered, lowered)
    if column in _MAPS:
        raise InvalidRequest(f"{name} is a map, not a field.", hint=f"Name one of its keys: {column}.<key>.")
    if column in LOG_COLUMNS:
        return Field(FieldKind.COLUMN, column)
    prefix, _, key = name.partition(".")
    if key and prefix == "attributes":
        return Field(FieldKind.ATTRIBUTE, key)
    if key and prefix == "resource":
        return Field(FieldKind.RESOURCE, key)
    if name in _RESOURCE_NAMES or name.startswith(_RESOURCE_PREFIXES):
        return Field(FieldKind.ANYWHERE, name)
    return Field(FieldKind.ATTRIBUTE, name)


def name_of(field: Field) -> str:
    """The shortest name that `resolve` reads as this field, or (for a resource key) as one that includes it."""
    if field.kind in (FieldKind.COLUMN, FieldKind.ANYWHERE):
        return field.name
    bare = _try_resolve(field.name)
    if bare is not None and (bare == field or (bare.kind is FieldKind.ANYWHERE and field.kind is FieldKind.RESOURCE)):
        return field.name
    return f"{'resource' if field.kind is FieldKind.RESOURCE else 'attributes'}.{field.name}"


def severity_name(text: str) -> str | None:
    """The normalised severity that a text means (`WARNING` is warn), or None."""
    lowered = text.lower()
    name = _SEVERITY_ALIASES.get(lowered, lowered)
    return name if name in SEVERITIES else None


def _try_resolve(name: str) -> Field | None:
    try:
        return resolve(name)
    except InvalidRequest:
        return None
