"""Writing on a real engine: visible when acknowledged, grouped, once per token, and what happens when something fails."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.storage.batches import DAY, NOON, batch, numbered
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.test_manifest import count

from nexus import _native
from nexus.errors import DiskFull, Overloaded, StorageError, TokenReused
from nexus.storage.api import Receipt, Token
from nexus.storage.clickhouse.blocks import SMALL
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.errors import EngineError
from nexus.storage.clickhouse.store import ClickHouseStore


def rows(store: ClickHouseStore, sql: str) -> list[list[Any]]:
    """Ask the engine directly."""
    connection = store._engine.connect()
    try:
        return connection.rows(sql)
    finally:
        store._engine.release(connection)


def days_batch(days: int, each: int = 10) -> Any:
    """`each` records on each of several days."""
    return batch({"_time": str(NOON + day * DAY + n), "_msg": f"{n}"} for day in range(days) for n in range(each))


async def test_what_is_acknowledged_is_visible(open_store: OpenStore) -> None:
    """To the next query, always."""
    store = open_store()
    for number in range(1, 20):
        receipt = await store.append("t", numbered(7))
        assert receipt == Receipt(7)
        assert await count(store) == 7 * number
    assert rows(store, "SELECT uniqExact(tenant, commit_id) FROM nexus.logs") == [[1]]


async def test_batches_that_come_together_are_stored_together(open_store: OpenStore) -> None:
    """One commit and one part for many batches of several tenants."""
    store = open_store(writer={"interval": 0.3, "busy_interval": 0.3, "quiet_rows": 10**9})
    await store.append("t", numbered(1))
    await asyncio.gather(*(store.append(f"t{n % 5}", numbered(50)) for n in range(40)))
    assert store.writer_statistics().commits == 2
    parts = rows(store, "SELECT rows FROM system.parts WHERE table = 'logs' AND active ORDER BY rows")
    assert parts == [[1], [2000]]
    assert rows(store, "SELECT tenant, count() FROM nexus.logs WHERE tenant != 't' GROUP BY 1 ORDER BY 1") == [
        [f"t{n}", 400] for n in range(5)
    ]


async def test_a_commit_makes_one_part_per_day(open_store: OpenStore) -> None:
    """Also of hundreds of days."""
    store = open_store()
    await asyncio.gather(store.append("t", days_batch(200)), store.append("t", days_batch(120)))
    parts = rows(store, "SELECT count(), sum(rows) FROM system.parts WHERE table = 'logs' AND active AND level = 0")
    assert parts[0][1] <= 3200 and await count(store) == 3200
    assert store.writer_statistics().parts in (200, 320)


async def test_times_at_the_far_end(open_store: OpenStore) -> None:
    """2149, where 16-bit days end, and 2262, where 64-bit nanoseconds end, are days like any other."""
    store = open_store()
    times = [0, 5_662_310_400 * 10**9, 5_662_396_800 * 10**9, 7_000_000_000 * 10**9, 2**63 - 1]
    await store.append("t", batch({"_time": str(at or 1), "_msg": str(at)} for at in times))
    assert await count(store) == 5
    found = rows(store, "SELECT body FROM nexus.logs WHERE timestamp >= '2100-01-01' ORDER BY timestamp")
    assert [int(body) for (body,) in found] == times[1:]


# ------------------------------------------------------------------------------------------------------------- tokens


async def test_a_token_stores_its_batch_once(open_store: OpenStore) -> None:
    """Repeated one after the other, at the same time, and after a restart: the first answer, byte for byte."""
    store = open_store()
    token = Token("k", 2**64 - 1)
    first = await store.append("t", numbered(10), token, b'{"accepted":10}')
    assert first == Receipt(10, False, b'{"accepted":10}')
    assert await store.append("t", numbered(10), token, b"other") == Receipt(10, True, b'{"accepted":10}')
    together = await asyncio.gather(*(store.append("t", numbered(5), Token("l", 1), b"%d" % n) for n in range(8)))
    assert [receipt.replayed for receipt in together] == [False] + [True] * 7
    assert {receipt.reply for receipt in together} == {b"0"}
    store.close()
    again = open_store()
    assert await again.append("t", numbered(10), token, b"other") == Receipt(10, True, b'{"accepted":10}')
    assert await again.replayed("t", token) == Receipt(10, True, b'{"accepted":10}')
    assert await again.replayed("u", token) is None
    assert await count(again) == 15


async def test_a_token_stands_for_one_payload(open_store: OpenStore) -> None:
    """Another one under the same key is refused, also while the first is under way; other tenants may use the key."""
    store = open_store()
    outcomes = await asyncio.gather(
        store.append("t", numbered(5), Token("k", 1)),
        store.append("t", numbered(6), Token("k", 2)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], Receipt) and isinstance(outcomes[1], TokenReused)
    with pytest.raises(TokenReused, match="'k' was used before"):
        await store.append("t", numbered(6), Token("k", 2))
    with pytest.raises(TokenReused):
        await store.replayed("t", Token("k", 2))
    await store.append("u", numbered(6), Token("k", 2))
    assert await count(store) == 5


async def test_a_token_is_remembered_though_nothing_is_left_to_store(open_store: OpenStore) -> None:
    """Pipelines may drop every record; the receipt says what the sender sent."""
    store = open_store()
    receipts = await asyncio.gather(*(store.append("t", numbered(0), Token("k", 1), b"%d" % n, 7) for n in range(3)))
    assert receipts == [Receipt(7, False, b"0"), Receipt(7, True, b"0"), Receipt(7, True, b"0")]
    store.close()
    again = open_store()
    assert await again.replayed("t", Token("k", 1)) == Receipt(7, True, b"0")
    assert await again.append("t", numbered(3), Token("k", 1), b"other", 7) == Receipt(7, True, b"0")
    assert await again.append("t", numbered(3), Token("l", 1), b"4", 4) == Receipt(4, False, b"4")
    assert await count(again) == 3


async def test_a_sender_that_gives_up_does_not_stop_the_others(open_store: OpenStore) -> None:
    """Who waits for the same batch gets the answer."""
    store = open_store(writer={"interval": 0.2, "quiet_rows": 10**9})
    await store.append("t", numbered(1))
    first = asyncio.create_task(store.append("t", numbered(5), Token("k", 1)))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(store.append("t", numbered(5), Token("k", 1)))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == Receipt(5, True)
    assert await count(store) == 6


# ------------------------------------------------------------------------------------------------------------- faults


@pytest.fixture
def broken_insert(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Makes the next inserts fail, before (`stored=False`) or after they took effect; returns a list of the attempts."""

    def arm(error: Exception, *, stored: bool, times: int = 1) -> list[int]:
        attempts: list[int] = []
        real = Connection.insert

        def insert(self: Connection, table: str, settings: str, blocks: Any) -> int:
            content = list(blocks)
            attempts.append(len(content))
            if len(attempts) <= times:
                if stored:
                    real(self, table, settings, content)
                raise error
            return real(self, table, settings, content)

        monkeypatch.setattr(Connection, "insert", insert)
        return attempts

    return arm


