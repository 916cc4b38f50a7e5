"""Which fields tell two selections of records apart? Pure scoring of counts.

The score of a field is the Jensen-Shannon distance (base 2, so 0 to 1) of its two distributions of values, in which "none"
counts as a value: 0 when the shares are the same, 1 when no value occurs on both sides.

Two corrections keep fields with many values from winning by chance. Values that fewer than `RARE` records of both
sides together hold, and those that a store left out, are one value, "rest": ids, which differ by nature, then come down
to being there or not. And from the divergence is taken what chance alone seldom exceeds: 8 nm/(n + m) times its value in
nats is distributed as chi-square with k - 1 degrees of freedom for two samples of n and m records from one distribution
over k values (as in Grosse et al. 2002, Phys. Rev. E 65, 041905), so that the mean and twice the standard deviation
of that are taken off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import log, sqrt
from typing import Final

RARE: Final = 5


@dataclass(slots=True)
class Counts:
    """Of one field: records with each value in selection and baseline, records that have the field at all, and how many
    values it has."""

    values: dict[str, tuple[int, int]] = field(default_factory=dict)
    present: tuple[int, int] = (0, 0)
    distinct: int = 0

    def scaled(self, selection: float, baseline: float) -> Counts:
        """What a sample says of all records, `selection` and `baseline` times as many; rare values are left out."""

        def times(pair: tuple[int, int]) -> tuple[int, int]:
            return round(pair[0] * selection), round(pair[1] * baseline)

        kept = {value: times(pair) for value, pair in self.values.items() if sum(pair) >= RARE}
        return Counts(kept, times(self.present), self.distinct)


def score(counts: Counts, selection: int, baseline: int) -> float:
    """The corrected distance, given the number of records of both sides."""
    if selection <= 0 or baseline <= 0:
        return 0.0
    pairs = [pair for pair in counts.values.values() if sum(pair) >= RARE]
    shown = [sum(side) for side in zip(*pairs, strict=True)] or [0, 0]
    pairs.append((counts.present[0] - shown[0], counts.present[1] - shown[1]))
    pairs.append((selection - counts.present[0], baseline - counts.present[1]))
    pairs = [pair for pair in pairs if pair[0] > 0 or pair[1] > 0]
    freedom = len(pairs) - 1
    chance = (freedom + 2 * sqrt(2 * freedom)) * (1 / selection + 1 / baseline) / 8
    divergence = _divergence((a / selection, b / baseline) for a, b in pairs) - chance
    return sqrt(min(divergence / log(2), 1.0)) if divergence > 1e-12 else 0.0


def _divergence(shares: Iterable[tuple[float, float]]) -> float:
    """Jensen-Shannon divergence in nats."""
    total = 0.0
    for a, b in shares:
        middle = (a + b) / 2
        total += (a * log(a / middle) if a > 0 else 0.0) + (b * log(b / middle) if b > 0 else 0.0)
    return total / 2


def most_different(counts: Counts, selection: int, baseline: int, limit: int) -> list[tuple[str, int, int]]:
    """(value, records in selection, in baseline) of the values whose shares differ most."""

    def difference(item: tuple[str, tuple[int, int]]) -> tuple[float, int, str]:
        value, (a, b) = item
        return (-abs(a / max(selection, 1) - b / max(baseline, 1)), -a - b, value)

    return [(value, a, b) for value, (a, b) in sorted(counts.values.items(), key=difference)[:limit]]
