"""Answers of Jaeger's older API: everything lies under `data`. Traces come encoded from native code."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.responses import Response

from nexus import _native
from nexus.errors import NexusError
from nexus.pipeline.http import retry_headers
from nexus.storage.trace_api import SpanRows

JSON = "application/json"


def structured(data: Any, total: int = 0, *, pretty: bool = False) -> Response:
    """An answer; `bytes` are JSON already. `pretty`: with line ends, for people."""
    encoded = data if isinstance(data, bytes) else msgspec.json.encode(data)
    body = b'{"data":%s,"total":%d,"limit":0,"offset":0,"errors":null}' % (encoded, total)
    return Response(msgspec.json.format(body, indent=4) if pretty else body, media_type=JSON)


def refuse(error: NexusError) -> Response:
    """An error as Jaeger has it."""
    headers = retry_headers(error)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    status = 400 if error.http_status == 422 else error.http_status
    body = {"data": None, "total": 0, "limit": 0, "offset": 0, "errors": [{"code": status, "msg": str(error)}]}
    return Response(msgspec.json.encode(body), status, headers, media_type=JSON)


async def traces(rows: SpanRows | None, *, pretty: bool = False) -> Response:
    """Traces."""
    if rows is None or not rows.data:
        return structured([], pretty=pretty)
    rendered = await asyncio.to_thread(_native.render_spans_jaeger, rows.data, rows.attributes)
    return structured(rendered, pretty=pretty)
