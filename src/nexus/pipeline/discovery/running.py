"""Discovery at work: providers of one job, each a task, and the groups that they have found so far.

A provider that fails keeps what it found before, tries again, and says why it failed. Whatever changes is told within a
second, together with what else has changed by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import msgspec

from nexus.errors import NexusError
from nexus.pipeline.discovery.config import (
    ConsulDiscovery,
    DiscoveryKeys,
    DnsDiscovery,
    Ec2Discovery,
    FileDiscovery,
    HttpDiscovery,
    KubernetesDiscovery,
    StaticGroup,
)
from nexus.pipeline.discovery.group import ADDRESS, Group
from nexus.pipeline.scrape.client import ScrapeClient

SETTLE_SECONDS: Final = 0.2
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0

log = logging.getLogger(__name__)

Update = Sequence[Group]
"""All groups of a provider."""


def provider(settings: Any, client: ScrapeClient) -> AsyncIterator[Update]:
    """The source of groups that the settings describe. Its module is imported when it is used."""
    match settings:
        case FileDiscovery():
            from nexus.pipeline.discovery.files import watch

            return watch(settings)
        case HttpDiscovery():
            from nexus.pipeline.discovery.http import ask

            return ask(settings, client)
        case DnsDiscovery():
            from nexus.pipeline.discovery.dns import resolve

            return resolve(settings)
        case KubernetesDiscovery():
            from nexus.pipeline.discovery.kubernetes import watch_cluster

            return watch_cluster(settings)
        case Ec2Discovery():
            from nexus.pipeline.discovery.ec2 import list_instances

            return list_instances(settings)
        case ConsulDiscovery():
            from nexus.pipeline.discovery.consul import watch_catalog

            return watch_catalog(settings, client)
    raise TypeError(type(settings).__name__)


def settings_of(keys: DiscoveryKeys) -> list[Any]:
    """Settings of every provider of a job that needs a task."""
    return [
        *keys.file_sd_configs,
        *keys.http_sd_configs,
        *keys.dns_sd_configs,
        *keys.kubernetes_sd_configs,
        *keys.ec2_sd_configs,
        *keys.consul_sd_configs,
    ]


def static_groups(groups: Sequence[StaticGroup]) -> list[Group]:
    """Targets that are written down."""
    return [
        Group(str(number), tuple({ADDRESS: target} for target in group.targets), group.labels)
        for number, group in enumerate(groups)
    ]


class Provider:
    """A running source of groups."""

    def __init__(self, settings: Any, make: Callable[[], AsyncIterator[Update]], changed: Callable[[], None]) -> None:
        """Starts at once."""
        self.settings = settings
        self.groups: Update = ()
        self.found = False
        """Has it found anything yet, be it nothing?"""
        self.error = ""
        self._make = make
        self._changed = changed
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop it."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def tell(self, changed: Callable[[], None]) -> None:
        """Whom to tell from now on."""
        self._changed = changed

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async for groups in self._make():
                    pause, self.error = FIRST_PAUSE, ""
                    if not self.found or list(groups) != list(self.groups):
                        self.groups, self.found = groups, True
                        self._changed()
            except asyncio.CancelledError:
                raise
            except NexusError as error:
                self._failed(error.message)
            except Exception as error:
                self._failed(f"{type(error).__name__}: {str(error)[:300]}")
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _failed(self, reason: str) -> None:
        if reason != self.error:
            log.warning("discovery by %s failed: %s", type(self.settings).__name__, reason)
        self.error = reason


class JobDiscovery:
    """The providers of one job. `changed` is called, a moment after the first change, with all groups."""

    def __init__(self, client: ScrapeClient, changed: Callable[[list[Group]], None]) -> None:
        """No providers yet."""
        self._client = client
        self._changed = changed
        self._static: list[Group] = []
        self._providers: dict[bytes, Provider] = {}
        self._fading: list[Provider] = []
        self._timer: asyncio.TimerHandle | None = None

    async def apply(self, keys: DiscoveryKeys) -> None:
        """Use these providers; those that were there go on. Groups of those that are not wanted any more stay until every
        new one has found something."""
        self._static = static_groups(keys.static_configs)
        before, self._providers = self._providers, {}
        for settings in settings_of(keys):
            name = type(settings).__name__.encode() + msgspec.json.encode(settings, enc_hook=int)
            if name in self._providers:
                continue
            running = before.pop(name, None)
            self._providers[name] = running or Provider(settings, self._maker(settings), self._soon)
        self._fading += before.values()
        for one in before.values():
            await one.stop()

    def _maker(self, settings: Any) -> Callable[[], AsyncIterator[Update]]:
        return lambda: provider(settings, self._client)

    async def stop(self) -> None:
        """Stop all of them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for one in self._providers.values():
            await one.stop()
        self._providers.clear()

    @property
    def groups(self) -> list[Group]:
        """What is known now."""
        if all(one.found for one in self._providers.values()):
            self._fading.clear()
        groups = list(self._static)
        for number, one in enumerate((*self._providers.values(), *self._fading)):
            groups += (Group(f"{number}/{group.source}", group.targets, group.labels) for group in one.groups)
        return groups

    @property
    def errors(self) -> list[str]:
        """Why providers fail, of those that do."""
        return [f"{type(one.settings).__name__}: {one.error}" for one in self._providers.values() if one.error]

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._now)

    def _now(self) -> None:
        self._timer = None
        self._changed(self.groups)
