"""Pieces of Loki's API: times and durations, and the windows that a range is read in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.errors import InvalidRequest
from nexus.server.api.loki.arguments import Arguments, duration_of, time_of
from nexus.server.api.loki.engine import LARGE_PAGE, MAX_ROWS, SMALL_PAGE, Windows, following
from nexus.server.api.loki.tail import _without

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1700000000", 1_700_000_000 * SECOND),
        ("4000000000", 4_000_000_000 * SECOND),
        ("1700000000000000000", 1_700_000_000 * SECOND),
        ("1700000000.5", 1_700_000_000 * SECOND + SECOND // 2),
        ("1.7e9", 1_700_000_000 * SECOND),
        ("2023-11-14T22:13:20Z", 1_700_000_000 * SECOND),
        ("2023-11-14T22:13:20.000000001Z", 1_700_000_000 * SECOND + 1),
    ],
)
def test_times(text: str, ns: int) -> None:
    """Seconds, fractions, ns and RFC 3339."""
    assert time_of(text, 0) == ns


@pytest.mark.parametrize("text", ["x", "-5", "99999999999999999999", "nan", "1e99", "2023-13-01T00:00:00Z"])
def test_bad_times(text: str) -> None:
    """What is no time is refused."""
    with pytest.raises(InvalidRequest):
        time_of(text, 0)


def test_durations_and_steps() -> None:
    """Units or seconds; at most 11,000 steps."""
    assert [duration_of(text, "step") for text in ("60", "1m", "1.5", "2000ms", "1h30m")] == [
        60 * SECOND, 60 * SECOND, 3 * SECOND // 2, 2 * SECOND, 5400 * SECOND,
    ]  # fmt: skip
    with pytest.raises(InvalidRequest):
        duration_of("5x", "step")
    arguments = Arguments((("step", "1"), ("end", "100000"), ("direction", "sideways"), ("limit", "-1")), 0)
    assert arguments.step(0, 11_000 * SECOND) == SECOND
    with pytest.raises(InvalidRequest, match="11,000 points"):
        arguments.step(0, 11_001 * SECOND)
    with pytest.raises(InvalidRequest, match="invalid direction"):
        arguments.forward()
    with pytest.raises(InvalidRequest, match="limit"):
        arguments.integer("limit", 100)
    assert Arguments((("since", "10m"), ("end", "1000")), 2000 * SECOND).range() == (400 * SECOND, 1000 * SECOND)
    with pytest.raises(InvalidRequest, match="end timestamp"):
        Arguments((("start", "10"), ("end", "5")), 0).range()


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 1000)), max_size=12),
    st.booleans(),
    st.lists(st.tuples(st.floats(1, 3000), st.booleans()), min_size=1, max_size=10),
)
@settings(max_examples=300, deadline=None)
def test_windows_cover_the_range_once(sizes: list[tuple[int, int]], forward: bool, asked: list[tuple[float, bool]]) -> None:
    """In order, without gaps or overlaps inside the buckets, even when windows are given back."""
    at, buckets = 0, []
    for width, count in sizes:
        buckets.append((at, at + width, float(count)))
        at += width
    windows = Windows(list(buckets), forward)
    seen: list[tuple[int, int]] = []
    turn = 0
    while True:
        rows, back = asked[min(turn, len(asked) - 1)]
        turn += 1
        window = windows.take(rows)
        if window is None:
            break
        start, end = window.start or 0, window.end or 0
        assert start < end
        if back and turn < len(asked) and end - start > 1:
            windows.give_back(window, rows * 2)
            continue
        seen.append((start, end))
    if not forward:
        seen.reverse()
    covered = 0
    for start, end in seen:
        assert start == covered
        covered = end
    assert covered == at


def test_windows_are_filled() -> None:
    """A window has about as many records as asked for, though buckets end elsewhere."""
    hours = [(at, at + 100, 70.0) for at in range(0, 1000, 100)]
    for forward in (True, False):
        windows = Windows(list(hours), forward)
        window = windows.take(100)
        assert window is not None
        assert (window.end or 0) - (window.start or 0) == pytest.approx(100 / 0.7, abs=1)


def test_windows_follow_what_is_wanted() -> None:
    """Growing by what is missing, never beyond the bound, shrinking after pages that are too large."""
    assert following(1000, 10, None) == 32_000
    assert following(1000, 10, 1e9) == 32_000
    assert following(1000, SMALL_PAGE // 2, None) == 4000
    assert following(1000, 10, 2.0) == 2400
    assert following(1000, 10, 0.1) == 1000
    assert following(1000, SMALL_PAGE, None) == 1000
    assert following(1000, LARGE_PAGE + 1, 100.0) == 500
    assert following(MAX_ROWS, 0, None) == MAX_ROWS


def test_what_was_sent_is_not_sent_again() -> None:
    """Time and line tell; another line of the same time is new."""
    streams = b'[{"stream":{"a":"1"},"values":[["5","old"],["5","new"]]},{"stream":{"a":"2"},"values":[["5","old"]]}]'
    assert _without(streams, {("5", "old")}) == b'[{"stream":{"a":"1"},"values":[["5","new"]]}]'
    assert _without(b"[]", set()) == b"[]"
