"""The embedded engine: one per process, opened on a locked data directory with a generated configuration.

`Engine.open` takes the directory's lock, repairs damaged table definitions and starts the engine; `connect` hands out
connections; `close` closes them all and marks the directory clean. Whoever got a connection must have stopped using it
by then: the engine crashes the process when it goes away under a running query.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import Final

from nexus.errors import ConfigError
from nexus.storage.clickhouse import manifest
from nexus.storage.clickhouse.binding import connect
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.datadir import DataDirectory
from nexus.storage.clickhouse.engine_config import render
from nexus.storage.clickhouse.errors import EngineError, parse_engine_error
from nexus.storage.clickhouse.options import StoreOptions

log = logging.getLogger(__name__)

_SETTINGS: Final = (
    "SET allow_introspection_functions = 0, async_insert = 0, max_partitions_per_insert_block = 0, "
    "output_format_json_quote_64bit_integers = 0, output_format_json_escape_forward_slashes = 0, "
    "output_format_json_validate_utf8 = 1, date_time_output_format = 'iso', max_query_size = 4194304"
)
"""Settings of every connection: what the embedded build opens up by default is closed, JSON comes out plain, statements may
hold the ids of 20,000 series."""

_open_lock = threading.Lock()
_opened: list[str] = []


@dataclass(slots=True)
class Engine:
    """See the module text. `repairs` says what had to be put right at the start."""

    options: StoreOptions
    directory: DataDirectory
    repairs: list[str] = field(default_factory=list)
    _address: str = ""
    _connections: list[Connection] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _anchor: Connection | None = None

    @classmethod
    def open(cls, options: StoreOptions) -> Engine:
        """Open the engine. Raises `ConfigError` when the directory cannot be used or the engine does not start."""
        with _open_lock:
            if _opened:
                raise ConfigError(f"this process has an engine open on {_opened[0]} already.")
            directory = DataDirectory.open(options.data_dir)
            try:
                engine = cls(options, directory)
                engine._start()
            except BaseException:
                directory.close(clean=directory.was_clean)
                raise
            _opened.append(str(directory.path))
            return engine

    def _start(self) -> None:
        path = self.directory.path
        config = path / "config.xml"
        config.write_text(render(self.options, path))
        self._address = f"{path}/engine?config-file={config}"
        self.repairs = manifest.repair(path)
        try:
            self._anchor = self.connect()
        except EngineError as error:
            # A definition can look whole and still be wrong; the copy is known to have worked.
            repairs = manifest.repair(path, differing=True)
            if not repairs:
                raise _does_not_start(path, error) from error
            self.repairs += repairs
            try:
                self._anchor = self.connect()
            except EngineError as again:
                raise _does_not_start(path, again) from again
        for repair in self.repairs:
            log.warning("repaired the data directory: %s", repair)

    def connect(self) -> Connection:
        """A new connection, for one thread. Raises `EngineError`."""
        try:
            connection = Connection(connect(self._address))
        except RuntimeError as error:
            raise parse_engine_error(str(error)) from None
        connection.execute(_SETTINGS)
        with self._lock:
            self._connections.append(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Close a connection before the engine's end."""
        with self._lock:
            if connection in self._connections:
                self._connections.remove(connection)
        connection.close()

    def save_schema(self) -> None:
        """Copy the table definitions out of the engine, after they were changed."""
        manifest.save(self.directory.path)

    def close(self, *, clean: bool = True) -> None:
        """Close every connection and give the directory back; `clean=False` when something did not stop in order."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in reversed(connections):
            connection.close()
        self.directory.close(clean=clean)
        with _open_lock:
            if str(self.directory.path) in _opened:
                _opened.remove(str(self.directory.path))


def _does_not_start(path: object, error: EngineError) -> ConfigError:
    return ConfigError(
        f"the storage engine does not start on {path}: {error.message}",
        hint="Its own message is on standard error just above; the data was not changed.",
    )
