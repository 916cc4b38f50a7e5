"""Spans through the writer: stored as they were sent, once for each token, kept as long as policies say, removed for good."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.oracles.row_binary import whole_spans
from tests.oracles.spans import DAY, NOON, Span, letter_of, random_spans, value_of
from tests.unit.storage.batches import numbered
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.traces.batches import batch

from nexus.errors import InvalidRequest, TokenReused
from nexus.query.plan import Compare, CompareOp, Field, FieldKind, TimeRange, Word
from nexus.query.policy import scope
from nexus.query.trace_plan import (
    Binary,
    Constant,
    FindTraces,
    GetTrace,
    Place,
    SpanCount,
    SpanField,
    SpanScan,
    Spansets,
    TraceOrder,
)
from nexus.storage.api import RetentionPolicy, Token
from nexus.storage.clickhouse.store import ClickHouseStore, TraceSettings

ROUTE = SpanField(Place.SPAN, "route")


def spans_of(count: int, *, start: int = NOON, **attributes: Any) -> list[Span]:
    """So many traces of one span."""
    chance = random.Random(count)
    return [
        Span(
            chance.randbytes(16),
            chance.randbytes(8),
            bytes(8),
            start + number,
            10**6,
            attributes={"n": number, **attributes},
        )
        for number in range(count)
    ]


async def count(store: ClickHouseStore, tenant: str = "t", scan: SpanScan | None = None) -> int:
    """Spans of a tenant."""
    table = await store.traces.table(scope(SpanCount(scan or SpanScan()), tenant=tenant, query_id="q"))
    return int(table.rows[0][0]) if table.rows else 0


def sql(store: ClickHouseStore, text: str) -> list[list[Any]]:
    """Rows of a statement."""
    connection = store._engine.connect()
    try:
        return connection.rows(text)
    finally:
        store._engine.release(connection)


async def test_every_field_comes_back(open_store: OpenStore) -> None:
    """As it was sent; whether an attribute has a column of its own or not."""
    store = open_store()
    spans = random_spans(random.Random(3), 40)
    many = spans_of(600, route="/")
    await asyncio.gather(*(store.traces.append("t", batch(part)) for part in (spans[:50], spans[50:], many)))
    assert {column.key for column in store.traces.ingest.learned.columns} >= {"n", "route"}
    assert await count(store) == len(spans) + 600
    for span in (*spans, many[5]):
        answer = await store.traces.spans(scope(GetTrace(span.trace_id, span.span_id), tenant="t", query_id="q"))
        (row,) = whole_spans(answer.data, answer.attributes)
        assert (row["trace_id"], row["span_id"], row["parent_span_id"]) == (span.trace_id, span.span_id, span.parent)
        assert (row["name"], row["kind"], row["status"], row["status_message"]) == (
            span.name, span.kind, span.status, span.message,
        )  # fmt: skip
        service = span.resource.get("service.name", "unknown_service")
        assert (row["timestamp"], row["duration"], row["service"]) == (span.start, span.duration, service)
        assert json.loads(row["resource"]) == span.resource
        expected = {(key, letter_of(held)): value_of(held)[1] for key, held in span.attributes.items()}
        assert row["attributes"] == expected
        assert [json.loads(one or "{}") for one in row["events_attributes"]] == [event.attributes for event in span.events]
        assert row["events_timestamp"] == [event.time for event in span.events]
        assert row["links_trace_id"] == [link.trace_id for link in span.links]
    rows = sql(
        store,
        "SELECT countIf(root != (parent_span_id = toFixedString('', 8))), "
        "countIf(slot != intDiv(toUnixTimestamp64Nano(timestamp), 300000000000)), countIf(weight != 1) FROM nexus.spans",
    )
    assert rows == [[0, 0, 0]]


async def test_columns_of_many_values_have_filters(open_store: OpenStore) -> None:
    """Those of few have none."""
    store = open_store()
    await store.traces.append("t", batch(spans_of(3000, route="/")))
    rows = sql(store, "SELECT name FROM system.data_skipping_indices WHERE database = 'nexus' AND table = 'spans'")
    names = {name for (name,) in rows}
    assert "by_i_n" in names and "by_s_route" not in names
    await store.append("t", numbered(3000))
    logs = sql(store, "SELECT count() FROM system.data_skipping_indices WHERE table = 'logs' AND name = 'by_i_n'")
    assert logs == [[0]]


async def test_tokens(open_store: OpenStore) -> None:
    """A batch is stored once under its token; logs may have the same one; each outlives a restart."""
    store = open_store()
    token, spans = Token("one", 1), batch(spans_of(10))
    first = await store.traces.append("t", spans, token, b"reply")
    assert (first.records, first.replayed) == (10, False)
    again = await store.traces.append("t", spans, token, b"other")
    assert (again.records, again.replayed, again.reply) == (10, True, b"reply")
    logged = await store.append("t", numbered(3), Token("one", 2))
    assert (logged.records, logged.replayed) == (3, False)
    with pytest.raises(TokenReused):
        await store.traces.append("t", spans, Token("one", 2))
    store.close()
    store = open_store()
    found = await store.traces.replayed("t", token)
    assert found is not None and found.replayed
    assert await store.traces.replayed("other", token) is None
    assert await count(store) == 10


async def test_a_kill_between_insert_and_note(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table itself tells what of a commit is stored, of spans as of logs."""
    store = open_store()
    spans = batch([*spans_of(5), *spans_of(7, start=NOON + DAY)])
    monkeypatch.setattr(store.traces.ingest.ledger, "complete", lambda commit_id: None)
    await store.traces.append("t", spans, Token("k", 1))
    store.close()
    store = open_store()
    again = await store.traces.append("t", spans, Token("k", 1))
    assert again.replayed
    assert await count(store) == 12


