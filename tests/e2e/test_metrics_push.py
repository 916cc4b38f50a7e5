"""Metrics from real clients: Prometheus, OpenTelemetry's SDK, prometheus_client, InfluxDB's and StatsD's clients, promtool."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import influxdb_client
import pytest
import statsd
import yaml
from datadog.dogstatsd.base import DogStatsd
from influxdb_client.client.write_api import SYNCHRONOUS
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Gauge, delete_from_gateway, push_to_gateway, pushadd_to_gateway
from prometheus_client.exposition import basic_auth_handler
from tests.e2e.metric_backends import OnVictoriaMetrics, a_tenant, left_out, on_victoriametrics, victorious
from tests.e2e.nexus_process import TOKEN, NexusProcess, command, wait_for
from tests.e2e.programs import Prometheus, free_port
from tests.e2e.promql import exemplars, values, vector

__all__ = ["left_out", "victorious"]
PROMETHEUS = {
    "newest": os.environ.get("PROMETHEUS_BIN", ""),
    "installed": shutil.which("prometheus") or "",
}
PROMTOOL = os.environ.get("PROMTOOL_BIN") or shutil.which("promtool") or ""
LOCAL = ["127.0.0.0/8"]


@pytest.fixture(scope="module", params=["embedded", "victoriametrics"])
def pushed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """A Nexus with listeners, with each store."""
    folder = tmp_path_factory.mktemp("pushed")
    lines = "lines" if request.param == "embedded" else "vm-0"
    common = {"tenant": lines, "networks": LOCAL, "port": 0}
    config = {
        "receivers": {
            "graphite": [{**common, "protocol": "tcp"}, {**common, "protocol": "udp"}],
            "statsd": [
                {**common, "flush_interval": "1s"},
                {"tenant": lines, "protocol": "unix", "path": str(folder / "statsd.sock"), "flush_interval": "1s"},
            ],
        },
        "push": {"interval": "1s"},
    }
    file = folder / "nexus.yaml"
    file.write_text(yaml.safe_dump(config))
    if request.param == "victoriametrics":
        process: NexusProcess = request.getfixturevalue("victorious")(folder, NEXUS_CONFIG=str(file))
        assert isinstance(process, OnVictoriaMetrics) and process.take_tenant() == lines
        yield process
        return
    process = NexusProcess(folder / "data", NEXUS_CONFIG=str(file)).start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


@pytest.fixture
def tenant(pushed: NexusProcess, tenant: str) -> Iterator[str]:
    """A tenant of its own."""
    yield from a_tenant(pushed, tenant)


@pytest.fixture
def lines(pushed: NexusProcess) -> str:
    """The tenant of the listeners."""
    return "vm-0" if on_victoriametrics(pushed) else "lines"


def make_key(nexus: NexusProcess, tenant: str, permission: str) -> str:
    """An API key of a tenant."""
    made = nexus.post("/api/nexus/v1/keys", {"name": permission, "permissions": [permission], "tenant": tenant})
    assert made.status == 200, made.body
    return str(made.json["secret"])


def address(nexus: NexusProcess, receiver: str) -> tuple[str, int]:
    found = next(one for one in nexus.facts["listeners"] if one["receiver"] == receiver)
    return found["host"], found["port"]


def becomes(nexus: NexusProcess, query: str, expected: list[Any], tenant: str = "", timeout: float = 20.0) -> None:
    """Wait until a query has these values."""
    wait_for(f"{query} to be {expected}", lambda: values(nexus, query, tenant) == expected, timeout, 0.1)


def of_histogram(nexus: NexusProcess, what: str, name: str) -> str:
    """The query of a native histogram's count or sum: VictoriaMetrics makes series of them, and `vmrange` buckets."""
    return f"{name}_{what}" if on_victoriametrics(nexus) else f"histogram_{what}({name})"


