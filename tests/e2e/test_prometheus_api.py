"""The Prometheus API as its clients use it: promtool, Grafana's requests, remote read; and its answers beside those of a real
Prometheus 3 with the same samples.

`PROMTOOL_BIN` and `PROMETHEUS_BIN` name the programs; without them the tests that need them say so and are skipped.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.metric_backends import a_tenant, left_out, nexus, on_victoriametrics, tenant, victorious
from tests.e2e.metric_bodies import HEADERS, get, message, varint, write, write_request
from tests.e2e.nexus_process import API, TOKEN, Answer, NexusProcess
from tests.e2e.programs import Prometheus

from nexus import _native

__all__ = ["left_out", "nexus", "tenant", "victorious"]
pytestmark = pytest.mark.e2e

START = int(time.time()) // 60 * 60 - 1800
"""First sample, seconds; there are 30 minutes of them."""
END = START + 1800
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def samples() -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
    """Counters that reset, gauges with holes, classic buckets, names and values of any letters."""
    found: list[tuple[dict[str, str], list[tuple[int, float]]]] = []
    times = [START * 1000 + 15_000 * n for n in range(121)]
    for job in ("api", "db"):
        for instance in ("a:1", "b:2"):
            labels = {"job": job, "instance": instance}
            wave = [(at, 100 + 50 * math.sin(n / 10 + len(instance))) for n, at in enumerate(times)]
            found.append(({"__name__": "memory_bytes", **labels}, [one for n, one in enumerate(wave) if n % 40 < 30]))
            for code in ("200", "500"):
                step = 3.0 if code == "200" else 0.25
                rising = [(at, step * (n % 70) + len(job)) for n, at in enumerate(times)]
                found.append(({"__name__": "http_requests_total", "code": code, **labels}, rising))
            for place, le in enumerate(("0.1", "0.5", "+Inf")):
                found.append(
                    (
                        {"__name__": "latency_seconds_bucket", "le": le, **labels},
                        [(at, (place + 1.0) * n) for n, at in enumerate(times)],
                    )
                )
            found.append(({"__name__": "target_info", "version": f"v-{instance}", **labels}, [(at, 1.0) for at in times]))
    found.append(
        (
            {"__name__": "strange.name", "label.x": 'ü"\\\n', "job": "api"},
            [(at, float("nan") if n % 2 else math.inf) for n, at in enumerate(times)],
        )
    )
    return found


@pytest.fixture(scope="module")
def filled(nexus: NexusProcess) -> Iterator[str]:
    """The tenant with the samples."""
    for name in a_tenant(nexus, f"prom-{START}"):
        assert write(nexus, samples(), tenant=name).status == 204
        assert len(get(nexus, "series", name, **{"match[]": '{job!=""}', "start": str(START), "end": str(END)})) == 29
        yield name


def ask(nexus: NexusProcess, tenant: str, path: str, *, base: str = "/api/v1/", **parameters: Any) -> Answer:
    return nexus.get(f"{base}{path}?{urlencode(parameters, doseq=True)}", tenant=tenant)


# ------------------------------------------------------------------------------------------------------------ the shapes


def test_queries_of_every_type(nexus: NexusProcess, filled: str) -> None:
    """Vectors, matrices, scalars, texts; GET and form; below `/prometheus`, too."""
    at = END - 60
    vector = ask(nexus, filled, "query", query='http_requests_total{code="500"}', time=at).json["data"]
    assert vector["resultType"] == "vector"
    assert len(vector["result"]) == 4
    assert {len(one["metric"]) for one in vector["result"]} == {4}
    assert vector["result"][0]["value"][0] == at and isinstance(vector["result"][0]["value"][1], str)
    number, text = (ask(nexus, filled, "query", query=query, time=at).json["data"] for query in ("1+1", '"x"'))
    if on_victoriametrics(nexus):
        # It answers numbers as vectors without labels, and no texts.
        assert number == {"resultType": "vector", "result": [{"metric": {}, "value": [at, "2"]}]}
        assert text == {"resultType": "vector", "result": []}
    else:
        assert number == {"resultType": "scalar", "result": [at, "2"]}
        assert text == {"resultType": "string", "result": [at, "x"]}
    matrix = ask(nexus, filled, "query", query='memory_bytes{job="db"}[1m]', time=START + 60).json["data"]
    assert [len(one["values"]) for one in matrix["result"]] == [4, 4]
    form = urlencode({"query": "sum(http_requests_total)", "start": START, "end": END, "step": "1m"}).encode()
    for base in ("", "/prometheus"):
        posted = nexus.request("POST", f"{base}/api/v1/query_range", form, FORM, tenant=filled)
        assert posted.status == 200, posted.body
        assert len(posted.json["data"]["result"][0]["values"]) == 31
    shown = ask(nexus, filled, "query", query='{"strange.name"}', time=END).json["data"]["result"][0]
    assert shown["metric"] == {"__name__": "strange.name", "label.x": 'ü"\\\n', "job": "api"}
    assert shown["value"][1] == "+Inf"


def test_limits_statistics_and_notes(nexus: NexusProcess, filled: str) -> None:
    """`limit` cuts and says so; `stats` tells the cost; the evaluator's notes come through."""
    cut = ask(nexus, filled, "query", query="memory_bytes", time=END, limit=2, stats="all").json
    assert len(cut["data"]["result"]) == 2
    assert cut["warnings"] == ["results truncated due to limit"]
    noted = ask(nexus, filled, "query", query="rate(memory_bytes[5m])", time=END).json
    if on_victoriametrics(nexus):
        # It does not tell how many samples it read, and has no notes.
        assert cut["data"]["stats"]["samples"]["totalQueryableSamples"] == 0 and "infos" not in noted
    else:
        assert cut["data"]["stats"]["samples"]["totalQueryableSamples"] >= 4
        assert any("might not be a counter" in one for one in noted["infos"]), noted
    assert ask(nexus, filled, "labels", limit=1).json["warnings"] == ["results truncated due to limit"]
    old = ask(nexus, filled, "query", query="memory_bytes", time=END, stats="yes").json
    assert "deprecated" in old["warnings"][0]


