"""How often metrics are asked for: counted in memory since the start, for the catalog."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

MAX_METRICS: Final = 50_000
"""Metrics that are remembered, of all tenants; those that were asked for last."""


class MetricUse:
    """Counts queries by tenant and metric. Lives on one event loop."""

    def __init__(self, limit: int = MAX_METRICS) -> None:
        """`limit` is how many metrics are remembered."""
        self._limit = limit
        self._found: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def note(self, tenant: str, names: Iterable[str], now_ms: int) -> None:
        """A query named these metrics ("" is none)."""
        for name in dict.fromkeys(names):
            if name:
                count, _ = self._found.pop((tenant, name), (0, 0))
                self._found[tenant, name] = (count + 1, now_ms)
        while len(self._found) > self._limit:
            self._found.popitem(last=False)

    def of(self, tenant: str, name: str) -> tuple[int, int]:
        """How many queries named a metric, and when the last one did (ms; 0: never)."""
        return self._found.get((tenant, name), (0, 0))
