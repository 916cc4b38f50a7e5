"""The metadata store on SQLite."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexus.errors import ConfigError, StorageError
from nexus.storage.metadata.api import (
    ApiKey,
    AuditRecord,
    Link,
    MetadataStore,
    Session,
    StoredDeletion,
    StoredRetention,
    Tenant,
    User,
    View,
)
from nexus.storage.metadata.migrate import migrations
from nexus.storage.metadata.sqlite import FILE, SqliteMetadata

ADMIN = User("admin", "$argon2id$...", ("admin",), 1)
KEY = ApiKey("k1", "hash", "shipper", "nxs_abc", "shop", ("logs:write",), 5)


@pytest.fixture
def metadata(tmp_path: Path) -> Iterator[MetadataStore]:
    """A new store."""
    store = SqliteMetadata(tmp_path)
    yield store
    store.close()


def test_users(metadata: MetadataStore) -> None:
    """Created, found, replaced, listed."""
    assert metadata.get_user("admin") is None
    metadata.put_user(ADMIN)
    assert metadata.get_user("admin") == ADMIN
    changed = replace(ADMIN, password_hash="other", disabled=True)
    metadata.put_user(changed)
    metadata.put_user(User("zoe", "x", (), 2))
    assert metadata.list_users() == [changed, User("zoe", "x", (), 2)]


def test_sessions_end(metadata: MetadataStore) -> None:
    """By time, by logout, with all others of the user; not by a new password hash as such."""
    metadata.put_user(ADMIN)
    for number in range(4):
        metadata.create_session(Session(f"t{number}", "admin", 1, 1, 10 + number))
    assert metadata.get_session("t0", 9) == Session("t0", "admin", 1, 1, 10)
    assert metadata.get_session("t0", 10) is None
    metadata.touch_session("t1", 8, 100)
    metadata.put_user(replace(ADMIN, password_hash="other"))
    assert metadata.get_session("t1", 99) == Session("t1", "admin", 1, 8, 100)
    metadata.delete_session("t1")
    assert metadata.get_session("t1", 9) is None
    assert metadata.purge_sessions(12) == 2
    metadata.delete_sessions("admin")
    assert metadata.get_session("t3", 9) is None


def test_a_session_needs_its_user(metadata: MetadataStore) -> None:
    """What refers to nothing is refused."""
    with pytest.raises(StorageError):
        metadata.create_session(Session("t", "nobody", 1, 1, 10))


def test_keys(metadata: MetadataStore) -> None:
    """Found by hash until revoked; revoking twice is told."""
    metadata.create_key(KEY)
    metadata.create_key(replace(KEY, id="k0", hash="h0", tenant="", created_at=6))
    assert metadata.find_key("hash") == KEY
    assert metadata.find_key("k1") is None
    assert [key.id for key in metadata.list_keys()] == ["k1", "k0"]
    assert [key.id for key in metadata.list_keys("shop")] == ["k1"]
    metadata.touch_key("k1", 9)
    metadata.touch_key("k1", 7)
    found = metadata.find_key("hash")
    assert found is not None and found.last_used == 9
    assert metadata.revoke_key("k1", 11)
    assert not metadata.revoke_key("k1", 12)
    assert metadata.find_key("hash") is None
    assert [key.id for key in metadata.list_keys()] == ["k0"]


def test_a_key_is_created_once(metadata: MetadataStore) -> None:
    """Ids and hashes are unique."""
    metadata.create_key(KEY)
    with pytest.raises(StorageError):
        metadata.create_key(replace(KEY, id="k2"))


def test_tenants(metadata: MetadataStore) -> None:
    """Made once, with settings of their own."""
    assert metadata.ensure_tenant("shop", 3)
    assert not metadata.ensure_tenant("shop", 4)
    metadata.ensure_tenant("a", 5)
    assert metadata.put_tenant_settings("shop", {"retention": 7})
    assert not metadata.put_tenant_settings("nobody", {})
    assert metadata.list_tenants() == [Tenant("a", 5), Tenant("shop", 3, {"retention": 7})]
    assert metadata.get_tenant("shop") == Tenant("shop", 3, {"retention": 7})


def test_settings(metadata: MetadataStore) -> None:
    """The last value counts."""
    assert metadata.get_setting("x") is None
    metadata.put_setting("x", "1")
    metadata.put_setting("x", "2")
    assert metadata.get_setting("x") == "2"


def test_everything_is_there_for_the_next_process(tmp_path: Path) -> None:
    """Without closing first; and only the owner may read the file."""
    first = SqliteMetadata(tmp_path)
    first.put_user(ADMIN)
    second = SqliteMetadata(tmp_path)
    assert second.get_user("admin") == ADMIN
    second.close()
    first.close()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_threads_may_share_it(metadata: MetadataStore) -> None:
    """Calls from several threads neither fail nor get lost."""

    def work(number: int) -> None:
        for step in range(50):
            metadata.ensure_tenant(f"t{number}-{step}", step)
            metadata.list_tenants()

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(metadata.list_tenants()) == 200


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """And a damaged one is named."""
    SqliteMetadata(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute(f"PRAGMA user_version = {len(migrations()) + 1}")
    connection.close()
    with pytest.raises(ConfigError, match="schema version"):
        SqliteMetadata(tmp_path)
    (tmp_path / FILE).write_bytes(b"no database at all " * 100)
    with pytest.raises(ConfigError, match="cannot use the metadata database"):
        SqliteMetadata(tmp_path)


def test_views(metadata: MetadataStore) -> None:
    """The shared ones and one's own, by name, up to a number."""
    mine = View("1", "t", "b", "", "logs", "q=1", False, "user:a", "a", 1, 1)
    theirs = replace(mine, id="2", name="a", owner="user:b")
    assert metadata.put_view(mine, 3) and metadata.put_view(theirs, 3)
    assert metadata.list_views("t", "user:a") == [mine]
    shared = replace(theirs, shared=True)
    assert metadata.put_view(shared, 2), "a view that is there can be changed"
    assert metadata.list_views("t", "user:a") == [shared, mine]
    assert not metadata.put_view(replace(mine, id="3"), 2)
    assert metadata.get_view("3") is None and metadata.list_views("u", "user:a") == []
    assert metadata.delete_view("2") and not metadata.delete_view("2")


