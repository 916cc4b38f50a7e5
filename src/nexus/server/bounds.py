"""How much one query may use: the configuration's numbers, or those of its tenant, user or key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeVar

from nexus.config import QueryConfig
from nexus.errors import LimitExceeded
from nexus.model.time import NS_PER_SECOND
from nexus.model.units import Duration
from nexus.query.plan import Bounds, Context, Limits, LogScan, Plan, PromQuery, ReadSeries, SeriesScan, TimeRange
from nexus.query.trace_plan import FindTraces, SpanScan
from nexus.security.limits.limiter import Meter

P = TypeVar("P", bound=Plan)

WINDOW: Final = 3600.0
"""Seconds that a window of a PromQL selector may reach back beyond the range of its query."""


def limits_of(config: QueryConfig, meter: Meter | None) -> Limits:
    """What a query of this caller may use."""
    rows, size = float(config.max_scan_rows), float(config.max_scan_bytes)
    if meter is not None:
        rows, size = meter.bound("query_scan_rows", rows)[0], meter.bound("query_scan_bytes", size)[0]
    return Limits(config.timeout, config.memory_bytes, config.result_rows, config.result_bytes, int(rows), int(size))


def check_range(config: QueryConfig, meter: Meter | None, plan: Plan, now_ns: int) -> None:
    """Raise `LimitExceeded` for a query over a longer time than it may cover. SQL names its times in the statement, where
    only what it reads can be limited; the bounds of what is stored and the neighbours of a record are no ranges."""
    default = float(config.max_range)
    longest, whose = meter.bound("query_range", default) if meter is not None else (default, "configuration")
    if not longest or isinstance(plan, Bounds | Context):
        return
    for covered in covers(plan, now_ns):
        # A range up to now was long enough when it was asked for.
        if covered is not None and covered <= longest + 1:
            continue
        if meter is not None:
            meter.refuse(whose, "query_range")
        asked = "every record there is" if covered is None else _shown(covered)
        raise LimitExceeded(
            f"the query covers {asked}, and may cover {_shown(longest)} at most (limit query_range of the {whose}).",
            hint=f"Choose a start at most {_shown(longest)} before the end.",
        )


def covers(plan: Plan, now_ns: int) -> Iterator[float | None]:
    """How many seconds each scan of a plan covers; None is everything. Of series, what has samples to read counts: the range
    of a query, and windows that reach back further than an hour."""
    for scan in scans(plan):
        start, end = scan.time.start, scan.time.end
        yield None if start is None else ((now_ns if end is None else end) - start) / NS_PER_SECOND
    if isinstance(plan, PromQuery):
        yield (plan.end - plan.start) / 1000
        for selected in plan.selectors:
            yield (selected.end - selected.start) / 1000 - WINDOW
    elif isinstance(plan, ReadSeries):
        yield (plan.scan.end - plan.scan.start) / 1000


def reaching_back(config: QueryConfig, meter: Meter | None, plan: P, now_ns: int) -> P:
    """The plan over no more than it may cover, up to now: for what is asked of the newest records without naming a time
    (what went before a live tail, which fields there are)."""
    default = float(config.max_range)
    longest = meter.bound("query_range", default)[0] if meter is not None else default
    scan = getattr(plan, "scan", None)
    earliest = now_ns - int(longest * NS_PER_SECOND)
    if longest and isinstance(scan, SeriesScan):
        return replace(plan, scan=replace(scan, start=max(scan.start, earliest // 10**6)))  # type: ignore[arg-type]
    if not longest or not isinstance(scan, LogScan | SpanScan):
        return plan
    start = earliest if scan.time.start is None else max(scan.time.start, earliest)
    return replace(plan, scan=replace(scan, time=TimeRange(start, scan.time.end)))  # type: ignore[arg-type]


def scans(plan: Plan) -> Iterator[LogScan | SpanScan | FindTraces]:
    """The scans of a plan; none of SQL, of one record, and of traces by their ids."""
    if isinstance(plan, FindTraces):
        yield plan
    for name in ("scan", "selection", "baseline"):
        found = getattr(plan, name, None)
        if isinstance(found, LogScan | SpanScan):
            yield found


def _shown(seconds: float) -> str:
    return str(Duration(round(seconds)))
