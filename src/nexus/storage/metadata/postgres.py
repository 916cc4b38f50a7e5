"""Metadata in PostgreSQL: for several programs beside Nexus that back up, replicate and watch one database server.

Connections are few, opened when needed and kept. One that the server has closed is noticed before it is used, and a lookup
that loses its connection is made again on a new one; a change is not, for nobody knows whether it was made: it raises
`StorageError`. While the server is away, calls fail at once but one a second, which tries.

Connections are sessions with settings of their own, so a pooler between must pool sessions, not transactions.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from nexus.errors import ConfigError, InvalidRequest, NexusError, StorageError
from nexus.storage.metadata.database import Connection, DatabaseState, Row, Value, storable
from nexus.storage.metadata.migrate import pending, state, statements
from nexus.storage.metadata.sql import SqlMetadata

MIN_VERSION: Final = 14
MIGRATION_WAIT: Final = 300
"""Seconds to wait for another process that migrates."""
_MIGRATIONS: Final = "migrations"
_SERVER: Final = "server"
_VERSION_TABLE: Final = "nexus_schema"
_REFUSED: Final = ("22", "54")
"""Classes of errors that values cause: they would fail again."""

log = logging.getLogger(__name__)

_Psycopg: TypeAlias = psycopg.Connection[Row]


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    """Bounds, times in seconds. `connections` is how many are open at most; who waits longer than `wait` for one gives
    up."""

    connections: int = 8
    wait: float = 5.0
    connect_timeout: float = 5.0
    statement_timeout: float = 10.0
    pause: float = 1.0
    """Between attempts to reach a server that is away."""


class PostgresMetadata(SqlMetadata):
    """`MetadataStore` in a PostgreSQL database. Raises `ConfigError` when it cannot be used."""

    def __init__(self, url: str, options: PostgresOptions | None = None) -> None:
        """Connect to `postgresql://user:password@host:port/database?sslmode=verify-full`, create or migrate the tables."""
        self._server = PostgresDatabase(url, options or PostgresOptions())
        super().__init__(self._server)

    def claim(self, seconds: float) -> None:
        """Be the only server on this database until closed: deletions and the audit log's checkpoints belong to one data
        directory. Waits so long for one that is just ending. Raises `ConfigError` when there is another one."""
        try:
            self._server.claim(seconds)
        except StorageError as error:
            raise ConfigError(error.message, hint=error.hint) from error


class PostgresDatabase:
    """`Database` on a PostgreSQL server. Raises `ConfigError` when it cannot be used."""

    def __init__(self, url: str, options: PostgresOptions) -> None:
        """Connect, create or migrate the tables."""
        self._arguments = _arguments(url, options)
        self._shown = shown(url)
        self._options = options
        self._free = threading.BoundedSemaphore(options.connections)
        self._lock = threading.Lock()
        self._idle: list[_Psycopg] = []
        self._away_until = 0.0
        self._closed = False
        self._claim: _Psycopg | None = None
        with _usable(url), contextlib.closing(self._connect()) as connection:
            _check(connection)
            _migrate(connection)

    def rows(self, sql: str, *parameters: Value) -> list[Row]:
        """See `Connection`."""
        values = storable(parameters)
        for attempt in (1, 2):
            with self._connection() as connection:
                try:
                    return connection.execute(_placed(sql), values).fetchall()
                except psycopg.Error as error:
                    if attempt == 2 or not connection.closed:
                        raise _failure(error) from error
        raise AssertionError("unreachable")

    def write(self, sql: str, *parameters: Value) -> int:
        """See `Connection`."""
        with self._connection() as connection:
            return _Within(connection).write(sql, *parameters)

    @contextmanager
    def transaction(self, lock: str = "") -> Iterator[Connection]:
        """See `Database`."""
        with self._connection() as connection:
            within = _Within(connection)
            within.write("BEGIN")
            try:
                if lock:
                    within.rows("SELECT pg_advisory_xact_lock(?)", _number_of(lock))
                yield within
                within.write("COMMIT")
            except BaseException:
                if not connection.closed:
                    with contextlib.suppress(psycopg.Error):
                        connection.rollback()
                raise

    def claim(self, seconds: float) -> None:
        """Take the lock of servers, on a connection of its own. Raises `StorageError` when another one has it."""
        deadline = time.monotonic() + seconds
        connection = _connected(self._arguments)
        try:
            while not _Within(connection).rows("SELECT pg_try_advisory_lock(?)", _number_of(_SERVER))[0][0]:
                if time.monotonic() > deadline:
                    raise StorageError(
                        f"another Nexus serves with the metadata database {self._shown}.",
                        hint="Stop it, or give each data directory a database of its own.",
                    )
                time.sleep(0.1)
        except BaseException:
            connection.close()
            raise
        self._claim = connection

    def scrub(self) -> None:
        """See `Database`. The server's files, its log and its copies are its own business."""

    def close(self) -> None:
        """See `Database`."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in (*idle, self._claim):
            if connection is not None:
                connection.close()

    # ------------------------------------------------------------------------------------------------------ the pool

    @contextmanager
    def _connection(self) -> Iterator[_Psycopg]:
        """A connection for one call. Raises `StorageError`."""
        if not self._free.acquire(timeout=self._options.wait):
            raise StorageError(
                "every connection to the metadata database is busy.", hint="It answers too slowly: look at the server."
            )
        try:
            connection = self._take() or self._open()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def _take(self) -> _Psycopg | None:
        """The connection used last, if it is still good."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if not _hung_up(connection):
                return connection
            connection.close()

    def _give_back(self, connection: _Psycopg) -> None:
        usable = not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with self._lock:
            if usable and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> _Psycopg:
        with self._lock:
            now = time.monotonic()
            if now < self._away_until:
                raise StorageError("the metadata database cannot be reached.", hint="It is tried again every second.")
            # Until this attempt has failed or not, the others need not hang in the same way.
            if self._away_until:
                self._away_until = now + self._options.pause
        try:
            connection = self._connect()
        except StorageError as error:
            with self._lock:
                self._away_until = time.monotonic() + self._options.pause
            log.warning("%s", error.message)
            raise
        with self._lock:
            if self._away_until:
                log.info("the metadata database is back")
            self._away_until = 0.0
        return connection

    def _connect(self) -> _Psycopg:
        return _connected(self._arguments)


