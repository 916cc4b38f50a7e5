"""Do two answers of the Prometheus API say the same?"""

from __future__ import annotations

import math
import re
from typing import Any

from tests.conformance.promql.compare import Answer

FRACTION = 1e-5
"""Relative difference of values that prometheus/compliance allows."""
NOISE = 1e-9
"""Of the greatest value of an answer: what is left where numbers that are nearly the same were subtracted."""


def disagreement(one: Answer, two: Answer, *, notes: bool = True) -> str:
    """In what they differ; "" when they do not. Of errors only that there is one counts."""
    if one.error or two.error or one.data is None or two.data is None:
        return "" if bool(one.error) == bool(two.error) else f"error {one.error!r} and {two.error!r}"
    if notes:
        for kind, left, right in (("warnings", one.warnings, two.warnings), ("infos", one.infos, two.infos)):
            if _plain(left) != _plain(right):
                return f"{kind} {left} and {right}"
    if one.data["resultType"] != two.data["resultType"]:
        return f"a {one.data['resultType']} and a {two.data['resultType']}"
    if one.data["resultType"] in ("scalar", "string"):
        left, right = [("", {"": [answer.data["result"]]}) for answer in (one, two) if answer.data]
        return _points("", left[1], right[1], 0.0)
    left_series, right_series = _series(one.data), _series(two.data)
    if left_series.keys() != right_series.keys():
        missing = [key for key in left_series if key not in right_series][:3]
        more = [key for key in right_series if key not in left_series][:3]
        return f"series only in the first {missing}, only in the second {more}"
    noise = NOISE * max((abs(value) for points in left_series.values() for value in _finite(points)), default=0.0)
    for key, points in left_series.items():
        if difference := _points(key, points, right_series[key], noise):
            return difference
    return ""


def _plain(texts: list[str]) -> set[str]:
    """Texts of notes without their places and counts."""
    return {re.sub(r"( \(\d+:\d+\)|, from buckets .*)$", "", text) for text in texts}


def _series(data: dict[str, Any]) -> dict[str, dict[str, list[Any]]]:
    found = {}
    for one in data["result"]:
        points = {
            "values": one.get("values") or ([one["value"]] if "value" in one else []),
            "histograms": one.get("histograms") or ([one["histogram"]] if "histogram" in one else []),
        }
        found[str(sorted(one["metric"].items()))] = points
    return found


def _finite(points: dict[str, list[Any]]) -> list[float]:
    numbers = [float(value) for _, value in points.get("values", [])]
    return [value for value in numbers if math.isfinite(value)]


def _points(key: str, left: dict[str, list[Any]], right: dict[str, list[Any]], noise: float) -> str:
    for kind, points in left.items():
        others = right[kind]
        if [point[0] for point in points] != [point[0] for point in others]:
            return f"{key}: {kind} at {_times(points)} and at {_times(others)}"
        for (at, value), (_, other) in zip(points, others, strict=True):
            if not _same(value, other, noise):
                return f"{key} at {at}: {value} and {other}"
    return ""


def _times(points: list[Any]) -> str:
    times = [point[0] for point in points]
    return f"{len(times)} times from {times[0]} to {times[-1]}" if times else "none"


def _same(one: Any, two: Any, noise: float) -> bool:
    if isinstance(one, dict) != isinstance(two, dict):
        return False
    if not isinstance(one, dict):
        return _near(float(one), float(two), noise)
    if not math.isfinite(float(one["count"])):
        # Times infinity, the empty buckets that Prometheus stores become NaN and are seen.
        one, two = ({"count": answer["count"], "sum": answer["sum"]} for answer in (one, two))
    buckets, others = one.get("buckets", []), two.get("buckets", [])
    scale = NOISE * max(abs(float(one["count"])), 1e-9)
    return (
        _near(float(one["count"]), float(two["count"]), scale)
        and _near(float(one["sum"]), float(two["sum"]), NOISE)
        and len(buckets) == len(others)
        and all(
            left[0] == right[0] and all(_near(float(a), float(b), scale) for a, b in zip(left[1:], right[1:], strict=True))
            for left, right in zip(buckets, others, strict=True)
        )
    )


def _near(one: float, two: float, noise: float) -> bool:
    if math.isnan(one) or math.isnan(two):
        return math.isnan(one) and math.isnan(two)
    return one == two or abs(one - two) <= max(FRACTION * min(abs(one), abs(two)), noise)
