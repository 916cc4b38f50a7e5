"""A user's SQL text to a `SqlStatement`: read, checked, completed, written anew, and read again to be sure.

The text that runs is never the user's. It is written from the checked tree, and then (1) reads back as the same tree and
(2) holds, read by the engine's own rules, exactly the literals and names of that tree and calls only allowed functions.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any, Final

from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from nexus.errors import QuerySyntaxError
from nexus.query.plan import SQL_TABLES, SqlStatement
from nexus.query.sql.dialect import read, write
from nexus.query.sql.functions import canonical
from nexus.query.sql.guard import Refused, check, function_hint
from nexus.query.sql.tokens import Kind, Token, scan

MAX_CHARACTERS: Final = 64 * 1024
MAX_NESTING: Final = 40

# Words that may stand before a parenthesis without being a function.
_KEYWORDS: Final = """
    ALL AND AS ASC BETWEEN BY CASE CAST CUBE DESC DISTINCT ELSE EXCEPT EXISTS EXTRACT FILTER FROM HAVING ILIKE IN INTERSECT
    INTERVAL IS JOIN LIKE LIMIT NOT OFFSET ON OR OVER QUALIFY ROLLUP SELECT SETS THEN UNION USING WHEN WHERE WITH
"""
_TYPES: Final = """
    ARRAY DATETIME DATETIME64 DECIMAL DECIMAL32 DECIMAL64 DECIMAL128 DECIMAL256 ENUM ENUM8 ENUM16 FIXEDSTRING
    LOWCARDINALITY MAP NULLABLE TUPLE
"""
_CALLABLE: Final = frozenset((_KEYWORDS + _TYPES).split())


def parse_sql(text: str, *, limit: int) -> SqlStatement:
    """Check a statement; at most `limit` rows of its result will be returned. Raises `QuerySyntaxError`."""
    if len(text) > MAX_CHARACTERS:
        raise QuerySyntaxError(
            f"the statement has {len(text)} characters, more than the {MAX_CHARACTERS} allowed.",
            offset=MAX_CHARACTERS,
            length=len(text) - MAX_CHARACTERS,
        )
    tokens = _check_text(text)
    try:
        trees = read(text)
        if len(trees) != 1 or trees[0] is None:
            raise QuerySyntaxError("there is more than one statement.", hint="Send one SELECT.")
        tree = check(trees[0])
        tables = frozenset(table.name for table in tree.find_all(exp.Table)) & SQL_TABLES.keys()
        written = write(tree)
        _check_written(written)
    except Refused as refused:
        offset, length = _place(refused, tokens)
        raise QuerySyntaxError(refused.message, offset=offset, length=length, hint=refused.hint) from None
    except ParseError as error:
        raise _syntax_error(error, text) from None
    except SqlglotError as error:
        raise QuerySyntaxError(f"the statement cannot be read: {error}.") from None
    except RecursionError:
        raise QuerySyntaxError("the statement is nested too deep.", hint="Take it apart into CTEs.") from None
    return SqlStatement(text=written, limit=limit, tables=tables)


def _check_text(text: str) -> list[Token]:
    """What the engine's own rules say about the text, before it is parsed."""
    tokens = scan(text)
    while tokens and tokens[-1].value == ";" and tokens[-1].kind is Kind.SYMBOL:
        tokens.pop()
    if not tokens:
        raise QuerySyntaxError(
            "the statement is empty.", hint="For example SELECT service, count() FROM logs GROUP BY service."
        )
    depth = 0
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.kind is Kind.SYMBOL:
            depth += (token.value in "([") - (token.value in ")]")
            if token.value == ";":
                raise _at(token, "there is more than one statement.", "Send one SELECT.")
            if depth > MAX_NESTING:
                raise _at(token, f"parentheses are nested more than {MAX_NESTING} deep.", "Take it apart into CTEs.")
        if following is not None and following.kind is Kind.SYMBOL and following.value == "(":
            _check_call(token)
    return tokens


def _check_call(token: Token) -> None:
    """A word before a parenthesis is an allowed function, a type or a keyword."""
    if token.kind is Kind.QUOTED:
        raise _at(token, "a quoted name cannot be called.", "Write the function's name without quotes.")
    upper = token.value.upper()
    if token.kind is Kind.WORD and upper not in _CALLABLE and canonical(token.value) is None:
        raise _at(token, f"the function {token.value} is not allowed.", function_hint(token.value))


def _check_written(text: str) -> None:
    """See the module text. Raises `QuerySyntaxError` for what cannot be written safely."""
    again = read(text)
    if len(again) != 1 or write(again[0]) != text:
        raise QuerySyntaxError("the statement cannot be written back as it was read.", hint="Try a simpler spelling.")
    tokens = scan(text)
    tree: Any = again[0]
    strings = Counter(token.value for token in tokens if token.kind is Kind.STRING)
    names = Counter(token.value for token in tokens if token.kind is Kind.QUOTED)
    if strings != Counter(node.this for node in tree.find_all(exp.Literal) if node.is_string) or names != Counter(
        node.this for node in tree.find_all(exp.Identifier) if node.quoted
    ):
        raise QuerySyntaxError("a literal cannot be written back as it was read.", hint="Use unhex('...') for odd bytes.")
    for token, following in pairwise(tokens):
        if token.value in (";", "{", "}", "?") and token.kind is Kind.SYMBOL:
            raise QuerySyntaxError("the statement cannot be written back as it was read.")
        if following.kind is Kind.SYMBOL and following.value == "(":
            _check_call(token)


def _at(token: Token, message: str, hint: str) -> QuerySyntaxError:
    return QuerySyntaxError(message, offset=token.start, length=token.end - token.start, hint=hint)


def _place(refused: Refused, tokens: list[Token]) -> tuple[int, int]:
    """Where the reason of a refusal stands, as exactly as is known."""
    for word in refused.word.upper().split():
        for token in tokens:
            if token.kind is Kind.WORD and token.value.upper() == word:
                return token.start, token.end - token.start
    for node in refused.node.walk():
        if "start" in node.meta:
            return node.meta["start"], node.meta["end"] - node.meta["start"] + 1
    return 0, 0


def _syntax_error(error: ParseError, text: str) -> QuerySyntaxError:
    """The parser's first complaint, with its place as an offset."""
    first: dict[str, Any] = error.errors[0] if error.errors else {}
    message = str(first.get("description") or "the statement cannot be read").rstrip(".")
    if message.startswith("Required keyword"):
        message = "something is missing here"
    highlight = str(first.get("highlight") or "")
    lines = text.splitlines(keepends=True)
    line = int(first.get("line") or 1)
    end = sum(len(part) for part in lines[: line - 1]) + int(first.get("col") or 0)
    offset = min(max(end - len(highlight), 0), len(text))
    return QuerySyntaxError(
        f"{message[:1].lower()}{message[1:]}.", offset=offset, length=min(len(highlight), len(text) - offset)
    )
