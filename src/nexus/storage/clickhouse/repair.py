"""After the machine failed: checks the parts written last and takes damaged ones out of the table.

A damaged block sends readers and merges into an endless search for the flipped bit, so merges stay stopped until the
check is through. It reads only what was written within minutes of the end; a damaged part is detached (kept on disk
under `detached/`), logged and counted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nexus.storage.clickhouse.connection import Connection, quote
from nexus.storage.clickhouse.errors import EngineError

log = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 300
"""How long before the last write a part still counts as recent."""

MAX_BYTES: Final = 8 << 30
"""How much is read at most, the newest parts first: merges wait meanwhile."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found: parts looked at, parts left out because there was too much to read, parts detached with
    their rows, parts the engine set aside at its start."""

    checked: int = 0
    skipped: int = 0
    detached: tuple[tuple[str, int], ...] = ()
    broken_on_start: int = 0


def joined(reports: Iterable[CheckReport]) -> CheckReport:
    """What checks of several tables found together."""
    every = list(reports)
    return CheckReport(
        sum(one.checked for one in every),
        sum(one.skipped for one in every),
        tuple(part for one in every for part in one.detached),
        sum(one.broken_on_start for one in every),
    )


def check_recent_parts(connection: Connection, table: str = "logs") -> CheckReport:
    """Check the parts of `nexus.<table>` written last and detach the damaged ones. Raises `EngineError`."""
    where = f"database = 'nexus' AND table = {quote(table)}"
    broken = connection.rows(f"SELECT name, reason FROM system.detached_parts WHERE {where} AND reason LIKE 'broken%'")
    for name, reason in broken:
        log.error("part %s of nexus.%s was damaged and set aside by the engine (%s)", name, table, reason)
    parts = connection.rows(
        f"SELECT name, rows, bytes_on_disk FROM system.parts WHERE {where} AND active AND modification_time >= "
        f"(SELECT max(modification_time) FROM system.parts WHERE {where} AND active) - {WINDOW_SECONDS} "
        "ORDER BY modification_time DESC"
    )
    if not parts:
        return CheckReport(broken_on_start=len(broken))
    checked, size, detached = 0, 0, []
    connection.execute(f"SYSTEM STOP MERGES nexus.{table}")
    try:
        for name, rows, part_bytes in parts:
            if size + part_bytes > MAX_BYTES:
                continue
            checked, size = checked + 1, size + part_bytes
            if not _check_part(connection, table, name, rows):
                detached.append((str(name), int(rows)))
    finally:
        connection.execute(f"SYSTEM START MERGES nexus.{table}")
    return CheckReport(checked, len(parts) - checked, tuple(detached), len(broken))


def _check_part(connection: Connection, table: str, name: str, rows: int) -> bool:
    """Check one part; False when it was damaged and detached. A part merged away meanwhile is fine."""
    try:
        result = connection.rows(
            f"CHECK TABLE nexus.{table} PART {quote(name)} SETTINGS check_query_single_value_result = 0, max_threads = 1"
        )
    except EngineError as error:
        log.info("part %s of nexus.%s was not checked: %s", name, table, error)
        return True
    if not result or result[0][1]:
        return True
    log.error("part %s of nexus.%s is damaged and was detached with its %d records: %s", name, table, rows, result[0][2])
    connection.execute(f"ALTER TABLE nexus.{table} DETACH PART {quote(name)}")
    return False
