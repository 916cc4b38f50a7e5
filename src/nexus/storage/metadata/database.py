"""What the SQL of the metadata needs of a database. SQLite and PostgreSQL are drivers of it.

Statements are in the subset that both understand, with `?` for parameters; parameters are texts, integers, bytes and None.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from nexus.errors import InvalidRequest

Value: TypeAlias = str | int | bytes | None
Row: TypeAlias = tuple[Any, ...]

_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """A database as it was found: what and where it is, its version (0: nothing there yet) and that of this program."""

    where: str
    version: int
    current: int


class Connection(Protocol):
    """Runs statements. What the database refuses or cannot do raises `StorageError`."""

    def rows(self, sql: str, *parameters: Value) -> list[Row]:
        """The rows of a SELECT; within a transaction those of a RETURNING, too."""
        ...

    def write(self, sql: str, *parameters: Value) -> int:
        """Change something, durably unless a transaction goes on; how many rows it was."""
        ...


class Database(Connection, Protocol):
    """A database that any thread may use."""

    def transaction(self, lock: str = "") -> AbstractContextManager[Connection]:
        """All changes or, with an exception, none. Of those that name the same `lock` one runs at a time, in any process."""
        ...

    def scrub(self) -> None:
        """Take what was removed out of the database's files, where that can be done at once."""
        ...

    def close(self) -> None:
        """Close it; no call may follow."""
        ...


def storable(parameters: Iterable[Value]) -> list[Value]:
    """Parameters as both databases take them: no NUL, no half of a surrogate pair. Raises `InvalidRequest` for integers of
    more than 64 bits."""
    found: list[Value] = []
    for value in parameters:
        if isinstance(value, str):
            value = storable_text(value)
        elif isinstance(value, int) and not _LEAST <= value <= _MOST:
            raise InvalidRequest("a number is too large.", hint="Numbers and times have 64 bits.")
        found.append(value)
    return found


def storable_text(text: str) -> str:
    """A text with what cannot be stored replaced."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
