"""Spans on their way to a server of OTLP over HTTP, and what it answers.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp, opentelemetry-proto collector/trace/v1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.storage.forwarding.errors import Away, Refused
from nexus.storage.forwarding.http import Http, shown
from nexus.storage.forwarding.sender import TAKEN, Taken
from nexus.storage.trace_backends.options import Backend

_HEADERS: Final = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
_LATER: Final = frozenset({401, 403, 404, 407, 408, 425, 429})
"""Answers that are about us or the time, not about the spans."""


class OtlpClient:
    """Hands bodies over. Lives on an event loop."""

    def __init__(self, backend: Backend, http: Http) -> None:
        """`http` is shared with whoever asks, and closed with this."""
        self._backend = backend
        self._http = http

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def write(self, body: bytes) -> Taken:
        """Hand over an `ExportTraceServiceRequest` in gzip. Raises `Away`, `Refused`."""
        url, within = f"{self._backend.otlp}/v1/traces", self._backend.insert_timeout
        status, text = await self._http.request("POST", url, body=body, headers=_HEADERS, within=within)
        name = self._http.access.name
        if status // 100 == 2:
            return partly(text)
        if status // 100 == 4 and status not in _LATER:
            raise Refused(f"{name} refuses the spans: {status} {shown(text)}")
        raise Away(f"{name} answers {status}: {shown(text)}", hint=self._http.access.hint)


def partly(body: bytes) -> Taken:
    """What an `ExportTraceServiceResponse` says of spans that were refused; one that cannot be read says nothing."""
    try:
        for number, partial in fields(body):
            if number != 1 or isinstance(partial, int):
                continue
            said = dict(fields(partial))
            refused, sentence = said.get(1, 0), said.get(2, b"")
            if isinstance(refused, int) and isinstance(sentence, bytes) and 0 < refused < 1 << 62:
                return Taken(refused, sentence.decode("utf-8", "replace")[:500])
    except ValueError:
        pass
    return TAKEN


def fields(body: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message, in order: numbers, and what has a length; others are left out. Raises `ValueError`
    when it ends early."""
    at = 0
    while at < len(body):
        tag, at = _varint(body, at)
        match tag & 7:
            case 0:
                value, at = _varint(body, at)
                yield tag >> 3, value
            case 2:
                size, at = _varint(body, at)
                if size > len(body) - at:
                    raise ValueError("a protobuf message ends early")
                yield tag >> 3, body[at : at + size]
                at += size
            case 1:
                at += 8
            case 5:
                at += 4
            case _:
                raise ValueError("no protobuf message")


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if at >= len(body):
            raise ValueError("a protobuf message ends early")
        byte = body[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("no protobuf message")
