"""Deletions over a real metadata store and an engine that only notes what it is told: when they begin, and what fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from nexus.errors import Overloaded, StorageError
from nexus.query.plan import Scoped
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.server import deletions as module
from nexus.server.deletions import Deletions
from nexus.storage.api import Progress
from nexus.storage.metadata.api import StoredDeletion
from nexus.storage.metadata.sqlite import SqliteMetadata

ASKER = Actor("user", "admin")


class Engine:
    """Erasures by id, each done when a test says so; what is done is proved at once and forgotten."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.open: set[str] = set()
        self.done = asyncio.Event()
        self.away = False

    async def erase(self, id: str, query: Scoped) -> int:
        await asyncio.sleep(0)
        if self.away:
            raise StorageError("the engine is busy.")
        if id not in self.open:
            self.begun.append(id)
            self.open.add(id)
        return 3

    async def erasure_progress(self, id: str) -> Progress | None:
        return Progress(self.done.is_set(), 0 if self.done.is_set() else 3) if id in self.open else None

    async def erased(self, id: str, query: Scoped) -> Progress:
        self.open.discard(id)
        return Progress(True)


class World:
    def __init__(self, metadata: SqliteMetadata) -> None:
        self.metadata = metadata
        self.engine = Engine()
        engines: Any = {"logs": self.engine, "traces": self.engine}
        self.deletions = Deletions(metadata, engines, Audit(metadata, lambda: 9), lambda: 9)

    async def add(self, id: str) -> StoredDeletion:
        wanted = StoredDeletion(id, "t", "user:u7", None, None, "", "admin", "running", 1, 0, 0, 7)
        return await self.deletions.add(wanted, ASKER)

    def states(self, *ids: str) -> list[str]:
        return [found.state if (found := self.metadata.get_deletion(id)) else "" for id in ids]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.deletions.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def until(self, states: list[str], *ids: str) -> None:
        async with asyncio.timeout(60):
            while self.states(*ids) != states:
                await asyncio.sleep(0.005)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    with closing(SqliteMetadata(tmp_path)) as metadata:
        yield World(metadata)


async def test_each_has_begun_when_it_is_answered(world: World) -> None:
    """Also while another one goes on, so that what is stored after the answer is not deleted."""
    async with world.running():
        first = await world.add("one")
        assert world.engine.begun == ["one"] and (first.parts_total, first.parts_left) == (3, 3)
        await world.add("two")
        assert world.engine.begun == ["one", "two"] and world.states("one", "two") == ["running", "running"]
        world.engine.done.set()
        await world.until(["done", "done"], "one", "two")
    assert world.engine.begun == ["one", "two"] and not world.engine.open


async def test_none_begins_twice(world: World) -> None:
    """However soon one is done."""
    world.engine.done.set()
    ids = [f"d{number}" for number in range(30)]
    async with world.running():
        for id in ids:
            await world.add(id)
        await world.until(["done"] * 30, *ids)
    assert world.engine.begun == ids and not world.engine.open


async def test_what_cannot_begin_now_begins_later_and_says_so(world: World) -> None:
    world.engine.away = True
    world.engine.done.set()
    told = await world.add("one")
    assert (told.state, told.error, world.engine.begun) == ("running", "the engine is busy.", [])
    async with world.running():
        world.engine.away = False
        await world.until(["done"], "one")
    found = world.metadata.get_deletion("one")
    assert found is not None and (found.error, found.parts_total) == ("", 3)


async def test_those_that_run_have_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are asked for at the same time, too."""
    monkeypatch.setattr(module, "MAX_OPEN", 3)
    answers = await asyncio.gather(*(world.add(f"d{number}") for number in range(5)), return_exceptions=True)
    assert sum(isinstance(answer, Overloaded) for answer in answers) == 2
    assert len(world.engine.begun) == 3
