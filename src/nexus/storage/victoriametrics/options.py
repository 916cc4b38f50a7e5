"""Where a tenant's VictoriaMetrics is, and what may be kept for it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Backend:
    """A tenant's VictoriaMetrics. `insert` and `select` are the bases of the Prometheus API of both: of a single node the
    same (`http://host:8428`), of a cluster those with the account in them (`http://vminsert:8480/insert/12:0/prometheus`,
    `http://vmselect:8481/select/12:0/prometheus`)."""

    tenant: str
    insert: str
    select: str
    headers: dict[str, str] = field(default_factory=dict)
    ca: str = ""
    queue: Path = Path()
    queue_bytes: int = 4 << 30
    insert_timeout: float = 30.0
    fsync: bool = False

    @property
    def cluster(self) -> bool:
        """Do writes and queries go to different programs?"""
        return self.insert != self.select

    @property
    def deleting(self) -> str:
        """Base of the deletion API, which a cluster has below `/delete`."""
        if not self.cluster:
            return self.select
        head, _, tail = self.select.rpartition("/select/")
        return f"{head}/delete/{tail}"
