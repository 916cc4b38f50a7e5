"""The APIs about traces over a real Nexus: its own, Jaeger's (older, v3, gRPC), Tempo's (HTTP, gRPC), Zipkin's; requests as
Jaeger's UI, Grafana's data sources and Traces Drilldown make them.

`JAEGER_BIN` names a Jaeger 2; without it the test that compares answers with its says so and is skipped.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from tests.e2e.nexus_process import API, TOKEN, NexusProcess, wait_for
from tests.e2e.trace_backends import JAEGER, KINDS, LOST, Jaeger, OnBackend, kind_of
from tests.e2e.trace_shop import MS, Shop

from nexus.server import protobuf as pb

pytestmark = pytest.mark.e2e

TENANT = "traces"
SECOND = 10**9
PROTOBUF = {"Accept": "application/protobuf"}


@dataclass
class Filled:
    """A Nexus with the shop's traces in a tenant of its own."""

    nexus: NexusProcess
    shop: Shop

    @property
    def start(self) -> int:
        """Before the first trace, ns."""
        return self.shop.start(0) - SECOND

    @property
    def end(self) -> int:
        """After the last one, ns."""
        return self.shop.end + SECOND

    def get(self, path: str, headers: dict[str, str] | None = None, status: int = 200, **arguments: Any) -> Any:
        """JSON of a GET; the body as it is, if protobuf is asked for."""
        query = f"?{urlencode(arguments, doseq=True)}" if arguments else ""
        answer = self.nexus.get(path + query, tenant=TENANT, headers=headers)
        assert answer.status == status, (path, answer.status, answer.body)
        return answer.body if headers else answer.json

    def ask(self, path: str, status: int = 200, **document: Any) -> Any:
        """JSON of a POST to the native API, over the shop's time."""
        given = {"start": str(self.start), "end": str(self.end), **document}
        answer = self.nexus.post(f"{API}/{path}", given, tenant=TENANT)
        assert answer.status == status, (path, answer.status, answer.body)
        return answer.json

    def call(self, method: str, message: bytes = b"") -> list[pb.Message]:
        """Messages that answer a call over gRPC."""
        return [pb.Message(body) for body in self.raw_call(method, message)]

    def raw_call(self, method: str, message: bytes, token: str = TOKEN) -> list[bytes]:
        with grpc.insecure_channel(f"127.0.0.1:{self.nexus.grpc_port}") as channel:
            stream = channel.unary_stream(method)
            metadata = [("x-scope-orgid", TENANT)]
            if token:
                metadata.append(("authorization", f"Bearer {token}"))
            return list(stream(message, metadata=metadata, timeout=60))


@pytest.fixture(scope="module", params=KINDS)
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """A Nexus with the tenant's traces in itself, and in each backend."""
    if request.param == "embedded":
        yield request.getfixturevalue("nexus")
        return
    process = OnBackend(request.param, tmp_path_factory.mktemp(request.param), TENANT)
    process.start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


