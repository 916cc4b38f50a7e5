"""What the parts of the store share."""

from __future__ import annotations

from typing import Final, TypeVar

from nexus.storage.metadata.database import Database, Value
from nexus.storage.metadata.tables import Table

T = TypeVar("T")

ESCAPE: Final = "!"
_SMALL: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class Base:
    """Parts of the store, over a database."""

    def __init__(self, database: Database) -> None:
        """The database is there, with the schema of this version."""
        self._database = database

    def _one(self, table: Table[T], condition: str, *parameters: Value) -> T | None:
        rows = self._database.rows(f"{table.select} WHERE {condition}", *parameters)
        return table.read(rows[0]) if rows else None

    def _list(self, table: Table[T], rest: str, *parameters: Value) -> list[T]:
        return [table.read(row) for row in self._database.rows(f"{table.select} {rest}", *parameters)]


def ascii_lower(text: str) -> str:
    """As `lower()` does in both databases: ASCII letters only."""
    return text.translate(_SMALL)


def escaped(text: str) -> str:
    """A text that stands for itself in `LIKE ? ESCAPE '!'`."""
    return text.replace(ESCAPE, ESCAPE * 2).replace("%", ESCAPE + "%").replace("_", ESCAPE + "_")
