"""The metrics that are measured with: scrapes of made-up targets as requests of remote write 1.0 and 2.0.

A target has 100 series: counters by handler and code, CPU times, classic histograms, gauges with and without decimals. All
series of a target have its times: every 15 s, with some ms of jitter and now and then a late scrape. Made from a seed, in
blocks of scrapes, so that a day of 5,000 series needs little memory. Requests are filled into byte templates with numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

INTERVAL_MS: Final = 15_000
BLOCK: Final = 240
"""Scrapes that are made at a time."""
START_MS: Final = 1_795_046_400_000
"""2026-11-19T00:00Z, the first ms of the data."""
SERIES_PER_REQUEST: Final = 5_000
DAY_MS: Final = 86_400_000

_HANDLERS: Final = ("/api/orders", "/api/items", "/api/users", "/login", "/search")
_CODES: Final = ("200", "204", "404", "500")
_MODES: Final = ("user", "system", "iowait", "irq", "softirq", "steal", "nice", "idle")
_BOUNDS: Final = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")


@dataclass(frozen=True)
class Family:
    """Series of one target: labels, and how their values move (`counter`, `walk` with decimals, `constant`)."""

    labels: tuple[tuple[str, str], ...]
    kind: str
    rate: float


def families() -> list[Family]:
    """The 100 series of a target."""
    made: list[Family] = []

    def add(name: str, move: str, rate: float, /, **labels: str) -> None:
        made.append(Family((("__name__", name), *sorted(labels.items())), move, rate))

    for handler, weight in zip(_HANDLERS, (40.0, 30.0, 8.0, 1.0, 3.0), strict=True):
        for code, share in zip(_CODES, (1.0, 0.1, 0.02, 0.002), strict=True):
            add("http_requests_total", "counter", weight * share * 15, handler=handler, code=code)
    for cpu in ("0", "1"):
        for mode, share in zip(_MODES, (0.3, 0.1, 0.02, 0.001, 0.004, 0.0, 0.0, 0.575), strict=True):
            add("node_cpu_seconds_total", "seconds", share * 15, cpu=cpu, mode=mode)
    for handler in _HANDLERS[:2]:
        for number, bound in enumerate(_BOUNDS):
            add("http_request_duration_seconds_bucket", "bucket", 20.0 * number, handler=handler, le=bound)
        add("http_request_duration_seconds_sum", "seconds", 9.0, handler=handler)
        add("http_request_duration_seconds_count", "counter", 240.0, handler=handler)
    for queue in range(6):
        add("queue_length", "walk0", 3.0, queue=f"q{queue}")
    for kind in ("used", "free", "cached", "buffers"):
        add("memory_usage_bytes", "bytes", 1.0, kind=kind)
    for sensor in range(4):
        add("temperature_celsius", "walk2", 0.3, sensor=f"s{sensor}")
    for number in range(10):
        add(f"runtime_stat_{number}", "walk0", 20.0)
        add(f"process_events_{number}_total", "counter", float(number))
    add("up", "constant", 1.0)
    add("scrape_duration_seconds", "walk4", 0.0005)
    return made


@dataclass
class Scrapes:
    """`targets` targets, scraped `scrapes` times."""

    targets: int
    scrapes: int
    start_ms: int = START_MS
    seed: int = 11
    labels: list[list[tuple[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Name the series."""
        for target in range(self.targets):
            who = {
                "instance": f"10.0.{target // 250}.{target % 250}:9100",
                "job": f"job-{target % 5}",
                "region": "eu-west-1",
            }
            for family in families():
                self.labels.append(sorted({**dict(family.labels), **who}.items()))

    @property
    def samples(self) -> int:
        """Of all series."""
        return len(self.labels) * self.scrapes

    @property
    def end_ms(self) -> int:
        """After the last scrape."""
        return self.start_ms + self.scrapes * INTERVAL_MS

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """(times by target and scrape, values by series and scrape), block by block."""
        rng = np.random.default_rng(self.seed)
        every = families()
        offsets = rng.integers(0, INTERVAL_MS, self.targets)
        state = np.zeros(len(self.labels))
        state += np.where(np.array([family.kind.startswith("walk") for family in every] * self.targets), 50.0, 0.0)
        for begin in range(0, self.scrapes, BLOCK):
            count = min(BLOCK, self.scrapes - begin)
            jitter = np.rint(rng.normal(0, 3, (self.targets, count))).astype(np.int64)
            jitter += (rng.random((self.targets, count)) < 0.01) * rng.integers(0, 400, (self.targets, count))
            times = self.start_ms + offsets[:, None] + (begin + np.arange(count))[None, :] * INTERVAL_MS + jitter
            values = np.empty((len(self.labels), count))
            for target in range(self.targets):
                for number, family in enumerate(every):
                    row = target * len(every) + number
                    values[row] = _move(rng, family, state[row], count)
                    state[row] = values[row, -1]
            yield np.maximum(times, self.start_ms), values


