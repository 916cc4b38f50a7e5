"""Answers of Tempo's API, in its JSON (protobuf's mapping of it: numbers of 64 bits are texts) and as protobuf. Pure.

Source: Tempo's API documentation, and pkg/tempopb/tempo.proto for the numbers of fields.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nexus.query.traces.printer import duration
from nexus.server import protobuf as pb
from nexus.server.api.tracing.fields import bare
from nexus.storage.api import Statistics
from nexus.storage.trace_api import MatchedSpan, MetricSeries, SeriesSet, SpanSet, TraceHit, TraceHits

NO_ROOT: Final = "<root span not yet received>"
_DURATIONS: Final = frozenset({"duration", "traceDuration", "event:timeSinceStart"})
_MS: Final = 1_000_000
_JOBS: Final = 100
"""In so many jobs a question is told that is not done yet: clients show the share as its progress."""
Json = dict[str, Any]


def any_value(value: pb.Value) -> Json:
    """OpenTelemetry's `AnyValue`. A value that is not there is the text `nil`."""
    if value is None:
        return {"stringValue": "nil"}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _word(value)}
    return {"stringValue": value}


def _word(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _key_values(values: Mapping[str, Any]) -> list[Json]:
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def _shown(attributes: Mapping[str, Any]) -> dict[str, pb.Value]:
    """Fields of a span as Tempo tells them: without their scope, durations as texts."""
    return {
        bare(name): duration(value) if name in _DURATIONS and isinstance(value, int) else value
        for name, value in attributes.items()
    }


# ------------------------------------------------------------------------------------------------------------------ search


def search_json(found: TraceHits, spent: Statistics) -> Json:
    """`SearchResponse`."""
    return {"traces": list(map(_trace_json, found.hits)), "metrics": _metrics_json(spent, len(found.hits))}


def _trace_json(hit: TraceHit) -> Json:
    sets = [_set_json(one) for one in hit.sets]
    told: Json = {
        "traceID": hit.trace_id,
        "rootServiceName": hit.root_service or NO_ROOT,
        "rootTraceName": hit.root_name,
        "startTimeUnixNano": str(hit.start),
        "durationMs": hit.duration // _MS,
        "spanSets": sets,
        "serviceStats": {name: _stats_json(*counts) for name, counts in hit.services.items()},
    }
    if sets:
        told["spanSet"] = sets[0]
    return told


def _stats_json(spans: int, errors: int) -> Json:
    return {"spanCount": spans, "errorCount": errors} if errors else {"spanCount": spans}


def _set_json(one: SpanSet) -> Json:
    told: Json = {"spans": list(map(_span_json, one.spans)), "matched": one.matched}
    if one.attributes:
        told["attributes"] = _key_values(one.attributes)
    return told


def _span_json(span: MatchedSpan) -> Json:
    return {
        "spanID": span.span_id,
        "name": span.name,
        "startTimeUnixNano": str(span.start),
        "durationNanos": str(span.duration),
        "attributes": _key_values(_shown(span.attributes)),
    }


def _metrics_json(spent: Statistics, traces: int) -> Json:
    return {
        "inspectedTraces": traces,
        "inspectedBytes": str(spent.bytes_read),
        "inspectedSpans": str(spent.rows_read),
        "completedJobs": 1,
        "totalJobs": 1,
    }


def search_protobuf(found: TraceHits, spent: Statistics, done: float = 1.0) -> bytes:
    """`SearchResponse`; a part of one when not all is done."""
    return b"".join(pb.message(1, _trace_protobuf(hit)) for hit in found.hits) + pb.message(
        2, _metrics_protobuf(spent, len(found.hits), done)
    )


def _trace_protobuf(hit: TraceHit) -> bytes:
    sets = [_set_protobuf(one) for one in hit.sets]
    stats = (
        pb.text(1, name) + pb.message(2, pb.integer(1, spans) + pb.integer(2, errors))
        for name, (spans, errors) in hit.services.items()
    )
    return b"".join(
        (
            pb.text(1, hit.trace_id),
            pb.text(2, hit.root_service or NO_ROOT),
            pb.text(3, hit.root_name),
            pb.integer(4, hit.start),
            pb.integer(5, min(hit.duration // _MS, 0xFFFF_FFFF)),
            *(pb.message(6, one) for one in sets[:1]),
            *(pb.message(7, one) for one in sets),
            *(pb.message(8, one) for one in stats),
        )
    )


def _set_protobuf(one: SpanSet) -> bytes:
    spans = b"".join(pb.message(1, _span_protobuf(span)) for span in one.spans)
    return spans + pb.integer(2, one.matched) + pb.key_values(3, one.attributes)


def _span_protobuf(span: MatchedSpan) -> bytes:
    return b"".join(
        (
            pb.text(1, span.span_id),
            pb.text(2, span.name),
            pb.integer(3, span.start),
            pb.integer(4, span.duration),
            pb.key_values(5, _shown(span.attributes)),
        )
    )


def _metrics_protobuf(spent: Statistics, traces: int, done: float = 1.0) -> bytes:
    completed, jobs = (1, 1) if done >= 1 else (math.floor(done * _JOBS), _JOBS)
    return b"".join(
        (
            pb.integer(1, traces),
            pb.integer(2, spent.bytes_read),
            pb.integer(4, completed),
            pb.integer(5, jobs),
            pb.integer(7, spent.rows_read),
        )
    )


# -------------------------------------------------------------------------------------------------------------------- tags

Scopes = Sequence[tuple[str, list[str]]]


def _metadata_json(spent: Statistics) -> Json:
    return {"inspectedBytes": str(spent.bytes_read), "totalJobs": 1, "completedJobs": 1}


def _metadata_protobuf(spent: Statistics) -> bytes:
    return pb.integer(1, spent.bytes_read) + pb.integer(2, 1) + pb.integer(3, 1)


def tags_json(names: list[str], spent: Statistics) -> Json:
    """`SearchTagsResponse`."""
    return {"tagNames": names, "metrics": _metadata_json(spent)}


def tags_protobuf(names: list[str], spent: Statistics) -> bytes:
    """`SearchTagsResponse`."""
    return pb.texts(1, names) + pb.message(2, _metadata_protobuf(spent))


def scopes_json(scopes: Scopes, spent: Statistics) -> Json:
    """`SearchTagsV2Response`."""
    return {"scopes": [{"name": name, "tags": tags} for name, tags in scopes], "metrics": _metadata_json(spent)}


def scopes_protobuf(scopes: Scopes, spent: Statistics) -> bytes:
    """`SearchTagsV2Response`."""
    found = b"".join(pb.message(1, pb.text(1, name) + pb.texts(2, tags)) for name, tags in scopes)
    return found + pb.message(2, _metadata_protobuf(spent))


def value_text(value: Any) -> str:
    """A value as a text, as Go prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def values_json(values: list[str], spent: Statistics) -> Json:
    """`SearchTagValuesResponse`."""
    return {"tagValues": values, "metrics": _metadata_json(spent)}


def values_protobuf(values: list[str], spent: Statistics) -> bytes:
    """`SearchTagValuesResponse`."""
    return pb.texts(1, values) + pb.message(2, _metadata_protobuf(spent))


def typed_values_json(values: list[tuple[str, str]], spent: Statistics) -> Json:
    """`SearchTagValuesV2Response`, from (type, value)."""
    told = [{"type": kind, "value": value} for kind, value in values]
    return {"tagValues": told, "metrics": _metadata_json(spent)}


def typed_values_protobuf(values: list[tuple[str, str]], spent: Statistics) -> bytes:
    """`SearchTagValuesV2Response`, from (type, value)."""
    told = b"".join(pb.message(1, pb.text(1, kind) + pb.text(2, value)) for kind, value in values)
    return told + pb.message(2, _metadata_protobuf(spent))


# ----------------------------------------------------------------------------------------------------------------- metrics


def series_json(found: SeriesSet, spent: Statistics) -> Json:
    """`QueryRangeResponse`."""
    told: Json = {"series": list(map(_series_json, found.series)), "metrics": _metrics_json(spent, 0)}
    return told | _partial_json(found)


def _partial_json(found: SeriesSet) -> Json:
    return {"status": "PARTIAL", "message": found.incomplete} if found.incomplete else {}


def _series_json(one: MetricSeries) -> Json:
    told: Json = {
        "labels": _key_values(one.labels),
        "samples": [{"timestampMs": str(time // _MS), "value": value} for time, value in _finite(one.points)],
    }
    if one.exemplars:
        told["exemplars"] = [
            {
                "labels": _key_values({"trace:id": exemplar.trace_id, "span:id": exemplar.span_id}),
                "value": exemplar.value,
                "timestampMs": str(exemplar.time // _MS),
            }
            for exemplar in one.exemplars
            if math.isfinite(exemplar.value)
        ]
    return told


def _finite(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    return [(time, value) for time, value in points if math.isfinite(value)]


def series_protobuf(found: SeriesSet, spent: Statistics, done: float = 1.0) -> bytes:
    """`QueryRangeResponse`; what is known of it when not all is done."""
    series = b"".join(pb.message(1, _series_protobuf(one)) for one in found.series)
    return series + pb.message(2, _metrics_protobuf(spent, 0, done)) + _partial_protobuf(found)


def _partial_protobuf(found: SeriesSet) -> bytes:
    return pb.integer(3, 1) + pb.text(4, found.incomplete) if found.incomplete else b""


def _series_protobuf(one: MetricSeries) -> bytes:
    samples = (pb.double(1, value) + pb.integer(2, time // _MS) for time, value in _finite(one.points))
    exemplars = (
        pb.key_values(1, {"trace:id": exemplar.trace_id, "span:id": exemplar.span_id})
        + pb.double(2, exemplar.value)
        + pb.integer(3, exemplar.time // _MS)
        for exemplar in one.exemplars
        if math.isfinite(exemplar.value)
    )
    return b"".join(
        (
            pb.key_values(1, one.labels),
            *(pb.message(2, sample) for sample in samples),
            *(pb.message(4, exemplar) for exemplar in exemplars),
        )
    )


def instant_json(found: SeriesSet, spent: Statistics) -> Json:
    """`QueryInstantResponse`: the last value of each series."""
    series = [{"labels": _key_values(one.labels), "value": value} for one, value in _last(found)]
    return {"series": series, "metrics": _metrics_json(spent, 0)} | _partial_json(found)


def instant_protobuf(found: SeriesSet, spent: Statistics) -> bytes:
    """`QueryInstantResponse`: the last value of each series."""
    series = b"".join(pb.message(1, pb.key_values(1, one.labels) + pb.double(2, value)) for one, value in _last(found))
    return series + pb.message(2, _metrics_protobuf(spent, 0)) + _partial_protobuf(found)


def _last(found: SeriesSet) -> list[tuple[MetricSeries, float]]:
    points = [(one, _finite(one.points)) for one in found.series]
    return [(one, finite[-1][1]) for one, finite in points if finite]
