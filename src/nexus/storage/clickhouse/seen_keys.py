"""Which attributes (key, type) have ever been stored in the maps: what a query need not look for.

Kept in `ingest.sqlite`, bounded: beyond the bound, or when the file was lost while records were not, the answer is
None, "unknown", for good. A pair is written down before the insert that brings it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.signal_tables import LOGS, SignalTable

MAX_SEEN: Final = 20_000


class SeenKeys:
    """Those of one table. `note` is called by committers, `known` by anyone."""

    def __init__(
        self, database: IngestDatabase, table: SignalTable = LOGS, *, table_is_empty: bool, limit: int = MAX_SEEN
    ) -> None:
        self._database = database
        self._held = f"{table.prefix}seen_keys"
        self._unknown = f"{self._held}_unknown"
        self._limit = limit
        self._pairs: frozenset[tuple[str, str]] | None = None
        if database.is_new and not table_is_empty:
            self._give_up()
        elif not database.rows("SELECT 1 FROM state WHERE name = ?", (self._unknown,)):
            self._pairs = frozenset((key, type) for key, type in database.rows(f"SELECT key, type FROM {self._held}"))

    @property
    def known(self) -> frozenset[tuple[str, str]] | None:
        """Every (key, type letter) that a map may hold; None when that is not known."""
        return self._pairs

    def note(self, pairs: Iterable[tuple[str, str]]) -> bool:
        """Write down pairs that an insert is about to bring; True when some are new."""
        if self._pairs is None:
            return False
        new = set(pairs) - self._pairs
        if not new:
            return False
        if len(self._pairs) + len(new) > self._limit:
            self._give_up()
            return True
        with self._database.transaction() as write:
            write.executemany(f"INSERT OR IGNORE INTO {self._held} VALUES (?, ?)", sorted(new))
        self._pairs = self._pairs | new
        return True

    def _give_up(self) -> None:
        self._pairs = None
        with self._database.transaction() as write:
            write.execute("INSERT OR REPLACE INTO state VALUES (?, '1')", (self._unknown,))
            write.execute(f"DELETE FROM {self._held}")
