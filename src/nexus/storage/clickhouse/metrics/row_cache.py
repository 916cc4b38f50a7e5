"""Rows of chunks that were read lately, still compressed, by their statement: a panel that is drawn again asks for the same
ones, and a statement takes the engine some ms however little it reads. Bounded in bytes and age; every change of the table
empties it. Thread-safe."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MAX_BYTES: Final = 64 << 20
MAX_ENTRY: Final = 8 << 20
MAX_AGE: Final = 60.0
"""Seconds: what has expired may be found for so long."""


class RowCache:
    """See the module text. `changed` must be called after the table has changed and before anybody may rely on it."""

    def __init__(self, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._version = 0
        self.bytes = 0

    def changed(self) -> None:
        """Forget everything, also what is being read now."""
        with self._lock:
            self._version += 1
            self._rows.clear()
            self.bytes = 0

    def get(self, statement: str, read: Callable[[], bytes]) -> bytes:
        """The rows of a statement, read when they are not known."""
        with self._lock:
            version = self._version
            known = self._rows.get(statement)
            if known is not None and self._clock() - known[0] < MAX_AGE:
                self._rows.move_to_end(statement)
                return known[1]
        rows = read()
        if len(rows) <= min(MAX_ENTRY, self._max_bytes):
            with self._lock:
                if self._version == version:
                    self._put(statement, rows)
        return rows

    def _put(self, statement: str, rows: bytes) -> None:
        if (before := self._rows.pop(statement, None)) is not None:
            self.bytes -= len(before[1]) + len(statement)
        self._rows[statement] = self._clock(), rows
        self.bytes += len(rows) + len(statement)
        while self.bytes > self._max_bytes:
            gone, (_, freed) = self._rows.popitem(last=False)
            self.bytes -= len(freed) + len(gone)
