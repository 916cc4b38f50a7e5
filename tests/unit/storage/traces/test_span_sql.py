"""Users' SQL over spans."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from tests.unit.storage.traces.conftest import Filled

from nexus.errors import MaskedField
from nexus.query.plan import Compare, CompareOp, Field, FieldKind
from nexus.query.policy import scope
from nexus.query.sql import parse_sql
from nexus.query.trace_plan import KINDS, STATUSES

SERVICE = Field(FieldKind.COLUMN, "service")


async def rows(filled: Filled, text: str, **sight: Any) -> list[list[Any]]:
    """The rows of a statement."""
    table = await filled.store.sql(scope(parse_sql(text, limit=10_000), tenant="acme", query_id="q", **sight))
    found: list[list[Any]] = json.loads(table.rows)
    return found


async def test_columns(filled: Filled) -> None:
    """Every column of the view."""
    found = await rows(filled, "SELECT * FROM spans")
    by_id = {row[1] + row[2]: row for row in found}
    assert len(found) == len(filled.spans)
    for span in filled.spans:
        row = by_id[span.ids.hex()]
        assert row[3:10] == [
            "" if span.root else span.parent.hex(), span.service, span.name, KINDS[span.kind], STATUSES[span.status],
            span.message, span.duration,
        ]  # fmt: skip
        assert set(row[10]) == set(span.attributes) and set(row[11]) == set(span.resource)
        assert row[12:] == [*span.scope, "", span.weight]


async def test_keys_and_conditions(filled: Filled) -> None:
    """Attributes by key, as text and as numbers; a trace by its id; spans joined with themselves."""
    found = await rows(
        filled,
        "SELECT attributes['http.route'] AS route, count(), countIf(attributes['http.status'] >= 500) FROM spans "
        "WHERE status = 'error' GROUP BY route",
    )
    failed = [span for span in filled.spans if span.status == 2]
    assert {row[0]: row[1] for row in found} == Counter(span.attributes.get("http.route", "") for span in failed)
    span = filled.spans[0]
    found = await rows(filled, f"SELECT count() FROM spans WHERE trace_id = '{span.trace_id.hex()}'")
    assert found == [[len(filled.oracle.trace(span.trace_id))]]
    found = await rows(
        filled,
        "SELECT count() FROM spans AS a JOIN spans AS b ON a.trace_id = b.trace_id AND a.parent_span_id = b.span_id",
    )
    ids = {one.trace_id + one.span_id for one in filled.spans}
    assert found == [[sum(one.trace_id + one.parent in ids for one in filled.spans)]]
    found = await rows(filled, "SELECT count() FROM spans LEFT JOIN logs ON spans.trace_id = logs.trace_id")
    assert found == [[len(filled.spans)]]


async def test_sight(filled: Filled) -> None:
    """Policy and masks hold; those who must not see ids see no spans."""
    shop = Compare(SERVICE, CompareOp.EQ, "shop")
    found = await rows(filled, "SELECT DISTINCT service FROM spans", policy=shop)
    assert found == [["shop"]]
    masked = frozenset({Field(FieldKind.ATTRIBUTE, "http.route"), SERVICE})
    found = await rows(
        filled, "SELECT DISTINCT service, attributes['http.route'] AS r FROM spans ORDER BY ALL", masked=masked
    )
    assert found == [["", ""], ["", "***"], ["***", ""], ["***", "***"]]
    for name in ("trace_id", "span_id"):
        with pytest.raises(MaskedField):
            await rows(filled, "SELECT count() FROM spans", masked=frozenset({Field(FieldKind.COLUMN, name)}))
    assert await rows(filled, "SELECT count() FROM logs", masked=frozenset({Field(FieldKind.COLUMN, "trace_id")})) == [[0]]
