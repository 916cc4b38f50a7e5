"""Answers about traces in the shapes of others: protobuf against Google's reader, arguments, names of fields."""

from __future__ import annotations

from typing import Any, cast

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from opentelemetry.proto.common.v1 import common_pb2

from nexus.errors import InvalidRequest
from nexus.model.time import TimeRange
from nexus.query.trace_plan import Place, SpanField, SpanSeries
from nexus.server import protobuf as pb
from nexus.server.api.jaeger import arguments as jaeger
from nexus.server.api.jaeger.v3 import any_trace_id, find_plan
from nexus.server.api.nexus_v1.traces import metric_series
from nexus.server.api.tempo import answers
from nexus.server.api.tempo.arguments import Arguments, aligned
from nexus.server.api.tracing.asking import Asker, hint, span_id, trace_id
from nexus.server.api.tracing.fields import bare, has_values, tag_field
from nexus.storage.api import Statistics
from nexus.storage.trace_api import Exemplar, MatchedSpan, MetricSeries, SeriesSet, SpanSet, Tell, TraceHit, TraceHits

NOW = 1_700_000_000_000_000_000
SECOND = 10**9
TYPES = descriptor_pb2.FieldDescriptorProto
KEY_VALUE = ".opentelemetry.proto.common.v1.KeyValue"
SHAPES: dict[str, list[tuple[str, int, Any, str]]] = {
    "SearchResponse": [("traces", 1, "TraceSearchMetadata", "*"), ("metrics", 2, "SearchMetrics", "")],
    "TraceSearchMetadata": [
        ("traceID", 1, TYPES.TYPE_STRING, ""), ("rootServiceName", 2, TYPES.TYPE_STRING, ""),
        ("rootTraceName", 3, TYPES.TYPE_STRING, ""), ("startTimeUnixNano", 4, TYPES.TYPE_UINT64, ""),
        ("durationMs", 5, TYPES.TYPE_UINT32, ""), ("spanSet", 6, "SpanSet", ""), ("spanSets", 7, "SpanSet", "*"),
        ("serviceStats", 8, "Entry", "*"),
    ],
    "Entry": [("key", 1, TYPES.TYPE_STRING, ""), ("value", 2, "ServiceStats", "")],
    "ServiceStats": [("spanCount", 1, TYPES.TYPE_UINT32, ""), ("errorCount", 2, TYPES.TYPE_UINT32, "")],
    "SpanSet": [("spans", 1, "Span", "*"), ("matched", 2, TYPES.TYPE_UINT32, ""), ("attributes", 3, KEY_VALUE, "*")],
    "Span": [
        ("spanID", 1, TYPES.TYPE_STRING, ""), ("name", 2, TYPES.TYPE_STRING, ""),
        ("startTimeUnixNano", 3, TYPES.TYPE_UINT64, ""), ("durationNanos", 4, TYPES.TYPE_UINT64, ""),
        ("attributes", 5, KEY_VALUE, "*"),
    ],
    "SearchMetrics": [
        ("inspectedTraces", 1, TYPES.TYPE_UINT32, ""), ("inspectedBytes", 2, TYPES.TYPE_UINT64, ""),
        ("completedJobs", 4, TYPES.TYPE_UINT32, ""), ("totalJobs", 5, TYPES.TYPE_UINT32, ""),
        ("inspectedSpans", 7, TYPES.TYPE_UINT64, ""),
    ],
    "QueryRangeResponse": [
        ("series", 1, "TimeSeries", "*"), ("metrics", 2, "SearchMetrics", ""), ("status", 3, TYPES.TYPE_UINT32, ""),
        ("message", 4, TYPES.TYPE_STRING, ""),
    ],
    "TimeSeries": [("labels", 1, KEY_VALUE, "*"), ("samples", 2, "Sample", "*"), ("exemplars", 4, "Exemplar", "*")],
    "Sample": [("value", 1, TYPES.TYPE_DOUBLE, ""), ("timestampMs", 2, TYPES.TYPE_INT64, "")],
    "Exemplar": [
        ("labels", 1, KEY_VALUE, "*"), ("value", 2, TYPES.TYPE_DOUBLE, ""), ("timestampMs", 3, TYPES.TYPE_INT64, ""),
    ],
    "QueryInstantResponse": [("series", 1, "InstantSeries", "*"), ("metrics", 2, "SearchMetrics", "")],
    "InstantSeries": [("labels", 1, KEY_VALUE, "*"), ("value", 2, TYPES.TYPE_DOUBLE, "")],
    "Scopes": [("scopes", 1, "Scope", "*"), ("metrics", 2, "Metadata", "")],
    "Scope": [("name", 1, TYPES.TYPE_STRING, ""), ("tags", 2, TYPES.TYPE_STRING, "*")],
    "Tags": [("tagNames", 1, TYPES.TYPE_STRING, "*"), ("metrics", 2, "Metadata", "")],
    "Values": [("tagValues", 1, "Value", "*"), ("metrics", 2, "Metadata", "")],
    "Value": [("type", 1, TYPES.TYPE_STRING, ""), ("value", 2, TYPES.TYPE_STRING, "")],
    "Metadata": [
        ("inspectedBytes", 1, TYPES.TYPE_UINT64, ""), ("totalJobs", 2, TYPES.TYPE_UINT32, ""),
        ("completedJobs", 3, TYPES.TYPE_UINT32, ""),
    ],
}  # fmt: skip


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    common = descriptor_pb2.FileDescriptorProto()
    common_pb2.DESCRIPTOR.CopyToProto(common)
    pool.Add(common)
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3", dependency=[common.name])
    for name, fields in SHAPES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = TYPES.LABEL_REPEATED if repeated else TYPES.LABEL_OPTIONAL
            made = message.field.add(name=field, number=number, label=label, json_name=field)
            if isinstance(kind, str):
                made.type, made.type_name = TYPES.TYPE_MESSAGE, kind if kind.startswith(".") else f".t.{kind}"
            else:
                made.type = kind
    pool.Add(file)
    return pool


