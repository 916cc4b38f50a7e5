"""Retention on a real engine: what expires goes, and a changed retention moves what is stored."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.storage.batches import DAY, batch
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.test_manifest import count
from tests.unit.storage.test_writer import rows

from nexus.errors import InvalidRequest
from nexus.query.retention import lower_rules
from nexus.storage.api import RetentionPolicy
from nexus.storage.clickhouse.predicate_text import dump, load
from nexus.storage.clickhouse.retention import FOR_EVER, drop_expired
from nexus.storage.clickhouse.store import ClickHouseStore

TODAY = time.time_ns() // DAY


def aged(days: int, records: int = 10) -> Any:
    """Records of some days ago."""
    return batch({"_time": str((TODAY - days) * DAY + n + 1), "_msg": f"{n}"} for n in range(records))


def expiries(store: ClickHouseStore) -> list[int]:
    """Days from today until the records expire, FOR_EVER for those that do not; after waiting for mutations."""
    deadline = time.monotonic() + 60
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
    assert store._ingest.retention.follow(store._engine.connect(), store._ingest.writer.paused)
    await store.append("t", aged(0))
    assert expiries(store) == [3]
    assert not store._ingest.retention.follow(store._engine.connect(), store._ingest.writer.paused)


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


# --------------------------------------------------------------------------------------------------- policies of tenants


def rules(*pairs: tuple[str, int], days: int | None = None) -> RetentionPolicy:
    """A policy from texts."""
    return RetentionPolicy(lower_rules(pairs), days)


def kept(store: ClickHouseStore, tenant: str = "t") -> dict[str, int]:
    """Days from today until records expire, by body; after waiting for mutations."""
    expiries(store)
    found = rows(store, f"SELECT body, toUInt16(expires_on) FROM nexus.logs WHERE tenant = '{tenant}'")
    return {body: day if day == FOR_EVER else day - TODAY for body, day in found}


def mixed() -> Any:
    """Some records of today: a word that has a skeleton, a rare one, an attribute with a column, one without."""
    return batch(
        {"_msg": f"{'slow' if n % 2 else 'fast'} answer {n}", "level": "error" if n == 0 else "info", "user": f"u{n % 3}",
         **({"rare": "y"} if n == 5 else {})}
        for n in range(600)
    )  # fmt: skip


def expected(n: int, slow: int, rare: int, user: int, others: int) -> int:
    """What the rules of `POLICY` with these days say."""
    if n == 5:
        return rare
    if n % 3 == 1:
        return user
    return slow if n % 2 else others


def by_number(found: dict[str, int]) -> dict[int, int]:
    return {int(body.split()[-1]): days for body, days in found.items()}


async def test_a_tenants_policy_applies_to_what_is_stored(open_store: OpenStore) -> None:
    """By rules over words, learned columns and maps; to nobody else; a second change counts from the same arrival; the
    default moves those without a policy; without a policy the default applies again."""
    policies: dict[str, RetentionPolicy] = {}
    default = 30
    store = open_store(lambda: default, policies=lambda: policies)
    await store.append("t", mixed())
    await store.append("u", batch([{"_msg": "slow answer 1"}]))
    policies["t"] = rules(("rare:y", 3), ("user:u1", 0), ("slow", 5))
    await store.follow_retention()
    found = by_number(kept(store))
    assert found == {n: expected(n, 5, 3, FOR_EVER, 30) for n in range(600)}
    assert set(kept(store, "u").values()) == {30}
    assert (await store.retention_progress("t")).done

    policies["t"] = rules(("rare:y", 9), ("user:u1", 400), ("slow", 1), days=8)
    await store.follow_retention()
    assert by_number(kept(store)) == {n: expected(n, 1, 9, 400, 8) for n in range(600)}
    default = 60
    await store.follow_retention()
    assert set(kept(store, "u").values()) == {60}
    assert by_number(kept(store)) == {n: expected(n, 1, 9, 400, 8) for n in range(600)}
    policies["t"] = rules(("rare:y", 9))
    await store.follow_retention()
    default = 10
    await store.follow_retention()
    assert by_number(kept(store)) == {n: 9 if n == 5 else 10 for n in range(600)}
    policies.clear()
    await store.follow_retention()
    assert set(kept(store).values()) == set(kept(store, "u").values()) == {10}
    issued = rows(store, "SELECT count() FROM system.mutations")
    await store.follow_retention()
    assert rows(store, "SELECT count() FROM system.mutations") == issued


async def test_old_records_that_came_in_late_keep_their_arrival(open_store: OpenStore) -> None:
    """Records of long ago whose sender saw them long ago as well."""
    policies: dict[str, RetentionPolicy] = {}
    store = open_store(retention_days=30, policies=lambda: policies)
    await store.append("t", aged(1000, 3))
    connection = store._engine.connect()
    connection.execute("ALTER TABLE nexus.logs UPDATE observed_timestamp = timestamp WHERE 1 SETTINGS mutations_sync = 1")
    for days in (7, 50):
        policies["t"] = rules(("nothing", 1), days=days)
        await store.follow_retention()
        assert set(kept(store).values()) == {days}


async def test_policies_survive_a_stop_at_any_moment(open_store: OpenStore, monkeypatch: Any) -> None:
    """A change is made once, whether the engine had been told of it or not."""
    policies = {"t": rules(("slow", 5))}
    store = open_store(retention_days=30)
    await store.append("t", mixed())
    store.close()
    from nexus.storage.clickhouse import retention

    real = retention._issue

    def told_and_killed(*arguments: Any) -> bool:
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(retention, "_issue", told_and_killed)
    with pytest.raises(KeyboardInterrupt):
        open_store(retention_days=30, policies=lambda: policies)
    monkeypatch.setattr(retention, "_issue", real)
    for _ in range(2):
        again = open_store(retention_days=30, policies=lambda: policies)
        assert by_number(kept(again)) == {n: 5 if n % 2 else 30 for n in range(600)}
        assert rows(again, "SELECT count() FROM system.mutations WHERE command LIKE '%expires_on%'") == [[1]]
        again.close()


def test_rules_do_not_depend_on_when_they_are_asked() -> None:
    """Times relative to now are refused, others are not."""
    with pytest.raises(InvalidRequest, match="relative to now"):
        lower_rules([("timestamp:>now-1h", 5)])
    assert lower_rules([("timestamp:>2026-01-01T00:00:00Z level:error", 5)])


@given(st.sampled_from(["a", 'a "b c" OR NOT level:>=warn', "x:1 y:>2.5 z:* resource.host:a*b ~x trace_id:" + "ab" * 16]))
def test_predicates_are_remembered(query: str) -> None:
    """As they are."""
    ((predicate, _),) = lower_rules([(query, 1)])
    assert load(json.loads(json.dumps(dump(predicate)))) == predicate


async def test_new_records_get_what_stored_ones_are_moved_to(open_store: OpenStore) -> None:
    """While a policy changes and batches come in: no record is left with the old one, and the filter of the encoder and the
    conditions of the change agree."""
    policies: dict[str, RetentionPolicy] = {}
    store = open_store(retention_days=30, policies=lambda: policies)
    wanted = [
        rules(("rare:y", 3), ("user:u1", 0), ("slow", 5)),
        rules(("fast", 7), ("level:error", 9), days=11),
        rules(days=2),
    ]
    for number, policy in enumerate(wanted):
        await store.append("t", mixed())
        policies["t"] = policy
        appends = [asyncio.create_task(store.append("t", mixed())) for _ in range(4)]
        await store.follow_retention()
        await asyncio.gather(*appends)
        await store.append("t", mixed())
        expiries(store)
        found = rows(store, "SELECT body, uniqExact(expires_on), count() FROM nexus.logs GROUP BY body")
        assert {(different, records) for _, different, records in found} == {(1, 6 * (number + 1))}
    assert set(kept(store).values()) == {2}
