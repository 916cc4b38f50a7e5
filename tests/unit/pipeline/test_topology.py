"""From delivery to outcome, with the real decoders."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from functools import partial

import pytest
from tests.e2e.encodings import snappy, zstd
from tests.unit.pipeline.memory import Bench
from tests.unit.pipeline.metric_memory import MetricBench

from nexus import _native
from nexus.errors import DiskFull, InvalidRequest, Overloaded, PayloadTooLarge, TokenReused, UnsupportedEncoding
from nexus.pipeline.answers import IngestAnswer
from nexus.pipeline.http import Request
from nexus.pipeline.receivers.json_lines import JsonLines, field_mapping
from nexus.pipeline.receivers.otlp_http import OtlpHttp
from nexus.pipeline.topology import Delivery, Outcome

GOOD = b'{"_msg":"one","service":"shop"}\n{"_msg":"two","service":"shop"}\n'
MIXED = b'{"_msg":"one"}\nnot json\n{"_msg":"three"}\n'
REQUEST = Request("/api/nexus/v1/ingest/logs", {})


def decoder() -> partial[object]:
    nothing: dict[str, object] = {"time_fields": None, "message_fields": None, "level_fields": None}
    empty: dict[str, object] = {"stream_fields": [], "ignore_fields": [], "extra_fields": {}}
    return partial(_native.decode_json_lines, now_ns=time.time_ns(), **nothing, **empty)


async def deliver(bench: Bench, body: bytes, encoding: str = "", key: str = "", tenant: str = "t") -> Outcome:
    return await bench.topology.deliver(
        Delivery("test", tenant, body, encoding, key), decoder(), lambda outcome: b"%d" % outcome.accepted
    )


async def test_records_are_stored_and_counted(bench: Bench) -> None:
    outcome = await deliver(bench, MIXED)
    assert (outcome.accepted, outcome.rejected, outcome.reply) == (2, 1, b"2")
    assert outcome.errors[0][0] == 2
    assert bench.store.records == 2
    assert bench.tenants == ["t"]
    text = bench.registry.render().decode()
    assert 'nexus_ingest_records_total{tenant="t",receiver="test"} 2' in text
    assert 'nexus_ingest_rejected_records_total{tenant="t",receiver="test",reason="invalid_record"} 1' in text
    counted, rate = bench.topology.statistics.of("t")
    assert (counted.records, counted.rejected) == (2, 1)
    assert rate > 0


async def test_services_are_counted(bench: Bench) -> None:
    await deliver(bench, GOOD)
    assert 'nexus_ingest_service_records_total{tenant="t",service="shop"} 2' in bench.registry.render().decode()


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "deflate", "identity", "zstd", "snappy"])
async def test_encodings(bench: Bench, encoding: str) -> None:
    pack = {
        "gzip": gzip.compress,
        "x-gzip": gzip.compress,
        "deflate": zlib.compress,
        "identity": bytes,
        "zstd": zstd,
        "snappy": snappy,
    }[encoding.lower()]
    assert (await deliver(bench, pack(GOOD), encoding)).accepted == 2


async def test_encodings_that_are_wrong(bench: Bench) -> None:
    with pytest.raises(UnsupportedEncoding):
        await deliver(bench, GOOD, "br")
    with pytest.raises(UnsupportedEncoding):
        await deliver(bench, GOOD, "gzip, gzip")
    with pytest.raises(InvalidRequest, match="is not gzip"):
        await deliver(bench, GOOD, "gzip")
    with pytest.raises(InvalidRequest):
        await deliver(bench, gzip.compress(GOOD)[:-4], "gzip")
    with pytest.raises(PayloadTooLarge):
        await deliver(bench, gzip.compress(b" " * (2 << 20)), "gzip")
    assert bench.store.records == 0


async def test_a_key_is_stored_once(bench: Bench) -> None:
    first = await deliver(bench, GOOD, key="k")
    again = await deliver(bench, gzip.compress(GOOD), "gzip", key="k")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.reply == first.reply
    assert bench.store.records == 2
    with pytest.raises(TokenReused):
        await deliver(bench, MIXED, key="k")
    await deliver(bench, MIXED, key="k", tenant="other")
    assert bench.store.records == 4


@pytest.mark.parametrize("key", ["x" * 257, "a\nb", "\x7f"])
async def test_keys_that_are_none(bench: Bench, key: str) -> None:
    with pytest.raises(InvalidRequest):
        await deliver(bench, GOOD, key=key)


async def test_a_failed_store_is_passed_on(bench: Bench) -> None:
    bench.store.failure = DiskFull("no room.")
    with pytest.raises(DiskFull):
        await deliver(bench, GOOD)
    assert (await deliver(bench, GOOD)).accepted == 2


async def test_what_was_handed_over_is_stored_though_the_sender_left(bench: Bench) -> None:
    bench.store.gate.clear()
    task = asyncio.create_task(deliver(bench, GOOD))
    while not bench.store.waiting:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.store.gate.set()
    await bench.topology.drain()
    assert bench.store.records == 2


async def test_draining_refuses_new_and_waits_for_old(bench: Bench) -> None:
    bench.store.gate.clear()
    task = asyncio.create_task(deliver(bench, GOOD))
    while not bench.store.waiting:
        await asyncio.sleep(0)
    draining = asyncio.create_task(bench.topology.drain())
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="stopping"):
        await deliver(bench, GOOD)
    assert not draining.done()
    bench.store.gate.set()
    await draining
    assert (await task).accepted == 2


# ------------------------------------------------------------------------------------------------------- JSON lines


async def post(bench: Bench, body: bytes, key: str = "", request: Request = REQUEST) -> tuple[int, dict[str, object]]:
    reply = await JsonLines(bench.topology).receive(request, Delivery("json_lines", "t", body, key=key))
    return reply.status, json.loads(reply.body)


async def test_json_lines_answers(bench: Bench) -> None:
    assert await post(bench, GOOD) == (200, {"accepted": 2, "rejected": 0, "errors": []})
    status, answer = await post(bench, MIXED)
    assert status == 200
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    assert answer["errors"][0]["line"] == 2  # type: ignore[index]
    status, answer = await post(bench, b"no\nno\n")
    assert status == 400
    assert (answer["accepted"], answer["rejected"]) == (0, 2)
    assert answer["error"]["code"] == "no_valid_record"  # type: ignore[index]
    for nothing in (b"", b"\n\n  \n"):
        with pytest.raises(InvalidRequest, match="no records"):
            await post(bench, nothing)


async def test_a_repeated_request_is_answered_byte_for_byte(bench: Bench) -> None:
    first = await JsonLines(bench.topology).receive(REQUEST, Delivery("json_lines", "t", MIXED, key="k"))
    again = await JsonLines(bench.topology).receive(REQUEST, Delivery("json_lines", "t", MIXED, key="k"))
    assert again.body == first.body
    assert json.loads(first.body)["accepted"] == 2
    IngestAnswer(**json.loads(first.body))


def test_field_mapping_from_query_and_headers() -> None:
    headers = {"vl-msg-field": "m1", "x-nexus-time-field": "t1", "vl-stream-fields": "a", "vl-extra-fields": "e=1,f=2=3"}
    request = Request("/", headers, (("_msg_field", "m2, m3"), ("ignore_fields", "x*,y"), ("unknown", "1")))
    assert field_mapping(request) == {
        "time_fields": ["t1"],
        "message_fields": ["m2", "m3"],
        "level_fields": None,
        "stream_fields": ["a"],
        "ignore_fields": ["x*", "y"],
        "extra_fields": {"e": "1", "f": "2=3"},
    }
    with pytest.raises(InvalidRequest, match="extra_fields"):
        field_mapping(Request("/", {}, (("extra_fields", "novalue"),)))


# ------------------------------------------------------------------------------------------------------------- OTLP


async def test_otlp_paths_types_and_refusals(bench: Bench, metrics: MetricBench) -> None:
    receiver = OtlpHttp(bench.topology, metrics.intake, None)  # type: ignore[arg-type]
    as_json = {"content-type": "application/json; charset=utf-8"}
    reply = await receiver.receive(Request("/v1/logs", as_json), Delivery("otlp_http", "t", b"{}"))
    assert (reply.status, reply.body, reply.content_type) == (200, b"{}", "application/json")
    as_protobuf = {"content-type": "application/x-protobuf"}
    reply = await receiver.receive(Request("/v1/logs", as_protobuf), Delivery("otlp_http", "t", b""))
    assert (reply.status, reply.body, reply.content_type) == (200, b"", "application/x-protobuf")
    with pytest.raises(UnsupportedEncoding):
        await receiver.receive(Request("/v1/logs", {"content-type": "text/plain"}), Delivery("otlp_http", "t", b""))
    with pytest.raises(InvalidRequest):
        await receiver.receive(Request("/v1/logs", as_json), Delivery("otlp_http", "t", b"{"))
    refusal = receiver.refuse(Request("/v1/logs", {}), Overloaded("full.", retry_after=2.4))
    assert (refusal.status, refusal.content_type, refusal.headers) == (503, "application/json", {"Retry-After": "3"})
    assert json.loads(refusal.body)["code"] == 14
