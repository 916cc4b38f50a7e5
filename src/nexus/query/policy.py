"""The one place where a plan is closed over its tenant, its row policy and its limits.

Whoever asks (an API key, a rule, a report) is translated into these arguments by the server; storage accepts only what
comes out of here, so no path to the data can forget them.
"""

from __future__ import annotations

from nexus.errors import InvalidRequest
from nexus.query.plan import All, Field, Limits, Plan, Predicate, Scoped


def scope(
    plan: Plan,
    *,
    tenant: str,
    policy: Predicate | None = None,
    masked: frozenset[Field] = frozenset(),
    limits: Limits | None = None,
    query_id: str,
) -> Scoped:
    """Close a plan: it will see records of `tenant` that match `policy` (None: every record), within `limits`, and no value of
    the `masked` fields.

    Raises `InvalidRequest` for an empty tenant or query id: neither may ever mean "any".
    """
    if not tenant:
        raise InvalidRequest("the query names no tenant.")
    if not query_id:
        raise InvalidRequest("the query has no id.")
    return Scoped(
        plan=plan,
        tenant=tenant,
        policy=All() if policy is None else policy,
        limits=limits or Limits(),
        query_id=query_id,
        masked=masked,
    )