FAULT = EngineError(999, "FAULT", "the engine had a bad day")


async def test_a_failed_insert_fails_its_senders_only(open_store: OpenStore, broken_insert: Any) -> None:
    """And the next one works."""
    store = open_store()
    broken_insert(FAULT, stored=False)
    with pytest.raises(StorageError, match="bad day"):
        await store.append("t", numbered(5))
    await store.append("t", numbered(3))
    assert await count(store) == 3


async def test_a_fault_of_the_group_is_not_one_of_each(open_store: OpenStore, broken_insert: Any) -> None:
    """Batches that failed together are tried alone."""
    store = open_store(writer={"interval": 0.2, "quiet_rows": 10**9})
    await store.append("t", numbered(1))
    attempts = broken_insert(FAULT, stored=False)
    await asyncio.gather(*(store.append("t", numbered(SMALL), Token(str(n), n)) for n in range(4)))
    assert attempts == [4, 1, 1, 1, 1]
    assert await count(store) == 4 * SMALL + 1


async def test_a_bad_batch_does_not_take_others_along(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that cannot be encoded nor one that the engine cannot read."""
    store = open_store(writer={"interval": 0.2, "quiet_rows": 10**9})
    await store.append("t", numbered(1))
    real = store._ingest.writer._encode
    sizes = [10, 13, 11, 14, 12]

    def encode(one: Any, **options: Any) -> bytes:
        if one.num_rows in (13, sum(sizes)):
            raise ValueError("cannot encode this")
        block = real(one, **options)
        return block[: len(block) // 2] if one.num_rows == 14 else block

    monkeypatch.setattr(store._ingest.writer, "_encode", encode)
    outcomes = await asyncio.gather(*(store.append("t", numbered(n)) for n in sizes), return_exceptions=True)
    assert [isinstance(outcome, Receipt) for outcome in outcomes] == [True, False, True, False, True]
    assert isinstance(outcomes[1], StorageError) and "cannot encode this" in outcomes[1].message
    assert isinstance(outcomes[3], StorageError)
    assert await count(store) == 34


async def test_an_insert_that_failed_after_it_took_effect(open_store: OpenStore, broken_insert: Any) -> None:
    """The table is asked, so a token's batch counts as stored and is not stored twice."""
    store = open_store()
    broken_insert(FAULT, stored=True)
    assert await store.append("t", numbered(5), Token("k", 1), b"r") == Receipt(5, False, b"r")
    assert await store.append("t", numbered(5), Token("k", 1), b"x") == Receipt(5, True, b"r")
    assert await count(store) == 5


def half_insert(store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch, days: tuple[int, ...], times: int) -> list[Any]:
    """The next inserts store these days only and fail."""
    real = store._ingest.writer._insert
    attempts: list[Any] = []

    def insert(connection: Connection, taken: Any, *rest: Any) -> None:
        attempts.append([waiting.stored_days for waiting in taken])
        if len(attempts) > times:
            real(connection, taken, *rest)
            return
        limits = [waiting.only_days for waiting in taken]
        for waiting in taken:
            waiting.only_days = tuple(day for day in waiting.stored_days if day in days)
        real(connection, taken, *rest)
        for waiting, limit in zip(taken, limits, strict=True):
            waiting.only_days = limit
        raise FAULT

    monkeypatch.setattr(store._ingest.writer, "_insert", insert)
    return attempts


async def test_a_retry_completes_a_batch_that_was_stored_in_part(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each day is stored once, whichever attempt did it, also across a restart; the receipt is that of the whole."""
    store = open_store()
    first = NOON // DAY
    half_insert(store, monkeypatch, (first, first + 2), times=1)
    with pytest.raises(StorageError):
        await store.append("t", days_batch(4), Token("k", 1), b"reply")
    assert await count(store) == 20
    assert await store.replayed("t", Token("k", 1)) is None
    with pytest.raises(TokenReused):
        await store.append("t", days_batch(4), Token("k", 2))
    store.close()
    again = open_store()
    assert await again.append("t", days_batch(4), Token("k", 1), b"other") == Receipt(40, False, b"reply")
    assert await again.append("t", days_batch(4), Token("k", 1)) == Receipt(40, True, b"reply")
    found = rows(again, "SELECT toUnixTimestamp(toStartOfDay(timestamp)) AS d, count() FROM nexus.logs GROUP BY d")
    assert [number for _, number in found] == [10, 10, 10, 10]


async def test_a_group_stored_in_part_is_completed_at_once(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of the stored day are acknowledged, of the others the rest is stored; with and without tokens."""
    store = open_store(writer={"interval": 0.2, "quiet_rows": 10**9})
    await store.append("u", numbered(1))
    first = NOON // DAY
    attempts = half_insert(store, monkeypatch, (first,), times=1)
    receipts = await asyncio.gather(
        store.append("t", days_batch(1)),
        store.append("t", days_batch(3)),
        store.append("t", days_batch(2), Token("k", 1)),
    )
    assert [receipt.records for receipt in receipts] == [10, 30, 20]
    assert attempts[1:] == [[(first + 1, first + 2)], [(first + 1,)]]
    assert await count(store) == 60
    assert (await store.append("t", days_batch(2), Token("k", 1))).replayed


async def test_a_ledger_that_fails_is_settled_later(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored is acknowledged; a repeat waits until the ledger knows, and is not stored again."""
    store = open_store()
    ledger = store._ingest.writer._ledger
    real = ledger.complete

    def complete(commit_id: int) -> None:
        monkeypatch.setattr(ledger, "complete", real)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(ledger, "complete", complete)
    await store.append("t", numbered(5), Token("k", 1), b"r")
    with pytest.raises(Overloaded, match="not known yet"):
        await store.append("t", numbered(5), Token("k", 1))
    await store.append("t", numbered(1))
    assert await store.append("t", numbered(5), Token("k", 1)) == Receipt(5, True, b"r")
    assert await count(store) == 6


# ------------------------------------------------------------------------------------------------------------- bounds


async def test_a_full_queue_refuses_at_once(open_store: OpenStore) -> None:
    """With a time to come back; what was taken in is stored."""
    store = open_store(writer={"queue_bytes": 100_000})
    sizes = 200
    with store._ingest.writer.paused():
        tasks = [asyncio.create_task(store.append("t", numbered(100))) for _ in range(sizes)]
        await asyncio.sleep(0.05)
        refused = [task for task in tasks if task.done()]
        assert 0 < len(refused) < sizes
        for task in refused:
            error = task.exception()
            assert isinstance(error, Overloaded) and error.retry_after > 0
    kept = [task for task in tasks if task not in refused]
    await asyncio.gather(*kept)
    assert await count(store) == 100 * len(kept)
    assert store.writer_statistics().refused_batches == len(refused)


async def test_too_many_parts_are_an_overload(open_store: OpenStore, broken_insert: Any) -> None:
    """Not a fault of the data: no batch is tried alone."""
    store = open_store(writer={"interval": 0.2, "quiet_rows": 10**9})
    await store.append("t", numbered(1))
    attempts = broken_insert(EngineError(252, "TOO_MANY_PARTS", "Too many parts"), stored=False)
    outcomes = await asyncio.gather(*(store.append("t", numbered(3)) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(outcome, Overloaded) for outcome in outcomes)
    assert attempts == [1]


async def test_below_the_reserve_writing_stops_and_reading_goes_on(open_store: OpenStore) -> None:
    """Until there is room again."""
    store = open_store()
    await store.append("t", numbered(5))
    store._disk._reserve = 2**62
    store._disk._checked = float("-inf")
    with pytest.raises(DiskFull, match="in reserve"):
        await store.append("t", numbered(5))
    assert await count(store) == 5
    store._disk._reserve = 1
    store._disk._checked = float("-inf")
    await store.append("t", numbered(5))
    assert await count(store) == 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    path = tmp_path / "small"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


async def test_a_disk_that_is_really_full(open_store: OpenStore, small_disk: Path) -> None:
    """Refused with the reason, nothing half stored, queries work, and ingest resumes by itself."""
    store = open_store(data_dir=small_disk / "data")
    filler = small_disk / "filler"
    await store.append("t", numbered(10))
    with filler.open("wb") as file:
        file.write(b"x" * (os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize - 200_000))
    noise = [{"_time": str(NOON + n), "_msg": os.urandom(400).hex()} for n in range(5000)]
    with pytest.raises(DiskFull) as caught:
        await store.append("t", batch(noise), Token("k", 1))
    assert caught.value.retry_after > 0
    assert await count(store) == 10
    filler.unlink()
    store._disk._blocked_until = float("-inf")
    assert not (await store.append("t", batch(noise), Token("k", 1))).replayed
    assert await count(store) == 5010
    store.close()


async def test_a_stop_stores_what_waits(open_store: OpenStore) -> None:
    """And refuses what comes after."""
    store = open_store(writer={"interval": 5.0, "quiet_rows": 10**9})
    await store.append("t", numbered(1))
    tasks = [asyncio.create_task(store.append("t", numbered(10))) for _ in range(5)]
    await asyncio.sleep(0.05)
    await asyncio.to_thread(store.close)
    assert [receipt.records for receipt in await asyncio.gather(*tasks)] == [10] * 5
    with pytest.raises(Overloaded, match="stopping"):
        await store.append("t", numbered(1))
    assert await count(open_store()) == 51


async def test_an_empty_batch_is_nothing(open_store: OpenStore) -> None:
    """It is acknowledged without a commit."""
    store = open_store()
    empty = _native.decode_otlp_logs_json(b'{"resourceLogs":[]}', now_ns=1).batch
    assert await store.append("t", empty) == Receipt(0)
    assert store.writer_statistics().commits == 0


@pytest.mark.parametrize("fsync", [False, True])
async def test_both_durabilities_store_alike(open_store: OpenStore, fsync: bool) -> None:
    """With fsync the engine is told so."""
    store = open_store(fsync=fsync)
    await store.append("t", numbered(5), Token("k", 1))
    assert await count(store) == 5
    setting = "SELECT value FROM system.merge_tree_settings WHERE name = 'fsync_after_insert'"
    assert rows(store, setting) == [[str(int(fsync))]]
