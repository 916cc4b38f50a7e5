"""Ordered, forward-only migrations of the metadata database; its `user_version` is the last one applied."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Final

from nexus.errors import ConfigError

SCHEMA: Final = Path(__file__).parent / "schema"
_NAME: Final = re.compile(r"(\d{4})_\w+\.sql")


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


def pending(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    """Migrations not applied yet. Raises `ConfigError` when the database is newer than this program."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    every = migrations()
    if version > len(every):
        raise ConfigError(
            f"the metadata has schema version {version}, this program knows up to {len(every)}.",
            hint="Start the newer version of Nexus that migrated it.",
        )
    return every[version:]


def migrate(connection: sqlite3.Connection) -> list[int]:
    """Apply what is pending, each in a transaction of its own; returns the versions applied."""
    todo = pending(connection)
    for version, script in todo:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {version};\nCOMMIT;")
    return [version for version, _ in todo]
