"""SQL of comparing two selections, and of statistics of one field. Pure text.

Results: Profile (kind, name, value, records of the selection, of the baseline, records with the field in both, values in
all; the row with an empty kind is the records looked at); Contrast (field, then as Profile);
FieldSummary (records, records with the field, values, then of the numbers: count, min, max, mean, sum, four percentiles).
"""

from __future__ import annotations

from typing import Final

from nexus.query.fields import name_of
from nexus.query.plan import Contrast, Field, FieldKind, FieldSummary, Profile, Scoped
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.grouping import group_key, shown_text
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.scan import scan_of

EXACT_DISTINCT: Final = 10_000
PERCENTILES: Final = (0.5, 0.9, 0.95, 0.99)
_COLUMNS: Final = ("service", "severity", "event_name", "scope_name", "scope_version", "template_id")


def profile(scoped: Scoped, plan: Profile, catalog: Catalog) -> str:
    """Values of all fields that records carry, with their counts in both selections."""
    parts = []
    for side, (scan, share) in enumerate(zip((plan.selection, plan.baseline), plan.shares, strict=True)):
        # Rows of parts are in the order of service and template, so every share-th one is a fair sample of them.
        extra = (f"intHash64(_part_offset) % {share} = 0",) if share > 1 else ()
        records = scan_of(scoped, scan, catalog, extra)
        inner = records.union(f"arrayJoin({_pairs(catalog)}) AS p, count() AS c", "\nGROUP BY p")
        parts.append(f"SELECT p.1 AS kind, p.2 AS name, p.3 AS value, c, {side} AS side FROM (\n{inner}\n)")
        inner = records.union("resource, count() AS c", "\nGROUP BY resource")
        keys = "arrayJoin(JSONExtractKeysAndValuesRaw(toString(resource)))"
        text = "if(startsWith(raw, '\"'), JSONExtractString(concat('[', raw, ']'), 1), raw)"
        parts.append(
            f"SELECT 'resource', p.1 AS key, {text.replace('raw', 'p.2')} AS text, c, {side} FROM (\n"
            f"SELECT {keys} AS p, c FROM (\n{inner}\n)\n)"
        )
    union = "\nUNION ALL\n".join(parts)
    inner = (
        "SELECT kind, name, value, sumIf(c, side = 0) AS a, sumIf(c, side = 1) AS b FROM (\n"
        f"{union}\n)\n"
        "WHERE (value != '' OR kind = '') AND NOT (kind = 'resource' AND name = 'service.name')\nGROUP BY kind, name, value"
    )
    return _ranked("kind, name", inner, plan.values)


def contrast(scoped: Scoped, plan: Contrast, catalog: Catalog) -> str:
    """Values of chosen fields with their exact counts in both selections."""
    parts = []
    for field in plan.fields:
        key, text = group_key(field, catalog), shown_text(field, "v")
        sides = "\nUNION ALL\n".join(
            f"SELECT ifNull(toString({text}), '') AS value, c, {side} AS side FROM (\n"
            f"{scan_of(scoped, scan, catalog).union(f'{key} AS v, count() AS c', chr(10) + 'GROUP BY v')}\n)"
            for side, scan in enumerate((plan.selection, plan.baseline))
        )
        inner = (
            f"SELECT {quote(name_of(field))} AS name, value, sumIf(c, side = 0) AS a, sumIf(c, side = 1) AS b FROM (\n"
            f"{sides}\n)\nWHERE value != ''\nGROUP BY value"
        )
        parts.append(_ranked("name", inner, plan.values))
    return "\nUNION ALL\n".join(f"SELECT * FROM (\n{part}\n)" for part in parts)


