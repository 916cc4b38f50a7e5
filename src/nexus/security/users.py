"""Users, teams, roles, who has which, and service accounts: what may be done with them.

Three rules hold for every change, whatever door it comes through:

* Nobody gives, takes or changes more than he has (`security.giving`): not by a role, a team or a service account, and not
  by getting hold of a user who may do more (his password, address or second factor).
* Somebody who may do everything in every tenant is left: the last one is not removed, disabled or demoted.
* Nobody removes or disables himself.

Changes are made one after the other in this process, and count at once: sessions end, live conversations are looked
at again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from nexus.errors import Conflict, InvalidRequest, LimitExceeded, NexusError, NotFound, QuerySyntaxError
from nexus.model.tenant import parse_tenant
from nexus.security import secrets
from nexus.security.access import ANY_TENANT, ANYTHING, Authority, Grant, Role
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.security.authority import BUILTIN, Authorities, authority_of, lower_policy, masked_fields, stored_role
from nexus.security.giving import check_giving
from nexus.security.identity import Principal
from nexus.security.login import passwords
from nexus.security.permissions import RESOURCES, Permission, parse_permissions
from nexus.storage.metadata.api import (
    Binding,
    MetadataStore,
    ServiceAccount,
    Session,
    StoredRole,
    Team,
    User,
)

ADMIN: Final = "admin"
LOCAL: Final = "local"
MAX_USERS: Final = 10_000
MAX_TEAMS: Final = 1_000
MAX_ACCOUNTS: Final = 1_000
MAX_ROLES: Final = 500
MAX_GIVEN: Final = 100
"""Roles of one subject."""
MAX_GRANTS: Final = 200
MAX_MASKED: Final = 100
MAX_POLICY: Final = 16_384
MAX_TEXT: Final = 200
MAX_DESCRIPTION: Final = 2_000
MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 1024

_USER_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_.@+-]{0,99}")
_ROLE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_EMAIL: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,190}")
_RESOURCE: Final = re.compile(r"([a-z]+):([A-Za-z0-9_.*?-]{1,100})")

RoleIn = tuple[str, str]
"""Name of a role, and the tenant in which it is had (`*`: in every one)."""

log = logging.getLogger(__name__)

PasswordCheck = Callable[[str, str], None]
"""Refuses a password (of the user named) that is too easy to guess. Raises `InvalidRequest`."""


def check_length(password: str, name: str) -> None:
    """The least that a password must be. Raises `InvalidRequest`."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidRequest(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")


