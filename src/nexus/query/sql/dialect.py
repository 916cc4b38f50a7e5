"""How SQL is read and written here: sqlglot's ClickHouse dialect without its knowledge of functions.

sqlglot turns functions that it knows into nodes of its own and writes them back under other names, for translation between
databases. Nothing is translated here: a function stays what the user called, and its name can be checked.
"""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.errors import ErrorLevel
from sqlglot.generators.clickhouse import ClickHouseGenerator
from sqlglot.parsers.clickhouse import ClickHouseParser

from nexus.query.sql.functions import split_aggregate

# It warns on stderr of statements that it cannot take apart; here those are refused with an error of their own.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\0": "\\0", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def string_literal(text: str) -> str:
    """A string literal."""
    return "'" + "".join(_ESCAPES.get(character, character) for character in text) + "'"


def quoted_name(name: str) -> str:
    """A name in double quotes."""
    return '"' + "".join(_ESCAPES.get(c, c) if c != "'" else c for c in name).replace('"', '\\"') + '"'


class NexusSql(ClickHouse):  # type: ignore[misc]
    """See the module text."""

    class Parser(ClickHouseParser):  # type: ignore[misc]
        """Keeps functions as they are called."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: ClickHouseParser.FUNCTION_PARSERS[name] for name in ("CAST", "EXTRACT", "TRIM")
        }
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {"CASE": ClickHouseParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}

        @classmethod
        def _resolve_clickhouse_agg(cls, name: str) -> tuple[str, list[str]] | None:
            """Aggregates, which may have parameters before their arguments, are those of our own list."""
            parts = split_aggregate(name)
            return None if parts is None else (parts[0], list(parts[1]))

    class Generator(ClickHouseGenerator):  # type: ignore[misc]
        """Writes literals and names by the engine's rules, whatever characters they hold."""

        def literal_sql(self, expression: exp.Literal) -> str:
            return string_literal(expression.this) if expression.is_string else str(expression.this)

        def identifier_sql(self, expression: exp.Identifier) -> str:
            return quoted_name(expression.this) if expression.quoted else str(expression.this)


def read(text: str) -> Any:
    """The one tree of a text. Raises sqlglot's `ParseError` and `TokenError`."""
    return NexusSql().parser().parse(NexusSql().tokenize(text), text)


def write(tree: Any) -> str:
    """The text of a tree, in one line and without comments. Raises sqlglot's `UnsupportedError`."""
    return str(NexusSql().generator(comments=False, unsupported_level=ErrorLevel.RAISE).generate(tree))
