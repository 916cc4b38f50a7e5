"""Shapes of tail sampling."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from nexus.server.api.nexus_v1.schema.logs import Statistics


class SamplingRule(Struct, forbid_unknown_fields=True, rename="camel"):
    """A rule matches a trace with some span that meets `where` (TraceQL in one pair of braces, as `{ status = error }`) and,
    with `slow`, is a root or a server span slower than this quantile of its operation over the last hour. It keeps a share
    of the traces that it matches (`probability`) or about so many a second (`perSecond`)."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    where: Annotated[str, Meta(max_length=16_384)] = ""
    slow: float | None = None
    probability: float | None = None
    per_second: float | None = None


class SamplingPolicy(Struct, forbid_unknown_fields=True):
    """`GET` and `PUT traces/sampling`: the first rule that matches a trace decides; of the others a share is kept."""

    rules: Annotated[list[SamplingRule], Meta(max_length=50)] = []
    otherwise: float = 1.0


class SampledByRule(Struct, rename="camel"):
    """What a rule matches and keeps; the name is empty for traces that no rule matches."""

    name: str
    traces: float
    kept_traces: float
    spans: float
    kept_spans: float


class SamplingPreviewAnswer(Struct, rename="camel"):
    """`POST traces/sampling/preview`: the last hour by rule, and all of it."""

    rules: list[SampledByRule]
    traces: float
    kept_traces: float
    spans: float
    kept_spans: float
    statistics: Statistics
