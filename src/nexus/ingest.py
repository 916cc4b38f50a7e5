"""`nexus ingest`: read lines, show progress, send batches, say what was refused and where."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from nexus.client import MAX_LINE_BYTES, Result, Sender, TextRecords, batches, looks_like_json
from nexus.errors import InvalidRequest, NexusError
from nexus.metric_ingest import block_directories, kind_of, send
from nexus.model.units import Size
from nexus.remote import Remote, remote

SHOWN_ERRORS: Final = 10
IDLE_SECONDS: Final = 0.5
MAX_AGE: Final = 1.0
_BLOCK: Final = 1 << 20


def run(
    source: str, *, url: str, token: str, tenant: str, style: str, service: str, stream_fields: str, batch_bytes: str
) -> int:
    """Send everything; 0 when all of it was accepted, 3 when some lines were refused. Raises `NexusError`."""
    try:
        size = int(Size.parse(batch_bytes))
    except ValueError as error:
        raise InvalidRequest(f"--batch-bytes: {error}.") from error
    if not 1024 <= size <= 48 << 20:
        raise InvalidRequest("--batch-bytes must lie between 1KiB and 48MiB.")
    place = remote(url, token, tenant)
    if kind := kind_of(source, style):
        return _send_metrics(source, kind, place, size)
    with _open(source) as file:
        total = os.fstat(file.fileno()).st_size if source != "-" else None
        with _Progress(total) as progress:
            sender = Sender(place.url.geturl(), place.token, place.tenant, stream_fields, progress.waiting)
            try:
                return _send(file, source, sender, progress, style, service, size)
            finally:
                sender.close()


def _send_metrics(source: str, kind: str, place: Remote, size: int) -> int:
    if kind == "tsdb":
        path = Path(source)
        total = sum((block / "index").stat().st_size for block in block_directories(path))
        with _Progress(total) as progress:
            return send(path, kind, place, size, progress)
    with _open(source) as file:
        known = os.fstat(file.fileno()).st_size if source != "-" else None
        with _Progress(known) as progress:
            return send(file, kind, place, size, progress)


def _send(file: BinaryIO, source: str, sender: Sender, progress: _Progress, style: str, service: str, size: int) -> int:
    lines = read_lines(file)
    skipped, first = _first(lines)
    json_lines = style == "json" or (style == "auto" and looks_like_json(first))
    name = service or (Path(source).stem if source != "-" else "stdin")
    convert = None if json_lines else TextRecords(name, time.time_ns())
    accepted = rejected = 0
    errors: list[tuple[int, str]] = []
    try:
        for batch in batches(_chained(first, lines), convert, size, MAX_AGE):
            result: Result = sender.send(batch)
            accepted += result.accepted
            rejected += result.rejected
            errors += result.errors[: SHOWN_ERRORS - len(errors)]
            progress.advance(batch.read, accepted)
    except (NexusError, KeyboardInterrupt):
        progress.stop()
        print(f"{accepted} records were accepted before that.", file=sys.stderr)
        raise
    progress.stop()
    print(f"{accepted} accepted, {rejected} rejected")
    for number, message in errors:
        print(f"  line {number + skipped}: {message}", file=sys.stderr)
    if rejected > len(errors):
        print(f"  ... and {rejected - len(errors)} more", file=sys.stderr)
    return 3 if rejected else 0


def read_lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Lines with their ends; None when none has come for half a second. Raises `InvalidRequest` beyond 32 MiB a line."""
    descriptor = file.fileno()
    rest = b""
    waits = not Path(f"/proc/self/fd/{descriptor}").is_file()
    while True:
        if waits and not select.select([descriptor], [], [], IDLE_SECONDS)[0]:
            yield None
            continue
        block = os.read(descriptor, _BLOCK)
        if not block:
            break
        rest += block
        if b"\n" in block:
            *whole, rest = rest.split(b"\n")
            for line in whole:
                yield line + b"\n"
        elif len(rest) > MAX_LINE_BYTES:
            raise InvalidRequest(f"a line is longer than {MAX_LINE_BYTES} bytes.", hint="Is this a log file?")
    if rest:
        yield rest


def _chained(first: bytes, lines: Iterator[bytes | None]) -> Iterator[bytes | None]:
    if first:
        yield first
    yield from lines


def _first(lines: Iterator[bytes | None]) -> tuple[int, bytes]:
    """How many blank lines go before the first other one, and that one."""
    skipped = 0
    for line in lines:
        if line is not None and line.strip():
            return skipped, line
        skipped += line is not None
    return skipped, b""


def _open(source: str) -> BinaryIO:
    if source == "-":
        if sys.stdin.isatty():
            raise InvalidRequest("standard input is a terminal.", hint="Name a file, or pipe something in.")
        return os.fdopen(os.dup(0), "rb", buffering=0)
    path = Path(source)
    if path.is_dir():
        raise InvalidRequest(f"{source} is a directory.", hint="Name a file, or - for standard input.")
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        raise InvalidRequest(f"there is no file {source}.", hint="Name a file, or - for standard input.") from None


class _Progress:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> _Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("sending", total=self._total)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def advance(self, read: int, accepted: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, advance=read, description=f"{accepted} accepted")

    def waiting(self, reason: str, seconds: float) -> None:
        text = f"waiting {seconds:.1f} s: {reason}"
        if self._bar is not None:
            self._bar.update(self._task, description=text)
        else:
            print(f"nexus: {text}", file=sys.stderr)

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
