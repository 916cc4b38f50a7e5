"""Runs compiled plans. What a caller passes on stays encoded: Python never sees the fields of a record or of a SQL row."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

from nexus.query.plan import Context, Export, GetRecord, Patterns, Rows, Scoped, Search, SqlStatement, Tally
from nexus.storage.api import EncodedTable, Page, PatternSet, RawRows, RunningQuery, Statistics, Surroundings, Table
from nexus.storage.clickhouse.catalog import Catalog, partitions_sql, read_partitions
from nexus.storage.clickhouse.compile import compile_table, explain
from nexus.storage.clickhouse.context import surroundings
from nexus.storage.clickhouse.export import Exporter
from nexus.storage.clickhouse.learned import LearnedColumns
from nexus.storage.clickhouse.masking import known_to
from nexus.storage.clickhouse.patterns import find_patterns
from nexus.storage.clickhouse.plain_days import PlainDays
from nexus.storage.clickhouse.queries import QueryPool, Session
from nexus.storage.clickhouse.records import FORMAT, Line, PageBuilder, get_record, read_lines, sources
from nexus.storage.clickhouse.signal_tables import LOGS
from nexus.storage.clickhouse.tally import compile_rows, compile_tally

TABLE: Final = "JSONCompactEachRow"
NAMED_TABLE: Final = "JSONCompactEachRowWithNamesAndTypes"
FIRST_STREAM_PAGE: Final = 1_000
STREAM_PAGE: Final = 16_000
"""Records that a stream asks for at a time: few at first, for the reader who waits."""


_DICTIONARY: Final = re.compile(r"LowCardinality\(((?:[^()]|\([^()]*\))*)\)")
"""How a type says that it is stored with a dictionary, which does not concern those who ask."""


class LogReader:
    """See the module text. `changed` must be called whenever records came or went, before anybody is told."""

    def __init__(
        self,
        pool: QueryPool,
        learned: LearnedColumns,
        plain: PlainDays,
        spans: Callable[[Session, Scoped], Catalog] | None = None,
    ) -> None:
        """`spans` is the catalog of the table of spans, which users' SQL may read, too."""
        self._pool = pool
        self._spans = spans
        self._learned = learned
        self._plain = plain
        self._version = 0
        self._catalog: tuple[int, Catalog] | None = None

    def changed(self) -> None:
        """Forget the catalog. May be called from any thread."""
        self._version += 1

    async def search(self, query: Scoped) -> Page:
        """Run a `Search` or `GetRecord`."""
        return await self._pool.run(query, lambda session: self._page(session, query))

    async def stream(self, query: Scoped) -> AsyncIterator[bytes]:
        """Run a `Search`; NDJSON in pieces of whole records."""
        plan = query.plan
        if not isinstance(plan, Search):
            raise TypeError("only a search can be streamed")
        left, cursor, size = plan.limit, plan.cursor, FIRST_STREAM_PAGE
        while left > 0:
            part = Search(plan.scan, plan.order, min(left, size), cursor)
            size = STREAM_PAGE
            scoped = replace(query, plan=part)
            builder = await self._pool.run(scoped, self._filler(scoped, part))
            if builder.lines:
                yield b"".join(line.json + b"\n" for line in builder.lines)
            left -= len(builder.lines)
            cursor = builder.next_cursor
            if cursor is None:
                return

    def export(self, query: Scoped) -> AsyncIterator[bytes]:
        """Run an `Export`."""
        if not isinstance(query.plan, Export):
            raise TypeError("not an export")
        return Exporter(query, query.plan, self).pieces()

    async def run(self, query: Scoped, work: Callable[[Session, Catalog], Any]) -> Any:
        """Run work in a query thread with the catalog as it is then."""
        return await self._pool.run(query, lambda session: work(session, self._known(session, query)))

    async def table(self, query: Scoped) -> Table:
        """Run a plan that answers with a small table."""

        def work(session: Session) -> Table:
            began = time.perf_counter()
            data = session.query(compile_table(query, self._known(session, query)), TABLE)
            rows = [json.loads(line) for line in data.splitlines()]
            return Table([], rows, _statistics(query, session, began))

        return await self._pool.run(query, work)

    async def patterns(self, query: Scoped) -> PatternSet:
        """Run a `Patterns`."""
        plan = query.plan
        if not isinstance(plan, Patterns):
            raise TypeError("not a question for patterns")

        def work(session: Session) -> PatternSet:
            began = time.perf_counter()
            total, distinct, rows = find_patterns(query, plan, self._known(session, query), session.query)
            return PatternSet(total, distinct, rows, _statistics(query, session, began))

        return await self._pool.run(query, work)

    async def context(self, query: Scoped) -> Surroundings:
        """Run a `Context`."""
        plan = query.plan
        if not isinstance(plan, Context):
            raise TypeError("not a question for the context of a record")

        def work(session: Session) -> Surroundings:
            began = time.perf_counter()
            found = surroundings(query, plan, self._known(session, query), session.query)
            found.statistics = _statistics(query, session, began)
            return found

        return await self._pool.run(query, work)

    async def raw(self, query: Scoped) -> RawRows:
        """Run a `Rows` or `Tally` plan."""

        def work(session: Session) -> RawRows:
            began, catalog = time.perf_counter(), self._known(session, query)
            if isinstance(query.plan, Rows):
                data = session.query(compile_rows(query, query.plan.scan, catalog), FORMAT)
            elif isinstance(query.plan, Tally):
                data = session.query(compile_tally(query, query.plan, catalog), FORMAT)
            else:
                raise TypeError(f"{type(query.plan).__name__} has no raw rows")
            return RawRows(data, sources(catalog), _statistics(query, session, began))

        return await self._pool.run(query, work)

    async def sql(self, query: Scoped) -> EncodedTable:
        """Run a `SqlStatement`."""
        plan = query.plan
        if not isinstance(plan, SqlStatement):
            raise TypeError("not a SQL statement")

        def work(session: Session) -> EncodedTable:
            from nexus.storage.clickhouse.sql_statement import compile_sql  # the SQL parser takes 0.1 s to load

            began = time.perf_counter()
            data = session.query(compile_sql(query, plan, self._catalogs(session, query, plan)), NAMED_TABLE)
            columns, rows, count = encoded_rows(data, plan.limit)
            return EncodedTable(columns, rows, count, _statistics(query, session, began))

        return await self._pool.run(query, work, read_only=True)

    async def explain(self, query: Scoped) -> list[str]:
        """The SQL that the plan becomes now; nothing to those who do not see everything, because it would tell them what
        they do not see."""
        if query.restricted:
            return []

        def work(session: Session) -> list[str]:
            if isinstance(query.plan, SqlStatement):
                from nexus.storage.clickhouse.sql_statement import compile_sql

                return [compile_sql(query, query.plan, self._catalogs(session, query, query.plan))]
            return explain(query, self._known(session, query))

        return await self._pool.run(query, work)

    def running(self, tenant: str) -> list[RunningQuery]:
        """Queries in progress."""
        return self._pool.running(tenant)

    # ------------------------------------------------------------------------------------------------- in the threads

    def _known(self, session: Session, query: Scoped) -> Catalog:
        return known_to(query, self._current(session))

    def _catalogs(self, session: Session, query: Scoped, plan: SqlStatement) -> dict[str, Catalog]:
        """Those of the tables that a statement reads."""
        found = {"logs": self._known(session, query)} if "logs" in plan.tables else {}
        if "spans" in plan.tables and self._spans is not None:
            found["spans"] = self._spans(session, query)
        return found

    def _current(self, session: Session) -> Catalog:
        # The version is read before the partitions: a commit in between makes the next query ask again.
        version, known = self._version, self._catalog
        if known is not None and known[0] == version:
            return known[1]
        rows = session.rows(partitions_sql(LOGS))
        catalog = Catalog(
            self._learned.columns,
            read_partitions((str(id), int(first), int(last), int(count)) for id, first, last, count in rows),
            self._learned.seen,
            None if self._plain.known is None else frozenset(map(str, self._plain.known)),
        )
        self._catalog = version, catalog
        return catalog

    def _filler(self, query: Scoped, plan: Search) -> Callable[[Session], PageBuilder]:
        def work(session: Session) -> PageBuilder:
            builder = PageBuilder(query, plan, self._known(session, query))
            while (sql := builder.statement()) is not None:
                builder.feed(read_lines(session.query(sql, FORMAT), builder.catalog))
            return builder

        return work

    def _page(self, session: Session, query: Scoped) -> Page:
        began = time.perf_counter()
        lines: list[Line]
        if isinstance(query.plan, GetRecord):
            catalog = self._known(session, query)
            lines, cursor = read_lines(session.query(get_record(query, query.plan, catalog), FORMAT), catalog), None
        elif isinstance(query.plan, Search):
            builder = self._filler(query, query.plan)(session)
            lines, cursor = builder.lines, builder.next_cursor
        else:
            raise TypeError(f"{type(query.plan).__name__} has no records")
        position = (cursor.timestamp, cursor.hash, cursor.skip) if cursor else None
        return Page([line.json for line in lines], position, _statistics(query, session, began))


def encoded_rows(data: bytes, limit: int) -> tuple[list[tuple[str, str]], bytes, int]:
    """Columns, rows as one JSON array and their number, from a result in `NAMED_TABLE` format. Rows stay encoded; those
    beyond `limit` are left out."""
    names_end = data.index(b"\n")
    types_end = data.index(b"\n", names_end + 1)
    types = [_DICTIONARY.sub(r"\1", type) for type in json.loads(data[names_end:types_end])]
    columns = list(zip(json.loads(data[:names_end]), types, strict=True))
    count = data.count(b"\n", types_end + 1)
    end = len(data) - 1
    while count > limit:
        end = data.rindex(b"\n", types_end, end)
        count -= 1
    # Within JSON texts line breaks are escaped, so each one here ends a row.
    return columns, b"[%s]" % data[types_end + 1 : end].replace(b"\n", b","), count


def _statistics(query: Scoped, session: Session, began: float) -> Statistics:
    # How much was read depends on records and indexes beyond what a restricted query sees.
    return Statistics(
        query.query_id,
        (time.perf_counter() - began) * 1000,
        0 if query.restricted else session.rows_read,
        0 if query.restricted else session.bytes_read,
        tuple(session.sql),
    )
