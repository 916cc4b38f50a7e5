"""Scraping as a whole: the configuration in force, its jobs, and what is known of their targets.

A new configuration changes only what it says differently: a target about which nothing changes is scraped on, one whose job
changes keeps what is remembered of it, and series that nobody scrapes any more are marked stale.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from nexus.errors import ConfigError, NexusError
from nexus.pipeline.discovery.group import Group
from nexus.pipeline.discovery.running import JobDiscovery
from nexus.pipeline.scrape.client import ScrapeClient
from nexus.pipeline.scrape.config import ScrapeConfig, parse, read
from nexus.pipeline.scrape.loop import Append, ScrapeCounts
from nexus.pipeline.scrape.pool import Pool
from nexus.telemetry import Registry

WATCH_SECONDS: Final = 5.0
BODY_LIMIT: Final = 64 << 20

log = logging.getLogger(__name__)


class Scraping:
    """See the module text. `source` gives file and inline configuration (YAML) now; both may be empty. Lives on one event
    loop."""

    def __init__(
        self,
        tenant: str,
        source: Callable[[], tuple[str, str]],
        client: ScrapeClient,
        append: Append,
        body_limit: Callable[[], int] = lambda: BODY_LIMIT,
    ) -> None:
        """Nothing is read or asked yet."""
        self.tenant = tenant
        self.config = ScrapeConfig()
        self.pools: dict[str, Pool] = {}
        self.counts = ScrapeCounts()
        self.reload_error = ""
        self.reloaded_at = 0.0
        self._source = source
        self._client = client
        self._append = append
        self._body_limit = body_limit
        self._discoveries: dict[str, JobDiscovery] = {}
        self._turn = asyncio.Lock()
        self._stamps: tuple[tuple[str, int, int], ...] = ()
        self._reloading: asyncio.Task[None] | None = None

    @property
    def configured(self) -> bool:
        """Is there anything to scrape?"""
        return any(self._source())

    @property
    def file(self) -> str:
        """The file that is named, empty when the configuration is inline."""
        return self._source()[0]

    async def start(self) -> None:
        """Read the configuration and begin. Raises `ConfigError`."""
        await self.reload()

    async def stop(self) -> None:
        """Stop, and mark nothing: whoever starts again goes on."""
        async with self._turn:
            for discovery in self._discoveries.values():
                await discovery.stop()
            await asyncio.gather(*(pool.close(mark=False) for pool in self.pools.values()))
            self.pools.clear()
            self._discoveries.clear()
        await self._client.close()

    async def reload(self) -> None:
        """Take the configuration as it is now. Raises `ConfigError`, and then everything stays as it was."""
        async with self._turn:
            try:
                config = await asyncio.to_thread(self._read)
            except ConfigError as error:
                self.reload_error = str(error)
                raise
            for warning in config.warnings:
                log.warning("%s", warning)
            await self._apply(config)
            self.reload_error, self.reloaded_at = "", time.time()
            self._stamps = _stamps(config.files)

    def _read(self) -> ScrapeConfig:
        file, inline = self._source()
        if file:
            return read(Path(file).expanduser().absolute())
        return parse(inline, "scrape.configs", Path.cwd()) if inline else ScrapeConfig()

    async def _apply(self, config: ScrapeConfig) -> None:
        wanted = {job.name: job for job in config.jobs}
        for name in [name for name in self.pools if name not in wanted]:
            await self._discoveries.pop(name).stop()
            await self.pools.pop(name).close(mark=True)
        # Expressions are compiled before anything changes.
        fresh = {
            name: Pool(job, self._client, self._append, self._body_limit(), self.counts)
            for name, job in wanted.items()
            if name not in self.pools or self.pools[name].job.fingerprint != job.fingerprint
        }
        self.config = config
        for name, pool in fresh.items():
            before = self.pools.get(name)
            self.pools[name] = pool
            discovery = self._discoveries.get(name)
            if discovery is None:
                discovery = self._discoveries[name] = JobDiscovery(self._client, partial(self._found, name))
            await discovery.apply(pool.job.keys)
            pool.update(discovery.groups, before)
            if before is not None:
                await before.close(mark=False)

    def _found(self, name: str, groups: list[Group]) -> None:
        if (pool := self.pools.get(name)) is not None:
            pool.update(groups)

    def errors_of(self, name: str) -> list[str]:
        """Why discovery of a job fails, of what does."""
        discovery = self._discoveries.get(name)
        return discovery.errors if discovery else []

    async def watch(self) -> None:
        """Reload when a file changes. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not self._source()[0]:
                continue
            stamps = await asyncio.to_thread(_stamps, self.config.files)
            if stamps == self._stamps:
                continue
            # Once for each state of the files, whether it is good or not.
            self._stamps = stamps
            await self.reload_logged()

    async def reload_logged(self) -> None:
        """Reload; what is wrong is logged, and nothing changes then."""
        try:
            await self.reload()
        except NexusError as error:
            log.error("the scrape configuration was not reloaded: %s", error)

    def reload_soon(self) -> None:
        """Reload in the background."""
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self.reload_logged())

    def register(self, registry: Registry) -> None:
        """Nexus' own metrics about scraping."""
        registry.gauge(
            "nexus_scrape_targets",
            "Targets being scraped.",
            read=lambda: sum(len(pool.loops) for pool in self.pools.values()),
        )
        for name, help_text in (
            ("scrapes", "Scrapes."),
            ("failed", "Scrapes that failed."),
            ("samples", "Samples of scrapes, with those about the scrapes and staleness markers."),
            ("lost", "Samples of scrapes that the store did not take."),
            ("skipped", "Scrapes left out because the clock went back."),
        ):
            registry.gauge(f"nexus_scrape_{name}_total", help_text, read=partial(getattr, self.counts, name))


def _stamps(files: tuple[Path, ...]) -> tuple[tuple[str, int, int], ...]:
    found = []
    for path in files:
        try:
            state = path.stat()
            found.append((str(path), state.st_mtime_ns, state.st_size))
        except OSError:
            found.append((str(path), 0, 0))
    return tuple(found)
