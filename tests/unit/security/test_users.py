"""Users, teams, roles and service accounts: nobody gets more than he has, and somebody with everything is left."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nexus.errors import Conflict, InvalidRequest, LimitExceeded, NotFound, PermissionDenied, QuerySyntaxError
from nexus.query.plan import Field, FieldKind, Or
from nexus.security import secrets, users
from nexus.security.access import Authority
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.security.authority import FULL_AUTHORITY, Authorities, stored_role
from nexus.security.identity import Principal
from nexus.security.permissions import Permission
from nexus.security.users import By, Users, bootstrap_admin
from nexus.storage.metadata.api import ApiKey, AuditFilter, AuditRecord, Passkey, Session, StoredRole
from nexus.storage.metadata.sqlite import SqliteMetadata

NOW = 10**18
ROOT = By(Principal("bootstrap", "bootstrap", "bootstrap", "default", FULL_AUTHORITY), Actor("bootstrap", "bootstrap"))


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "hash_password", lambda password: f"hash of {password}")


@pytest.fixture
def metadata(tmp_path: Path) -> Iterator[SqliteMetadata]:
    store = SqliteMetadata(tmp_path)
    bootstrap_admin(store, "a password", NOW)
    yield store
    store.close()


@pytest.fixture
def authorities(metadata: SqliteMetadata) -> Authorities:
    return Authorities(metadata)


@pytest.fixture
def people(metadata: SqliteMetadata, authorities: Authorities) -> Users:
    return Users(metadata, authorities, Audit(metadata, lambda: NOW), lambda: NOW, lambda: "default")


@pytest.fixture
def log(metadata: SqliteMetadata) -> Callable[[], list[AuditRecord]]:
    return lambda: metadata.list_audit(AuditFilter(), limit=100)


async def make(people: Users, name: str, *roles: tuple[str, str], by: By = ROOT) -> None:
    await people.create_user(by, name, display_name="", email="", password="", roles=roles)


async def as_user(authorities: Authorities, name: str) -> By:
    principal = Principal("user", name, name, "default", await authorities.of_user(name))
    return By(principal, Actor("user", name, "1.2.3.4"))


async def role(
    people: Users, name: str, *grants: str, policy: str = "", masked: tuple[str, ...] = (), by: By = ROOT
) -> None:
    pairs = tuple((one.split(" ")[0], one.split(" ")[1] if " " in one else "*") for one in grants)
    await people.put_role(by, StoredRole(name, "", pairs, policy, masked, 0, 0))


# ----------------------------------------------------------------------------------------------------------- escalation


USER_MANAGER = ("users:read", "users:write", "roles:read", "roles:write", "logs:read")


@pytest.fixture
async def manager(people: Users, authorities: Authorities) -> By:
    """Somebody who administers users and roles and is no administrator."""
    await role(people, "manager", *USER_MANAGER)
    await role(people, "reader", "logs:read")
    await make(people, "mallory", ("manager", "*"))
    await make(people, "victim", ("admin", "*"))
    await people.put_team(ROOT, "", name="bosses", description="", members=["victim"], roles=[("admin", "*")])
    await people.put_account(ROOT, "", name="robot", description="", disabled=False, roles=[("admin", "*")])
    await make(people, "member")
    await people.put_team(ROOT, "", name="readers", description="", members=["member"], roles=[("reader", "*")])
    return await as_user(authorities, "mallory")


def team_of(directory: users.Directory, name: str) -> str:
    return next(team.id for team in directory.teams.values() if team.name == name)


def account_of(directory: users.Directory) -> str:
    return next(iter(directory.accounts))


Attempt = Callable[[Users, By, users.Directory], Awaitable[Any]]
ATTEMPTS: dict[str, Attempt] = {
    "give himself the role": lambda p, by, d: p.change_user(by, "mallory", roles=[("manager", "*"), ("admin", "*")]),
    "give himself a role in one tenant": lambda p, by, d: p.change_user(by, "mallory", roles=[("admin", "default")]),
    "make a user who has it": lambda p, by, d: p.create_user(
        by, "puppet", display_name="", email="", password="a password", roles=[("admin", "*")]
    ),
    "change the role he has": lambda p, by, d: role(p, "manager", *USER_MANAGER, "admin", by=by),
    "add to the role he has": lambda p, by, d: role(p, "manager", *USER_MANAGER, "logs:delete", by=by),
    "make a role that has it": lambda p, by, d: role(p, "mine", "admin", by=by),
    "limit a permission he lacks": lambda p, by, d: role(p, "mine", "pipelines:write pipeline:x", by=by),
    "reset an administrator's password": lambda p, by, d: p.reset_password(by, "victim"),
    "remove an administrator's second factor": lambda p, by, d: p.remove_second_factor(by, "victim"),
    "take an administrator's address": lambda p, by, d: p.change_user(by, "victim", email="mallory@example.com"),
    "disable an administrator": lambda p, by, d: p.change_user(by, "victim", disabled=True),
    "remove an administrator": lambda p, by, d: p.delete_user(by, "victim"),
    "log an administrator out": lambda p, by, d: p.end_sessions(by, "victim"),
    "demote an administrator": lambda p, by, d: p.change_user(by, "victim", roles=[]),
    "join a team that has it": lambda p, by, d: p.put_team(
        by, team_of(d, "bosses"), name="bosses", description="", members=["victim", "mallory"], roles=[("admin", "*")]
    ),
    "take a team over": lambda p, by, d: p.put_team(
        by, team_of(d, "bosses"), name="bosses", description="", members=["mallory"], roles=[]
    ),
    "give a team the role": lambda p, by, d: p.put_team(
        by, team_of(d, "readers"), name="readers", description="", members=["mallory"], roles=[("admin", "*")]
    ),
    "make a team that has it": lambda p, by, d: p.put_team(
        by, "", name="new", description="", members=["mallory"], roles=[("operator", "default")]
    ),
    "remove a team that has it": lambda p, by, d: p.delete_team(by, team_of(d, "bosses")),
    "make a service account that has it": lambda p, by, d: p.put_account(
        by, "", name="mine", description="", disabled=False, roles=[("admin", "*")]
    ),
    "change a service account that has it": lambda p, by, d: p.put_account(
        by, account_of(d), name="mine", description="", disabled=False, roles=[]
    ),
    "remove a service account that has it": lambda p, by, d: p.delete_account(by, account_of(d)),
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
async def test_nobody_becomes_an_administrator(
    people: Users, manager: By, metadata: SqliteMetadata, authorities: Authorities, attempt: Attempt,
    log: Callable[[], list[AuditRecord]],
) -> None:  # fmt: skip
    before, entries = users.read_directory(metadata), len(log())
    with pytest.raises(PermissionDenied, match="more than you have"):
        await attempt(people, manager, before)
    after = users.read_directory(metadata)
    assert (after.users, after.teams, after.accounts, after.bindings) == (
        before.users, before.teams, before.accounts, before.bindings,
    )  # fmt: skip
    assert after.stored == before.stored
    assert len(log()) == entries
    assert not (await authorities.of_user("mallory")).access("*").may(Permission.ADMIN)


async def test_what_he_has_he_may_give(people: Users, manager: By, authorities: Authorities) -> None:
    await make(people, "helper", ("manager", "*"), ("reader", "team-a"), by=manager)
    await role(people, "own", "logs:read", policy="service:shop", by=manager)
    await people.change_user(manager, "helper", roles=[("own", "default")])
    assert (await authorities.of_user("helper")).access("default").policy_text == "service:shop"
    await people.reset_password(manager, "helper")
    await people.delete_user(manager, "helper")


async def test_a_policy_is_not_got_rid_of(people: Users, authorities: Authorities) -> None:
    await role(people, "narrow", *USER_MANAGER, policy="service:shop", masked=("user.email",))
    await role(people, "reader", "logs:read")
    await make(people, "mallory", ("narrow", "*"))
    by = await as_user(authorities, "mallory")
    for policy, masked in (("", ("user.email",)), ("service:*", ("user.email",)), ("service:shop", ())):
        with pytest.raises(PermissionDenied, match="the sight of every"):
            await role(people, "narrow", *USER_MANAGER, policy=policy, masked=masked, by=by)
    with pytest.raises(PermissionDenied, match="the sight of every record"):
        await people.change_user(by, "mallory", roles=[("narrow", "*"), ("reader", "default")])
    await role(people, "narrower", "logs:read", policy="service:shop level:error", masked=("user.email", "body"), by=by)


# ------------------------------------------------------------------------------------------------------- somebody is left


async def test_the_last_administrator_stays(people: Users, metadata: SqliteMetadata) -> None:
    await role(people, "chief", "admin")
    with pytest.raises(Conflict, match="nobody would be left"):
        await people.change_user(ROOT, "admin", roles=[("admin", "default")])
    with pytest.raises(Conflict, match="nobody would be left"):
        await people.change_user(ROOT, "admin", disabled=True)
    with pytest.raises(Conflict, match="nobody would be left"):
        await people.delete_user(ROOT, "admin")
    # By a role that somebody made, and by a team.
    await make(people, "second")
    team = await people.put_team(ROOT, "", name="t", description="", members=["second"], roles=[("chief", "*")])
    await people.change_user(ROOT, "admin", roles=[])
    for attempt in (
        people.delete_team(ROOT, team.id),
        people.put_team(ROOT, team.id, name="t", description="", members=[], roles=[("chief", "*")]),
        people.put_team(ROOT, team.id, name="t", description="", members=["second"], roles=[]),
        people.delete_role(ROOT, "chief"),
        role(people, "chief", "logs:read"),
        role(people, "chief", "admin", policy="service:x"),
        people.delete_user(ROOT, "second"),
        people.change_user(ROOT, "second", disabled=True),
    ):
        with pytest.raises(Conflict, match="nobody would be left"):
            await attempt
    await people.change_user(ROOT, "admin", roles=[("admin", "*")])
    await people.delete_role(ROOT, "chief")
    assert users.read_directory(metadata).administrators() == {"admin"}


async def test_nobody_removes_or_disables_himself(people: Users, authorities: Authorities) -> None:
    await make(people, "second", ("admin", "*"))
    by = await as_user(authorities, "second")
    for attempt in (
        people.delete_user(by, "second"),
        people.change_user(by, "second", disabled=True),
        people.reset_password(by, "second"),
        people.remove_second_factor(by, "second"),
    ):
        with pytest.raises(Conflict):
            await attempt


# ------------------------------------------------------------------------------------------------------------- life


async def test_changes_count_at_once(people: Users, metadata: SqliteMetadata, authorities: Authorities) -> None:
    await make(people, "somebody", ("viewer", "default"))
    await people.put_team(ROOT, "", name="team", description="", members=["Somebody"], roles=[("editor", "team-a")])
    held = await authorities.of_user("somebody")
    assert (held.tenants, held.access("team-a").may(Permission.VIEWS_WRITE)) == ({"default", "team-a"}, True)
    metadata.create_session(Session("s", "hash", "somebody", "password", NOW, NOW, NOW, NOW + 10**12))
    generation = authorities.generation
    await people.change_user(ROOT, "somebody", disabled=True)
    assert authorities.generation != generation
    assert not (await authorities.of_user("somebody")).tenants
    assert metadata.list_sessions("somebody", NOW) == []
    await people.change_user(ROOT, "somebody", disabled=False, roles=[])
    assert (await authorities.of_user("somebody")).tenants == {"team-a"}
    await people.delete_user(ROOT, "somebody")
    assert not (await authorities.of_user("somebody")).tenants
    assert next(iter(users.read_directory(metadata).teams.values())).members == ()


async def test_passwords_and_second_factors(
    people: Users, metadata: SqliteMetadata, log: Callable[[], list[AuditRecord]]
) -> None:
    user, made_up = await people.create_user(ROOT, "Ann", display_name="Ann", email="a@example.com", password="", roles=[])
    assert (user.name, user.password_hash, user.must_change_password) == ("ann", f"hash of {made_up}", True)
    user, made_up = await people.create_user(ROOT, "b", display_name="", email="", password="long enough", roles=[])
    assert (made_up, user.must_change_password) == ("", False)
    metadata.create_session(Session("s", "hash", "b", "password", NOW, NOW, NOW, NOW + 10**12))
    metadata.put_passkey(Passkey("k", "b", "key", b"", 0, (), NOW))
    password = await people.reset_password(ROOT, "b")
    stored = metadata.get_user("b")
    assert stored is not None
    assert (stored.password_hash, stored.must_change_password) == (f"hash of {password}", True)
    assert metadata.list_sessions("b", NOW) == []
    await people.remove_second_factor(ROOT, "b")
    assert metadata.list_passkeys("b") == []
    assert await people.end_sessions(ROOT, "b") == 0
    written = "".join(f"{entry.before}{entry.after}{entry.details}" for entry in log())
    assert password not in written
    assert "hash of" not in written
    assert {entry.action for entry in log()} >= {
        "user.created", "user.password_reset", "user.second_factor_removed", "user.sessions_ended",
    }  # fmt: skip


async def test_the_log_says_before_and_after(people: Users, log: Callable[[], list[AuditRecord]]) -> None:
    await make(people, "ann", ("viewer", "default"))
    await people.change_user(ROOT, "ann", roles=[("editor", "default")])
    newest = log()[0]
    assert (newest.action, newest.subject, newest.who) == ("user.changed", "ann", "bootstrap")
    assert "viewer in default" in newest.before
    assert "editor in default" in newest.after


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "-x", "x" * 101, "a\n"[:1] + "\x00"])
async def test_names_of_users(people: Users, name: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a user name"):
        await make(people, name)


async def test_what_makes_no_sense(people: Users) -> None:
    await make(people, "ann")
    with pytest.raises(Conflict, match="there is a user 'ann'"):
        await make(people, "ANN")
    with pytest.raises(InvalidRequest, match="there is no role 'x'"):
        await make(people, "b", ("x", "*"))
    with pytest.raises(InvalidRequest, match="is not a tenant name"):
        await make(people, "b", ("viewer", "a/b"))
    with pytest.raises(InvalidRequest, match="e-mail"):
        await people.change_user(ROOT, "ann", email="nobody")
    await people.change_user(ROOT, "ann", email="ann@example.com")
    with pytest.raises(Conflict, match="another user's"):
        await people.create_user(ROOT, "b", display_name="", email="ANN@example.com", password="", roles=[])
    with pytest.raises(InvalidRequest, match="a password has"):
        await people.create_user(ROOT, "b", display_name="", email="", password="short", roles=[])
    for attempt in (
        people.change_user(ROOT, "no", disabled=True), people.delete_user(ROOT, "no"), people.sessions("no"),
        people.delete_team(ROOT, "no"), people.delete_account(ROOT, "no"), people.delete_role(ROOT, "no"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(InvalidRequest, match="to be a member"):
        await people.put_team(ROOT, "", name="t", description="", members=["no"], roles=[])
    await people.put_team(ROOT, "", name="t", description="", members=[], roles=[])
    with pytest.raises(Conflict, match="there is a team"):
        await people.put_team(ROOT, "", name="T", description="", members=[], roles=[])
    with pytest.raises(InvalidRequest, match="needs a name"):
        await people.put_account(ROOT, "", name=" ", description="", disabled=False, roles=[])


@pytest.mark.parametrize(
    ("grants", "policy", "masked", "error", "message"),
    [
        (["logs:no"], "", (), InvalidRequest, "there is no permission 'logs:no'"),
        (["*"], "", (), InvalidRequest, "names its permissions"),
        ([], "", (), InvalidRequest, "at least one"),
        (["logs:read pipeline:x"], "", (), InvalidRequest, "cannot be limited"),
        (["pipelines:write key:x"], "", (), InvalidRequest, "is not a resource"),
        (["pipelines:write pipeline:[a]"], "", (), InvalidRequest, "is not a resource"),
        (["logs:read"], "service:(", (), QuerySyntaxError, "the policy: "),
        (["logs:read"], "timestamp:>now-1h", (), InvalidRequest, "relative to now"),
        (["logs:read"], "", ("",), InvalidRequest, "masked fields"),
        (["logs:read"], "", ("attributes",), InvalidRequest, "masked fields"),
        (["logs:read"], "", ("timestamp",), InvalidRequest, "cannot be masked"),
    ],
)
async def test_roles_that_make_no_sense(
    people: Users, grants: list[str], policy: str, masked: tuple[str, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await role(people, "x", *grants, policy=policy, masked=masked)


async def test_built_in_roles_stay(people: Users) -> None:
    with pytest.raises(Conflict, match="built in"):
        await role(people, "admin", "logs:read")
    with pytest.raises(Conflict, match="built in"):
        await people.delete_role(ROOT, "viewer")


async def test_there_is_an_end(people: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_USERS", "MAX_TEAMS", "MAX_ACCOUNTS", "MAX_ROLES"):
        monkeypatch.setattr(users, name, 0)
    for attempt in (
        make(people, "b"), role(people, "r", "logs:read"),
        people.put_team(ROOT, "", name="t", description="", members=[], roles=[]),
        people.put_account(ROOT, "", name="t", description="", disabled=False, roles=[]),
    ):  # fmt: skip
        with pytest.raises(LimitExceeded):
            await attempt


# -------------------------------------------------------------------------------------------------------- authorities


def key(**fields: Any) -> ApiKey:
    held = {"tenant": "team-a", "permissions": (), **fields}
    return ApiKey("id", "hash", "key", "nxs", created_at=0, **held)


async def test_what_keys_may_do(people: Users, authorities: Authorities) -> None:
    own = (await authorities.of_key(key(permissions=("logs:write", "gone")))).access("team-a")
    assert own.permissions == {Permission.LOGS_WRITE}
    assert (await authorities.of_key(key(tenant="", permissions=("*",)))).roles
    await role(people, "narrow", "logs:read", policy="service:shop")
    by_role = await authorities.of_key(key(role="narrow"))
    assert (by_role.tenants, by_role.access("team-a").policy_text) == ({"team-a"}, "service:shop")
    assert not (await authorities.of_key(key(role="gone"))).roles
    robot = await people.put_account(ROOT, "", name="robot", description="", disabled=False, roles=[("narrow", "*")])
    bound = await authorities.of_key(key(account=robot.id))
    assert (bound.reaches("team-a"), bound.reaches("team-b"), bound.everywhere) == (True, False, False)
    assert (await authorities.of_key(key(account=robot.id, tenant=""))).everywhere
    await people.put_account(ROOT, robot.id, name="robot", description="", disabled=True, roles=[("narrow", "*")])
    assert not (await authorities.of_key(key(account=robot.id))).roles
    assert await authorities.account(robot.id) is None


async def test_keys_of_other_signals_write_no_logs(authorities: Authorities) -> None:
    for permissions in (("logs:write", "logs:read"), ("admin",)):
        access = (await authorities.of_key(key(permissions=permissions, signals=("metrics",)))).access("team-a")
        assert (access.may(Permission.LOGS_WRITE), access.may(Permission.LOGS_READ)) == (False, True)
        access = (await authorities.of_key(key(permissions=permissions, signals=("logs",)))).access("team-a")
        assert access.may(Permission.LOGS_WRITE)


async def test_another_process_is_heard_of_after_a_while(metadata: SqliteMetadata) -> None:
    now = [0.0]
    here = Authorities(metadata, lambda: now[0])
    there = Users(metadata, Authorities(metadata), Audit(metadata, time.time_ns), time.time_ns, lambda: "default")
    await make(there, "ann", ("viewer", "default"))
    assert (await here.of_user("ann")).tenants == {"default"}
    await there.change_user(ROOT, "ann", roles=[])
    assert (await here.of_user("ann")).tenants == {"default"}
    now[0] += 5.1
    assert not (await here.of_user("ann")).tenants


async def test_a_role_that_is_not_understood_shows_nothing() -> None:
    for broken in (
        StoredRole("r", "", (("logs:read", "*"),), "service:(", (), 0, 0),
        StoredRole("r", "", (("logs:read", "*"),), "", ("attributes",), 0, 0),
    ):
        access = Authority({"*": (stored_role(broken),)}).access("x")
        assert access.may(Permission.LOGS_READ)
        assert access.policy is not None
        assert access.policy == Or(())


def test_masked_fields_are_those_of_the_search_language() -> None:
    shown = stored_role(StoredRole("r", "", (("logs:read", "*"),), "*", ("user.email", "resource.x"), 0, 0))
    assert shown.policy is None
    assert shown.masked == {Field(FieldKind.ANYWHERE, "user.email"), Field(FieldKind.RESOURCE, "x")}
