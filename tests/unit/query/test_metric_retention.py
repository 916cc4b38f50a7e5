"""The setting that holds a tenant's retention of metrics."""

from __future__ import annotations

import pytest

from nexus.errors import InvalidRequest, QuerySyntaxError
from nexus.query.metric_retention import (
    StoredPolicy,
    Window,
    check_rollups,
    dump_policy,
    load_policy,
    lower_rules,
    named,
)


def test_what_is_stored_comes_back() -> None:
    """Also what was stored before there were rollups; nothing is the empty text."""
    policy = StoredPolicy((('{job="api"}', 7, ()), ("{}", 0, ((300, 0),))), None, ((300, 90), (3600, 400)))
    assert load_policy(dump_policy(policy)) == policy
    assert dump_policy(StoredPolicy()) == "" and load_policy("") == load_policy(None) == StoredPolicy()
    old = '{"rules": [["{job=\\"api\\"}", 7]], "days": 9}'
    assert load_policy(old) == StoredPolicy((('{job="api"}', 7, ()),), 9)
    assert named(policy.rollups) == [("5m", 90), ("1h", 400)]


@pytest.mark.parametrize(
    ("days", "rollups", "wrong"),
    [
        (15, [("1h", 400), ("5m", 90)], ""),
        (15, [("1h", 15)], ""),
        (0, [("1h", 0)], ""),
        (15, [("5m", 0), ("1h", 0)], ""),
        (15, [("5m", 14)], "5m are kept for 14 days, less than the samples"),
        (0, [("5m", 14)], "less than the samples"),
        (15, [("5m", 90), ("1h", 89)], "1h are kept for 89 days, less than the rollups of 5m"),
        (15, [("5m", 0), ("1h", 400)], "less than the rollups of 5m"),
        (15, [("5m", 20), ("5m", 30)], "named twice"),
    ],
)
def test_longer_windows_are_kept_longer(days: int, rollups: list[tuple[Window, int]], wrong: str) -> None:
    """Otherwise what they are for would be gone before."""
    if wrong:
        with pytest.raises(InvalidRequest, match=wrong):
            check_rollups(days, rollups, "rule 1: ")
    else:
        assert named(check_rollups(days, rollups, "")) == sorted(rollups, key=lambda one: one[0], reverse=True)


def test_a_wrong_selector_is_named() -> None:
    """By the number of its rule."""
    with pytest.raises(QuerySyntaxError, match="rule 2: "):
        lower_rules([("{}", 1, ()), ("{job=", 1, ())])
