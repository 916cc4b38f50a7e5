"""Table definitions that a power cut damaged: noticed, set aside, written anew; never the data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.storage.batches import numbered
from tests.unit.storage.conftest import OpenStore

from nexus.errors import ConfigError
from nexus.query.plan import Count, LogScan
from nexus.query.policy import scope
from nexus.storage.clickhouse import manifest
from nexus.storage.clickhouse.store import ClickHouseStore

DEFINITION = """ATTACH TABLE _ UUID 'eced013e-265c-43b2-b097-81c259b39c24'
(
    `tenant` LowCardinality(String),
    `it\\`s` String DEFAULT if(mapContains(m, 'a\\'(b'), m['a\\'(b'], '') COMMENT 's:a\\'(b'
)
ENGINE = MergeTree
ORDER BY tenant
SETTINGS index_granularity = 8192
"""


def test_a_whole_definition() -> None:
    """Quotes and brackets inside texts do not confuse."""
    assert manifest.is_whole(DEFINITION)
    assert manifest.is_whole("ATTACH DATABASE _ UUID '4e2073ee'\nENGINE = Atomic\n")


@given(st.integers(0, len(DEFINITION) - 1))
def test_a_cut_definition_is_not_whole(length: int) -> None:
    """Wherever it was cut, unless only the end is missing that says nothing more."""
    cut = DEFINITION[:length]
    complete_line = cut.endswith("\n") and "ENGINE" in cut
    assert manifest.is_whole(cut) == complete_line
    assert not manifest.is_whole(cut + "\0" * (len(DEFINITION) - length))


def definition_of(data: Path) -> Path:
    """The engine's file for nexus.logs."""
    (path,) = (data / "engine" / "store").glob("*/*/logs.sql")
    return path


async def count(store: ClickHouseStore) -> int:
    """Records of the tenant."""
    table = await store.table(scope(Count(LogScan()), tenant="t", query_id="q"))
    return int(table.rows[0][0])


@pytest.mark.parametrize("damage", ["empty", "cut", "zeros", "missing", "wrong"])
async def test_a_damaged_definition_is_put_right(open_store: OpenStore, tmp_path: Path, damage: str) -> None:
    """The store opens, with all its records and learned columns; the bad file is kept aside."""
    store = open_store()
    await store.append("t", numbered(1000))
    store.close()
    path = definition_of(tmp_path / "data")
    whole = path.read_text()
    assert "i_n" in whole, "the attribute was learned"
    if damage == "missing":
        path.unlink()
    else:
        broken = {
            "empty": "",
            "cut": whole[: len(whole) // 2],
            "zeros": "\0" * len(whole),
            "wrong": whole.replace("ENGINE = MergeTree", "ENGINE = NoSuchEngine"),
        }
        path.write_text(broken[damage])
    again = open_store()
    assert await count(again) == 1000
    await again.append("t", numbered(10))
    assert await count(again) == 1010
    quarantine = tmp_path / "data" / "quarantine"
    assert quarantine.exists() == (damage != "missing")
    assert path.read_text() == whole


async def test_without_a_copy_the_start_fails_and_says_so(open_store: OpenStore, tmp_path: Path) -> None:
    """Nothing is made up, nothing is wiped."""
    store = open_store()
    await store.append("t", numbered(1000))
    store.close()
    data = tmp_path / "data"
    path = definition_of(data)
    whole = path.read_text()
    path.write_text(whole.replace("ENGINE = MergeTree", "ENGINE = NoSuchEngine"))
    copy = (data / manifest.MANIFEST).read_text()
    (data / manifest.MANIFEST).unlink()
    with pytest.raises(ConfigError, match="does not start"):
        open_store()
    (data / manifest.MANIFEST).write_text(copy)
    assert await count(open_store()) == 1000
