"""Is data arriving? For the first run, which waits for it."""

from __future__ import annotations

from starlette.responses import Response

from nexus.model.time import format_time
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import IngestStatus
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Route


async def status(call: Call) -> Response:
    """What came in for the tenant since the process started."""
    counted, rate = call.services.topology.statistics.of(call.tenant)
    samples, samples_rate = call.services.metric_pipeline.statistics.of(call.tenant)
    spans, spans_rate = call.services.trace_pipeline.statistics.of(call.tenant)
    if not call.access.unrestricted:
        # How much comes in, and when, tells of records that the caller may not see: only whether any has come.
        records, of_metrics, of_traces = (min(one.records, 1) for one in (counted, samples, spans))
        return json_response(IngestStatus(records, 0, 0.0, "", of_metrics, 0, 0.0, of_traces, 0, 0.0))
    last = format_time(int(counted.last_received * 1e6) * 1000) if counted.last_received else ""
    return json_response(
        IngestStatus(
            counted.records,
            counted.rejected,
            round(rate, 3),
            last,
            samples.records,
            samples.rejected,
            round(samples_rate, 3),
            spans.records,
            spans.rejected,
            round(spans_rate, 3),
        )
    )


ROUTES = (
    Route(
        "GET", f"{BASE}/ingest/status", Permission.LOGS_READ, status, "Is data arriving?", answer=IngestStatus, tag="ingest"
    ),
)