POOL = _pool()


def read(name: str, body: bytes) -> dict[str, Any]:
    """A message as JSON; every field has to be known."""
    shape = message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"t.{name}"))
    found = shape.FromString(body)
    assert found.SerializeToString(deterministic=True) or not body
    return json_format.MessageToDict(found, descriptor_pool=POOL)


HIT = TraceHit(
    trace_id="ab" * 16, root_service="shop", root_name="GET /", start=NOW, duration=1_500_000, spans=3, errors=1,
    services={"shop": (2, 1), "db": (1, 0)},
    sets=[
        SpanSet(2, [MatchedSpan("01" * 8, "GET /", "shop", NOW, 1_000_000, {
            "span.http.status_code": 500, "duration": 1_000_000, "status": "error", "resource.a": True, ".x": 1.5})],
            {"by(resource.service.name)": "shop", "count()": 2}),
    ],
)  # fmt: skip


def test_searches() -> None:
    """JSON and protobuf say the same; attributes come without their scope, durations as texts."""
    found, spent = TraceHits([HIT]), Statistics("q", 1.0, 10, 2000)
    told = answers.search_json(found, spent)
    (trace,) = told["traces"]
    assert trace["durationMs"] == 1
    (span,) = trace["spanSets"][0]["spans"]
    assert {one["key"]: one["value"] for one in span["attributes"]} == {
        "http.status_code": {"intValue": "500"}, "duration": {"stringValue": "1ms"}, "status": {"stringValue": "error"},
        "a": {"boolValue": True}, "x": {"doubleValue": 1.5},
    }  # fmt: skip
    assert trace["spanSet"] == trace["spanSets"][0]
    again = read("SearchResponse", answers.search_protobuf(found, spent))
    stats = again["traces"][0].pop("serviceStats")
    assert {one["key"]: one["value"] for one in stats} == trace.pop("serviceStats")
    assert again["traces"] == told["traces"]
    assert again["metrics"] == told["metrics"]
    rootless = TraceHit("01" * 16, "", "", NOW, 0, 1, 0, {}, [])
    assert answers.search_json(TraceHits([rootless]), spent)["traces"][0]["rootServiceName"] == answers.NO_ROOT


