"""Removing samples of metrics for good: from the head and its log by native code, from the tables by mutations.

Rows that hold samples before or after the erased time are read and cut first; windows of rollups that reach into it go as a
whole, and are made anew where their samples are still there. The cut rows lie in a file until they are
inserted, right after the mutation that removes the old ones was issued: a mutation leaves rows alone that came after it.
A kill at any moment leaves the file, and the next start goes on with it; rows that are stored twice are read once.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from nexus import _native
from nexus.errors import StorageError
from nexus.query.plan import SeriesScan
from nexus.storage.clickhouse import erasure
from nexus.storage.clickhouse.connection import Connection, quote
from nexus.storage.clickhouse.datadir import sync_directory, write_synced
from nexus.storage.clickhouse.metrics import fetch
from nexus.storage.clickhouse.metrics.flush import insert_rows
from nexus.storage.clickhouse.metrics.tables import CHUNKS, COLUMNS, EXEMPLARS, FORMAT, ROLLUPS, SERIES, TABLES

log = logging.getLogger(__name__)

STAGE: Final = "erasure.rows"
"""File beside the log while cut rows are on their way."""

WAIT_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 0.05
_ROUNDS: Final = 5
_ERASED: Final = (CHUNKS, ROLLUPS, EXEMPLARS, SERIES)

Paused = Callable[[], AbstractContextManager[None]]


class Erasures:
    """See the module text. Blocks; one at a time, on the maintenance thread."""

    def __init__(
        self,
        engine: _native.MetricsEngine,
        folder: Path,
        paused: Paused,
        changed: Callable[[], None],
        touched: Callable[[str, Iterable[int] | None], object],
    ) -> None:
        """`folder` is the directory of the log; `changed` is called when rows are gone; `touched` is told of which days of a
        tenant (None: of all)."""
        self._touched = touched
        self._changed = changed
        self._engine = engine
        self._stage = folder / STAGE
        self._paused = paused

    def resume(self, connection: Connection) -> None:
        """Go on with an erasure that a kill interrupted. At the start, before anything is inserted. Raises `EngineError`."""
        if not self._stage.exists():
            return
        header, _, rows = self._stage.read_bytes().partition(b"\n")
        told: dict[str, Any] = json.loads(header)
        self._replace(connection, told, rows)

    def erase(self, connection: Connection, id: str, tenant: str, scan: SeriesScan, sets: bytes, sight: bytes) -> int:
        """Remove samples of series; the number of series. Raises `EngineError`, `StorageError`."""
        with self._paused():
            number, ids = self._engine.erase(tenant, sets, sight, scan.start, scan.end)
            if not ids:
                return number
            left = set(_split(self._engine.select(tenant, sets, sight, 0, 1 << 62).series_ids()))
            gone = b"".join(one for one in _split(ids) if one not in left)
            # Not limited to 20,000: all of them, and nothing else.
            condition = f"tenant = {quote(tenant)} AND series IN ({fetch.id_set(ids)})"
            first, last = max(scan.start, 0), min(scan.end, (fetch.LAST_DAY + 1) * fetch.DAY_MS - 1)
            days = f"day BETWEEN toDate({first // fetch.DAY_MS}) AND toDate({last // fetch.DAY_MS})"
            touched = f"{condition} AND {days} AND last >= {first} AND first <= {last}"
            connection.execute("SET max_query_size = 1073741824")
            rows = connection.query(
                f"SELECT {COLUMNS[CHUNKS]} FROM nexus.{CHUNKS} WHERE {touched} "
                f"AND NOT (first >= {first} AND last <= {last})",
                FORMAT,
            ).data
            cut = _native.cut_chunks(rows, first, last) if rows else b""
            # Rows of rollups name the last ms of their first and last window; a window begins behind the one before.
            length = "toInt64(tier) * 1000"
            begins, ends = fetch.day_of(first - 1), fetch.day_of(last)
            rolled = (
                f"{condition} AND day BETWEEN toDate({begins}) AND toDate({ends}) "
                f"AND last + 1 >= {first} AND first + 2 - {length} <= {last}"
            )
            rows = connection.query(
                f"SELECT {COLUMNS[ROLLUPS]} FROM nexus.{ROLLUPS} WHERE {rolled} "
                f"AND NOT (first + 1 >= {first} AND last + 2 - {length} <= {last})",
                FORMAT,
            ).data
            cut_rollups = _native.cut_rollups(rows, first, last) if rows else b""
            told = {
                "id": id,
                "chunks": len(cut),
                CHUNKS: touched,
                ROLLUPS: rolled,
                EXEMPLARS: f"{condition} AND {days} AND time BETWEEN {first} AND {last}",
                SERIES: f"tenant = {quote(tenant)} AND series IN ({fetch.id_set(gone)})" if gone else "",
            }
            self._touched(tenant, range(begins, ends + 1))
            write_synced(self._stage, json.dumps(told).encode() + b"\n" + cut + cut_rollups)
            self._replace(connection, told, cut + cut_rollups)
        conditions = {table: str(told[table]) for table in _ERASED if told[table]}
        _finish(connection, id, conditions)
        self._changed()
        return number

    def forget_tenant(self, connection: Connection, id: str, tenant: str) -> None:
        """Remove everything of a tenant into which nothing comes any more; proved on disk. Raises `EngineError`,
        `StorageError`."""
        condition = f"tenant = {quote(tenant)}"
        for round in range(_ROUNDS):
            with self._paused():
                self._engine.forget_tenant(tenant)
                self._touched(tenant, None)
                # At first a mutation is issued even when nothing is there: replaced parts may still lie on disk.
                if round and not any(_count(connection, table, condition) for table in TABLES):
                    return
                for table in TABLES:
                    erasure.begin(connection, f"{id}-{round}", condition, table)
            self._changed()
            _finish(connection, f"{id}-{round}", dict.fromkeys(TABLES, condition))
            self._changed()
        raise StorageError(f"metrics of the tenant {tenant} are there after {_ROUNDS} deletions; something stores them.")

    def _replace(self, connection: Connection, told: dict[str, Any], rows: bytes) -> None:
        for table in _ERASED:
            if told.get(table):
                erasure.begin(connection, told["id"], told[table], table)
        # Files of before there were rollups hold chunks only.
        chunks = told.get("chunks", len(rows))
        for table, cut in ((CHUNKS, rows[:chunks]), (ROLLUPS, rows[chunks:])):
            if cut:
                insert_rows(connection, table, None, cut)
        self._stage.unlink()
        sync_directory(self._stage.parent)


def _finish(connection: Connection, id: str, conditions: dict[str, str]) -> None:
    """Wait until mutations are done and nothing on disk holds what they removed."""
    give_up = time.monotonic() + WAIT_SECONDS
    for table, condition in conditions.items():
        while True:
            known = erasure.progress(connection, id, table)
            if known is None:
                break
            if known.error:
                raise StorageError(f"the deletion of metrics does not go on: {known.error}")
            if known.done and not erasure.finish(connection, id, condition, table).parts_left:
                break
            if time.monotonic() > give_up:
                raise StorageError(
                    "the deletion of metrics takes longer than expected; it goes on in the background.",
                    hint="Ask for it again to see that it is done.",
                )
            time.sleep(_LOOK_SECONDS)


def _count(connection: Connection, table: str, condition: str) -> int:
    return int(connection.rows(f"SELECT count() FROM nexus.{table} WHERE {condition}")[0][0])


def _split(ids: bytes) -> list[bytes]:
    return [ids[at : at + 16] for at in range(0, len(ids), 16)]
