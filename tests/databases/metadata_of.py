"""The metadata database of a data directory under test: SQLite in it, or, with `NEXUS_TEST_METADATA=postgresql`, a database
of its own on a real PostgreSQL server that lives as long as the test run. So every end-to-end test runs on either."""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.databases.postgres_server import PostgresServer

ON_POSTGRES = os.environ.get("NEXUS_TEST_METADATA", "sqlite") == "postgresql"


@cache
def _server() -> PostgresServer:
    server = PostgresServer().__enter__()
    atexit.register(server.__exit__)
    return server


@cache
def _url(folder: Path) -> str:
    return _server().new_database()


def settings_of(folder: Path) -> dict[str, str]:
    """Environment of the processes that work on a data directory."""
    return {"NEXUS_METADATA_URL": _url(folder.resolve())} if ON_POSTGRES else {}


def execute(folder: Path, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a statement (placeholders are `?`) behind the back of whoever uses the database; the rows, if it has any."""
    if ON_POSTGRES:
        import psycopg

        with psycopg.connect(_url(folder.resolve())) as connection:
            cursor = connection.execute(sql.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []
    with contextlib.closing(sqlite3.connect(folder / "metadata.sqlite", timeout=10)) as file, file:
        return file.execute(sql, values).fetchall()


def texts(folder: Path) -> Iterator[str]:
    """Every value of every table that is a text: where to look for what ought to be gone."""
    tables = (
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        if ON_POSTGRES
        else ("SELECT name FROM sqlite_master WHERE type = 'table'")
    )
    for (table,) in execute(folder, tables):
        for row in execute(folder, f'SELECT * FROM "{table}"'):
            yield from (value for value in row if isinstance(value, str))