# ------------------------------------------------------------------------------------------------------------- directory


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody, and what they have, at one moment."""

    users: Mapping[str, User]
    teams: Mapping[str, Team]
    accounts: Mapping[str, ServiceAccount]
    bindings: tuple[Binding, ...]
    stored: Mapping[str, StoredRole]
    roles: Mapping[str, Role] = field(default_factory=dict)

    def bindings_of(self, kind: str, subject: str) -> list[Binding]:
        """Roles that a subject has itself."""
        return [one for one in self.bindings if one.subject_kind == kind and one.subject == subject]

    def teams_of(self, user: str) -> list[Team]:
        """Teams that a user is a member of."""
        return [team for team in self.teams.values() if user in team.members]

    def all_of_user(self, user: str) -> list[Binding]:
        """Roles of a user, those of teams included."""
        teams = {team.id for team in self.teams_of(user)}
        return [
            one
            for one in self.bindings
            if (one.subject_kind == "user" and one.subject == user) or (one.subject_kind == "team" and one.subject in teams)
        ]

    def given(self, bindings: Iterable[Binding]) -> list[tuple[Role, str]]:
        """Roles with their tenants, those that are not there any more left out."""
        return [(self.roles[one.role], one.tenant) for one in bindings if one.role in self.roles]

    def authority_of_user(self, user: str) -> Authority:
        """What a user may do, were he not disabled."""
        return authority_of(self.all_of_user(user), self.roles)

    def administrators(self) -> frozenset[str]:
        """Users who may do and see everything in every tenant."""
        by_subject: dict[tuple[str, str], list[Binding]] = defaultdict(list)
        for one in self.bindings:
            if one.tenant == ANY_TENANT:
                by_subject[one.subject_kind, one.subject].append(one)
        teams: dict[str, list[Binding]] = defaultdict(list)
        for team in self.teams.values():
            for member in team.members:
                teams[member] += by_subject["team", team.id]
        found = set()
        for user in self.users.values():
            held = [*by_subject["user", user.name], *teams[user.name]]
            if not user.disabled and held:
                access = authority_of(held, self.roles).access(ANY_TENANT)
                if access.may(Permission.ADMIN) and access.unrestricted:
                    found.add(user.name)
        return frozenset(found)


def read_directory(metadata: MetadataStore) -> Directory:
    """Everything as it is stored. Blocks."""
    stored = {role.name: role for role in metadata.list_roles() if role.name not in BUILTIN}
    return Directory(
        {user.name: user for user in metadata.list_users()},
        {team.id: team for team in metadata.list_teams()},
        {account.id: account for account in metadata.list_accounts()},
        tuple(metadata.list_bindings()),
        stored,
        {**BUILTIN, **{name: stored_role(role) for name, role in stored.items()}},
    )


def with_bindings(directory: Directory, kind: str, subject: str, bindings: Sequence[Binding]) -> Directory:
    """The directory when the subject has these roles instead of its own."""
    others = tuple(one for one in directory.bindings if (one.subject_kind, one.subject) != (kind, subject))
    return replace(directory, bindings=(*others, *bindings))


def check_administrators(before: Directory, after: Directory) -> None:
    """Raise `Conflict` when nobody would be left who may do everything."""
    if before.administrators() and not after.administrators():
        raise Conflict(
            "nobody would be left who may do everything in every tenant.",
            hint="Give the role admin in every tenant (*) to somebody else first.",
        )


@dataclass(frozen=True, slots=True)
class By:
    """Who makes a change: the principal, and how the audit log names it."""

    principal: Principal
    actor: Actor

    def is_user(self, name: str) -> bool:
        """Is it this user himself?"""
        return self.principal.kind == "user" and self.principal.id == name


class Users:
    """See the module text. Lives on one event loop; `now_ns` gives the time, `audit_tenant` where changes are recorded."""

    def __init__(
        self,
        metadata: MetadataStore,
        authorities: Authorities,
        audit: Audit,
        now_ns: Callable[[], int],
        audit_tenant: Callable[[], str],
        check_password: PasswordCheck = check_length,
    ) -> None:
        """Nothing is read before it is asked for."""
        self._metadata = metadata
        self._authorities = authorities
        self._audit = audit
        self._now_ns = now_ns
        self._audit_tenant = audit_tenant
        self._check_password = check_password
        self._changing = asyncio.Lock()

    @property
    def changing(self) -> asyncio.Lock:
        """Held while users are changed: also by who changes them in other ways."""
        return self._changing

    async def directory(self) -> Directory:
        """Everybody, and what they have."""
        return await asyncio.to_thread(read_directory, self._metadata)

    async def passkeys(self, names: Sequence[str]) -> dict[str, int]:
        """How many passkeys each of these users has."""
        return await asyncio.to_thread(lambda: {name: len(self._metadata.list_passkeys(name)) for name in names})

    # ------------------------------------------------------------------------------------------------------------ users

    async def create_user(
        self,
        by: By,
        name: str,
        *,
        display_name: str,
        email: str,
        password: str,
        roles: Sequence[RoleIn],
        source: str = LOCAL,
        external_id: str = "",
        disabled: bool = False,
    ) -> tuple[User, str]:
        """Make a user; the password is returned when it was made up here, and has to be changed then. A user of another
        `source` logs in there and has no password."""
        user = user_name(name)
        _text("display name", display_name)
        email = mail_address(email)
        if password:
            self._check_password(password, user)
        made_up = "" if password or source != LOCAL else secrets.new_password()
        hashed = await asyncio.to_thread(secrets.hash_password, password or made_up) if password or made_up else ""
        async with self._changing:
            before = await self.directory()
            if user in before.users:
                raise Conflict(f"there is a user {user!r} already.")
            if len(before.users) >= MAX_USERS:
                raise LimitExceeded(f"there are {MAX_USERS:,} users already.", hint="Remove some who left.")
            _unused_mail(before, email)
            bindings = self._new_bindings(before, "user", user, roles)
            check_giving(by.principal.authority, before.given(bindings))
            now = self._now_ns()
            stored = User(
                user, hashed, now, disabled, display_name, email, source, external_id,
                password_changed_at=now if hashed else 0, must_change_password=bool(made_up),
            )  # fmt: skip
            if external_id:
                _unused_external(before, stored)
            await asyncio.to_thread(self._put_user, stored, bindings)
            self._authorities.forget()
        await self._note(by, "user.created", user, None, _shown_user(stored, bindings))
        return stored, made_up

    async def change_user(
        self,
        by: By,
        name: str,
        *,
        display_name: str | None = None,
        email: str | None = None,
        disabled: bool | None = None,
        roles: Sequence[RoleIn] | None = None,
        source: str | None = None,
        external_id: str | None = None,
    ) -> User:
        """Change what is given; `roles` replace the user's own. A disabled user's sessions end at once, and those of one
        who is to log in elsewhere."""
        if display_name is not None:
            _text("display name", display_name)
        email = None if email is None else mail_address(email)
        async with self._changing:
            before = await self.directory()
            user = self._reach_user(by, before, name)
            if disabled and by.is_user(name):
                raise Conflict("you cannot disable yourself.")
            if email is not None and email != user.email:
                _unused_mail(before, email, but=name)
            own = before.bindings_of("user", name)
            bindings = own if roles is None else self._new_bindings(before, "user", name, roles)
            check_giving(by.principal.authority, before.given(bindings))
            changed = replace(
                user,
                display_name=user.display_name if display_name is None else display_name,
                email=user.email if email is None else email,
                disabled=user.disabled if disabled is None else disabled,
                source=user.source if source is None else source,
                external_id=user.external_id if external_id is None else external_id,
            )
            moved = (changed.source, changed.external_id) != (user.source, user.external_id)
            if moved and changed.external_id:
                _unused_external(before, changed)
            after = with_bindings(before, "user", name, bindings)
            after = replace(after, users={**after.users, name: changed})
            check_administrators(before, after)

            def write() -> None:
                # Read anew: a login may have noted something since.
                fresh = self._metadata.get_user(name)
                if fresh is None:
                    raise NotFound(f"there is no user {name[:100]!r}.")
                fresh = replace(
                    fresh, display_name=changed.display_name, email=changed.email, disabled=changed.disabled,
                    source=changed.source, external_id=changed.external_id,
                )  # fmt: skip
                self._put_user(fresh, ())
                self._replace_bindings(own, bindings)
                if changed.disabled or moved:
                    self._metadata.delete_sessions(name)

            await asyncio.to_thread(write)
            self._authorities.forget()
        await self._note(by, "user.changed", name, _shown_user(user, own), _shown_user(changed, bindings))
        return changed

    async def delete_user(self, by: By, name: str) -> None:
        """Remove a user with sessions, second factors, memberships and roles."""
        async with self._changing:
            before = await self.directory()
            user = self._reach_user(by, before, name)
            if by.is_user(name):
                raise Conflict("you cannot remove yourself.", hint="Ask another administrator.")
            others = {other: one for other, one in before.users.items() if other != name}
            check_administrators(before, replace(before, users=others))
            await asyncio.to_thread(self._metadata.delete_user, name)
            self._authorities.forget()
        await self._note(by, "user.deleted", name, _shown_user(user, before.bindings_of("user", name)), None)

    async def reset_password(self, by: By, name: str) -> str:
        """Give a user a password that he has to change at the next login; every session ends."""
        password = secrets.new_password()
        hashed = await asyncio.to_thread(secrets.hash_password, password)
        async with self._changing:
            user = self._reach_user(by, await self.directory(), name)
            if by.is_user(name):
                raise Conflict("this is for other users.", hint="Change your own password in your profile.")
            if user.source != "local" and not user.password_hash:
                raise Conflict(
                    f"{name!r} comes from {user.source} and logs in there.", hint="Have the password changed there."
                )
            await asyncio.to_thread(self._change_password, name, hashed, True)
            self._authorities.forget()
        await self._note(by, "user.password_reset", name, None, None)
        return password

    async def remove_second_factor(self, by: By, name: str) -> None:
        """Take a user's TOTP secret, recovery codes and passkeys away; every session ends."""
        async with self._changing:
            self._reach_user(by, await self.directory(), name)
            if by.is_user(name):
                raise Conflict("this is for other users.", hint="Remove your own second factor in your profile.")

            def write() -> int:
                user = self._metadata.get_user(name)
                passkeys = self._metadata.list_passkeys(name)
                if user is not None:
                    self._metadata.put_user(replace(user, totp="", totp_step=0, recovery=()))
                for passkey in passkeys:
                    self._metadata.delete_passkey(name, passkey.id)
                self._metadata.delete_sessions(name)
                return len(passkeys)

            passkeys = await asyncio.to_thread(write)
            self._authorities.forget()
        await self._note(by, "user.second_factor_removed", name, {"passkeys": passkeys}, {"passkeys": 0})

    async def sessions(self, name: str) -> list[Session]:
        """Sessions of a user, newest first. Raises `NotFound`."""
        user, sessions = await asyncio.to_thread(
            lambda: (self._metadata.get_user(name), self._metadata.list_sessions(name, self._now_ns()))
        )
        if user is None:
            raise NotFound(f"there is no user {name[:100]!r}.")
        return sessions

    async def end_sessions(self, by: By, name: str) -> int:
        """End every session of a user; how many there were."""
        self._reach_user(by, await self.directory(), name)
        ended = await asyncio.to_thread(self._metadata.delete_sessions, name)
        self._authorities.forget()
        await self._note(by, "user.sessions_ended", name, {"sessions": ended}, {"sessions": 0})
        return ended

    def _reach_user(self, by: By, directory: Directory, name: str) -> User:
        """A user whom the caller may change: one who has no more than he. Raises `NotFound`, `PermissionDenied`."""
        user = directory.users.get(name)
        if user is None:
            raise NotFound(f"there is no user {name[:100]!r}.")
        check_giving(by.principal.authority, directory.given(directory.all_of_user(name)))
        return user

    # ------------------------------------------------------------------------------------------------------------ teams

    async def put_team(
        self,
        by: By,
        id: str,
        *,
        name: str,
        description: str,
        members: Sequence[str],
        roles: Sequence[RoleIn] | None,
        source: str = LOCAL,
        external_id: str = "",
    ) -> Team:
        """Make a team (`id` empty) or replace one; without `roles` it keeps its own. Name and members of a team of another
        `source` are changed from there only."""
        name = _name("a team", name)
        _text("description", description, MAX_DESCRIPTION)
        async with self._changing:
            before = await self.directory()
            old = self._reach_team(by, before, id) if id else None
            if not id and len(before.teams) >= MAX_TEAMS:
                raise LimitExceeded(f"there are {MAX_TEAMS:,} teams already.")
            if any(team.name.lower() == name.lower() and team.id != id for team in before.teams.values()):
                raise Conflict(f"there is a team {name!r} already.")
            wanted = tuple(sorted({member.lower() for member in members}))
            for member in wanted:
                if member not in before.users:
                    raise InvalidRequest(f"there is no user {member[:100]!r} to be a member.")
            if old is not None and old.source not in (LOCAL, source) and (old.name, old.members) != (name, wanted):
                raise Conflict(f"the team comes from {old.source}: its name and members are changed there.")
            team = Team(id or secrets.new_id(), name, description, wanted, self._now_ns(), source, external_id)
            if old is not None:
                team = replace(old, name=name, description=description, members=wanted)
                if source != LOCAL:
                    team = replace(team, source=source, external_id=external_id)
            own = before.bindings_of("team", team.id)
            bindings = own if roles is None else self._new_bindings(before, "team", team.id, roles)
            check_giving(by.principal.authority, before.given(bindings))
            after = with_bindings(before, "team", team.id, bindings)
            check_administrators(before, replace(after, teams={**after.teams, team.id: team}))

            def write() -> None:
                self._metadata.put_team(team)
                self._replace_bindings(own, bindings)

            await asyncio.to_thread(write)
            self._authorities.forget()
        shown = _shown_team(old, own) if old else None
        await self._note(by, "team.changed" if old else "team.created", team.id, shown, _shown_team(team, bindings))
        return team

    async def delete_team(self, by: By, id: str) -> None:
        """Remove a team; its members lose its roles."""
        async with self._changing:
            before = await self.directory()
            team = self._reach_team(by, before, id)
            others = {other: one for other, one in before.teams.items() if other != id}
            check_administrators(before, replace(before, teams=others))
            await asyncio.to_thread(self._metadata.delete_team, id)
            self._authorities.forget()
        await self._note(by, "team.deleted", id, _shown_team(team, before.bindings_of("team", id)), None)

    def _reach_team(self, by: By, directory: Directory, id: str) -> Team:
        team = directory.teams.get(id)
        if team is None:
            raise NotFound(f"there is no team with the id {id[:40]!r}.")
        check_giving(by.principal.authority, directory.given(directory.bindings_of("team", id)))
        return team

    # ------------------------------------------------------------------------------------------------- service accounts

    async def put_account(
        self, by: By, id: str, *, name: str, description: str, disabled: bool, roles: Sequence[RoleIn]
    ) -> ServiceAccount:
        """Make a service account (`id` empty) or replace one."""
        name = _name("a service account", name)
        _text("description", description, MAX_DESCRIPTION)
        async with self._changing:
            before = await self.directory()
            old = self._reach_account(by, before, id) if id else None
            if not id and len(before.accounts) >= MAX_ACCOUNTS:
                raise LimitExceeded(f"there are {MAX_ACCOUNTS:,} service accounts already.")
            if any(one.name.lower() == name.lower() and one.id != id for one in before.accounts.values()):
                raise Conflict(f"there is a service account {name!r} already.")
            if disabled and by.principal.kind == "account" and by.principal.id == id:
                raise Conflict("a service account cannot disable itself.")
            created_at = old.created_at if old else self._now_ns()
            account = ServiceAccount(id or secrets.new_id(), name, description, disabled, created_at)
            own = before.bindings_of("account", account.id)
            bindings = self._new_bindings(before, "account", account.id, roles)
            check_giving(by.principal.authority, before.given(bindings))

            def write() -> None:
                self._metadata.put_account(account)
                self._replace_bindings(own, bindings)

            await asyncio.to_thread(write)
            self._authorities.forget()
        action = "account.changed" if old else "account.created"
        before_change = _shown_account(old, own) if old else None
        await self._note(by, action, account.id, before_change, _shown_account(account, bindings))
        return account

    async def delete_account(self, by: By, id: str) -> None:
        """Remove a service account; its keys are revoked."""
        async with self._changing:
            before = await self.directory()
            account = self._reach_account(by, before, id)
            if by.principal.kind == "account" and by.principal.id == id:
                raise Conflict("a service account cannot remove itself.")
            await asyncio.to_thread(self._metadata.delete_account, id, self._now_ns())
            self._authorities.forget()
        await self._note(by, "account.deleted", id, _shown_account(account, before.bindings_of("account", id)), None)

    def _reach_account(self, by: By, directory: Directory, id: str) -> ServiceAccount:
        account = directory.accounts.get(id)
        if account is None:
            raise NotFound(f"there is no service account with the id {id[:40]!r}.")
        check_giving(by.principal.authority, directory.given(directory.bindings_of("account", id)))
        return account

    # ------------------------------------------------------------------------------------------------------------ roles

    async def put_role(self, by: By, role: StoredRole) -> StoredRole:
        """Make or replace a role. Whoever has it has the new one at once, so it may be no more than the caller has."""
        name = role_name(role.name)
        wanted = checked_role(role)
        async with self._changing:
            before = await self.directory()
            old = before.stored.get(name)
            if old is None and len(before.stored) >= MAX_ROLES:
                raise LimitExceeded(f"there are {MAX_ROLES} roles already.")
            now = self._now_ns()
            stored = replace(role, created_at=old.created_at if old else now, updated_at=now)
            changed = [(before.roles[name], ANY_TENANT)] if old else []
            check_giving(by.principal.authority, [*changed, (wanted, ANY_TENANT)])
            after = replace(before, roles={**before.roles, name: wanted})
            check_administrators(before, after)
            await asyncio.to_thread(self._metadata.put_role, stored)
            self._authorities.forget()
        await self._note(by, "role.changed" if old else "role.created", name, old, stored)
        return stored

    async def delete_role(self, by: By, name: str) -> None:
        """Remove a role; whoever has it loses it."""
        async with self._changing:
            before = await self.directory()
            if name in BUILTIN:
                raise Conflict(f"the role {name!r} is built in.")
            old = before.stored.get(name)
            if old is None:
                raise NotFound(f"there is no role {name[:100]!r}.")
            check_giving(by.principal.authority, [(before.roles[name], ANY_TENANT)])
            others = {other: role for other, role in before.roles.items() if other != name}
            check_administrators(before, replace(before, roles=others))
            await asyncio.to_thread(self._metadata.delete_role, name)
            self._authorities.forget()
        await self._note(by, "role.deleted", name, old, None)

    # ----------------------------------------------------------------------------------------------------------- common

    def _new_bindings(self, directory: Directory, kind: str, subject: str, roles: Sequence[RoleIn]) -> list[Binding]:
        """Bindings for these roles: those that are there already, and new ones. Raises `InvalidRequest`."""
        if len(roles) > MAX_GIVEN:
            raise InvalidRequest(f"more than {MAX_GIVEN} roles cannot be given at once.")
        there = {(one.role, one.tenant): one for one in directory.bindings_of(kind, subject)}
        found = []
        for role, tenant in dict.fromkeys(roles):
            if role not in directory.roles:
                known = ", ".join(directory.roles)
                raise InvalidRequest(f"there is no role {role[:100]!r}.", hint=f"The roles are {known}."[:1000])
            if tenant != ANY_TENANT:
                parse_tenant(tenant)
            new = Binding(secrets.new_id(), kind, subject, role, tenant, self._now_ns())
            found.append(there.get((role, tenant), new))
        return found

    def _replace_bindings(self, old: Sequence[Binding], new: Sequence[Binding]) -> None:
        for one in new:
            if one not in old:
                self._metadata.add_binding(one)
        for one in old:
            if one not in new:
                self._metadata.delete_binding(one.id)

    def _put_user(self, user: User, bindings: Sequence[Binding]) -> None:
        self._metadata.put_user(user)
        self._replace_bindings((), bindings)

    def _change_password(self, name: str, hashed: str, must_change: bool) -> None:
        change_password(self._metadata, name, hashed, self._now_ns(), must_change=must_change)

    async def _note(self, by: By, action: str, subject: str, before: object, after: object) -> None:
        await self._audit.record(by.actor, self._audit_tenant(), action, subject, before=before, after=after)


