"""Which copy of a span counts while spans move, and who still reads by an earlier answer.

A query takes one `PendingView` and keeps it: all of its statements see each span once, whatever moves meanwhile. What a view
needs is there as long as somebody holds it. Thread-safe.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from nexus.storage.clickhouse.catalog import PendingView


class Visibility:
    """See the module text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._view = PendingView(0, frozenset())
        self._readers: Counter[int] = Counter()

    @property
    def view(self) -> PendingView:
        """The view that the next query gets."""
        return self._view

    @contextmanager
    def reading(self) -> Iterator[PendingView]:
        """A query holds the view inside."""
        with self._lock:
            number, view = self._number, self._view
            self._readers[number] += 1
        try:
            yield view
        finally:
            with self._lock:
                self._readers[number] -= 1
                if not self._readers[number]:
                    del self._readers[number]

    def include(self, tenants: frozenset[str]) -> None:
        """Rows of these tenants may be pending from now on."""
        with self._lock:
            if not tenants <= self._view.tenants:
                self._number += 1
                self._view = PendingView(self._view.settled, self._view.tenants | tenants)

    def settle(self, slice: int) -> None:
        """Rows of slices up to this one count where they stay."""
        with self._lock:
            self._number += 1
            self._view = PendingView(slice, self._view.tenants)

    def unread(self) -> bool:
        """Whether nobody holds an earlier view than the newest."""
        with self._lock:
            return all(number == self._number for number in self._readers)
