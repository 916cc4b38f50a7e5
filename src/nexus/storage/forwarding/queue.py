"""Bodies that wait for a backend that is away: a folder with one file each, sent in order.

A body is in the queue once its file has its final name, so a process that is killed leaves a body there or not at all.
The name holds its place and how many records (samples, spans) it has: `00000000000000000042-10000`. Bounded in bytes.
Blocking; used from threads, by one process.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.errors import DiskFull, Overloaded, StorageError

_NAME: Final = re.compile(r"(\d{20})-(\d+)")
_NO_SPACE: Final = frozenset({28, 122})  # ENOSPC, EDQUOT


@dataclass(frozen=True, slots=True)
class Waiting:
    """A body in the queue."""

    path: Path
    records: int
    bytes: int


class BodyQueue:
    """See the module text."""

    def __init__(self, folder: Path, max_bytes: int, backend: str, *, fsync: bool) -> None:
        """Opens what an earlier process left. `backend` is what messages call it. Raises `StorageError`."""
        self._folder = folder
        self._backend = backend
        self._max_bytes = max_bytes
        self._fsync = fsync
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._waiting = {path.name: self._described(path) for path in sorted(folder.iterdir()) if self._kept(path)}
        except OSError as error:
            raise StorageError(f"the queue {folder} cannot be opened: {error.strerror}.") from error
        self._bytes = sum(one.bytes for one in self._waiting.values())
        self._next = 1 + max((int(name[:20]) for name in self._waiting), default=0)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._bytes

    @property
    def records(self) -> int:
        """Records that wait."""
        with self._lock:
            return sum(one.records for one in self._waiting.values())

    def put(self, body: bytes, records: int) -> None:
        """Append a body; it is durable on return. Raises `Overloaded` when the queue is full, `DiskFull`, `StorageError`."""
        with self._lock:
            if self._bytes + len(body) > self._max_bytes:
                raise Overloaded(
                    f"{self._backend} is away and its queue is full ({self._bytes >> 20} MiB).", retry_after=10.0,
                    hint=f"Bring {self._backend} back, or enlarge `queue_bytes`.",
                )  # fmt: skip
            number = self._next
            self._next += 1
            self._bytes += len(body)
        path = self._folder / f"{number:020}-{records}"
        unfinished = path.with_suffix(".part")
        try:
            with unfinished.open("wb") as file:
                file.write(body)
                if self._fsync:
                    file.flush()
                    os.fsync(file.fileno())
            unfinished.rename(path)
            if self._fsync:
                self._sync_folder()
        except OSError as error:
            with self._lock:
                self._bytes -= len(body)
            unfinished.unlink(missing_ok=True)
            kind = DiskFull if error.errno in _NO_SPACE else StorageError
            raise kind(f"the queue for {self._backend} cannot be written: {error.strerror}.") from error
        with self._lock:
            self._waiting[path.name] = Waiting(path, records, len(body))

    def first(self) -> Waiting | None:
        """The oldest body."""
        with self._lock:
            return self._waiting[min(self._waiting)] if self._waiting else None

    def done(self, body: Waiting) -> None:
        """Remove a body that was taken."""
        with self._lock:
            if self._waiting.pop(body.path.name, None) is None:
                return
            self._bytes -= body.bytes
        body.path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything."""
        while (body := self.first()) is not None:
            self.done(body)

    @staticmethod
    def _described(path: Path) -> Waiting:
        return Waiting(path, int(path.name[21:]), path.stat().st_size)

    @staticmethod
    def _kept(path: Path) -> bool:
        if _NAME.fullmatch(path.name):
            return True
        # What a killed process had not finished was not acknowledged.
        if path.suffix == ".part":
            path.unlink(missing_ok=True)
        return False

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
