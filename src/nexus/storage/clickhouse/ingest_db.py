"""`ingest.sqlite`: what the writers have to remember besides the records: tokens (`tokens`, `missing`) and attribute keys
(`seen_keys`) of each table, in names that begin with its prefix, days with records that have no skeleton (`plain_days`),
days with rollups of metrics (`metric_rollups`).

SQLite in WAL mode: a killed process loses nothing that was committed; a power cut loses at most the newest
transactions, or none with `fsync`. One connection writes, under a lock; another one reads and never waits for it.
A damaged file is set aside and begun anew, which `is_new` tells.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from nexus.storage.clickhouse.signal_tables import SIGNAL_TABLES

log = logging.getLogger(__name__)

FILE: Final = "ingest.sqlite"
_OF_TABLE: Final = """
CREATE TABLE IF NOT EXISTS {prefix}tokens (
    digest BLOB PRIMARY KEY, fingerprint INTEGER NOT NULL, records INTEGER NOT NULL, at INTEGER NOT NULL,
    days INTEGER NOT NULL, reply BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS {prefix}tokens_at ON {prefix}tokens (at);
CREATE TABLE IF NOT EXISTS {prefix}missing (
    digest BLOB NOT NULL, day INTEGER NOT NULL, commit_id INTEGER NOT NULL, PRIMARY KEY (digest, day)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS {prefix}missing_commit ON {prefix}missing (commit_id);
CREATE TABLE IF NOT EXISTS {prefix}seen_keys (
    key TEXT NOT NULL, type TEXT NOT NULL, PRIMARY KEY (key, type)
) WITHOUT ROWID;
"""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS plain_days (day INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS metric_rollups (
    tenant TEXT NOT NULL, tier INTEGER NOT NULL, day INTEGER NOT NULL, stale INTEGER NOT NULL,
    PRIMARY KEY (tenant, tier, day)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
""" + "".join(_OF_TABLE.format(prefix=table.prefix) for table in SIGNAL_TABLES)


class IngestDatabase:
    """See the module text."""

    def __init__(self, data_dir: Path, *, fsync: bool = False) -> None:
        self._path = data_dir / FILE
        self._fsync = fsync
        self.is_new = not self._path.exists()
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._set_aside(data_dir, error)
            self.is_new = True
            self._open()
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()

    def _open(self) -> None:
        self._writer = self._connect()
        # What is removed is overwritten: rules of retention may name what nobody is to know any more.
        self._writer.execute("PRAGMA secure_delete = ON")
        try:
            self._writer.executescript(_SCHEMA)
            self._reader = self._connect()
            self._reader.execute("SELECT count(*) FROM state").fetchone()
        except BaseException:
            self._writer.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._fsync else 'NORMAL'}")
        connection.execute("PRAGMA cache_size = -2048")
        return connection

    def _set_aside(self, data_dir: Path, error: sqlite3.DatabaseError) -> None:
        folder = data_dir / "quarantine"
        folder.mkdir(exist_ok=True)
        stamp = int(time.time() * 1000)
        for suffix in ("", "-wal", "-shm"):
            path = self._path.with_name(FILE + suffix)
            if path.exists():
                path.replace(folder / f"{path.name}.{stamp}")
        log.error("%s is damaged (%s); it was moved to quarantine, idempotency tokens are forgotten", FILE, error)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed at the end, undone by an exception."""
        with self._write_lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query over what is committed."""
        with self._read_lock:
            return self._reader.execute(sql, parameters).fetchall()

    def scrub(self) -> None:
        """Take what was removed out of the write-ahead log, too."""
        with self._write_lock, self._read_lock:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close both connections."""
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()
