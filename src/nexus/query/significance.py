"""How likely differences between two selections are by chance. Pure.

The statistic of a field is Pearson's for two samples over its values (G of the likelihood ratio is close to it, but needs no
empty cells); its distribution is chi-square, whose upper tail is taken from Wilson and Hilferty's cube root (1931), good to
three digits where it matters. Probabilities of many fields are corrected as Benjamini and Hochberg (1995) do: of the fields
below 5 % about 5 % are there by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, exp, sqrt

from nexus.query.compare import RARE, Counts


def probability(counts: Counts, selection: int, baseline: int) -> float:
    """How likely two samples of one distribution differ at least as much, 0 to 1."""
    if selection <= 0 or baseline <= 0:
        return 1.0
    pairs = [pair for pair in counts.values.values() if sum(pair) >= RARE]
    shown = [sum(side) for side in zip(*pairs, strict=True)] or [0, 0]
    pairs.append((counts.present[0] - shown[0], counts.present[1] - shown[1]))
    pairs.append((selection - counts.present[0], baseline - counts.present[1]))
    pairs = [(max(a, 0), max(b, 0)) for a, b in pairs if max(a, 0) + max(b, 0) > 0]
    if len(pairs) < 2:
        return 1.0
    total = selection + baseline
    statistic = 0.0
    for a, b in pairs:
        expected_a, expected_b = (a + b) * selection / total, (a + b) * baseline / total
        statistic += (a - expected_a) ** 2 / expected_a + (b - expected_b) ** 2 / expected_b
    return chi_square_tail(statistic, len(pairs) - 1)


def chi_square_tail(value: float, freedom: int) -> float:
    """The probability of a value that is at least as large."""
    if value <= 0:
        return 1.0
    if freedom == 1:
        return erfc(sqrt(value / 2))
    if freedom == 2:
        return exp(-value / 2)
    spread = 2 / (9 * freedom)
    z = ((value / freedom) ** (1 / 3) - (1 - spread)) / sqrt(spread)
    return erfc(z / sqrt(2)) / 2


def corrected(probabilities: Sequence[float]) -> list[float]:
    """Each probability as the rate of false discoveries at which its field is still one, in the same order."""
    number = len(probabilities)
    found = [1.0] * number
    least = 1.0
    for rank, index in sorted(enumerate(sorted(range(number), key=probabilities.__getitem__), 1), reverse=True):
        least = min(least, probabilities[index] * number / rank)
        found[index] = least
    return found
