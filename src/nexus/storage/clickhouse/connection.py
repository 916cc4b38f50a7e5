"""A connection to the embedded engine: one per thread, serial, with the engine's errors as `EngineError`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nexus.storage.clickhouse.binding import RawConnection
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
        try:
            result = self._raw.query(sql, format)
            data = result.bytes()
        except RuntimeError as error:
            raise parse_engine_error(str(error)) from None
        return QueryResult(data, result.elapsed(), result.storage_rows_read(), result.storage_bytes_read())

    def execute(self, sql: str) -> None:
        """Run a statement for its effect. Raises `EngineError`."""
        self.query(sql)

    def rows(self, sql: str) -> list[list[Any]]:
        """Run a small query and return its rows. Raises `EngineError`."""
        return [json.loads(line) for line in self.query(sql).data.splitlines()]

    def stream(self, sql: str, format: str) -> Iterator[bytes]:
        """Run a query and yield its encoded result piece by piece. Closing the iterator cancels the query."""
        try:
            handle = self._raw.send_query(sql, format)
        except RuntimeError as error:
            raise parse_engine_error(str(error)) from None
        finished = False
        try:
            while True:
                try:
                    piece = self._raw.streaming_fetch_result(handle)
                    data = piece.bytes() if piece is not None and piece.size() else b""
                    end = piece is None or (not data and piece.rows_read() == 0)
                except RuntimeError as error:
                    finished = True
                    raise parse_engine_error(str(error)) from None
                if end:
                    finished = True
                    return
                yield data
        finally:
            if not finished:
                self._raw.streaming_cancel_query(handle)

    def insert(self, table: str, settings: str, blocks: Iterable[bytes]) -> int:
        """Insert Native blocks as one statement and return the rows written.

        Raises `EngineError`; what `blocks` raises goes through; nothing is inserted then. The blocks go through a file in
        memory: the binding's streaming insert reports success when the engine could not write (a full disk, too many
        parts, a violated constraint), and data within a statement ends at its first line break.
        """
        with open(os.memfd_create("nexus-insert"), "wb", buffering=0) as file:
            for block in blocks:
                file.write(block)
            source = f"/proc/self/fd/{file.fileno()}"
            sql = f"INSERT INTO {table} FROM INFILE {quote(source)} SETTINGS {settings} FORMAT Native"
            try:
                return self._raw.query(sql, "Null").rows_written()
            except RuntimeError as error:
                raise parse_engine_error(str(error)) from None

    def close(self) -> None:
        """Close it; once is enough."""
        if not self._closed:
            self._closed = True
            self._raw.close()


__all__ = ["Connection", "EngineError", "QueryResult", "identifier", "quote"]
