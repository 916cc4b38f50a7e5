"""docs/reference/sql.md: its statements are allowed, and its list of functions is the one in force."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nexus.query.plan import LOG_COLUMNS, SPAN_COLUMNS
from nexus.query.sql import parse_sql
from nexus.query.sql.functions import AGGREGATES, SCALARS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "sql.md").read_text()
STATEMENTS = re.findall(r"```sql\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statements_are_allowed(statement: str) -> None:
    assert parse_sql(statement, limit=10).text


def test_the_page_lists_every_column() -> None:
    table = PAGE.split("## What is possible")[0]
    assert {*LOG_COLUMNS, *SPAN_COLUMNS} <= set(re.findall(r"`(\w+)`", table))


def test_the_page_lists_the_functions() -> None:
    assert set(re.findall(r"`(\w+)`", PAGE.split("<!-- functions -->")[1])) == AGGREGATES | SCALARS
