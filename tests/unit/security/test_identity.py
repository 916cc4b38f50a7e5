"""The identity seam: credentials in every form, tenants, permissions."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nexus.security.accounts import Accounts

from nexus.config import load
from nexus.errors import InvalidRequest, NotFound, PermissionDenied, Unauthenticated
from nexus.security import secrets
from nexus.security.actor import Actor
from nexus.security.audit import Audit
from nexus.security.authority import Authorities
from nexus.security.identity import Authenticator, Principal, chosen_tenant, key_of, session_token, with_key
from nexus.security.permissions import EVERYTHING, SYSTEM, Permission, parse_permissions
from nexus.security.sessions import Sessions
from nexus.security.users import bootstrap_admin
from nexus.storage.metadata.sqlite import SqliteMetadata

ACTOR = Actor("user", "admin", "1.2.3.4")
TOKEN = "bootstrap-token-of-the-test"
PASSWORD = "plover tangent quartz 9"


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
    return accounts_on(metadata)


def accounts_on(metadata: SqliteMetadata, now_ns: Callable[[], int] = time.time_ns, **settings: str) -> Accounts:
    config = load({"NEXUS_BOOTSTRAP_TOKEN": TOKEN, **settings}).config
    return Accounts(metadata, lambda: config, now_ns, Audit(metadata, now_ns))


@pytest.fixture
def sessions(metadata: SqliteMetadata) -> Sessions:
    config = load({}).config
    return Sessions(metadata, lambda: config, time.time_ns)


@pytest.fixture
def seam(metadata: SqliteMetadata, accounts: Accounts, sessions: Sessions) -> Authenticator:
    config = load({"NEXUS_BOOTSTRAP_TOKEN": TOKEN}).config
    return Authenticator(sessions, accounts, Authorities(metadata), metadata, lambda: config, time.time_ns)


@pytest.fixture
async def root(seam: Authenticator) -> Principal:
    return await seam.authenticate({"authorization": f"Bearer {TOKEN}"})


async def of_key(seam: Authenticator, secret: str) -> Principal:
    return await seam.authenticate({"authorization": f"Bearer {secret}"})


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
    assert session_token({"cookie": "nexus_session=abc; __Host-nexus_session=def"}) == "def"
    assert session_token({"cookie": "a=b"}) == ""
    assert session_token({}) == ""
    assert session_token({"cookie": "nexus_session=" + "x" * 10_000}) == ""


async def test_the_bootstrap_token_has_every_right_and_chooses(seam: Authenticator) -> None:
    for permission in Permission:
        headers = {"authorization": f"Bearer {TOKEN}", "x-scope-orgid": "team-a"}
        entry = await seam.enter(headers, permission)
        assert (entry.tenant, entry.access.may(permission), entry.access.unrestricted) == ("team-a", True, True)
    assert (await seam.enter({"authorization": basic(TOKEN)}, Permission.ADMIN)).tenant == "default"


@pytest.mark.parametrize("headers", [{}, {"cookie": "nexus_session=nope"}, {"authorization": "Bearer nope"}])
async def test_no_or_wrong_credentials(seam: Authenticator, headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        await seam.enter(headers, Permission.LOGS_READ)
    assert (await seam.recognise(headers)).principal.anonymous


async def test_a_wrong_key_is_not_healed_by_a_right_cookie(
    sessions: Sessions, seam: Authenticator, metadata: SqliteMetadata
) -> None:
    user = metadata.get_user("admin")
    assert user is not None
    token, _ = await sessions.start(user, "password", "1.2.3.4", "")
    cookie = f"nexus_session={token}"
    assert (await seam.authenticate({"cookie": cookie})).may(Permission.ADMIN)
    with pytest.raises(Unauthenticated):
        await seam.authenticate({"authorization": "Bearer nope", "cookie": cookie})


async def test_a_key_belongs_to_its_tenant(accounts: Accounts, seam: Authenticator, root: Principal) -> None:
    key, secret = await accounts.create_key(root, ACTOR, "writer", "team-a", ["logs:write"], "default")
    headers = {"authorization": f"Bearer {secret}"}
    entry = await seam.enter(headers, Permission.LOGS_WRITE)
    assert (entry.tenant, entry.principal.id, entry.principal.by_cookie) == ("team-a", key.id, False)
    assert (await seam.enter({**headers, "x-scope-orgid": "team-a"}, Permission.LOGS_WRITE)).tenant == "team-a"
    with pytest.raises(PermissionDenied, match="belongs to the tenant team-a"):
        await seam.enter({**headers, "x-scope-orgid": "team-b"}, Permission.LOGS_WRITE)
    with pytest.raises(PermissionDenied, match="lacks the permission logs:read"):
        await seam.enter(headers, Permission.LOGS_READ)


@pytest.mark.parametrize("name", ["", "..", "a/b", "x" * 65, "a b"])
async def test_bad_tenant_names(seam: Authenticator, name: str) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "x-scope-orgid": name}
    with pytest.raises(InvalidRequest):
        await seam.enter(headers, Permission.LOGS_READ)
    assert (await seam.recognise(headers)).tenant == "default"


async def test_nobody_else_writes_to_the_own_tenant(seam: Authenticator) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "x-scope-orgid": "_nexus"}
    await seam.enter(headers, Permission.LOGS_READ)
    with pytest.raises(PermissionDenied, match="only Nexus itself"):
        await seam.enter(headers, Permission.LOGS_WRITE)


async def test_a_revoked_key_is_useless_at_once(accounts: Accounts, seam: Authenticator, root: Principal) -> None:
    key, secret = await accounts.create_key(root, ACTOR, "k", "", ["logs:read"], "default")
    assert (await of_key(seam, secret)).name == "k"
    await accounts.revoke_key(root, ACTOR, "default", key.id)
    with pytest.raises(Unauthenticated):
        await of_key(seam, secret)
    with pytest.raises(NotFound):
        await accounts.revoke_key(root, ACTOR, "default", key.id)


async def test_nobody_gives_away_what_is_not_theirs(accounts: Accounts, seam: Authenticator, root: Principal) -> None:
    _, secret = await accounts.create_key(root, ACTOR, "k", "team-a", ["keys:write", "keys:read"], "default")
    limited = await of_key(seam, secret)
    with pytest.raises(PermissionDenied, match="logs:read"):
        await accounts.create_key(limited, ACTOR, "x", "", ["logs:read"], "team-a")
    for tenant in ("team-b", "*"):
        with pytest.raises(PermissionDenied, match="cannot make keys"):
            await accounts.create_key(limited, ACTOR, "x", tenant, ["keys:read"], "team-a")
    await accounts.create_key(root, ACTOR, "other", "team-b", ["logs:read"], "default")
    assert {key.tenant for key in accounts.list_keys(limited, "team-a")} == {"team-a"}
    assert {key.tenant for key in accounts.list_keys(root, "default")} == {"team-a", "team-b"}


@pytest.mark.parametrize(
    ("name", "permissions"),
    [("", ["logs:read"]), ("x" * 101, ["logs:read"]), ("a\nb", ["logs:read"]), ("x", []), ("x", ["no"])],
)
async def test_keys_that_make_no_sense(accounts: Accounts, root: Principal, name: str, permissions: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        await accounts.create_key(root, ACTOR, name, "", permissions, "default")


async def test_a_key_of_every_tenant_and_one_of_one(accounts: Accounts, seam: Authenticator, root: Principal) -> None:
    _, secret = await accounts.create_key(root, ACTOR, "k", "*", ["*"], "default")
    principal = await of_key(seam, secret)
    assert chosen_tenant(principal, {"x-scope-orgid": "any"}) == "any"
    assert principal.authority.access("any").permissions == EVERYTHING
    _, secret = await accounts.create_key(root, ACTOR, "k", "team-a", ["*"], "default")
    principal = await of_key(seam, secret)
    assert principal.authority.access("team-a").permissions == EVERYTHING - SYSTEM
    with pytest.raises(PermissionDenied) as caught:
        await seam.enter({"authorization": f"Bearer {secret}"}, Permission.METRICS_READ)
    assert caught.value.hint == "It counts only when held in every tenant."


async def test_when_a_key_was_used_is_written_down(
    accounts: Accounts, seam: Authenticator, root: Principal, metadata: SqliteMetadata
) -> None:
    key, secret = await accounts.create_key(root, ACTOR, "k", "", ["logs:read"], "default")
    await of_key(seam, secret)
    assert metadata.list_keys()[0].last_used == 0
    accounts.tidy()
    assert metadata.list_keys()[0].last_used > key.created_at


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
    closed = accounts_on(metadata, NEXUS_TENANTS_AUTO_CREATE="off")
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
