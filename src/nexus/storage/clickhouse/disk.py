"""Room on the disk: writing stops below a reserve, or when the engine runs out, and goes on when there is room."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nexus.errors import DiskFull
from nexus.storage.clickhouse.options import MIB, disk_reserve

CHECK_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 5.0
"""Pause after the engine ran out of space although more than the reserve is free (a quota, a merge)."""


class DiskGuard:
    """Answers "may something be written?" for a directory. Any thread; free space is looked up once a second."""

    def __init__(self, path: Path, reserve: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        """`reserve` is in bytes, 0 means `disk_reserve()` of the disk."""
        self._path = path
        self._reserve = reserve
        self._clock = clock
        self._lock = threading.Lock()
        self._checked = float("-inf")
        self._blocked_until = float("-inf")
        self.free = self.total = 0
        self.full = False

    @property
    def reserve(self) -> int:
        """Bytes that must stay free."""
        return self._reserve or disk_reserve(self.total)

    def check(self) -> None:
        """Raise `DiskFull` when nothing may be written now."""
        now = self._clock()
        with self._lock:
            if now - self._checked >= CHECK_SECONDS:
                status = os.statvfs(self._path)
                self.free, self.total = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
                self._checked = now
            # A little above the reserve before it opens again, or it would flap with every removed part.
            limit = self.reserve + (min(self.reserve // 8, 64 * MIB) if self.full else 0)
            self.full = self.free < limit or now < self._blocked_until
            if self.full:
                raise self._error(f"{self.free // MIB:,} MiB are free, {self.reserve // MIB:,} MiB are kept in reserve")

    def report_full(self, message: str) -> DiskFull:
        """The engine ran out of space: stop for a while. Returns the error to raise."""
        with self._lock:
            self.full = True
            self._checked = float("-inf")
            self._blocked_until = self._clock() + RETRY_SECONDS
        return self._error(message)

    def _error(self, why: str) -> DiskFull:
        return DiskFull(
            f"the disk of {self._path} is full: {why}.",
            hint="Free some space or shorten the retention; queries go on, and ingest resumes by itself.",
        )
