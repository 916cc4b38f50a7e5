"""Slow twin of `crates/nexus-core/src/native`: reads a ClickHouse Native block, and says what rows it should hold."""

from __future__ import annotations

import re
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.oracles import batches, template

DAY_NS = 86_400 * 10**9
FOREVER = 65_535
SEVERITIES = ["unset", "trace", "debug", "info", "warn", "error", "fatal"]
FIXED = {
    "UInt8": "B",
    "UInt16": "H",
    "UInt32": "I",
    "UInt64": "Q",
    "Int64": "q",
    "Float32": "f",
    "Float64": "d",
    "Bool": "?",
    "Date": "H",
}
MAPS = {
    "s": "attributes_string",
    "i": "attributes_int",
    "f": "attributes_float",
    "b": "attributes_bool",
    "j": "attributes_json",
}


@dataclass(frozen=True)
class Column:
    """A learned column."""

    key: str
    letter: str
    name: str
    type: str

    @property
    def promotion(self) -> tuple[str, str, str, str]:
        """As `encode_native` takes it."""
        return self.key, self.letter, self.name, self.type


class Reader:
    """A position in a block."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        assert self.at + count <= len(self.data), "block ends early"
        self.at += count
        return self.data[self.at - count : self.at]

    def var_uint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def string(self) -> bytes:
        return self.take(self.var_uint())

    def fixed(self, code: str, count: int) -> list[Any]:
        size = struct.calcsize("<" + code)
        return [value for (value,) in struct.iter_unpack("<" + code, self.take(size * count))]


def read(data: bytes) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Column types by name, and rows. Several blocks may follow one another."""
    reader = Reader(data)
    types: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    while reader.at < len(data):
        columns, count = reader.var_uint(), reader.var_uint()
        block: list[dict[str, Any]] = [{} for _ in range(count)]
        for _ in range(columns):
            name, kind = reader.string().decode(), reader.string().decode()
            types[name] = kind
            if count:
                _prefix(reader, kind)
                for row, value in zip(block, _values(reader, kind, count), strict=True):
                    row[name] = value
        rows += block
    return types, rows


def _prefix(reader: Reader, kind: str) -> None:
    if "LowCardinality" in kind:
        assert reader.fixed("Q", 1) == [1]


def _values(reader: Reader, kind: str, count: int) -> list[Any]:
    if count == 0:
        return []
    if match := re.fullmatch(r"LowCardinality\((?:Nullable\((.*)\)|(.*))\)", kind):
        return _low_cardinality(reader, match[1] or match[2], match[1] is not None, count)
    if match := re.fullmatch(r"Nullable\((.*)\)", kind):
        nulls = reader.fixed("B", count)
        values = _values(reader, match[1], count)
        return [None if null else value for null, value in zip(nulls, values, strict=True)]
    if match := re.fullmatch(r"Map\((LowCardinality\(String\)), (\w+)\)", kind):
        offsets = reader.fixed("Q", count)
        keys, values = _values(reader, match[1], offsets[-1]), _values(reader, match[2], offsets[-1])
        entries = list(zip(keys, values, strict=True))
        return [entries[start:end] for start, end in zip([0, *offsets], offsets, strict=False)]
    if match := re.fullmatch(r"Array\((.*)\)", kind):
        offsets = reader.fixed("Q", count)
        items = _values(reader, match[1], offsets[-1])
        return [items[start:end] for start, end in zip([0, *offsets], offsets, strict=False)]
    if match := re.fullmatch(r"FixedString\((\d+)\)", kind):
        return [reader.take(int(match[1])) for _ in range(count)]
    if kind == "String":
        return [reader.string() for _ in range(count)]
    return reader.fixed("q" if kind.startswith("DateTime64") else FIXED[kind], count)


def _low_cardinality(reader: Reader, kind: str, nullable: bool, count: int) -> list[Any]:
    (flags,) = reader.fixed("Q", 1)
    assert flags & ~0xFF in (0x200, 0x600)
    keys: list[Any] = _values(reader, kind, reader.fixed("Q", 1)[0])
    if nullable:
        keys[0] = None
    assert reader.fixed("Q", 1) == [count]
    return [keys[index] for index in reader.fixed("BHIQ"[flags & 0xFF], count)]


def expected(
    batch: Any, *, tenant: str, commit_id: int, retention_days: int, now_ns: int, day: int | None, columns: list[Column]
) -> list[dict[str, Any]]:
    """The rows that a block of the batch should hold, in the batch's order."""
    rows = [row for row in batches.rows(batch) if day is None or row["timestamp"] // DAY_NS == day]
    skeletons = Counter(template.skeleton(row["body"].encode()) for row in rows)
    return [_row(row, skeletons, tenant, commit_id, retention_days, now_ns, columns) for row in rows]


def _row(
    row: dict[str, Any],
    skeletons: Counter[bytes],
    tenant: str,
    commit_id: int,
    retention_days: int,
    now_ns: int,
    columns: list[Column],
) -> dict[str, Any]:
    attributes = {key: value.encode() if isinstance(value, str) else value for key, value in row["attributes"].items()}
    found = {
        name: value.encode() if isinstance(value, str) else value for name, value in row.items() if name != "attributes"
    }
    skeleton = template.skeleton(found["body"])
    last_day = max(row["timestamp"], now_ns) // DAY_NS
    number = row["severity_number"]
    found |= {
        "tenant": tenant.encode(),
        "hour": row["timestamp"] // (3600 * 10**9),
        "severity": SEVERITIES[(number + 3) // 4 if number <= 24 else 0].encode(),
        "skeleton": skeleton if skeletons[skeleton] >= 4 else b"",
        "commit_id": commit_id,
        "expires_on": FOREVER if retention_days == 0 else min(last_day + retention_days, FOREVER - 1),
    }
    for column in columns:
        found[column.name] = attributes.pop((column.letter, column.key), None)
    for letter, name in MAPS.items():
        found[name] = [(key[1].encode(), value) for key, value in attributes.items() if key[0] == letter]
    return found


def order(row: dict[str, Any]) -> tuple[Any, ...]:
    """The table's sort key within a tenant."""
    return row["hour"], row["service"], row["template_id"], row["timestamp"]
