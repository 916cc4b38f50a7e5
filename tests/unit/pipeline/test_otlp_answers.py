"""The hand-written OTLP answers against the generated messages."""

from __future__ import annotations

import json

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from nexus import errors
from nexus.pipeline.otlp import JSON, PROTOBUF, export_response, status
from nexus.pipeline.topology import Outcome


def test_full_success_leaves_partial_success_unset() -> None:
    assert export_response(Outcome(5), PROTOBUF) == b""
    assert export_response(Outcome(5), JSON) == b"{}"


def test_partial_success_says_how_many_and_why() -> None:
    outcome = Outcome(5, 3, [(2, "time out of range"), (7, "ä" * 5000)])
    message = ExportLogsServiceResponse.FromString(export_response(outcome, PROTOBUF))
    assert message.partial_success.rejected_log_records == 3
    assert message.partial_success.error_message.startswith("3 rejected: record 2: time out of range; record 7: ä")
    document = json.loads(export_response(outcome, JSON))["partialSuccess"]
    assert document["rejectedLogRecords"] == "3"
    assert document["errorMessage"] == message.partial_success.error_message


@pytest.mark.parametrize(
    ("error", "code", "wait"),
    [
        (errors.InvalidRequest("bad ä."), 3, None),
        (errors.Unauthenticated("who?"), 16, None),
        (errors.PermissionDenied("no."), 7, None),
        (errors.PayloadTooLarge("big."), 8, None),
        (errors.Overloaded("full.", retry_after=2.5), 14, 2.5),
        (errors.DiskFull("full."), 14, 30.0),
        (errors.NexusError("?"), 13, None),
    ],
)
def test_status(error: errors.NexusError, code: int, wait: float | None) -> None:
    message = Status.FromString(status(error, PROTOBUF))
    assert (message.code, message.message) == (code, str(error))
    document = json.loads(status(error, JSON))
    assert (document["code"], document["message"]) == (code, str(error))
    if wait is None:
        assert not message.details
        assert "details" not in document
        return
    info = RetryInfo()
    assert message.details[0].Unpack(info)
    assert info.retry_delay.seconds + info.retry_delay.nanos / 1e9 == wait
    assert document["details"][0]["retryDelay"] == f"{wait:.3f}s"
