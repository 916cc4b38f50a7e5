"""Own logs and metrics on their way into the tenant `_nexus`."""

from __future__ import annotations

import logging
import sys

from tests.unit.pipeline.memory import Bench

from nexus import _native
from nexus.errors import DiskFull
from nexus.pipeline.self_telemetry import MAX_WAITING, SelfTelemetry, export_request, log_record, metric_records
from nexus.telemetry import Point


def record(
    message: str, *args: object, name: str = "nexus.test", level: int = logging.WARNING, **extra: object
) -> logging.LogRecord:
    made = logging.LogRecord(name, level, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def own(bench: Bench) -> SelfTelemetry:
    return SelfTelemetry(bench.topology, bench.registry, {"service.name": "nexus"})


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


def test_metrics_are_log_records_that_decode() -> None:
    points = [Point("a_total", "counter", {"tenant": "x"}, 3.0), Point("b", "gauge", {}, float("nan"))]
    body = export_request(metric_records(points, 1_700_000_000_000_000_000), {"service.name": "nexus"})
    decoded = _native.decode_otlp_logs_json(body, now_ns=1_700_000_000_000_000_000)
    assert decoded.accepted == 2, decoded.errors


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
