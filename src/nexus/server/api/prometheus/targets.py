"""What is scraped, in Prometheus' shapes: targets, pools, relabelling, metadata of targets. Without scraping: nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from starlette.responses import Response

from nexus.errors import InvalidRequest
from nexus.query.promql import regex
from nexus.query.promql.ast import Matcher
from nexus.query.promql.lexer import quote
from nexus.server.api.prometheus.answers import success
from nexus.server.api.prometheus.arguments import Arguments, selector
from nexus.server.call import Call

_MAX_LABELS: Final = 64 << 10


class Scraping(Protocol):
    """What scraping tells of itself. Objects are those of the Prometheus API, times in them RFC 3339."""

    def active(self, tenant: str) -> list[dict[str, Any]]:
        """Targets: `activeTargets`."""
        ...

    def dropped(self, tenant: str) -> list[dict[str, Any]]:
        """Targets that relabelling dropped: `droppedTargets`."""
        ...

    def dropped_counts(self, tenant: str) -> dict[str, int]:
        """How many, by pool."""
        ...

    def pools(self, tenant: str) -> list[str]:
        """Names of scrape configurations."""
        ...

    def pool_config(self, tenant: str, pool: str) -> str | None:
        """One of them as YAML, secrets masked; None when there is none."""
        ...

    def relabel_steps(self, tenant: str, pool: str, labels: Mapping[str, str]) -> list[dict[str, Any]] | None:
        """`{"rule", "output", "keep"}` of each rule of a pool; None when there is no such pool."""
        ...

    def metadata(self, tenant: str) -> list[dict[str, Any]]:
        """`{"target", "metric", "type", "help", "unit"}` of every family of every target."""
        ...

    def configuration(self, tenant: str) -> str:
        """The whole as YAML, secrets masked."""
        ...


async def targets(call: Call) -> Response:
    """Targets, active and dropped."""
    arguments = Arguments.of(call)
    state, pool = arguments.text("state").lower(), arguments.text("scrapePool")
    active: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    # As Prometheus does: null unless dropped targets are asked for, and nothing at all for a state that is none.
    counts: dict[str, int] | None = {} if state in ("", "any", "dropped") else None
    if (scraping := call.services.scraping) is not None:
        if state in ("", "any", "active"):
            active = _of_pool(scraping.active(call.tenant), pool)
        if counts is not None:
            dropped = _of_pool(scraping.dropped(call.tenant), pool)
            counts = scraping.dropped_counts(call.tenant)
    return success({"activeTargets": active, "droppedTargets": dropped, "droppedTargetCounts": counts})


async def scrape_pools(call: Call) -> Response:
    """Names of scrape configurations."""
    scraping = call.services.scraping
    return success({"scrapePools": sorted(scraping.pools(call.tenant)) if scraping else []})


async def pool_config(call: Call) -> Response:
    """A scrape configuration."""
    pool = _pool(Arguments.of(call))
    scraping = call.services.scraping
    found = scraping.pool_config(call.tenant, pool) if scraping else None
    if found is None:
        raise _unknown(pool)
    return success({"yaml": found})


async def relabel_steps(call: Call) -> Response:
    """What the rules of a pool make of labels, one after the other."""
    arguments = Arguments.of(call)
    pool, text = _pool(arguments), arguments.text("labels")
    if not text:
        raise InvalidRequest("no labels parameter provided")
    try:
        labels = json.loads(text) if len(text) <= _MAX_LABELS else None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"error parsing labels: {error}") from error
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise InvalidRequest("error parsing labels: an object of texts is expected")
    scraping = call.services.scraping
    steps = scraping.relabel_steps(call.tenant, pool, labels) if scraping else None
    if steps is None:
        raise _unknown(pool)
    return success({"steps": steps})


async def target_metadata(call: Call) -> Response:
    """Metadata of families, by target."""
    arguments = Arguments.of(call)
    limit = arguments.number("limit", -1)
    text, metric = arguments.text("match_target"), arguments.text("metric")
    matchers = selector(text, "match_target") if text else ()
    found: list[dict[str, Any]] = []
    for one in call.services.scraping.metadata(call.tenant) if call.services.scraping else ():
        if 0 <= limit <= len(found):
            break
        if not all(matches(matcher, one["target"].get(matcher.name, "")) for matcher in matchers):
            continue
        if not metric:
            found.append(one)
        elif one["metric"] == metric:
            found.append({name: value for name, value in one.items() if name != "metric"})
    return success(found)


def matches(matcher: Matcher, value: str) -> bool:
    """Does a value match?"""
    if matcher.op in ("=", "!="):
        return (matcher.value == value) == (matcher.op == "=")
    return regex.matches(matcher.value, value) == (matcher.op == "=~")


def _pool(arguments: Arguments) -> str:
    if not (pool := arguments.text("scrapePool")):
        raise InvalidRequest("no scrapePool parameter provided")
    return pool


def _unknown(pool: str) -> InvalidRequest:
    return InvalidRequest(f"error retrieving scrape config: scrape pool {quote(pool[:100])} not found")


def _of_pool(found: list[dict[str, Any]], pool: str) -> list[dict[str, Any]]:
    return [one for one in found if one["scrapePool"] == pool] if pool else found
