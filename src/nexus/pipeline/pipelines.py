"""Which pipelines run for which tenant: those of the configuration's file first, then the tenant's own.

A delivery takes the set in force when it begins and finishes with it; a new set is put in its place at once, and steps that
did not change keep what they remember. The file's pipelines run for every tenant but `_nexus`, so that nothing feeds on
itself. When a tenant's pipelines cannot be used (which only another version of Nexus can bring about), its deliveries are
refused until they are mended: records must not be stored as if there were no pipeline.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from nexus.errors import ConfigError, Conflict, InvalidRequest, Unavailable
from nexus.model.tenant import SELF_TENANT
from nexus.pipeline import specfile
from nexus.pipeline.compiling import MAX_SPEC_BYTES, BadPipeline, compiled
from nexus.pipeline.spec import PipelineSpec
from nexus.pipeline.trial import failed_tests
from nexus.telemetry import Registry

MAX_TENANTS: Final = 1000
CHECK_INTERVAL: Final = 3.0
_SETTING: Final = "pipelines:"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class StepTotals:
    """What a step did since the start of the process."""

    records_in: int = 0
    records_out: int = 0
    dropped: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class TenantSet:
    """The pipelines in force for a tenant; `native` is None when there is nothing to do."""

    native: Any
    totals: dict[tuple[str, int, str], StepTotals] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """A set of pipelines and what one delivery gives it besides its records."""

    native: Any
    now_ns: int
    seed: int
    delivery: int

    def run(self, batch: Any) -> Any:
        """`nexus._native.Processed` of a batch. Any thread may call."""
        return self.native.run(batch, now_ns=self.now_ns, seed=self.seed, delivery=self.delivery)

    def trace(self, batch: Any) -> Any:
        """`nexus._native.Traced` of a batch."""
        return self.native.trace(batch, now_ns=self.now_ns, seed=self.seed)


class PipelineSets:
    """See the module text. Lives on one event loop; `load` and `save` are the metadata store's settings."""

    def __init__(
        self,
        load: Callable[[str], str | None],
        save: Callable[[str, str], None],
        file: Callable[[], str],
        route_tenants: Callable[[], Sequence[str]],
        registry: Registry,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Read and check the file. Raises `ConfigError` when it is wrong."""
        self._load = load
        self._save = save
        self._file = file
        self._route_tenants = route_tenants
        self._clock_ns = clock_ns
        self._registry = registry
        self._sets: OrderedDict[str, TenantSet] = OrderedDict()
        self._stale: dict[str, TenantSet] = {}
        self._building: dict[str, asyncio.Future[TenantSet]] = {}
        self._changes: dict[str, asyncio.Lock] = {}
        self._generation = 0
        self._deliveries = itertools.count(1)
        self._read_mark: tuple[Any, ...] = ()
        self._file_specs: list[PipelineSpec] = []
        self._file_native: Any = None
        labels = ("tenant", "pipeline", "step")
        self._dropped = registry.counter(
            "nexus_pipeline_dropped_records_total", "Records that a pipeline dropped, by reason.", *labels, "reason"
        )
        self._failed = registry.counter(
            "nexus_pipeline_failed_records_total", "Records that a step could not do its work on.", *labels
        )
        self._routed = registry.counter(
            "nexus_pipeline_routed_records_total", "Records that a pipeline sent to another tenant.", *labels
        )
        self._seconds = registry.counter("nexus_pipeline_seconds_total", "Processing time of a step.", *labels)
        self._file_errors = registry.counter(
            "nexus_pipeline_file_errors_total", "Times that the file of pipelines could not be used."
        )
        self._metrics_lost = registry.counter(
            "nexus_pipeline_metrics_refused_total", "Derived metrics that exist with another kind.", "tenant"
        )
        self._take(self._read_file())

    # ------------------------------------------------------------------------------------------------------- the file

    def _read_file(self) -> tuple[list[PipelineSpec], Any] | None:
        """The file's pipelines and what they compile to; None when nothing has changed. Any thread. Raises `ConfigError`."""
        name, tenants = self._file(), tuple(self._route_tenants())
        mark = (name, tenants, *_stamp(name))
        if mark == self._read_mark:
            return None
        # A mistake is reported once.
        self._read_mark = mark
        if not name:
            return [], None
        specs, text = specfile.read(Path(name))
        try:
            native = compiled(specs, tenants, self._file_native)
        except BadPipeline as error:
            raise specfile.located(error, text, name) from error
        if failures := failed_tests(specs):
            raise ConfigError(f"{name}: {failures[0]}", hint=f"`nexus pipeline test {name}` shows the difference.")
        return specs, native

    def _take(self, read: tuple[list[PipelineSpec], Any] | None) -> None:
        if read is not None:
            self._file_specs, self._file_native = read
            self._renew()

    def reload(self) -> bool:
        """Read the file again if it, its name or the tenants to route to have changed. False, and a line in the log, when it
        cannot be used: then everything stays as it is."""
        try:
            read = self._read_file()
        except ConfigError as error:
            return self._refuse(error)
        return self._accept(read)

    def _refuse(self, error: ConfigError) -> bool:
        self._file_errors.add(1)
        log.error("the pipelines were not reloaded: %s", error)
        return False

    def _accept(self, read: tuple[list[PipelineSpec], Any] | None) -> bool:
        self._take(read)
        if read is not None:
            log.info("pipelines reloaded", extra={"fields": {"pipelines": len(self._file_specs)}})
        return True

    async def watch(self) -> None:
        """Look at the file every few seconds, for ever."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            try:
                read = await asyncio.to_thread(self._read_file)
            except ConfigError as error:
                self._refuse(error)
            else:
                self._accept(read)

    def _renew(self, tenant: str | None = None) -> None:
        """Make sets anew when they are asked for next: one, or all."""
        self._generation += 1
        for name in [tenant] if tenant is not None else list(self._sets):
            if name in self._sets:
                self._stale[name] = self._sets.pop(name)

    # ------------------------------------------------------------------------------------------------- for deliveries

    async def work(self, tenant: str, seed: int) -> Work | None:
        """What the pipelines of a tenant would do to a delivery that begins now; None when there are none."""
        found = await self._set_of(tenant)
        if found.native is None:
            return None
        return Work(found.native, self._clock_ns(), seed, next(self._deliveries))

    async def _set_of(self, tenant: str) -> TenantSet:
        while True:
            if (found := self._sets.get(tenant)) is not None:
                self._sets.move_to_end(tenant)
                return found
            if (building := self._building.get(tenant)) is not None:
                await asyncio.wait([building])
                continue
            generation = self._generation
            building = asyncio.ensure_future(asyncio.to_thread(self._build, tenant, self._stale.get(tenant)))
            self._building[tenant] = building
            try:
                built = await building
            finally:
                del self._building[tenant]
            if generation == self._generation:
                # Otherwise the set was changed meanwhile.
                self._stale.pop(tenant, None)
                self._sets[tenant] = built
                while len(self._sets) > MAX_TENANTS:
                    self._sets.popitem(last=False)
                return built

    def _build(self, tenant: str, previous: TenantSet | None) -> TenantSet:
        own = self._stored(tenant)[0]
        shared = [] if tenant == SELF_TENANT else self._file_specs
        remembered = previous.native if previous else None
        totals = previous.totals if previous else {}
        if not own:
            native = self._file_native.fork(remembered) if shared and not self._file_native.empty else None
            return TenantSet(native, totals)
        try:
            native = compiled([*shared, *_renamed(own, shared)], tuple(self._route_tenants()), remembered)
        except BadPipeline as error:
            raise Unavailable(
                f"the pipelines of the tenant {tenant!r} cannot be used: {error.message}",
                retry_after=30.0,
                hint="Correct them at /pipelines.",
            ) from error
        return TenantSet(None if native.empty else native, totals)

    # --------------------------------------------------------------------------------------------------------- results

    def settled(self, tenant: str, processed: Any, *, stored: bool) -> None:
        """What was processed is stored, or it is not, and then it was never there."""
        metrics = processed.settle(stored)
        if not stored:
            return
        found = self._sets.get(tenant) or self._stale.get(tenant)
        totals: dict[tuple[str, int, str], StepTotals] = found.totals if found else {}
        for pipeline, step, kind, records_in, out, failed, routed, dropped, seconds in processed.counts():
            total = totals.setdefault((pipeline, step, kind), StepTotals())
            total.records_in += records_in
            total.records_out += out
            total.failed += failed
            total.seconds += seconds
            name = f"{step + 1}-{kind}"
            for reason, number in dropped:
                total.dropped += number
                self._dropped.add(number, tenant, pipeline, name, reason)
            if failed:
                self._failed.add(failed, tenant, pipeline, name)
            if routed:
                self._routed.add(routed, tenant, pipeline, name)
            self._seconds.add(seconds, tenant, pipeline, name)
        for name, kind, description, bounds, series in metrics:
            if not self._registry.derived(name, kind, description, bounds).merge(tenant, kind, bounds, series):
                self._metrics_lost.add(1, tenant)

    def statistics(self, tenant: str) -> list[tuple[PipelineSpec, int, StepTotals]]:
        """(pipeline, step from 0, totals) of every step in force."""
        found = self._sets.get(tenant) or self._stale.get(tenant)
        totals = found.totals if found else {}
        shared = [] if tenant == SELF_TENANT else self._file_specs
        specs = [*shared, *_renamed(self._stored(tenant)[0], shared)]
        return [
            (spec, place, totals.get((spec.name, place, step.type), StepTotals()))
            for spec in specs
            if spec.enabled
            for place, step in enumerate(spec.steps)
            if step.enabled
        ]

    # ------------------------------------------------------------------------------------------------ tenants' own sets

    def of(self, tenant: str) -> tuple[list[PipelineSpec], list[PipelineSpec], str]:
        """The file's pipelines, the tenant's own, and the version of those."""
        own, version = self._stored(tenant)
        return ([] if tenant == SELF_TENANT else list(self._file_specs)), own, version

    def check(self, specs: Sequence[PipelineSpec]) -> None:
        """Raise `BadPipeline` when a tenant may not have these pipelines."""
        compiled(specs, tuple(self._route_tenants()))
        for number, spec in enumerate(specs):
            if any(spec.name == other.name for other in self._file_specs):
                raise BadPipeline(f"a pipeline of the configuration is called {spec.name!r}.", pipeline=number)

    async def replace(self, tenant: str, specs: Sequence[PipelineSpec], version: str) -> str:
        """Put these pipelines in the place of the tenant's own ones; the new version. In force when it returns.

        Raises `Conflict` when `version` is not the current one, `BadPipeline`, and `InvalidRequest` when a test fails.
        """
        await asyncio.to_thread(self._compare, tenant, version)
        text = msgspec.json.encode(list(specs)).decode()
        if len(text) > MAX_SPEC_BYTES:
            raise InvalidRequest(f"the pipelines take more than {MAX_SPEC_BYTES} bytes.")
        await asyncio.to_thread(self.check, specs)
        if failures := await asyncio.to_thread(failed_tests, specs):
            raise InvalidRequest(f"{len(failures)} of the tests fail: {failures[0]}", hint="The preview shows all of them.")
        async with self._changes.setdefault(tenant, asyncio.Lock()):
            await asyncio.to_thread(self._compare, tenant, version)
            await asyncio.to_thread(self._save, _SETTING + tenant, text)
            self._renew(tenant)
        await self._set_of(tenant)
        return _version(text)

    def forget(self, tenant: str) -> None:
        """A tenant is gone: one that gets its name has neither its pipelines nor what their steps remember."""
        self._renew(tenant)
        self._stale.pop(tenant, None)
        self._changes.pop(tenant, None)

    def _compare(self, tenant: str, version: str) -> None:
        if version != self._stored(tenant)[1]:
            raise Conflict(
                "the pipelines were changed by somebody else.", hint="Load them again and repeat your change on them."
            )

    def _stored(self, tenant: str) -> tuple[list[PipelineSpec], str]:
        text = self._load(_SETTING + tenant)
        if not text:
            return [], "0"
        try:
            return msgspec.json.decode(text, type=list[PipelineSpec]), _version(text)
        except msgspec.DecodeError as error:
            raise Unavailable(
                f"the pipelines of the tenant {tenant!r} cannot be read: {error}.", retry_after=30.0
            ) from error


def _renamed(own: Sequence[PipelineSpec], shared: Sequence[PipelineSpec]) -> list[PipelineSpec]:
    """The tenant's pipelines; one whose name a newer file has taken is called otherwise, so that counts stay apart."""
    taken = {spec.name for spec in shared}
    return [msgspec.structs.replace(spec, name=f"{spec.name}.own") if spec.name in taken else spec for spec in own]


def _version(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _stamp(name: str) -> tuple[int, int]:
    """What changes when a file does."""
    try:
        status = Path(name).stat() if name else None
    except OSError:
        return (-1, -1)
    return (status.st_mtime_ns, status.st_size) if status else (0, 0)
