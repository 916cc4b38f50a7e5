"""`nexus ingest` for metrics: OpenMetrics files with times, and blocks of a Prometheus database, sent by remote write."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from nexus.client import IngestFailed, Poster
from nexus.errors import InvalidRequest, Unauthenticated
from nexus.pipeline.decode import native_module
from nexus.remote import Remote

MAX_SAMPLES: Final = 100_000
MAX_SERIES: Final = 5_000
SHOWN_ERRORS: Final = 10
WRITTEN: Final = ("Samples", "Histograms")
FORMATS: Final = ("openmetrics", "tsdb")
SUFFIXES: Final = frozenset({".om", ".openmetrics", ".prom"})

Advance = Callable[[int, int], None]
"""Told how many bytes were read, and samples stored, since the last time."""


def kind_of(source: str, style: str) -> str:
    """`openmetrics`, `tsdb`, or nothing when the source is no metrics."""
    if style != "auto":
        return style if style in FORMATS else ""
    path = Path(source)
    if source != "-" and path.is_dir() and block_directories(path):
        return "tsdb"
    return "openmetrics" if source != "-" and path.suffix in SUFFIXES else ""


def block_directories(path: Path) -> list[Path]:
    """The blocks of a directory, oldest first; itself, when it is one."""
    if (path / "index").is_file():
        return [path]
    found = [index.parent for index in path.glob("*/index") if (index.parent / "chunks").is_dir()]
    return sorted(found, key=lambda block: block.name)


def send(source: BinaryIO | Path, kind: str, place: Remote, batch_bytes: int, progress: Any) -> int:
    """Send everything; 0 when all of it was stored, 3 when some was refused. Raises `NexusError`."""
    poster = Poster(
        place.url.geturl(), "/api/v1/write", "application/x-protobuf", place.token, place.tenant, progress.waiting
    )
    decoded = blocks(source) if isinstance(source, Path) else openmetrics(source, batch_bytes)
    stored = refused = 0
    errors: list[str] = []
    try:
        for read, one in decoded:
            refused += one.rejected
            errors += [f"{number}: {message}" for number, message in one.errors[: SHOWN_ERRORS - len(errors)]]
            for body, _, _ in native_module().encode_remote_write(
                one.batch, version=1, max_series=MAX_SERIES, compress=True
            ):
                written, problem = _post(poster, body)
                stored += written
                if problem:
                    refused += 1
                    errors += [problem][: SHOWN_ERRORS - len(errors)]
            progress.advance(read, stored)
    finally:
        poster.close()
        progress.stop()
        print(f"{stored} samples stored, {refused} refused")
    for error in errors:
        print(f"  {error}", file=sys.stderr)
    return 3 if refused else 0


def _post(poster: Poster, body: bytes) -> tuple[int, str]:
    """Samples stored, and what the server refused."""
    status, headers, answer = poster.post(body, {"Content-Encoding": "snappy"})
    text = answer.decode("utf-8", "replace").strip()
    if status in (401, 403):
        raise Unauthenticated(
            f"the server refused: {text}",
            hint="Give an API key with --token or NEXUS_TOKEN; it needs the permission metrics:write.",
        )
    written = sum(int(headers.get(f"X-Prometheus-Remote-Write-{name}-Written") or 0) for name in WRITTEN)
    if status not in (200, 204, 400):
        raise IngestFailed(f"the server refused samples with status {status}: {text[:500]}")
    return written, text if status == 400 else ""


def openmetrics(file: BinaryIO, batch_bytes: int) -> Iterator[tuple[int, Any]]:
    """Bytes read and what was decoded of them, some at a time."""
    native = native_module()
    rest, number = b"", 0
    now_ms = time.time_ns() // 1_000_000
    while True:
        block = file.read(batch_bytes)
        whole, end, rest = (rest + (block or b"")).rpartition(b"\n")
        if not block:
            # The last line needs no end.
            whole, end, rest = whole + end + rest, b"\n", b""
        elif not end:
            rest = whole + rest
            if len(rest) > batch_bytes:
                raise InvalidRequest(f"a line is longer than {batch_bytes} bytes.", hint="Is this an OpenMetrics file?")
            continue
        body = whole + end
        if body == b"\n" and not block:
            return
        decoded = native.decode_exposition(
            body, now_ms=now_ms, content_type="application/openmetrics-text; version=1.0.0", lenient=True, optional_eof=True
        )
        yield len(block or b""), _Numbered(decoded, number)
        number += body.count(b"\n")
        if not block:
            return


class _Numbered:
    """What was decoded, with errors by the line of the file."""

    def __init__(self, decoded: Any, lines_before: int) -> None:
        self.batch = decoded.batch
        self.rejected = decoded.rejected
        self.errors = [(f"line {number + lines_before}", message) for number, message in decoded.errors]


def blocks(path: Path) -> Iterator[tuple[int, Any]]:
    """Bytes of indexes read and what was decoded, block by block. Raises `InvalidRequest`."""
    native = native_module()
    found = block_directories(path)
    if not found:
        raise InvalidRequest(
            f"there is no block of a Prometheus database in {path}.",
            hint="Name a block, or the data directory; what is not in a block yet a snapshot puts there.",
        )
    for directory in found:
        try:
            block = native.TsdbBlock(str(directory))
        except (OSError, native.DecodeError) as error:
            raise InvalidRequest(f"{directory} cannot be read: {error}.") from error
        before = 0
        while (decoded := block.next(MAX_SAMPLES)) is not None:
            read = block.progress[0]
            yield read - before, decoded
            before = read