def _ranked(keys: str, inner: str, values: int) -> str:
    """The values that are among the most frequent of their field on either side."""
    window = f"OVER (PARTITION BY {keys}"
    return (
        f"SELECT {keys}, value, a, b, of_a, of_b, distinct FROM (\n"
        f"SELECT {keys}, value, a, b, sum(a) {window}) AS of_a, sum(b) {window}) AS of_b, count() {window}) AS distinct, "
        f"row_number() {window} ORDER BY a DESC, value) AS rank_a, row_number() {window} ORDER BY b DESC, value) AS rank_b "
        f"FROM (\n{inner}\n)\n)\nWHERE rank_a <= {values} OR rank_b <= {values}"
    )


def _pairs(catalog: Catalog) -> str:
    """All fields of a record but the resource's, as (kind, name, text); the first one stands for the record."""
    own = [f"('column', {quote(name)}, toString({fields.TEXT_COLUMNS[name]}))" for name in _COLUMNS]
    for column in catalog.columns:
        own.append(f"('attribute', {quote(column.key)}, ifNull(toString({identifier(column.name)}), ''))")
    pairs = [f"[('', '', ''), {', '.join(own)}]"]
    for letter, source in fields.ALL_MAPS.items():
        if letter not in catalog.map_types:
            continue
        learned = [quote(c.key) for c in catalog.columns if c.type == letter]
        text = f"if(k IN ({', '.join(learned)}), '', toString(v))" if learned else "toString(v)"
        pairs.append(f"arrayMap((k, v) -> ('attribute', toString(k), {text}), mapKeys({source}), mapValues({source}))")
    return pairs[0] if len(pairs) == 1 else f"arrayConcat({', '.join(pairs)})"


def field_summary(scoped: Scoped, plan: FieldSummary, catalog: Catalog) -> str:
    """One row about one field."""
    field = plan.field
    here = fields.presence(field, catalog)
    text = f"ifNull(toString({fields.text(field, catalog)}), '')"
    inner = scan_of(scoped, plan.scan, catalog).union(
        f"({here}) AS p, if(p, {text}, '') AS v, {number(field, catalog)} AS x"
    )
    counted = "x IS NOT NULL AND isFinite(x)"
    percentiles = ", ".join(map(str, PERCENTILES))
    return (
        f"SELECT records, present, if(few <= {EXACT_DISTINCT}, few, many), n, low, high, mean, total, marks FROM (\n"
        "SELECT count() AS records, countIf(p) AS present, "
        f"length(groupUniqArrayIf({EXACT_DISTINCT + 1})(v, v != '')) AS few, uniqIf(v, v != '') AS many, "
        f"countIf({counted}) AS n, minIf(x, {counted}) AS low, maxIf(x, {counted}) AS high, avgIf(x, {counted}) AS mean, "
        f"sumIf(x, {counted}) AS total, quantilesTDigestIf({percentiles})(x, {counted}) AS marks FROM (\n{inner}\n)\n)"
    )


def number(field: Field, catalog: Catalog) -> str:
    """The field as a Nullable(Float64); text that reads as a number counts, booleans do not."""
    if field.kind is FieldKind.COLUMN:
        if field.name == "severity_number":
            return "if(severity_number = 0, NULL, toFloat64(severity_number))"
        if field.name in ("timestamp", "observed_timestamp"):
            return f"toNullable(toUnixTimestamp64Nano({field.name}) / 1e6)"
        return f"toFloat64OrNull(toString({fields.TEXT_COLUMNS[field.name]}))"
    branches = []
    if field.kind is not FieldKind.RESOURCE:
        for way in fields.attribute(field.name, catalog):
            if way.type in "if":
                branches.append(f"{way.presence}, toFloat64({way.value})")
            elif way.type == "s":
                branches.append(f"{way.presence}, toFloat64OrNull({way.value})")
    rest = "NULL"
    if field.kind is not FieldKind.ATTRIBUTE:
        rest = f"toFloat64OrNull(toString({fields.resource_text(field.name)}))"
    if not branches:
        return "CAST(NULL, 'Nullable(Float64)')" if rest == "NULL" else rest
    return f"multiIf({', '.join(branches)}, {rest})"
