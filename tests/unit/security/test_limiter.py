"""Which limit holds for whom, what a limiter refuses, and what it tells."""

from __future__ import annotations

import re
import time

import pytest

from nexus.errors import InvalidRequest, RateLimited
from nexus.security.limits.buckets import NS
from nexus.security.limits.catalogue import CATALOGUE, SCOPES, EndpointClass, Rules, check_set
from nexus.security.limits.limiter import NOBODY, Limiter, Subjects, address_subject
from nexus.storage.metadata.api import StoredLimits
from nexus.telemetry import Registry

WEB = Subjects("192.0.2.1", "web", "k1", "")


class Clock:
    """Ns that stand still."""

    def __init__(self) -> None:
        self.now = 1_000 * NS

    def __call__(self) -> int:
        return self.now


async def limiter(*stored: StoredLimits, clock: Clock | None = None) -> Limiter:
    made = Limiter(Registry(), clock or Clock(), lambda: stored)
    await made.refresh()
    return made


def test_own_numbers_go_before_those_of_each_before_the_configuration() -> None:
    rules = Rules(
        {("tenant", "ingest_records"): 1.0, ("tenant", "query_running"): 9.0},
        [StoredLimits("tenant", "*", {"ingest_records": 2.0}), StoredLimits("tenant", "web", {"ingest_records": 3.0})],
    )
    assert rules.value("tenant", "web", "ingest_records") == 3
    assert rules.value("tenant", "other", "ingest_records") == 2
    assert rules.value("tenant", "web", "query_running") == 9
    assert rules.value("key", "web", "ingest_records") == 0
    assert rules.rate("tenant", "web", "ingest_records") == (3, 30)
    free = Rules({("tenant", "ingest_records"): 1.0}, [StoredLimits("tenant", "web", {"ingest_records": 0})])
    assert free.rate("tenant", "web", "ingest_records") is None
    assert free.rate("tenant", "x", "ingest_records") == (1, 10)


def test_the_catalogue_is_whole() -> None:
    for kind in EndpointClass:
        assert f"{kind}_requests" in CATALOGUE
    for limit in CATALOGUE.values():
        assert limit.description
        assert limit.unit
        assert set(limit.scopes) <= set(SCOPES)
        assert re.fullmatch(r"[a-z_]+", limit.name)


