"""A search for traces as it goes on: candidates newest first, native code where a program decides, then what is told of
those found. Runs in a query thread; `ask` runs a statement and returns its encoded answer."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from nexus import _native
from nexus.query.plan import Scoped, TimeRange
from nexus.query.trace_plan import EVERY_SPAN, FindTraces, SetLabel, SpanScan, Spansets, key_value
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.traces import found
from nexus.storage.clickhouse.traces.found import Candidate
from nexus.storage.clickhouse.traces.windows import headed, newest_first
from nexus.storage.trace_api import MatchedSpan, SpanSet, TraceHit

TABLE: Final = "JSONCompactEachRow"
ROWS: Final = "RowBinary"
FIRST_BATCH: Final = 100
BATCH: Final = 500
"""Candidates whose spans native code looks at at one time: few at first, for the reader who waits."""
HEAD_SPANS: Final = 500
"""Spans that are looked at first for each trace that is wanted, where every span matches."""
BATCH_SPANS: Final = 200_000
"""Spans of theirs, as far as it is known before."""
MAX_SPANS: Final = 80_000
"""Spans that a statement names by their ids; a plan over spansets is about as many at most."""
MAX_TRACES: Final = 10_000
"""Traces that are looked at for them."""

Ask = Callable[[str, str], bytes]
"""(statement, format) -> answer."""

TELL_SECONDS: Final = 0.25
"""How long a search goes on before it tells what it has, and from one telling to the next."""

_Set = tuple[int, bytes, bytes, list[tuple[int, bytes | float | None]]]


@dataclass(slots=True)
class _Match:
    """A trace that native code let through: its sets as it tells them."""

    candidate: Candidate
    sets: list[_Set] = field(default_factory=list)


class Teller:
    """Tells of traces while a search goes on, now and then, each once."""

    def __init__(self, tell: Callable[[list[TraceHit], float], None], time: TimeRange, every: float) -> None:
        """`tell` takes hits and the share of the range that was looked at; `every` is in seconds."""
        self._tell = tell
        self._time = time
        self._every = every
        self._last = clock.monotonic()
        self._told: set[bytes] = set()

    def due(self) -> bool:
        """Is it time to tell?"""
        return clock.monotonic() - self._last >= self._every

    def new(self, some: Iterable[Candidate]) -> list[Candidate]:
        """Those that were not told yet."""
        return [one for one in some if one.trace_id not in self._told]

    def tell(self, some: Iterable[Candidate], hits: list[TraceHit], down_to: int) -> None:
        """Tell of the candidates, which became these hits; what began after `down_to` (ns) was looked at."""
        self._told.update(one.trace_id for one in some)
        self._last = clock.monotonic()
        start, end = self._time.start or 0, self._time.end or down_to
        self._tell(hits, min(max((end - down_to) / max(end - start, 1), 0.0), 1.0))


def asked_rows(ask: Ask, sql: str) -> list[list[Any]]:
    """The rows of a small answer."""
    return [json.loads(line) for line in ask(sql, TABLE).splitlines()]


def candidates(
    ask: Ask, scoped: Scoped, spansets: Spansets, time: TimeRange, limit: int, catalog: Catalog
) -> Iterator[tuple[list[Candidate], int]]:
    """Traces that may match, newest first, `limit` of them at most: those of each window that is read, and where it begins
    (ns)."""
    seen: set[bytes] = set()
    windows = newest_first(time, catalog)
    if not spansets.program and EVERY_SPAN in spansets.leaves:
        windows = headed(windows, HEAD_SPANS * limit, catalog)
    for window in windows:
        # Those seen before may come again with older spans.
        rows = asked_rows(ask, found.candidates(scoped, spansets, time, window, limit + len(seen), catalog))
        new = [
            Candidate(id, int(newest), int(spans))
            for hexed, newest, spans in rows
            if (id := bytes.fromhex(hexed)) not in seen
        ]
        new = new[: limit - len(seen)]
        seen |= {one.trace_id for one in new}
        yield new, window.start or 0
        if len(seen) >= limit:
            return


def find(
    ask: Ask, scoped: Scoped, plan: FindTraces, catalog: Catalog, teller: Teller | None = None
) -> tuple[list[TraceHit], str]:
    """The traces that a search finds, and a sentence when not all candidates were looked at."""
    if plan.order != "newest":
        # Which are the first is known when all of them are.
        teller = None
    if plan.spansets.program:
        matches, incomplete = _decided(ask, scoped, plan, catalog, teller)
        return _told(ask, scoped, plan, matches, catalog), incomplete
    if plan.order == "newest":
        some: list[Candidate] = []
        for batch, down_to in candidates(ask, scoped, plan.spansets, plan.time, plan.limit, catalog):
            some += batch
            if teller and len(some) < plan.limit and teller.due():
                new = teller.new(some)
                teller.tell(new, _newest_told(ask, scoped, plan, new, catalog), down_to)
        return _newest_told(ask, scoped, plan, some, catalog), ""
    # Every other order needs all candidates.
    windows = candidates(ask, scoped, plan.spansets, plan.time, plan.max_candidates, catalog)
    some = [one for batch, _ in windows for one in batch]
    hits = _summaries(ask, scoped, plan, some, catalog)
    rows = asked_rows(ask, found.matches(scoped, plan, _of(some, hits), catalog)) if hits else []
    by_trace = {hit.trace_id: hit for hit in hits}
    for trace, *rest, matched in rows:
        hit = by_trace.get(trace)
        if hit is None:
            continue
        if not hit.sets:
            hit.sets.append(SpanSet(int(matched), []))
        hit.sets[0].spans.append(found.matched_span([trace, *rest], plan.select))
    return hits, _sentence(plan.max_candidates) if len(some) >= plan.max_candidates else ""


def _newest_told(ask: Ask, scoped: Scoped, plan: FindTraces, some: list[Candidate], catalog: Catalog) -> list[TraceHit]:
    """What candidates are as a whole, with their matching spans, the newest first."""
    if not some:
        return []
    place = {one.trace_id.hex(): number for number, one in enumerate(some)}
    hits = []
    for *row, matched, spans in asked_rows(ask, found.told(scoped, plan, some, catalog)):
        hit = found.hit(row)
        if spans:
            shown = [found.matched_span([hit.trace_id, *span], plan.select) for span in spans]
            hit.sets.append(SpanSet(int(matched), shown))
        hits.append(hit)
    return sorted(hits, key=lambda hit: place[hit.trace_id])


def _decided(
    ask: Ask, scoped: Scoped, plan: FindTraces, catalog: Catalog, teller: Teller | None
) -> tuple[list[_Match], str]:
    """Candidates that the program lets through."""
    matches: dict[bytes, tuple[int, _Match]] = {}
    looked = 0
    for some, down_to in candidates(ask, scoped, plan.spansets, plan.time, plan.max_candidates, catalog):
        while some:
            if plan.order == "newest" and _enough(matches, plan.limit, some[0].newest):
                return [match for _, match in _newest(matches, plan.limit)], ""
            batch, some = _batch(some, FIRST_BATCH if looked == 0 else BATCH)
            looked += len(batch)
            known = {one.trace_id: one for one in batch}
            data = ask(found.rows(scoped, plan.spansets, plan.time, batch, catalog), ROWS)
            for trace, newest, _, sets in _native.evaluate_spansets(
                data, plan.spansets.program, limit=len(batch), spans_per_trace=plan.spans_per_trace, newest_first=False
            ):
                matches[trace] = newest, _Match(known[trace], sets)
            if teller and teller.due():
                # Those that are still to come are older.
                reached = some[0].newest if some else down_to
                sure = [match for time, match in _newest(matches, plan.limit) if time >= reached]
                new = {one.trace_id for one in teller.new(match.candidate for match in sure)}
                chosen = [match for match in sure if match.candidate.trace_id in new]
                told = _told(ask, scoped, plan, chosen, catalog)
                teller.tell((match.candidate for match in chosen), told, reached)
    cut = looked >= plan.max_candidates
    kept = _newest(matches, plan.limit if plan.order == "newest" else len(matches))
    return [match for _, match in kept], _sentence(plan.max_candidates) if cut else ""


def _batch(some: list[Candidate], most: int) -> tuple[list[Candidate], list[Candidate]]:
    """The next candidates to look at, and the rest: one at least, not too many spans at one time."""
    spans = 0
    for number, one in enumerate(some[:most]):
        spans += one.spans
        if number and spans > BATCH_SPANS:
            return some[:number], some[number:]
    return some[:most], some[most:]


def _enough(matches: dict[bytes, tuple[int, _Match]], limit: int, next_newest: int) -> bool:
    """Whether no trace that is still to come can be among the newest."""
    newest = sorted((time for time, _ in matches.values()), reverse=True)
    return len(newest) >= limit and newest[limit - 1] >= next_newest


def _newest(matches: dict[bytes, tuple[int, _Match]], limit: int) -> list[tuple[int, _Match]]:
    return sorted(matches.values(), key=lambda one: (-one[0], one[1].candidate.trace_id))[:limit]


def _told(ask: Ask, scoped: Scoped, plan: FindTraces, matches: list[_Match], catalog: Catalog) -> list[TraceHit]:
    """What is told of traces that native code let through."""
    by_trace = {match.candidate.trace_id.hex(): match for match in matches}
    some = [match.candidate for match in matches]
    hits = _summaries(ask, scoped, plan, some, catalog)
    packed = b"".join(
        bytes.fromhex(hit.trace_id) + ids[start : start + 8]
        for hit in hits
        for _, ids, _, _ in by_trace[hit.trace_id].sets
        for start in range(0, len(ids), 8)
    )
    spans: dict[tuple[str, str], MatchedSpan] = {}
    for start in range(0, len(packed), 24 * MAX_SPANS):
        part = packed[start : start + 24 * MAX_SPANS]
        for row in asked_rows(ask, found.chosen(scoped, plan, part, _of(some, hits), catalog)):
            spans[row[0], row[1]] = found.matched_span(row, plan.select)
    for hit in hits:
        hit.sets = [_span_set(hit.trace_id, one, plan.spansets.labels, spans) for one in by_trace[hit.trace_id].sets]
    return hits


def _span_set(trace: str, one: _Set, labels: tuple[SetLabel, ...], spans: dict[tuple[str, str], MatchedSpan]) -> SpanSet:
    matched, ids, numbering, told = one
    shown = []
    for position in range(len(ids) // 8):
        span = spans.get((trace, ids[8 * position : 8 * position + 8].hex()))
        if span is None:
            continue
        if numbering:
            at = 12 * position
            parent, left, right = (
                int.from_bytes(numbering[at + 4 * n : at + 4 * n + 4], "little", signed=True) for n in range(3)
            )
            nested = {"nestedSetParent": parent, "nestedSetLeft": left, "nestedSetRight": right}
            span = MatchedSpan(
                span.span_id, span.name, span.service, span.start, span.duration, {**span.attributes, **nested}
            )
        shown.append(span)
    attributes = {labels[index].name: _label(labels[index], value) for index, value in told if value is not None}
    return SpanSet(matched, shown, attributes)


def _label(label: SetLabel, value: bytes | float) -> str | int | float | bool:
    if isinstance(value, bytes):
        return key_value(value.decode(errors="replace"))
    if label.kind == "duration":
        return round(value)
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else float(value)


def _summaries(ask: Ask, scoped: Scoped, plan: FindTraces, some: list[Candidate], catalog: Catalog) -> list[TraceHit]:
    """What candidates are as a whole, in the order that the plan asks for."""
    if not some:
        return []
    hits = [found.hit(row) for row in asked_rows(ask, found.summaries(scoped, some, catalog))]
    newest = {one.trace_id.hex(): position for position, one in enumerate(some)}
    order: dict[str, Callable[[TraceHit], int]] = {
        "newest": lambda hit: newest[hit.trace_id],
        "longest": lambda hit: -hit.duration,
        "spans": lambda hit: -hit.spans,
        "errors": lambda hit: -hit.errors,
    }
    hits.sort(key=lambda hit: (order[plan.order](hit), newest[hit.trace_id]))
    return hits[: plan.limit]


def _of(some: list[Candidate], hits: list[TraceHit]) -> list[Candidate]:
    """The candidates that became hits."""
    kept = {hit.trace_id for hit in hits}
    return [one for one in some if one.trace_id.hex() in kept]


def matching_spans(ask: Ask, scoped: Scoped, scan: SpanScan, catalog: Catalog) -> tuple[bytes, str]:
    """Packed ids of the spans in the spansets of a scan, and a sentence when not all of its traces were looked at."""
    spansets = scan.spansets
    assert spansets is not None
    ids = bytearray()
    looked = 0
    for some, _ in candidates(ask, scoped, spansets, scan.time, MAX_TRACES, catalog):
        while some:
            batch, some = _batch(some, BATCH)
            looked += len(batch)
            ids += _native.matching_spans(
                ask(found.rows(scoped, spansets, scan.time, batch, catalog), ROWS), spansets.program
            )
            if len(ids) > 24 * MAX_SPANS:
                return bytes(ids[: 24 * MAX_SPANS]), f"Only {MAX_SPANS:,} spans were looked at, the newest ones."
    return bytes(ids), _sentence(MAX_TRACES) if looked >= MAX_TRACES else ""


def _sentence(looked: int) -> str:
    return f"Only the newest {looked:,} traces that may match were looked at."
