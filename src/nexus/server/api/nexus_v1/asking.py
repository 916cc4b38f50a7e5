"""A plan on its way to the store: closed over the caller's tenant and limits, listed while it runs, cancellable."""

from __future__ import annotations

import math
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from nexus.errors import MaskedField
from nexus.query import masks, policy
from nexus.query.logs import lower, terms
from nexus.query.logs.ast import Node
from nexus.query.plan import Plan, Predicate, Scoped
from nexus.server.bounds import check_range, limits_of, reaching_back
from nexus.server.call import Call

T = TypeVar("T")


def close_plan(call: Call, plan: Plan, query_id: str, *, newest: bool = False, seconds: float = math.inf) -> Scoped:
    """The plan closed over the caller's tenant, row policy, masked fields and the limits in force. `newest`: it asks for
    what there is lately, as far back as it may. `seconds`: it may not take longer than that, either. Raises `LimitExceeded`
    for a range that is too long."""
    config = call.services.config().query
    if newest:
        plan = reaching_back(config, call.meter, plan, call.services.now_ns())
    check_range(config, call.meter, plan, call.services.now_ns())
    limits = limits_of(config, call.meter)
    return policy.scope(
        plan,
        tenant=call.tenant,
        policy=call.access.policy,
        masked=call.access.masked,
        limits=replace(limits, seconds=min(limits.seconds, seconds)),
        query_id=query_id,
    )


def lowered(call: Call, root: Node, now_ns: int) -> Predicate:
    """What a tree of the search language means. Raises `MaskedField` at the term that asks for a masked value: `close_plan`
    would refuse it, too, but does not know the place."""
    where = lower(root, now_ns=now_ns)
    if call.access.masked:
        hidden = masks.complete(call.access.masked)
        for (start, end), term in terms(root, now_ns=now_ns):
            try:
                policy.check_conditions((term,), hidden)
            except MaskedField as error:
                error.offset, error.length = start, end - start
                raise
    return where


async def ask(call: Call, query_id: str, work: Coroutine[Any, Any, T]) -> T:
    """Run a query that can be listed and cancelled, and that ends when the client goes away."""
    return await call.unless_gone(call.services.queries.run(call.tenant, query_id, work))
