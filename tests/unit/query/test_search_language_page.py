"""The examples in docs/reference/search-language.md are true."""

from __future__ import annotations

import json

import pytest
from tests.oracles.page import code, queries, rows
from tests.oracles.search import Record, matches

from nexus.errors import QuerySyntaxError
from nexus.query.logs import lower, parse, print_query


def test_the_page_has_its_examples() -> None:
    assert (len(queries()), len(rows("bodies")), len(rows("attributes")), len(rows("errors"))) == (19, 17, 21, 8)


@pytest.mark.parametrize("query", queries())
def test_queries_are_understood(query: str) -> None:
    root = parse(query).root
    lower(root, now_ns=0)
    assert parse(print_query(root)).root == root


@pytest.mark.parametrize(("query", "found", "missed"), rows("bodies"))
def test_messages(query: str, found: str, missed: str) -> None:
    root = parse(code(query)[0]).root
    for body in code(found):
        assert matches(root, Record(0, 0, body)), body
    for body in code(missed):
        assert not matches(root, Record(0, 0, body)), body


@pytest.mark.parametrize(("query", "found", "missed"), rows("attributes"))
def test_attributes(query: str, found: str, missed: str) -> None:
    root = parse(code(query)[0]).root
    for attributes in code(found):
        assert matches(root, Record(0, 0, "", attributes=json.loads(attributes))), attributes
    for attributes in code(missed):
        assert not matches(root, Record(0, 0, "", attributes=json.loads(attributes))), attributes


@pytest.mark.parametrize(("query", "place", "message"), rows("errors"))
def test_errors(query: str, place: str, message: str) -> None:
    text = code(query)[0]
    with pytest.raises(QuerySyntaxError) as caught:
        lower(parse(text).root, now_ns=0)
    assert caught.value.message == message
    assert text[caught.value.offset : caught.value.offset + caught.value.length] == code(place)[0]
