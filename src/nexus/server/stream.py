"""A streamed answer: encoded records as they are found, cancelled when the client goes away, stops reading, or may not see
them any more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import NexusError
from nexus.pipeline.body import ClientGone
from nexus.server.api.nexus_v1.schema import ErrorAnswer
from nexus.server.errors import error_body

NDJSON: Final = "application/x-ndjson"
READ_TIMEOUT: Final = 60.0
"""Seconds that a client may leave a piece of the answer unread."""

Ended = Callable[[], Coroutine[Any, Any, object]]
"""Returns when the client may not see any more what it saw at the beginning."""
Run = Callable[[Coroutine[Any, Any, None]], Coroutine[Any, Any, None]]

log = logging.getLogger(__name__)


class StreamedAnswer(Response):
    """Sends pieces one by one. The first one is awaited by the handler, so that early errors have a status."""

    media_type = NDJSON

    def __init__(self, first: bytes | None, rest: AsyncIterator[bytes], run: Run, query_id: str, ended: Ended) -> None:
        """`run` runs the sending as a query that can be listed and cancelled."""
        super().__init__(headers={"X-Nexus-Query-Id": query_id})
        del self.headers["content-length"]
        self._first = first
        self._rest = rest
        self._run = run
        self._query_id = query_id
        self._ended = ended
        self._broken = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send until the end, the client's end, or an error; an error is the last line. Without access any more the answer
        breaks off."""
        sending = asyncio.ensure_future(self._run(self._send(send)))
        gone = asyncio.ensure_future(_gone(receive))
        ended = asyncio.ensure_future(self._ended())
        try:
            await asyncio.wait((sending, gone, ended), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                if ended.done():
                    log.warning(
                        "an answer broke off: its reader lost access", extra={"fields": {"query_id": self._query_id}}
                    )
                raise ClientGone
            with contextlib.suppress(NexusError):
                # Cancelled by id: the stream ends without its last piece, which a client sees.
                await sending
        finally:
            gone.cancel()
            sending.cancel()
            ended.cancel()
            await asyncio.wait((sending, ended))
            close = getattr(self._rest, "aclose", None)
            if close is not None:
                await close()

    async def _send(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if self._first is not None:
            await self._piece(send, self._first)
        try:
            async for piece in self._rest:
                await self._piece(send, piece)
        except NexusError as error:
            await self._failed(send, error)
        if not self._broken:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _failed(self, send: Any, error: NexusError) -> None:
        """Tell the client, for whom it has begun well."""
        await self._piece(send, msgspec.json.encode(ErrorAnswer(error_body(error, self._query_id))) + b"\n")

    async def _piece(self, send: Any, piece: bytes) -> None:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            raise ClientGone from None


class Download(StreamedAnswer):
    """A file. An error in the middle is the last line of NDJSON; other files end without their last piece and the connection
    is closed, which every client takes for a failed download."""

    def __init__(
        self,
        first: bytes | None,
        rest: AsyncIterator[bytes],
        run: Run,
        query_id: str,
        ended: Ended,
        *,
        name: str,
        media_type: str,
    ) -> None:
        """`name` is the file's, in ASCII."""
        self.media_type = media_type
        super().__init__(first, rest, run, query_id, ended)
        self.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        self.headers["Cache-Control"] = "no-store"

    async def _failed(self, send: Any, error: NexusError) -> None:
        if self.media_type == NDJSON:
            await super()._failed(send, error)
            return
        log.warning("an export failed in the middle", extra={"fields": {"query_id": self._query_id, "error": str(error)}})
        self._broken = True


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
