"""Keeps the table's learned attribute columns in step with what is being stored."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from nexus.storage.clickhouse.attributes import LearnedColumn, Learner, read_columns, sum_stats
from nexus.storage.clickhouse.connection import Connection, quote
from nexus.storage.clickhouse.errors import EngineError
from nexus.storage.clickhouse.seen_keys import SeenKeys
from nexus.storage.clickhouse.signal_tables import SignalTable

log = logging.getLogger(__name__)


def read_learned(connection: Connection, table: SignalTable) -> list[LearnedColumn]:
    """The learned columns that a table has."""
    rows = connection.rows(
        "SELECT name, type, comment FROM system.columns "
        f"WHERE database = 'nexus' AND table = {quote(table.name)} AND comment != '' ORDER BY position"
    )
    return read_columns((name, type, comment) for name, type, comment in rows)


class LearnedColumns:
    """Decides, adds columns, and tells encoder and queries which there are. `changed` is called after an addition and
    before data relies on it."""

    def __init__(self, table: SignalTable, learner: Learner, seen: SeenKeys, changed: Callable[[], None]) -> None:
        self._table = table
        self._learner = learner
        self._seen = seen
        self._changed = changed
        self._lock = threading.Lock()
        self._pause_until = 0.0
        self._publish()

    def _publish(self) -> None:
        # Replaced as a whole: other threads read it without the lock.
        self.columns: tuple[LearnedColumn, ...] = tuple(self._learner.columns.values())
        self._promotions = [column.promotion for column in self.columns]

    @property
    def seen(self) -> frozenset[tuple[str, str]] | None:
        """(key, type letter) that the maps may hold; None when not known."""
        return self._seen.known

    @property
    def refused(self) -> int:
        """Promotions that the cap prevented."""
        return self._learner.refused

    def prepare(self, connection: Connection, batches: Sequence[Any]) -> list[tuple[str, str, str, str]]:
        """Before an insert: promote what has become frequent, note new keys of the maps. Returns the promotions to
        encode with. A column that cannot be added is left for later."""
        stats = sum_stats(batch.attribute_stats() for batch in batches)
        rows = sum(int(batch.num_rows) for batch in batches)
        with self._lock:
            now = time.monotonic()
            new = self._learner.observe(stats, rows, now)
            if new and now >= self._pause_until:
                self._add(connection, new)
            unpromoted = [pair for pair in stats if pair not in self._learner.columns]
            self._seen.note(unpromoted)
            return self._promotions

    def _add(self, connection: Connection, new: list[LearnedColumn]) -> None:
        actions = [f"ADD COLUMN IF NOT EXISTS {column.definition}" for column in new]
        if self._table.filters:
            actions += [f"ADD INDEX IF NOT EXISTS {column.filter}" for column in new if column.filtered]
        try:
            connection.execute(f"ALTER TABLE {self._table.path} {', '.join(actions)}")
            self._changed()
        except (EngineError, OSError, ValueError) as error:
            log.error("cannot add attribute columns, trying again in a minute: %s", error)
            self._pause_until = time.monotonic() + 60
            return
        self._learner.added(new)
        self._publish()
        log.info("attribute columns of %s added: %s", self._table.name, ", ".join(column.comment for column in new))
