"""Pages of records: SQL for the plain columns of each record, and the steps that fill a page.

The native module renders the rows as JSON (`render_records`) and computes the identity hash: of what a record holds, the
same whether an attribute lies in a map or in a column of its own. Where records of one timestamp are told apart, the same
hash is asked of the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from nexus import _native
from nexus.query.plan import Cursor, GetRecord, LogScan, Scoped, Search, TimeRange
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.fields import ALL_MAPS
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.predicates import selective
from nexus.storage.clickhouse.scan import at, scan_of
from nexus.storage.clickhouse.slices import windows

FORMAT: Final = "RowBinary"
SETTINGS: Final = "\nSETTINGS use_top_k_dynamic_filtering = 0"
"""The engine's dynamic filter decodes timestamps of every row first: 132 ms instead of 20 with a selective predicate."""

MAX_HASH: Final = (1 << 64) - 1
ALL_OF_TIMESTAMP: Final = -1

_COLUMNS: Final = (
    "timestamp",
    "observed_timestamp",
    "service",
    "severity_number",
    "body",
    "trace_id",
    "span_id",
    "event_name",
    "template_id",
    "resource",
    "scope_name",
    "scope_version",
)
_HASHED: Final = {
    "s": "{0}",
    "i": "reinterpretAsFixedString({0})",
    "f": "reinterpretAsFixedString({0})",
    "b": "if({0}, '\\x01', '\\0')",
    "j": "{0}",
}


class Line(NamedTuple):
    """One record: timestamp in ns, identity hash, one JSON object."""

    timestamp: int
    hash: int
    json: bytes


def read_lines(rows: bytes, catalog: Catalog) -> list[Line]:
    """The records of an answer in `FORMAT` to a statement made with the same catalog."""
    return list(map(Line._make, _native.render_records(rows, sources(catalog))))


def sources(catalog: Catalog) -> list[tuple[str, str | None]]:
    """What the attributes of a row lie in: (type letter, None) for a map, (type letter, key) for a column."""
    maps: list[tuple[str, str | None]] = [(type, None) for type in _maps(catalog)]
    return maps + [(column.type, column.key) for column in catalog.columns]


def _maps(catalog: Catalog) -> list[str]:
    """Type letters of the maps that may hold something."""
    return [type for type in ALL_MAPS if type in catalog.map_types]


def columns(catalog: Catalog) -> str:
    """What a record is rendered from."""
    maps = [ALL_MAPS[type] for type in _maps(catalog)]
    return ", ".join([*_COLUMNS, *maps, *(identifier(column.name) for column in catalog.columns)])


def identity(catalog: Catalog) -> str:
    """The identity hash of a record, as `nexus-core/src/render.rs` defines it."""
    attributes = []
    for type in _maps(catalog):
        source, value = ALL_MAPS[type], _HASHED[type].format("v")
        hashed = f"xxh3(concat(k, '\\0{type}', {value}))"
        if learned := [quote(column.key) for column in catalog.columns if column.type == type]:
            hashed = f"if(k IN ({', '.join(learned)}), 0, {hashed})"
        attributes.append(f"arraySum(arrayMap((k, v) -> {hashed}, mapKeys({source}), mapValues({source})))")
    for column in catalog.columns:
        name, value = identifier(column.name), _HASHED[column.type].format(f"assumeNotNull({identifier(column.name)})")
        attributes.append(f"if(isNull({name}), 0, xxh3(concat({quote(column.key)}, '\\0{column.type}', {value})))")
    parts = [
        "reinterpretAsFixedString(toUnixTimestamp64Nano(timestamp))",
        "reinterpretAsFixedString(severity_number)",
        "trace_id",
        "span_id",
        *(f"reinterpretAsFixedString(xxh3({name}))" for name in ("service", "body", "event_name", "resource")),
        f"reinterpretAsFixedString(toUInt64({' + '.join(attributes) or '0'}))",
    ]
    return f"xxh3(concat({', '.join(parts)}))"


def by_identity(source: str, catalog: Catalog, condition: str) -> str:
    """Those of the records that `source` (a SELECT of `columns`) yields whose `_hash` meets a condition."""
    names = columns(catalog)
    return f"SELECT {names} FROM (\nSELECT {names}, {identity(catalog)} AS _hash FROM (\n{source}\n)\n)\nWHERE {condition}"


