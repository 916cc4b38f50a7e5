"""Waiting after failed logins: pure bookkeeping, the clock is handed in.

After three failures, or as many as it is told, every further one doubles the wait, up to a longest one; a quarter of
an hour without a failure forgets. The table is bounded: the entry that failed longest ago makes room.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

FREE_ATTEMPTS: Final = 3
FORGET_AFTER: Final = 900.0
MAX_ENTRIES: Final = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Backoff:
    """Failed attempts by name; seconds from any monotonic clock."""

    def __init__(self, longest_wait: float, free_attempts: int = FREE_ATTEMPTS) -> None:
        """Start without failures. `longest_wait` is in seconds; the first wait comes after `free_attempts` failures."""
        self._longest_wait = longest_wait
        self._free_attempts = free_attempts
        self._entries: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        """How many names are remembered."""
        return len(self._entries)

    def failed(self, name: str, now: float) -> None:
        """Count a failure."""
        entry = self._entries.pop(name, None)
        if entry is None or now - entry.last > FORGET_AFTER:
            entry = _Failures(0, now)
        entry.count += 1
        entry.last = now
        self._entries[name] = entry
        if len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures."""
        self._entries.pop(name, None)

    def wait(self, name: str, now: float) -> float:
        """Seconds until the name may try again, 0 when now."""
        entry = self._entries.get(name)
        if entry is None or entry.count < self._free_attempts or now - entry.last > FORGET_AFTER:
            return 0.0
        pause = min(2.0 ** min(entry.count - self._free_attempts, 64), self._longest_wait)
        return max(0.0, entry.last + pause - now)
