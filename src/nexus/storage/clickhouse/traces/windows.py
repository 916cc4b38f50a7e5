"""The order in which a search reads time: newest first, in windows that grow, so that what is frequent is found in the first
and what is rare costs few statements. Pure."""

from __future__ import annotations

from typing import Final

from nexus.model.time import TimeRange
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.slices import WINDOW_ROWS, clip

GROWTH: Final = 8


def newest_first(time: TimeRange, catalog: Catalog) -> list[TimeRange]:
    """The range as consecutive windows from its end on; borders are those of slots."""
    start, end, partitions = clip(time, catalog)
    if start >= end or not partitions:
        return []
    edge = max(partitions, key=lambda partition: partition.last)
    size = catalog.table.unit_ns
    length = max((edge.last - edge.first) * WINDOW_ROWS // max(edge.rows, 1), size)
    found = []
    cut = min(end, edge.last + 1)
    while end > start:
        cut = max((cut - length) // size * size, start)
        found.append(TimeRange(cut, end))
        end, length = cut, length * GROWTH
    return found


def headed(windows: list[TimeRange], rows: int, catalog: Catalog) -> list[TimeRange]:
    """The same windows, the first one cut into ones that grow, too: its end would hold about so many spans if they came
    evenly. For what every span meets: to group all spans of a slot would cost most there."""
    _, end, partitions = clip(TimeRange(), catalog)
    if not windows or not partitions:
        return windows
    edge = max(partitions, key=lambda partition: partition.last)
    first, *rest = windows
    start, last = first.start or 0, end if first.end is None else min(first.end, end)
    length = max((edge.last - edge.first) * rows // max(edge.rows, 1), 1)
    found, to, cut = [], first.end, last - length
    while cut > start:
        found.append(TimeRange(cut, to))
        length *= GROWTH
        to, cut = cut, cut - length
    return [*found, TimeRange(first.start, to), *rest]
