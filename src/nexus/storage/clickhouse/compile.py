"""Plans to SQL text. Pure: a scoped plan and a catalog in, statements out; golden-tested in `tests/golden/sql`.

Results: Count (count); Histogram (bucket start ns, key, count); Facets (field, value, count, records with the field);
ListFields (kind, name, type, count); Bounds (first ns, last ns, count). Others: `compare` and
`aggregate`.
Pages: `records`. Patterns and context, which take several statements: modules of those names. User SQL: `sql_statement`.
"""

from __future__ import annotations

from nexus.query.fields import name_of
from nexus.query.masks import hides
from nexus.query.plan import (
    Aggregate,
    Bounds,
    Context,
    Contrast,
    Count,
    Facets,
    Field,
    FieldKind,
    FieldSummary,
    GetRecord,
    Histogram,
    ListFields,
    LogScan,
    Patterns,
    Profile,
    Rows,
    Scoped,
    Search,
    SqlStatement,
    Tally,
)
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.aggregate import aggregate
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.compare import contrast, field_summary, profile
from nexus.storage.clickhouse.context import stream_of
from nexus.storage.clickhouse.grouping import SEVERITY as _SEVERITY
from nexus.storage.clickhouse.grouping import group_key, shown_text
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.patterns import counts
from nexus.storage.clickhouse.records import PageBuilder, get_record
from nexus.storage.clickhouse.scan import Scan, scan_of
from nexus.storage.clickhouse.tally import compile_rows, compile_tally

OTHER = "(other)"
HOT_FACETS = 12
MAX_KEYS = 1000
_COUNTED_COLUMNS = ("event_name", "trace_id", "span_id", "scope_name", "scope_version")


def compile_table(scoped: Scoped, catalog: Catalog) -> str:
    """The one statement of a plan that answers with a small table."""
    match scoped.plan:
        case Count(scan):
            return f"SELECT sum(c) FROM (\n{_scan(scoped, scan, catalog).union('count() AS c')}\n)"
        case Histogram():
            return _histogram(scoped, scoped.plan, catalog)
        case Facets():
            return _facets(scoped, scoped.plan, catalog)
        case ListFields(scan):
            return _list_fields(scoped, scan, catalog)
        case Bounds(scan):
            inner = _scan(scoped, scan, catalog).union(
                "min(toUnixTimestamp64Nano(timestamp)) AS f, max(toUnixTimestamp64Nano(timestamp)) AS l, count() AS c"
            )
            return f"SELECT minIf(f, c > 0), maxIf(l, c > 0), sum(c) FROM (\n{inner}\n)"
        case Profile():
            return profile(scoped, scoped.plan, catalog)
        case Contrast():
            return contrast(scoped, scoped.plan, catalog)
        case Aggregate():
            return aggregate(scoped, scoped.plan, catalog)
        case FieldSummary():
            return field_summary(scoped, scoped.plan, catalog)
        case _:
            raise TypeError(f"{type(scoped.plan).__name__} does not answer with a table")


def explain(scoped: Scoped, catalog: Catalog) -> list[str]:
    """The statements of any plan; of a search, those that run first (more follow when a page is not full)."""
    match scoped.plan:
        case Search():
            first = PageBuilder(scoped, scoped.plan, catalog).statement()
            return [first] if first else []
        case GetRecord():
            return [get_record(scoped, scoped.plan, catalog)]
        case Patterns():
            return [counts(scoped, scoped.plan, catalog)]
        case Context():
            found = get_record(scoped, GetRecord(scoped.plan.timestamp, scoped.plan.hash), catalog)
            return [found, stream_of(scoped, scoped.plan, catalog)]
        case SqlStatement():
            from nexus.storage.clickhouse.sql_statement import compile_sql  # the SQL parser takes 0.1 s to load

            return [compile_sql(scoped, scoped.plan, {catalog.table.name: catalog})]
        case Rows(scan):
            return [compile_rows(scoped, scan, catalog)]
        case Tally():
            return [compile_tally(scoped, scoped.plan, catalog)]
        case _:
            return [compile_table(scoped, catalog)]


def _scan(scoped: Scoped, scan: LogScan, catalog: Catalog) -> Scan:
    return scan_of(scoped, scan, catalog)


