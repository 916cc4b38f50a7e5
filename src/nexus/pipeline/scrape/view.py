"""What scraping tells of itself: to Prometheus' API in its shapes, to the page of targets in ours. There is nothing to tell
of another tenant than the one that is scraped for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from msgspec.structs import asdict

from nexus.errors import NotFound
from nexus.pipeline.discovery.config import DiscoveryKeys
from nexus.pipeline.scrape.config import shown_job, yaml_text
from nexus.pipeline.scrape.loop import ScrapeLoop
from nexus.pipeline.scrape.manager import Scraping
from nexus.pipeline.scrape.pool import Pool
from nexus.pipeline.scrape.relabel import RelabelRule
from nexus.pipeline.scrape.values import Span

MAX_METADATA: Final = 100_000
_NEVER: Final = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class ScrapeView:
    """Reads from the running `Scraping`. Objects are those of Prometheus' API, times in them RFC 3339."""

    scraping: Scraping

    def of(self, tenant: str) -> dict[str, Pool]:
        """The pools, none for another tenant."""
        return self.scraping.pools if tenant == self.scraping.tenant else {}

    def active(self, tenant: str) -> list[dict[str, Any]]:
        """Targets: `activeTargets`."""
        return [_active(loop) for _, pool in sorted(self.of(tenant).items()) for loop in _in_order(pool)]

    def dropped(self, tenant: str) -> list[dict[str, Any]]:
        """Targets that relabelling dropped: `droppedTargets`."""
        return [
            {"discoveredLabels": dict(one.discovered), "scrapePool": name}
            for name, pool in sorted(self.of(tenant).items())
            for one in pool.dropped
        ]

    def dropped_counts(self, tenant: str) -> dict[str, int]:
        """How many, by pool."""
        return {name: pool.dropped_count for name, pool in sorted(self.of(tenant).items())}

    def pools(self, tenant: str) -> list[str]:
        """Names of scrape configurations."""
        return sorted(self.of(tenant))

    def pool_config(self, tenant: str, pool: str) -> str | None:
        """One of them as YAML, secrets masked; None when there is none."""
        found = shown_job(self.scraping.config, pool) if pool in self.of(tenant) else None
        return None if found is None else yaml_text(found)

    def relabel_steps(self, tenant: str, pool: str, labels: Mapping[str, str]) -> list[dict[str, Any]] | None:
        """`{"rule", "output", "keep"}` of each rule of a pool; None when there is no such pool."""
        found = self.of(tenant).get(pool)
        if found is None:
            return None
        return [
            {
                # Prometheus shows these defaults.
                "rule": {"separator": ";", "regex": "(.*)", **rule_document(rule)},
                "output": dict(shown) if kept else {},
                "keep": kept,
            }
            for rule, shown, kept in found.trace(labels.items())
        ]

    def metadata(self, tenant: str) -> list[dict[str, Any]]:
        """`{"target", "metric", "type", "help", "unit"}` of every family of every target, as many as there is room for."""
        found: list[dict[str, Any]] = []
        for _, pool in sorted(self.of(tenant).items()):
            for loop in _in_order(pool):
                room = MAX_METADATA - len(found)
                target = dict(loop.target.labels)
                found += (
                    {"target": target, "metric": name, "type": kind, "help": text, "unit": unit}
                    for name, kind, text, unit in loop.cache.metadata(room)
                )
        return found

    def configuration(self, tenant: str) -> str:
        """The whole as YAML, secrets masked."""
        shown = self.scraping.config.shown if tenant == self.scraping.tenant else {}
        return yaml_text(shown) or "global: {}\n"

    # ------------------------------------------------------------------------------------------------ page of targets

    def page(self, tenant: str) -> list[dict[str, Any]]:
        """Pools with their targets."""
        return [self._pool(name, pool) for name, pool in sorted(self.of(tenant).items())]

    def _pool(self, name: str, pool: Pool) -> dict[str, Any]:
        targets = [target_document(loop) for loop in _in_order(pool)]
        health = [target["health"] for target in targets]
        errors = [*self.scraping.errors_of(name), *(f"{wrong.reason}" for wrong in pool.wrong[:1]), *_unsupported(pool)]
        return {
            "name": name,
            "interval_ms": int(pool.job.interval),
            "timeout_ms": int(pool.job.timeout),
            "discovery": discovery_names(pool.job.keys),
            "up": health.count("up"),
            "down": health.count("down"),
            "unknown": health.count("unknown"),
            "dropped": pool.dropped_count,
            "error": "; ".join(errors),
            "targets": targets,
        }

    def trace(self, tenant: str, pool: str, key: str) -> tuple[list[dict[str, Any]], int]:
        """What relabelling did to a target, step by step, and the number of the rule that dropped it (0: none). Raises
        `NotFound`."""
        found = self.of(tenant).get(pool)
        discovered = _discovered(found, key) if found else None
        if found is None or discovered is None:
            raise NotFound("there is no such target any more.", hint="Look at the targets again.")
        steps, before = [], dict(discovered)
        for number, (rule, shown, kept) in enumerate(found.trace(discovered), 1):
            after = dict(shown) if kept else None
            steps.append(
                {
                    "number": number,
                    "action": rule.action.lower(),
                    "rule": rule_document(rule),
                    "before": before,
                    "after": after,
                }
            )
            if after is None:
                return steps, number
            before = after
        return steps, 0

    def dropped_page(self, tenant: str, pool: str, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Dropped targets of a pool with the rule that dropped each, and how many there are. Raises `NotFound`."""
        found = self.of(tenant).get(pool)
        if found is None:
            raise NotFound(f"there is no scrape pool {pool[:100]!r}.")
        shown = [
            {"id": f"dropped-{number}", "discovered": dict(one.discovered), "dropped_by": len(found.trace(one.discovered))}
            for number, one in enumerate(found.dropped[:limit])
        ]
        return shown, found.dropped_count


def _in_order(pool: Pool) -> list[ScrapeLoop]:
    return sorted(pool.loops.values(), key=lambda loop: (loop.target.labels, loop.target.url))


def _discovered(pool: Pool, key: str) -> tuple[tuple[str, str], ...] | None:
    prefix, _, number = key.partition("-")
    if prefix == "dropped":
        return pool.dropped[int(number)].discovered if number.isdigit() and int(number) < len(pool.dropped) else None
    try:
        loop = pool.loops.get(bytes.fromhex(key))
    except ValueError:
        return None
    return loop.target.discovered if loop else None


def _unsupported(pool: Pool) -> list[str]:
    return [f"{key} is not supported" for key in pool.job.keys.unsupported()]


def discovery_names(keys: DiscoveryKeys) -> list[str]:
    """Kinds of discovery of a job."""
    kinds = ("static_configs", "file_sd_configs", "http_sd_configs", "dns_sd_configs", "kubernetes_sd_configs",
             "ec2_sd_configs", "consul_sd_configs")  # fmt: skip
    return [kind.partition("_")[0] for kind in kinds if getattr(keys, kind)]


def rule_document(rule: RelabelRule) -> dict[str, Any]:
    """A rule as it is written, defaults left out but for the action."""
    written = {name: value for name, value in asdict(rule).items() if value not in (None, [], "", 0)}
    return {**written, "action": rule.action.lower()}


def shown_url(url: str) -> str:
    """An address without what may be a secret in it."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


def rfc3339(seconds: float) -> str:
    """A time as Prometheus has it; 0 is never."""
    return (
        datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if seconds else _NEVER
    )


def _active(loop: ScrapeLoop) -> dict[str, Any]:
    target, state = loop.target, loop.state
    url = shown_url(target.url)
    return {
        "discoveredLabels": dict(target.discovered),
        "labels": dict(target.labels),
        "scrapePool": loop.job.name,
        "scrapeUrl": url,
        "globalUrl": url,
        "lastError": state.error,
        "lastScrape": rfc3339(state.scraped_at),
        "lastScrapeDuration": state.seconds,
        "health": state.health,
        "scrapeInterval": str(Span(target.interval)),
        "scrapeTimeout": str(Span(target.timeout)),
    }


def target_document(loop: ScrapeLoop) -> dict[str, Any]:
    """A target for its page."""
    target, state = loop.target, loop.state
    return {
        "id": target.key.hex(),
        "pool": loop.job.name,
        "url": shown_url(target.url),
        "health": state.health,
        "labels": dict(target.labels),
        "discovered": dict(target.discovered),
        "last_error": state.error or state.refusal,
        "last_scrape": rfc3339(state.scraped_at) if state.scraped_at else "",
        "last_duration_ms": round(state.seconds * 1000, 3),
        "samples": state.samples,
        "samples_kept": state.kept,
        "series_added": state.added,
        "body_bytes": state.size,
    }