@pytest.mark.parametrize(
    ("scope", "subject", "limits", "text"),
    [
        ("planet", "web", {}, "scope"),
        ("tenant", "", {}, "subject"),
        ("tenant", "a\nb", {}, "subject"),
        ("tenant", "web", {"ingest_record": 1.0}, "ingest_records"),
        ("tenant", "web", {"auth_requests": 1.0}, "address"),
        ("tenant", "web", {"ingest_records": -1.0}, "between"),
        ("tenant", "web", {"ingest_records": float("nan")}, "between"),
        ("tenant", "web", {"ingest_records": float("inf")}, "between"),
    ],
)
def test_limits_that_make_no_sense(scope: str, subject: str, limits: dict[str, float], text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_set(scope, subject, limits)
    assert text in str(caught.value)


def test_a_burst_was_chosen_for_its_own_rate() -> None:
    each = StoredLimits("tenant", "*", {"ingest_records": 2.0, "ingest_records_burst": 3.0})
    rules = Rules({}, [each, StoredLimits("tenant", "web", {"ingest_records": 100.0})])
    assert rules.rate("tenant", "web", "ingest_records") == (100, 1000)
    assert rules.rate("tenant", "x", "ingest_records") == (2, 3)
    rules = Rules({}, [each, StoredLimits("tenant", "web", {"ingest_records_burst": 50.0})])
    assert rules.rate("tenant", "web", "ingest_records") == (2, 50)
    assert Rules({}).rate("address", "192.0.2.1", "auth_requests") == (20, 300)


async def test_every_subject_is_asked_and_a_refusal_takes_nothing() -> None:
    clock = Clock()
    made = await limiter(
        StoredLimits("tenant", "web", {"ingest_records": 10.0, "ingest_records_burst": 100.0}),
        StoredLimits("key", "*", {"ingest_records": 1.0, "ingest_records_burst": 5.0}),
        clock=clock,
    )
    made.take("ingest_records", WEB, 5)
    for _ in range(3):
        with pytest.raises(RateLimited) as caught:
            made.take("ingest_records", WEB, 5)
    assert caught.value.scope == "key"
    assert 5 <= caught.value.retry_after < 5.1
    assert "this key sends more than 1 records a second (5 at once)" in caught.value.message
    # Of the tenant's limit the five that passed are gone.
    made.take("ingest_records", Subjects("", "web", "", "bob"), 95)
    with pytest.raises(RateLimited):
        made.take("ingest_records", Subjects("", "web", "", "bob"), 1)
    clock.now += 5 * NS
    made.take("ingest_records", WEB, 5)
    use = {(one.scope, one.subject): one for one in made.use()}
    assert use["key", "k1"].refused == 3
    assert use["tenant", "web"].limit == 10
    assert use["tenant", "web"].used > 5


async def test_headers_tell_what_is_left() -> None:
    clock = Clock()
    stored = StoredLimits("tenant", "web", {"query_requests": 2.0, "query_requests_burst": 10.0})
    made = await limiter(stored, clock=clock)
    for _ in range(3):
        quotas = made.requests(EndpointClass.QUERY, WEB)
    (quota,) = quotas
    assert (quota.quota, quota.window, quota.left, quota.reset) == (10, 5, 7, 2)
    for _ in range(7):
        made.requests(EndpointClass.QUERY, WEB)
    with pytest.raises(RateLimited) as caught:
        made.requests(EndpointClass.QUERY, WEB)
    assert caught.value.headers == {
        "RateLimit-Policy": '"tenant-query_requests";q=10;w=5',
        "RateLimit": '"tenant-query_requests";r=0;t=5',
        "RateLimit-Limit": "10",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "5",
    }
    assert made.requests(EndpointClass.INGEST, WEB) == ()


async def test_stored_limits_hold_after_a_refresh_and_their_removal_too() -> None:
    stored: list[StoredLimits] = []
    made = Limiter(Registry(), Clock(), lambda: stored)
    made.take("ingest_records", WEB, 10**9)
    stored.append(StoredLimits("tenant", "web", {"ingest_records": 1.0}))
    await made.refresh()
    made.take("ingest_records", WEB, 10)
    with pytest.raises(RateLimited):
        made.take("ingest_records", WEB, 1)
    stored.clear()
    await made.refresh()
    made.take("ingest_records", WEB, 10**9)
    assert made.use() == []


async def test_queries_at_a_time() -> None:
    made = await limiter(StoredLimits("user", "*", {"query_running": 2.0}))
    bob, eve = Subjects("", "web", "", "bob"), Subjects("", "web", "", "eve")
    with made.running(bob), made.running(bob), made.running(eve):
        with pytest.raises(RateLimited) as caught, made.running(bob):
            pass
        assert "2 queries" in caught.value.message
        use = {(one.subject): one for one in made.use()}
        assert (use["bob"].used, use["bob"].limit, use["bob"].refused, use["eve"].used) == (2, 2, 1, 1)
    with made.running(bob):
        pass
    assert made.bound("query_running", bob) == (2, "user")


async def test_what_was_spent_is_paid_off_first() -> None:
    clock = Clock()
    made = await limiter(StoredLimits("tenant", "web", {"query_bytes": 100.0, "query_bytes_burst": 1000.0}), clock=clock)
    made.check("query_bytes", WEB)
    made.spend("query_bytes", WEB, 2000)
    with pytest.raises(RateLimited) as caught:
        made.check("query_bytes", WEB)
    assert 10 <= caught.value.retry_after < 10.2
    clock.now += 11 * NS
    made.check("query_bytes", WEB)


async def test_addresses_are_limited_at_logins_without_anybodys_doing() -> None:
    made = await limiter()
    stranger = Subjects("198.51.100.7")
    with pytest.raises(RateLimited) as caught:
        for _ in range(1000):
            made.requests(EndpointClass.AUTH, stranger)
    assert "198.51.100.7" not in str(caught.value)
    made.requests(EndpointClass.AUTH, Subjects("198.51.100.8"))
    made.requests(EndpointClass.AUTH, NOBODY)


async def test_the_smallest_bound_of_a_query_counts() -> None:
    made = await limiter(
        StoredLimits("tenant", "web", {"query_range": 86400.0}), StoredLimits("key", "k1", {"query_range": 3600.0})
    )
    assert made.bound("query_range", WEB) == (3600, "key")
    assert made.bound("query_range", Subjects("", "web")) == (86400, "tenant")
    assert made.bound("query_range", Subjects("", "x"), 7.0) == (7, "configuration")
    assert made.bound("query_range", Subjects("", "x")) == (0, "")


def test_an_ipv6_client_is_its_network() -> None:
    assert address_subject("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64"
    assert address_subject("2001:db8:1:2::ffff%eth0") == "2001:db8:1:2::/64"
    assert address_subject("::ffff:192.0.2.9") == "192.0.2.9"
    assert address_subject("192.0.2.9") == "192.0.2.9"
    assert address_subject("") == ""


def test_without_a_limit_asking_costs_next_to_nothing() -> None:
    made = Limiter(Registry(), time.monotonic_ns, list)
    began = time.process_time()
    for _ in range(20_000):
        made.requests(EndpointClass.INGEST, WEB)
        made.take("ingest_bytes", WEB, 1_000_000)
        made.take("ingest_records", WEB, 10_000)
        made.check("auth_failures", WEB)
    # Microseconds a request, where a second of 200 requests has a million of them.
    assert (time.process_time() - began) / 20_000 < 50e-6
