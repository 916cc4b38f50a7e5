"""A user's SELECT over the stored tables: each of them becomes a scoped subquery with the columns that are asked for.

The text comes from `query.sql`, which has checked it against the allow-list. Here it is only taken apart and put together
again. `attributes['key']` and `resource['key']` with a literal key become expressions of their own in the subquery, so
that they read one column instead of building a map; the numeric flavour is used where a number is expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from nexus.query.plan import SQL_TABLES, Scoped, SqlStatement
from nexus.query.sql.dialect import read, write
from nexus.query.trace_plan import KINDS, STATUSES
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.scan import readable
from nexus.storage.clickhouse.traces.scan import readable as readable_spans

_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv)
_CALLS: Final = (
    exp.Anonymous,
    exp.AnonymousAggFunc,
    exp.CombinedAggFunc,
    exp.ParameterizedAgg,
    exp.CombinedParameterizedAgg,
)
_NUMERIC_AGGREGATES: Final = (
    *("sum", "avg", "quantile", "median", "stddev", "var", "corr", "covar", "skew", "kurt", "deltaSum", "histogram"),
    *("exponential", "bounding", "studentT", "welchT", "mannWhitney", "kolmogorov", "meanZ", "simpleLinear"),
)
_EXTREMES: Final = ("min", "max", "argMin", "argMax")
_IDS: Final = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_OF_SPANS: Final = {
    "parent_span_id": "if(root, '', lower(hex(parent_span_id)))",
    "kind": f"arrayElement([{', '.join(map(quote, KINDS))}], kind + 1)",
    "status": f"arrayElement([{', '.join(map(quote, STATUSES))}], status + 1)",
}
"""Columns of the view `spans` that are not what is stored; logs have none of the same name."""
_MAPS: Final = ("attributes", "resource")


def compile_sql(scoped: Scoped, plan: SqlStatement, catalogs: Mapping[str, Catalog]) -> str:
    """The statement that runs, limited to one row more than the plan allows; `catalogs` of the tables that it reads."""
    (tree,) = read(plan.text)
    extracted: dict[str, dict[str, str]] = {table: {} for table in plan.tables}
    for select in list(tree.find_all(exp.Select)):
        for table in sorted(plan.tables):
            _extract(select, table, extracted[table], catalogs[table])
    named = {column.name for column in tree.find_all(exp.Column)}
    named |= {node.name for join in tree.find_all(exp.Join) for node in join.args.get("using") or []}
    sources = {table: _source(scoped, table, named, extracted[table], catalogs[table]) for table in sorted(plan.tables)}
    # Sources are put in as text, in the place of names that occur nowhere else: above all in no literal.
    written = write(tree)
    places = {}
    for table in sources:
        places[table] = f"scoped_{table}"
        while places[table] in written:
            places[table] += "_"
    for node in list(tree.find_all(exp.Table)):
        if node.name in places:
            node.replace(exp.alias_(exp.to_table(places[node.name]), node.alias or node.name, table=True))
    text = write(tree)
    for table, source in sources.items():
        text = text.replace(places[table], f"({source})")
    return f"SELECT * FROM (\n{text}\n)\nLIMIT {plan.limit + 1}"


def _source(scoped: Scoped, table: str, named: set[str], extracted: dict[str, str], catalog: Catalog) -> str:
    """What stands for a table: the columns and keys of it that are asked for."""
    columns = [(name, _expression(name, catalog)) for name in SQL_TABLES[table] if name in named]
    columns += extracted.items()
    # Two levels, because the engine lets an alias hide the column of the same name from the expressions beside it.
    inner = ", ".join(f"{sql} AS _{number}" for number, (_, sql) in enumerate(columns)) or "1"
    outer = ", ".join(f"_{number} AS {identifier(name)}" for number, (name, _) in enumerate(columns)) or "1"
    reading = readable if table == "logs" else readable_spans
    return f"SELECT {outer} FROM (SELECT {inner} FROM {reading(scoped, catalog, inner)})"


def _expression(name: str, catalog: Catalog) -> str:
    """A column of the view."""
    if name == "attributes":
        return fields.attributes_map(catalog)
    if name == "resource":
        return "JSONExtract(toString(resource), 'Map(String, String)')"
    if name in ("trace_id", "span_id", "template_id"):
        return fields.TEXT_COLUMNS[name]
    return _OF_SPANS.get(name, name)


def _extract(select: exp.Select, table: str, extracted: dict[str, str], catalog: Catalog) -> None:
    """Replace direct uses of map keys and ids of a SELECT that reads a table itself."""
    sources = _direct_sources(select, table)
    if not sources.names:
        return
    for projection in list(select.expressions):
        if not isinstance(projection, (exp.Alias, exp.Column, exp.Star)):
            # What is put in the place of a map key must not show in the names of the result.
            projection.replace(exp.alias_(projection.copy(), write(projection), quoted=True))
    for node in list(_own(select)):
        if isinstance(node, exp.Bracket):
            _extract_key(node, sources, extracted, catalog)
        elif isinstance(node, (exp.EQ, exp.NEQ)):
            _extract_id(node, sources, extracted)


@dataclass(frozen=True, slots=True)
class _Sources:
    """Names under which a SELECT reads a table, and whether it reads nothing else."""

    names: frozenset[str]
    sole: bool


def _direct_sources(select: exp.Select, name: str) -> _Sources:
    joins = [join for join in select.args.get("joins") or [] if join.kind != "ARRAY"]
    read_ = [clause.this for clause in (select.args.get("from_"), *joins) if clause is not None]
    names = [table.alias or table.name for table in read_ if isinstance(table, exp.Table) and table.name == name]
    return _Sources(frozenset(names), len(read_) == 1)


def _own(select: exp.Select) -> Iterator[exp.Expression]:
    """Nodes of a SELECT that are not inside another one."""
    stack = list(select.iter_expressions())
    while stack:
        node = stack.pop()
        if isinstance(node, (exp.Select, exp.Subquery, exp.SetOperation, exp.CTE, exp.With)):
            continue
        yield node
        stack.extend(node.iter_expressions())


def _is_ours(column: exp.Expression | None, names: tuple[str, ...], sources: _Sources) -> bool:
    if not isinstance(column, exp.Column) or column.name not in names:
        return False
    return column.table in sources.names if column.table else sources.sole


def _extract_key(node: exp.Bracket, sources: _Sources, extracted: dict[str, str], catalog: Catalog) -> None:
    key = node.expressions[0] if len(node.expressions) == 1 else None
    column = node.this
    if not isinstance(key, exp.Literal) or not key.is_string or not _is_ours(column, _MAPS, sources):
        return
    literal = key.this
    if column.name == "resource":
        name, sql = f"resource.{literal}", fields.resource_text(literal)
    elif _expects_number(node, {way.type for way in fields.attribute(literal, catalog)}):
        name, sql = f"attributes#{literal}", fields.attribute_number(literal, catalog)
    else:
        name, sql = f"attributes.{literal}", f"ifNull({fields.attribute_text(literal, catalog)}, '')"
    extracted[name] = sql
    node.replace(exp.column(exp.to_identifier(name, quoted=True), table=column.args.get("table")))


def _extract_id(node: exp.Expression, sources: _Sources, extracted: dict[str, str]) -> None:
    """`trace_id = '<hex>'` on the stored bytes, so that the bloom filter serves."""
    column, literal = node.this, node.expression
    if not _is_ours(column, tuple(_IDS), sources) or not (isinstance(literal, exp.Literal) and literal.is_string):
        return
    text = literal.this
    if len(text) != 2 * _IDS[column.name] or any(c not in "0123456789abcdef" for c in text):
        return
    name = f"{column.name}#"
    extracted[name] = column.name
    node.set("this", exp.column(exp.to_identifier(name, quoted=True), table=column.args.get("table")))
    node.set("expression", exp.Anonymous(this="unhex", expressions=[exp.Literal.string(text)]))


def _expects_number(node: exp.Expression, types: set[str]) -> bool:
    """Is a map value used as a number? `types` are the letters of those that the key is known to have."""
    parent = node.parent
    while isinstance(parent, exp.Paren):
        node, parent = parent, parent.parent
    if isinstance(parent, (*_ARITHMETIC, exp.Neg)):
        return True
    if isinstance(parent, _COMPARISONS):
        return _is_number(parent.expression if parent.this is node else parent.this)
    if isinstance(parent, exp.Between) and parent.this is node:
        return _is_number(parent.args["low"])
    if isinstance(parent, exp.In) and parent.this is node:
        return bool(parent.expressions) and all(_is_number(item) for item in parent.expressions)
    if isinstance(parent, _CALLS):
        name = str(parent.this)
        # The greatest text is seldom what is meant where all values are numbers.
        return name.startswith(_NUMERIC_AGGREGATES) or (name.startswith(_EXTREMES) and bool(types) and types <= {"i", "f"})
    return False


def _is_number(node: exp.Expression | None) -> bool:
    if isinstance(node, exp.Neg):
        node = node.this
    return isinstance(node, exp.Literal) and not node.is_string
