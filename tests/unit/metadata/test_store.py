"""What every metadata store promises."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from nexus.errors import Conflict, InvalidRequest, NotFound, StorageError
from nexus.storage.metadata.api import (
    ApiKey,
    Binding,
    Link,
    MetadataStore,
    Passkey,
    ServiceAccount,
    Session,
    StoredDeletion,
    StoredLimits,
    StoredRetention,
    StoredRole,
    StoredTenantDeletion,
    Team,
    Tenant,
    Ticket,
    User,
    View,
)

ADMIN = User("admin", "$argon2id$...", 1)
ZOE = User(
    "zoe", "x", 2, True, "Zoë", "Zoe@Example.com", "oidc:corp", "ext-1", 3, True, "sealed", 5, ("r1", "r2"), 7
)  # fmt: skip
SESSION = Session("s", "t", "admin", "password", 1, 1, 1, 10, "192.0.2.1", "Browser", "https://idp", "there")
KEY = ApiKey("k1", "hash", "shipper", "nxs_abc", "shop", ("logs:write",), 5)
PASSKEY = Passkey("p", "admin", "yubikey", b"\x00\xff", 3, ("usb", "nfc"), 4)
TEAM = Team("t1", "ops", "On call", ("admin", "zoe"), 3)

Open = Callable[[], MetadataStore]


# ------------------------------------------------------------------------------------------------------------------ users


def test_users(metadata: MetadataStore) -> None:
    """Created, found, replaced, listed."""
    assert metadata.get_user("admin") is None
    metadata.put_user(ADMIN)
    metadata.put_user(ZOE)
    assert metadata.get_user("admin") == ADMIN and metadata.get_user("zoe") == ZOE
    changed = replace(ADMIN, password_hash="other", disabled=True)
    metadata.put_user(changed)
    assert metadata.list_users() == [changed, ZOE]
    metadata.note_login("zoe", 9)
    metadata.note_login("zoe", 8)
    assert metadata.get_user("zoe") == replace(ZOE, last_login=9)


def test_users_of_elsewhere(metadata: MetadataStore) -> None:
    """By the id that they have there, by e-mail address in any case; an empty one finds nobody."""
    metadata.put_user(ADMIN)
    metadata.put_user(ZOE)
    assert metadata.find_user(source="oidc:corp", external_id="ext-1") == ZOE
    assert metadata.find_user(source="scim", external_id="ext-1") is None
    assert metadata.find_user(email="zoe@EXAMPLE.com") == ZOE
    assert metadata.find_user() is metadata.find_user(source="local") is None


def test_a_time_step_is_used_once(metadata: MetadataStore) -> None:
    """Neither it nor an earlier one counts again; of many at once one wins."""
    metadata.put_user(ADMIN)
    assert metadata.use_totp("admin", 7) and not metadata.use_totp("admin", 7) and not metadata.use_totp("admin", 6)
    assert not metadata.use_totp("nobody", 7)
    assert winners(lambda: metadata.use_totp("admin", 8)) == 1


def test_a_recovery_code_is_used_once(metadata: MetadataStore) -> None:
    """The others stay, whoever uses them at the same time."""
    codes = tuple(f"c{number}" for number in range(6))
    metadata.put_user(replace(ADMIN, recovery=codes))
    assert not metadata.use_recovery("admin", "no") and not metadata.use_recovery("nobody", "c0")
    assert winners(lambda: metadata.use_recovery("admin", "c0")) == 1
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda code: metadata.use_recovery("admin", code), codes[1:5]))
    user = metadata.get_user("admin")
    assert user is not None and user.recovery == ("c5",)


def test_a_user_leaves_nothing_behind(metadata: MetadataStore) -> None:
    """Sessions, passkeys, memberships and bindings go, those of others stay."""
    metadata.put_user(ADMIN)
    metadata.put_user(ZOE)
    metadata.create_session(SESSION)
    metadata.put_passkey(PASSKEY)
    metadata.put_team(TEAM)
    for number, (kind, subject) in enumerate((("user", "admin"), ("user", "zoe"), ("team", "admin"))):
        metadata.add_binding(Binding(f"b{number}", kind, subject, "viewer", "*", 1))
    assert metadata.delete_user("admin") and not metadata.delete_user("admin")
    metadata.put_user(ADMIN)
    assert metadata.get_session("t", 1) is None and metadata.list_passkeys("admin") == []
    assert metadata.list_teams() == [replace(TEAM, members=("zoe",))]
    assert [binding.id for binding in metadata.list_bindings()] == ["b1", "b2"]


# --------------------------------------------------------------------------------------------------------------- sessions


def test_sessions_end(metadata: MetadataStore) -> None:
    """By time, by logout, with all others of the user; not by a new password hash as such."""
    metadata.put_user(ADMIN)
    for number in range(5):
        metadata.create_session(replace(SESSION, id=f"s{number}", token_hash=f"t{number}", expires_at=10 + number))
    assert metadata.get_session("t0", 9) == replace(SESSION, id="s0", token_hash="t0")
    assert metadata.get_session("t0", 10) is None
    metadata.touch_session("s1", 8, 100)
    metadata.touch_session("s1", 7, 50)
    metadata.put_user(replace(ADMIN, password_hash="other"))
    found = metadata.get_session("t1", 99)
    assert found is not None and (found.last_seen, found.expires_at) == (8, 100)
    assert metadata.delete_session("s1") and not metadata.delete_session("s1")
    assert [session.id for session in metadata.list_sessions("admin", 11)] == ["s2", "s3", "s4"]
    metadata.put_ticket(Ticket("h", "reset", "admin", "{}", 12))
    assert metadata.purge_sessions(12) == 3
    assert metadata.delete_sessions("admin", keep="s4") == 1
    assert [session.id for session in metadata.list_sessions("admin", 0)] == ["s4"]
    assert metadata.delete_sessions("admin") == 1


def test_sessions_rotate(metadata: MetadataStore) -> None:
    """The token before counts for a while; of two who rotate the same token one does it."""
    metadata.put_user(ADMIN)
    metadata.create_session(replace(SESSION, expires_at=1000))
    assert metadata.rotate_session("s", "t", "u", 20, 25) and not metadata.rotate_session("s", "t", "v", 20, 25)
    found = metadata.get_session("t", 24)
    assert (
        found
        == metadata.get_session("u", 24)
        == replace(SESSION, token_hash="u", rotated_at=20, expires_at=1000, previous_hash="t", previous_until=25)
    )
    assert metadata.get_session("t", 25) is None and metadata.get_session("u", 25) is not None
    assert metadata.get_session("", 0) is None


def test_sessions_of_a_sign_on(metadata: MetadataStore) -> None:
    """Ended from there: one session, or all of a user; those of others stay."""
    metadata.put_user(ADMIN)
    metadata.put_user(ZOE)
    for number, (user, issuer, there) in enumerate(
        [("admin", "i", "1"), ("admin", "i", "2"), ("zoe", "i", "3"), ("zoe", "j", "1"), ("zoe", "", "")]
    ):
        metadata.create_session(
            replace(SESSION, id=f"s{number}", token_hash=f"t{number}", user=user, issuer=issuer, issuer_session=there)
        )
    assert metadata.delete_issuer_sessions("i", issuer_session="1") == 1
    assert metadata.delete_issuer_sessions("i") == 0
    assert metadata.delete_issuer_sessions("i", users=["admin", "zoe", "nobody"]) == 2
    assert [session.id for session in metadata.list_sessions("zoe", 0)] == ["s3", "s4"]


def test_a_session_needs_its_user(metadata: MetadataStore) -> None:
    """What refers to nothing is refused."""
    with pytest.raises(StorageError):
        metadata.create_session(SESSION)


def test_passkeys(metadata: MetadataStore) -> None:
    """Replaced by their user only."""
    metadata.put_user(ADMIN)
    metadata.put_user(ZOE)
    metadata.put_passkey(PASSKEY)
    used = replace(PASSKEY, sign_count=4, last_used=9)
    metadata.put_passkey(used)
    assert metadata.get_passkey("p") == used and metadata.get_passkey("q") is None
    with pytest.raises(Conflict):
        metadata.put_passkey(replace(PASSKEY, user="zoe", public_key=b"evil"))
    assert metadata.list_passkeys("admin") == [used] and metadata.list_passkeys("zoe") == []
    assert not metadata.delete_passkey("zoe", "p") and metadata.delete_passkey("admin", "p")


def test_a_ticket_is_taken_once(metadata: MetadataStore) -> None:
    """By its kind, before it expires, by one of many."""
    ticket = Ticket("h", "reset", "admin", '{"a": 1}', 10)
    metadata.put_ticket(ticket)
    assert metadata.get_ticket("h", "reset", 9) == ticket
    assert metadata.get_ticket("h", "reset", 10) is metadata.get_ticket("h", "login", 9) is None
    assert metadata.take_ticket("h", "login", 9) is None
    assert winners(lambda: metadata.take_ticket("h", "reset", 9) is not None) == 1
    metadata.put_ticket(ticket)
    metadata.put_ticket(replace(ticket, subject="zoe"))
    assert metadata.take_ticket("h", "reset", 10) is None and metadata.get_ticket("h", "reset", 1) is None


# ------------------------------------------------------------------------------------------------------ roles and subjects


def test_roles(metadata: MetadataStore) -> None:
    """Replaced as a whole; their bindings go with them."""
    role = StoredRole(
        "web", "Web", (("logs:read", "*"), ("pipelines:write", "pipeline:web-*")), "service:web", ("user",), 1, 1
    )
    metadata.put_role(role)
    changed = replace(role, policy="", masked=(), grants=(), updated_at=2)
    metadata.put_role(changed)
    metadata.put_role(replace(role, name="api"))
    assert metadata.list_roles() == [replace(role, name="api"), changed]
    metadata.add_binding(Binding("1", "user", "admin", "web", "*", 1))
    metadata.add_binding(Binding("2", "user", "admin", "api", "*", 1))
    assert metadata.delete_role("web") and not metadata.delete_role("web")
    assert [binding.id for binding in metadata.list_bindings()] == ["2"]


def test_teams(metadata: MetadataStore) -> None:
    """With members who exist, under a name of their own; nothing is changed when that fails."""
    metadata.put_user(ADMIN)
    metadata.put_user(ZOE)
    metadata.put_team(TEAM)
    other = Team("t2", "dev", "", (), 4, "scim", "x")
    metadata.put_team(other)
    assert metadata.list_teams() == [other, TEAM] and metadata.list_teams("zoe") == [TEAM]
    assert metadata.get_team("t1") == TEAM and metadata.get_team("t3") is None
    with pytest.raises(Conflict):
        metadata.put_team(replace(other, name="ops", members=("zoe",)))
    with pytest.raises(NotFound, match="nobody"):
        metadata.put_team(replace(TEAM, name="renamed", members=("admin", "nobody")))
    assert metadata.list_teams() == [other, TEAM]
    metadata.put_team(replace(TEAM, members=("zoe", "zoe")))
    assert metadata.list_teams("admin") == []
    metadata.add_binding(Binding("1", "team", "t1", "viewer", "a", 1))
    assert metadata.delete_team("t1") and not metadata.delete_team("t1")
    assert metadata.list_bindings() == [] and metadata.list_teams("zoe") == []


def test_bindings(metadata: MetadataStore) -> None:
    """Each once; asked for by any number of subjects."""
    first, second = Binding("1", "user", "zoe", "viewer", "*", 2), Binding("2", "account", "zoe", "admin", "t", 1)
    assert metadata.add_binding(first) and metadata.add_binding(second)
    assert not metadata.add_binding(replace(first, id="3", created_at=9))
    assert metadata.list_bindings() == [second, first]
    assert metadata.list_bindings([("user", "zoe"), ("user", "zoe")]) == [first] and metadata.list_bindings([]) == []
    many = [("user", f"u{number}") for number in range(1000)]
    assert metadata.list_bindings([*many, ("user", "zoe"), ("account", "zoe")]) == [second, first]
    assert metadata.delete_binding("1") and not metadata.delete_binding("1")


def test_service_accounts(metadata: MetadataStore) -> None:
    """Under a name of their own; keys and bindings end with them."""
    account = ServiceAccount("a1", "ci", "Builds", False, 1)
    metadata.put_account(account)
    metadata.put_account(replace(account, disabled=True))
    metadata.put_account(replace(account, id="a2", name="backup"))
    with pytest.raises(Conflict):
        metadata.put_account(replace(account, id="a3"))
    assert [one.name for one in metadata.list_accounts()] == ["backup", "ci"]
    assert metadata.get_account("a1") == replace(account, disabled=True) and metadata.get_account("a3") is None
    metadata.create_key(replace(KEY, account="a1", permissions=()))
    metadata.create_key(replace(KEY, id="k2", hash="h2", account="a2", permissions=()))
    metadata.add_binding(Binding("1", "account", "a1", "viewer", "*", 1))
    assert metadata.delete_account("a1", 5) and not metadata.delete_account("a1", 5)
    assert [key.id for key in metadata.list_keys()] == ["k2"] and metadata.find_key("hash", 1) is None
    assert metadata.list_bindings() == []


# ------------------------------------------------------------------------------------------------------------------- keys


def test_keys(metadata: MetadataStore) -> None:
    """Found by hash until revoked or expired; revoking twice is told."""
    metadata.create_key(KEY)
    every = replace(
        KEY, id="k0", hash="h0", tenant="", created_at=6, role="viewer", created_by="admin", expires_at=20, signals=("logs",)
    )
    metadata.create_key(every)
    assert metadata.find_key("hash", 10) == KEY and metadata.find_key("h0", 19) == every
    assert metadata.find_key("k1", 10) is metadata.find_key("h0", 20) is metadata.find_key("", 0) is None
    assert [key.id for key in metadata.list_keys()] == ["k1", "k0"]
    assert [key.id for key in metadata.list_keys("shop")] == ["k1"]
    metadata.touch_key("k1", 9)
    metadata.touch_key("k1", 7)
    assert metadata.get_key("k1") == replace(KEY, last_used=9)
    assert metadata.revoke_key("k1", 11)
    assert not metadata.revoke_key("k1", 12) and not metadata.rotate_key("k1", "n", "p", 99)
    assert metadata.find_key("hash", 10) is metadata.get_key("k1") is None
    assert [key.id for key in metadata.list_keys()] == ["k0"]


def test_a_key_rotates(metadata: MetadataStore) -> None:
    """Both secrets count for a while, and none after it was revoked."""
    metadata.create_key(KEY)
    assert metadata.rotate_key("k1", "fresh", "nxs_new", 50) and not metadata.rotate_key("k2", "x", "p", 50)
    found = metadata.find_key("hash", 49)
    assert (
        found
        == metadata.find_key("fresh", 60)
        == replace(KEY, hash="fresh", prefix="nxs_new", previous_hash="hash", previous_until=50)
    )
    assert metadata.find_key("hash", 50) is None
    metadata.revoke_key("k1", 1)
    assert metadata.find_key("hash", 1) is metadata.find_key("fresh", 1) is None


def test_a_key_is_created_once(metadata: MetadataStore) -> None:
    """Ids and hashes are unique."""
    metadata.create_key(KEY)
    with pytest.raises(StorageError):
        metadata.create_key(replace(KEY, id="k2"))


# ---------------------------------------------------------------------------------------------------------------- tenants


def test_tenants(metadata: MetadataStore) -> None:
    """Made once, with settings of their own."""
    assert metadata.ensure_tenant("shop", 3)
    assert not metadata.ensure_tenant("shop", 4)
    metadata.ensure_tenant("a", 5)
    assert metadata.put_tenant_settings("shop", {"retention": 7})
    assert not metadata.put_tenant_settings("nobody", {})
    assert metadata.list_tenants() == [Tenant("a", 5), Tenant("shop", 3, {"retention": 7})]
    assert metadata.describe_tenant("a", "Ä") and metadata.get_tenant("a") == Tenant("a", 5, {}, "Ä")
    assert not metadata.describe_tenant("nobody", "x")
    dying = Tenant("shop", 3, {"x": [1]}, "Shop", 9)
    metadata.put_tenant(dying)
    assert metadata.get_tenant("shop") == dying and not metadata.ensure_tenant("shop", 10)
    assert not metadata.describe_tenant("shop", "x") and metadata.get_tenant("shop") == dying
    metadata.put_tenant(Tenant("new", 1, {}, "New"))
    assert metadata.get_tenant("new") == Tenant("new", 1, {}, "New")


def test_a_tenant_leaves_nothing_behind(metadata: MetadataStore) -> None:
    """What is known of it goes; what is known of another one, and of one whose name is alike, stays."""
    others = ("a_b", "axb", "a")
    for name in ("a-b", *others):
        metadata.ensure_tenant(name, 1)
        metadata.put_view(View(name, name, "v", "", "logs", "", True, "o", "o", 1, 1), 9)
        metadata.put_link(Link(name, name, "/x", 1), max_links=9, max_bytes=99)
        metadata.put_retention(StoredRetention(name, (), 5))
        metadata.put_deletion(StoredDeletion(name, name, "*", None, None, "", "a", "done", 1, 1, 0, 1))
        metadata.create_key(replace(KEY, id=f"k-{name}", hash=name, tenant=name))
        metadata.add_binding(Binding(name, "user", "u", "viewer", name, 1))
        metadata.put_limits(StoredLimits("tenant", name, {"rate": 1}))
        metadata.put_limits(StoredLimits("key", f"k-{name}", {"rate": 1}))
        metadata.put_limits(StoredLimits("user", name, {"rate": 1}))
        metadata.put_setting(f"pipelines:{name}", "x")
        metadata.put_setting(f"sso:{name}", "x")
    contents = {
        "limits": 2, "views": 1, "links": 1, "retention policies": 1, "deletions": 1, "keys": 1, "roles given": 1, "settings": 1,
    }  # fmt: skip
    assert metadata.count_tenant("a-b") == contents
    assert metadata.delete_tenant("a-b") and not metadata.delete_tenant("a-b")
    assert set(metadata.count_tenant("a-b").values()) == {0} and metadata.count_tenant("a_b") == contents
    assert [tenant.name for tenant in metadata.list_tenants()] == ["a", "a_b", "axb"]
    assert metadata.get_view("a-b") is metadata.get_link("a-b") is metadata.get_deletion("a-b") is None
    assert metadata.find_key("a-b", 1) is metadata.get_setting("pipelines:a-b") is None
    assert metadata.get_setting("sso:a-b") == "x", "a setting of the system that happens to end alike"
    assert {(one.scope, one.subject) for one in metadata.list_limits() if "a-b" in one.subject} == {("user", "a-b")}
    for name in others:
        assert metadata.get_view(name) and metadata.get_link(name) and metadata.get_deletion(name)
        assert metadata.find_key(name, 1) and metadata.get_setting(f"pipelines:{name}")
    assert (
        {one.tenant for one in metadata.list_bindings()} == {one.tenant for one in metadata.list_retention()} == set(others)
    )
    assert len([one for one in metadata.list_limits() if one.scope != "user"]) == 2 * len(others)


def test_the_removal_of_a_tenant_is_noted(metadata: MetadataStore) -> None:
    """It begins once, goes on when it has failed, and is done in the moment in which the tenant goes."""
    removal = StoredTenantDeletion("t", "1", "admin", "running", 5, 10)
    assert not metadata.begin_tenant_deletion(removal, 9) and metadata.get_tenant_deletion("t") is None
    metadata.ensure_tenant("t", 1)
    assert metadata.begin_tenant_deletion(removal, 9) and not metadata.begin_tenant_deletion(replace(removal, id="2"), 9)
    assert metadata.get_tenant("t") == Tenant("t", 1, deleted_at=10) and metadata.get_tenant_deletion("t") == removal
    metadata.put_tenant_deletion(replace(removal, state="failed", error="e"))
    again = replace(removal, id="3", created_at=11)
    assert metadata.begin_tenant_deletion(again, 9) and metadata.list_tenant_deletions() == [again]
    done = replace(again, state="done", finished_at=12, proof=("It is gone.",))
    assert metadata.delete_tenant("t", done) and metadata.get_tenant("t") is None
    assert metadata.get_tenant_deletion("t") == done
    for number in range(3):
        metadata.ensure_tenant(f"t{number}", 1)
        assert metadata.begin_tenant_deletion(replace(removal, tenant=f"t{number}", created_at=20 + number), 2)
        metadata.delete_tenant(
            f"t{number}", replace(done, tenant=f"t{number}", created_at=20 + number, finished_at=20 + number)
        )
    metadata.ensure_tenant("last", 1)
    metadata.begin_tenant_deletion(replace(removal, tenant="last", created_at=30), 2)
    assert [one.tenant for one in metadata.list_tenant_deletions()] == ["t1", "t2", "last"]


def test_limits(metadata: MetadataStore) -> None:
    """Replaced as a whole; none are removed."""
    metadata.put_limits(StoredLimits("tenant", "*", {"requests": 10, "bytes": 1.5}))
    metadata.put_limits(StoredLimits("key", "k", {"requests": 1}))
    metadata.put_limits(StoredLimits("tenant", "*", {"requests": 2}))
    assert metadata.list_limits() == [
        StoredLimits("key", "k", {"requests": 1}),
        StoredLimits("tenant", "*", {"requests": 2}),
    ]
    metadata.put_limits(StoredLimits("key", "k", {}))
    assert [one.scope for one in metadata.list_limits()] == ["tenant"]


def test_settings(metadata: MetadataStore) -> None:
    """The last value counts."""
    assert metadata.get_setting("x") is None
    metadata.put_setting("x", "1")
    metadata.put_setting("x", "2")
    assert metadata.get_setting("x") == "2"


# ------------------------------------------------------------------------------------------------- views, links, retention


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


def test_the_number_of_views_holds_for_many_at_once(metadata: MetadataStore) -> None:
    """Counting and storing is one step."""
    views = iter([View(str(number), "t", "v", "", "logs", "", True, "o", "o", 1, 1) for number in range(8)])
    lock = threading.Lock()

    def put() -> bool:
        with lock:
            view = next(views)
        return metadata.put_view(view, 3)

    assert winners(put, 8) == 3


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
    """Newest first; those that go on, oldest first; ends beyond 64 bits."""
    first = StoredDeletion("1", "t", "x", None, 2**64, "why", "a", "running", 5, 0, 0, 10, policy="service:web")
    second = replace(first, id="2", state="verifying", created_at=11, start=1, end=None)
    for deletion in (first, second, replace(first, id="3", tenant="u", state="done", created_at=12, finished_at=13)):
        metadata.put_deletion(deletion)
    assert metadata.list_deletions("t", 10) == [second, first] and metadata.list_deletions("t", 1) == [second]
    assert metadata.open_deletions() == [first, second]
    metadata.put_deletion(replace(first, state="failed", error="e"))
    assert metadata.get_deletion("1") == replace(first, state="failed", error="e")
    assert metadata.open_deletions() == [second] and metadata.get_deletion("9") is None


# ---------------------------------------------------------------------------------------------------------- all of the store


def test_everything_is_there_for_the_next_process(metadata: MetadataStore, reopened: Open) -> None:
    """Without closing first, and at once."""
    metadata.put_user(ADMIN)
    second = reopened()
    assert second.get_user("admin") == ADMIN
    second.put_setting("x", "1")
    assert metadata.get_setting("x") == "1"


def test_threads_may_share_it(metadata: MetadataStore) -> None:
    """Calls from several threads neither fail nor get lost."""

    def work(number: int) -> None:
        for step in range(25):
            metadata.ensure_tenant(f"t{number}-{step}", step)
            metadata.list_tenants()

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(work, range(4)):
            pass
    assert len(metadata.list_tenants()) == 100


def test_names_are_ordered_by_code_point(metadata: MetadataStore) -> None:
    """Whatever the collation of the database is."""
    names = ["B", "Z", "_", "a", "a-b", "a_b", "ab", "é", "ﬀ", "😀"]
    for name in reversed(names):
        metadata.put_user(replace(ADMIN, name=name))
    assert [user.name for user in metadata.list_users()] == names


def test_what_databases_cannot_keep(metadata: MetadataStore) -> None:
    """Characters are replaced, numbers refused, and nothing is taken for SQL."""
    assert metadata.get_user("a\0b") is metadata.get_user("\ud800") is None
    metadata.put_setting("x", "a\0b\ud800")
    assert metadata.get_setting("x") == "a\ufffdb?"
    with pytest.raises(InvalidRequest):
        metadata.touch_key("k", 2**63)
    evil = "'; DROP TABLE users; -- %s ? $1 {} %"
    metadata.put_user(replace(ADMIN, name=evil, display_name=evil))
    assert metadata.get_user(evil) == replace(ADMIN, name=evil, display_name=evil)


def winners(attempt: Callable[[], bool], attempts: int = 4) -> int:
    """How many of callers at the same time get True."""
    barrier = threading.Barrier(attempts)

    def run(_: int) -> bool:
        barrier.wait()
        return attempt()

    with ThreadPoolExecutor(attempts) as pool:
        return sum(pool.map(run, range(attempts)))
