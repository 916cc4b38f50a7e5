"""Batches become Native blocks. Small ones of one tenant become one block: one sorted block of 200-row batches costs half of
many, from 2,000 rows on it makes no difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from nexus.storage.clickhouse.commit import Waiting

SMALL: Final = 2_000
"""Rows; batches with fewer are put together."""

Encode = Callable[..., tuple[bytes, int]]
"""`nexus._native.encode_native` or `encode_native_spans`; the options that all blocks of a commit share are filled in."""


class EncodeFailed(Exception):
    """A batch could not be encoded."""


def encode_blocks(encode: Encode, taken: Sequence[Waiting]) -> Iterator[tuple[bytes, int, int]]:
    """Each block of a commit with its rows, and how many of them have no skeleton. Raises `EncodeFailed`."""
    try:
        for tenant, batch, day, rows in _pieces(taken):
            block, plain = encode(batch, tenant=tenant, day=day)
            yield block, rows, plain
    except Exception as error:
        raise EncodeFailed(f"a batch could not be encoded: {error}") from error


def _pieces(taken: Sequence[Waiting]) -> Iterator[tuple[str, Any, int | None, int]]:
    """(tenant, batch, its only day or None for all, rows)."""
    in_order = sorted(taken, key=_kind)
    for (tenant, together), group in groupby(in_order, key=_kind):
        if together:
            batches = [waiting.batch for waiting in group]
            batch = type(batches[0]).concat(batches)
            yield tenant, batch, None, batch.num_rows
            continue
        for waiting in group:
            if waiting.only_days is None:
                yield tenant, waiting.batch, None, waiting.rows
                continue
            counts = dict(waiting.batch.days())
            for day in waiting.only_days:
                yield tenant, waiting.batch, day, counts[day]


def _kind(waiting: Waiting) -> tuple[str, bool]:
    return waiting.tenant, waiting.rows < SMALL and waiting.only_days is None
