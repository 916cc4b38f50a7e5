"""Rates, errors and durations of services, of their operations and of the requests between them, from the series that are
derived of every span (`pipeline/span_metrics.py`).

Numbers are of a window that ends at a time: requests and failures a second of it, and durations from the histograms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from nexus.query.plan import LabelMatcher, ListLabelValues, ListSeries, SeriesScan
from nexus.query.promql.lexer import quote
from nexus.server.api.prometheus.arguments import MAX_TIME, MIN_TIME
from nexus.server.api.tracing.asking import Asker, Labels

CALLS: Final = "traces_spanmetrics_calls_total"
LATENCY: Final = "traces_spanmetrics_latency"
EDGES: Final = "traces_service_graph_request_total"
FAILED_EDGES: Final = "traces_service_graph_request_failed_total"
SERVER_SECONDS: Final = "traces_service_graph_request_server_seconds"
CLIENT_SECONDS: Final = "traces_service_graph_request_client_seconds"
ERROR: Final = "STATUS_CODE_ERROR"
ENTRIES: Final = frozenset({"SPAN_KIND_SERVER", "SPAN_KIND_CONSUMER"})
"""Kinds of the spans with which a service answers somebody: what counts as its requests, where it has such."""

KINDS: Final = {
    "": "",
    "SPAN_KIND_UNSPECIFIED": "unspecified",
    "SPAN_KIND_INTERNAL": "internal",
    "SPAN_KIND_SERVER": "server",
    "SPAN_KIND_CLIENT": "client",
    "SPAN_KIND_PRODUCER": "producer",
    "SPAN_KIND_CONSUMER": "consumer",
}
Key = tuple[str, ...]
MAX_LISTED: Final = 10_000


@dataclass(slots=True)
class Histogram:
    """Cumulative counts by upper bound in seconds."""

    counts: dict[float, float] = field(default_factory=dict)

    def add(self, bound: float, count: float) -> None:
        """Add to what lies below a bound."""
        self.counts[bound] = self.counts.get(bound, 0.0) + count

    def merged(self, other: Histogram) -> Histogram:
        """Both together."""
        found = Histogram(dict(self.counts))
        for bound, count in other.counts.items():
            found.add(bound, count)
        return found

    def quantile(self, q: float) -> float | None:
        """A quantile as Prometheus' `histogram_quantile` reckons it; None without observations."""
        buckets = self._monotonic()
        if not buckets or not buckets[-1][1] > 0:
            return None
        rank = q * buckets[-1][1]
        below, least = 0.0, 0.0
        for bound, count in buckets:
            if count >= rank:
                if math.isinf(bound):
                    return least or None
                return least + (bound - least) * (rank - below) / (count - below) if count > below else bound
            below, least = count, bound
        return least

    def below(self, seconds: float) -> float:
        """About how many observations are at most this."""
        before, least = 0.0, 0.0
        for bound, count in self._monotonic():
            if bound >= seconds:
                if math.isinf(bound):
                    return before
                return before + (count - before) * (seconds - least) / (bound - least)
            before, least = count, bound
        return before

    def apdex(self, threshold: float) -> float | None:
        """Apdex: what is at most the threshold counts whole, up to four times of it half; None without observations."""
        total = max(self.counts.values(), default=0.0)
        if not total > 0:
            return None
        satisfied = self.below(threshold)
        return min((satisfied + (self.below(4 * threshold) - satisfied) / 2) / total, 1.0)

    def _monotonic(self) -> list[tuple[float, float]]:
        """Buckets by bound, their counts never less than those before: rates of series need not be."""
        found: list[tuple[float, float]] = []
        most = 0.0
        for bound in sorted(self.counts):
            most = max(most, self.counts[bound])
            found.append((bound, most))
        return found


@dataclass(slots=True)
class Red:
    """Of a window: requests, failures, and how long they took."""

    requests: float = 0.0
    errors: float = 0.0
    latency: Histogram = field(default_factory=Histogram)

    def merged(self, other: Red) -> Red:
        """Both together."""
        return Red(self.requests + other.requests, self.errors + other.errors, self.latency.merged(other.latency))

    @property
    def error_rate(self) -> float:
        """Share of failures, 0 to 1."""
        return min(self.errors / self.requests, 1.0) if self.requests > 0 else 0.0


@dataclass(slots=True)
class Edge:
    """Requests of one service to another (or to what is none) in a window. Durations as both sides saw them."""

    client: str
    server: str
    connection: str
    requests: float = 0.0
    errors: float = 0.0
    server_latency: Histogram = field(default_factory=Histogram)
    client_latency: Histogram = field(default_factory=Histogram)


def window(start_ms: int, end_ms: int) -> int:
    """Seconds between two times, at least one."""
    return max(round((end_ms - start_ms) / 1000), 1)


