"""The embedded metric store on the real engine: what is written is read, whichever side of the border it is on."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.metric_batches import batch, promql, scan, scoped, selected, value, vector

from nexus.errors import DiskFull, LimitExceeded, Overloaded
from nexus.query.plan import (
    And,
    Compare,
    CompareOp,
    Field,
    FieldKind,
    LabelMatcher,
    Limits,
    ListExemplars,
    ListLabelNames,
    ListLabelValues,
    ListMetadata,
    ListSeries,
    MetricCatalog,
)
from nexus.storage.clickhouse.errors import EngineError
from nexus.storage.clickhouse.metrics import flush
from nexus.storage.clickhouse.metrics.policies import MetricPolicy
from nexus.storage.clickhouse.metrics.tables import CHUNKS, EXEMPLARS, SERIES, TABLES
from nexus.storage.clickhouse.metrics.writer import SeriesLimits
from nexus.storage.clickhouse.options import MetricOptions
from nexus.storage.clickhouse.store import ClickHouseStore, MetricSettings

DAY = 86_400_000
NOW = int(time.time() * 1000)
HOUR = 3_600_000


def ramp(start: int, count: int, step: int = 15_000) -> list[tuple[int, float]]:
    """Values that grow by one."""
    return [(start + number * step, float(number)) for number in range(count)]


def rows(store: ClickHouseStore, sql: str) -> list[list[Any]]:
    """A look into the tables."""
    connection = store._engine.connect()
    try:
        return connection.rows(sql)
    finally:
        store._engine.release(connection)


async def test_head_and_tables_are_one(open_store: OpenStore) -> None:
    """Before a flush, after it, and with samples on both sides; the later write of a sample wins."""
    store = open_store()
    start = NOW - 2 * HOUR
    labels = {"__name__": "m_total", "job": "a"}
    receipt = await store.series.append("t", batch((labels, ramp(start, 100))))
    assert (receipt.samples, receipt.refused) == (100, 0)
    query = "count_over_time(m_total[3h])"
    assert await value(store.series, query, NOW) == 100
    assert store.series.flush() == 100
    assert rows(store, f"SELECT sum(samples), uniqExact(series) FROM nexus.{CHUNKS}") == [[100, 1]]
    assert await value(store.series, query, NOW) == 100
    await store.series.append("t", batch((labels, [(start, 5000.0), (start + 100 * 15_000, 100.0)])))
    assert await value(store.series, query, NOW) == 101
    assert await value(store.series, f"m_total @ {start / 1000}", NOW) == 5000
    store.series.flush()
    assert await value(store.series, f"m_total @ {start / 1000}", NOW) == 5000
    assert await value(store.series, query, NOW) == 101


async def test_the_same_after_a_restart(open_store: OpenStore) -> None:
    """A clean stop leaves nothing in the log; series, days and metadata are known again."""
    store = open_store()
    start = NOW - 30 * HOUR
    for tenant in ("t", "u"):
        await store.series.append(
            tenant, batch(*(({"__name__": "m", "n": str(n), "tenant": tenant}, ramp(start, 50, 60_000)) for n in range(20)))
        )
    store.close()
    again = open_store()
    assert again.series.metrics()["metric_series"][1] == 40
    assert again.series.metrics()["metric_head_bytes"][1] < 1 << 20
    assert await value(again.series, "sum(count_over_time(m[2d]))", NOW) == 1000
    plan = ListLabelValues("n", scan('{tenant="u"}', NOW - 2 * DAY, NOW))
    found = json.loads((await again.series.answer(scoped(plan, "u"))).data)
    assert found == sorted(str(n) for n in range(20))
    assert json.loads((await again.series.answer(scoped(plan, "t"))).data) == []


async def test_a_stop_has_its_time(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is not enough for is in the log, and stored by the next one."""
    monkeypatch.setattr(flush, "STOP_SECONDS", 0.0)
    store = open_store()
    many = [({"__name__": "m", "n": str(n)}, ramp(NOW - HOUR, 50)) for n in range(3000)]
    await store.series.append("t", batch(*many))
    store.close()
    monkeypatch.undo()
    again = open_store()
    assert rows(again, f"SELECT count() FROM nexus.{CHUNKS}") == [[0]]
    assert await value(again.series, "sum(count_over_time(m[2h]))", NOW) == 150_000
    again.close()
    last = open_store()
    assert rows(last, f"SELECT sum(samples), uniqExact(series) FROM nexus.{CHUNKS}") == [[150_000, 3000]]
    assert await value(last.series, "sum(count_over_time(m[2h]))", NOW) == 150_000


