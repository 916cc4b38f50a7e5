"""The context of a record: its neighbours in the same stream, in windows that widen outwards.

The order is that of (timestamp, identity hash), the same in both directions, so that asking again from the outermost
record goes on where this answer ends: of records with one timestamp none is lost and none comes twice. Equal records (which
have one hash) follow the one that was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from nexus.query.plan import (
    And,
    Compare,
    CompareOp,
    Context,
    Field,
    FieldKind,
    GetRecord,
    LogScan,
    Predicate,
    Scoped,
    TimeRange,
)
from nexus.storage.api import Statistics, Surroundings
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.records import FORMAT, SETTINGS, Line, by_identity, columns, get_record, read_lines
from nexus.storage.clickhouse.scan import at, scan_of

Query = Callable[[str, str], bytes]
MAX_TIME: Final = (1 << 63) - 1
FIRST_WINDOW: Final = 30_000_000_000
WIDER: Final = 20
"""Windows of 30 s, 10 min, 3 h, 3 days, and then everything."""
WINDOWS: Final = 4


def surroundings(scoped: Scoped, plan: Context, catalog: Catalog, query: Query) -> Surroundings:
    """Find a record and its neighbours; `query` runs a statement."""
    found = read_lines(query(get_record(scoped, GetRecord(plan.timestamp, plan.hash), catalog), FORMAT), catalog)
    if not found:
        return Surroundings(None, [], [], False, False, Statistics())
    ((service, resource),) = (
        json.loads(line) for line in query(stream_of(scoped, plan, catalog), "JSONCompactEachRow").splitlines()
    )
    where = same_stream(plan.same, service, resource)
    sides = []
    for direction, wanted in (("before", plan.before), ("after", plan.after)):
        side = Neighbours(scoped, catalog, where, direction, wanted, plan.timestamp, plan.hash)  # type: ignore[arg-type]
        while (sql := side.statement()) is not None:
            side.feed(read_lines(query(sql, FORMAT), catalog))
        sides.append(side)
    before, after = sides
    return Surroundings(
        found[0].json,
        [line.json for line in reversed(before.lines)],
        [line.json for line in after.lines],
        before.more,
        after.more,
        Statistics(),
    )


def stream_of(scoped: Scoped, plan: Context, catalog: Catalog) -> str:
    """(service, resource as it is stored) of the record."""
    return f"SELECT service, resource FROM (\n{get_record(scoped, GetRecord(plan.timestamp, plan.hash), catalog)}\n)"


def same_stream(same: str, service: str, resource: str) -> Predicate:
    """What the records of a stream, or of a service, have in common."""
    parts: tuple[Predicate, ...] = (Compare(Field(FieldKind.COLUMN, "service"), CompareOp.EQ, service),)
    if same == "stream":
        parts += (Compare(Field(FieldKind.COLUMN, "resource"), CompareOp.EQ, resource),)
    return And(parts)


@dataclass(slots=True)
class Neighbours:
    """One side of a record, nearest first: ask `statement()` for SQL, give its lines to `feed`, until it is None."""

    scoped: Scoped
    catalog: Catalog
    where: Predicate
    direction: Literal["before", "after"]
    wanted: int
    timestamp: int
    hash: int
    lines: list[Line] = field(default_factory=list)
    more: bool = False
    _tie: int | None = None
    _windows: list[TimeRange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tie = self.timestamp
        low, high = self.timestamp, self.timestamp + 1
        length = FIRST_WINDOW
        for number in range(WINDOWS + 1):
            far = MAX_TIME if number == WINDOWS else length
            if self.direction == "before":
                low, edge = max(self.timestamp - far, 0), low
                self._windows.append(TimeRange(low, edge))
            else:
                high, edge = min(self.timestamp + 1 + far, MAX_TIME), high
                self._windows.append(TimeRange(edge, high))
            length *= WIDER

    @property
    def _missing(self) -> int:
        return self.wanted - len(self.lines)

    @property
    def _down(self) -> str:
        return " DESC" if self.direction == "before" else ""

    def statement(self) -> str | None:
        """The next SQL to run, None when the side is complete."""
        if self._tie is not None:
            return self._tie_statement(self._tie)
        while self._windows and not self.more:
            scan = scan_of(self.scoped, LogScan(self._windows[0], self.where), self.catalog)
            if scan.branches:
                order = f"\nORDER BY timestamp{self._down}\nLIMIT {self._missing + 1}"
                source = scan.union(columns(self.catalog), order)
                if len(scan.branches) > 1:
                    source = f"SELECT * FROM (\n{source}\n){order}"
                return source + SETTINGS
            self._windows.pop(0)
        return None

    def _tie_statement(self, timestamp: int) -> str:
        source = at(self.scoped, self.where, timestamp, self.catalog, ()).union(columns(self.catalog))
        condition, skip = "1", ""
        if timestamp == self.timestamp:
            # The record itself is the first of those that are equal to it.
            condition = f"_hash < {self.hash}" if self.direction == "before" else f"_hash >= {self.hash}"
            skip = "" if self.direction == "before" else " OFFSET 1"
        rest = f"{condition}\nORDER BY _hash{self._down}\nLIMIT {self._missing + 1}{skip}"
        return by_identity(source, self.catalog, rest)

    def feed(self, lines: list[Line]) -> None:
        """Take in the lines of the statement."""
        missing = self._missing
        if self._tie is not None:
            self._tie = None
            self.lines += lines[:missing]
            self.more = len(lines) > missing
            return
        sign = -1 if self.direction == "before" else 1
        lines = sorted(lines, key=lambda line: (sign * line.timestamp, sign * line.hash))
        if len(lines) <= missing:
            self.lines += lines
            self._windows.pop(0)
            return
        edge = lines[missing].timestamp
        whole = [line for line in lines if line.timestamp != edge]
        self.lines += whole
        if len(whole) == missing:
            self.more = True
        else:
            self._tie = edge
            # What is left of the window has a record beyond the tie at most; it is looked at only when the tie is too small.
            left = self._windows[0]
            self._windows[0] = TimeRange(left.start, edge) if sign < 0 else TimeRange(edge + 1, left.end)
