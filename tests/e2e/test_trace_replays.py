"""The requests that Jaeger's UI, Grafana's data sources and Traces Drilldown make (`replays/`), and what a person would call
the right answer to each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from tests.e2e.nexus_process import API, Answer, NexusProcess, wait_for
from tests.e2e.trace_shop import MS, Shop

from nexus.server import protobuf as pb

pytestmark = pytest.mark.e2e

TENANT = "trace-replays"
SECOND = 10**9
FOLDER = Path(__file__).parent / "replays"
TRACE = 7


@dataclass
class Filled:
    """A Nexus with the shop's traces in a tenant of its own."""

    nexus: NexusProcess
    shop: Shop = field(repr=False)

    @property
    def words(self) -> dict[str, str]:
        """What stands for the placeholders of a request."""
        start, end = self.shop.start(0) // SECOND - 1, self.shop.end // SECOND + 1
        iso = [time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(second)) for second in (start, end)]
        times = {
            f"{name}_{unit}": str(second * scale)
            for name, second in (("start", start), ("end", end), ("later", end + 60))
            for unit, scale in (("s", 1), ("ms", 1000), ("us", 10**6), ("ns", SECOND))
        }
        return {**times, "start_iso": iso[0], "end_iso": iso[1], "range_s": str(end - start), "trace": self.shop.id(TRACE)}

    def filled_in(self, text: str) -> str:
        """A text with its placeholders replaced."""
        for name, value in self.words.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def send(self, request: dict[str, Any], base: str = "") -> Answer:
        """Make a request of a file."""
        query = urlencode({name: self.filled_in(value) for name, value in request.get("query", {}).items()})
        path = base + quote(self.filled_in(request["path"])) + (f"?{query}" if query else "")
        headers = {"Accept": request["accept"]} if "accept" in request else {}
        return self.nexus.request(request.get("method", "GET"), path, headers=headers, tenant=TENANT)


