"""Durations and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.pipeline.scrape.values import Bytes, Span


@pytest.mark.parametrize(
    ("text", "milliseconds", "shown"),
    [("15s", 15_000, "15s"), ("1m30s", 90_000, "1m30s"), ("100ms", 100, "100ms"), ("90s", 90_000, "1m30s"), ("0", 0, "0s"),
     ("1d12h", 129_600_000, "1d12h"), ("90d", 90 * 86_400_000, "90d"), ("2w", 14 * 86_400_000, "2w"),
     ("1y", 365 * 86_400_000, "1y")],
)  # fmt: skip
def test_durations(text: str, milliseconds: int, shown: str) -> None:
    assert Span.parse(text) == milliseconds
    assert str(Span(milliseconds)) == shown


@given(st.integers(0, 9 * 10**12))
def test_durations_print_themselves(milliseconds: int) -> None:
    assert Span.parse(str(Span(milliseconds))) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "1s1m", "-1s", "1.5s", "1 s", "999999999y"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        Span.parse(text)


def test_sizes() -> None:
    assert [Bytes.parse(text) for text in ("0", "15MB", "1GiB", "1.5KB")] == [0, 15 << 20, 1 << 30, 1536]
    assert str(Bytes(15 << 20)) == "15MiB"
    for text in ("15", "x", "-1MB"):
        with pytest.raises(ValueError, match="size"):
            Bytes.parse(text)