async def test_what_there_is(open_store: OpenStore) -> None:
    """Series, names, values, the catalogue; an unknown tenant reads as empty everywhere."""
    store = open_store().series
    await store.append("t", batch(({"__name__": "a", "x": "1"}, [(NOW, 1.0)]), ({"__name__": "b", "y": "2"}, [(NOW, 1.0)])))
    every = scan('{__name__=~".+"}', NOW - HOUR, NOW)
    answer = await store.answer(scoped(ListSeries(every)))
    assert json.loads(answer.data) == [{"__name__": "a", "x": "1"}, {"__name__": "b", "y": "2"}]
    assert (await store.answer(scoped(ListSeries(every, 1)))).limited
    assert json.loads((await store.answer(scoped(ListLabelNames(every)))).data) == ["__name__", "x", "y"]
    catalog = json.loads((await store.answer(scoped(MetricCatalog(every)))).data)
    assert [one["name"] for one in catalog["metrics"]] == ["a", "b"] and catalog["total"] == 2
    for plan in (ListSeries(every), ListLabelNames(every), ListLabelValues("x", every)):
        assert json.loads((await store.answer(scoped(plan, "nobody"))).data) == []
    assert json.loads((await store.answer(scoped(ListMetadata(), "nobody"))).data) == {}
    assert await vector(store, "a", NOW, "nobody") == {}


async def test_exemplars_are_found_where_samples_are_still_in_memory(open_store: OpenStore) -> None:
    """They leave memory with the first flush, samples with their chunk."""
    store = open_store()
    labels = {"__name__": "m_total", "job": "a"}
    await store.series.append("t", batch((labels, ramp(NOW - 60_000, 4)), exemplars=[(NOW - 30_000, 0.5)]))
    for _ in range(2):
        plan = ListExemplars(scan("m_total", NOW - HOUR, NOW))
        (found,) = json.loads((await store.series.answer(scoped(plan))).data)
        assert [(one["labels"], one["value"]) for one in found["exemplars"]] == [({"trace_id": "abc"}, "0.5")]
        store.series._flusher.flush(everything=False)
    assert rows(store, f"SELECT (SELECT count() FROM nexus.{EXEMPLARS}), (SELECT count() FROM nexus.{CHUNKS})") == [[1, 0]]


async def test_a_row_policy_holds_on_both_sides(open_store: OpenStore) -> None:
    """In the head as in the tables; labels that are masked show nothing."""
    store = open_store()
    for job in ("a", "b"):
        await store.series.append("t", batch(({"__name__": "m", "job": job, "secret": f"s-{job}"}, ramp(NOW - HOUR, 10))))
    own = Compare(Field(FieldKind.ATTRIBUTE, "job"), CompareOp.EQ, "a")
    hidden = frozenset({Field(FieldKind.ATTRIBUTE, "secret")})
    for _ in range(2):
        found = await vector(store.series, "count_over_time(m[2h])", NOW, policy=And((own,)), masked=hidden)
        assert list(found.values()) == [10.0] and "s-a" not in str(found) and '"b"' not in str(found)
        store.series.flush()