VICTORIA_ERRORS = {
    # VictoriaMetrics reads queries itself: what is wrong is said in its words.
    "up{": ("labelFilterExpr: unexpected token", "bad_data"),
    # MetricsQL takes a vector where a range is expected: the range is the step's.
    "rate(up)": ('"result":[]', "success"),
    # Also for a range: it is the range's last value at each step. An empty range of time has none.
    "up[5m]": ('"result":[]', "success"),
    # It does not tell errors of evaluation from other wrong queries.
    "http_requests_total + on(job) memory_bytes": ("duplicate time series", "bad_data"),
}
"""What it says instead, and the kind of answer."""


@pytest.mark.parametrize(
    ("path", "parameters", "status", "kind", "message"),
    [
        ("query", {"query": "up{"}, 400, "bad_data", 'invalid parameter "query": 1:4: parse error: unexpected end of input inside braces'),
        ("query", {"query": "rate(up)"}, 400, "bad_data", 'invalid parameter "query": 1:6: parse error: expected type range vector'),
        ("query", {"query": "up", "time": "x"}, 400, "bad_data", 'invalid parameter "time": invalid time value for \'time\': cannot parse "x" to a valid timestamp'),
        ("query", {"query": "up", "timeout": "x"}, 400, "bad_data", 'invalid parameter "timeout": cannot parse "x" to a valid duration'),
        ("query_range", {"query": "up", "start": 0, "end": 11001, "step": 1}, 400, "bad_data", "exceeded maximum resolution of 11,000 points"),
        ("query_range", {"query": "up", "start": 5, "end": 4, "step": 1}, 400, "bad_data", 'invalid parameter "end": end timestamp must not be before start time'),
        ("query_range", {"query": "up", "start": 0, "end": 1, "step": 0}, 400, "bad_data", 'invalid parameter "step": zero or negative query resolution'),
        ("query_range", {"query": "up[5m]", "start": 0, "end": 1, "step": 1}, 400, "bad_data", 'invalid parameter "query": invalid expression type "range vector" for range query'),
        ("query", {"query": "http_requests_total + on(job) memory_bytes", "time": START + 60}, 422, "execution", "found duplicate series for the match group"),
        ("series", {}, 400, "bad_data", "no match[] parameter provided"),
        ("series", {"match[]": "{}"}, 400, "bad_data", 'invalid parameter "match[]": match[] must contain at least one non-empty matcher'),
        ("status/tsdb", {"limit": "0"}, 400, "bad_data", "limit must be a positive number"),
        ("metadata", {"limit": "x"}, 400, "bad_data", "limit must be a number"),
        ("rules", {"type": "x"}, 400, "bad_data", 'invalid parameter "type": not supported value "x"'),
        ("search/label_values", {}, 400, "bad_data", 'missing required parameter "label"'),
    ],
)  # fmt: skip
def test_errors(
    nexus: NexusProcess, filled: str, path: str, parameters: dict[str, Any], status: int, kind: str, message: str
) -> None:
    """Status, type and words."""
    answer = ask(nexus, filled, path, **parameters)
    if on_victoriametrics(nexus) and (reason := VICTORIA_ERRORS.get(str(parameters.get("query")))):
        assert reason[0] in answer.body.decode(), answer.body
        assert (answer.status, reason[1]) in ((200, "success"), (400, "bad_data")), answer.body
        return
    assert (answer.status, answer.json["errorType"]) == (status, kind), answer.body
    assert answer.json["status"] == "error"
    assert answer.json["error"].startswith(message), answer.json


