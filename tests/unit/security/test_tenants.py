"""Tenants: made by hand and by themselves, and the mark of those that go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.config import load
from nexus.errors import Conflict, InvalidRequest, NotFound, PermissionDenied, StorageError, TenantDeleted
from nexus.security.access import Authority
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.security.authority import BUILTIN, FULL_AUTHORITY
from nexus.security.identity import Principal
from nexus.security.tenants import Tenants
from nexus.storage.metadata.api import AuditFilter, Tenant
from nexus.storage.metadata.sqlite import SqliteMetadata

ACTOR = Actor("user", "admin", "192.0.2.1")
ROOT = Principal("user", "admin", "admin", "default", FULL_AUTHORITY)
VIEWER = Principal("user", "eve", "eve", "shop", Authority({"shop": (BUILTIN["viewer"],)}))


@pytest.fixture
def metadata(tmp_path: Path) -> Iterator[SqliteMetadata]:
    store = SqliteMetadata(tmp_path)
    yield store
    store.close()


def tenants_of(metadata: SqliteMetadata, auto_create: str = "on") -> Tenants:
    config = load({"NEXUS_TENANTS_AUTO_CREATE": auto_create}).config
    return Tenants(metadata, lambda: config, lambda: 7, Audit(metadata, lambda: 7))


@pytest.fixture
def tenants(metadata: SqliteMetadata) -> Tenants:
    return tenants_of(metadata)


async def test_the_first_write_makes_a_tenant(metadata: SqliteMetadata, tenants: Tenants) -> None:
    """Once, however many writers come at once; written down."""
    await asyncio.gather(*(tenants.ensure("shop") for _ in range(5)))
    await tenants.ensure("shop")
    assert metadata.list_tenants() == [Tenant("shop", 7)]
    assert [record.action for record in metadata.list_audit(AuditFilter(), limit=9)] == ["tenant.created"]


async def test_tenants_only_by_hand(metadata: SqliteMetadata) -> None:
    """But for the default one and that of Nexus itself."""
    tenants = tenants_of(metadata, "off")
    with pytest.raises(PermissionDenied, match="no tenant shop"):
        await tenants.ensure("shop")
    for name in ("default", "_nexus"):
        await tenants.ensure(name)
    await tenants.create(ACTOR, "shop", "The shop")
    await tenants.ensure("shop")


async def test_the_number_of_tenants_is_bounded(tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers with a key of every tenant could make any number."""
    monkeypatch.setattr("nexus.security.tenants.MAX_TENANTS", 2)
    await tenants.ensure("a")
    await tenants.ensure("b")
    with pytest.raises(PermissionDenied, match="already"):
        await tenants.ensure("c")
    with pytest.raises(Conflict):
        await tenants.create(ACTOR, "c", "")
    await tenants.ensure("a")


async def test_made_and_described(metadata: SqliteMetadata, tenants: Tenants) -> None:
    made = await tenants.create(ACTOR, "shop", " The shop ")
    assert made == Tenant("shop", 7, {}, "The shop") == metadata.get_tenant("shop")
    with pytest.raises(Conflict):
        await tenants.create(ACTOR, "shop", "")
    for name in ("", "..", "a b", "x" * 65):
        with pytest.raises(InvalidRequest):
            await tenants.create(ACTOR, name, "")
    assert (await tenants.change(ACTOR, "shop", "Sold")).description == "Sold"
    with pytest.raises(NotFound):
        await tenants.change(ACTOR, "nobody", "x")
    with pytest.raises(InvalidRequest):
        await tenants.change(ACTOR, "shop", "x" * 1001)
    assert metadata.get_tenant("shop") == Tenant("shop", 7, {}, "Sold")


async def test_one_sees_what_one_reaches(tenants: Tenants) -> None:
    """Also what is not there yet; not what others have."""
    for name in ("a", "b", "shop"):
        await tenants.ensure(name)
    assert [tenant.name for tenant in await tenants.visible(ROOT)] == ["a", "b", "default", "shop"]
    assert [tenant.name for tenant in await tenants.visible(VIEWER)] == ["shop"] == await tenants.reachable(VIEWER)
    writer = Principal("key", "k", "k", "new", Authority({"new": (BUILTIN["viewer"],)}))
    assert [tenant.name for tenant in await tenants.visible(writer)] == ["new"]


async def test_a_tenant_that_goes(metadata: SqliteMetadata, tenants: Tenants) -> None:
    """Nothing enters it from this moment on, also in a process that starts later; then its name may be used again."""
    await tenants.ensure("shop")
    removal = await tenants.begin_removal(ACTOR, "shop")
    assert (removal.tenant, removal.requested_by, removal.state) == ("shop", "admin", "running")
    for known in (tenants, tenants_of(metadata)):
        assert not known.active("shop") and known.active("other")
        with pytest.raises(TenantDeleted):
            await known.ensure("shop")
        with pytest.raises(TenantDeleted):
            known.check_active("shop")
        for attempt in (
            known.create(ACTOR, "shop", ""), known.change(ACTOR, "shop", "x"), known.begin_removal(ACTOR, "shop"),
        ):  # fmt: skip
            with pytest.raises(Conflict, match="being deleted"):
                await attempt
        assert await known.reachable(VIEWER) == []
        assert [tenant.name for tenant in await known.visible(VIEWER)] == ["shop"]
    metadata.delete_tenant("shop")
    tenants.removed("shop")
    await tenants.ensure("shop")
    assert metadata.get_tenant("shop") == Tenant("shop", 7)


async def test_those_that_have_to_stay(tenants: Tenants) -> None:
    for name in ("default", "_nexus"):
        await tenants.ensure(name)
        with pytest.raises(InvalidRequest, match="cannot be deleted"):
            await tenants.begin_removal(ACTOR, name)
        assert tenants.active(name)
    with pytest.raises(NotFound):
        await tenants.begin_removal(ACTOR, "nobody")


async def test_a_mark_that_cannot_be_written_down_is_none(
    metadata: SqliteMetadata, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tenant goes on."""
    await tenants.ensure("shop")

    def away(*_: object) -> bool:
        raise StorageError("away")

    with monkeypatch.context() as broken, pytest.raises(StorageError):
        broken.setattr(metadata, "begin_tenant_deletion", away)
        await tenants.begin_removal(ACTOR, "shop")
    await tenants.ensure("shop")
    assert tenants.active("shop")


async def test_what_another_process_does_is_taken_over(metadata: SqliteMetadata, tenants: Tenants) -> None:
    """A mark, a removal, a tenant that is there again."""
    other = tenants_of(metadata)
    await tenants.ensure("shop")
    await other.begin_removal(ACTOR, "shop")
    assert tenants.active("shop")
    await tenants.refresh()
    assert not tenants.active("shop")
    metadata.delete_tenant("shop")
    await tenants.refresh()
    assert tenants.active("shop")


async def test_a_look_that_is_older_than_a_change_does_not_undo_it(
    metadata: SqliteMetadata, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark set while the list was read stays."""
    await tenants.ensure("shop")
    loop = asyncio.get_running_loop()
    listed = metadata.list_tenants

    def slowly() -> list[Tenant]:
        before = listed()
        asyncio.run_coroutine_threadsafe(tenants.begin_removal(ACTOR, "shop"), loop).result(10)
        return before

    monkeypatch.setattr(metadata, "list_tenants", slowly)
    await tenants.refresh()
    assert not tenants.active("shop")
