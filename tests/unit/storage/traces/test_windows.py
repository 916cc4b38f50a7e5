"""The order in which a search reads time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexus.model.time import TimeRange
from nexus.storage.clickhouse.catalog import Catalog, Partition
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.traces.windows import headed, newest_first

DAY = 86_400_000_000_000
TIMES = st.integers(0, 4 * DAY)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Days with spans."""
    days = draw(st.lists(st.integers(0, 3), min_size=1, unique=True))
    partitions = []
    for day in sorted(days):
        first, last = sorted(draw(st.tuples(st.integers(0, DAY - 1), st.integers(0, DAY - 1))))
        partitions.append(Partition(str(day), day * DAY + first, day * DAY + last, draw(st.integers(1, 10**8))))
    return Catalog(partitions=tuple(partitions), table=SPANS)


@given(catalogs(), st.none() | TIMES, st.none() | TIMES, st.integers(1, 10**6))
def test_windows_are_the_range(catalog: Catalog, start: int | None, end: int | None, rows: int) -> None:
    """Consecutive, newest first, and all of what holds spans; cut heads or not."""
    time = TimeRange(start, end)
    plain = newest_first(time, catalog)
    windows = headed(plain, rows, catalog)
    assert bool(windows) == bool(plain)
    if not plain:
        return
    assert (windows[0].end, windows[-1].start) == (plain[0].end, plain[-1].start)
    assert [window.start for window in windows[:-1]] == [window.end for window in windows[1:]]
    assert all(window.start is not None and window.end is not None for window in windows)
    assert all((window.start or 0) < (window.end or 0) for window in windows)
    assert {window.start for window in plain} <= {window.start for window in windows}