def test_labels_and_series(nexus: NexusProcess, filled: str) -> None:
    """Names, values (escaped names, too), series of several selectors once each."""
    assert get(nexus, "labels", filled) == ["__name__", "code", "instance", "job", "label.x", "le", "version"]
    assert get(nexus, "labels", filled, **{"match[]": "memory_bytes"}) == ["__name__", "instance", "job"]
    assert get(nexus, "label/job/values", filled) == ["api", "db"]
    assert get(nexus, "label/U__label_2e_x/values", filled) == ['ü"\\\n']
    assert get(nexus, f"label/{quote('label.x', safe='')}/values", filled) == ['ü"\\\n']
    assert get(nexus, "label/code/values", filled, **{"match[]": '{code!="200",code!=""}'}) == ["500"]
    both = get(nexus, "series", filled, **{"match[]": ['memory_bytes{job="api"}', '{__name__=~"memory.*",instance="a:1"}']})
    assert len(both) == 3
    assert get(nexus, "labels", filled, start="0", end="10") == []


def test_search(nexus: NexusProcess, filled: str) -> None:
    """Lines, the last of which says whether there was more."""
    answer = ask(nexus, filled, "search/metric_names", **{"search[]": "requests", "fuzz_alg": "jarowinkler", "limit": 5})
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert lines == [{"results": [{"name": "http_requests_total"}]}, {"status": "success", "has_more": False}]
    values = ask(nexus, filled, "search/label_values", label="instance", batch_size=1, limit=1)
    assert [json.loads(line) for line in values.body.splitlines()][-1] == {"status": "success", "has_more": True}


def test_texts_of_queries(nexus: NexusProcess) -> None:
    """Formatted, and as a tree; nothing is read."""
    assert get(nexus, "format_query", query="sum by(a)(rate(x[5m]))") == "sum by (a) (rate(x[5m]))"
    tree = get(nexus, "parse_query", query="-x")
    assert (tree["type"], tree["op"], tree["expr"]["name"]) == ("unaryExpr", "-", "x")


