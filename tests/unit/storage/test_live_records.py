"""What a batch renders before it is stored is what a search renders of it afterwards, id included, and a filter finds in the
batch what a search finds in the store."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.oracles.record_batches import random_batch
from tests.strategies.otlp_requests import NOW, requests
from tests.unit.storage.conftest import OpenStore

from nexus import _native
from nexus.errors import MaskedField
from nexus.pipeline.live import filter_of, taken
from nexus.query.encode import encode_predicate
from nexus.query.fields import resolve
from nexus.query.logs import lower, parse
from nexus.query.plan import Field, FieldKind, LogScan, Search
from nexus.query.policy import scope
from nexus.storage.clickhouse.store import ClickHouseStore

QUERIES = [
    "",
    "payment",
    "user42",
    '"[info]"',
    "conn* OR *ed",
    "level:>=warn",
    "status:>=200",
    "resource.team:*",
    "resource.status:500",
    "resource.ratio:>1",
    'resource.color:"[1,2]"',
    'resource.color:!="[1,2]"',
    "resource.color:/^[gG]/",
    "host.name:!=500",
    "pod:/^[0-9.]+$/",
    "ratio:5*",
    r"/(?i)É|[[:^ascii:]]\b/",
    "-trace_id:*",
    "span_id:0000000000000001",
]


def strange_requests() -> list[ExportLogsServiceRequest]:
    """Requests with whatever OTLP can say."""
    found: list[ExportLogsServiceRequest] = []

    @settings(
        max_examples=60, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck), deadline=None
    )
    @given(requests)
    def collect(request: ExportLogsServiceRequest) -> None:
        found.append(request)

    collect()
    return found


async def search(store: ClickHouseStore, query: str) -> Counter[bytes]:
    """All records that a search finds."""
    plan = Search(LogScan(where=lower(parse(query).root, now_ns=0)), limit=10_000)
    return Counter((await store.search(scope(plan, tenant="t", query_id="q"))).records)


async def test_live_records_look_like_stored_ones(open_store: OpenStore) -> None:
    store = open_store()
    batches = [random_batch(1, 700)]
    for request in strange_requests():
        batches.append(_native.decode_otlp_logs_protobuf(request.SerializeToString(), now_ns=NOW).batch)
    # Again: its attributes have columns now.
    batches.append(random_batch(2, 700))
    for batch in batches:
        if len(batch):
            await store.append("t", batch)
    assert len([batch for batch in batches if len(batch)]) > 20
    for query in QUERIES:
        filter = _native.Filter(encode_predicate(lower(parse(query).root, now_ns=0)))
        live = Counter(line for batch in batches for _, _, line in _native.render_batch(batch, filter, 10_000))
        stored = await search(store, query)
        assert live == stored, (query, list((live - stored) + (stored - live))[:3])
        assert live, query


@pytest.mark.parametrize("query", ["payment", "status:500"])
async def test_ids_find_the_record(open_store: OpenStore, query: str) -> None:
    store = open_store()
    batch = random_batch(3, 300)
    await store.append("t", batch)
    filter = _native.Filter(encode_predicate(lower(parse(query).root, now_ns=0)))
    lines = _native.render_batch(batch, filter, 5)
    assert lines
    for timestamp, mark, line in lines:
        assert line.startswith(b'{"id":"%d-%016x"' % (timestamp, mark))


@pytest.mark.parametrize(
    ("policy", "masked"),
    [
        ("status:*", ["status", "color", "odd key", "pod"]),
        ("payment OR -level:>=warn", ["resource.team", "resource.a nest", "event_name", "scope_name", "trace_id"]),
        ("", ["body", "service", "span_id", "host.name"]),
    ],
)
async def test_masked_live_records_look_like_stored_ones(open_store: OpenStore, policy: str, masked: list[str]) -> None:
    store = open_store()
    batches = [random_batch(1, 700)]
    for request in strange_requests():
        batches.append(_native.decode_otlp_logs_protobuf(request.SerializeToString(), now_ns=NOW).batch)
    batches.append(random_batch(2, 700))
    for batch in batches:
        if len(batch):
            await store.append("t", batch)
    names = [key for batch in batches[1:-1] for key, *_ in batch.attribute_stats()]
    fields = frozenset(map(resolve, masked)) | {Field(FieldKind.ATTRIBUTE, name) for name in names[::7] if name}
    found = 0
    for query in ("", *QUERIES):
        plan = Search(LogScan(where=lower(parse(query).root, now_ns=0)), limit=10_000)
        where = lower(parse(policy).root, now_ns=0)
        try:
            scoped = scope(plan, tenant="t", policy=where, masked=fields, query_id="q")
        except MaskedField:
            continue
        view = filter_of(scoped)
        seen = [view.seen(batch) for batch in batches]
        live = Counter(
            line for one in seen for _, _, line in _native.render_batch(taken(one, view.matches(one)), None, 10_000)
        )
        stored = Counter((await store.search(scoped)).records)
        assert live == stored, (query, list((live - stored) + (stored - live))[:3])
        found += bool(live)
    assert found > 3
