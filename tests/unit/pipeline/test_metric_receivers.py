"""Receivers of metrics over HTTP: what they take, and what their senders are told."""

from __future__ import annotations

import gzip
import json
import struct
from typing import Any

import pytest
from tests.unit.pipeline.metric_memory import MetricBench

from nexus import _native
from nexus.errors import InvalidRequest, NexusError, Overloaded, UnsupportedEncoding
from nexus.pipeline.decode import BadEncoding, Undecodable
from nexus.pipeline.http import Reply, Request
from nexus.pipeline.inspection import Inspection, inspecting
from nexus.pipeline.metrics import RefusedForNow
from nexus.pipeline.push_groups import PushGroups, grouping_key
from nexus.pipeline.receivers.influx import Influx
from nexus.pipeline.receivers.otlp_http import OtlpHttp
from nexus.pipeline.receivers.prometheus_import import PrometheusImport
from nexus.pipeline.receivers.pushgateway import Pushgateway
from nexus.pipeline.receivers.remote_write import V1, V2, RemoteWrite
from nexus.pipeline.topology import Delivery
from nexus.security.permissions import Permission
from nexus.storage.metric_api import Refusal

EXPOSITION = b"""# TYPE requests counter
requests_total{path="/"} 5 1700000000000
requests_total{path="/x"} 7 1700000000000
temperature -3.5 1700000000000
"""


def batch(text: bytes = EXPOSITION) -> Any:
    return _native.decode_exposition(text, now_ms=1_700_000_000_000, optional_eof=True).batch


async def send(
    receiver: Any,
    path: str,
    body: bytes,
    *,
    headers: dict[str, str] | None = None,
    query: tuple[tuple[str, str], ...] = (),
    method: str = "POST",
    encoding: str = "",
    parameters: dict[str, str] | None = None,
) -> Reply:
    request = Request(path, headers or {}, query, method, parameters or {})
    try:
        return await receiver.receive(request, Delivery(receiver.name, "default", body, encoding))  # type: ignore[no-any-return]
    except NexusError as error:
        return receiver.refuse(request, error)  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------------- remote write


@pytest.mark.parametrize(("version", "schema"), [(1, V1), (2, V2), (1, "")])
async def test_remote_write_is_chosen_by_content_type(metrics: MetricBench, version: int, schema: str) -> None:
    ((body, _, _),) = _native.encode_remote_write(batch(), version=version, max_series=100, compress=True)
    media = f"application/x-protobuf;proto={schema}" if schema else "application/x-protobuf"
    reply = await send(RemoteWrite(metrics.intake), "/api/v1/write", body, headers={"content-type": media})
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["X-Prometheus-Remote-Write-Samples-Written"] == "3"
    assert reply.headers["X-Prometheus-Remote-Write-Histograms-Written"] == "0"
    assert metrics.store.values()["requests_total{path=/x}"] == [7.0]
    assert metrics.tenants == ["default"]
    assert metrics.counted("nexus_metrics_samples_total", 'receiver="remote_write"') == 3


@pytest.mark.parametrize("media", ["application/json", "application/x-protobuf;proto=x.Y", "text/plain"])
async def test_other_content_types_are_415_with_headers(metrics: MetricBench, media: str) -> None:
    reply = await send(RemoteWrite(metrics.intake), "/api/v1/write", b"x", headers={"content-type": media})
    assert reply.status == 415
    assert reply.headers["X-Prometheus-Remote-Write-Samples-Written"] == "0"


async def test_bad_bodies_are_400(metrics: MetricBench) -> None:
    receiver = RemoteWrite(metrics.intake)
    reply = await send(receiver, "/api/v1/write", b"no snappy")
    assert (reply.status, b"not snappy" in reply.body) == (400, True)
    reply = await send(receiver, "/api/v1/write", b"\xff", encoding="identity")
    assert reply.body.startswith(b"the body cannot be decoded: not a remote write 1.0 request: at byte 0")


