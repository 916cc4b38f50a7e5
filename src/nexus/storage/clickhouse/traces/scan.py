"""The scan of spans: where tenant, row policy, masks, time and condition become the source and the conditions of a SELECT.
Every compiled query of spans is made of these, and there is no other way to name the table."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from nexus.query.plan import Scoped, TimeRange
from nexus.query.span_policy import check_erasable, closed
from nexus.query.trace_plan import EVERY_SPAN, Binary, SpanExpr, SpanScan
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.predicates import Conditions
from nexus.storage.clickhouse.scan import Scan, conjunction
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.slices import slices, time_conditions
from nexus.storage.clickhouse.traces.expressions import Expressions, of_traces
from nexus.storage.clickhouse.traces.masking import source

REACH: Final = 3_600_000_000_000
"""How far (ns) around a span the others of its trace are looked for: an hour."""

FEW_GRANULES: Final = "\nSETTINGS use_skip_indexes_on_data_read = 0"
"""For statements about given traces: filters are asked before anything is opened, and not part by part while reading, for
which every column of every part would be opened (20 ms of the 45 that a trace by its id takes)."""


def spans_of(
    scoped: Scoped,
    time: TimeRange,
    catalog: Catalog,
    where: SpanExpr = EVERY_SPAN,
    extra: Iterable[str] = (),
    asked: Iterable[SpanExpr] = (),
) -> Scan:
    """Matching spans. `extra` are further conditions; `asked` are expressions that the SELECT is about, beside `where`: what
    they say of whole traces is joined to the spans."""
    conditions = [*Expressions(catalog).conjuncts(where), *extra]
    return _scan(scoped, time, catalog, conditions, of_traces(iter((where, *asked))))


def matching(
    scoped: Scoped, scan: SpanScan, catalog: Catalog, extra: Iterable[str] = (), asked: Iterable[SpanExpr] = ()
) -> Scan:
    """The spans of a scan whose spansets need no program (`reader` finds those of the others and says so in `extra`)."""
    return spans_of(scoped, scan.time, catalog, where_of(scan), extra, asked)


def where_of(scan: SpanScan) -> SpanExpr:
    """The condition of a scan, with that of spansets that need no program."""
    if scan.spansets is None or scan.spansets.program:
        return scan.where
    leaves = either(scan.spansets.leaves)
    return leaves if scan.where == EVERY_SPAN else Binary("&&", scan.where, leaves)


def either(leaves: tuple[SpanExpr, ...]) -> SpanExpr:
    """Some of the leaves."""
    if not leaves or EVERY_SPAN in leaves:
        return EVERY_SPAN
    first, *rest = leaves
    for leaf in rest:
        first = Binary("||", first, leaf)
    return first


def _scan(scoped: Scoped, time: TimeRange, catalog: Catalog, conditions: list[str], joined: frozenset[str]) -> Scan:
    held = seen(scoped, catalog)
    joins = _joins(scoped, time, catalog, joined) if joined else ""
    branches = []
    for part in slices(time, catalog):
        chosen = (*held, *part.conditions)
        if scoped.masked:
            reading = partial(_masked, scoped, catalog, chosen, joins)
            branches.append((reading, tuple(conditions) or ("1",)))
        else:
            branches.append((partial(_table, catalog.table.path + joins), (*chosen, *conditions)))
    return Scan(tuple(branches), catalog.table.path)


def seen(scoped: Scoped, catalog: Catalog) -> tuple[str, ...]:
    """Tenant and row policy, each span once."""
    once = catalog.pending.conditions(scoped.tenant) if catalog.pending else ()
    return (f"tenant = {quote(scoped.tenant)}", *once, *Conditions(catalog).conjuncts(closed(scoped.policy)))


def readable(scoped: Scoped, catalog: Catalog, text: str) -> str:
    """What the columns `text` of a user's SQL are read from, as `storage.clickhouse.scan.readable` has it of logs."""
    conditions = conjunction(seen(scoped, catalog))
    if scoped.masked:
        return source(scoped, catalog, f"PREWHERE {conditions}", text)
    return f"{SPANS.path} {'PREWHERE' if scoped.restricted else 'WHERE'} {conditions}"


