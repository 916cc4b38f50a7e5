"""Records as documents: what a hit shows, and the part of it that was asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from nexus.errors import InvalidRequest
from nexus.model.time import format_time
from nexus.query.elastic.names import COLUMNS, document_name

_TIMES: Final = frozenset({"timestamp", "observed_timestamp"})
Filter = tuple[bool, tuple[str, ...], tuple[str, ...]]


def document(record: Mapping[str, Any]) -> dict[str, Any]:
    """The `_source` of a record: columns by their ECS names, attributes by their own, the resource's as `resource.*`."""
    source: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        value = record[column]
        if column in _TIMES:
            source[name] = format_time(int(value))
        elif value not in ("", 0) or column == "body":
            source[name] = value
    source |= {document_name("attribute", key): value for key, value in record["attributes"].items()}
    source |= {document_name("resource", key): value for key, value in record["resource"].items()}
    return source


def source_filter(given: Any) -> Filter:
    """(shown at all, patterns to keep, patterns to leave out) of `_source`. Raises `InvalidRequest`."""
    match given:
        case None | True:
            return True, (), ()
        case False:
            return False, (), ()
        case str():
            return True, (given,), ()
        case list():
            return True, tuple(map(str, given)), ()
        case Mapping():
            keep, drop = (
                given.get(long, given.get(short)) for long, short in (("includes", "include"), ("excludes", "exclude"))
            )
            return True, _texts(keep), _texts(drop)
    raise InvalidRequest("_source is a boolean, a pattern, a list of patterns, or an object with includes and excludes.")


def filtered(source: dict[str, Any], wanted: Filter) -> dict[str, Any]:
    """The fields of a document that a filter keeps; `a` keeps `a.b` too."""
    _, keep, drop = wanted
    if not keep and not drop:
        return source

    def among(name: str, patterns: tuple[str, ...]) -> bool:
        return any(fnmatchcase(name, pattern) or name.startswith(f"{pattern}.") for pattern in patterns)

    return {name: value for name, value in source.items() if (not keep or among(name, keep)) and not among(name, drop)}


def fields_of(source: Mapping[str, Any], patterns: list[Any]) -> dict[str, list[Any]]:
    """The `fields` of a hit: lists of values. Times in the format asked for."""
    shown: dict[str, list[Any]] = {}
    for entry in patterns:
        pattern = str(entry.get("field", "")) if isinstance(entry, Mapping) else str(entry)
        plain = pattern.removesuffix(".keyword")
        for name, value in source.items():
            if fnmatchcase(name, plain):
                shown[name if "*" in plain else pattern] = value if isinstance(value, list) else [value]
    return shown


def sort_value(timestamp: int, format: str) -> int | str:
    """The timestamp of a hit as a sort value: ns, unless a format is asked for."""
    if not format:
        return timestamp
    if "epoch_millis" in format:
        return str(timestamp // 1_000_000)
    return format_time(timestamp)


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)
