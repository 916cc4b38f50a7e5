"""The metric store as a process: restart, kill -9, tenants, retention, erasure, refusals, disk."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.metric_backends import OnVictoriaMetrics, a_tenant, left_out, nexus, tenant, victorious
from tests.e2e.metric_bodies import get, number, vector, write
from tests.e2e.nexus_process import API, NexusProcess, wait_for
from tests.e2e.test_retention_and_deletion import files_with

__all__ = ["left_out", "nexus", "tenant", "victorious"]
pytestmark = pytest.mark.e2e
DAY = 86_400_000
NOW = int(time.time() * 1000)


def put(nexus: NexusProcess, path: str, document: Any, **options: Any) -> Any:
    return nexus.request("PUT", f"{API}/{path}", json.dumps(document).encode(), **options)


def line(start: int, count: int, step: int = 15_000) -> list[tuple[int, float]]:
    """A counter that grows by one."""
    return [(start + number * step, float(number)) for number in range(count)]


@pytest.fixture(params=["embedded", "victoriametrics"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[NexusProcess, str]]:
    """A Nexus that the test may stop and kill, and a tenant."""
    if request.param == "embedded":
        nexus, name = request.getfixturevalue("launch")(), "default"
    else:
        victorious = OnVictoriaMetrics(tmp_path / "data", 1)
        nexus, name = victorious.start(), victorious.take_tenant()
    yield nexus, name
    assert nexus.stop() == 0


def test_what_was_written_is_there_at_once_and_after_a_restart(own: tuple[NexusProcess, str]) -> None:
    """In the head, in the tables, and over the border between them; a second write of a sample counts once, the last."""
    nexus, tenant = own
    start = NOW - 3 * 3_600_000
    labels = {"__name__": "restart_total", "job": "a", "instance": "x"}

    def counted() -> float:
        return number(nexus, "count_over_time(restart_total[4h])", at, tenant)

    assert write(nexus, [(labels, line(start, 400))], tenant=tenant).status == 204
    at = NOW / 1000
    assert counted() == 400
    assert nexus.process is not None and restarted(nexus, signal.SIGTERM) == 0
    assert counted() == 400
    later = [(start + 400 * 15_000 + 1000 * n, 400.0 + n) for n in range(10)]
    again = [(start + 15_000, 1.5)]
    assert write(nexus, [(labels, later), (labels, again)], tenant=tenant).status == 204
    assert counted() == 410
    restarted(nexus, signal.SIGKILL)
    assert counted() == 410
    # Of two values of one time the embedded store has the later, VictoriaMetrics the larger one: here the same.
    assert number(nexus, f"restart_total @ {(start + 15_000) / 1000}", at, tenant) == 1.5
    span = {"start": str(at - 86400), "end": str(at)}
    assert get(nexus, "series", tenant, **{"match[]": "restart_total", **span}) == [labels]
    assert get(nexus, "label/job/values", tenant) == ["a"]


def restarted(nexus: NexusProcess, number: int) -> int:
    """End it with a signal and start it again; the exit code."""
    nexus.signal(number)
    code = nexus.wait()
    nexus.start()
    return code


def test_a_tenant_without_data_reads_as_empty(nexus: NexusProcess, tenant: str) -> None:
    """And sees nothing of another one."""
    for other in a_tenant(nexus, f"{tenant}-other"):
        assert write(nexus, [({"__name__": "other"}, [(NOW, 1.0)])], tenant=other).status == 204
        assert vector(nexus, "other", NOW / 1000, tenant) == {}
        assert get(nexus, "labels", tenant) == []
        assert get(nexus, "series", tenant, **{"match[]": "other"}) == []
        assert vector(nexus, "count(other)", NOW / 1000, other) == {"{}": 1.0}


def test_a_removed_tenant_is_on_no_disk(launch: Launch) -> None:
    """Head, log and tables: no file holds its name or its labels any more; another tenant keeps what it has."""
    nexus = launch()
    old, new = line(NOW - 5 * 3_600_000, 200), line(NOW - 60_000, 5, 1000)
    for name in ("doomed", "stays"):
        labels = {"__name__": f"m_{name}", "secret": f"marker-{name}-value"}
        assert write(nexus, [(labels, old)], tenant=name).status == 204
    assert nexus.stop() == 0
    nexus.start()
    for name in ("doomed", "stays"):
        labels = {"__name__": f"m_{name}", "secret": f"marker-{name}-value"}
        assert write(nexus, [(labels, new), ({**labels, "fresh": f"marker-{name}-fresh"}, new)], tenant=name).status == 204
    assert number(nexus, "sum(count_over_time({secret!=''}[6h]))", NOW / 1000, "doomed") == 210
    answer = nexus.post(f"{API}/tenants/doomed/delete", {"confirm": "doomed"})
    assert answer.status in (200, 202), answer.body

    def done() -> Any:
        found = nexus.get(f"{API}/tenants/doomed/deletion")
        return found.status == 200 and found.json["state"] in ("done", "failed") and found.json

    proof = wait_for("the tenant to be removed", done)
    assert proof["state"] == "done", proof
    for marker in (b"marker-doomed-value", b"marker-doomed-fresh", b"m_doomed"):
        assert files_with(nexus.folder, marker) == []
    assert number(nexus, "sum(count_over_time({secret!=''}[6h]))", NOW / 1000, "stays") == 210
    nexus.kill()
    nexus.start()
    for marker in (b"marker-doomed-value", b"marker-doomed-fresh"):
        assert files_with(nexus.folder, marker) == []
    assert number(nexus, "sum(count_over_time({secret!=''}[6h]))", NOW / 1000, "stays") == 210


def test_samples_that_are_too_old_or_too_new_are_refused_by_name(launch: Launch) -> None:
    """The others of the request are stored."""
    nexus = launch(NEXUS_RETENTION_METRICS="10d")
    labels = {"__name__": "ages"}
    answer = write(nexus, [(labels, [(NOW - 11 * DAY, 1.0), (NOW - 9 * DAY, 2.0), (NOW, 3.0), (NOW + DAY, 4.0)])])
    assert answer.status == 400 and b"old" in answer.body, answer.body
    assert number(nexus, "sum(count_over_time(ages[20d]))", NOW / 1000 + 2 * 86400) == 2
    assert nexus.stop() == 0


def test_without_retention_samples_from_1970_are_kept(launch: Launch) -> None:
    """From the first ms on; nothing is older."""
    nexus = launch(NEXUS_RETENTION_METRICS="0")
    labels = {"__name__": "epoch"}
    assert write(nexus, [(labels, [(0, 1.0), (1000, 2.0), (NOW, 3.0)])]).status == 204
    assert write(nexus, [(labels, [(-1, 1.0)])]).status == 400
    assert number(nexus, "count_over_time(epoch[10s])", 5) == 2
    assert nexus.stop() == 0
    nexus.start()
    assert number(nexus, "count_over_time(epoch[10s])", 5) == 2
    assert number(nexus, "epoch", NOW / 1000) == 3


def test_retention_by_selector_changes_what_is_stored(launch: Launch) -> None:
    """A shorter policy drops days that are stored, and series of which nothing is left; a rule keeps others; it is said in the
    API."""
    nexus = launch(NEXUS_RETENTION_METRICS="100d")
    tenant = "kept"
    for job in ("short", "long"):
        labels = {"__name__": "m", "job": job}
        assert write(nexus, [(labels, [(NOW - 50 * DAY, 1.0), (NOW, 2.0)])], tenant=tenant).status == 204
    assert write(nexus, [({"__name__": "m", "job": "ended"}, [(NOW - 50 * DAY, 1.0)])], tenant=tenant).status == 204
    assert nexus.stop() == 0
    nexus.start()
    answer = put(
        nexus, "retention/metrics", {"rules": [{"selector": '{job="long"}', "days": 90}], "days": 10}, tenant=tenant
    )
    assert answer.status == 200, answer.body
    assert answer.json["days"] == 10 and answer.json["rules"] == [{"selector": '{job="long"}', "days": 90, "rollups": []}]

    def followed() -> bool:
        return not nexus.get(f"{API}/retention/metrics", tenant=tenant).json["applying"]

    assert get(nexus, "status/tsdb", tenant)["headStats"]["numSeries"] == 2, "what has expired is known no more, at once"
    assert get(nexus, "label/job/values", tenant) == ["long", "short"]
    wait_for("stored samples to follow", followed)
    assert write(nexus, [({"__name__": "m", "job": "short"}, [(NOW - 95 * DAY, 1.0)])], tenant=tenant).status == 400
    assert nexus.stop() == 0
    nexus.start()

    def left() -> Any:
        found = vector(nexus, "count_over_time(m[60d])", NOW / 1000, tenant)
        return found == {'{"job": "long"}': 2.0, '{"job": "short"}': 1.0}

    wait_for("the expired day to go", left)
    bad = put(nexus, "retention/metrics", {"rules": [{"selector": "{job=", "days": 1}]}, tenant=tenant)
    assert bad.status == 400 and b"rule 1" in bad.body


def test_rollups_answer_for_what_has_expired(launch: Launch) -> None:
    """A rule by the API; windows are made of what is stored, then samples go, then queries are answered by windows alone."""
    nexus = launch(NEXUS_RETENTION_METRICS="100d")
    tenant, midnight = "rolled", NOW // DAY * DAY - 20 * DAY
    for job in ("a", "b"):
        samples = [(midnight + at * 60_000, float(at)) for at in range(1, 1440)]
        assert write(nexus, [({"__name__": "m_total", "job": job}, samples)], tenant=tenant).status == 204
    assert nexus.stop() == 0
    nexus.start()
    times = {"start": midnight / 1000 + 3600, "end": midnight / 1000 + 86_400, "step": 3600}

    def ranged(text: str) -> Any:
        answer = nexus.get(f"/api/v1/query_range?{urlencode({'query': text, **times})}", tenant=tenant)
        assert answer.status == 200, answer.body
        return answer.json

    queries = ("max_over_time(m_total[1h])", "sum(rate(m_total[2h]))", "m_total offset 1h", "avg_over_time(m_total[4h])")
    before = {text: ranged(text) for text in queries}
    wanted = {"days": 10, "rollups": [{"window": "5m", "days": 90}, {"window": "1h", "days": 400}]}
    answer = put(nexus, "retention/metrics", wanted, tenant=tenant)
    assert answer.status == 200 and answer.json["rollups"] == wanted["rollups"], answer.body
    wait_for("rollups", lambda: not nexus.get(f"{API}/retention/metrics", tenant=tenant).json["applying"])
    assert "nexus_store_metric_rollup_days 1" in nexus.get("/metrics").body.decode()
    assert nexus.stop() == 0
    nexus.start()
    wait_for("samples to go", lambda: ranged("stddev_over_time(m_total[1h])")["data"]["result"] == [])
    for text, raw in before.items():
        rolled = ranged(text)
        assert rolled["data"] == raw["data"] and "warnings" not in rolled, text
        assert any("answered from 1h rollups (1 of 1 days): exact" in info for info in rolled["infos"]), rolled["infos"]
    (warning,) = ranged("stddev_over_time(m_total[1h])")["warnings"]
    assert "only rollups of 5m and 1h, which cannot answer stddev_over_time(): the answer lacks them" in warning
    for bad, word in (
        ({"rollups": [{"window": "7m", "days": 9}]}, b"7m"),
        ({"days": 30, "rollups": [{"window": "5m", "days": 9}]}, b"less than the samples"),
        ({"days": 1, "rollups": [{"window": "5m", "days": 0}, {"window": "1h", "days": 9}]}, b"less than the rollups of 5m"),
        ({"days": 1, "rollups": [{"window": "5m", "days": 9}] * 2}, b"twice"),
    ):
        answer = put(nexus, "retention/metrics", bad, tenant=tenant)
        assert answer.status == 400 and word in answer.body, answer.body


def test_it_starts_quickly_with_many_series(launch: Launch) -> None:
    """20,000 series: read at the start, all of them there."""
    nexus = launch()
    many = [({"__name__": "many", "number": str(n), "job": f"j{n % 10}"}, [(NOW, float(n))]) for n in range(20_000)]
    for begin in range(0, len(many), 5000):
        assert write(nexus, many[begin : begin + 5000]).status == 204
    assert nexus.stop() == 0
    nexus.start()
    loaded = re.search(r"20000 series loaded in ([\d.]+) s", nexus.output())
    assert loaded is not None and float(loaded[1]) < 20
    assert number(nexus, "count(many)", NOW / 1000) == 20_000
    assert len(vector(nexus, "count by (job) (many)", NOW / 1000)) == 10


@pytest.mark.not_in_victoriametrics("its figures are its own; what waits for it is told as nexus_victoriametrics_*")
def test_its_own_figures_are_told(nexus: NexusProcess, tenant: str) -> None:
    """Series and samples that wait are in /metrics."""
    assert write(nexus, [({"__name__": "told", "t": tenant}, [(NOW, 1.0)])], tenant=tenant).status == 204
    text = nexus.get("/metrics").body.decode()
    for name in ("metric_series", "metric_log_bytes", "metric_samples"):
        assert f"nexus_store_{name} " in text, name
    assert float(next(x for x in text.splitlines() if x.startswith("nexus_store_metric_samples ")).split()[1]) >= 1


def test_a_full_disk_refuses_and_goes_on(launch: Launch) -> None:
    """503 with Retry-After, never another 5xx; queries go on."""
    nexus = launch(NEXUS_STORAGE_DISK_RESERVE_BYTES="1000TiB")
    answer = write(nexus, [({"__name__": "full"}, [(NOW, 1.0)])])
    assert answer.status == 503 and answer.headers["Retry-After"]
    assert vector(nexus, "full", NOW / 1000) == {}
