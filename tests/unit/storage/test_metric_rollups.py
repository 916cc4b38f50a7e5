"""Rollups on the real engine: made of what is stored, answering as it would, for as long as they are kept."""

from __future__ import annotations

import asyncio
import json
import math
import random
import struct
import time
from typing import Any

import pytest
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.metric_batches import _message, _varint, batch, promql, selected, value

from nexus import _native
from nexus.query.plan import LabelMatcher
from nexus.storage.clickhouse.errors import EngineError
from nexus.storage.clickhouse.metrics import rollups
from nexus.storage.clickhouse.metrics.policies import MetricPolicy
from nexus.storage.clickhouse.metrics.tables import CHUNKS, ROLLUPS
from nexus.storage.clickhouse.store import ClickHouseStore, MetricSettings
from nexus.storage.metric_api import SeriesAnswer

DAY = 86_400_000
HOUR = 3_600_000
TODAY = int(time.time()) // 86_400
BOTH = ((300, 90), (3600, 400))

EXACT = [
    "max_over_time(m[1h])",
    "min_over_time(m[2h])",
    "count_over_time(m[1h])",
    "last_over_time(m[3h])",
    "first_over_time(m[1h])",
    "present_over_time(m[1h])",
    "ts_of_last_over_time(m[1h])",
    "sum by (job) (count_over_time(m[1d]))",
    "max_over_time(m[1h] offset 1h)",
    "m",
    "timestamp(m)",
    "absent_over_time(m[1h])",
    "count(m) by (job)",
]
ROUNDED = ["avg_over_time(m[1h])", "sum_over_time(m[1h])", "rate(m[1h])", "increase(m[2h])", "delta(m[1h])"]
RAW = ["stddev_over_time(m[1h])", "rate(m[1h15s])", "changes(m[1h])", "quantile_over_time(0.5, m[1h])"]


def start_of(day: int) -> int:
    """ms of a UTC day's beginning."""
    return day * DAY


def open_with(open_store: OpenStore, wanted: dict[str, MetricPolicy], days: int = 30) -> ClickHouseStore:
    """A store that makes rollups when it is asked."""
    return open_store(settings=MetricSettings(retention_days=lambda: days, policies=lambda: wanted))


def some_series(dice: random.Random, first: int, days: int) -> list[tuple[int, float]]:
    """A counter with resets and gaps, every 30 s or so, on and off the grid."""
    at, end, number = first + 30_000, first + days * DAY, 0.0
    samples = []
    while at <= end:
        samples.append((at, number))
        number = 0.0 if dice.random() < 0.01 else number + dice.randrange(20) / 4
        at += 30_000 if dice.random() < 0.995 else dice.randrange(4 * HOUR)
    return samples


async def answers(store: ClickHouseStore, text: str, start: int, end: int, step: int = HOUR) -> SeriesAnswer:
    """A range query's."""
    return await store.series.answer(promql(text, start, end, step))


def points(answer: SeriesAnswer) -> dict[str, list[tuple[float, float]]]:
    """Values by labels."""
    found = json.loads(answer.data)["result"]
    return {json.dumps(one["metric"], sort_keys=True): [(at, float(value)) for at, value in one["values"]] for one in found}


def close(left: dict[str, list[tuple[float, float]]], right: dict[str, list[tuple[float, float]]]) -> bool:
    """Equal but for rounding."""
    return left.keys() == right.keys() and all(
        len(left[key]) == len(right[key])
        and all(
            a[0] == b[0] and math.isclose(a[1], b[1], rel_tol=1e-9, abs_tol=1e-9)
            for a, b in zip(left[key], right[key], strict=True)
        )
        for key in left
    )


def count(store: ClickHouseStore, where: str = "1", table: str = ROLLUPS) -> int:
    """Rows of a table."""
    connection = store._engine.connect()
    try:
        return int(connection.rows(f"SELECT count() FROM nexus.{table} WHERE {where}")[0][0])
    finally:
        store._engine.release(connection)


async def fill(store: ClickHouseStore, first: int, days: int, jobs: str = "ab") -> None:
    """Series of some days, in the tables."""
    dice = random.Random(7)
    for job in jobs:
        await store.series.append("t", batch(({"__name__": "m", "job": job}, some_series(dice, first, days))))
    store.series.flush()