@pytest.fixture(scope="module")
def filled(kept: NexusProcess) -> Iterator[Filled]:
    """Traces of the last half minute, and what is derived of them."""
    nexus = kept
    shop = Shop(time.time_ns() // SECOND * SECOND)
    body = shop.whole.SerializeToString()
    headers = {"Content-Type": "application/x-protobuf"}
    answer = nexus.request("POST", "/v1/traces", body, headers=headers, tenant=TENANT)
    assert answer.status == 200, answer.body
    found = Filled(nexus, shop)
    wait_for("the traces", lambda: found.ask("traces/count", q="{}")["spans"] == 120)
    wait_for("the derived metrics", lambda: found.get(f"{API}/services")["services"], timeout=60)
    yield found


# ------------------------------------------------------------------------------------------------------------- native API


def test_searching(filled: Filled) -> None:
    """Newest first unless told; counts by service; fields that the query speaks of."""
    found = filled.ask("traces/search", q='{ resource.service.name = "cart" && status = error }', limit=50)
    failed = [number for number in range(30) if filled.shop.failed(number)]
    assert [trace["traceId"] for trace in found["traces"]] == [filled.shop.id(number) for number in reversed(failed)]
    first = found["traces"][0]
    assert (first["rootService"], first["rootName"], first["spans"], first["errors"]) == ("web", "POST /cart", 4, 2)
    assert {one["name"]: (one["spans"], one["errors"]) for one in first["services"]} == {"cart": (2, 1), "web": (2, 1)}
    assert first["start"] == str(filled.shop.start(25))
    (matched,) = first["sets"]
    assert matched["matched"] == 1
    assert matched["spans"][0]["name"] == "INSERT carts"
    assert found["incomplete"] == ""
    longest = filled.ask("traces/search", q="{}", order="longest", limit=20)["traces"]
    assert all(int(a["duration"]) >= int(b["duration"]) for a, b in itertools.pairwise(longest))
    assert filled.ask("traces/count", q="{ status = error }")["spans"] == 2 * len(failed)
    assert filled.ask("traces/search", status=400, q="{ status = }")["error"]["code"] == "query_syntax"


def test_structure_of_traces(filled: Filled) -> None:
    """Conditions on several spans of a trace, and how they lie to each other."""
    found = filled.ask(
        "traces/search", q='{ resource.service.name = "web" } >> { .db.system = "postgresql" && duration > 200ms }'
    )
    assert len(found["traces"]) == sum(filled.shop.slow(number) for number in range(30))
    assert filled.ask("traces/search", q="{ name =~ `Cart.*` } | count() > 2")["traces"] == []


def test_a_trace_and_a_span(filled: Filled) -> None:
    """Drawn in columns, whole spans, as a file and from one."""
    id = filled.shop.id(3)
    trace = filled.get(f"{API}/traces/{id}")
    assert (trace["traceId"], trace["spans"], trace["errors"]) == (id, 4, 0)
    assert [trace["names"][place] for place in trace["name"]] == ["POST /cart", "Cart/Add", "Cart/Add", "INSERT carts"]
    assert (trace["parents"], trace["orphans"], trace["starts"][:2]) == ([-1, 0, 1, 2], [], [0, 5 * MS])
    assert sum(to - since for _, since, to in trace["critical"]) == int(trace["duration"]) == 420 * MS
    span = filled.get(f"{API}/traces/{id}/spans/0000000000000001", start=filled.start, end=filled.end)["span"]
    assert span["attributes"] == {
        "http.request.method": "POST", "http.response.status_code": 200, "user.vip": False, "took": 1.5, "tags": ["a", 1],
    }  # fmt: skip
    assert span["resource"] == {"deployment.environment": "prod", "host.name": "h1", "service.name": "web"}
    assert (span["scope"]["name"], span["events"][0]["name"], span["weight"]) == ("http", "accepted", 1.0)
    file = filled.get(f"{API}/traces/{id}/otlp")
    drawn = filled.nexus.post(f"{API}/traces/render", file, tenant=TENANT)
    assert drawn.json == trace
    saved = filled.get(f"/jaeger/api/traces/{id}")
    assert filled.nexus.post(f"{API}/traces/render", saved, tenant=TENANT).json["critical"] == trace["critical"]
    for path in (f"traces/{'e' * 32}", f"traces/{id}/spans/00000000000000ff"):
        assert filled.nexus.get(f"{API}/{path}", tenant=TENANT).status == 404
    assert filled.nexus.get(f"{API}/traces/xyz", tenant=TENANT).status == 400


def test_overviews(filled: Filled) -> None:
    """Heatmap, facets, names and values: counts that add up."""
    heatmap = filled.ask("traces/heatmap", q='{ resource.service.name = "web" && kind = server }', buckets=40)
    assert sum(map(sum, heatmap["counts"])) == 30
    assert sum(map(sum, heatmap["errors"])) == 6
    assert len(heatmap["counts"]) == len(heatmap["buckets"])
    facets = {
        one["field"]: one["values"]
        for one in filled.ask("traces/facets", fields=["status", "span.http.request.method"])["facets"]
    }
    assert {one["value"]: one["count"] for one in facets["status"]} == {"unset": 108, "error": 12}
    assert {one["value"]: one["count"] for one in facets["span.http.request.method"]} == {"GET": 15, "POST": 15}
    assert {one["field"] for one in filled.ask("traces/facets")["facets"]} >= {
        "resource.service.name",
        "name",
        "kind",
        "status",
    }
    names = {one["name"]: one["tags"] for one in filled.get(f"{API}/traces/tags")["scopes"]}
    assert "http.request.method" in names["span"] and "host.name" in names["resource"] and "status" in names["intrinsic"]
    assert names["event"] == ["exception.message", "exception.type", "queue"] and names["link"] == ["why"]
    values = filled.get(f"{API}/traces/tags/span.http.response.status_code/values", q='{ resource.service.name = "web" }')[
        "values"
    ]
    assert [(one["value"], one["type"], one["count"]) for one in values] == [(200, "int", 24), (500, "int", 6)]
    assert filled.get(f"{API}/traces/tags/status/values", q="{ resource.service.name = }")["values"]


def test_comparing(filled: Filled) -> None:
    """What tells failures apart comes first, and what does not is no finding."""
    times = {"start": str(filled.start), "end": str(filled.end)}
    answer = filled.nexus.post(
        f"{API}/traces/compare",
        {
            "selection": {"q": "{ status = error && kind = server }", **times},
            "baseline": {"q": "{ status != error && kind = server && .user.vip != nil }", **times},
        },
        tenant=TENANT,
    )
    assert answer.status == 200, answer.body
    fields = answer.json["fields"]
    assert (answer.json["selection"], answer.json["baseline"]) == (6, 24)
    named = {one["name"]: one for one in fields}
    assert named["span.http.response.status_code"]["significance"] < 1e-4
    assert named["span.http.response.status_code"]["score"] >= fields[-1]["score"]


def test_metrics_of_spans(filled: Filled) -> None:
    """Counts in steps add up; groups keep their types; exemplars are spans that exist."""
    found = filled.ask(
        "traces/metrics", q="{ kind = server } | count_over_time() by (resource.service.name)", step=10 * SECOND, exemplars=5
    )
    sums = {one["labels"]["resource.service.name"]: sum(value for _, value in one["points"]) for one in found["series"]}
    assert sums == {"web": 30, "cart": 30}
    assert all(one["exemplars"] for one in found["series"])
    instant = filled.ask("traces/metrics", q="{ kind = server } | quantile_over_time(duration, .5)", instant=True)
    assert 0.03 < instant["series"][0]["points"][0][1] < 0.1
    assert filled.ask("traces/explain", status=400, q="{}")["error"]
    words = filled.nexus.post(f"{API}/traces/explain", {"q": "{ status = error } | rate()"}, tenant=TENANT).json
    assert words["metrics"] is True and words["words"]


def test_services(filled: Filled) -> None:
    """Rates, failures and durations; who asks whom; where time goes."""
    found = {one["name"]: one for one in filled.get(f"{API}/services")["services"]}
    assert set(found) == {"web", "cart"}
    web = found["web"]
    assert 0 < web["requestRate"] and 0.1 < web["errorRate"] < 0.3
    assert 0.03 < web["p50"] < 0.13 and web["p99"] > 0.3
    assert set(web["kinds"]) == {"server", "client"}
    graph = wait_for("the map", lambda: _map(filled))
    assert (("web", "cart", "") in graph and ("cart", "carts", "database") in graph) or len(graph) >= 2
    operations = filled.get(f"{API}/services/cart/operations")["operations"]
    assert {(one["name"], one["kind"]) for one in operations} == {("Cart/Add", "server"), ("INSERT carts", "client")}
    assert sum(one["share"] for one in operations) == pytest.approx(1.0)
    dependencies = filled.get(f"{API}/services/cart/dependencies")
    assert [one["name"] for one in dependencies["upstream"]] == ["web"]
    assert dependencies["downstream"][0]["type"] == "database"
    (group,) = filled.get(f"{API}/services/cart/errors")["errors"]
    assert (group["operation"], group["type"], group["count"]) == ("INSERT carts", "OperationalError", 6)
    paths = filled.ask("services/critical-path", service="web", operation="POST /cart", quantiles=[0.0, 1.0])
    assert paths["traces"] == 15
    rows = {(one["service"], one["operation"]): one["ms"] for one in paths["rows"]}
    assert rows["cart", "INSERT carts"] == sum(400 if filled.shop.slow(number) else 40 for number in range(1, 30, 2))
    assert sum(rows.values()) == pytest.approx(paths["totalMs"])


def _map(filled: Filled) -> set[tuple[str, str, str]]:
    edges = filled.get(f"{API}/services/map")["edges"]
    found = {(one["client"], one["server"], one["type"]) for one in edges}
    return found if len(found) >= 2 else set()


# ------------------------------------------------------------------------------------------------------------------ Jaeger


def short(id: str) -> str:
    """A trace id of 64 bits as Jaeger writes it."""
    return id.removeprefix("0" * 16)


@pytest.mark.parametrize("base", ["", "/jaeger"])
def test_grafana_asks_jaeger(filled: Filled, base: str) -> None:
    """The requests of Grafana's Jaeger data source, in its order."""
    services = filled.get(f"{base}/api/services")
    assert (services["data"], services["total"], services["errors"]) == (["cart", "web"], 2, None)
    operations = filled.get(f"{base}/api/services/web/operations")
    assert operations["data"] == ["Cart/Add", "GET /cart", "POST /cart"]
    found = filled.get(
        f"{base}/api/traces", service="web", operation="POST /cart", start=filled.start // 1000, end=filled.end // 1000,
        limit=20, minDuration="100ms", tags=json.dumps({"http.response.status_code": "200"}), lookback="custom",
    )["data"]  # fmt: skip
    wanted = [n for n in range(29, -1, -1) if n % 2 and filled.shop.slow(n) and not filled.shop.failed(n)]
    assert [trace["traceID"] for trace in found] == [short(filled.shop.id(number)) for number in wanted]
    trace = filled.get(f"{base}/api/traces/{filled.shop.id(5)}", start=filled.start // 1000, end=filled.end // 1000)
    assert [len(one["spans"]) for one in trace["data"]] == [4]
    assert set(trace["data"][0]["processes"]) == {"p1", "p2"}
    end = filled.end // MS + 60_000
    links = wait_for("dependencies", lambda: filled.get(f"{base}/api/dependencies", endTs=end, lookback=3_600_000)["data"])
    assert any((one["parent"], one["child"]) == ("web", "cart") for one in links)
    missing = filled.get(f"{base}/api/traces/{'f' * 32}", status=404)
    assert missing["errors"] == [{"code": 404, "msg": "trace not found"}]


def test_the_older_jaeger_ui(filled: Filled) -> None:
    """What Jaeger's UI up to 2.14 asks beside."""
    operations = filled.get("/api/operations", service="cart", spanKind="server")["data"]
    assert operations == [{"name": "Cart/Add", "spanKind": "server"}]
    by_tag = filled.get("/api/traces", service="cart", lookback="1h", limit=20, tags=json.dumps({"error": "true"}))["data"]
    assert {trace["traceID"] for trace in by_tag} == {short(filled.shop.id(number)) for number in range(0, 30, 5)}
    several = filled.get("/api/traces", traceID=[filled.shop.id(1), filled.shop.id(2)])["data"]
    assert {trace["traceID"] for trace in several} == {short(filled.shop.id(1)), short(filled.shop.id(2))}
    assert filled.nexus.post(f"/api/archive/{filled.shop.id(1)}", {}, tenant=TENANT).json["data"] == []
    assert filled.get("/api/traces", status=400)["errors"][0]["msg"] == "parameter 'service' is required"
    rates = filled.get("/api/metrics/calls", service=["web", "cart"], groupByOperation="true", step=15_000, ratePer=60_000)
    assert (rates["name"], rates["type"]) == ("service_operation_call_rate", "GAUGE")
    names = {label["value"] for one in rates["metrics"] for label in one["labels"] if label["name"] == "operation"}
    assert names >= {"GET /cart", "Cart/Add"}
    latencies = filled.get("/api/metrics/latencies", service="web", quantile="0.95", step=15_000, ratePer=60_000)
    assert any(point["gaugeValue"]["doubleValue"] for one in latencies["metrics"] for point in one["metricPoints"])
    assert filled.get("/api/metrics/errors", service="web", step=15_000)["name"] == "service_error_rate"
    assert filled.get("/api/metrics/calls", status=400)["errors"]
    file = filled.get(f"{API}/traces/{filled.shop.id(1)}/otlp")
    transformed = filled.nexus.post("/api/transform", file, tenant=TENANT).json["data"]
    assert transformed == filled.get(f"/api/traces/{filled.shop.id(1)}")["data"]


@pytest.mark.parametrize("names", ["camel", "snake"])
def test_the_newer_jaeger_ui(filled: Filled, names: str) -> None:
    """Version 3, with both kinds of names."""
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ns // SECOND)) for ns in (filled.start, filled.end + SECOND)]
    query = dict(zip(
        ("query.serviceName", "query.operationName", "query.startTimeMin", "query.startTimeMax", "query.searchDepth")
        if names == "camel" else
        ("query.service_name", "query.operation_name", "query.start_time_min", "query.start_time_max", "query.num_traces"),
        ("web", "GET /cart", *times, "5"), strict=True,
    ))  # fmt: skip
    found = filled.get("/api/v3/traces", **query)["result"]["resourceSpans"]
    ids = {span["traceId"] for one in found for scope in one["scopeSpans"] for span in scope["spans"]}
    assert ids == {filled.shop.id(number) for number in (20, 22, 24, 26, 28)}
    summaries = filled.get("/api/v3/trace-summaries", **query)["summaries"]
    assert {one["traceId"] for one in summaries} == ids
    assert summaries[0]["services"][0] == {"name": "cart", "spanCount": 2}
    assert filled.get("/api/v3/services") == {"services": ["cart", "web"]}
    kinds = {"spanKind" if names == "camel" else "span_kind": "client"}
    assert filled.get("/api/v3/operations", service="cart", **kinds) == {
        "operations": [{"name": "INSERT carts", "spanKind": "client"}]
    }
    one = filled.get(f"/api/v3/traces/{filled.shop.id(2)}")["result"]["resourceSpans"]
    assert len(one) == 2
    nothing = filled.get("/api/v3/traces", status=404, **{**query, next(iter(query)): "nobody"})
    assert nothing == {"error": {"httpCode": 404, "message": "No traces found"}}
    assert filled.get("/api/v3/traces", status=400)["error"]["httpCode"] == 400


def test_jaeger_over_grpc(filled: Filled) -> None:
    """Both query services; not without a key."""
    id = bytes.fromhex(filled.shop.id(4))
    chunks = filled.raw_call("/jaeger.api_v2.QueryService/GetTrace", pb.message(1, id))
    spans = [
        pb.Message(value)
        for chunk in chunks
        for number, value in pb.fields(chunk)
        if number == 1 and isinstance(value, bytes)
    ]
    assert [span.text(3) for span in spans] == ["GET /cart", "Cart/Add", "Cart/Add", "INSERT carts"]
    assert (spans[0].bytes(1), pb.Message(spans[0].bytes(10)).text(1)) == (id, "web")
    (services,) = filled.raw_call("/jaeger.api_v2.QueryService/GetServices", b"")
    assert [value for _, value in pb.fields(services)] == [b"cart", b"web"]
    moment = lambda ns: pb.integer(1, ns // SECOND) + pb.integer(2, ns % SECOND)  # noqa: E731
    query = (
        pb.text(1, "web") + pb.text(2, "GET /cart") + pb.message(4, moment(filled.start)) + pb.message(5, moment(filled.end))
    )
    query += pb.integer(8, 3)
    found = filled.raw_call("/jaeger.api_v2.QueryService/FindTraces", pb.message(1, query))
    assert len(found) == 3
    third = [
        TracesData.FromString(body)
        for body in filled.raw_call("/jaeger.api_v3.QueryService/FindTraces", pb.message(1, query))
    ]
    assert len(third) == 3 and {len(one.resource_spans) for one in third} == {2}
    whole = TracesData.FromString(filled.raw_call("/jaeger.api_v3.QueryService/GetTrace", pb.text(1, filled.shop.id(4)))[0])
    expected = filled.shop.requests[4].resource_spans
    assert sorted(span.name for one in whole.resource_spans for scope in one.scope_spans for span in scope.spans) == sorted(
        span.name for one in expected for scope in one.scope_spans for span in scope.spans
    )
    (operations,) = filled.call("/jaeger.api_v3.QueryService/GetOperations", pb.text(1, "cart"))
    assert pb.Message(operations.bytes(1)).text(2) in ("server", "client")
    for method, message, code in (
        ("/jaeger.api_v2.QueryService/GetTrace", pb.message(1, b"\xff" * 16), grpc.StatusCode.NOT_FOUND),
        ("/jaeger.api_v3.QueryService/FindTraces", b"", grpc.StatusCode.INVALID_ARGUMENT),
        ("/jaeger.api_v3.QueryService/GetTrace", b"\xff", grpc.StatusCode.INVALID_ARGUMENT),
        ("/jaeger.api_v3.QueryService/Nothing", b"", grpc.StatusCode.UNIMPLEMENTED),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            filled.raw_call(method, message)
        assert caught.value.code() is code, method
    with pytest.raises(grpc.RpcError) as caught:
        filled.raw_call("/jaeger.api_v3.QueryService/GetServices", b"", token="")
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


# ------------------------------------------------------------------------------------------------------------------- Tempo


@pytest.mark.parametrize("base", ["", "/tempo"])
def test_grafana_asks_tempo(filled: Filled, base: str) -> None:
    """Health, trace by id in both versions, search in both forms."""
    assert filled.nexus.get(f"{base}/api/echo", tenant=TENANT).body == b"echo"
    assert filled.get(f"{base}/api/status/buildinfo")["version"]
    id, times = filled.shop.id(7), {"start": filled.start // SECOND, "end": filled.end // SECOND}
    trace = TracesData.FromString(filled.get(f"{base}/api/traces/{id}", PROTOBUF, **times))
    assert len(trace.resource_spans) == 2
    answer = pb.Message(filled.get(f"{base}/api/v2/traces/{id}", PROTOBUF, **times))
    assert TracesData.FromString(answer.bytes(1)) == trace
    shown = filled.get(f"{base}/api/v2/traces/{id}")["trace"]["resourceSpans"]
    assert shown[0]["scopeSpans"][0]["spans"][0]["kind"] == "SPAN_KIND_SERVER"
    assert filled.nexus.get(f"{base}/api/v2/traces/{'f' * 32}", tenant=TENANT, headers=PROTOBUF).status == 404
    found = filled.get(f"{base}/api/search", q="{ status = error } | select(span.db.name)", limit=20, spss=3, **times)
    assert len(found["traces"]) == 6
    first = found["traces"][0]
    assert (first["rootServiceName"], first["rootTraceName"], first["durationMs"]) == ("web", "POST /cart", 60)
    assert first["serviceStats"] == {"cart": {"spanCount": 2, "errorCount": 1}, "web": {"spanCount": 2, "errorCount": 1}}
    assert first["spanSet"]["matched"] == 2
    keys = {attribute["key"] for span in first["spanSets"][0]["spans"] for attribute in span["attributes"]}
    assert keys >= {"status", "db.name"}
    old = filled.get(f"{base}/api/search", tags='service.name=web name="GET"', minDuration="100ms", **times)
    assert len(old["traces"]) == sum(filled.shop.slow(n) for n in range(0, 30, 2))
    bad = filled.nexus.get(f"{base}/api/search?q=%7B%20status", tenant=TENANT)
    assert bad.status == 400 and bad.headers["content-type"].startswith("text/plain")


def test_tempo_lists_names_and_values(filled: Filled) -> None:
    """Both versions; queries that are not finished are understood as far as they go."""
    assert "http.request.method" in filled.get("/tempo/api/search/tags", scope="span")["tagNames"]
    scopes = {one["name"]: one["tags"] for one in filled.get("/api/v2/search/tags")["scopes"]}
    assert set(scopes) == {"span", "resource", "event", "link", "intrinsic"}
    assert scopes["resource"] == ["deployment.environment", "host.name", "service.name"]
    only = filled.get("/api/v2/search/tags", scope="resource", q='{ resource.service.name = "cart" }')["scopes"]
    assert only == [{"name": "resource", "tags": ["host.name", "service.name"]}]
    assert filled.get("/api/search/tag/service.name/values")["tagValues"] == ["cart", "web"]
    values = filled.get("/api/v2/search/tag/resource.service.name/values", q="{ resource.cluster = }")["tagValues"]
    assert values == [{"type": "string", "value": "cart"}, {"type": "string", "value": "web"}]
    assert {"type": "keyword", "value": "error"} in filled.get("/api/v2/search/tag/status/values")["tagValues"]
    assert filled.get("/api/v2/search/tag/.http.response.status_code/values")["tagValues"] == [
        {"type": "int", "value": "200"}, {"type": "int", "value": "500"},
    ]  # fmt: skip
    assert filled.get(f"/api/v2/search/tag/{quote('span.none')}/values")["tagValues"] == []


def test_traces_drilldown(filled: Filled) -> None:
    """Metrics with groups, quantiles and histograms, `compare()`, structure with nested sets."""
    times = {"start": filled.start // SECOND, "end": filled.end // SECOND, "step": "10s"}
    rates = filled.get(
        "/api/metrics/query_range",
        q="{ nestedSetParent < 0 && true } | rate() by (resource.service.name)",
        exemplars=10,
        **times,
    )
    (series,) = rates["series"]
    assert series["labels"] == [{"key": "resource.service.name", "value": {"stringValue": "web"}}]
    assert sum(sample["value"] for sample in series["samples"]) * 10 == pytest.approx(30)
    assert series["exemplars"][0]["labels"][0]["key"] == "trace:id"
    histogram = filled.get("/api/metrics/query_range", q="{ kind = server } | histogram_over_time(duration)", **times)[
        "series"
    ]
    assert {label["key"] for one in histogram for label in one["labels"]} == {"__bucket"}
    quantiles = filled.get("/api/metrics/query_range", query="{} | quantile_over_time(duration, .9, .99)", **times)["series"]
    assert {label["value"]["doubleValue"] for one in quantiles for label in one["labels"] if label["key"] == "p"} == {
        0.9,
        0.99,
    }
    compared = filled.get("/api/metrics/query_range", q="{ kind = server } | compare({ status = error }, 10)", **times)[
        "series"
    ]
    types = {label["value"]["stringValue"] for one in compared for label in one["labels"] if label["key"] == "__meta_type"}
    assert types >= {"baseline", "selection", "baseline_total", "selection_total"}
    instant = filled.get(
        "/api/metrics/query", q="{ status = error } | count_over_time()", start=times["start"], end=times["end"]
    )
    assert instant["series"][0]["value"] == 12
    structure = filled.get(
        "/api/search", limit=200, spss=20, start=times["start"], end=times["end"],
        q="{ nestedSetParent < 0 } &>> { status = error } | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)",
    )["traces"]  # fmt: skip
    keys = {attribute["key"] for span in structure[0]["spanSets"][0]["spans"] for attribute in span["attributes"]}
    assert keys >= {"nestedSetParent", "nestedSetLeft", "nestedSetRight", "service.name"}


def test_a_part_of_a_trace(filled: Filled) -> None:
    """Spans that meet a condition, with what lies above and below them; whether there is more is said."""
    path = f"/tempo/api/v2/traces/{filled.shop.id(5)}"

    def part(**arguments: Any) -> tuple[set[int], str]:
        answer = filled.get(path, **arguments)
        spans = [span for one in answer["trace"]["resourceSpans"] for scope in one["scopeSpans"] for span in scope["spans"]]
        ids = {int.from_bytes(base64.b64decode(span["spanId"]), "big") for span in spans}
        assert len(ids) == len(spans)
        return ids, answer.get("status", "")

    everything = {1, 2, 3, 4}
    assert part(q=" ") == part() == (everything, "")
    assert part(q="{ }") == (everything, "")
    assert part(q="{ status = error }") == ({1, 4}, "PARTIAL")
    assert part(q="{ kind = server && resource.service.name = `cart` }") == ({3}, "PARTIAL")
    assert part(q="{ name = `nothing` }") == (set(), "PARTIAL")
    of_database = "{ span.db.system = `postgresql` }"
    assert part(q=of_database, keep_hierarchy="true") == (everything, "")
    assert part(q=of_database, keep_hierarchy="true", ancestor_depth=1) == ({3, 4}, "PARTIAL")
    assert part(q=of_database, ancestor_depth=3) == ({4}, "PARTIAL")
    root = "{ kind = server && resource.service.name = `web` }"
    assert part(q=root, match_depth=2) == ({1, 2, 3}, "PARTIAL")
    assert part(q=root, match_depth=-1) == (everything, "")
    answer = pb.Message(filled.get(f"{path}?q=%7B%20status%20%3D%20error%20%7D", PROTOBUF))
    assert answer.integer(3) == 1 and answer.text(4).startswith("Trace filtered")
    spans = [
        span for one in TracesData.FromString(answer.bytes(1)).resource_spans for s in one.scope_spans for span in s.spans
    ]
    assert {span.status.code for span in spans} == {2}
    for wrong in ("{ } | rate()", "{ } >> { }", "{ status"):
        assert filled.nexus.get(f"{path}?q={quote(wrong)}", tenant=TENANT).status == 400
    assert filled.nexus.get(f"{path}?q=%7B%7D&match_depth=-2", tenant=TENANT).status == 400
    assert filled.nexus.get(f"/tempo/api/v2/traces/{'f' * 32}?q=%7B%7D", tenant=TENANT).status == 404


def test_tempo_over_grpc(filled: Filled) -> None:
    """The streaming querier answers what HTTP does."""
    name = "/tempopb.StreamingQuerier/"
    seconds = pb.integer(5, filled.start // SECOND) + pb.integer(6, filled.end // SECOND)
    (found,) = filled.raw_call(f"{name}Search", pb.text(8, "{ status = error }") + pb.integer(4, 50) + seconds)
    assert sum(number == 1 for number, _ in pb.fields(found)) == 6
    (old,) = filled.raw_call(f"{name}Search", pb.message(1, pb.text(1, "service.name") + pb.text(2, "web")) + seconds)
    assert sum(number == 1 for number, _ in pb.fields(old)) == 20
    (tags,) = filled.raw_call(f"{name}SearchTags", pb.text(1, "resource"))
    assert b"host.name" in [value for _, value in pb.fields(tags)]
    (scopes,) = filled.raw_call(f"{name}SearchTagsV2", b"")
    assert b"intrinsic" in scopes
    (values,) = filled.raw_call(f"{name}SearchTagValues", pb.text(1, "service.name"))
    assert [value for number, value in pb.fields(values) if number == 1] == [b"cart", b"web"]
    (typed,) = filled.call(
        f"{name}SearchTagValuesV2", pb.text(1, "resource.service.name") + pb.text(2, "{ status = error && }")
    )
    assert pb.Message(typed.bytes(1)).text(1) == "string"
    span = pb.integer(2, filled.start) + pb.integer(3, filled.end)
    (series,) = filled.call(f"{name}MetricsQueryRange", pb.text(1, "{} | rate()") + span + pb.integer(4, 10 * SECOND))
    assert series.bytes(1)
    (instant,) = filled.call(f"{name}MetricsQueryInstant", pb.text(1, "{} | count_over_time()") + span)
    assert dict(pb.fields(instant.bytes(1)))[2] == b"\x00\x00\x00\x00\x00\x00\x5e\x40"


# ------------------------------------------------------------------------------------------------------------------ Zipkin


@pytest.mark.parametrize("base", ["", "/zipkin"])
def test_zipkin(filled: Filled, base: str) -> None:
    """The whole read API."""
    assert filled.get(f"{base}/api/v2/services") == ["cart", "web"]
    assert filled.get(f"{base}/api/v2/spans", serviceName="cart") == ["Cart/Add", "INSERT carts"]
    assert filled.get(f"{base}/api/v2/remoteServices", serviceName="cart") == ["pg.internal"]
    found = filled.get(
        f"{base}/api/v2/traces", serviceName="web", spanName="GET /cart", annotationQuery="http.response.status_code=200 and accepted",
        minDuration=100_000, limit=50, endTs=filled.end // MS, lookback=120_000,
    )  # fmt: skip
    wanted = [n for n in range(0, 30, 2) if filled.shop.slow(n) and not filled.shop.failed(n)]
    assert {trace[0]["traceId"] for trace in found} == {f"{number + 1:016x}" for number in wanted}
    trace = filled.get(f"{base}/api/v2/trace/{filled.shop.id(5)}")
    assert [span["kind"] for span in trace if span["name"] == "INSERT carts"] == ["CLIENT"]
    assert trace == filled.get(f"{base}/api/v2/trace/{5 + 1:016x}")
    many = filled.get(f"{base}/api/v2/traceMany", traceIds=f"{filled.shop.id(1)},{filled.shop.id(2)}")
    assert len(many) == 2
    links = wait_for("dependencies", lambda: filled.get(f"{base}/api/v2/dependencies", endTs=filled.end // MS + 60_000))
    assert {"parent", "child", "callCount"} == set(links[0])
    assert filled.get(f"{base}/api/v2/autocompleteKeys") == []
    assert filled.nexus.get(f"{base}/api/v2/trace/{'f' * 16}", tenant=TENANT).status == 404
    assert filled.nexus.get(f"{base}/api/v2/spans", tenant=TENANT).status == 400


# --------------------------------------------------------------------------------------------------------------- everybody


@pytest.mark.parametrize(
    "path",
    ["/api/services", "/jaeger/api/v3/services", "/api/traces/1", "/api/search", "/tempo/api/echo", "/api/v2/services",
     "/zipkin/api/v2/spans", f"{API}/services", f"{API}/traces/1"],
)  # fmt: skip
def test_no_key_no_answer(nexus: NexusProcess, path: str) -> None:
    """As everywhere; in the words of the API that was asked."""
    answer = nexus.get(path, token="")
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_other_tenants_have_other_traces(nexus: NexusProcess, filled: Filled, tenant: str) -> None:
    """Nothing of one is in another."""
    id = filled.shop.id(1)
    for path in (
        f"/api/traces/{id}",
        f"/api/v2/traces/{id}",
        f"/api/v3/traces/{id}",
        f"/api/v2/trace/{id}",
        f"{API}/traces/{id}",
    ):
        assert nexus.get(path, tenant=tenant).status == 404
    assert nexus.get("/api/services", tenant=tenant).json["data"] == []


# ------------------------------------------------------------------------------------------------------------- real Jaeger


@pytest.mark.skipif(not JAEGER, reason="JAEGER_BIN names no Jaeger 2")
def test_answers_like_jaeger(filled: Filled, tmp_path: Path) -> None:
    """The same spans in a real one: the same traces, in both JSON forms, whatever the order of lists."""
    real = Jaeger(tmp_path).start()
    try:
        wait_for("the spans to be sent", lambda: real.send(filled.shop.whole.SerializeToString()))
        wait_for("the spans to be stored", lambda: real.get("/api/v3/services")["services"])
        for number in (0, 1, 3):
            path = f"traces/{filled.shop.id(number)}"
            assert _sorted_old(filled.get(f"/api/{path}")) == _sorted_old(real.get(f"/api/{path}"))
            lost = LOST.get(kind_of(filled.nexus), ())
            mine, theirs = (_sorted_otlp(one.get(f"/api/v3/{path}"), lost) for one in (filled, real))
            assert mine == theirs
        assert filled.get("/api/v3/services") == {"services": sorted(real.get("/api/v3/services")["services"])}
        operations = "/api/v3/operations?service=cart"
        mine, theirs = (sorted(one["operations"], key=json.dumps) for one in (filled.get(operations), real.get(operations)))
        assert mine == theirs
    finally:
        real.stop()


def _sorted_old(answer: Any) -> Any:
    (trace,) = answer["data"]
    processes = dict(trace["processes"].items())
    for process in processes.values():
        process["tags"].sort(key=json.dumps)
    for span in trace["spans"]:
        span["process"] = processes[span.pop("processID")]
        span["tags"].sort(key=json.dumps)
        for log in span["logs"]:
            log["fields"].sort(key=json.dumps)
        span["warnings"] = span.get("warnings") or []
        span.pop("flags", None)
    return sorted(trace["spans"], key=lambda span: span["spanID"])


def _sorted_otlp(answer: Any, without: Sequence[str]) -> Any:
    found = []
    for one in answer["result"]["resourceSpans"]:
        resource = sorted(one["resource"]["attributes"], key=json.dumps)
        for scope in one["scopeSpans"]:
            for span in scope["spans"]:
                span["attributes"] = sorted(span.get("attributes", []), key=json.dumps)
                for part in (*span.get("events", []), *span.get("links", [])):
                    part["attributes"] = sorted(part.get("attributes", []), key=json.dumps)
                for name in without:
                    span.pop(name, None)
                found.append((span["spanId"], resource, scope["scope"], span))
    return sorted(found, key=lambda one: one[0])
