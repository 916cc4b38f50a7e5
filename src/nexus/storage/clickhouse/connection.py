"""A connection to the embedded engine: one per thread, serial, with the engine's errors as `EngineError`."""

from __future__ import annotations

import contextlib
import json
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

    def insert(self, sql: str, blocks: Iterable[bytes], format: str = "Native") -> int:
        """Insert encoded blocks as one statement and return the rows written. Raises `EngineError`; what `blocks`
        raises goes through. Nothing is inserted then."""
        try:
            handle = self._raw.send_insert(sql, format)
        except RuntimeError as error:
            raise parse_engine_error(str(error)) from None
        done = False
        try:
            for block in blocks:
                self._raw.insert_append(handle, block)
            done = True
            return self._raw.insert_done(handle).rows_written()
        except RuntimeError as error:
            raise parse_engine_error(str(error)) from None
        finally:
            if not done:
                self._cancel_insert(handle)

    def _cancel_insert(self, handle: Any) -> None:
        # It failed already, which is what the caller hears of.
        with contextlib.suppress(RuntimeError):
            self._raw.insert_cancel(handle)

    def close(self) -> None:
        """Close it; once is enough."""
        if not self._closed:
            self._closed = True
            self._raw.close()


__all__ = ["Connection", "EngineError", "QueryResult", "identifier", "quote"]
