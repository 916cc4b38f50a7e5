"""Patterns, context, comparison and field statistics on a real engine, against what Python says of the same records."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracles.filled_store import Store, filled_store
from tests.oracles.records import FIRST_DAY, HOUR
from tests.oracles.search import Record, number_of, text_of

from nexus.query.fields import resolve
from nexus.query.plan import (
    Context,
    Contrast,
    Count,
    FieldKind,
    FieldSummary,
    LogScan,
    Patterns,
    Profile,
    Search,
    TimeRange,
)
from nexus.storage.api import PatternRow, Surroundings
from nexus.storage.clickhouse.compile import compile_table
from nexus.storage.clickhouse.context import surroundings
from nexus.storage.clickhouse.patterns import find_patterns, oldest_first
from nexus.storage.clickhouse.records import FORMAT, PageBuilder, read_lines

QUERIES = ["", "payment", "level:>=warn", "-service:api", "status:>=200 OR timeout", "trace_id:*", "nothing_has_this"]
LAST = FIRST_DAY + 72 * HOUR
_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with filled_store(tmp_path_factory.mktemp("explore")) as filled:
        yield filled


def ask(store: Store, sql: str, format: str) -> bytes:
    answer: bytes = store.connection.query(sql, format).bytes()
    return answer


# ------------------------------------------------------------------------------------------------------------- patterns


def patterns(store: Store, plan: Patterns) -> tuple[int, int, list[PatternRow]]:
    return find_patterns(store.scoped(plan), plan, store.catalog, lambda sql, format: ask(store, sql, format))


moments = st.integers(FIRST_DAY - HOUR, LAST + HOUR) | st.builds(
    lambda hour, more: FIRST_DAY + hour * HOUR + more, st.integers(0, 72), st.sampled_from([0, 1, HOUR // 2, HOUR - 1])
)
ranges = st.builds(
    lambda one, other: TimeRange(min(one, other), max(one, other)), moments | st.none().map(lambda _: 0), moments
) | st.just(TimeRange())


@settings(_SETTINGS, max_examples=60)
@given(
    query=st.sampled_from(QUERIES),
    time=ranges,
    step=st.sampled_from([HOUR // 4, HOUR, 3 * HOUR, 24 * HOUR]),
    limit=st.sampled_from([1, 2, 1000]),
    order=st.sampled_from(["most", "fewest", "newest"]),
)
def test_patterns_count_every_record_once(
    store: Store, query: str, time: TimeRange, step: int, limit: int, order: str
) -> None:
    total, distinct, rows = patterns(store, Patterns(store.scan(query, time), step, limit, order))  # type: ignore[arg-type]
    matching = store.matching(query, time)
    by_template: dict[int, list[Record]] = {}
    for record in matching:
        by_template.setdefault(int(record.template_id, 16), []).append(record)
    counted = store.table(compile_table(store.scoped(Count(store.scan(query, time))), store.catalog))
    assert total == len(matching) == int(counted[0][0])
    assert distinct == len(by_template) and len(rows) == min(limit, distinct)
    if limit >= distinct:
        assert sum(row.count for row in rows) == total
    for row in rows:
        records = by_template[row.template_id]
        assert row.count == len(records) == sum(row.counts.values())
        assert row.counts == Counter((r.timestamp // step, r.severity_number) for r in records)
        assert row.services == sorted({r.service for r in records} - {""})
        assert (row.first, row.last) == (min(r.timestamp for r in records), max(r.timestamp for r in records))
        everywhere = [r.timestamp for r in store.records if int(r.template_id, 16) == row.template_id]
        assert row.first_seen == min(everywhere)
        sample = json.loads(row.sample)
        assert any(r.timestamp == int(sample["timestamp"]) and r.body == sample["body"] for r in records)
    keys = {"most": lambda r: -r.count, "fewest": lambda r: r.count, "newest": lambda r: -r.first}
    every = {template: (len(held), min(r.timestamp for r in held)) for template, held in by_template.items()}
    best = sorted(every, key=lambda t: ({"most": -every[t][0], "fewest": every[t][0], "newest": -every[t][1]}[order], t))
    assert [row.template_id for row in rows] == best[:limit]
    assert rows == sorted(rows, key=keys[order])


def test_the_first_of_all_is_looked_for_oldest_first(store: Store) -> None:
    windows = list(oldest_first(store.catalog, 1 << 62))
    assert windows[0].start == store.catalog.partitions[0].first and windows[-1].end > store.catalog.partitions[-1].last
    assert all(before.end == after.start for before, after in pairwise(windows))
    assert list(oldest_first(store.catalog, store.catalog.partitions[0].first)) == []


# -------------------------------------------------------------------------------------------------------------- context


def around(store: Store, identity: str, before: int, after: int, same: str) -> Surroundings:
    moment, _, mark = identity.partition("-")
    plan = Context(int(moment), int(mark, 16), before, after, same)  # type: ignore[arg-type]
    return surroundings(store.scoped(plan), plan, store.catalog, lambda sql, format: ask(store, sql, format))


def everything(store: Store) -> list[dict[str, object]]:
    """All records in the order of (timestamp, identity hash)."""
    plan = Search(LogScan(), "asc", 2000)
    builder = PageBuilder(store.scoped(plan), plan, store.catalog)
    while (sql := builder.statement()) is not None:
        builder.feed(read_lines(ask(store, sql, FORMAT), store.catalog))
    return [json.loads(line.json) for line in builder.lines]


@pytest.mark.parametrize("same", ["stream", "service"])
@pytest.mark.parametrize("size", [0, 1, 4, 500])
def test_the_context_is_the_stream(store: Store, same: str, size: int) -> None:
    records = everything(store)
    keys = ("service", "resource") if same == "stream" else ("service",)
    for at in range(0, len(records), 149):
        record = records[at]
        stream = [r for r in records if all(r[key] == record[key] for key in keys)]
        place = next(n for n, r in enumerate(stream) if r["id"] == record["id"])
        found = around(store, str(record["id"]), size, size, same)
        assert json.loads(found.record or b"") == record
        assert [json.loads(line) for line in found.before] == stream[max(place - size, 0) : place]
        assert [json.loads(line) for line in found.after] == stream[place + 1 : place + 1 + size]
        assert (found.more_before, found.more_after) == (place > size, len(stream) - place - 1 > size)


def test_walking_outwards_finds_each_record_of_the_stream_once(store: Store) -> None:
    """From the oldest record shown to what is before it, and so on; some share their timestamps."""
    records = [r for r in everything(store) if r["service"] == "api"]
    assert len({r["timestamp"] for r in records}) < len(records) - 10
    walked = [str(records[-1]["id"])]
    while True:
        found = around(store, walked[-1], 3, 0, "service")
        walked += [json.loads(line)["id"] for line in reversed(found.before)]
        if not found.more_before:
            break
    assert walked == [r["id"] for r in reversed(records)]


def test_a_record_that_is_gone_has_no_context(store: Store) -> None:
    assert around(store, f"{FIRST_DAY}-{1:016x}", 5, 5, "stream").record is None


# -------------------------------------------------------------------------------------------------------------- compare


def texts(record: Record) -> dict[tuple[str, str], str]:
    """(kind, name) of each field that the record has, with its text."""
    found = {("column", name): str(getattr(record, name)) for name in ("service", "severity", "event_name", "scope_name")}
    found["column", "template_id"] = record.template_id
    found |= {("attribute", key): text_of(value) for key, value in record.attributes.items()}
    found |= {("resource", key): text_of(value) for key, value in record.resource.items()}
    return {key: value for key, value in found.items() if value}


@pytest.mark.parametrize(("one", "other"), [("payment", ""), ("level:error", "-level:error"), ("", "nothing_has_this")])
def test_profiles_count_every_field_at_once(store: Store, one: str, other: str) -> None:
    plan = Profile(store.scan(one), store.scan(other), values=1000)
    rows = store.table(compile_table(store.scoped(plan), store.catalog))
    sides = [Counter(item for r in store.matching(query) for item in texts(r).items()) for query in (one, other)]
    found = {((kind, name), value): (a, b) for kind, name, value, a, b, *_ in rows if kind}
    assert found == {key: (sides[0][key], sides[1][key]) for key in sides[0] | sides[1]}
    assert [(a, b) for kind, _, _, a, b, *_ in rows if not kind] == [(len(store.matching(one)), len(store.matching(other)))]
    for kind, name, _, _, _, of_a, of_b, distinct in rows:
        if kind:
            assert of_a == sum(count for (key, _), count in sides[0].items() if key == (kind, name))
            assert of_b == sum(count for (key, _), count in sides[1].items() if key == (kind, name))
            assert distinct == len({value for key, value in found if key == (kind, name)})


def test_a_profile_can_look_at_a_part(store: Store) -> None:
    plan = Profile(store.scan(""), store.scan(""), shares=(1, 4))
    rows = store.table(compile_table(store.scoped(plan), store.catalog))
    ((a, b),) = [(a, b) for kind, _, _, a, b, *_ in rows if not kind]
    assert a == len(store.records) and 0 < b < a / 2


FIELDS = ["severity", "service", "status", "color", "ratio", "ok", "odd key", "template_id", "resource.team", "pod"]


@pytest.mark.parametrize("name", FIELDS)
def test_contrasts_count_exactly(store: Store, name: str) -> None:
    field = resolve(name)
    plan = Contrast(store.scan("payment"), store.scan("level:error"), (field,), 1000)
    rows = store.table(compile_table(store.scoped(plan), store.catalog))

    def value(record: Record) -> str:
        held = texts(record)
        kinds = ("attribute", "resource") if field.kind is FieldKind.ANYWHERE else (str(field.kind),)
        return next((held[kind, field.name] for kind in kinds if (kind, field.name) in held), "")

    sides = [Counter(filter(None, map(value, store.matching(query)))) for query in ("payment", "level:error")]
    assert {text: (a, b) for _, text, a, b, *_ in rows} == {
        text: (sides[0][text], sides[1][text]) for text in sides[0] | sides[1]
    }
    assert all(tuple(row[4:6]) == (sides[0].total(), sides[1].total()) for row in rows)


# --------------------------------------------------------------------------------------------------- field statistics


@pytest.mark.parametrize("query", ["", "payment", "nothing_has_this"])
@pytest.mark.parametrize(
    "name", ["status", "ratio", "retries", "color", "ok", "pod", "resource.team", "service", "severity_number"]
)
def test_field_statistics(store: Store, name: str, query: str) -> None:
    field = resolve(name)
    plan = FieldSummary(store.scan(query), field)
    ((total, records, distinct, number, low, high, mean, sum_, marks),) = store.table(
        compile_table(store.scoped(plan), store.catalog)
    )
    matching = store.matching(query)
    present, values, numbers = 0, set(), []
    for record in matching:
        if field.kind is FieldKind.COLUMN:
            held = [getattr(record, field.name)] if getattr(record, field.name) else []
        else:
            places = {"attribute": [record.attributes], "resource": [record.resource]}
            holders = places.get(str(field.kind), [record.attributes, record.resource])
            held = [text_of(h[field.name]) if h is record.resource else h[field.name] for h in holders if field.name in h]
        present += bool(held)
        if shown := next((text_of(value) for value in held if text_of(value)), ""):
            values.add(shown)
        readable = [
            number_of(value) if isinstance(value, str) else value for value in held[:1] if not isinstance(value, bool)
        ]
        numbers += [float(value) for value in readable if isinstance(value, int | float)]
    assert (total, records, distinct) == (len(matching), present, len(values))
    if name in ("pod",):
        return  # where an attribute is no number, the resource's value counts: told by the test of routes
    assert number == len(numbers)
    if numbers:
        assert (float(low), float(high)) == (min(numbers), max(numbers))
        assert mean == pytest.approx(statistics.fmean(numbers)) and sum_ == pytest.approx(sum(numbers))
        assert low <= marks[0] <= marks[1] <= marks[2] <= marks[3] <= high
