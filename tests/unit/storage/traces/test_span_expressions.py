"""Random expressions over random spans: the engine finds the spans that the slow oracle finds."""

from __future__ import annotations

import pytest
from tests.oracles.spans import class_of
from tests.strategies.span_expressions import Maker
from tests.unit.storage.traces.conftest import Filled

from nexus.query.trace_plan import SpanCount, SpanScan
from nexus.storage.clickhouse.traces import durations


@pytest.mark.parametrize("seed", range(12))
async def test_conditions(filled: Filled, seed: int) -> None:
    """As many spans of as many traces meet a condition as the oracle says."""
    maker = Maker(seed, filled.spans)
    for _ in range(25):
        where = maker.condition()
        expected = filled.oracle.matching(where)
        table = await filled.store.traces.table(filled.scoped(SpanCount(SpanScan(where=where))))
        assert table.rows == [[len(expected), len({span.trace_id for span in expected})]], (where, table.statistics.sql)


def test_classes_of_durations() -> None:
    """Classes hold the durations that their bounds say, in order."""
    samples = [n for power in range(64) for n in ((1 << power) - 1, 1 << power, (1 << power) + (1 << power) // 4)]
    for sample in sorted(samples):
        number = durations.class_of(sample)
        low, high = durations.bounds_of(number)
        assert low <= sample < high
        if sample < 10**9:
            assert number == class_of(sample)
    assert [durations.class_of(n) for n in range(9)] == [0, 1, 5, 7, 9, 10, 11, 12, 13]
    assert [durations.bounds_of(n)[0] for n in range(256)] == sorted(durations.bounds_of(n)[0] for n in range(256))
