"""A tenant's own retention of traces as it is stored: rules of the search language with days, as JSON. Pure.

Rules are written over fields of records: of spans they know service, scope, ids, times and attributes. One that asks for
something else (words of a body, a severity) is for no span (`query.span_policy`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredTraceRetention:
    """(query, days) of the rules, and days of the others; None: what the configuration says."""

    rules: tuple[tuple[str, int], ...] = ()
    days: int | None = None


def dump_policy(policy: StoredTraceRetention) -> str:
    """The setting; empty when nothing differs from the configuration."""
    if policy == StoredTraceRetention():
        return ""
    return json.dumps({"rules": policy.rules, "days": policy.days})


def load_policy(text: str | None) -> StoredTraceRetention:
    """What `dump_policy` wrote."""
    if not text:
        return StoredTraceRetention()
    stored = json.loads(text)
    return StoredTraceRetention(tuple((str(query), int(days)) for query, days in stored["rules"]), stored["days"])
