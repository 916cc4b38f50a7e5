"""`/loki/api/v1/tail`: entries as they come, over a WebSocket.

What is stored comes first, then what the hub of live records hands on after each commit, whatever its timestamp: native
code runs the pipeline over both. Buffers are bounded. What a slow client or a flood does not let through is dropped and told
in `dropped_entries`; `delay_for` seconds are left between frames for entries to come in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from nexus import _native
from nexus.errors import InvalidRequest, NexusError
from nexus.model.time import NS_PER_HOUR
from nexus.pipeline.live import Subscription, filter_of
from nexus.query.logql import parse
from nexus.query.logql.ast import LogQuery
from nexus.query.logql.lower import program, pushed, selector
from nexus.query.plan import And, LogScan, Plan, Search, TimeRange
from nexus.security.permissions import Permission
from nexus.server.api.loki.arguments import DEFAULT_LIMIT, Arguments
from nexus.server.api.loki.engine import Engine, compiled
from nexus.server.api.nexus_v1.asking import close_plan
from nexus.server.call import Call
from nexus.server.queries import checked_id
from nexus.server.recheck import access_ended
from nexus.storage.api import RawRows

FRAME_SECONDS: Final = 0.1
"""Least time between frames."""
MAX_DELAY: Final = 5
MAX_LIMIT: Final = 5000
MAX_TOLD: Final = 100
"""Entries of `dropped_entries` in one frame."""
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
    subscription = _subscribe(call, tree)
    try:
        assert call.send is not None
        socket = WebSocket(call.scope, call.receive, call.send)
        await socket.accept()
        await _converse(call, socket, _send(call, socket, tree, subscription, start, max(delay, FRAME_SECONDS), limit))
    finally:
        subscription.close()
    return Response()


def _subscribe(call: Call, tree: LogQuery) -> Subscription:
    where = And((selector(tree.matchers).where, pushed(tree).where))
    scoped = close_plan(call, Search(LogScan(where=where)), checked_id(""), newest=True)
    try:
        return call.services.live.subscribe(scoped.tenant, filter_of(scoped), rate=float(MAX_LIMIT))
    except ValueError as error:
        raise InvalidRequest(f"the query cannot be followed: {error}") from error


async def _converse(call: Call, socket: WebSocket, work: Any) -> None:
    """Run the sending until it fails, the client goes away, or what it may see changes."""
    sending = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(socket))
    ended = asyncio.ensure_future(access_ended(call, Permission.LOGS_READ))
    tasks: tuple[asyncio.Future[Any], ...] = (sending, gone, ended)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not gone.done():
            sending.cancel()
            code, reason = ended.result()
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
                async with asyncio.timeout(SEND_SECONDS):
                    await socket.close(code, reason)
        elif sending.done() and (error := sending.exception()) is not None and not gone.done():
            reason = error.message if isinstance(error, NexusError) else "the tail failed"
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(1011, reason[:120])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _send(
    call: Call, socket: WebSocket, tree: LogQuery, subscription: Subscription, start: int, pause: float, limit: int
) -> None:
    # What was handed on before this moment is stored and visible: the first page has it.
    subscription.take()
    stored = await _stored(call, tree, TimeRange(start, call.services.now_ns() + NS_PER_HOUR), limit)
    known = {(value[0], value[1]) for stream in json.loads(stored) for value in stream["values"]}
    await _frame(socket, stored, [])
    text, first = program(tree), True
    while True:
        await subscription.wait()
        await asyncio.sleep(pause)
        records, dropped = subscription.take(MAX_LIMIT)
        collector = _native.LogqlEntries(text, forward=True, limit=limit)
        await asyncio.to_thread(compiled, lambda taken=records, into=collector: into.feed_rendered([r.json for r in taken]))
        dropped += max(collector.totals[2] - limit, 0)
        streams = collector.encode()
        if first:
            # Records committed while the first page was read may be on it.
            streams, first = _without(streams, known), False
        at = str(records[-1].timestamp if records else call.services.now_ns())
        await _frame(socket, streams, [{"labels": {}, "timestamp": at}] * min(dropped, MAX_TOLD))


def _without(streams: bytes, known: set[tuple[str, str]]) -> bytes:
    """Encoded streams without entries (time and line) that were sent already."""
    kept = [
        {**stream, "values": [value for value in stream["values"] if (value[0], value[1]) not in known]}
        for stream in json.loads(streams)
    ]
    return msgspec.json.encode([stream for stream in kept if stream["values"]])


async def _frame(socket: WebSocket, streams: bytes, dropped: list[dict[str, Any]]) -> None:
    if streams == b"[]" and not dropped:
        return
    frame = b'{"streams":%s,"dropped_entries":%s}' % (streams, msgspec.json.encode(dropped))
    async with asyncio.timeout(SEND_SECONDS):
        await socket.send_text(frame.decode())


async def _stored(call: Call, tree: LogQuery, span: TimeRange, limit: int) -> bytes:
    """The newest entries of a span, encoded."""
    query_id = checked_id("")

    async def run(plan: Plan) -> RawRows:
        return await call.services.store.raw(close_plan(call, plan, query_id))

    work = Engine(run).entries(tree, span, limit=limit, forward=False)
    return await call.services.queries.run(call.tenant, query_id, work)


async def _gone(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()