def test_links(metadata: MetadataStore) -> None:
    """One a path and tenant, up to a number and a size."""
    limits = {"max_links": 2, "max_bytes": 20}
    first = metadata.put_link(Link("1", "t", "/logs", 1), **limits)
    assert first == Link("1", "t", "/logs", 1) == metadata.put_link(Link("2", "t", "/logs", 5), **limits)
    assert metadata.put_link(Link("3", "u", "/logs", 5), **limits) == Link("3", "u", "/logs", 5)
    assert metadata.put_link(Link("4", "t", "/" + "x" * 20, 5), **limits) is None
    assert metadata.put_link(Link("5", "t", "/x", 5), **limits) is not None
    assert metadata.put_link(Link("6", "t", "/y", 5), **limits) is None
    assert metadata.get_link("1") == first and metadata.get_link("6") is None


def test_retention_of_tenants(metadata: MetadataStore) -> None:
    """Replaced as a whole; nothing is no policy."""
    own = StoredRetention("t", (("level:debug", 3), ("x", 0)), None)
    metadata.put_retention(own)
    metadata.put_retention(StoredRetention("u", (), 5))
    assert metadata.list_retention() == [own, StoredRetention("u", (), 5)]
    metadata.put_retention(StoredRetention("t", (), None))
    assert metadata.list_retention() == [StoredRetention("u", (), 5)]


def test_deletions(metadata: MetadataStore) -> None:
    """Newest first; those that go on, oldest first."""
    first = StoredDeletion("1", "t", "x", None, 2**62, "why", "a", "running", 5, 0, 0, 10)
    second = replace(first, id="2", state="verifying", created_at=11, start=1, end=None)
    for deletion in (first, second, replace(first, id="3", tenant="u", state="done", created_at=12, finished_at=13)):
        metadata.put_deletion(deletion)
    assert metadata.list_deletions("t", 10) == [second, first] and metadata.list_deletions("t", 1) == [second]
    assert metadata.open_deletions() == [first, second]
    metadata.put_deletion(replace(first, state="failed", error="e"))
    assert metadata.get_deletion("1") == replace(first, state="failed", error="e")
    assert metadata.open_deletions() == [second] and metadata.get_deletion("9") is None


def test_audit_is_bounded(metadata: MetadataStore) -> None:
    """Per tenant and action; newest first."""
    for number in range(6):
        for tenant in ("t", "u"):
            metadata.add_audit(AuditRecord(number, tenant, "a", "odd" if number % 2 else "even", "s", {"n": str(number)}))
    assert [record.at for record in metadata.list_audit("t", 3)] == [5, 4, 3]
    assert metadata.purge_audit(action="odd", keep=1) == 4
    assert [record.at for record in metadata.list_audit("t", 9)] == [5, 4, 2, 0]
    assert metadata.purge_audit(action="", keep=2) == 4
    assert metadata.list_audit("u", 9)[0] == AuditRecord(5, "u", "a", "odd", "s", {"n": "5"})
    assert [record.at for record in metadata.list_audit("u", 9)] == [5, 4]