# ------------------------------------------------------------------------------------------------------------ checks


def user_name(name: str) -> str:
    """A user's name as it is stored: in lower case. Raises `InvalidRequest`."""
    lowered = name.strip().lower()
    if not _USER_NAME.fullmatch(lowered):
        raise InvalidRequest(
            f"{name[:100]!r} is not a user name.", hint="Use 1 to 100 letters, digits, '_', '.', '@', '+' or '-'."
        )
    return lowered


def role_name(name: str) -> str:
    """A role's name. Raises `InvalidRequest`, `Conflict` for that of a built-in one."""
    if not _ROLE_NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name[:100]!r} is not a name for a role.", hint="Use 1 to 64 lower-case letters, digits, '-' or '_'."
        )
    if name in BUILTIN:
        raise Conflict(f"the role {name!r} is built in and cannot be changed.", hint="Make one with another name.")
    return name


def mail_address(text: str) -> str:
    """An e-mail address, or nothing. Raises `InvalidRequest`."""
    text = text.strip()
    if text and not _EMAIL.fullmatch(text):
        raise InvalidRequest(f"{text[:100]!r} is not an e-mail address.")
    return text


def checked_role(role: StoredRole) -> Role:
    """A role as somebody wants it, lowered. Raises `InvalidRequest` that says what is wrong with which part."""
    _text("description", role.description, MAX_DESCRIPTION)
    if not role.grants:
        raise InvalidRequest("a role needs at least one permission.")
    if len(role.grants) > MAX_GRANTS:
        raise InvalidRequest(f"a role has at most {MAX_GRANTS} grants.")
    grants = tuple(grant_of(name, resource) for name, resource in dict.fromkeys(role.grants))
    if len(role.policy) > MAX_POLICY:
        raise InvalidRequest(f"a policy has at most {MAX_POLICY} characters.")
    try:
        policy = lower_policy(role.policy)
    except QuerySyntaxError as error:
        raise QuerySyntaxError(
            f"the policy: {error.message}", offset=error.offset, length=error.length, hint=error.hint
        ) from None
    if len(role.masked) > MAX_MASKED:
        raise InvalidRequest(f"a role masks at most {MAX_MASKED} fields.")
    try:
        masked = masked_fields(role.masked)
    except NexusError as error:
        raise InvalidRequest(f"masked fields: {error.message}", hint=error.hint) from None
    return Role(role.name, role.description, grants, policy, masked, policy_text="" if policy is None else role.policy)


