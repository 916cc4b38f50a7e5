"""Metrics moved from one store to another, as the guides say: out of Nexus as a file and into a VictoriaMetrics, another Nexus
or a Prometheus; and out of a VictoriaMetrics back into the embedded store. Prometheus' blocks: `test_metrics_push`.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.metric_backends import OnVictoriaMetrics
from tests.e2e.metric_bodies import get, write
from tests.e2e.nexus_process import API, TOKEN, Answer, NexusProcess, command
from tests.e2e.test_remote_read import asked, reader

pytestmark = pytest.mark.e2e
START = int(time.time()) // 60 * 60 - 7200
END = START + 3600
SPAN = {"start": str(START), "end": str(END)}
Contents = dict[str, list[tuple[float, float]]]


def exported(nexus: NexusProcess, tenant: str, *selectors: str, **more: str) -> Answer:
    pairs = [*(("match[]", one) for one in selectors), *SPAN.items(), *more.items()]
    return nexus.get(f"{API}/metrics/export?{urllib.parse.urlencode(pairs)}", tenant=tenant)


def fill(nexus: NexusProcess, tenant: str) -> None:
    """An hour of 40 series; names and values of any letters, NaN and infinities."""
    for number in range(40):
        labels = {"__name__": "moved_total", "n": str(number), "text": 'ü"\\\n' if number == 7 else "x"}
        samples = [((START + 15 * at) * 1000 + number, number + at / 3) for at in range(240)]
        assert write(nexus, [(labels, samples)], tenant=tenant).status == 204
    odd = [((START + 60 * at) * 1000, value) for at, value in enumerate((math.inf, -math.inf, 0.25, -0.0, 5e15))]
    assert write(nexus, [({"__name__": "odd.name", "label.x": "y"}, odd)], tenant=tenant).status == 204


def contents(nexus: NexusProcess, tenant: str) -> Contents:
    """All samples."""
    found: Contents = {}
    for selector in ("moved_total[61m]", '{"odd.name"}[61m]'):
        data = get(nexus, "query", tenant, query=selector, time=str(END))
        for one in data["result"]:
            found[json.dumps(one["metric"], sort_keys=True)] = [(at, float(value)) for at, value in one["values"]]
    return found


def compare(found: Contents, before: Contents) -> None:
    """The same series and times, and values to the 12 digits that VictoriaMetrics keeps."""
    assert found.keys() == before.keys()
    for key, samples in before.items():
        assert [at for at, _ in found[key]] == [at for at, _ in samples], key
        for (_, value), (_, was) in zip(found[key], samples, strict=True):
            assert math.isclose(value, was, rel_tol=1e-11), (key, value, was)


def ingested(nexus: NexusProcess, file: Path, tenant: str) -> str:
    done = command(
        nexus.folder, "ingest", str(file), "--url", f"http://127.0.0.1:{nexus.port}", "--token", TOKEN, "--tenant", tenant
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.decode()


def test_out_of_the_embedded_store_and_back(nexus: NexusProcess, tenant: str, tmp_path: Path) -> None:
    """Into VictoriaMetrics, from there into a tenant of the embedded store: the same samples."""
    fill(nexus, tenant)
    before = contents(nexus, tenant)
    assert sum(map(len, before.values())) == 40 * 240 + 5
    answer = exported(nexus, tenant, "moved_total", '{"odd.name"}')
    assert answer.headers["Content-Disposition"].endswith('.om"') and answer.body.endswith(b"# EOF\n")
    file = tmp_path / "metrics.om"
    file.write_bytes(answer.body)
    victorious = OnVictoriaMetrics(tmp_path / "other", 1)
    victorious.start()
    there = victorious.take_tenant()
    try:
        assert "9605 samples stored, 0 refused" in ingested(victorious, file, there)
        compare(contents(victorious, there), before)
        back = tmp_path / "back.om"
        back.write_bytes(exported(victorious, there, "moved_total", '{"odd.name"}').body)
        assert "9605 samples stored, 0 refused" in ingested(nexus, back, f"{tenant}-back")
        compare(contents(nexus, f"{tenant}-back"), before)
    finally:
        assert victorious.stop() == 0


def _labels(series: Any) -> str:
    return json.dumps(series["metric"], sort_keys=True)


@pytest.mark.skipif("PROMETHEUS_BIN" not in os.environ, reason="PROMETHEUS_BIN names no Prometheus 3")
@pytest.mark.skipif("PROMTOOL_BIN" not in os.environ, reason="PROMTOOL_BIN names no promtool")
def test_out_of_nexus_into_a_prometheus(nexus: NexusProcess, tenant: str, tmp_path: Path) -> None:
    """promtool makes blocks of the file, and a Prometheus that starts on them answers the same."""
    fill(nexus, tenant)
    file = tmp_path / "metrics.om"
    file.write_bytes(exported(nexus, tenant, "moved_total").body)
    blocks = tmp_path / "prometheus"
    made = ["tsdb", "create-blocks-from", "openmetrics", str(file), str(blocks)]
    subprocess.run([os.environ["PROMTOOL_BIN"], *made], check=True, capture_output=True, timeout=60)
    with reader(tmp_path, f"http://127.0.0.1:{nexus.port}/none", tenant) as base:
        for query in ("moved_total[61m]", "sum(increase(moved_total[30m]))", "count(moved_total)"):
            theirs = asked(base, "query", query=query, time=END)["data"]["result"]
            ours = get(nexus, "query", tenant, query=query, time=str(END))["result"]
            assert sorted(theirs, key=_labels) == sorted(ours, key=_labels) != [], query


def test_what_an_export_is_not(nexus: NexusProcess, tenant: str) -> None:
    """Without a selector, of nothing, and for somebody who may not read."""
    assert exported(nexus, tenant).status == 400
    assert exported(nexus, tenant, "moved{").status == 400
    assert exported(nexus, tenant, "nothing").body == b"# EOF\n"
    made = nexus.post(f"{API}/keys", {"name": "w", "permissions": ["metrics:write"], "tenant": tenant})
    refused = nexus.get(f"{API}/metrics/export?match[]=up", token=made.json["secret"])
    assert refused.status == 403
    entries = nexus.get(f"{API}/audit?action=metrics.exported", tenant=tenant).json["entries"]
    assert len(entries) >= 2
