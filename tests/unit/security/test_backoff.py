"""Waiting after failures."""

from __future__ import annotations

from nexus.security.login.backoff import FORGET_AFTER, MAX_ENTRIES, Backoff


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(60.0)
    waits = []
    now = 0.0
    for _ in range(12):
        backoff.failed("a", now)
        waits.append(backoff.wait("a", now))
        now += waits[-1]
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert backoff.wait("b", now) == 0


def test_success_and_time_forget() -> None:
    backoff = Backoff(60.0)
    for _ in range(5):
        backoff.failed("a", 0.0)
        backoff.failed("b", 0.0)
    backoff.succeeded("a")
    assert backoff.wait("a", 0.0) == 0
    assert backoff.wait("b", 0.0) == 4
    assert backoff.wait("b", FORGET_AFTER + 1) == 0
    backoff.failed("b", FORGET_AFTER + 1)
    assert backoff.wait("b", FORGET_AFTER + 1) == 0


def test_the_table_is_bounded() -> None:
    backoff = Backoff(60.0)
    for number in range(MAX_ENTRIES + 10):
        backoff.failed(str(number), float(number))
    assert len(backoff) == MAX_ENTRIES