def grant_of(name: str, resource: str) -> Grant:
    """A grant by its texts. Raises `InvalidRequest`."""
    if name == "*":
        raise InvalidRequest("a role names its permissions.", hint="The permission admin is all of them.")
    (permission,) = parse_permissions([name])
    if resource == ANYTHING:
        return Grant(permission)
    kinds = RESOURCES.get(permission, ())
    if not kinds:
        raise InvalidRequest(
            f"{name} cannot be limited to {resource[:100]!r}.",
            hint="It is about the whole tenant: use * here, and give the role in the tenants it is for.",
        )
    found = _RESOURCE.fullmatch(resource)
    if not found or found[1] not in kinds:
        raise InvalidRequest(
            f"{resource[:100]!r} is not a resource that {name} can be limited to.",
            hint=f"Write {' or '.join(f'{kind}:<name>' for kind in kinds)}; * and ? stand for letters of the name.",
        )
    return Grant(permission, resource)


def _text(what: str, text: str, most: int = MAX_TEXT) -> None:
    if len(text) > most or any(ord(letter) < 32 and letter not in "\n\t" for letter in text):
        raise InvalidRequest(f"a {what} has at most {most} printable characters.")


def _name(what: str, name: str) -> str:
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise InvalidRequest(f"{what} needs a name of 1 to 100 printable characters.")
    return name


