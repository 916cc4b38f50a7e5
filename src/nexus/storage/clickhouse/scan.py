"""The scan: where tenant, row policy, time and predicate become the conditions of a SELECT. Every compiled query is made
of scans, and there is no other way to name the table."""

from __future__ import annotations

from dataclasses import dataclass

from nexus.query.plan import All, And, LogScan, Predicate, Scoped, TimeRange
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.predicates import Body, Conditions, uses_words
from nexus.storage.clickhouse.slices import clip, slices, time_conditions

TABLE = "nexus.logs"


@dataclass(frozen=True, slots=True)
class Scan:
    """Matching records of one tenant as disjoint branches, each a list of conditions; no branch means no record."""

    branches: tuple[tuple[str, ...], ...]

    def union(self, columns: str, tail: str = "") -> str:
        """`SELECT columns` over all branches; `tail` (GROUP BY, ORDER BY, LIMIT) applies to each."""
        if not self.branches:
            return f"SELECT {columns} FROM {TABLE} WHERE 0{tail}"
        return "\nUNION ALL\n".join(
            f"SELECT {columns}\nFROM {TABLE}\nWHERE {conjunction(conditions)}{tail}" for conditions in self.branches
        )


def scan_of(scoped: Scoped, scan: LogScan, catalog: Catalog, extra: tuple[str, ...] = ()) -> Scan:
    """The scan of a scoped plan; `extra` conditions apply to all branches."""
    where = both(scoped.policy, scan.where)
    tenant = f"tenant = {quote(scoped.tenant)}"
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
    return Scan(tuple((tenant, *part.conditions, *extra, *form) for part in slices(scan.time, catalog) for form in forms))


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
    """A predicate as one condition for statements that change records: the same forms as in a scan, joined by OR, without
    hints for indexes and without what the catalog says of partitions."""
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


def plain_conditions(scoped: Scoped, catalog: Catalog) -> list[str]:
    """Tenant and policy alone, in one branch: what a user's SQL reads from."""
    tenant = f"tenant = {quote(scoped.tenant)}"
    return [tenant, *Conditions(catalog, Body.PLAIN).conjuncts(both(scoped.policy, All()))]


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
