"""Row policies, rules of retention and masks, which are written over fields of log records, for spans of traces.

Service, ids, scope, times and attributes are the same of both. What a span does not have (words of a body, severities,
templates, event names, times of observation) lets no span through, denied or not: a policy fails closed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.errors import InvalidRequest, MaskedField
from nexus.query.masks import hides
from nexus.query.plan import (
    All,
    And,
    Compare,
    Contains,
    Exists,
    Field,
    FieldKind,
    Not,
    OfResources,
    Or,
    Phrase,
    Predicate,
    Regex,
    Wildcard,
    Word,
)
from nexus.query.trace_plan import (
    Binary,
    Constant,
    FindTraces,
    GetTrace,
    GetTraces,
    Place,
    SamplingPreview,
    SpanExpr,
    SpanField,
    SpanProfile,
    SpanScan,
    Spansets,
    TracePlan,
    Unary,
    field_label,
)

COLUMNS: Final = frozenset({"timestamp", "service", "trace_id", "span_id", "scope_name", "scope_version"})
"""Columns of log records that spans have, too."""

OF_TRACES: Final = frozenset({"traceDuration", "rootName", "rootServiceName", "span:childCount"})
"""Intrinsics of the whole trace."""

_NOTHING: Final = Or(())
_BODY: Final = Field(FieldKind.COLUMN, "body")
_IDS: Final = (Field(FieldKind.COLUMN, "trace_id"), Field(FieldKind.COLUMN, "span_id"))
_OF_INTRINSICS: Final = {
    "service": "service",
    "rootServiceName": "service",
    "instrumentation:name": "scope_name",
    "instrumentation:version": "scope_version",
    "event:name": "event_name",
    "statusMessage": "body",
}
"""Intrinsics that say what a column of records says; the message of a status is free text, as a body is."""


def closed(predicate: Predicate) -> Predicate:
    """The predicate with what spans do not have in it as "no span", whether it is asked or denied."""
    return _closed(predicate, denied=False)


def _closed(predicate: Predicate, *, denied: bool) -> Predicate:
    match predicate:
        case And(parts) | Or(parts):
            inner = tuple(_closed(part, denied=denied) for part in parts)
            return And(inner) if isinstance(predicate, And) is not denied else Or(inner)
        case Not(part):
            return _closed(part, denied=not denied)
        case Word() | Phrase():
            return _NOTHING
        case All() | OfResources():
            return Not(predicate) if denied else predicate
        case Compare(field) | Wildcard(field) | Regex(field) | Contains(field) | Exists(field):
            if field.kind is FieldKind.COLUMN and field.name not in COLUMNS:
                return _NOTHING
            return Not(predicate) if denied else predicate


# --------------------------------------------------------------------------------------------------------------- masks


def check(plan: TracePlan, hidden: frozenset[Field]) -> None:
    """Refuse plans that ask for values of hidden fields (which are complete). Raises `MaskedField`."""
    check_ids(hidden)
    for condition in conditions(plan):
        for asked in _asked(condition):
            if masked(asked, hidden):
                name = field_label(asked)
                raise MaskedField(
                    f"the field {name} is masked for you, so no query of yours can ask for its value.",
                    hint=f"{name} != nil finds the spans that have one; an administrator can give you a role that shows it.",
                )


def check_ids(hidden: frozenset[Field]) -> None:
    """Refuse those who must not see ids: traces are told apart by them. Raises `MaskedField`."""
    for field in _IDS:
        if field in hidden:
            raise MaskedField(
                f"the field {field.name} is masked for you, and traces are told apart by it.",
                hint="An administrator can give you a role that shows it.",
            )


def check_erasable(scan: SpanScan) -> None:
    """Refuse what a removal cannot know: it looks at spans one by one. Raises `InvalidRequest`."""
    program = scan.spansets is not None and bool(scan.spansets.program)
    leaves = scan.spansets.leaves if scan.spansets is not None else ()
    if program or any(_of_trace(field) for condition in (scan.where, *leaves) for field in fields_of(condition)):
        raise InvalidRequest(
            "spans can be deleted by what they say themselves, not by what their trace or other spans say.",
            hint="Leave out structural operators, aggregates and fields such as rootName and traceDuration.",
        )


def _of_trace(field: SpanField) -> bool:
    return field.place is Place.INTRINSIC and field.name in OF_TRACES


def fields_of(expression: SpanExpr) -> Iterator[SpanField]:
    """The fields that an expression names."""
    match expression:
        case SpanField():
            yield expression
        case Unary(_, part):
            yield from fields_of(part)
        case Binary(_, left, right):
            yield from fields_of(left)
            yield from fields_of(right)


def masked(field: SpanField, hidden: frozenset[Field]) -> bool:
    """Would the value of a field be one of the hidden ones?"""
    match field.place:
        case Place.INTRINSIC:
            name = _OF_INTRINSICS.get(field.name)
            return name is not None and Field(FieldKind.COLUMN, name) in hidden
        case Place.RESOURCE:
            return Field(FieldKind.RESOURCE, field.name) in hidden
        case Place.ANYWHERE:
            return hides(hidden, Field(FieldKind.ANYWHERE, field.name))
        case _:
            return Field(FieldKind.ATTRIBUTE, field.name) in hidden


def masks_messages(hidden: frozenset[Field]) -> bool:
    """Are messages of statuses hidden?"""
    return _BODY in hidden


def conditions(plan: TracePlan) -> Iterator[SpanExpr]:
    """The conditions of a plan on single spans."""
    match plan:
        case GetTrace() | GetTraces():
            return
        case FindTraces(spansets=spansets):
            yield from spansets.leaves
        case SpanProfile(selection, baseline):
            yield from _of_scan(selection)
            yield from _of_scan(baseline)
        case SamplingPreview(policy=policy):
            yield from (rule.where for rule in policy.rules)
        case _:
            yield from _of_scan(plan.scan)


def _of_scan(scan: SpanScan) -> Iterator[SpanExpr]:
    yield scan.where
    if isinstance(scan.spansets, Spansets):
        yield from scan.spansets.leaves


def _asked(condition: SpanExpr) -> Iterator[SpanField]:
    """Fields whose values a condition asks for; whether a field is there may be asked."""
    match condition:
        case SpanField():
            yield condition
        case Constant():
            return
        case Unary(_, part):
            yield from _asked(part)
        case Binary("=" | "!=", left, right) if _is_nil(left) or _is_nil(right):
            for part in (left, right):
                if not isinstance(part, SpanField):
                    yield from _asked(part)
        case Binary(_, left, right):
            yield from _asked(left)
            yield from _asked(right)


def _is_nil(part: SpanExpr) -> bool:
    return isinstance(part, Constant) and part.kind == "nil"
