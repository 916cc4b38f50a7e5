"""Which batches become one Native block."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.storage.batches import DAY, NOON, numbered
from tests.unit.storage.test_commit import NoFuture

from nexus.storage.api import Receipt
from nexus.storage.clickhouse.blocks import SMALL, EncodeFailed, encode_blocks
from nexus.storage.clickhouse.commit import Waiting

TODAY = NOON // DAY


def waiting(tenant: str, batch: Any, only_days: tuple[int, ...] | None = None) -> Waiting:
    """A batch on its way."""
    days = tuple(day for day, _ in batch.days())
    return Waiting(tenant, batch, batch.num_rows, 0, days, 0.0, NoFuture(), Receipt(batch.num_rows), only_days)


def encode(batch: Any, *, tenant: str, day: int | None) -> tuple[bytes, int]:
    """Tells what would have been encoded."""
    return f"{tenant} {batch.num_rows} {day}".encode(), 1


def test_small_batches_of_a_tenant_become_one_block() -> None:
    taken = [waiting("a", numbered(3)), waiting("b", numbered(5)), waiting("a", numbered(SMALL)), waiting("a", numbered(4))]
    assert sorted(encode_blocks(encode, taken)) == [
        (f"a {SMALL} None".encode(), SMALL, 1),
        (b"a 7 None", 7, 1),
        (b"b 5 None", 5, 1),
    ]


def test_what_is_limited_to_days_stays_alone() -> None:
    two_days = numbered(10, at=NOON, step=DAY // 10)
    assert [day for day, _ in two_days.days()] == [TODAY, TODAY + 1]
    taken = [waiting("a", numbered(3)), waiting("a", two_days, (TODAY + 1,)), waiting("a", numbered(4))]
    counts = dict(two_days.days())
    assert sorted(encode_blocks(encode, taken)) == sorted(
        [(b"a 7 None", 7, 1), (f"a 10 {TODAY + 1}".encode(), counts[TODAY + 1], 1)]
    )


def test_an_error_says_that_it_is_the_encoder_s() -> None:
    def broken(batch: Any, **options: Any) -> bytes:
        raise ValueError("no such type")

    with pytest.raises(EncodeFailed, match="no such type"):
        list(encode_blocks(broken, [waiting("a", numbered(1))]))
