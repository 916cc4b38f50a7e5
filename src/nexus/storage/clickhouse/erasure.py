"""Removing records for good: one mutation of the engine, and the proof that nothing is left of them.

A mutation rewrites the parts that were there when it was issued, so records that come later stay, whatever they say. It is
issued while nothing is inserted and no commit is in doubt: a commit whose records are gone must not look as if it had never
been stored, or its sender would bring them back. The engine goes on with it across restarts.

When it is done no query sees the records, but the parts that it replaced stay on disk for some seconds, and longer while a
query reads them. Directories are looked at, not only what the engine says of its parts. At the end the mutation is taken
off the engine's list, with the file that holds its condition.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final

from nexus.storage.api import ErasureFailed, Progress
from nexus.storage.clickhouse.connection import Connection, quote

log = logging.getLogger(__name__)

_PART: Final = re.compile(
    r"(?:(?!all_)[a-z]+_)*(?P<partition>[0-9a-z-]+)_(?P<min>\d+)_(?P<max>\d+)_\d+(?:_(?P<version>\d+))?(?:_.*)?"
)
"""Directory of a part, whatever stands before its name (`tmp_mut_`, `delete_tmp_`). `all` is the partition of a table
without partitions."""


def begin(connection: Connection, id: str, condition: str, table: str = "logs") -> int:
    """Issue the mutation unless it was; the parts that it has to look at. Nothing may be inserted meanwhile. Raises
    `EngineError`."""
    if (known := progress(connection, id, table)) is not None:
        return known.parts_left
    connection.execute(f"ALTER TABLE nexus.{table} DELETE WHERE {condition} AND {_marker(id)} SETTINGS mutations_sync = 0")
    log.info("erasure %s of %s has begun", id, table)
    started = progress(connection, id, table)
    return started.parts_left if started else 0


def progress(connection: Connection, id: str, table: str = "logs") -> Progress | None:
    """How far the mutation is, None when there is none. Raises `EngineError`."""
    rows = connection.rows(
        f"SELECT is_done, parts_to_do, latest_fail_reason FROM system.mutations WHERE {_of(table)} AND {_is(id)}"
    )
    return Progress(bool(rows[0][0]), int(rows[0][1]), str(rows[0][2])) if rows else None


def finish(connection: Connection, id: str, condition: str, table: str = "logs") -> Progress:
    """Prove a done mutation; when nothing is left of the records, forget it.

    Raises `ErasureFailed` when records are there all the same or a damaged part that was set aside may hold some, and
    `EngineError`.
    """
    rows = connection.rows(
        f"SELECT mutation_id, block_numbers.number FROM system.mutations WHERE {_of(table)} AND {_is(id)}"
    )
    if not rows:
        return Progress(True)
    mutation, (version, *_) = str(rows[0][0]), [int(number) for number in rows[0][1]]
    if detached := connection.rows(f"SELECT name FROM system.detached_parts WHERE {_of(table)} LIMIT 10"):
        names = ", ".join(str(name) for (name,) in detached)
        raise ErasureFailed(
            f"damaged parts that were set aside may hold such records: {names}.",
            hint="Remove them from `detached` in the data directory, then delete again.",
        )
    if left := _old_parts(connection, table, version):
        return Progress(True, left)
    ((found,),) = connection.rows(
        f"SELECT count() FROM nexus.{table} WHERE {condition} AND _part IN (SELECT name FROM system.parts "
        f"WHERE {_of(table)} AND active AND max_block_number < {version})"
    )
    if found:
        raise ErasureFailed(f"{found} records are there after their deletion.", hint="The server's log has more.")
    connection.execute(f"KILL MUTATION WHERE {_of(table)} AND mutation_id = {quote(mutation)}")
    log.info("erasure %s of %s is done", id, table)
    return Progress(True)


def stop(connection: Connection, id: str, table: str = "logs") -> None:
    """Give up the mutation. Raises `EngineError`."""
    connection.execute(f"KILL MUTATION WHERE {_of(table)} AND {_is(id)}")


def _old_parts(connection: Connection, table: str, version: int) -> int:
    """Directories on disk that were written before a mutation and hold what it had to look at."""
    ((paths,),) = connection.rows(f"SELECT data_paths FROM system.tables WHERE database = 'nexus' AND name = {quote(table)}")
    names = [path.name for data in paths for path in Path(data).iterdir() if path.is_dir()]
    return sum(is_older(name, version) for name in names)


def is_older(directory: str, version: int) -> bool:
    """Whether a directory holds a part from before a mutation that may hold what it removes."""
    match = _PART.fullmatch(directory)
    if match is None:
        return False
    return int(match["min"]) < version and int(match["version"] or 0) < version


def _of(table: str) -> str:
    return f"database = 'nexus' AND table = {quote(table)}"


def _marker(id: str) -> str:
    return f"{quote(f'nexus erasure {id}:')} != ''"


def _is(id: str) -> str:
    return f"position(command, {quote(_marker(id))}) > 0"