def _table(joined: str, text: str) -> str:
    return joined


def _masked(scoped: Scoped, catalog: Catalog, chosen: tuple[str, ...], joins: str, text: str) -> str:
    choice = f"WHERE {' AND '.join(chosen)}"
    if not joins:
        return source(scoped, catalog, choice, text)
    return f"{source(scoped, catalog, choice, f'{text} trace_id span_id')} AS _s{joins}"


def _joins(scoped: Scoped, time: TimeRange, catalog: Catalog, joined: frozenset[str]) -> str:
    """What spans are told of the whole of their traces, as far as they are stored within `REACH` of the range and seen."""
    reach = widened(time)

    def read(columns: str, *extra: str) -> str:
        return spans_of(scoped, reach, catalog, extra=extra).union(columns)

    return joins_of(joined, read)


def joins_of(joined: frozenset[str], read: Callable[..., str]) -> str:
    """Joins for columns of whole traces (`ways.OF_TRACES`); `read` selects columns of the spans that these are made of, with
    further conditions."""
    text = ""
    if joined & {"_root_name", "_root_service"}:
        roots = read("trace_id, timestamp, name, service", "root")
        text += (
            "\nANY LEFT JOIN (SELECT trace_id AS _rt, 1 AS _rooted, toString(argMin(name, timestamp)) AS _root_name, "
            f"toString(argMin(service, timestamp)) AS _root_service FROM (\n{roots}\n) GROUP BY trace_id) AS _r "
            "ON trace_id = _rt"
        )
    if "_trace_duration" in joined:
        times = read("trace_id, toUnixTimestamp64Nano(timestamp) AS b, duration")
        text += (
            "\nANY LEFT JOIN (SELECT trace_id AS _dt, max(b + toInt64(duration)) - min(b) AS _trace_duration "
            f"FROM (\n{times}\n) GROUP BY trace_id) AS _d ON trace_id = _dt"
        )
    if "_children" in joined:
        children = read("trace_id, parent_span_id", "NOT root")
        text += (
            "\nANY LEFT JOIN (SELECT trace_id AS _ct, parent_span_id AS _cp, toInt64(count()) AS _children "
            f"FROM (\n{children}\n) GROUP BY trace_id, parent_span_id) AS _c ON trace_id = _ct AND span_id = _cp"
        )
    return text


def widened(time: TimeRange) -> TimeRange:
    """A range with `REACH` on both sides, in whole slots."""
    size = SPANS.unit_ns
    start = None if time.start is None else max((time.start - REACH) // size * size, 0)
    return TimeRange(start, None if time.end is None else -(-(time.end + REACH) // size) * size)


def within(inner: TimeRange, outer: TimeRange) -> TimeRange:
    """What two ranges share."""
    starts = [start for start in (inner.start, outer.start) if start is not None]
    ends = [end for end in (inner.end, outer.end) if end is not None]
    return TimeRange(max(starts) if starts else None, min(ends) if ends else None)


def of_these_traces(ids: Iterable[bytes]) -> str:
    """The span is of one of these traces."""
    return f"trace_id IN ({', '.join(f'unhex({quote(id.hex())})' for id in ids)})"


def these_spans(packed: bytes) -> str:
    """The span is one of these: trace id and span id, 24 bytes each, one after the other."""
    if not packed:
        return "0"
    text = base64.b64encode(packed).decode()
    pieces = f"arrayMap(i -> substring(base64Decode('{text}'), 1 + 24 * i, 24), range({len(packed) // 24}))"
    return (
        "(trace_id, span_id) IN (SELECT toFixedString(substring(x, 1, 16), 16), toFixedString(substring(x, 17, 8), 8) "
        f"FROM (SELECT arrayJoin({pieces}) AS x))"
    )


def erasure_condition(scoped: Scoped, scan: SpanScan, catalog: Catalog) -> str:
    """Tenant, row policy, time and condition of a scan as one condition for statements that remove spans. Raises
    `InvalidRequest` when it is about whole traces, of which a removal does not know."""
    check_erasable(scan)
    where = where_of(scan)
    return conjunction([*seen(scoped, catalog), *time_conditions(scan.time, SPANS), *Expressions(catalog).conjuncts(where)])
