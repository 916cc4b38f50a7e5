"""The table of spans as somebody sees it for whom fields are masked, as `storage.clickhouse.masking` makes it of logs.

Attributes of events, links and scopes are masked by the names of the span's own: they are told alike. Whoever must not see
bodies sees no messages of statuses. Plans of those who must not see ids are refused before (`query.span_policy`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from nexus.query.plan import MASK, FieldKind, Scoped
from nexus.query.span_policy import masks_messages
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.masking import changed_source, masked_attributes, masked_object

COLUMNS: Final = (
    *("tenant", "slot", "trace_id", "timestamp", "duration", "duration_class", "ids", "span_id", "parent_span_id", "root"),
    *("name", "kind", "status", "status_message", "service", "trace_state", "flags", "resource", "scope_name"),
    *("scope_version", "scope_attributes", "dropped_attributes", "dropped_events", "dropped_links"),
    *("events_timestamp", "events_name", "events_attributes", "links_trace_id", "links_span_id", "links_trace_state"),
    *("links_attributes", "weight", "_part_offset"),
)
"""Of spans, but attributes."""
_TEXTS: Final = ("service", "scope_name", "scope_version")


def known_to(scoped: Scoped, catalog: Catalog) -> Catalog:
    """The catalog as far as it concerns what a scoped plan sees: masked attributes may lie in the map of texts."""
    if not scoped.masked or catalog.in_maps is None:
        return catalog
    texts = {(field.name, "s") for field in scoped.masked if field.kind is FieldKind.ATTRIBUTE}
    return dataclasses.replace(catalog, in_maps=catalog.in_maps | texts)


def source(scoped: Scoped, catalog: Catalog, choice: str, text: str) -> str:
    """What to read from instead of the table: the spans that a WHERE chooses, masked, with the columns that `text` names."""
    names = [*COLUMNS, *fields.ALL_MAPS.values(), *(column.name for column in catalog.columns)]
    return changed_source(catalog.table.path, names, dict(_changed(scoped, catalog)), choice, text)


def _changed(scoped: Scoped, catalog: Catalog) -> Iterator[tuple[str, str]]:
    by_kind = {kind: sorted(field.name for field in scoped.masked if field.kind is kind) for kind in FieldKind}
    for name in _TEXTS:
        if name in by_kind[FieldKind.COLUMN]:
            yield name, _masked(name)
    if masks_messages(scoped.masked):
        yield "status_message", _masked("status_message")
    if "event_name" in by_kind[FieldKind.COLUMN]:
        shown = f"arrayMap(x -> if(x = '', '', {quote(MASK)}), events_name)"
        yield "events_name", f"CAST({shown}, 'Array(LowCardinality(String))')"
    if names := by_kind[FieldKind.RESOURCE]:
        yield "resource", f"CAST({masked_object('resource', names)}, 'LowCardinality(String)')"
    if names := by_kind[FieldKind.ATTRIBUTE]:
        yield from masked_attributes(names, catalog)
        yield "scope_attributes", f"CAST({masked_object('scope_attributes', names)}, 'LowCardinality(String)')"
        for column in ("events_attributes", "links_attributes"):
            yield column, f"arrayMap(x -> {masked_object('x', names)}, {column})"


def _masked(name: str) -> str:
    return f"CAST(if({name} = '', '', {quote(MASK)}), 'LowCardinality(String)')"