def _histogram(scoped: Scoped, plan: Histogram, catalog: Catalog) -> str:
    scan = _scan(scoped, plan.scan, catalog)
    bucket = f"intDiv(toUnixTimestamp64Nano(timestamp), {plan.step}) AS b"
    if plan.by is None:
        inner = scan.union(f"{bucket}, count() AS c", "\nGROUP BY b")
        return f"SELECT b * {plan.step}, '', sum(c) FROM (\n{inner}\n)\nGROUP BY b\nORDER BY b"
    if plan.by == _SEVERITY:
        inner = scan.union(f"{bucket}, severity_number AS n, count() AS c", "\nGROUP BY b, n")
        key = fields.severity_name("n")
        return f"SELECT b * {plan.step}, {key} AS k, sum(c) FROM (\n{inner}\n)\nGROUP BY b, k\nORDER BY b, k"
    inner = scan.union(f"{bucket}, {group_key(plan.by, catalog)} AS k, count() AS c", "\nGROUP BY b, k")
    key, shown = f"if(r > {plan.series_limit}, {quote(OTHER)}, v)", shown_text(plan.by, "k")
    return (
        f"SELECT b * {plan.step}, {key} AS key, sum(n) FROM (\n"
        "SELECT b, v, n, dense_rank() OVER (ORDER BY total DESC, v) AS r FROM (\n"
        "SELECT b, v, n, sum(n) OVER (PARTITION BY v) AS total FROM (\n"
        f"SELECT b, ifNull(toString({shown}), '') AS v, sum(c) AS n FROM (\n{inner}\n)\nGROUP BY b, v\n)\n)\n)\n"
        "GROUP BY b, key\nORDER BY b, key"
    )


def _facets(scoped: Scoped, plan: Facets, catalog: Catalog) -> str:
    chosen = plan.fields or tuple(field for field in hot_fields(catalog) if not hides(scoped.masked, field))
    parts = []
    for field in chosen:
        key = group_key(field, catalog)
        inner = _scan(scoped, plan.scan, catalog).union(f"{key} AS v, count() AS c", "\nGROUP BY v")
        # Keys of different kinds may have one text: the number 500 and "500".
        text = fields.severity_name("v") if field == _SEVERITY else f"ifNull(toString({shown_text(field, 'v')}), '')"
        present = "" if field == _SEVERITY else "WHERE value != ''\n"
        parts.append(
            f"SELECT {quote(name_of(field))} AS f, value, c, sum(c) OVER () AS n FROM (\n"
            f"SELECT {text} AS value, sum(c) AS c FROM (\n{inner}\n)\nGROUP BY value\n)\n"
            f"{present}ORDER BY c DESC, value\nLIMIT {plan.limit + 1}"
        )
    return "\nUNION ALL\n".join(f"SELECT * FROM (\n{part}\n)" for part in parts)


def hot_fields(catalog: Catalog) -> tuple[Field, ...]:
    """Facets shown when none are named: service, severity, and learned attributes, those with few values first."""
    learned = sorted(catalog.columns, key=lambda column: not column.column_type.startswith("LowCardinality"))
    names = dict.fromkeys(column.key for column in learned if column.type != "f")
    attributes = tuple(Field(FieldKind.ATTRIBUTE, name) for name in names)
    return (_SEVERITY, Field(FieldKind.COLUMN, "service"), *attributes)[:HOT_FACETS]


def _list_fields(scoped: Scoped, scan: LogScan, catalog: Catalog) -> str:
    def literal(kind: str, name: str, type: str, count: str, extra: tuple[str, ...] = ()) -> str:
        inner = scan_of(scoped, scan, catalog, extra).union(f"{count} AS c")
        return f"SELECT {quote(kind)} AS kind, {quote(name)} AS name, {quote(type)} AS type, sum(c) AS n FROM (\n{inner}\n)"

    parts = [literal("column", name, "string", "count()") for name in ("timestamp", "body", "severity", "service")]
    for name in _COUNTED_COLUMNS:
        shown = fields.presence(Field(FieldKind.COLUMN, name), catalog)
        parts.append(literal("column", name, "string", "count()", (shown,)))
    for column in catalog.columns:
        type = fields.TYPE_NAMES[column.type]
        parts.append(literal("attribute", column.key, type, f"count({identifier(column.name)})"))
    for letter, source in fields.ALL_MAPS.items():
        if letter not in catalog.map_types:
            continue
        learned = [quote(c.key) for c in catalog.columns if c.type == letter]
        keys = f"arrayFilter(k -> k NOT IN ({', '.join(learned)}), mapKeys({source}))" if learned else f"mapKeys({source})"
        inner = scan_of(scoped, scan, catalog, (f"notEmpty({source})",)).union(
            f"arrayJoin({keys}) AS k, count() AS c", "\nGROUP BY k"
        )
        parts.append(
            f"SELECT 'attribute', toString(k), {quote(fields.TYPE_NAMES[letter])}, sum(c) AS n FROM (\n{inner}\n)\n"
            f"GROUP BY k\nORDER BY n DESC\nLIMIT {MAX_KEYS}"
        )
    inner = _scan(scoped, scan, catalog).union("resource, count() AS c", "\nGROUP BY resource")
    parts.append(
        "SELECT 'resource', arrayJoin(JSONExtractKeys(toString(resource))) AS k, 'string', sum(c) AS n FROM (\n"
        f"{inner}\n)\nGROUP BY k\nORDER BY n DESC\nLIMIT {MAX_KEYS}"
    )
    union = "\nUNION ALL\n".join(f"SELECT * FROM (\n{part}\n)" for part in parts)
    return f"SELECT kind, name, type, n FROM (\n{union}\n)\nWHERE n > 0\nORDER BY kind, n DESC, name"
