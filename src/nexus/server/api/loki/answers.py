"""Answers in Loki's shapes. Streams and series come encoded from native code and are put in as they are."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from nexus.errors import NexusError
from nexus.pipeline.http import retry_headers
from nexus.server.api.loki.engine import Cost

JSON = "application/json; charset=UTF-8"
_NOTHING_READ: dict[str, Any] = {"totalChunksRef": 0, "totalChunksDownloaded": 0, "chunksDownloadTime": 0, "chunk": {}}


def refuse(error: NexusError) -> Response:
    """An error as Loki has it: the message as text."""
    headers = retry_headers(error)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    text = error.message + (f" {error.hint}" if error.hint else "") + "\n"
    status = 400 if error.http_status == 422 else error.http_status
    return Response(text, status, headers, media_type="text/plain; charset=utf-8")


def json_answer(value: Any) -> Response:
    """Any value as JSON; `bytes` are JSON already."""
    return Response(value if isinstance(value, bytes) else msgspec.json.encode(value), media_type=JSON)


def success(data: Any) -> Response:
    """`{"status":"success","data":...}`; `bytes` are JSON already."""
    encoded = data if isinstance(data, bytes) else msgspec.json.encode(data)
    return json_answer(b'{"status":"success","data":%s}' % encoded)


def result(kind: str, encoded: bytes, cost: Cost, returned: int = 0, flags: tuple[str, ...] = ()) -> Response:
    """The answer of a query: its type, the encoded result, and what it cost."""
    flagged = b'"encodingFlags":%s,' % msgspec.json.encode(flags) if flags else b""
    return success(
        b'{"resultType":"%s",%s"result":%s,"stats":%s}'
        % (kind.encode(), flagged, encoded, msgspec.json.encode(statistics(cost, returned)))
    )


def statistics(cost: Cost, returned: int = 0) -> dict[str, Any]:
    """What was read, in Loki's places. There are no chunks and no ingesters here: those numbers are 0."""
    seconds = max(cost.seconds, 1e-9)
    store = {
        "totalChunksRef": 0,
        "totalChunksDownloaded": 0,
        "chunksDownloadTime": 0,
        "queryReferencedStructuredMetadata": False,
        "chunk": {
            "headChunkBytes": 0,
            "headChunkLines": 0,
            "decompressedBytes": cost.bytes_read,
            "decompressedLines": cost.rows_read,
            "compressedBytes": 0,
            "totalDuplicates": 0,
            "postFilterLines": cost.passed,
            "headChunkStructuredMetadataBytes": 0,
            "decompressedStructuredMetadataBytes": 0,
        },
        "chunkRefsFetchTime": 0,
        "congestionControlLatency": 0,
        "pipelineWrapperFilteredLines": 0,
    }
    ingester = {
        "totalReached": 0,
        "totalChunksMatched": 0,
        "totalBatches": 0,
        "totalLinesSent": 0,
        "store": _NOTHING_READ,
    }
    return {
        "summary": {
            "bytesProcessedPerSecond": int(cost.bytes / seconds),
            "linesProcessedPerSecond": int(cost.lines / seconds),
            "totalBytesProcessed": cost.bytes,
            "totalLinesProcessed": cost.lines,
            "execTime": round(cost.seconds, 9),
            "queueTime": 0,
            "subqueries": 0,
            "totalEntriesReturned": returned,
            "splits": cost.pages,
            "shards": 0,
            "totalPostFilterLines": cost.passed,
            "totalStructuredMetadataBytesProcessed": 0,
        },
        "querier": {"store": store},
        "ingester": ingester,
        "cache": {},
        "index": {},
    }
