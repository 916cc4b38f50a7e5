"""Nexus watches itself: its own log records and metrics go through its own pipelines into the tenant `_nexus`.

Log records wait in a bounded queue; what does not fit is dropped and counted. Every 15 s the metrics are stored as a scrape
of `/metrics` would find them (`job="nexus"`), and what pipelines derive from the records of a tenant as metrics of that
tenant. Nothing feeds on itself: records of this module are not taken, and after a failure the next attempt waits longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import msgspec

from nexus.errors import NexusError, TenantDeleted
from nexus.model.tenant import SELF_TENANT
from nexus.pipeline.decode import native_module
from nexus.pipeline.metrics import MetricPipeline
from nexus.pipeline.topology import Delivery, Topology
from nexus.telemetry import Registry

RECEIVER: Final = "self"
MAX_WAITING: Final = 10_000
MAX_TEXT: Final = 16_384
METRICS_INTERVAL: Final = 15.0
LOGS_INTERVAL: Final = 2.0
LONGEST_PAUSE: Final = 60.0

_SEVERITIES: Final = ((logging.CRITICAL, 21), (logging.ERROR, 17), (logging.WARNING, 13), (logging.INFO, 9),
                      (logging.DEBUG, 5), (0, 1))  # fmt: skip

log = logging.getLogger(__name__)


class SelfTelemetry:
    """Collects and sends. `take` may be called from any thread, the rest belongs to the event loop."""

    def __init__(
        self, topology: Topology, metrics: MetricPipeline, registry: Registry, resource: dict[str, str], instance: str
    ) -> None:
        """`resource` describes this process: `service.name`, `service.version`, `service.instance.id`; `instance` is the
        label of its metrics."""
        self._topology = topology
        self._metrics = metrics
        self._instance = instance
        self._registry = registry
        self._resource = resource
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MAX_WAITING)
        self._dropped = registry.counter("nexus_self_telemetry_dropped_total", "Own records that were not stored.", "reason")
        self._task: asyncio.Task[None] | None = None

    def take(self, record: logging.LogRecord) -> None:
        """Queue a log record: the sink of `nexus.telemetry.Logging`. Neither blocks nor raises."""
        if record.name in (__name__, "nexus.access"):
            return
        if len(self._waiting) >= MAX_WAITING:
            self._dropped.add(1, "queue_full")
        try:
            self._waiting.append(log_record(record))
        except Exception:
            # A wrong format string of whoever logs must not raise in their place.
            self._dropped.add(1, "unreadable")

    def start(self) -> None:
        """Send in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send what waits, once, and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(NexusError):
            await self._send(self._taken())

    async def _run(self) -> None:
        pause = LOGS_INTERVAL
        next_metrics = time.monotonic()
        while True:
            await asyncio.sleep(pause)
            records = self._taken()
            try:
                await self._send(records)
                records = []
                if time.monotonic() >= next_metrics:
                    next_metrics = time.monotonic() + METRICS_INTERVAL
                    await self.send_metrics()
                pause = LOGS_INTERVAL
            except NexusError as error:
                self._dropped.add(max(1, len(records)), error.code)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception:
                self._dropped.add(max(1, len(records)), "internal")
                log.exception("own telemetry could not be stored")
                pause = LONGEST_PAUSE

    def _taken(self) -> list[dict[str, Any]]:
        taken: list[dict[str, Any]] = []
        with contextlib.suppress(IndexError):
            while len(taken) < MAX_WAITING:
                taken.append(self._waiting.popleft())
        return taken

    async def send_metrics(self) -> None:
        """Store the metrics of now. Raises `NexusError`."""
        own = [("job", "nexus"), ("instance", self._instance)]
        await self._store(SELF_TENANT, self._registry.render(derived=False), own)
        for tenant, text in self._registry.render_derived().items():
            with contextlib.suppress(TenantDeleted):
                await self._store(tenant, text, own)

    async def _store(self, tenant: str, text: bytes, labels: list[tuple[str, str]]) -> None:
        decoder = partial(native_module().decode_exposition, now_ms=time.time_ns() // 1_000_000, labels=labels, lenient=True)
        await self._metrics.deliver(Delivery(RECEIVER, tenant, text), decoder)

    async def _send(self, records: list[dict[str, Any]]) -> None:
        if not records:
            return
        body = export_request(records, self._resource)
        decoder = partial(native_module().decode_otlp_logs_json, now_ns=time.time_ns())
        await self._topology.deliver(Delivery(RECEIVER, SELF_TENANT, body), decoder, lambda _: b"")


def export_request(records: list[dict[str, Any]], resource: dict[str, str]) -> bytes:
    """An OTLP/JSON request of these log records."""
    return msgspec.json.encode(
        {
            "resourceLogs": [
                {
                    "resource": {"attributes": _attributes(resource.items())},
                    "scopeLogs": [{"scope": {"name": "nexus"}, "logRecords": records}],
                }
            ]
        }
    )


def log_record(record: logging.LogRecord) -> dict[str, Any]:
    """A record of the standard library's logging as an OTLP/JSON log record."""
    fields = dict(getattr(record, "fields", None) or {})
    fields["logger.name"] = record.name
    if record.exc_info and record.exc_info[0] is not None:
        fields["exception.type"] = record.exc_info[0].__name__
        fields["exception.message"] = str(record.exc_info[1])
        fields["exception.stacktrace"] = logging.Formatter().formatException(record.exc_info)
    number = next(severity for level, severity in _SEVERITIES if record.levelno >= level)
    return {
        "timeUnixNano": str(int(record.created * 1e6) * 1000),
        "severityNumber": number,
        "severityText": record.levelname,
        "body": {"stringValue": record.getMessage()[:MAX_TEXT]},
        "attributes": _attributes(fields.items()),
    }


def _attributes(pairs: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in pairs]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": str(value)[:MAX_TEXT]}
