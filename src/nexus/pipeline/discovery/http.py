"""Groups of targets that a server answers with (`http_sd_configs`): a JSON list of `targets` and `labels`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from nexus.errors import TargetFailed
from nexus.pipeline.discovery.config import HttpDiscovery
from nexus.pipeline.discovery.group import Group, written
from nexus.pipeline.scrape.client import Profile, ScrapeClient

MAX_ANSWER: Final = 64 << 20


async def ask(settings: HttpDiscovery, client: ScrapeClient) -> AsyncIterator[Sequence[Group]]:
    """The groups now and at each refresh. Raises `TargetFailed`, `TargetRefused`."""
    profile = Profile(settings, client)
    interval = max(settings.refresh_interval.seconds, 1.0)
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "X-Prometheus-Refresh-Interval-Seconds": f"{interval:g}",
    }
    while True:
        answer = await client.fetch(profile, settings.url, headers, min(interval, 60.0), MAX_ANSWER)
        if answer.status != 200:
            raise TargetFailed(f"server returned HTTP status {answer.status} {answer.reason}".strip())
        if answer.content_type.partition(";")[0].strip().lower() != "application/json":
            raise TargetFailed(f"unsupported content type {answer.content_type[:80]!r}, expected application/json")
        yield groups_of(answer.body, settings.url)
        await asyncio.sleep(interval * random.uniform(0.95, 1.05))


def groups_of(body: bytes, url: str) -> list[Group]:
    """The groups of an answer. Raises `TargetFailed`."""
    try:
        return written(msgspec.json.decode(body), url, {"__meta_url": url})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise TargetFailed(f"the answer is no list of target groups: {error}") from None
