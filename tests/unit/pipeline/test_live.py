"""The live hub: filters with their policy, order, bounds, rates, and work that is done off the loop."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.unit.storage.batches import numbered

from nexus.pipeline import live
from nexus.pipeline.live import LiveHub, Subscription, filter_of
from nexus.query.logs import lower, parse
from nexus.query.plan import All, Compare, CompareOp, Count, Field, FieldKind, LogScan, Search
from nexus.query.policy import scope
from nexus.telemetry import Registry

FEW = Compare(Field(FieldKind.ATTRIBUTE, "n"), CompareOp.LT, 5)


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def search_filter(query: str = "", policy: Any = None) -> Any:
    plan = Search(LogScan(where=lower(parse(query).root, now_ns=0)))
    return filter_of(scope(plan, tenant="t", policy=policy, query_id="q"))


def numbers(records: list[live.LiveRecord]) -> list[int]:
    return [json.loads(record.json)["attributes"]["n"] for record in records]


async def settled(hub: LiveHub, tenant: str = "t") -> None:
    followed = hub._followed.get(tenant)
    while followed is not None and followed.worker is not None:
        await asyncio.wait([followed.worker])
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(clock: Clock) -> LiveHub:
    return LiveHub(Registry(), clock)


async def taken(hub: LiveHub, subscription: Subscription) -> tuple[list[int], int]:
    await settled(hub)
    records, dropped = subscription.take()
    return numbers(records), dropped


async def test_the_policy_is_in_the_filter(hub: LiveHub) -> None:
    free = hub.subscribe("t", search_filter("n:>=3"))
    bound = hub.subscribe("t", search_filter("n:>=3", FEW))
    evading = hub.subscribe("t", search_filter("n:* OR -n:*", FEW))
    hub.publish("t", numbered(10))
    assert await taken(hub, free) == ([3, 4, 5, 6, 7, 8, 9], 0)
    assert await taken(hub, bound) == ([3, 4], 0)
    assert await taken(hub, evading) == ([0, 1, 2, 3, 4], 0)
    with pytest.raises(TypeError):
        filter_of(scope(Count(LogScan(where=All())), tenant="t", query_id="q"))


async def test_large_and_small_batches_keep_their_order(hub: LiveHub) -> None:
    subscription = hub.subscribe("t", search_filter(), rate=20_000)
    at = 0
    for size in (1, 3000, 2, 3000, 1):
        batch = numbered(size, pad="x" * (200 if size > 100 else 1))
        assert (batch.num_bytes > live.INLINE_BYTES) == (size > 100)
        hub.publish("t", batch)
        at += size
    found, dropped = await taken(hub, subscription)
    assert found == [0, *range(3000), 0, 1, *range(3000), 0]
    assert dropped == 0


async def test_nothing_is_done_for_nobody(hub: LiveHub) -> None:
    hub.publish("t", object())
    subscription = hub.subscribe("t", search_filter())
    hub.publish("other", object())
    subscription.close()
    subscription.close()
    hub.publish("t", object())
    assert hub.subscriptions == 0


async def test_the_oldest_make_room(hub: LiveHub) -> None:
    by_count = hub.subscribe("t", search_filter(), max_records=10)
    by_bytes = hub.subscribe("t", search_filter(), max_bytes=3000)
    for _ in range(3):
        hub.publish("t", numbered(8))
    await settled(hub)
    assert len(by_count) == 10
    assert by_bytes.num_bytes <= 3000
    held = len(by_bytes)
    assert await taken(hub, by_count) == ([6, 7, *range(8)], 14)
    found, dropped = await taken(hub, by_bytes)
    assert (len(found), len(found) + dropped, found[-1]) == (held, 24, 7)
    assert hub.dropped.total("t") == 14 + dropped
    assert await taken(hub, by_count) == ([], 0)


async def test_one_record_always_fits(hub: LiveHub) -> None:
    subscription = hub.subscribe("t", search_filter(), max_bytes=10)
    hub.publish("t", numbered(3))
    assert await taken(hub, subscription) == ([2], 2)


async def test_the_rate_is_kept_and_saved_for_a_second(hub: LiveHub, clock: Clock) -> None:
    subscription = hub.subscribe("t", search_filter(), rate=10)
    hub.publish("t", numbered(12))
    assert await taken(hub, subscription) == (list(range(2, 12)), 2)
    hub.publish("t", numbered(3))
    assert await taken(hub, subscription) == ([], 3)
    clock.now = 0.25
    hub.publish("t", numbered(3))
    assert await taken(hub, subscription) == ([1, 2], 1)
    clock.now = 100.0
    hub.publish("t", numbered(20))
    assert await taken(hub, subscription) == (list(range(10, 20)), 10)


async def test_batches_that_wait_are_bounded(hub: LiveHub, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = numbered(10)
    monkeypatch.setattr(live, "MAX_PENDING_BYTES", 3 * batch.num_bytes)
    subscription = hub.subscribe("t", search_filter())
    for _ in range(5):
        hub.publish("t", batch)
    assert await taken(hub, subscription) == ([*range(10)] * 3, 20)


async def test_waiting_ends_with_something_to_take(hub: LiveHub) -> None:
    called = []
    subscription = hub.subscribe("t", search_filter("n:1"), notify=lambda: called.append(1))
    waiting = asyncio.create_task(subscription.wait())
    hub.publish("t", numbered(1))
    await settled(hub)
    assert not waiting.done()
    assert not called
    hub.publish("t", numbered(2))
    await asyncio.wait_for(waiting, 60)
    assert called == [1]
    assert numbers(subscription.take(1)[0]) == [1]


async def test_a_subscription_closed_meanwhile_gets_nothing(hub: LiveHub) -> None:
    subscription = hub.subscribe("t", search_filter())
    other = hub.subscribe("t", search_filter())
    hub.publish("t", numbered(2))
    subscription.close()
    assert await taken(hub, other) == ([0, 1], 0)
    assert len(subscription) == 0
