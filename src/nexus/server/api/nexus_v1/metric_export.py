"""Samples as a file: OpenMetrics lines with their times, streamed, which `nexus ingest` and promtool read. Native histograms
and exemplars have no form in it and are left out.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from nexus.query.plan import ReadSeries
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.asking import close_plan
from nexus.server.api.nexus_v1.downloads import download
from nexus.server.api.prometheus.arguments import Arguments
from nexus.server.call import Call
from nexus.server.queries import checked_id
from nexus.server.routes import BASE, Parameter, Route

MEDIA: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


async def export(call: Call) -> Response:
    """The samples of series."""
    scan = Arguments.of(call).scan(required=True)
    query_id = checked_id("")
    if call.scope["method"] == "HEAD":
        return Response(media_type=MEDIA)
    pieces = call.services.metrics.read(close_plan(call, ReadSeries(scan), query_id), "text")
    return await download(call, pieces, query_id, Permission.METRICS_READ, what="metrics", ending="om", media_type=MEDIA)


ROUTES = (
    Route(
        "GET",
        f"{BASE}/metrics/export",
        Permission.METRICS_READ,
        export,
        "Download samples as OpenMetrics text",
        parameters=(
            Parameter("match[]", "Selector; may be repeated.", required=True),
            Parameter("start", "Unix seconds or RFC 3339."),
            Parameter("end", "Unix seconds or RFC 3339."),
        ),
        answer_media=("application/openmetrics-text",),
        audited="metrics.exported",
        audited_fields=("match[]", "start", "end"),
        tag="metrics",
    ),
)
