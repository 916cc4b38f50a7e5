"""Plans over spans that answer with a small table, as SQL. Pure: `storage.trace_api` says what rows hold; values are texts
with their type (`trace_plan.key_value`) until the reader takes them apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from nexus.query.plan import Scoped, TimeRange
from nexus.query.span_policy import masked
from nexus.query.trace_plan import (
    Place,
    SpanCount,
    SpanErrors,
    SpanFacets,
    SpanField,
    SpanHeatmap,
    SpanScan,
    TagNames,
    TagValues,
    field_label,
)
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.fields import ALL_MAPS
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.traces.expressions import Expressions
from nexus.storage.clickhouse.traces.found import NS, Candidate, around
from nexus.storage.clickhouse.traces.scan import matching, of_these_traces, spans_of, where_of

HOT_FACETS: Final = 16
_OBJECTS: Final = {
    Place.RESOURCE: "resource",
    Place.SCOPE: "scope_attributes",
}
_LISTS: Final = {Place.EVENT: "events_attributes", Place.LINK: "links_attributes"}
_FIRST_FACETS: Final = tuple(SpanField(Place.INTRINSIC, name) for name in ("service", "name", "kind", "status"))
_TYPES: Final = ("exception.type", "error.type")
_CODES: Final = ("http.response.status_code", "http.status_code", "rpc.grpc.status_code")


def frequent_names(scoped: Scoped, plan: TagNames, window: TimeRange, catalog: Catalog, extra: tuple[str, ...]) -> str:
    """How many spans of a window have a value in each column of its own, in the order of the catalog."""
    counts = [f"count({identifier(column.name)}) AS c{number}" for number, column in enumerate(catalog.columns)]
    inner = matching(scoped, replace(plan.scan, time=window), catalog, extra).union(", ".join(counts))
    return f"SELECT {', '.join(f'sum(c{number})' for number in range(len(counts)))} FROM (\n{inner}\n)"


def tag_names(
    scoped: Scoped, plan: TagNames, catalog: Catalog, extra: tuple[str, ...], known: frozenset[str] = frozenset()
) -> str:
    """(place, name), but those of attributes that are `known`. Of a column of its own one span with a value is looked for,
    of the others every name is read."""
    parts = []
    if plan.place in (None, Place.SPAN):
        names = dict.fromkeys(column.key for column in catalog.columns if column.key not in known)
        for key in names:
            columns = [column for column in catalog.columns if column.key == key]
            there = " OR ".join(f"isNotNull({identifier(column.name)})" for column in columns)
            inner = matching(scoped, plan.scan, catalog, (*extra, f"({there})")).union("1 AS one", "\nLIMIT 1")
            parts.append(f"SELECT 'span' AS place, {quote(key)} AS name FROM (\n{inner}\n) LIMIT 1")
        for letter, held in ALL_MAPS.items():
            if letter in catalog.map_types:
                inner = matching(scoped, plan.scan, catalog, (*extra, f"notEmpty({held})")).union(
                    f"arrayJoin(mapKeys({held})) AS k", "\nGROUP BY k"
                )
                parts.append(f"SELECT 'span' AS place, toString(k) AS name FROM (\n{inner}\n)")
    for place, text in _OBJECTS.items():
        if plan.place in (None, place):
            inner = matching(scoped, plan.scan, catalog, extra).union(f"{text} AS o", "\nGROUP BY o")
            keys = "arrayJoin(JSONExtractKeys(toString(o)))"
            parts.append(f"SELECT {quote(place)} AS place, {keys} AS name FROM (\n{inner}\n)")
    for place, column in _LISTS.items():
        if plan.place in (None, place):
            inner = matching(scoped, plan.scan, catalog, (*extra, f"notEmpty({column})")).union(
                f"arrayJoin(arrayFlatten(arrayMap(x -> JSONExtractKeys(x), {column}))) AS k", "\nGROUP BY k"
            )
            parts.append(f"SELECT {quote(place)} AS place, k AS name FROM (\n{inner}\n)")
    if not parts:
        return "SELECT '' AS place, '' AS name WHERE 0"
    union = "\nUNION ALL\n".join(f"SELECT * FROM (\n{part}\n)" for part in parts)
    return f"SELECT DISTINCT place, name FROM (\n{union}\n)\nORDER BY place, name\nLIMIT {plan.limit} BY place"


def tag_values(scoped: Scoped, plan: TagValues, catalog: Catalog, extra: tuple[str, ...]) -> str:
    """(value with its type, spans)."""
    compiled = Expressions(catalog)
    every = any(way.each for way in compiled.ways(plan.field))
    grouped, key = compiled.group_key(plan.field, "g")
    if every:
        grouped, key = f"arrayJoin({compiled.keys(plan.field)})", "g"
    inner = matching(scoped, plan.scan, catalog, extra, (plan.field,)).union(
        f"{grouped} AS g, sum(weight) AS w", "\nGROUP BY g"
    )
    return (
        f"SELECT toString({key}) AS k, sum(w) AS n FROM (\n{inner}\n)\nGROUP BY k\nHAVING isNotNull(k)\n"
        f"ORDER BY n DESC, k\nLIMIT {plan.limit}"
    )


def facets(scoped: Scoped, plan: SpanFacets, catalog: Catalog, extra: tuple[str, ...]) -> str:
    """(field, value with its type, spans)."""
    compiled = Expressions(catalog)
    parts = []
    for field in facet_fields(scoped, plan, catalog):
        scan = matching(scoped, plan.scan, catalog, extra, (field,))
        grouped, key = compiled.group_key(field, "g")
        inner = scan.union(f"{grouped} AS g, sum(weight) AS w", "\nGROUP BY g")
        parts.append(
            f"SELECT {quote(field_label(field))} AS f, toString({key}) AS v, sum(w) AS n FROM (\n{inner}\n)\n"
            f"GROUP BY v\nHAVING isNotNull(v)\nORDER BY n DESC, v\nLIMIT {plan.limit}"
        )
    return "\nUNION ALL\n".join(f"SELECT * FROM (\n{part}\n)" for part in parts)


def facet_fields(scoped: Scoped, plan: SpanFacets, catalog: Catalog) -> tuple[SpanField, ...]:
    """The fields of an answer, in its order."""
    return plan.fields or hot_fields(scoped, catalog)


def hot_fields(scoped: Scoped, catalog: Catalog) -> tuple[SpanField, ...]:
    """Facets when none are named: what every span has, and learned attributes of few values."""
    learned = [column for column in catalog.columns if column.column_type.startswith("LowCardinality")]
    fields = (*_FIRST_FACETS, *(SpanField(Place.SPAN, column.key) for column in learned))
    return tuple(dict.fromkeys(field for field in fields if not masked(field, scoped.masked)))[:HOT_FACETS]


def heatmap(scoped: Scoped, plan: SpanHeatmap, catalog: Catalog, extra: tuple[str, ...]) -> str:
    """(bucket begin, duration class, spans, errors)."""
    unit = catalog.table.unit_ns
    # A bucket of whole slots needs no timestamps.
    bucket = f"intDiv(slot, {plan.step // unit})" if plan.step % unit == 0 else f"intDiv({NS}, {plan.step})"
    inner = matching(scoped, plan.scan, catalog, extra).union(
        f"{bucket} AS b, duration_class AS c, sum(weight) AS w, sumIf(weight, status = 2) AS f", "\nGROUP BY b, c"
    )
    return f"SELECT toInt64(b) * {plan.step}, c, sum(w), sum(f) FROM (\n{inner}\n)\nGROUP BY b, c\nORDER BY b, c"


def count(scoped: Scoped, plan: SpanCount, catalog: Catalog, extra: tuple[str, ...]) -> str:
    """(spans, traces)."""
    inner = matching(scoped, plan.scan, catalog, extra).union("trace_id, count() AS c", "\nGROUP BY trace_id")
    return f"SELECT sum(c), uniqExact(trace_id) FROM (\n{inner}\n)"


def errors(scoped: Scoped, plan: SpanErrors, catalog: Catalog, extra: tuple[str, ...]) -> str:
    """(service, operation, type, message, spans, first, last, trace id as hex)."""
    compiled = Expressions(catalog)

    def text(place: Place, name: str) -> str:
        return f"substring({compiled.key(SpanField(place, name))}, 2)"

    def first(*texts: str) -> str:
        return f"coalesce({', '.join([*texts, quote('')])})"

    def of_event(name: str) -> str:
        # One function a failed span, where an expression in general asks for each type of value.
        texts = f"arrayMap(a -> JSONExtractString(a, {quote(name)}), events_attributes)"
        return f"nullIf(arrayFirst(x -> x != '', {texts}), '')"

    types = [of_event(_TYPES[0]), *(text(Place.SPAN, name) for name in _TYPES)]
    types += [text(Place.SPAN, name) for name in _CODES]
    message = first("nullIf(toString(status_message), '')", of_event("exception.message"))
    columns = (
        f"toString(service) AS s, toString(name) AS o, {first(*types)} AS y, "
        f"replaceRegexpAll({message}, '[0-9A-Za-z]*[0-9][0-9A-Za-z]*', '*') AS m, {NS} AS t, trace_id, weight AS w"
    )
    inner = matching(scoped, plan.scan, catalog, (*extra, "status = 2")).union(columns)
    return (
        "SELECT s, o, y, substringUTF8(m, 1, 500) AS message, sum(w) AS n, min(t), max(t), "
        f"lower(hex(argMax(trace_id, t))) FROM (\n{inner}\n)\nGROUP BY s, o, y, message\n"
        f"ORDER BY n DESC, s, o, y, message\nLIMIT {plan.limit}"
    )


def newest(scoped: Scoped, scan: SpanScan, limit: int, order: str, catalog: Catalog, extra: Iterable[str]) -> str:
    """(trace id and span id as hex, time, duration) of the first matching spans in an order."""
    by = "t" if order == "newest" else "d"
    inner = matching(scoped, scan, catalog, extra).union(f"trace_id, ids, span_id, {NS} AS t, duration AS d")
    return (
        f"SELECT lower(hex(trace_id)), lower(hex(span_id)), t, d FROM (\n{inner}\n)\n"
        f"ORDER BY {by} DESC, trace_id, ids\nLIMIT 1 BY trace_id, ids\nLIMIT {limit}"
    )


def quantile_bounds(
    scoped: Scoped, scan: SpanScan, levels: tuple[float, float], catalog: Catalog, extra: Iterable[str]
) -> str:
    """(least, greatest) duration between two quantiles."""
    inner = matching(scoped, scan, catalog, extra).union("duration")
    low, high = levels
    return f"SELECT count(), quantilesExact({low!r}, {high!r})(duration) FROM (\n{inner}\n)"


def fair_traces(
    scoped: Scoped, scan: SpanScan, between: tuple[int, int], limit: int, catalog: Catalog, extra: Iterable[str]
) -> str:
    """(trace id as hex, newest) of traces with matching spans of such durations, chosen by a hash of their ids."""
    bounds = f"duration BETWEEN {between[0]} AND {between[1]}"
    inner = matching(scoped, scan, catalog, (*extra, bounds)).union(f"trace_id, {NS} AS t")
    return (
        f"SELECT lower(hex(trace_id)), max(t) FROM (\n{inner}\n)\nGROUP BY trace_id\n"
        f"ORDER BY sipHash64(trace_id)\nLIMIT {limit}"
    )


def path_spans(
    scoped: Scoped,
    scan: SpanScan,
    between: tuple[int, int],
    some: Sequence[Candidate],
    catalog: Catalog,
    extra: Iterable[str],
) -> str:
    """All spans of some traces, as `trace_plan.CriticalPaths` says; those that match and last as long are marked."""
    where = where_of(scan)
    compiled = Expressions(catalog)
    inside = [f"{NS} >= {scan.time.start}"] if scan.time.start is not None else []
    inside += [f"{NS} < {scan.time.end}"] if scan.time.end is not None else []
    matched = " AND ".join([*inside, *compiled.conjuncts(where), *extra, f"duration BETWEEN {between[0]} AND {between[1]}"])
    columns = (
        f"trace_id, span_id, parent_span_id, toString(name) AS n, kind, {NS} AS t, duration, toString(service) AS s, "
        f"toUInt8(ifNull({matched}, 0)) AS m"
    )
    chosen = of_these_traces(one.trace_id for one in some)
    inner = spans_of(scoped, around(some), catalog, extra=(chosen,), asked=(where,)).union(columns)
    return (
        f"SELECT trace_id, span_id, parent_span_id, n, kind, t, duration, s, m FROM (\n{inner}\n)\n"
        "ORDER BY trace_id, t, span_id\nLIMIT 1 BY trace_id, span_id, kind"
    )