def _move(rng: np.random.Generator, family: Family, state: float, count: int) -> NDArray[np.float64]:
    kind, rate = family.kind, family.rate
    if kind in ("counter", "bucket"):
        return state + np.cumsum(rng.poisson(rate, count)).astype(np.float64)
    if kind == "seconds":
        return np.round(state + np.cumsum(np.maximum(rng.normal(rate, rate / 10 + 1e-9, count), 0.0)), 2)
    if kind == "bytes":
        return np.abs(state + np.cumsum(rng.integers(-64, 65, count)) * 4096.0)
    if kind == "constant":
        return np.ones(count)
    digits = int(kind.removeprefix("walk"))
    return np.round(np.abs(state + np.cumsum(rng.normal(0, rate, count))), digits)


# ----------------------------------------------------------------------------------------------------------- requests


def varint(number: int) -> bytes:
    """Protobuf's."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field_bytes(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


class Template:
    """A request in which the value and time of each series are filled in; times in ms of 6 bytes (1989 to 2109)."""

    def __init__(self, pieces: Sequence[bytes], head: bytes = b"") -> None:
        """`pieces` are what stands before the sample within the message of each series; `head` before all of them."""
        body, values, times = bytearray(head), [], []
        for piece in pieces:
            content = len(piece) + 18
            body += b"\x2a" if head else b"\x0a"
            body += varint(content)
            body += piece + b"\x12\x10\x09"
            values.append(len(body))
            body += bytes(8) + b"\x10"
            times.append(len(body))
            body += bytes(6)
        self._body = np.frombuffer(bytes(body), dtype=np.uint8).copy()
        self._values = np.array(values)[:, None] + np.arange(8)
        self._times = np.array(times)[:, None] + np.arange(6)

    def fill(self, times: NDArray[np.int64], values: NDArray[np.float64]) -> bytes:
        """The body with these samples, one a series."""
        self._body[self._values] = np.ascontiguousarray(values, dtype="<f8").view(np.uint8).reshape(-1, 8)
        shifts = np.arange(6) * 7
        digits = (times[:, None] >> shifts) & 0x7F
        digits[:, :5] |= 0x80
        self._body[self._times] = digits
        return self._body.tobytes()


def template_v1(labels: Sequence[Sequence[tuple[str, str]]]) -> Template:
    """`prometheus.WriteRequest`."""
    return Template(
        [
            b"".join(field_bytes(1, field_bytes(1, name.encode()) + field_bytes(2, value.encode())) for name, value in one)
            for one in labels
        ]
    )


def template_v2(labels: Sequence[Sequence[tuple[str, str]]]) -> Template:
    """`io.prometheus.write.v2.Request`, with its table of symbols."""
    symbols: dict[str, int] = {"": 0}
    pieces = []
    for one in labels:
        refs = b"".join(varint(symbols.setdefault(text, len(symbols))) for pair in one for text in pair)
        pieces.append(field_bytes(1, refs))
    return Template(pieces, b"".join(field_bytes(4, text.encode()) for text in symbols))


def requests(scrapes: Scrapes, version: int, per_request: int = SERIES_PER_REQUEST) -> Iterator[tuple[bytes, int]]:
    """(snappy body, samples) of each request: in the order of scrapes, some targets at a time."""
    import cramjam

    make = template_v1 if version == 1 else template_v2
    groups = range(0, len(scrapes.labels), per_request)
    templates = [make(scrapes.labels[begin : begin + per_request]) for begin in groups]
    size = len(scrapes.labels) // scrapes.targets
    for times, values in scrapes.blocks():
        of_series = np.repeat(times, size, axis=0)
        for scrape in range(values.shape[1]):
            for begin, template in zip(groups, templates, strict=True):
                chosen = slice(begin, begin + per_request)
                body = template.fill(of_series[chosen, scrape], values[chosen, scrape])
                yield bytes(cramjam.snappy.compress_raw(body)), len(values[chosen])


def wide_labels(begin: int, end: int) -> list[list[tuple[str, str]]]:
    """Series of the numbers `[begin, end)`: pods of ten metrics."""
    return [
        [
            ("__name__", f"pod_requests_{number % 10}_total"),
            ("instance", f"10.{number // 65025 % 255}.{number // 255 % 255}.{number % 255}:8080"),
            ("job", f"job-{number % 50}"),
            ("namespace", f"ns-{number % 200}"),
            ("pod", f"pod-{number:08x}"),
        ]
        for number in range(begin, end)
    ]


def wide(series: int, scrapes: int, end_ms: int, per_request: int = 10_000) -> Iterator[tuple[bytes, int]]:
    """Many series (pods of one metric) with few samples each, remote write 1.0; the last one is at `end_ms`."""
    import cramjam

    rng = np.random.default_rng(5)
    for begin in range(0, series, per_request):
        count = min(per_request, series - begin)
        template = template_v1(wide_labels(begin, begin + count))
        values = rng.integers(0, 10**6, count).astype(np.float64)
        for scrape in range(scrapes):
            times = np.full(count, end_ms - (scrapes - 1 - scrape) * INTERVAL_MS, dtype=np.int64)
            yield bytes(cramjam.snappy.compress_raw(template.fill(times, values + scrape * 7))), count
