"""Native log batches made from plain records."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from nexus import _native

DAY = 86_400 * 10**9
NOON = 1_795_478_400 * 10**9 - 1_795_478_400 * 10**9 % DAY + DAY // 2
"""Noon of a day in 2026."""


def batch(records: Iterable[Mapping[str, Any]], now_ns: int | None = None) -> Any:
    """A batch of JSON records."""
    body = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    decoded = _native.decode_json_lines(
        body,
        now_ns=now_ns or time.time_ns(),
        time_fields=None,
        message_fields=None,
        level_fields=None,
        stream_fields=[],
        ignore_fields=[],
        extra_fields={},
    )
    assert not decoded.rejected, decoded.errors
    return decoded.batch


def numbered(count: int, *, at: int = NOON, step: int = 1_000_000, **more: Any) -> Any:
    """`count` records with an attribute `n`."""
    return batch(
        {"_time": str(at + n * step), "_msg": f"record {n}", "service": "test", "n": n, **more} for n in range(count)
    )
