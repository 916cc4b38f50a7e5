"""Grouped aggregation on a real engine, against the same thing done in Python."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from tests.oracles.filled_store import Store, filled_store, predicate
from tests.oracles.records import HOUR
from tests.oracles.search import Record, number_of, text_of

from nexus.query.fields import resolve
from nexus.query.plan import Aggregate, CalendarBuckets, FieldValues, Level, Matches, Metric, NumberBuckets, TimeBuckets
from nexus.storage.clickhouse.compile import compile_table

DAY = 24 * HOUR
STATUS, COLOR = resolve("status"), resolve("color")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with filled_store(tmp_path_factory.mktemp("aggregate")) as filled:
        yield filled


def rows(store: Store, plan: Aggregate) -> list[list[object]]:
    return store.table(compile_table(store.scoped(plan), store.catalog))


def number(record: Record, name: str) -> float | None:
    held = record.attributes.get(name)
    if isinstance(held, bool):
        return None
    read = number_of(held) if isinstance(held, str) else held
    return float(read) if isinstance(read, int | float) else None


def text(record: Record, name: str) -> str:
    return text_of(record.attributes[name]) if name in record.attributes else ""


@pytest.mark.parametrize("query", ["", "payment", "nothing_has_this"])
@pytest.mark.parametrize(("step", "offset"), [(HOUR, 0), (6 * HOUR, HOUR), (DAY, -2 * HOUR), (7 * DAY, 4 * DAY)])
def test_time_buckets(store: Store, query: str, step: int, offset: int) -> None:
    found = rows(store, Aggregate(store.scan(query), (Level(TimeBuckets(step, offset)),)))
    expected = Counter((r.timestamp - offset) // step * step + offset for r in store.matching(query))
    assert [(int(key), count) for key, count, _ in found] == sorted(expected.items())  # type: ignore[call-overload]
    assert {beside for *_, beside in found} <= {len(store.matching(query))}


@pytest.mark.parametrize("unit", ["day", "week", "month", "year"])
def test_calendar_buckets(store: Store, unit: str) -> None:
    zone = ZoneInfo("America/New_York")

    def begin(record: Record) -> int:
        moment = datetime.fromtimestamp(record.timestamp // 10**9, zone).replace(hour=0, minute=0, second=0)
        day = moment.toordinal() - (moment.weekday() if unit == "week" else 0)
        moment = datetime.fromordinal(day).replace(tzinfo=zone)
        moment = moment.replace(day=1) if unit in ("month", "year") else moment
        return int((moment.replace(month=1) if unit == "year" else moment).timestamp()) * 10**9

    found = rows(store, Aggregate(store.scan(""), (Level(CalendarBuckets(unit, "America/New_York")),)))  # type: ignore[arg-type]
    assert {int(key): count for key, count, _ in found} == Counter(map(begin, store.records))  # type: ignore[call-overload]


def test_values_in_every_order(store: Store) -> None:
    counted = Counter(filter(None, (text(r, "color") for r in store.records)))
    for order, key in (("count", lambda item: item[1]), ("key", lambda item: item[0].encode())):
        for descending in (False, True):
            plan = Aggregate(store.scan(""), (Level(FieldValues(COLOR), 4, order, descending),))  # type: ignore[arg-type]
            expected = sorted(sorted(counted.items(), key=lambda item: item[0].encode()), key=key, reverse=descending)
            found = rows(store, plan)
            assert [tuple(row[:2]) for row in found] == expected[:4]
            assert {row[2] for row in found} == {counted.total()}
    missing = rows(store, Aggregate(store.scan(""), (Level(FieldValues(COLOR, "none"), 1000),)))
    assert {row[0]: row[1] for row in missing}["none"] == sum(text(r, "color") == "" for r in store.records)
    few = rows(store, Aggregate(store.scan(""), (Level(FieldValues(COLOR), 1000, min_count=15),)))
    assert {row[0] for row in few} == {value for value, count in counted.items() if count >= 15}


def test_metrics(store: Store) -> None:
    kinds = ("count", "sum", "avg", "min", "max", "stats", "distinct", "latest", "earliest")
    metrics = (*(Metric(kind, STATUS) for kind in kinds), Metric("percentiles", STATUS, (0.0, 0.5, 1.0)))
    for query in ("", "payment", "nothing_has_this"):
        ((total, _, present, sum_, mean, low, high, stats, distinct, latest, earliest, marks),) = rows(
            store, Aggregate(store.scan(query), (), metrics)
        )
        records = store.matching(query)
        numbers = [value for r in records if (value := number(r, "status")) is not None]
        held = [r for r in records if text(r, "status")]
        assert (total, present) == (len(records), sum("status" in r.attributes for r in records))
        assert distinct == len({text(r, "status") for r in held})
        if not numbers:
            assert (sum_, mean, low, high, marks) == (None, None, None, None, [])
            continue
        assert (float(low), float(high)) == (min(numbers), max(numbers))  # type: ignore[arg-type]
        assert mean == pytest.approx(statistics.fmean(numbers)) and sum_ == pytest.approx(sum(numbers))
        assert stats == pytest.approx(
            [len(numbers), min(numbers), max(numbers), statistics.fmean(numbers), sum(numbers), sum(x * x for x in numbers)]
        )
        assert latest in {text(r, "status") for r in held if r.timestamp == max(h.timestamp for h in held)}
        assert earliest in {text(r, "status") for r in held if r.timestamp == min(h.timestamp for h in held)}
        assert [marks[0], marks[2]] == pytest.approx([min(numbers), max(numbers)])  # type: ignore[index]


def test_levels_are_limited_within_each_group(store: Store) -> None:
    top = Level(FieldValues(resolve("service")), 2, "metric", True, Metric("count", STATUS))
    plan = Aggregate(store.scan(""), (top, Level(FieldValues(COLOR), 3, "count", True), Level(TimeBuckets(DAY))))
    services = {r.service for r in store.records} - {""}

    def with_status(service: str) -> int:
        return sum(r.service == service and "status" in r.attributes for r in store.records)

    expected = []
    for service in sorted(sorted(services, key=str.encode), key=with_status, reverse=True)[:2]:
        inside = [r for r in store.records if r.service == service]
        colors = Counter(filter(None, (text(r, "color") for r in inside)))
        for color, _ in sorted(sorted(colors.items(), key=lambda item: item[0].encode()), key=lambda item: -item[1])[:3]:
            days = Counter(r.timestamp // DAY * DAY for r in inside if text(r, "color") == color)
            expected += [(service, color, day, count, sum(days.values())) for day, count in days.items()]
    assert sorted(tuple(row) for row in rows(store, plan)) == sorted(expected)


def test_numbers_and_predicates(store: Store) -> None:
    found = rows(store, Aggregate(store.scan(""), (Level(NumberBuckets(STATUS, 100.0, 50.0)),)))
    numbers = [value for r in store.records if (value := number(r, "status")) is not None and abs(value) < 2**52]
    expected = Counter((value - 50) // 100 * 100 + 50 for value in numbers)
    assert {float(k): n for k, n, _ in found if abs(float(k)) < 2**52} == expected  # type: ignore[arg-type]
    queries = ("payment", "level:error", "nothing_has_this", "")
    matches = Matches(tuple(predicate(query) for query in queries))
    found = rows(store, Aggregate(store.scan("-service:api"), (Level(matches),)))
    inside = {id(r) for r in store.matching("-service:api")}
    counts = [sum(id(r) in inside for r in store.matching(query)) for query in queries]
    assert {int(key): count for key, count, _ in found} == {at: n for at, n in enumerate(counts) if n}  # type: ignore[call-overload]