# ------------------------------------------------------------------------------------------------------ remote write


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts a Prometheus that scrapes itself and writes to Nexus; its port."""
    running: list[Prometheus] = []

    def start(binary: str, nexus: NexusProcess, tenant: str, *, features: str = "", **options: Any) -> int:
        port = free_port()
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
            "remote_write": [
                {
                    "url": f"http://127.0.0.1:{nexus.port}/api/v1/write",
                    "authorization": {"credentials": make_key(nexus, tenant, "metrics:write")},
                    "queue_config": {"batch_send_deadline": "500ms", "min_shards": 1},
                    "metadata_config": {"send_interval": "1s"},
                    **options,
                }
            ],
        }
        if "st-storage" in features:
            config["storage"] = {"tsdb": {"chunk_encoding": {"floats": "xor2"}}}
        running.append(Prometheus(binary, tmp_path, yaml.safe_dump(config), port=port, features=features).start())
        return port

    yield start
    for server in running:
        server.stop()


@pytest.mark.parametrize(
    ("which", "options"),
    [
        ("installed", {}),
        ("newest", {}),
        ("newest", {"protobuf_message": "io.prometheus.write.v2.Request"}),
    ],
    ids=["installed-1.0", "newest-1.0", "newest-2.0"],
)
def test_prometheus_writes(
    pushed: NexusProcess, tenant: str, sender: Callable[..., int], which: str, options: dict[str, Any], tmp_path: Path
) -> None:
    binary = PROMETHEUS[which]
    if not binary:
        pytest.skip("needs a Prometheus: install it, or name a 3.x with PROMETHEUS_BIN")
    sender(binary, pushed, tenant, **options)
    try:
        becomes(pushed, "up", [1.0], tenant, 40)
    except AssertionError:
        found = pushed.get("/api/v1/query?query=up", tenant=tenant).body
        raise AssertionError(f"{found!r}\n{(tmp_path / 'prometheus.log').read_text()[-3000:]}") from None
    found = vector(pushed, "prometheus_build_info", tenant)
    ((labels, value),) = found.items()
    assert value == 1.0 and dict(labels)["job"] == "self"
    assert values(pushed, "count({__name__=~'.+'})", tenant)[0] > 100

    def metadata() -> Any:
        return pushed.get("/api/v1/metadata?metric=prometheus_http_requests_total", tenant=tenant).json["data"]

    if "protobuf_message" not in options:
        # With 2.0 Prometheus sends metadata only once they have changed.
        kept = wait_for("metadata", metadata, pause=0.2)
        assert kept["prometheus_http_requests_total"][0]["type"] == "counter"
    # Nothing was refused, and the sender knows that its samples were written.
    assert f'tenant="{tenant}"' not in "".join(
        line
        for line in pushed.get("/metrics").body.decode().splitlines()
        if line.startswith("nexus_metrics_refused_samples_total") and "too_old" not in line
    )
    assert "level=ERROR" not in (tmp_path / "prometheus.log").read_text()


@pytest.mark.skipif(not PROMETHEUS["newest"], reason="PROMETHEUS_BIN names no Prometheus 3")
def test_start_times_of_prometheus(pushed: NexusProcess, tenant: str, sender: Callable[..., int], tmp_path: Path) -> None:
    """When counters began, as a Prometheus scraped it and sends it on, is what it says itself."""
    if on_victoriametrics(pushed):
        pytest.skip("VictoriaMetrics does not keep when counters began")
    features = "st-storage,use-start-timestamps,promql-experimental-functions"
    options = {"protobuf_message": "io.prometheus.write.v2.Request"}
    port = sender(PROMETHEUS["newest"], pushed, tenant, features=features, **options)

    def theirs(query: str) -> dict[Any, float]:
        url = f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': query})}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            found = json.load(answer)["data"]["result"]
        return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in found}

    query = 'start_timestamp({__name__=~"prometheus_http_request.*_(total|count|bucket)"}) > 0'
    found = wait_for("start times", lambda: vector(pushed, query, tenant), pause=0.2)
    assert all(time.time() - 120 < begun <= time.time() for begun in found.values())
    known = theirs(query)
    shared = found.keys() & known.keys()
    assert shared and all(found[one] == known[one] for one in shared)


@pytest.mark.skipif(not PROMTOOL, reason="needs promtool: install it, or set PROMTOOL_BIN")
def test_promtool_pushes(pushed: NexusProcess, tenant: str, tmp_path: Path) -> None:
    file = tmp_path / "metrics.prom"
    file.write_text('# HELP done Jobs done.\n# TYPE done counter\ndone{kind="a"} 5\n')
    helped = subprocess.run([PROMTOOL, "push", "metrics", "--help"], capture_output=True, check=False)
    if helped.returncode:
        pytest.skip("this promtool cannot push")
    subprocess.run(
        [
            PROMTOOL, "push", "metrics", f"--header=Authorization=Bearer {TOKEN}", f"--header=X-Scope-OrgID={tenant}",
            f"http://127.0.0.1:{pushed.port}", str(file),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    assert vector(pushed, "done", tenant) == {(("__name__", "done"), ("job", "promtool"), ("kind", "a")): 5.0}


# -------------------------------------------------------------------------------------------------------------- OTLP


def record_metrics(exporter: Any, tenant: str) -> None:
    """What an application does with OpenTelemetry's SDK."""
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    views = [View(instrument_name="payload.size", aggregation=ExponentialBucketHistogramAggregation())]
    resource = Resource({"service.name": "shop", "service.namespace": "eu", "service.instance.id": "i-1", "host.name": "h1"})
    provider = MeterProvider([reader], resource, views=views)
    meter = provider.get_meter("tests", "1.0")
    orders = meter.create_counter("orders", "1", "Orders placed")
    orders.add(2, {"payment.kind": "card"})
    meter.create_up_down_counter("queue.size").add(-3)
    meter.create_observable_gauge("room.temperature", [lambda _: [Observation(21.5)]], "Cel")
    duration = meter.create_histogram("http.server.duration", "s", explicit_bucket_boundaries_advisory=[0.1, 1.0])
    for seconds in (0.05, 0.5, 5.0):
        duration.record(seconds, {"http.method": "GET"})
    size = meter.create_histogram("payload.size", "By")
    for octets in (10, 100, 1000):
        size.record(octets)
    assert provider.force_flush()
    orders.add(5, {"payment.kind": "card"})
    provider.shutdown()


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_opentelemetry_sdk(pushed: NexusProcess, tenant: str, protocol: str, temporality: str) -> None:
    kind = AggregationTemporality.DELTA if temporality == "delta" else AggregationTemporality.CUMULATIVE
    options: dict[str, Any] = {
        "headers": {"authorization": f"Bearer {TOKEN}", "x-scope-orgid": tenant},
        "preferred_temporality": {Counter: kind, Histogram: kind},
    }
    if protocol == "http":
        exporter: Any = HttpExporter(f"http://127.0.0.1:{pushed.otlp_port}/v1/metrics", **options)
    else:
        exporter = GrpcExporter(f"127.0.0.1:{pushed.grpc_port}", insecure=True, **options)
    record_metrics(exporter, tenant)
    common = (("instance", "i-1"), ("job", "eu/shop"))
    assert vector(pushed, "orders_total", tenant) == {(("__name__", "orders_total"), *common, ("payment_kind", "card")): 7.0}
    assert values(pushed, "queue_size", tenant) == [-3.0]
    if not on_victoriametrics(pushed):
        # The SDK says when it began to count; of deltas, the total began with the first.
        (began,) = values(pushed, "start_timestamp(orders_total)", tenant)
        assert time.time() - 60 < began <= time.time()
        assert values(pushed, "resets(orders_total[5m])", tenant) == [0.0]
        assert values(pushed, "increase(orders_total[5m]) > 5", tenant), "what came before the first sample counts, too"
    assert values(pushed, "room_temperature_celsius", tenant) == [21.5]
    buckets = vector(pushed, "sum by (le) (http_server_duration_seconds_bucket)", tenant)
    assert buckets == {(("le", "0.1"),): 1.0, (("le", "1"),): 2.0, (("le", "+Inf"),): 3.0}
    assert values(pushed, "http_server_duration_seconds_sum", tenant) == [5.55]
    assert values(pushed, of_histogram(pushed, "count", "payload_size_bytes"), tenant) == [3.0]
    assert values(pushed, of_histogram(pushed, "sum", "payload_size_bytes"), tenant) == [1110.0]
    assert dict(next(iter(vector(pushed, "target_info", tenant))))["host_name"] == "h1"
    assert len(values(pushed, "orders_total * on (job, instance) group_left(host_name) target_info", tenant)) == 1


