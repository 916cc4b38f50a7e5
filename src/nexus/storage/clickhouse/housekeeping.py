"""The store's background thread: the check after an unclean stop, expired partitions, old tokens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.engine import Engine
from nexus.storage.clickhouse.repair import CheckReport, check_recent_parts
from nexus.storage.clickhouse.retention import drop_expired
from nexus.storage.clickhouse.tokens import TokenLedger

log = logging.getLogger(__name__)

RETENTION_SECONDS: Final = 3600.0
TOKEN_SECONDS: Final = 600.0


@dataclass(slots=True)
class HousekeepingStatistics:
    """Counters since the start."""

    dropped_partitions: int = 0
    dropped_records: int = 0
    purged_tokens: int = 0
    check: CheckReport | None = None
    failures: int = 0


class Housekeeper:
    """Runs its tasks one after the other, each at the start and then in its own interval. `changed` is called when
    records have gone."""

    def __init__(self, engine: Engine, ledger: TokenLedger, changed: Callable[[], None], *, check_parts: bool) -> None:
        self._engine = engine
        self._ledger = ledger
        self._changed = changed
        self._check_parts = check_parts
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)
        self.statistics = HousekeepingStatistics()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its current task. Blocks."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        connection = self._engine.connect()
        tasks: list[tuple[float, Callable[[Connection], None]]] = [
            (RETENTION_SECONDS, self._retention),
            (TOKEN_SECONDS, self._tokens),
        ]
        if self._check_parts:
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
            log.exception("housekeeping: %s failed and is tried again later", task.__name__.strip("_"))

    def _check(self, connection: Connection) -> None:
        log.info("the last stop was not clean: checking the parts written last")
        report = check_recent_parts(connection)
        self.statistics.check = report
        if report.detached:
            self._changed()
        log.info("checked %d parts, %d damaged", report.checked, len(report.detached) + report.broken_on_start)

    def _retention(self, connection: Connection) -> None:
        dropped = drop_expired(connection)
        self.statistics.dropped_partitions += len(dropped)
        self.statistics.dropped_records += sum(records for _, records in dropped)
        if dropped:
            self._changed()

    def _tokens(self, _: Connection) -> None:
        self.statistics.purged_tokens += self._ledger.purge()
