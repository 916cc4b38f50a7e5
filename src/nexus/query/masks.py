"""Masked fields: which ones there can be, what belongs to each, and what a query may not ask of them.

Wherever a masked value would come out, `MASK` does: a store answers as if it held records with `MASK` in the place of the
values. So nothing can be learned by grouping, sorting or counting. A condition on such a value is refused all the same,
because an answer that silently finds nothing would mislead. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.errors import InvalidRequest
from nexus.query.plan import (
    MASK,
    Aggregate,
    All,
    And,
    Compare,
    CompareOp,
    Contains,
    Contrast,
    Exists,
    Field,
    FieldKind,
    LogScan,
    Matches,
    Not,
    OfResources,
    Or,
    Phrase,
    Plan,
    Predicate,
    Profile,
    Regex,
    Wildcard,
    Word,
)

TEXTS: Final = frozenset({"service", "body", "event_name", "scope_name", "scope_version"})
"""Columns that show `MASK` where there was a value."""
IDS: Final = frozenset({"trace_id", "span_id"})
"""Columns of bytes: masked, a record has none."""

_BODY: Final = Field(FieldKind.COLUMN, "body")
_TEMPLATE: Final = Field(FieldKind.COLUMN, "template_id")
_SERVICE: Final = (Field(FieldKind.COLUMN, "service"), Field(FieldKind.RESOURCE, "service.name"))


def complete(masked: frozenset[Field]) -> frozenset[Field]:
    """The fields and what tells the same: a field of either place is one of both, the template of a body tells of it, and
    the service is an attribute of the resource, too. Raises `InvalidRequest` for a field that cannot be masked."""
    found: set[Field] = set()
    for field in masked:
        if field.kind is FieldKind.ANYWHERE:
            found |= {Field(FieldKind.ATTRIBUTE, field.name), Field(FieldKind.RESOURCE, field.name)}
        elif field.kind is FieldKind.COLUMN and field.name not in TEXTS | IDS and field != _TEMPLATE:
            raise InvalidRequest(
                f"the field {field.name} cannot be masked.",
                hint=f"Columns that can are {', '.join(sorted(TEXTS | IDS))}; every attribute can.",
            )
        else:
            found.add(field)
    if found & {_BODY, _TEMPLATE}:
        found |= {_BODY, _TEMPLATE}
    if found & set(_SERVICE):
        found |= set(_SERVICE)
    return frozenset(found)


def hides(masked: frozenset[Field], field: Field) -> bool:
    """Would the value of a field be one of the masked ones (which are complete)?"""
    if field.kind is FieldKind.ANYWHERE:
        return any(Field(kind, field.name) in masked for kind in (FieldKind.ATTRIBUTE, FieldKind.RESOURCE))
    return field in masked


def asked(where: Predicate, masked: frozenset[Field]) -> Field | None:
    """The first masked field whose value a condition asks for; None when there is none."""
    return next(_asked(where, masked), None)


def conditions(plan: Plan) -> Iterator[Predicate]:
    """The conditions of a plan."""
    match plan:
        case Profile(selection, baseline) | Contrast(selection, baseline):
            yield from (selection.where, baseline.where)
        case Aggregate(scan, levels):
            yield scan.where
            for level in levels:
                if isinstance(level.key, Matches):
                    yield from level.key.predicates
        case _:
            found = getattr(plan, "scan", None)
            if isinstance(found, LogScan):
                yield found.where


def _asked(predicate: Predicate, masked: frozenset[Field]) -> Iterator[Field]:
    match predicate:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _asked(part, masked)
        case Not(part):
            yield from _asked(part, masked)
        # What a record shows may be asked for: that it has a value, and that it shows the mask.
        case Exists(field) if not _is_id(field):
            return
        case Compare(field, CompareOp.EQ | CompareOp.NE, value) if value in ("", MASK) and not _is_id(field):
            return
        case _:
            yield from (field for field in _named(predicate) if hides(masked, field))


def _named(predicate: Predicate) -> Iterator[Field]:
    match predicate:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _named(part)
        case Not(part):
            yield from _named(part)
        case Word() | Phrase():
            yield _BODY
        case Compare(field) | Wildcard(field) | Regex(field) | Contains(field) | Exists(field):
            yield field
        case All() | OfResources():
            return


def _is_id(field: Field) -> bool:
    return field.kind is FieldKind.COLUMN and field.name in IDS