def test_otlp_partial_success_and_exemplars(pushed: NexusProcess, tenant: str) -> None:
    now = time.time_ns()
    point = {
        "timeUnixNano": str(now), "asInt": "7",
        "exemplars": [{"timeUnixNano": str(now), "asInt": "7", "traceId": "ab" * 16, "spanId": "cd" * 8}],
    }  # fmt: skip
    good = {"name": "calls", "sum": {"isMonotonic": True, "aggregationTemporality": 2, "dataPoints": [point]}}
    bad = {"name": "bad", "gauge": {"dataPoints": [{"timeUnixNano": str(now)}]}}
    document = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [good, bad]}]}]}
    answer = pushed.post("/v1/metrics", document, tenant=tenant)
    assert answer.status == 200
    assert answer.json["partialSuccess"]["rejectedDataPoints"] == "1"
    assert "bad: the point has no value" in answer.json["partialSuccess"]["errorMessage"]
    assert values(pushed, "calls_total", tenant) == [7.0]
    found = exemplars(pushed, "calls_total", now / 1e9 - 60, now / 1e9 + 60, tenant)
    # VictoriaMetrics keeps no exemplars.
    expected = [] if on_victoriametrics(pushed) else [{"trace_id": "ab" * 16, "span_id": "cd" * 8}]
    assert [one["labels"] for one in found] == expected
    assert pushed.request("POST", "/v1/metrics", b"{", {"Content-Type": "application/json"}, tenant=tenant).status == 400


