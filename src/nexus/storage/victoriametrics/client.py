"""What is asked of a VictoriaMetrics that the configuration names, and what its answers mean."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from nexus.errors import InvalidRequest, LimitExceeded, Overloaded, StorageError
from nexus.storage.forwarding.errors import Away, Refused
from nexus.storage.forwarding.http import Access, Arguments, Http, shown
from nexus.storage.forwarding.sender import TAKEN, Taken
from nexus.storage.victoriametrics.options import Backend


class Envelope(msgspec.Struct):
    """What VictoriaMetrics answers; `data` stays encoded."""

    status: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    isPartial: bool = False
    warnings: list[str] = []


class Client:
    """One session for one backend. Lives on an event loop."""

    def __init__(self, backend: Backend) -> None:
        """Nothing is opened before the first request."""
        self._backend = backend
        self._http = Http(Access("VictoriaMetrics", backend.headers, backend.ca))
        self._hint = self._http.access.hint

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def write(self, body: bytes) -> Taken:
        """Hand over a snappy remote-write 1.0 body. Raises `Away`, `Refused`."""
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        url = f"{self._backend.insert}/api/v1/write"
        within = self._backend.insert_timeout
        status, text = await self._http.request("POST", url, body=body, headers=headers, within=within)
        if status in (400, 413, 422):
            raise Refused(f"VictoriaMetrics refuses the samples: {shown(text)}")
        if status // 100 != 2:
            raise Away(f"VictoriaMetrics answers {status}: {shown(text)}", hint=self._hint)
        return TAKEN

    async def ask(self, path: str, arguments: Arguments, *, within: float) -> Envelope:
        """A question to the Prometheus API. Raises `InvalidRequest`, `LimitExceeded`, `Away`."""
        url = f"{self._backend.select}/api/v1/{path}"
        status, text = await self._http.request("POST", url, form=arguments, within=within)
        envelope = _envelope(text)
        if status // 100 == 2 and envelope is not None and envelope.status != "error":
            return envelope
        message = envelope.error if envelope is not None and envelope.error else shown(text)
        if status == 429:
            raise Overloaded(f"VictoriaMetrics is busy: {message}", retry_after=5.0)
        if status == 422 and ("limit" in message or "exceed" in message):
            raise LimitExceeded(
                f"VictoriaMetrics: {message}", hint="Ask for a shorter range, a longer step or fewer series."
            )
        if status // 100 == 4:
            raise InvalidRequest(f"VictoriaMetrics: {message}")
        raise Away(f"VictoriaMetrics answers {status}: {message}", hint=self._hint)

    async def delete(self, arguments: Arguments, *, within: float) -> None:
        """Remove series. Raises `StorageError`."""
        url = f"{self._backend.deleting}/api/v1/admin/tsdb/delete_series"
        status, text = await self._http.request("POST", url, form=arguments, within=within)
        if status // 100 != 2:
            raise StorageError(f"VictoriaMetrics does not delete: {status} {shown(text)}", hint=self._hint)

    async def stream(self, path: str, arguments: Arguments, *, within: float) -> AsyncIterator[bytes]:
        """An answer in pieces. Raises `Away`, `InvalidRequest`."""
        url = f"{self._backend.select}/api/v1/{path}"
        async for status, piece in self._http.stream(url, arguments, within=within):
            if status // 100 != 2:
                kind = InvalidRequest if status // 100 == 4 else Away
                raise kind(f"VictoriaMetrics answers {status}: {shown(piece)}")
            yield piece


def _envelope(text: bytes) -> Envelope | None:
    try:
        return msgspec.json.decode(text, type=Envelope)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        return None
