"""Prometheus' text format, OpenMetrics and delimited protobuf as the body of a request; samples may have their own times."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from nexus.errors import InvalidRequest, NexusError
from nexus.pipeline.decode import native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.intake import MetricIntake
from nexus.pipeline.metrics import raise_if_retryable
from nexus.pipeline.push_groups import grouping_key
from nexus.pipeline.topology import Delivery
from nexus.security.permissions import Permission

TEXT: Final = "text/plain; charset=utf-8"
_PATHS: Final = ("/api/v1/import/prometheus", "/prometheus/api/v1/import/prometheus")
_GROUPED: Final = tuple(f"{_PATHS[0]}/metrics/job{form}/{{+labels}}" for form in ("", "@base64"))
_MEDIA: Final = ("text/plain", "application/openmetrics-text", "application/vnd.google.protobuf")
_PARAMETERS: Final = (
    ("extra_label", "A label to set on every series, name=value; may come several times."),
    ("timestamp", "Time of samples that have none, in ms since the epoch."),
)
MAX_MESSAGE: Final = 4000


class PrometheusImport:
    """Receiver of expositions."""

    name = "prometheus_import"
    endpoints = (
        Endpoint(_PATHS[0], "Send samples in Prometheus' text format", _MEDIA, True, _PARAMETERS,
                 permission=Permission.METRICS_WRITE),
        *(
            Endpoint(path, "Send samples in Prometheus' text format, at a path that others use", _MEDIA, False,
                     _PARAMETERS, permission=Permission.METRICS_WRITE)
            for path in (_PATHS[1], *_GROUPED)
        ),
    )  # fmt: skip

    def __init__(self, metrics: MetricIntake) -> None:
        """Deliver into this pipeline."""
        self._metrics = metrics

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the samples: 204 when all are, else 400 with the reasons."""
        decoder = partial(
            native_module().decode_exposition,
            now_ms=_timestamp(request),
            content_type=request.headers.get("content-type", "text/plain"),
            labels=[*_grouped(request), *_extra_labels(request)],
            lenient=True,
            optional_eof=True,
        )
        outcome = await self._metrics.pipeline.deliver(delivery, decoder)
        raise_if_retryable(outcome)
        if outcome.refused:
            return Reply(400, f"{outcome.message[:MAX_MESSAGE]}; {outcome.receipt.samples} stored\n".encode(), TEXT)
        return Reply(204, b"", TEXT)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """A line of text."""
        return Reply(error.http_status, f"{error}\n".encode(), TEXT, retry_headers(error))


def _timestamp(request: Request) -> int:
    given = next((value for name, value in request.query if name == "timestamp"), "")
    if not given:
        return time.time_ns() // 1_000_000
    digits = given.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        raise InvalidRequest(f"timestamp is a number of milliseconds, not {given[:40]!r}.")
    return int(given)


def _extra_labels(request: Request) -> list[tuple[str, str]]:
    labels = []
    for argument, text in request.query:
        if argument == "extra_label":
            name, equals, value = text.partition("=")
            if not equals or not name:
                raise InvalidRequest(f"extra_label is {text[:60]!r}.", hint="Write extra_label=name=value.")
            labels.append((name, value))
    return labels


def _grouped(request: Request) -> list[tuple[str, str]]:
    if "labels" not in request.parameters:
        return []
    return grouping_key(request.path.removeprefix(f"{_PATHS[0]}/metrics/"))