def test_what_clients_ask_first(nexus: NexusProcess, tenant: str) -> None:
    """State of the server, of rules and alerts, in Prometheus' shapes."""
    assert get(nexus, "status/buildinfo")["version"].startswith("3.")
    assert get(nexus, "rules") == {"groups": []}
    assert get(nexus, "alerts") == {"alerts": []}
    assert get(nexus, "alertmanagers") == {"activeAlertmanagers": [], "droppedAlertmanagers": []}
    assert get(nexus, "targets", tenant) == {"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}}
    assert get(nexus, "scrape_pools", tenant) == {"scrapePools": []}
    assert get(nexus, "status/runtimeinfo")["storageRetention"] == "30d"
    assert get(nexus, "status/flags")["query.lookback-delta"] == "300s"
    assert get(nexus, "features")["promql"]["duration_expr"] is True
    assert get(nexus, "status/tsdb", tenant)["headStats"]["numSeries"] == 0
    assert any(one["name"] == "nexus_http_requests_total" for one in get(nexus, "status/self_metrics"))
    for path in ("/-/healthy", "/prometheus/-/healthy", "/prometheus/-/ready"):
        assert nexus.request("HEAD", path, token="").status == 200
    probe = nexus.get("/api/v1/rules/test/test")
    assert (probe.status, b"page not found" in probe.body) == (404, True)
    assert nexus.get("/api/v1/notifications/live").status == 204


def test_administration_is_off(nexus: NexusProcess, tenant: str) -> None:
    """Until the configuration says otherwise."""
    answer = nexus.request("POST", "/api/v1/admin/tsdb/delete_series?match[]=up", b"", FORM, tenant=tenant)
    assert (answer.status, answer.json["error"]) == (503, "admin APIs disabled")


def test_series_can_be_deleted(launch: Launch) -> None:
    """What matches is gone, the rest stays; the audit log knows."""
    nexus = launch(NEXUS_METRICS_ADMIN_API="true")
    assert write(nexus, samples()).status == 204
    match = quote('memory_bytes{job="db"}')
    assert nexus.request("POST", f"/api/v1/admin/tsdb/delete_series?match[]={match}", b"", FORM).status == 204
    assert len(get(nexus, "series", **{"match[]": "memory_bytes"})) == 2
    assert len(get(nexus, "series", **{"match[]": "http_requests_total"})) == 8
    assert nexus.request("PUT", "/api/v1/admin/tsdb/clean_tombstones", b"", FORM).status == 204


def test_federation(nexus: NexusProcess, tenant: str) -> None:
    """The last sample of each series with its time."""
    fresh = {"__name__": "fresh", "job": "f"}
    now = int(time.time() * 1000)
    assert write(nexus, [(fresh, [(now - 7000, 1.5)])], tenant=tenant).status == 204
    answer = nexus.get(f"/federate?{urlencode({'match[]': 'fresh'})}", tenant=tenant)
    assert answer.body.decode() == f'# TYPE fresh untyped\nfresh{{instance="",job="f"}} 1.5 {now - 7000}\n'
    nothing = nexus.get("/federate", tenant=tenant)
    assert (nothing.status, nothing.body) == (200, b"")
    assert nexus.get("/federate?match[]=", tenant=tenant).status == 400


# ------------------------------------------------------------------------------------------------------------ remote read


def read_request(start: int, end: int, accepted: bytes) -> bytes:
    matcher = b"\x08\x00" + message(2, b"__name__") + message(3, b"memory_bytes")
    query = b"\x08" + varint(start) + b"\x10" + varint(end) + message(3, matcher)
    return message(1, query) + (message(2, accepted) if accepted else b"")


@pytest.mark.parametrize(
    ("accepted", "media"), [(b"\x00", "application/x-protobuf"), (b"\x01\x00", "application/x-streamed-protobuf")]
)
def test_remote_read(nexus: NexusProcess, filled: str, accepted: bytes, media: str) -> None:
    """Samples in both forms of answers."""
    from tests.e2e.encodings import snappy

    body = snappy(read_request(START * 1000, END * 1000, accepted))
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Read-Version": "0.1.0",
    }
    answer = nexus.request("POST", "/api/v1/read", body, headers, tenant=filled)
    if on_victoriametrics(nexus):
        # It has no remote read to ask.
        assert answer.status == 400 and b"which has no remote read" in answer.body
        return
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"].startswith(media)
    raw = _native.decompress(answer.body, "snappy", 1 << 24) if accepted == b"\x00" else answer.body
    assert raw.count(b"memory_bytes") == 4


# ------------------------------------------------------------------------------------------------------------ Grafana


GRAFANA = [
    ("POST", "/api/v1/query", {"query": "1+1", "time": "{end}"}),
    ("GET", "/api/v1/status/buildinfo", {}),
    ("POST", "/api/v1/query_range", {"query": "sum by(job) (rate(http_requests_total[1m0s]))", "start": "{start}", "end": "{end}", "step": "15"}),
    ("POST", "/api/v1/query_exemplars", {"query": "http_requests_total", "start": "{start}", "end": "{end}"}),
    ("POST", "/api/v1/labels", {"start": "{start}", "end": "{end}", "match[]": '{job="api"}'}),
    ("GET", "/api/v1/label/__name__/values", {"start": "{start}", "end": "{end}", "limit": "40000"}),
    ("POST", "/api/v1/series", {"match[]": "http_requests_total", "start": "{start}", "end": "{end}", "limit": "40000"}),
    ("GET", "/api/v1/metadata", {"limit": "5000"}),
    ("GET", "/api/v1/rules", {}),
    ("POST", "/api/v1/query", {"query": 'histogram_quantile(0.9, sum by(le) (rate(latency_seconds_bucket{job=~"api|db"}[5m])))', "time": "{end}"}),
]  # fmt: skip
"""What Grafana's Prometheus data source sends for its health check, a panel, exemplars, the query builder and alerting."""


def test_grafanas_requests(nexus: NexusProcess, filled: str) -> None:
    """All succeed, with its headers."""
    headers = {"User-Agent": "Grafana/12.1.0", "X-Datasource-Uid": "prom", "Accept-Encoding": "gzip"}
    for method, path, given in GRAFANA:
        parameters = {name: value.replace("{start}", str(START)).replace("{end}", str(END)) for name, value in given.items()}
        encoded = urlencode(parameters)
        if method == "POST":
            answer = nexus.request("POST", path, encoded.encode(), {**headers, **FORM}, tenant=filled)
        else:
            answer = nexus.get(f"{path}?{encoded}", headers=headers, tenant=filled)
        assert answer.status == 200, (path, answer.body)
        assert answer.json["status"] == "success"
    health = nexus.request("POST", "/api/v1/query", urlencode({"query": "1+1", "time": END}).encode(), FORM, tenant=filled)
    found = health.json["data"]["result"]
    assert (found[0]["value"] if on_victoriametrics(nexus) else found)[1] == "2"


