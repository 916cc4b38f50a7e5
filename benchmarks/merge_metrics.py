"""Stores what the log of metrics of a data directory holds, which no server has open, and merges the tables: what the engine
does by itself an hour after a day got its last sample. ``python benchmarks/merge_metrics.py DIRECTORY``"""

from __future__ import annotations

import sys
from pathlib import Path

from nexus.storage.clickhouse.engine import Engine
from nexus.storage.clickhouse.metrics.tables import TABLES
from nexus.storage.clickhouse.options import StoreOptions
from nexus.storage.clickhouse.store import ClickHouseStore, MetricSettings


def main() -> None:
    """Store everything, merge them."""
    options = StoreOptions(data_dir=Path(sys.argv[1]), retention_days=0)
    store = ClickHouseStore.open(options, metrics=MetricSettings(retention_days=lambda: 0))
    try:
        store.series.flush()
    finally:
        store.close()
    engine = Engine.open(options)
    try:
        connection = engine.connect()
        for table in TABLES:
            connection.execute(f"OPTIMIZE TABLE nexus.{table} FINAL")
        engine.release(connection)
    finally:
        engine.close()


if __name__ == "__main__":
    main()
