"""LogQL the slow way: pipelines as Python functions over dictionaries, range aggregations as loops over all samples."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Labels = dict[str, str]


@dataclass
class Record:
    """A record: time in ns, its stream label `pod`, its number of severity, body and attributes."""

    time: int
    pod: str
    severity: int
    body: str
    attributes: dict[str, int | str] = field(default_factory=dict)

    @property
    def labels(self) -> Labels:
        """All labels that it comes with."""
        level = ("unset", "trace", "debug", "info", "warn", "error", "fatal")[(self.severity + 3) // 4]
        levels = {"detected_level": "unknown"} if level == "unset" else {"detected_level": level, "level": level}
        return {
            "service_name": "s",
            "pod": self.pod,
            **levels,
            **{key.replace(".", "_"): str(value) for key, value in self.attributes.items()},
        }


def varint(number: int) -> bytes:
    """LEB128."""
    out = b""
    while number > 127:
        out += bytes((number & 127 | 128,))
        number >>= 7
    return out + bytes((number,))


def text(value: str) -> bytes:
    """A string of RowBinary."""
    data = value.encode()
    return varint(len(data)) + data


def row(record: Record) -> bytes:
    """A record as a row with a map of texts."""
    attributes = varint(len(record.attributes)) + b"".join(text(k) + text(str(v)) for k, v in record.attributes.items())
    return b"".join(
        [
            record.time.to_bytes(8, "little"),
            bytes(8),
            text("s"),
            bytes((record.severity,)),
            text(record.body),
            bytes(24),
            text(""),
            bytes(8),
            text(f'{{"pod":"{record.pod}","service.name":"s"}}'),
            text(""),
            text(""),
            attributes,
        ]
    )


def rows(records: Iterable[Record]) -> bytes:
    """Rows of RowBinary, as the engine would answer."""
    return b"".join(map(row, records))


def logfmt(labels: Labels, line: str) -> Labels | None:
    """`| logfmt` over `key=value` words without quotes."""
    out = dict(labels)
    parsed: set[str] = set()
    for word in line.split(" "):
        key, _, value = word.partition("=")
        if not key or not value or not re.fullmatch(r"\w+", key):
            continue
        name = f"{key}_extracted" if key in labels else key
        if name not in parsed and name not in labels:
            out[name] = value
            parsed.add(name)
    return out


Step = Callable[[Labels, str], Labels | None]


def apply(records: list[Record], steps: list[Step]) -> list[tuple[int, Labels, str]]:
    """(time, labels, line) of what passes."""
    found = []
    for record in records:
        labels: Labels | None = record.labels
        for step in steps:
            labels = step(labels, record.body) if labels is not None else None
        if labels is not None:
            found.append((record.time, labels, record.body))
    return found


def over_time(op: str, values: list[tuple[int, float]], seconds: float) -> float:
    """One window."""
    numbers = [value for _, value in sorted(values, key=lambda one: one[0])]
    count = len(numbers)
    mean = sum(numbers) / count
    variance = sum((number - mean) ** 2 for number in numbers) / count
    match op:
        case "count_over_time":
            return count
        case "rate":
            return count / seconds
        case "sum_over_time" | "bytes_over_time":
            return sum(numbers)
        case "bytes_rate":
            return sum(numbers) / seconds
        case "avg_over_time":
            return mean
        case "min_over_time":
            return min(numbers)
        case "max_over_time":
            return max(numbers)
        case "stdvar_over_time":
            return variance
        case "stddev_over_time":
            return math.sqrt(variance)
        case "first_over_time":
            return numbers[0]
        case "last_over_time":
            return numbers[-1]
        case "quantile_over_time":
            ordered = sorted(numbers)
            rank = 0.75 * (count - 1)
            low = math.floor(rank)
            high = min(low + 1, count - 1)
            return ordered[low] * (1 - (rank - low)) + ordered[high] * (rank - low)
    raise AssertionError(op)


def matrix(
    op: str, samples: list[tuple[int, Labels, float]], by: list[str], grid: range, length: int
) -> dict[tuple[tuple[str, str], ...], list[float | None]]:
    """Values of each series at each step; windows are left-open."""
    series: dict[tuple[tuple[str, str], ...], list[tuple[int, float]]] = {}
    for time, labels, value in samples:
        key = tuple(sorted((name, labels[name]) for name in by if name in labels))
        series.setdefault(key, []).append((time, value))
    found = {}
    for key, held in series.items():
        values: list[float | None] = []
        for at in grid:
            window = [(time, value) for time, value in held if at - length < time <= at]
            values.append(over_time(op, window, length / 1e9) if window else None)
        if any(value is not None for value in values):
            found[key] = values
    return found
