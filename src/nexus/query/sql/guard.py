"""Is a tree one that a tenant may run? An allow-list of node kinds, of their parts, of tables and of functions.

Everything not named here is refused, so a parser that learns new syntax opens nothing. The tree is changed in place where
the user's text leaves room: function names get the engine's spelling, `*` over `logs` its columns.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from types import NoneType
from typing import Any, Final

from sqlglot import exp

from nexus.query.plan import SQL_TABLES
from nexus.query.sql.dialect import write
from nexus.query.sql.functions import canonical, nearest

TABLES: Final = " and ".join(SQL_TABLES)
MAX_LIST: Final = 10_000
MAX_DEPTH: Final = 200
MAX_SELECTS: Final = 50
MAX_NAME: Final = 200

_WHOLE: Final = """
    Where Group Cube Rollup GroupingSets Having Qualify Order Ordered WithFill Offset Distinct Window WindowSpec Filter
    RespectNulls IgnoreNulls Identifier Column Dot Alias Aliases Literal HexString Boolean Null Var Paren Tuple Array Bracket
    Lambda Slice And Or Xor Not EQ NEQ GT GTE LT LTE Is NullSafeEQ NullSafeNEQ Between Like ILike Escape Exists Add Sub Mul
    Div IntDiv Mod Neg DPipe Case If Cast CastToStrType DataTypeParam Interval Extract Trim
    Anonymous AnonymousAggFunc CombinedAggFunc ParameterizedAgg CombinedParameterizedAgg
