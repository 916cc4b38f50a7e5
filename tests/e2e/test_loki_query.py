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
    async with connect(address + query, additional_headers=headers) as socket, asyncio.timeout(20):
        frame = json.loads(await socket.recv())
        assert [value[1] for one in frame["streams"] for value in one["values"]] == ["line before"]
        assert frame["dropped_entries"] == []
        await asyncio.to_thread(send, "other text")
        await asyncio.to_thread(send, "line after")
        frame = json.loads(await socket.recv())
        assert [value[1] for one in frame["streams"] for value in one["values"]] == ["line after"]


# ---------------------------------------------------------------------------------------------------------------- logcli

needs_logcli = pytest.mark.skipif(not LOGCLI, reason="no logcli: set LOGCLI_BIN or put it on the PATH")


def logcli(filled: Filled, *words: str) -> str:
    """Run a command of logcli."""
    done = subprocess.run(
        [LOGCLI, f"--addr=http://127.0.0.1:{filled.nexus.port}", f"--bearer-token={TOKEN}", f"--org-id={TENANT}", *words],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
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
