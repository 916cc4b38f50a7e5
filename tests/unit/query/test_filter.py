"""The native filter finds in a batch what the oracle finds, and what a search of the stored records would."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from tests.oracles import page
from tests.oracles.batches import rows
from tests.oracles.record_batches import batch_of, random_batch, records_of
from tests.oracles.records import FIRST_DAY
from tests.oracles.search import Record, matches
from tests.strategies.search_queries import queries

from nexus import _native
from nexus.errors import QuerySyntaxError
from nexus.query.encode import encode_predicate
from nexus.query.logs import lower, parse
from nexus.query.plan import (
    All,
    And,
    Compare,
    CompareOp,
    Exists,
    Field,
    FieldKind,
    Not,
    Or,
    Phrase,
    Predicate,
    Regex,
    Wildcard,
    Word,
)

_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck))
BODY = Field(FieldKind.COLUMN, "body")


@pytest.fixture(scope="module")
def found() -> Iterator[tuple[_native.LogBatch, list[Record]]]:
    batch = random_batch(7)
    yield batch, records_of(batch)


def chosen(batch: _native.LogBatch, predicate: Predicate) -> list[int]:
    """Rows that the filter finds."""
    mask = _native.Filter(encode_predicate(predicate)).matches(batch)
    assert len(mask) == len(batch)
    return [row for row, matched in enumerate(mask) if matched]


@settings(_SETTINGS, max_examples=600)
@given(query=queries)
@example(query="template_id:00*")
@example(query='"*"')
@example(query='"{id}"')
@example(query="host.name:[1 TO 500}")
@example(query="-payment")
@example(query="level:!=error")
@example(query="level:<info")
@example(query="NOT status:>=200")
@example(query="resource.odd\\ key:*")
@example(query="*ÉCOLE*")
@example(query="user*")
@example(query="pad")
def test_finds_what_the_oracle_finds(found: tuple[_native.LogBatch, list[Record]], query: str) -> None:
    batch, records = found
    try:
        root = parse(query).root
        predicate = lower(root, now_ns=0)
    except QuerySyntaxError:
        return
    assert chosen(batch, predicate) == [record.number for record in records if matches(root, record)]


@pytest.mark.parametrize("query", [page.code(row[0])[0] for kind in ("bodies", "attributes") for row in page.rows(kind)])
def test_finds_what_the_reference_page_says(query: str) -> None:
    bodies = [body for _, found, missed in page.rows("bodies") for body in page.code(found) + page.code(missed)]
    held = [text for _, found, missed in page.rows("attributes") for text in page.code(found) + page.code(missed)]
    examples = [Record(0, FIRST_DAY, body) for body in bodies]
    examples += [Record(0, FIRST_DAY, "", attributes=json.loads(text)) for text in held]
    batch = batch_of(examples)
    root = parse(query).root
    expected = [record.number for record in records_of(batch) if matches(root, record)]
    assert chosen(batch, lower(root, now_ns=0)) == expected


def test_nodes_that_no_text_says() -> None:
    batch = random_batch(1, 50)
    everything = list(range(50))
    assert chosen(batch, All()) == chosen(batch, And(())) == everything
    assert chosen(batch, Or(())) == chosen(batch, Not(All())) == []
    assert chosen(batch, Phrase("")) == everything
    assert chosen(batch, Compare(Field(FieldKind.COLUMN, "timestamp"), CompareOp.GE, FIRST_DAY)) == everything
    assert chosen(batch, Compare(Field(FieldKind.COLUMN, "timestamp"), CompareOp.LT, 0)) == []
    assert chosen(batch, Exists(Field(FieldKind.RESOURCE, ""))) == []
    assert chosen(batch, Wildcard(Field(FieldKind.COLUMN, "timestamp"), ("", "00:00:00.000000000"))) == chosen(
        batch, Regex(Field(FieldKind.COLUMN, "timestamp"), "00:00:00[.]0{9}$")
    )


def test_numbers_of_values() -> None:
    batch = batch_of(
        [Record(0, FIRST_DAY, "", attributes={"n": value}) for value in (2**53 + 1, 2.0**53, "9" * 30, 5, True)]
    )
    field = Field(FieldKind.ATTRIBUTE, "n")
    assert chosen(batch, Compare(field, CompareOp.EQ, 2**53 + 1)) == [0]
    assert chosen(batch, Compare(field, CompareOp.EQ, 2.0**53)) == [1]
    assert chosen(batch, Compare(field, CompareOp.GT, 10**25)) == [2]
    assert chosen(batch, Compare(field, CompareOp.LE, 5.5)) == [3]
    assert chosen(batch, Compare(field, CompareOp.NE, 5)) == [0, 1, 2, 4]
    assert chosen(batch, Compare(field, CompareOp.EQ, True)) == [4]
    assert chosen(batch, Compare(field, CompareOp.EQ, float("nan"))) == []


@pytest.mark.parametrize(
    "predicate",
    [
        Word("a b"),
        Word(""),
        Regex(BODY, "("),
        Regex(BODY, r"(\pL{100}){100}"),
        Wildcard(BODY, ("a",)),
        Exists(Field(FieldKind.COLUMN, "attributes")),
        Or((Word("a"),) * 10_001),
    ],
)
def test_what_is_no_filter_is_refused(predicate: Predicate) -> None:
    with pytest.raises(ValueError, match=r"filter|regular expression"):
        _native.Filter(encode_predicate(predicate))


def test_batches_are_split_and_taken_apart() -> None:
    batch = random_batch(3, 400)
    filter = _native.Filter(encode_predicate(lower(parse("payment OR level:>=error").root, now_ns=0)))
    mask = filter.matches(batch)
    matching, others = filter.split(batch)
    assert 0 < filter.count(batch) == len(matching) < 400
    whole = rows(batch)
    assert rows(matching) == [row for row, marked in zip(whole, mask, strict=True) if marked]
    assert rows(others) == [row for row, marked in zip(whole, mask, strict=True) if not marked]
    assert rows(batch.take(mask)) == rows(matching)
    assert filter.count(matching) == len(matching)
    assert filter.count(others) == 0
    # What derives from other columns: days and usage add up, and a block of the parts is as large as one of the whole.
    for whole_sums, part_sums in ((batch.days(), [matching.days(), others.days()]),):
        sums: dict[int, int] = {}
        for day, count in [pair for part in part_sums for pair in part]:
            sums[day] = sums.get(day, 0) + count
        assert sorted(sums.items()) == whole_sums
    usage: dict[str, tuple[int, int]] = {}
    for name, count, size in matching.services() + others.services():
        before = usage.get(name, (0, 0))
        usage[name] = before[0] + count, before[1] + size
    assert [(name, *sums) for name, sums in sorted(usage.items())] == batch.services()
    again = _native.LogBatch.concat([matching, others])
    assert sorted(map(repr, rows(again))) == sorted(map(repr, whole))
    nothing, all_of_it = _native.Filter(encode_predicate(Or(()))).split(batch)
    assert (len(nothing), len(all_of_it), rows(nothing)) == (0, 400, [])
    with pytest.raises(ValueError, match="a mask of 3 bytes for 400 records"):
        batch.take(b"\1\1\1")


def test_the_last_records_are_rendered() -> None:
    batch = random_batch(5, 100)
    filter = _native.Filter(encode_predicate(Exists(Field(FieldKind.ATTRIBUTE, "status"))))
    matching = filter.split(batch)[0]
    everything = _native.render_batch(batch, filter, 1000)
    assert len(everything) == len(matching) > 10
    assert everything == _native.render_batch(matching, None, 1000)
    assert _native.render_batch(batch, filter, 7) == everything[-7:]
    assert _native.render_batch(batch, filter, 0) == []
    assert [json.loads(line)["body"] for _, _, line in everything] == [row["body"] for row in rows(matching)]
