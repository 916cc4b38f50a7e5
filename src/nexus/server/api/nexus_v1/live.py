"""Live data: one WebSocket with any number of subscriptions to topics, `/api/nexus/v1/live`.

The client says `LiveRequest`s, the server `LiveMessage`s. A subscription is a feed of a topic, which holds a bounded number
of records; what a client is too slow for is dropped and counted. Messages are batched: one of a subscription each 100 ms,
or at once when much has come. What the client may see is looked at again every 15 s, and when it has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from nexus.errors import InvalidRequest, NexusError, NotFound
from nexus.pipeline.live import LiveRecord, Subscription, filter_of
from nexus.query.logs import parse
from nexus.query.plan import LogScan, Search
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.asking import close_plan, lowered
from nexus.server.api.nexus_v1.schema.explore import LiveMessage, LiveRequest
from nexus.server.call import Call, parse_payload
from nexus.server.errors import error_body
from nexus.server.queries import checked_id
from nexus.server.recheck import access_ended
from nexus.server.routes import BASE, WEBSOCKET, Parameter, Route

MAX_SUBSCRIPTIONS: Final = 20
"""Of one socket."""
MAX_ID: Final = 100
FRAME_SECONDS: Final = 0.1
FRAME_RECORDS: Final = 2000
FRAME_BYTES: Final = 1 << 20
OVERLAP_SECONDS: Final = 5.0
"""A record that the backlog has may be announced as new this long after."""

CLOSE_SECONDS: Final = 2.0
NO_CLOSE: Final = 1006

log = logging.getLogger(__name__)


class Feed(Protocol):
    """What a subscription gets, whatever its topic."""

    def take(self) -> tuple[list[bytes], int]:
        """Encoded records for one message, oldest first, and how many were dropped since the last one."""
        ...

    def full(self) -> bool:
        """Is there enough for a message at once?"""
        ...

    def close(self) -> None:
        """No more."""
        ...


Topic = Callable[[Call, LiveRequest, Callable[[], None]], Awaitable[Feed]]
"""Opens a feed: (call, request, what to call when there is something to take). Raises `NexusError`."""


# --------------------------------------------------------------------------------------------------------------- logs


class LogsFeed:
    """Records that match a query: first the backlog, then live ones."""

    def __init__(self, subscription: Subscription, backlog: list[bytes], now: Callable[[], float]) -> None:
        """`backlog` is oldest first; what of it is announced as new, too, is left out once."""
        self._subscription = subscription
        self._backlog = backlog
        self._known = Counter(_id_of(record) for record in backlog)
        self._now = now
        self._until = now() + OVERLAP_SECONDS

    def take(self) -> tuple[list[bytes], int]:
        """See `Feed`."""
        if self._backlog:
            backlog, self._backlog = self._backlog, []
            return backlog, 0
        while True:
            records, dropped = self._subscription.take(FRAME_RECORDS, FRAME_BYTES)
            fresh = [record.json for record in records if not (self._known and self._repeated(record))]
            if fresh or dropped or not records:
                return fresh, dropped

    def full(self) -> bool:
        """See `Feed`."""
        return len(self._subscription) >= FRAME_RECORDS or self._subscription.num_bytes >= FRAME_BYTES

    def close(self) -> None:
        """See `Feed`."""
        self._subscription.close()

    def _repeated(self, record: LiveRecord) -> bool:
        if self._now() > self._until:
            self._known.clear()
            return False
        if not self._known[record.id]:
            return False
        self._known[record.id] -= 1
        return True


async def logs(call: Call, wanted: LiveRequest, notify: Callable[[], None]) -> Feed:
    """Follow log records: subscribe, then search what is stored, so that nothing falls between the two."""
    services = call.services
    query_id = checked_id("")
    where = lowered(call, parse(wanted.query).root, services.now_ns())
    scoped = close_plan(call, Search(LogScan(where=where), limit=max(wanted.backlog, 1)), query_id, newest=True)
    try:
        filter = filter_of(scoped)
    except ValueError as error:
        raise InvalidRequest(f"the query cannot be followed: {error}.", hint="Make its expressions simpler.") from error
    subscription = services.live.subscribe(scoped.tenant, filter, rate=wanted.rate, notify=notify)
    try:
        stored: list[bytes] = []
        if wanted.backlog:
            page = await services.queries.run(call.tenant, query_id, services.store.search(scoped))
            stored = page.records[::-1]
    except BaseException:
        subscription.close()
        raise
    return LogsFeed(subscription, stored, asyncio.get_running_loop().time)


def _id_of(record: bytes) -> str:
    # Rendered records begin with their id.
    return record[len(b'{"id":"') : record.index(b'",')].decode()


TOPICS: Final[dict[str, Topic]] = {"logs": logs}


# -------------------------------------------------------------------------------------------------------- conversation


class Conversation:
    """One socket: reads requests, opens feeds, sends what they have."""

    def __init__(self, call: Call, socket: WebSocket) -> None:
        """The socket is accepted."""
        self._call = call
        self._socket = socket
        self._feeds: dict[str, Feed] = {}
        self._paused: set[str] = set()
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Until the client goes, its credentials end, or the process stops."""
        tasks = [asyncio.create_task(work) for work in (self._read(), self._write(), self._recheck())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks += self._opening.values()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for feed in self._feeds.values():
                feed.close()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                raise result

    # -------------------------------------------------------------------------------------------------------- requests

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            raw = message.get("text")
            raw = raw.encode() if raw is not None else message.get("bytes") or b""
            try:
                wanted = parse_payload(raw, LiveRequest)
                if len(wanted.id) > MAX_ID:
                    raise InvalidRequest(f"the id of a subscription has at most {MAX_ID} characters.")
            except NexusError as error:
                await self._say_error("", error)
                continue
            try:
                await self._do(wanted)
            except NexusError as error:
                await self._say_error(wanted.id, error)

    async def _do(self, wanted: LiveRequest) -> None:
        match wanted.type:
            case "subscribe":
                self._end(wanted.id)
                if len(self._feeds) + len(self._opening) >= MAX_SUBSCRIPTIONS:
                    raise InvalidRequest(f"a socket has at most {MAX_SUBSCRIPTIONS} subscriptions.", hint="End one first.")
                self._opening[wanted.id] = asyncio.create_task(self._open(wanted))
            case "unsubscribe":
                self._end(wanted.id)
                await self._say(LiveMessage("ended", wanted.id))
            case "pause":
                self._known(wanted.id)
                self._paused.add(wanted.id)
            case "resume":
                self._known(wanted.id)
                self._paused.discard(wanted.id)
                self._wake.set()

    def _known(self, id: str) -> None:
        if id not in self._feeds and id not in self._opening:
            raise NotFound(f"there is no subscription {id!r}.")

    def _end(self, id: str) -> None:
        if opening := self._opening.pop(id, None):
            opening.cancel()
        if feed := self._feeds.pop(id, None):
            feed.close()
        self._paused.discard(id)

    async def _open(self, wanted: LiveRequest) -> None:
        feed: Feed | None = None
        try:
            feed = await TOPICS[wanted.topic](self._call, wanted, self._wake.set)
            await self._say(LiveMessage("subscribed", wanted.id))
            self._feeds[wanted.id], feed = feed, None
            self._wake.set()
        except NexusError as error:
            await self._say_error(wanted.id, error)
        except WebSocketDisconnect:
            pass  # the reader hears of it, too
        except Exception:
            log.exception("a subscription failed")
            await self._say_error(wanted.id, NexusError("the subscription failed; the log of Nexus says why."))
        finally:
            if feed is not None:
                feed.close()
            if self._opening.get(wanted.id) is asyncio.current_task():
                del self._opening[wanted.id]

    # --------------------------------------------------------------------------------------------------------- answers

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = loop.time()
            for id, feed in list(self._feeds.items()):
                if id not in self._paused and self._feeds.get(id) is feed:
                    await self._send_frames(id, feed)
            # What comes in the meantime goes into one message, unless it is much.
            while (left := began + FRAME_SECONDS - loop.time()) > 0:
                if any(feed.full() for id, feed in self._feeds.items() if id not in self._paused):
                    self._wake.set()
                    break
                await asyncio.sleep(min(left, FRAME_SECONDS / 5))

    async def _send_frames(self, id: str, feed: Feed) -> None:
        while id not in self._paused and self._feeds.get(id) is feed:
            records, dropped = feed.take()
            if not records and not dropped:
                return
            text = b'{"type":"records","id":%s,"records":[%s],"dropped":%d}'
            await self._send(text % (msgspec.json.encode(id), b",".join(records), dropped))
            if not feed.full():
                self._wake.set()
                return

    async def _say(self, message: LiveMessage) -> None:
        await self._send(msgspec.json.encode(message))

    async def _say_error(self, id: str, error: NexusError) -> None:
        await self._say(LiveMessage("error", id, error=msgspec.to_builtins(error_body(error))))

    async def _send(self, text: bytes) -> None:
        # Waits while the client does not read: meanwhile feeds drop what they cannot hold.
        async with self._sending:
            try:
                await self._socket.send({"type": "websocket.send", "text": text.decode()})
            except RuntimeError as error:
                # One side has closed it.
                raise WebSocketDisconnect(NO_CLOSE) from error

    async def _recheck(self) -> None:
        code, reason = await access_ended(self._call, Permission.LOGS_READ)
        # What is announced from now on is not seen any more; a client that does not read is not told why.
        for feed in self._feeds.values():
            feed.close()
        self._feeds.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS), self._sending:
                await self._socket.close(code, reason)


async def live(call: Call) -> Response:
    """A WebSocket with subscriptions."""
    assert call.send is not None
    with call.services.sockets.entered(call.tenant):
        socket = WebSocket(call.scope, call.receive, call.send)
        await socket.accept()
        await Conversation(call, socket).run()
    return Response()


ROUTES = (
    Route(
        WEBSOCKET,
        f"{BASE}/live",
        Permission.LOGS_READ,
        live,
        "Live records",
        parameters=(Parameter("tenant", "Tenant, as browsers cannot send X-Scope-OrgID here"),),
        tag="logs",
    ),
)
