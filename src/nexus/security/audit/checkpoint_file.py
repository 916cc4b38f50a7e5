"""The checkpoints of the audit log in a file beside the metadata: JSON lines by number, each synced before it counts.

It is there so that neither the end of the database nor that of the file can be cut off alone. It holds nothing secret.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from nexus.errors import StorageError
from nexus.security.audit.chain import Unreadable
from nexus.storage.metadata.api import AuditCheckpoint

FILE: Final = "audit-checkpoints.jsonl"
MAX_LINE: Final = 4096

_decode: Final = msgspec.json.Decoder(AuditCheckpoint).decode


class CheckpointFile:
    """The file of a data directory. One thread at a time writes."""

    def __init__(self, data_dir: Path) -> None:
        """Nothing is read or written yet."""
        self.path = data_dir / FILE

    def size(self) -> int:
        """Bytes of the file, 0 when there is none. Raises `StorageError`."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror}.") from error

    def read(self, upto: int | None = None) -> Iterator[AuditCheckpoint | Unreadable]:
        """Every checkpoint in the order of the lines, of the first `upto` bytes. Raises `StorageError`.

        A last line that was not finished never counted.
        """
        try:
            with self.path.open("rb") as file:
                while (upto is None or file.tell() < upto) and (line := file.readline(MAX_LINE)):
                    if line.endswith(b"\n"):
                        yield _read(line)
                    elif len(line) == MAX_LINE:
                        yield Unreadable(0, "the file of checkpoints holds a line that is none")
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror}.") from error

    def ends(self) -> tuple[AuditCheckpoint | None, AuditCheckpoint | None]:
        """The first and the last one, None where a line is none, whatever lies between. Raises `StorageError`."""
        try:
            with self.path.open("rb") as file:
                first = file.readline(MAX_LINE)
                file.seek(max(0, self.size() - 2 * MAX_LINE))
                whole, _, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return None, None
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror}.") from error
        lines = (first, whole.rpartition(b"\n")[2])
        found = [_read(line) for line in lines]
        lowest, newest = (one if isinstance(one, AuditCheckpoint) else None for one in found)
        return lowest, newest

    def append(self, checkpoint: AuditCheckpoint) -> None:
        """Add one; durable on return. Raises `StorageError`."""
        try:
            new = not self.path.exists()
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                size = _cut_unfinished(descriptor)
                try:
                    _write(descriptor, _line(checkpoint))
                    os.fsync(descriptor)
                except OSError:
                    # It does not count, so it must not be there.
                    os.ftruncate(descriptor, size)
                    raise
            finally:
                os.close(descriptor)
            if new:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror}.", hint="Check the disk.") from error

    def replace(self, checkpoints: Iterable[AuditCheckpoint]) -> None:
        """Exchange the whole content, at once; durable on return. Raises `StorageError`."""
        fresh = self.path.with_name(f".{FILE}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    for checkpoint in checkpoints:
                        file.write(_line(checkpoint))
                    file.flush()
                    os.fsync(descriptor)
                os.replace(fresh, self.path)
            finally:
                fresh.unlink(missing_ok=True)
            _sync_folder(self.path.parent)
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror}.", hint="Check the disk.") from error


def _line(checkpoint: AuditCheckpoint) -> bytes:
    return msgspec.json.encode(checkpoint) + b"\n"


def _read(line: bytes) -> AuditCheckpoint | Unreadable:
    try:
        return _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Unreadable(0, "the file of checkpoints holds a line that is none")


def _cut_unfinished(descriptor: int) -> int:
    """Remove what a crash left of a last line; how long the file is then."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - MAX_LINE)
    tail = os.pread(descriptor, MAX_LINE, start)
    end = start + tail.rfind(b"\n") + 1
    if end < size:
        os.ftruncate(descriptor, end)
    return end


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
