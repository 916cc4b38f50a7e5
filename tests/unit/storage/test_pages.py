"""Pages and slices, against a slow twin over lists: the engine is played by a function that understands the statements'
meaning, so that what is tested is the driving, not the SQL."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.query.plan import Cursor, LogScan, Search, TimeRange
from nexus.query.policy import scope
from nexus.storage.clickhouse.catalog import Catalog, Partition
from nexus.storage.clickhouse.records import ALL_OF_TIMESTAMP, Line, PageBuilder
from nexus.storage.clickhouse.slices import HOUR, slices, windows

DAY = 24 * HOUR


def catalog_of(times: list[int]) -> Catalog:
    """Partitions as the engine would report them."""
    days = sorted({time // DAY for time in times})
    return Catalog(
        partitions=tuple(
            Partition(
                str(day),
                min(t for t in times if t // DAY == day),
                max(t for t in times if t // DAY == day),
                sum(t // DAY == day for t in times),
            )
            for day in days
        )
    )


def answer(builder: PageBuilder, lines: list[Line]) -> list[Line]:
    """What the engine would answer to the builder's pending statement."""
    missing = builder.plan.limit - len(builder.lines)
    if (tie := builder._tie) is not None:
        group = sorted(
            (line for line in lines if line.timestamp == tie.timestamp and line.hash >= tie.hash), key=lambda x: x.hash
        )
        return group[tie.skip : tie.skip + missing + 1]
    window = builder._windows[0]
    inside = [
        line
        for line in lines
        if (window.start is None or line.timestamp >= window.start) and (window.end is None or line.timestamp < window.end)
    ]
    inside.sort(key=lambda line: line.timestamp, reverse=builder.plan.order == "desc")
    return inside[: missing + 1]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=60),
    st.integers(1, 9),
    st.sampled_from(["desc", "asc"]),
)
def test_pages_hold_each_record_once_and_in_order(records: list[tuple[int, int]], limit: int, order: str) -> None:
    """Whatever ties there are, following the cursors yields every record exactly once."""
    lines = [Line(time * HOUR // 2, hash_, b"{}") for time, hash_ in records]
    catalog = catalog_of([line.timestamp for line in lines])
    got: list[Line] = []
    cursor: Cursor | None = None
    for _ in range(200):
        plan = Search(LogScan(), order, limit, cursor)  # type: ignore[arg-type]
        builder = PageBuilder(scope(plan, tenant="t", query_id="q"), plan, catalog)
        while builder.statement() is not None:
            builder.feed(answer(builder, lines))
        assert len(builder.lines) <= limit
        got += builder.lines
        if (cursor := builder.next_cursor) is None:
            break
    sign = -1 if order == "desc" else 1
    assert got == sorted(lines, key=lambda line: (sign * line.timestamp, line.hash))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 3 * DAY), min_size=1, max_size=50),
    st.none() | st.integers(-5, 3 * DAY + 5),
    st.none() | st.integers(-5, 3 * DAY + 5),
)
def test_slices_are_disjoint_and_complete(times: list[int], start: int | None, end: int | None) -> None:
    """Evaluated over the records, exactly one slice holds each record of the range, none any other."""
    catalog = catalog_of(times)
    found = slices(TimeRange(start, end), catalog)
    for time in times:
        inside = (start is None or time >= start) and (end is None or time < end)
        held = sum(all(holds(condition, time) for condition in part.conditions) for part in found)
        assert held == inside, (time, found)


def holds(condition: str, time: int) -> bool:
    """Evaluate one of the conditions that slices consist of."""
    field, operator, value = condition.split(" ", 2)
    if field == "_partition_id":
        return f"'{time // DAY}'" in value
    actual = time // HOUR if field == "hour" else time
    wanted = int(value.removeprefix("fromUnixTimestamp64Nano(").split(",")[0])
    return {">=": actual >= wanted, "<": actual < wanted, "=": actual == wanted}[operator]


def test_windows_cover_the_range_once() -> None:
    """The windows of a search follow one another without gap or overlap, newest first or oldest first."""
    catalog = Catalog(partitions=(Partition("0", 5, DAY - 1, 9_000_000), Partition("1", DAY, 2 * DAY - 1, 9_000_000)))
    newest = windows(TimeRange(), catalog, "desc")
    assert len(newest) == 2 and newest[0].start == newest[1].end
    assert (newest[1].start, newest[0].end) == (5, 2 * DAY)
    oldest = windows(TimeRange(), catalog, "asc")
    assert len(oldest) == 2 and oldest[0].end == oldest[1].start
    assert (oldest[0].start, oldest[1].end) == (5, 2 * DAY)


def test_a_cursor_at_the_end_of_a_timestamp_does_not_read_it_again() -> None:
    """The next page of a page that ended with a whole timestamp begins below it."""
    catalog = Catalog(partitions=(Partition("0", 0, DAY - 1, 10),))
    plan = Search(LogScan(), "desc", 10, Cursor(HOUR, 3, ALL_OF_TIMESTAMP))
    builder = PageBuilder(scope(plan, tenant="t", query_id="q"), plan, catalog)
    assert builder._tie is None
    assert "hour < 1" in (builder.statement() or "")
