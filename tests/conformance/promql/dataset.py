"""Synthetic series for comparisons with a real Prometheus: deterministic, an hour and a half at 15 s with jitter-free times.

Named as the demo service of prometheus/compliance names its metrics, because its queries ask for them; beyond them, gauges
with NaN, infinities and gaps, staleness markers, native histograms with resets, changes of resolution and custom buckets.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from tests.conformance.promql.series import CUSTOM, STALE, Histogram, Labels, Value
from tests.conformance.promql.wire import Samples

START = 1_760_000_400_000
"""Time of the first sample, ms."""
INTERVAL = 15_000
STEPS = 360
END = START + (STEPS - 1) * INTERVAL
INSTANCES = tuple(f"demo.promlabs.com:1000{number}" for number in range(3))


def dataset(seed: int = 1) -> list[tuple[Labels, Samples]]:
    """All series with their samples."""
    chance = random.Random(seed)
    return [(_labels(name, labels), list(_timed(values))) for name, labels, values in _series(chance)]


def _labels(name: str, labels: dict[str, str]) -> Labels:
    return tuple(sorted({"__name__": name, "job": "demo", **labels}.items()))


def _timed(values: list[Value]) -> Iterator[tuple[int, Value]]:
    for step, value in enumerate(values):
        if value is not None:
            yield START + step * INTERVAL, value


def _series(chance: random.Random) -> Iterator[tuple[str, dict[str, str], list[Value]]]:
    for instance in INSTANCES:
        one = {"instance": instance}
        yield "demo_num_cpus", one, [4.0] * STEPS
        for kind, base in (("buffers", 5e8), ("cached", 2e9), ("free", 4e9), ("used", 1.5e9)):
            yield "demo_memory_usage_bytes", {**one, "type": kind}, _walk(chance, base, base / 50)
        yield "demo_disk_usage_bytes", one, [2e10 + 1.5e5 * step + chance.randrange(1000) for step in range(STEPS)]
        yield "demo_disk_total_bytes", one, [3e10] * STEPS
        for mode, slope in (("idle", 11.0), ("system", 1.5), ("user", 2.5)):
            yield "demo_cpu_usage_seconds_total", {**one, "mode": mode}, _counter(chance, slope)
        last = [float(START // 1000 + step * 15 // 120 * 120) for step in range(STEPS)]
        yield "demo_batch_last_success_timestamp_seconds", one, list(last)
        yield "demo_intermittent_metric", one, _intermittent(chance)
        yield from _requests(chance, one)
        yield "demo_odd", one, _odd(chance)
        yield "demo_latency", {**one, "kind": "plain"}, list(_native(chance, resets=False))
        yield "demo_latency", {**one, "kind": "reset"}, list(_native(chance, resets=True))
        yield "demo_custom", one, list(_custom(chance))
        yield "demo_queue", one, list(_gauge_histograms(chance))
        yield "target_info", {**one, "version": f"1.{instance[-1]}"}, [1.0] * STEPS
    yield "demo_mixed", {"instance": INSTANCES[0]}, _mixed(chance)


def _walk(chance: random.Random, base: float, width: float) -> list[Value]:
    values, value = [], base
    for _ in range(STEPS):
        value = abs(value + chance.uniform(-width, width))
        values.append(value)
    return list(values)


def _counter(chance: random.Random, slope: float) -> list[Value]:
    values, value = [], 0.0
    for _ in range(STEPS):
        value = 0.0 if chance.random() < 0.008 else value + chance.uniform(0, 2 * slope)
        values.append(round(value, 2))
    return list(values)


def _intermittent(chance: random.Random) -> list[Value]:
    values: list[Value] = []
    while len(values) < STEPS:
        values += [float(chance.randrange(100)) for _ in range(chance.randrange(2, 30))]
        values += [STALE] if chance.random() < 0.5 else []
        values += [None] * chance.randrange(2, 30)
    return values[:STEPS]


def _odd(chance: random.Random) -> list[Value]:
    special = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e300)
    return [chance.choice(special) if chance.random() < 0.1 else round(chance.gauss(0, 10), 3) for _ in range(STEPS)]


def _requests(chance: random.Random, one: dict[str, str]) -> Iterator[tuple[str, dict[str, str], list[Value]]]:
    bounds = ("0.0001", "0.001", "0.01", "0.1", "0.5", "1", "+Inf")
    for method, path, status in (("GET", "/api/foo", "200"), ("GET", "/api/bar", "500"), ("POST", "/api/foo", "200")):
        labels = {**one, "method": method, "path": path, "status": status}
        counts, total = [0] * len(bounds), 0.0
        columns: list[list[Value]] = [[] for _ in bounds]
        sums: list[Value] = []
        for _ in range(STEPS):
            if chance.random() < 0.005:
                counts, total = [0] * len(bounds), 0.0
            for _ in range(chance.randrange(6)):
                value = chance.lognormvariate(-3, 2)
                total += value
                counts = [count + (value <= float(bound)) for bound, count in zip(bounds, counts, strict=True)]
            for column, count in zip(columns, counts, strict=True):
                column.append(float(count))
            sums.append(total)
        for bound, column in zip(bounds, columns, strict=True):
            yield "demo_api_request_duration_seconds_bucket", {**labels, "le": bound}, column
        yield "demo_api_request_duration_seconds_sum", labels, sums
        yield "demo_api_request_duration_seconds_count", labels, list(columns[-1])


def _native(chance: random.Random, *, resets: bool) -> Iterator[Value]:
    # Zero buckets are of one width: the sum of different ones depends on the order of series, which is random in Prometheus.
    schema, threshold = 2, 0.001
    positive: dict[int, float] = {}
    negative: dict[int, float] = {}
    zero = count = total = 0.0
    for step in range(STEPS):
        if resets and chance.random() < 0.02:
            schema = chance.choice((0, 1, 2, 3))
            positive, negative, zero, count, total = {}, {}, 0.0, 0.0, 0.0
        for _ in range(chance.randrange(8)):
            value = chance.gauss(2, 2) if chance.random() < 0.2 else chance.lognormvariate(0, 1.5)
            count, total = count + 1, total + value
            if abs(value) <= threshold:
                zero += 1
            else:
                at = math.ceil(math.log2(abs(value)) * 2**schema)
                side = positive if value > 0 else negative
                side[at] = side.get(at, 0.0) + 1
        if resets and step % 40 == 39:
            yield STALE if step % 80 == 79 else None
        else:
            yield Histogram(schema, total, count, zero, threshold, (), dict(positive), dict(negative))


def _custom(chance: random.Random) -> Iterator[Value]:
    bounds = (0.1, 0.5, 1.0, 5.0)
    positive: dict[int, float] = {}
    total = 0.0
    for step in range(STEPS):
        if step == 200:
            bounds, positive, total = (0.1, 1.0, 2.0, 5.0), {}, 0.0
        for _ in range(chance.randrange(5)):
            value = chance.lognormvariate(0, 1)
            at = sum(value > bound for bound in bounds)
            positive[at], total = positive.get(at, 0.0) + 1, total + value
        yield Histogram(CUSTOM, total, sum(positive.values()), custom=bounds, positive=dict(positive))


def _gauge_histograms(chance: random.Random) -> Iterator[Value]:
    for _ in range(STEPS):
        positive = {at: float(chance.randrange(1, 9)) for at in range(-2, 4) if chance.random() < 0.7}
        count = sum(positive.values())
        yield Histogram(0, count * 1.5, count, positive=positive, hint="gauge")


def _mixed(chance: random.Random) -> list[Value]:
    floats: list[Value] = [float(step) for step in range(STEPS // 2)]
    return floats + list(_native(chance, resets=False))[: STEPS - STEPS // 2]
