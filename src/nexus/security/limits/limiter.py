"""Limits in force: whom a request falls under, what it may take, and how much of each limit is used.

Where nobody set a limit of a name, asking for it costs a look into a dictionary. Limits are read again every second and
after each change, so what is stored holds at once, in every process on the same metadata. Everything runs on the event loop.

The headers are those of the IETF draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers-10),
`RateLimit-Policy` and `RateLimit`, beside the three of its earlier drafts that clients know, `RateLimit-Limit`,
`RateLimit-Remaining` and `RateLimit-Reset`. Quotas are bursts: `q` may come within `w` seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.errors import NexusError, RateLimited
from nexus.security.limits.buckets import NS, Bucket, Buckets
from nexus.security.limits.catalogue import CATALOGUE, EndpointClass, Rules, StoredSet
from nexus.telemetry import Registry

READ_SECONDS: Final = 1.0
MAX_BUCKETS: Final = 50_000
MAX_REFUSALS: Final = 10_000
SLOT_RETRY: Final = 1.0
_HINT: Final = "Retry after the time in Retry-After, or ask an administrator for a higher limit."
_VERBS: Final = {"requests/s": "makes", "bytes/s": "moves", "records/s": "sends"}

log = logging.getLogger(__name__)

Defaults = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Subjects:
    """Whom a request falls under: names by scope, empty where there is none."""

    address: str = ""
    tenant: str = ""
    key: str = ""
    user: str = ""

    def of(self, scope: str) -> str:
        """The subject of a scope."""
        return str(getattr(self, scope))


NOBODY: Final = Subjects()


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit as a client is told: `quota` units within `window` seconds, `left` of them now, all of them in `reset` s."""

    name: str
    quota: int
    window: int
    left: int
    reset: int
    unit: str = "requests"


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit is used: units a second over about ten seconds, or queries that run."""

    scope: str
    subject: str
    name: str
    used: float
    limit: float
    refused: int


class Limiter:
    """See the module text. `clock` gives ns of a clock that never goes back."""

    def __init__(
        self,
        registry: Registry,
        clock: Callable[[], int],
        read: Callable[[], Sequence[StoredSet]],
        defaults: Callable[[], Defaults] = dict,
        max_buckets: int = MAX_BUCKETS,
    ) -> None:
        """`read` gives the stored limits, and blocks; `defaults` are those of the configuration."""
        self._clock = clock
        self._read = read
        self._defaults = defaults
        self._known: tuple[Sequence[StoredSet], Defaults] = ((), {})
        self.rules = Rules({})
        self._buckets = Buckets(max_buckets)
        self._running: Counter[tuple[str, str]] = Counter()
        self._refusals: Counter[tuple[str, str, str]] = Counter()
        self._refused = registry.counter(
            "nexus_limit_refused_total", "Requests that a limit refused, by scope and name of the limit.", "scope", "name"
        )
        registry.gauge(
            "nexus_limit_subjects", "Subjects whose use of limits is remembered.", read=lambda: len(self._buckets)
        )
        self._take_over(())

    # ------------------------------------------------------------------------------------------------------- changing

    async def refresh(self) -> None:
        """Take over what is stored now. Raises `StorageError`."""
        self._take_over(await asyncio.to_thread(self._read))

    async def watch(self) -> None:
        """Take over what is stored, again and again."""
        while True:
            try:
                await self.refresh()
            except NexusError as error:
                log.warning("limits stay as they are: %s", error)
            await asyncio.sleep(READ_SECONDS)

    def _take_over(self, stored: Sequence[StoredSet]) -> None:
        known = (list(stored), dict(self._defaults()))
        if known == self._known and self.rules.limited:
            return
        self._known = known
        self.rules = Rules(known[1], stored)
        now, gone = self._clock(), []
        for key, bucket in self._buckets.items():
            rate = self.rules.rate(*key)
            if rate is None:
                gone.append(key)
            elif rate != (bucket.rate, bucket.burst):
                bucket.change(*rate, now)
        self._buckets.drop(gone)

    # --------------------------------------------------------------------------------------------------------- asking

    def requests(self, kind: EndpointClass, subjects: Subjects) -> tuple[Quota, ...]:
        """Take one request of a class; what to tell the client of its quotas. Raises `RateLimited`."""
        name = f"{kind}_requests"
        if name not in self.rules.limited:
            return ()
        taken = self.take(name, subjects)
        now = self._clock()
        return tuple(_quota(scope, name, bucket, now) for scope, bucket in taken)

    def take(self, name: str, subjects: Subjects, amount: float = 1) -> list[tuple[str, Bucket]]:
        """Take an amount from the limits of every subject, or from none; the buckets by scope. Raises `RateLimited`."""
        scopes = self.rules.limited.get(name)
        if scopes is None:
            return []
        now = self._clock()
        found = self._found(scopes, name, subjects, now)
        longest, refusing = 0, None
        for scope, subject, bucket in found:
            wait = bucket.wait(amount, now)
            bucket.refusing = wait > 0
            if wait > longest:
                longest, refusing = wait, (scope, subject, bucket)
        if refusing is not None:
            scope, subject, bucket = refusing
            bucket.refused += 1
            self._refused.add(1, scope, name)
            raise self._refusal(scope, subject, name, bucket, longest, now)
        for _, _, bucket in found:
            bucket.spend(amount, now)
        return [(scope, bucket) for scope, _, bucket in found]

    def spend(self, name: str, subjects: Subjects, amount: float) -> None:
        """Take an amount that was used already; what goes beyond makes later requests wait."""
        scopes = self.rules.limited.get(name)
        if scopes is None or amount <= 0:
            return
        now = self._clock()
        for _, _, bucket in self._found(scopes, name, subjects, now):
            bucket.spend(amount, now)

    def check(self, name: str, subjects: Subjects) -> None:
        """Raise `RateLimited` while what was spent is not paid off. Makes no bucket."""
        scopes = self.rules.limited.get(name)
        if scopes is None:
            return
        now = self._clock()
        for scope in scopes:
            subject = subjects.of(scope)
            bucket = self._buckets.find((scope, subject, name), now) if subject else None
            # A whole burst was taken: not one more unit.
            if bucket is not None and (wait := bucket.wait(1, now)):
                bucket.refusing = True
                bucket.refused += 1
                self._refused.add(1, scope, name)
                raise self._refusal(scope, subject, name, bucket, wait, now)

    @contextlib.contextmanager
    def running(self, subjects: Subjects) -> Iterator[None]:
        """Count a query while it lasts. Raises `RateLimited` when as many run already as may."""
        scopes = self.rules.limited.get("query_running")
        if scopes is None:
            yield
            return
        taken = []
        for scope in scopes:
            subject = subjects.of(scope)
            limit = self.rules.value(scope, subject, "query_running") if subject else 0
            if not limit:
                continue
            if self._running[scope, subject] + 1 > limit:
                self.refuse(scope, subject, "query_running")
                quota = Quota(f"{scope}-query_running", int(limit), 0, 0, math.ceil(SLOT_RETRY), "concurrent-requests")
                raise RateLimited(
                    f"{_who(scope, subject)} runs {int(limit)} queries already, which is all it may at a time.",
                    retry_after=SLOT_RETRY,
                    hint="Wait for one to end, or cancel it.",
                    scope=scope,
                    name="query_running",
                    headers=headers((quota,)),
                )
            taken.append((scope, subject))
        for key in taken:
            self._running[key] += 1
        try:
            yield
        finally:
            for key in taken:
                self._running[key] -= 1
                if self._running[key] <= 0:
                    del self._running[key]

    def bound(self, name: str, subjects: Subjects, default: float = 0.0) -> tuple[float, str]:
        """How much one query may use: the smallest number over its subjects and the scope that says so; `default` with the
        scope `configuration` where none of them has one; 0 is no limit."""
        smallest, whose = 0.0, ""
        for scope in self.rules.limited.get(name, ()):
            subject = subjects.of(scope)
            value = self.rules.value(scope, subject, name) if subject else 0.0
            if value and (not smallest or value < smallest):
                smallest, whose = value, scope
        return (smallest, whose) if smallest else (default, "configuration" if default else "")

    def refuse(self, scope: str, subject: str, name: str) -> None:
        """Count a refusal of what is no rate."""
        self._refused.add(1, scope, name)
        if len(self._refusals) < MAX_REFUSALS or (scope, subject, name) in self._refusals:
            self._refusals[scope, subject, name] += 1

    def use(self) -> list[Use]:
        """What is used of the limits of subjects that were here lately, the busiest first."""
        now = self._clock()
        found = [
            Use(*key, bucket.use(now), bucket.rate, bucket.refused)
            for key, bucket in self._buckets.items()
            if not bucket.idle(now) or bucket.refused or bucket.use(now)
        ]
        slots = {(scope, subject, "query_running") for scope, subject in self._running}
        for key in slots | set(self._refusals):
            if limit := self.rules.value(*key):
                used = self._running[key[0], key[1]] if key[2] == "query_running" else 0
                found.append(Use(*key, used, limit, self._refusals[key]))
        return sorted(found, key=lambda one: (-one.used / one.limit, -one.refused, one.scope, one.subject, one.name))

    def _found(self, scopes: Sequence[str], name: str, subjects: Subjects, now: int) -> list[tuple[str, str, Bucket]]:
        found = []
        for scope in scopes:
            if (subject := subjects.of(scope)) and (rate := self.rules.rate(scope, subject, name)):
                found.append((scope, subject, self._buckets.get((scope, subject, name), *rate, now)))
        return found

    def _refusal(self, scope: str, subject: str, name: str, bucket: Bucket, wait: int, now: int) -> RateLimited:
        limit = CATALOGUE[name]
        unit = limit.unit.removesuffix("/s")
        return RateLimited(
            f"{_who(scope, subject)} {_VERBS.get(limit.unit, 'uses')} more than {bucket.rate:g} {unit} a second "
            f"({bucket.burst:g} at once): {name}.",
            # A little more, so that a client whose clock is short does not come a moment too early.
            retry_after=wait / NS + 0.001,
            hint=_HINT,
            scope=scope,
            name=name,
            headers=headers((_quota(scope, name, bucket, now),)),
        )


def headers(quotas: Sequence[Quota]) -> dict[str, str]:
    """What tells programs about limits; the older three are of the quota with the least left."""
    if not quotas:
        return {}
    units = {"requests": "", "bytes": ';qu="content-bytes"', "concurrent-requests": ';qu="concurrent-requests"'}
    tightest = min(quotas, key=lambda one: one.left / max(one.quota, 1))
    return {
        "RateLimit-Policy": ", ".join(
            f'"{one.name}";q={one.quota}{f";w={one.window}" if one.window else ""}{units.get(one.unit, "")}'
            for one in quotas
        ),
        "RateLimit": ", ".join(f'"{one.name}";r={one.left};t={one.reset}' for one in quotas),
        "RateLimit-Limit": str(tightest.quota),
        "RateLimit-Remaining": str(tightest.left),
        "RateLimit-Reset": str(tightest.reset),
    }


def address_subject(address: str) -> str:
    """What an address is limited by: itself; of IPv6 its /64, which one client has to itself."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _quota(scope: str, name: str, bucket: Bucket, now: int) -> Quota:
    unit = CATALOGUE[name].unit.removesuffix("/s")
    return Quota(
        f"{scope}-{name}",
        int(bucket.burst),
        max(1, math.ceil(bucket.burst / bucket.rate)),
        # What is a hair less than a whole one is a whole one when it is asked for.
        int(bucket.left(now) + 1e-6),
        max(0, math.ceil((bucket.full_at - now) / NS)),
        unit,
    )