async def settled(store: ClickHouseStore) -> None:
    """Stored rows follow the policy."""
    async with asyncio.timeout(60):
        while not (await store.series.retention_progress("t")).done:
            await asyncio.sleep(0.02)
            await store.series.retention_changed()


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollups are made when a test says so."""
    monkeypatch.setattr(rollups.RollupMaker, "start", lambda self: None)


async def test_answers_are_those_of_the_samples(open_store: OpenStore) -> None:
    """With the newest samples in memory, over days with rollups and without, each function as far as it is declared exact."""
    wanted: dict[str, MetricPolicy] = {}
    store = open_with(open_store, wanted)
    first = start_of(TODAY - 5)
    await fill(store, first, 3)
    labels = {"__name__": "m", "job": "a"}
    await store.series.append("t", batch((labels, [(first, 2.0), (first + DAY, 5.0), (first + 3 * DAY, 9.0)])))
    store.series.flush()
    await store.series.append("t", batch((labels, [(first + 3 * DAY + HOUR, 3.0)])))
    queries = [(text, step) for text in EXACT + ROUNDED + RAW for step in (HOUR, 300_000)]
    end = first + 3 * DAY + 2 * HOUR
    before = {one: await answers(store, one[0], first, end, one[1]) for one in queries}
    assert all(not one.infos or "rollups" not in one.infos[0] for one in before.values())
    wanted["t"] = MetricPolicy((), None, BOTH)
    await store.series.retention_changed()
    # Three days, the sample at the first midnight, which belongs to the day before, and what is in memory of the last one.
    assert store.series.make_rollups() == 5
    assert store.series.make_rollups() == 0
    assert count(store) == 16
    for one, raw in before.items():
        answer = await answers(store, one[0], first, end, one[1])
        rolled = [info for info in answer.infos if "rollups" in info]
        assert bool(rolled) is (one[0] not in RAW), one
        assert not answer.warnings
        if one[0] in EXACT + RAW:
            assert answer.data == raw.data, one
        else:
            assert close(points(answer), points(raw)), one
        if rolled and "1h]" in one[0] and "offset" not in one[0]:
            window = "1h" if one[1] == HOUR else "5m"
            assert f"answered from {window} rollups (3 of 4 days): exact" in rolled[0]
            assert answer.statistics.samples < raw.statistics.samples
    # Not at times that are multiples of windows.
    odd = await answers(store, "max_over_time(m[1h])", first + 7, end, HOUR)
    assert not odd.infos


async def test_what_expired_is_answered_for_as_long_as_it_is_kept(open_store: OpenStore) -> None:
    """Samples of days past go when their rollups are there, not before; what they cannot answer is said."""
    wanted: dict[str, MetricPolicy] = {}
    store = open_with(open_store, wanted, 300)
    first = start_of(TODAY - 20)
    await fill(store, first, 3, "ab")
    end = first + 3 * DAY
    query = "max_over_time(m[1h])"
    raw = points(await answers(store, query, first + HOUR, end))
    only_a = MetricPolicy((((LabelMatcher("job", "=", "a"),), 15, BOTH),), 15)
    wanted["t"] = only_a
    await store.series.retention_changed()
    assert not (await store.series.retention_progress("t")).done
    assert count(store, "expires_on <= today()", CHUNKS) == 0
    store.series.make_rollups()
    await settled(store)
    store.close()
    store = open_with(open_store, wanted, 300)
    connection = store._engine.connect()
    connection.execute(f"OPTIMIZE TABLE nexus.{CHUNKS} FINAL")
    store._engine.release(connection)
    assert count(store, table=CHUNKS) == 0
    answer = await answers(store, query, first + HOUR, end)
    assert points(answer) == {key: found for key, found in raw.items() if '"a"' in key}
    assert "exact" in answer.infos[0] and not answer.warnings
    fine = await answers(store, "max_over_time(m[5m])", first + HOUR, end, 300_000)
    assert len(points(fine)) == 1
    for text, why in (
        ("stddev_over_time(m[1h])", "cannot answer stddev_over_time()"),
        ("rate(m[1h15s])", "multiples"),
        ("m[1h]", "cannot answer"),
    ):
        lacking = (
            await store.series.answer(promql(text, first + DAY))
            if text == "m[1h]"
            else await answers(store, text, first, end)
        )
        assert json.loads(lacking.data)["result"] == []
        (warning,) = lacking.warnings
        assert "there are only rollups of 5m and 1h" in warning and why in warning
    # Without rules nothing is kept.
    wanted.clear()
    await store.series.retention_changed()
    await settled(store)
    assert count(store, "expires_on > today()") == 0


async def test_late_samples_make_a_day_anew(open_store: OpenStore) -> None:
    """They are in the answer at once, in memory, in the tables, and in the rollups that are made again."""
    wanted = {"t": MetricPolicy((), None, BOTH)}
    store = open_with(open_store, wanted)
    first = start_of(TODAY - 3)
    await fill(store, first, 2)
    assert store.series.make_rollups() == 2
    query = 'max_over_time(m{job="a"}[1d])'
    noon = first + DAY // 2

    async def asked() -> tuple[float, str]:
        answer = await store.series.answer(promql(query, first + DAY))
        return float(json.loads(answer.data)["result"][0]["value"][1]), "".join(answer.infos)

    assert (await asked())[1]
    await store.series.append("t", batch(({"__name__": "m", "job": "a"}, [(noon, 1e9)])))
    assert await asked() == (1e9, "")
    store.series.flush()
    assert await asked() == (1e9, "")
    assert store.series.make_rollups() == 1
    found = await asked()
    assert found[0] == 1e9 and "exact" in found[1]
    # Of midnight, which is the end of the day before.
    await store.series.append("t", batch(({"__name__": "m", "job": "a"}, [(first + DAY, 2e9)])))
    store.series.flush()
    assert (await asked())[0] == 2e9
    assert store.series.make_rollups() == 2
    assert (await asked())[0] == 2e9


async def test_an_interrupted_day_is_made_again(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between two parts leaves rows that do not count; what is made afterwards is the same as without it."""
    wanted = {"t": MetricPolicy((), None, BOTH)}
    store = open_with(open_store, wanted)
    first = start_of(TODAY - 2)
    await fill(store, first, 1, "abcdef")
    monkeypatch.setattr(rollups, "PART_SERIES", 2)
    stored = rollups.RollupMaker._store
    left = [2]

    def killed(self: Any, *arguments: Any) -> None:
        if not left[0]:
            raise EngineError(0, "", "killed")
        left[0] -= 1
        stored(self, *arguments)

    monkeypatch.setattr(rollups.RollupMaker, "_store", killed)
    query = "sum_over_time(m[1h])"
    raw = await answers(store, query, first, first + DAY)
    with pytest.raises(EngineError):
        store.series.make_rollups()
    half = await answers(store, query, first, first + DAY)
    assert count(store) == 8 and half.data == raw.data and not half.infos
    left[0] = -1
    store.close()
    store = open_with(open_store, wanted)
    assert store.series.make_rollups() == 1
    answer = await answers(store, query, first, first + DAY)
    assert close(points(answer), points(raw)) and answer.infos
    assert await value(store.series, "count(max_over_time(m[1d]))", first + DAY) == 6
    connection = store._engine.connect()
    connection.execute(f"OPTIMIZE TABLE nexus.{ROLLUPS} FINAL")
    store._engine.release(connection)
    assert count(store) == 12


