"""Ordered, forward-only migrations of the metadata database: one set of files, written for SQLite, rendered for
PostgreSQL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal, TypeAlias

from nexus.errors import ConfigError
from nexus.storage.metadata.database import DatabaseState

Dialect: TypeAlias = Literal["sqlite", "postgresql"]

SCHEMA: Final = Path(__file__).parent / "schema"
_NAME: Final = re.compile(r"(\d{4})_\w+\.sql")
_COMMENT: Final = re.compile(r"^\s*--.*$", re.MULTILINE)
# Texts are compared by code point, as SQLite does, whatever the database's own collation is.
_POSTGRESQL: Final = (
    (re.compile(r"\)\s*STRICT(?:, WITHOUT ROWID)?\s*$"), ")"),
    (re.compile(r"\bINTEGER PRIMARY KEY AUTOINCREMENT\b"), "BIGINT PRIMARY KEY"),
    (re.compile(r"\bINTEGER\b"), "BIGINT"),
    (re.compile(r"\bBLOB\b"), "BYTEA"),
    (re.compile(r"\bTEXT\b"), 'TEXT COLLATE "C"'),
)


def migrations(folder: Path = SCHEMA) -> list[tuple[int, str]]:
    """(version, SQL script) in order. Raises `ConfigError` when numbers repeat or leave a gap."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ConfigError(f"{path.name} is not named like 0001_name.sql.")
        found.append((int(match[1]), path.read_text()))
    if [version for version, _ in found] != list(range(1, len(found) + 1)):
        raise ConfigError("the numbers of the metadata migrations are not 1, 2, 3, ... without a gap.")
    return found


def statements(script: str, dialect: Dialect) -> list[str]:
    """The statements of a script for a database. Scripts hold no semicolon but at the end of a statement or in a comment."""
    found = [statement.strip() for statement in _COMMENT.sub("", script).split(";")]
    return [_rendered(statement, dialect) for statement in found if statement]


def pending(version: int) -> list[tuple[int, str]]:
    """Migrations that a database of that version lacks. Raises `ConfigError` when it is newer than this program."""
    every = migrations()
    if version > len(every):
        raise ConfigError(
            f"the metadata has schema version {version}, this program knows up to {len(every)}.",
            hint="Start the newer version of Nexus that migrated it.",
        )
    return every[version:]


def lacking(version: int, dialect: Dialect) -> list[str]:
    """The statements that bring a database of that version to this one's. Raises `ConfigError` when it is newer."""
    return [statement for _, script in pending(version) for statement in statements(script, dialect)]


def state(where: str, version: int) -> DatabaseState:
    """What a database of that version is like. Raises `ConfigError` when it is newer than this program."""
    return DatabaseState(where, version, version + len(pending(version)))


def _rendered(statement: str, dialect: Dialect) -> str:
    if dialect == "postgresql":
        for pattern, replacement in _POSTGRESQL:
            statement = pattern.sub(replacement, statement)
    return statement
