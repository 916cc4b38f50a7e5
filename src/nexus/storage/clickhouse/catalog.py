"""What a query must know of the stored data: learned attribute columns, kinds of attributes in the maps, partitions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from nexus.storage.clickhouse.attributes import LearnedColumn
from nexus.storage.clickhouse.signal_tables import LOGS, SignalTable

TYPES: Final = "sifbj"
"""Letters of attribute types: string, int, float, bool, json."""


def partitions_sql(table: SignalTable) -> str:
    """What `read_partitions` reads; answered from metadata in about a millisecond."""
    return (
        "SELECT _partition_id, toUnixTimestamp64Nano(min(timestamp)), toUnixTimestamp64Nano(max(timestamp)), count() "
        f"FROM {table.path} GROUP BY _partition_id"
    )


@dataclass(frozen=True, slots=True)
class Partition:
    """One UTC day of a table's records of all tenants: first and last timestamp (ns, both included) and number of rows."""

    id: str
    first: int
    last: int
    rows: int


@dataclass(frozen=True, slots=True)
class PendingView:
    """Rows of some tenants are pending before they stay (tail sampling), and are stored twice while they move. Rows of the
    slices up to `settled` count where they stay, later ones where they are pending: each once. Slices are named by their
    ends, s since the epoch."""

    settled: int
    tenants: frozenset[str]

    def conditions(self, tenant: str) -> tuple[str, ...]:
        """What sees each row of a tenant once."""
        if tenant not in self.tenants:
            return ()
        return (f"(pending > {self.settled} OR (pending = 0 AND commit_id < {first_move(self.settled + 1)}))",)


def first_move(slice: int) -> int:
    """The least commit id of rows that came out of a slice. Writers' own are times in us, which are less."""
    return 1 << 63 | slice << 24


@dataclass(frozen=True, slots=True)
class Catalog:
    """A snapshot. `in_maps` are the (key, type) pairs that were ever stored in a map, `plain` the ids of the partitions that
    may hold records without a skeleton; None when that is not known. `pending` says which of the rows that move are seen."""

    columns: tuple[LearnedColumn, ...] = ()
    partitions: tuple[Partition, ...] = ()
    in_maps: frozenset[tuple[str, str]] | None = None
    plain: frozenset[str] | None = None
    table: SignalTable = LOGS
    pending: PendingView | None = None
    map_types: frozenset[str] = field(init=False, compare=False)
    """Types of which rows may hold attributes that no learned column covers."""

    def __post_init__(self) -> None:
        covered = {(column.key, column.type) for column in self.columns}
        types = set(TYPES) if self.in_maps is None else {type for _, type in self.in_maps - covered}
        object.__setattr__(self, "map_types", frozenset(types))

    def column(self, key: str, type: str) -> LearnedColumn | None:
        """The learned column of an attribute of this type."""
        return next((c for c in self.columns if c.key == key and c.type == type), None)

    def may_be_in_maps(self, key: str, type: str) -> bool:
        """Whether rows may hold the attribute in the map of this type, and no learned column covers them."""
        if self.column(key, type) is not None:
            return False
        return self.in_maps is None or (key, type) in self.in_maps


def read_partitions(rows: Iterable[tuple[str, int, int, int]]) -> tuple[Partition, ...]:
    """Partitions from rows of `partitions_sql`, oldest first."""
    return tuple(sorted((Partition(*row) for row in rows), key=lambda partition: partition.first))
