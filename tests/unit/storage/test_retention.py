"""Retention on a real engine: what expires goes, and a changed retention moves what is stored."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.unit.storage.batches import DAY, batch
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.test_manifest import count
from tests.unit.storage.test_writer import rows

from nexus.storage.clickhouse.retention import FOR_EVER, drop_expired
from nexus.storage.clickhouse.store import ClickHouseStore

TODAY = time.time_ns() // DAY


def aged(days: int, records: int = 10) -> Any:
    """Records of some days ago."""
    return batch({"_time": str((TODAY - days) * DAY + n + 1), "_msg": f"{n}"} for n in range(records))


def expiries(store: ClickHouseStore) -> list[int]:
    """Days from today until the records expire, FOR_EVER for those that do not; after waiting for mutations."""
    deadline = time.monotonic() + 20
    while rows(store, "SELECT count() FROM system.mutations WHERE NOT is_done") != [[0]]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    found = rows(store, "SELECT DISTINCT toUInt16(expires_on) AS d FROM nexus.logs ORDER BY d")
    return [day if day == FOR_EVER else day - TODAY for (day,) in found]


async def test_records_expire_from_their_arrival(open_store: OpenStore) -> None:
    """Old records that come in late are kept as long as others; future ones longer."""
    store = open_store(retention_days=30)
    await store.append("t", aged(1000))
    await store.append("t", aged(-5))
    assert expiries(store) == [30, 35]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(30, 7, [7, 12]), (7, 30, [30, 35]), (0, 30, [30, 35]), (30, 0, [FOR_EVER]), (0, 0, [FOR_EVER])],
)
async def test_a_changed_retention_applies_to_what_is_stored(
    open_store: OpenStore, before: int, after: int, expected: list[int]
) -> None:
    """At the next start, once."""
    store = open_store(retention_days=before)
    await store.append("t", aged(0))
    await store.append("t", aged(-5))
    store.close()
    for _ in range(2):
        again = open_store(retention_days=after)
        assert expiries(again) == expected
        await again.append("t", aged(-5))
        assert expiries(again) == expected
        again.close()


async def test_a_changed_retention_applies_while_running(open_store: OpenStore) -> None:
    """To stored and to new records, in the same way."""
    days = 30
    store = open_store(lambda: days)
    await store.append("t", aged(0))
    days = 3
    assert store._housekeeper._retention.follow(store._engine.connect(), store._writer.paused)
    await store.append("t", aged(0))
    assert expiries(store) == [3]
    assert not store._housekeeper._retention.follow(store._engine.connect(), store._writer.paused)


async def test_a_change_that_a_stop_interrupted_is_made_once(open_store: OpenStore, monkeypatch: Any) -> None:
    """Whether the engine had been told or not."""
    store = open_store(retention_days=30)
    await store.append("t", aged(0))
    store.close()
    from nexus.storage.clickhouse import retention

    real = retention._issue

    def told_and_killed(*arguments: Any) -> bool:
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(retention, "_issue", told_and_killed)
    with pytest.raises(KeyboardInterrupt):
        open_store(retention_days=20)
    monkeypatch.setattr(retention, "_issue", real)
    again = open_store(retention_days=10)
    assert expiries(again) == [10]


async def test_expired_partitions_are_dropped(open_store: OpenStore) -> None:
    """As a whole, when everything in them has expired."""
    store = open_store(retention_days=30)
    await store.append("t", aged(3))
    await store.append("t", aged(2))
    connection = store._engine.connect()
    day = TODAY - 3
    connection.execute(
        f"ALTER TABLE nexus.logs UPDATE expires_on = toDate({TODAY - 1}) WHERE intDiv(hour, 24) = {day} "
        "SETTINGS mutations_sync = 1"
    )
    assert [partition for partition, _ in drop_expired(connection)] in ([str(day)], [])
    store._reader.changed()
    assert await count(store) == 10
    assert drop_expired(connection) == []
