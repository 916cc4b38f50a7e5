"""Every intrinsic of whole traces is known as one, in the plan and in the store."""

from __future__ import annotations

from nexus.query.span_policy import OF_TRACES
from nexus.query.trace_plan import INTRINSICS
from nexus.storage.clickhouse.traces.ways import COLUMNS_OF_TRACES


def test_intrinsics_of_traces() -> None:
    """The same names."""
    assert set(COLUMNS_OF_TRACES) == OF_TRACES <= set(INTRINSICS)
