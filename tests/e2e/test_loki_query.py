"""Loki's query API over a real Nexus: Grafana's requests, tail, errors, tenants, and logcli where there is one."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.e2e.nexus_process import TOKEN, NexusProcess, lines
from websockets.asyncio.client import connect

pytestmark = pytest.mark.e2e

RECORDS = 200
SECOND = 10**9
LOGCLI = os.environ.get("LOGCLI_BIN") or shutil.which("logcli") or ""
LOKI = "/loki/api/v1"
TENANT = "loki-queries"


@dataclass
class Filled:
    """A Nexus with records of two services in a tenant of its own."""

    nexus: NexusProcess
    start: int
    end: int

    def get(self, path: str, headers: dict[str, str] | None = None, **arguments: Any) -> Any:
        """JSON of a GET below the API."""
        given = {"start": self.start, "end": self.end, **arguments}
        answer = self.nexus.get(f"{LOKI}/{path}?{urlencode(given, doseq=True)}", tenant=TENANT, headers=headers)
        assert answer.status == 200, answer.body
        return answer.json


@pytest.fixture(scope="module")
def filled(nexus: NexusProcess) -> Filled:
    """Records of the last minutes: `shop` once a second, `cart` every other."""
    now = time.time_ns() // SECOND * SECOND
    shop = (
        {
            "_time": str(now - at * SECOND),
            "_msg": f"user {at} asked path=/p/{at % 3} took={at}ms",
            "service": "shop",
            "env": "prod",
            "level": ("info", "error")[at % 2],
        }
        for at in range(RECORDS)
    )
    cart = (
        {"_time": str(now - at * SECOND), "_msg": json.dumps({"n": at}), "service": "cart", "env": "dev"}
        for at in range(0, RECORDS, 2)
    )
    headers = {"VL-Stream-Fields": "env"}
    answer = nexus.ingest(lines(*shop, *cart), headers, "?_stream_fields=env", tenant=TENANT)
    assert answer.status == 200, answer.body
    return Filled(nexus, now - 300 * SECOND, now + SECOND)


def requests() -> Iterator[tuple[str, str, str]]:
    """(expected, method and path, headers) of the written requests."""
    for line in (Path(__file__).parent / "grafana" / "requests.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            expected, request, headers = (part.strip() for part in line.split(" |", 2))
            yield expected, request, headers


@pytest.mark.parametrize(("expected", "request_line", "headers"), list(requests()))
def test_what_grafana_sends(filled: Filled, expected: str, request_line: str, headers: str) -> None:
    """Status, content type and shape of the answer."""
    method, path = request_line.split(" ")
    path = path.replace("{start}", str(filled.start)).replace("{end}", str(filled.end))
    given = dict(part.split(": ", 1) for part in headers.split(", ") if part)
    answer = filled.nexus.request(method, path, headers=given, tenant=TENANT)
    assert answer.status == 200, answer.body
    if expected == "tenant":
        assert b"max_query_series" in answer.body
        return
    document = answer.json
    data = document.get("data")
    match expected:
        case "vector" | "matrix" | "streams":
            assert (document["status"], data["resultType"]) == ("success", expected)
            assert data["result"], document
            assert data["stats"]["summary"]["execTime"] > 0
            if "vector%281" in path:
                assert [one["value"][1] for one in data["result"]] == ["2"]
            elif expected == "streams":
                assert data["encodingFlags"] == ["categorize-labels"]
                entry = data["result"][0]["values"][0]
                assert entry[2]["structuredMetadata"]["detected_level"] in ("info", "error")
        case "labels":
            assert data
        case "series":
            assert data == [{"env": "prod", "service_name": "shop"}]
        case "stats":
            assert (document["streams"], document["entries"]) == (1, RECORDS)
        case "drilldown":
            assert document["limits"]["volume_enabled"] is True
        case "buildinfo":
            assert document["version"].startswith("3.")
        case "detected_labels":
            assert {"label": "env", "cardinality": 1} in document["detectedLabels"]
        case "detected_fields":
            assert {"label": "took", "type": "duration", "cardinality": RECORDS, "parsers": ["logfmt"]} in document["fields"]
        case "detected_values":
            assert document["values"] == ["/p/0", "/p/1", "/p/2"]
        case "patterns":
            assert sum(count for one in data for _, count in one["samples"]) == RECORDS


def test_counts_agree(filled: Filled) -> None:
    """The same question asked of the tally, of the rows, and of the native API has one answer."""
    span = f"{(filled.end - filled.start) // SECOND}s"
    counted = [
        filled.get("query", query=query, time=filled.end)["data"]["result"]
        for query in (
            f'sum(count_over_time({{service_name="shop"}}[{span}]))',
            f'sum(count_over_time({{service_name="shop"}} | logfmt [{span}]))',
        )
    ]
    assert [one[0]["value"][1] for one in counted] == [str(RECORDS)] * 2
    assert filled.nexus.count("service:shop", tenant=TENANT) == RECORDS


def test_services_without_streams(filled: Filled) -> None:
    """What asks for the service alone, and is counted without streams, agrees with what is counted by them."""
    seconds = (filled.end - filled.start) // SECOND

    def values(query: str) -> dict[str, str]:
        found = filled.get("query", query=query, time=filled.end)["data"]["result"]
        return {one["metric"].get("service_name", ""): one["value"][1] for one in found}

    for op, total in (("count_over_time", RECORDS * 3 // 2), ("bytes_over_time", None)):
        for by in ("", " by (service_name)"):
            for chosen in (
                'service_name=~"shop|cart"',
                'service_name=~".+", service_name=~"(shop|cart)"',
                'service_name=~"shop|cart", service_name!="cart"',
            ):
                quick = values(f"sum{by} ({op}({{{chosen}}}[{seconds}s]))")
                assert quick == values(f'sum{by} ({op}({{{chosen}, env=~".+"}}[{seconds}s]))')
                assert quick == values(f"sum{by} ({op}({{{chosen}}} | logfmt [{seconds}s]))")
                if total and "!=" not in chosen:
                    assert sum(map(int, quick.values())) == total
    for query in ({}, {"query": '{service_name=~".+"}'}, {"query": '{env="prod"}'}):
        names = filled.get("label/service_name/values", **query)["data"]
        assert names == sorted({one["service_name"] for one in filled.get("series", **query)["data"]})


def test_windows_by_the_hour(filled: Filled) -> None:
    """Windows are left-open to the ns, whether they end with an hour (and the hour alone is counted) or not."""
    tenant, hour = "loki-hours", 3600 * SECOND
    first = (time.time_ns() // hour - 6) * hour
    at = [first + hours * hour + off for hours in range(5) for off in (-1, 0, 1)]
    sent = lines(*({"_time": str(ns), "_msg": f"at {ns}", "service": "hours"} for ns in at))
    assert filled.nexus.ingest(sent, tenant=tenant).status == 200

    def counts(end_of_first: int, step: int) -> dict[int, int]:
        given = {"query": f"sum(count_over_time({{service_name=\"hours\"}}[{step // SECOND}s]))", "start": end_of_first,
                 "end": end_of_first + 5 * hour, "step": step // SECOND}  # fmt: skip
        answer = filled.nexus.get(f"{LOKI}/query_range?{urlencode(given)}", tenant=tenant)
        values = answer.json["data"]["result"][0]["values"]
        return {round(moment * 1000): int(value) for moment, value in values}

    for shift, step in ((-1, hour), (0, hour), (1, hour), (-1, 2 * hour), (0, 2 * hour), (7, 2 * hour)):
        ends = range(first + shift, first + shift + 5 * hour + 1, step)
        expected = {end // 1_000_000: sum(end - step < ns <= end for ns in at) for end in ends}
        assert counts(first + shift, step) == {moment: count for moment, count in expected.items() if count}, (shift, step)
    # Long ranges, be it half a century, are read in windows of hours: whole in both directions, in order.
    for direction, since in product(("forward", "backward"), (first - 18 * hour, 0)):
        given = {
            "query": '{service_name="hours"}',
            "start": since,
            "end": first + 6 * hour,
            "direction": direction,
        }
        answer = filled.nexus.get(f"{LOKI}/query_range?{urlencode(given)}", tenant=tenant)
        (stream,) = answer.json["data"]["result"]
        assert [int(ns) for ns, _ in stream["values"]] == sorted(at, reverse=direction == "backward")


def test_detected_fields_read_what_was_asked_for(filled: Filled) -> None:
    """`line_limit` is about the number of lines read: not a part of them, not several times as many."""
    answer = filled.get("detected_fields", query='{service_name="shop"}', line_limit=50)
    took = next(one for one in answer["fields"] if one["label"] == "took")
    assert 40 <= took["cardinality"] <= 60


def test_pages_are_whole(filled: Filled) -> None:
    """Small pages one after the other hold every record once, in both directions."""
    for direction in ("forward", "backward"):
        seen: list[str] = []
        start, end = filled.start, filled.end
        while True:
            answer = filled.get("query_range", query='{env="prod"}', limit=37, direction=direction, start=start, end=end)
            page = [int(value[0]) for stream in answer["data"]["result"] for value in stream["values"]]
            seen += map(str, page)
            if len(page) < 37:
                break
            start, end = (max(page) + 1, end) if direction == "forward" else (start, min(page))
        assert len(seen) == len(set(seen)) == RECORDS


def test_forms_and_errors(filled: Filled) -> None:
    """POST with a form; errors are text with line and column; tenants are apart."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"query": '{service_name="shop"}', "limit": 1, "start": filled.start, "end": filled.end}).encode()
    answer = filled.nexus.request("POST", f"{LOKI}/query_range", body, form, tenant=TENANT)
    assert answer.status == 200
    assert len(answer.json["data"]["result"]) == 1
    for query, message in (
        ('{service_name="shop"', "parse error at line 1, col 21: syntax error: unexpected $end"),
        ('{service_name="shop"} | json | line_format "{{', "literal not terminated"),
        ("", "query"),
    ):
        answer = filled.nexus.get(f"{LOKI}/query_range?{urlencode({'query': query})}", tenant=TENANT)
        assert (answer.status, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
        assert message in answer.body.decode()
    answer = filled.nexus.get(f"{LOKI}/query_range?query=x&start=now-1x", tenant=TENANT)
    assert answer.status == 400
    other = filled.nexus.get(f"{LOKI}/labels?start={filled.start}&end={filled.end}", tenant="loki-nobody")
    assert other.json == {"status": "success", "data": []}


async def test_tail(filled: Filled) -> None:
    """History first, then what comes."""
    address = f"ws://127.0.0.1:{filled.nexus.port}{LOKI}/tail?"
    query = urlencode({"query": '{service_name="tailed"} |= "line"', "limit": 10, "start": filled.start})
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Scope-OrgID": TENANT}

    def send(text: str) -> None:
        answer = filled.nexus.ingest(lines({"_msg": text, "service": "tailed"}), tenant=TENANT)
        assert answer.status == 200

    await asyncio.to_thread(send, "line before")
    async with connect(address + query, additional_headers=headers) as socket, asyncio.timeout(60):
        frame = json.loads(await socket.recv())
        assert [value[1] for one in frame["streams"] for value in one["values"]] == ["line before"]
        assert frame["dropped_entries"] == []
        await asyncio.to_thread(send, "other text")
        await asyncio.to_thread(send, "line after")
        frame = json.loads(await socket.recv())
        assert [value[1] for one in frame["streams"] for value in one["values"]] == ["line after"]


# ---------------------------------------------------------------------------------------------------------------- logcli

needs_logcli = pytest.mark.skipif(not LOGCLI, reason="no logcli: set LOGCLI_BIN or put it on the PATH")


def logcli(filled: Filled, *words: str, tenant: str = TENANT, code: int = 0) -> str:
    """What a command of logcli prints."""
    done = subprocess.run(
        [LOGCLI, f"--addr=http://127.0.0.1:{filled.nexus.port}", f"--bearer-token={TOKEN}", f"--org-id={tenant}", *words],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode() + done.stderr.decode()


def span(filled: Filled) -> list[str]:
    """`--from` and `--to`."""
    return [f"--from={_rfc3339(filled.start)}", f"--to={_rfc3339(filled.end)}"]


def _rfc3339(ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ns // SECOND))


@needs_logcli
def test_logcli_reads(filled: Filled) -> None:
    """Every command that reads."""
    everything = logcli(
        filled, "query", '{service_name="shop"}', "--limit=1000", "--batch=37", "-o", "raw", "-q", *span(filled)
    )
    assert sum(line.startswith("user ") for line in everything.splitlines()) == RECORDS
    forward = logcli(
        filled, "query", '{service_name="shop"} | logfmt', "--limit=3", "--forward", "-o", "jsonl", *span(filled)
    )
    assert "user 199 asked" in forward
    assert "env" in logcli(filled, "labels", *span(filled)).split()
    assert "shop" in logcli(filled, "labels", "service_name", *span(filled)).split()
    assert 'service_name="shop"' in logcli(filled, "series", '{env="prod"}', *span(filled))
    metric = 'sum by (level) (count_over_time({service_name="shop"}[5m]))'
    assert '"100"' in logcli(filled, "instant-query", metric, f"--now={_rfc3339(filled.end)}")
    assert '"values"' in logcli(filled, "query", metric, "--step=30s", *span(filled))
    assert f"entries: {RECORDS}" in logcli(filled, "stats", '{service_name="shop"}', *span(filled))
    assert "shop" in logcli(filled, "volume", '{service_name=~".+"}', *span(filled))
    assert "shop" in logcli(filled, "volume_range", '{service_name=~".+"}', "--step=60s", *span(filled))
    assert "took" in logcli(filled, "detected-fields", '{service_name="shop"}', *span(filled))


@needs_logcli
@pytest.mark.parametrize("direction", [[], ["--forward"]])
def test_logcli_pages(filled: Filled, direction: list[str]) -> None:
    """More lines than one answer has: each once and in order, also where pages end among lines of one timestamp."""
    tenant = "loki-pages"
    if not filled.nexus.count("", tenant=tenant):
        values = [[str(filled.start + at // 100 * 10**6), f"line {at}"] for at in range(6000)]
        streams = [{"stream": {"job": "pages", "part": str(part)}, "values": values[part::3]} for part in range(3)]
        headers = {"Content-Type": "application/json"}
        answer = filled.nexus.request(
            "POST", f"{LOKI}/push", json.dumps({"streams": streams}).encode(), headers, tenant=tenant
        )
        assert answer.status == 204, answer.body
    words = ["query", '{job="pages"}', "--limit=0", "--batch=450", "-o", "jsonl", "-q", *direction, *span(filled)]
    found = [json.loads(line) for line in logcli(filled, *words, tenant=tenant).splitlines() if line.startswith("{")]
    assert len(found) == len({one["line"] for one in found}) == 6000
    groups = [int(one["line"].removeprefix("line ")) // 100 for one in found]
    assert groups == sorted(groups, reverse=not direction)


@needs_logcli
@pytest.mark.parametrize(
    ("query", "values"),
    [
        ('sum(count_over_time({service_name="shop"} | logfmt | took > 100ms [10m]))', [99]),
        ('sum by (path) (count_over_time({service_name="shop"} | logfmt | path != "/p/2" [10m]))', [67, 67]),
        ('topk(1, sum by (service_name) (count_over_time({env=~".+"}[10m])))', [RECORDS]),
        ('quantile_over_time(0.5, {service_name="shop"} | logfmt | unwrap duration(took) [10m]) by (env)', [0.0995]),
        ('sum(sum_over_time({service_name="cart"} | json | unwrap n [10m]))', [sum(range(0, RECORDS, 2))]),
        ('sum(count_over_time({service_name="shop"} |~ "user 1[0-9] " [10m])) / 4', [2.5]),
        ('sum(bytes_over_time({service_name=~"shop|cart"} |= "n" [10m])) > 0 or vector(0)', [5 * 8 + 45 * 9 + 50 * 10]),
        ("vector(1) + vector(1)", [2]),
    ],
)
def test_logcli_computes(filled: Filled, query: str, values: list[float]) -> None:
    """Metric queries, by the samples that they must have."""
    shown = logcli(filled, "instant-query", query, f"--now={_rfc3339(filled.end)}", "-q")
    assert sorted(float(one["value"][1]) for one in json.loads(shown)) == pytest.approx(values)


@needs_logcli
def test_logcli_reshapes(filled: Filled) -> None:
    """Parsers, filters and line_format, raw and as lines with labels; query statistics; parts in parallel; fmt."""
    query = '{service_name="shop"} |= "user" | logfmt | took <= 2ms and path != "/p/1" | line_format "{{.path}} {{.took}}"'
    assert logcli(filled, "query", query, "-o", "raw", "-q", *span(filled)).split("\n")[:2] == ["/p/0 0ms", "/p/2 2ms"]
    shown = logcli(filled, "query", query, "--limit=1", "--include-label=took", "-q", "--stats", *span(filled))
    assert 'took="0ms"' in shown
    assert "DecompressedLines" in shown
    parts = filled.nexus.folder.parent / "logcli-part"
    parallel = ("--parallel-duration=1m", "--parallel-max-workers=3", f"--part-path-prefix={parts}", "--merge-parts")
    words = ("query", '{service_name="shop"}', "--limit=0", "--forward", "-o", "raw", "-q", *parallel, *span(filled))
    assert sum(line.startswith("user ") for line in logcli(filled, *words).splitlines()) == RECORDS
    paths = logcli(filled, "detected-fields", '{service_name="shop"}', "path", *span(filled)).split()
    assert {"/p/0", "/p/1", "/p/2"} <= set(paths)
    assert "Total Streams:  2" in logcli(filled, "series", '{env=~".+"}', "--analyze-labels", *span(filled))


@needs_logcli
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["query", '{service_name="shop"'], "parse error at line 1, col 21: syntax error: unexpected $end"),
        (["query", '{env=~".*"}'], "at least one regexp or equality matcher"),
        (["instant-query", '{env="prod"}'], "log queries are not supported as an instant query type"),
        (["query", 'sum(count_over_time({env="prod"}[1m]))', "--since=48h", "--step=1s"], "exceeded maximum resolution"),
        (["query", '{job="x"', "--tail"], "parse error at line 1, col 9"),
        (
            ["query", 'avg_over_time({service_name="shop"} | unwrap service_name [10m])'],
            "pipeline error: 'SampleExtractionErr'",
        ),
    ],
)
def test_logcli_shows_errors(filled: Filled, words: list[str], message: str) -> None:
    """What is wrong with a query reaches whoever asked."""
    assert message in logcli(filled, *words, code=1)


@needs_logcli
def test_logcli_tails(filled: Filled) -> None:
    """`logcli query --tail`."""
    process = subprocess.Popen(
        [LOGCLI, f"--addr=http://127.0.0.1:{filled.nexus.port}", f"--bearer-token={TOKEN}", f"--org-id={TENANT}",
         "query", '{service_name="tail-cli"}', "--tail", "-o", "raw", "-q"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        filled.nexus.ingest(lines({"_msg": "hello from the tail", "service": "tail-cli"}), tenant=TENANT)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "hello from the tail"
    finally:
        process.kill()
        process.wait()
