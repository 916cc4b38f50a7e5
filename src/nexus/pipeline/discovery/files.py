"""Groups of targets in files (`file_sd_configs`): JSON or YAML, looked at every few seconds, and in any case at the refresh
interval. A file that cannot be read keeps what it said before; one that is gone takes its targets with it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from nexus.pipeline.discovery.config import FileDiscovery
from nexus.pipeline.discovery.group import Group, written

LOOK_SECONDS: Final = 2.0
MAX_FILE_BYTES: Final = 64 << 20

log = logging.getLogger(__name__)


class Files:
    """What the files of some patterns say."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Nothing is read yet."""
        self._patterns = patterns
        self._stamps: dict[str, tuple[int, int]] = {}
        self._groups: dict[str, list[Group]] = {}

    def look(self, *, again: bool) -> list[Group] | None:
        """The groups, None when no file has changed; `again` reads all of them."""
        patterns = [Path(pattern) for pattern in self._patterns]
        names = sorted({str(path) for pattern in patterns for path in pattern.parent.glob(pattern.name)})
        changed = again or set(names) != set(self._stamps)
        for gone in set(self._stamps) - set(names):
            del self._stamps[gone]
            self._groups.pop(gone, None)
        for name in names:
            try:
                state = Path(name).stat()
                stamp = (state.st_mtime_ns, state.st_size)
                if not again and self._stamps.get(name) == stamp:
                    continue
                changed = True
                self._stamps[name] = stamp
                self._groups[name] = read(Path(name))
            except (OSError, ValueError) as error:
                log.warning("targets of %s cannot be read: %s", name, error)
        return [group for name in names for group in self._groups.get(name, ())] if changed else None


def read(path: Path) -> list[Group]:
    """The groups of a file. Raises `OSError`, `ValueError`."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"it is larger than {MAX_FILE_BYTES} bytes")
    return written(_document(path.read_bytes(), path.suffix.lower() == ".json"), str(path), {"__meta_filepath": str(path)})


def _document(content: bytes, is_json: bool) -> Any:
    if is_json:
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"it is not JSON: {error}") from None
    import yaml

    try:
        return yaml.safe_load(content) or []
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"it is not YAML: {' '.join(str(error).split())[:300]}") from None


async def watch(settings: FileDiscovery) -> AsyncIterator[Sequence[Group]]:
    """The groups now, and whenever files change."""
    files = Files(settings.files)
    refresh = max(settings.refresh_interval.seconds, LOOK_SECONDS)
    due = 0.0
    while True:
        again = time.monotonic() >= due
        if again:
            due = time.monotonic() + refresh
        if (groups := await asyncio.to_thread(files.look, again=again)) is not None:
            yield groups
        await asyncio.sleep(min(LOOK_SECONDS, refresh))
