"""SQL of grouped aggregation. Pure text.

Rows are made first (a column for each key and each number that a metric needs), then grouped. A level is limited within
each group of the level above it, and only groups that are left are divided further: the statement of each level is the
condition on the rows of the next.
"""

from __future__ import annotations

from typing import Final, assert_never

from nexus.query.plan import (
    Aggregate,
    CalendarBuckets,
    FieldValues,
    GroupKey,
    Matches,
    Metric,
    NumberBuckets,
    Scoped,
    TimeBuckets,
)
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.compare import number
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.predicates import Body, Conditions
from nexus.storage.clickhouse.scan import scan_of

MAX_ROWS: Final = 100_000
_INTERVALS: Final = {
    "minute": "toStartOfMinute",
    "hour": "toStartOfHour",
    "day": "toStartOfDay",
    "month": "toStartOfMonth",
    "quarter": "toStartOfQuarter",
    "year": "toStartOfYear",
}


def aggregate(scoped: Scoped, plan: Aggregate, catalog: Catalog) -> str:
    """One row a group of the last level: keys, count, count of the groups beside it, metrics."""
    return _Statement(scoped, plan, catalog).level(len(plan.levels))


class _Statement:
    def __init__(self, scoped: Scoped, plan: Aggregate, catalog: Catalog) -> None:
        self.scoped, self.plan, self.catalog = scoped, plan, catalog

    def level(self, depth: int, *, keys_only: bool = False) -> str:
        """The groups of the first `depth` levels."""
        levels = self.plan.levels[:depth]
        keys = [f"k{at}" for at in range(depth)]
        metrics = () if keys_only else self.plan.metrics
        ordering = levels[-1].metric if levels else None
        columns = [f"{self.key(level.key)} AS k{at}" for at, level in enumerate(levels)]
        columns += [f"{self.source(metric)} AS x{at}" for at, metric in enumerate(metrics)]
        columns += [f"{self.source(ordering)} AS o"] if ordering else []
        timed = [metric for metric in (*metrics, *([ordering] if ordering else [])) if metric.kind in ("latest", "earliest")]
        columns += ["timestamp AS at"] if timed else []
        rows = scan_of(self.scoped, self.plan.scan, self.catalog).union(", ".join(columns) or "1")
        found = [figure(metric, f"x{at}") for at, metric in enumerate(metrics)]
        if not levels:
            return f"SELECT {', '.join(['count()', 'count()', *found])} FROM (\n{rows}\n)"
        where = [condition for at, level in enumerate(levels) if (condition := _has_key(level.key, f"k{at}"))]
        if depth > 1:
            where.append(f"({', '.join(keys[:-1])}) IN (\n{self.level(depth - 1, keys_only=True)}\n)")
        last = levels[-1]
        parents = ", ".join(keys[:-1])
        beside = f"sum(c) OVER ({f'PARTITION BY {parents}' if parents else ''})"
        by = {"count": "c", "key": keys[-1], "metric": "om"}[last.order]
        order = f"{by}{' DESC' if last.descending else ''}"
        grouped = [*keys, "count() AS c", *(f"{text} AS m{at}" for at, text in enumerate(found))]
        grouped += [f"{figure(ordering, 'o')} AS om"] if ordering else []
        inner = f"SELECT {', '.join(grouped)} FROM (\n{rows}\n)\n"
        inner += f"WHERE {' AND '.join(where)}\n" if where else ""
        inner += f"GROUP BY {', '.join(keys)}"
        inner += f"\nHAVING c >= {last.min_count}" if last.min_count > 1 else ""
        shown = keys if keys_only else [*keys, "c", f"{beside} AS beside", *(f"m{at}" for at in range(len(found)))]
        limit = f"LIMIT {last.limit} BY {parents}\nLIMIT {MAX_ROWS}" if parents else f"LIMIT {last.limit}"
        sorting = ", ".join([*keys[:-1], order, keys[-1]])
        return f"SELECT {', '.join(shown)} FROM (\n{inner}\n)\nORDER BY {sorting}\n{limit}"

    def key(self, key: GroupKey) -> str:
        """The key of a record."""
        match key:
            case TimeBuckets(step, offset):
                moment = "toUnixTimestamp64Nano(timestamp)"
                # Added, not taken off, so that no number is below zero.
                ahead = -offset % step
                return f"intDiv({moment} + {ahead}, {step}) * {step} - {ahead}"
            case CalendarBuckets(unit, zone):
                moment = f"toDateTime(timestamp, {quote(zone)})"
                begin = f"toStartOfWeek({moment}, 1)" if unit == "week" else f"{_INTERVALS[unit]}({moment})"
                return f"toInt64(toUnixTimestamp(toDateTime({begin}, {quote(zone)}))) * 1000000000"
            case NumberBuckets(field, step, offset):
                return f"floor(({number(field, self.catalog)} - {offset!r}) / {step!r}) * {step!r} + {offset!r}"
            case FieldValues(field, missing):
                text = fields.text(field, self.catalog)
                return f"if({text} = '', {quote(missing)}, {text})" if missing else text
            case Matches(predicates):
                conditions = Conditions(self.catalog, Body.PLAIN)
                each = [f"if(ifNull({conditions.compile(one)}, 0), {at}, -1)" for at, one in enumerate(predicates)]
                return f"arrayJoin(arrayFilter(n -> n >= 0, [{', '.join(each)}]))"
            case _:
                assert_never(key)

    def source(self, metric: Metric) -> str:
        """What a metric needs of a record."""
        match metric.kind:
            case "count":
                return f"({fields.presence(metric.field, self.catalog)})"
            case "distinct" | "latest" | "earliest":
                return f"ifNull(toString({fields.text(metric.field, self.catalog)}), '')"
            case _:
                return number(metric.field, self.catalog)


def figure(metric: Metric, x: str) -> str:
    """A metric of a group, over the column `x`; NULL where there is nothing to say."""
    usable = f"{x} IS NOT NULL AND isFinite({x})"
    match metric.kind:
        case "count":
            return f"countIf({x})"
        case "distinct":
            return f"uniqCombined64If({x}, {x} != '')"
        case "latest":
            return f"argMaxIf({x}, at, {x} != '')"
        case "earliest":
            return f"argMinIf({x}, at, {x} != '')"
        case "sum" | "avg" | "min" | "max":
            return f"if(countIf({usable}) = 0, NULL, {metric.kind}If({x}, {usable}))"
        case "percentiles":
            return (
                f"if(countIf({usable}) = 0, [], quantilesTDigestIf({', '.join(map(repr, metric.argument))})({x}, {usable}))"
            )
        case "stats":
            return (
                f"(countIf({usable}), minIf({x}, {usable}), maxIf({x}, {usable}), avgIf({x}, {usable}), "
                f"sumIf({x}, {usable}), sumIf({x} * {x}, {usable}))"
            )


def _has_key(key: GroupKey, name: str) -> str:
    match key:
        case NumberBuckets():
            return f"{name} IS NOT NULL"
        case FieldValues(_, None):
            return f"{name} != ''"
        case _:
            return ""
