"""What the embedded store can be told, with its defaults. Sizes are bytes, times are seconds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MIB: Final = 1 << 20
GIB: Final = 1 << 30
_CGROUP_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its control group's when that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        try:
            total = min(total, int(Path(path).read_text().strip()))
        except (OSError, ValueError):
            continue
    return total


def default_memory() -> int:
    """A quarter of the machine, but at least 600 MiB."""
    return max(600 * MIB, machine_memory() // 4)


def disk_reserve(total: int) -> int:
    """Free space below which writing stops when nothing is configured: 1 % of the disk, 512 MiB to 8 GiB."""
    return min(max(512 * MIB, total // 100), 8 * GIB)


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """How batches become commits."""

    queue_bytes: int = 64 * MIB
    """Batches waiting to be committed, in total."""
    commit_rows: int = 200_000
    """Rows of one commit at most (a single larger batch is a commit of its own)."""
    commit_bytes: int = 64 * MIB
    target_rows: int = 100_000
    """From this many waiting rows on, a commit starts at once."""
    interval: float = 0.1
    """From one commit's start to the next one's when less than `target_rows` wait."""
    busy_interval: float = 0.25
    """The same while records come in faster than `busy_rate`: fewer, larger parts cost less to merge."""
    busy_rate: float = 50_000.0
    """Rows a second."""
    quiet: float = 0.02
    """When nothing has joined for this long and `quiet_rows` wait, everybody who sends is waiting: start."""
    quiet_rows: int = 5_000
    committers: int = 1


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """How queries are run."""

    threads: int = 0
    """Queries at one time; 0 is two per CPU, 4 to 16."""
    waiting: int = 64
    """Queries that may wait for their turn."""
    condition_cache: bool = True
    """Whether the engine remembers which granules a condition leaves out."""

    @property
    def workers(self) -> int:
        """`threads` with its default filled in."""
        return self.threads or min(max(2 * (os.cpu_count() or 2), 4), 16)


@dataclass(frozen=True, slots=True)
class MetricOptions:
    """How samples are held before they are stored."""

    head_bytes: int = 0
    """Memory of open samples of all tenants; 0 is an eighth of the machine's, 128 MiB to 2 GiB."""
    cache_bytes: int = 128 * MIB
    """Memory of chunks that queries read lately."""
    log_bytes: int = 16 * GIB
    """The log that makes them durable at most."""
    chunk_seconds: float = 7200.0
    """How long a chunk may be open."""
    active_seconds: float = 3600.0
    """A series is active as long after its last sample."""
    flush_seconds: float = 5.0
    """How often to look whether something is due to be stored."""
    retention_days: int = 30
    """How long samples are kept; 0 is for ever."""
    settle_seconds: float = 10_800.0
    """How long after its end the rollups of a day are made."""

    @property
    def head_limit(self) -> int:
        """`head_bytes` with its default filled in."""
        return self.head_bytes or min(max(machine_memory() // 8, 128 * MIB), 2 * GIB)


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How traces of tenants that sample are decided."""

    slice_seconds: int = 30
    """Spans are decided by the slices of time in which they arrive."""
    wait_seconds: float = 60.0
    """After the end of a slice: the rest of its traces comes meanwhile."""
    pending_bytes: int = 4 * GIB
    """Beyond this much on disk slices are decided before their time."""
    decision_seconds: int = 3 * 86_400
    """How long a decision is remembered for spans that come late."""
    chunk_bytes: int = 128 * MIB
    """Of a slice are moved at one time at most: they are in memory meanwhile."""


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """The embedded store."""

    data_dir: Path
    memory_bytes: int = 0
    """Cap of the engine's memory; 0 is `default_memory()`."""
    fsync: bool = False
    """Acknowledged data survives a power cut, not only a killed process."""
    disk_reserve_bytes: int = 0
    """Free space below which writing stops; 0 is `disk_reserve()` of the disk."""
    retention_days: int = 30
    """How long records are kept; 0 is for ever."""
    token_hours: int = 24
    max_tokens: int = 5_000_000
    max_learned_columns: int = 192
    writer: WriterOptions = field(default_factory=WriterOptions)
    reader: ReaderOptions = field(default_factory=ReaderOptions)
    metrics: MetricOptions = field(default_factory=MetricOptions)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)

    @property
    def engine_memory(self) -> int:
        """`memory_bytes` with its default filled in."""
        return self.memory_bytes or default_memory()
