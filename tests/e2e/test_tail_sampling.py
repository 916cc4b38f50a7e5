"""Tail sampling of a real process: what is decided survives kill -9, and late spans follow it."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path
from typing import Any

from tests.e2e.nexus_process import API, TOKEN, Answer, NexusProcess, command, wait_for

SETTINGS = {"NEXUS_TRACES_SAMPLING_SLICE": "1s", "NEXUS_TRACES_SAMPLING_WAIT": "2s"}
POLICY = {
    "rules": [
        {"name": "markers", "where": '{ name =~ "marker.*" }', "probability": 0},
        {"name": "errors", "where": "{ status = error }", "probability": 1},
    ],
    "otherwise": 0.5,
}


def put(nexus: NexusProcess, policy: Any) -> Answer:
    """Set the policy."""
    body = json.dumps(policy).encode()
    return nexus.request("PUT", f"{API}/traces/sampling", body, {"Content-Type": "application/json"})


def request(spans: list[tuple[str, str, str, bool]]) -> bytes:
    """An export request of (trace, span, name, failed); a trace's first span is its root."""
    now = time.time_ns()
    told: list[dict[str, Any]] = []
    for trace, span, name, failed in spans:
        one = {"traceId": trace, "spanId": span, "name": name, "kind": 2, "startTimeUnixNano": str(now)}
        one |= {"endTimeUnixNano": str(now + 10**6), "status": {"code": 2 if failed else 1}}
        told.append(one if span.endswith("0") else {**one, "parentSpanId": span[:-1] + "0"})
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": told}]}]}).encode()


def send(nexus: NexusProcess, spans: list[tuple[str, str, str, bool]], key: str) -> None:
    """Deliver, again and again until it is acknowledged."""
    body = request(spans)
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}

    def acknowledged() -> bool:
        try:
            return nexus.request("POST", "/v1/traces", body, headers).status == 200
        except OSError:
            return False

    wait_for("the spans to be acknowledged", acknowledged, timeout=90, pause=0.05)


def seen(nexus: NexusProcess, q: str = "{}") -> dict[str, int]:
    """Traces that are found, with their spans."""
    answer = nexus.post(f"{API}/traces/search", {"q": q, "limit": 500})
    assert answer.status == 200, answer.body
    return {trace["traceId"]: trace["spans"] for trace in answer.json["traces"]}


def settled(nexus: NexusProcess, number: int) -> None:
    """Wait until all that was sent before is decided: slices are settled in their order, and markers are dropped."""
    name = f"marker-{number}"
    send(nexus, [(f"{number:032x}", f"{number:015x}0", name, False)], name)
    query = f'{{ name = "{name}" }}'
    assert seen(nexus, query), "everything is seen until it is decided"
    wait_for("the marker to go", lambda: not seen(nexus, query), timeout=60, pause=0.2)


def test_decisions_survive_kill_9_and_late_spans_follow(tmp_path: Path) -> None:
    """Kills while spans come and while they are decided: traces are whole or gone, and stay what they are."""
    dice = random.Random(11)
    nexus = NexusProcess(tmp_path / "data", **SETTINGS).start()
    try:
        answer = put(nexus, {"rules": [{"name": "bad", "where": "{ status = }", "probability": 1}]})
        assert answer.status == 400 and "rule 1 (bad)" in answer.body.decode()
        assert put(nexus, POLICY).status == 200
        assert nexus.get(f"{API}/traces/sampling").json["otherwise"] == 0.5

        traces = {dice.randbytes(16).hex(): dice.random() < 0.25 for _ in range(120)}
        waiting = [
            [(trace, dice.randbytes(8).hex()[:-1] + "0", f"op {number}", failed and number == 2) for number in range(3)]
            for trace, failed in traces.items()
        ]
        waiting = [[(t, spans[0][1][:-1] + str(n), name, f) for n, (t, _, name, f) in enumerate(spans)] for spans in waiting]
        sending = threading.Thread(
            target=lambda: [(send(nexus, spans, f"key-{n}"), time.sleep(0.08)) for n, spans in enumerate(waiting)]
        )
        sending.start()
        for _ in range(3):
            time.sleep(dice.uniform(1.5, 4))
            nexus.kill()
            nexus.start()
        sending.join()
        settled(nexus, 1)

        kept = seen(nexus)
        assert set(kept.values()) == {3} and kept.keys() <= traces.keys()
        assert all(trace in kept for trace, failed in traces.items() if failed)
        others = [trace for trace, failed in traces.items() if not failed]
        assert 0.25 < sum(trace in kept for trace in others) / len(others) < 0.75

        nexus.kill()
        nexus.start()
        assert seen(nexus) == kept
        late = [(trace, dice.randbytes(8).hex()[:-1] + "9", "late", True) for trace in traces]
        send(nexus, late, "late")
        settled(nexus, 2)
        assert seen(nexus) == dict.fromkeys(kept, 4)

        preview = nexus.post(f"{API}/traces/sampling/preview", {"rules": POLICY["rules"], "otherwise": 0})
        assert preview.status == 200, preview.body
        rules = {rule["name"]: rule for rule in preview.json["rules"]}
        assert rules["errors"]["keptTraces"] == rules["errors"]["traces"] >= len(kept) and rules[""]["keptTraces"] == 0
        file = tmp_path / "rules.yaml"
        where = {"NEXUS_URL": f"http://127.0.0.1:{nexus.port}", "NEXUS_TOKEN": TOKEN}
        shown = command(nexus.folder, "traces", "sampling", "show", **where)
        file.write_bytes(shown.stdout)
        tried = command(nexus.folder, "traces", "sampling", "preview", str(file), **where)
        assert tried.stdout.splitlines()[-1].startswith(b"all ") and b"errors" in tried.stdout
        assert command(nexus.folder, "traces", "sampling", "set", str(file), **where).stdout.startswith(b"2 rules are")
        assert nexus.get(f"{API}/traces/sampling").json["rules"][1]["where"] == "{ status = error }"
        page = nexus.get("/metrics", headers={"Accept": "text/plain"}).body.decode()
        assert 'nexus_sampling_spans_total{tenant="default",rule="markers",decision="dropped"} 1' in page
    finally:
        nexus.kill()
