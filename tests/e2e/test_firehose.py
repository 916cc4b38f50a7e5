"""Amazon Data Firehose's deliveries, as its HTTP endpoint specification has them."""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from typing import Any

import pytest
from tests.e2e.nexus_process import API, TOKEN, Answer, NexusProcess

pytestmark = pytest.mark.e2e


def deliver(nexus: NexusProcess, tenant: str, *records: bytes, **headers: str) -> Answer:
    document = {
        "requestId": "in-the-body",
        "timestamp": 1780315200000,
        "records": [{"data": base64.b64encode(record).decode()} for record in records],
    }
    return post(nexus, tenant, json.dumps(document).encode(), **headers)


def post(nexus: NexusProcess, tenant: str, body: bytes, **headers: str) -> Answer:
    given = {
        "Content-Type": "application/json",
        "X-Amz-Firehose-Protocol-Version": "1.0",
        "X-Amz-Firehose-Request-Id": str(uuid.uuid4()),
        "X-Amz-Firehose-Access-Key": TOKEN,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return nexus.request("POST", "/aws/firehose", body, given, token="", tenant=tenant)


def search(nexus: NexusProcess, tenant: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = nexus.post(f"{API}/logs/search", {"query": query}, tenant=tenant).json["records"]
    return found


def cloud_watch(*messages: str) -> bytes:
    events = [{"id": str(n), "timestamp": 1780315200123 + n, "message": message} for n, message in enumerate(messages)]
    payload = {
        "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/pay", "logStream": "s-1",
        "subscriptionFilters": ["all"], "logEvents": events,
    }  # fmt: skip
    return gzip.compress(json.dumps(payload).encode())


def test_cloudwatch_logs(nexus: NexusProcess, tenant: str) -> None:
    common = json.dumps({"commonAttributes": {"deployment.environment.name": "prod"}})
    control = gzip.compress(
        b'{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":0,"message":"CWL CONTROL"}]}'
    )
    answer = deliver(
        nexus,
        tenant,
        cloud_watch("START", "END"),
        control,
        X_Amz_Firehose_Request_Id="r-1",
        X_Amz_Firehose_Common_Attributes=common,
    )
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json["requestId"] == "r-1" and isinstance(answer.json["timestamp"], int) and len(answer.json) == 2
    assert nexus.count(tenant=tenant) == 2
    (record,) = search(nexus, tenant, "END")
    assert record["timestamp"] == "1780315200124000000"
    assert record["resource"] == {
        "cloud.provider": "aws", "cloud.account.id": "123456789012", "cloudwatch.log.group.name": "/aws/lambda/pay",
        "cloudwatch.log.stream": "s-1", "deployment.environment.name": "prod",
    }  # fmt: skip


def test_json_and_text(nexus: NexusProcess, tenant: str) -> None:
    answer = deliver(nexus, tenant, b'{"message":"a","level":"warn"}{"message":"b"}\n{"message":"c"}', b"plain 1\nplain 2\n")
    assert answer.status == 200
    assert nexus.count(tenant=tenant) == 5
    assert nexus.count("severity:warn", tenant=tenant) == 1


def test_a_delivery_that_is_tried_again_counts_once(nexus: NexusProcess, tenant: str) -> None:
    answers = [deliver(nexus, tenant, b"once", X_Amz_Firehose_Request_Id="again") for _ in range(3)]
    assert len({answer.body for answer in answers}) == 1
    assert nexus.count(tenant=tenant) == 1


def test_bad_deliveries(nexus: NexusProcess, tenant: str) -> None:
    answer = deliver(nexus, tenant, b"x", X_Amz_Firehose_Access_Key="wrong", X_Amz_Firehose_Request_Id="r-2")
    assert (answer.status, answer.json["requestId"]) == (401, "r-2") and answer.json["errorMessage"]
    for body in (b"", b"garbage", b"[]", b"{}", b'{"records":5}', b'{"records":[{"data":"aGk="}', b'{"records":[{"data":"!"}]}',
                 b'{"records":[5]}', b'{"records":[{"data":7}]}'):  # fmt: skip
        answer = post(nexus, tenant, body)
        assert answer.status == 400 and answer.json["errorMessage"] and answer.json["requestId"], body
    assert deliver(nexus, tenant, b"x", X_Amz_Firehose_Common_Attributes="{").status == 400
    bomb = gzip.compress(gzip.compress(bytes(200 << 20)))
    assert deliver(nexus, tenant, gzip.decompress(bomb)).status == 400
    assert nexus.count(tenant=tenant) == 0
    mixed = {"records": [{"data": "aGVsbG8="}, {"data": "?"}]}
    answer = post(nexus, tenant, json.dumps(mixed).encode())
    assert answer.status == 200 and "record 2: the data is not base64" in answer.json["errorMessage"]
    assert nexus.count("hello", tenant=tenant) == 1
