"""Answers to plans over spans that were fetched from somewhere else: they lie in a table of the query's connection, in
memory, until the query has ended, and the statements are those of the stored ones. So whatever a plan means, row policies
and masks included, it means for both.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from nexus import _native
from nexus.query.plan import Scoped
from nexus.storage.clickhouse.catalog import Catalog, Partition
from nexus.storage.clickhouse.errors import EngineError
from nexus.storage.clickhouse.fields import ALL_MAPS
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.queries import QueryPool, Session
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.traces.masking import COLUMNS, known_to
from nexus.storage.clickhouse.traces.reader import PlanReader

FETCHED: Final = replace(SPANS, name="fetched_spans", pending=False, temporary=True)
_WRITTEN: Final = (*COLUMNS, *ALL_MAPS.values(), "commit_id", "pending", "expires_on")
_OFFSET: Final = "`_part_offset` UInt64 DEFAULT cityHash64(trace_id, ids)"
"""By which shares of stored spans are chosen; a table in memory has none of its own."""

log = logging.getLogger(__name__)


class FetchedSpans:
    """Makes readers of fetched spans."""

    def __init__(self, pool: QueryPool) -> None:
        self._pool = pool
        self._columns = ""

    def reader(self, batch: _native.SpanBatch) -> PlanReader:
        """Answers plans over a batch, in which each span is once."""
        return _Fetched(self._pool, self, batch)

    def create(self, session: Session) -> str:
        """The statement that makes the table: the columns of the stored one, without those of learned attributes."""
        if not self._columns:
            names = ", ".join(map(quote, _WRITTEN))
            rows = session.rows(
                "SELECT name, type, default_kind, default_expression FROM system.columns "
                f"WHERE database = 'nexus' AND table = {quote(SPANS.name)} AND name IN ({names}) ORDER BY position"
            )
            self._columns = ", ".join([*(f"{identifier(row[0])} {row[1]} {row[2]} {row[3]}" for row in rows), _OFFSET])
        return f"CREATE TEMPORARY TABLE {FETCHED.path} ({self._columns}) ENGINE = Memory"


class _Fetched(PlanReader):
    def __init__(self, pool: QueryPool, spans: FetchedSpans, batch: _native.SpanBatch) -> None:
        super().__init__(pool)
        self._spans = spans
        self._batch = batch

    def known(self, session: Session, query: Scoped) -> Catalog:
        """See `PlanReader`."""
        session.hold(self._table(session, query.tenant))
        times = self._batch.times()
        partitions = (Partition("all", *times, self._batch.num_rows),) if times else ()
        there = frozenset((key, letter) for key, letter, _, _ in self._batch.attribute_stats())
        return known_to(query, Catalog((), partitions, there, table=FETCHED))

    @contextmanager
    def _table(self, session: Session, tenant: str) -> Iterator[None]:
        block, _ = _native.encode_native_spans(self._batch, tenant=tenant, commit_id=1, retention_days=1, now_ns=0)
        drop = f"DROP TEMPORARY TABLE IF EXISTS {FETCHED.path}"
        session.prepare(drop)
        session.prepare(self._spans.create(session))
        try:
            if block:
                session.insert(FETCHED.path, block)
            yield
        finally:
            try:
                session.prepare(drop)
            except EngineError as error:
                log.warning("a table of fetched spans stays until its connection ends: %s", error)
