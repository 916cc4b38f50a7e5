"""Pipelines in a running Nexus: reload under load, inspection, secrets that reach no place, the API and the command line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.nexus_process import API, TOKEN, NexusProcess, command, lines, wait_for
from tests.e2e.promql import values

pytestmark = pytest.mark.e2e

PIPELINES = f"{API}/pipelines"
SECRET = "hunter2zebra"
CARD = "4111111111111111"

SHARED = """
- name: secrets
  steps:
    - type: redact
      options: {patterns: {own: 'hunter2\\w+'}}
"""


@pytest.fixture(scope="module")
def piped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """A Nexus with a file of pipelines."""
    folder = tmp_path_factory.mktemp("piped")
    file = folder / "pipelines.yaml"
    file.write_text(SHARED)
    process = NexusProcess(
        folder / "data", NEXUS_PIPELINES_FILE=str(file), NEXUS_PIPELINES_ROUTE_TENANTS="audit", NEXUS_SELF_TELEMETRY="on"
    ).start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


def put(nexus: NexusProcess, tenant: str, *pipelines: dict[str, Any], version: str = "") -> Any:
    version = version or nexus.get(PIPELINES, tenant=tenant).json["version"]
    body = json.dumps({"pipelines": list(pipelines), "version": version}).encode()
    return nexus.request("PUT", PIPELINES, body, {"Content-Type": "application/json"}, tenant=tenant)


def records(nexus: NexusProcess, tenant: str, query: str = "") -> list[dict[str, Any]]:
    answer = nexus.post(f"{API}/logs/search", {"query": query, "limit": 1000, "order": "asc"}, tenant=tenant)
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["records"]
    return found


def steps(*given: dict[str, Any], name: str = "own", **more: Any) -> dict[str, Any]:
    return {"name": name, "steps": list(given), **more}


def test_a_redacted_secret_is_nowhere(piped: NexusProcess, tenant: str) -> None:
    body = lines(
        {
            "_msg": f"login with {SECRET} and {CARD}",
            "service": f"shop-{SECRET}",
            "note": f"card {CARD}",
            "number": int(CARD),
            "list": [{"deep": SECRET}],
            "password": "swordfish",
            "host.name": SECRET,
        }
    )
    answer = piped.ingest(body, query="?_stream_fields=host.name", tenant=tenant)
    assert answer.json["accepted"] == 1
    assert piped.ingest(body, {"X-Nexus-Debug": "1"}, tenant=tenant).status == 200
    (record,) = records(piped, tenant)
    assert record["body"] == "login with [own] and [card]"
    assert record["service"] == "shop-[own]"
    assert record["resource"]["host.name"] == "[own]"
    assert record["attributes"]["list"] == [{"deep": "[own]"}]
    assert (record["attributes"]["number"], record["attributes"]["password"]) == ("[card]", "[secret]")
    sql = piped.post(f"{API}/sql", {"query": "SELECT * FROM logs"}, tenant=tenant)
    assert sql.status == 200
    secrets = (SECRET, CARD, "swordfish")
    assert not any(secret in json.dumps(record) + sql.body.decode() for secret in secrets)
    for secret in (SECRET, CARD):
        assert piped.count(secret, tenant=tenant) == 0
    # What lies on disk is compressed with LZ4, which keeps what occurs for the first time as it is; a word that was let
    # through is found so, the secrets are not.
    piped.ingest(lines({"_msg": "visiblemarker uniquexyzzy"}), tenant=tenant)
    assert piped.count("uniquexyzzy", tenant=tenant) == 1

    def on_disk(text: str) -> bool:
        return any(text.encode() in file.read_bytes() for file in piped.folder.rglob("*") if file.is_file())

    assert on_disk("uniquexyzzy")
    assert not any(on_disk(secret) for secret in secrets)


def test_debug_stores_nothing_and_says_all(piped: NexusProcess, tenant: str) -> None:
    assert put(piped, tenant, steps({"type": "parse_json"}, {"type": "drop", "options": {"query": "noise"}})).status == 200
    body = lines({"_msg": '{"a":1}', "x": 1}, {"_msg": "noise"}, {"_msg": f"card {CARD}"}) + b"broken\n"
    for query, headers in (("?debug=1", {}), ("", {"X-Nexus-Debug": "1"})):
        answer = piped.ingest(body, {**headers, "Idempotency-Key": "k"}, query, tenant=tenant)
        assert answer.status == 200
        assert (answer.json["accepted"], answer.json["rejected"]) == (3, 1)
        assert answer.json["errors"][0]["line"] == 4
        parsed, noise, card = answer.json["records"]
        assert parsed["stored"]["attributes"] == {"a": 1, "x": 1}
        assert parsed["steps"] == [
            {"pipeline": "own", "step": 0, "outcome": "changed", "changed": {"attributes.a": [None, 1]}, "message": ""}
        ]
        assert (noise["stored"], noise["steps"][-1]["outcome"]) == (None, "dropped")
        assert (card["stored"]["body"], card["tenant"], card["retention_days"]) == ("card [card]", tenant, 30)
        assert card["template"]
    wholly_bad = piped.ingest(b"broken\n", query="?debug=1", tenant=tenant)
    assert (wholly_bad.status, wholly_bad.json["rejected"], wholly_bad.json["records"]) == (200, 1, [])
    otlp = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": f"otlp {CARD}"}}]}]}]}
    for port in (piped.port, piped.otlp_port):
        answer = piped.post("/v1/logs?debug=1", otlp, tenant=tenant, port=port)
        assert answer.json["records"][0]["stored"]["body"] == "otlp [card]"
    assert piped.ingest(b"{", query="?debug=1", token="wrong").status == 401
    assert piped.count(tenant=tenant) == 0
    # The key was not used up, and what is stored is what was said.
    assert piped.ingest(body, {"Idempotency-Key": "k"}, tenant=tenant).json["accepted"] == 3
    stored = {record["body"] for record in records(piped, tenant)}
    assert stored == {'{"a":1}', "card [card]"}


def test_reload_under_load_loses_nothing(piped: NexusProcess, tenant: str) -> None:
    senders, deliveries, each = 3, 40, 20
    failures: list[Any] = []

    def send(sender: int) -> None:
        for delivery in range(deliveries):
            body = lines(*({"_msg": f"m {sender} {delivery} {n}", "id": f"{sender}-{delivery}-{n}"} for n in range(each)))
            answer = piped.ingest(body, tenant=tenant)
            if answer.status != 200 or answer.json["accepted"] != each:
                failures.append(answer)

    threads = [threading.Thread(target=send, args=[number]) for number in range(senders)]
    for thread in threads:
        thread.start()
    version = changes = 0
    while any(thread.is_alive() for thread in threads) or changes < 3:
        version += 1
        pipeline = steps({"type": "set", "options": {"fields": {"version": version}}}, {"type": "parse_json"})
        answer = put(piped, tenant, pipeline)
        assert answer.status == 200, answer.body
        changes += 1
        # In force when it answers.
        probe = piped.ingest(lines({"_msg": "{}", "probe": version}), tenant=tenant)
        assert probe.status == 200
        assert piped.count(f"probe:{version} version:{version}", tenant=tenant) == 1
    for thread in threads:
        thread.join()
    assert not failures
    assert piped.count("id:*", tenant=tenant) == senders * deliveries * each
    # The first few may have come before the first set.
    assert piped.count("version:* id:*", tenant=tenant) > senders * each
    statistics = piped.get(f"{PIPELINES}/statistics", tenant=tenant).json["steps"]
    assert [step["type"] for step in statistics] == ["redact", "set", "parse_json"]
    assert all(step["records_in"] == step["records_out"] + step["dropped"] for step in statistics)


def test_the_version_of_a_put_has_to_be_the_current_one(piped: NexusProcess, tenant: str) -> None:
    first = piped.get(PIPELINES, tenant=tenant).json
    assert [info["source"] for info in first["pipelines"]] == ["file"]
    answer = put(piped, tenant, steps({"type": "set", "options": {"fields": {"a": 1}}}))
    assert [info["source"] for info in answer.json["pipelines"]] == ["file", "tenant"]
    conflict = put(piped, tenant, steps(), version=first["version"])
    assert (conflict.status, conflict.json["error"]["code"]) == (409, "conflict")
    assert put(piped, tenant, version=answer.json["version"]).status == 200


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (steps({"type": "nope"}), "no processor"),
        (steps({"type": "sample", "options": {"ratio": 3}}), "must lie between 0 and 1"),
        (steps({"type": "set", "options": {"fields": {"a": 1}}, "when": "a:("}), "`when`"),
        (steps({"type": "route", "options": {"tenant": "elsewhere"}}), "may not be routed"),
        (steps(name="secrets"), "is called 'secrets'"),
        (steps(name="two words"), "matching regex"),
        (steps(tests=[{"name": "t", "input": [{"_msg": "a"}], "output": []}]), "1 records came out"),
        ({"name": "x", "step": []}, "unknown field"),
    ],
)
def test_bad_pipelines_are_refused(piped: NexusProcess, tenant: str, pipeline: dict[str, Any], message: str) -> None:
    answer = put(piped, tenant, pipeline)
    assert answer.status == 400
    assert message in answer.json["error"]["message"], answer.json


def test_preview_of_stored_and_given_records(piped: NexusProcess, tenant: str) -> None:
    given = {"_msg": "took 5 ms", "service": "shop", "level": "warn", "n": 1.5, "deep": {"k": [1, {"x": None}]}}
    piped.ingest(lines(given, {"_msg": "other"}), tenant=tenant)
    (stored,) = records(piped, tenant, "took")
    pipeline = steps(
        {"type": "parse_regex", "options": {"pattern": r"(?P<ms>\d+) ms", "types": {"ms": "int"}}},
        {"type": "drop", "options": {"query": "other"}},
        tests=[{"name": "t", "input": [{"_msg": "1 ms"}], "output": [{"ms": 2}]}],
    )
    answer = piped.post(f"{PIPELINES}/preview", {"pipelines": [pipeline], "query": "took OR other"}, tenant=tenant)
    assert answer.status == 200, answer.body
    by_body = {record["before"]["body"]: record for record in answer.json["records"]}
    took = by_body["took 5 ms"]
    assert took["before"] == stored
    (after,) = took["after"]
    assert after["attributes"] == {**stored["attributes"], "ms": 5}
    assert {name: after[name] for name in ("service", "severity", "timestamp")} == {
        name: stored[name] for name in ("service", "severity", "timestamp")
    }
    assert took["steps"] == [
        {"pipeline": "own", "step": 0, "outcome": "changed", "changed": {"attributes.ms": [None, 5]}, "message": ""}
    ]
    assert by_body["other"]["after"] == []
    assert [step["outcome"] for step in by_body["other"]["steps"]] == ["failed", "dropped"]
    assert answer.json["tests"] == ["test 't' of pipeline 'own': record 1: `ms` is 1, but should be 2"]
    answer = piped.post(f"{PIPELINES}/preview", {"pipelines": [pipeline], "records": [{"_msg": "7 ms"}]}, tenant=tenant)
    assert answer.json["records"][0]["after"][0]["attributes"] == {"ms": 7}
    assert piped.post(f"{PIPELINES}/preview", {"pipelines": [], "records": [{}]}, tenant=tenant).status == 400
    assert piped.count(tenant=tenant) == 2


def test_all_processors_are_listed(piped: NexusProcess, tenant: str) -> None:
    processors = piped.get(f"{PIPELINES}/processors", tenant=tenant).json["processors"]
    assert {"parse_json", "redact", "derive_metrics", "multiline"} <= {one["type"] for one in processors}
    for processor in processors:
        answer = piped.post(f"{PIPELINES}/preview", {"pipelines": [steps(processor["example"])], "limit": 1}, tenant=tenant)
        assert answer.status == 200, answer.body


def test_routed_records_metrics_and_keys(piped: NexusProcess, tenant: str) -> None:
    pipeline = steps(
        {"type": "derive_metrics", "options": {"name": "e2e_logins", "labels": {"user": "user"}}, "when": "login"},
        {"type": "route", "options": {"tenant": "audit"}, "when": "login"},
        {"type": "drop", "options": {"query": "noise"}},
    )
    assert put(piped, tenant, pipeline).status == 200
    body = lines({"_msg": f"login {tenant}", "user": tenant}, {"_msg": "noise"})
    first = piped.ingest(body, {"Idempotency-Key": "k"}, tenant=tenant)
    assert first.json["accepted"] == 2
    assert put(piped, tenant).status == 200
    again = piped.ingest(body, {"Idempotency-Key": "k"}, tenant=tenant)
    assert (again.status, again.body) == (first.status, first.body)
    assert piped.count(tenant=tenant) == 0
    assert piped.count(f'"login {tenant}"', tenant="audit") == 1
    metrics = piped.get("/metrics").body.decode()
    assert f'nexus_derived_e2e_logins{{tenant="{tenant}",user="{tenant}"}} 1' in metrics
    assert f'tenant="{tenant}",pipeline="own",step="3-drop",reason="dropped"}} 1' in metrics
    query = f'nexus_derived_e2e_logins{{user="{tenant}"}}'
    wait_for("the derived metric among the tenant's", lambda: values(piped, query, tenant) == [1.0], pause=0.2)
    assert values(piped, "nexus_derived_e2e_logins", "_nexus") == []


def test_a_changed_file_is_in_force_within_seconds(piped: NexusProcess, tenant: str) -> None:
    file = Path(piped.settings["NEXUS_PIPELINES_FILE"])
    try:
        file.write_text(SHARED + "- name: nope\n  steps:\n    - type: nope\n")
        wait_for("the mistake in the log", lambda: "line 8" in piped.output() and "no processor 'nope'" in piped.output())
        piped.ingest(lines({"_msg": f"still {CARD}"}), tenant=tenant)
        assert piped.count("still", tenant=tenant) == 1
        assert records(piped, tenant)[0]["body"] == "still [card]"
        file.write_text(SHARED + "- name: more\n  steps:\n    - {type: set, options: {fields: {more: true}}}\n")
        names = lambda: [info["spec"]["name"] for info in piped.get(PIPELINES, tenant=tenant).json["pipelines"]]  # noqa: E731
        wait_for("the new pipeline", lambda: names() == ["secrets", "more"])
        piped.ingest(lines({"_msg": "new"}), tenant=tenant)
        assert piped.count("more:true", tenant=tenant) == 1
    finally:
        file.write_text(SHARED)


def test_the_command_line(piped: NexusProcess, tenant: str, tmp_path: Path) -> None:
    good = steps(
        {"type": "parse_logfmt", "when": "service:api"},
        tests=[{"name": "parsed", "input": [{"_msg": "a=1", "service": "api"}], "output": [{"a": 1}]}],
    )
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump([good]))
    ran = command(tmp_path / "none", "pipeline", "test", str(file))
    assert (ran.returncode, ran.stdout.decode()) == (0, f"ok   {file}: own: parsed\n1 passed, 0 failed\n")
    bad = json.loads(json.dumps(good).replace('"a": 1}', '"a": 2}'))
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump([bad]))
    ran = command(tmp_path / "none", "pipeline", "test", str(file), str(tmp_path / "bad.yaml"))
    assert ran.returncode == 1
    assert "`a` is 1, but should be 2\n1 passed, 1 failed" in ran.stdout.decode()
    (tmp_path / "wrong.yaml").write_text("- name: p\n  steps:\n    - type: sample\n")
    ran = command(tmp_path / "none", "pipeline", "test", str(tmp_path / "wrong.yaml"))
    assert ran.returncode == 2
    assert "line 3" in ran.stderr.decode() and "`ratio` is missing" in ran.stderr.decode()

    address = ("--url", f"http://127.0.0.1:{piped.port}", "--token", TOKEN, "--tenant", tenant)
    ran = command(tmp_path / "none", "pipeline", "push", str(file), *address)
    assert (ran.returncode, ran.stdout) == (0, b"1 pipelines are in force.\n"), ran.stderr
    ran = command(tmp_path / "none", "pipeline", "pull", *address)
    assert yaml.safe_load(ran.stdout) == [good]
    ran = command(tmp_path / "none", "pipeline", "push", str(tmp_path / "bad.yaml"), *address)
    assert ran.returncode == 2 and b"of the tests fail" in ran.stderr
    assert command(tmp_path / "none", "pipeline", "pull", *address[:2], "--token", "wrong").returncode == 1


def test_a_wrong_file_at_the_start_says_the_line(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("- name: p\n  steps:\n    - type: redact\n      options: {patterns: {x: '('}}\n")
    ran = command(tmp_path / "data", "up", NEXUS_PIPELINES_FILE=str(file))
    assert ran.returncode == 2
    assert "p.yaml, line 3" in ran.stderr.decode() and "unclosed group" in ran.stderr.decode()