# ------------------------------------------------------------------------------------------------------------------ names


async def services(asker: Asker, start_ms: int = MIN_TIME, end_ms: int = MAX_TIME) -> list[str]:
    """Names of services that had spans within a time: as far back as metrics are kept, and as the caller may look."""
    plan = ListLabelValues("service", _scan(CALLS, (), start_ms, end_ms), MAX_LISTED)
    return sorted(map(str, await asker.metrics(plan, newest=True)))


async def operations(asker: Asker, service: str = "", kind: str = "") -> list[tuple[str, str]]:
    """(operation, kind: `server`, or "" for none) of a service, or of all."""
    matchers = [LabelMatcher("service", "=", service)] if service else []
    if kind:
        label = next((label for label, name in KINDS.items() if name == kind.lower()), kind)
        matchers.append(LabelMatcher("span_kind", "=", label))
    found = await asker.metrics(ListSeries(_scan(CALLS, matchers, MIN_TIME, MAX_TIME), MAX_LISTED * 10), newest=True)
    pairs = {(one.get("span_name", ""), KINDS.get(one.get("span_kind", ""), "")) for one in found}
    return sorted(pairs)[:MAX_LISTED]


def _scan(name: str, matchers: Iterable[LabelMatcher], start_ms: int, end_ms: int) -> SeriesScan:
    return SeriesScan(((LabelMatcher("__name__", "=", name), *matchers),), start_ms, end_ms)


# ---------------------------------------------------------------------------------------------------------------- windows


async def by_kind(
    asker: Asker, by: Sequence[str], start_ms: int, end_ms: int, matcher: str = ""
) -> dict[Key, dict[str, Red]]:
    """Requests of each combination of labels, by the kind of span."""
    over = f"[{window(start_ms, end_ms)}s]{asker.exactly}"
    labels = ", ".join((*by, "span_kind"))
    calls = f"sum by ({labels}, status_code) (increase({CALLS}{{{matcher}}}{over}))"
    buckets = f"sum by ({labels}, le) (increase({LATENCY}_bucket{{{matcher}}}{over}))"
    found: dict[Key, dict[str, Red]] = {}

    def red(labels: Labels) -> Red:
        key = tuple(labels.get(name, "") for name in by)
        return found.setdefault(key, {}).setdefault(labels.get("span_kind", ""), Red())

    for labels_, value in _numbers(await asker.instant(calls, end_ms)):
        one = red(labels_)
        one.requests += value
        if labels_.get("status_code") == ERROR:
            one.errors += value
    for labels_, value in _numbers(await asker.instant(buckets, end_ms)):
        red(labels_).latency.add(_bound(labels_), value)
    return found


def entries(kinds: dict[str, Red]) -> Red:
    """What a service answered to others; of one that answers nobody, everything it did."""
    chosen = [red for kind, red in kinds.items() if kind in ENTRIES] or list(kinds.values())
    whole = Red()
    for red in chosen:
        whole = whole.merged(red)
    return whole


async def edges(asker: Asker, start_ms: int, end_ms: int, matcher: str = "", *, durations: bool = True) -> list[Edge]:
    """Requests between services, most first."""
    over = f"[{window(start_ms, end_ms)}s]{asker.exactly}"
    found: dict[Key, Edge] = {}

    def edge(labels: Labels) -> Edge:
        key = (labels.get("client", ""), labels.get("server", ""), labels.get("connection_type", ""))
        return found.setdefault(key, Edge(*key))

    def asked(name: str, more: str = "") -> str:
        return f"sum by (client, server, connection_type{more}) (increase({name}{{{matcher}}}{over}))"

    for labels, value in _numbers(await asker.instant(asked(EDGES), end_ms)):
        edge(labels).requests += value
    for labels, value in _numbers(await asker.instant(asked(FAILED_EDGES), end_ms)):
        edge(labels).errors += value
    if durations:
        for labels, value in _numbers(await asker.instant(asked(f"{SERVER_SECONDS}_bucket", ", le"), end_ms)):
            edge(labels).server_latency.add(_bound(labels), value)
        for labels, value in _numbers(await asker.instant(asked(f"{CLIENT_SECONDS}_bucket", ", le"), end_ms)):
            edge(labels).client_latency.add(_bound(labels), value)
    # Failures alone are edges of a window that cut their requests off.
    return sorted(
        (one for one in found.values() if one.requests > 0), key=lambda one: (-one.requests, one.client, one.server)
    )


def equals(label: str, value: str) -> str:
    """A matcher of PromQL."""
    return f"{label}={quote(value)}"


def _numbers(found: list[tuple[Labels, float]]) -> list[tuple[Labels, float]]:
    return [(labels, value) for labels, value in found if math.isfinite(value)]


def _bound(labels: Labels) -> float:
    try:
        return float(labels.get("le", ""))
    except ValueError:
        return math.inf