async def test_erased_samples_are_in_no_rollup(open_store: OpenStore) -> None:
    """Windows that reach into the erased time go; what is left of their samples comes back into new ones, as far as the
    samples have not expired."""
    wanted = {"t": MetricPolicy((), 16, BOTH)}
    store = open_with(open_store, wanted)
    recent, old = start_of(TODAY - 3), start_of(TODAY - 15)
    samples = [(at + number * 60_000, float(number)) for at in (recent, old) for number in range(1, 1440)]
    for job in "ab":
        await store.series.append("t", batch(({"__name__": "m", "job": job}, samples)))
    store.series.flush()
    assert store.series.make_rollups() == 2
    query = 'max_over_time(m{job="a"}[1h])'

    async def hours(day: int) -> list[float]:
        found = points(await answers(store, query, day + HOUR, day + DAY))
        return [number for _, number in next(iter(found.values()), [])]

    assert await hours(recent) == await hours(old) == [*(60.0 * hour for hour in range(1, 24)), 1439.0]
    connection = store._engine.connect()
    connection.execute(f"ALTER TABLE nexus.{CHUNKS} DELETE WHERE day = toDate({old // DAY}) SETTINGS mutations_sync = 1")
    # Samples are kept for so long that the old day may be gone.
    wanted["t"] = MetricPolicy((), 10, BOTH)
    await store.series.retention_changed()
    store.series.make_rollups()
    await settled(store)
    assert (await hours(old))[-1] == 1439
    begin, end = old + 90 * 60_000, recent + 150 * 60_000
    assert await store.series.erase("t", selected('m{job="a"}', begin, end)) == 1
    left = [60.0 * hour for hour in range(3, 24)] + [1439.0]
    # Of the second hour of the old day, the first half is left only where the samples are.
    assert await hours(old) == [60.0] and await hours(recent) == left
    assert count(store, f"tier = 300 AND day = toDate({old // DAY}) AND samples = 17") == 1
    store.series.make_rollups()
    assert await hours(old) == [60.0] and await hours(recent) == left
    (kept,) = connection.rows(f"SELECT uniqExact(tier, day, series) FROM nexus.{ROLLUPS}")
    assert kept == [8]
    store._engine.release(connection)