def _unused_mail(directory: Directory, email: str, but: str = "") -> None:
    """A link to a new password goes to an address, and single sign-on finds users by it: so it is one user's."""
    if email and any(one.email.lower() == email.lower() and one.name != but for one in directory.users.values()):
        raise Conflict(f"the e-mail address {email!r} is another user's.")


# ---------------------------------------------------------------------------------------------------------- for the log


def _unused_external(directory: Directory, user: User) -> None:
    """A login elsewhere is one user's."""
    if any(
        (one.source, one.external_id) == (user.source, user.external_id) and one.name != user.name
        for one in directory.users.values()
    ):
        raise Conflict("this login is another user's already.", hint="Remove that link first.")


def _roles(bindings: Iterable[Binding]) -> list[str]:
    return sorted(f"{one.role} in {one.tenant}" for one in bindings)


def _shown_user(user: User, bindings: Iterable[Binding]) -> dict[str, Any]:
    return {
        "display_name": user.display_name,
        "email": user.email,
        "source": user.source,
        "external_id": user.external_id,
        "disabled": user.disabled,
        "roles": _roles(bindings),
    }


def _shown_team(team: Team, bindings: Iterable[Binding]) -> dict[str, Any]:
    return {
        "name": team.name,
        "description": team.description,
        "members": list(team.members),
        "roles": _roles(bindings),
    }


