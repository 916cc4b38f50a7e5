"""A user's SELECT over the stored tables: each `logs` becomes a scoped subquery with the columns that are asked for.

The text comes from `query.sql`, which has checked it against the allow-list. Here it is only taken apart and put together
again. `attributes['key']` and `resource['key']` with a literal key become expressions of their own in the subquery, so
that they read one column instead of building a map; the numeric flavour is used where a number is expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlglot
from sqlglot import exp

from nexus.query.plan import LOG_COLUMNS, Scoped, SqlStatement
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.scan import TABLE, conjunction, plain_conditions

_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv)
_NUMERIC_AGGREGATES: Final = ("sum", "avg", "quantile", "median", "stddev", "var")
_IDS: Final = {"trace_id": 16, "span_id": 8}
_MAPS: Final = ("attributes", "resource")


def compile_sql(scoped: Scoped, plan: SqlStatement, catalog: Catalog) -> str:
    """The statement that runs, limited to one row more than the plan allows."""
    tree = sqlglot.parse_one(plan.text, read="clickhouse")
    extracted: dict[str, str] = {}
    for select in list(tree.find_all(exp.Select)):
        _extract(select, extracted, catalog)
    named = {column.name for column in tree.find_all(exp.Column)}
    named |= {node.name for join in tree.find_all(exp.Join) for node in join.args.get("using") or []}
    columns = [(name, _expression(name, catalog)) for name in LOG_COLUMNS if name in named]
    columns += extracted.items()
    # Two levels, because the engine lets an alias hide the column of the same name from the expressions beside it.
    inner = ", ".join(f"{sql} AS _{number}" for number, (_, sql) in enumerate(columns)) or "1"
    outer = ", ".join(f"_{number} AS {identifier(name)}" for number, (name, _) in enumerate(columns)) or "1"
    conditions = conjunction(plain_conditions(scoped, catalog))
    source = f"SELECT {outer} FROM (SELECT {inner} FROM {TABLE} WHERE {conditions})"
    placeholder = "__scoped_logs__"
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        if table.name == "logs" and "logs" not in ctes:
            alias = table.alias or "logs"
            joined = exp.to_table(placeholder)
            table.replace(exp.alias_(joined, alias, table=True))
    text = tree.sql(dialect="clickhouse").replace(placeholder, f"({source})")
    return f"SELECT * FROM (\n{text}\n)\nLIMIT {plan.limit + 1}"


def _expression(name: str, catalog: Catalog) -> str:
    """A column of the view."""
    if name == "attributes":
        return _attributes_map(catalog)
    if name == "resource":
        return "JSONExtract(toString(resource), 'Map(String, String)')"
    if name in ("trace_id", "span_id", "template_id"):
        return fields.TEXT_COLUMNS[name]
    return name


def _attributes_map(catalog: Catalog) -> str:
    """All attributes as one Map(String, String)."""
    maps = []
    for letter, source in fields.ALL_MAPS.items():
        if catalog.in_maps is not None and not any(type == letter for _, type in catalog.in_maps):
            continue
        value = "v" if letter in "sj" else "toString(v)"
        maps.append(f"mapApply((k, v) -> (toString(k), {value}), {source})")
    result = "CAST(map(), 'Map(String, String)')"
    if catalog.columns:
        pairs = ", ".join(
            f"({quote(c.key)}, ifNull(toString({identifier(c.name)}), ''), isNotNull({identifier(c.name)}))"
            for c in catalog.columns
        )
        kept = f"arrayFilter(p -> p.3, [{pairs}])"
        result = f"mapFromArrays(arrayMap(p -> p.1, {kept}), arrayMap(p -> p.2, {kept}))"
    for part in maps:
        result = f"mapUpdate({part}, {result})"
    return result


def _extract(select: exp.Select, extracted: dict[str, str], catalog: Catalog) -> None:
    """Replace direct uses of map keys and ids of a SELECT that reads `logs` itself."""
    sources = _direct_sources(select)
    if not sources:
        return
    for projection in list(select.expressions):
        if not isinstance(projection, (exp.Alias, exp.Column, exp.Star)):
            # What is put in the place of a map key must not show in the names of the result.
            projection.replace(exp.alias_(projection.copy(), projection.sql(dialect="clickhouse"), quoted=True))
    for node in list(_own(select)):
        if isinstance(node, exp.Bracket):
            _extract_key(node, sources, extracted, catalog)
        elif isinstance(node, (exp.EQ, exp.NEQ)):
            _extract_id(node, sources, extracted)


def _direct_sources(select: exp.Select) -> dict[str, bool]:
    """Names under which the SELECT reads `logs`; the value says whether unqualified columns are certainly its."""
    tables = [select.args.get("from") or select.args.get("from_"), *(select.args.get("joins") or [])]
    read = [clause.this for clause in tables if clause is not None]
    names = [table.alias or table.name for table in read if isinstance(table, exp.Table) and table.name == "logs"]
    return {name: len(read) == 1 for name in names}


def _own(select: exp.Select) -> Iterator[exp.Expression]:
    """Nodes of a SELECT that are not inside another one."""
    stack = list(select.iter_expressions())
    while stack:
        node = stack.pop()
        if isinstance(node, (exp.Select, exp.Subquery, exp.SetOperation, exp.CTE, exp.With)):
            continue
        yield node
        stack.extend(node.iter_expressions())


def _is_ours(column: exp.Expression | None, names: tuple[str, ...], sources: dict[str, bool]) -> bool:
    if not isinstance(column, exp.Column) or column.name not in names:
        return False
    return sources.get(column.table, False) if column.table else all(sources.values())


def _extract_key(node: exp.Bracket, sources: dict[str, bool], extracted: dict[str, str], catalog: Catalog) -> None:
    key = node.expressions[0] if len(node.expressions) == 1 else None
    column = node.this
    if not isinstance(key, exp.Literal) or not key.is_string or not _is_ours(column, _MAPS, sources):
        return
    literal = key.this
    if column.name == "resource":
        name, sql = f"resource.{literal}", fields.resource_text(literal)
    elif _expects_number(node):
        name, sql = f"attributes.{literal}#", fields.attribute_number(literal, catalog)
    else:
        name, sql = f"attributes.{literal}", f"ifNull({fields.attribute_text(literal, catalog)}, '')"
    extracted[name] = sql
    node.replace(exp.column(exp.to_identifier(name, quoted=True), table=column.args.get("table")))


def _extract_id(node: exp.Expression, sources: dict[str, bool], extracted: dict[str, str]) -> None:
    """`trace_id = '<hex>'` on the stored bytes, so that the bloom filter serves."""
    column, literal = node.this, node.expression
    if not _is_ours(column, tuple(_IDS), sources) or not (isinstance(literal, exp.Literal) and literal.is_string):
        return
    text = literal.this.lower()
    if len(text) != 2 * _IDS[column.name] or any(c not in "0123456789abcdef" for c in text):
        return
    name = f"{column.name}#"
    extracted[name] = column.name
    node.set("this", exp.column(exp.to_identifier(name, quoted=True), table=column.args.get("table")))
    node.set("expression", exp.func("unhex", exp.Literal.string(text), dialect="clickhouse"))


def _expects_number(node: exp.Expression) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        node, parent = parent, parent.parent
    if isinstance(parent, _ARITHMETIC):
        return True
    if isinstance(parent, _COMPARISONS):
        other = parent.expression if parent.this is node else parent.this
        return _is_number(other)
    if isinstance(parent, exp.Between) and parent.this is node:
        return _is_number(parent.args["low"])
    if isinstance(parent, exp.In) and parent.this is node:
        return bool(parent.expressions) and all(_is_number(item) for item in parent.expressions)
    function = parent
    if isinstance(function, exp.Func):
        name = (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).lower()
        if isinstance(function, exp.Max | exp.Min):
            return False
        return str(name).startswith(_NUMERIC_AGGREGATES)
    return isinstance(parent, exp.Neg)


def _is_number(node: exp.Expression | None) -> bool:
    if isinstance(node, exp.Neg):
        node = node.this
    return isinstance(node, exp.Literal) and not node.is_string