def get_record(scoped: Scoped, plan: GetRecord, catalog: Catalog) -> str:
    """A record with one timestamp and identity hash; equal ones look alike."""
    source = at(scoped, LogScan().where, plan.timestamp, catalog, ()).union(columns(catalog))
    return by_identity(source, catalog, f"_hash = {plan.hash}\nLIMIT 1")


@dataclass(slots=True)
class PageBuilder:
    """Fills one page: ask `statement()` for the next SQL, give its lines to `feed`, until it is None.

    Windows are read newest (or oldest) first; where a page ends inside a group of records with the same timestamp, that
    group is read again in the order of identity hashes, so that the next page can go on in it.
    """

    scoped: Scoped
    plan: Search
    catalog: Catalog
    lines: list[Line] = field(default_factory=list)
    next_cursor: Cursor | None = None
    _windows: list[TimeRange] = field(default_factory=list)
    _tie: Cursor | None = None
    _done: bool = False

    def __post_init__(self) -> None:
        time, cursor = self.plan.scan.time, self.plan.cursor
        if cursor is not None:
            if self.plan.order == "desc":
                time = TimeRange(time.start, cursor.timestamp)
            else:
                time = TimeRange(cursor.timestamp + 1, time.end)
            if cursor.skip != ALL_OF_TIMESTAMP:
                self._tie = cursor
        if self.plan.cursor is not None or selective(self.plan.scan.where):
            self._windows = [time]
        else:
            self._windows = windows(time, self.catalog, self.plan.order)

    @property
    def _missing(self) -> int:
        return self.plan.limit - len(self.lines)

    def statement(self) -> str | None:
        """The next SQL to run, None when the page is complete."""
        if self._done:
            return None
        if self._tie is not None:
            return self._tie_statement(self._tie)
        while self._windows:
            scan = scan_of(self.scoped, LogScan(self._windows[0], self.plan.scan.where), self.catalog)
            if scan.branches:
                order = f"\nORDER BY timestamp {self.plan.order.upper()}\nLIMIT {self._missing + 1}"
                source = scan.union(columns(self.catalog), order)
                if len(scan.branches) > 1:
                    source = f"SELECT * FROM (\n{source}\n){order}"
                return source + SETTINGS
            self._windows.pop(0)
        self._done = True
        return None

    def _tie_statement(self, cursor: Cursor) -> str:
        source = at(self.scoped, self.plan.scan.where, cursor.timestamp, self.catalog, ()).union(columns(self.catalog))
        rest = f"_hash >= {cursor.hash}\nORDER BY _hash\nLIMIT {self._missing + 1} OFFSET {cursor.skip}"
        return by_identity(source, self.catalog, rest)

    def feed(self, lines: list[Line]) -> None:
        """Take in the lines of the statement."""
        if self._tie is not None:
            self._feed_tie(self._tie, lines)
        else:
            self._feed_window(lines)

    def _feed_tie(self, start: Cursor, lines: list[Line]) -> None:
        self._tie = None
        taken, more = lines[: self._missing], len(lines) > self._missing
        self.lines += taken
        if not more and self._missing > 0:
            return
        self._done = True
        if more:
            last = taken[-1].hash if taken else start.hash
            equal = sum(line.hash == last for line in taken) + (start.skip if last == start.hash else 0)
            self.next_cursor = Cursor(start.timestamp, last, equal)
        else:
            self.next_cursor = Cursor(start.timestamp, MAX_HASH, ALL_OF_TIMESTAMP)

    def _feed_window(self, lines: list[Line]) -> None:
        sign = -1 if self.plan.order == "desc" else 1
        lines = sorted(lines, key=lambda line: (sign * line.timestamp, line.hash))
        missing = self._missing
        if len(lines) <= missing:
            self.lines += lines
            self._windows.pop(0)
            return
        edge = lines[missing].timestamp
        whole = [line for line in lines if line.timestamp != edge]
        self.lines += whole
        if len(whole) == missing:
            self._done = True
            self.next_cursor = Cursor(whole[-1].timestamp, MAX_HASH, ALL_OF_TIMESTAMP)
        else:
            self._tie = Cursor(edge, 0, 0)
