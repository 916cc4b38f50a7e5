"""The SQL that reads chunks, rollups and exemplars of what a query needs. Pure; ids of series travel as one hexadecimal
literal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.metrics.tables import CHUNKS, EXEMPLARS, ROLLUPS

DAY_MS: Final = 86_400_000
ROUND_MS: Final = 7_200_000
"""Of times in statements: a range that moves with the clock shall not be another statement each time."""
LAST_DAY: Final = 65_535
"""The largest `Date`."""

MAX_IDS: Final = 20_000
"""More ids than this are not named: reading the whole metric and passing over the others costs less."""

MAX_NAMES: Final = 2_000

PIECE_BYTES: Final = 64 << 20
"""What one statement may answer with, nearly."""

SAMPLE_BYTES: Final = 2
"""Of a sample in a chunk, more or less."""

MAX_PARTS: Final = 256

Need = tuple[int, int, list[str], bytes, int]
"""As `nexus._native.Run.needs` has them: from and to (ms, both included), names of metrics, ids of 16 bytes each, windows of
rollups (s; 0: samples)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A need within one tenant."""

    tenant: str
    start: int
    end: int
    metrics: tuple[str, ...]
    ids: bytes
    tier: int = 0
    """Rollups with windows of so many seconds; 0: samples."""
    part: tuple[int, int] = (0, 1)
    """Of so many parts by series this one."""

    @property
    def days(self) -> tuple[int, int]:
        """First and last UTC day, days since the epoch."""
        return day_of(self.start), day_of(self.end)


def wanted(tenant: str, needs: Iterable[Need]) -> list[Wanted]:
    """Needs of a tenant; those without any time are left out."""
    return [
        Wanted(tenant, start, end, tuple(metrics), ids, tier)
        for start, end, metrics, ids, tier in needs
        if end >= start and end >= 0
    ]


def pieces(want: Wanted, size: int) -> Iterator[Wanted]:
    """Cut a need of `size` bytes into pieces that are not too large for one answer: by days, then by series."""
    first, last = want.days
    days = last - first + 1
    number = max(-(-size // PIECE_BYTES), 1)
    step = -(-days // min(number, days))
    parts = min(-(-number // days), MAX_PARTS)
    for begin in range(first, last + 1, step):
        start, end = max(begin * DAY_MS, want.start), min((begin + step) * DAY_MS - 1, want.end)
        for part in range(parts):
            yield replace(want, start=start, end=end, part=(part, parts))


def rounded(want: Wanted) -> Wanted:
    """The same need with a little more time at both ends, within its days."""
    first, last = want.days
    start = max(want.start // ROUND_MS * ROUND_MS, first * DAY_MS)
    end = min((want.end // ROUND_MS + 1) * ROUND_MS, (last + 1) * DAY_MS) - 1
    return replace(want, start=min(start, want.start), end=max(end, want.end))


def chunks_sql(want: Wanted) -> str:
    """Rows for `Run.feed`: series, times, values (of samples or rollups)."""
    return (
        f"SELECT series, times, values FROM nexus.{_table(want)} {_where(want)} "
        f"AND last >= {want.start} AND first <= {want.end}"
    )


def samples_sql(want: Wanted) -> str:
    """How many samples (of rollups: windows) the rows for `chunks_sql` hold, those outside of the time among them."""
    return f"SELECT sum(samples) FROM nexus.{_table(want)} {_where(want)} AND last >= {want.start} AND first <= {want.end}"


def exemplars_sql(want: Wanted) -> str:
    """Rows for `Selection.exemplars_json`."""
    return (
        f"SELECT tenant, metric, series, time, value, labels FROM nexus.{EXEMPLARS} {_where(want)} "
        f"AND time BETWEEN {want.start} AND {want.end}"
    )


def _table(want: Wanted) -> str:
    return ROLLUPS if want.tier else CHUNKS


def _where(want: Wanted) -> str:
    first, last = want.days
    conditions = [f"tenant = {quote(want.tenant)}", f"day BETWEEN toDate({first}) AND toDate({last})"]
    if want.tier:
        conditions.append(f"tier = {want.tier}")
    if want.metrics and len(want.metrics) <= MAX_NAMES:
        conditions.append(f"metric IN ({', '.join(map(quote, want.metrics))})")
    if want.ids and len(want.ids) // 16 <= MAX_IDS:
        conditions.append(f"series IN ({id_set(want.ids)})")
    part, parts = want.part
    if parts > 1:
        conditions.append(f"ascii(substring(series, 1, 1)) % {parts} = {part}")
    return "WHERE " + " AND ".join(conditions)


def id_set(ids: bytes) -> str:
    """A subquery with ids of 16 bytes each. A function for each of them would take the engine longer to read."""
    if len(ids) <= 16 * 8:
        return ", ".join(f"unhex('{ids[at : at + 16].hex()}')" for at in range(0, len(ids), 16))
    number = len(ids) // 16
    return f"SELECT toFixedString(substring(unhex('{ids.hex()}'), number * 16 + 1, 16), 16) FROM numbers({number})"


def day_of(ms: int) -> int:
    """UTC day of a time, as far as a `Date` goes."""
    return min(max(ms // DAY_MS, 0), LAST_DAY)
