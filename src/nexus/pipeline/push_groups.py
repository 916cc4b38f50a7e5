"""Groups of metrics that were pushed (Pushgateway): kept until they are deleted, and shown again at an interval.

A group is the last push of its key (job and other labels): PUT replaces it, POST replaces the families that come again. It
is a file of the data directory, written before the push is acknowledged; a start reads all of them. Their sum in bytes is
bounded. What is shown again are the last values at the time of now, as a scraped Pushgateway would show them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from nexus.errors import InvalidRequest, NexusError, Overloaded, StorageError
from nexus.pipeline.decode import native_module
from nexus.pipeline.metrics import MetricOutcome, MetricPipeline

RECEIVER: Final = "pushgateway"
MAX_LABELS: Final = 64
_SUFFIX: Final = ".group"
_BASE64: Final = "@base64"

Key = tuple[tuple[str, str], ...]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Group:
    """A group: whose, its labels, and the native batch of its last push."""

    tenant: str
    key: Key
    batch: Any


class _Head(msgspec.Struct):
    """First line of a group's file; a remote write request in snappy follows."""

    tenant: str
    labels: list[tuple[str, str]]


class PushGroups:
    """See the module text. Lives on one event loop; files are written in threads, one at a time."""

    def __init__(self, directory: Path, pipeline: MetricPipeline, interval: float, max_bytes: int) -> None:
        """`interval` in seconds; `max_bytes` of all groups together, in memory."""
        self._directory = directory
        self._pipeline = pipeline
        self._interval = interval
        self._max_bytes = max_bytes
        self._groups: dict[tuple[str, Key], Group] = {}
        self._lock = asyncio.Lock()

    def __len__(self) -> int:
        """Number of groups."""
        return len(self._groups)

    @property
    def held(self) -> int:
        """Bytes of all groups in memory."""
        return sum(group.batch.num_bytes for group in self._groups.values())

    def load(self) -> None:
        """Read the groups of the data directory. A file that is none is left alone, and said so."""
        for path in sorted(self._directory.glob(f"*/*{_SUFFIX}")):
            try:
                group = _read(path.read_bytes())
            except (OSError, ValueError) as error:
                log.error("the pushed group %s cannot be read: %s", path, error)
                continue
            self._groups[group.tenant, group.key] = group

    async def push(self, tenant: str, key: Key, pushed: Any, *, replace: bool) -> MetricOutcome:
        """Take a push: durable, and its samples visible, when this returns. Raises `Overloaded`, `StorageError`."""
        native = native_module()
        now_ms = time.time_ns() // 1_000_000
        text = f"# TYPE push_time_seconds gauge\npush_time_seconds {now_ms / 1000}\n# TYPE push_failure_time_seconds gauge\n"
        times = native.decode_exposition(f"{text}push_failure_time_seconds 0\n".encode(), now_ms=now_ms, labels=list(key))
        async with self._lock:
            old = self._groups.get((tenant, key))
            batch = pushed if replace or old is None else native.replace_families(old.batch, pushed)
            batch = native.replace_families(batch, times.batch)
            held = self.held - (old.batch.num_bytes if old else 0)
            if held + batch.num_bytes > self._max_bytes:
                raise Overloaded(
                    f"pushed groups hold {held} of {self._max_bytes} bytes.",
                    retry_after=60.0,
                    hint="Delete groups that are over, or raise push.max_bytes.",
                )
            group = Group(tenant, key, batch)
            await asyncio.to_thread(self._write, group)
            self._groups[tenant, key] = group
            if old is not None:
                # What the push does not show any more ends now.
                ended = native.missing_series(old.batch, batch)
                if not ended.is_empty:
                    await self._pipeline.append(tenant, RECEIVER, native.restamp(ended, now_ms, stale=True))
        return await self._pipeline.append(tenant, RECEIVER, native.restamp(batch, now_ms))

    async def delete(self, tenant: str, key: Key) -> bool:
        """Remove a group, whose series end now; False when there is none."""
        async with self._lock:
            group = self._groups.get((tenant, key))
            if group is None:
                return False
            await asyncio.to_thread(self._remove, self._path(tenant, key))
            del self._groups[tenant, key]
        now_ms = time.time_ns() // 1_000_000
        await self._pipeline.append(tenant, RECEIVER, native_module().restamp(group.batch, now_ms, stale=True))
        return True

    def forget(self, tenant: str) -> None:
        """A tenant is gone, with its groups."""
        for key in [key for key in self._groups if key[0] == tenant]:
            del self._groups[key]
            self._remove(self._path(*key))

    async def run(self) -> None:
        """Show every group again at the interval, for ever."""
        while True:
            await asyncio.sleep(self._interval - time.time() % self._interval)
            await self.show()

    async def show(self) -> None:
        """Show every group once, now."""
        now_ms = time.time_ns() // 1_000_000
        restamp = native_module().restamp
        for group in list(self._groups.values()):
            try:
                await self._pipeline.append(group.tenant, RECEIVER, restamp(group.batch, now_ms))
            except NexusError as error:
                log.warning("a pushed group is not shown this time: %s", error)

    def _path(self, tenant: str, key: Key) -> Path:
        name = hashlib.sha256(msgspec.json.encode(sorted(key))).hexdigest()[:32]
        return self._directory / hashlib.sha256(tenant.encode()).hexdigest()[:32] / f"{name}{_SUFFIX}"

    def _write(self, group: Group) -> None:
        path = self._path(group.tenant, group.key)
        head = msgspec.json.encode(_Head(group.tenant, list(group.key)))
        bodies = native_module().encode_remote_write(group.batch, version=1, max_series=1 << 31, compress=True)
        fresh = path.with_suffix(".new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(head + b"\n" + (bodies[0][0] if bodies else b""))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise StorageError(f"the pushed group cannot be written: {error}.") from error

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                _sync(path.parent)
        except OSError as error:
            raise StorageError(f"the pushed group cannot be removed: {error}.") from error


def _read(content: bytes) -> Group:
    native = native_module()
    line, _, body = content.partition(b"\n")
    head = msgspec.json.decode(line, type=_Head)
    plain = native.decompress(body, "snappy", 1 << 30) if body else b""
    return Group(head.tenant, tuple(head.labels), native.decode_remote_write_v1(plain).batch)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def grouping_key(path: str) -> list[tuple[str, str]]:
    """The labels in `job/<job>{/<label>/<value>}`, sorted; names that end in `@base64` have values in base64.

    Raises `InvalidRequest`.
    """
    parts = path.removesuffix("/").split("/") if not path.endswith("//") else path.split("/")
    if len(parts) % 2 or len(parts) > 2 * MAX_LABELS:
        raise InvalidRequest(
            "the path has a label without a value, or too many of them.", hint="Write /metrics/job/<job>{/<label>/<value>}."
        )
    labels: dict[str, str] = {}
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        plain = name.removesuffix(_BASE64)
        if not plain or plain == "__name__" or plain in labels:
            raise InvalidRequest(f"the path has the label {plain[:60]!r}, which is none, or comes twice.")
        labels[plain] = _decoded(value) if name != plain else value
    if not labels.get("job"):
        raise InvalidRequest("the path names no job.", hint="Write /metrics/job/<job>.")
    return sorted(labels.items())


def _decoded(value: str) -> str:
    # A value of nothing is written as =.
    text = value.rstrip("=")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"{value[:60]!r} in the path is no base64 of text.") from error


def exposed_labels(key: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Labels that a push gets: those of its group; no instance of its own unless the group has one."""
    return [*key] if any(name == "instance" for name, _ in key) else [*key, ("instance", "")]
