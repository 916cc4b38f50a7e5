"""Splunk's HTTP Event Collector: a client of it, the exact codes, acknowledgements."""

from __future__ import annotations

import gzip
import json
import logging
import uuid
from typing import Any

import pytest
from splunk_hec_handler import SplunkHecHandler
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, TOKEN, Answer, NexusProcess

pytestmark = pytest.mark.e2e

BASE = "/services/collector"


def send(nexus: NexusProcess, body: bytes | str, path: str = "/event", tenant: str = "", **headers: str) -> Answer:
    content = body.encode() if isinstance(body, str) else body
    given = {"Authorization": f"Splunk {TOKEN}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return nexus.request("POST", BASE + path, content, given, token="", tenant=tenant)


def search(nexus: NexusProcess, tenant: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = nexus.post(f"{API}/logs/search", {"query": query}, tenant=tenant).json["records"]
    return found


def test_the_python_handler(nexus: NexusProcess) -> None:
    handler = SplunkHecHandler(
        "127.0.0.1", TOKEN, port=nexus.port, proto="http", source="hec-client", sourcetype="_json", hostname="box-1"
    )
    logger = logging.getLogger("hec-client")
    logger.propagate = False
    logger.addHandler(handler)
    logger.warning("disk is filling")
    logger.error({"message": "order failed", "order": {"id": 7}, "fields": {"color": "red"}})
    found = {record["body"]: record for record in search(nexus, "", 'resource.com.splunk.source:"hec-client"')}
    assert set(found) == {"disk is filling", "order failed"}
    assert found["disk is filling"]["severity"] == "warn"
    record = found["order failed"]
    assert record["resource"] == {"com.splunk.source": "hec-client", "com.splunk.sourcetype": "_json", "host.name": "box-1"}
    assert record["attributes"]["order.id"] == 7 and record["attributes"]["color"] == "red"


def test_events(nexus: NexusProcess, tenant: str) -> None:
    body = (
        '{"time":1780315200.123,"host":"h","source":"s","sourcetype":"st","index":"i","event":"text","fields":{"a":1}}'
        '{"time":"1780315201","event":{"message":"nested","level":"ERROR","user":{"id":5}}}\n\n{"event":"third"}'
    )
    for path in ("", "/event", "/event/1.0"):
        answer = send(nexus, body, path, tenant)
        assert (answer.status, answer.json) == (200, {"text": "Success", "code": 0})
    answer = nexus.request(
        "POST", f"/splunk{BASE}", gzip.compress(body.encode()), {"Content-Encoding": "gzip"}, tenant=tenant
    )
    assert answer.status == 200
    assert nexus.count(tenant=tenant) == 12
    first = search(nexus, tenant, "text")[0]
    assert first["timestamp"] == "1780315200123000000"
    assert first["resource"] == {
        "host.name": "h", "com.splunk.source": "s", "com.splunk.sourcetype": "st", "com.splunk.index": "i",
    }  # fmt: skip
    nested = search(nexus, tenant, "nested")[0]
    assert (nested["severity"], nested["attributes"]) == ("error", {"user.id": 5})


def test_raw(nexus: NexusProcess, tenant: str) -> None:
    path = "/raw?host=h-raw&sourcetype=syslog&extra_fields=region=eu"
    answer = send(nexus, b"line one\r\nline two\n\ncaf\xe9\n", path, tenant, X_Splunk_Request_Channel=str(uuid.uuid4()))
    assert answer.json["code"] == 0
    assert nexus.count('"host.name":"h-raw" region:eu', tenant=tenant) == 3
    assert send(nexus, b"line", "/raw/1.0", tenant).json == {"text": "Success", "code": 0}


@pytest.mark.parametrize(
    ("body", "code", "stored"),
    [
        ("", 5, 0),
        ("   ", 5, 0),
        ("garbage", 6, 0),
        ('{"event":"a"}{"event":', 6, 1),
        ('{"host":"h"}', 12, 0),
        ('{"event":null}', 12, 0),
        ('{"event":"a"}{"event":""}{"event":"c"}', 13, 2),
        ('{"event":{}}', 13, 0),
        ('{"event":"a","fields":{"x":{"y":1}}}', 15, 0),
        ('{"event":"a","fields":5}', 15, 0),
        ('{"event":"a","time":"noon"}', 6, 0),
        ('[{"event":"a"}]', 6, 0),
    ],
)
def test_codes_of_bad_bodies(nexus: NexusProcess, tenant: str, body: str, code: int, stored: int) -> None:
    answer = send(nexus, body, tenant=tenant)
    assert (answer.status, answer.json["code"]) == (400, code), answer.body
    assert nexus.count(tenant=tenant) == stored
    if stored:
        assert answer.json["invalid-event-number"] == 1


def test_codes_of_refusals(nexus: NexusProcess) -> None:
    def code(**options: Any) -> tuple[int, int]:
        answer = nexus.request("POST", f"{BASE}/event", b'{"event":"x"}', **options)
        return answer.status, answer.json["code"]

    assert code(token="") == (401, 2)
    assert code(token="", headers={"Authorization": f"Digest {TOKEN}"}) == (401, 3)
    assert code(token="", headers={"Authorization": "Splunk wrong"}) == (403, 4)
    assert code(token="wrong") == (403, 4)
    assert code(headers={"X-Splunk-Request-Channel": "no guid"}) == (400, 11)
    assert nexus.request("POST", f"{BASE}/event", b" " * (5 << 20)).json["code"] == 27


def test_health(nexus: NexusProcess) -> None:
    for path in ("/health", "/health/1.0"):
        assert nexus.get(BASE + path).json == {"text": "HEC is healthy", "code": 17}
        answer = nexus.get(f"/splunk{BASE}{path}", token="")
        assert (answer.status, answer.json["code"]) == (401, 2)
    # Docker's log driver.
    assert nexus.request("OPTIONS", f"{BASE}/event/1.0").status == 200


def test_acknowledgements(nexus: NexusProcess, tenant: str) -> None:
    channel, other = str(uuid.uuid4()), str(uuid.uuid4())
    ids = [send(nexus, '{"event":"x"}', tenant=tenant, X_Splunk_Request_Channel=channel).json["ackId"] for _ in range(3)]
    assert ids == sorted(set(ids))

    def ask(channel: str, *numbers: int) -> Any:
        body = json.dumps({"acks": numbers})
        return send(nexus, body, f"/ack?channel={channel}" if channel else "/ack", tenant).json

    assert ask(channel, *ids, ids[-1] + 1000) == {"acks": {**{str(n): True for n in ids}, str(ids[-1] + 1000): False}}
    assert ask(other, ids[0]) == {"acks": {str(ids[0]): False}}
    assert ask("", ids[0])["code"] == 10
    assert send(nexus, "[]", f"/ack?channel={channel}", tenant).json["code"] == 6
    key = {"X_Splunk_Request_Channel": channel, "Idempotency_Key": "k"}
    assert len({send(nexus, '{"event":"once"}', tenant=tenant, **key).body for _ in range(3)}) == 1
    assert nexus.count("once", tenant=tenant) == 1


def test_acknowledgements_outlive_a_restart_and_can_be_off(launch: Launch) -> None:
    nexus = launch()
    channel = str(uuid.uuid4())
    number = send(nexus, '{"event":"x"}', X_Splunk_Request_Channel=channel).json["ackId"]
    nexus.kill()
    nexus = launch()
    path = f"/ack?channel={channel}"
    assert send(nexus, json.dumps({"acks": [number]}), path).json == {"acks": {str(number): True}}
    assert nexus.stop() == 0
    nexus = launch(NEXUS_SPLUNK_ACKNOWLEDGEMENTS="false")
    assert send(nexus, '{"event":"x"}', X_Splunk_Request_Channel=channel).json == {"text": "Success", "code": 0}
    answer = send(nexus, json.dumps({"acks": [number]}), path)
    assert (answer.status, answer.json) == (400, {"text": "ACK is disabled", "code": 14})
    assert nexus.stop() == 0
