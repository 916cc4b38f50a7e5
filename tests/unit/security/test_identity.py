"""The identity seam: credentials in every form, tenants, permissions."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.config import load
from nexus.errors import InvalidRequest, NotFound, PermissionDenied, TooManyAttempts, Unauthenticated
from nexus.security import secrets
from nexus.security.accounts import Accounts, bootstrap_admin
from nexus.security.identity import Authenticator, Principal, key_of, session_token, with_key
from nexus.security.permissions import EVERYTHING, Permission, parse_permissions
from nexus.storage.metadata.sqlite import SqliteMetadata

TOKEN = "bootstrap-token-of-the-test"
PASSWORD = "correct horse battery staple"


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


@pytest.fixture
def metadata(tmp_path: Path) -> Iterator[SqliteMetadata]:
    store = SqliteMetadata(tmp_path)
    bootstrap_admin(store, PASSWORD, time.time_ns())
    yield store
    store.close()


@pytest.fixture
def accounts(metadata: SqliteMetadata) -> Accounts:
    config = load({"NEXUS_BOOTSTRAP_TOKEN": TOKEN}).config
    return Accounts(metadata, lambda: config, time.time_ns)


@pytest.fixture
def root(accounts: Accounts) -> Principal:
    principal = accounts.by_key(TOKEN)
    assert principal is not None
    return principal


@pytest.mark.parametrize(
    "value",
    [f"Bearer {TOKEN}", f"bearer   {TOKEN} ", f"Splunk {TOKEN}", f"ApiKey {TOKEN}", basic(TOKEN),
     "ApiKey " + base64.b64encode(f"id:{TOKEN}".encode()).decode()],
)  # fmt: skip
def test_a_key_comes_in_many_clothes(value: str) -> None:
    assert key_of(value) == TOKEN


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Digest x", "Basic !!!", "Basic eA==", "Bearer " + "x" * 5000])
def test_what_is_no_key(value: str) -> None:
    with pytest.raises(Unauthenticated):
        key_of(value)


def test_session_cookies() -> None:
    assert session_token({"cookie": "a=b; nexus_session=abc; c=d"}) == "abc"
    assert session_token({"cookie": "a=b"}) == ""
    assert session_token({}) == ""
    assert session_token({"cookie": "nexus_session=" + "x" * 10_000}) == ""


async def test_the_bootstrap_token_has_every_right_and_chooses(accounts: Accounts) -> None:
    seam = Authenticator(accounts)
    for permission in Permission:
        if permission is not Permission.LOGS_WRITE:
            _, tenant = await seam.enter({"authorization": f"Bearer {TOKEN}", "x-scope-orgid": "team-a"}, permission)
            assert tenant == "team-a"
    assert (await seam.enter({"authorization": basic(TOKEN)}, Permission.ADMIN))[1] == "default"


@pytest.mark.parametrize("headers", [{}, {"cookie": "nexus_session=nope"}, {"authorization": "Bearer nope"}])
async def test_no_or_wrong_credentials(accounts: Accounts, headers: dict[str, str]) -> None:
    seam = Authenticator(accounts)
    with pytest.raises(Unauthenticated):
        await seam.enter(headers, Permission.LOGS_READ)
    assert (await seam.recognise(headers))[0].anonymous


async def test_a_wrong_key_is_not_healed_by_a_right_cookie(accounts: Accounts) -> None:
    token, _ = await accounts.login("admin", PASSWORD, "1.2.3.4")
    with pytest.raises(Unauthenticated):
        await Authenticator(accounts).authenticate({"authorization": "Bearer nope", "cookie": f"nexus_session={token}"})


async def test_a_key_belongs_to_its_tenant(accounts: Accounts, root: Principal) -> None:
    key, secret = await accounts.create_key(root, "writer", "team-a", ["logs:write"], "default")
    seam = Authenticator(accounts)
    headers = {"authorization": f"Bearer {secret}"}
    principal, tenant = await seam.enter(headers, Permission.LOGS_WRITE)
    assert (tenant, principal.id, principal.by_cookie) == ("team-a", key.id, False)
    assert (await seam.enter({**headers, "x-scope-orgid": "team-a"}, Permission.LOGS_WRITE))[1] == "team-a"
    with pytest.raises(PermissionDenied, match="belongs to the tenant team-a"):
        await seam.enter({**headers, "x-scope-orgid": "team-b"}, Permission.LOGS_WRITE)
    with pytest.raises(PermissionDenied, match="lacks the permission logs:read"):
        await seam.enter(headers, Permission.LOGS_READ)


@pytest.mark.parametrize("name", ["", "..", "a/b", "x" * 65, "a b"])
async def test_bad_tenant_names(accounts: Accounts, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await Authenticator(accounts).enter(
            {"authorization": f"Bearer {TOKEN}", "x-scope-orgid": name}, Permission.LOGS_READ
        )


async def test_nobody_else_writes_to_the_own_tenant(accounts: Accounts) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "x-scope-orgid": "_nexus"}
    await Authenticator(accounts).enter(headers, Permission.LOGS_READ)
    with pytest.raises(PermissionDenied, match="only Nexus itself"):
        await Authenticator(accounts).enter(headers, Permission.LOGS_WRITE)


async def test_a_revoked_key_is_useless_at_once(accounts: Accounts, root: Principal) -> None:
    key, secret = await accounts.create_key(root, "k", "", ["logs:read"], "default")
    assert accounts.by_key(secret) is not None
    await accounts.revoke_key(root, key.id)
    assert accounts.by_key(secret) is None
    with pytest.raises(NotFound):
        await accounts.revoke_key(root, key.id)


async def test_nobody_gives_away_what_is_not_theirs(accounts: Accounts, root: Principal) -> None:
    _, secret = await accounts.create_key(root, "k", "team-a", ["keys:write", "keys:read"], "default")
    limited = accounts.by_key(secret)
    assert limited is not None
    with pytest.raises(PermissionDenied, match="logs:read"):
        await accounts.create_key(limited, "x", "", ["logs:read"], "team-a")
    for tenant in ("team-b", "*"):
        with pytest.raises(PermissionDenied, match="keys of the tenant team-a only"):
            await accounts.create_key(limited, "x", tenant, ["keys:read"], "team-a")
    await accounts.create_key(root, "other", "team-b", ["logs:read"], "default")
    assert {key.tenant for key in accounts.list_keys(limited)} == {"team-a"}
    assert {key.tenant for key in accounts.list_keys(root)} == {"team-a", "team-b"}


@pytest.mark.parametrize(
    ("name", "permissions"),
    [("", ["logs:read"]), ("x" * 101, ["logs:read"]), ("a\nb", ["logs:read"]), ("x", []), ("x", ["no"])],
)
async def test_keys_that_make_no_sense(accounts: Accounts, root: Principal, name: str, permissions: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        await accounts.create_key(root, name, "", permissions, "default")


async def test_a_key_that_may_choose(accounts: Accounts, root: Principal) -> None:
    _, secret = await accounts.create_key(root, "k", "*", ["*"], "default")
    principal = accounts.by_key(secret)
    assert principal is not None
    assert principal.may_choose_tenant
    assert principal.permissions == EVERYTHING


async def test_when_a_key_was_used_is_written_down(accounts: Accounts, root: Principal, metadata: SqliteMetadata) -> None:
    key, secret = await accounts.create_key(root, "k", "", ["logs:read"], "default")
    accounts.by_key(secret)
    assert metadata.list_keys()[0].last_used == 0
    accounts.tidy()
    assert metadata.list_keys()[0].last_used > key.created_at


async def test_login_session_logout(accounts: Accounts) -> None:
    token, principal = await accounts.login("admin", PASSWORD, "1.2.3.4")
    assert (principal.name, principal.by_cookie, principal.may(Permission.ADMIN)) == ("admin", True, True)
    found = await accounts.by_session(token)
    assert found == principal
    await accounts.logout(token)
    assert await accounts.by_session(token) is None


@pytest.mark.parametrize(("name", "password"), [("admin", "wrong"), ("nobody", PASSWORD), ("", ""), ("x" * 500, "y" * 5000)])
async def test_wrong_logins_say_the_same(accounts: Accounts, name: str, password: str) -> None:
    with pytest.raises(Unauthenticated, match="the user name or the password is wrong"):
        await accounts.login(name, password, "1.2.3.4")


async def test_failed_logins_are_slowed_down_by_user_and_by_address(accounts: Accounts) -> None:
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await accounts.login("admin", "wrong", "1.2.3.4")
    with pytest.raises(TooManyAttempts) as caught:
        await accounts.login("admin", PASSWORD, "5.6.7.8")
    assert caught.value.retry_after >= 1
    with pytest.raises(TooManyAttempts):
        await accounts.login("somebody", "x", "1.2.3.4")


async def test_sessions_end(metadata: SqliteMetadata) -> None:
    now = [time.time_ns()]
    config = load({"NEXUS_SESSION_IDLE_TIMEOUT": "1h", "NEXUS_SESSION_LIFETIME": "3h"}).config
    accounts = Accounts(metadata, lambda: config, lambda: now[0])
    token, _ = await accounts.login("admin", PASSWORD, "1.2.3.4")
    minute = 60 * 10**9
    for _ in range(3):
        now[0] += 59 * minute
        assert await accounts.by_session(token) is not None
    now[0] += 10 * minute
    assert await accounts.by_session(token) is None, "the lifetime is over, however much it was used"
    token, _ = await accounts.login("admin", PASSWORD, "1.2.3.4")
    now[0] += 61 * minute
    assert await accounts.by_session(token) is None, "it was idle for too long"


async def test_a_new_password_ends_sessions(accounts: Accounts) -> None:
    token, _ = await accounts.login("admin", PASSWORD, "1.2.3.4")
    fresh = accounts.reset_password("admin")
    assert await accounts.by_session(token) is None
    await accounts.login("admin", fresh, "1.2.3.4")
    with pytest.raises(NotFound):
        accounts.reset_password("nobody")


def test_the_first_password_is_made_up_once(tmp_path: Path) -> None:
    store = SqliteMetadata(tmp_path)
    made_up = bootstrap_admin(store, "", 1)
    assert made_up is not None
    assert len(made_up) == 23
    assert bootstrap_admin(store, "", 1) is None
    user = store.get_user("admin")
    assert user is not None
    assert secrets.verify_password(user.password_hash, made_up)
    assert made_up not in user.password_hash
    store.close()


async def test_tenants_are_made_by_the_first_write(accounts: Accounts, root: Principal, metadata: SqliteMetadata) -> None:
    assert accounts.list_tenants(root) == ["default"]
    await accounts.ensure_tenant("team-a")
    await accounts.ensure_tenant("team-a")
    assert accounts.list_tenants(root) == ["default", "team-a"]
    config = load({"NEXUS_TENANTS_AUTO_CREATE": "off"}).config
    closed = Accounts(metadata, lambda: config, time.time_ns)
    await closed.ensure_tenant("team-a")
    await closed.ensure_tenant("default")
    with pytest.raises(PermissionDenied, match="there is no tenant team-b"):
        await closed.ensure_tenant("team-b")


def test_permission_names() -> None:
    assert parse_permissions(["logs:read"]) == {Permission.LOGS_READ}
    assert parse_permissions(["logs:read", "*"]) == EVERYTHING
    with pytest.raises(InvalidRequest, match="no permission 'x'"):
        parse_permissions(["x"])


def test_password_hashes() -> None:
    stored = secrets.hash_password("ä secret")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert secrets.verify_password(stored, "ä secret")
    assert not secrets.verify_password(stored, "other")
    assert not secrets.verify_password(None, "nobody")
    assert not secrets.verify_password("not a hash", "x")


def test_a_key_in_a_place_of_its_own() -> None:
    places = (("path", "key"), ("header", "dd-api-key"), ("query", "api_key"))

    def found(headers: dict[str, str], query: tuple[tuple[str, str], ...] = (), **parameters: str) -> str | None:
        return with_key(headers, places, query, parameters).get("authorization")

    assert found({}) is None
    assert found({"dd-api-key": "k"}) == "Bearer k"
    assert found({"dd-api-key": "k"}, key="p") == "Bearer p"
    assert found({}, (("api_key", "q"),)) == "Bearer q"
    assert found({"dd-api-key": " "}, (("api_key", "q"),)) == "Bearer q"
    assert found({"authorization": "Bearer a", "dd-api-key": "k"}) == "Bearer a"
    given = {"dd-api-key": "k"}
    with_key(given, places, (), {})
    assert given == {"dd-api-key": "k"}
