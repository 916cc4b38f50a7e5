"""Damaged parts after an unclean stop."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.unit.storage.batches import DAY, NOON, numbered
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.test_manifest import count

from nexus.storage.clickhouse.repair import CheckReport
from nexus.storage.clickhouse.store import ClickHouseStore


def report_of(store: ClickHouseStore) -> CheckReport:
    """What the check after the start found."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (report := store._housekeeper.statistics.check) is not None:
            return report
        time.sleep(0.02)
    raise AssertionError("the check did not end")


def part_files(data: Path, name: str) -> list[Path]:
    """This file of every part of nexus.logs."""
    return sorted(path for path in data.glob(f"hot/store/*/*/*/{name}") if "migrations" not in str(path))


def power_cut(data: Path) -> None:
    """The directory looks as if its last owner ran before the machine was started."""
    (data / "clean").unlink()
    (data / "nexus.lock").write_text("1\n00000000-0000-0000-0000-000000000000\n")


async def test_a_rotten_part_is_taken_out(open_store: OpenStore, tmp_path: Path) -> None:
    """After a power cut; the other parts stay, and writing goes on."""
    store = open_store()
    await store.append("t", numbered(3000, at=NOON))
    await store.append("t", numbered(2000, at=NOON + DAY))
    store.close()
    data = tmp_path / "data"
    (victim,) = [path for path in part_files(data, "data.bin") if path.parent.name.startswith(str(NOON // DAY))]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 0xFF
    victim.write_bytes(content)
    power_cut(data)

    again = open_store()
    report = report_of(again)
    assert [rows for _, rows in report.detached] == [3000]
    assert await count(again) == 2000
    await again.append("t", numbered(10))
    assert await count(again) == 2010
    assert part_files(data, "data.bin"), "the part is kept on disk"


async def test_a_truncated_part_does_not_stop_the_start(open_store: OpenStore, tmp_path: Path) -> None:
    """The engine sets it aside itself, which is reported."""
    store = open_store()
    await store.append("t", numbered(3000, at=NOON))
    await store.append("t", numbered(2000, at=NOON + DAY))
    store.close()
    data = tmp_path / "data"
    (victim,) = [path for path in part_files(data, "data.bin") if path.parent.name.startswith(str(NOON // DAY))]
    victim.write_bytes(victim.read_bytes()[:100])
    power_cut(data)
    again = open_store()
    assert report_of(again).broken_on_start == 1
    assert await count(again) == 2000


@pytest.mark.parametrize("killed", [False, True])
async def test_without_a_power_cut_nothing_is_checked(open_store: OpenStore, tmp_path: Path, killed: bool) -> None:
    """It takes time, and a killed process leaves no damage."""
    store = open_store()
    await store.append("t", numbered(10))
    lock = (tmp_path / "data" / "nexus.lock").read_text()
    store.close()
    if killed:
        (tmp_path / "data" / "clean").unlink()
        (tmp_path / "data" / "nexus.lock").write_text(lock)
    again = open_store()
    assert again._engine.directory.was_clean != killed
    assert await count(again) == 10
    assert again._housekeeper.statistics.check is None
