"""How sessions last, are exchanged and end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.config import load
from nexus.security import secrets
from nexus.security.login.sessions import MAX_CACHED, MAX_SESSIONS, Found, Sessions
from nexus.storage.metadata.api import User
from nexus.storage.metadata.sqlite import SqliteMetadata

SECOND = 10**9
MINUTE = 60 * SECOND
ALICE = User("alice", "", 1)


class World:
    """A store, a clock for everything, and how often something was said to have changed."""

    def __init__(self, path: Path) -> None:
        self.metadata = SqliteMetadata(path)
        self.metadata.put_user(ALICE)
        self.now = 10**18
        self.changes = 0
        self.config = load({"NEXUS_SESSION_IDLE_TIMEOUT": "1h", "NEXUS_SESSION_LIFETIME": "3h"}).config
        self.sessions = self.process()

    def process(self) -> Sessions:
        """Sessions, as another process would have them."""
        return Sessions(
            self.metadata, lambda: self.config, lambda: self.now, lambda: self.changes, self.changed, lambda: self.now / 1e9
        )

    def changed(self) -> None:
        self.changes += 1

    async def found(self, token: str) -> Found:
        found = await self.sessions.by_token(token)
        assert found is not None
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.metadata.close()


async def test_idle_and_absolute_end(world: World) -> None:
    token, _ = await world.sessions.start(ALICE, "password", "1.2.3.4", "Browser")
    for _ in range(3):
        world.now += 59 * MINUTE
        token = (await world.found(token)).fresh_token or token
    world.now += 4 * MINUTE
    assert await world.sessions.by_token(token) is None, "the longest time is over, however much it was used"
    token, _ = await world.sessions.start(ALICE, "password", "1.2.3.4", "")
    world.now += 61 * MINUTE
    assert await world.sessions.by_token(token) is None, "it was idle for too long"


async def test_nothing_is_stored_in_clear(world: World) -> None:
    token, session = await world.sessions.start(ALICE, "password", "1.2.3.4", "Br\r\now\x00ser" + "x" * 900)
    assert len(token) >= 43
    assert session.token_hash == secrets.digest(token)
    assert session.user_agent == "Br  ow ser" + "x" * 190
    assert await world.sessions.by_token(session.token_hash) is None
    assert await world.sessions.by_token(session.id) is None
    for wrong in ("", "x", "x" * 5000, token[:-1], token + "a"):
        assert await world.sessions.by_token(wrong) is None


async def test_the_token_is_exchanged_and_requests_at_one_time_agree(world: World) -> None:
    token, session = await world.sessions.start(ALICE, "password", "1.2.3.4", "")
    world.now += 14 * MINUTE
    assert (await world.found(token)).fresh_token == ""
    world.now += 2 * MINUTE
    answers = await asyncio.gather(*(world.sessions.by_token(token) for _ in range(20)))
    fresh = {found.fresh_token for found in answers if found}
    assert len(fresh) == 1
    (new,) = fresh
    assert new not in ("", token)
    world.now += 30 * SECOND
    late = await world.found(token)
    assert (late.fresh_token, late.session.id) == (new, session.id), "an answer that got lost is told again"
    assert (await world.found(new)).fresh_token == ""
    world.now += 31 * SECOND
    assert await world.sessions.by_token(token) is None, "the old one counts for a minute"
    assert (await world.found(new)).session.id == session.id


async def test_two_processes_do_not_exchange_twice(world: World) -> None:
    token, _ = await world.sessions.start(ALICE, "password", "1.2.3.4", "")
    other = world.process()
    world.now += 16 * MINUTE
    here, there = await asyncio.gather(world.sessions.by_token(token), other.by_token(token))
    assert here is not None
    assert there is not None
    assert sorted([bool(here.fresh_token), bool(there.fresh_token)]) == [False, True]


async def test_a_change_of_rights_makes_the_old_token_useless(world: World) -> None:
    token, session = await world.sessions.start(ALICE, "password", "1.2.3.4", "")
    await world.found(token)
    renewed = await world.sessions.renew(session.id, "alice")
    assert await world.sessions.by_token(token) is None
    assert (await world.found(renewed)).session.id == session.id
    # Also within the minute after an exchange.
    world.now += 16 * MINUTE
    exchanged = (await world.found(renewed)).fresh_token
    final = await world.sessions.renew(session.id, "alice")
    for gone in (token, renewed, exchanged):
        assert await world.sessions.by_token(gone) is None
    assert await world.sessions.by_token(final) is not None
    assert await world.sessions.renew("no such", "alice") == ""


async def test_the_oldest_makes_room(world: World) -> None:
    tokens = []
    for _ in range(MAX_SESSIONS + 3):
        world.now += SECOND
        tokens.append((await world.sessions.start(ALICE, "password", "1.2.3.4", ""))[0])
    assert len(await world.sessions.list("alice")) == MAX_SESSIONS
    assert [await world.sessions.by_token(token) is None for token in tokens[:4]] == [True, True, True, False]


async def test_ends(world: World) -> None:
    mine, session = await world.sessions.start(ALICE, "password", "1.2.3.4", "")
    other, _ = await world.sessions.start(ALICE, "password", "1.2.3.4", "")
    for token in (mine, other):
        await world.found(token)
    assert await world.sessions.end_all("alice", keep=session.id) == 1
    assert await world.sessions.by_token(other) is None
    assert await world.sessions.by_token(mine) is not None
    assert await world.sessions.end(session.id)
    assert not await world.sessions.end(session.id)
    assert await world.sessions.by_token(mine) is None
    _, gone = await world.sessions.start(ALICE, "password", "1.2.3.4", "")
    assert await world.sessions.leave("bob", gone.id) is None
    assert await world.sessions.leave("alice", gone.id) == gone
    assert await world.sessions.leave("alice", gone.id) is None
    assert await world.sessions.leave("", "") is None
    assert world.changes == 4, "live conversations are looked at again"


async def test_another_process_learns_within_seconds(world: World) -> None:
    token, session = await world.sessions.start(ALICE, "password", "1.2.3.4", "")
    await world.found(token)
    world.metadata.delete_session(session.id)
    assert await world.sessions.by_token(token) is not None
    world.now += 6 * SECOND
    assert await world.sessions.by_token(token) is None


async def test_a_disabled_user_has_none(world: World) -> None:
    token, _ = await world.sessions.start(ALICE, "password", "1.2.3.4", "")
    await world.found(token)
    world.metadata.put_user(User("alice", "", 1, disabled=True))
    world.changed()
    assert await world.sessions.by_token(token) is None


async def test_a_use_is_written_once_a_minute(world: World) -> None:
    token, session = await world.sessions.start(ALICE, "password", "1.2.3.4", "")

    def stored() -> int:
        return world.metadata.list_sessions("alice", world.now)[0].last_seen

    world.now += 59 * SECOND
    await world.found(token)
    assert stored() == session.last_seen
    world.now += 2 * SECOND
    await world.found(token)
    assert stored() == world.now


async def test_the_cache_is_bounded(world: World) -> None:
    _, session = await world.sessions.start(ALICE, "password", "", "")
    for number in range(MAX_CACHED + 20):
        world.sessions._keep(str(number), Found(session, ALICE))
    assert len(world.sessions._cache) == MAX_CACHED
    world.sessions.tidy()
