"""The data directory: who owns it, which format it has, and whether it was left in order.

nexus.lock     flock held by the owner; its text is the owner's pid and the boot it ran in
VERSION        the format of what lies here
clean          exists from an orderly stop until the next start
config.xml     generated for the engine at each start
engine/ hot/   the engine's: table definitions, parts
schema.json    copy of the table definitions (see `manifest`)
quarantine/    files that were in the way of a start
ingest.sqlite  idempotency tokens and seen attribute keys
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import Final

from nexus.errors import ConfigError

FORMAT: Final = 1
"""Format of the data directory that this program reads and writes."""

_EXPECTED: Final = re.compile(r"\..*|nexus\.(lock|key)|audit-checkpoints\.jsonl|VERSION\.tmp|metadata\..*|lost\+found")
"""What may lie in a directory that is about to become a data directory."""


class DataDirectory:
    """An open data directory.

    `was_clean` tells how the last owner left; a new directory counts as clean. `machine_failed`: not clean, and the
    machine has been started since (or that cannot be told), so that files may be damaged; it stays so, over further
    starts, until `checked` is called. A killed process alone damages nothing.
    """

    def __init__(self, path: Path, lock: int, *, was_clean: bool, last_boot: str, is_new: bool) -> None:
        self.path = path
        self.was_clean = was_clean
        self.machine_failed = not was_clean and (last_boot == "" or last_boot != _boot_id())
        self.is_new = is_new
        self._lock: int | None = lock
        _write_owner(lock, (last_boot or "unknown") if self.machine_failed else _boot_id())

    @classmethod
    def open(cls, path: Path) -> DataDirectory:
        """Create or open it and take its lock. Raises `ConfigError`, naming the pid of another owner."""
        path = path.resolve()
        if any(character in str(path) for character in "?&\n"):
            raise ConfigError(
                f"the data directory {path} has '?', '&' or a line break in its path, which the engine cannot open.",
                hint="Choose another one with data_dir (NEXUS_DATA_DIR).",
            )
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(path / "nexus.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"cannot use the data directory {path}: {error.strerror}.",
                hint="Choose another one with data_dir (NEXUS_DATA_DIR), or fix its permissions.",
            ) from error
        try:
            last_boot = _take_lock(path, lock)
            is_new = _check_format(path)
            clean = path / "clean"
            was_clean = is_new or clean.exists()
            clean.unlink(missing_ok=True)
            sync_directory(path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock, was_clean=was_clean, last_boot=last_boot, is_new=is_new)

    def checked(self) -> None:
        """What the machine's failure may have damaged has been looked at."""
        self.machine_failed = False
        if self._lock is not None:
            _write_owner(self._lock, _boot_id())

    def close(self, *, clean: bool) -> None:
        """Give it back; `clean` says that everything was stopped in order."""
        if self._lock is None:
            return
        if clean and not self.machine_failed:
            write_synced(self.path / "clean", b"clean\n")
            os.ftruncate(self._lock, 0)
        os.close(self._lock)
        self._lock = None


def owner_pid(path: Path) -> int | None:
    """The pid in the lock file of a directory that is in use, or None."""
    try:
        words = (path / "nexus.lock").read_text().split()
    except OSError:
        return None
    return int(words[0]) if words and words[0].isdigit() else None


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _take_lock(path: Path, lock: int) -> str:
    """Take the lock; returns the boot in which the last owner ran, "" when not known."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = owner_pid(path)
        owner = f"pid {pid}" if pid else "another process"
        raise ConfigError(
            f"data directory {path} is in use by {owner}.",
            hint="Stop that process, or choose another directory with data_dir (NEXUS_DATA_DIR).",
        ) from error
    words = os.pread(lock, 200, 0).split()
    return words[1].decode(errors="replace") if len(words) > 1 else ""


def _write_owner(lock: int, boot: str) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n{boot}\n".encode(), 0)


def _check_format(path: Path) -> bool:
    """Compare VERSION, writing it into a new directory; tells whether it is new."""
    version = path / "VERSION"
    if not version.exists():
        names = sorted(entry.name for entry in path.iterdir())
        if strange := [name for name in names if not _EXPECTED.fullmatch(name)]:
            raise ConfigError(
                f"{path} is not a data directory: it holds {', '.join(strange[:3])} but no VERSION file.",
                hint="Name an empty or new directory with data_dir (NEXUS_DATA_DIR).",
            )
        write_synced(version, f"{FORMAT}\n".encode())
        return True
    text = version.read_text().strip()
    if not text.isdigit():
        raise ConfigError(f"{version} does not hold a format number.", hint="Restore it from a backup.")
    if int(text) > FORMAT:
        raise ConfigError(
            f"data directory {path} has format {text}, this program knows up to {FORMAT}.",
            hint="Start the newer version of Nexus that wrote it.",
        )
    return False


def write_synced(path: Path, content: bytes) -> None:
    """Replace a file as a whole, durably: after a power cut it has the old content or the new."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames and removals in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
