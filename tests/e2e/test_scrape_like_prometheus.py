"""The same targets scraped by Nexus and by a real Prometheus: the same series with the same values."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import wait_for
from tests.e2e.programs import Prometheus
from tests.e2e.test_scrape import job, node_exporter, targets, write
from tests.unit.scrape.targets_server import TargetServer
from tests.unit.scrape.test_exposition import PROTOBUF, client_model, delimited

__all__ = ["targets"]
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif("PROMETHEUS_BIN" not in os.environ, reason="PROMETHEUS_BIN names no Prometheus 3"),
]

TEXT = r"""# HELP requests_total Requests\nof \\ all.
# TYPE requests_total counter
requests_total{path="/a\"b\\c\n",job="theirs",instance="x",exported_job="y"} 3
requests_total{path=""} 4 1
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 1
latency_seconds_bucket{le="1"} 2
latency_seconds_bucket{le="1e6"} 2
latency_seconds_bucket{le="+Inf"} 3
latency_seconds_sum 55.5
latency_seconds_count 3
# TYPE size summary
size{quantile="0.5"} 10
size{quantile="1"} 11
size_sum 100
size_count 9
# TYPE odd gauge
odd { a = "b" , } 1
odd{a="c"}	+Inf
odd{a="d"} NaN
odd{a="e"} -1.5e-3
twice 1
twice 2
{"utf8.name","label with space"="v"} 1
temperature{zone="eu-west",secret="s"} 21
temperature{zone="us-east",secret="t"} 22
not_this 1
"""
OPEN_METRICS = """# TYPE orders counter
# HELP orders Orders.
orders_total{kind="a"} 3 # {trace_id="abc"} 0.5
orders_created{kind="a"} 1700000000.5
# TYPE flag stateset
flag{flag="on"} 1
# TYPE temp_celsius gauge
# UNIT temp_celsius celsius
temp_celsius 1.5
# EOF
"""
RULES = [
    {"source_labels": ["__name__"], "regex": "not_.*", "action": "drop"},
    {"regex": "secret", "action": "labeldrop"},
    {"source_labels": ["zone"], "regex": "(.+)-(.+)", "target_label": "region", "replacement": "${2}_$1"},
    {"source_labels": ["zone", "path"], "modulus": 97, "target_label": "shard", "action": "hashmod"},
    {"source_labels": ["zone"], "target_label": "ZONE", "action": "uppercase"},
    {"regex": "zo(.*)", "replacement": "copied_$1", "action": "labelmap"},
]


def messages() -> bytes:
    """Native histograms, with classic buckets and without, as protobuf."""
    model = client_model()
    families = []
    for name, classic in (("native", False), ("both", True)):
        family = model["MetricFamily"](name=name, help="H.", type=4)
        histogram = family.metric.add().histogram
        histogram.sample_count, histogram.sample_sum = 6, 12.5
        if classic:
            histogram.bucket.add(cumulative_count=2, upper_bound=1.0)
        histogram.schema, histogram.zero_threshold, histogram.zero_count = 3, 0.001, 1
        histogram.positive_span.add(offset=-1, length=2)
        histogram.positive_span.add(offset=3, length=1)
        histogram.positive_delta.extend([1, 1, -1])
        histogram.negative_span.add(offset=0, length=1)
        histogram.negative_delta.extend([1])
        families.append(family)
    summary = model["MetricFamily"](name="s", type=2)
    summary.metric.add().summary.sample_count = 1
    summary.metric[0].summary.quantile.add(quantile=0.99, value=3)
    return delimited(*families, summary)


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Any]:
    """Starts Prometheus with a configuration; gives a function that asks it."""
    servers = []

    def start(config: Path) -> Any:
        server = Prometheus(os.environ["PROMETHEUS_BIN"], tmp_path, config.read_text(), features="exemplar-storage")
        servers.append(server.start())

        def ask(path: str) -> Any:
            if not path:
                return server.url
            try:
                with urllib.request.urlopen(server.url + path, timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.URLError:
                return None

        return ask

    yield start
    for server in servers:
        server.stop()


VOLATILE = {"scrape_duration_seconds", "scrape_series_added", "scrape_body_size_bytes"}


def series(answer: Any) -> dict[str, Any]:
    """Values by labels; histograms as they are answered."""
    return {
        json.dumps(one["metric"], sort_keys=True): one["value"][1] if "value" in one else one["histogram"][1]
        for one in answer["data"]["result"]
        if one["metric"].get("__name__") not in VOLATILE
    }


def test_the_same_series(launch: Launch, prometheus: Any, targets: TargetServer, tmp_path: Path) -> None:
    """Text, OpenMetrics, protobuf; relabelling, honouring, limits, conversion to native histograms."""
    targets.say("/text", TEXT)
    targets.say("/om", OPEN_METRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    targets.say("/proto", messages(), PROTOBUF)
    targets.say("/broken", "a 1\nb{\n")
    targets.say("/fallback", "a 1\n", "application/octet-stream")
    targets.say("/other", "# EOF\n", "application/openmetrics-text")
    address = targets.address
    jobs = [
        job("text", address, metrics_path="/text"),
        job("relabelled", address, metrics_path="/text", metric_relabel_configs=RULES),
        job("honoured", address, metrics_path="/text", honor_labels=True, honor_timestamps=False),
        job("limited", address, metrics_path="/text", sample_limit=5),
        job("label-limited", address, metrics_path="/text", label_limit=4),
        job("extra", address, metrics_path="/om", extra_scrape_metrics=True, sample_limit=100),
        job("converted", address, metrics_path="/text", convert_classic_histograms_to_nhcb=True),
        job("converted-too", address, metrics_path="/text", convert_classic_histograms_to_nhcb=True,
            always_scrape_classic_histograms=True),
        job("om", address, metrics_path="/om"),
        job("proto", address, metrics_path="/proto"),
        job("proto-native", address, metrics_path="/proto", scrape_native_histograms=True),
        job("proto-both", address, metrics_path="/proto", scrape_native_histograms=True,
            always_scrape_classic_histograms=True),
        job("proto-coarse", address, metrics_path="/proto", scrape_native_histograms=True,
            native_histogram_min_bucket_factor=1.5, native_histogram_bucket_limit=3),
        job("broken", address, metrics_path="/broken"),
        job("fallback", address, metrics_path="/fallback"),
        job("fallback-given", address, metrics_path="/fallback", fallback_scrape_protocol="PrometheusText0.0.4"),
        job("legacy", address, metrics_path="/text", metric_name_validation_scheme="legacy"),
        job("nothing", address, metrics_path="/other"),
        job("missing", address, metrics_path="/missing"),
    ]  # fmt: skip
    with node_exporter() as node:
        keep = {
            "source_labels": ["__name__"],
            "regex": "node_(uname_info|exporter_build_info|time_zone.*)",
            "action": "keep",
        }
        jobs.append(job("node", node, metric_relabel_configs=[keep]))
        path = write(tmp_path / "p.yml", *jobs, top="global: {scrape_interval: 1s, scrape_timeout: 1s}\n")
        theirs = prometheus(path)
        nexus = launch(NEXUS_SCRAPE_FILE=str(path))
        query = "/api/v1/query?" + urllib.parse.urlencode({"query": '{job=~".+"}'})
        seen: list[Any] = [{}, {}]

        def alike() -> bool:
            seen[:] = [series(nexus.get(query).json), series(theirs(query))]
            for one in seen:
                # Bytes of node_exporter's answer differ from scrape to scrape.
                for key in [key for key in one if '"job": "node"' in key and '"scrape_samples_scraped"' in key]:
                    del one[key]
            return len(seen[0]) > 100 and seen[0] == seen[1]

        try:
            wait_for("the same series", alike, pause=0.3)
        except AssertionError:
            ours, other = seen
            missing, extra = sorted(set(other) - set(ours)), sorted(set(ours) - set(other))
            values = [(key, ours[key], other[key]) for key in sorted(set(ours) & set(other)) if ours[key] != other[key]]
            pytest.fail(f"missing {missing}\nextra {extra}\nvalues {values}")
        exemplars = "/api/v1/query_exemplars?" + urllib.parse.urlencode(
            {"query": 'orders_total{job="om"}', "start": time.time() - 60, "end": time.time() + 60}
        )
        ours, other = nexus.get(exemplars).json["data"], theirs(exemplars)["data"]
        assert [one["exemplars"][0]["labels"] for one in ours] == [one["exemplars"][0]["labels"] for one in other] != []
        health = "/api/v1/targets?state=active"
        states = [
            {
                (one["scrapePool"], one["health"], tuple(sorted(one["discoveredLabels"].items())))
                for one in found["data"]["activeTargets"]
            }
            for found in (nexus.get(health).json, theirs(health))
        ]
        assert states[0] == states[1]


ABOUT = [
    *(f"rules{query}" for query in (
        "", "?type=alert", "?type=record", "?type=x", "?rule_name[]=a&file[]=b&rule_group[]=c&exclude_alerts=true",
        "?exclude_alerts=maybe", "?group_limit=0", "?group_limit=5", "?group_next_token=abc",
        "?group_limit=5&group_next_token=abc", "?match[]=up{", '?match[]={a="b"}', "?match[]={}",
    )),
    "alerts", "alertmanagers", "scrape_pools", "scrape_pools/config?scrapePool=none", "scrape_pools/config",
    *(f"targets{query}" for query in (
        "", "?state=active", "?state=dropped", "?state=ANY", "?state=wrong", "?scrapePool=one", "?scrapePool=none",
    )),
    *(f"targets/metadata{query}" for query in (
        "", "?metric=a", "?limit=x", "?limit=1", "?match_target={", '?match_target={job="one"}', '?match_target={job="x"}',
    )),
    'targets/relabel_steps?scrapePool=one&labels={"__address__":"x"}', "targets/relabel_steps?scrapePool=none&labels={}",
    "targets/relabel_steps", "targets/relabel_steps?scrapePool=one",
    "metadata", "metadata?metric=a", "metadata?metric=none", "metadata?limit=x", "metadata?limit=1",
    "format_query?query=up{", "format_query?query=sum(up)by(a)", "format_query", "parse_query?query=up{", "parse_query",
    "parse_query?query=rate(x[5m])", "notifications", "features", "status/buildinfo", "status/runtimeinfo", "status/flags",
    "status/config", "status/tsdb", "status/tsdb?limit=0", "status/tsdb?limit=x", "status/tsdb?limit=3", "status/tsdb/blocks",
    "status/walreplay", "status/self_metrics?metric_name_pattern=nothing", "query_exemplars?query=up",
    "label/job/values?limit=x", "label/1x/values", "series?match[]=up&limit=-1", "series?match[]=up&limit=1",
    "/-/healthy", "/-/ready", "/version", "/federate", "/federate?match[]=nothing", "/federate?match[]=a",
]  # fmt: skip
"""Everything that tells about the server and what it scrapes."""


def shape(value: Any) -> Any:
    """Names and types, without the values."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def told(path: str, answer: Any) -> Any:
    """What of an answer must be equal: of errors every word, else the shape. The differences that there are:"""
    if path.startswith("/-/"):
        # Health is told as JSON here, as text there.
        return ""
    if not isinstance(answer, dict):
        # Samples without their times.
        return [line.rpartition(" ")[0] for line in answer.splitlines()]
    if answer.get("status") == "error":
        # Errors of PromQL say their place, too.
        return {name: value for name, value in answer.items() if name != "position"}
    if path in ("features", "status/flags"):
        # Each has its own: what both have is of one type, see below.
        return ""
    if path == "status/buildinfo":
        # It says who it is, for Grafana.
        answer["data"].pop("application", None)
    return shape(answer)