# ---------------------------------------------------------------------------------------------- Pushgateway, Influx


def test_prometheus_client_pushes(pushed: NexusProcess, tenant: str) -> None:
    gateway = f"127.0.0.1:{pushed.port}"

    def handler(url: str, method: str, timeout: float | None, headers: list[tuple[str, str]], data: bytes) -> Any:
        return basic_auth_handler(url, method, timeout, [*headers, ("X-Scope-OrgID", tenant)], data, tenant, TOKEN)

    registry = CollectorRegistry()
    Gauge("job_last_success_unixtime", "When it worked", registry=registry).set(99)
    push_to_gateway(gateway, "nightly", registry, {"path": "/var/tmp"}, handler=handler)
    labels = (("job", "nightly"), ("path", "/var/tmp"))
    name = "job_last_success_unixtime"
    assert vector(pushed, name, tenant) == {(("__name__", name), *labels): 99.0}
    assert values(pushed, "time() - push_time_seconds < 60", tenant)
    more = CollectorRegistry()
    Gauge("rows", "Rows", registry=more).set(7)
    pushadd_to_gateway(gateway, "nightly", more, {"path": "/var/tmp"}, handler=handler)
    assert (values(pushed, name, tenant), values(pushed, "rows", tenant)) == ([99.0], [7.0])
    # It stays: more samples come without another push.
    wait_for("further samples", lambda: values(pushed, f"count_over_time({name}[1m])", tenant)[0] >= 4, pause=0.1)
    delete_from_gateway(gateway, "nightly", {"path": "/var/tmp"}, handler=handler)
    assert values(pushed, name, tenant) == []


def test_pushed_groups_survive_a_restart(launch: Callable[..., NexusProcess]) -> None:
    nexus = launch(NEXUS_PUSH_INTERVAL="1s")
    assert nexus.request("PUT", "/metrics/job/batch", b"# TYPE a gauge\na 5\n").status == 200
    nexus.kill()
    again = launch(NEXUS_PUSH_INTERVAL="1s")
    before = values(again, "count_over_time(a[5m])")[0]
    wait_for("a sample after the restart", lambda: values(again, "count_over_time(a[5m])")[0] > before, pause=0.1)
    assert again.request("DELETE", "/metrics/job/batch").status == 202
    assert values(again, "a") == []


