"""Merges the tables of metrics of a data directory, which no server has open: what the engine does by itself an hour after a
day got its last sample. ``python benchmarks/merge_metrics.py DIRECTORY``"""

from __future__ import annotations

import sys
from pathlib import Path

from nexus.storage.clickhouse.engine import Engine
from nexus.storage.clickhouse.metrics.tables import TABLES
from nexus.storage.clickhouse.options import StoreOptions


def main() -> None:
    """Merge them."""
    engine = Engine.open(StoreOptions(data_dir=Path(sys.argv[1])))
    try:
        connection = engine.connect()
        for table in TABLES:
            connection.execute(f"OPTIMIZE TABLE nexus.{table} FINAL")
        engine.release(connection)
    finally:
        engine.close()


if __name__ == "__main__":
    main()