async def test_a_partial_write_says_what_was_refused(metrics: MetricBench) -> None:
    def field(number: int, content: bytes) -> bytes:
        return bytes((number << 3 | 2, len(content))) + content

    def series(*labels: tuple[bytes, bytes]) -> bytes:
        pairs = b"".join(field(1, field(1, name) + field(2, value)) for name, value in labels)
        return field(1, pairs + field(2, b"\x09" + struct.pack("<d", 1.0) + b"\x10\x01"))

    body = series((b"__name__", b"good")) + series((b"__name__", b"bad"), (b"a", b"1"), (b"a", b"2"))
    reply = await send(RemoteWrite(metrics.intake), "/api/v1/write", body, encoding="identity")
    assert reply.status == 400
    assert reply.body == b'1 samples refused: 2: "bad": the label "a" comes twice; 1 stored\n'
    assert reply.headers["X-Prometheus-Remote-Write-Samples-Written"] == "1"
    assert list(metrics.store.values()) == ["good{}"]
    assert metrics.counted("nexus_metrics_refused_samples_total", 'reason="invalid_sample"') == 1


async def test_what_the_store_refuses_is_said_too(metrics: MetricBench) -> None:
    receiver = RemoteWrite(metrics.intake)
    ((body, _, _),) = _native.encode_remote_write(batch(), version=1, max_series=100, compress=True)
    metrics.store.refusals = (Refusal("too_old", "samples before 1970 are not kept", 2),)
    reply = await send(receiver, "/api/v1/write", body)
    assert (reply.status, reply.headers["X-Prometheus-Remote-Write-Samples-Written"]) == (400, "1")
    assert b"2 samples refused: samples before 1970 are not kept" in reply.body
    metrics.store.refusals = (Refusal("series_limit", "the tenant has 5 series, its limit", 1, retryable=True),)
    reply = await send(receiver, "/api/v1/write", body)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "5")


async def test_a_busy_store_is_503_with_retry_after(metrics: MetricBench) -> None:
    metrics.store.failure = Overloaded("the head is full.", retry_after=2.5)
    ((body, _, _),) = _native.encode_remote_write(batch(), version=2, max_series=100, compress=True)
    media = f"application/x-protobuf;proto={V2}"
    reply = await send(RemoteWrite(metrics.intake), "/api/v1/push", body, headers={"content-type": media})
    assert (reply.status, reply.headers["Retry-After"]) == (503, "3")
    assert reply.headers["X-Prometheus-Remote-Write-Samples-Written"] == "0"


def test_what_is_encoded_in_parts_is_whole() -> None:
    for version in (1, 2):
        bodies = _native.encode_remote_write(batch(), version=version, max_series=2, compress=False)
        decode = _native.decode_remote_write_v1 if version == 1 else _native.decode_remote_write_v2
        assert [(decode(body).batch.num_series, floats) for body, floats, _ in bodies] == [(2, 2), (1, 1)]
    with pytest.raises(ValueError, match="the version is 1 or 2"):
        _native.encode_remote_write(batch(), version=3, max_series=2, compress=False)


# --------------------------------------------------------------------------------------------------------------- OTLP

OTLP = {
    "resourceMetrics": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeMetrics": [
                {
                    "metrics": [
                        {
                            "name": "queue.size",
                            "gauge": {"dataPoints": [{"asInt": "4", "timeUnixNano": "1700000000000000000"}]},
                        },
                        {"name": "bad", "sum": {"dataPoints": [{"asInt": "4"}]}},
                    ]
                }
            ],
        }
    ]
}


@pytest.mark.parametrize("path", ["/v1/metrics", "/otlp/v1/metrics", "/api/v1/otlp/v1/metrics", "/opentelemetry/v1/metrics"])
async def test_otlp_answers_with_rejected_data_points(metrics: MetricBench, path: str) -> None:
    receiver = OtlpHttp(None, metrics.intake, None)  # type: ignore[arg-type]
    assert next(one for one in receiver.endpoints if one.path == path).permission is Permission.METRICS_WRITE
    reply = await send(receiver, path, json.dumps(OTLP).encode(), headers={"content-type": "application/json"})
    assert reply.status == 200
    assert json.loads(reply.body) == {
        "partialSuccess": {
            "rejectedDataPoints": "1",
            "errorMessage": '1 samples refused: 2: bad: "bad" has no aggregation temporality',
        }
    }
    assert metrics.store.values()["queue_size{job=shop}"] == [4.0]


