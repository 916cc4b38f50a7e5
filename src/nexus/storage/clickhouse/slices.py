"""Time ranges as conditions that read as little as possible.

Days that lie wholly in a range need no condition on time; of other days, whole units (hours of logs, slots of spans) are
told by the table's column of them, and timestamps are compared in the edge units alone (decoding them costs 7 ns a row).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.query.plan import TimeRange
from nexus.storage.clickhouse.catalog import Catalog, Partition
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.signal_tables import LOGS, SignalTable

HOUR: Final = LOGS.unit_ns
WINDOW_ROWS: Final = 400_000
"""About how many rows the first window of a search covers."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Conditions, to be joined by AND; disjoint from the other slices of a range."""

    conditions: tuple[str, ...]


def clip(time: TimeRange, catalog: Catalog) -> tuple[int, int, list[Partition]]:
    """The range as [start, end) in ns, clipped to the data, and the partitions that overlap it."""
    if not catalog.partitions:
        return 0, 0, []
    start = max(time.start or 0, min(p.first for p in catalog.partitions))
    last = max(p.last for p in catalog.partitions) + 1
    end = last if time.end is None else min(time.end, last)
    return start, end, [p for p in catalog.partitions if p.last >= start and p.first < end]


def slices(time: TimeRange, catalog: Catalog) -> list[Slice]:
    """Disjoint slices that make up the range; empty when no data lies in it."""
    start, end, partitions = clip(time, catalog)
    if start >= end or not partitions:
        return []
    scope: tuple[str, ...] = ()
    if len(partitions) < len(catalog.partitions):
        scope = (f"_partition_id IN ({', '.join(quote(p.id) for p in partitions)})",)
    unit, size = catalog.table.unit, catalog.table.unit_ns
    cut_start = any(p.first < start for p in partitions)
    cut_end = any(p.last >= end for p in partitions)
    low, high = -(-start // size), end // size
    if cut_start and cut_end and low > high:
        return [Slice((*scope, f"{unit} = {high}", _at_least(start), _below(end)))]
    found = []
    whole = list(scope)
    if cut_start:
        whole.append(f"{unit} >= {low}")
    if cut_end:
        whole.append(f"{unit} < {high}")
    if not (cut_start and cut_end and low == high):
        found.append(Slice(tuple(whole)))
    if cut_start and start % size:
        found.append(Slice((*scope, f"{unit} = {start // size}", _at_least(start))))
    if cut_end and end % size:
        found.append(Slice((*scope, f"{unit} = {high}", _below(end))))
    return found


def windows(time: TimeRange, catalog: Catalog, order: str) -> list[TimeRange]:
    """The range as consecutive windows in reading order: a small one that mostly suffices, then the rest."""
    start, end, partitions = clip(time, catalog)
    if start >= end or not partitions:
        return []
    edge = max(partitions, key=lambda p: p.last) if order == "desc" else min(partitions, key=lambda p: p.first)
    span = max(edge.last - edge.first, 1)
    length = max(span * WINDOW_ROWS // max(edge.rows, 1), 1_000_000_000)
    size = catalog.table.unit_ns
    if order == "desc":
        reach = min(end, edge.last + 1)
        cut = reach - length
        if length > size // 2:
            cut = cut // size * size
        return [TimeRange(cut, end), TimeRange(start, cut)] if cut > start else [TimeRange(start, end)]
    reach = max(start, edge.first)
    cut = reach + length
    if length > size // 2:
        cut = -(-cut // size) * size
    return [TimeRange(start, cut), TimeRange(cut, end)] if cut < end else [TimeRange(start, end)]


def time_conditions(time: TimeRange, table: SignalTable = LOGS) -> list[str]:
    """A range as conditions that hold whatever the table holds."""
    found = []
    if time.start is not None:
        found += [f"{table.unit} >= {max(time.start, 0) // table.unit_ns}", _at_least(time.start)]
    if time.end is not None:
        found += [f"{table.unit} <= {max(time.end, 0) // table.unit_ns}", _below(time.end)]
    return found


def _at_least(ns: int) -> str:
    return f"timestamp >= {instant(ns)}"


def _below(ns: int) -> str:
    return f"timestamp < {instant(ns)}"


def instant(ns: int) -> str:
    """A timestamp literal."""
    return f"fromUnixTimestamp64Nano({min(max(ns, 0), (1 << 63) - 1)}, 'UTC')"
