"""Scores of fields: what they are for distributions that are known, and that chance does not win."""

from __future__ import annotations

import random
from collections import Counter
from math import log2, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.query.compare import Counts, most_different, score


def counts(one: list[str], other: list[str]) -> Counts:
    """Of values, '' for none."""
    a, b = Counter(filter(None, one)), Counter(filter(None, other))
    return Counts({value: (a[value], b[value]) for value in a | b}, (a.total(), b.total()), len(a | b))


def test_shares_that_are_the_same_score_nothing() -> None:
    assert score(counts(["a"] * 500 + ["b"] * 500, ["a"] * 50 + ["b"] * 50), 1000, 100) == 0
    assert score(counts(["a"] * 10, ["a"] * 90), 10, 90) == 0
    assert score(counts([], []), 10, 10) == 0
    assert score(counts(["a"], []), 1, 0) == 0


def test_values_that_never_meet_score_one() -> None:
    assert score(counts(["a"] * 10_000, ["b"] * 10_000), 10_000, 10_000) == pytest.approx(1, abs=0.01)
    assert score(counts(["a"] * 10_000, [""] * 10_000), 10_000, 10_000) == pytest.approx(1, abs=0.01)


def test_the_distance_is_that_of_jensen_and_shannon() -> None:
    a, b = [9000, 1000], [5000, 5000]
    middle = [0.7, 0.3]
    divergence = sum((x / 1e4) * log2((x / 1e4) / m) / 2 for side in (a, b) for x, m in zip(side, middle))
    found = score(Counts({"x": (a[0], b[0]), "y": (a[1], b[1])}, (10_000, 10_000)), 10_000, 10_000)
    assert found == pytest.approx(sqrt(divergence), abs=0.001)


def test_fields_with_many_values_do_not_win_by_chance() -> None:
    source = random.Random(1)
    ids = counts([f"{source.random()}" for _ in range(2000)], [f"{source.random()}" for _ in range(2000)])
    users = counts(*([f"user-{source.randrange(300)}" for _ in range(2000)] for _ in range(2)))
    level = counts(["error"] * 300 + ["info"] * 1700, ["error"] * 200 + ["info"] * 1800)
    assert score(ids, 2000, 2000) == 0
    assert score(users, 2000, 2000) < score(level, 2000, 2000)


def test_being_there_tells_sides_apart_whatever_the_values() -> None:
    source = random.Random(2)
    some = counts([f"{source.random()}" for _ in range(1000)] + [""] * 1000, [""] * 2000)
    assert score(some, 2000, 2000) > 0.4


@given(
    st.dictionaries(st.text(max_size=3), st.tuples(st.integers(0, 1000), st.integers(0, 1000)), max_size=8),
    st.integers(0, 50),
)
def test_scores_are_distances(values: dict[str, tuple[int, int]], without: int) -> None:
    present = sum(a for a, _ in values.values()), sum(b for _, b in values.values())
    one = Counts(values, present)
    found = score(one, present[0] + without, present[1] + without)
    assert 0 <= found <= 1
    mirrored = Counts({value: (b, a) for value, (a, b) in values.items()}, (present[1], present[0]))
    assert score(mirrored, present[1] + without, present[0] + without) == pytest.approx(found)


def test_the_values_that_differ_most_come_first() -> None:
    held = Counts({"a": (50, 50), "b": (30, 0), "c": (0, 20), "d": (20, 30)}, (100, 100))
    assert [value for value, _, _ in most_different(held, 100, 100, 3)] == ["b", "c", "d"]


def test_samples_stand_for_all_without_rare_values() -> None:
    held = Counts({"a": (50, 10), "rare": (1, 3)}, (51, 13), 2)
    assert held.scaled(10.0, 1.0) == Counts({"a": (500, 10)}, (510, 13), 2)