class _Within:
    """`Connection` on a connection that was taken."""

    def __init__(self, connection: _Psycopg) -> None:
        self._connection = connection

    def rows(self, sql: str, *parameters: Value) -> list[Row]:
        try:
            return self._connection.execute(_placed(sql), storable(parameters)).fetchall()
        except psycopg.Error as error:
            raise _failure(error) from error

    def write(self, sql: str, *parameters: Value) -> int:
        try:
            return self._connection.execute(_placed(sql), storable(parameters)).rowcount
        except psycopg.Error as error:
            raise _failure(error) from error


def inspect(url: str) -> DatabaseState:
    """The state of a database, which is not changed. Raises `ConfigError` when it cannot be used."""
    with _usable(url), contextlib.closing(_connected(_arguments(url, PostgresOptions()))) as connection:
        version = _check(connection)
        found = _Within(connection).rows("SELECT 1 FROM pg_tables WHERE tablename = ?", _VERSION_TABLE)
        applied = _Within(connection).rows(f"SELECT version FROM {_VERSION_TABLE}") if found else []
    return state(f"PostgreSQL {version} at {shown(url)}", applied[0][0] if applied else 0)


def shown(url: str) -> str:
    """A URL of a database without its password and parameters."""
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
    except ValueError:
        return "(not a URL)"
    return f"{parts.scheme}://{host}{parts.path}"


# ------------------------------------------------------------------------------------------------------- connecting


