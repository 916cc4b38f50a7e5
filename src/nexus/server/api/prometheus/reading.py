"""Remote read (prometheus.ReadRequest, snappy protobuf): raw samples of series, in both forms of answers. Bodies are made by
the store; here they are put into the messages around them.

Source: prometheus/prompb remote.proto, types.proto; https://prometheus.io/docs/specs/prw/remote_read_api
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.errors import InvalidRequest, LimitExceeded, NexusError
from nexus.pipeline.decode import decompress
from nexus.query.plan import LabelMatcher, ReadSeries, Scoped, SeriesScan
from nexus.query.promql import regex
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.call import Call
from nexus.server.protobuf import fields, packed, signed, varint
from nexus.server.queries import checked_id
from nexus.server.recheck import access_ended
from nexus.server.stream import StreamedAnswer

MAX_BODY: Final = 4 << 20
MAX_QUERIES: Final = 100
SAMPLES, STREAMED = 0, 1
_OPERATORS: Final = ("=", "!=", "=~", "!~")


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What is read: a scan per query, and which forms of answers the client takes."""

    scans: tuple[SeriesScan, ...]
    accepted: tuple[int, ...]


class _Chunks(StreamedAnswer):
    """Frames of chunks; an error in the middle breaks the connection off."""

    media_type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"

    async def _failed(self, send: object, error: NexusError) -> None:
        self._broken = True


async def read(call: Call) -> Response:
    """Raw samples of series."""
    body = call.body
    if not call.headers.get("content-encoding", ""):
        body = decompress(body, "snappy", MAX_BODY)
    request = parse_request(body)
    streamed = STREAMED in request.accepted
    if streamed and len(request.scans) == 1:
        return await _stream(call, request.scans[0])
    if SAMPLES not in request.accepted and request.accepted:
        raise InvalidRequest("several queries at once are answered as samples only, and the client does not take those.")
    results = [await _samples(call, scan) for scan in request.scans]
    body = b"".join(b"\x0a" + varint(len(one)) + one for one in results)
    return Response(literal_snappy(body), headers={"Content-Encoding": "snappy"}, media_type="application/x-protobuf")


async def _stream(call: Call, scan: SeriesScan) -> Response:
    query_id = checked_id("")
    pieces = call.services.metrics.read(close_plan(call, ReadSeries(scan), query_id), "chunks")

    async def first_piece() -> bytes | None:
        return await anext(pieces, None)

    first = await ask(call, query_id, first_piece())
    return _Chunks(
        first,
        pieces,
        lambda work: call.services.queries.run(call.tenant, query_id, work),
        query_id,
        lambda: access_ended(call, Permission.METRICS_READ),
    )


async def _samples(call: Call, scan: SeriesScan) -> bytes:
    query_id = checked_id("")
    scoped = close_plan(call, ReadSeries(scan), query_id)
    return await ask(call, query_id, _gathered(call.services.metrics.read(scoped, "samples"), scoped))


async def _gathered(pieces: AsyncIterator[bytes], scoped: Scoped) -> bytes:
    found = bytearray()
    async for piece in pieces:
        found += piece
        if len(found) > scoped.limits.result_bytes:
            raise LimitExceeded(
                f"the samples are more than {scoped.limits.result_bytes} bytes.",
                hint="Read a shorter range or fewer series, or let the client take STREAMED_XOR_CHUNKS.",
            )
    return bytes(found)


# ------------------------------------------------------------------------------------------------------------- messages


def parse_request(body: bytes) -> ReadRequest:
    """Read a `ReadRequest`. Raises `InvalidRequest`."""
    scans: list[SeriesScan] = []
    accepted: list[int] = []
    for number, value in fields(body):
        if number == 1 and isinstance(value, bytes):
            if len(scans) == MAX_QUERIES:
                raise InvalidRequest(f"a read request has at most {MAX_QUERIES} queries.")
            scans.append(_scan(value))
        elif number == 2:
            accepted += [value] if isinstance(value, int) else packed(value)
    return ReadRequest(tuple(scans), tuple(accepted))


def _scan(body: bytes) -> SeriesScan:
    start = end = 0
    matchers: list[LabelMatcher] = []
    for number, value in fields(body):
        if number == 1 and isinstance(value, int):
            start = signed(value)
        elif number == 2 and isinstance(value, int):
            end = signed(value)
        elif number == 3 and isinstance(value, bytes):
            matchers.append(_matcher(value))
    return SeriesScan((tuple(matchers),), start, end)


def _matcher(body: bytes) -> LabelMatcher:
    kind, texts = 0, {2: "", 3: ""}
    for number, value in fields(body):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number in texts and isinstance(value, bytes):
            try:
                texts[number] = value.decode()
            except UnicodeDecodeError:
                raise InvalidRequest("a matcher of the read request is not UTF-8.") from None
    if kind >= len(_OPERATORS):
        raise InvalidRequest(f"the read request has a matcher of the unknown kind {kind}.")
    if kind > 1:
        try:
            regex.check(texts[3])
        except ValueError as error:
            raise InvalidRequest(f"error parsing regexp: {error}") from error
    return LabelMatcher(texts[2], _OPERATORS[kind], texts[3])


def literal_snappy(body: bytes) -> bytes:
    """A snappy block of literals alone: what is read is sent once, and chunks are compressed already.

    Source: https://github.com/google/snappy/blob/main/format_description.txt
    """
    pieces = [varint(len(body))]
    for at in range(0, len(body), 1 << 24):
        part = body[at : at + (1 << 24)]
        pieces += [b"\xf8", (len(part) - 1).to_bytes(3, "little"), part]
    return b"".join(pieces)
