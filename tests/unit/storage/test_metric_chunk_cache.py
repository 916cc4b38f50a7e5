"""Chunks that were read lately: bounded, and never without something that the table has."""

from __future__ import annotations

import random
from dataclasses import dataclass

from nexus.storage.clickhouse.metrics.chunk_cache import ENTRY_BYTES, MAX_AGE, ChunkCache


@dataclass(frozen=True)
class Rows:
    """Numbers instead of chunks."""

    numbers: frozenset[int]
    weight: int = 10


def rows(*numbers: int, weight: int = 10) -> Rows:
    return Rows(frozenset(numbers), weight)


class Table:
    """Answers with what it holds, and counts."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.asked = 0

    def read(self) -> Rows:
        self.asked += 1
        return rows(*self.numbers)


def found(answer: list[Rows]) -> set[int]:
    return {number for one in answer for number in one.numbers}


def test_the_table_is_asked_once_until_it_changes() -> None:
    """Or until what is known is too old."""
    now, table = [0.0], Table()
    table.numbers = {1}
    cache: ChunkCache[Rows] = ChunkCache(10_000, clock=lambda: now[0])
    assert [found(cache.get("t", "q", table.read)) for _ in range(3)] == [{1}] * 3 and table.asked == 1
    table.numbers = {2}
    cache.changed()
    assert found(cache.get("t", "q", table.read)) == {2} and table.asked == 2
    now[0] += MAX_AGE + 1
    cache.get("t", "q", table.read)
    assert table.asked == 3
    assert (cache.statistics.hits, cache.statistics.misses) == (2, 3)


def test_what_was_read_before_a_change_is_not_kept() -> None:
    """The change came while the table was read."""
    cache: ChunkCache[Rows] = ChunkCache(10_000)

    def read() -> Rows:
        cache.changed()
        return rows(1)

    assert found(cache.get("t", "q", read)) == {1}
    assert found(cache.get("t", "q", lambda: rows(2))) == {2}


def test_what_the_table_grew_by_goes_with_the_answer() -> None:
    """Of the tenant alone, and also when it came while the table was read."""
    cache: ChunkCache[Rows] = ChunkCache(10_000)

    def read() -> Rows:
        cache.grown([("t", rows(2)), ("other", rows(9))])
        return rows(1)

    cache.get("t", "q", read)
    cache.grown([("t", rows(3))])
    cache.grown([("other", rows(8))])
    assert found(cache.get("t", "q", lambda: rows())) == {1, 2, 3}
    assert found(cache.get("other", "p", lambda: rows(7))) == {7}


def test_it_is_bounded() -> None:
    """The oldest go first, and what is too large is not kept; entries that would lack something are not used."""
    most = 20 * (ENTRY_BYTES + 12)
    cache: ChunkCache[Rows] = ChunkCache(most)
    table = Table()
    for number in range(50):
        cache.get("t", f"{number:02}", table.read)
        assert cache.bytes <= most
    cache.get("t", "49", table.read)
    assert table.asked == 50
    cache.get("t", "00", table.read)
    assert table.asked == 51
    for number in range(50):
        cache.grown([("t", rows(number))])
        assert cache.bytes <= most
    cache.get("t", "00", table.read)
    assert table.asked == 52
    cache.get("t", "large", lambda: rows(1, weight=most))
    cache.get("t", "large", table.read)
    assert table.asked == 53
    nothing: ChunkCache[Rows] = ChunkCache(0)
    for _ in range(2):
        nothing.grown([("t", rows(1))])
        nothing.get("t", "q", table.read)
    assert (table.asked, nothing.bytes) == (55, 0)


def test_an_answer_never_lacks_anything() -> None:
    """Whatever happens in whatever order."""
    dice = random.Random(3)
    for _ in range(200):
        now, table = [0.0], Table()
        cache: ChunkCache[Rows] = ChunkCache(dice.choice([0, 600, 2_000, 100_000]), clock=lambda now=now: now[0])  # type: ignore[misc]
        for number in range(60):
            match dice.randrange(4):
                case 0:
                    table.numbers.add(number)
                    cache.grown([("t", rows(number, weight=dice.randrange(300)))])
                case 1 if dice.random() < 0.2:
                    table.numbers.discard(dice.randrange(number + 1))
                    cache.changed()
                case _:
                    now[0] += dice.random() * 20
                    assert found(cache.get("t", f"q{dice.randrange(3)}", table.read)) == table.numbers
