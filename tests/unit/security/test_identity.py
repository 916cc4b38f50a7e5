"""The identity seam: credentials in every form, tenants, permissions."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexus.config import Config, load
from nexus.errors import InvalidRequest, PermissionDenied, Unauthenticated
from nexus.security import secrets
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.security.authority import Authorities
from nexus.security.identity import Authenticator, Principal, chosen_tenant, key_of, session_token, with_key
from nexus.security.keys import Keys, NewKey
from nexus.security.login.sessions import Sessions
from nexus.security.permissions import EVERYTHING, SYSTEM, Permission, parse_permissions
from nexus.security.users import bootstrap_admin, reset_password
from nexus.storage.metadata.api import Binding, User
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
def config() -> Config:
    return load({"NEXUS_BOOTSTRAP_TOKEN": TOKEN}).config


@pytest.fixture
def authorities(metadata: SqliteMetadata) -> Authorities:
    return Authorities(metadata)


@pytest.fixture
def keys(metadata: SqliteMetadata, authorities: Authorities) -> Keys:
    return Keys(metadata, authorities, Audit(metadata, time.time_ns), time.time_ns)


@pytest.fixture
def sessions(metadata: SqliteMetadata, authorities: Authorities, config: Config) -> Sessions:
    return Sessions(metadata, lambda: config, time.time_ns, lambda: authorities.generation, authorities.forget)


@pytest.fixture
def seam(
    metadata: SqliteMetadata, authorities: Authorities, keys: Keys, sessions: Sessions, config: Config
) -> Authenticator:
    return Authenticator(
        sessions, keys, authorities, metadata, lambda: config, time.time_ns, active=lambda tenant: tenant != "leaving"
    )


@pytest.fixture
async def root(seam: Authenticator) -> Principal:
    return await seam.authenticate({"authorization": f"Bearer {TOKEN}"})


async def make_key(keys: Keys, root: Principal, tenant: str, *permissions: str) -> str:
    return (await keys.create(root, ACTOR, NewKey("k", tenant, permissions), "default"))[1]


async def log_in(sessions: Sessions, metadata: SqliteMetadata, name: str = "admin") -> dict[str, str]:
    user = metadata.get_user(name)
    assert user is not None
    token, _ = await sessions.start(user, "password", "1.2.3.4", "test")
    return {"cookie": f"nexus_session={token}"}


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
    sessions: Sessions, metadata: SqliteMetadata, seam: Authenticator
) -> None:
    cookie = await log_in(sessions, metadata)
    with pytest.raises(Unauthenticated):
        await seam.authenticate({"authorization": "Bearer nope", **cookie})


async def test_a_key_belongs_to_its_tenant(keys: Keys, seam: Authenticator, root: Principal) -> None:
    secret = await make_key(keys, root, "team-a", "logs:write")
    headers = {"authorization": f"Bearer {secret}"}
    entry = await seam.enter(headers, Permission.LOGS_WRITE)
    assert (entry.tenant, entry.principal.kind, entry.principal.by_cookie) == ("team-a", "key", False)
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


async def test_a_key_of_every_tenant_and_one_of_one(keys: Keys, seam: Authenticator, root: Principal) -> None:
    principal = await seam.authenticate({"authorization": f"Bearer {await make_key(keys, root, '*', '*')}"})
    assert chosen_tenant(principal, {"x-scope-orgid": "any"}) == "any"
    assert principal.authority.access("any").permissions == EVERYTHING
    headers = {"authorization": f"Bearer {await make_key(keys, root, 'team-a', '*')}"}
    principal = await seam.authenticate(headers)
    assert principal.authority.access("team-a").permissions == EVERYTHING - SYSTEM
    with pytest.raises(PermissionDenied) as caught:
        await seam.enter(headers, Permission.TELEMETRY_READ)
    assert caught.value.hint == "It counts only when held in every tenant."


async def test_a_user_is_let_into_the_tenants_of_his_roles(
    sessions: Sessions, metadata: SqliteMetadata, seam: Authenticator
) -> None:
    metadata.put_user(User("ann", "", 1))
    for number, (role, tenant) in enumerate([("viewer", "team-b"), ("editor", "team-c")]):
        metadata.add_binding(Binding(str(number), "user", "ann", role, tenant, 1))
    cookie = await log_in(sessions, metadata, "ann")
    entry = await seam.enter(cookie, Permission.LOGS_READ)
    assert (entry.tenant, entry.principal.kind, entry.principal.by_cookie) == ("team-b", "user", True)
    await seam.enter({**cookie, "x-scope-orgid": "team-c"}, Permission.VIEWS_WRITE)
    for tenant, permission in (("team-b", Permission.VIEWS_WRITE), ("team-a", Permission.LOGS_READ), ("*", None)):
        with pytest.raises((PermissionDenied, InvalidRequest)):
            await seam.enter({**cookie, "x-scope-orgid": tenant}, permission)


async def test_a_user_without_roles_sees_himself_only(
    sessions: Sessions, metadata: SqliteMetadata, seam: Authenticator
) -> None:
    metadata.put_user(User("ann", "", 1))
    cookie = await log_in(sessions, metadata, "ann")
    assert (await seam.enter(cookie, None, own=True)).principal.name == "ann"
    for permission in Permission:
        with pytest.raises(PermissionDenied):
            await seam.enter(cookie, permission)


async def test_doors_of_users_are_for_users(seam: Authenticator) -> None:
    with pytest.raises(PermissionDenied, match="this is for users"):
        await seam.enter({"authorization": f"Bearer {TOKEN}"}, None, own=True)


async def test_what_must_be_done_comes_first(sessions: Sessions, metadata: SqliteMetadata, seam: Authenticator) -> None:
    admin = metadata.get_user("admin")
    assert admin is not None
    metadata.put_user(replace(admin, must_change_password=True))
    cookie = await log_in(sessions, metadata)
    for permission in (None, Permission.LOGS_READ):
        with pytest.raises(PermissionDenied, match="password has to be changed"):
            await seam.enter(cookie, permission)
    assert (await seam.enter(cookie, None, own=True)).principal.must == "change_password"
    assert (await seam.recognise(cookie)).principal.must == "change_password"


async def test_a_conversation_is_looked_at_again(
    sessions: Sessions, metadata: SqliteMetadata, seam: Authenticator, authorities: Authorities
) -> None:
    cookie = await log_in(sessions, metadata)
    entry = await seam.enter(cookie, Permission.LOGS_READ)
    # Whatever has become of the token: it is the session that counts.
    assert (await seam.again(entry, {"cookie": "nexus_session=exchanged"}, Permission.LOGS_READ)).access == entry.access
    metadata.delete_sessions("admin")
    authorities.forget()
    with pytest.raises(Unauthenticated):
        await seam.again(entry, cookie, Permission.LOGS_READ)


async def test_a_disabled_user_is_nobody(
    sessions: Sessions, metadata: SqliteMetadata, seam: Authenticator, authorities: Authorities
) -> None:
    cookie = await log_in(sessions, metadata)
    entry = await seam.enter(cookie, Permission.LOGS_READ)
    admin = metadata.get_user("admin")
    assert admin is not None
    metadata.put_user(replace(admin, disabled=True))
    authorities.forget()
    with pytest.raises(Unauthenticated):
        await seam.enter(cookie, Permission.LOGS_READ)
    with pytest.raises(Unauthenticated):
        await seam.again(entry, cookie, Permission.LOGS_READ)


def test_a_new_password_ends_sessions(metadata: SqliteMetadata) -> None:
    before = metadata.get_user("admin")
    fresh = reset_password(metadata, "admin", time.time_ns())
    after = metadata.get_user("admin")
    assert before is not None and after is not None
    assert secrets.verify_password(after.password_hash, fresh)
    assert not secrets.verify_password(after.password_hash, PASSWORD)


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
