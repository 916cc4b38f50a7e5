"""Tempo's streaming query service over gRPC: `tempopb.StreamingQuerier`. A search tells its traces as they are found, a
query of metrics its series from the newest step on; the last message is the whole answer. Other answers are one message.

Source: Tempo's pkg/tempopb/tempo.proto for the numbers of fields.
"""

from __future__ import annotations

from typing import Final

from nexus.errors import InvalidRequest
from nexus.model.time import MAX_TIME, NS_PER_HOUR, NS_PER_SECOND, TimeRange
from nexus.server.api.nexus_v1.buckets import choose_step
from nexus.server.api.nexus_v1.traces import metric_series
from nexus.server.api.tempo import answers, asking
from nexus.server.api.tempo.arguments import DEFAULT_LIMIT, DEFAULT_SPANS, MAX_LIMIT, MAX_SPANS, POINTS, aligned
from nexus.server.api.tempo.routes import LISTED
from nexus.server.api.tracing.asking import Asker
from nexus.server.api.tracing.grpc import Method, Send, single
from nexus.server.call import Call
from nexus.server.protobuf import Message
from nexus.storage.trace_api import SeriesSet, TraceHits


def _range(call: Call, start: int, end: int) -> TimeRange:
    """A range in seconds, the last of them included; the last hour without one."""
    last = (end + 1) * NS_PER_SECOND if end else call.services.now_ns()
    first = start * NS_PER_SECOND if start else max(last - NS_PER_HOUR, 0)
    if first > last:
        raise InvalidRequest("the start lies after the end")
    return TimeRange(first, min(last, MAX_TIME))


def _bounded(number: int, default: int, most: int) -> int:
    return min(number, most) if number > 0 else default


async def search(call: Call, asker: Asker, request: Message, send: Send) -> list[bytes]:
    """`Search`."""

    def tell(hits: TraceHits, share: float) -> None:
        send(answers.search_protobuf(hits, hits.statistics, share))

    pairs = request.texts(1)
    wanted = asking.Search(
        request.text(8),
        " ".join(f"{key}={_quoted(value)}" for key, value in pairs.items()),
        f"{request.integer(2)}ms" if request.integer(2) else "",
        f"{request.integer(3)}ms" if request.integer(3) else "",
        _range(call, request.integer(5), request.integer(6)),
        _bounded(request.integer(4), DEFAULT_LIMIT, MAX_LIMIT),
        _bounded(request.integer(9), DEFAULT_SPANS, MAX_SPANS),
    )
    found = await asker.find(wanted.plan(), tell)
    return [answers.search_protobuf(found, asker.spent)]


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


async def search_tags(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`SearchTags`."""
    time, limit = _tags_range(call, request), _bounded(request.integer(5), LISTED, LISTED)
    return [answers.tags_protobuf(await asking.names(asker, request.text(1), time, limit), asker.spent)]


async def search_tags_v2(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`SearchTagsV2`."""
    time, limit = _tags_range(call, request), _bounded(request.integer(5), LISTED, LISTED)
    found = await asking.scopes(asker, request.text(1), request.text(2), time, limit)
    return [answers.scopes_protobuf(found, asker.spent)]


def _tags_range(call: Call, request: Message) -> TimeRange:
    return _range(call, request.integer(3), request.integer(4))


async def _values(call: Call, asker: Asker, request: Message, tag: str, query: str) -> list[tuple[str, str]]:
    time = _range(call, request.integer(4), request.integer(5))
    return await asking.values(asker, tag, query, time, _bounded(request.integer(6), LISTED, LISTED))


async def search_tag_values(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`SearchTagValues`."""
    found = await _values(call, asker, request, asking.old_field(request.text(1)), "")
    return [answers.values_protobuf(sorted({value for _, value in found}), asker.spent)]


async def search_tag_values_v2(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`SearchTagValuesV2`."""
    found = await _values(call, asker, request, request.text(1), request.text(2))
    return [answers.typed_values_protobuf(found, asker.spent)]


def _metrics_range(call: Call, request: Message) -> tuple[int, int]:
    end = request.integer(3) or call.services.now_ns()
    start = request.integer(2) or max(end - NS_PER_HOUR, 0)
    if not start <= end <= MAX_TIME:
        raise InvalidRequest("the start lies after the end")
    return start, end


async def metrics_query_range(call: Call, asker: Asker, request: Message, send: Send) -> list[bytes]:
    """`MetricsQueryRange`."""

    def tell(found: SeriesSet, share: float) -> None:
        send(answers.series_protobuf(found, found.statistics, share))

    start, end = _metrics_range(call, request)
    step = min(request.integer(4), MAX_TIME) or choose_step(start, end, POINTS)
    if request.integer(18):
        found = await metric_series(asker, request.text(1), start, end, max(end - start, 1), instant=True)
    else:
        first, last = aligned(start, end, step)
        exemplars = min(request.integer(16), LISTED)
        found = await metric_series(asker, request.text(1), first, last, step, exemplars=exemplars, tell=tell)
    return [answers.series_protobuf(found, asker.spent)]


async def metrics_query_instant(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`MetricsQueryInstant`."""
    start, end = _metrics_range(call, request)
    found = await metric_series(asker, request.text(1), start, end, max(end - start, 1), instant=True)
    return [answers.instant_protobuf(found, asker.spent)]


_SERVICE: Final = "/tempopb.StreamingQuerier/"
METHODS: Final[dict[str, Method]] = {
    f"{_SERVICE}Search": search,
    f"{_SERVICE}SearchTags": single(search_tags),
    f"{_SERVICE}SearchTagsV2": single(search_tags_v2),
    f"{_SERVICE}SearchTagValues": single(search_tag_values),
    f"{_SERVICE}SearchTagValuesV2": single(search_tag_values_v2),
    f"{_SERVICE}MetricsQueryRange": metrics_query_range,
    f"{_SERVICE}MetricsQueryInstant": single(metrics_query_instant),
}
