"""Exposition formats against the parser of prometheus_client, and protobuf messages against protobuf itself."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_open_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from nexus import _native

NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,10}", fullmatch=True).filter(lambda name: not name.startswith("__"))
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\x85\u2028\u2029\x1c\x1d\x1e\x0b\x0c"), max_size=12)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
SAMPLES = st.tuples(NAMES, st.dictionaries(NAMES.filter(lambda name: name != "le"), VALUES, max_size=3), NUMBERS)


def series(batch: Any) -> list[dict[str, Any]]:
    return [json.loads(one) for one in batch.render(1_000_000)]


def flat(batch: Any) -> set[tuple[Any, ...]]:
    """(labels, value) of all float samples; bounds as numbers, as clients spell them differently."""
    return {
        (tuple(sorted(labels(one["labels"]).items())), number(value)) for one in series(batch) for _, value in one["samples"]
    }


def labels(found: dict[str, str]) -> dict[str, str]:
    return {name: str(float(value)) if name in ("le", "quantile") else value for name, value in found.items() if value}


def number(value: Any) -> str:
    return repr(float(value)) if not isinstance(value, str) or not math.isnan(float(value)) else "nan"


def escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


@settings(max_examples=150, deadline=None)
@given(st.lists(SAMPLES, max_size=6))
def test_lines_are_read_as_prometheus_client_reads_them(samples: list) -> None:
    body = ""
    for name, found, value in samples:
        inner = ",".join(f'{key}="{escaped(text)}"' for key, text in found.items())
        body += f"{name}{{{inner}}} {value!r}\n"
    expected = {
        (tuple(sorted({**labels(one.labels), "__name__": one.name}.items())), number(one.value))
        for family in parse_text(body)
        for one in family.samples
    }
    assert flat(_native.decode_exposition(body.encode(), now_ms=1).batch) == expected


def registry() -> CollectorRegistry:
    found = CollectorRegistry()
    counter = Counter("requests", "Requests\nof all kinds \\ here.", ["path"], registry=found)
    counter.labels('/a"b\\c\nd').inc(3, exemplar={"trace_id": "abc"})
    Gauge("temperature_celsius", "Degrees.", registry=found).set(-1.5)
    histogram = Histogram("latency_seconds", "How long.", buckets=(0.1, 1, 10), registry=found)
    for value in (0.05, 0.5, 5, 50):
        histogram.observe(value, exemplar={"trace_id": str(value)})
    summary = Summary("size_bytes", "How large.", registry=found)
    summary.observe(12)
    Info("build", "Of what.", registry=found).info({"version": "1"})
    return found


def test_everything_that_prometheus_client_exposes() -> None:
    text = generate_latest(registry()).decode()
    decoded = _native.decode_exposition(text.encode(), now_ms=7)
    expected = {
        (tuple(sorted({**labels(one.labels), "__name__": one.name}.items())), number(one.value))
        for family in parse_text(text)
        for one in family.samples
    }
    assert flat(decoded.batch) == expected
    assert len(expected) > 10


def test_open_metrics_with_exemplars() -> None:
    text = generate_open_metrics(registry()).decode()
    decoded = _native.decode_exposition(text.encode(), now_ms=7, content_type="application/openmetrics-text; version=1.0.0")
    families = list(parse_open_metrics(text))
    expected = {
        (tuple(sorted({**labels(one.labels), "__name__": one.name}.items())), number(one.value))
        for family in families
        for one in family.samples
    }
    assert flat(decoded.batch) == expected
    exemplars = sorted(one[2]["trace_id"] for found in series(decoded.batch) for one in found["exemplars"])
    assert exemplars == ["0.05", "0.5", "5", "50", "abc"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a 1\nb\n", "line 2: expected a value, but the line ends"),
        (b"a 1 2 3\n", "line 1: expected the end of the line"),
        (b'a{b="\xff"} 1\n', "line 1: the labels are not UTF-8"),
        (b"a 1\n\n# TYPE a wrong\n", 'line 3: "wrong" is no type of a metric'),
        (b"a 0x10\n", 'line 1: "0x10" is not a number'),
        (b"a 1 1.5\n", 'line 1: "1.5" is not a timestamp in milliseconds'),
        (b'a{b="c"\n', "line 1: the labels have no closing brace"),
    ],
)
def test_what_cannot_be_read_is_named(body: bytes, message: str) -> None:
    with pytest.raises(_native.DecodeError, match=message):
        _native.decode_exposition(body, now_ms=1)


def test_a_million_label_values_and_a_huge_help() -> None:
    body = b"# HELP a " + b"x" * 1_000_000 + b"\n" + b"".join(b'a{b="%d"} 1\n' % n for n in range(1_000_000))
    decoded = _native.decode_exposition(body, now_ms=1)
    assert decoded.batch.num_series == 1_000_000
    assert decoded.batch.num_bytes < 8 * len(body)


# ------------------------------------------------------------------------------------------------------------ protobuf


def client_model() -> Any:
    """Messages of `io.prometheus.client`, made from a description written here: only what the tests use."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = {"double": 1, "int64": 3, "uint64": 4, "int32": 5, "string": 9, "uint32": 13, "sint32": 17, "sint64": 18}
    messages = {
        "LabelPair": "name:1:string value:2:string",
        "Gauge": "value:1:double",
        "Counter": "value:1:double exemplar:2:Exemplar",
        "Quantile": "quantile:1:double value:2:double",
        "Summary": "sample_count:1:uint64 sample_sum:2:double quantile:3:*Quantile",
        "Untyped": "value:1:double",
        "Stamp": "seconds:1:int64 nanos:2:int32",
        "Exemplar": "label:1:*LabelPair value:2:double timestamp:3:Stamp",
        "Bucket": "cumulative_count:1:uint64 upper_bound:2:double exemplar:3:Exemplar",
        "Span": "offset:1:sint32 length:2:uint32",
        "Histogram": "sample_count:1:uint64 sample_sum:2:double bucket:3:*Bucket schema:5:sint32 zero_threshold:6:double "
        "zero_count:7:uint64 negative_span:9:*Span negative_delta:10:*sint64 positive_span:12:*Span "
        "positive_delta:13:*sint64 positive_count:14:*double exemplars:16:*Exemplar",
        "Metric": "label:1:*LabelPair gauge:2:Gauge counter:3:Counter summary:4:Summary untyped:5:Untyped "
        "timestamp_ms:6:int64 histogram:7:Histogram",
        "MetricFamily": "name:1:string help:2:string type:3:int32 metric:4:*Metric unit:5:string",
    }
    file = descriptor_pb2.FileDescriptorProto(name="client_model.proto", package="t", syntax="proto2")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for text in fields.split():
            field, place, kind = text.split(":")
            repeated = kind.startswith("*")
            kind = kind.lstrip("*")
            one = message.field.add(name=field, number=int(place), label=3 if repeated else 1)
            if kind in kinds:
                one.type = kinds[kind]
                if repeated and kind == "sint64":
                    one.options.packed = True
            else:
                one.type, one.type_name = 11, f".t.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"t.{name}")) for name in messages}


