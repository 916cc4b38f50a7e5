"""Derived metrics on their way to a store that is not always there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.pipeline.metric_memory import metric_bench

from nexus import _native
from nexus.errors import Overloaded
from nexus.pipeline.span_metrics import SpanMetrics, SpanMetricsOptions

NOW = 1_700_000_000_000_000_000
SECOND = 10**9


def spans(number: int) -> Any:
    """A batch of one server span."""
    span = {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "GET",
        "kind": 2,
        "startTimeUnixNano": str(NOW),
        "endTimeUnixNano": str(NOW + 1000),
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    return _native.decode_otlp_traces_json(json.dumps(body).encode(), now_ns=NOW).batch


async def test_what_is_not_stored_is_sent_again_first(tmp_path: Path) -> None:
    """A new series keeps the zero with which it begins; what is counted meanwhile follows."""
    bench = metric_bench(tmp_path)
    at = NOW
    metrics = SpanMetrics(bench.pipeline, SpanMetricsOptions(), bench.registry, lambda: at)
    metrics.observe("default", spans(1))
    bench.store.failure = Overloaded("full")
    await metrics.send()
    assert not bench.store.batches
    assert bench.counted("nexus_span_metrics_failures_total") == 1
    metrics.observe("default", spans(2))
    at += SECOND
    await metrics.send()
    (calls,) = (found for name, found in bench.store.values().items() if name.startswith("traces_spanmetrics_calls_total"))
    assert calls == [0, 1, 2]


async def test_a_stop_sends_what_waited(tmp_path: Path) -> None:
    """Both what failed before and what came after."""
    bench = metric_bench(tmp_path)
    metrics = SpanMetrics(bench.pipeline, SpanMetricsOptions(), bench.registry, lambda: NOW)
    metrics.observe("default", spans(1))
    bench.store.failure = Overloaded("full")
    await metrics.send()
    metrics.observe("default", spans(2))
    await metrics.stop()
    (calls,) = (found for name, found in bench.store.values().items() if name.startswith("traces_spanmetrics_calls_total"))
    assert calls[-1] == 2
