"""Names of fields as Elasticsearch's clients know them (ECS where there is one), and index names."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final

from nexus.errors import InvalidRequest
from nexus.query.fields import resolve
from nexus.query.plan import Field, FieldKind

INDEX: Final = "logs"
TIMESTAMP: Final = "@timestamp"
COLUMNS: Final = {
    "@timestamp": "timestamp",
    "event.ingested": "observed_timestamp",
    "message": "body",
    "log.level": "severity",
    "log.severity": "severity_number",
    "service.name": "service",
    "trace.id": "trace_id",
    "span.id": "span_id",
    "event.action": "event_name",
    "template.id": "template_id",
    "scope.name": "scope_name",
    "scope.version": "scope_version",
}
"""Fields of a document that are columns of a record."""

_NAMES: Final = {column: name for name, column in COLUMNS.items()}
_LIKE_INDEX: Final = ("logs", "logs-nexus", "logs-nexus-default")


def field_of(name: str) -> Field:
    """The field that a name means. `name.keyword` is `name`. Raises `InvalidRequest` for an empty one."""
    plain = name.removesuffix(".keyword")
    if column := COLUMNS.get(plain):
        return Field(FieldKind.COLUMN, column)
    return resolve(plain)


def document_name(kind: str, name: str) -> str:
    """What a field is called in documents: attributes by their name, unless that is taken."""
    if kind == "column":
        return _NAMES.get(name, name)
    if kind == "resource":
        return f"resource.{name}"
    return f"attributes.{name}" if name in COLUMNS or name.startswith(("attributes.", "resource.")) else name


def selects_logs(expression: str) -> bool:
    """Whether an index expression (names and patterns with commas) means the index. Raises `InvalidRequest` for names of
    indexes that are not there, but not for patterns that match nothing."""
    found = False
    for part in expression.split(",") if expression else ["*"]:
        name = re.sub(r"^<(.*?)\{.*>$", r"\1*", part.strip())
        if name.startswith("-"):
            found = found and not _matches(name[1:])
        elif name in ("", "_all") or _matches(name):
            found = True
        elif "*" not in name:
            raise UnknownIndex(f"no such index [{name[:200]}]", hint="All records are in the index logs (also: logs-*).")
    return found


def _matches(pattern: str) -> bool:
    if "*" not in pattern:
        return pattern == INDEX or pattern.startswith(f"{INDEX}-")
    return any(fnmatchcase(name, pattern) for name in _LIKE_INDEX) or pattern.startswith(f"{INDEX}-")


class UnknownIndex(InvalidRequest):
    """There is no such index."""

    code = "unknown_index"
    http_status = 404
