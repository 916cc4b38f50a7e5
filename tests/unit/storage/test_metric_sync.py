"""One fsync for many who wait: nobody returns before a sync that began after he came."""

from __future__ import annotations

import asyncio
import threading

import pytest

from nexus.errors import DiskFull, StorageError
from nexus.storage.clickhouse.metrics.writer import GroupSync


async def test_who_comes_while_one_is_under_way_waits_for_the_next() -> None:
    """And all who came meanwhile share that one."""
    begun, go = [], [threading.Event() for _ in range(3)]

    def sync() -> None:
        begun.append(len(begun))
        assert go[len(begun) - 1].wait(60)

    group = GroupSync(sync)
    first = asyncio.ensure_future(group())
    while not begun:
        await asyncio.sleep(0)
    others = [asyncio.ensure_future(group()) for _ in range(5)]
    await asyncio.sleep(0)
    go[0].set()
    await first
    assert not any(other.done() for other in others)
    go[1].set()
    await asyncio.gather(*others)
    assert len(begun) == 2
    go[2].set()
    await group()
    assert len(begun) == 3


@pytest.mark.parametrize(("number", "kind"), [(28, DiskFull), (5, StorageError)])
async def test_a_sync_that_fails_fails_who_waited(number: int, kind: type[Exception]) -> None:
    """The next one is tried again."""
    fail = True

    def sync() -> None:
        if fail:
            raise OSError(number, "no")

    group = GroupSync(sync)
    with pytest.raises(kind):
        await group()
    fail = False
    await group()


async def test_a_waiter_that_goes_away_takes_nobody_along() -> None:
    """The sync goes on for the others."""
    go = threading.Event()

    def sync() -> None:
        assert go.wait(60)

    group = GroupSync(sync)
    gone, stays = asyncio.ensure_future(group()), asyncio.ensure_future(group())
    await asyncio.sleep(0)
    gone.cancel()
    go.set()
    await stays
    with pytest.raises(asyncio.CancelledError):
        await gone