# ----------------------------------------------------------------------------------------------------------------- promtool


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory, filled: str) -> Any:
    """promtool with this server's key: runs and answers with what it prints."""
    program = os.environ.get("PROMTOOL_BIN", "")
    if not program:
        pytest.skip("PROMTOOL_BIN names no promtool")
    config = tmp_path_factory.mktemp("promtool") / "http.yml"
    config.write_text(f"authorization: {{credentials: {TOKEN}}}\nhttp_headers: {{X-Scope-OrgID: {{values: [{filled}]}}}}\n")

    def run(*words: str) -> str:
        done = subprocess.run(
            [program, *words, f"--http.config.file={config}"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_promtool(nexus: NexusProcess, filled: str, promtool: Any) -> None:
    """Instant, range, series, labels, health."""
    url = f"http://127.0.0.1:{nexus.port}"
    instant = promtool("query", "instant", f"--time={END}", url, 'sum by (job) (http_requests_total{code="200"})')
    assert len([line for line in instant.splitlines() if line.startswith("{job=")]) == 2
    ranged = promtool("query", "range", f"--start={START}", f"--end={END}", "--step=5m", url, "count(memory_bytes)")
    assert "@[" in ranged
    series = promtool("query", "series", f"--start={START}", f"--end={END}", "--match=memory_bytes", url)
    assert series.count("memory_bytes") == 4
    labels = promtool("query", "labels", f"--start={START}", f"--end={END}", url, "job")
    assert labels.split() == ["api", "db"]
    analysed = promtool(
        "query",
        "analyze",
        f"--server={url}",
        "--type=histogram",
        f"--time={END}",
        "--duration=30m",
        "--match=latency_seconds_bucket",
    )
    assert analysed
    promtool("check", "healthy", f"--url={url}")


# ------------------------------------------------------------------------------------------------------------ the command


def test_the_command_line(nexus: NexusProcess, filled: str) -> None:
    """`nexus metrics`."""
    import sys

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "nexus",
            "metrics",
            *words,
            "--url",
            f"http://127.0.0.1:{nexus.port}",
            "--token",
            TOKEN,
            "--tenant",
            filled,
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    query = run("query", "count(memory_bytes)", "--time", str(END))
    assert query.stdout == f"{{}} => 4 @[{END}]\n", query.stderr
    assert (
        run("range", "count(memory_bytes)", "--start", str(START), "--end", str(END), "--step", "10m").stdout.count("@[")
        == 4
    )
    assert run("series", "memory_bytes", "--start", str(START), "--end", str(END)).stdout.count("memory_bytes{") == 4
    assert run("labels", "label.x", "--start", str(START), "--end", str(END)).stdout == 'ü"\\\\n\n'
    assert "job" in run("labels").stdout.split()
    wrong = run("query", "sum(")
    assert wrong.returncode == 2
    assert ("unexpected token" if on_victoriametrics(nexus) else "parse error") in wrong.stderr


# ------------------------------------------------------------------------------------------------------------ the UI's doors


def test_charts(nexus: NexusProcess, filled: str) -> None:
    """The largest series with a value a step, figures over all of them, units; what a query means."""
    wanted = {"query": "rate(http_requests_total[5m])", "from": str(START), "to": str(END), "points": 100, "top": 3}
    chart = nexus.post(f"{API}/metrics/query", wanted, tenant=filled)
    assert chart.status == 200, chart.body
    shown = chart.json
    assert (shown["type"], shown["total"], len(shown["series"])) == ("matrix", 8, 3)
    assert shown["step"] == 30_000
    assert len(shown["series"][0]["values"]) == shown["points"] == 61
    assert {one["labels"]["code"] for one in shown["series"]} == {"200"}
    assert shown["series"][0]["max"] >= shown["series"][0]["mean"] > 0
    fine = nexus.post(f"{API}/metrics/query", {**wanted, "step": 1, "points": 50}, tenant=filled).json
    assert len(fine["series"][0]["times"]) == len(fine["series"][0]["values"]) <= 200
    instant = nexus.post(
        f"{API}/metrics/query", {"query": "topk(2, memory_bytes)", "to": str(END), "instant": True}, tenant=filled
    ).json
    assert (instant["type"], instant["unit"], len(instant["series"])) == ("vector", "bytes", 2)
    wrong = nexus.post(f"{API}/metrics/query", {"query": "rate(ü{}[5m])"}, tenant=filled).json["error"]
    assert (wrong["code"], wrong["position"]) == ("query_syntax", {"offset": 5, "length": 8})


def test_explanations_and_catalog(nexus: NexusProcess, filled: str) -> None:
    """Words with places, selectors, an estimate; families with their use."""
    query = 'sum by (job) (rate(http_requests_total{code="500"}[5m]))'
    told = nexus.post(f"{API}/metrics/explain", {"query": query, "from": str(START), "to": str(END)}, tenant=filled)
    assert told.status == 200, told.body
    assert told.json["words"][0]["text"] == "the sum, for each job"
    assert told.json["selectors"][0]["name"] == "http_requests_total"
    assert told.json["estimate"]["series"] == 4
    found = nexus.post(f"{API}/metrics/catalog", {"search": "requests"}, tenant=filled).json
    assert [one["name"] for one in found["metrics"]] == ["http_requests_total"]
    assert found["metrics"][0]["series"] == 8
    assert found["metrics"][0]["queries"] >= 1
    page = nexus.post(f"{API}/metrics/catalog", {"limit": 2, "offset": 1, "order": "series"}, tenant=filled).json
    assert len(page["metrics"]) == 2 < page["total"]
    assert any(one["name"] == "rate" for one in nexus.get(f"{API}/metrics/language").json["functions"])


# ------------------------------------------------------------------------------------------------------------ side by side


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Prometheus 3 with the samples."""
    program = os.environ.get("PROMETHEUS_BIN", "")
    if not program:
        pytest.skip("PROMETHEUS_BIN names no Prometheus")
    folder: Path = tmp_path_factory.mktemp("prometheus")
    features = (
        "promql-experimental-functions,promql-duration-expr,promql-extended-range-selectors,promql-binop-fill-modifiers,"
        "promql-delayed-name-removal"
    )
    server = Prometheus(program, folder, "global: {}\n", "--web.enable-remote-write-receiver", features=features).start()
    try:
        request = urllib.request.Request(f"{server.url}/api/v1/write", write_request(samples()), HEADERS, method="POST")
        assert urllib.request.urlopen(request, timeout=60).status == 204
        yield server.url
    finally:
        server.stop()


RANGE = {"start": START, "end": END, "step": 60}
SAME: list[tuple[str, dict[str, Any]]] = [
    *(("query", {"query": query, "time": END - 5}) for query in (
        "http_requests_total", "rate(http_requests_total[5m])", "sum by (job) (http_requests_total)", "memory_bytes[2m]",
        "topk(2, memory_bytes)", "histogram_quantile(0.9, rate(latency_seconds_bucket[5m]))", "time()", '"text"', "absent(nothing)",
        'info(http_requests_total{code="500"})', "http_requests_total{code='200'} / ignoring(code) http_requests_total{code='500'}",
        "http_requests_total + on(job) memory_bytes", "count_values('v', memory_bytes)", "sum(", "up{", "label_replace(memory_bytes, 'x', '$1', 'job', '(.)')",
        "max_over_time(rate(http_requests_total[2m])[10m:1m])", "memory_bytes @ start() offset -5m", "sort_desc(memory_bytes)", "limitk(1, memory_bytes)",
        "rate(memory_bytes[5m])", "quantile(2, memory_bytes)", "1 == bool 1", "{__name__=~'.*'}", "{job=~'.+'}",
    )),
    *(("query_range", {"query": query, **RANGE}) for query in (
        "memory_bytes", "rate(http_requests_total[5m])", "sum by (code) (increase(http_requests_total[3m]))", "step() + range()", "1",
        "http_requests_total[5m]", "avg_over_time(memory_bytes[2*step()])", "rate(http_requests_total[5m] smoothed)", "memory_bytes > 120",
        "memory_bytes and on(job) http_requests_total{code='500'}", "deriv(memory_bytes[5m])", "changes(memory_bytes[10m])",
    )),
    ("query_range", {"query": "memory_bytes", "start": 0, "end": 99999, "step": 1}),
    ("query_range", {"query": "memory_bytes", "start": 5, "end": 1, "step": 1}),
    ("query", {"query": "memory_bytes", "time": "never"}),
    ("labels", {}), ("labels", {"match[]": "memory_bytes"}), ("labels", {"match[]": "{}"}), ("labels", {"limit": 2}),
    ("label/job/values", {}), ("label/U__label_2e_x/values", {}), ("label/le/values", {"match[]": "memory_bytes"}),
    ("series", {"match[]": "memory_bytes"}), ("series", {"match[]": ["memory_bytes", "{code='500'}"]}), ("series", {}),
    ("series", {"match[]": "memory_bytes", "start": START + 400, "end": START + 410}),
    ("format_query", {"query": "sum by(a)(rate(x[5m]))"}), ("parse_query", {"query": "a + on(b) group_left(c) d[5m:]"}),
    ("rules", {}), ("alerts", {}), ("alertmanagers", {}), ("rules", {"type": "x"}), ("status/tsdb/blocks", {}),
]  # fmt: skip


_LOOKBACK = "it looks back by the distance of samples, not by a fixed time, and its ranges begin with the sample before"
_SYNTAX = "MetricsQL has no such function or syntax"
_NUMBERS = "it answers numbers as vectors, and no texts"
_NOTES = "it has no notes on queries"
_TIES = "of equal values it keeps others"
_WORDS = "it says in its own words what is wrong"
VICTORIA_DIFFERS = {
    "time()": _NUMBERS, '"text"': _NUMBERS, "1 == bool 1": _NUMBERS, "topk(2, memory_bytes)": _TIES, "limitk(1, memory_bytes)": _TIES,
    'info(http_requests_total{code="500"})': _SYNTAX, "step() + range()": _SYNTAX, "avg_over_time(memory_bytes[2*step()])": _SYNTAX,
    "rate(http_requests_total[5m] smoothed)": _SYNTAX, "sum(": _WORDS, "up{": _WORDS,
    "http_requests_total + on(job) memory_bytes": "its status is that of wrong queries", "rate(memory_bytes[5m])": _NOTES,
    "quantile(2, memory_bytes)": _NOTES, "{__name__=~'.*'}": "it takes selectors that match everything",
    "{job=~'.+'}": "it keeps NaN as the end of a series", "http_requests_total[5m]": "it takes ranges where vectors are expected",
    "memory_bytes": _LOOKBACK, "rate(http_requests_total[5m])": _LOOKBACK, "memory_bytes > 120": _LOOKBACK,
    "sum by (code) (increase(http_requests_total[3m]))": _LOOKBACK, "deriv(memory_bytes[5m])": _LOOKBACK,
    "memory_bytes and on(job) http_requests_total{code='500'}": _LOOKBACK, "changes(memory_bytes[10m])": _LOOKBACK,
}  # fmt: skip
"""Queries over a range, and those that are named, to which VictoriaMetrics answers something else, and why."""
VICTORIA_LOOKED_UP = {
    ("labels", 2): "of many labels it answers any",
    ("series", START + 400): "it knows by day when series had samples",
}


def difference(path: str, parameters: dict[str, Any]) -> str:
    """Why VictoriaMetrics answers something else; empty when it does not."""
    if path == "query" and parameters["query"] == "rate(http_requests_total[5m])":
        return ""
    if path in ("query", "query_range"):
        return VICTORIA_DIFFERS.get(parameters["query"], "")
    return VICTORIA_LOOKED_UP.get((path, parameters.get("limit", parameters.get("start"))), "")


def normal(answer: Any) -> Any:
    """Series in order of their labels; a hint behind an error's text is ours."""
    data = answer.get("data")
    if isinstance(data, dict) and isinstance(data.get("result"), list) and data.get("resultType") in ("vector", "matrix"):
        data["result"].sort(key=lambda one: json.dumps(one["metric"], sort_keys=True))
    elif isinstance(data, list):
        data.sort(key=lambda one: json.dumps(one, sort_keys=True))
    answer.pop("position", None)
    return answer


@pytest.mark.parametrize(("path", "parameters"), SAME, ids=[f"{path}-{n}" for n, (path, _) in enumerate(SAME)])
def test_answers_are_those_of_prometheus(
    nexus: NexusProcess, filled: str, prometheus: str, path: str, parameters: dict[str, Any]
) -> None:
    """Letter by letter, but for the last digit of floats; of VictoriaMetrics where it does not differ by its nature."""
    if on_victoriametrics(nexus) and (reason := difference(path, parameters)):
        pytest.skip(f"VictoriaMetrics: {reason}")
    url = f"{prometheus}/api/v1/{path}?{urlencode(parameters, doseq=True)}"
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            status, theirs = response.status, json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        status, theirs = error.code, json.loads(error.read())
    answer = ask(nexus, filled, path, **parameters)
    assert answer.status == status, answer.body
    assert close(normal(answer.json if answer.body else {}), normal(theirs)), (answer.json, theirs)


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("query", {"query": "memory_bytes", "time": END - 5}),
        ("query", {"query": "http_requests_total[5m]", "time": END - 5}),
        ("query_range", {"query": "http_requests_total", **RANGE}),
        ("query_range", {"query": "http_requests_total @ end()", **RANGE}),
    ],
)
def test_statistics_are_those_of_prometheus(
    nexus: NexusProcess, filled: str, prometheus: str, path: str, parameters: dict[str, Any]
) -> None:
    """What a selector costs: samples of all steps, samples read, most samples in memory."""
    if on_victoriametrics(nexus):
        pytest.skip("VictoriaMetrics does not tell how many samples a query looked at")
    parameters = {**parameters, "stats": "all"}
    url = f"{prometheus}/api/v1/{path}?{urlencode(parameters, doseq=True)}"
    with urllib.request.urlopen(url, timeout=60) as response:
        theirs = json.load(response)["data"]["stats"]["samples"]
    ours = ask(nexus, filled, path, **parameters).json["data"]["stats"]["samples"]
    assert theirs["totalQueryableSamples"] > 0
    assert ours == {name: count for name, count in theirs.items() if not name.endswith("PerStep")}