async def test_otlp_refusals_that_pass_are_for_now(metrics: MetricBench) -> None:
    metrics.store.refusals = (Refusal("series_limit", "no room", 1, retryable=True),)
    body = json.dumps({"resourceMetrics": [OTLP["resourceMetrics"][0]]}).replace('"bad", "sum"', '"good", "gauge"').encode()
    receiver = OtlpHttp(None, metrics.intake, None)  # type: ignore[arg-type]
    reply = await send(receiver, "/v1/metrics", body, headers={"content-type": "application/json"})
    assert (reply.status, reply.headers["Retry-After"]) == (429, "5")
    assert json.loads(reply.body)["details"][0]["retryDelay"] == "5.000s"


# ------------------------------------------------------------------------------------------------- Influx, text import


async def test_influx_versions_and_precisions(metrics: MetricBench) -> None:
    receiver = Influx(metrics.intake)
    reply = await send(receiver, "/write", b"cpu,host=a load=1 1700000000", query=(("precision", "s"), ("db", "d")))
    assert reply.status == 204
    body = gzip.compress(b"cpu,host=a load=2 1700000001000")
    reply = await send(receiver, "/api/v2/write", body, query=(("precision", "ms"), ("bucket", "d")), encoding="gzip")
    assert reply.status == 204
    assert [one["samples"] for one in metrics.store.series()] == [[[1_700_000_000_000, 1.0]], [[1_700_000_001_000, 2.0]]]
    assert metrics.store.values() == {"cpu_load{db=d,host=a}": [1.0, 2.0]}
    reply = await send(receiver, "/api/v2/write", b"cpu load=x\ncpu load=3")
    assert (reply.status, json.loads(reply.body)["code"]) == (400, "invalid")
    reply = await send(receiver, "/write", b"cpu load=x")
    assert json.loads(reply.body)["error"].startswith("partial write: 1 samples refused: 1: a field's value is no number")
    reply = await send(receiver, "/write", b"", query=(("precision", "y"),))
    assert (reply.status, b"precision" in reply.body) == (400, True)
    assert (await send(receiver, "/ping", b"", method="GET")).headers["X-Influxdb-Version"]
    assert (await send(receiver, "/influx/query", b"")).status == 200


async def test_text_is_imported(metrics: MetricBench) -> None:
    receiver = PrometheusImport(metrics.intake)
    reply = await send(
        receiver,
        "/api/v1/import/prometheus",
        EXPOSITION + b"plain 1\n",
        query=(("extra_label", "dc=eu"), ("timestamp", "99")),
    )
    assert reply.status == 204
    assert metrics.store.values()["temperature{dc=eu}"] == [-3.5]
    assert next(one for one in metrics.store.series() if one["labels"]["__name__"] == "plain")["samples"] == [[99, 1.0]]
    reply = await send(receiver, "/api/v1/import/prometheus", b"a 1\nb x\n")
    assert (reply.status, b"1 stored" in reply.body) == (400, True)
    path = "/api/v1/import/prometheus/metrics/job/batch/instance/i1"
    reply = await send(receiver, path, b"done 1\n", parameters={"labels": "batch/instance/i1"})
    assert reply.status == 204
    assert "done{instance=i1,job=batch}" in metrics.store.values()
    for query in ((("extra_label", "x"),), (("timestamp", "soon"),)):
        assert (await send(receiver, "/api/v1/import/prometheus", b"a 1", query=query)).status == 400


async def test_inspection_stores_nothing(metrics: MetricBench) -> None:
    inspection = Inspection(lambda tenant: 30)
    with inspecting(inspection):
        await send(PrometheusImport(metrics.intake), "/api/v1/import/prometheus", EXPOSITION)
    assert metrics.store.batches == []
    answer = json.loads(inspection.answer())
    assert (answer["accepted"], len(answer["series"])) == (3, 3)
    assert answer["series"][0]["labels"] == {"__name__": "requests_total", "path": "/"}


# --------------------------------------------------------------------------------------------------------- Pushgateway


async def push(metrics: MetricBench, text: bytes, path: str = "/metrics/job/batch", method: str = "PUT") -> Reply:
    metrics.store.batches.clear()
    return await send(Pushgateway(metrics.intake), path, text, method=method)


