"""API keys: who may make which, how long they count, and what happens while the metadata is away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nexus.errors import Conflict, InvalidRequest, NotFound, PermissionDenied, StorageError
from nexus.security import secrets
from nexus.security.access import Authority, Grant, Role
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.security.authority import FULL_AUTHORITY, Authorities, lower_policy, masked_fields
from nexus.security.identity import Principal
from nexus.security.keys import CACHE_SECONDS, MAX_OVERLAP, SECOND, STALE_SECONDS, Keys, NewKey
from nexus.security.permissions import Permission
from nexus.storage.metadata.api import AuditFilter, Binding, ServiceAccount, StoredLimits, StoredRole
from nexus.storage.metadata.sqlite import SqliteMetadata

ACTOR = Actor("user", "admin", "192.0.2.1")
ROOT = Principal("user", "admin", "admin", "default", FULL_AUTHORITY)


def principal(*grants: tuple[str, str], tenant: str = "shop", policy: str = "", masked: tuple[str, ...] = ()) -> Principal:
    """Somebody with one role in one tenant."""
    held = tuple(Grant(Permission(name), on) for name, on in grants)
    role = Role("his", "", held, lower_policy(policy), masked_fields(masked), policy_text=policy)
    return Principal("user", "eve", "eve", tenant, Authority({tenant: (role,)}))


def everything(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, "*") for name in names)


class World:
    """Keys over a real store, with clocks that stand still."""

    def __init__(self, folder: Path) -> None:
        self.metadata: Any = SqliteMetadata(folder)
        self.now, self.seconds = 1_000 * SECOND, 0.0
        self.leaving: set[str] = set()
        self.most: dict[str, float] = {}
        self.authorities = Authorities(self.metadata)
        self.keys = Keys(
            self.metadata, self.authorities, Audit(self.metadata, lambda: self.now), lambda: self.now,
            lambda tenant: tenant not in self.leaving, lambda name: self.most.get(name, 0.0), lambda: self.seconds,
        )  # fmt: skip

    async def make(self, who: Principal = ROOT, **wanted: Any) -> tuple[Any, str]:
        given = {"permissions": ["logs:write"]} if not {"permissions", "role", "account"} & wanted.keys() else {}
        return await self.keys.create(who, ACTOR, NewKey(**{"name": "shipper", **given, **wanted}), "shop")

    def actions(self) -> list[str]:
        return [record.action for record in self.metadata.list_audit(AuditFilter(), limit=99)][::-1]

    def later(self, seconds: float) -> None:
        self.seconds += seconds
        self.now += int(seconds * SECOND)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.metadata.ensure_tenant("shop", 1)
    yield made
    made.metadata.close()


# ------------------------------------------------------------------------------------------------------------ looking up


async def test_a_key_is_found_by_its_secret_only(world: World) -> None:
    """And nothing of the secret is stored but its hash and its beginning."""
    key, secret = await world.make()
    assert await world.keys.by_secret(secret) == key
    for wrong in ("", secret[:-1], secret + "x", key.hash, key.id, "\udcff"):
        assert await world.keys.by_secret(wrong) is None
    (stored,) = world.metadata.list_keys()
    assert stored.hash == secrets.digest(secret) and secret.startswith(stored.prefix) and len(stored.prefix) < 20
    record = world.metadata.audit_head()
    assert record.action == "key.created" and record.who == "admin" and record.address == "192.0.2.1"
    assert secret not in repr(record) and stored.hash not in repr(record)


async def test_a_key_expires(world: World) -> None:
    """To the second, also while it is remembered."""
    _, secret = await world.make(expires_in=3)
    assert await world.keys.by_secret(secret) is not None
    world.later(2.9)
    assert await world.keys.by_secret(secret) is not None
    world.later(0.1)
    assert await world.keys.by_secret(secret) is None


async def test_a_rotated_key_has_two_secrets_for_a_while(world: World) -> None:
    """The old one ends to the second; a second rotation ends the first secret at once."""
    key, old = await world.make()
    after, new = await world.keys.rotate(ROOT, ACTOR, "shop", key.id, 3)
    assert after.id == key.id and after.previous_until == world.now + 3 * SECOND and new != old
    for secret in (old, new):
        found = await world.keys.by_secret(secret)
        assert found is not None and found.id == key.id
    world.later(2.9)
    assert await world.keys.by_secret(old) is not None
    world.later(0.1)
    assert await world.keys.by_secret(old) is None and await world.keys.by_secret(new) is not None
    _, third = await world.keys.rotate(ROOT, ACTOR, "shop", key.id, 0)
    assert await world.keys.by_secret(new) is None and await world.keys.by_secret(third) is not None
    assert world.actions() == ["key.created", "key.rotated", "key.rotated"]


async def test_a_revoked_key_is_useless_at_once(world: World) -> None:
    """With both secrets; its limits go with it; it cannot be revoked or rotated again."""
    key, old = await world.make(limits={"ingest_requests": 5})
    _, new = await world.keys.rotate(ROOT, ACTOR, "shop", key.id, 60)
    assert await world.keys.by_secret(old) and await world.keys.by_secret(new)
    assert await world.keys.limits() == {key.id: {"ingest_requests": 5}}
    await world.keys.revoke(ROOT, ACTOR, "shop", key.id)
    assert await world.keys.by_secret(old) is await world.keys.by_secret(new) is None
    assert await world.keys.limits() == {}
    for again in (world.keys.revoke(ROOT, ACTOR, "shop", key.id), world.keys.rotate(ROOT, ACTOR, "shop", key.id, 0)):
        with pytest.raises(NotFound):
            await again


async def test_what_another_process_revoked_ends_soon(world: World) -> None:
    """When what is remembered is too old."""
    key, secret = await world.make()
    assert await world.keys.by_secret(secret) is not None
    world.metadata.revoke_key(key.id, world.now)
    assert await world.keys.by_secret(secret) is not None, "remembered"
    world.later(CACHE_SECONDS)
    assert await world.keys.by_secret(secret) is None


async def test_keys_go_on_while_the_metadata_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were used lately, for some minutes; a key that nobody used before is a failure, not a wrong key."""
    _, known = await world.make()
    _, unknown = await world.make()
    assert await world.keys.by_secret(known) is not None

    def away(*_: object) -> None:
        raise StorageError("the metadata database cannot be reached.")

    monkeypatch.setattr(world.metadata, "find_key", away)
    world.later(CACHE_SECONDS + 1)
    assert await world.keys.by_secret(known) is not None
    with pytest.raises(StorageError):
        await world.keys.by_secret(unknown)
    world.later(STALE_SECONDS)
    with pytest.raises(StorageError):
        await world.keys.by_secret(known)


