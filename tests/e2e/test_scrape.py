"""Scraping as a process: real exporters, flapping and hostile targets, reload, kill -9."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from tests.e2e.conftest import Launch
from tests.e2e.metric_bodies import get, number, vector
from tests.e2e.nexus_process import API, NexusProcess, wait_for
from tests.unit.scrape.targets_server import TargetServer, serving

pytestmark = pytest.mark.e2e
FAST = "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
"""Often enough for a test. A scrape may nevertheless fail for want of time: tests wait until one did not."""


@pytest.fixture
def targets() -> Iterator[TargetServer]:
    """A server of targets on a thread of its own."""
    ready: threading.Event = threading.Event()
    found: list[Any] = []

    async def run() -> None:
        async with serving() as server:
            done = asyncio.Event()
            found.extend((server, asyncio.get_running_loop(), done))
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(60)
    server, loop, done = found
    yield server
    loop.call_soon_threadsafe(done.set)
    thread.join(60)


def job(name: str, *addresses: str, **keys: Any) -> dict[str, Any]:
    """A scrape job of these targets."""
    return {"job_name": name, "static_configs": [{"targets": list(addresses)}], **keys}


def write(path: Path, *jobs: dict[str, Any], top: str = FAST) -> Path:
    """A prometheus.yml."""
    path.write_text(f"{top}scrape_configs: {json.dumps(jobs)}\n")
    return path


def now(nexus: NexusProcess, query: str) -> dict[str, float]:
    """An instant query at this moment."""
    return vector(nexus, query, time.time())


def soon(nexus: NexusProcess, query: str, condition: Callable[[dict[str, float]], Any] = bool) -> dict[str, float]:
    """The answer of an instant query as soon as the condition holds."""
    last: dict[str, float] = {}

    def look() -> bool:
        last.clear()
        last.update(now(nexus, query))
        return bool(condition(last))

    with contextlib.suppress(AssertionError):
        wait_for(query, look)
    assert condition(last), (query, last)
    return last


def told(nexus: NexusProcess, condition: Callable[[dict[str, tuple[str, str]]], Any]) -> None:
    """Wait until health and last error of the targets, by pool, are as they should be."""
    last: dict[str, tuple[str, str]] = {}

    def look() -> bool:
        found = get(nexus, "targets", state="active")["activeTargets"]
        last.clear()
        last.update({one["scrapePool"]: (one["health"], one["lastError"]) for one in found})
        return bool(condition(last))

    with contextlib.suppress(AssertionError):
        wait_for("health of the targets", look)
    assert condition(last), last


def all_up(nexus: NexusProcess) -> Any:
    """What the page of targets shows, if one target of each pool is up."""
    page = nexus.get(f"{API}/targets").json
    return page if all(pool["up"] == 1 for pool in page["pools"]) else None


@contextlib.contextmanager
def node_exporter() -> Iterator[str]:
    """Debian's node_exporter on a free port."""
    binary = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if binary is None:
        pytest.skip("there is no node_exporter here")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    process = subprocess.Popen(
        [binary, f"--web.listen-address={address}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield address
    finally:
        process.terminate()
        process.wait()


def test_real_exporters(launch: Launch, tmp_path: Path) -> None:
    """node_exporter and prometheus_client: values, exemplars, metadata, what the API says of the targets."""
    registry = CollectorRegistry()
    counter = Counter("orders", "Orders so far.", ["kind"], registry=registry)
    counter.labels("a").inc(3, exemplar={"trace_id": "abc123"})
    Histogram("latency_seconds", "How long.", buckets=(0.1, 1), registry=registry).observe(0.5)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    own = f"127.0.0.1:{server.server_port}"
    with node_exporter() as node:
        keep = {"source_labels": ["__name__"], "regex": "node_(cpu|memory|load).*", "action": "keep"}
        path = write(tmp_path / "p.yml", job("node", node, metric_relabel_configs=[keep]), job("client", own))
        nexus = launch(NEXUS_SCRAPE_FILE=str(path))
        soon(nexus, "up", lambda found: list(found.values()) == [1, 1])
        soon(nexus, "count(node_cpu_seconds_total) > 0 and count(node_load1) > 0")
        assert now(nexus, "count({job='node',__name__=~'node_network.*'})") == {}
        kept = "scrape_samples_post_metric_relabeling{job='node'} > 10"
        soon(nexus, f"scrape_samples_scraped{{job='node'}} > on (job) ({kept})")
        soon(nexus, "sum(rate(node_cpu_seconds_total[30s]))", lambda found: sum(found.values()) > 0)
        soon(nexus, "orders_total", lambda found: list(found.values()) == [3])
        soon(nexus, 'latency_seconds_bucket{le="1.0"}')
        exemplars = get(
            nexus, "query_exemplars", query="orders_total", start=str(time.time() - 60), end=str(time.time() + 60)
        )
        assert exemplars[0]["exemplars"][0]["labels"] == {"trace_id": "abc123"}
        metadata = get(nexus, "metadata", metric="orders")
        assert metadata["orders"][0] == {"type": "counter", "help": "Orders so far.", "unit": ""}
        told(nexus, lambda found: found == {"node": ("up", ""), "client": ("up", "")})
        families = get(nexus, "targets/metadata", match_target='{job="client"}')
        assert {"orders", "latency_seconds"} <= {one["metric"] for one in families}
        page = wait_for("both to be up", lambda: all_up(nexus))
        assert page["configured"] and len(page["pools"]) == 2
        assert get(nexus, "scrape_pools")["scrapePools"] == ["client", "node"]
        assert "job_name: client" in get(nexus, "scrape_pools/config", scrapePool="client")["yaml"]
        assert "scrape_interval: 1s" in get(nexus, "status/config")["yaml"]
        steps = get(nexus, "targets/relabel_steps", scrapePool="client", labels='{"__address__": "x"}')
        assert steps == {"steps": []}
        # A target that dies is down, and its series end at once.
        server.shutdown()
        server.server_close()
        thread.join(60)
        soon(nexus, 'up{job="client"}', lambda found: list(found.values()) == [0])
        assert now(nexus, "orders_total") == {}
        soon(nexus, "node_load1")


def test_flapping_and_hostile_targets(launch: Launch, targets: TargetServer, tmp_path: Path) -> None:
    """Each is down for its own reason; the good one does not notice."""
    targets.say("/good", "a 1\n")
    targets.say("/metadata", "", status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
    targets.say("/wrong", "a 1\nb{ 2\n")
    targets.say("/flaps", "flapping 1\n")

    async def endless(request: Any) -> Any:
        from aiohttp import web

        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"endless 1\n" * 10_000)
        return response

    targets.answers["/endless"] = endless
    names = ("good", "metadata", "wrong", "flaps", "endless")
    jobs = [job(name, targets.address, metrics_path=f"/{name}") for name in names]
    path = write(tmp_path / "p.yml", *jobs)
    nexus = launch(NEXUS_SCRAPE_FILE=str(path), NEXUS_SCRAPE_MAX_BODY_BYTES="1MiB")
    expected = {"good": 1, "flaps": 1, "metadata": 0, "wrong": 0, "endless": 0}
    soon(
        nexus, "sum by (job) (up)", lambda found: {json.loads(key)["job"]: value for key, value in found.items()} == expected
    )

    def reasons(found: dict[str, tuple[str, str]]) -> bool:
        errors = {pool: error for pool, (_, error) in found.items()}
        return (
            errors["good"] == ""
            and "metadata service" in errors["metadata"]
            and errors["wrong"].startswith("line 2:")
            and (errors["endless"] == "body_size_limit exceeded: more than 1048576 bytes" or "timeout" in errors["endless"])
        )

    told(nexus, reasons)
    soon(nexus, "flapping")
    targets.say("/flaps", "", status=503)
    soon(nexus, "flapping", lambda found: not found)
    targets.say("/flaps", "flapping 2\n")
    soon(nexus, "flapping", lambda found: list(found.values()) == [2])
    # What was seen while it was away is a gap, not a value.
    changes = now(nexus, 'changes(up{job="flaps"}[10m])')
    assert max(changes.values()) >= 2
    soon(
        nexus,
        'min_over_time(up{job="good"}[3s]) and count_over_time(up{job="good"}[3s]) > 1',
        lambda found: list(found.values()) == [1],
    )


def test_reload(launch: Launch, targets: TargetServer, tmp_path: Path) -> None:
    """By API, refused when the file is wrong; only administrators."""
    targets.say("/metrics", "a 1\nb 2\n")
    path = write(tmp_path / "p.yml", job("one", targets.address))
    nexus = launch(NEXUS_SCRAPE_FILE=str(path))
    soon(nexus, "a")
    path.write_text("scrape_configs: [{job_nam: x}]")
    answer = nexus.post(f"{API}/targets/reload")
    assert answer.status == 400
    assert "line 1" in answer.json["error"]["message"]
    assert "job_name" in answer.json["error"]["hint"]
    assert "job_nam" in nexus.get(f"{API}/targets").json["error"]
    drop = {"source_labels": ["__name__"], "regex": "b", "action": "drop"}
    write(path, job("one", targets.address, metric_relabel_configs=[drop]), job("two", targets.address))
    answer = nexus.post(f"{API}/targets/reload")
    assert answer.status == 200, answer.body
    assert (answer.json["pools"], answer.json["targets"]) == (2, 2)
    soon(nexus, 'a{job="two"}')
    soon(nexus, 'a{job="one"} unless on (job) b')
    entries = nexus.get(f"{API}/audit?action=targets.reloaded").json
    assert entries["entries"], entries
    write(path)
    nexus.post(f"{API}/targets/reload")
    soon(nexus, "{job=~'one|two'}", lambda found: not found)


def test_kill_while_scraping(launch: Launch, targets: TargetServer, tmp_path: Path) -> None:
    """What a query has seen is there after kill -9, once; scraping goes on by itself."""
    counts = {"n": 0}

    async def counting(request: Any) -> Any:
        from aiohttp import web

        counts["n"] += 1
        return web.Response(text="".join(f'kill_total{{n="{number}"}} {counts["n"]}\n' for number in range(50)))

    targets.answers["/metrics"] = counting
    path = write(
        tmp_path / "p.yml", job("k", targets.address), top="global: {scrape_interval: 100ms, scrape_timeout: 100ms}\n"
    )
    nexus = launch(NEXUS_SCRAPE_FILE=str(path))
    for _ in range(2):
        before = soon(nexus, "kill_total", lambda found: len(found) == 50)
        at = time.time()
        seen = now(nexus, f"count_over_time(kill_total[1h] @ {at})")
        nexus.kill()
        nexus.start()
        after = now(nexus, f"count_over_time(kill_total[1h] @ {at})")
        # Scrapes between the query and the kill may be there besides: never fewer, and none twice.
        assert all(after[key] >= count for key, count in seen.items())
        soon(nexus, "kill_total", lambda found: min(found.values(), default=0) > max(before.values()))
    # Each scrape has another value: as many values as samples means none is there twice.
    key = 'kill_total{n="7"}'
    samples = number(nexus, f"count_over_time({key}[1h])", time.time())
    data = get(nexus, "query", query=f"{key}[1h]", time=str(time.time()))
    values = [value for _, value in data["result"][0]["values"]]
    times = [stamp for stamp, _ in data["result"][0]["values"]]
    assert len(values) >= samples
    assert len(set(values)) == len(values)
    assert len(set(times)) == len(times)


def test_inline_configuration(launch: Launch, targets: TargetServer, tmp_path: Path) -> None:
    """Jobs in Nexus' own configuration, for another tenant, by SIGHUP."""
    targets.say("/metrics", "inline 1\n")
    config = tmp_path / "nexus.yaml"
    config.write_text("scrape: {tenant: edge}\n")
    nexus = launch(NEXUS_CONFIG=str(config))
    assert nexus.get(f"{API}/targets", tenant="edge").json["configured"] is False
    jobs = json.dumps([job("in", targets.address, scrape_interval="1s", scrape_timeout="1s")])
    config.write_text(f"scrape: {{tenant: edge, configs: {jobs}}}\n")
    nexus.signal(signal.SIGHUP)
    wait_for("the scraped metric", lambda: vector(nexus, "inline", time.time(), "edge"))
    assert vector(nexus, "inline", time.time()) == {}
    assert nexus.get(f"{API}/targets").json["pools"] == []
    assert len(nexus.get(f"{API}/targets", tenant="edge").json["pools"]) == 1
