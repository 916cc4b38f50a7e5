"""Stores on real engines in temporary folders, one at a time: a process has one engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nexus.storage.clickhouse.options import StoreOptions, WriterOptions
from nexus.storage.clickhouse.store import ClickHouseStore, MetricSettings, TraceSettings

OpenStore = Callable[..., ClickHouseStore]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[OpenStore]:
    """Opens stores on this test's folder; what is still open at its end is closed."""
    opened: list[ClickHouseStore] = []

    def start(
        retention: Callable[[], int] | None = None,
        *,
        writer: dict[str, Any] | None = None,
        policies: Callable[[], Any] = dict,
        settings: MetricSettings | None = None,
        traces: TraceSettings | None = None,
        **more: Any,
    ) -> Any:
        options = StoreOptions(
            tmp_path / "data",
            disk_reserve_bytes=1,
            writer=dataclasses.replace(WriterOptions(interval=0.0, busy_interval=0.0), **(writer or {})),
        )
        store = ClickHouseStore.open(dataclasses.replace(options, **more), retention, policies, settings, traces)
        opened.append(store)
        return store

    yield start
    for store in opened:
        store.close()
