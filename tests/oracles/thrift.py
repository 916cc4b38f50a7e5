"""Thrift's binary and compact protocols, written from plain Python: what Jaeger's clients send.

A struct is a list of (number, type, value); types are `bool`, `i32`, `i64`, `double`, `binary`, `struct` and `list`
(value: (type of the elements, elements)).
"""

from __future__ import annotations

import struct
from typing import Any, Literal

Struct = list[tuple[int, str, Any]]
Protocol = Literal["binary", "compact"]

BINARY = {
    "bool": 2,
    "byte": 3,
    "double": 4,
    "i16": 6,
    "i32": 8,
    "i64": 10,
    "binary": 11,
    "struct": 12,
    "map": 13,
    "list": 15,
}
COMPACT = {"bool": 1, "byte": 3, "i16": 4, "i32": 5, "i64": 6, "double": 7, "binary": 8, "list": 9, "map": 11, "struct": 12}


def varint(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def zigzag(value: int) -> bytes:
    """A number with sign."""
    return varint((value << 1) ^ (value >> 63) if value < 0 else value << 1)


def encode(protocol: Protocol, fields: Struct) -> bytes:
    """A struct."""
    return _binary_struct(fields) if protocol == "binary" else _compact_struct(fields)


def call(protocol: Protocol, name: str, fields: Struct) -> bytes:
    """A one-way call."""
    if protocol == "binary":
        head = struct.pack(">I", 0x80010004) + struct.pack(">i", len(name)) + name.encode() + struct.pack(">i", 0)
    else:
        head = bytes([0x82, 4 << 5 | 1]) + varint(0) + varint(len(name)) + name.encode()
    return head + encode(protocol, fields)


def _binary(kind: str, value: Any) -> bytes:
    match kind:
        case "bool":
            return bytes([value])
        case "i32":
            return struct.pack(">i", value)
        case "i64":
            return struct.pack(">q", value)
        case "double":
            return struct.pack(">d", value)
        case "binary":
            raw = value.encode() if isinstance(value, str) else value
            return struct.pack(">i", len(raw)) + raw
        case "struct":
            return _binary_struct(value)
        case _:
            element, items = value
            return struct.pack(">bi", BINARY[element], len(items)) + b"".join(_binary(element, item) for item in items)


def _binary_struct(fields: Struct) -> bytes:
    return (
        b"".join(struct.pack(">bh", BINARY[kind], number) + _binary(kind, value) for number, kind, value in fields) + b"\0"
    )


def _compact(kind: str, value: Any) -> bytes:
    match kind:
        case "bool":
            return bytes([1 if value else 2])
        case "i32" | "i64":
            return zigzag(value)
        case "double":
            return struct.pack("<d", value)
        case "binary":
            raw = value.encode() if isinstance(value, str) else value
            return varint(len(raw)) + raw
        case "struct":
            return _compact_struct(value)
        case _:
            element, items = value
            head = (
                bytes([len(items) << 4 | COMPACT[element]])
                if len(items) < 15
                else bytes([0xF0 | COMPACT[element]]) + varint(len(items))
            )
            return head + b"".join(_compact(element, item) for item in items)


def _compact_struct(fields: Struct) -> bytes:
    out, last = b"", 0
    for number, kind, value in fields:
        code = (1 if value else 2) if kind == "bool" else COMPACT[kind]
        distance = number - last
        out += bytes([distance << 4 | code]) if 0 < distance < 16 else bytes([code]) + zigzag(number)
        out += b"" if kind == "bool" else _compact(kind, value)
        last = number
    return out + b"\0"


# -------------------------------------------------------------------------------------------------------- jaeger.thrift


def tag(key: str, value: str | bool | int | float | bytes) -> Struct:
    """A `Tag`."""
    number, kind, code = {
        str: (3, "binary", 0),
        float: (4, "double", 1),
        bool: (5, "bool", 2),
        int: (6, "i64", 3),
        bytes: (7, "binary", 4),
    }[type(value)]
    return [(1, "binary", key), (2, "i32", code), (number, kind, value)]


def tags(**values: Any) -> tuple[str, list[Struct]]:
    """A list of tags; underscores in names stand for dots."""
    return "struct", [tag(name.replace("_", "."), value) for name, value in values.items()]


def span(
    *,
    trace: int = 1,
    high: int = 0,
    id: int = 2,
    parent: int = 0,
    name: str = "op",
    start: int = 1_700_000_000_000_000,
    duration: int = 1500,
    flags: int = 1,
    references: list[Struct] | None = None,
    attributes: tuple[str, list[Struct]] = ("struct", []),
    logs: list[Struct] | None = None,
) -> Struct:
    """A `Span`; times in µs."""
    fields: Struct = [
        (1, "i64", trace),
        (2, "i64", high),
        (3, "i64", id),
        (4, "i64", parent),
        (5, "binary", name),
    ]
    if references is not None:
        fields.append((6, "list", ("struct", references)))
    fields += [(7, "i32", flags), (8, "i64", start), (9, "i64", duration), (10, "list", attributes)]
    if logs is not None:
        fields.append((11, "list", ("struct", logs)))
    return fields


def reference(kind: int, trace: int, high: int, id: int) -> Struct:
    """A `SpanRef`: kind 0 is a child, 1 follows."""
    return [(1, "i32", kind), (2, "i64", trace), (3, "i64", high), (4, "i64", id)]


def batch(service: str, spans: list[Struct], **process: Any) -> Struct:
    """A `Batch`."""
    about: Struct = [(1, "binary", service), (2, "list", tags(**process))]
    return [(1, "struct", about), (2, "list", ("struct", spans))]