async def test_retention_by_policy(open_store: OpenStore) -> None:
    """Rules that ask for what spans do not have are for none of them; a change moves those that are stored."""
    rules = (
        (Word("debug"), 1),
        (Compare(Field(FieldKind.ATTRIBUTE, "route"), CompareOp.EQ, "/debug"), 3),
    )
    policies = {"t": RetentionPolicy(rules, 20)}
    days = 30
    store = open_store(traces=TraceSettings(lambda: days, lambda: policies))
    now = time.time_ns()
    for tenant in ("t", "other"):
        await store.traces.append(tenant, batch(spans_of(2, start=now, route="/debug"), now))
        await store.traces.append(tenant, batch(spans_of(3, start=now, route="/"), now))
    told = "SELECT tenant, toInt32(expires_on) - toInt32(toDate(timestamp)) AS d, count() FROM nexus.spans GROUP BY ALL ORDER BY ALL"
    assert sql(store, told) == [["other", 30, 5], ["t", 3, 2], ["t", 20, 3]]
    policies["t"] = RetentionPolicy((), 7)
    days = 0
    await store.traces.follow_retention()
    while not (await store.traces.retention_progress("t")).done:
        await asyncio.sleep(0.02)
    rows = sql(store, "SELECT tenant, toUInt16(expires_on) = 65535, toInt32(expires_on) - toInt32(toDate(timestamp)) AS d, "
                      "count() FROM nexus.spans WHERE tenant = 't' GROUP BY ALL ORDER BY ALL")  # fmt: skip
    assert rows == [["t", 0, 7, 5]]
    assert sql(store, "SELECT DISTINCT toUInt16(expires_on) FROM nexus.spans WHERE tenant = 'other'") == [[65535]]


async def test_erasure(open_store: OpenStore) -> None:
    """What meets a condition goes from disk; what comes later stays; conditions on whole traces are refused."""
    store = open_store()
    await store.traces.append("t", batch(spans_of(700, route="/a")))
    await store.traces.append("t", batch(spans_of(300, route="/b")))
    await store.traces.append("other", batch(spans_of(50, route="/a")))
    scan = SpanScan(where=Binary("=", ROUTE, Constant("string", "/a")))
    query = scope(SpanCount(scan), tenant="t", query_id="q")
    assert await store.traces.erase("e1", query) >= 1
    while not (progress := await store.traces.erasure_progress("e1")) or not progress.done:
        await asyncio.sleep(0.02)
    await store.traces.append("t", batch(spans_of(7, route="/a")))
    while (await store.traces.erased("e1", query)).parts_left:
        await asyncio.sleep(0.1)
    assert await store.traces.erasure_progress("e1") is None
    assert (await count(store), await count(store, scan=scan), await count(store, "other")) == (307, 7, 50)
    whole = SpanScan(where=Binary("=", SpanField(Place.INTRINSIC, "rootName"), Constant("string", "x")))
    with pytest.raises(InvalidRequest, match="by what they say themselves"):
        await store.traces.erase("e2", scope(SpanCount(whole), tenant="t", query_id="q"))


async def test_a_tenant_is_forgotten(open_store: OpenStore) -> None:
    """With its spans, its policy, and nothing of others."""
    policies = {"t": RetentionPolicy((), 3)}
    store = open_store(traces=TraceSettings(policies=lambda: policies))
    await store.traces.append("t", batch(spans_of(100)))
    await store.traces.append("other", batch(spans_of(10)))
    policies.clear()
    await store.traces.forget_tenant("t")
    assert (await count(store), await count(store, "other")) == (0, 10)
    path: Path = store._engine.directory.path
    state = sql(store, "SELECT count() FROM system.mutations WHERE table = 'spans' AND NOT is_done")
    assert state == [[0]] and path.exists()
    await store.traces.forget_tenant("t")


async def test_spans_that_were_stored_twice(open_store: OpenStore) -> None:
    """Count once in what a search tells, by their id, and match when one of them does; those of one id and several kinds are
    one match of two spans."""
    store = open_store()
    (one, other, third) = spans_of(3, route="/a")
    trace = one.trace_id
    other, third = (replace(span, trace_id=trace) for span in (other, third))
    again = replace(one, attributes={"route": "/b"}, start=one.start + 5)
    shared = replace(other, kind=(other.kind + 1) % 6, start=other.start + 7)
    for part in ([one, other, third], [again], [one, shared]):
        await store.traces.append("t", batch(part))
    for route, matched, first in (("/a", 3, [one, other, third]), ("/b", 1, [again])):
        leaf = Binary("=", ROUTE, Constant("string", route))
        orders: tuple[TraceOrder, ...] = ("newest", "longest")
        for order in orders:
            plan = FindTraces(TimeRange(), Spansets((leaf,)), spans_per_trace=2, order=order)
            (hit,) = (await store.traces.find(scope(plan, tenant="t", query_id="q"))).hits
            assert hit.spans == 4
            (told,) = hit.sets
            assert told.matched == matched
            assert [(s.span_id, s.start) for s in told.spans] == [(s.span_id.hex(), s.start) for s in first[:2]]