async def test_limits_of_a_query_are_kept(open_store: OpenStore) -> None:
    """Samples that it may read: said before anything is read, with what to narrow."""
    store = open_store()
    await store.series.append("t", batch(*(({"__name__": "m", "n": str(n)}, ramp(NOW - HOUR, 200)) for n in range(10))))
    store.series.flush()
    with pytest.raises(LimitExceeded, match=r"reads more than it may.*limit is 100 samples") as refused:
        await store.series.answer(promql("sum_over_time(m[2h])", NOW, limits=Limits(scan_rows=100)))
    assert "matcher" in refused.value.hint
    estimate = await store.series.estimate(promql("sum_over_time(m[2h])", NOW))
    assert estimate.series == 10 and estimate.samples >= 2000


async def test_series_beyond_a_limit_are_refused_by_name(open_store: OpenStore) -> None:
    """And what was refused is kept in a series of overflow, so that totals stay right."""
    store = open_store().series
    store.use_limits(lambda tenant: SeriesLimits(series_per_metric=5))
    receipt = await store.append("t", batch(*(({"__name__": "m", "n": str(n)}, [(NOW, 1.0)]) for n in range(9))))
    assert receipt.samples == 5 and receipt.refused == 4
    (refusal,) = receipt.refusals
    assert refusal.reason == "metric_series_limit" and "m" in refusal.message and "5" in refusal.message
    assert await value(store, "sum(m)", NOW) == 9


async def test_times_that_are_taken(open_store: OpenStore) -> None:
    """Older than anything is kept, before 1970, too far ahead: refused by reason, the rest stored."""
    store = open_store(metrics=MetricOptions(retention_days=10)).series
    store._writer._future_ms = lambda: 60_000
    samples = [(NOW - 11 * DAY, 1.0), (NOW - 9 * DAY, 2.0), (NOW, 3.0), (NOW + HOUR, 4.0)]
    receipt = await store.append("t", batch(({"__name__": "m"}, samples)))
    assert receipt.samples == 2
    assert {one.reason: one.samples for one in receipt.refusals} == {"too_old": 1, "too_new": 1}


async def test_for_ever_means_since_1970(open_store: OpenStore) -> None:
    """The first ms is stored, the one before it is not."""
    store = open_store(metrics=MetricOptions(retention_days=0))
    receipt = await store.series.append("t", batch(({"__name__": "m"}, [(-1, 0.0), (0, 1.0), (1000, 2.0)])))
    assert (receipt.samples, receipt.refused) == (2, 1)
    store.series.flush()
    assert await value(store.series, "count_over_time(m[1m])", 5000) == 2
    assert rows(store, f"SELECT toString(min(expires_on)) FROM nexus.{CHUNKS}") == [["2149-06-06"]]


