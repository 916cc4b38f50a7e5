"""Series of the scripts: labels, and values in a notation that repeats and counts up.

`a{b="c"} 1 2+1x3 _ stale {{schema:1 sum:3 count:2 buckets:[1 1]}}x2`: `_` is no value, `1x3` is four times 1, `2+1x3` counts
up three times, `{{...}}` is a native histogram.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from nexus.query.promql import parse_selector

CUSTOM = -53
"""Schema of histograms with bounds of their own."""


class Stale:
    """A staleness marker."""


STALE = Stale()


@dataclass(frozen=True)
class Histogram:
    """A native histogram; buckets by number, as floats."""

    schema: int = 0
    sum: float = 0.0
    count: float = 0.0
    zero_count: float = 0.0
    zero_threshold: float = 0.0
    custom: tuple[float, ...] = ()
    positive: dict[int, float] = field(default_factory=dict)
    negative: dict[int, float] = field(default_factory=dict)
    hint: str = ""

    def plus(self, other: Histogram, sign: float = 1.0) -> Histogram:
        """Sum or difference; the other may be finer, and custom bounds must be the same."""
        if self.schema > other.schema or self.custom != other.custom:
            raise ValueError("these histograms are not added in a script")
        by = other.schema - self.schema if self.schema != CUSTOM else 0
        hints = {self.hint, other.hint}
        hint = self.hint if len(hints) == 1 else "gauge" if "gauge" in hints else ""
        return replace(
            self,
            hint=hint,
            sum=self.sum + sign * other.sum,
            count=self.count + sign * other.count,
            zero_count=self.zero_count + sign * other.zero_count,
            positive=_added(self.positive, other.positive, by, sign),
            negative=_added(self.negative, other.negative, by, sign),
        )

    def buckets(self) -> list[tuple[float, float, float]]:
        """Lower bound, upper bound and count of the buckets that an answer shows, ascending: those that are not empty, and a
        zero bucket with observations."""
        edge = self.zero_threshold
        negative = [
            (-self.bound(at), -self.bound(at - 1), count) for at, count in sorted(self.negative.items(), reverse=True)
        ]
        zero = [(-edge, edge, self.zero_count)] if self.zero_count > 0 else []
        positive = [(self.bound(at - 1), self.bound(at), count) for at, count in sorted(self.positive.items())]
        cut = [(low, min(high, -edge) if high < 0 else high, count) for low, high, count in negative]
        cut += zero + [(max(low, edge) if low > 0 else low, high, count) for low, high, count in positive]
        return [one for one in cut if one[2]]

    def bound(self, at: int) -> float:
        """Upper bound of a bucket of positive observations."""
        if self.schema == CUSTOM:
            return -math.inf if at < 0 else self.custom[at] if at < len(self.custom) else math.inf
        return math.inf if at / 2**self.schema > 1024 else 2.0 ** min(at / 2**self.schema, 1023.9999999999999)


def _added(one: dict[int, float], two: dict[int, float], by: int, sign: float) -> dict[int, float]:
    sums = dict(one)
    for at, count in two.items():
        place = ((at - 1) >> by) + 1
        sums[place] = sums.get(place, 0.0) + sign * count
    return sums


Value: TypeAlias = "float | Histogram | Stale | None"
Labels: TypeAlias = "tuple[tuple[str, str], ...]"

_NUMBER = r"(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
_FLOATS = re.compile(rf"([+-]?{_NUMBER})(?:([+-]{_NUMBER}))?(?:x(\d+))?", re.IGNORECASE)
_HISTOGRAMS = re.compile(r"\{\{(.*?)\}\}(?:([+-])\{\{(.*?)\}\})?(?:x(\d+))?")
_ITEM = re.compile(r"(\w+):(\[[^\]]*\]|\S+)")
_NAME = re.compile(r"[A-Za-z_:][\w:]*")


def parse_series(text: str) -> tuple[Labels, list[Value]]:
    """Labels (sorted) and values of a line."""
    end = _end_of_labels(text)
    return parse_labels(text[:end]), list(_values(text[end:]))


def parse_labels(text: str) -> Labels:
    """Labels of `name{label="value"}`."""
    text = text.strip()
    if re.fullmatch(r"\{\s*\}", text):
        return ()
    return tuple(sorted((one.name, one.value) for one in parse_selector(text) if one.value))


def number(text: str) -> float:
    """A number of a script. Raises ValueError."""
    if re.fullmatch(r"[+-]?0x[0-9a-f]+", text, re.IGNORECASE):
        return float(int(text, 16))
    return float(text)


def _end_of_labels(text: str) -> int:
    name = _NAME.match(text)
    at = name.end() if name else 0
    brace = len(text[:at]) + len(text[at:]) - len(text[at:].lstrip())
    if not text.startswith("{", brace) or text.startswith("{{", brace):
        return at
    quote = ""
    for place in range(brace, len(text)):
        letter = text[place]
        if quote:
            if letter == "\\" and quote != "`":
                text = text[:place] + "__" + text[place + 2 :]
            elif letter == quote:
                quote = ""
        elif letter in "\"'`":
            quote = letter
        elif letter == "}":
            return place + 1
    raise ValueError(f"no end of labels: {text}")


def _values(text: str) -> Iterator[Value]:
    for item in re.findall(r"(?:\{\{.*?\}\}|\S)+", text):
        if found := re.fullmatch(r"_(?:x(\d+))?", item):
            yield from [None] * int(found[1] or 1)
        elif item == "stale":
            yield STALE
        elif found := _FLOATS.fullmatch(item):
            value, step = number(found[1]), number(found[2] or "0")
            for _ in range(int(found[3] or 0) + 1):
                yield value
                value += step
        elif found := _HISTOGRAMS.fullmatch(item):
            yield from _histograms(found)
        else:
            raise ValueError(f"not a value: {item}")


def _histograms(found: re.Match[str]) -> Iterator[Histogram]:
    value = _histogram(found[1])
    more = _histogram(found[3]) if found[2] else None
    for _ in range(int(found[4] or 0) + 1):
        yield value
        if more:
            value = value.plus(more, -1.0 if found[2] == "-" else 1.0)


def _histogram(text: str) -> Histogram:
    items = dict(_ITEM.findall(text))
    hint = items.pop("counter_reset_hint", "")
    plain = {name: number(value) for name, value in items.items() if not value.startswith("[")}
    lists = {name: [number(one) for one in value[1:-1].split()] for name, value in items.items() if value.startswith("[")}
    unknown = set(items) - _KEYS
    if unknown:
        raise ValueError(f"a histogram has no {unknown}")
    return Histogram(
        schema=int(plain.get("schema", 0)),
        sum=plain.get("sum", 0.0),
        count=plain.get("count", 0.0),
        zero_count=plain.get("z_bucket", 0.0),
        zero_threshold=plain.get("z_bucket_w", 0.0),
        custom=tuple(lists.get("custom_values", ())),
        positive=dict(enumerate(lists.get("buckets", []), int(plain.get("offset", 0)))),
        negative=dict(enumerate(lists.get("n_buckets", []), int(plain.get("n_offset", 0)))),
        hint=hint,
    )


_KEYS = {"schema", "sum", "count", "z_bucket", "z_bucket_w", "custom_values", "buckets", "offset", "n_buckets", "n_offset"}
