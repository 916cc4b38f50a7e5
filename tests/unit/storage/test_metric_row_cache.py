"""Rows that were read lately: bounded, and never older than the table."""

from __future__ import annotations

from nexus.storage.clickhouse.metrics.row_cache import MAX_AGE, MAX_ENTRY, RowCache


class Table:
    """Answers with what it holds, and counts."""

    def __init__(self) -> None:
        self.rows = b"a"
        self.asked = 0

    def read(self) -> bytes:
        self.asked += 1
        return self.rows


def test_the_table_is_asked_once_until_it_changes() -> None:
    """Or until what is known is too old."""
    now, table = [0.0], Table()
    cache = RowCache(clock=lambda: now[0])
    assert [cache.get("q", table.read) for _ in range(3)] == [b"a"] * 3 and table.asked == 1
    table.rows = b"b"
    cache.changed()
    assert cache.get("q", table.read) == b"b" and table.asked == 2
    now[0] += MAX_AGE + 1
    cache.get("q", table.read)
    assert table.asked == 3 and cache.bytes == 2


def test_what_was_read_before_a_change_is_not_kept() -> None:
    """The change came while the table was read."""
    cache = RowCache()

    def read() -> bytes:
        cache.changed()
        return b"old"

    assert cache.get("q", read) == b"old"
    assert cache.get("q", lambda: b"new") == b"new"


def test_it_is_bounded() -> None:
    """The oldest go first, and what is too large is not kept."""
    cache = RowCache(max_bytes=100)
    for number in range(50):
        cache.get(f"{number:02}", lambda: bytes(18))
        assert cache.bytes <= 100
    asked: list[int] = []
    cache.get("49", lambda: asked.append(1) or b"")  # type: ignore[func-returns-value]
    assert not asked
    cache.get("00", lambda: asked.append(1) or b"")  # type: ignore[func-returns-value]
    assert asked
    large = RowCache()
    large.get("q", lambda: bytes(MAX_ENTRY + 1))
    assert large.bytes == 0
