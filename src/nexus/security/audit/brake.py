"""How many records of a kind are written down a minute; what goes beyond is counted and told as a number. Pure.

Strangers can cause failed logins without end, and a page that looks again every few seconds reads without end; neither may
fill a disk. The table is bounded: beyond `MAX_KINDS` all others share one entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PERIOD: Final = 60.0
MAX_KINDS: Final = 2000


@dataclass(frozen=True, slots=True)
class Kind:
    """What is counted together: tenant, kind and name of who, action and outcome."""

    tenant: str
    kind: str
    who: str
    action: str
    outcome: str


OTHERS: Final = Kind("", "system", "nexus", "audit.held_back", "ok")


@dataclass(slots=True)
class _Window:
    began: float
    count: int = 0
    held: int = 0


class Brake:
    """Counts by kind; seconds from any monotonic clock. Not for several threads."""

    def __init__(self) -> None:
        """Nothing was counted."""
        self._windows: dict[Kind, _Window] = {}

    def admit(self, kind: Kind, limit: int, now: float) -> bool:
        """May one more be written down? Otherwise it is counted."""
        window = self._windows.get(kind)
        if window is None:
            if len(self._windows) >= MAX_KINDS:
                kind = OTHERS
            window = self._windows.setdefault(kind, _Window(now))
        if window.count < limit:
            window.count += 1
            return True
        window.held += 1
        return False

    def due(self, now: float, *, everything: bool = False) -> list[tuple[Kind, int]]:
        """Kinds whose minute is over and how many were held back of each; they start anew."""
        over = [kind for kind, window in self._windows.items() if everything or now - window.began >= PERIOD]
        ended = [(kind, self._windows.pop(kind).held) for kind in over]
        return [(kind, held) for kind, held in ended if held]