async def test_the_rollups_of_a_tenant_go_with_it(open_store: OpenStore) -> None:
    """From the table, and from what is remembered."""
    wanted = {"t": MetricPolicy((), None, BOTH)}
    store = open_with(open_store, wanted)
    await fill(store, start_of(TODAY - 2), 1)
    assert store.series.make_rollups() == 1 and count(store) == 4
    await store.series.forget_tenant("t")
    assert count(store) == 0
    assert store._database.rows("SELECT count(*) FROM metric_rollups")[0][0] == 0
    assert store.series.make_rollups() == 0


async def test_another_policy_is_for_other_series(open_store: OpenStore) -> None:
    """Windows that are added are made of the days that are still there; those that nobody wants are not read."""
    wanted = {"t": MetricPolicy((), None, ((300, 90),))}
    store = open_with(open_store, wanted)
    first = start_of(TODAY - 2)
    await fill(store, first, 1)
    assert store.series.make_rollups() == 1 and count(store, "tier = 300") == 2
    wanted["t"] = MetricPolicy((((LabelMatcher("job", "=", "b"),), 30, ()),), None, BOTH)
    await store.series.retention_changed()
    answer = await answers(store, "max_over_time(m[1h])", first, first + DAY)
    assert not answer.infos
    assert store.series.make_rollups() == 1
    answer = await answers(store, "max_over_time(m[1h])", first, first + DAY)
    assert "answered from 1h rollups of 1 of 2 series" in answer.infos[0] and len(points(answer)) == 2
    await settled(store)
    assert count(store, "expires_on > today()") == 3


async def test_remembered_days_that_are_lost_are_found_in_the_table(open_store: OpenStore) -> None:
    """They count where samples may have expired, and are made anew where they are there."""
    wanted = {"t": MetricPolicy((), None, BOTH)}
    store = open_with(open_store, wanted)
    await fill(store, start_of(TODAY - 2), 1)
    assert store.series.make_rollups() == 1
    path = store._database._path
    store.close()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    store = open_with(open_store, wanted)
    assert store._database.rows("SELECT DISTINCT stale FROM metric_rollups") in ([(1,)], [(0,)])
    store.series.make_rollups()
    assert store._database.rows("SELECT DISTINCT stale FROM metric_rollups") == [(0,)]


def histograms(labels: dict[str, str], times: list[int]) -> _native.MetricBatch:
    """A series of native histograms, all of whose observations are zero."""
    out = b"".join(_message(1, _message(1, name.encode()) + _message(2, text.encode())) for name, text in labels.items())
    for at in times:
        count = b"\x08\x05" + b"\x19" + struct.pack("<d", 0.0) + b"\x20\x00" + b"\x29" + struct.pack("<d", 1e-9)
        out += _message(4, count + b"\x30\x05" + b"\x78" + _varint(at))
    return _native.decode_remote_write_v1(_message(1, out)).batch


async def test_native_histograms_are_read_as_samples(open_store: OpenStore) -> None:
    """They have a row that says that there is nothing; floats beside them have their windows."""
    wanted = {"t": MetricPolicy((), None, BOTH)}
    store = open_with(open_store, wanted)
    first = start_of(TODAY - 3)
    times = [first + number * 600_000 for number in range(1, 200)]
    receipt = await store.series.append("t", histograms({"__name__": "m", "job": "h"}, times))
    assert receipt.histograms == 199
    await fill(store, first, 2, "a")
    queries = ["histogram_count(last_over_time(m[1h]))", "count_over_time(m[1h])", "count(m)"]
    raw = [(await answers(store, text, first, first + 2 * DAY)).data for text in queries]
    assert store.series.make_rollups() == 2
    assert count(store, "samples = 0") == count(store, "samples > 0") == 4
    for text, before in zip(queries, raw, strict=True):
        answer = await answers(store, text, first, first + 2 * DAY)
        assert answer.data == before and "1h rollups of 1 of 2 series" in answer.infos[0], text
    assert await store.series.erase("t", selected('m{job="h"}', first, first + DAY)) == 1
    store.series.make_rollups()
    answer = await answers(store, queries[0], first, first + 2 * DAY)
    assert next(at for at, _ in next(iter(points(answer).values()))) == (first + DAY + HOUR) / 1000
