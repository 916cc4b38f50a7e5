"""Slices of time in which pending spans arrive, named by their ends (s since the epoch). Thread-safe."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nexus.storage.clickhouse.traces.sampling.visibility import Visibility


class SliceClock:
    """What `writer.Arrivals` is. Slices never go back, whatever the clock does: one that is being decided gets nothing more.

    `length` is that of a slice in s; `came` is called when spans of a slice come that is another one than before."""

    def __init__(
        self, visibility: Visibility, pends: Callable[[str], bool], length: int, clock: Callable[[], float]
    ) -> None:
        self._visibility = visibility
        self._pends = pends
        self._length = length
        self._clock = clock
        self._lock = threading.Lock()
        self._latest = 0
        self._under_way: Counter[int] = Counter()

    def start(self, latest: int) -> None:
        """The latest slice that was ever named."""
        self._latest = max(self._latest, latest)

    def pends(self, tenant: str) -> bool:
        """See `writer.Arrivals`."""
        return self._pends(tenant)

    @contextmanager
    def arriving(self, tenants: frozenset[str]) -> Iterator[int]:
        """See `writer.Arrivals`."""
        self._visibility.include(tenants)
        with self._lock:
            slice = self._latest = max(self._latest, (int(self._clock()) // self._length + 1) * self._length)
            self._under_way[slice] += 1
        try:
            yield slice
        finally:
            with self._lock:
                self._under_way[slice] -= 1
                if not self._under_way[slice]:
                    del self._under_way[slice]

    def closed(self, slice: int) -> bool:
        """Whether nothing comes into a slice any more."""
        with self._lock:
            now = self._clock()
            if slice > now:
                return False
            # A clock that was set back names its slices after the latest, not after the time.
            self._latest = max(self._latest, slice + 1)
            return not any(other <= slice for other in self._under_way)
