"""Token buckets, pure: time and amounts are handed in, nothing waits and nothing is counted elsewhere.

A `Bucket` lets through `burst` units at once and `rate` units a second after that. It is kept as the moment at which it will
be full again (the generic cell rate algorithm, ITU-T I.371 annex A), in whole nanoseconds, rounded so that it never lets
through more: in any time t at most burst + rate * t. A request larger than the burst passes a full bucket and leaves it in
debt, so that every request passes at some time. `Buckets` is a bounded table of them by name of whom they limit.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

NS: Final = 10**9
WINDOW: Final = 10 * NS
"""Over how long the current use is counted, in ns."""
LOOKED_AT: Final = 64
"""Entries that are looked at when one has to make room."""

Key = tuple[str, str, str]
"""Scope, subject, name of the limit."""


@dataclass(slots=True)
class Bucket:
    """`rate` in units a second, `burst` in units, both above 0. Times are ns of one clock that never goes back."""

    rate: float
    burst: float
    full_at: int = 0
    refusing: bool = False
    """Was the last request refused?"""
    refused: int = 0
    """Requests that were refused, ever."""
    _window: int = 0
    _current: float = 0.0
    _previous: float = 0.0

    def wait(self, amount: float, now: int) -> int:
        """Ns until the amount may pass, 0 when it may now. Takes nothing."""
        if self.full_at <= now:
            return 0
        depth = self._depth
        return max(0, self.full_at + min(self._cost(amount), depth) - depth - now)

    def spend(self, amount: float, now: int) -> None:
        """Take the amount, be there enough or not."""
        self.full_at = max(self.full_at, now) + self._cost(amount)
        self._count(amount, now)

    def take(self, amount: float, now: int) -> int:
        """Take the amount unless it has to wait: ns to wait, 0 when it was taken."""
        wait = self.wait(amount, now)
        self.refusing = wait > 0
        if wait:
            self.refused += 1
        else:
            self.spend(amount, now)
        return wait

    def left(self, now: int) -> float:
        """Units that may pass now; 0 when in debt."""
        return max(0.0, self.burst - max(0, self.full_at - now) * self.rate / NS)

    def idle(self, now: int) -> bool:
        """Is it full, as a new one would be?"""
        return self.full_at <= now

    def use(self, now: int) -> float:
        """Units a second that were taken over about the last ten seconds."""
        self._turn(now)
        into = (now - self._window) / WINDOW
        return (self._previous * (1 - into) + self._current) / (WINDOW / NS)

    def change(self, rate: float, burst: float, now: int) -> None:
        """Other numbers from now on; what was taken stays taken."""
        taken = max(0, self.full_at - now) * self.rate / NS
        self.rate, self.burst = rate, burst
        self.full_at = now + self._cost(taken)

    @property
    def _depth(self) -> int:
        return math.floor(self.burst * NS / self.rate)

    def _cost(self, amount: float) -> int:
        return math.ceil(amount * NS / self.rate)

    def _count(self, amount: float, now: int) -> None:
        self._turn(now)
        self._current += amount

    def _turn(self, now: int) -> None:
        window = now - now % WINDOW
        if window != self._window:
            self._previous = self._current if window == self._window + WINDOW else 0.0
            self._current = 0.0
            self._window = window


class Buckets:
    """At most `limit` buckets, because strangers bring the names. The one that was used longest ago makes room, a full one
    first, since forgetting it changes nothing; one whose requests are being refused never does. When all are, further
    names share one bucket for each scope and limit."""

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self._limit = limit
        self._known: OrderedDict[Key, Bucket] = OrderedDict()
        self._shared: dict[tuple[str, str], Bucket] = {}

    def __len__(self) -> int:
        """How many names are remembered."""
        return len(self._known)

    def find(self, key: Key, now: int) -> Bucket | None:
        """The bucket of a name, if there is one; it counts as used."""
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def get(self, key: Key, rate: float, burst: float, now: int) -> Bucket:
        """The bucket of a name, with these numbers; a new one is full."""
        bucket = self._known.get(key)
        if bucket is None:
            if len(self._known) >= self._limit and not self._make_room(now):
                bucket = self._shared.setdefault((key[0], key[2]), Bucket(rate, burst, now))
            else:
                bucket = self._known[key] = Bucket(rate, burst, now)
        else:
            self._known.move_to_end(key)
        if bucket.rate != rate or bucket.burst != burst:
            bucket.change(rate, burst, now)
        return bucket

    def _make_room(self, now: int) -> bool:
        """Forget one; False when those used longest ago are all being refused."""
        spare: Key | None = None
        for _ in range(min(LOOKED_AT, len(self._known))):
            key, bucket = next(iter(self._known.items()))
            if bucket.idle(now):
                del self._known[key]
                return True
            if spare is None and not bucket.refusing:
                spare = key
            # The next search begins with others.
            self._known.move_to_end(key)
        if spare is None:
            return False
        del self._known[spare]
        return True

    def items(self) -> list[tuple[Key, Bucket]]:
        """Every name with its bucket; shared ones are of the subject `others`."""
        return [*self._known.items(), *(((scope, "others", name), one) for (scope, name), one in self._shared.items())]

    def drop(self, keys: list[Key]) -> None:
        """Forget these: they are limited no more."""
        for key in keys:
            self._known.pop(key, None)
