"""What somebody sees of traces under a row policy and masks: for every plan exactly what another tenant shows that holds the
spans of the policy alone, with `***` in the place of masked values."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.oracles.row_binary import whole_spans
from tests.oracles.spans import HOUR, NOON, Span, random_spans
from tests.unit.storage.traces.conftest import fill

from nexus.errors import MaskedField
from nexus.query.plan import (
    MASK,
    All,
    And,
    Compare,
    CompareOp,
    Exists,
    Field,
    FieldKind,
    Not,
    Or,
    Predicate,
    TimeRange,
    Word,
)
from nexus.query.policy import scope
from nexus.query.trace_plan import (
    EVERY_SPAN,
    Binary,
    Constant,
    CriticalPaths,
    FindTraces,
    GetTrace,
    Place,
    SearchSpans,
    SpanCount,
    SpanErrors,
    SpanExpr,
    SpanFacets,
    SpanField,
    SpanHeatmap,
    SpanProfile,
    SpanScan,
    SpanSeries,
    TagNames,
    TagValues,
)
from nexus.query.traces.lower import lower_search
from nexus.query.traces.parser import parse
from nexus.storage.clickhouse.options import StoreOptions
from nexus.storage.clickhouse.store import ClickHouseStore

ALL = TimeRange(NOON - 24 * HOUR, NOON + 48 * HOUR)


def column(name: str) -> Field:
    """A column of records."""
    return Field(FieldKind.COLUMN, name)


def attribute(name: str) -> Field:
    """An attribute."""
    return Field(FieldKind.ATTRIBUTE, name)


def resource(name: str) -> Field:
    """A resource attribute."""
    return Field(FieldKind.RESOURCE, name)


SHOP = Compare(column("service"), CompareOp.EQ, "shop")
ROUTE = Exists(attribute("http.route"))
HOST = Compare(resource("host.name"), CompareOp.NE, "n1")
SEVERE = Compare(column("severity"), CompareOp.GE, "error")

POLICIES: dict[str, tuple[Predicate, Callable[[Span], bool]]] = {
    "all": (All(), lambda span: True),
    "service": (SHOP, lambda span: span.service == "shop"),
    "another": (Not(SHOP), lambda span: span.service != "shop"),
    "either": (Or((SHOP, ROUTE)), lambda span: span.service == "shop" or "http.route" in span.attributes),
    "resource": (HOST, lambda span: span.resource.get("host.name", "n1") != "n1"),
    "a word": (Word("timeout"), lambda span: False),
    "no word": (Not(Word("timeout")), lambda span: False),
    "not severe": (Not(Or((SEVERE, SHOP))), lambda span: False),
    "a word or": (Or((Word("timeout"), SHOP)), lambda span: span.service == "shop"),
    "no word and": (Not(And((Word("timeout"), Not(SHOP)))), lambda span: span.service == "shop"),
}
MASKS: dict[str, frozenset[Field]] = {
    "nothing": frozenset(),
    "attributes": frozenset(map(attribute, ("http.route", "http.status", "word", "user.id", "exception.type"))),
    "resources": frozenset({resource("host.name"), resource("word")}),
    "service": frozenset({column("service"), column("scope_name")}),
    "messages": frozenset({column("body"), column("event_name"), attribute("flag")}),
}


def masked(span: Span, fields: frozenset[Field]) -> Span:
    """A span as it is seen."""
    span = copy.deepcopy(span)
    names = {field.name for field in fields if field.kind is FieldKind.ATTRIBUTE}

    def hide(held: dict[str, Any], hidden: set[str]) -> None:
        for name in hidden & held.keys():
            held[name] = MASK

    hide(span.attributes, names)
    hide(span.scope_attributes, names)
    for one in (*span.events, *span.links):
        hide(one.attributes, names)
    hide(span.resource, {field.name for field in fields if field.kind is FieldKind.RESOURCE})
    if column("service") in fields and span.service:
        span.service = MASK
        span.resource["service.name"] = MASK
    if column("scope_name") in fields and span.scope[0]:
        span.scope = MASK, span.scope[1]
    if column("body") in fields and span.message:
        span.message = MASK
    if column("event_name") in fields:
        for event in span.events:
            event.name = MASK
    return span


def _intrinsic(name: str) -> SpanField:
    return SpanField(Place.INTRINSIC, name)


def plans(spans: list[Span]) -> Iterator[Any]:
    """One of each plan and more."""
    failed = Binary("=", _intrinsic("status"), Constant("status", "error"))
    scan = SpanScan(ALL)
    span_fields = tuple(SpanField(Place.SPAN, name) for name in ("http.route", "http.status", "word", "flag"))
    yield from (GetTrace(span.trace_id) for span in spans[:6])
    yield SearchSpans(SpanScan(ALL, failed), 50)
    yield CriticalPaths(SpanScan(ALL, failed))
    yield FindTraces(ALL, select=(*span_fields, SpanField(Place.RESOURCE, "host.name")), limit=1000, spans_per_trace=5)
    yield FindTraces(ALL, order="errors", limit=10)
    for text in ("{ status = error } >> { }", "{ } | by(resource.service.name) | count() > 1", "{ rootName = `GET /` }"):
        yield lower_search(parse(text), text, ALL, limit=50)
    yield from (TagNames(scan), SpanErrors(scan), SpanHeatmap(scan, HOUR), SpanCount(SpanScan(ALL, failed)))
    fields = [SpanField(Place.RESOURCE, name) for name in ("host.name", "word", "service.name")]
    fields += [SpanField(Place.EVENT, name) for name in ("word", "exception.type")]
    fields += [SpanField(Place.LINK, "word"), SpanField(Place.SCOPE, "word"), SpanField(Place.ANYWHERE, "word")]
    fields += [_intrinsic(name) for name in ("statusMessage", "event:name", "instrumentation:name", "rootServiceName")]
    yield from (TagValues(scan, field) for field in (*span_fields, *fields))
    yield SpanFacets(scan, (*span_fields, _intrinsic("service")))
    yield SpanProfile(SpanScan(ALL, failed), scan)
    yield SpanSeries(scan, "count_over_time", NOON - 24 * HOUR, NOON + 24 * HOUR, HOUR, by=(*span_fields[:1], *fields[:1]))


async def asked(store: ClickHouseStore, plan: Any, **sight: Any) -> Any:
    """The answer of a plan, without what depends on when it was asked."""
    query = scope(plan, query_id="q", **sight)
    match plan:
        case FindTraces():
            hits = await store.traces.find(query)
            return hits.hits, hits.incomplete
        case SpanSeries():
            series = await store.traces.series(query)
            return sorted((sorted(map(repr, one.labels.items())), one.points) for one in series.series)
        case CriticalPaths():
            return (await store.traces.spans(query)).data
        case GetTrace() | SearchSpans():
            answer = await store.traces.spans(query)
            return whole_spans(answer.data, answer.attributes)
        case _:
            return sorted(map(repr, (await store.traces.table(query)).rows))


SIGHTS = [(policy, "nothing") for policy in POLICIES if policy != "all"] + [("all", mask) for mask in MASKS]
SIGHTS += [("either", "attributes"), ("service", "service"), ("resource", "resources")]


@pytest.fixture(scope="module")
def sights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ClickHouseStore, list[Span]]]:
    """Spans of a tenant, and for each way of seeing them a tenant that has what is seen."""
    store = ClickHouseStore.open(StoreOptions(tmp_path_factory.mktemp("sights") / "data", disk_reserve_bytes=1))
    try:
        spans = random_spans(random.Random(7), 60)
        fill(store, spans)
        for policy, mask in SIGHTS:
            kept = [masked(span, MASKS[mask]) for span in spans if POLICIES[policy][1](span)]
            if kept:
                fill(store, [replace(span, tenant=f"{policy} {mask}") for span in kept])
        yield store, spans
    finally:
        store.close()


@pytest.mark.parametrize(("policy", "mask"), SIGHTS)
async def test_sight(sights: tuple[ClickHouseStore, list[Span]], policy: str, mask: str) -> None:
    """Every plan answers as for the twin."""
    store, spans = sights
    for plan in plans(spans):
        sight = {"tenant": "acme", "policy": POLICIES[policy][0], "masked": MASKS[mask]}
        try:
            seen = await asked(store, plan, **sight)
        except MaskedField:
            assert mask == "service", plan
            continue
        assert seen == await asked(store, plan, tenant=f"{policy} {mask}"), plan


@pytest.mark.parametrize("place", [Place.SPAN, Place.ANYWHERE, Place.EVENT, Place.LINK, Place.SCOPE])
def test_conditions_on_masked_values_are_refused(place: Place) -> None:
    """But not whether there is one."""
    hidden = frozenset({attribute("word")})
    field = SpanField(place, "word")

    def closed(where: SpanExpr) -> None:
        scope(SpanCount(SpanScan(ALL, where)), tenant="t", masked=hidden, query_id="q")

    closed(Binary("!=", field, Constant("nil", "")))
    closed(Binary("=", SpanField(Place.RESOURCE, "word"), Constant("string", "a")))
    for where in (
        Binary("=", field, Constant("string", "a")),
        Binary("&&", EVERY_SPAN, Binary(">", Constant("int", 3), Binary("+", field, Constant("int", 1)))),
        field,
    ):
        with pytest.raises(MaskedField, match=r"word is masked"):
            closed(where)


def test_without_ids_there_are_no_traces() -> None:
    """Those who must not see them are told so."""
    for name in ("trace_id", "span_id"):
        with pytest.raises(MaskedField, match=name):
            scope(GetTrace(bytes(16)), tenant="t", masked=frozenset({column(name)}), query_id="q")
