"""Erasures on a real engine: what matches goes, from queries and from the disk, and nothing else does."""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.unit.storage.batches import DAY, NOON, batch
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.test_reader import asked
from tests.unit.storage.test_writer import rows

from nexus.query.logs import lower, parse
from nexus.query.plan import Count, LogScan, Search, TimeRange
from nexus.storage.api import ErasureFailed, Token
from nexus.storage.clickhouse import erasure
from nexus.storage.clickhouse.store import ClickHouseStore


def matching(query: str, time: TimeRange = TimeRange(), tenant: str = "t") -> Any:
    """The plan of an erasure."""
    return asked(Count(LogScan(time, lower(parse(query).root))), tenant=tenant)


async def erase(store: ClickHouseStore, query: Any, id: str = "") -> None:
    """Begin, wait until it is done, prove it."""
    id = id or secrets.token_hex(4)
    await store.erase(id, query)
    async with asyncio.timeout(60):
        while not (await store.erasure_progress(id)).done:  # type: ignore[union-attr]
            await asyncio.sleep(0.02)
        while (await store.erased(id, query)).parts_left:
            await asyncio.sleep(0.1)
    assert await store.erasure_progress(id) is None, "it is forgotten"


async def bodies(store: ClickHouseStore, tenant: str = "t") -> set[str]:
    """Of all records, each once."""
    page = await store.search(asked(Search(LogScan(), limit=5000), tenant=tenant))
    return {json.loads(record)["body"] for record in page.records}


def files_with(folder: Path, marker: bytes) -> list[Path]:
    """Files that hold some bytes."""
    return [path for path in folder.rglob("*") if path.is_file() and marker in path.read_bytes()]


async def test_what_matches_goes_and_nothing_else(open_store: OpenStore, tmp_path: Path) -> None:
    """By words (with and without skeletons), phrases, attributes in maps and in learned columns, times and tenants."""
    store = open_store()
    marker = secrets.token_hex(32)

    def records(tenant: str) -> Any:
        return batch(
            {"_time": str(NOON + day * DAY + n), "_msg": f"{tenant} customer {n} paid {'late' if n % 3 else 'early'}",
             "service": "pay", "user": f"u{n % 10}", **({"card": marker} if n == 7 else {}), **({"odd": "y"} if n == 3 else {})}
            for day in range(2) for n in range(600)
        )  # fmt: skip

    for tenant in ("t", "u"):
        await store.append(tenant, records(tenant))
    await store.append("t", batch([{"_time": str(NOON), "_msg": "one of a kind entry late", "service": "rare"}]))
    assert "user" in {column.key for column in store._ingest.learned.columns}
    assert files_with(tmp_path / "data", marker.encode())
    before = await bodies(store)

    await erase(store, matching("user:u7 late", TimeRange(None, NOON + 300)))
    left = await store.table(matching("late user:u7"))
    assert left.rows[0][0] == sum(1 for day in range(2) for n in range(600) if n % 10 == 7 and n % 3 and (day or n >= 300))
    assert await bodies(store) == before, "the second day has the same bodies"
    await erase(store, matching("kind"))
    assert await bodies(store) == before - {"one of a kind entry late"}
    await erase(store, matching('"customer 3" OR odd:y'))
    assert await bodies(store) == before - {"one of a kind entry late", "t customer 3 paid early"}

    assert files_with(tmp_path / "data", marker.encode())
    for tenant in ("t", "u"):
        await erase(store, matching("card:*", tenant=tenant))
    assert files_with(tmp_path / "data", marker.encode()) == []
    assert (await store.table(matching("", tenant="u"))).rows == [[1198]]
    erased = [7, *(n for n in range(300) if n % 10 == 7 and n % 3 and n != 7), 3]
    assert (await store.table(matching(""))).rows == [[1200 - len(erased) - 1 - 1]]
    await erase(store, matching(""))
    assert (await store.table(matching(""))).rows == [[0]]
    assert (await store.table(matching("", tenant="u"))).rows == [[1198]]


async def test_records_that_come_later_stay(open_store: OpenStore) -> None:
    """Whatever they say; and an erasure begins once."""
    store = open_store()
    await store.append("t", batch([{"_msg": "secret"}]))
    query = matching("secret")
    await store.erase("one", query)
    await store.append("t", batch([{"_msg": "secret again"}]))
    await store.erase("one", query)
    await erase(store, query, "one")
    assert await bodies(store) == {"secret again"}


async def test_a_replay_does_not_bring_records_back(open_store: OpenStore, monkeypatch: Any) -> None:
    """Not after the erasure of all that a token stored, and not when its commit was in doubt."""
    store = open_store()
    data = batch([{"_time": str(NOON), "_msg": "secret"}, {"_time": str(NOON + DAY), "_msg": "secret"}])
    real = store._ingest.ledger.complete

    def locked(commit_id: int) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(store._ingest.ledger, "complete", locked)
    await store.append("t", data, Token("k", 1))
    monkeypatch.setattr(store._ingest.ledger, "complete", real)
    assert store._ingest.writer._doubtful
    await erase(store, matching("secret"))
    assert not store._ingest.writer._doubtful
    again = await store.append("t", data, Token("k", 1))
    assert again.replayed
    assert await bodies(store) == set()
    store.close()
    reopened = open_store()
    assert (await reopened.append("t", data, Token("k", 1))).replayed
    assert await bodies(reopened) == set()


async def test_an_erasure_goes_on_after_a_restart(open_store: OpenStore) -> None:
    """The engine remembers it."""
    store = open_store()
    connection = store._engine.connect()
    await store.append("t", batch({"_msg": f"secret {n}"} for n in range(10)))
    connection.execute("SYSTEM STOP MERGES nexus.logs")
    await store.erase("one", matching("secret"))
    progress = await store.erasure_progress("one")
    assert progress is not None and not progress.done and progress.parts_left == 1
    store.close()
    again = open_store()
    await erase(again, matching("secret"), "one")
    assert await bodies(again) == set()


async def test_damaged_parts_that_were_set_aside_are_no_proof(open_store: OpenStore) -> None:
    """They may hold the records."""
    store = open_store()
    await store.append("t", batch([{"_msg": "secret"}]))
    connection = store._engine.connect()
    ((name,),) = rows(store, "SELECT name FROM system.parts WHERE table = 'logs' AND active")
    connection.execute(f"ALTER TABLE nexus.logs DETACH PART '{name}'")
    with pytest.raises(ErasureFailed, match="set aside"):
        await erase(store, matching("secret"))


@pytest.mark.parametrize(
    ("directory", "older"),
    [
        ("20450_1_5_1", True), ("20450_1_5_1_7", True), ("20450_1_5_1_10", False), ("20450_11_11_0", False),
        ("tmp_mut_20450_1_5_1_10", False), ("delete_tmp_20450_3_3_0", True), ("tmp_merge_20450_3_12_1", True),
        ("detached", False), ("20450_10_10_0", False), ("20450_9_30_2_10", False),
        ("all_2_2_0", True), ("all_2_2_0_10", False), ("all_2_2_0_9", True), ("delete_tmp_all_12_12_0", False),
    ],
)  # fmt: skip
def test_directories_from_before(directory: str, older: bool) -> None:
    assert erasure.is_older(directory, 10) is older
