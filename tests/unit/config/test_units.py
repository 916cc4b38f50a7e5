"""Durations, sizes, times and tenant names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.errors import InvalidRequest
from nexus.model.tenant import parse_tenant
from nexus.model.time import MAX_TIME, NS_PER_SECOND, format_time, parse_time
from nexus.model.units import Duration, Size

NOW = 1_800_000_000 * NS_PER_SECOND


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 2_592_000),
        ("1h30m", 5400),
        ("90s", 90),
        ("250ms", 0.25),
        ("0", 0),
        (12, 12),
        ("2w", 1_209_600),
        ("1.5h", 5400),
    ],
)
def test_durations(text: str | int, seconds: float) -> None:
    assert Duration.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "-1d", "1 fortnight", "1d2", True, "1e9y"])
def test_durations_that_are_none(text: str | bool) -> None:
    with pytest.raises(ValueError, match="duration"):
        Duration.parse(text)


@given(st.integers(0, 10**9))
def test_durations_print_themselves(seconds: int) -> None:
    assert Duration.parse(str(Duration(seconds))) == seconds


def test_days_round_up() -> None:
    assert [Duration(seconds).days for seconds in (0, 1, 86400, 86401)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("text", "size"), [("64MiB", 64 << 20), ("64MB", 64_000_000), ("1.5k", 1536), ("10", 10), (7, 7), ("2 GiB", 2 << 30)]
)
def test_sizes(text: str | int, size: int) -> None:
    assert Size.parse(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1 stone", -1, 1.5, None])
def test_sizes_that_are_none(text: object) -> None:
    with pytest.raises(ValueError, match="size"):
        Size.parse(text)  # type: ignore[arg-type]


@given(st.integers(0, 1 << 50))
def test_sizes_print_themselves(size: int) -> None:
    assert Size.parse(str(Size(size))) == size


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        (1_700_000_000, 1_700_000_000 * NS_PER_SECOND),
        (1_700_000_000_123, 1_700_000_000_123_000_000),
        (1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        ("1700000000.25", 1_700_000_000_250_000_000),
        (1_700_000_000.5, 1_700_000_000_500_000_000),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-02", 86_400 * NS_PER_SECOND),
        ("2026-01-31T12:00:00.123456789+02:00", 1_769_853_600_123_456_789),
        ("2026-01-31 10:00:00,5", 1_769_853_600_500_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * NS_PER_SECOND),
        ("2262-04-11T23:47:16.854775807Z", MAX_TIME),
        ("now", NOW),
        ("now-15m", NOW - 900 * NS_PER_SECOND),
        ("now+1h30m", NOW + 5400 * NS_PER_SECOND),
        ("now-500w", NOW - 500 * 604_800 * NS_PER_SECOND),
        ("now-9999w", 0),
    ],
)
def test_times(value: str | int | float, ns: int) -> None:
    assert parse_time(value, now_ns=NOW) == ns


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "now-", "now-5", "2026-13-01", "2026-01-01T25:00:00Z", "NaN", "inf", float("nan"), -1, "1969-12-31",
     "2262-04-12T00:00:00Z", 10**20, "2026-01-01T00:00:61Z"],
)  # fmt: skip
def test_times_that_are_none(value: str | float) -> None:
    with pytest.raises(InvalidRequest):
        parse_time(value, now_ns=NOW)


@given(st.integers(0, MAX_TIME))
def test_times_print_themselves(ns: int) -> None:
    assert parse_time(format_time(ns), now_ns=0) == ns


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        assert 0 <= parse_time(text, now_ns=NOW) <= MAX_TIME
    except InvalidRequest as error:
        assert error.hint


@pytest.mark.parametrize("name", ["default", "_nexus", "a", "A.b-c_9", "x" * 64])
def test_tenant_names(name: str) -> None:
    assert parse_tenant(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "x" * 65, "ä", "a\n", "../x", "a\0"])
def test_tenant_names_that_are_none(name: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_tenant(name)
