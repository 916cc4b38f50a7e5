"""Exports: all matching records as one file, page by page, in memory for one page.

The range is cut into consecutive windows of about `PAGE` records: by counts per day first, per hour where a day holds too
much, and so on down to a nanosecond, which is cut by identity hash. So the whole range is read once, no record is in two
windows, and one that was stored before is in one of them, whatever is stored or merged meanwhile. A page whose result is
too large is cut further. The engine makes CSV, JSON and Arrow of a window, the native module whole records as JSON.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from nexus.errors import LimitExceeded
from nexus.query.plan import LOG_COLUMNS, Export, Field, FieldKind, LogScan, Scoped, TimeRange
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import Catalog, Partition
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.queries import Session
from nexus.storage.clickhouse.records import FORMAT, SETTINGS, by_identity, columns, identity, read_lines
from nexus.storage.clickhouse.scan import nothing, scan_of
from nexus.storage.clickhouse.slices import HOUR, clip

PAGE: Final = 50_000
RESULT_BYTES: Final = 64 << 20
"""Of one page, as the engine counts them."""

_NS: Final = 1_000_000_000
STEPS: Final = (24 * HOUR, HOUR, 60 * _NS, _NS, 1_000_000, 1_000, 1)
"""Lengths of buckets, each a divisor of the one before."""

_FORMATS: Final = {"ndjson": "JSONEachRow", "csv": "CSV", "parquet": "ArrowStream"}
_SETTINGS: Final = {
    "ndjson": "",
    "csv": ", output_format_csv_crlf_end_of_line = 1",
    "parquet": ", output_format_arrow_compression_method = 'none'",
}
_TYPES: Final = {"i": "Int64", "f": "Float64", "b": "Bool", "s": "String"}
_FORMULA: Final = r"^[-=+@\t\r]"
EVERYTHING: Final = tuple((name, Field(FieldKind.COLUMN, name)) for name in LOG_COLUMNS)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the range with about so many records; of one nanosecond those whose hash is `remainder` modulo `slices`."""

    start: int
    end: int
    count: int
    slices: int = 1
    remainder: int = 0


# ------------------------------------------------------------------------------------------------------------- windows


