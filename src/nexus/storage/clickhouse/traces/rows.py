"""Whole spans for native code. Pure text."""

from __future__ import annotations

from typing import Final

from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.fields import ALL_MAPS
from nexus.storage.clickhouse.literals import identifier
from nexus.storage.clickhouse.records import sources

FORMAT: Final = "RowBinary"
COLUMNS: Final = (
    *("trace_id", "span_id", "parent_span_id", "trace_state", "flags", "name", "kind", "timestamp", "duration", "status"),
    *("status_message", "service", "resource", "scope_name", "scope_version", "scope_attributes", "dropped_attributes"),
    *("dropped_events", "dropped_links", "events_timestamp", "events_name", "events_attributes", "links_trace_id"),
    *("links_span_id", "links_trace_state", "links_attributes", "weight"),
)
"""As `nexus-core/src/traces/rows.rs` reads them; attribute maps and learned columns follow, as `sources` says."""


def columns(catalog: Catalog) -> str:
    """What a whole span is made of."""
    by_type = {(column.type, column.key): column.name for column in catalog.columns}
    held = [ALL_MAPS[type] if key is None else identifier(by_type[type, key]) for type, key in sources(catalog)]
    return ", ".join([*COLUMNS, *held])
