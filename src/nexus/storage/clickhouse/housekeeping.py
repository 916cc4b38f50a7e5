"""The store's background thread: the check after the machine failed, retention, old tokens, settled partitions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.engine import Engine
from nexus.storage.clickhouse.ingest import SignalIngest
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.metrics.tables import BY_DAY as METRIC_TABLES_BY_DAY
from nexus.storage.clickhouse.metrics.tables import TABLES as METRIC_TABLES
from nexus.storage.clickhouse.repair import CheckReport, check_recent_parts, joined
from nexus.storage.clickhouse.retention import drop_expired
from nexus.storage.clickhouse.signal_tables import SIGNAL_TABLES

log = logging.getLogger(__name__)

EXPIRY_SECONDS: Final = 3600.0
RETENTION_SECONDS: Final = 10.0
TOKEN_SECONDS: Final = 600.0
SETTLED_SECONDS: Final = 3600.0
"""A partition without a new part for so long is merged down once, for shorter starts and faster queries."""

_SIGNALS: Final = tuple(table.name for table in SIGNAL_TABLES)
_MARK: Final = "/* nexus housekeeping */"
"""Before statements that may take long, so that a stop can kill them."""

SETTLED_PARTS: Final = 8
SETTLED_BYTES: Final = 20 << 30


@dataclass(slots=True)
class HousekeepingStatistics:
    """Counters since the start."""

    dropped_partitions: int = 0
    dropped_records: int = 0
    purged_tokens: int = 0
    check: CheckReport | None = None
    failures: int = 0


class Housekeeper:
    """Runs its tasks one after the other, each at the start and then in its own interval."""

    def __init__(
        self,
        engine: Engine,
        signals: Sequence[SignalIngest],
        follow_metrics: Callable[[Connection], None],
        expire_series: Callable[[], object],
    ) -> None:
        """`follow_metrics` takes over the wanted retention of metrics, `expire_series` forgets what it leaves nothing of."""
        self._engine = engine
        self._signals = signals
        self._follow_metrics = follow_metrics
        self._expire_series = expire_series
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.statistics = HousekeepingStatistics()

    def start(self) -> None:
        """Start the thread. Raises `EngineError`."""
        connection = self._engine.connect()
        self._thread = threading.Thread(target=self._run, args=[connection], name="housekeeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, killing what it runs. Blocks."""
        self._stop.set()
        if self._thread is None:
            return
        killer = self._engine.connect()
        while self._thread.is_alive():
            killer.execute(f"KILL QUERY WHERE startsWith(query, '{_MARK}') ASYNC")
            self._thread.join(0.2)
        self._engine.release(killer)

    def _run(self, connection: Connection) -> None:
        tasks: list[tuple[float, Callable[[Connection], None]]] = [
            (RETENTION_SECONDS, self._follow_retention),
            (RETENTION_SECONDS, self._follow_metric_retention),
            (EXPIRY_SECONDS, self._drop_expired),
            (TOKEN_SECONDS, self._purge_tokens),
            (SETTLED_SECONDS, self._merge_settled),
        ]
        if self._engine.directory.machine_failed:
            self._guarded(self._check, connection)
        due = {task: 0.0 for _, task in tasks}
        try:
            while not self._stop.is_set():
                for interval, task in tasks:
                    if time.monotonic() >= due[task] and not self._stop.is_set():
                        self._guarded(task, connection)
                        due[task] = time.monotonic() + interval
                self._stop.wait(max(min(due.values()) - time.monotonic(), 0.1))
        finally:
            self._engine.release(connection)

    def _guarded(self, task: Callable[[Connection], None], connection: Connection) -> None:
        try:
            task(connection)
        except Exception:
            self.statistics.failures += 1
            if not self._stop.is_set():
                log.exception("housekeeping: %s failed and is tried again later", task.__name__.strip("_"))

    def _check(self, connection: Connection) -> None:
        log.info("the machine failed since the last start: checking the parts written last")
        report = joined(check_recent_parts(connection, table) for table in (*_SIGNALS, *METRIC_TABLES))
        self.statistics.check = report
        self._engine.directory.checked()
        if report.detached:
            for signal in self._signals:
                signal.changed()
        damaged = len(report.detached) + report.broken_on_start
        log.info("checked %d parts, %d damaged, %d too large to check", report.checked, damaged, report.skipped)

    def _follow_retention(self, connection: Connection) -> None:
        for signal in self._signals:
            signal.follow(connection)

    def _follow_metric_retention(self, connection: Connection) -> None:
        self._follow_metrics(connection)

    def _drop_expired(self, connection: Connection) -> None:
        for signal in self._signals:
            dropped = drop_expired(connection, signal.table.name)
            self.statistics.dropped_partitions += len(dropped)
            self.statistics.dropped_records += sum(records for _, records in dropped)
            if dropped:
                signal.changed()
        for table in METRIC_TABLES_BY_DAY:
            self.statistics.dropped_partitions += len(drop_expired(connection, table))
        self._expire_series()

    def _purge_tokens(self, _: Connection) -> None:
        self.statistics.purged_tokens += sum(signal.ledger.purge() for signal in self._signals)

    def _merge_settled(self, connection: Connection) -> None:
        tables = ", ".join(map(quote, (*_SIGNALS, *METRIC_TABLES_BY_DAY)))
        settled = connection.rows(
            f"SELECT table, partition_id, count() FROM system.parts WHERE database = 'nexus' AND table IN ({tables}) "
            f"AND active GROUP BY table, partition_id HAVING count() > {SETTLED_PARTS} AND sum(bytes_on_disk) < "
            f"{SETTLED_BYTES} AND max(modification_time) < now() - {int(SETTLED_SECONDS)} ORDER BY table, partition_id"
        )
        for table, partition, parts in settled:
            if self._stop.is_set():
                return
            log.info("merging the %d parts of partition %s of %s", parts, partition, table)
            connection.execute(f"{_MARK} OPTIMIZE TABLE nexus.{table} PARTITION ID {quote(partition)} FINAL")
