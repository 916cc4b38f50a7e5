"""Pages of records: SQL that renders each record as one line of JSON, and the steps that fill a page.

A line is `<timestamp ns> <identity hash> <JSON of schema.LogRecord>`. The identity hash covers what a record holds,
attributes in sorted order, so that it stays the same when an attribute gets a column of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nexus.query.plan import Cursor, GetRecord, LogScan, Scoped, Search, TimeRange
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.fields import ALL_MAPS, TEXT_COLUMNS
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.predicates import selective
from nexus.storage.clickhouse.scan import at, scan_of
from nexus.storage.clickhouse.slices import windows

SETTINGS: Final = "\nSETTINGS use_top_k_dynamic_filtering = 0"
"""The engine's dynamic filter decodes timestamps of every row first: 132 ms instead of 20 with a selective predicate."""

MAX_HASH: Final = (1 << 64) - 1
ALL_OF_TIMESTAMP: Final = -1

_COLUMNS: Final = (
    "timestamp",
    "observed_timestamp",
    "service",
    "severity",
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
_FLOAT: Final = "if(isFinite({0}), toString({0}), concat('\"', toString({0}), '\"'))"
_VALUES: Final = {
    "s": "toJSONString({0})",
    "i": "toString({0})",
    "f": _FLOAT,
    "b": "toString({0})",
    "j": "replaceAll({0}, '\\n', ' ')",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One record as it came from the engine."""

    timestamp: int
    hash: int
    json: bytes


def parse_lines(data: bytes) -> list[Line]:
    """Lines of a result."""
    lines = []
    for raw in data.split(b"\n"):
        if raw:
            timestamp, hash_, text = raw.split(b" ", 2)
            lines.append(Line(int(timestamp), int(hash_), text))
    return lines


def columns(catalog: Catalog) -> str:
    """What a record is rendered from."""
    maps = [source for type, source in ALL_MAPS.items() if type in catalog.map_types]
    return ", ".join([*_COLUMNS, *maps, *(identifier(column.name) for column in catalog.columns)])


def attributes_json(catalog: Catalog) -> str:
    """The attributes as the text of one JSON object, keys sorted, each once."""
    arrays = [
        f"arrayMap((k, v) -> concat(toJSONString(k), ':', {_VALUES[type].format('v')}), "
        f"mapKeys({source}), mapValues({source}))"
        for type, source in ALL_MAPS.items()
        if type in catalog.map_types
    ]
    if catalog.columns:
        learned = []
        for column in catalog.columns:
            name, key = identifier(column.name), f"toJSONString({quote(column.key)})"
            value = _VALUES[column.type].format(f"assumeNotNull({name})")
            learned.append(f"if(isNull({name}), '', concat({key}, ':', {value}))")
        arrays.append(f"arrayFilter(pair -> pair != '', [{', '.join(learned)}])")
    if not arrays:
        return "'{}'"
    return f"concat('{{', arrayStringConcat(arraySort(arrayDistinct(arrayConcat({', '.join(arrays)}))), ','), '}}')"


def identity(attributes: str) -> str:
    """The identity hash of a record, given its attributes text."""
    return f"cityHash64(timestamp, service, severity_number, body, trace_id, span_id, event_name, resource, {attributes})"


def render(source: str, catalog: Catalog, tail: str = "") -> str:
    """Lines of the records that `source` (a SELECT of `columns`) yields."""
    members = [
        ("id", "concat('\"', toString(toUnixTimestamp64Nano(timestamp)), '-', leftPad(lower(hex(_hash)), 16, '0'), '\"')"),
        ("timestamp", "concat('\"', toString(toUnixTimestamp64Nano(timestamp)), '\"')"),
        ("observed_timestamp", "concat('\"', toString(toUnixTimestamp64Nano(observed_timestamp)), '\"')"),
        ("service", "toJSONString(toString(service))"),
        ("severity", "toJSONString(toString(severity))"),
        ("severity_number", "toString(severity_number)"),
        ("body", "toJSONString(body)"),
        ("trace_id", f"concat('\"', {TEXT_COLUMNS['trace_id']}, '\"')"),
        ("span_id", f"concat('\"', {TEXT_COLUMNS['span_id']}, '\"')"),
        ("event_name", "toJSONString(toString(event_name))"),
        ("template_id", f"concat('\"', {TEXT_COLUMNS['template_id']}, '\"')"),
        ("attributes", "_attributes"),
        ("resource", "if(resource = '', '{}', toString(resource))"),
        ("scope_name", "toJSONString(toString(scope_name))"),
        ("scope_version", "toJSONString(toString(scope_version))"),
    ]
    parts = [f"'{'{' if i == 0 else ','}\"{name}\":', {value}" for i, (name, value) in enumerate(members)]
    return (
        f"WITH {attributes_json(catalog)} AS _attributes, {identity('_attributes')} AS _hash\n"
        "SELECT concat(toString(toUnixTimestamp64Nano(timestamp)), ' ', toString(_hash), ' ',\n    "
        + ",\n    ".join(parts)
        + f", '}}')\nFROM (\n{source}\n){tail}{SETTINGS}"
    )


def get_record(scoped: Scoped, plan: GetRecord, catalog: Catalog) -> str:
    """Lines of the records with one timestamp and identity hash; all equal ones."""
    source = at(scoped, LogScan().where, plan.timestamp, catalog, ()).union(columns(catalog))
    return render(source, catalog, f"\nWHERE _hash = {plan.hash}\nLIMIT 1")


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
                tail = order if len(scan.branches) > 1 else ""
                return render(source, self.catalog, tail)
            self._windows.pop(0)
        self._done = True
        return None

    def _tie_statement(self, cursor: Cursor) -> str:
        source = at(self.scoped, self.plan.scan.where, cursor.timestamp, self.catalog, ()).union(columns(self.catalog))
        tail = f"\nWHERE _hash >= {cursor.hash}\nORDER BY _hash\nLIMIT {self._missing + 1} OFFSET {cursor.skip}"
        return render(source, self.catalog, tail)

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
