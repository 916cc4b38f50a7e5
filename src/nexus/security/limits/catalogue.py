"""What can be limited: the catalogue of limits, and which number holds for whom. Pure.

Limits are kept by subject: a `tenant`, an API `key`, a `user`, or a client's `address` (an IPv6 address counts with its /64
network). A request falls under all of its subjects at once and must be within the limits of each. For every name the number
of the subject itself counts; else that of `*`, which stands for each subject of its scope; else the one of the
configuration, else the built-in one. 0 is no limit.

Names of rates end with what they count, a second; the same name with `_burst` is what may come at once, ten seconds' worth
where nobody says otherwise.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from nexus.errors import InvalidRequest

BURST_SECONDS: Final = 10.0
BURST: Final = "_burst"
EACH: Final = "*"
MAX_VALUE: Final = 1e15
MAX_SUBJECT: Final = 256
SCOPES: Final = ("tenant", "key", "user", "address")


class EndpointClass(StrEnum):
    """What a door is for. Requests of each class are limited apart."""

    INGEST = "ingest"
    QUERY = "query"
    LIVE = "live"
    ADMIN = "admin"
    AUTH = "auth"


class Kind(StrEnum):
    """How a limit works: so many a second, so many at once of those, so many at a time, so much of each query, so much in
    the store."""

    RATE = "rate"
    BURST = "burst"
    RUNNING = "running"
    QUERY = "query"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Limit:
    """An entry of the catalogue."""

    name: str
    description: str
    unit: str
    scopes: tuple[str, ...]
    kind: Kind = Kind.RATE


_WHO: Final = ("tenant", "key", "user")
_TENANT: Final = ("tenant",)
_RATES: Final = (
    Limit("ingest_requests", "Requests that send records.", "requests/s", ("tenant", "key", "address")),
    Limit("ingest_bytes", "Bytes of bodies, as they are sent.", "bytes/s", ("tenant", "key", "address")),
    Limit("ingest_records", "Records, counted after decoding.", "records/s", ("tenant", "key")),
    Limit("query_requests", "Requests that search, count, aggregate or export.", "requests/s", SCOPES),
    Limit("query_bytes", "Bytes that queries read; one that went beyond is paid off first.", "bytes/s", _WHO),
    Limit("live_requests", "Live sockets that are opened.", "requests/s", SCOPES),
    Limit("admin_requests", "Requests of settings, keys, users and everything else.", "requests/s", SCOPES),
    Limit("auth_requests", "Logins and what belongs to them.", "requests/s", ("address",)),
    Limit("auth_failures", "Requests with wrong credentials; beyond it all requests of the address wait.", "requests/s",
          ("address",)),
)  # fmt: skip
_OTHERS: Final = (
    Limit("query_running", "Queries at a time.", "queries", _WHO, Kind.RUNNING),
    Limit("query_scan_rows", "Records that one query may read.", "records", _WHO, Kind.QUERY),
    Limit("query_scan_bytes", "Bytes that one query may read.", "bytes", _WHO, Kind.QUERY),
    Limit("query_range", "Time range that one query may cover.", "s", _WHO, Kind.QUERY),
    Limit("metric_series", "Active series of metrics; new ones beyond it are refused.", "series", _TENANT, Kind.STORE),
    Limit("metric_series_per_metric", "Active series of one metric.", "series", _TENANT, Kind.STORE),
    Limit("metric_values_per_label", "Values of one label of one metric.", "values", _TENANT, Kind.STORE),
    Limit("metric_labels", "Labels of one series.", "labels", _TENANT, Kind.STORE),
    Limit("metric_name_bytes", "Length of a label's name.", "bytes", _TENANT, Kind.STORE),
    Limit("metric_value_bytes", "Length of a label's value.", "bytes", _TENANT, Kind.STORE),
)

CATALOGUE: Final[Mapping[str, Limit]] = MappingProxyType(
    {
        limit.name: limit
        for rate in _RATES
        for limit in (
            rate,
            Limit(
                rate.name + BURST,
                f"At once, of {rate.name}; 0 is ten seconds' worth.",
                rate.unit.removesuffix("/s"),
                rate.scopes,
                Kind.BURST,
            ),
        )
    }
    | {limit.name: limit for limit in _OTHERS}
)
"""Every limit by its name."""

BUILT_IN: Final[Mapping[tuple[str, str], float]] = MappingProxyType(
    {
        ("address", "auth_requests"): 20.0,
        ("address", "auth_requests_burst"): 300.0,
        ("address", "auth_failures"): 100.0,
        ("address", "auth_failures_burst"): 2000.0,
        ("tenant", "metric_series"): 2_000_000.0,
        ("tenant", "metric_series_per_metric"): 1_000_000.0,
        ("tenant", "metric_values_per_label"): 500_000.0,
        ("tenant", "metric_labels"): 128.0,
        ("tenant", "metric_name_bytes"): 1024.0,
        ("tenant", "metric_value_bytes"): 8192.0,
    }
)
"""What holds without anybody's doing, by scope and name: nobody may try logins or guess keys as fast as the machine can, and
no label with ever new values may fill the memory."""


class StoredSet(Protocol):
    """Limits that somebody stored: `storage.metadata.api.StoredLimits`."""

    @property
    def scope(self) -> str:
        """The kind of the subject."""
        ...

    @property
    def subject(self) -> str:
        """The subject, or `*`."""
        ...

    @property
    def limits(self) -> dict[str, float]:
        """Numbers by name."""
        ...


def check_limit(scope: str, name: str, value: float) -> None:
    """Raise `InvalidRequest` when there is no such limit, not in this scope, or not of this size."""
    limit = CATALOGUE.get(name)
    if limit is None:
        near = difflib.get_close_matches(name, list(CATALOGUE), 1, 0.5)
        hint = f"Did you mean {near[0]}?" if near else f"The limits are {', '.join(CATALOGUE)}."
        raise InvalidRequest(f"there is no limit {name[:60]!r}.", hint=hint)
    if scope not in limit.scopes:
        raise InvalidRequest(f"{name} cannot be limited by {scope}.", hint=f"It is limited by {', '.join(limit.scopes)}.")
    if not math.isfinite(value) or not 0 <= value <= MAX_VALUE:
        raise InvalidRequest(f"{name} lies between 0 (no limit) and {MAX_VALUE:.0f}, not at {value}.")


def check_set(scope: str, subject: str, limits: Mapping[str, float]) -> None:
    """Raise `InvalidRequest` for a set of limits that makes no sense."""
    if scope not in SCOPES:
        raise InvalidRequest(f"there is no scope {scope[:40]!r}.", hint=f"The scopes are {', '.join(SCOPES)}.")
    if not subject or len(subject) > MAX_SUBJECT or not subject.isprintable():
        raise InvalidRequest(f"a subject is 1 to {MAX_SUBJECT} printable characters, or * for each one.")
    for name, value in limits.items():
        check_limit(scope, name, value)


class Rules:
    """Which number holds for whom: a snapshot of configuration and stored limits, made anew when either changes."""

    def __init__(self, defaults: Mapping[tuple[str, str], float], stored: Sequence[StoredSet] = ()) -> None:
        """`defaults` are of the configuration, by scope and name. Names that are not known any more are passed over."""
        self._defaults = {**BUILT_IN, **defaults}
        self._sets = {
            (one.scope, one.subject): {name: value for name, value in one.limits.items() if name in CATALOGUE}
            for one in stored
        }
        self.limited: dict[str, tuple[str, ...]] = {}
        """For each name that limits anybody at all, the scopes in which it does."""
        for limit in CATALOGUE.values():
            if scopes := tuple(scope for scope in limit.scopes if any(self._numbers(scope, limit.name))):
                self.limited[limit.name] = scopes

    def _numbers(self, scope: str, name: str) -> Iterable[float]:
        yield self._defaults.get((scope, name), 0.0)
        for (kind, _), limits in self._sets.items():
            if kind == scope:
                yield limits.get(name, 0.0)

    def value(self, scope: str, subject: str, name: str) -> float:
        """The number that holds for a subject; 0 is no limit."""
        for limits in self._levels(scope, subject):
            if name in limits:
                return limits[name]
        return self._defaults.get((scope, name), 0.0)

    def rate(self, scope: str, subject: str, name: str) -> tuple[float, float] | None:
        """Rate and burst that hold for a subject; None without a limit. A burst counts for rates of its own level and
        below: it was not chosen for others."""
        burst = 0.0
        for limits in self._levels(scope, subject):
            burst = burst or limits.get(name + BURST, 0.0)
            if name in limits:
                return _rate(limits[name], burst)
        return _rate(self._defaults.get((scope, name), 0.0), burst or self._defaults.get((scope, name + BURST), 0.0))

    def _levels(self, scope: str, subject: str) -> Iterable[Mapping[str, float]]:
        for one in (subject, EACH):
            if found := self._sets.get((scope, one)):
                yield found

    def default(self, name: str) -> float:
        """What holds where nobody set anything: the smallest over the scopes."""
        found = [value for scope in CATALOGUE[name].scopes if (value := self._defaults.get((scope, name), 0.0))]
        return min(found, default=0.0)


def _rate(rate: float, burst: float) -> tuple[float, float] | None:
    return (rate, burst or max(1.0, rate * BURST_SECONDS)) if rate else None
