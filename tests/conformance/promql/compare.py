"""Answers and expectations side by side, with the tolerance of Prometheus' own tests."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from typing import Any

from tests.conformance.promql.script import Eval, Pattern
from tests.conformance.promql.series import STALE, Histogram, Labels, Value

TOLERANCE = 1e-6
"""Relative to the sum of both numbers."""


@dataclass
class Answer:
    """What the Prometheus API has under `data`, with warnings and infos; or the error."""

    data: dict[str, Any] | None
    warnings: list[str]
    infos: list[str]
    error: str = ""


def close(one: float, two: float, tolerance: float = TOLERANCE) -> bool:
    """Are these the same number, but for rounding?"""
    if math.isnan(one) or math.isnan(two):
        return math.isnan(one) and math.isnan(two)
    if one == two:
        return True
    total, difference = abs(one) + abs(two), abs(one - two)
    if 0 in (one, two) or total < sys.float_info.min:
        return difference < tolerance * sys.float_info.min
    return difference / min(total, sys.float_info.max) < tolerance


def differences(case: Eval, answer: Answer) -> list[str]:
    """In what an answer is not what a case expects."""
    if case.fails:
        return (
            []
            if any(one.fits(answer.error) for one in case.expects["fail"]) and answer.error
            else [f"error: {answer.error!r}"]
        )
    if answer.error or answer.data is None:
        return [f"failed: {answer.error}"]
    found = _notes(case, answer)
    kind, result = answer.data["resultType"], answer.data["result"]
    if case.string is not None:
        return found + ([] if kind == "string" and result[1] == case.string else [f"expected a string, got {result}"])
    if case.scalar is not None:
        if kind == "matrix" and not case.instant:
            return [*found, "expected a number, got a matrix"]
        return found + (
            [] if kind == "scalar" and close(float(result[1]), case.scalar) else [f"expected {case.scalar}, got {result}"]
        )
    if kind == "scalar":
        return [*found, f"expected series, got {result}"]
    if kind == "vector":
        return found + _vector(case, result)
    return found + _matrix(case, result, *(case.matrix or (case.start, case.end, case.step)))


def in_range(case: Eval, data: dict[str, Any], time: int) -> list[str]:
    """The same for the step `time` of a range query around an instant."""
    vector = []
    for one in data["result"]:
        for key, name in (("values", "value"), ("histograms", "histogram")):
            vector += [
                {"metric": one["metric"], name: point} for point in one.get(key, []) if round(point[0] * 1000) == time
            ]
    if case.scalar is not None:
        value = float(vector[0]["value"][1]) if vector else math.nan
        return [] if close(value, case.scalar) else [f"in range mode: expected {case.scalar}, got {value}"]
    return [f"in range mode: {text}" for text in _vector(case, vector, ordered=False)]


def labels_of(metric: dict[str, str]) -> Labels:
    """Labels of an answer as the scripts have them."""
    return tuple(sorted(metric.items()))


def _notes(case: Eval, answer: Answer) -> list[str]:
    found = []
    for kind, texts in (("warn", answer.warnings), ("info", answer.infos)):
        expected: list[Pattern] = case.expects.get(kind, [])
        if f"no_{kind}" in case.expects and texts:
            found.append(f"unexpected {kind}: {texts}")
        if expected and not texts:
            found.append(f"no {kind} where there should be {expected}")
        found += [
            f"no {kind} like {one}: {texts}" for one in expected if texts and not any(one.fits(text) for text in texts)
        ]
        found += [f"unexpected {kind}: {text}" for text in texts if expected and not any(one.fits(text) for one in expected)]
    return found


def _vector(case: Eval, result: list[dict[str, Any]], ordered: bool | None = None) -> list[str]:
    found, seen = [], set()
    if ordered is None:
        ordered = "ordered" in case.expects
    order = list(case.series)
    for place, one in enumerate(result):
        labels = labels_of(one["metric"])
        got = one.get("value") or one["histogram"]
        if labels not in case.series:
            found.append(f"unexpected {dict(labels)}: {got[1]}")
            continue
        if labels in seen:
            found.append(f"twice: {dict(labels)}")
        seen.add(labels)
        if ordered and (place >= len(order) or order[place] != labels):
            found.append(f"{dict(labels)} is not at its place")
        expected = case.series[labels][0] if case.series[labels] else None
        if not same_value(expected, got[1]):
            found.append(f"{dict(labels)}: expected {expected}, got {got[1]}")
    return found + [f"missing: {dict(labels)}" for labels in case.series if labels not in seen]


def _matrix(case: Eval, result: list[dict[str, Any]], start: int, end: int, step: int) -> list[str]:
    found, seen = [], set()
    order = [labels_of(one["metric"]) for one in result]
    if order != sorted(order):
        found.append("series are not in order")
    for one in result:
        labels = labels_of(one["metric"])
        got = {round(at * 1000): value for at, value in one.get("values", []) + one.get("histograms", [])}
        if labels not in case.series:
            found.append(f"unexpected {dict(labels)}: {got}")
            continue
        seen.add(labels)
        expected = {start + place * step: value for place, value in enumerate(case.series[labels]) if value is not None}
        if any(at > end for at in expected):
            found.append(f"{dict(labels)}: more values expected than there are steps")
        if expected.keys() != got.keys():
            found.append(f"{dict(labels)}: expected {expected}, got {got}")
            continue
        found += [
            f"{dict(labels)} at {at}: expected {expected[at]}, got {value}"
            for at, value in got.items()
            if not same_value(expected[at], value)
        ]
    return found + [f"missing: {dict(labels)}" for labels in case.series if labels not in seen]


def same_value(expected: Value, got: Any) -> bool:
    """Is this what was expected? `got` is a value of the Prometheus API."""
    if isinstance(expected, Histogram):
        return isinstance(got, dict) and same_histogram(expected, got)
    if isinstance(got, dict) or expected is None:
        return False
    return expected is not STALE and isinstance(expected, float | int) and close(expected, float(got))


def same_histogram(expected: Histogram, got: dict[str, Any]) -> bool:
    """Count, sum and all buckets that are not empty, with their bounds."""
    if not close(expected.count, float(got["count"])) or not close(expected.sum, float(got["sum"])):
        return False
    buckets = expected.buckets()
    found = [tuple(map(float, bucket[1:])) for bucket in got.get("buckets", [])]
    return len(buckets) == len(found) and all(
        close(one[2], two[2]) and all(close(a, b, 1e-9) for a, b in zip(one[:2], two[:2], strict=True))
        for one, two in zip(buckets, found, strict=True)
    )


def context_free(query: str) -> bool:
    """Does a query mean the same in a range?"""
    return re.search(r"(start|end|range|step)\(\)", query) is None