def test_influxdb_client_writes(pushed: NexusProcess, tenant: str) -> None:
    with influxdb_client.InfluxDBClient(
        url=f"http://127.0.0.1:{pushed.port}", token=TOKEN, org="any", enable_gzip=True
    ) as client:
        client.api_client.default_headers["X-Scope-OrgID"] = tenant
        assert client.ping()
        point = influxdb_client.Point("cpu").tag("host", "a b").field("usage", 0.5).field("cores", 8).field("text", "x")
        client.write_api(write_options=SYNCHRONOUS).write(bucket="b", record=point)
    assert vector(pushed, "{__name__=~'cpu_.*'}", tenant) == {
        (("__name__", "cpu_usage"), ("db", "b"), ("host", "a b")): 0.5,
        (("__name__", "cpu_cores"), ("db", "b"), ("host", "a b")): 8.0,
    }
    now = int(time.time())
    answer = pushed.request(
        "POST", f"/write?db=d&precision=s&p={TOKEN}", f"mem free=1 {now}".encode(), token="", tenant=tenant
    )
    assert answer.status == 204, answer.body
    assert values(pushed, "mem_free", tenant) == [1.0]
    assert pushed.request("POST", "/write", b"mem free=1", token="").status == 401


# --------------------------------------------------------------------------------------------------- Graphite, StatsD


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_graphite(pushed: NexusProcess, lines: str, transport: str) -> None:
    host, port = address(pushed, f"graphite_{transport}")
    line = f"servers.{transport}.load;dc=eu 1.5 {int(time.time())}\n".encode()
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as client:
        client.connect((host, port))
        client.sendall(line)
    becomes(pushed, f'{{"servers.{transport}.load",dc="eu"}}', [1.5], lines)


def test_statsd_client(pushed: NexusProcess, lines: str) -> None:
    host, port = address(pushed, "statsd_udp")
    client = statsd.StatsClient(host, port, prefix="app")
    for _ in range(10):
        client.incr("hits")
    client.gauge("depth", 5)
    client.gauge("depth", -2, delta=True)
    client.timing("took", 250)
    client.set("users", "ann")
    with client.pipeline() as pipe:
        pipe.incr("piped", 3)
        pipe.incr("piped", 4)
    becomes(pushed, "app_hits", [10.0], lines)
    becomes(pushed, "app_depth", [3.0], lines)
    becomes(pushed, "app_piped", [7.0], lines)
    assert values(pushed, of_histogram(pushed, "sum", "app_took"), lines) == [0.25]
    buckets = "app_took_bucket" if on_victoriametrics(pushed) else "app_took"
    (median,) = values(pushed, f"histogram_quantile(0.5, {buckets})", lines)
    assert 0.22 < median < 0.28


def test_dogstatsd_client(pushed: NexusProcess, lines: str) -> None:
    path, _ = address(pushed, "statsd_unix")
    client = DogStatsd(socket_path=path, constant_tags=["env:test"], disable_telemetry=True)
    client.increment("dog.orders", 4, tags=["kind:card"])
    client.distribution("dog.size", 12, tags=["kind:card"])
    client.event("title", "text")
    client.flush()
    becomes(pushed, 'dog_orders{kind="card",env="test"}', [4.0], lines)
    assert values(pushed, of_histogram(pushed, "count", "dog_size"), lines) == [1.0]


# ------------------------------------------------------------------------------------------------------------- import


def test_text_is_imported(pushed: NexusProcess, tenant: str) -> None:
    now = int(time.time() * 1000)
    body = f'# TYPE a counter\na_total{{x="y"}} 5 {now}\nbroken\nb 7\n'.encode()
    answer = pushed.request("POST", "/api/v1/import/prometheus?extra_label=dc=eu", body, tenant=tenant)
    assert (answer.status, b"line 3" in answer.body or b"3: " in answer.body) == (400, True), answer.body
    assert vector(pushed, "a_total", tenant) == {(("__name__", "a_total"), ("dc", "eu"), ("x", "y")): 5.0}
    assert values(pushed, "b", tenant) == [7.0]
    answer = pushed.request("POST", "/api/v1/import/prometheus?debug=1", b"c 1\n", tenant=tenant)
    assert (answer.status, answer.json["series"][0]["labels"]) == (200, {"__name__": "c"})
    assert values(pushed, "c", tenant) == []


