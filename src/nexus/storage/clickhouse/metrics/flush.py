"""Brings sealed samples from the native head into the tables: one thread, one connection, one step after the other.

A step takes what native code has sealed, inserts its rows, and says `done`, upon which the part of the log that made them
durable may go. A step that failed is given back and tried again later; one that was interrupted by a kill comes again after
the replay of the log, and rows that are stored twice are read once. Whoever changes stored rows holds `paused` meanwhile.

A stop stores what it can in `STOP_SECONDS`: what is left is in the log, and is written as a checkpoint when that is closed.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from nexus import _native
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.disk import DiskGuard
from nexus.storage.clickhouse.errors import EngineError
from nexus.storage.clickhouse.metrics.tables import CHUNKS, EXEMPLARS, FORMAT, INSERT_SETTINGS, METADATA, SERIES, target
from nexus.storage.clickhouse.queries import Connect

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
RETRY_SECONDS: Final = (1.0, 30.0)
"""Shortest and longest wait after a failure."""

STOP_SECONDS: Final = 2.0
STEP_SAMPLES: Final = 4_000_000
STOP_STEP_SAMPLES: Final = 500_000
"""About so many samples at a time, so that little is held twice; at a stop fewer, so that it ends in time."""


@dataclass(slots=True)
class FlushStatistics:
    """Counters since the start."""

    flushes: int = 0
    samples: int = 0
    rows: int = 0
    failures: int = 0
    seconds: float = 0.0


class Flusher:
    """See the module text. `start`, `stop` and `flush` block."""

    def __init__(
        self,
        connect: Connect,
        engine: _native.MetricsEngine,
        disk: DiskGuard,
        grown: Callable[[Iterable[tuple[str, _native.ChunkRows]]], None],
        touched: Callable[[str, list[int]], None],
        look_seconds: float = LOOK_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`grown` is called with the chunks that were stored, by tenant, before the head lets go of them, and `touched` with
        each tenant and the UTC days whose rollups are not right any more."""
        self._grown = grown
        self._touched = touched
        self._connect = connect
        self._engine = engine
        self._disk = disk
        self._look_seconds = look_seconds
        self._clock = clock
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self.statistics = FlushStatistics()

    def start(self) -> None:
        """Start the thread. Raises `EngineError`."""
        self._connection = self._connect.connect()
        self._thread = threading.Thread(target=self._run, name="metric-flusher", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do, and it is urgent: memory is short."""
        self._wake.set()

    def stop(self) -> None:
        """Bring into the tables what a few seconds are enough for, then end. The rest stays in the log."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._connection is None:
            return
        try:
            self._flush(everything=True, until=time.monotonic() + STOP_SECONDS)
        except EngineError as error:
            log.error("the newest samples could not be stored, they stay in the log: %s", error)
        self._connect.release(self._connection)
        self._connection = None

    def flush(self, *, everything: bool = False) -> int:
        """Store what is due, or `everything`; the number of samples. Raises `EngineError`."""
        return self._flush(everything=everything)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is taken or inserted inside. Not for the event loop."""
        with self._lock:
            yield

    def _run(self) -> None:
        wait, delay = self._look_seconds, RETRY_SECONDS[0]
        while not self._stopping.is_set():
            self._wake.wait(wait)
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                self._flush()
                wait, delay = self._look_seconds, RETRY_SECONDS[0]
            except EngineError as error:
                log.error("samples could not be stored, trying again in %g s: %s", delay, error)
                wait, delay = delay, min(delay * 2, RETRY_SECONDS[1])
            except Exception:
                self.statistics.failures += 1
                log.exception("storing samples failed in an unexpected way, trying again in %g s", delay)
                wait, delay = delay, min(delay * 2, RETRY_SECONDS[1])

    def _flush(self, *, everything: bool = False, until: float = math.inf) -> int:
        samples, most = 0, STEP_SAMPLES if until == math.inf else STOP_STEP_SAMPLES
        while time.monotonic() < until:
            with self._lock:
                sealed = self._engine.take_sealed(int(self._clock() * 1000), all=everything, max_samples=most)
                if sealed is None:
                    return samples
                began = time.perf_counter()
                try:
                    self._store(sealed)
                except BaseException as error:
                    sealed.give_back()
                    if isinstance(error, EngineError):
                        self.statistics.failures += 1
                        if error.no_space:
                            self._disk.report_full(error.message)
                    raise
                self._grown(sealed.recent())
                for tenant, days in sealed.touched:
                    self._touched(tenant, days)
                sealed.done()
                samples += sealed.samples
                self.statistics.flushes += 1
                self.statistics.samples += sealed.samples
                self.statistics.seconds += time.perf_counter() - began
            if self._stopping.is_set() and not everything:
                return samples
        log.info("%d samples were stored in time, the rest stays in the log", samples)
        return samples

    def _store(self, sealed: _native.Sealed) -> None:
        # A series that is known without samples does no harm; samples of one that is not cannot be found.
        self._insert(SERIES, *sealed.series)
        self._insert(METADATA, *sealed.metadata)
        for _, count, rows in sealed.exemplars:
            self._insert(EXEMPLARS, count, rows)
        for _, count, rows in sealed.chunks:
            self._insert(CHUNKS, count, rows)

    def _insert(self, table: str, count: int, rows: bytes) -> None:
        if count and self._connection is not None:
            insert_rows(self._connection, table, count, rows)
            self.statistics.rows += count


def insert_rows(connection: Connection, table: str, count: int | None, rows: bytes) -> None:
    """Insert RowBinary rows of a table of metrics. Raises `EngineError`, also when another number than `count` was
    written."""
    written = connection.insert(target(table), INSERT_SETTINGS, [rows], FORMAT)
    if count is not None and written != count:
        raise EngineError(0, "", f"{written} of {count} rows were written to {table}")