def _shown_account(account: ServiceAccount, bindings: Iterable[Binding]) -> dict[str, Any]:
    return {
        "name": account.name,
        "description": account.description,
        "disabled": account.disabled,
        "roles": _roles(bindings),
    }


# --------------------------------------------------------------------------------------------------- without a server


def bootstrap_admin(metadata: MetadataStore, configured: str, now_ns: int) -> str | None:
    """Make the user `admin` when there are no users yet. The password, when it was made up here. Slow: hashes.

    Neither has to be changed: the one is random, and whoever configures the other may have programs that log in with it.
    """
    if metadata.list_users():
        return None
    password = configured or secrets.new_password()
    weak = passwords.weakness(configured, [ADMIN]) if configured else ""
    if weak:
        log.warning("bootstrap.admin_password is easily guessed, choose another one in the profile: %s", weak)
    metadata.put_user(User(ADMIN, secrets.hash_password(password), now_ns, password_changed_at=now_ns))
    metadata.add_binding(Binding(secrets.new_id(), "user", ADMIN, ADMIN, ANY_TENANT, now_ns))
    return None if configured else password


def change_password(metadata: MetadataStore, name: str, hashed: str, now_ns: int, *, must_change: bool) -> None:
    """Store another password and end every session. Blocks. Raises `NotFound`."""
    user = metadata.get_user(name)
    if user is None:
        raise NotFound(f"there is no user {name[:100]!r}.")
    metadata.put_user(replace(user, password_hash=hashed, password_changed_at=now_ns, must_change_password=must_change))
    metadata.delete_sessions(name)


