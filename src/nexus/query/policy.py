"""The one place where a plan is closed over its tenant, its row policy, its masked fields and its limits.

Whoever asks (an API key, a rule, a report) is translated into these arguments by the server; storage accepts only what
comes out of here, so no path to the data can forget them.
"""

from __future__ import annotations

from collections.abc import Iterable

from nexus.errors import InvalidRequest, MaskedField
from nexus.query import masks, series_policy, span_policy
from nexus.query.fields import name_of
from nexus.query.plan import All, Field, FieldKind, Limits, Plan, Predicate, Scoped, SqlStatement
from nexus.query.trace_plan import TracePlan


def scope(
    plan: Plan,
    *,
    tenant: str,
    policy: Predicate | None = None,
    masked: frozenset[Field] = frozenset(),
    limits: Limits | None = None,
    query_id: str,
) -> Scoped:
    """Close a plan: it will see records of `tenant` that match `policy` (None: every record), within `limits`, and no value
    of the `masked` fields.

    Raises `InvalidRequest` for an empty tenant or query id (neither may ever mean "any") and for a field that cannot be
    masked, `MaskedField` when a condition of the plan asks for a masked value.
    """
    if not tenant:
        raise InvalidRequest("the query names no tenant.")
    if not query_id:
        raise InvalidRequest("the query has no id.")
    hidden = masks.complete(masked) if masked else masked
    if hidden:
        check_conditions(masks.conditions(plan), hidden)
        series_policy.check_matchers(plan, hidden)
        if isinstance(plan, TracePlan):
            span_policy.check(plan, hidden)
        elif isinstance(plan, SqlStatement) and "spans" in plan.tables:
            span_policy.check_ids(hidden)
    return Scoped(
        plan=plan,
        tenant=tenant,
        policy=All() if policy is None else policy,
        limits=limits or Limits(),
        query_id=query_id,
        masked=hidden,
    )


def check_conditions(conditions: Iterable[Predicate], hidden: frozenset[Field]) -> None:
    """Refuse conditions that ask for values of hidden fields (which are complete). Raises `MaskedField`."""
    for where in conditions:
        if (field := masks.asked(where, hidden)) is not None:
            raise _refused(field)


def _refused(field: Field) -> MaskedField:
    name = name_of(field)
    no_id = field.kind is not FieldKind.COLUMN or field.name not in masks.IDS
    shown = f"{name}:* finds the records that have one; " if no_id else ""
    return MaskedField(
        f"the field {name} is masked for you, so no query of yours can ask for its value.",
        hint=f"{shown}{'an' if shown else 'An'} administrator can give you a role that shows it.",
    )
