"""The examples in docs/reference/search-language.md are true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.oracles.search import Record, matches

from nexus.errors import QuerySyntaxError
from nexus.query.logs import lower, parse, print_query

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "search-language.md").read_text()


def _rows(kind: str) -> list[tuple[str, ...]]:
    """Cells of the tables marked with this kind, backquotes taken off."""
    rows = []
    for table in re.findall(rf"<!-- test: {kind} -->\n((?:\|.*\n)+)", PAGE):
        for line in table.splitlines()[2:]:
            # Cells are separated by bars outside of backquotes.
            cells = re.findall(r"\|\s*((?:`[^`]*`|[^|`])*)", line)
            rows.append(tuple(cell.strip() for cell in cells[:3]))
    return rows


def _code(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


def _queries() -> list[str]:
    blocks = re.findall(r"```search\n(.*?)```", PAGE, re.S)
    return [line for block in blocks for line in block.splitlines()]


def test_the_page_has_its_examples() -> None:
    assert (len(_queries()), len(_rows("bodies")), len(_rows("attributes")), len(_rows("errors"))) == (19, 17, 21, 8)


@pytest.mark.parametrize("query", _queries())
def test_queries_are_understood(query: str) -> None:
    root = parse(query).root
    lower(root, now_ns=0)
    assert parse(print_query(root)).root == root


@pytest.mark.parametrize(("query", "found", "missed"), _rows("bodies"))
def test_messages(query: str, found: str, missed: str) -> None:
    root = parse(_code(query)[0]).root
    for body in _code(found):
        assert matches(root, Record(0, 0, body)), body
    for body in _code(missed):
        assert not matches(root, Record(0, 0, body)), body


@pytest.mark.parametrize(("query", "found", "missed"), _rows("attributes"))
def test_attributes(query: str, found: str, missed: str) -> None:
    root = parse(_code(query)[0]).root
    for attributes in _code(found):
        assert matches(root, Record(0, 0, "", attributes=json.loads(attributes))), attributes
    for attributes in _code(missed):
        assert not matches(root, Record(0, 0, "", attributes=json.loads(attributes))), attributes


@pytest.mark.parametrize(("query", "place", "message"), _rows("errors"))
def test_errors(query: str, place: str, message: str) -> None:
    text = _code(query)[0]
    with pytest.raises(QuerySyntaxError) as caught:
        lower(parse(text).root, now_ns=0)
    assert caught.value.message == message
    assert text[caught.value.offset : caught.value.offset + caught.value.length] == _code(place)[0]