"""
_ANY: Final = None
# Kinds of nodes and which of their parts may be set; _ANY: every part is itself a node that gets checked, or harmless.
_NODES: Final[dict[str, frozenset[str] | None]] = {
    "Select": frozenset(
        {"with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "qualify", "windows", "order"}
        | {"limit", "offset"}
    ),
    "Union": frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset", "by_name"}),
    "Intersect": frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset", "by_name"}),
    "Except": frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset", "by_name"}),
    "Subquery": frozenset({"this", "alias", "order", "limit", "offset"}),
    "With": frozenset({"expressions"}),
    "CTE": frozenset({"this", "alias", "scalar"}),
    "From": frozenset({"this"}),
    "Join": frozenset({"this", "on", "using", "kind", "side", "method", "expressions"}),
    "Table": frozenset({"this", "alias", "db", "catalog"}),
    "TableAlias": frozenset({"this", "columns"}),
    "Limit": frozenset({"this", "expression", "offset", "expressions", "limit_options"}),
    "LimitOptions": frozenset({"with_ties"}),
    "Star": frozenset({"except_"}),
    "DataType": frozenset({"this", "expressions", "nested", "nullable", "values"}),
    "In": frozenset({"this", "expressions", "query", "field"}),
    **dict.fromkeys(_WHOLE.split(), _ANY),
}
_JOINS: Final = frozenset(
    {"", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "ANY", "ALL", "ASOF", "SEMI", "ANTI", "ARRAY"}
)
_TYPES_REFUSED: Final = ("AGGREGATEFUNCTION", "SIMPLEAGGREGATEFUNCTION", "DYNAMIC", "OBJECT", "USERDEFINED", "VARIANT")
_FUNCTIONS: Final = ("Anonymous", "AnonymousAggFunc", "CombinedAggFunc", "ParameterizedAgg", "CombinedParameterizedAgg")
_NEVER: Final = frozenset({"is_global", "global_", "recursive", "materialized"})
_KIND_NAMES: Final = {"Command": "this statement", "Placeholder": "a parameter", "Values": "VALUES", "Unnest": "UNNEST"}
_PART_NAMES: Final = {
    "settings": "SETTINGS",
    "format": "FORMAT",
    "prewhere": "PREWHERE",
    "sample": "SAMPLE",
    "into": "INTO",
    "final": "FINAL",
    "recursive": "WITH RECURSIVE",
    "replace": "REPLACE",
    "rename": "RENAME",
    "laterals": "LATERAL",
    "global_": "GLOBAL",
    "is_global": "GLOBAL",
}
_HINT: Final = "Only SELECT over the tables logs and spans is possible; see the SQL reference for what it may hold."


def check(tree: exp.Expression) -> exp.Expression:
    """Check a statement and return it, completed. Raises `Refused`."""
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery)):
        raise Refused(f"{_name_of(tree)} is not allowed here.", tree)
    selects = 0
    for node in _walk(tree):
        _check_kind(node)
        if checker := _CHECKERS.get(type(node).__name__):
            checker(node)
        selects += isinstance(node, exp.Select)
    if selects > MAX_SELECTS:
        raise Refused(f"the statement holds more than {MAX_SELECTS} SELECTs.", tree)
    for select in list(tree.find_all(exp.Select)):
        _expand_stars(select)
    _name_results(tree)
    return tree


class Refused(Exception):
    """Why a tree may not run, the node that is the reason, and the word that brought it in, as far as there is one."""

    def __init__(self, message: str, node: exp.Expression, hint: str = _HINT, word: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.node = node
        self.hint = hint
        self.word = word


def _walk(tree: exp.Expression) -> Iterator[exp.Expression]:
    """Every node, without recursion; refuses what is too deep for walks that need it."""
    stack = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise Refused(f"the statement is nested more than {MAX_DEPTH} deep.", node, "Take it apart into CTEs.")
        yield node
        stack.extend((child, depth + 1) for child in node.iter_expressions())


def _check_kind(node: exp.Expression) -> None:
    kind = type(node).__name__
    if kind not in _NODES:
        raise Refused(f"{_name_of(node)} is not allowed.", node)
    parts = _NODES[kind]
    for part, value in node.args.items():
        if value in (None, False, []):
            continue
        if (parts is not None and part not in parts) or part in _NEVER:
            word = _PART_NAMES.get(part, part.strip("_").upper())
            raise Refused(f"{word} is not allowed.", node, word=word)
        if isinstance(value, list) and len(value) > MAX_LIST:
            raise Refused(f"a list holds more than {MAX_LIST} items.", node, "Use a subquery, a range or match().")


def _check_table(table: exp.Table) -> None:
    """Anything that is neither ours nor a subquery named by a WITH that holds here would be a table of the engine."""
    name = table.this
    if table.args.get("db"):
        raise Refused(f"there is no table {write(table)}.", table, f"The tables are called {TABLES}, without a database.")
    if not isinstance(name, exp.Identifier):
        raise Refused(f"the table function {_name_of(name)} is not allowed.", table)
    if name.name in SQL_TABLES:
        return
    visible = set(_visible_ctes(table))
    if name.name not in visible:
        close = difflib.get_close_matches(name.name, [*SQL_TABLES, *visible], n=1, cutoff=0.4)
        hint = f"Did you mean {close[0]}?" if close else f"The tables are called {TABLES}."
        raise Refused(f"there is no table {name.name}.", table, hint)


def _visible_ctes(node: exp.Expression) -> Iterator[str]:
    """Names of the subqueries that a WITH around the node defines before it."""
    below: exp.Expression = node
    above = node.parent
    while above is not None:
        if isinstance(above, exp.With):
            earlier = above.expressions[: above.expressions.index(below)]
            yield from (cte.alias for cte in earlier if not cte.args.get("scalar"))
        elif (with_ := above.args.get("with_")) is not None and with_ is not below:
            yield from (cte.alias for cte in with_.expressions if not cte.args.get("scalar"))
        below, above = above, above.parent


def _check_star(star: exp.Star) -> None:
    holder = star.parent.parent if isinstance(star.parent, exp.Column) else star.parent
    counted = isinstance(holder, exp.AnonymousAggFunc) and holder.name.lower() == "count"
    if not counted and not isinstance(holder, exp.Select):
        raise Refused("* is for the list of columns and for count(*).", star, "Name the columns.")


def _check_placed(query: exp.Expression) -> None:
    """Written again, a query without parentheses where a table belongs would be a table called SELECT to the engine."""
    if not isinstance(query.parent, (NoneType, exp.Subquery, exp.SetOperation, exp.CTE)):
        raise Refused("a query stands where it needs parentheses.", query, "Write FROM (SELECT ...).")


def _check_select(select: exp.Select) -> None:
    _check_placed(select)
    if not select.expressions:
        raise Refused("nothing is selected.", select, "Name columns, or write *.")


def _check_cte(cte: exp.CTE) -> None:
    if not cte.alias:
        raise Refused("a WITH expression has no name.", cte)
    if cte.alias in SQL_TABLES:
        raise Refused(
            f"a WITH expression cannot be called {cte.alias}.", cte, f"Give it another name; {cte.alias} is a table."
        )


def _check_function(function: exp.Expression) -> None:
    given = function.this
    allowed = canonical(given) if isinstance(given, str) else None
    if allowed is None:
        name = given if isinstance(given, str) else _name_of(function)
        raise Refused(f"the function {name} is not allowed.", function, function_hint(name))
    function.set("this", allowed)


def function_hint(name: str) -> str:
    """What to do about a function that is not allowed."""
    close = nearest(name)
    return f"Did you mean {close}?" if close else "The SQL reference lists the functions."


def _check_source(clause: exp.Expression) -> None:
    # FINAL is refused with a message of its own.
    if not isinstance(clause.this, (exp.Table, exp.Subquery, exp.Final)):
        raise Refused("records come from logs or spans or from a query in parentheses.", clause)


def _check_join(join: exp.Join) -> None:
    if join.kind != "ARRAY":
        _check_source(join)
    for word in " ".join((join.method, join.side, join.kind)).split():
        if word.upper() not in _JOINS:
            raise Refused(f"{word.upper()} JOIN is not allowed.", join)


def _check_in(node: exp.In) -> None:
    """To the engine, a lone name behind IN may be a table."""
    field = node.args.get("field")
    items = [field] if field is not None else node.expressions
    if len(items) == 1 and isinstance(items[0].unnest(), (exp.Column, exp.Dot, exp.Identifier)):
        raise Refused(
            "IN takes a list of values or a subquery.", node, "For one value write =; for an array write has(array, x)."
        )


def _check_type(type_: exp.DataType) -> None:
    name = type_.this.name if isinstance(type_.this, exp.DType) else str(type_.this)
    if name.upper() in _TYPES_REFUSED or type_.args.get("kind"):
        raise Refused(f"the type {type_.sql(dialect='clickhouse')} is not allowed.", type_)


def _expand_stars(select: exp.Select) -> None:
    """Replace `*` and `t.*` over `logs` or `spans` by its columns."""
    joined = [join.this for join in select.args.get("joins") or [] if join.kind != "ARRAY"]
    sources = [clause.this for clause in [select.args.get("from_")] if clause is not None] + joined
    expanded: list[exp.Expression] = []
    for projection in select.expressions:
        star = projection.this if isinstance(projection, exp.Column) else projection
        if not isinstance(star, exp.Star):
            expanded.append(projection)
            continue
        table = projection.args.get("table") if isinstance(projection, exp.Column) else None
        chosen = [source for source in sources if table is None or source.alias_or_name == table.name]
        if not chosen:
            raise Refused("* stands over nothing.", projection, "Add FROM logs.")
        for source in chosen:
            expanded += _columns_of(source, star, qualified=table is not None or len(sources) > 1)
    select.set("expressions", expanded)


def _columns_of(source: exp.Expression, star: exp.Star, *, qualified: bool) -> list[exp.Expression]:
    name = source.alias_or_name
    if qualified and not name:
        raise Refused("a subquery that is joined needs a name.", source, "Write (SELECT ...) AS name.")
    table = exp.to_identifier(name, quoted=True) if qualified else None
    if not (isinstance(source, exp.Table) and source.name in SQL_TABLES):
        return [exp.Column(this=star.copy(), table=table) if table else star.copy()]
    left_out = {column.name for column in star.args.get("except_") or []}
    return [exp.column(column, table=table) for column in SQL_TABLES[source.name] if column not in left_out]


def _name_results(tree: exp.Expression) -> None:
    """Give each result column that is an expression its text as a name, so that rewriting it does not rename it."""
    first = tree
    while not isinstance(first, exp.Select):
        first = first.this
    named = []
    for projection in first.expressions:
        if isinstance(projection, (exp.Column, exp.Star, exp.Alias, exp.Aliases)):
            named.append(projection)
        else:
            named.append(exp.alias_(projection, write(projection)[:MAX_NAME], quoted=True))
    first.set("expressions", named)


def _name_of(node: exp.Expression) -> str:
    """What people call a kind of node."""
    if isinstance(node, exp.Func) and not isinstance(node, (exp.And, exp.Or)):
        return f"the function {node.name or node.sql_name()}"
    return _KIND_NAMES.get(type(node).__name__, type(node).__name__.upper())


_CHECKERS: Final[dict[str, Callable[[Any], None]]] = {
    "Select": _check_select,
    **dict.fromkeys(("Union", "Except", "Intersect"), _check_placed),
    "Star": _check_star,
    "Table": _check_table,
    "CTE": _check_cte,
    "From": _check_source,
    "Join": _check_join,
    "In": _check_in,
    "DataType": _check_type,
    **dict.fromkeys(_FUNCTIONS, _check_function),
}
