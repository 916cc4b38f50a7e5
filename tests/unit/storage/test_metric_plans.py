"""Pure parts of the metric store: pieces of a fetch, policies of retention."""

from __future__ import annotations

import itertools

import pytest

from nexus.query.plan import LabelMatcher
from nexus.storage.clickhouse.metrics import fetch
from nexus.storage.clickhouse.metrics.policies import (
    EVERYBODY,
    MetricPolicy,
    changed,
    completed,
    decode,
    encode,
    longest,
    longest_of,
    policy_of,
)

DAY = fetch.DAY_MS
ROLLUPS = ((300, 90), (3600, 0))
JOB = (LabelMatcher("job", "=", "api"),)


@pytest.mark.parametrize("size", [0, 1, fetch.PIECE_BYTES, 3 * fetch.PIECE_BYTES, 100 * fetch.PIECE_BYTES])
@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 10 * DAY), (3 * DAY, 4 * DAY - 1), (3 * DAY - 1, 4 * DAY)])
def test_pieces_cover_a_need_once(size: int, start: int, end: int) -> None:
    """Every ms of every part is in one piece."""
    want = fetch.Wanted("t", start, end, ("m",), b"")
    found = list(fetch.pieces(want, size))
    for part in range(found[0].part[1]):
        mine = sorted((piece.start, piece.end) for piece in found if piece.part[0] == part)
        assert mine[0][0] == start and mine[-1][1] == end
        assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(mine))
    assert {piece.part[1] for piece in found} == {found[0].part[1]}
    assert len(found) <= max(2 * size // fetch.PIECE_BYTES + 2, 1)


def test_needs_without_time_are_left_out() -> None:
    """Also those before 1970, of which nothing is stored."""
    needs = [(5, 4, ["a"], b"", 0), (-10, -1, ["a"], b"", 0), (-10, 5, ["a"], b"x" * 16, 300)]
    assert fetch.wanted("t", needs) == [fetch.Wanted("t", -10, 5, ("a",), b"x" * 16, 300)]
    assert fetch.wanted("t", needs)[0].days == (0, 0)
    assert fetch.Wanted("t", 0, 1 << 62, (), b"").days == (0, fetch.LAST_DAY)


def test_policies_are_remembered_as_they_are() -> None:
    """What was encoded comes back, and equal policies are equal texts."""
    wanted = {"shop": MetricPolicy(((JOB, 400, ((300, 500),)), ((), 7, ())), None, ROLLUPS), "like": MetricPolicy((), 30)}
    applied = completed(wanted, 30)
    assert set(applied) == {EVERYBODY, "shop"}
    assert policy_of(applied, "shop").days == 30 and policy_of(applied, "other") == MetricPolicy((), 30)
    assert decode(encode(applied)) == applied
    assert encode(applied) == encode(dict(reversed(list(applied.items()))))


@pytest.mark.parametrize(
    ("policy", "days"),
    [
        (MetricPolicy((), 30), 30),
        (MetricPolicy((), 0), 0),
        (MetricPolicy(((JOB, 400, ()),), 30, ROLLUPS), 400),
        (MetricPolicy(((JOB, 0, ()),), 30), 0),
    ],
)
def test_the_longest_time_of_a_tenant(policy: MetricPolicy, days: int) -> None:
    """It decides which samples are too old."""
    assert longest(policy) == days


def test_only_what_differs_is_changed() -> None:
    """A tenant that gets a policy, loses it, or falls back to another default."""
    before = completed({"a": MetricPolicy((), 5), "b": MetricPolicy((), 9)}, 30)
    assert changed(before, before) == []
    assert changed(before, completed({"a": MetricPolicy((), 5)}, 30)) == ["b"]
    assert changed(before, completed({"a": MetricPolicy((), 5), "b": MetricPolicy((), 9)}, 31)) == [EVERYBODY]
    assert changed(before, completed({"a": MetricPolicy((), 5), "c": MetricPolicy((), 1)}, 30)) == ["b", "c"]


def test_policies_of_before_there_were_rollups_are_read() -> None:
    """What is remembered of an earlier version."""
    text = (
        '{"*":{"days":30,"rules":[]},"t":{"days":7,"rules":[{"matchers":[{"name":"job","op":"=","value":"api"}],"days":9}]}}'
    )
    assert decode(text) == {EVERYBODY: MetricPolicy((), 30), "t": MetricPolicy(((JOB, 9, ()),), 7)}


def test_what_decides_of_which_series_there_are_rollups() -> None:
    """Days do not."""
    policy = MetricPolicy(((JOB, 400, ()),), 30, ROLLUPS)
    assert policy.tiers == (300, 3600) and MetricPolicy(((JOB, 1, ((300, 2),)),)).tiers == (300,)
    assert policy.shape == MetricPolicy(((JOB, 4, ()),), 3, ((300, 1), (3600, 2))).shape
    assert policy.shape != MetricPolicy(((JOB, 400, ROLLUPS),), 30, ROLLUPS).shape
    assert longest_of((30, ROLLUPS)) == 0 and longest_of((30, ROLLUPS[:1])) == 90 and longest_of((0, ())) == 0
