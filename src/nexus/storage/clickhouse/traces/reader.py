"""Runs plans over spans. Whole spans stay encoded: Python never sees their fields."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from nexus.query.plan import Scoped, TimeRange
from nexus.query.trace_plan import (
    CriticalPaths,
    FindTraces,
    GetTrace,
    GetTraces,
    Place,
    SamplingPreview,
    SearchSpans,
    SpanCount,
    SpanErrors,
    SpanFacets,
    SpanHeatmap,
    SpanProfile,
    SpanScan,
    SpanSeries,
    TagNames,
    TagValues,
    field_label,
    key_value,
)
from nexus.storage.api import Statistics, Table
from nexus.storage.clickhouse.catalog import Catalog, partitions_sql, read_partitions
from nexus.storage.clickhouse.learned import LearnedColumns
from nexus.storage.clickhouse.queries import QueryPool, Session
from nexus.storage.clickhouse.records import sources
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.traces import rows, search, tables
from nexus.storage.clickhouse.traces.found import Candidate
from nexus.storage.clickhouse.traces.masking import known_to
from nexus.storage.clickhouse.traces.profile import profile
from nexus.storage.clickhouse.traces.sampling.sql import preview, previewed
from nexus.storage.clickhouse.traces.sampling.visibility import Visibility
from nexus.storage.clickhouse.traces.scan import FEW_GRANULES, of_these_traces, spans_of, these_spans, widened
from nexus.storage.clickhouse.traces.series import compile_series, joined, of_steps, read_series, step_parts, steps_of
from nexus.storage.clickhouse.traces.windows import newest_first
from nexus.storage.trace_api import SeriesSet, SpanRows, Tell, TraceHit, TraceHits

T = TypeVar("T")

MAX_LISTED: Final = search.MAX_SPANS
"""Spans of one `SearchSpans` at most."""
_LETTERS: Final = {"s": "string", "i": "int", "f": "float", "b": "bool", "d": "duration", "t": "status", "k": "kind"}


class PlanReader(ABC):
    """Answers to plans, as `storage.trace_api.TraceStore` has them, over the spans of a catalog."""

    def __init__(self, pool: QueryPool) -> None:
        self._pool = pool

    @abstractmethod
    def known(self, session: Session, query: Scoped) -> Catalog:
        """The spans that a scoped plan is about; they are there until the session ends. Runs in a query thread."""

    async def spans(self, query: Scoped) -> SpanRows:
        """Run a `GetTrace`, `GetTraces`, `SearchSpans` or `CriticalPaths`."""

        def work(asking: _Asking) -> SpanRows:
            match query.plan:
                case GetTrace(trace_id, span_id, hint):
                    data = asking.traces((trace_id,), hint, span_id)
                case GetTraces(trace_ids, hint):
                    data = asking.traces(trace_ids, hint)
                case SearchSpans():
                    data = asking.listed(query.plan)
                case CriticalPaths():
                    data = asking.critical_paths(query.plan)
                case _:
                    raise TypeError(f"{type(query.plan).__name__} has no spans")
            return SpanRows(data, sources(asking.catalog), asking.statistics())

        return await self._run(query, work)

    async def find(self, query: Scoped, tell: Tell[TraceHits] | None = None) -> TraceHits:
        """Run a `FindTraces`."""
        plan = query.plan
        if not isinstance(plan, FindTraces):
            raise TypeError("not a search for traces")

        def work(asking: _Asking) -> TraceHits:
            def told(hits: list[TraceHit], share: float) -> None:
                if tell is not None:
                    tell(TraceHits(hits, "", asking.statistics()), share)

            teller = None if tell is None else search.Teller(told, plan.time, search.TELL_SECONDS)
            hits, incomplete = search.find(asking.ask, query, plan, asking.catalog, teller)
            return TraceHits(hits, incomplete, asking.statistics())

        return await self._run(query, work)

    async def series(self, query: Scoped, tell: Tell[SeriesSet] | None = None) -> SeriesSet:
        """Run a `SpanSeries`."""
        plan = query.plan
        if not isinstance(plan, SpanSeries):
            raise TypeError("not a question for series")

        def work(asking: _Asking) -> SeriesSet:
            extra, incomplete = asking.spansets(plan.scan)
            answer = None
            if tell is not None and not plan.instant:
                answer = asking.series_by_parts(plan, extra, tell)
            if answer is None:
                answer = asking.rows(compile_series(query, plan, asking.catalog, extra))
            found_series, more = read_series(plan, answer)
            if more and not incomplete:
                incomplete = f"Only the {plan.series_limit:,} largest series are shown."
            return SeriesSet(found_series, incomplete, asking.statistics())

        return await self._run(query, work)

    async def table(self, query: Scoped) -> Table:
        """Run a plan that answers with a small table."""
        return await self._run(query, lambda asking: Table([], asking.table(), asking.statistics()))

    async def _run(self, query: Scoped, work: Callable[[_Asking], T]) -> T:
        def run(session: Session) -> T:
            return work(_Asking(session, query, self.known(session, query)))

        return await self._pool.run(query, run)


class TraceReader(PlanReader):
    """Stored spans. `changed` must be called whenever spans came or went, before anybody is told."""

    def __init__(self, pool: QueryPool, learned: Callable[[], LearnedColumns], visibility: Visibility) -> None:
        super().__init__(pool)
        self._visibility = visibility
        self._learned = learned
        self._version = 0
        self._catalog: tuple[int, Catalog] | None = None

    def changed(self) -> None:
        """Forget the catalog. May be called from any thread."""
        self._version += 1

    def known(self, session: Session, query: Scoped) -> Catalog:
        """What is stored, as far as it concerns what a scoped plan sees. Spans that move are seen once until the session
        ends."""
        # The view comes before the catalog: the days of what it counts are in there then.
        view = session.hold(self._visibility.reading())
        return known_to(query, replace(self._current(session), pending=view))

    def _current(self, session: Session) -> Catalog:
        # The version is read before the partitions: a commit in between makes the next query ask again.
        version, known = self._version, self._catalog
        if known is not None and known[0] == version:
            return known[1]
        answer = session.rows(partitions_sql(SPANS))
        learned = self._learned()
        catalog = Catalog(
            learned.columns,
            read_partitions((str(id), int(first), int(last), int(count)) for id, first, last, count in answer),
            learned.seen,
            table=SPANS,
        )
        self._catalog = version, catalog
        return catalog


class _Asking:
    """One query in its thread: the plan as it is asked, statement by statement."""

    def __init__(self, session: Session, query: Scoped, catalog: Catalog) -> None:
        self._session = session
        self._query = query
        self.catalog = catalog
        self._began = time.perf_counter()

    def ask(self, sql: str, format: str) -> bytes:
        """Run a statement."""
        return self._session.query(sql, format)

    def rows(self, sql: str) -> list[list[Any]]:
        """Run a statement with a small answer."""
        return search.asked_rows(self.ask, sql)

    def statistics(self) -> Statistics:
        """What it cost; nothing of what tells of spans that a restricted query does not see."""
        session, hidden = self._session, self._query.restricted
        return Statistics(
            self._query.query_id,
            (time.perf_counter() - self._began) * 1000,
            0 if hidden else session.rows_read,
            0 if hidden else session.bytes_read,
            tuple(session.sql),
        )

    def spansets(self, scan: SpanScan) -> tuple[tuple[str, ...], str]:
        """The condition that spans lie in the spansets of a scan, when a program decides which those are."""
        if scan.spansets is None or not scan.spansets.program:
            return (), ""
        packed, incomplete = search.matching_spans(self.ask, self._query, scan, self.catalog)
        return (these_spans(packed),), incomplete

    def series_by_parts(self, plan: SpanSeries, extra: tuple[str, ...], tell: Tell[SeriesSet]) -> list[list[Any]] | None:
        """The rows of a plan, its newest steps first, each part told when it is there; None when a part has more series than
        are wanted: which are the largest is known of the whole only."""
        found: list[list[Any]] = []
        for first, last in step_parts(plan, self.catalog):
            rows = self.rows(compile_series(self._query, of_steps(plan, first, last), self.catalog, extra))
            if any(row[5] > plan.series_limit for row in rows):
                return None
            found = joined(found, rows, first)
            if first:
                share = 1 - first / steps_of(plan)
                tell(SeriesSet(read_series(plan, found)[0], "", self.statistics()), share)
        return found

    # ------------------------------------------------------------------------------------------------------ whole spans

    def traces(self, ids: tuple[bytes, ...], hint: TimeRange, span_id: bytes | None = None) -> bytes:
        """All spans of traces, or one of a trace: as far as they lie around the hint, everywhere when there are none."""
        extra = [of_these_traces(ids)]
        if span_id is not None:
            extra.append(f"span_id = unhex('{span_id.hex()}')")
        order = "timestamp, span_id" if len(ids) == 1 else "trace_id, timestamp, span_id"
        if hint != TimeRange() and (data := self._whole(widened(hint), extra, order)):
            return data
        return self._whole(TimeRange(), extra, order)

    def _whole(self, time: TimeRange, extra: list[str], order: str) -> bytes:
        columns = rows.columns(self.catalog)
        inner = spans_of(self._query, time, self.catalog, extra=extra).union(columns)
        sql = f"SELECT {columns} FROM (\n{inner}\n)\nORDER BY {order}\nLIMIT 1 BY trace_id, span_id, kind{FEW_GRANULES}"
        return self.ask(sql, rows.FORMAT)

    def listed(self, plan: SearchSpans) -> bytes:
        """Matching spans; those of a trace follow each other, traces in the order of their first."""
        extra, _ = self.spansets(plan.scan)
        limit = min(plan.limit, MAX_LISTED)
        answer: list[list[Any]] = []
        whole = plan.order == "longest"
        for window in [plan.scan.time] if whole else newest_first(plan.scan.time, self.catalog):
            scan = replace(plan.scan, time=window)
            answer += self.rows(tables.newest(self._query, scan, limit - len(answer), plan.order, self.catalog, extra))
            if len(answer) >= limit:
                break
        if not answer:
            return b""
        packed = b"".join(bytes.fromhex(trace) + bytes.fromhex(span) for trace, span, _, _ in answer)
        ranks = "".join(dict.fromkeys(trace for trace, *_ in answer))
        times = [int(at) for _, _, at, _ in answer]
        order = f"position('{ranks}', lower(hex(trace_id))), {'duration' if whole else 'timestamp'} DESC, span_id"
        traces = list(dict.fromkeys(bytes.fromhex(trace) for trace, *_ in answer))
        chosen = [of_these_traces(traces), these_spans(packed)]
        return self._whole(TimeRange(min(times), max(times) + 1), chosen, order)

    def critical_paths(self, plan: CriticalPaths) -> bytes:
        """All spans of traces that are chosen by the durations of their matching spans."""
        extra, _ = self.spansets(plan.scan)
        ((matched, (low, high)),) = self.rows(
            tables.quantile_bounds(self._query, plan.scan, plan.quantiles, self.catalog, extra)
        )
        if not int(matched):
            return b""
        between = int(low), int(high)
        answer = self.rows(tables.fair_traces(self._query, plan.scan, between, plan.traces, self.catalog, extra))
        some = [Candidate(bytes.fromhex(trace), int(newest)) for trace, newest in answer]
        if not some:
            return b""
        return self.ask(tables.path_spans(self._query, plan.scan, between, some, self.catalog, extra), rows.FORMAT)

    # ----------------------------------------------------------------------------------------------------------- tables

    def table(self) -> list[list[Any]]:
        """The rows of a plan that answers with a table."""
        query, plan, catalog = self._query, self._query.plan, self.catalog
        match plan:
            case SpanProfile():
                extras = self.spansets(plan.selection)[0], self.spansets(plan.baseline)[0]
                answer = self.rows(profile(query, plan, catalog, extras))
                return [_profiled(row) for row in answer] if plan.step else answer
            case TagNames():
                return self._tag_names(plan)
            case TagValues():
                answer = self.rows(tables.tag_values(query, plan, catalog, self.spansets(plan.scan)[0]))
                return [[key_value(text), _LETTERS[text[:1]], spans] for text, spans in answer]
            case SpanFacets():
                answer = self.rows(tables.facets(query, plan, catalog, self.spansets(plan.scan)[0]))
                fields = map(field_label, tables.facet_fields(query, plan, catalog))
                place = {name: number for number, name in enumerate(fields)}
                # The engine asks for all of them at once and answers as they come.
                answer.sort(key=lambda row: (place[row[0]], -row[2], row[1]))
                return [[field, key_value(text), spans] for field, text, spans in answer]
            case SpanHeatmap():
                return self.rows(tables.heatmap(query, plan, catalog, self.spansets(plan.scan)[0]))
            case SpanErrors():
                return self.rows(tables.errors(query, plan, catalog, self.spansets(plan.scan)[0]))
            case SamplingPreview():
                return previewed(plan, self.rows(preview(query, plan, catalog)))
            case SpanCount():
                return self.rows(tables.count(query, plan, catalog, self.spansets(plan.scan)[0]))
            case _:
                raise TypeError(f"{type(plan).__name__} does not answer with a table")

    def _tag_names(self, plan: TagNames) -> list[list[Any]]:
        """Names that the newest spans have need not be looked for."""
        extra = self.spansets(plan.scan)[0]
        windows = newest_first(plan.scan.time, self.catalog)
        known: frozenset[str] = frozenset()
        if windows and self.catalog.columns and plan.place in (None, Place.SPAN):
            (counts,) = self.rows(tables.frequent_names(self._query, plan, windows[0], self.catalog, extra))
            columns = zip(self.catalog.columns, counts, strict=True)
            known = frozenset(column.key for column, count in columns if int(count or 0))
        found = self.rows(tables.tag_names(self._query, plan, self.catalog, extra, known))
        found += [[str(Place.SPAN), name] for name in known]
        first = {place: sorted({name for at, name in found if at == place})[: plan.limit] for place, _ in found}
        return [[place, name] for place in sorted(first) for name in first[place]]


def _profiled(row: list[Any]) -> list[Any]:
    at, place, name, text, selection, baseline = row
    return [int(at), place, name, text[:1], key_value(text) if text else None, selection, baseline]
