"""What native code is asked with: sets of matchers and sights as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from nexus.query import series_policy
from nexus.query.plan import LabelMatcher, Scoped

EVERYTHING: Final = b"{}"
"""The sight of who sees all series with all values."""


def encode_matchers(sets: Iterable[Iterable[LabelMatcher]]) -> bytes:
    """`[[{"name", "op", "value"}]]`: series that match all of one of the sets; no set means every series."""
    return json.dumps([[{"name": one.name, "op": one.op, "value": one.value} for one in each] for each in sets]).encode()


def encode_sight(query: Scoped) -> bytes:
    """`nexus_series::policy::SightSpec`."""
    return series_policy.sight(query.policy, query.masked).encode() if query.restricted else EVERYTHING
