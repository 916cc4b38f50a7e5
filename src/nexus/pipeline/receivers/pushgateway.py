"""Pushgateway: batch jobs push their last values to `/metrics/job/<job>{/<label>/<value>}`, where they stay."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Final

from nexus.errors import InvalidRequest, NexusError
from nexus.pipeline.decode import native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.intake import MetricIntake
from nexus.pipeline.push_groups import exposed_labels, grouping_key
from nexus.pipeline.topology import Delivery
from nexus.security.permissions import Permission

TEXT: Final = "text/plain; charset=utf-8"
_PATHS: Final = ("/metrics/job/{+labels}", "/metrics/job@base64/{+labels}")
_MEDIA: Final = ("text/plain", "application/openmetrics-text", "application/vnd.google.protobuf")
_SUMMARIES: Final = {
    "PUT": "Push the metrics of a job in place of its last ones, as to a Pushgateway",
    "POST": "Push metrics of a job in place of those with their names, as to a Pushgateway",
    "DELETE": "Delete the metrics of a job",
}
MAX_MESSAGE: Final = 4000


class Pushgateway:
    """Receiver of pushes."""

    name = "pushgateway"
    endpoints = tuple(
        Endpoint(path, summary, _MEDIA, path == _PATHS[0], method=method, permission=Permission.METRICS_WRITE)
        for path in _PATHS
        for method, summary in _SUMMARIES.items()
    )

    def __init__(self, metrics: MetricIntake) -> None:
        """Keep groups there."""
        self._metrics = metrics

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """200 when a push is kept and visible, 202 when a group is deleted."""
        key = tuple(grouping_key(request.path.removeprefix("/metrics/")))
        groups = self._metrics.groups
        if request.method == "DELETE":
            await groups.delete(delivery.tenant, key)
            return Reply(202, b"", TEXT)
        decoded = await self._metrics.pipeline.decode(delivery, _decoder(request, key))
        if decoded.rejected:
            number, message = decoded.errors[0]
            raise InvalidRequest(f"the push is not taken: {number}: {message}.")
        if delivery.meter is not None and decoded.batch.num_samples:
            delivery.meter(decoded.batch.num_samples)
        outcome = await groups.push(delivery.tenant, key, decoded.batch, replace=request.method == "PUT")
        if outcome.refused:
            return Reply(400, f"{outcome.message[:MAX_MESSAGE]}\n".encode(), TEXT)
        return Reply(200, b"", TEXT)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """A line of text."""
        return Reply(error.http_status, f"{error}\n".encode(), TEXT, retry_headers(error))


def _decoder(request: Request, key: tuple[tuple[str, str], ...]) -> Any:
    return partial(
        native_module().decode_exposition,
        now_ms=time.time_ns() // 1_000_000,
        content_type=request.headers.get("content-type", "text/plain"),
        labels=exposed_labels(key),
        refuse_timestamps=True,
        optional_eof=True,
    )
