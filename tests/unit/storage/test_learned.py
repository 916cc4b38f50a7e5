"""Learned attribute columns on a real engine: the same answers before, between and after."""

from __future__ import annotations

from typing import Any

from tests.unit.storage.batches import NOON, batch
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.test_writer import rows

from nexus.query.logs import lower, parse
from nexus.query.plan import Count, LogScan
from nexus.query.policy import scope
from nexus.storage.clickhouse.store import ClickHouseStore

KINDS = {"text": lambda n: f"v{n % 3}", "id": lambda n: f"id-{n}", "int": lambda n: n % 5, "real": lambda n: n / 2}
QUERIES = ("text:v1", "id:id-7", "int:>=3", "real:<10", "flag:true", "a.b/c:x", "text:*", "missing:x", "list:*")


def records(count: int) -> Any:
    """A batch with attributes of every type."""
    more = {"flag": True, "a.b/c": "x", "list": [1, 2]}
    return batch(
        {"_time": str(NOON + n), "_msg": "m", **{key: make(n) for key, make in KINDS.items()}, **more} for n in range(count)
    )


async def counts(store: ClickHouseStore) -> list[int]:
    """Matches of each query."""
    found = []
    for query in QUERIES:
        scan = LogScan(where=lower(parse(query).root, now_ns=0))
        table = await store.table(scope(Count(scan), tenant="t", query_id="q"))
        found.append(int(table.rows[0][0]))
    return found


def columns(store: ClickHouseStore) -> list[str]:
    """Comments of the learned columns."""
    return sorted(column.comment for column in store._ingest.learned.columns)


async def test_answers_do_not_depend_on_where_the_data_lies(open_store: OpenStore) -> None:
    """In maps, in columns, in merged parts of both, after a restart."""
    store = open_store()
    await store.append("t", records(400))
    assert columns(store) == []
    before = await counts(store)
    assert before[:3] == [133, 1, 160] and before[-2:] == [0, 400]
    await store.append("t", records(600))
    assert columns(store) == ["b:flag", "f:real", "i:int", "s:a.b/c", "s:id", "s:text"]
    both = [400 // 3 + 600 // 3, 2, 160 + 240, 40, 1000, 1000, 1000, 0, 1000]
    assert await counts(store) == both
    await store.append("t", records(600))
    maps = rows(store, "SELECT countIf(notEmpty(attributes_string)), countIf(isNotNull(s_text)) FROM nexus.logs")
    assert maps == [[400, 1600]], "old records keep their maps, and the columns read them"
    rows(store, "OPTIMIZE TABLE nexus.logs FINAL")
    three = [one + two for one, two in zip(both, [200, 1, 240, 20, 600, 600, 600, 0, 600], strict=True)]
    assert await counts(store) == three
    store.close()
    again = open_store()
    assert columns(again) == ["b:flag", "f:real", "i:int", "s:a.b/c", "s:id", "s:text"]
    assert await counts(again) == three
    types = dict(rows(again, "SELECT name, type FROM system.columns WHERE table = 'logs' AND comment != ''"))
    assert types["s_text"] == "LowCardinality(Nullable(String))" and types["s_id"] == "Nullable(String)"


async def test_columns_are_capped(open_store: OpenStore) -> None:
    """The rest stays in the maps and is found there."""
    store = open_store(max_learned_columns=2)
    await store.append("t", records(600))
    assert len(columns(store)) == 2 and store._ingest.learned.refused == 4
    assert await counts(store) == [200, 1, 240, 20, 600, 600, 600, 0, 600]


async def test_what_was_never_stored_is_known(open_store: OpenStore) -> None:
    """Until the memory of it is lost: then everything may be there."""
    store = open_store()
    await store.append("t", records(10))
    seen = store._ingest.learned.seen
    assert seen is not None and {("text", "s"), ("int", "i"), ("flag", "b"), ("list", "j")} <= seen
    assert ("missing", "s") not in seen
    store.close()
    kept = open_store()
    assert kept._ingest.learned.seen == seen
    path = kept._engine.directory.path
    kept.close()
    for file in path.glob("ingest.sqlite*"):
        file.unlink()
    lost = open_store()
    assert lost._ingest.learned.seen is None
    assert (await counts(lost))[5:] == [10, 10, 0, 10]


async def test_a_column_that_cannot_be_added_does_not_stop_ingest(open_store: OpenStore, monkeypatch: Any) -> None:
    """The attribute stays in its map."""
    store = open_store()

    def fail(data_dir: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nexus.storage.clickhouse.manifest.save", fail)
    await store.append("t", records(600))
    assert columns(store) == []
    assert await counts(store) == [200, 1, 240, 20, 600, 600, 600, 0, 600]
