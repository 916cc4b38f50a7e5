"""Queries on a real engine: limits, cancelling, read-only SQL, streams, and never behind what was acknowledged."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from tests.unit.storage.batches import DAY, NOON, batch, numbered
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.test_manifest import count

from nexus.errors import InvalidRequest, LimitExceeded, Overloaded
from nexus.query.logs import lower, parse
from nexus.query.plan import Bounds, Count, GetRecord, Limits, LogScan, Plan, Scoped, Search, SqlStatement
from nexus.query.policy import scope
from nexus.storage.clickhouse.options import ReaderOptions
from nexus.storage.clickhouse.queries import Session
from nexus.storage.clickhouse.reader import FIRST_STREAM_PAGE, encoded_rows
from nexus.storage.clickhouse.store import ClickHouseStore

SLEEP = SqlStatement("SELECT sum(sleepEachRow(0.001)) FROM logs", 10)


def asked(plan: Plan, *, tenant: str = "t", query_id: str = "q", **limits: Any) -> Scoped:
    """A plan closed over a tenant."""
    return scope(plan, tenant=tenant, query_id=query_id, limits=Limits(**limits))


async def slow_store(open_store: OpenStore, **options: Any) -> ClickHouseStore:
    """A store on which `SLEEP` takes 3 s."""
    store = open_store(**options)
    await store.append("t", numbered(3000))
    return store


async def until(condition: Any, seconds: float = 5.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


# ---------------------------------------------------------------------------------------------------------- freshness


async def test_queries_see_everything_acknowledged(open_store: OpenStore) -> None:
    """Also when days come and writers and readers run at the same time."""
    store = open_store()
    acknowledged = 0

    async def write(number: int) -> None:
        nonlocal acknowledged
        for step in range(8):
            await store.append("t", numbered(5, at=NOON + (number * 8 + step) * DAY))
            acknowledged += 5

    async def read() -> None:
        for _ in range(40):
            before = acknowledged
            assert await count(store) >= before
            bounds = (await store.table(asked(Bounds(LogScan())))).rows[0]
            assert int(bounds[2]) >= before

    await asyncio.gather(*(write(number) for number in range(4)), read(), read())
    assert await count(store) == 160


async def test_an_unknown_tenant_is_empty(open_store: OpenStore) -> None:
    """Not an error."""
    store = open_store()
    await store.append("t", numbered(5))
    assert (await store.table(asked(Count(LogScan()), tenant="nobody"))).rows == [[0]]
    assert (await store.search(asked(Search(LogScan()), tenant="nobody"))).records == []
    assert (await store.search(asked(GetRecord(1, 2)))).records == []


# ------------------------------------------------------------------------------------------------------------- limits


async def test_time_is_limited(open_store: OpenStore) -> None:
    """The message says how much was used and what to do."""
    store = await slow_store(open_store)
    with pytest.raises(LimitExceeded, match=r"more than its 0\.3 seconds") as caught:
        await store.sql(asked(SLEEP, seconds=0.3))
    assert "time range" in caught.value.hint
    assert await count(store) == 3000


async def test_memory_is_limited(open_store: OpenStore) -> None:
    """Per query."""
    store = open_store()
    await store.append("t", batch({"_time": str(NOON + n), "_msg": f"{n} " + "x" * 2000} for n in range(5000)))
    hungry = SqlStatement("SELECT length(groupArray(concat(body, '1'))) FROM logs", 10)
    with pytest.raises(LimitExceeded, match="memory"):
        await store.sql(asked(hungry, memory_bytes=4 << 20))


async def test_results_are_limited(open_store: OpenStore) -> None:
    """In bytes; and rows beyond the limit of the plan are cut."""
    store = await slow_store(open_store)
    everything = SqlStatement("SELECT body, timestamp FROM logs", 3000)
    with pytest.raises(LimitExceeded, match="larger than it may be"):
        await store.sql(asked(everything, result_bytes=1000))
    table = await store.sql(asked(SqlStatement("SELECT body FROM logs ORDER BY timestamp", 2)))
    assert (json.loads(table.rows), table.row_count) == ([["record 0"], ["record 1"]], 2)


async def test_limits_hold_for_the_query_alone(open_store: OpenStore) -> None:
    """The next one on the same connection has its own."""
    store = await slow_store(open_store, reader=ReaderOptions(threads=1))
    for _ in range(2):
        with pytest.raises(LimitExceeded):
            await store.sql(asked(SLEEP, seconds=0.2))
        ten = SqlStatement("SELECT sum(sleepEachRow(0.005)) FROM (SELECT 1 FROM logs LIMIT 100)", 10)
        await store.sql(asked(ten, seconds=20))


# --------------------------------------------------------------------------------------------------------------- SQL


async def test_sql_cannot_write_or_change_its_limits(open_store: OpenStore) -> None:
    """Even a statement that slipped through the guard."""
    store = await slow_store(open_store)

    def run(sql: str) -> Any:
        def work(session: Session) -> bytes:
            return session.query(sql, "JSONCompactEachRow")

        return store._pool.run(asked(SLEEP), work, read_only=True)

    for sql in (
        "INSERT INTO nexus.logs (body) VALUES ('x')",
        "DROP TABLE nexus.logs",
        "CREATE TABLE nexus.x (a Int8) ENGINE = Memory",
        "SET max_execution_time = 0",
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SET readonly = 0",
        "ALTER TABLE nexus.logs DELETE WHERE 1",
    ):
        with pytest.raises(InvalidRequest):
            await run(sql)
    assert await count(store) == 3000


async def test_mistakes_in_sql_are_told(open_store: OpenStore) -> None:
    """As the engine tells them."""
    store = open_store()
    with pytest.raises(InvalidRequest, match="nosuch"):
        await store.sql(asked(SqlStatement("SELECT nosuch(body) FROM logs", 10)))


def test_rows_stay_encoded() -> None:
    """Only line breaks between rows are touched, and rows beyond the limit."""
    data = b'["a", "b"]\n["String", "Int64"]\n["x\\ny", 1]\n["z", 2]\n["", 3]\n'
    columns = [("a", "String"), ("b", "Int64")]
    assert encoded_rows(data, 10) == (columns, b'[["x\\ny", 1],["z", 2],["", 3]]', 3)
    assert encoded_rows(data, 2) == (columns, b'[["x\\ny", 1],["z", 2]]', 2)
    assert encoded_rows(b'["a"]\n["String"]\n', 10) == ([("a", "String")], b"[]", 0)
    assert encoded_rows(data, 0) == (columns, b"[]", 0)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("LowCardinality(String)", "String"),
        ("LowCardinality(Nullable(String))", "Nullable(String)"),
        ("Map(LowCardinality(String), Array(LowCardinality(FixedString(8))))", "Map(String, Array(FixedString(8)))"),
        ("Nullable(Int64)", "Nullable(Int64)"),
    ],
)
def test_types_do_not_tell_how_a_column_is_stored(stored: str, shown: str) -> None:
    assert encoded_rows(f'["a"]\n["{stored}"]\n'.encode(), 10)[0] == [("a", shown)]


async def test_values_in_sql_results(open_store: OpenStore) -> None:
    """Large integers exactly, times in ISO form, broken UTF-8 readable, no numbers that JSON does not have."""
    store = open_store()
    await store.append("t", numbered(1))
    sql = "SELECT timestamp, toUInt64(18446744073709551615), unhex('61ff62'), nan, map('a/b', 1), NULL, true FROM logs"
    table = await store.sql(asked(SqlStatement(sql, 10)))
    (row,) = json.loads(table.rows)
    assert row[1:] == [18446744073709551615, "a\ufffdb", None, {"a/b": 1}, None, True]
    assert row[0].endswith("Z") and row[0].startswith("2026-")


# --------------------------------------------------------------------------------------------------------- cancelling


async def test_cancelling_the_asker_kills_the_query(open_store: OpenStore) -> None:
    """It is listed while it runs, with its progress, and the engine stops working for it."""
    store = await slow_store(open_store)
    task = asyncio.create_task(store.sql(asked(SLEEP, query_id="mine")))
    await until(lambda: [query for query in store.running("t") if query.memory_bytes or query.rows_read])
    (running,) = store.running("t")
    assert (running.query_id, running.tenant) == ("mine", "t") and running.elapsed_ms > 0
    assert store.running("u") == []
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not store.running("t"))
    assert await count(store) == 3000


async def test_a_waiting_query_can_be_cancelled(open_store: OpenStore) -> None:
    """It is never started."""
    store = await slow_store(open_store, reader=ReaderOptions(threads=1))
    first = asyncio.create_task(store.sql(asked(SLEEP, query_id="first")))
    await until(lambda: [query for query in store.running("t") if query.memory_bytes])
    second = asyncio.create_task(store.sql(asked(SLEEP, query_id="second")))
    await until(lambda: len(store.running("t")) == 2)
    second.cancel()
    first.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    await until(lambda: not store.running("t"))


async def test_too_many_waiting_queries_are_refused(open_store: OpenStore) -> None:
    """At once."""
    store = await slow_store(open_store, reader=ReaderOptions(threads=1, waiting=2))
    tasks = [asyncio.create_task(store.sql(asked(SLEEP))) for _ in range(3)]
    await until(lambda: any(query.memory_bytes for query in store.running("t")))
    with pytest.raises(Overloaded, match="waiting"):
        for _ in range(3):
            tasks.append(asyncio.create_task(store.sql(asked(SLEEP))))
            await asyncio.sleep(0.05)
            if tasks[-1].done():
                await tasks[-1]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_stop_ends_running_queries(open_store: OpenStore) -> None:
    """Within a moment, telling the askers."""
    store = await slow_store(open_store)
    task = asyncio.create_task(store.sql(asked(SLEEP)))
    await until(lambda: any(query.memory_bytes for query in store.running("t")))
    began = time.monotonic()
    await asyncio.to_thread(store.close)
    assert time.monotonic() - began < 30
    with pytest.raises((asyncio.CancelledError, LimitExceeded, Overloaded)):
        await task


async def test_output_of_killed_queries_stays_theirs(open_store: OpenStore) -> None:
    """Whenever a query is cancelled, the next one on its thread answers what it was asked."""
    store = open_store(reader=ReaderOptions(threads=2))
    records = [{"_time": str(NOON + n), "_msg": f"{side} {n}"} for n in range(3000) for side in ("left", "right")]
    await store.append("t", batch(records))
    queries = {side: Search(LogScan(where=lower(parse(side).root)), limit=1000) for side in ("left", "right")}

    async def ask(number: int) -> int:
        side = ("left", "right")[number % 2]
        task = asyncio.create_task(store.search(asked(queries[side])))
        if number % 3 == 0:
            await asyncio.sleep(number % 17 / 1000)
            task.cancel()
        try:
            page = await task
        except asyncio.CancelledError:
            return 0
        assert [json.loads(record)["body"] for record in page.records] == [f"{side} {n}" for n in range(2999, 1999, -1)]
        return 1

    answered = 0
    for start in range(0, 90, 6):
        answered += sum(await asyncio.gather(*(ask(number) for number in range(start, start + 6))))
    assert 60 <= answered


# ------------------------------------------------------------------------------------------------------------ streams


@pytest.mark.parametrize("order", ["desc", "asc"])
async def test_a_stream_is_complete_and_in_order(open_store: OpenStore, order: Any) -> None:
    """Over several pages, several days and many records with the same time; up to its limit."""
    store = open_store()
    total = 3 * FIRST_STREAM_PAGE
    records = [{"_time": str(NOON + n // 7 * DAY // 1500), "_msg": f"{n}"} for n in range(total)]
    await store.append("t", batch(records))
    pieces = [piece async for piece in store.stream(asked(Search(LogScan(), order, 10**6)))]
    assert all(piece.endswith(b"\n") for piece in pieces) and len(pieces) > 1
    found = [json.loads(line) for piece in pieces for line in piece.splitlines()]
    assert sorted(int(record["body"]) for record in found) == list(range(total))
    times = [int(record["timestamp"]) for record in found]
    assert times == sorted(times, reverse=order == "desc")
    pieces = [piece async for piece in store.stream(asked(Search(LogScan(), order, 1234)))]
    assert sum(piece.count(b"\n") for piece in pieces) == 1234


async def test_pages_agree_with_the_stream(open_store: OpenStore) -> None:
    """Following the cursor gives every record once, in the stream's order."""
    store = open_store()
    records = [{"_time": str(NOON + n // 10), "_msg": f"{n % 4}", "n": n % 3} for n in range(500)]
    await store.append("t", batch(records))
    stream = b"".join([piece async for piece in store.stream(asked(Search(LogScan(), "desc", 10**6)))])
    paged: list[bytes] = []
    plan = Search(LogScan(), "desc", 7)
    while True:
        page = await store.search(asked(plan))
        assert len(page.records) <= 7
        paged += page.records
        if page.next_cursor is None:
            break
        from nexus.query.plan import Cursor

        plan = Search(LogScan(), "desc", 7, Cursor(*page.next_cursor))
    assert b"".join(record + b"\n" for record in paged) == stream
    assert len(paged) == 500
