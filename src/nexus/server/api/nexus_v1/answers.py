"""From what the store and the parser return to the shapes of the API. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import Literal

from nexus.errors import InvalidRequest
from nexus.query.fields import name_of, resolve
from nexus.query.logs import Query
from nexus.query.logs.ast import Group, Node, Not, Term
from nexus.query.plan import Field, FieldKind
from nexus.server.api.nexus_v1 import schema
from nexus.storage.api import Statistics, Table

_NUMBERS = frozenset({"severity_number"})


def statistics_of(statistics: Statistics, query_id: str) -> schema.Statistics:
    """What a query cost, as told to the caller."""
    return schema.Statistics(
        query_id,
        round(statistics.elapsed_ms, 3),
        statistics.rows_read,
        statistics.bytes_read,
        statistics.incomplete,
    )


def facets_of(table: Table, asked: tuple[Field, ...], limit: int) -> list[schema.Facet]:
    """Rows (field, value, count, records) as facets: in the order asked for, with an empty one for each without values.

    A store returns one value more than the limit when there are more.
    """
    found: dict[str, schema.Facet] = {}
    for name, rows in groupby(sorted(table.rows, key=lambda row: str(row[0])), key=lambda row: str(row[0])):
        values = [(str(row[1]), int(row[2]), int(row[3])) for row in rows]
        values.sort(key=lambda value: (-value[1], value[0]))
        shown = [schema.FacetValue(value, count) for value, count, _ in values[:limit]]
        found[name] = _facet(name, values[0][2], len(values) > limit, shown)
    order = [name_of(field) for field in asked] or list(dict.fromkeys(str(row[0]) for row in table.rows))
    return [found.get(name) or _facet(name, 0, False, []) for name in dict.fromkeys(order)]


def _facet(name: str, records: int, more: bool, values: list[schema.FacetValue]) -> schema.Facet:
    return schema.Facet(name, kind_of(resolve(name)), "int" if name in _NUMBERS else "string", records, more, values)


def kind_of(field: Field) -> Literal["column", "attribute", "resource"]:
    """The API's word for where a field lives; a name that is looked for in two places counts as a resource key."""
    match field.kind:
        case FieldKind.COLUMN:
            return "column"
        case FieldKind.ATTRIBUTE:
            return "attribute"
        case _:
            return "resource"


def terms_of(query: Query) -> list[schema.Term]:
    """The parts of the outermost conjunction; each one's place is what to cut out to be rid of it."""
    terms = []
    for clause in query.clauses:
        start, end = clause.removable
        text = query.text[clause.shown[0] : clause.shown[1]]
        node, negated = _stripped(clause.node)
        name = node.field or "" if isinstance(node, Term | Group) else ""
        terms.append(schema.Term(text, start, end - start, name, negated))
    return terms


def _stripped(node: Node) -> tuple[Node, bool]:
    negated = False
    while isinstance(node, Not):
        node, negated = node.part, not negated
    return node, negated


def record_id(text: str) -> tuple[int, int]:
    """Timestamp and identity hash of a record's id. Raises `InvalidRequest`."""
    time, _, mark = text.partition("-")
    try:
        timestamp, number = int(time), int(mark, 16)
    except ValueError:
        timestamp = number = -1
    if not 0 <= timestamp < 1 << 63 or not 0 <= number < 1 << 64:
        raise InvalidRequest(f"{text[:60]!r} is not the id of a record.", hint="Take it from `id` of a record found.")
    return timestamp, number