def delimited(*families: Any) -> bytes:
    body = b""
    for family in families:
        encoded = family.SerializeToString()
        size = len(encoded)
        while size >= 0x80:
            body += bytes([size & 0x7F | 0x80])
            size >>= 7
        body += bytes([size]) + encoded
    return body


PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


def test_protobuf_with_native_histograms() -> None:
    model = client_model()
    family = model["MetricFamily"](name="h", help="Help.", type=4)
    metric = family.metric.add()
    metric.label.add(name="a", value="b")
    histogram = metric.histogram
    histogram.sample_count, histogram.sample_sum = 6, 12.5
    histogram.bucket.add(cumulative_count=2, upper_bound=1.0)
    histogram.schema, histogram.zero_threshold, histogram.zero_count = 3, 0.001, 1
    histogram.positive_span.add(offset=-1, length=2)
    histogram.positive_span.add(offset=3, length=1)
    histogram.positive_delta.extend([1, 1, -1])
    histogram.negative_span.add(offset=0, length=1)
    histogram.negative_delta.extend([1])
    exemplar = histogram.exemplars.add(value=0.5)
    exemplar.label.add(name="trace_id", value="t")
    exemplar.timestamp.seconds = 3
    counter = model["MetricFamily"](name="c_total", type=0)
    counter.metric.add(timestamp_ms=42).counter.value = 7
    summary = model["MetricFamily"](name="s", type=2)
    summary.metric.add().summary.sample_count = 1
    summary.metric[0].summary.quantile.add(quantile=0.5, value=3)
    decoded = _native.decode_exposition(delimited(family, counter, summary), now_ms=9, content_type=PROTOBUF)
    found = {tuple(one["labels"].items()): one for one in series(decoded.batch)}
    native = found[(("__name__", "h"), ("a", "b"))]
    assert native["histograms"] == [[9, 6, 12.5]]
    assert native["exemplars"] == [[3000, 0.5, {"trace_id": "t"}]]
    assert found[(("__name__", "c_total"),)]["samples"] == [[42, 7]]
    assert found[(("__name__", "s"), ("quantile", "0.5"))]["samples"] == [[9, 3]]
    # Without asking for native histograms, its classic buckets are scraped, with one for +Inf that was left out.
    cache = _native.ScrapeCache([], _native.Relabel([]))
    scraped = cache.scrape(delimited(family), content_type=PROTOBUF, limit=1 << 20, timestamp_ms=9, seconds=0.0)
    assert not scraped.error
    assert scraped.scraped == 4
    buckets = {one["labels"].get("le"): one["samples"] for one in series(scraped.batch)}
    assert buckets["+Inf"] == [[9, 6]]
    # One without classic buckets is its count, its sum and the bucket for +Inf then.
    del histogram.bucket[:]
    only = _native.ScrapeCache([], _native.Relabel([]))
    assert only.scrape(delimited(family), content_type=PROTOBUF, limit=1 << 20, timestamp_ms=9, seconds=0.0).scraped == 3
    histogram.bucket.add(cumulative_count=2, upper_bound=1.0)
    both = _native.ScrapeCache([], _native.Relabel([]), native_histograms=True, classic_histograms=True)
    assert both.scrape(delimited(family), content_type=PROTOBUF, limit=1 << 20, timestamp_ms=9, seconds=0.0).scraped == 5