def reset_password(metadata: MetadataStore, name: str, now_ns: int) -> str:
    """Give a user a new password and end every session. Raises `NotFound`. Slow: hashes."""
    password = secrets.new_password()
    change_password(metadata, user_name(name), secrets.hash_password(password), now_ns, must_change=True)
    return password


def create_user(metadata: MetadataStore, name: str, roles: Sequence[RoleIn], now_ns: int) -> str:
    """Make a user with these roles; the password. Raises `InvalidRequest`, `Conflict`. Slow: hashes."""
    user = user_name(name)
    directory = read_directory(metadata)
    if user in directory.users:
        raise Conflict(f"there is a user {user!r} already.")
    for role, tenant in roles:
        check_role(directory, role, tenant)
    password = secrets.new_password()
    metadata.put_user(
        User(user, secrets.hash_password(password), now_ns, password_changed_at=now_ns, must_change_password=True)
    )
    for role, tenant in roles:
        metadata.add_binding(Binding(secrets.new_id(), "user", user, role, tenant, now_ns))
    return password


def grant(metadata: MetadataStore, name: str, role: str, tenant: str, now_ns: int) -> bool:
    """Give a user a role in a tenant; False when he has it. Raises `NotFound`, `InvalidRequest`."""
    directory = read_directory(metadata)
    user = user_name(name)
    if user not in directory.users:
        raise NotFound(f"there is no user {user!r}.")
    check_role(directory, role, tenant)
    return metadata.add_binding(Binding(secrets.new_id(), "user", user, role, tenant, now_ns))


def check_role(directory: Directory, role: str, tenant: str) -> None:
    """Raise `InvalidRequest` for a role that is not there, and for what is no tenant."""
    if role not in directory.roles:
        raise InvalidRequest(f"there is no role {role[:100]!r}.", hint=f"The roles are {', '.join(directory.roles)}.")
    if tenant != ANY_TENANT:
        parse_tenant(tenant)
