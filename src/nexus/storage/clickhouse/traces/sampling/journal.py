"""What tail sampling writes down in `ingest.sqlite`: up to which slice spans count where they stay, and the slice that is
being moved with the number of its chunks. What is decided is in the engine."""

from __future__ import annotations

from typing import Final

from nexus.storage.clickhouse.ingest_db import IngestDatabase

_SETTLED: Final = "sampling_settled"
_MOVING: Final = "sampling_moving"


class Journal:
    """See the module text."""

    def __init__(self, database: IngestDatabase) -> None:
        self._database = database

    @property
    def settled(self) -> int | None:
        """The last slice that was settled; None when there was none, or when that is lost."""
        text = self._read(_SETTLED)
        return None if text is None else int(text)

    @property
    def moving(self) -> tuple[int, int] | None:
        """The slice that is being moved, which is decided, and its chunks."""
        text = self._read(_MOVING)
        if text is None:
            return None
        slice, chunks = text.split()
        return int(slice), int(chunks)

    def move(self, slice: int, chunks: int) -> None:
        """A slice is decided and is going to be moved."""
        with self._database.transaction() as write:
            write.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (_MOVING, f"{slice} {chunks}"))

    def settle(self, slice: int) -> None:
        """All of a slice, and of those before, is moved."""
        with self._database.transaction() as write:
            write.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (_SETTLED, str(slice)))
            write.execute("DELETE FROM state WHERE name = ?", (_MOVING,))

    def _read(self, name: str) -> str | None:
        rows = self._database.rows("SELECT value FROM state WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None
