"""Which UTC days of a tenant have rollups, by their windows: remembered in `ingest.sqlite`, and told to native code.

A day is `fresh` when its rollups were made of everything that is stored, `stale` when something has changed since: late
samples, an erasure, another policy. Stale rollups count for samples that may have expired, until they are made anew.
Thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from nexus import _native
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.metrics.tables import ROLLUPS

_INSERT: Final = "INSERT OR REPLACE INTO metric_rollups VALUES (?, ?, ?, ?)"


class RolledDays:
    """See the module text."""

    def __init__(self, database: IngestDatabase, engine: _native.MetricsEngine) -> None:
        self._database = database
        self._engine = engine
        self._lock = threading.Lock()
        self._days: dict[tuple[str, int], dict[int, bool]] = {}
        """By tenant and window (s): each day, and whether it is stale."""
        self._making: tuple[str, int] | None = None
        self._disturbed = False

    def start(self, connection: Connection) -> None:
        """Take over what is remembered. Where that is lost, what is stored counts as stale. Raises `EngineError`."""
        with self._lock:
            found = self._database.rows("SELECT tenant, tier, day, stale FROM metric_rollups")
            if not found and self._database.is_new:
                stored = connection.rows(f"SELECT DISTINCT tenant, tier, toUInt16(day), 1 FROM nexus.{ROLLUPS}")
                found = [tuple(row) for row in stored]
                with self._database.transaction() as write:
                    write.executemany(_INSERT, found)
            for tenant, tier, day, stale in found:
                self._days.setdefault((str(tenant), int(tier)), {})[int(day)] = bool(stale)
            for key in self._days:
                self._tell(key)

    def begin(self, tenant: str, day: int) -> None:
        """The rollups of a day are going to be made. One at a time."""
        with self._lock:
            self._making, self._disturbed = (tenant, day), False

    def finish(self, tiers: Iterable[int]) -> bool:
        """They are stored. False when something has changed meanwhile: they have to be made again."""
        with self._lock:
            if self._making is None or self._disturbed:
                return False
            tenant, day = self._making
            self._making = None
            changed = [(tenant, tier, day, 0) for tier in tiers]
            with self._database.transaction() as write:
                write.executemany(_INSERT, changed)
            for _, tier, _, _ in changed:
                self._days.setdefault((tenant, tier), {})[day] = False
                self._tell((tenant, tier))
            return True

    def touched(self, tenant: str, days: Iterable[int] | None = None) -> bool:
        """Samples of days (None: of any day) are others now, or belong to other series; before anybody may rely on it.
        True when something was fresh."""
        wanted = None if days is None else set(days)
        with self._lock:
            if self._making is not None and self._making[0] == tenant and (wanted is None or self._making[1] in wanted):
                self._disturbed = True
            changed = []
            for (owner, tier), known in self._days.items():
                if owner == tenant:
                    fresh = [day for day, stale in known.items() if not stale and (wanted is None or day in wanted)]
                    changed += [(tenant, tier, day, 1) for day in fresh]
            if changed:
                with self._database.transaction() as write:
                    write.executemany(_INSERT, changed)
                for _, tier, day, _ in changed:
                    self._days[tenant, tier][day] = True
                for tier in {tier for _, tier, _, _ in changed}:
                    self._tell((tenant, tier))
            return bool(changed)

    def due(self, tenant: str, tiers: Iterable[int], days: Iterable[int]) -> list[int]:
        """Those of the days that are not fresh, the oldest first: it is the next to expire."""
        with self._lock:
            known = [self._days.get((tenant, tier), {}) for tier in tiers]
            return sorted(day for day in days if any(one.get(day, True) for one in known))

    def forget(self, tenant: str, tier: int | None = None, before: int | None = None) -> None:
        """Drop what is known of a tenant: of all windows or of one, of all days or of those before one."""
        with self._lock:
            keys = [key for key in self._days if key[0] == tenant and tier in (None, key[1])]
            for key in keys:
                gone = [day for day in self._days[key] if before is None or day < before]
                if gone:
                    with self._database.transaction() as write:
                        write.executemany(
                            "DELETE FROM metric_rollups WHERE tenant = ? AND tier = ? AND day = ?",
                            [(*key, day) for day in gone],
                        )
                    for day in gone:
                        del self._days[key][day]
                    self._tell(key)
                if not self._days[key]:
                    del self._days[key]

    def known(self) -> dict[tuple[str, int], int]:
        """Number of days by tenant and window."""
        with self._lock:
            return {key: len(days) for key, days in self._days.items()}

    def _tell(self, key: tuple[str, int]) -> None:
        days = self._days.get(key, {})
        fresh, stale = ([day for day, is_stale in days.items() if is_stale is wanted] for wanted in (False, True))
        self._engine.set_rolled_days(*key, fresh, stale)
