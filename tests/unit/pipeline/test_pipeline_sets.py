"""Which pipelines run for whom, changing them, and deliveries through them, over a store in memory."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.unit.pipeline.memory import MemoryStore

from nexus import _native
from nexus.errors import ConfigError, Conflict, DiskFull, InvalidRequest, TenantDeleted, Unavailable
from nexus.pipeline.compiling import BadPipeline
from nexus.pipeline.decode import DecodePool
from nexus.pipeline.inspection import Inspection, inspecting
from nexus.pipeline.pipelines import PipelineSets
from nexus.pipeline.spec import PipelineSpec, PipelineTest, StepSpec
from nexus.pipeline.statistics import IngestStatistics
from nexus.pipeline.topology import Delivery, Outcome, Topology
from nexus.telemetry import Registry

FILE = """
- name: shared
  steps:
    - type: set
      options: {fields: {from_file: true}}
"""


class World:
    """A topology with pipelines over a store in memory."""

    def __init__(self, folder: Path) -> None:
        self.settings: dict[str, str] = {}
        self.file = folder / "pipelines.yaml"
        self.name = ""
        self.routes = ["audit"]
        self.registry = Registry()
        self.store = MemoryStore()
        self.store.gate.set()
        self.pool = DecodePool(2)
        self.sets = self.make_sets()

        self.leaving: set[str] = set()

        async def ensure(tenant: str) -> None:
            if tenant in self.leaving:
                raise TenantDeleted(f"the tenant {tenant} is being deleted.")

        self.topology = Topology(self.store, IngestStatistics(self.registry), self.pool, ensure, self.sets)  # type: ignore[arg-type]

    def make_sets(self) -> PipelineSets:
        return PipelineSets(
            self.settings.get, self.settings.__setitem__, lambda: self.name, lambda: self.routes, self.registry
        )

    def use_file(self, text: str) -> bool:
        self.file.write_text(text)
        # Two writes within the clock's resolution differ all the same.
        stamp = time.time_ns() + 1_000_000_000 * len(text)
        os.utime(self.file, ns=(stamp, stamp))
        self.name = str(self.file)
        return self.sets.reload()

    async def put(self, *specs: PipelineSpec, tenant: str = "t") -> None:
        await self.sets.replace(tenant, specs, self.sets.of(tenant)[2])

    async def send(self, *records: dict[str, Any], tenant: str = "t", key: str = "") -> Outcome:
        body = b"\n".join(json.dumps(record).encode() for record in records)
        decoder = partial(_native.decode_json_lines, now_ns=time.time_ns())
        return await self.topology.deliver(
            Delivery("test", tenant, body, key=key), decoder, lambda outcome: b"%d" % outcome.accepted
        )

    def stored(self, tenant: str = "t") -> list[dict[str, Any]]:
        return [
            json.loads(record)
            for owner, batch in self.store.batches
            if owner == tenant
            for _, _, record in _native.render_batch(batch, None, 1000)
        ]

    def metrics(self) -> str:
        return self.registry.render().decode()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.pool.close()


def pipeline(*steps: StepSpec, name: str = "own", **more: Any) -> PipelineSpec:
    return PipelineSpec(name, list(steps), **more)


def setting(**fields: Any) -> PipelineSpec:
    return pipeline(StepSpec("set", {"fields": fields}))


async def test_nothing_to_do_is_nothing_done(world: World) -> None:
    assert await world.sets.work("t", 0) is None
    await world.send({"_msg": "a"})
    assert world.stored()[0]["attributes"] == {}


async def test_the_file_comes_first_then_the_tenants_own(world: World) -> None:
    assert world.use_file(FILE)
    await world.put(setting(from_file=False, own=1))
    await world.send({"_msg": "a"})
    await world.send({"_msg": "a"}, tenant="other")
    await world.send({"_msg": "a"}, tenant="_nexus")
    assert world.stored()[0]["attributes"] == {"from_file": False, "own": 1}
    assert world.stored("other")[0]["attributes"] == {"from_file": True}
    assert world.stored("_nexus")[0]["attributes"] == {}
    shared, own, _ = world.sets.of("t")
    assert ([spec.name for spec in shared], [spec.name for spec in own]) == (["shared"], ["own"])


async def test_a_broken_file_changes_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.use_file(FILE)
    assert not world.use_file("- name: shared\n  steps:\n    - type: nope\n")
    assert "line 3" in caplog.text and "nope" in caplog.text
    await world.send({"_msg": "a"})
    assert world.stored()[0]["attributes"] == {"from_file": True}
    assert world.use_file(FILE.replace("true", "5"))
    await world.send({"_msg": "b"})
    assert world.stored()[1]["attributes"] == {"from_file": 5}
    world.name = ""
    assert world.sets.reload()
    await world.send({"_msg": "c"})
    assert world.stored()[2]["attributes"] == {}


async def test_a_start_with_a_broken_file_is_refused(world: World) -> None:
    world.file.write_text("- name: p\n  tests: [{name: t, input: [{_msg: a}], output: []}]\n")
    world.name = str(world.file)
    with pytest.raises(ConfigError, match="test 't' of pipeline 'p'"):
        world.make_sets()


async def test_versions_tell_who_was_faster(world: World) -> None:
    version = world.sets.of("t")[2]
    new = await world.sets.replace("t", [setting(a=1)], version)
    with pytest.raises(Conflict):
        await world.sets.replace("t", [setting(a=2)], version)
    assert await world.sets.replace("t", [setting(a=2)], new) == world.sets.of("t")[2]
    both = await asyncio.gather(
        *(world.sets.replace("t", [setting(a=n)], world.sets.of("t")[2]) for n in (3, 4)), return_exceptions=True
    )
    assert [type(result) for result in both].count(Conflict) == 1


async def test_what_may_not_be_put_in_force(world: World) -> None:
    world.use_file(FILE)
    with pytest.raises(BadPipeline, match="is called 'shared'"):
        await world.put(pipeline(name="shared"))
    with pytest.raises(BadPipeline, match="may not be routed"):
        await world.put(pipeline(StepSpec("route", {"tenant": "secret"})))
    failing = PipelineTest("t", [{"_msg": "a"}], [{"body": "b"}])
    with pytest.raises(InvalidRequest, match=r'`body` is "a", but should be "b"'):
        await world.put(pipeline(tests=[failing]))
    assert world.sets.of("t")[1] == []


async def test_pipelines_that_cannot_be_used_refuse_records(world: World) -> None:
    world.settings["pipelines:t"] = '[{"name":"p","steps":[{"type":"gone"}]}]'
    with pytest.raises(Unavailable, match="gone"):
        await world.send({"_msg": "a"})
    assert world.store.batches == []


async def test_drops_are_accepted_and_counted(world: World) -> None:
    await world.put(pipeline(StepSpec("drop", {"query": "debug"}), StepSpec("parse_json", when="json")))
    outcome = await world.send({"_msg": "debug x"}, {"_msg": "kept"}, {"_msg": "json but not"}, {"_msg": "debug y"})
    assert (outcome.accepted, outcome.reply) == (4, b"4")
    assert [record["body"] for record in world.stored()] == ["kept", "json but not"]
    labels = 'tenant="t",pipeline="own",step="1-drop",reason="dropped"'
    assert f"nexus_pipeline_dropped_records_total{{{labels}}} 2" in world.metrics()
    assert 'nexus_pipeline_failed_records_total{tenant="t",pipeline="own",step="2-parse_json"} 1' in world.metrics()
    (_, _, drop), (_, _, parse) = world.sets.statistics("t")
    assert (drop.records_in, drop.records_out, drop.dropped) == (4, 2, 2)
    assert (parse.records_in, parse.records_out, parse.failed) == (1, 1, 1)


async def test_a_key_is_answered_though_everything_was_dropped_or_the_pipeline_changed(world: World) -> None:
    await world.put(pipeline(StepSpec("drop", {"query": "a"})))
    first = await world.send({"_msg": "a"}, {"_msg": "a b"}, key="k")
    await world.put(setting(x=1))
    again = await world.send({"_msg": "a"}, {"_msg": "a b"}, key="k")
    assert (first.accepted, again.accepted, again.replayed, again.reply) == (2, 2, True, b"2")
    assert world.stored() == []


async def test_routes(world: World) -> None:
    await world.put(pipeline(StepSpec("route", {"tenant": "audit"}, when="login")))
    for _ in range(2):
        outcome = await world.send({"_msg": "login of x"}, {"_msg": "other"}, key="k")
        assert outcome.accepted == 2
    assert [record["body"] for record in world.stored()] == ["other"]
    assert [record["body"] for record in world.stored("audit")] == ["login of x"]
    assert 'nexus_pipeline_routed_records_total{tenant="t",pipeline="own",step="1-route"} 1' in world.metrics()
    world.routes.clear()
    world.sets.reload()
    with pytest.raises(Unavailable, match="may not be routed"):
        await world.send({"_msg": "login of y"})


async def test_what_is_routed_to_a_tenant_that_goes_is_dropped(world: World) -> None:
    """And the rest is stored; what is sent to it itself is refused."""
    await world.put(pipeline(StepSpec("route", {"tenant": "audit"}, when="login")))
    world.leaving.add("audit")
    outcome = await world.send({"_msg": "login of x"}, {"_msg": "other"})
    assert outcome.accepted == 2 and [record["body"] for record in world.stored()] == ["other"]
    assert world.stored("audit") == []
    rejected = 'nexus_ingest_rejected_records_total{tenant="audit",receiver="test",reason="tenant_deleted"} 1'
    assert rejected in world.metrics()
    world.leaving.add("t")
    with pytest.raises(TenantDeleted):
        await world.send({"_msg": "other"})


async def test_a_tenant_that_is_gone_leaves_nothing_to_the_next_of_its_name(world: World) -> None:
    """Neither pipelines nor what their steps remember or have counted."""
    await world.put(pipeline(StepSpec("drop", {"query": "a"})))
    await world.send({"_msg": "a"})
    assert world.sets.statistics("t")[0][2].dropped == 1
    del world.settings["pipelines:t"]
    world.sets.forget("t")
    await world.send({"_msg": "a"})
    assert [record["body"] for record in world.stored()] == ["a"] and world.sets.statistics("t") == []


async def test_a_failed_delivery_is_no_duplicate_and_costs_no_tokens(world: World) -> None:
    await world.put(
        pipeline(
            StepSpec("dedupe", {"keys": ["body"]}),
            StepSpec("throttle", {"rate": 0.001, "burst": 1}),
            StepSpec("derive_metrics", {"name": "seen"}),
        )
    )
    for _ in range(3):
        world.store.failure = DiskFull("no room.")
        with pytest.raises(DiskFull):
            await world.send({"_msg": "a"}, {"_msg": "a"})
    await world.send({"_msg": "a"}, {"_msg": "a"})
    await world.send({"_msg": "a"})
    assert len(world.stored()) == 1
    assert 'nexus_derived_seen{tenant="t"} 1' in world.metrics()
    assert 'step="1-dedupe",reason="duplicate"} 2' in world.metrics()


async def test_steps_that_stay_remember_what_they_saw(world: World) -> None:
    dedupe = StepSpec("dedupe", {"keys": ["body"]})
    await world.put(pipeline(dedupe))
    await world.send({"_msg": "a"})
    await world.put(pipeline(dedupe, StepSpec("set", {"fields": {"x": 1}})))
    await world.send({"_msg": "a"}, {"_msg": "b"})
    assert [record["body"] for record in world.stored()] == ["a", "b"]
    await world.send({"_msg": "a"}, tenant="other")
    assert len(world.stored("other")) == 1


async def test_a_delivery_finishes_with_the_set_it_began_with(world: World) -> None:
    await world.put(setting(version=1))
    world.store.gate.clear()
    under_way = asyncio.create_task(world.send({"_msg": "a"}))
    while not world.store.waiting:
        await asyncio.sleep(0)
    await world.put(setting(version=2))
    late = asyncio.create_task(world.send({"_msg": "b"}))
    world.store.gate.set()
    await asyncio.gather(under_way, late)
    assert {record["body"]: record["attributes"]["version"] for record in world.stored()} == {"a": 1, "b": 2}


async def test_derived_metrics_of_one_name_share_their_kind(world: World) -> None:
    step = {"name": "took", "field": "ms", "labels": {"path": "path"}}
    await world.put(pipeline(StepSpec("derive_metrics", {**step, "kind": "histogram", "buckets": [1, 10]})))
    await world.put(pipeline(StepSpec("derive_metrics", {**step, "kind": "gauge"})), tenant="u")
    await world.send({"_msg": "a", "ms": 5, "path": "/"}, {"_msg": "a", "ms": 50, "path": "/"})
    await world.send({"_msg": "a", "ms": 5}, tenant="u")
    text = world.metrics()
    assert 'nexus_derived_took_bucket{tenant="t",path="/",le="10"} 1' in text
    assert 'nexus_derived_took_bucket{tenant="t",path="/",le="+Inf"} 2' in text
    assert 'nexus_derived_took_sum{tenant="t",path="/"} 55' in text
    assert 'nexus_pipeline_metrics_refused_total{tenant="u"} 1' in text


async def test_an_inspection_stores_and_remembers_nothing(world: World) -> None:
    await world.put(
        pipeline(
            StepSpec("redact"), StepSpec("dedupe", {"keys": ["body"]}), StepSpec("route", {"tenant": "audit"}, when="x:1")
        )
    )
    for _ in range(2):
        inspection = Inspection(lambda tenant: {"t": 30, "audit": 7}[tenant])
        with inspecting(inspection):
            outcome = await world.send(
                {"_msg": "m a@example.com"}, {"_msg": "m b@example.com"}, {"_msg": "y", "x": 1}, key="k"
            )
        assert outcome.accepted == 3
        answer = json.loads(inspection.answer())
        assert (answer["accepted"], answer["rejected"], answer["errors"]) == (3, 0, [])
        first, second, third = answer["records"]
        assert (first["stored"]["body"], first["tenant"], first["retention_days"]) == ("m [email]", "t", 30)
        assert first["steps"][0]["changed"]["body"] == ["m a@example.com", "m [email]"]
        assert first["template"] == "m [email]"
        assert (second["stored"], second["steps"][1]["outcome"], second["steps"][1]["message"]) == (
            None,
            "dropped",
            "duplicate",
        )
        assert (third["stored"]["body"], third["tenant"], third["retention_days"]) == ("y", "audit", 7)
    assert world.store.batches == []
    assert world.store.receipts == {}
    assert "nexus_pipeline_dropped_records_total{" not in world.metrics()