async def test_a_failed_flush_is_tried_again(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples stay readable meanwhile, and are stored once."""
    store = open_store(metrics=MetricOptions(flush_seconds=3600))
    await store.series.append("t", batch(({"__name__": "m"}, ramp(NOW - HOUR, 50))))
    real, fail = flush.insert_rows, True

    def insert(connection: Any, table: str, count: int | None, rows: bytes) -> None:
        if fail and table == CHUNKS:
            raise EngineError(243, "NOT_ENOUGH_SPACE", "Cannot reserve 1.00 MiB")
        real(connection, table, count, rows)

    monkeypatch.setattr(flush, "insert_rows", insert)
    with pytest.raises(EngineError):
        store.series.flush()
    assert await value(store.series, "count_over_time(m[2h])", NOW) == 50
    with pytest.raises(DiskFull):
        await store.series.append("t", batch(({"__name__": "m"}, [(NOW, 1.0)])))
    fail = False
    assert store.series.flush() == 50
    assert await value(store.series, "count_over_time(m[2h])", NOW) == 50
    assert rows(store, f"SELECT sum(samples) FROM nexus.{CHUNKS}") == [[50]]


async def test_memory_that_is_full_refuses_for_now(open_store: OpenStore) -> None:
    """503 until the head has been stored."""
    store = open_store(metrics=MetricOptions(head_bytes=1 << 20, flush_seconds=3600)).series
    store._flusher.wake = lambda: None  # type: ignore[method-assign]
    store._writer._full = lambda: None
    with pytest.raises(Overloaded) as refused:
        for n in range(200):
            await store.append("t", batch(*(({"__name__": "m", "n": f"{n}-{k}"}, ramp(NOW - HOUR, 20)) for k in range(500))))
    assert refused.value.retry_after > 0
    store.flush()
    receipt = await store.append("t", batch(({"__name__": "after"}, [(NOW, 1.0)])))
    assert receipt.samples == 1


async def test_retention_follows_what_is_wanted(open_store: OpenStore) -> None:
    """New samples get it, stored ones follow; the first rule that matches counts; it is the same after a restart."""
    wanted: dict[str, MetricPolicy] = {}
    settings = MetricSettings(retention_days=lambda: 100, policies=lambda: wanted)
    store = open_store(settings=settings)
    old = NOW - 50 * DAY
    for job in ("long", "short"):
        await store.series.append("t", batch(({"__name__": "m", "job": job}, [(old, 1.0)])))
        await store.series.append("u", batch(({"__name__": "m", "job": job}, [(old, 1.0)])))
    store.series.flush()

    def kept(tenant: str) -> list[list[Any]]:
        return rows(
            store,
            f"SELECT toUInt16(expires_on) - toUInt16(day) FROM nexus.{CHUNKS} WHERE tenant = '{tenant}' ORDER BY 1",
        )

    assert kept("t") == kept("u") == [[101], [101]]
    wanted["t"] = MetricPolicy((((LabelMatcher("job", "=", "long"),), 200, ()), ((), 60, ())), 7)
    await store.series.retention_changed()
    await _followed(store)
    assert kept("t") == [[61], [201]] and kept("u") == [[101], [101]]
    await store.series.append("t", batch(({"__name__": "m", "job": "new"}, [(NOW, 1.0)])))
    store.series.flush()
    assert kept("t") == [[61], [61], [201]]
    receipt = await store.series.append("t", batch(({"__name__": "m", "job": "x"}, [(NOW - 199 * DAY, 1.0)])))
    assert receipt.samples == 1
    del wanted["t"]
    store.close()
    store = open_store(settings=settings)
    await store.series.retention_changed()
    await _followed(store)
    assert {days for (days,) in kept("t")} == {101}


async def test_series_that_expired_are_known_no_more(open_store: OpenStore) -> None:
    """Without a restart: after a change of retention, and in the sweep of the housekeeper. Limits see it, and rows go, too."""
    wanted: dict[str, MetricPolicy] = {}
    store = open_store(settings=MetricSettings(retention_days=lambda: 100, policies=lambda: wanted))
    store.series.use_limits(lambda tenant: SeriesLimits(series_per_metric=3))
    old = [({"__name__": "m", "n": str(number)}, [(NOW - 50 * DAY, 1.0)]) for number in range(2)]
    receipt = await store.series.append("t", batch(*old, ({"__name__": "m", "n": "new"}, [(NOW, 1.0)])))
    assert receipt.refused == 0
    known = ListSeries(scan("m", 0, NOW), 0)
    store.series.flush()
    assert len(json.loads((await store.series.answer(scoped(known))).data)) == 3
    assert store.series.expire_series() == 0
    wanted["t"] = MetricPolicy((), 10)
    await store.series.retention_changed()
    assert [one["n"] for one in json.loads((await store.series.answer(scoped(known))).data)] == ["new"]
    assert store.series.metrics()["metric_series"][1] == 1
    await _followed(store)
    more = [({"__name__": "m", "n": f"more{number}"}, [(NOW, 1.0)]) for number in range(3)]
    receipt = await store.series.append("t", batch(*more))
    assert (receipt.samples, receipt.refused) == (2, 1), receipt.refusals


async def _followed(store: ClickHouseStore) -> None:
    async with asyncio.timeout(60):
        while not (await store.series.retention_progress("t")).done:
            await asyncio.sleep(0.05)


async def test_samples_are_erased_for_good(open_store: OpenStore) -> None:
    """Before and after the erased time everything stays, on both sides of the border and after a restart."""
    store = open_store()
    start = NOW - 3 * HOUR
    for job in ("a", "b"):
        await store.series.append("t", batch(({"__name__": "m", "job": job}, ramp(start, 100, 60_000))))
    store.series.flush()
    for job in ("a", "b"):
        await store.series.append("t", batch(({"__name__": "m", "job": job}, ramp(start + 100 * 60_000, 50, 60_000))))
    begin, end = start + 10 * 60_000, start + 119 * 60_000
    number = await store.series.erase("t", selected('m{job="a"}', begin, end))
    assert number == 1
    expected = {'{"job": "a"}': 40.0, '{"job": "b"}': 150.0}
    assert await vector(store.series, "count_over_time(m[4h])", NOW) == expected
    assert await value(store.series, f'count_over_time(m{{job="a"}}[{(end - begin) // 1000}s])', end) is None
    store.close()
    store = open_store()
    assert await vector(store.series, "count_over_time(m[4h])", NOW) == expected
    assert await store.series.erase("t", selected('m{job="b"}', 0, NOW + DAY)) == 1
    assert await vector(store.series, "count_over_time(m[4h])", NOW) == {'{"job": "a"}': 40.0}
    assert rows(store, f"SELECT uniqExact(series) FROM nexus.{SERIES}") == [[1]]
    assert await store.series.erase("t", selected("nothing", 0, NOW)) == 0


async def test_a_forgotten_tenant_is_nowhere(open_store: OpenStore) -> None:
    """In memory, log and tables; others stay. It may come back as another one."""
    store = open_store()
    for tenant in ("gone", "stays"):
        await store.series.append(tenant, batch(({"__name__": "m", "mark": f"marker-{tenant}"}, ramp(NOW - HOUR, 50))))
    store.series.flush()
    for tenant in ("gone", "stays"):
        await store.series.append(tenant, batch(({"__name__": "n", "mark": f"marker-{tenant}"}, [(NOW, 1.0)])))
    await store.series.forget_tenant("gone")
    await store.series.forget_tenant("gone")
    for table in TABLES:
        assert rows(store, f"SELECT count() FROM nexus.{table} WHERE tenant = 'gone'") == [[0]]
    folder = store._engine.directory.path
    held = [path for path in folder.rglob("*") if path.is_file() and b"marker-gone" in path.read_bytes()]
    assert held == []
    assert await vector(store.series, '{mark=~".+"}', NOW, "gone") == {}
    assert await value(store.series, "sum(count_over_time({mark!=''}[2h]))", NOW, "stays") == 51
    await store.series.append("gone", batch(({"__name__": "again"}, [(NOW, 1.0)])))
    assert await value(store.series, "count({__name__!=''})", NOW, "gone") == 1


async def test_a_cancelled_query_ends(open_store: OpenStore) -> None:
    """The native work stops, and its thread takes the next query."""
    store = open_store(reader=replace(_one_reader(), threads=1))
    many = [({"__name__": "m", "n": str(n)}, ramp(NOW - 5 * HOUR, 1200)) for n in range(200)]
    await store.series.append("t", batch(*many))
    # It looks at 18,000 points of 200 series for each of 3,600 steps, which takes a minute.
    slow = promql("sum(double_exponential_smoothing(m[5h:1s], 0.5, 0.5))", NOW - HOUR, NOW, 1000)
    task = asyncio.ensure_future(store.series.answer(slow))
    async with asyncio.timeout(120):
        while not any(one.elapsed_ms > 0 for one in store.running("t")):
            await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(120):
        assert await value(store.series, "count(m)", NOW) == 200


def _one_reader() -> Any:
    from nexus.storage.clickhouse.options import ReaderOptions

    return ReaderOptions()
