"""Spans in a store, beside its writer."""

from __future__ import annotations

from tests.oracles.spans import LEARNED, Span, insert_statement, letter_of

from nexus.storage.clickhouse.attributes import LearnedColumn
from nexus.storage.clickhouse.store import ClickHouseStore


def fill(store: ClickHouseStore, spans: list[Span]) -> None:
    """Store spans, beside the writer."""
    connection = store._engine.connect()
    try:
        learned = store.traces.ingest.learned
        columns = [LearnedColumn(key, letter, name, kind) for (key, letter), (name, kind) in LEARNED.items()]
        if not learned.columns:
            learned._add(connection, columns)
        pairs = {(key, letter_of(held)) for span in spans for key, held in span.attributes.items()}
        learned._seen.note(pairs - set(LEARNED))
        connection.execute(insert_statement(spans))
        store.traces.ingest.changed()
    finally:
        store._engine.release(connection)
