"""Learned attribute columns: frequent (key, type) pairs of attributes get a column beside the maps.

What to promote is decided here, from counts alone; the writer adds the column before the insert that fills it. A column
says in its comment which attribute it holds (`s:http.method`), and its DEFAULT reads the map, so that parts from before
it answer as well. Names are for people (`s_http_method`); only the comment is read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nexus.storage.clickhouse.connection import identifier, quote

AttributeStat = tuple[str, str, int, int]
"""(key, type letter, rows that have it, distinct values among the sampled ones)."""

MAPS: Final = {"s": "attributes_string", "i": "attributes_int", "f": "attributes_float", "b": "attributes_bool"}
_TYPES: Final = {"i": "Nullable(Int64)", "f": "Nullable(Float64)", "b": "Nullable(Bool)"}
_LOW_CARDINALITY: Final = "LowCardinality(Nullable(String))"
_KEY: Final = re.compile(r"[A-Za-z0-9_.\-/@:]{1,100}")
_COMMENT: Final = re.compile(r"([sifb]):(.+)", re.S)

COMMIT_SHARE: Final = 0.02
COMMIT_ROWS: Final = 500
WINDOW_ROWS: Final = 20_000
WINDOW_SECONDS: Final = 3600.0
MAX_COUNTED: Final = 4096
LOW_DISTINCT: Final = 512
"""Up to this many sampled distinct values, and one in eight of the rows, a text attribute gets a dictionary."""


@dataclass(frozen=True, slots=True)
class LearnedColumn:
    """A column that holds one attribute. `column_type` is the engine's type; `filtered` whether a new one is to get a
    filter on its values, where the table has such: what is rare among many values is found in a granule or two."""

    key: str
    type: str
    name: str
    column_type: str
    filtered: bool = field(default=False, compare=False)

    @property
    def comment(self) -> str:
        """How the column tells what it holds."""
        return f"{self.type}:{self.key}"

    @property
    def definition(self) -> str:
        """For ALTER TABLE ... ADD COLUMN."""
        source, key = MAPS[self.type], quote(self.key)
        default = f"if(mapContains({source}, {key}), {source}[{key}], NULL)"
        return f"{identifier(self.name)} {self.column_type} DEFAULT {default} COMMENT {quote(self.comment)}"

    @property
    def filter(self) -> str:
        """For ALTER TABLE ... ADD INDEX."""
        return f"{identifier(f'by_{self.name}')} {identifier(self.name)} TYPE bloom_filter(0.01) GRANULARITY 1"

    @property
    def promotion(self) -> tuple[str, str, str, str]:
        """What `encode_native` wants to know."""
        return self.key, self.type, self.name, self.column_type


def read_columns(rows: Iterable[tuple[str, str, str]]) -> list[LearnedColumn]:
    """Learned columns among (name, type, comment) of the table's columns."""
    found = []
    for name, column_type, comment in rows:
        if match := _COMMENT.fullmatch(comment):
            found.append(LearnedColumn(match[2], match[1], name, column_type))
    return found


def promotable(key: str) -> bool:
    """Whether a key may name a column: 1 to 100 of letters, digits and `_ . - / @ :`."""
    return _KEY.fullmatch(key) is not None


def column_name(key: str, type: str, taken: Iterable[str]) -> str:
    """A readable name that is not taken: `s_http_method`, `s_http_method_2`."""
    used = set(taken)
    base = f"{type}_" + re.sub(r"[^A-Za-z0-9]+", "_", key).strip("_").lower()
    name, number = base, 2
    while name in used:
        name, number = f"{base}_{number}", number + 1
    return name


def column_type(type: str, rows: int, distinct: int) -> str:
    """The engine's type for an attribute of this type letter."""
    if type != "s":
        return _TYPES[type]
    return "Nullable(String)" if many_values(rows, distinct) else _LOW_CARDINALITY


def many_values(rows: int, distinct: int) -> bool:
    """Whether an attribute of so many rows takes many values."""
    return distinct > min(LOW_DISTINCT, max(rows // 8, 16))


class Learner:
    """Counts attributes and says which to promote. Not thread-safe; `refused` counts those beyond the cap."""

    def __init__(self, columns: Iterable[LearnedColumn], cap: int) -> None:
        self.columns: dict[tuple[str, str], LearnedColumn] = {(c.key, c.type): c for c in columns}
        self.refused = 0
        self._cap = cap
        self._current: dict[tuple[str, str], int] = {}
        self._previous: dict[tuple[str, str], int] = {}
        self._rotated = 0.0

    def observe(self, stats: Mapping[tuple[str, str], tuple[int, int]], rows: int, now: float) -> list[LearnedColumn]:
        """Take in a commit of `rows` rows with (key, type) -> (rows, distinct); returns the columns to add.

        `now` is any clock in seconds. Candidates beyond the cap are taken by number of rows.
        """
        if now - self._rotated >= WINDOW_SECONDS / 2:
            self._previous, self._current, self._rotated = self._current, {}, now
        frequent = []
        for pair, (count, distinct) in stats.items():
            if pair in self.columns or pair[1] not in MAPS or not promotable(pair[0]):
                continue
            in_window = self._count(pair, count)
            if in_window >= WINDOW_ROWS or (rows >= COMMIT_ROWS and count >= COMMIT_SHARE * rows):
                frequent.append((count, pair, distinct))
        frequent.sort(key=lambda candidate: (-candidate[0], candidate[1]))
        room = max(self._cap - len(self.columns), 0)
        self.refused += len(frequent[room:])
        added: list[LearnedColumn] = []
        taken = {column.name for column in self.columns.values()}
        for count, (key, type), distinct in frequent[:room]:
            name = column_name(key, type, taken)
            taken.add(name)
            filtered = type in "si" and many_values(count, distinct)
            added.append(LearnedColumn(key, type, name, column_type(type, count, distinct), filtered))
        return added

    def _count(self, pair: tuple[str, str], count: int) -> int:
        if pair not in self._current and len(self._current) >= MAX_COUNTED:
            # The rarest half makes room; what is frequent comes back into the count soon.
            kept = sorted(self._current.items(), key=lambda item: -item[1])[: MAX_COUNTED // 2]
            self._current = dict(kept)
        self._current[pair] = self._current.get(pair, 0) + count
        return self._current[pair] + self._previous.get(pair, 0)

    def added(self, columns: Iterable[LearnedColumn]) -> None:
        """The columns are in the table now."""
        self.columns |= {(column.key, column.type): column for column in columns}


def sum_stats(batches: Iterable[Iterable[AttributeStat]]) -> dict[tuple[str, str], tuple[int, int]]:
    """Statistics of a whole commit: rows add up, distinct values are those of the batch with the most."""
    total: dict[tuple[str, str], tuple[int, int]] = {}
    for batch in batches:
        for key, type, rows, distinct in batch:
            before = total.get((key, type), (0, 0))
            total[key, type] = before[0] + rows, max(before[1], distinct)
    return total