def test_the_same_answers_about_the_server(launch: Launch, prometheus: Any, targets: TargetServer, tmp_path: Path) -> None:
    """Status, rules, alerts, targets, metadata, texts of queries, errors: status codes and shapes, letter by letter for errors."""
    targets.say("/metrics", "# HELP a Help.\n# TYPE a counter\na 1\n")
    rename = [{"target_label": "x", "replacement": "y"}]
    drop = [{"source_labels": ["__address__"], "regex": ".*", "action": "drop"}]
    jobs = [job("one", targets.address, relabel_configs=rename), job("none", targets.address, relabel_configs=drop)]
    path = write(tmp_path / "p.yml", *jobs[:1], {**jobs[1], "job_name": "dropped"})
    theirs = prometheus(path)
    nexus = launch(NEXUS_SCRAPE_FILE=str(path))
    for ask in (lambda query: nexus.get(query).json, theirs):
        wait_for("a scrape", lambda ask=ask: ask("/api/v1/targets/metadata")["data"])  # type: ignore[misc]
    wrong = []
    for one in ABOUT:
        address = urllib.parse.quote(one if one.startswith("/") else f"/api/v1/{one}", safe="/?=&")
        ours = nexus.get(address)
        try:
            with urllib.request.urlopen(f"{theirs('')}{address}", timeout=60) as response:
                status, body = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        documents = []
        for text in (ours.body, body):
            try:
                documents.append(json.loads(text))
            except ValueError:
                documents.append(text.decode())
        if (ours.status, told(one, documents[0])) != (status, told(one, documents[1])):
            wrong.append((one, ours.status, documents[0], status, documents[1]))
    assert not wrong, "\n".join(map(str, wrong))
    ours, other = (nexus.get("/api/v1/features").json["data"], theirs("/api/v1/features")["data"])
    assert set(other) - set(ours) == {"templating_functions", "ui"}
    for category in ("promql", "promql_functions", "promql_operators", "api"):
        assert set(ours[category]) == set(other[category]), category
    mine, flags = (nexus.get("/api/v1/status/flags").json["data"], theirs("/api/v1/status/flags")["data"])
    assert set(mine) <= set(flags)
