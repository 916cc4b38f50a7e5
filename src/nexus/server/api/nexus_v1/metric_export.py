"""Samples as a file: OpenMetrics lines with their times, streamed, which `nexus ingest` and promtool read. Native histograms
and exemplars have no form in it and are left out.
"""

from __future__ import annotations

import time
from typing import Final

from starlette.responses import Response

from nexus.model.time import NS_PER_SECOND
from nexus.query.plan import ReadSeries
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.api.prometheus.arguments import Arguments
from nexus.server.call import Call
from nexus.server.queries import checked_id
from nexus.server.recheck import access_ended
from nexus.server.routes import BASE, Parameter, Route
from nexus.server.stream import Download

MEDIA: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


async def export(call: Call) -> Response:
    """The samples of series."""
    scan = Arguments.of(call).scan(required=True)
    query_id = checked_id("")
    if call.scope["method"] == "HEAD":
        return Response(media_type=MEDIA)
    pieces = call.services.metrics.read(close_plan(call, ReadSeries(scan), query_id), "text")

    async def first_piece() -> bytes | None:
        return await anext(pieces, None)

    first = await ask(call, query_id, first_piece())
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(call.services.now_ns() // NS_PER_SECOND))
    return Download(
        first,
        pieces,
        lambda work: call.services.queries.run(call.tenant, query_id, work),
        query_id,
        lambda: access_ended(call, Permission.METRICS_READ),
        name=f"metrics-{call.tenant}-{stamp}.om",
        media_type=MEDIA,
    )


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
