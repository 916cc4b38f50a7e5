"""Writing stops below the reserve and goes on above it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from nexus.errors import DiskFull
from nexus.storage.clickhouse.disk import RETRY_SECONDS, DiskGuard
from nexus.storage.clickhouse.options import GIB, MIB, disk_reserve


class Disk:
    """A disk whose free space is set, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free, self.now, self.asked = 10 * GIB, 0.0, 0
        monkeypatch.setattr(os, "statvfs", self.statvfs)

    def statvfs(self, path: Any) -> Any:
        """As the system would answer."""
        self.asked += 1
        return os.statvfs_result((MIB, MIB, 1000 * 1024, 0, self.free // MIB, 0, 0, 0, 0, 255))

    def clock(self) -> float:
        """Monotonic seconds."""
        return self.now


def test_it_stops_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a little more free than it stopped at; the message names the numbers."""
    disk = Disk(monkeypatch)
    guard = DiskGuard(Path("/x"), 512 * MIB, disk.clock)
    guard.check()
    disk.free, disk.now = 500 * MIB, 1.5
    with pytest.raises(DiskFull, match="500 MiB are free, 512 MiB"):
        guard.check()
    disk.free, disk.now = 520 * MIB, 3.0
    with pytest.raises(DiskFull):
        guard.check()
    disk.free, disk.now = 600 * MIB, 4.5
    guard.check()
    assert not guard.full


def test_the_system_is_asked_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often somebody asks."""
    disk = Disk(monkeypatch)
    guard = DiskGuard(Path("/x"), 1, disk.clock)
    for step in range(100):
        disk.now = step / 50
        guard.check()
    assert disk.asked == 2


def test_the_engine_may_run_out_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a new try comes after a pause."""
    disk = Disk(monkeypatch)
    guard = DiskGuard(Path("/x"), MIB, disk.clock)
    assert "quota" in guard.report_full("quota exceeded").message
    disk.now = RETRY_SECONDS - 0.1
    with pytest.raises(DiskFull):
        guard.check()
    disk.now = RETRY_SECONDS + 0.1
    guard.check()


def test_the_default_reserve() -> None:
    """1 % within bounds."""
    assert disk_reserve(10 * GIB) == 512 * MIB
    assert disk_reserve(200 * GIB) == 2 * GIB
    assert disk_reserve(10_000 * GIB) == 8 * GIB
