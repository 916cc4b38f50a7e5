"""A connection to the embedded engine: one per thread, serial, with the engine's errors as `EngineError`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nexus.storage.clickhouse.binding import RawConnection, RawResult
from nexus.storage.clickhouse.errors import EngineError, parse_engine_error
from nexus.storage.clickhouse.literals import identifier, quote


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The encoded answer of a query and what it cost. Rows and bytes read are those read from tables."""

    data: bytes
    seconds: float
    rows_read: int
    bytes_read: int


class Connection:
    """See the module text. Not for use by two threads at one time."""

    def __init__(self, raw: RawConnection) -> None:
        self._raw = raw
        self._closed = False

    def query(self, sql: str, format: str = "JSONCompactEachRow") -> QueryResult:
        """Run a statement and return its encoded result. Raises `EngineError`."""
        result = self._run(sql, format)
        return QueryResult(result.bytes(), result.elapsed(), result.storage_rows_read(), result.storage_bytes_read())

    def execute(self, sql: str) -> None:
        """Run a statement for its effect. Raises `EngineError`."""
        self.query(sql)

    def rows(self, sql: str) -> list[list[Any]]:
        """Run a small query and return its rows. Raises `EngineError`."""
        return [json.loads(line) for line in self.query(sql).data.splitlines()]

    def insert(self, table: str, settings: str, blocks: Iterable[bytes], format: str = "Native") -> int:
        """Insert blocks as one statement and return the rows written. `table` may name columns behind it.

        Raises `EngineError`; what `blocks` raises goes through; nothing is inserted then. The blocks go through a file in
        memory: the binding's streaming insert reports success when the engine could not write (a full disk, too many
        parts, a violated constraint), and data within a statement ends at its first line break.
        """
        with open(os.memfd_create("nexus-insert"), "wb", buffering=0) as file:
            for block in blocks:
                file.write(block)
            source = f"/proc/self/fd/{file.fileno()}"
            sql = f"INSERT INTO {table} FROM INFILE {quote(source)} SETTINGS {settings} FORMAT {format}"
            return self._run(sql, "Null").rows_written()

    def _run(self, sql: str, format: str) -> RawResult:
        try:
            result = self._raw.query(sql, format)
        except RuntimeError as error:
            raise parse_engine_error(str(error)) from None
        if result.has_error():
            raise parse_engine_error(result.error_message())
        return result

    def close(self) -> None:
        """Close it; once is enough."""
        if not self._closed:
            self._closed = True
            self._raw.close()


__all__ = ["Connection", "EngineError", "QueryResult", "identifier", "quote"]