async def test_groups_are_replaced_and_shown_again(metrics: MetricBench) -> None:
    assert (await push(metrics, b'# TYPE a gauge\na 1\nb{instance="x"} 2\n')).status == 200
    values = metrics.store.values()
    assert (values["a{job=batch}"], values["b{job=batch}"]) == ([1.0], [2.0])
    assert values["push_time_seconds{job=batch}"][0] > 1.7e9
    assert (await push(metrics, b"# TYPE a gauge\na 3\n", method="POST")).status == 200
    assert {name: found for name, found in metrics.store.values().items() if name[0] != "p"} == {
        "a{job=batch}": [3.0],
        "b{job=batch}": [2.0],
    }
    assert (await push(metrics, b"c 4\n")).status == 200
    values = metrics.store.values()
    # What is not there any more ends: a staleness marker, which is a NaN.
    assert (values["a{job=batch}"], values["c{job=batch}"]) == (["NaN"], [4.0])
    metrics.store.batches.clear()
    await metrics.intake.groups.show()
    assert metrics.store.values()["c{job=batch}"] == [4.0]


async def test_groups_survive_a_restart_and_are_deleted(metrics: MetricBench) -> None:
    await push(
        metrics, b'# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n', "/metrics/job/b/zone@base64/ZS91"
    )
    groups = metrics.intake.groups
    again = PushGroups(groups._directory, metrics.pipeline, 30.0, 1 << 20)
    again.load()
    assert (len(again), again.held) == (1, groups.held)
    metrics.store.batches.clear()
    await again.show()
    assert metrics.store.values()["h_count{job=b,zone=e/u}"] == [1.0]
    metrics.store.batches.clear()
    assert await again.delete("default", (("job", "b"), ("zone", "e/u")))
    assert metrics.store.values()["h_count{job=b,zone=e/u}"] == ["NaN"]
    assert not await again.delete("default", (("job", "b"), ("zone", "e/u")))
    third = PushGroups(groups._directory, metrics.pipeline, 30.0, 1 << 20)
    third.load()
    assert len(third) == 0


async def test_pushes_are_bounded_and_checked(metrics: MetricBench) -> None:
    reply = await push(metrics, b"a 1 1700000000000\n")
    assert (reply.status, b"timestamp" in reply.body) == (400, True)
    assert (await push(metrics, b"a x\n")).status == 400
    metrics.intake.groups._max_bytes = 100
    reply = await push(metrics, b"a 1\n")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "60")
    assert len(metrics.intake.groups) == 0


async def test_a_tenant_that_goes_takes_its_groups_along(metrics: MetricBench) -> None:
    await push(metrics, b"a 1\n")
    metrics.intake.groups.forget("default")
    assert len(metrics.intake.groups) == 0
    assert not list(metrics.intake.groups._directory.rglob("*.group"))


def test_grouping_keys() -> None:
    assert grouping_key("job/a") == [("job", "a")]
    assert grouping_key("job/a/b/c/") == [("b", "c"), ("job", "a")]
    assert grouping_key("job@base64/L3Zhci90bXA/path@base64/=") == [("job", "/var/tmp"), ("path", "")]
    for path in ("job/", "job/a/b", "job/a//c", "job/a/__name__/c", "job/a/b/c/b/d", "job@base64/!", "job@base64/_w"):
        with pytest.raises(InvalidRequest):
            grouping_key(path)


# -------------------------------------------------------------------------------------------------------- the pipeline


async def test_a_draining_pipeline_takes_nothing(metrics: MetricBench) -> None:
    await metrics.pipeline.drain()
    with pytest.raises(Overloaded, match="stopping"):
        await metrics.pipeline.append("default", "test", batch())
    with pytest.raises(Overloaded, match="stopping"):
        await metrics.pipeline.deliver(Delivery("test", "default", b""), _native.decode_remote_write_v1)


async def test_errors_of_bodies(metrics: MetricBench) -> None:
    with pytest.raises(UnsupportedEncoding):
        await metrics.pipeline.deliver(Delivery("t", "default", b"x", "br"), _native.decode_remote_write_v1)
    with pytest.raises(BadEncoding):
        await metrics.pipeline.deliver(Delivery("t", "default", b"x", "gzip"), _native.decode_remote_write_v1)
    with pytest.raises(Undecodable):
        await metrics.pipeline.deliver(Delivery("t", "default", b"\xff"), _native.decode_remote_write_v1)


def test_for_now_is_429() -> None:
    assert RefusedForNow("x").http_status == 429
