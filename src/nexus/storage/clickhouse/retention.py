"""Retention: whole partitions are dropped once everything in them has expired; merges remove single rows (table TTL).

`expires_on` of a record is the later of its day and the day of its arrival plus the retention in days, or the largest
date for "for ever". When the configured retention changes, stored records are moved by the difference, in the background
and once: the change is written down first and carries a number that the engine's own list of mutations shows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from nexus.storage.clickhouse.connection import Connection, quote
from nexus.storage.clickhouse.ingest_db import IngestDatabase

log = logging.getLogger(__name__)

FOR_EVER: Final = 65_535
"""The largest `Date`, 2149-06-06."""

_APPLIED: Final = "retention_days"
_CHANGE: Final = "retention_change"


class Retention:
    """The retention in force, in days (0 is for ever): what new records get, and where stored ones have been moved.

    `follow` brings both to what is wanted now; it is called at the start and from time to time.
    """

    def __init__(self, database: IngestDatabase, wanted: Callable[[], int]) -> None:
        self._database = database
        self._wanted = wanted
        self.days = wanted()

    def start(self, connection: Connection) -> None:
        """Take over a change made while the store was closed, before anything is inserted. Raises `EngineError`."""
        apply_change(connection, self._database, self.days)

    def follow(self, connection: Connection, paused: Callable[[], AbstractContextManager[None]]) -> bool:
        """Take over a change of the configuration; `paused` keeps inserts out. True when there was one."""
        wanted = self._wanted()
        if wanted == self.days:
            return False
        with paused():
            apply_change(connection, self._database, wanted)
            self.days = wanted
        return True


def change_expression(before: int, after: int) -> str:
    """What `expires_on` becomes when the retention changes from `before` days to `after` (0 is for ever). Pure."""
    if after == 0:
        return f"toDate({FOR_EVER})"
    latest = FOR_EVER - 1
    arrival = "greatest(toInt32(toDate32(timestamp)), toInt32(toDate32(observed_timestamp)))"
    from_arrival = f"least({arrival} + {after}, {latest})"
    if before == 0:
        return f"toDate({from_arrival})"
    moved = f"greatest(least(toInt32(expires_on) + {after - before}, {latest}), 1)"
    return f"toDate(if(expires_on = toDate({FOR_EVER}), {from_arrival}, {moved}))"


def apply_change(connection: Connection, database: IngestDatabase, days: int) -> bool:
    """Bring stored records to a retention of `days`; True when that started something. Nothing may be inserted
    meanwhile. Raises `EngineError`."""
    stored = _state(database, _APPLIED)
    applied = days if stored is None else int(stored)
    change = json.loads(_state(database, _CHANGE) or "null")
    if change is None and applied != days:
        number = int(_state(database, "retention_number") or 0) + 1
        change = {"number": number, "from": applied, "to": days}
        _put_state(database, {_CHANGE: json.dumps(change), "retention_number": str(number)})
    started = False
    if change is not None:
        started = _issue(connection, change["number"], change["from"], change["to"])
        applied = change["to"]
        with database.transaction() as write:
            write.execute("DELETE FROM state WHERE name = ?", (_CHANGE,))
    _put_state(database, {_APPLIED: str(applied)})
    # A change that a stop interrupted is finished first; the configuration may have moved on since.
    return apply_change(connection, database, days) or started if applied != days else started


def _issue(connection: Connection, number: int, before: int, after: int) -> bool:
    marker = f"nexus retention change {number}"
    known = connection.rows(
        "SELECT 1 FROM system.mutations WHERE database = 'nexus' AND table = 'logs' "
        f"AND position(command, {quote(marker + ':')}) > 0 LIMIT 1"
    )
    if known:
        return False
    connection.execute(
        f"ALTER TABLE nexus.logs UPDATE expires_on = {change_expression(before, after)} "
        f"WHERE {quote(marker + ':')} != '' SETTINGS mutations_sync = 0"
    )
    log.info("retention changed from %d to %d days (0 is for ever); stored records follow in the background", before, after)
    return True


def drop_expired(connection: Connection) -> list[tuple[str, int]]:
    """Drop partitions in which every record has expired; returns (partition, records). Raises `EngineError`."""
    candidates = connection.rows(
        "SELECT partition_id FROM system.parts WHERE database = 'nexus' AND table = 'logs' AND active "
        # This column wraps beyond 2106, so it only picks candidates.
        "GROUP BY partition_id HAVING max(delete_ttl_info_max) <= now() ORDER BY partition_id"
    )
    dropped = []
    for (partition,) in candidates:
        ((expired, records),) = connection.rows(
            "SELECT max(expires_on) <= toDate(now('UTC')), count() FROM nexus.logs "
            f"WHERE _partition_id = {quote(partition)} SETTINGS max_threads = 1"
        )
        if expired and records:
            connection.execute(f"ALTER TABLE nexus.logs DROP PARTITION ID {quote(partition)}")
            log.info("dropped partition %s: its %d records have expired", partition, records)
            dropped.append((str(partition), int(records)))
    return dropped


def _state(database: IngestDatabase, name: str) -> str | None:
    rows = database.rows("SELECT value FROM state WHERE name = ?", (name,))
    return str(rows[0][0]) if rows else None


def _put_state(database: IngestDatabase, values: dict[str, str]) -> None:
    with database.transaction() as write:
        write.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", sorted(values.items()))