async def test_guesses_do_not_push_out_keys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered is bounded, of right and wrong ones apart; the same guess is looked up once."""
    monkeypatch.setattr("nexus.security.keys.MAX_CACHED_WRONG", 20)
    monkeypatch.setattr("nexus.security.keys.MAX_CACHED", 2)
    made = [await world.make() for _ in range(3)]
    asked: list[str] = []
    find = world.metadata.find_key
    monkeypatch.setattr(world.metadata, "find_key", lambda mark, now: (asked.append(mark), find(mark, now))[1])
    for _, secret in made:
        assert await world.keys.by_secret(secret) is not None
    for number in range(60):
        assert await world.keys.by_secret(f"guess {number}") is None
    assert len(asked) == 63
    assert await world.keys.by_secret("guess 59") is None and await world.keys.by_secret(made[2][1]) is not None
    assert len(asked) == 63, "remembered"
    assert len(world.keys._right) == 2 and len(world.keys._wrong) == 20


async def test_many_who_ask_at_once_ask_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that ten senders use costs one lookup."""
    import asyncio

    _, secret = await world.make()
    asked: list[str] = []
    find = world.metadata.find_key
    monkeypatch.setattr(world.metadata, "find_key", lambda mark, now: (asked.append(mark), find(mark, now))[1])
    found = await asyncio.gather(*(world.keys.by_secret(secret) for _ in range(10)))
    assert len({id(key) for key in found}) == 1 and len(asked) == 1