def close(left: Any, right: Any) -> bool:
    """Equal, numbers in texts to 12 digits."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(close(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(close, left, right))
    if left == right:
        return True
    try:
        return math.isclose(float(left), float(right), rel_tol=1e-12)
    except (TypeError, ValueError):
        return False


# ------------------------------------------------------------------------------------------------------ policies and masks


def test_policies_and_masks(nexus: NexusProcess, tenant: str) -> None:
    """Hidden series are not there for any question; masked values are not shown and cannot be asked for."""
    now = int(time.time() * 1000)
    for service, email, value in (("shop", "ann", 1.0), ("shop", "bob", 2.0), ("bank", "eve", 4.0)):
        labels = {"__name__": "orders", "service": service, "user_email": email, "pod": f"{service}-1"}
        assert write(nexus, [(labels, [(now - 1000, value)])], tenant=tenant).status == 204
    grants = [{"permission": "metrics:read"}]
    role = {"grants": grants, "policy": "service:shop", "masked": ["user.email"]}
    assert nexus.request("PUT", f"{API}/roles/measured", json.dumps(role).encode()).status == 200
    user = {
        "name": f"u-{tenant}",
        "password": "Prevail-9-Orchard-Lantern",
        "roles": [{"role": "measured", "tenant": tenant}],
    }
    assert nexus.post(f"{API}/users", user).status == 200
    login = nexus.post(f"{API}/auth/login", {"username": user["name"], "password": user["password"]}, token="")
    session = {"Cookie": login.headers["Set-Cookie"].partition(";")[0]}

    def seen(path: str, **parameters: Any) -> Answer:
        return nexus.get(f"/api/v1/{path}?{urlencode(parameters, doseq=True)}", token="", headers=session, tenant=tenant)

    if on_victoriametrics(nexus):
        # Labels cannot be masked there: who has masks is refused, and told so.
        for path in ("query?query=orders", "labels", "label/pod/values", "series?match[]=orders"):
            refused = nexus.get(f"/api/v1/{path}", token="", headers=session, tenant=tenant)
            assert refused.status == 403 and b"mask" in refused.body, refused.body
        return
    assert seen("query", query="sum(orders)", time=now / 1000).json["data"]["result"][0]["value"][1] == "3"
    grouped = seen("query", query="sum by (user_email) (orders)", time=now / 1000).json["data"]["result"]
    # What became equal by the mask stays apart, in an order that says nothing.
    assert {one["metric"]["user_email"] for one in grouped} == {"***1", "***2"}
    assert {one["value"][1] for one in grouped} == {"1", "2"}
    assert all(value.startswith("***") for value in seen("label/user_email/values").json["data"])
    assert seen("label/pod/values").json["data"] == ["shop-1"]
    assert seen("series", **{"match[]": '{service="bank"}'}).json["data"] == []
    assert seen("query", query='count(orders{user_email!=""})', time=now / 1000).json["data"]["result"][0]["value"][1] == "2"
    refused = seen("query", query='orders{user_email="ann"}', time=now / 1000)
    assert (refused.status, refused.json["errorType"]) == (403, "forbidden")
    assert "user_email is masked" in refused.json["error"]
    asked = {"query": 'sum(orders) / orders{user_email=~"a.*"}'}
    guarded = {**session, "X-Nexus-Request": "1"}
    native = nexus.post(f"{API}/metrics/query", asked, token="", headers=guarded, tenant=tenant)
    assert native.status == 403
    assert native.json["error"]["position"] == {"offset": 14, "length": 25}
