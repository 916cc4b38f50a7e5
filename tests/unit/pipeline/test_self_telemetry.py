"""Own logs and metrics on their way into the tenant `_nexus`."""

from __future__ import annotations

import logging
import sys
from typing import Any

from tests.unit.pipeline.memory import Bench
from tests.unit.pipeline.metric_memory import MetricBench

from nexus.errors import DiskFull
from nexus.pipeline.self_telemetry import MAX_WAITING, SelfTelemetry, log_record


def record(
    message: str, *args: object, name: str = "nexus.test", level: int = logging.WARNING, **extra: object
) -> logging.LogRecord:
    made = logging.LogRecord(name, level, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def own(bench: Bench, pipeline: Any = None) -> SelfTelemetry:
    return SelfTelemetry(bench.topology, pipeline, bench.registry, {"service.name": "nexus"}, "here")


async def test_log_records_arrive(bench: Bench) -> None:
    telemetry = own(bench)
    telemetry.take(record("stored %d", 3, fields={"tenant": "a", "n": 1, "ok": True, "f": 1.5, "o": object()}))
    telemetry.take(record("request", name="nexus.access"))
    await telemetry.stop()
    ((tenant, batch),) = bench.store.batches
    assert (tenant, batch.num_rows) == ("_nexus", 1)
    assert batch.services()[0][0] == "nexus"


def test_exceptions_become_attributes() -> None:
    made = record("failed")
    try:
        raise ValueError("boom")
    except ValueError:
        made.exc_info = sys.exc_info()
    names = {attribute["key"]: attribute["value"] for attribute in log_record(made)["attributes"]}
    assert names["exception.type"] == {"stringValue": "ValueError"}
    assert "boom" in names["exception.stacktrace"]["stringValue"]


async def test_metrics_are_stored_as_a_scrape_finds_them(bench: Bench, metrics: MetricBench) -> None:
    telemetry = own(bench, metrics.pipeline)
    bench.registry.counter("seen_total", "Seen.", "path").add(3, "/")
    bench.registry.histogram("took_seconds", "Took.", buckets=(1.0,)).observe(0.5)
    bench.registry.derived("logins", "counter", "Logins.").merge("shop", "counter", (), [([("user", "u")], 2, 2.0, 1.0, [])])
    await telemetry.send_metrics()
    values = metrics.store.values("_nexus")
    assert values["seen_total{instance=here,job=nexus,path=/}"] == [3.0]
    assert values["took_seconds_bucket{instance=here,job=nexus,le=1.0}"] == [1.0]
    # What pipelines derive belongs to the tenant of the records.
    assert metrics.store.values("shop") == {"nexus_derived_logins{instance=here,job=nexus,user=u}": [2.0]}
    bench.registry.forget_tenant("shop")
    assert bench.registry.render_derived() == {}


async def test_the_queue_is_bounded_and_drops_are_counted(bench: Bench) -> None:
    telemetry = own(bench)
    for number in range(MAX_WAITING + 5):
        telemetry.take(record("line %d", number))
    assert 'nexus_self_telemetry_dropped_total{reason="queue_full"} 5' in bench.registry.render().decode()


async def test_a_store_that_fails_is_no_storm(bench: Bench) -> None:
    telemetry = own(bench)
    telemetry.take(record("line"))
    bench.store.failure = DiskFull("no room.")
    await telemetry.stop()
    assert bench.store.batches == []


def test_a_record_that_cannot_be_written_is_counted(bench: Bench) -> None:
    own(bench).take(record("line", "an argument too many"))
    assert 'nexus_self_telemetry_dropped_total{reason="unreadable"} 1' in bench.registry.render().decode()