@pytest.fixture(scope="module")
def filled(nexus: NexusProcess) -> Iterator[Filled]:
    """Traces of the last half minute, and what is derived of them."""
    shop = Shop(time.time_ns() // SECOND * SECOND)
    headers = {"Content-Type": "application/x-protobuf"}
    body = shop.whole.SerializeToString()
    assert nexus.request("POST", "/v1/traces", body, headers=headers, tenant=TENANT).status == 200
    found = Filled(nexus, shop)
    wait_for("the derived metrics", lambda: len(edges_of(found)) >= 2)
    yield found


def edges_of(filled: Filled) -> list[Any]:
    """Edges of the map, which are the last of what is derived."""
    edges: list[Any] = filled.nexus.get(f"{API}/services/map", tenant=TENANT).json["edges"]
    return edges


def requests_of(name: str) -> list[dict[str, Any]]:
    """The requests of a file."""
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def number(id: str) -> int:
    """Which of the shop's traces it is."""
    return int(id, 16) - 1


def failed(shop: Shop) -> set[int]:
    """The traces that fail."""
    return {one for one in range(shop.traces) if shop.failed(one)}


def slow_posts(shop: Shop) -> set[int]:
    """POST requests that took long and did not fail."""
    return {one for one in range(shop.traces) if one % 2 and shop.slow(one) and not shop.failed(one)}


# ------------------------------------------------------------------------------------------------------------------ Jaeger

OPERATIONS = {("Cart/Add", "client"), ("GET /cart", "server"), ("POST /cart", "server")}


def _summaries(answer: Answer) -> dict[int, dict[str, Any]]:
    return {number(one["traceId"]): one for one in answer.json["summaries"]}


def services_v3(shop: Shop, answer: Answer) -> None:
    assert answer.json == {"services": ["cart", "web"]}


def operations_v3(shop: Shop, answer: Answer) -> None:
    assert {(one["name"], one["spanKind"]) for one in answer.json["operations"]} == OPERATIONS


def every_summary(shop: Shop, answer: Answer) -> None:
    found = _summaries(answer)
    assert list(found) == list(range(29, -1, -1))
    one = found[5]
    assert (one["rootServiceName"], one["rootOperationName"]) == ("web", "POST /cart")
    assert (one["spanCount"], one["errorSpanCount"]) == (4, 2)
    assert one["services"] == [
        {"name": "cart", "spanCount": 2, "errorSpanCount": 1}, {"name": "web", "spanCount": 2, "errorSpanCount": 1},
    ]  # fmt: skip
    assert int(one["minStartTimeUnixNano"]) == shop.start(5)
    assert int(one["maxEndTimeUnixNano"]) - shop.start(5) == 60 * MS


def slow_posts_v3(shop: Shop, answer: Answer) -> None:
    assert set(_summaries(answer)) == slow_posts(shop)


def failed_summaries(shop: Shop, answer: Answer) -> None:
    assert set(_summaries(answer)) == failed(shop)


def no_summaries(shop: Shop, answer: Answer) -> None:
    assert answer.json == {"summaries": []}


def jaeger_trace(shop: Shop, answer: Answer) -> None:
    (trace,) = answer.json["data"]
    assert number(trace["traceID"]) == TRACE
    spans = {span["spanID"]: span for span in trace["spans"]}
    root = spans[f"{1:016x}"]
    assert (root["operationName"], root["references"], root["duration"]) == ("POST /cart", [], 60_000)
    assert root["startTime"] == shop.start(TRACE) // 1000
    assert {tag["key"]: tag["value"] for tag in root["tags"]}["http.response.status_code"] == 200
    child = spans[f"{2:016x}"]["references"]
    assert [(one["refType"], one["spanID"]) for one in child] == [("CHILD_OF", f"{1:016x}")]
    assert {one["serviceName"] for one in trace["processes"].values()} == {"cart", "web"}


def archived(shop: Shop, answer: Answer) -> None:
    assert answer.json["data"] == [] and answer.json["errors"] is None


def dependencies(shop: Shop, answer: Answer) -> None:
    found = {(one["parent"], one["child"]): one["callCount"] for one in answer.json["data"]}
    assert found["web", "cart"] == 30
    assert {parent for parent, _ in found} == {"web", "cart"}


def _family(answer: Answer, name: str, *labels: str) -> dict[tuple[str, ...], list[float]]:
    """The numbers of each metric of a family."""
    assert (answer.json["name"], answer.json["type"]) == (name, "GAUGE")
    found = {}
    for one in answer.json["metrics"]:
        named = {label["name"]: label["value"] for label in one["labels"]}
        values = [point["gaugeValue"]["doubleValue"] for point in one["metricPoints"]]
        found[tuple(named[label] for label in labels)] = [float(value) for value in values]
    return found


def latencies(shop: Shop, answer: Answer) -> None:
    found = _family(answer, "service_latencies", "service_name")
    # Milliseconds: a third of the requests take 404 of them.
    assert list(found) == [("cart",)] and 256 < found["cart",][-1] < 1024


def latencies_by_operation(shop: Shop, answer: Answer) -> None:
    found = _family(answer, "service_operation_latencies", "service_name", "operation")
    assert list(found) == [("cart", "Cart/Add")] and 256 < found["cart", "Cart/Add"][-1] < 1024


def calls(shop: Shop, answer: Answer) -> None:
    found = _family(answer, "service_call_rate", "service_name")
    assert list(found) == [("cart",)] and 0 < found["cart",][-1] < 2


def calls_by_operation(shop: Shop, answer: Answer) -> None:
    found = _family(answer, "service_operation_call_rate", "service_name", "operation")
    assert list(found) == [("cart", "Cart/Add")] and 0 < found["cart", "Cart/Add"][-1] < 2


def errors(shop: Shop, answer: Answer) -> None:
    found = _family(answer, "service_error_rate", "service_name")
    assert list(found) == [("web",)] and found["web",][-1] == pytest.approx(0.2, abs=0.05)


def errors_by_operation(shop: Shop, answer: Answer) -> None:
    found = _family(answer, "service_operation_error_rate", "service_name", "operation")
    assert set(found) == {("web", "GET /cart"), ("web", "POST /cart")}
    assert all(values[-1] == pytest.approx(0.2, abs=0.05) for values in found.values())


def services(shop: Shop, answer: Answer) -> None:
    assert answer.json["data"] == ["cart", "web"]


def operations(shop: Shop, answer: Answer) -> None:
    assert answer.json["data"] == sorted(name for name, _ in OPERATIONS)


def slow_posts_v1(shop: Shop, answer: Answer) -> None:
    assert {number(trace["traceID"]) for trace in answer.json["data"]} == slow_posts(shop)
    assert all(len(trace["spans"]) == 4 for trace in answer.json["data"])


def _otlp_spans(answer: Answer) -> list[dict[str, Any]]:
    resources = answer.json["result"]["resourceSpans"]
    return [span for one in resources for scope in one["scopeSpans"] for span in scope["spans"]]


def slow_posts_otlp(shop: Shop, answer: Answer) -> None:
    spans = _otlp_spans(answer)
    assert {number(span["traceId"]) for span in spans} == slow_posts(shop)
    assert len(spans) == 4 * len(slow_posts(shop))


def otlp_trace(shop: Shop, answer: Answer) -> None:
    spans = _otlp_spans(answer)
    assert {number(span["traceId"]) for span in spans} == {TRACE} and len(spans) == 4


# ------------------------------------------------------------------------------------------------------------------- Tempo


def echo(shop: Shop, answer: Answer) -> None:
    assert answer.body == b"echo"


def tempo_trace(shop: Shop, answer: Answer) -> None:
    assert answer.headers["content-type"] == "application/protobuf"
    _whole(shop, pb.Message(answer.body).bytes(1))


def tempo_trace_v1(shop: Shop, answer: Answer) -> None:
    assert answer.headers["content-type"] == "application/protobuf"
    _whole(shop, answer.body)


def _whole(shop: Shop, body: bytes) -> None:
    spans = {
        span.span_id.hex(): span
        for one in TracesData.FromString(body).resource_spans
        for scope in one.scope_spans
        for span in scope.spans
    }
    assert len(spans) == 4 and {number(span.trace_id.hex()) for span in spans.values()} == {TRACE}
    assert spans[f"{1:016x}"].start_time_unix_nano == shop.start(TRACE)


SEARCHED = {
    "traceID", "rootServiceName", "rootTraceName", "startTimeUnixNano", "durationMs", "spanSet", "spanSets", "serviceStats",
}  # fmt: skip


def _found(answer: Answer) -> dict[int, dict[str, Any]]:
    """The traces of a search; Grafana refuses answers with what it does not know."""
    assert set(answer.json) == {"traces", "metrics"}
    assert set(answer.json["metrics"]) <= {
        "inspectedTraces",
        "inspectedBytes",
        "inspectedSpans",
        "completedJobs",
        "totalJobs",
    }
    assert all(set(one) <= SEARCHED for one in answer.json["traces"])
    return {number(one["traceID"]): one for one in answer.json["traces"]}


def failed_found(shop: Shop, answer: Answer) -> None:
    found = _found(answer)
    assert set(found) == failed(shop)
    assert (found[5]["rootServiceName"], found[5]["rootTraceName"], found[5]["durationMs"]) == ("web", "POST /cart", 60)


def slow_found(shop: Shop, answer: Answer) -> None:
    assert set(_found(answer)) == {one for one in range(30) if shop.slow(one)}


def all_tags(shop: Shop, answer: Answer) -> None:
    scopes = {one["name"]: set(one["tags"]) for one in answer.json["scopes"]}
    assert {"service.name", "host.name"} <= scopes["resource"]
    assert {"http.request.method", "db.system"} <= scopes["span"]
    assert {"duration", "kind", "name", "rootName", "rootServiceName", "status"} <= scopes["intrinsic"]


def service_names(shop: Shop, answer: Answer) -> None:
    values = [(one["type"], one["value"]) for one in answer.json["tagValues"]]
    assert values in ([("string", "cart"), ("string", "web")], [("string", "web")])


def statuses(shop: Shop, answer: Answer) -> None:
    values = {(one["type"], one["value"]) for one in answer.json["tagValues"]}
    assert values == {("keyword", "error"), ("keyword", "unset")}


def _series(answer: Answer) -> dict[tuple[Any, ...], float]:
    """The sum of each series by the values of its labels, over steps of 10 s."""
    assert set(answer.json) <= {"series", "metrics"}
    found = {}
    for one in answer.json["series"]:
        labels = tuple(next(iter(label["value"].values())) for label in one["labels"])
        found[labels] = sum(sample["value"] for sample in one["samples"]) * 10
    return found


def is_metrics(shop: Shop, answer: Answer) -> None:
    assert _series(answer) == {("rate",): pytest.approx(120)}


def rates(shop: Shop, answer: Answer) -> None:
    assert _series(answer) == {("web",): pytest.approx(30), ("cart",): pytest.approx(30)}
    exemplars = [exemplar for one in answer.json["series"] for exemplar in one["exemplars"]]
    ids = {label["value"]["stringValue"] for one in exemplars for label in one["labels"] if label["key"] == "trace:id"}
    assert ids and {number(id) for id in ids} <= set(range(30))


def root_rate(shop: Shop, answer: Answer) -> None:
    assert _series(answer) == {("rate",): pytest.approx(30)}


def root_error_rate(shop: Shop, answer: Answer) -> None:
    assert _series(answer) == {("rate",): pytest.approx(6)}


def quantiles(shop: Shop, answer: Answer) -> None:
    levels = {one["labels"][0]["value"]["doubleValue"]: one["samples"] for one in answer.json["series"]}
    assert set(levels) == {0.5, 0.9}
    assert all(0.05 < sample["value"] < 0.5 for samples in levels.values() for sample in samples)


def buckets(shop: Shop, answer: Answer) -> None:
    assert {one["labels"][0]["key"] for one in answer.json["series"]} == {"__bucket"}
    assert sum(_series(answer).values()) == pytest.approx(300)


def databases(shop: Shop, answer: Answer) -> None:
    assert _series(answer) == {("INSERT carts",): pytest.approx(30)}


def compared(shop: Shop, answer: Answer) -> None:
    counts: dict[tuple[str, str], float] = {}
    for one in answer.json["series"]:
        labels = {label["key"]: next(iter(label["value"].values())) for label in one["labels"]}
        if code := labels.get("span.http.response.status_code"):
            counts[str(labels["__meta_type"]), str(code)] = sum(sample["value"] for sample in one["samples"])
    assert counts["selection", "500"] == 6 and counts["baseline", "200"] == 24


def trees(shop: Shop, answer: Answer) -> None:
    found = _found(answer)
    assert set(found) == failed(shop)
    for one in found.values():
        spans = {span["spanID"]: span for span in one["spanSets"][0]["spans"]}
        assert set(spans) == {f"{1:016x}", f"{4:016x}"}
        shown = [{pair["key"]: next(iter(pair["value"].values())) for pair in span["attributes"]} for span in spans.values()]
        outer, inner = sorted(shown, key=lambda one: int(one["nestedSetLeft"]))
        assert int(outer["nestedSetLeft"]) < int(inner["nestedSetLeft"])
        assert int(inner["nestedSetRight"]) < int(outer["nestedSetRight"])
        assert (int(outer["nestedSetParent"]), outer["service.name"], inner["service.name"]) == (-1, "web", "cart")


def exceptions(shop: Shop, answer: Answer) -> None:
    found = _found(answer)
    assert set(found) == failed(shop)
    messages = {
        pair["value"]["stringValue"]
        for one in found.values()
        for span in one["spanSets"][0]["spans"]
        for pair in span["attributes"]
        if pair["key"] == "exception.message"
    }
    assert messages - {"nil"} == {"connection refused"}


def instant(shop: Shop, answer: Answer) -> None:
    assert [one["value"] for one in answer.json["series"]] == [12]


def _vector(answer: Answer) -> list[dict[str, str]]:
    assert answer.json["data"]["resultType"] == "vector"
    return [one["metric"] for one in answer.json["data"]["result"]]


def edges(shop: Shop, answer: Answer) -> None:
    assert ("web", "cart") in {(one["client"], one["server"]) for one in _vector(answer)}


def span_names(shop: Shop, answer: Answer) -> None:
    assert {one["span_name"] for one in _vector(answer)} <= {"Cart/Add", "GET /cart", "POST /cart"}


def one_number(shop: Shop, answer: Answer) -> None:
    assert _vector(answer) in ([{}], [])


Check = Callable[[Shop, Answer], None]
CHECKS: dict[str, Check] = {
    one.__name__: one
    for one in (
        services_v3, operations_v3, every_summary, failed_summaries, no_summaries, jaeger_trace, archived, dependencies,
        latencies, latencies_by_operation, calls, calls_by_operation, errors, errors_by_operation, services, operations,
        slow_posts_v1, slow_posts_otlp, otlp_trace, echo, tempo_trace, tempo_trace_v1, failed_found, slow_found, all_tags,
        service_names, statuses, is_metrics, rates, root_rate, root_error_rate, quantiles, buckets, databases, compared,
        trees, exceptions, instant, edges, span_names, one_number,
    )
} | {"slow_posts": slow_posts_v3}  # fmt: skip

REPLAYS = [
    pytest.param(base, request, id=f"{name}{base}:{place}:{request['check']}")
    for name, bases in (
        ("jaeger_ui", ("", "/jaeger")),
        ("grafana_jaeger", ("", "/jaeger")),
        ("grafana_tempo", ("", "/tempo")),
        ("traces_drilldown", ("/tempo",)),
    )
    for base in bases
    for place, request in enumerate(requests_of(name))
]


@pytest.mark.parametrize(("base", "request_"), REPLAYS)
def test_replay(filled: Filled, base: str, request_: dict[str, Any]) -> None:
    """The right answer, at the root and under the API's own path."""
    if request_["path"].startswith("/api/v1/"):
        base = ""
    answer = filled.send(request_, base)
    assert answer.status == 200, answer.body
    CHECKS[request_["check"]](filled.shop, answer)
