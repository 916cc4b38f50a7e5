"""What native code has to know at the start: series with their days, and what is said about metric families."""

from __future__ import annotations

from typing import Final

from nexus import _native
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.metrics.tables import COLUMNS, FORMAT, METADATA, SERIES

PIECE: Final = 250_000
"""Series at a time: they are held twice while they are read."""


def load(connection: Connection, engine: _native.MetricsEngine) -> int:
    """Load everything; the number of series. Raises `EngineError`."""
    ((count,),) = connection.rows(f"SELECT count() FROM nexus.{SERIES}")
    parts = min(-(-int(count) // PIECE), 256)
    loaded = 0
    for part in range(parts):
        where = f" WHERE ascii(substring(series, 1, 1)) % {parts} = {part}" if parts > 1 else ""
        loaded += engine.load_series(
            connection.query(f"SELECT tenant, labels, days FROM nexus.{SERIES}{where}", FORMAT).data
        )
    engine.load_metadata(connection.query(f"SELECT {COLUMNS[METADATA]} FROM nexus.{METADATA} FINAL", FORMAT).data)
    return loaded
