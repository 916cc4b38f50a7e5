"""Histogram arithmetic: pleasant steps, and counts for every bucket of a range, empty ones included. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nexus.model.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_SECOND
from nexus.server.api.nexus_v1.schema import HistogramSeries

_SECOND, _MINUTE, _HOUR, _DAY = NS_PER_SECOND, 60 * NS_PER_SECOND, NS_PER_HOUR, NS_PER_DAY

STEPS: Final[tuple[int, ...]] = tuple(
    sorted(
        [factor * 10**power for power in range(9) for factor in (1, 2, 5)]
        + [factor * _SECOND for factor in (1, 2, 5, 10, 15, 30)]
        + [factor * _MINUTE for factor in (1, 2, 5, 10, 15, 30)]
        + [factor * _HOUR for factor in (1, 2, 3, 6, 12)]
        + [factor * _DAY for factor in (1, 2, 7, 14, 30, 90, 180, 365, 730, 1825, 3650)]
    )
)
"""Steps that read well on an axis, in ns: 1, 2, 5 below a second, then parts of minutes, hours and days."""


def choose_step(start: int, end: int, wish: int) -> int:
    """The smallest pleasant step that cuts the range into no more than `wish` parts."""
    length = max(end - start, 1)
    longest = STEPS[-1]
    return next((step for step in STEPS if step * wish >= length), longest * -(-length // (longest * wish)))


def grid(start: int, end: int, step: int) -> tuple[int, int]:
    """First bucket's begin (a multiple of the step) and the number of buckets that cover the half-open range."""
    first = start // step * step
    return first, max(1, -(-(end - first) // step))


def fill(rows: Iterable[tuple[int, str, int]], first: int, step: int, buckets: int) -> list[HistogramSeries]:
    """Series with a count for every bucket, the largest first. `rows` are (bucket's begin, key, count)."""
    series: dict[str, list[int]] = {}
    for begin, key, count in rows:
        position = (begin - first) // step
        if 0 <= position < buckets:
            series.setdefault(key, [0] * buckets)[position] += count
    ordered = sorted(series.items(), key=lambda item: (-sum(item[1]), item[0]))
    return [HistogramSeries(key, counts) for key, counts in ordered]
