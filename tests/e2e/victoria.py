"""A real VictoriaMetrics: the single node, or the three programs of a cluster. The binaries are named by the environment
(`VICTORIA_METRICS_BIN`; `VMINSERT_BIN`, `VMSELECT_BIN`, `VMSTORAGE_BIN`) or found in the PATH; without them tests skip."""

from __future__ import annotations

import os
import shutil
import urllib.request
from pathlib import Path
from typing import Self

import pytest
from tests.e2e.programs import Program, free_port

DEDUPLICATED = "-dedup.minScrapeInterval=1ms"
"""Without it a sample that was sent twice is there twice."""


def binary(variable: str, name: str) -> str:
    """The path of a program. Skips the test when there is none."""
    found = os.environ.get(variable) or shutil.which(name)
    if not found:
        pytest.skip(f"no {name}: name one in {variable}")
    return found


class VictoriaMetrics:
    """The single node."""

    def __init__(self, folder: Path) -> None:
        path = binary("VICTORIA_METRICS_BIN", "victoria-metrics")
        folder.mkdir(parents=True, exist_ok=True)
        options = (
            f"-storageDataPath={folder}/data", "-retentionPeriod=100y", "-search.disableCache", "-loggerLevel=WARN", DEDUPLICATED,
        )  # fmt: skip
        self._program = Program(path, folder / "log", free_port(), *options)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._program.port}"

    @property
    def entry(self) -> dict[str, str]:
        """Its addresses in an entry of `metrics.victoriametrics`."""
        return {"url": self.url}

    def start(self) -> Self:
        """Start it."""
        self._program.start()
        return self

    def stop(self) -> None:
        """Stop it."""
        self._program.stop()

    def show(self) -> None:
        """Make everything that was written visible to queries, which by itself takes a second or two."""
        urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=60).close()


class VictoriaMetricsCluster:
    """vmstorage, vminsert and vmselect, one each."""

    def __init__(self, folder: Path, account: str = "7:3") -> None:
        insert, select, storage = (binary(f"{name.upper()}_BIN", name) for name in ("vminsert", "vmselect", "vmstorage"))
        folder.mkdir(parents=True, exist_ok=True)
        into, out = free_port(), free_port()
        self._account = account
        self._storage = Program(
            storage, folder / "vmstorage.log", free_port(), f"-storageDataPath={folder}/data", "-retentionPeriod=100y",
            f"-vminsertAddr=127.0.0.1:{into}", f"-vmselectAddr=127.0.0.1:{out}", "-loggerLevel=WARN", DEDUPLICATED,
        )  # fmt: skip
        self._insert = Program(insert, folder / "vminsert.log", free_port(), f"-storageNode=127.0.0.1:{into}")
        self._select = Program(
            select, folder / "vmselect.log", free_port(), f"-storageNode=127.0.0.1:{out}", "-search.disableCache",
            f"-cacheDataPath={folder}/cache", DEDUPLICATED,
        )  # fmt: skip

    @property
    def entry(self) -> dict[str, str]:
        """Its addresses in an entry of `metrics.victoriametrics`."""
        return {
            "url": f"http://127.0.0.1:{self._insert.port}/insert/{self._account}/prometheus",
            "query_url": f"http://127.0.0.1:{self._select.port}/select/{self._account}/prometheus",
        }

    def start(self) -> Self:
        """Start all three."""
        for program in (self._storage, self._insert, self._select):
            program.start()
        return self

    def stop(self) -> None:
        """Stop all three."""
        for program in (self._select, self._insert, self._storage):
            program.stop()

    def show(self) -> None:
        """Make everything that was written visible to queries."""
        urllib.request.urlopen(f"http://127.0.0.1:{self._storage.port}/internal/force_flush", timeout=60).close()
