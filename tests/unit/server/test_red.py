"""Histograms of durations and what is made of them, against slow reckoning."""

from __future__ import annotations

import math
import random

import pytest

from nexus.query.compare import Counts
from nexus.query.significance import chi_square_tail, corrected, probability
from nexus.server.api.nexus_v1.services import _nodes
from nexus.server.api.nexus_v1.traces import duration_bounds
from nexus.server.api.tracing.red import Edge, Histogram, Red, entries

BOUNDS = [0.002 * 2**n for n in range(14)]


def histogram(durations: list[float]) -> Histogram:
    found = Histogram()
    for bound in (*BOUNDS, math.inf):
        found.add(bound, sum(one <= bound for one in durations))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_quantiles_lie_in_the_bucket_of_the_true_one(seed: int) -> None:
    """As near as buckets can be."""
    rng = random.Random(seed)
    durations = sorted(rng.lognormvariate(-3, 1.5) for _ in range(rng.randrange(1, 500)))
    of = histogram(durations)
    for q in (0.01, 0.5, 0.95, 0.99, 1.0):
        true = durations[min(math.ceil(q * len(durations)), len(durations)) - 1]
        found = of.quantile(q)
        assert found is not None
        upper = next((bound for bound in BOUNDS if true <= bound), BOUNDS[-1])
        lower = max((bound for bound in BOUNDS if bound < true), default=0.0) if true <= BOUNDS[-1] else BOUNDS[-1]
        assert lower <= found <= upper


@pytest.mark.parametrize("threshold", [0.128, 0.512])
def test_apdex_at_bounds_is_exact(threshold: float) -> None:
    """Where the threshold is a bound, and four times of it, too."""
    rng = random.Random(3)
    durations = [rng.expovariate(2) for _ in range(1000)]
    satisfied = sum(one <= threshold for one in durations)
    tolerating = sum(threshold < one <= 4 * threshold for one in durations)
    found = histogram(durations).apdex(threshold)
    assert found == pytest.approx((satisfied + tolerating / 2) / 1000)


def test_nothing_has_no_quantiles() -> None:
    """Neither has what is only counted as nothing."""
    assert Histogram().quantile(0.5) is None
    assert Histogram({0.1: 0.0, math.inf: 0.0}).quantile(0.5) is None
    assert Histogram().apdex(1.0) is None
    assert Histogram({math.inf: 3.0}).quantile(0.5) is None


def test_requests_are_those_of_entries() -> None:
    """A service that answers nobody has what it did."""
    server, client = Red(10, 1), Red(100, 5)
    assert entries({"SPAN_KIND_SERVER": server, "SPAN_KIND_CLIENT": client}).requests == 10
    assert entries({"SPAN_KIND_CLIENT": client, "SPAN_KIND_INTERNAL": server}).requests == 110
    assert entries({}).error_rate == 0.0


def test_nodes_of_a_map() -> None:
    """Services know themselves; of others their clients tell."""
    edges = [
        Edge("shop", "db", "database", 30, 3, client_latency=Histogram({0.002: 30.0, math.inf: 30.0})),
        Edge("user", "shop", "virtual_node", 10, 0),
        Edge("shop", "api.example", "virtual_node", 5, 0),
        Edge("shop", "queue", "messaging_system", 2, 0),
        Edge("cart", "db", "database", 30, 0),
    ]
    nodes = {node.name: node for node in _nodes(edges, {"shop": Red(10, 1), "alone": Red(1, 0)}, 10)}
    types = {name: node.type for name, node in nodes.items()}
    assert types == {
        "shop": "service", "alone": "service", "db": "database", "user": "user", "api.example": "external",
        "queue": "messaging", "cart": "service",
    }  # fmt: skip
    assert (nodes["db"].request_rate, nodes["db"].error_rate) == (6.0, 0.05)
    assert nodes["shop"].request_rate == 1.0


def test_classes_of_durations() -> None:
    """As native code has them: neighbours touch, and every duration is within its class."""
    assert duration_bounds(0) == (0, 1)
    for number in range(9, 255):
        assert duration_bounds(number)[1] == duration_bounds(number + 1)[0]
    for ns in (1, 2, 3, 5, 1000, 123_456_789, 10**12):
        octave = ns.bit_length() - 1
        quarter = (ns >> (octave - 2)) & 3 if octave >= 2 else (ns << (2 - octave)) & 3
        low, high = duration_bounds(1 + 4 * octave + quarter)
        assert low <= ns < high


@pytest.mark.parametrize(
    ("value", "freedom", "expected"),
    [(3.841, 1, 0.05), (6.635, 1, 0.01), (5.991, 2, 0.05), (7.815, 3, 0.05), (18.307, 10, 0.05), (124.342, 100, 0.05),
     (29.588, 10, 0.001), (0.0, 4, 1.0)],
)  # fmt: skip
def test_tails_are_those_of_tables(value: float, freedom: int, expected: float) -> None:
    """To a few percent of them."""
    assert chi_square_tail(value, freedom) == pytest.approx(expected, rel=0.1)


def test_chance_seldom_looks_significant() -> None:
    """Of fields of one distribution about one in twenty falls below 5 %, and none after the correction; a true difference
    stays."""
    rng = random.Random(11)
    probabilities = []
    for _ in range(400):
        sides = [[0] * 6, [0] * 6]
        for side, number in zip(sides, (500, 2000), strict=True):
            for _ in range(number):
                side[min(int(rng.expovariate(0.5)), 5)] += 1
        values = {str(n): (sides[0][n], sides[1][n]) for n in range(6)}
        probabilities.append(probability(Counts(values, (500, 2000), 6), 500, 2000))
    assert 0.02 < sum(one < 0.05 for one in probabilities) / 400 < 0.09
    assert sum(one < 0.05 for one in corrected(probabilities)) <= 1
    differing = probability(Counts({"a": (300, 200), "b": (200, 1800)}, (500, 2000), 2), 500, 2000)
    assert corrected([*probabilities, differing])[-1] < 1e-6
    assert probability(Counts(), 0, 5) == probability(Counts({"a": (5, 5)}, (5, 5), 1), 5, 5) == 1.0
