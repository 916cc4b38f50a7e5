"""Chunks that queries read lately, still packed, by their statement: panels ask for the same ones again and again, and a
statement takes the engine some ms however little it reads.

What is brought into the tables afterwards is remembered beside them and goes with every answer, so that a flush, of which
there is one every few seconds, does not make what is known worthless. Everything else that changes the tables empties the
cache. Bounded in bytes and age. Thread-safe.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

MAX_AGE: Final = 60.0
"""Seconds: what has expired may be found for so long."""

ENTRY_BYTES: Final = 128
"""What an entry takes beside its statement and its chunks."""


class Weighed(Protocol):
    """Chunks of the tables; `nexus._native.ChunkRows`."""

    @property
    def weight(self) -> int: ...


Rows = TypeVar("Rows", bound=Weighed)


@dataclass(slots=True)
class CacheStatistics:
    """Counters since the start."""

    hits: int = 0
    misses: int = 0


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Rows]):
    since: int
    """How often the tables had grown when it was read."""
    age: float
    rows: Rows
    weight: int


@dataclass(frozen=True, slots=True)
class _Grown(Generic[Rows]):
    number: int
    tenants: dict[str, Rows]
    weight: int


class ChunkCache(Generic[Rows]):
    """See the module text. An entry has at most a half of `max_bytes`, what the tables grew by a quarter."""

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        """0 bytes: nothing is remembered."""
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry[Rows]] = OrderedDict()
        self._grown: deque[_Grown[Rows]] = deque()
        self._number = 0
        self._oldest = 0
        """Entries that were read before lack something."""
        self._entry_bytes = 0
        self._grown_bytes = 0
        self.statistics = CacheStatistics()

    @property
    def bytes(self) -> int:
        """Of everything remembered."""
        return self._entry_bytes + self._grown_bytes

    def changed(self) -> None:
        """Forget everything, also what is being read now. To be called after the tables have changed and before anybody may
        rely on it."""
        with self._lock:
            self._number += 1
            self._oldest = self._number
            self._entries.clear()
            self._grown.clear()
            self._entry_bytes = self._grown_bytes = 0

    def grown(self, rows: Iterable[tuple[str, Rows]]) -> None:
        """Chunks were added to the tables, by tenant. To be called after that and before the head lets go of them."""
        tenants = dict(rows)
        weight = ENTRY_BYTES + sum(one.weight for one in tenants.values())
        with self._lock:
            self._number += 1
            self._grown.append(_Grown(self._number, tenants, weight))
            self._grown_bytes += weight
            while self._grown and self._grown_bytes > self._max_bytes // 4:
                gone = self._grown.popleft()
                self._grown_bytes -= gone.weight
                self._oldest = gone.number
            self._trim()

    def get(self, tenant: str, statement: str, read: Callable[[], Rows]) -> list[Rows]:
        """The chunks of a statement of a tenant, read when they are not known, and what came since. Others may be among
        them, and some twice."""
        with self._lock:
            number = self._number
            known = self._entries.get(statement)
            if known is not None and known.since >= self._oldest and self._clock() - known.age < MAX_AGE:
                self._entries.move_to_end(statement)
                self.statistics.hits += 1
                return [known.rows, *self._since(tenant, known.since)]
            self.statistics.misses += 1
        rows = read()
        weight = rows.weight + len(statement) + ENTRY_BYTES
        if weight <= self._max_bytes // 2:
            with self._lock:
                if number >= self._oldest:
                    self._drop(statement)
                    self._entries[statement] = _Entry(number, self._clock(), rows, weight)
                    self._entry_bytes += weight
                    self._trim()
        return [rows]

    def _since(self, tenant: str, number: int) -> list[Rows]:
        return [grown.tenants[tenant] for grown in self._grown if grown.number > number and tenant in grown.tenants]

    def _trim(self) -> None:
        while self._entries and self.bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, statement: str) -> None:
        if (gone := self._entries.pop(statement, None)) is not None:
            self._entry_bytes -= gone.weight