def _arguments(url: str, options: PostgresOptions) -> dict[str, Any]:
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        # The text of the error would show the password.
        raise ConfigError(
            "metadata.url is not a PostgreSQL URL.", hint="Write postgresql://user:password@host:5432/database."
        ) from None
    longest = max(1, round(options.statement_timeout * 1000))
    settings = {
        "statement_timeout": f"{longest}ms",
        "lock_timeout": f"{longest}ms",
        "idle_in_transaction_session_timeout": f"{2 * longest}ms",
        # A client whose machine is gone lets go of its locks.
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
        # What a call changed survives a crash of the server when it returns, whatever the server's default is.
        "synchronous_commit": "on",
        "default_transaction_isolation": "read\\ committed",
    }
    ours = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return {
        "application_name": "nexus",
        "connect_timeout": max(1, round(options.connect_timeout)),
        "tcp_user_timeout": longest,
        "keepalives_idle": 30,
        **given,
        "client_encoding": "UTF8",
        "options": f"{given.get('options', '')} {ours}".strip(),
    }


@contextmanager
def _usable(url: str) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise ConfigError(
            f"cannot use the metadata database {shown(url)}: {error.message}",
            hint="Check metadata.url, and that the server runs and lets this user in.",
        ) from error


def _connected(arguments: dict[str, Any]) -> _Psycopg:
    try:
        return psycopg.connect(**arguments, autocommit=True)
    except psycopg.Error as error:
        raise StorageError(
            f"the metadata database cannot be reached: {_first_line(error)}.", hint="It is tried again every second."
        ) from error


def _hung_up(connection: _Psycopg) -> bool:
    """Has the server said something since? To an idle connection it says only that it is going, or nothing more."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _check(connection: _Psycopg) -> int:
    """The server's version. Raises `ConfigError` when it cannot do what is needed."""
    version = connection.info.server_version // 10_000
    if version < MIN_VERSION:
        raise ConfigError(f"PostgreSQL {version} is too old.", hint=f"Use PostgreSQL {MIN_VERSION} or newer.")
    encoding = _Within(connection).rows("SHOW server_encoding")[0][0]
    if encoding != "UTF8":
        raise ConfigError(f"the metadata database has the encoding {encoding}.", hint="Create one with ENCODING 'UTF8'.")
    return version


def _migrate(connection: _Psycopg) -> None:
    """Apply what is pending, all in one transaction; another process that starts at the same time waits."""
    database = _Within(connection)
    database.write("BEGIN")
    database.write(f"SET LOCAL statement_timeout = '{MIGRATION_WAIT}s'")
    database.write(f"SET LOCAL lock_timeout = '{MIGRATION_WAIT}s'")
    database.rows("SELECT pg_advisory_xact_lock(?)", _number_of(_MIGRATIONS))
    database.write(f"CREATE TABLE IF NOT EXISTS {_VERSION_TABLE} (version BIGINT NOT NULL)")
    applied = database.rows(f"SELECT version FROM {_VERSION_TABLE}")
    for version, script in pending(applied[0][0] if applied else 0):
        for statement in statements(script, "postgresql"):
            database.write(statement)
        database.write(f"DELETE FROM {_VERSION_TABLE}")
        database.write(f"INSERT INTO {_VERSION_TABLE} (version) VALUES (?)", version)
    database.write("COMMIT")


# -------------------------------------------------------------------------------------------------------- statements


@lru_cache(maxsize=512)
def _placed(sql: str) -> str:
    """The statement with psycopg's kind of placeholders. Ours hold neither question marks nor percent signs in texts."""
    return sql.replace("%", "%%").replace("?", "%s")


def _number_of(lock: str) -> int:
    """The number of an advisory lock, unlike those that another program would choose."""
    return int.from_bytes(hashlib.blake2b(b"nexus:" + lock.encode(), digest_size=8).digest(), "big", signed=True)


def _failure(error: psycopg.Error) -> NexusError:
    if error.sqlstate and error.sqlstate.startswith(_REFUSED):
        return InvalidRequest(f"the metadata database does not take this: {_first_line(error)}.")
    return StorageError(f"the metadata database failed: {_first_line(error)}.", hint="Look at the database server.")


def _first_line(error: psycopg.Error) -> str:
    """What went wrong, without the values that the server quotes in its details."""
    text = error.diag.message_primary or str(error).partition("\n")[0] or type(error).__name__
    return text.strip().rstrip(".")[:300]
