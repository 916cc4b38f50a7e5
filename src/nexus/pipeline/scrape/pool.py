"""The targets of one job: loops for those that discovery finds, kept as long as nothing about them changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from nexus.pipeline.discovery.group import Group
from nexus.pipeline.scrape.client import Profile, ScrapeClient
from nexus.pipeline.scrape.config import Job
from nexus.pipeline.scrape.loop import Append, ScrapeCounts, ScrapeLoop, new_cache
from nexus.pipeline.scrape.relabel import RelabelRule, compiled
from nexus.pipeline.scrape.targets import Dropped, Target, Wrong, targets_of

MAX_DROPPED: Final = 1000
"""Dropped targets that are kept to be shown, where the job does not say another number."""

log = logging.getLogger(__name__)


class Pool:
    """See the module text. Lives on one event loop."""

    def __init__(self, job: Job, client: ScrapeClient, append: Append, body_limit: int, counts: ScrapeCounts) -> None:
        """Nothing is scraped yet."""
        self.job = job
        self.loops: dict[bytes, ScrapeLoop] = {}
        self.dropped: list[Dropped] = []
        self.dropped_count = 0
        self.wrong: list[Wrong] = []
        self.relabel = compiled(job.keys.relabel_configs, utf8_names=job.utf8_names)
        self._metric_relabel = compiled(job.keys.metric_relabel_configs, utf8_names=job.utf8_names)
        self._client = client
        self._profile = Profile(job.keys, client)
        self._append = append
        self._body_limit = body_limit
        self._counts = counts
        self._ending: set[asyncio.Task[None]] = set()

    def update(self, groups: Iterable[Group], before: Pool | None = None) -> None:
        """These are the targets now. `before` is the pool that this one takes the place of: targets of both go on with what
        is remembered of them."""
        targets, dropped, wrong = targets_of(self.job, groups, self.relabel)
        self.dropped_count = len(dropped)
        self.dropped = dropped[: self.job.keep_dropped_targets or MAX_DROPPED]
        if wrong and wrong[:10] != self.wrong[:10]:
            log.warning("job %s: %d targets cannot be scraped: %s", self.job.name, len(wrong), wrong[0].reason)
        self.wrong = wrong[:MAX_DROPPED]
        wanted = {target.key: target for target in targets}
        for key in [key for key in self.loops if key not in wanted]:
            self._end(self.loops.pop(key), mark=True)
        for key, target in wanted.items():
            loop = self.loops.get(key)
            if loop is None:
                self.loops[key] = self._begin(target, before.loops.pop(key, None) if before else None)
            else:
                loop.target = target
        if before is not None:
            for loop in before.loops.values():
                self._end(loop, mark=True)
            before.loops.clear()
        self._limit_targets(targets)

    def _limit_targets(self, targets: Sequence[Target]) -> None:
        limit = self.job.target_limit
        error = ""
        if limit and len(targets) > limit:
            error = f"target_limit exceeded (number of targets: {len(targets)}, limit: {limit})"
        for loop in self.loops.values():
            loop.forced_error = error

    def _begin(self, target: Target, before: ScrapeLoop | None) -> ScrapeLoop:
        cache = new_cache(self.job, target, self._metric_relabel)
        loop = ScrapeLoop(self.job, target, cache, self._client, self._profile, self._append, self._body_limit, self._counts)
        if before is None:
            loop.start()
        else:
            self._keep(asyncio.create_task(_take_over(loop, before)))
        return loop

    def _end(self, loop: ScrapeLoop, *, mark: bool) -> None:
        self._keep(asyncio.create_task(loop.stop(mark=mark)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._ending.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a scrape loop did not end well", exc_info=error)

    async def close(self, *, mark: bool) -> None:
        """Stop everything; with `mark` the job is gone, and its series are marked stale."""
        for loop in self.loops.values():
            self._end(loop, mark=mark)
        self.loops.clear()
        while self._ending:
            await asyncio.wait(self._ending)

    def trace(self, labels: Iterable[tuple[str, str]]) -> list[tuple[RelabelRule, list[tuple[str, str]], bool]]:
        """(rule, labels after it, kept) of each rule of relabelling, up to the one that drops."""
        steps = self.relabel.trace(list(labels))
        return [(rule, *step) for rule, step in zip(self.job.keys.relabel_configs, steps, strict=False)]


async def _take_over(loop: ScrapeLoop, before: ScrapeLoop) -> None:
    """A loop in the place of another: what that one knew is to be marked when it does not come again."""
    await before.stop(mark=False)
    loop.cache.adopt(before.cache)
    loop.state = before.state
    loop.continue_after(before)
    loop.start()
