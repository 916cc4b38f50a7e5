"""Removals of tenants: rounds until nothing is left, what fails, what goes on after a stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nexus.errors import StorageError
from nexus.query.plan import Count, Scoped
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.server.removals import Removals
from nexus.storage.metadata.api import AuditFilter, StoredDeletion, StoredTenantDeletion, View
from nexus.storage.metadata.sqlite import SqliteMetadata

REMOVAL = StoredTenantDeletion("shop", "r1", "admin", "running", 0, 7)


@dataclass
class Rows:
    rows: list[list[int]]


class Whole:
    """A store of metrics or traces: removes all of a tenant at once, after the records are gone."""

    def __init__(self, what: str, world: World) -> None:
        self.what = what
        self.world = world

    async def forget_tenant(self, tenant: str) -> None:
        """Told before the metadata forget the tenant."""
        assert self.world.metadata.get_tenant(tenant) is not None
        self.world.forgotten.append(f"{self.what} {tenant}")


class World:
    """A removal over a real metadata store; the records are a number, and deletions end at once as they are told to."""

    def __init__(self, folder: Path) -> None:
        self.metadata = SqliteMetadata(folder)
        self.metadata.ensure_tenant("shop", 1)
        self.metadata.put_view(View("v", "shop", "v", "", "logs", "", True, "o", "o", 1, 1), 9)
        self.counts: list[int] = []
        self.ends: list[StoredDeletion] = []
        self.begun: list[str] = []
        self.forgotten: list[str] = []
        self.away = 0
        self.removals = Removals(
            self.metadata, self, self, Whole("metrics", self), Whole("traces", self), self, Audit(self.metadata, lambda: 9),  # type: ignore[arg-type]
            lambda: 9, self.settle,
            [lambda tenant: self.forgotten.append(tenant)], lambda tenant: self.forgotten.append(f"removed {tenant}"),
        )  # fmt: skip

    async def settle(self, seconds: float) -> None:
        pass

    async def table(self, query: Scoped) -> Rows:
        """The store: every record of the tenant is counted, whatever anybody may see."""
        assert isinstance(query.plan, Count) and query.tenant == "shop"
        assert (query.plan.scan.time.start, query.plan.scan.time.end) == (None, None)
        if self.away:
            self.away -= 1
            raise StorageError("the engine is busy.")
        return Rows([[self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]]])

    async def forget_tenant(self, tenant: str) -> None:
        """The lifecycle: its policy is not wanted any more."""
        assert self.metadata.list_retention() == [] and self.metadata.get_tenant(tenant) is not None
        self.forgotten.append(f"store {tenant}")

    async def add(self, deletion: StoredDeletion, actor: Actor) -> StoredDeletion:
        """The deletions: this one ends like the next of `ends`."""
        assert (deletion.query, deletion.tenant, deletion.start, deletion.end) == ("*", "shop", None, None)
        self.begun.append(deletion.id)
        end = self.ends.pop(0) if self.ends else replace(deletion, state="done", parts_total=2)
        self.metadata.put_deletion(replace(deletion, state=end.state, parts_total=end.parts_total, error=end.error))
        return deletion

    async def until(self, *states: str) -> StoredTenantDeletion:
        """Work until the removal is in one of the states."""
        task = asyncio.create_task(self.removals.run())
        try:
            async with asyncio.timeout(60):
                while True:
                    found = self.metadata.get_tenant_deletion("shop")
                    told = "removed shop" in self.forgotten or "tenant.deletion_failed" in self.actions()
                    if found is not None and found.state in states and told:
                        return found
                    await asyncio.sleep(0.005)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def actions(self) -> list[str]:
        return [record.action for record in self.metadata.list_audit(AuditFilter(), limit=99)][::-1]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("nexus.server.removals.LOOK_SECONDS", 0.005)
    monkeypatch.setattr("nexus.server.removals.RETRY_SECONDS", 0.005)
    made = World(tmp_path)
    assert made.metadata.begin_tenant_deletion(REMOVAL, 9)
    yield made
    made.metadata.close()


async def test_again_until_nothing_is_left(world: World) -> None:
    """What came in behind a deletion goes with the next one; then everything else goes, and the proof is there."""
    world.counts = [10, 3, 0]
    done = await world.until("done")
    assert world.begun == ["r1-1", "r1-2"] and done.records == 13 and done.finished_at == 9
    assert "13 records" in done.proof[0] and "2 times (4 parts)" in done.proof[0] and "1 views" in done.proof[5]
    assert world.metadata.get_tenant("shop") is world.metadata.get_view("v") is None
    assert world.forgotten == ["store shop", "metrics shop", "traces shop", "shop", "removed shop"]
    assert world.actions() == ["tenant.deleted"] and await world.removals.progress("shop") is not None


async def test_an_empty_tenant_is_proved_to_be_empty(world: World) -> None:
    """By a deletion all the same: what is not counted could lie in a part that was set aside."""
    world.counts = [0]
    done = await world.until("done")
    assert world.begun == ["r1-1"] and done.records == 0


async def test_what_cannot_be_deleted_is_said(world: World) -> None:
    """The tenant stays marked; asked again, it is tried again."""
    world.counts = [10]
    world.ends = [
        StoredDeletion("", "", "", None, None, "", "", "failed", 0, 0, 0, 0, error="damaged parts were set aside.")
    ]
    failed = await world.until("failed")
    assert (failed.error, failed.proof) == ("damaged parts were set aside.", ())
    tenant = world.metadata.get_tenant("shop")
    assert tenant is not None and tenant.deleted_at and world.metadata.get_view("v") is not None
    progress = await world.removals.progress("shop")
    assert progress is not None and (progress.left, progress.error) == (10, "damaged parts were set aside.")
    assert world.forgotten == [] and world.actions() == ["tenant.deletion_failed"]
    world.counts = [10, 0]
    assert world.metadata.begin_tenant_deletion(replace(REMOVAL, id="r2"), 9)
    assert (await world.until("done")).id == "r2" and world.begun == ["r1-1", "r2-1"]


async def test_records_without_end_are_a_failure(world: World) -> None:
    """Not a loop."""
    world.counts = [1]
    assert "something goes on storing" in (await world.until("failed")).error
    assert len(world.begun) == 10


async def test_a_stop_costs_nothing_that_was_done(world: World) -> None:
    """Deletions that are noted are not begun again."""
    world.counts = [4, 0]
    first = StoredDeletion("r1-1", "shop", "*", None, None, "", "admin", "done", 10, 5, 0, 7)
    world.metadata.put_deletion(first)
    done = await world.until("done")
    assert world.begun == ["r1-2"] and done.records == 14 and "2 times (7 parts)" in done.proof[0]


async def test_what_fails_for_a_while_is_tried_again(world: World) -> None:
    """The engine, and then the next step."""
    world.counts, world.away = [4, 0], 3
    assert (await world.until("done")).records == 4


async def test_nobody_asked(world: World) -> None:
    progress: Any = await world.removals.progress("nobody")
    assert progress is None
