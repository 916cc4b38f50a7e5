"""The scan: where tenant, row policy, masks, time and predicate become the source and the conditions of a SELECT. Every
compiled query is made of scans, and there is no other way to name the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from nexus.query.plan import All, And, LogScan, Predicate, Scoped, TimeRange
from nexus.query.span_policy import closed
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.masking import TABLE, masks_body, source
from nexus.storage.clickhouse.predicates import Body, Conditions, uses_words
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.slices import clip, slices, time_conditions

Source = Callable[[str], str]
"""What to read from, given the text of everything that is asked of it."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Matching records of one tenant as disjoint branches, each a source and conditions; no branch means no record."""

    branches: tuple[tuple[Source, tuple[str, ...]], ...]
    table: str = TABLE

    def union(self, columns: str, tail: str = "") -> str:
        """`SELECT columns` over all branches; `tail` (GROUP BY, ORDER BY, LIMIT) applies to each."""
        if not self.branches:
            return f"SELECT {columns} FROM {self.table} WHERE 0{tail}"
        parts = []
        for reading, conditions in self.branches:
            where = conjunction(conditions)
            parts.append(f"SELECT {columns}\nFROM {reading(columns + where + tail)}\nWHERE {where}{tail}")
        return "\nUNION ALL\n".join(parts)


def scan_of(scoped: Scoped, scan: LogScan, catalog: Catalog, extra: tuple[str, ...] = ()) -> Scan:
    """The scan of a scoped plan; `extra` conditions apply to all branches."""
    where = both(scoped.policy, scan.where)
    tenant = f"tenant = {quote(scoped.tenant)}"
    if scoped.masked:
        return _masked(scoped, scan, catalog, tenant, extra)
    forms: list[tuple[str, ...]] = []
    if uses_words(where):
        known = Conditions(catalog, Body.SKELETON).conjuncts(where)
        # An empty skeleton holds no word; saying so twice costs a look at an index.
        implied = any(condition.startswith("(indexHint(has(tokens(skeleton), ") for condition in known)
        forms.append(tuple(known) if implied else ("skeleton != ''", *known))
        if (within := _plain_partitions(scan.time, catalog)) is not None:
            forms.append((*within, "skeleton = ''", *Conditions(catalog, Body.PLAIN).conjuncts(where)))
    else:
        forms.append(tuple(Conditions(catalog, Body.PLAIN).conjuncts(where)))
    return Scan(
        tuple((_table, (tenant, *part.conditions, *extra, *form)) for part in slices(scan.time, catalog) for form in forms)
    )


def _masked(scoped: Scoped, scan: LogScan, catalog: Catalog, tenant: str, extra: tuple[str, ...]) -> Scan:
    """A scan of what is left to see: tenant, time and policy are about the records themselves, everything else about their
    masked values."""
    forms: list[tuple[tuple[str, ...], list[str]]] = []
    asks = uses_words(scan.where) and not masks_body(scoped)
    if asks or uses_words(scoped.policy):
        for body, has in ((Body.SKELETON, "skeleton != ''"), (Body.PLAIN, "skeleton = ''")):
            policy = Conditions(catalog, body).conjuncts(scoped.policy)
            forms.append(((has, *policy), Conditions(catalog, body if asks else Body.PLAIN).conjuncts(scan.where)))
    else:
        plain = Conditions(catalog, Body.PLAIN)
        forms.append((tuple(plain.conjuncts(scoped.policy)), plain.conjuncts(scan.where)))
    return Scan(
        tuple(
            (
                partial(source, scoped, catalog, f"WHERE {' AND '.join((tenant, *part.conditions, *held))}"),
                (*extra, *shown) or ("1",),
            )
            for part in slices(scan.time, catalog)
            for held, shown in forms
        )
    )


def _table(text: str) -> str:
    return TABLE


def _plain_partitions(time: TimeRange, catalog: Catalog) -> tuple[str, ...] | None:
    """The condition that leaves the partitions with records that have no skeleton, if any is needed; None when there are no
    such partitions in the range."""
    if catalog.plain is None:
        return ()
    _, _, partitions = clip(time, catalog)
    plain = [partition.id for partition in partitions if partition.id in catalog.plain]
    if len(plain) == len(partitions):
        return ()
    return (f"_partition_id IN ({', '.join(map(quote, plain))})",) if plain else None


def condition_of(where: Predicate, catalog: Catalog) -> str:
    """A predicate as one condition for statements that change records (or spans): the same forms as in a scan, joined by OR,
    without hints for indexes and without what the catalog says of partitions."""
    if catalog.table is SPANS:
        where = closed(where)
    if not uses_words(where):
        return _all(Conditions(catalog, Body.PLAIN, hints=False).conjuncts(where))
    known = _all(["skeleton != ''", *Conditions(catalog, Body.SKELETON, hints=False).conjuncts(where)])
    other = _all(["skeleton = ''", *Conditions(catalog, Body.PLAIN, hints=False).conjuncts(where)])
    return f"({known} OR {other})"


def _all(conditions: list[str]) -> str:
    return "(" + " AND ".join(conditions) + ")" if conditions else "1"


def erasure_condition(scoped: Scoped, scan: LogScan, catalog: Catalog) -> str:
    """Tenant, row policy, time and predicate of a scan as one condition for statements that remove records."""
    conditions = [f"tenant = {quote(scoped.tenant)}", *time_conditions(scan.time)]
    where = both(scoped.policy, scan.where)
    return conjunction([*conditions, condition_of(where, catalog)])


def readable(scoped: Scoped, catalog: Catalog, text: str) -> str:
    """What the columns `text` of a user's SQL are read from: the records of tenant and policy, as they are seen.

    The user's own conditions may fail on a record and say so, so they must not be asked of records that are not to be seen:
    PREWHERE comes before all others. For the tenant alone the settings of the connection keep the order, see `queries`.
    """
    tenant = f"tenant = {quote(scoped.tenant)}"
    conditions = conjunction([tenant, *Conditions(catalog, Body.PLAIN).conjuncts(both(scoped.policy, All()))])
    if scoped.masked:
        return source(scoped, catalog, f"PREWHERE {conditions}", text)
    return f"{TABLE} {'PREWHERE' if scoped.restricted else 'WHERE'} {conditions}"


def nothing(scoped: Scoped, catalog: Catalog, text: str) -> str:
    """What the columns `text` are read from where no record is wanted, but their types."""
    return source(scoped, catalog, "WHERE 0", text) if scoped.masked else TABLE


def at(scoped: Scoped, where: Predicate, timestamp: int, catalog: Catalog, extra: tuple[str, ...]) -> Scan:
    """Records of one timestamp."""
    return scan_of(scoped, LogScan(TimeRange(timestamp, timestamp + 1), where), catalog, extra)


def both(first: Predicate, second: Predicate) -> Predicate:
    """The conjunction, flat."""
    parts: list[Predicate] = []
    for predicate in (first, second):
        if isinstance(predicate, And):
            parts += predicate.parts
        elif not isinstance(predicate, All):
            parts.append(predicate)
    return And(tuple(parts)) if len(parts) != 1 else parts[0]


def conjunction(conditions: tuple[str, ...] | list[str]) -> str:
    """Conditions joined by AND."""
    return "\n  AND ".join(conditions)
