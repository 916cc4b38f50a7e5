"""The tables of records: what writer, retention, scans and erasures must know of the one they work on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_DAY: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class SignalTable:
    """A table of one signal, partitioned by UTC day of `timestamp` and sorted by tenant and a column that counts units of
    time, which prunes time ranges without decoding timestamps."""

    name: str
    unit: str
    """The column that counts units since the epoch."""
    unit_ns: int
    times: tuple[str, ...]
    """Columns from whose latest day a record's retention counts, as far as the table knows."""
    filters: bool
    """Whether learned columns of many values get a filter."""
    prefix: str
    """Before the names of what `ingest.sqlite` holds of it; logs were there first and have none."""
    pending: bool = False
    """Whether rows may be pending (tail sampling): a day has further partitions then, `<day>-<slice>`."""
    temporary: bool = False
    """Whether it is of one connection, in memory, for one query."""

    @property
    def path(self) -> str:
        """The name for statements."""
        return self.name if self.temporary else f"nexus.{self.name}"

    @property
    def day(self) -> str:
        """The UTC day of a row, as days since the epoch."""
        return f"intDiv({self.unit}, {_DAY // self.unit_ns})"


LOGS: Final = SignalTable("logs", "hour", 3_600_000_000_000, ("timestamp", "observed_timestamp"), False, "")
SPANS: Final = SignalTable("spans", "slot", 300_000_000_000, ("timestamp",), True, "span_", pending=True)
SIGNAL_TABLES: Final = (LOGS, SPANS)
