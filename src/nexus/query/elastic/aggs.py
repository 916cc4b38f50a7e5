"""Aggregations: trees of buckets and metrics to aggregate plans, and their rows to the answers clients expect.

Each node of the tree that makes buckets is one plan: its levels are the path from the root, its metrics those directly
below. `ask` runs plans; everything else here is pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from nexus.errors import InvalidRequest, LimitExceeded
from nexus.model.time import NS_PER_SECOND
from nexus.query.elastic.dates import CALENDAR, read_date, read_interval
from nexus.query.elastic.dsl import lower_query
from nexus.query.elastic.names import TIMESTAMP, field_of
from nexus.query.plan import (
    Aggregate,
    CalendarBuckets,
    Field,
    FieldKind,
    FieldValues,
    Level,
    LogScan,
    Matches,
    Metric,
    NumberBuckets,
    TimeBuckets,
)

MAX_BUCKETS: Final = 65_536
MAX_NODES: Final = 100
NS_PER_MS: Final = 1_000_000
Row = list[Any]
Ask = Callable[[Aggregate], Awaitable[list[Row]]]

_PERCENTS: Final = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
_METRICS: Final = {
    "avg": "avg",
    "sum": "sum",
    "min": "min",
    "max": "max",
    "value_count": "count",
    "cardinality": "distinct",
    "stats": "stats",
    "extended_stats": "stats",
    "percentiles": "percentiles",
    "top_metrics": "latest",
}


@dataclass(slots=True)
class MetricNode:
    """One metric: `kind` as the client calls it, `metrics` as the plan has them."""

    name: str
    kind: str
    body: Mapping[str, Any]
    metrics: tuple[Metric, ...]


@dataclass(slots=True)
class BucketNode:
    """One aggregation that makes buckets, and what is asked of each of them."""

    name: str
    kind: str
    body: Mapping[str, Any]
    level: Level
    metrics: list[MetricNode] = field(default_factory=list)
    buckets: list[BucketNode] = field(default_factory=list)
    labels: tuple[str, ...] = ()
    keyed: bool = False
    bounds: tuple[int, int] | None = None
    min_count: int = 1


@dataclass(slots=True)
class Tree:
    """The aggregations of a request."""

    metrics: list[MetricNode]
    buckets: list[BucketNode]


# -------------------------------------------------------------------------------------------------------------- reading


def read_aggregations(aggregations: Any, *, now_ns: int) -> Tree:
    """The tree of `aggs`. Raises `InvalidRequest` for what is malformed or not supported."""
    reader = _Reader(now_ns)
    metrics, buckets = reader.level(aggregations)
    return Tree(metrics, buckets)


class _Reader:
    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self.nodes = 0

    def level(self, aggregations: Any) -> tuple[list[MetricNode], list[BucketNode]]:
        metrics: list[MetricNode] = []
        buckets: list[BucketNode] = []
        if aggregations is None:
            return metrics, buckets
        if not isinstance(aggregations, Mapping):
            raise InvalidRequest("aggregations are an object.")
        for name, held in aggregations.items():
            self.nodes += 1
            if self.nodes > MAX_NODES:
                raise InvalidRequest(f"there are more than {MAX_NODES} aggregations.")
            if not isinstance(held, Mapping):
                raise InvalidRequest(f"the aggregation [{name}] is an object.")
            below = held.get("aggs") or held.get("aggregations")
            kinds = [key for key in held if key not in ("aggs", "aggregations", "meta")]
            if len(kinds) != 1 or not isinstance(held[kinds[0]], Mapping):
                raise InvalidRequest(f"the aggregation [{name}] has one kind.")
            kind, body = kinds[0], held[kinds[0]]
            if kind in _METRICS:
                metrics.append(self.metric(name, kind, body))
                continue
            node = self.bucket(name, kind, body)
            node.metrics, node.buckets = self.level(below) if below else ([], [])
            if node.level.order == "metric":
                node.level = replace(node.level, metric=_ordering(node))
            buckets.append(node)
        return metrics, buckets

    def metric(self, name: str, kind: str, body: Mapping[str, Any]) -> MetricNode:
        if kind == "top_metrics":
            sort = body.get("sort") or [{TIMESTAMP: "desc"}]
            first = sort[0] if isinstance(sort, list) else sort
            by, direction = next(iter(first.items())) if isinstance(first, Mapping) else (first, "desc")
            direction = direction.get("order", "desc") if isinstance(direction, Mapping) else direction
            if by != TIMESTAMP or body.get("size", 1) != 1:
                raise InvalidRequest(f"[top_metrics] is supported for one record by {TIMESTAMP}.")
            asked = body.get("metrics") or []
            names = [str(one.get("field", "")) for one in (asked if isinstance(asked, list) else [asked])]
            way = "latest" if direction == "desc" else "earliest"
            return MetricNode(name, kind, {"fields": names}, tuple(Metric(way, field_of(one)) for one in names))  # type: ignore[arg-type]
        over = field_of(_name(body, kind))
        arguments: tuple[float, ...] = ()
        if kind == "percentiles":
            percents = body.get("percents") or _PERCENTS
            try:
                arguments = tuple(float(one) / 100 for one in percents)
            except (TypeError, ValueError):
                raise InvalidRequest("percents are numbers from 0 to 100.") from None
            if not arguments or not all(0 <= one <= 1 for one in arguments) or len(arguments) > 100:
                raise InvalidRequest("percents are numbers from 0 to 100.")
        return MetricNode(name, kind, body, (Metric(_METRICS[kind], over, arguments),))  # type: ignore[arg-type]

    def bucket(self, name: str, kind: str, body: Mapping[str, Any]) -> BucketNode:
        match kind:
            case "date_histogram":
                return self.dates(name, body)
            case "histogram":
                step = _number(body.get("interval"), "the interval of [histogram]")
                if step <= 0:
                    raise InvalidRequest("the interval of [histogram] is greater than 0.")
                key = NumberBuckets(field_of(_name(body, kind)), step, _number(body.get("offset", 0), "the offset"))
                return BucketNode(
                    name,
                    kind,
                    body,
                    Level(key, MAX_BUCKETS + 1),
                    min_count=int(_number(body.get("min_doc_count", 0), "min_doc_count")),
                )
            case "terms":
                return self.terms(name, body)
            case "filters" | "filter":
                given = {"": body} if kind == "filter" else body.get("filters")
                named = isinstance(given, Mapping)
                pairs = list(given.items()) if isinstance(given, Mapping) else list(enumerate(given or []))
                if not pairs or len(pairs) > 100:
                    raise InvalidRequest("[filters] takes 1 to 100 filters.")
                predicates = tuple(lower_query(query, now_ns=self.now_ns) for _, query in pairs)
                labels = tuple(str(label) for label, _ in pairs)
                return BucketNode(name, kind, body, Level(Matches(predicates)), labels=labels, keyed=named, min_count=0)
        raise InvalidRequest(f"unknown aggregation type [{kind}]", hint="See docs/reference/elasticsearch.md.")

    def dates(self, name: str, body: Mapping[str, Any]) -> BucketNode:
        if field_of(_name(body, "date_histogram")) != Field(FieldKind.COLUMN, "timestamp"):
            raise InvalidRequest(f"[date_histogram] is over {TIMESTAMP}.")
        zone = str(body.get("time_zone", "UTC"))
        given = body.get("fixed_interval") or body.get("calendar_interval") or body.get("interval")
        if given is None:
            raise InvalidRequest("[date_histogram] needs fixed_interval or calendar_interval.")
        offset = read_interval(str(body["offset"]).lstrip("+")) if body.get("offset") else 0
        unit = CALENDAR.get(str(given)) if "fixed_interval" not in body else None
        key: TimeBuckets | CalendarBuckets
        if unit in (None, "minute", "hour") or (unit in ("day", "week") and _shift(zone) is not None):
            step = read_interval({"minute": "1m", "hour": "1h", "day": "1d", "week": "1w"}.get(unit or "", str(given)))
            if step <= 0:
                raise InvalidRequest("the interval of [date_histogram] is greater than 0.")
            monday = 4 * 86_400 * NS_PER_SECOND if unit == "week" else 0
            key = TimeBuckets(step, offset + monday - (_shift(zone) or 0))
        else:
            if offset:
                raise InvalidRequest("an offset of calendar intervals in a time zone is not supported.")
            key = CalendarBuckets(unit, _zone(zone))  # type: ignore[arg-type]
        bounds = None
        if isinstance(given_bounds := body.get("extended_bounds"), Mapping):
            low, high = (read_date(given_bounds.get(end), now_ns=self.now_ns) for end in ("min", "max"))
            bounds = (low, high)
        min_count = int(_number(body.get("min_doc_count", 0), "min_doc_count"))
        descending = isinstance(body.get("order"), Mapping) and body["order"].get("_key") == "desc"
        return BucketNode(
            name,
            "date_histogram",
            body,
            Level(key, MAX_BUCKETS + 1, "key", descending, min_count=max(min_count, 1)),
            bounds=bounds,
            min_count=min_count,
            keyed=body.get("keyed") is True,
        )

    def terms(self, name: str, body: Mapping[str, Any]) -> BucketNode:
        size = int(_number(body.get("size", 10), "the size of [terms]"))
        if size < 0:
            raise InvalidRequest("the size of [terms] is 0 or more.")
        order = body.get("order") or {"_count": "desc"}
        order = order[0] if isinstance(order, list) and order else order
        if not isinstance(order, Mapping) or len(order) != 1:
            raise InvalidRequest("the order of [terms] is an object with one key.")
        ((by, direction),) = order.items()
        how = {"_count": "count", "_key": "key", "_term": "key"}.get(by, "metric")
        missing = None if body.get("missing") is None else str(body["missing"])
        min_count = int(_number(body.get("min_doc_count", 1), "min_doc_count"))
        level = Level(
            FieldValues(field_of(_name(body, "terms")), missing),
            min(size or MAX_BUCKETS, MAX_BUCKETS),
            how,  # type: ignore[arg-type]
            str(direction).lower() == "desc",
            min_count=max(min_count, 1),
        )
        return BucketNode(name, "terms", {**body, "order_by": by}, level, min_count=max(min_count, 1))


def _ordering(node: BucketNode) -> Metric:
    """The metric that a `terms` aggregation is ordered by: `name`, or `name.p` of one with several figures."""
    by = str(node.body["order_by"])
    name, _, part = by.partition(".")
    if match := re.fullmatch(r"(.+)\[(.+)\]", by):
        name, part = match[1], match[2]
    for metric in node.metrics:
        if metric.name != name:
            continue
        (first, *_) = metric.metrics
        if first.kind == "percentiles":
            return Metric("percentiles", first.field, (float(part or 50) / 100,))
        if first.kind == "stats":
            kinds = {"avg": "avg", "sum": "sum", "min": "min", "max": "max", "count": "count"}
            return Metric(kinds.get(part, "avg"), first.field)  # type: ignore[arg-type]
        return first
    raise InvalidRequest(f"Invalid aggregator order path [{by}]. Unknown aggregation [{name}]")


# --------------------------------------------------------------------------------------------------------------- asking


async def answer(tree: Tree, scan: LogScan, ask: Ask) -> dict[str, Any]:
    """The `aggregations` of an answer."""
    result: dict[str, Any] = {}
    if tree.metrics:
        plan = Aggregate(scan, (), _metrics(tree.metrics))
        (row,) = await ask(plan)
        result |= _figures(tree.metrics, row[2:])
    for node in tree.buckets:
        result[node.name] = (await _buckets(node, scan, (), ask)).get((), None) or _empty_bucket(node)
    return result


async def _buckets(node: BucketNode, scan: LogScan, path: tuple[Level, ...], ask: Ask) -> dict[tuple[Any, ...], Any]:
    """The answer of a node for each group of the levels above."""
    levels = (*path, node.level)
    rows = await ask(Aggregate(scan, levels, _metrics(node.metrics)))
    if len(rows) > MAX_BUCKETS:
        raise LimitExceeded(
            f"there are more than {MAX_BUCKETS} buckets.", hint="Use a longer interval, or ask for fewer terms."
        )
    below = [(child, await _buckets(child, scan, levels, ask)) for child in node.buckets] if rows else []
    depth = len(levels)
    grouped: dict[tuple[Any, ...], list[tuple[Any, dict[str, Any], int]]] = {}
    for row in rows:
        keys, count, beside = tuple(row[:depth]), int(row[depth]), int(row[depth + 1])
        bucket = {"doc_count": count, **_figures(node.metrics, row[depth + 2 :])}
        for child, answers in below:
            bucket[child.name] = answers.get(keys) or _empty_bucket(child)
        grouped.setdefault(keys[:-1], []).append((keys[-1], bucket, beside))
    return {parent: _shape(node, found) for parent, found in grouped.items()}


def _metrics(nodes: list[MetricNode]) -> tuple[Metric, ...]:
    return tuple(metric for node in nodes for metric in node.metrics)


def _empty_bucket(node: BucketNode) -> dict[str, Any]:
    return _shape(node, [])


# -------------------------------------------------------------------------------------------------------------- shaping


def _shape(node: BucketNode, found: list[tuple[Any, dict[str, Any], int]]) -> dict[str, Any]:
    match node.kind:
        case "terms":
            shown = [{"key": key, **bucket} for key, bucket, _ in found]
            beside = found[0][2] if found else 0
            rest = beside - sum(bucket["doc_count"] for _, bucket, _ in found)
            return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": rest, "buckets": shown}
        case "filters" | "filter":
            held = {int(key): bucket for key, bucket, _ in found}
            each = [held.get(at) or _nothing(node) for at in range(len(node.labels))]
            if node.kind == "filter":
                return each[0]
            return {"buckets": dict(zip(node.labels, each, strict=True)) if node.keyed else each}
        case "histogram":
            buckets = _filled_numbers(node, {float(key): bucket for key, bucket, _ in found})
            return {"buckets": [{"key": key, **bucket} for key, bucket in buckets]}
        case _:
            dated = _filled_dates(node, {int(key): bucket for key, bucket, _ in found})
            listed = [{"key_as_string": _date(node, key), "key": key // NS_PER_MS, **bucket} for key, bucket in dated]
            return {"buckets": {one["key_as_string"]: one for one in listed} if node.keyed else listed}


def _filled_dates(node: BucketNode, found: dict[int, dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    key = node.level.key
    keys = sorted(found)
    if node.min_count == 0:
        ends = [*keys[:1], *keys[-1:]]
        if isinstance(key, TimeBuckets):
            if node.bounds:
                ends += [(end - key.offset) // key.step * key.step + key.offset for end in node.bounds]
            if ends:
                _check_size((max(ends) - min(ends)) // key.step)
                keys = list(range(min(ends), max(ends) + 1, key.step))
        elif isinstance(key, CalendarBuckets):
            ends += list(node.bounds or ())
            if ends:
                keys = sorted({*keys, *_calendar(key, min(ends), max(ends))})
    pairs = [(begin, found.get(begin) or _nothing(node)) for begin in keys]
    return pairs[::-1] if node.level.descending else pairs


def _calendar(key: CalendarBuckets, low: int, high: int) -> list[int]:
    """Begins of calendar buckets that overlap a range."""
    zone = ZoneInfo(key.zone)
    moment = (
        datetime.fromtimestamp(low // NS_PER_SECOND, UTC).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    months = {"month": 1, "quarter": 3, "year": 12}.get(key.unit, 0)
    if months:
        first = (moment.month - 1) // months * months if months > 1 else moment.month - 1
        moment = moment.replace(day=1, month=first + 1)
    elif key.unit == "week":
        moment -= timedelta(days=moment.weekday())
    found = []
    while int(moment.timestamp()) * NS_PER_SECOND <= high:
        found.append(int(moment.timestamp()) * NS_PER_SECOND)
        _check_size(len(found))
        if months:
            total = moment.year * 12 + moment.month - 1 + months
            moment = moment.replace(year=total // 12, month=total % 12 + 1)
        else:
            # The wall clock moves on by days, whatever the length of each.
            moment = moment + timedelta(days=7 if key.unit == "week" else 1)
    return found


def _filled_numbers(node: BucketNode, found: dict[float, dict[str, Any]]) -> list[tuple[float, dict[str, Any]]]:
    key = node.level.key
    if node.min_count == 0 and len(found) > 1 and isinstance(key, NumberBuckets):
        count = round((max(found) - min(found)) / key.step)
        _check_size(count)
        low = min(found)
        steps = [low + at * key.step for at in range(count + 1)]
        close = {round((begin - low) / key.step): bucket for begin, bucket in found.items()}
        return [(begin, close.get(at) or _nothing(node)) for at, begin in enumerate(steps)]
    return [(begin, bucket) for begin, bucket in sorted(found.items()) if bucket["doc_count"] >= node.min_count]


def _check_size(buckets: int) -> None:
    if buckets > MAX_BUCKETS:
        raise LimitExceeded(f"there are more than {MAX_BUCKETS} buckets.", hint="Use a longer interval or a shorter range.")


def _nothing(node: BucketNode) -> dict[str, Any]:
    """A bucket without records."""
    empty: list[Any] = []
    for metric in node.metrics:
        for one in metric.metrics:
            empty.append(
                [0] * 6
                if one.kind == "stats"
                else []
                if one.kind == "percentiles"
                else 0
                if one.kind in ("count", "distinct")
                else None
            )
    return {"doc_count": 0, **_figures(node.metrics, empty), **{child.name: _empty_bucket(child) for child in node.buckets}}


def _figures(nodes: list[MetricNode], values: list[Any]) -> dict[str, Any]:
    """Metrics of a bucket, from their values in order."""
    result: dict[str, Any] = {}
    rest = list(values)
    for node in nodes:
        mine, rest = rest[: len(node.metrics)], rest[len(node.metrics) :]
        result[node.name] = _figure(node, mine)
    return result


def _figure(node: MetricNode, values: list[Any]) -> dict[str, Any]:
    match node.kind:
        case "percentiles":
            percents = [round(one * 100, 6) for one in node.metrics[0].argument]
            marks = values[0] or [None] * len(percents)
            if node.body.get("keyed") is False:
                return {"values": [{"key": key, "value": mark} for key, mark in zip(percents, marks, strict=True)]}
            return {"values": {str(key): mark for key, mark in zip(percents, marks, strict=True)}}
        case "stats" | "extended_stats":
            return _stats(values[0], node.kind == "extended_stats", _number(node.body.get("sigma", 2), "sigma"))
        case "top_metrics":
            names = node.body["fields"]
            shown = {name: _maybe_number(value) for name, value in zip(names, values, strict=True)}
            return {"top": [{"sort": [], "metrics": shown}] if any(value for value in values) else []}
        case _:
            return {"value": values[0]}


def _stats(held: list[Any], extended: bool, sigma: float) -> dict[str, Any]:
    count, low, high, mean, total, squares = held
    if not count:
        low = high = mean = None
        total = 0
    result: dict[str, Any] = {"count": count, "min": low, "max": high, "avg": mean, "sum": total}
    if extended:
        variance = max(squares / count - mean * mean, 0.0) if count else None
        deviation = None if variance is None else math.sqrt(variance)
        upper = lower = None
        if deviation is not None:
            upper, lower = mean + sigma * deviation, mean - sigma * deviation
        result |= {
            "sum_of_squares": squares if count else None,
            "variance": variance,
            "std_deviation": deviation,
            "std_deviation_bounds": {"upper": upper, "lower": lower},
        }
    return result


def _maybe_number(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value):
        return float(value) if re.search(r"[.eE]", value) else int(value)
    return value or None


def _date(node: BucketNode, ns: int) -> str:
    if node.body.get("format") == "epoch_millis":
        return str(ns // NS_PER_MS)
    moment = datetime.fromtimestamp(ns // NS_PER_SECOND, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns % NS_PER_SECOND // NS_PER_MS:03d}Z"


def _shift(zone: str) -> int | None:
    """Nanoseconds that a zone without daylight saving time is ahead of UTC, None for others."""
    if zone in ("UTC", "Z", "Etc/UTC", "GMT", "utc"):
        return 0
    if match := re.fullmatch(r"([+-])(\d\d):?(\d\d)", zone):
        seconds = int(match[2]) * 3600 + int(match[3]) * 60
        return (-seconds if match[1] == "-" else seconds) * NS_PER_SECOND
    _zone(zone)
    return None


def _zone(zone: str) -> str:
    """A name of the time zone database. Raises `InvalidRequest`."""
    if _fixed := re.fullmatch(r"([+-])(\d\d):?00", zone):
        # The database's names have the sign of the other direction.
        return f"Etc/GMT{'-' if _fixed[1] == '+' else '+'}{int(_fixed[2])}"
    if zone in ("Z", "utc"):
        return "UTC"
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise InvalidRequest(f"{zone[:60]!r} is not a time zone.") from None
    return zone


def _name(body: Mapping[str, Any], kind: str) -> str:
    name = body.get("field")
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"[{kind}] needs a field.")
    return name


def _number(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidRequest(f"{what} is a number.")
    return number
