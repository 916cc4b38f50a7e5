"""SQL of comparing two selections of spans. Pure text.

Results: without steps (kind, name, value, spans of the selection, of the baseline, spans with the field in both, values in
all), as `storage.clickhouse.compare` has it of records; the row with an empty kind is the spans looked at. With steps as
`trace_plan.SpanProfile` says, the value with its type in one text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from nexus.query.plan import Scoped, TimeRange
from nexus.query.trace_plan import Place, SpanField, SpanProfile, SpanScan
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.fields import ALL_MAPS
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.traces.expressions import Expressions
from nexus.storage.clickhouse.traces.found import NS
from nexus.storage.clickhouse.traces.scan import matching, within

_OWN: Final = ("name", "kind", "status", "statusMessage", "service", "instrumentation:name", "instrumentation:version")
_LETTERS: Final = {"s": "s", "i": "i", "f": "f", "b": "b", "j": "s"}


def profile(scoped: Scoped, plan: SpanProfile, catalog: Catalog, extras: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
    """Values of all fields that spans carry, with their counts in both selections."""
    step = f"intDiv({NS} - {plan.start - plan.step + 1}, {plan.step})" if plan.step else "0"
    parts = []
    for side, (scan, share, extra) in enumerate(zip((plan.selection, plan.baseline), plan.shares, extras, strict=True)):
        if plan.step:
            last = plan.start + (plan.end - plan.start) // plan.step * plan.step
            scan = replace(scan, time=within(scan.time, TimeRange(plan.start - plan.step + 1, last + 1)))
        chosen = extra if share <= 1 else (*extra, f"intHash64(_part_offset) % {share} = 0")
        parts += _side(scoped, scan, chosen, side, step, catalog)
    union = "\nUNION ALL\n".join(parts)
    if plan.step:
        return _by_step(plan, union)
    inner = (
        "SELECT kind, name, substring(typed, 2) AS value, sumIf(c, side = 0) AS a, sumIf(c, side = 1) AS b FROM (\n"
        f"{union}\n)\nWHERE length(typed) > 1 OR kind = ''\nGROUP BY kind, name, value"
    )
    window = "OVER (PARTITION BY kind, name"
    return (
        "SELECT kind, name, value, a, b, of_a, of_b, distinct FROM (\n"
        f"SELECT kind, name, value, a, b, sum(a) {window}) AS of_a, sum(b) {window}) AS of_b, "
        f"count() {window}) AS distinct, "
        f"row_number() {window} ORDER BY a DESC, value) AS rank_a, row_number() {window} ORDER BY b DESC, value) AS rank_b "
        f"FROM (\n{inner}\n)\n)\nWHERE rank_a <= {plan.values} OR rank_b <= {plan.values}\n"
        "ORDER BY kind, name, a DESC, value"
    )


def _by_step(plan: SpanProfile, union: str) -> str:
    inner = (
        "SELECT i, kind, name, typed AS value, sumIf(c, side = 0) AS a, sumIf(c, side = 1) AS b FROM (\n"
        f"{union}\n)\nWHERE typed != '' AND kind != ''\nGROUP BY i, kind, name, typed"
    )
    values = "OVER (PARTITION BY kind, name, value)"
    fields = "OVER (PARTITION BY kind, name"
    ranked = (
        "SELECT i, kind, name, value, a, b, "
        f"dense_rank() {fields} ORDER BY total_a DESC, value) AS rank_a, "
        f"dense_rank() {fields} ORDER BY total_b DESC, value) AS rank_b FROM (\n"
        f"SELECT i, kind, name, value, a, b, sum(a) {values} AS total_a, sum(b) {values} AS total_b FROM (\n{inner}\n)\n)"
    )
    time = f"{plan.start} + i * {plan.step}"
    shown = (
        f"SELECT {time} AS t, kind, name, value AS v, a, b FROM (\n{ranked}\n)\n"
        f"WHERE rank_a <= {plan.values} OR rank_b <= {plan.values}"
    )
    totals = f"SELECT {time} AS t, kind, name, '' AS v, sum(a) AS a, sum(b) AS b FROM (\n{inner}\n)\nGROUP BY t, kind, name"
    return f"SELECT * FROM (\n{shown}\n\nUNION ALL\n{totals}\n)\nORDER BY kind, name, v, t"


def _side(scoped: Scoped, scan: SpanScan, extra: tuple[str, ...], side: int, step: str, catalog: Catalog) -> list[str]:
    spans = matching(scoped, scan, catalog, extra)
    inner = spans.union(f"{step} AS i, arrayJoin({_pairs(catalog)}) AS p, sum(weight) AS c", "\nGROUP BY i, p")
    own = f"SELECT i, p.1 AS kind, p.2 AS name, p.3 AS typed, c, {side} AS side FROM (\n{inner}\n)"
    inner = spans.union(f"{step} AS i, resource, sum(weight) AS c", "\nGROUP BY i, resource")
    text = (
        "multiIf(startsWith(raw, '\"'), concat('s', JSONExtractString(concat('[', raw, ']'), 1)), "
        "raw IN ('true', 'false'), concat('b', raw), match(raw, '^-?[0-9]+$'), concat('i', raw), "
        "match(raw, '^-?[0-9]'), concat('f', raw), concat('s', raw))"
    )
    resource = (
        f"SELECT i, 'resource' AS kind, p.1 AS name, {text.replace('raw', 'p.2')} AS typed, c, {side} AS side FROM (\n"
        f"SELECT i, arrayJoin(JSONExtractKeysAndValuesRaw(toString(resource))) AS p, c FROM (\n{inner}\n)\n)\n"
        "WHERE name != 'service.name'"
    )
    return [own, resource]


def _pairs(catalog: Catalog) -> str:
    """All fields of a span but the resource's, as (place, name, value with its type); the first one stands for the span."""
    compiled = Expressions(catalog)
    own = [
        f"('intrinsic', {quote(name)}, ifNull(toString({compiled.key(SpanField(Place.INTRINSIC, name))}), ''))"
        for name in _OWN
    ]
    for column in catalog.columns:
        text = f"ifNull(concat({quote(_LETTERS[column.type])}, toString({identifier(column.name)})), '')"
        own.append(f"('span', {quote(column.key)}, {text})")
    pairs = [f"[('', '', 's'), {', '.join(own)}]"]
    for letter, held in ALL_MAPS.items():
        if letter not in catalog.map_types:
            continue
        learned = [quote(column.key) for column in catalog.columns if column.type == letter]
        text = f"concat({quote(_LETTERS[letter])}, toString(v))"
        text = f"if(k IN ({', '.join(learned)}), '', {text})" if learned else text
        pairs.append(f"arrayMap((k, v) -> ('span', toString(k), {text}), mapKeys({held}), mapValues({held}))")
    return pairs[0] if len(pairs) == 1 else f"arrayConcat({', '.join(pairs)})"