def test_buckets_beyond_the_limit_are_merged_or_refused() -> None:
    model = client_model()
    family = model["MetricFamily"](name="h", type=4)
    histogram = family.metric.add().histogram
    histogram.sample_count, histogram.sample_sum, histogram.schema = 100, 1.0, 5
    histogram.positive_span.add(offset=0, length=100)
    histogram.positive_delta.extend([1] + [0] * 99)
    body = delimited(family)
    few = _native.ScrapeCache([], _native.Relabel([]), native_histograms=True, bucket_limit=20)
    assert few.scrape(body, content_type=PROTOBUF, limit=1 << 20, timestamp_ms=1, seconds=0.0).error == ""
    none = _native.ScrapeCache([], _native.Relabel([]), native_histograms=True, bucket_limit=1)
    failed = none.scrape(body, content_type=PROTOBUF, limit=1 << 20, timestamp_ms=1, seconds=0.0)
    assert "native_histogram_bucket_limit exceeded" in failed.error
    histogram.positive_delta.append(1)
    with pytest.raises(_native.DecodeError, match="name 100 positive buckets, and there are 101"):
        _native.decode_exposition(delimited(family), now_ms=1, content_type=PROTOBUF)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_or_a_batch(body: bytes) -> None:
    for content_type in ("text/plain", "application/openmetrics-text", PROTOBUF):
        cache = _native.ScrapeCache([("job", "j")], _native.Relabel([]))
        scraped = cache.scrape(body, content_type=content_type, limit=1 << 20, timestamp_ms=1, seconds=0.0)
        try:
            _native.decode_exposition(body, now_ms=1, content_type=content_type)
        except _native.DecodeError:
            assert scraped.error
