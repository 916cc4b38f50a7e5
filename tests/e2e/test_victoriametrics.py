"""A tenant's metrics in a real VictoriaMetrics, single node and cluster: written, queried, seen by those who may, kept while it
is away, deleted."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.nexus_process import API, NexusProcess, wait_for
from tests.e2e.victoria import VictoriaMetrics, VictoriaMetricsCluster

from nexus import _native

pytestmark = pytest.mark.e2e
TENANT = "shop"


@pytest.fixture(scope="module", params=[VictoriaMetrics, VictoriaMetricsCluster])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    victoria = request.param(tmp_path_factory.mktemp("victoria")).start()
    yield victoria
    victoria.stop()


@pytest.fixture(scope="module")
def nexus(backend: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """One whose tenant `shop` is in VictoriaMetrics."""
    entries = json.dumps([{"tenant": TENANT, **backend.entry}])
    process = NexusProcess(tmp_path_factory.mktemp("nexus") / "data", NEXUS_METRICS_VICTORIAMETRICS=entries).start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


def body_of(text: str) -> bytes:
    """Lines of the text format, with times in ms, as a remote-write request."""
    batch = _native.decode_exposition(text.encode(), now_ms=int(time.time() * 1000)).batch
    ((body, _, _),) = _native.encode_remote_write(batch, version=1, max_series=100_000, compress=True)
    return body


def write(nexus: NexusProcess, text: str, tenant: str = TENANT) -> None:
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    answer = nexus.request("POST", "/api/v1/write", body_of(text), headers, tenant=tenant)
    assert answer.status // 100 == 2, answer.body


def ask(nexus: NexusProcess, path: str, tenant: str = TENANT, token: str = "", **arguments: Any) -> Any:
    given = urllib.parse.urlencode(
        {name.replace("match", "match[]"): value for name, value in arguments.items()}, doseq=True
    )
    options = {"token": token} if token else {}
    answer = nexus.get(f"/api/v1/{path}?{given}", tenant=tenant, **options)
    assert answer.status == 200, answer.body
    return answer.json["data"]


def filled(nexus: NexusProcess, backend: Any, name: str) -> int:
    """Twenty minutes of two services at a minute each; the last time in seconds."""
    last = int(time.time()) // 60 * 60
    lines = [f"# TYPE {name} counter"]
    for service, slope in (("checkout", 60), ("cart", 120)):
        lines += [
            f'{name}{{service="{service}"}} {slope * minute} {(last - 1200 + 60 * minute) * 1000}' for minute in range(21)
        ]
    write(nexus, "\n".join(lines) + "\n")

    def there() -> bool:
        # vminsert hands over what it took within a second.
        backend.show()
        return len(ask(nexus, "query", query=f"{name} > 1000", time=last)["result"]) == 2

    wait_for("what was written", there, timeout=20, pause=0.1)
    return last


def test_what_is_written_is_found(nexus: NexusProcess, backend: Any) -> None:
    """By PromQL and MetricsQL, as ranges and instants; series, labels, values; and nothing of it in another tenant."""
    last = filled(nexus, backend, "orders_total")
    found = ask(nexus, "query_range", query="sum by (service) (rate(orders_total[5m]))", start=last - 600, end=last, step=60)
    rates = {one["metric"]["service"]: {float(value) for _, value in one["values"]} for one in found["result"]}
    assert found["resultType"] == "matrix" and rates == {"checkout": {1.0}, "cart": {2.0}}
    instant = ask(nexus, "query", query="orders_total", time=last)["result"]
    assert sorted(float(one["value"][1]) for one in instant) == [1200, 2400]
    metricsql = ask(nexus, "query", query='WITH (x = orders_total{service="cart"}) x default 7', time=last)["result"]
    assert [one["value"][1] for one in metricsql] == ["2400"]
    span = {"start": last - 1200, "end": last}
    assert ask(nexus, "label/service/values", match="orders_total", **span) == ["cart", "checkout"]
    assert {"__name__", "service"} <= set(ask(nexus, "labels", match="orders_total", **span))
    assert len(ask(nexus, "series", match="orders_total", **span)) == 2
    assert ask(nexus, "query", query="orders_total", time=last, tenant="other")["result"] == []
    catalog = nexus.post(f"{API}/metrics/catalog", {"search": "orders"}, tenant=TENANT)
    assert catalog.status == 200, catalog.body
    assert [(one["name"], one["series"]) for one in catalog.json["metrics"]] == [("orders_total", 2)]
    assert nexus.get("/api/v1/query?query=sum(", tenant=TENANT).status == 400


def test_a_histogram_is_one_metric_of_the_catalog(nexus: NexusProcess, backend: Any) -> None:
    """Its series are added up, and are found by their names; its buckets become a heatmap."""
    last = int(time.time()) // 60 * 60
    for minute in range(6):
        at = (last - 300 + 60 * minute) * 1000
        lines = [f'wait_seconds_bucket{{le="{le}"}} {count * minute} {at}' for le, count in (("0.5", 6), ("+Inf", 60))]
        write(nexus, "\n".join([*lines, f"wait_seconds_sum {minute} {at}", f"wait_seconds_count {60 * minute} {at}"]) + "\n")

    def there() -> bool:
        backend.show()
        return len(ask(nexus, "query", query="wait_seconds_count == 300", time=last)["result"]) == 1

    wait_for("what was written", there, timeout=20, pause=0.1)
    catalog = nexus.post(f"{API}/metrics/catalog", {"search": "wait_seconds_bucket"}, tenant=TENANT)
    assert catalog.status == 200, catalog.body
    (found,) = catalog.json["metrics"]
    assert (found["name"], found["kind"], found["series"]) == ("wait_seconds", "histogram", 4)
    assert found["parts"] == ["wait_seconds_bucket", "wait_seconds_count", "wait_seconds_sum"]
    asked = {"query": "sum by (le) (increase(wait_seconds_bucket[1m]))", "from": str(last - 120), "to": str(last)}
    heat = nexus.post(f"{API}/metrics/query", {**asked, "step": 60, "heatmap": True}, tenant=TENANT).json["heatmap"]
    assert heat["bounds"] == [[0.0, 0.5], [0.5, "+Inf"]]
    assert heat["columns"] == [[6, 54]] * 3


def test_a_row_policy_goes_with_every_question(nexus: NexusProcess, backend: Any) -> None:
    last = filled(nexus, backend, "paid_total")
    name = uuid.uuid4().hex[:12]
    role = {"grants": [{"permission": "metrics:read"}], "policy": "service:cart", "masked": []}
    body, kind = json.dumps(role).encode(), {"Content-Type": "application/json"}
    assert nexus.request("PUT", f"{API}/roles/{name}", body, kind).status == 200
    account = nexus.post(f"{API}/accounts", {"name": name, "roles": [{"role": name, "tenant": TENANT}]})
    assert account.status == 200, account.body
    key = nexus.post(f"{API}/keys", {"name": name, "tenant": TENANT, "account": account.json["id"]})
    assert key.status == 200, key.body
    token = key.json["secret"]
    span = {"start": last - 1200, "end": last, "token": token}
    seen = ask(nexus, "query", query="paid_total", time=last, token=token)["result"]
    assert [one["metric"]["service"] for one in seen] == ["cart"]
    assert ask(nexus, "label/service/values", **span) == ["cart"]
    assert {one["service"] for one in ask(nexus, "series", match="paid_total", **span)} == {"cart"}
    joined = "paid_total or label_replace(paid_total, 'x', 'y', '', '')"
    assert {one["metric"]["service"] for one in ask(nexus, "query", query=joined, time=last, token=token)["result"]} == {
        "cart"
    }


def test_nothing_is_lost_while_it_is_away(nexus: NexusProcess, backend: Any) -> None:
    """Acknowledged samples wait on disk, over a kill of Nexus, and arrive in order when it is back; queries say what is wrong."""
    now = int(time.time()) - 60
    write(nexus, f"away 1 {now * 1000}\n")
    backend.stop()
    for second in range(1, 6):
        write(nexus, f"away {1 + second} {(now + second) * 1000}\n")
    refused = nexus.get(f"/api/v1/query?query=away&time={now + 5}", tenant=TENANT)
    assert refused.status == 503 and b"VictoriaMetrics" in refused.body
    nexus.kill()
    nexus.start()
    write(nexus, f"away 7 {(now + 6) * 1000}\n")
    backend.start()

    def values() -> list[str]:
        backend.show()
        found = ask(nexus, "query", query="away[1m]", time=now + 10)["result"]
        return [value for one in found for _, value in one["values"]]

    wait_for("what had waited", lambda: values() == [str(number) for number in range(1, 8)], timeout=40, pause=0.2)
    assert list((nexus.folder / "victoriametrics" / TENANT).iterdir()) == []


def test_removing_the_tenant_removes_its_series(nexus: NexusProcess, backend: Any) -> None:
    last = filled(nexus, backend, "gone_total")
    removed = nexus.post(f"{API}/tenants/{TENANT}/delete", {"confirm": TENANT})
    assert removed.status in (200, 202), removed.body
    select = backend.entry.get("query_url") or backend.entry["url"]

    def left() -> list[Any]:
        with urllib.request.urlopen(f"{select}/api/v1/query?query=gone_total&time={last}", timeout=60) as answer:
            return list(json.load(answer)["data"]["result"])

    wait_for("the removal", lambda: left() == [], timeout=40, pause=0.2)
    assert Path(nexus.folder / "victoriametrics" / TENANT).exists()
