"""When a commit starts and what it takes, without a clock and without an engine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.storage.api import Receipt
from nexus.storage.clickhouse.commit import CommitQueue, Pace, Waiting
from nexus.storage.clickhouse.options import WriterOptions

OPTIONS = WriterOptions(queue_bytes=1000, commit_rows=100, commit_bytes=500, target_rows=80, quiet_rows=20)


class NoFuture(asyncio.Future[Any]):
    """A future that belongs to no loop."""

    def __init__(self) -> None:
        pass

    def __del__(self) -> None:
        pass


def waiting(rows: int = 1, size: int = 10, arrived: float = 0.0) -> Waiting:
    """A batch on its way."""
    return Waiting("t", None, rows, size, (1,), arrived, NoFuture(), Receipt(rows))


def queue_of(*batches: Waiting) -> CommitQueue:
    """A queue that holds these."""
    queue = CommitQueue(OPTIONS)
    for one in batches:
        queue.put(one)
    return queue


def test_the_first_commit_after_a_pause_starts_at_once() -> None:
    """Whoever sends now and then does not wait."""
    pace = Pace(OPTIONS)
    assert pace.delay(queue_of(waiting()), 5.0) == 0
    pace.started(1, 5.0)
    assert pace.delay(queue_of(waiting()), 5.0 + OPTIONS.interval) == 0


def test_commits_keep_their_distance() -> None:
    """Small batches wait until the interval since the last start is over."""
    pace = Pace(OPTIONS)
    pace.started(1, 5.0)
    assert pace.delay(queue_of(waiting(arrived=5.03)), 5.03) == pytest.approx(OPTIONS.interval - 0.03)


def test_much_data_does_not_wait() -> None:
    """Enough rows or bytes start a commit whatever the distance."""
    pace = Pace(OPTIONS)
    pace.started(1, 5.0)
    assert pace.delay(queue_of(waiting(rows=80)), 5.0) == 0
    assert pace.delay(queue_of(waiting(size=500)), 5.0) == 0


def test_a_fast_stream_is_committed_less_often() -> None:
    """Many records a second make larger parts, up to the busy interval."""
    pace = Pace(OPTIONS)
    for second in range(20):
        pace.started(2 * int(OPTIONS.busy_rate), float(second))
    assert pace.rate > OPTIONS.busy_rate
    assert pace.delay(queue_of(waiting(arrived=19.01)), 19.01) == pytest.approx(OPTIONS.busy_interval - 0.01)


def test_when_nobody_else_comes_a_fair_amount_is_committed_early() -> None:
    """Senders that all wait for their answers would wait for nothing."""
    pace = Pace(OPTIONS)
    pace.started(1, 5.0)
    queue = queue_of(waiting(rows=20, arrived=5.01))
    assert pace.delay(queue, 5.015) == pytest.approx(OPTIONS.quiet - 0.005)
    assert pace.delay(queue, 5.01 + OPTIONS.quiet) == 0


def test_an_empty_queue_takes_a_batch_of_any_size() -> None:
    """Otherwise a batch above the bound could never be stored."""
    queue = queue_of()
    assert queue.room_for(5000)
    queue.put(waiting(size=5000))
    assert not queue.room_for(1)
    taken = queue.take()
    assert len(taken) == 1 and not queue.room_for(1), "what is being committed still counts"
    queue.done(taken)
    assert queue.room_for(1000)


@given(st.lists(st.tuples(st.integers(1, 150), st.integers(1, 600)), max_size=30))
def test_taking_keeps_order_bounds_and_sums(sizes: list[tuple[int, int]]) -> None:
    """Every batch is taken once, in order; a commit stays within its bounds unless it is a single batch."""
    batches = [waiting(rows, size) for rows, size in sizes]
    queue = queue_of(*batches)
    seen: list[Waiting] = []
    while taken := queue.take():
        assert len(taken) == 1 or sum(w.rows for w in taken) <= OPTIONS.commit_rows
        assert len(taken) == 1 or sum(w.size for w in taken) <= OPTIONS.commit_bytes
        seen += taken
        queue.done(taken)
    assert seen == batches
    assert (queue.rows, queue.size, queue.held) == (0, 0, 0)


def test_days_that_got_stored_are_not_stored_again() -> None:
    """After a half failed attempt only the rest is left, under the token as written down."""
    one = waiting()
    one.days = (1, 2, 3)
    one.keep_rest({2, 9})
    assert one.stored_days == (1, 3)
    one.keep_rest(set())
    assert one.stored_days == (1, 3)