def test_series() -> None:
    """Values that are none are left out; labels keep their types."""
    labels: dict[str, Any] = {"resource.service.name": "shop", "p": 0.9, "n": 3, "b": False, "none": None}
    exemplar = Exemplar("ab" * 16, "01" * 8, NOW, 0.25)
    series = MetricSeries(labels, [(NOW, 1.5), (NOW + SECOND, float("nan")), (NOW + 2 * SECOND, 0.0)], [exemplar])
    found, spent = SeriesSet([series], "cut"), Statistics()
    told = answers.series_json(found, spent)
    again = read("QueryRangeResponse", answers.series_protobuf(found, spent))
    assert again["series"][0]["labels"] == told["series"][0]["labels"]
    assert [one.get("value", 0.0) for one in again["series"][0]["samples"]] == [1.5, 0.0]
    assert [one["timestampMs"] for one in told["series"][0]["samples"]] == [str(NOW // 10**6), str(NOW // 10**6 + 2000)]
    assert again["series"][0]["exemplars"] == told["series"][0]["exemplars"]
    assert (again["status"], again["message"], told["status"]) == (1, "cut", "PARTIAL")
    instant = read("QueryInstantResponse", answers.instant_protobuf(found, spent))
    assert instant["series"][0].get("value", 0.0) == answers.instant_json(found, spent)["series"][0]["value"] == 0.0


def test_tags() -> None:
    """Names, names by scope, values."""
    spent = Statistics("", 0, 0, 7)
    assert read("Tags", answers.tags_protobuf(["a", "b"], spent)) == {
        "tagNames": ["a", "b"], "metrics": {"inspectedBytes": "7", "totalJobs": 1, "completedJobs": 1},
    }  # fmt: skip
    scopes = [("span", ["a"]), ("resource", [])]
    assert read("Scopes", answers.scopes_protobuf(scopes, spent))["scopes"] == [
        {"name": "span", "tags": ["a"]},
        {"name": "resource"},
    ]
    values = [("string", "x"), ("int", "1")]
    typed = read("Values", answers.typed_values_protobuf(values, spent))
    assert typed["tagValues"] == answers.typed_values_json(values, spent)["tagValues"]
    assert [answers.value_text(one) for one in (True, 2.0, 0.5, 3, "x")] == ["true", "2", "0.5", "3", "x"]


def test_requests_are_read_field_by_field() -> None:
    """Maps, times, numbers; what is broken is refused."""
    body = (
        pb.text(1, "a")
        + pb.integer(2, 300)
        + pb.message(3, pb.text(1, "k") + pb.text(2, "v"))
        + pb.message(4, pb.integer(1, 5))
    )
    found = pb.Message(body)
    assert (found.text(1), found.integer(2), found.texts(3), found.nanoseconds(4)) == ("a", 300, {"k": "v"}, 5 * SECOND)
    assert (found.text(9), found.integer(9), found.nanoseconds(9), found.texts(9)) == ("", 0, None, {})
    assert pb.signed(pb.Message(pb.integer(1, -5)).integer(1)) == -5
    for broken in (body[:-1], b"\x0f", b"\x80" * 11, b"\x0a\xff"):
        with pytest.raises(InvalidRequest):
            pb.Message(broken)
    with pytest.raises(InvalidRequest, match="UTF-8"):
        pb.Message(pb.message(1, b"\xff")).text(1)


def tempo(**given: str) -> Arguments:
    return Arguments(tuple(given.items()), NOW)


def test_arguments_of_tempo() -> None:
    """Seconds, fractions, ns, RFC 3339, durations."""
    assert tempo(start="1699999000", end="1700000000").range() == TimeRange(1_699_999_000 * SECOND, 1_700_000_001 * SECOND)
    assert tempo().range() == TimeRange(NOW - 3600 * SECOND, NOW + 1)
    assert tempo(since="5m").range().start == NOW - 300 * SECOND
    assert tempo(start="1699999000.5").time("start") == 1_699_999_000_500_000_000
    assert tempo(start="2023-11-14T22:13:20Z").time("start") == NOW
    assert (tempo(step="30").duration("step"), tempo(step="1m30s").duration("step")) == (30 * SECOND, 90 * SECOND)
    assert tempo(limit="99999").number("limit", 20, 1500) == 1500
    for name, value in (("start", "x"), ("limit", "-1"), ("limit", "0"), ("step", "soon"), ("end", "9" * 19)):
        with pytest.raises(InvalidRequest):
            arguments = tempo(**{name: value})
            arguments.number(name, 1, 2) if name == "limit" else arguments.duration(
                name
            ) if name == "step" else arguments.time(name)
    with pytest.raises(InvalidRequest, match="start must be before end"):
        tempo(start="1700000000", end="1600000000").range()
    assert aligned(65, 130, 60) == (60, 180)


def of_jaeger(*given: tuple[str, str]) -> jaeger.Arguments:
    return jaeger.Arguments(given, NOW)


def test_arguments_of_jaeger() -> None:
    """Microseconds, lookback, tags in both forms, booleans."""
    us = NOW // 1000
    assert of_jaeger(("start", str(us - 5)), ("end", str(us))).range() == TimeRange(NOW - 5000, NOW + 1)
    assert of_jaeger(("lookback", "1h")).range() == TimeRange(NOW - 3600 * SECOND, NOW + 1)
    assert of_jaeger(("lookback", "custom")).range().start == NOW - jaeger.DEFAULT_RANGE
    given = of_jaeger(("tag", "a:b:c"), ("tags", '{"http.status_code":500,"error":true,"x":"y"}'))
    assert jaeger.tags_of(given) == {"a": "b:c", "http.status_code": "500", "error": "true", "x": "y"}
    for tags in ("[1]", "{", "nothing"):
        with pytest.raises(InvalidRequest, match="tags"):
            jaeger.tags_of(of_jaeger(("tags", tags)))
    with pytest.raises(InvalidRequest, match="key:value"):
        jaeger.tags_of(of_jaeger(("tag", "x")))
    with pytest.raises(InvalidRequest, match="ParseInt"):
        of_jaeger(("start", "1.5")).range()
    with pytest.raises(InvalidRequest, match="ParseBool"):
        of_jaeger(("raw", "maybe")).boolean("raw")
    assert jaeger.find_traces(of_jaeger(("service", "shop"), ("limit", "5"))).limit == 5
    with pytest.raises(InvalidRequest, match="search depth"):
        jaeger.find_traces(of_jaeger(("limit", "1501")))


def test_arguments_of_the_third_version() -> None:
    """Camel case goes before snake case; both are read."""
    times = (("query.startTimeMin", "2023-11-14T22:00:00Z"), ("query.start_time_max", "2023-11-14T22:13:20.5Z"))
    plan = find_plan(
        of_jaeger(*times, ("query.num_traces", "7"), ("query.service_name", "shop"), ("query.duration_min", "5ms"))
    )
    assert plan.limit == 7
    assert plan.time == TimeRange(NOW - 800 * SECOND, NOW + SECOND // 2 + 1)
    with pytest.raises(InvalidRequest, match="are required"):
        find_plan(of_jaeger(*times[:1]))
    with pytest.raises(InvalidRequest, match="malformed parameter query"):
        find_plan(of_jaeger(("query.start_time_min", "1700000000"), times[1]))
    with pytest.raises(InvalidRequest, match="must be before"):
        find_plan(of_jaeger(("query.startTimeMin", "2024-01-01T00:00:00Z"), times[1]))


def test_ids() -> None:
    """Short ones are padded; base64 is taken where it is known."""
    assert trace_id("ab") == bytes(15) + b"\xab"
    assert span_id("0102030405060708") == bytes(range(1, 9))
    assert any_trace_id("AQEBAQEBAQEBAQEBAQEBAQ==") == any_trace_id("AQEBAQEBAQEBAQEBAQEBAQ") == b"\1" * 16
    assert any_trace_id("_-8BAQEBAQEBAQEBAQEBAQ")[:2] == b"\xff\xef"
    for text in ("", "xyz", "0" * 33, "a b", "é"):
        with pytest.raises(InvalidRequest):
            trace_id(text)
    with pytest.raises(InvalidRequest):
        any_trace_id("nothing of the kind")
    assert hint(None, 5) == TimeRange()
    assert hint(0, 5).start == 0


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("span.http.method", SpanField(Place.SPAN, "http.method")),
        ("resource.service.name", SpanField(Place.RESOURCE, "service.name")),
        (".a.b", SpanField(Place.ANYWHERE, "a.b")),
        ("http.method", SpanField(Place.ANYWHERE, "http.method")),
        ('span."a b"', SpanField(Place.SPAN, "a b")),
        ("instrumentation.x", SpanField(Place.SCOPE, "x")),
        ("status", SpanField(Place.INTRINSIC, "status")),
        ("trace:duration", SpanField(Place.INTRINSIC, "traceDuration")),
        ("event:name", SpanField(Place.INTRINSIC, "event:name")),
        ("event.name", SpanField(Place.EVENT, "name")),
    ],
)
def test_names_of_fields(text: str, field: SpanField) -> None:
    """With scope and without."""
    assert tag_field(text) == field


def test_lists_leave_out_what_differs_everywhere() -> None:
    """Ids and durations have no lists."""
    assert not any(map(has_values, map(tag_field, ("duration", "span:id", "trace:id", "traceDuration"))))
    assert all(map(has_values, map(tag_field, ("status", "name", "span.duration", "rootServiceName"))))
    for text in ("", ".", "span.", "nestedSetParent"):
        with pytest.raises(InvalidRequest):
            tag_field(text)
    assert [bare(name) for name in ("span.a.b", ".a", "status", "event:name", "other.a")] == [
        "a.b",
        "a",
        "status",
        "event:name",
        "other.a",
    ]


# ----------------------------------------------------------------------------------------------------------------- parts


class _Asker:
    """Tells of the newest two of four steps before it answers."""

    def __init__(self) -> None:
        self.told = [SeriesSet([MetricSeries({"name": "a"}, [(40, 4.0)])])]

    async def series(self, plan: SpanSeries, tell: Tell[SeriesSet] | None = None) -> SeriesSet:
        """The series."""
        if tell is not None:
            for found in self.told:
                tell(found, 0.5)
        return SeriesSet([MetricSeries({"name": "a"}, [(20, 2.0), (40, 4.0)])])


async def test_parts_of_series_have_zeros_where_it_is_known() -> None:
    """Nothing is said of the steps that were not looked at."""
    told: list[tuple[SeriesSet, float]] = []
    asker = cast(Asker, _Asker())
    text = "{ } | count_over_time() by (name)"
    whole = await metric_series(asker, text, 10, 40, 10, tell=lambda found, share: told.append((found, share)))
    assert [one.points for one in whole.series] == [[(10, 0.0), (20, 2.0), (30, 0.0), (40, 4.0)]]
    ((part, share),) = told
    assert ([one.points for one in part.series], share) == ([[(30, 0.0), (40, 4.0)]], 0.5)


async def test_series_of_two_sides_are_told_when_both_are_known() -> None:
    """A half of a division is no answer."""
    told: list[float] = []
    asker = cast(Asker, _Asker())
    text = "({ status = error } | count_over_time() by (name)) / ({ } | count_over_time() by (name))"
    await metric_series(asker, text, 10, 40, 10, tell=lambda _, share: told.append(share))
    assert told == []


def test_progress_of_parts() -> None:
    """The share that is done, in jobs."""
    (metrics,) = (
        value for number, value in pb.fields(answers.search_protobuf(TraceHits([]), Statistics(""), 0.429)) if number == 2
    )
    assert isinstance(metrics, bytes)
    assert (pb.Message(metrics).integer(4), pb.Message(metrics).integer(5)) == (42, 100)
    assert pb.Message(answers.series_protobuf(SeriesSet([]), Statistics(""))).bytes(2) == answers._metrics_protobuf(
        Statistics(""), 0
    )


@pytest.mark.parametrize("text", ["-2", "1.5", "x", "+1", "1234567890"])
def test_steps_that_are_none(text: str) -> None:
    """-1 is all; other numbers below 0 are none."""
    assert Arguments((("match_depth", "-1"),), NOW).steps("match_depth", 0) == -1
    with pytest.raises(InvalidRequest, match="match_depth"):
        Arguments((("match_depth", text),), NOW).steps("match_depth", 0)
    with pytest.raises(InvalidRequest, match="keep_hierarchy"):
        Arguments((("keep_hierarchy", text),), NOW).boolean("keep_hierarchy")
