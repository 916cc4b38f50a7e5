"""Days with records that have no skeleton: written down before they are stored, and the only ones whose bodies are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.storage.batches import DAY, NOON, batch
from tests.unit.storage.conftest import OpenStore

from nexus.query.logs import lower, parse
from nexus.query.plan import Count, LogScan
from nexus.query.policy import scope
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.plain_days import PlainDays
from nexus.storage.clickhouse.store import ClickHouseStore

TODAY = NOON // DAY


def messages(*bodies: str, at: int = NOON) -> Any:
    """A batch with these bodies."""
    return batch({"_time": str(at + n), "_msg": body} for n, body in enumerate(bodies))


async def count(store: ClickHouseStore, query: str) -> int:
    """Matches of a query."""
    plan = Count(LogScan(where=lower(parse(query).root, now_ns=0)))
    return int((await store.table(scope(plan, tenant="t", query_id="q"))).rows[0][0])


async def branches(store: ClickHouseStore, query: str) -> int:
    """How many times the statement reads the table."""
    plan = Count(LogScan(where=lower(parse(query).root, now_ns=0)))
    return (await store.explain(scope(plan, tenant="t", query_id="q")))[0].count("FROM nexus.logs")


async def test_bodies_are_asked_from_the_first_record_without_a_skeleton_on(open_store: OpenStore) -> None:
    store = open_store()
    await store.append("t", messages("order placed", "order paid"))
    assert await branches(store, "placed") == 1
    assert [await count(store, query) for query in ("placed", "-placed", "order")] == [1, 1, 2]
    # A message without words has no skeleton, and no record with one is like it.
    await store.append("t", messages("", at=NOON + 3 * DAY))
    assert await branches(store, "placed") == 2
    assert [await count(store, query) for query in ("placed", "-placed", "order")] == [1, 2, 2]
    assert store._reader._plain.known == {TODAY + 3}
    store.close()
    again = open_store()
    assert again._reader._plain.known == {TODAY + 3}
    assert [await count(again, query) for query in ("placed", "-placed", "order")] == [1, 2, 2]


async def test_a_lost_memory_asks_everywhere(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    await store.append("t", messages("order placed"))
    path = store._engine.directory.path
    store.close()
    for file in path.glob("ingest.sqlite*"):
        file.unlink()
    again = open_store()
    assert again._reader._plain.known is None
    assert await branches(again, "placed") == 2
    assert await count(again, "placed") == 1


def test_a_store_older_than_the_memory_is_unknown(tmp_path: Path) -> None:
    database = IngestDatabase(tmp_path)
    days = PlainDays(database, table_is_empty=False)
    days.note([5])
    assert days.known is None
    database.close()
