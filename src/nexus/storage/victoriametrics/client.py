"""HTTP to a VictoriaMetrics that the configuration names, and what its answers mean."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from nexus.errors import InvalidRequest, LimitExceeded, Overloaded, StorageError
from nexus.storage.victoriametrics.options import Backend

CONNECTIONS: Final = 32
MAX_ANSWER: Final = 512 << 20
_CHUNK: Final = 1 << 16
_HINT: Final = "Look whether VictoriaMetrics runs and its address in the configuration is right."

Arguments = Sequence[tuple[str, str]]


class Envelope(msgspec.Struct):
    """What VictoriaMetrics answers; `data` stays encoded."""

    status: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    isPartial: bool = False
    warnings: list[str] = []


class Away(StorageError):
    """The backend cannot be reached, or says that it will be able to later."""

    code = "backend_away"


class Refused(InvalidRequest):
    """The backend does not take a body, and never will."""

    code = "backend_refused"


class Client:
    """One session for one backend. Lives on an event loop."""

    def __init__(self, backend: Backend) -> None:
        """Nothing is opened before the first request."""
        self._backend = backend
        self._session: Any = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def write(self, body: bytes) -> None:
        """Hand over a snappy remote-write 1.0 body. Raises `Away`, `Refused`."""
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        url = f"{self._backend.insert}/api/v1/write"
        status, text = await self._request("POST", url, body=body, headers=headers, within=self._backend.insert_timeout)
        if status in (400, 413, 422):
            raise Refused(f"VictoriaMetrics refuses the samples: {_shown(text)}")
        if status // 100 != 2:
            raise Away(f"VictoriaMetrics answers {status}: {_shown(text)}", hint=_HINT)

    async def ask(self, path: str, arguments: Arguments, *, within: float) -> Envelope:
        """A question to the Prometheus API. Raises `InvalidRequest`, `LimitExceeded`, `Away`."""
        url = f"{self._backend.select}/api/v1/{path}"
        status, text = await self._request("POST", url, form=arguments, within=within)
        envelope = _envelope(text)
        if status // 100 == 2 and envelope is not None and envelope.status != "error":
            return envelope
        message = envelope.error if envelope is not None and envelope.error else _shown(text)
        if status == 429:
            raise Overloaded(f"VictoriaMetrics is busy: {message}", retry_after=5.0)
        if status == 422 and ("limit" in message or "exceed" in message):
            raise LimitExceeded(
                f"VictoriaMetrics: {message}", hint="Ask for a shorter range, a longer step or fewer series."
            )
        if status // 100 == 4:
            raise InvalidRequest(f"VictoriaMetrics: {message}")
        raise Away(f"VictoriaMetrics answers {status}: {message}", hint=_HINT)

    async def delete(self, arguments: Arguments, *, within: float) -> None:
        """Remove series. Raises `StorageError`."""
        url = f"{self._backend.deleting}/api/v1/admin/tsdb/delete_series"
        status, text = await self._request("POST", url, form=arguments, within=within)
        if status // 100 != 2:
            raise StorageError(f"VictoriaMetrics does not delete: {status} {_shown(text)}", hint=_HINT)

    async def stream(self, path: str, arguments: Arguments, *, within: float) -> AsyncIterator[bytes]:
        """An answer in pieces. Raises `Away`, `InvalidRequest`."""
        aiohttp, session = await self._open()
        try:
            async with session.post(
                f"{self._backend.select}/api/v1/{path}", data=list(arguments), timeout=aiohttp.ClientTimeout(total=within)
            ) as response:
                if response.status // 100 != 2:
                    kind = InvalidRequest if response.status // 100 == 4 else Away
                    raise kind(f"VictoriaMetrics answers {response.status}: {_shown(await response.read())}")
                async for piece in response.content.iter_chunked(_CHUNK):
                    yield piece
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Away(f"VictoriaMetrics cannot be asked: {_reason(error)}.", hint=_HINT) from error

    async def _request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        form: Arguments | None = None,
        headers: dict[str, str] | None = None,
        within: float,
    ) -> tuple[int, bytes]:
        aiohttp, session = await self._open()
        try:
            async with session.request(
                method,
                url,
                data=body if form is None else aiohttp.FormData(list(form)),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=within, connect=min(within, 5.0)),
                allow_redirects=False,
            ) as response:
                return response.status, await _bounded(response)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Away(f"VictoriaMetrics cannot be asked: {_reason(error)}.", hint=_HINT) from error

    async def _open(self) -> tuple[Any, Any]:
        aiohttp = await asyncio.to_thread(_library)
        if self._session is None:
            context: ssl.SSLContext | bool = True
            if self._backend.select.startswith("https") or self._backend.insert.startswith("https"):
                context = await asyncio.to_thread(ssl.create_default_context, cafile=self._backend.ca or None)
            self._session = aiohttp.ClientSession(
                headers=self._backend.headers,
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=context),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return aiohttp, self._session


def _library() -> Any:
    # It takes a tenth of a second to load, and most never need it.
    import aiohttp

    return aiohttp


async def _bounded(response: Any) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_chunked(_CHUNK):
        size += len(piece)
        if size > MAX_ANSWER:
            raise LimitExceeded(
                f"VictoriaMetrics answered more than {MAX_ANSWER >> 20} MiB.",
                hint="Ask for a shorter range, a longer step or fewer series.",
            )
        pieces.append(piece)
    return b"".join(pieces)


def _envelope(text: bytes) -> Envelope | None:
    try:
        return msgspec.json.decode(text, type=Envelope)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        return None


def _shown(text: bytes) -> str:
    return text[:500].decode("utf-8", "replace").strip() or "nothing"


def _reason(error: BaseException) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else (str(error) or type(error).__name__)
