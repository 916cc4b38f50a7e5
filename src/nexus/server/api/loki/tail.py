"""`/loki/api/v1/tail`: entries as they come, over a WebSocket.

The store is asked again and again for what has become visible behind the last entry sent; `delay_for` seconds are left for
late ones. What a slow client or a flood does not let through is not held back without bound: at most `limit` entries go
out at a time, and the times of the others are told in `dropped_entries`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from nexus.errors import InvalidRequest, NexusError
from nexus.model.time import NS_PER_HOUR, NS_PER_SECOND
from nexus.query.logql import parse
from nexus.query.logql.ast import LogQuery
from nexus.query.plan import Plan, TimeRange
from nexus.server.api.loki.arguments import DEFAULT_LIMIT, Arguments
from nexus.server.api.loki.engine import Engine
from nexus.server.api.nexus_v1.asking import close_plan
from nexus.server.call import Call
from nexus.server.queries import checked_id
from nexus.storage.api import RawRows

POLL_SECONDS: Final = 0.5
MAX_DELAY: Final = 5
MAX_LIMIT: Final = 5000
SEND_SECONDS: Final = 30.0


async def tail(call: Call) -> Response:
    """Accept, then send frames until the client goes away."""
    arguments = Arguments.of(call)
    tree = parse(arguments.required("query"))
    if not isinstance(tree, LogQuery):
        raise InvalidRequest("tail takes a log query, not a metric query")
    delay = arguments.integer("delay_for", 0, least=0)
    if delay > MAX_DELAY:
        raise InvalidRequest(f"delay_for can't be greater than {MAX_DELAY}")
    limit = min(arguments.integer("limit", DEFAULT_LIMIT), MAX_LIMIT)
    start = arguments.time("start", max(arguments.now_ns - NS_PER_HOUR, 0))
    assert call.send is not None
    socket = WebSocket(call.scope, call.receive, call.send)
    await socket.accept()
    sending = asyncio.ensure_future(_send(call, socket, tree, start, delay * NS_PER_SECOND, limit))
    gone = asyncio.ensure_future(_gone(socket))
    try:
        await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and (error := sending.exception()) is not None and not gone.done():
            reason = error.message if isinstance(error, NexusError) else "the tail failed"
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(1011, reason[:120])
    finally:
        for task in (sending, gone):
            task.cancel()
        await asyncio.wait((sending, gone))
    return Response()


async def _send(call: Call, socket: WebSocket, tree: LogQuery, start: int, delay: int, limit: int) -> None:
    first = True
    while True:
        end = call.services.now_ns() - delay + 1
        if end > start:
            streams, dropped = await _page(call, tree, TimeRange(start, end), limit, forward=not first)
            if streams != b"[]" or dropped:
                frame = b'{"streams":%s,"dropped_entries":%s}' % (streams, msgspec.json.encode(dropped))
                async with asyncio.timeout(SEND_SECONDS):
                    await socket.send_text(frame.decode())
            start, first = end, False
        await asyncio.sleep(POLL_SECONDS)


async def _page(
    call: Call, tree: LogQuery, span: TimeRange, limit: int, *, forward: bool
) -> tuple[bytes, list[dict[str, Any]]]:
    """The entries of a span, encoded; those beyond the limit are counted, not shown."""
    query_id = checked_id("")

    async def run(plan: Plan) -> RawRows:
        return await call.services.store.raw(close_plan(call, plan, query_id))

    engine = Engine(run)
    work = engine.entries(tree, span, limit=limit, forward=forward)
    streams = await call.services.queries.run(call.tenant, query_id, work)
    left = max(engine.cost.passed - limit, 0)
    # The first page is history: what lies before it was not dropped.
    dropped = [{"labels": {}, "timestamp": str((span.end or 1) - 1)}] * min(left, 100) if forward else []
    return streams, dropped


async def _gone(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()
