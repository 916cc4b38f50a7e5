"""Patterns: records by template, exactly, without reading a body for more than one record of each.

One statement counts everything by (template, bucket, severity), so that all counts are of one snapshot; it also says in
which hours a template occurs. What else is shown is asked for the shown templates alone: first and last record from
their first and last hours, one record of each, and the first one ever, oldest data first (frequent templates are found in
the first hour and asked for no more).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from nexus.query.plan import All, LogScan, Patterns, Scoped, TimeRange
from nexus.storage.api import PatternRow
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.records import FORMAT, SETTINGS, columns, read_lines
from nexus.storage.clickhouse.scan import scan_of
from nexus.storage.clickhouse.slices import HOUR, clip, instant

MAX_SERVICES: Final = 50
TABLE: Final = "JSONCompactEachRow"
DAY: Final = 24 * HOUR

Query = Callable[[str, str], bytes]
_ORDERS: Final = {"most": "total DESC, t", "fewest": "total, t", "newest": "first DESC, t"}


def find_patterns(scoped: Scoped, plan: Patterns, catalog: Catalog, query: Query) -> tuple[int, int, list[PatternRow]]:
    """Number of records, number of templates, and a row for each template shown; `query` runs a statement."""
    total = distinct = 0
    rows: dict[int, PatternRow] = {}
    hours: dict[int, tuple[int, int]] = {}
    for line in query(counts(scoped, plan, catalog), TABLE).splitlines():
        template, count, parts, services, low, high, total, distinct = json.loads(line)
        row = rows[template] = PatternRow(template, count, {}, sorted(filter(None, services))[:MAX_SERVICES])
        for bucket, severity, number in parts:
            row.counts[bucket, severity] = row.counts.get((bucket, severity), 0) + number
        hours[template] = low, high
    if not rows:
        return 0, 0, []
    for line in query(edges(scoped, plan, catalog, hours), TABLE).splitlines():
        template, first, last = json.loads(line)
        rows[template].first, rows[template].last = int(first), int(last)
    # A record may have expired between two statements: its pattern keeps its count and goes without the rest.
    ends = {template: row.last for template, row in rows.items() if row.last}
    for held in read_lines(query(samples(scoped, plan, catalog, ends), FORMAT), catalog):
        template = int(json.loads(held.json)["template_id"], 16)
        rows[template].sample = held.json
    _find_first(scoped, plan, catalog, query, rows)
    return total, distinct, list(rows.values())


def counts(scoped: Scoped, plan: Patterns, catalog: Catalog) -> str:
    """(template, records, [(bucket number, severity number, records)], services, first hour, last hour, records of all
    templates, number of templates)."""
    if plan.step % HOUR == 0:
        bucket = f"intDiv(hour, {plan.step // HOUR})"
    else:
        bucket = f"intDiv(toUnixTimestamp64Nano(timestamp), {plan.step})"
    # Decoding timestamps triples the time of this statement, so only the order by them does it.
    first = "min(toUnixTimestamp64Nano(timestamp))" if plan.order == "newest" else "min(hour)"
    inner = scan_of(scoped, plan.scan, catalog).union(
        f"template_id AS t, {bucket} AS b, severity_number AS s, count() AS c, "
        f"groupUniqArray({MAX_SERVICES})(service) AS v, min(hour) AS h, max(hour) AS i, {first} AS f",
        "\nGROUP BY t, b, s",
    )
    return (
        "SELECT t, total, parts, services, low, high, sum(total) OVER () AS everything, count() OVER () AS distinct FROM (\n"
        "SELECT t, sum(c) AS total, groupArray((b, s, c)) AS parts, groupUniqArrayArray(v) AS services, "
        f"min(h) AS low, max(i) AS high, min(f) AS first FROM (\n{inner}\n)\nGROUP BY t\n)\n"
        f"ORDER BY {_ORDERS[plan.order]}\nLIMIT {plan.limit}"
    )


def edges(scoped: Scoped, plan: Patterns, catalog: Catalog, hours: dict[int, tuple[int, int]]) -> str:
    """(template, first, last) of templates, in ns, given the hours in which they lie."""
    places = sorted({(template, hour) for template, both in hours.items() for hour in both})
    extra = (_hours(hour for _, hour in places), f"(template_id, hour) IN ({', '.join(map(str, places))})")
    inner = scan_of(scoped, plan.scan, catalog, extra).union(
        "template_id AS t, min(timestamp) AS f, max(timestamp) AS l", "\nGROUP BY t"
    )
    return (
        f"SELECT t, toUnixTimestamp64Nano(min(f)), toUnixTimestamp64Nano(max(l)) FROM (\n{inner}\n)\nGROUP BY t\nORDER BY t"
    )


def samples(scoped: Scoped, plan: Patterns, catalog: Catalog, last: dict[int, int]) -> str:
    """One record of each template: its last one in the range."""
    pairs = ", ".join(f"({template}, {instant(time)})" for template, time in sorted(last.items())) or "(0, 0)"
    times = ", ".join(map(instant, sorted(set(last.values())))) or "0"
    extra = (
        _hours(time // HOUR for time in last.values()),
        f"template_id IN ({', '.join(map(str, sorted(last))) or '0'})",
        f"timestamp IN ({times})",
        f"(template_id, timestamp) IN ({pairs})",
    )
    source = scan_of(scoped, plan.scan, catalog, extra).union(columns(catalog), "\nLIMIT 1 BY template_id")
    return f"SELECT * FROM (\n{source}\n)\nLIMIT 1 BY template_id{SETTINGS}"


def first_ever(scoped: Scoped, catalog: Catalog, templates: Iterable[int], time: TimeRange) -> str:
    """(template, first record in a range whatever the query) of templates, in ns."""
    extra = (f"template_id IN ({', '.join(map(str, sorted(templates)))})",)
    inner = scan_of(scoped, LogScan(time), catalog, extra).union("template_id AS t, min(timestamp) AS f", "\nGROUP BY t")
    return f"SELECT t, toUnixTimestamp64Nano(min(f)) FROM (\n{inner}\n)\nGROUP BY t\nORDER BY t"


def oldest_first(catalog: Catalog, end: int) -> Iterator[TimeRange]:
    """Windows over all data before `end`: an hour, the rest of its day, then 1, 2, 4, ... days of those with data."""
    partitions = [partition for partition in catalog.partitions if partition.first < end]
    if not partitions:
        return
    start = partitions[0].first
    ends = [(start // HOUR + 1) * HOUR]
    at, days = 0, 1
    while at < len(partitions):
        ends.append(partitions[min(at + days, len(partitions)) - 1].last + 1)
        at, days = at + days, 1 if at == 0 else days * 2
    for stop in ends:
        stop = min(stop, end)
        if stop > start:
            yield TimeRange(start, stop)
            start = stop


def _find_first(scoped: Scoped, plan: Patterns, catalog: Catalog, query: Query, rows: dict[int, PatternRow]) -> None:
    for row in rows.values():
        row.first_seen = row.first
    whole = isinstance(plan.scan.where, All)
    start, _, _ = clip(plan.scan.time, catalog)
    missing = {template: row.first for template, row in rows.items() if row.first}
    # Without a query the range itself has been looked at.
    end = min(max(missing.values(), default=0), start if whole else 1 << 63)
    for window in oldest_first(catalog, end):
        missing = {template: first for template, first in missing.items() if first > (window.start or 0)}
        if not missing:
            return
        for line in query(first_ever(scoped, catalog, missing, window), TABLE).splitlines():
            template, first = json.loads(line)
            rows[template].first_seen = min(rows[template].first, int(first))
            del missing[template]


def _hours(hours: Iterable[int]) -> str:
    return f"hour IN ({', '.join(map(str, sorted(set(hours)))) or '0'})"
