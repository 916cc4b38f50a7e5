"""The tables of metrics and the columns of the rows that native code makes for them (RowBinary). Pure."""

from __future__ import annotations

from typing import Final

CHUNKS: Final = "metric_chunks"
SERIES: Final = "metric_series"
EXEMPLARS: Final = "metric_exemplars"
METADATA: Final = "metric_metadata"
ROLLUPS: Final = "metric_rollups"

TABLES: Final = (CHUNKS, ROLLUPS, SERIES, EXEMPLARS, METADATA)
"""Every table that holds something of tenants."""

BY_DAY: Final = (CHUNKS, ROLLUPS, EXEMPLARS)
"""Those with a partition a day."""

COLUMNS: Final = {
    CHUNKS: "tenant, metric, series, day, expires_on, first, last, samples, times, values",
    ROLLUPS: "tenant, metric, series, day, expires_on, tier, built, first, last, samples, times, values",
    SERIES: "tenant, metric, series, labels, day, expires_on",
    EXEMPLARS: "tenant, metric, series, day, expires_on, time, value, labels",
    METADATA: "tenant, metric, kind, unit, help, seen",
}
"""As `nexus._native.Sealed`, `Rollup`, `cut_chunks` and `cut_rollups` have them."""

FORMAT: Final = "RowBinary"

INSERT_SETTINGS: Final = (
    "async_insert = 0, optimize_on_insert = 0, max_insert_threads = 1, max_partitions_per_insert_block = 0, "
    "input_format_parallel_parsing = 0, max_insert_block_size = 1000000000, "
    "min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 1000000000000"
)
"""All rows of an insert become one part."""


def target(table: str) -> str:
    """What stands after INSERT INTO."""
    return f"nexus.{table} ({COLUMNS[table]})"