async def test_when_a_key_was_used_is_written_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then; and later when it cannot be written now."""
    key, secret = await world.make()
    await world.keys.by_secret(secret)
    used = world.now
    assert world.metadata.get_key(key.id).last_used == 0

    def away(*_: object) -> None:
        raise StorageError("away")

    with monkeypatch.context() as broken, pytest.raises(StorageError):
        broken.setattr(world.metadata, "touch_key", away)
        world.keys.tidy()
    world.keys.tidy()
    assert world.metadata.get_key(key.id).last_used == used


# ------------------------------------------------------------------------------------------------------------------ giving


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": ""}, {"name": " "}, {"name": "x" * 101}, {"name": "a\nb"}, {"permissions": []}, {"permissions": ["no"]},
        {"permissions": ["logs:read"], "role": "viewer"}, {"role": "viewer", "account": "a"}, {"signals": ["smells"]},
        {"expires_in": -1}, {"expires_in": 10**12}, {"tenant": "no such name!"}, {"tenant": ".."},
        {"limits": {"smells": 1}}, {"limits": {"ingest_requests": -1}}, {"limits": {"auth_requests": 1}},
    ],
)  # fmt: skip
async def test_keys_that_make_no_sense(world: World, wanted: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        await world.make(**wanted)
    assert world.metadata.list_keys() == [] and world.metadata.list_limits() == [] and world.actions() == []


@pytest.mark.parametrize("wanted", [{"role": "nobody"}, {"account": "nobody"}])
async def test_keys_of_what_is_not_there(world: World, wanted: dict[str, Any]) -> None:
    with pytest.raises(NotFound):
        await world.make(**wanted)


async def test_nobody_gives_more_than_he_has(world: World) -> None:
    """Not more permissions, not in another tenant, not on more keys than his own."""
    eve = principal(*everything("keys:write", "logs:write"))
    await world.make(eve)
    for wanted in (
        {"permissions": ["logs:read"]}, {"permissions": ["logs:write", "admin"]}, {"role": "viewer"}, {"role": "admin"},
        {"tenant": "*"}, {"tenant": "other"},
    ):  # fmt: skip
        with pytest.raises(PermissionDenied):
            await world.make(eve, **wanted)
    with pytest.raises(PermissionDenied):
        await world.make(principal(*everything("logs:write")))
    some = principal(("keys:write", "key:ci-*"), *everything("logs:write"))
    await world.make(some, name="ci-1")
    with pytest.raises(PermissionDenied, match="may not make keys called 'prod'"):
        await world.make(some, name="prod")
    assert len(world.metadata.list_keys()) == 2


async def test_what_a_creator_does_not_see_his_keys_do_not_see(world: World) -> None:
    """Under a policy or masks: keys that only write, or of a role that shows no more."""
    narrow = StoredRole("narrow", "", (("logs:read", "*"),), "service:web level:error", ("user", "card"), 1, 1)
    world.metadata.put_role(narrow)
    world.metadata.put_role(replace(narrow, name="wide", policy="level:error"))
    world.metadata.put_role(replace(narrow, name="bare", masked=()))
    grants = everything("keys:write", "logs:read", "logs:write")
    eve = principal(*grants, policy="service:web", masked=("user",))
    await world.make(eve)
    await world.make(eve, role="narrow")
    for wanted in ({"permissions": ["logs:read"]}, {"role": "wide"}, {"role": "bare"}):
        with pytest.raises(PermissionDenied):
            await world.make(eve, **wanted)
    await world.make(principal(*grants), permissions=["logs:read"])


async def test_keys_of_a_service_account(world: World) -> None:
    """Only by whom may do what it may do; a key of one tenant has its roles there only. Disabled or gone, it has none."""
    world.metadata.put_account(ServiceAccount("a1", "ci", "", False, 1))
    world.metadata.add_binding(Binding("b1", "account", "a1", "operator", "shop", 1))
    world.metadata.add_binding(Binding("b2", "account", "a1", "viewer", "other", 1))
    key, secret = await world.make(account="a1", tenant="shop")
    assert (await world.keys.account_names()) == {"a1": "ci"}
    authority = await world.authorities.of_key(key)
    assert authority.access("shop").may(Permission.LOGS_WRITE) and not authority.reaches("other")
    eve = principal(*everything("keys:write", "logs:read"))
    with pytest.raises(PermissionDenied):
        await world.make(eve, account="a1")
    with pytest.raises(PermissionDenied):
        await world.keys.rotate(principal(*everything("keys:write", "keys:read")), ACTOR, "shop", key.id, 0)
    world.metadata.put_account(ServiceAccount("a1", "ci", "", True, 1))
    world.authorities.forget()
    with pytest.raises(NotFound, match="disabled"):
        await world.make(account="a1")
    world.metadata.delete_account("a1", world.now)
    world.keys.forget()
    assert await world.keys.by_secret(secret) is None


async def test_rotating_gives_no_more_than_making_revoking_is_open(world: World) -> None:
    """Whoever rotates a key knows its secret then; whoever revokes one knows nothing more."""
    strong, secret = await world.make(permissions=["logs:read", "logs:write"])
    eve = principal(*everything("keys:write", "keys:read", "logs:write"))
    with pytest.raises(PermissionDenied):
        await world.keys.rotate(eve, ACTOR, "shop", strong.id, 0)
    assert await world.keys.by_secret(secret) is not None
    await world.keys.revoke(eve, ACTOR, "shop", strong.id)
    assert await world.keys.by_secret(secret) is None


async def test_keys_of_others_are_not_there(world: World) -> None:
    """Of another tenant, of every tenant, of another name: neither listed nor found."""
    ours, _ = await world.make(name="ci-1")
    named, _ = await world.make(name="prod")
    theirs, _ = await world.make(tenant="other")
    every, _ = await world.make(tenant="*")
    eve = principal(("keys:read", "key:ci-*"), ("keys:write", "*"))
    assert [key.id for key in await world.keys.visible(eve, "shop")] == [ours.id]
    assert len(await world.keys.visible(ROOT, "shop")) == 4
    for key in (theirs, every):
        for attempt in (world.keys.revoke(eve, ACTOR, "shop", key.id), world.keys.rotate(eve, ACTOR, "shop", key.id, 0)):
            with pytest.raises(NotFound):
                await attempt
    reader = principal(*everything("keys:read"), ("keys:write", "key:ci-*"))
    with pytest.raises(PermissionDenied, match="may not change"):
        await world.keys.revoke(reader, ACTOR, "shop", named.id)
    for overlap in (-1, MAX_OVERLAP + 1):
        with pytest.raises(InvalidRequest):
            await world.keys.rotate(ROOT, ACTOR, "shop", ours.id, overlap)


async def test_an_expired_key_is_not_rotated(world: World) -> None:
    """Its end stays its end."""
    key, _ = await world.make(expires_in=1)
    world.later(1)
    with pytest.raises(InvalidRequest, match="expired"):
        await world.keys.rotate(ROOT, ACTOR, "shop", key.id, 0)


async def test_limits_of_keys_may_only_be_narrower(world: World) -> None:
    """Unless somebody makes them who may change limits."""
    world.most = {"ingest_requests": 10.0}
    eve = principal(*everything("keys:write", "logs:write"))
    key, _ = await world.make(eve, limits={"ingest_requests": 10, "ingest_bytes": 1e6})
    assert world.metadata.list_limits() == [StoredLimits("key", key.id, {"ingest_requests": 10, "ingest_bytes": 1e6})]
    for value in (0, 10.5):
        with pytest.raises(PermissionDenied):
            await world.make(eve, limits={"ingest_requests": value})
    await world.make(ROOT, limits={"ingest_requests": 0})


async def test_a_key_of_a_tenant_that_goes_cannot_be_made(world: World) -> None:
    world.leaving.add("shop")
    with pytest.raises(Conflict):
        await world.make()


async def test_the_number_of_keys_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexus.security.keys.MAX_KEYS", 2)
    await world.make()
    key, _ = await world.make()
    with pytest.raises(Conflict):
        await world.make()
    await world.keys.revoke(ROOT, ACTOR, "shop", key.id)
    await world.make()


async def test_signals_narrow_what_a_key_writes(world: World) -> None:
    """A key for other signals does not write logs, whatever else it may do."""
    key, _ = await world.make(permissions=["*"], signals=["traces", "metrics"], tenant="*")
    assert key.signals == ("metrics", "traces")
    access = (await world.authorities.of_key(key)).access("shop")
    assert not access.may(Permission.LOGS_WRITE) and not access.may(Permission.ADMIN) and access.may(Permission.LOGS_READ)
    key, _ = await world.make(signals=["logs"])
    assert (await world.authorities.of_key(key)).access("shop").may(Permission.LOGS_WRITE)
