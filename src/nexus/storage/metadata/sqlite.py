"""Metadata in SQLite: one file in WAL mode, a connection that writes and some that read, short calls under locks.

Every change is synced to disk before the call returns (`synchronous = FULL`): accounts must survive a power cut, and
there are few changes. A lookup takes about 10 us and does not wait for writers.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from nexus.errors import ConfigError, StorageError
from nexus.storage.metadata.database import Connection, DatabaseState, Row, Value, storable
from nexus.storage.metadata.migrate import pending, state, statements
from nexus.storage.metadata.sql import SqlMetadata

FILE: Final = "metadata.sqlite"
READERS: Final = 3
"""Connections that read, so that a look-up does not wait while somebody searches the audit log."""
BUSY_SECONDS: Final = 30.0
"""How long to wait for another process that writes (`nexus admin` beside a server)."""


class SqliteMetadata(SqlMetadata):
    """`MetadataStore` in `metadata.sqlite` of a data directory. Raises `ConfigError` when it cannot be used."""

    def __init__(self, data_dir: Path) -> None:
        """Create or migrate the file."""
        super().__init__(SqliteDatabase(data_dir / FILE))


class SqliteDatabase:
    """`Database` in a file that only its owner may read. Raises `ConfigError` when it cannot be used."""

    def __init__(self, path: Path) -> None:
        """Create or migrate the file."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._writer = _connect(path)
            _write_ahead(self._writer)
            self._writer.execute("PRAGMA synchronous = FULL")
            self._writer.execute("PRAGMA foreign_keys = ON")
            # What is removed is overwritten: secrets must not be left in free pages.
            self._writer.execute("PRAGMA secure_delete = ON")
            _migrate(self._writer)
            self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
            for _ in range(READERS):
                reader = _connect(path)
                reader.execute("PRAGMA query_only = ON")
                self._readers.put(reader)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, str(error)) from error
        self._writing = threading.RLock()

    def rows(self, sql: str, *parameters: Value) -> list[Row]:
        """See `Connection`."""
        reader = self._readers.get()
        try:
            with _failures():
                return reader.execute(sql, storable(parameters)).fetchall()
        finally:
            self._readers.put(reader)

    def write(self, sql: str, *parameters: Value) -> int:
        """See `Connection`."""
        with self._writing:
            return _Within(self._writer).write(sql, *parameters)

    @contextmanager
    def transaction(self, lock: str = "") -> Iterator[Connection]:
        """See `Database`. Only one transaction of all processes writes, so that a lock needs no name."""
        with self._writing:
            with _failures():
                self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield _Within(self._writer)
                with _failures():
                    self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    with _failures():
                        self._writer.execute("ROLLBACK")
                raise

    def scrub(self) -> None:
        """See `Database`. Removed rows are overwritten, but their pages as they were stay in the write-ahead log until that
        is emptied; another process that reads now may keep it from being."""
        with self._writing, self._nobody_reading(), _failures():
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """See `Database`."""
        with self._writing, self._nobody_reading() as readers:
            for reader in readers:
                reader.close()
            self._writer.close()

    @contextmanager
    def _nobody_reading(self) -> Iterator[list[sqlite3.Connection]]:
        readers = [self._readers.get() for _ in range(READERS)]
        try:
            yield readers
        finally:
            for reader in readers:
                self._readers.put(reader)


def inspect(data_dir: Path) -> DatabaseState:
    """The state of a data directory's file, which is read and not changed. Raises `ConfigError` when it is damaged."""
    path = data_dir / FILE
    if not path.exists():
        return state(f"SQLite in {path}", 0)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise _unusable(path, str(error)) from error
    if problem != "ok":
        raise _unusable(path, str(problem).splitlines()[0])
    return state(f"SQLite in {path}", version)


class _Within:
    """`Connection` whose lock is held."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *parameters: Value) -> list[Row]:
        with _failures():
            return self._connection.execute(sql, storable(parameters)).fetchall()

    def write(self, sql: str, *parameters: Value) -> int:
        with _failures():
            return self._connection.execute(sql, storable(parameters)).rowcount


def _unusable(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"cannot use the metadata database {path}: {why}.", hint="Restore the file from a backup, or move it away."
    )


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"the metadata database failed: {error}.", hint="Check the disk.") from error


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Use the write-ahead log. SQLite does not wait by itself for others that open a new file at the same time."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply what is pending, each in a transaction of its own, that another process may be doing, too."""
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            todo = pending(connection.execute("PRAGMA user_version").fetchone()[0])
            if todo:
                version, script = todo[0]
                for statement in statements(script, "sqlite"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if not todo:
            return
