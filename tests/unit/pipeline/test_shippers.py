"""Receivers of other systems' protocols: back-pressure after decoding, acknowledgements, answers to handshakes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.pipeline.memory import Bench

from nexus.errors import DiskFull, Overloaded
from nexus.pipeline.http import Reply, Request
from nexus.pipeline.receivers.elasticsearch import Elasticsearch
from nexus.pipeline.receivers.loki import Loki
from nexus.pipeline.receivers.splunk import MAX_ACKS, MAX_CHANNELS, Acknowledgements, Splunk
from nexus.pipeline.topology import Delivery

BULK = b'{"create":{"_index":"a"}}\n{"message":"good"}\n{"create":{"_index":"a"}}\nbad\n'


async def bulk(bench: Bench, **options: Any) -> Reply:
    receiver = Elasticsearch(bench.topology, "8.19.8")
    request = Request("/_bulk", {}, **options)
    return await receiver.receive(request, Delivery("elasticsearch", "t", BULK))


async def test_a_full_queue_is_429_for_the_good_items_only(bench: Bench) -> None:
    bench.store.failure = Overloaded("the queue is full.")
    reply = await bulk(bench)
    answer = json.loads(reply.body)
    assert (reply.status, answer["errors"]) == (200, True)
    assert [item["create"]["status"] for item in answer["items"]] == [429, 400]
    assert answer["items"][0]["create"]["error"]["type"] == "es_rejected_execution_exception"
    assert bench.store.records == 0
    # What was refused for now goes in when it comes again.
    answer = json.loads((await bulk(bench, query=(("filter_path", "errors"),))).body)
    assert [item["create"]["status"] for item in answer["items"]] == [201, 400]
    assert bench.store.records == 1


async def test_a_full_disk_refuses_the_request(bench: Bench) -> None:
    bench.store.failure = DiskFull("no room.")
    with pytest.raises(DiskFull) as raised:
        await bulk(bench)
    reply = Elasticsearch(bench.topology, "8.19.8").refuse(Request("/_bulk", {}), raised.value)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "30")
    assert json.loads(reply.body)["error"]["root_cause"][0]["reason"].startswith("no room.")


async def test_whoever_stops_says_so(bench: Bench) -> None:
    await bench.topology.drain()
    error = Overloaded("Nexus is stopping.")
    assert Elasticsearch(bench.topology, "8.19.8").refuse(Request("/_bulk", {}), error).status == 503
    assert json.loads(Splunk(bench.topology, None).refuse(Request("/services/collector", {}), error).body)["code"] == 23
    assert Loki(bench.topology).refuse(Request("/loki/api/v1/push", {}), error).headers["Retry-After"]


def test_acknowledgements_are_bounded_and_true() -> None:
    acks = Acknowledgements(lambda: 5_000_000)
    first = acks.give("t", "a")
    assert first == 5
    assert acks.known("t", "a", first) and acks.known("t", "a", 4)
    assert not acks.known("t", "b", first) and not acks.known("u", "a", first) and not acks.known("t", "a", first + 1)
    assert not acks.known("t", "a", -1)
    for _ in range(MAX_ACKS):
        last = acks.give("t", "a")
    assert acks.known("t", "a", first) and acks.known("t", "a", last)
    for number in range(MAX_CHANNELS + 1):
        acks.give("t", f"channel-{number}")
    assert len(acks._channels) == MAX_CHANNELS
    assert acks.known("t", "a", last)
    assert not acks.known("t", "a", last + MAX_CHANNELS + 2)
