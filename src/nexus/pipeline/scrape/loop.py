"""One target, scraped again and again: at its place in the interval, with its timeout, into the store.

A scrape that fails stores `up` 0 and marks the target's series stale. What the store does not take for now is tried again
until half of the interval has passed; then it is lost, counted, and the markers that were in it come with the next scrape.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nexus.errors import NexusError, TargetFailed, TargetRefused, Unavailable
from nexus.pipeline.scrape.client import Profile, ScrapeClient
from nexus.pipeline.scrape.config import Job
from nexus.pipeline.scrape.targets import Target

TOLERANCE_MS: Final = 20
"""A scrape begun so little late has the time that was planned: equal distances compress to nothing."""
INLINE_BYTES: Final = 256 << 10
"""Bodies up to this size are decoded where they are: a millisecond at most."""

_ACCEPT: Final = {
    "PrometheusProto": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    "PrometheusText0.0.4": "text/plain;version=0.0.4",
    "PrometheusText1.0.0": "text/plain;version=1.0.0",
    "OpenMetricsText0.0.1": "application/openmetrics-text;version=0.0.1",
    "OpenMetricsText1.0.0": "application/openmetrics-text;version=1.0.0",
}

log = logging.getLogger(__name__)


class Receipt(Protocol):
    """What the store says of a batch."""

    @property
    def message(self) -> str:
        """What it refused; empty when nothing."""
        ...

    @property
    def refused(self) -> int:
        """Samples."""
        ...


Append = Callable[[Any], Awaitable[Receipt]]
"""Stores a batch. Raises `NexusError`."""


@dataclass(slots=True)
class Health:
    """How the last scrape went. Times are Unix seconds, `seconds` its duration; counts as `scrape_samples_*` have them."""

    health: str = "unknown"
    error: str = ""
    refusal: str = ""
    scraped_at: float = 0.0
    seconds: float = 0.0
    samples: int = 0
    kept: int = 0
    added: int = 0
    size: int = 0


@dataclass(slots=True)
class ScrapeCounts:
    """Totals of all loops, for Nexus' own metrics."""

    scrapes: int = 0
    failed: int = 0
    samples: int = 0
    lost: int = 0
    skipped: int = 0


def accept_header(job: Job) -> str:
    """The `Accept` header: the job's formats in its order."""
    weight = len(job.protocols) + 1
    parts = []
    for protocol in job.protocols:
        escaping = f";escaping={job.escaping}" if protocol.endswith("1.0.0") else ""
        parts.append(f"{_ACCEPT[protocol]}{escaping};q=0.{weight}")
        weight -= 1
    return ",".join([*parts, f"*/*;q=0.{weight}"])


def fallback_media(job: Job) -> str:
    """The media type to take when a target names none."""
    protocol = job.keys.fallback_scrape_protocol
    return _ACCEPT[protocol].partition(";")[0] if protocol else ""


def new_cache(job: Job, target: Target, relabel: Any) -> Any:
    """What is remembered of a target (`nexus._native.ScrapeCache`)."""
    import nexus._native as _native

    keys = job.keys
    return _native.ScrapeCache(
        list(target.labels),
        relabel,
        honor_labels=keys.honor_labels,
        honor_timestamps=keys.honor_timestamps,
        track_timestamps_staleness=keys.track_timestamps_staleness,
        sample_limit=job.sample_limit,
        label_limit=job.label_limit,
        label_name_length_limit=job.label_name_length_limit,
        label_value_length_limit=job.label_value_length_limit,
        bucket_limit=keys.native_histogram_bucket_limit,
        min_bucket_factor=keys.native_histogram_min_bucket_factor,
        native_histograms=target.native_histograms,
        classic_histograms=target.classic_histograms,
        convert_histograms=target.convert_histograms,
        utf8_names=job.utf8_names,
        extra_metrics=job.extra_metrics,
        timeout_seconds=target.timeout / 1000,
        fallback=fallback_media(job),
    )


