"""Native histograms with custom buckets, made of classic ones (`load_with_nhcb`)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeAlias

from tests.conformance.promql.series import CUSTOM, Histogram, Labels

Samples: TypeAlias = "list[tuple[int, float]]"

_SUFFIXES = ("_bucket", "_sum", "_count")


def converted(series: Iterable[tuple[Labels, Samples]]) -> list[tuple[Labels, list[tuple[int, Histogram]]]]:
    """Histograms of all classic series, by their labels without `le` and suffix; counts in buckets are cumulative there."""
    parts: dict[Labels, dict[int, dict[str, dict[float, float] | float]]] = {}
    for labels, samples in series:
        names = dict(labels)
        name = names.get("__name__", "")
        suffix = next((one for one in _SUFFIXES if name.endswith(one)), None)
        if suffix is None:
            continue
        bound = names.pop("le", "")
        names["__name__"] = name.removesuffix(suffix)
        base = parts.setdefault(tuple(sorted(names.items())), {})
        for time, value in samples:
            at = base.setdefault(time, {})
            if suffix != "_bucket":
                at[suffix] = value
            elif not math.isnan(float(bound)):
                buckets = at.setdefault("_bucket", {})
                assert isinstance(buckets, dict)
                buckets.setdefault(float(bound), value)
    return [(labels, [(time, _histogram(at)) for time, at in sorted(times.items())]) for labels, times in parts.items()]


def _histogram(at: dict[str, dict[float, float] | float]) -> Histogram:
    found = at.get("_bucket", {})
    assert isinstance(found, dict)
    bounds = sorted(found.items())
    count = at.get("_count", bounds[-1][1] if bounds else 0.0)
    total = at.get("_sum", 0.0)
    assert isinstance(count, float) and isinstance(total, float)
    if not bounds or bounds[-1][0] != math.inf:
        bounds.append((math.inf, count))
    positive, before = {}, 0.0
    for index, (_, value) in enumerate(bounds):
        if value < before:
            raise ValueError("the counts of a classic histogram decrease")
        if value != before:
            positive[index] = value - before
        before = value
    custom = tuple(bound for bound, _ in bounds[:-1])
    return Histogram(schema=CUSTOM, sum=total, count=count, custom=custom, positive=positive)