def _who(scope: str, subject: str) -> str:
    return "this address" if scope == "address" else f"the {scope} {subject}" if scope != "key" else "this key"


class Meter:
    """What one delivery takes beyond the request itself: bytes while they come, records when they are decoded."""

    __slots__ = ("_asked", "_limiter", "subjects")

    def __init__(self, limiter: Limiter, subjects: Subjects) -> None:
        """Nothing is taken."""
        self._limiter = limiter
        self.subjects = subjects
        self._asked = False

    def take_bytes(self, amount: int) -> None:
        """Take bytes of the body. The first ones may be refused; the others belong to a body that was let in, and what they
        are too many makes later ones wait. Raises `RateLimited`."""
        if self._asked:
            self._limiter.spend("ingest_bytes", self.subjects, amount)
        else:
            self._limiter.take("ingest_bytes", self.subjects, amount)
            self._asked = True

    def take_records(self, amount: int) -> None:
        """Take records, all or none. Raises `RateLimited`."""
        self._limiter.take("ingest_records", self.subjects, amount)

    def bound(self, name: str, default: float = 0.0) -> tuple[float, str]:
        """How much one query may use, and who says so: see `Limiter.bound`."""
        return self._limiter.bound(name, self.subjects, default)

    def refuse(self, scope: str, name: str) -> None:
        """Count a query that was refused because of a bound."""
        self._limiter.refuse(scope, self.subjects.of(scope) if scope != "configuration" else "", name)
