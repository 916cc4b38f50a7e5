"""On which UTC days there may be records without a skeleton: elsewhere a search for words need not ask bodies (ADR 0003).

Kept in `ingest.sqlite`. A day is written down before the insert that brings such a record. When the file was lost while
records were not, or the store is older than this memory, the answer is None, "unknown", for good.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nexus.storage.clickhouse.ingest_db import IngestDatabase

_KNOWN: Final = "plain_days_known"


class PlainDays:
    """See the module text. `note` is called by committers, `known` by anyone."""

    def __init__(self, database: IngestDatabase, *, table_is_empty: bool) -> None:
        self._database = database
        self._days: frozenset[int] | None = None
        if table_is_empty:
            with database.transaction() as write:
                write.execute("INSERT OR REPLACE INTO state VALUES (?, '1')", (_KNOWN,))
        if database.rows("SELECT 1 FROM state WHERE name = ?", (_KNOWN,)):
            self._days = frozenset(int(day) for (day,) in database.rows("SELECT day FROM plain_days"))

    @property
    def known(self) -> frozenset[int] | None:
        """The days since the epoch; None when they are not known."""
        return self._days

    def note(self, days: Iterable[int]) -> None:
        """Write down days that an insert is about to bring such records to."""
        if self._days is None or not (new := set(days) - self._days):
            return
        with self._database.transaction() as write:
            write.executemany("INSERT OR IGNORE INTO plain_days VALUES (?)", [(day,) for day in sorted(new)])
        self._days = self._days | new