def exposition(start: int) -> str:
    samples = [f'm{{host="h{host}"}} {step * (host + 1)} {start + 15 * step}' for host in range(3) for step in range(100)]
    return "\n".join(["# HELP m Measured.", "# TYPE m gauge", *samples, "# EOF", ""])


def ingested(nexus: NexusProcess, *words: str) -> subprocess.CompletedProcess[bytes]:
    return command(nexus.folder, "ingest", *words, "--url", f"http://127.0.0.1:{nexus.port}", "--token", TOKEN)


def test_openmetrics_files_are_ingested(pushed: NexusProcess, tenant: str, tmp_path: Path) -> None:
    start = int(time.time()) - 3000
    file = tmp_path / "data.om"
    file.write_text(exposition(start))
    done = ingested(pushed, str(file), "--tenant", tenant, "--batch-bytes", "2KiB")
    assert (done.returncode, b"300 samples stored, 0 refused" in done.stdout) == (0, True), done.stdout + done.stderr
    assert values(pushed, "m", tenant, time=str(start + 15 * 50)) == [50.0, 100.0, 150.0]
    assert values(pushed, "count_over_time(m[1h])", tenant, time=str(start + 1500)) == [100.0] * 3
    assert pushed.get("/api/v1/metadata?metric=m", tenant=tenant).json["data"]["m"][0]["help"] == "Measured."
    broken = tmp_path / "broken.om"
    broken.write_text(f"x 1 {start}\ny z\n")
    done = ingested(pushed, str(broken), "--tenant", tenant)
    assert (done.returncode, b"line 2: " in done.stderr) == (3, True), done.stderr
    assert values(pushed, "x", tenant, time=str(start + 1)) == [1.0]


@pytest.mark.skipif(not PROMTOOL, reason="needs promtool: install it, or set PROMTOOL_BIN")
def test_prometheus_blocks_are_ingested(pushed: NexusProcess, tenant: str, tmp_path: Path) -> None:
    start = int(time.time()) - 6 * 3600
    file, database = tmp_path / "data.om", tmp_path / "database"
    file.write_text(exposition(start))
    subprocess.run(
        [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", str(file), str(database)], check=True, capture_output=True
    )
    done = ingested(pushed, str(database), "--tenant", tenant)
    assert (done.returncode, b"300 samples stored, 0 refused" in done.stdout) == (0, True), done.stdout + done.stderr
    assert values(pushed, "sum_over_time(m[1h])", tenant, time=str(start + 1500)) == [4950.0, 9900.0, 14850.0]
    nothing = ingested(pushed, str(tmp_path), "--tenant", tenant, "--format", "tsdb")
    assert b"there is no block" in nothing.stderr


# -------------------------------------------------------------------------------------------------------- permissions


def test_a_key_for_logs_writes_no_metrics(pushed: NexusProcess, tenant: str) -> None:
    logs, metrics = (make_key(pushed, tenant, permission) for permission in ("logs:write", "metrics:write"))
    doors = ["/api/v1/write", "/v1/metrics", "/write", "/api/v2/write", "/api/v1/import/prometheus"]
    for door in doors:
        assert pushed.request("POST", door, b"", token=logs).status == 403, door
        assert pushed.request("POST", door, b"", token=metrics).status != 403, door
    assert pushed.request("PUT", "/metrics/job/x", b"", token=logs).status == 403
    assert pushed.request("POST", "/v1/logs", b"{}", {"Content-Type": "application/json"}, token=metrics).status == 403
    assert pushed.request("POST", "/api/v1/write", b"", {"X-Scope-OrgID": "_nexus"}).status == 403


def test_own_metrics_are_metrics(launch: Callable[..., NexusProcess]) -> None:
    nexus = launch(NEXUS_SELF_TELEMETRY="on")
    becomes(nexus, 'nexus_build_info{job="nexus"}', [1.0], "_nexus", 40)
    becomes(nexus, 'nexus_metrics_samples_total{receiver="self"} > bool 0', [1.0], "_nexus", 40)
    kinds = nexus.get("/api/v1/metadata?metric=nexus_http_requests_total", tenant="_nexus").json["data"]
    assert json.loads(json.dumps(kinds))["nexus_http_requests_total"][0]["type"] == "counter"