def next_tick(now_ms: float, interval: int, phase: int) -> int:
    """The next time, after `now_ms`, at this place in the interval."""
    return (int(now_ms - phase) // interval + 1) * interval + phase


class ScrapeLoop:
    """See the module text. `body_limit` bounds what a body may have, unpacked."""

    def __init__(
        self,
        job: Job,
        target: Target,
        cache: Any,
        client: ScrapeClient,
        profile: Profile,
        append: Append,
        body_limit: int,
        counts: ScrapeCounts,
    ) -> None:
        """Nothing is asked yet."""
        self.job = job
        self.target = target
        self.cache = cache
        self.state = Health()
        self.forced_error = ""
        """Why nothing is to be scraped, such as too many targets."""
        self._client = client
        self._profile = profile
        self._append = append
        self._limit = min(job.body_size_limit or body_limit, body_limit)
        self._counts = counts
        self._last_ms = 0
        self._task: asyncio.Task[None] | None = None
        self._storing = asyncio.Lock()
        self._headers = {
            "Accept": accept_header(job),
            "Accept-Encoding": "gzip" if job.keys.enable_compression else "identity",
            "X-Prometheus-Scrape-Timeout-Seconds": f"{target.timeout / 1000:g}",
        }

    def start(self) -> None:
        """Scrape from now on."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def continue_after(self, before: ScrapeLoop) -> None:
        """Samples of this one are newer than those of the other."""
        self._last_ms = before._last_ms

    async def stop(self, *, mark: bool) -> None:
        """Stop; with `mark`, mark its series stale: the target is gone."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if not mark:
            return
        async with self._storing:
            now = max(int(time.time() * 1000), self._last_ms + 1)
            batch = self.cache.end(now)
            if batch.num_samples:
                await self._store(batch, time.monotonic() + self.target.interval / 2000)

    async def _run(self) -> None:
        interval, phase = self.target.interval, self.target.phase
        while True:
            now = time.time() * 1000
            planned = next_tick(max(now, self._last_ms), interval, phase)
            await asyncio.sleep((planned - now) / 1000)
            began = time.time() * 1000
            # The clock may have been set while we slept.
            timestamp = planned if abs(began - planned) <= min(TOLERANCE_MS, interval / 100) else int(began)
            if timestamp <= self._last_ms:
                self._counts.skipped += 1
                continue
            try:
                await self.scrape(timestamp)
            except Exception:
                log.exception("a scrape of %s failed", self.target.url)

    async def scrape(self, timestamp_ms: int) -> None:
        """Scrape once; samples without a time of their own get this one."""
        began = time.perf_counter()
        body, content_type, encoding, error = b"", "", "", self.forced_error
        if not error:
            try:
                answer = await self._client.fetch(
                    self._profile, self.target.url, self._headers, self.target.timeout / 1000, self._limit
                )
                body, content_type, encoding = answer.body, answer.content_type, answer.encoding
                if answer.status != 200:
                    body, error = b"", f"server returned HTTP status {answer.status} {answer.reason}".strip()
            except (TargetFailed, TargetRefused) as failure:
                error = failure.message
        async with self._storing:
            await self._take(body, content_type, encoding, error, timestamp_ms, time.perf_counter() - began)

    async def _take(
        self, body: bytes, content_type: str, encoding: str, error: str, timestamp_ms: int, seconds: float
    ) -> None:
        def work() -> Any:
            return self.cache.scrape(
                body,
                content_type=content_type,
                encoding=encoding,
                limit=self._limit,
                timestamp_ms=timestamp_ms,
                seconds=seconds,
                error=error,
            )

        inline = len(body) <= INLINE_BYTES // (8 if encoding else 1)
        found = work() if inline else await asyncio.to_thread(work)
        self._last_ms = timestamp_ms
        state, counts = self.state, self._counts
        state.health = "down" if found.error else "up"
        state.error, state.scraped_at, state.seconds = found.error, timestamp_ms / 1000, found.seconds
        state.samples, state.kept, state.added, state.size = found.scraped, found.kept, found.added, found.size
        counts.scrapes += 1
        counts.failed += bool(found.error)
        counts.samples += found.batch.num_samples
        state.refusal = await self._store(found.batch, time.monotonic() + self.target.interval / 2000)
        if found.duplicates and not state.refusal:
            state.refusal = f"{found.duplicates} samples came twice with different values; the first of each is stored"
        if found.out_of_bounds and not state.refusal:
            state.refusal = f"{found.out_of_bounds} samples are more than 10 minutes in the future"

    async def _store(self, batch: Any, until: float) -> str:
        """Store a batch, trying again until then; what was refused, as a sentence."""
        pause = 0.25
        while True:
            try:
                receipt = await self._append(batch)
                return receipt.message if receipt.refused else ""
            except NexusError as error:
                if not isinstance(error, Unavailable) or time.monotonic() + pause > until:
                    self.cache.lost()
                    self._counts.lost += batch.num_samples
                    return f"the samples were not stored: {error.message}"
            await asyncio.sleep(pause)
            pause *= 2
