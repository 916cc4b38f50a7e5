"""Rows of spans in the engine's RowBinary, taken apart slowly."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

Read = Callable[["Reader"], Any]


class Reader:
    """A position in bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        self.at += size
        assert self.at <= len(self.data)
        return self.data[self.at - size : self.at]

    def size(self) -> int:
        """A LEB128 number."""
        number = shift = 0
        while True:
            (byte,) = self.take(1)
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    def text(self) -> str:
        """A text."""
        return self.take(self.size()).decode()


def number(code: str) -> Read:
    """A number of `struct`."""
    return lambda reader: struct.unpack(f"<{code}", reader.take(struct.calcsize(code)))[0]


def fixed(size: int) -> Read:
    """Bytes."""
    return lambda reader: reader.take(size)


def array(item: Read) -> Read:
    """A list."""
    return lambda reader: [item(reader) for _ in range(reader.size())]


def mapping(value: Read) -> Read:
    """A dictionary with texts as keys."""
    return lambda reader: {reader.text(): value(reader) for _ in range(reader.size())}


def nullable(value: Read) -> Read:
    """A value or None."""
    return lambda reader: None if reader.take(1) == b"\1" else value(reader)


TEXT: Read = Reader.text
_VALUES = {"s": TEXT, "i": number("q"), "f": number("d"), "b": number("?"), "j": TEXT}
_WHOLE: dict[str, Read] = {
    "trace_id": fixed(16), "span_id": fixed(8), "parent_span_id": fixed(8), "trace_state": TEXT, "flags": number("I"),
    "name": TEXT, "kind": number("B"), "timestamp": number("q"), "duration": number("Q"), "status": number("B"),
    "status_message": TEXT, "service": TEXT, "resource": TEXT, "scope_name": TEXT, "scope_version": TEXT,
    "scope_attributes": TEXT, "dropped_attributes": number("I"), "dropped_events": number("I"),
    "dropped_links": number("I"), "events_timestamp": array(number("q")), "events_name": array(TEXT),
    "events_attributes": array(TEXT), "links_trace_id": array(fixed(16)), "links_span_id": array(fixed(8)),
    "links_trace_state": array(TEXT), "links_attributes": array(TEXT), "weight": number("f"),
}  # fmt: skip
PATHS: dict[str, Read] = {
    "trace_id": fixed(16), "span_id": fixed(8), "parent_span_id": fixed(8), "name": TEXT, "kind": number("B"),
    "timestamp": number("q"), "duration": number("Q"), "service": TEXT, "matched": number("B"),
}  # fmt: skip


def whole_spans(data: bytes, sources: list[tuple[str, str | None]]) -> list[dict[str, Any]]:
    """Rows of whole spans; `attributes` puts together what maps and columns hold, with their type letters."""
    found = []
    reader = Reader(data)
    while reader.at < len(data):
        row = {name: read(reader) for name, read in _WHOLE.items()}
        attributes: dict[tuple[str, str], Any] = {}
        for letter, key in sources:
            if key is None:
                attributes |= {(name, letter): value for name, value in mapping(_VALUES[letter])(reader).items()}
            elif (value := nullable(_VALUES[letter])(reader)) is not None:
                attributes[key, letter] = value
        found.append(row | {"attributes": attributes})
    return found


def rows(data: bytes, columns: dict[str, Read]) -> list[dict[str, Any]]:
    """Rows of other columns."""
    found = []
    reader = Reader(data)
    while reader.at < len(data):
        found.append({name: read(reader) for name, read in columns.items()})
    return found