def day_groups(partitions: list[Partition], start: int, end: int, order: str) -> Iterator[tuple[int, int]]:
    """The range as runs of days in reading order, each twice as many as the one before: who wants few records does not wait
    until all are counted."""
    days = sorted({partition.first // STEPS[0] for partition in partitions}, reverse=order == "desc")
    position, size = 0, 1
    while position < len(days):
        group = days[position : position + size]
        low, high = min(group) * STEPS[0], (max(group) + 1) * STEPS[0]
        yield max(low, start), min(high, end)
        position, size = position + size, size * 2


def count_statement(scoped: Scoped, plan: Export, time: TimeRange, level: int, catalog: Catalog) -> str | None:
    """Records per bucket of `STEPS[level]`, None when there can be none."""
    scan = scan_of(scoped, LogScan(time, plan.scan.where), catalog)
    if not scan.branches:
        return None
    step = STEPS[level]
    bucket = f"intDiv(hour, {step // HOUR})" if step >= HOUR else f"intDiv(toUnixTimestamp64Nano(timestamp), {step})"
    inner = scan.union(f"{bucket} AS b, count() AS c", "\nGROUP BY b")
    return f"SELECT b, sum(c) FROM (\n{inner}\n)\nGROUP BY b\nORDER BY b {plan.order.upper()}"


def buckets_of(rows: list[list[Any]], level: int, start: int, end: int) -> list[Window]:
    """Rows of `count_statement` as windows, cut to the range."""
    step = STEPS[level]
    found = [Window(max(int(b) * step, start), min((int(b) + 1) * step, end), int(count)) for b, count in rows]
    return [window for window in found if window.start < window.end]


Count = Callable[[int, int, int], Coroutine[Any, Any, list[Window]]]
"""(start, end, level) -> buckets in reading order."""


async def windows(groups: Iterator[tuple[int, int]], count: Count, page: int = PAGE) -> AsyncIterator[Window]:
    """Consecutive windows of about `page` records."""
    pending: Window | None = None
    async for bucket in _fitting(groups, count, page):
        if pending is not None and (pending.count + bucket.count > page or bucket.slices > 1 or pending.slices > 1):
            yield pending
            pending = None
        if pending is None:
            pending = bucket
        else:
            start, end = min(pending.start, bucket.start), max(pending.end, bucket.end)
            pending = Window(start, end, pending.count + bucket.count)
    if pending is not None:
        yield pending


async def _fitting(groups: Iterator[tuple[int, int]], count: Count, page: int) -> AsyncIterator[Window]:
    for start, end in groups:
        async for bucket in _split(await count(start, end, 0), 0, count, page):
            yield bucket


async def _split(buckets: list[Window], level: int, count: Count, page: int) -> AsyncIterator[Window]:
    """Buckets of no more than a page, smaller ones in the place of larger ones."""
    for bucket in buckets:
        if bucket.count <= page:
            yield bucket
        elif level + 1 < len(STEPS):
            finer = await count(bucket.start, bucket.end, level + 1)
            async for smaller in _split(finer, level + 1, count, page):
                yield smaller
        else:
            for slice in slices_of(bucket, -(-bucket.count // page)):
                yield slice


def slices_of(window: Window, parts: int) -> Iterator[Window]:
    """A nanosecond by identity hash."""
    for remainder in range(parts):
        yield replace(window, count=-(-window.count // parts), slices=parts, remainder=remainder)


# ----------------------------------------------------------------------------------------------------------------- SQL


def page_statement(
    scoped: Scoped, plan: Export, window: Window, limit: int, types: dict[str, str], catalog: Catalog
) -> str | None:
    """The records of a window, at most `limit`; None when there can be none."""
    time = TimeRange(window.start, window.end)
    scan = scan_of(scoped, LogScan(time, plan.scan.where), catalog)
    if not scan.branches:
        return None
    tail = f"\nORDER BY _t {plan.order.upper()}\nLIMIT {limit}{SETTINGS}{_SETTINGS[plan.format]}"
    condition = f"_hash % {window.slices} = {window.remainder}" if window.slices > 1 else ""
    if whole_records(plan):
        names = columns(catalog)
        source = by_identity(scan.union(names), catalog, condition) if condition else scan.union(names)
        return f"SELECT {names} FROM (\n{source}\n)" + tail.replace("_t", "timestamp", 1)
    if condition:
        source = by_identity(scan.union(columns(catalog)), catalog, condition)
        inner = f"SELECT {_inner(plan, types, catalog)} FROM (\n{source}\n)"
    else:
        inner = scan.union(_inner(plan, types, catalog))
    return f"SELECT {_outer(plan)} FROM (\n{inner}\n)" + tail


def schema_statement(scoped: Scoped, plan: Export, types: dict[str, str], catalog: Catalog) -> str:
    """No record, but the columns with their types."""
    names = _inner(plan, types, catalog)
    inner = f"SELECT {names} FROM {nothing(scoped, catalog, names)} WHERE 0"
    return f"SELECT {_outer(plan)} FROM (\n{inner}\n){SETTINGS}{_SETTINGS[plan.format]}"


def whole_records(plan: Export) -> bool:
    """Whether the native module renders the records."""
    return plan.format == "ndjson" and not plan.columns


def _inner(plan: Export, types: dict[str, str], catalog: Catalog) -> str:
    expressions = [_expression(name, field, plan, types, catalog) for name, field in plan.columns or EVERYTHING]
    # The engine lets an alias hide the column of the same name, so they have numbers here.
    return ", ".join([*(f"{sql} AS _{number}" for number, sql in enumerate(expressions)), "timestamp AS _t"])


def _outer(plan: Export) -> str:
    names = [name for name, _ in plan.columns or EVERYTHING]
    return ", ".join(f"_{number} AS {identifier(name)}" for number, name in enumerate(names))


def _expression(name: str, field: Field, plan: Export, types: dict[str, str], catalog: Catalog) -> str:
    if field.kind is FieldKind.COLUMN:
        return _column(field.name, plan, catalog)
    if plan.format == "csv" or types.get(name, "String") == "String":
        text = fields.text(field, catalog)
        if plan.format == "csv":
            return _guarded(text, plan)
        return f"nullIf({text}, '')" if field.kind is not FieldKind.ATTRIBUTE else fields.attribute_text(field.name, catalog)
    kind = types[name]
    return f"CAST({_typed(field.name, kind, catalog)}, 'Nullable({kind})')"


def _typed(key: str, kind: str, catalog: Catalog) -> str:
    if kind == "Bool":
        return f"accurateCastOrNull({fields.attribute_text(key, catalog)}, 'Bool')"
    ways = fields.attribute(key, catalog)
    if kind == "Int64" and [way.type for way in ways] == ["i"]:
        way = ways[0]
        return way.value if catalog.column(key, "i") else f"if({way.presence}, {way.value}, NULL)"
    convert = "toInt64OrNull" if kind == "Int64" else "toFloat64OrNull"
    return f"{convert}({fields.attribute_text(key, catalog)})"


def _column(name: str, plan: Export, catalog: Catalog) -> str:
    if name == "id":
        return f"concat(toString(toUnixTimestamp64Nano(timestamp)), '-', leftPad(lower(hex({identity(catalog)})), 16, '0'))"
    if name in ("timestamp", "observed_timestamp"):
        return name if plan.format != "ndjson" else f"toString(toUnixTimestamp64Nano({name}))"
    if name == "severity":
        return fields.severity_name("severity_number")
    if name == "severity_number":
        return name
    if name == "attributes":
        pairs = fields.attributes_map(catalog)
        return pairs if plan.format != "csv" else f"toJSONString({pairs})"
    if name == "resource":
        if plan.format == "csv":
            return "if(resource = '', '{}', toString(resource))"
        return "JSONExtract(toString(resource), 'Map(String, String)')"
    text = f"toString({fields.TEXT_COLUMNS[name]})"
    return _guarded(text, plan) if plan.format == "csv" else text


def _guarded(text: str, plan: Export) -> str:
    if not plan.spreadsheet:
        return text
    return f"if(match({text}, {quote(_FORMULA)}), concat('\\'', {text}), {text})"


def header(plan: Export) -> bytes:
    """The first line of a CSV file."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([name for name, _ in plan.columns or EVERYTHING])
    return line.getvalue().encode()


# --------------------------------------------------------------------------------------------------------------- types


def _rows(session: Session, statement: str) -> list[list[Any]]:
    return [json.loads(line) for line in session.query(statement, "JSONCompactEachRow").splitlines()]


def typed_columns(plan: Export) -> list[tuple[str, str]]:
    """(name, key) of the columns whose type depends on what records hold."""
    if plan.format == "csv":
        return []
    return [(name, field.name) for name, field in plan.columns if field.kind is FieldKind.ATTRIBUTE]


def types_statement(scoped: Scoped, plan: Export, catalog: Catalog) -> str | None:
    """Per typed column and type letter how many records hold it; None when there is nothing to ask."""
    asked = [fields.attribute(key, catalog) for _, key in typed_columns(plan)]
    scan = scan_of(scoped, plan.scan, catalog)
    if not any(asked) or not scan.branches:
        return None
    numbered = [f"countIf({way.presence}) AS c{number}_{way.type}" for number, ways in enumerate(asked) for way in ways]
    names = [f"sum(c{number}_{way.type})" for number, ways in enumerate(asked) for way in ways]
    return f"SELECT [{', '.join(names)}] FROM (\n{scan.union(', '.join(numbered))}\n)"


def types_of(counts: list[int], plan: Export, catalog: Catalog) -> dict[str, str]:
    """The engine's type of each typed column: that of its values, text when they differ in more than int and float."""
    left = iter(counts)
    found = {}
    for name, key in typed_columns(plan):
        letters = {way.type for way in fields.attribute(key, catalog) if next(left) > 0}
        if letters == {"i", "f"}:
            letters = {"f"}
        found[name] = _TYPES.get(next(iter(letters)), "String") if len(letters) == 1 else "String"
    return found


# ------------------------------------------------------------------------------------------------------------- running


class Runner(Protocol):
    """Runs work in a query thread, with the catalog as it is then."""

    async def run(self, query: Scoped, work: Callable[[Session, Catalog], Any]) -> Any:
        """The result of the work."""
        ...


class Encoder(Protocol):
    """What a page is made of. `page` and `end` run in a query thread or at the end; they give pieces of the file."""

    def begin(self, answer: bytes) -> bytes:
        """The head of the file; `answer` is that to `schema_statement`."""
        ...

    def page(self, answer: bytes, catalog: Catalog) -> tuple[bytes, int]:
        """The piece of a page's answer, and its records."""
        ...

    def end(self) -> bytes:
        """The tail."""
        ...


@dataclass(slots=True)
class TextEncoder:
    """NDJSON and CSV: the engine's text, or records rendered natively."""

    plan: Export

    def begin(self, answer: bytes) -> bytes:
        """CSV has a line of names."""
        return header(self.plan) if self.plan.format == "csv" else b""

    def page(self, answer: bytes, catalog: Catalog) -> tuple[bytes, int]:
        """As it is."""
        if whole_records(self.plan):
            lines = read_lines(answer, catalog)
            return b"".join([part for line in lines for part in (line.json, b"\n")]), len(lines)
        return answer, -1

    def end(self) -> bytes:
        """Nothing."""
        return b""


@dataclass(slots=True)
class Exporter:
    """Runs one export; see the module text."""

    query: Scoped
    plan: Export
    runner: Runner
    page: int = PAGE
    types: dict[str, str] = field(default_factory=dict)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file. Raises what queries raise."""
        encoder = await self._encoder()
        start, end, partitions = await self._run(lambda session, catalog: clip(self.plan.scan.time, catalog))
        head = await self._begin(encoder)
        if head:
            yield head
        left = self.plan.limit
        groups = day_groups(partitions, start, end, self.plan.order)
        async for window in windows(groups, self._count, self.page):
            async for piece, records in self._window(window, min(left, window.count), left, encoder):
                left -= records
                if piece:
                    yield piece
            if left <= 0:
                break
        if tail := await self._run(lambda session, catalog: encoder.end()):
            yield tail

    async def _encoder(self) -> Encoder:
        if self.plan.format == "parquet":
            from nexus.storage.clickhouse.parquet import ParquetEncoder

            return ParquetEncoder()
        return TextEncoder(self.plan)

    async def _begin(self, encoder: Encoder) -> bytes:
        def work(session: Session, catalog: Catalog) -> bytes:
            statement = types_statement(self.query, self.plan, catalog)
            counts = _rows(session, statement)[0][0] if statement else []
            self.types = types_of([int(count) for count in counts], self.plan, catalog) if statement else {}
            if self.plan.format != "parquet":
                return encoder.begin(b"")
            return encoder.begin(session.query(schema_statement(self.query, self.plan, self.types, catalog), "ArrowStream"))

        head: bytes = await self._run(work)
        return head

    async def _window(self, window: Window, wanted: int, left: int, encoder: Encoder) -> AsyncIterator[tuple[bytes, int]]:
        """The pieces of a window, of parts of it when it is too much at once."""
        try:
            yield await self._page(window, left, encoder)
            return
        except LimitExceeded:
            if window.count <= 1:
                raise
        async for part in self._parts(window):
            async for piece, records in self._window(part, min(left, part.count), left, encoder):
                left -= records
                yield piece, records
            if left <= 0:
                return

    async def _parts(self, window: Window) -> AsyncIterator[Window]:
        smaller = max(window.count // 8, 1)
        if window.end - window.start == 1:
            for part in slices_of(replace(window, count=window.count * window.slices), window.slices * 8):
                yield part
            return
        level = next((number for number, step in enumerate(STEPS) if step < window.end - window.start), len(STEPS) - 1)
        buckets = await self._count(window.start, window.end, level)
        async for part in _split(buckets, level, self._count, smaller):
            yield part

    async def _page(self, window: Window, left: int, encoder: Encoder) -> tuple[bytes, int]:
        output = FORMAT if whole_records(self.plan) else _FORMATS[self.plan.format]

        def work(session: Session, catalog: Catalog) -> tuple[bytes, int]:
            statement = page_statement(self.query, self.plan, window, left, self.types, catalog)
            if statement is None:
                return b"", 0
            piece, records = encoder.page(session.query(statement, output), catalog)
            # Text does not tell how many records it holds; more than were counted came in meanwhile.
            return piece, records if records >= 0 else min(window.count, left)

        result: tuple[bytes, int] = await self._run(work)
        return result

    async def _count(self, start: int, end: int, level: int) -> list[Window]:
        def work(session: Session, catalog: Catalog) -> list[Window]:
            statement = count_statement(self.query, self.plan, TimeRange(start, end), level, catalog)
            return buckets_of(_rows(session, statement), level, start, end) if statement else []

        found: list[Window] = await self._run(work)
        return found

    async def _run(self, work: Callable[[Session, Catalog], Any]) -> Any:
        limits = replace(self.query.limits, result_bytes=min(self.query.limits.result_bytes, RESULT_BYTES))
        return await self.runner.run(replace(self.query, limits=limits), work)
