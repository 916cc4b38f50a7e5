"""Datadog's logs intake: the official client, the key in its places, bad records."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v1.api.authentication_api import AuthenticationApi
from datadog_api_client.v2.api.logs_api import LogsApi
from datadog_api_client.v2.model.content_encoding import ContentEncoding
from datadog_api_client.v2.model.http_log import HTTPLog
from datadog_api_client.v2.model.http_log_item import HTTPLogItem
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, TOKEN, NexusProcess

pytestmark = pytest.mark.e2e


def configuration(nexus: NexusProcess, key: str = TOKEN) -> Configuration:
    made = Configuration(host=f"http://127.0.0.1:{nexus.port}", api_key={"apiKeyAuth": key})
    made.server_index = None
    made.enable_retry = False
    return made


def search(nexus: NexusProcess, tenant: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = nexus.post(f"{API}/logs/search", {"query": query}, tenant=tenant).json["records"]
    return found


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
def test_the_official_client(nexus: NexusProcess, encoding: str | None) -> None:
    service = f"dd-client-{encoding}"
    log = HTTPLog(
        [
            HTTPLogItem(ddsource="nginx", ddtags="env:staging,version:5.1,team:a,team:b,canary", hostname="i-012345678",
                        message="2019-11-19T14:37:58,995 INFO hello", service=service, status="warn"),
            HTTPLogItem(message=json.dumps({"msg": "inner", "level": "error", "dd": {"trace_id": "ab" * 16}}), service=service),
        ]
    )  # fmt: skip
    options: dict[str, Any] = {} if encoding is None else {"content_encoding": ContentEncoding(encoding)}
    with ApiClient(configuration(nexus)) as client:
        assert AuthenticationApi(client).validate().valid
        LogsApi(client).submit_log(body=log, **options)
    found = {record["body"]: record for record in search(nexus, "", f'service:"{service}"')}
    first, second = found["2019-11-19T14:37:58,995 INFO hello"], found["inner"]
    assert first["severity"] == "warn"
    assert first["attributes"] == {"env": "staging", "version": "5.1", "team": ["a", "b"], "canary": True}
    assert first["resource"] == {"datadog.log.source": "nginx", "host.name": "i-012345678", "service.name": service}
    assert (second["severity"], second["trace_id"]) == ("error", "ab" * 16)


def test_places_of_the_key(launch: Launch) -> None:
    nexus = launch(NEXUS_LOG_ACCESS="true", NEXUS_LOG_LEVEL="info")
    body = b'{"message":"x"}'
    requests: list[tuple[str, dict[str, str]]] = [
        ("/api/v2/logs", {"DD-API-KEY": TOKEN}),
        (f"/api/v2/logs?dd-api-key={TOKEN}", {}),
        (f"/v1/input/{TOKEN}", {}),
        ("/v1/input", {"DD-API-KEY": TOKEN}),
        ("/api/v2/logs", {"Authorization": f"Bearer {TOKEN}"}),
    ]
    for path, headers in requests:
        answer = nexus.request("POST", path, body, headers, token="")
        assert (answer.status, answer.body) == (202 if "v2" in path else 200, b"{}"), path
    for path, headers in [
        ("/api/v2/logs", {"DD-API-KEY": "wrong"}), ("/api/v2/logs?dd-api-key=wrong", {}), ("/v1/input/wrong", {}),
        ("/v1/input", {}), ("/services/collector/event", {"DD-API-KEY": TOKEN}),
    ]:  # fmt: skip
        assert nexus.request("POST", path, body, headers, token="").status == 401, path
    assert nexus.request("GET", "/api/v1/validate", headers={"DD-API-KEY": TOKEN}, token="").json == {"valid": True}
    assert nexus.request("GET", "/api/v1/validate", headers={"DD-API-KEY": "x"}, token="").status == 403
    # A key in a path reaches neither the log nor the metrics, wherever the path goes wrong.
    for path in (f"/v1/input/{TOKEN}", f"/v1/input/{TOKEN}/more", f"/v1/input/{TOKEN}/"):
        nexus.request("GET", path, token="")
    metrics = nexus.get("/metrics").body.decode()
    assert nexus.count() == 5
    assert nexus.stop() == 0
    assert "POST /v1/input/" in nexus.output() and 'route="/v1/input/{key}"' in metrics
    assert TOKEN not in nexus.output() and TOKEN not in metrics


def test_bodies(nexus: NexusProcess, tenant: str) -> None:
    def send(body: bytes, query: str = "", **headers: str) -> tuple[int, Any]:
        answer = nexus.request("POST", f"/api/v2/logs{query}", body, headers, tenant=tenant)
        return answer.status, answer.json

    assert send(b'{"message":"single"}') == (202, {})
    assert send(b'{"message":"a"}\n{"message":"b"}', "?ddsource=src&service=svc&ddtags=env:test&hostname=h") == (202, {})
    assert send(b"plain one\nplain two", "?service=txt") == (202, {})
    assert send(gzip.compress(b'[{"message":"zipped"}]'), **{"Content-Encoding": "gzip"}) == (202, {})
    assert send(b"[]") == (202, {})
    # The agent's question whether somebody is there.
    assert send(b"{}") == (202, {})
    assert nexus.count(tenant=tenant) == 6
    assert nexus.count("service:svc env:test", tenant=tenant) == 2
    assert nexus.count("service:txt", tenant=tenant) == 2
    status, answer = send(b'[{"message":"good"},5,{}]')
    assert status == 202 and "2 rejected: record 2" in answer["errors"][0]["detail"]
    for body in (b'[{"message":"cut', b"[5]", b'{"a":', b"[[]]"):
        status, answer = send(body)
        assert status == 400 and answer["errors"][0]["detail"], body
    assert send(b" " * (5 << 20))[0] == 413
    assert send(b'{"message":"caf\xe9"}')[0] == 202
    for _ in range(2):
        assert send(b'{"message":"once"}', **{"Idempotency-Key": "k"}) == (202, {})
    assert nexus.count("once", tenant=tenant) == 1
