"""The native decoder of OTLP metrics: protobuf and JSON of OpenTelemetry's own classes give the same batch."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from nexus import _native

NOW = 1_780_315_200_000_000_000


def decoder(**options: Any) -> _native.OtlpMetrics:
    given = {
        "strategy": "UnderscoreEscapingWithSuffixes",
        "promoted": ["host.name"],
        "keep_identifying": False,
        "scope_labels": True,
        "custom_buckets": False,
        "delta_bytes": 1 << 20,
        **options,
    }
    return _native.OtlpMetrics(**given)


def value(rng: random.Random) -> AnyValue:
    match rng.randrange(6):
        case 0:
            return AnyValue(string_value=rng.choice(["", "a", "größe", 'q"uo\nte']))
        case 1:
            return AnyValue(bool_value=rng.random() < 0.5)
        case 2:
            return AnyValue(int_value=rng.randrange(-(2**63), 2**63))
        case 3:
            return AnyValue(double_value=rng.choice([0.0, 1.5, 1e300, -2.0]))
        case 4:
            return AnyValue(bytes_value=rng.randbytes(rng.randrange(5)))
        case _:
            nested = AnyValue()
            nested.array_value.values.extend([AnyValue(int_value=1), AnyValue(string_value="x")])
            return nested


def attributes(rng: random.Random) -> list[KeyValue]:
    keys = ["a", "a.b", "a_b", "le", "job", "__name__", "host.name", "service.name", "service.instance.id", "1x"]
    return [KeyValue(key=rng.choice(keys), value=value(rng)) for _ in range(rng.randrange(5))]


def exemplars(rng: random.Random) -> list[Exemplar]:
    return [
        Exemplar(
            filtered_attributes=attributes(rng),
            time_unix_nano=rng.randrange(2**62),
            as_int=rng.randrange(-5, 50),
            trace_id=rng.randbytes(16),
            span_id=rng.randbytes(8),
        )
        for _ in range(rng.randrange(2))
    ]


def point(rng: random.Random, kind: type[Any], **fields: Any) -> Any:
    return kind(
        attributes=attributes(rng),
        start_time_unix_nano=rng.randrange(2**62),
        time_unix_nano=rng.choice([0, NOW, NOW + 10**9, rng.randrange(2**62)]),
        flags=rng.choice([0, 0, 0, 1]),
        **fields,
    )


def number(rng: random.Random) -> NumberDataPoint:
    either = {"as_int": rng.randrange(-(2**53), 2**53)} if rng.random() < 0.5 else {"as_double": rng.uniform(-9, 9)}
    return point(rng, NumberDataPoint, exemplars=exemplars(rng), **(either if rng.random() < 0.9 else {}))


def histogram(rng: random.Random) -> HistogramDataPoint:
    bounds = sorted(rng.sample(range(100), rng.randrange(5)))
    counts = [rng.randrange(9) for _ in range(len(bounds) + 1)]
    total = sum(counts) + (rng.random() < 0.1)
    extra = {"sum": rng.uniform(0, 99)} if rng.random() < 0.8 else {}
    return point(
        rng, HistogramDataPoint, count=total, bucket_counts=counts, explicit_bounds=bounds, exemplars=exemplars(rng), **extra
    )


def exponential(rng: random.Random) -> ExponentialHistogramDataPoint:
    sides = [[rng.randrange(5) for _ in range(rng.randrange(6))] for _ in range(2)]
    zero = rng.randrange(3)
    made = point(
        rng,
        ExponentialHistogramDataPoint,
        count=sum(map(sum, sides)) + zero,
        sum=rng.uniform(0, 99),
        scale=rng.randrange(-5, 21),
        zero_count=zero,
        zero_threshold=rng.choice([0.0, 1e-3]),
        exemplars=exemplars(rng),
    )
    for side, counts in zip((made.positive, made.negative), sides, strict=True):
        side.offset = rng.randrange(-500, 500)
        side.bucket_counts.extend(counts)
    return made


def metric(rng: random.Random) -> Metric:
    names = {
        "name": rng.choice(["", "a.b", "http.server.duration", "größe", "2x"]),
        "unit": rng.choice(["", "s", "By/s", "1"]),
    }
    temporality = rng.choice([0, 1, 2, 2])
    number_of = range(rng.randrange(4))
    match rng.randrange(5):
        case 0:
            return Metric(**names, gauge=Gauge(data_points=[number(rng) for _ in number_of]))
        case 1:
            points = [number(rng) for _ in number_of]
            monotonic = rng.random() < 0.5
            return Metric(**names, sum=Sum(data_points=points, aggregation_temporality=temporality, is_monotonic=monotonic))
        case 2:
            points = [histogram(rng) for _ in number_of]
            return Metric(**names, histogram=Histogram(data_points=points, aggregation_temporality=temporality))
        case 3:
            points = [exponential(rng) for _ in number_of]
            data = ExponentialHistogram(data_points=points, aggregation_temporality=temporality)
            return Metric(**names, description="d", exponential_histogram=data)
        case _:
            quantiles = [SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=rng.uniform(0, 9)) for _ in number_of]
            points = [point(rng, SummaryDataPoint, count=3, sum=1.5, quantile_values=quantiles) for _ in number_of]
            return Metric(**names, summary=Summary(data_points=points))


def request(seed: int) -> ExportMetricsServiceRequest:
    rng = random.Random(seed)
    return ExportMetricsServiceRequest(
        resource_metrics=[
            ResourceMetrics(
                resource=Resource(attributes=attributes(rng)),
                scope_metrics=[
                    ScopeMetrics(
                        scope=InstrumentationScope(name="lib", version="1", attributes=attributes(rng)),
                        metrics=[metric(rng) for _ in range(rng.randrange(4))],
                    )
                    for _ in range(rng.randrange(3))
                ],
            )
            for _ in range(rng.randrange(3))
        ]
    )


def as_json(message: ExportMetricsServiceRequest, rng: random.Random) -> bytes:
    def mended(value: Any) -> Any:
        if isinstance(value, list):
            return [mended(item) for item in value]
        if not isinstance(value, dict):
            return value
        members = [
            (key, base64.b64decode(item).hex() if key in ("traceId", "spanId") else mended(item))
            for key, item in value.items()
        ]
        rng.shuffle(members)
        return dict(members)

    return json.dumps(mended(json_format.MessageToDict(message, use_integers_for_enums=True))).encode()


def shown(decoded: _native.DecodedMetrics) -> Any:
    bodies = _native.encode_remote_write(decoded.batch, version=1, max_series=1 << 20, compress=False)
    return decoded.rejected, [message for message in decoded.errors if "at byte" not in message[1]], bodies


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_json_gives_the_batch_that_protobuf_gives(seed: int, custom: bool) -> None:
    message = request(seed)
    options = {"custom_buckets": custom}
    first = decoder(**options).decode_protobuf(message.SerializeToString(), now_ns=NOW, tenant="t")
    second = decoder(**options).decode_json(as_json(message, random.Random(seed)), now_ns=NOW, tenant="t")
    assert shown(first) == shown(second)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_bytes_of_strangers_are_refused_or_read(seed: int, place: int) -> None:
    body = bytearray(request(seed).SerializeToString())
    if body:
        body[place % len(body)] ^= 1 << place % 8
    try:
        decoder().decode_protobuf(bytes(body), now_ns=NOW, tenant="t")
    except _native.DecodeError as error:
        assert str(error).startswith("not an OTLP metrics request in protobuf: at byte ")


def test_streams_of_deltas_are_those_of_a_tenant() -> None:
    data = Sum(data_points=[NumberDataPoint(as_int=5, time_unix_nano=NOW)], aggregation_temporality=1, is_monotonic=True)
    body = ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[Metric(name="a", sum=data)])])]
    )
    made = decoder()
    for tenant in ("t", "u", "t"):
        decoded = made.decode_protobuf(body.SerializeToString(), now_ns=NOW, tenant=tenant)
        assert json.loads(decoded.batch.render(1)[0])["samples"] == [[NOW // 10**6, 5.0]]
    data.data_points[0].time_unix_nano += 10**9
    body.resource_metrics[0].scope_metrics[0].metrics[0].sum.CopyFrom(data)
    decoded = made.decode_protobuf(body.SerializeToString(), now_ns=NOW, tenant="u")
    assert json.loads(decoded.batch.render(1)[0])["samples"][0][1] == 10.0
    assert made.streams[0] == 2
