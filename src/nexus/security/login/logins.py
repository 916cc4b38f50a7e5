"""Logging in: a password or a passkey or a link, then the second factor, then a session.

A right password of a user with a second factor gives a ticket, for five minutes and five codes; only the second step
makes the session. Unknown users, wrong passwords, disabled users and those without a password get one answer, after
the same work. Who is let in otherwise (single sign-on) starts a session with `Sessions.start`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from nexus.config import Config
from nexus.errors import NexusError, NotFound, PermissionDenied, TooManyAttempts, Unauthenticated
from nexus.security import secrets
from nexus.security.access import ANY_TENANT, Authority
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.security.identity import Must
from nexus.security.login import passwords, totp
from nexus.security.login.lockout import LockOut
from nexus.security.login.passkeys import Passkeys
from nexus.security.login.sessions import Sessions
from nexus.security.login.tickets import Tickets
from nexus.security.permissions import Permission
from nexus.security.vault import Vault
from nexus.storage.metadata.api import MetadataStore, Session, Ticket, User

LOGIN: Final = "login"
LINK: Final = "login-link"
CHALLENGE_SECONDS: Final = 300.0
LINK_SECONDS: Final = 15 * 60.0
MAX_CODES: Final = 5
MAX_NAME: Final = 100
CONCURRENT_HASHES: Final = 2
MAX_WAITING_LOGINS: Final = 32
CHANGE_PASSWORD: Final = "change_password"  # noqa: S105
ADD_SECOND_FACTOR: Final = "add_second_factor"

Factor = Literal["totp", "recovery", "passkey"]
"""What completes a login."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a login comes from: address, and what the browser says that it is."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Began:
    """A login that is complete."""

    token: str
    session: Session
    user: User


@dataclass(frozen=True, slots=True)
class Waiting:
    """A login that waits for its second factor: one of `methods`."""

    token: str
    methods: list[Factor]


class Logins:
    """See the module text. Lives on one event loop; `clock` gives seconds."""

    def __init__(
        self,
        metadata: MetadataStore,
        sessions: Sessions,
        passkeys: Passkeys,
        vault: Callable[[], Vault],
        audit: Audit,
        config: Callable[[], Config],
        now_ns: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        changing: asyncio.Lock | None = None,
    ) -> None:
        """Nothing is read before it is asked for. `changing` is held while users are changed."""
        self._changing = changing or asyncio.Lock()
        self._metadata = metadata
        self._sessions = sessions
        self._passkeys = passkeys
        self._vault = vault
        self._audit = audit
        self._config = config
        self._now_ns = now_ns
        self._clock = clock
        self._tickets = Tickets(metadata, now_ns)
        self._lockout = LockOut()
        self._hashing = asyncio.Semaphore(CONCURRENT_HASHES)
        self._waiting_logins = 0

    # ----------------------------------------------------------------------------------------------------- first step

    async def password(self, name: str, password: str, origin: Origin) -> Began | Waiting:
        """Log in with a password. Raises `Unauthenticated`, `TooManyAttempts`, `PermissionDenied` when that is turned
        off."""
        if not self._config().security.password_login:
            raise PermissionDenied("logging in with a password is turned off here.", hint="Use single sign-on or a passkey.")
        name = name.strip().lower()
        user = await self._look_up(name, origin)
        right = await self.check_password(user, name, password, origin)
        if not right or user is None:
            await self._failed(user, name, origin, "password", "the user name or the password is wrong")
            raise Unauthenticated(
                "the user name or the password is wrong.", hint="Somebody who administrates this server can reset it."
            )
        methods = await self.second_factors(user)
        if not methods:
            return await self._begin(user, "password", origin)
        data = {"method": "password", "password_changed_at": user.password_changed_at}
        token = await self._tickets.issue(LOGIN, user.name, data, CHALLENGE_SECONDS)
        return Waiting(token, methods)

    async def link(self, token: str, origin: Origin) -> Began:
        """Log in with a link that `nexus admin login-link` has made: it counts once. Raises `Unauthenticated`."""
        ticket = await self._tickets.take(token, LINK)
        user = await asyncio.to_thread(self._metadata.get_user, ticket.subject) if ticket else None
        if user is None or user.disabled:
            await self._failed(user, "", origin, "link", "the link is not valid")
            raise Unauthenticated("the link was used, or is too old.", hint="Run `nexus admin login-link` again.")
        return await self._begin(user, "link", origin)

    # ---------------------------------------------------------------------------------------------------- second step

    async def code(self, token: str, code: str, origin: Origin) -> Began:
        """Complete a login with a code of the app or a recovery code. Raises `Unauthenticated`, `TooManyAttempts`."""
        held = await self._tickets.take_for_try(token, LOGIN, MAX_CODES)
        if held is None:
            raise _over()
        ticket, data = held
        try:
            user = await self._waiting_user(ticket, data)
            method = await self.use_code(user, code)
        except TooManyAttempts:
            data["tries"] -= 1
            await self._tickets.give_back(ticket, data)
            raise
        if not method:
            await self._failed(user, user.name, origin, "code", "the code is wrong")
            if data["tries"] < MAX_CODES:
                await self._tickets.give_back(ticket, data)
            raise Unauthenticated("the code is wrong, or was used before.", hint="Wait for the next one.")
        return await self._begin(user, f"{data['method']}+{method}", origin)

    async def waiting_user(self, token: str) -> str:
        """Whose login waits for its second factor. Raises `Unauthenticated`."""
        ticket = await self._tickets.look(token, LOGIN)
        if ticket is None:
            raise _over()
        return ticket.subject

    async def passkey(self, token: str, credential: dict[str, object], origin: Origin) -> Began:
        """Log in with a passkey alone, or complete a login with it. Raises `Unauthenticated`, `InvalidRequest`."""
        try:
            ceremony, passkey = await self._passkeys.finish(token, credential)
        except NexusError as error:
            await self._failed(None, "", origin, "passkey", error.message.rstrip("."))
            raise
        if ceremony.purpose == "login":
            user = await asyncio.to_thread(self._metadata.get_user, passkey.user)
            if user is None or user.disabled:
                await self._failed(user, "", origin, "passkey", "the user is disabled")
                raise Unauthenticated("the passkey was not accepted.", hint="Begin again.")
            return await self._begin(user, "passkey", origin)
        held = await self._tickets.take_for_try(ceremony.ticket, LOGIN, MAX_CODES)
        if held is None:
            raise _over()
        user = await self._waiting_user(*held)
        return await self._begin(user, f"{held[1]['method']}+passkey", origin)

    # -------------------------------------------------------------------------------------------------- for the profile

    async def check_password(self, user: User | None, name: str, password: str, origin: Origin) -> bool:
        """Is this the password? Takes as long for nobody. Counts failures, stores the hash anew when it is an old one.
        Raises `TooManyAttempts`."""
        self._check_wait(name, origin)
        if self._waiting_logins >= MAX_WAITING_LOGINS:
            raise TooManyAttempts("too many logins at a time.", retry_after=1.0, hint="Try again.")
        stored = user.password_hash if user and not user.disabled else None
        self._waiting_logins += 1
        try:
            async with self._hashing:
                # Again: those that waited before this one may have been wrong.
                self._check_wait(name, origin)
                verified = await asyncio.to_thread(passwords.verify, stored, password)
                if not verified.right or user is None:
                    self._lockout.failed(name[:MAX_NAME], origin.address, self._clock())
        finally:
            self._waiting_logins -= 1
        if not verified.right or user is None:
            return False
        self._lockout.succeeded(name, origin.address)
        if verified.fresh_hash:
            async with self._changing:
                await asyncio.to_thread(self._upgrade, user, verified.fresh_hash)
        return True

    def _check_wait(self, name: str, origin: Origin) -> None:
        wait = self._lockout.wait(name[:MAX_NAME], origin.address, self._clock())
        if wait > 0:
            raise TooManyAttempts("too many wrong passwords.", retry_after=wait, hint="Wait as long as Retry-After says.")

    async def use_code(self, user: User, code: str) -> str:
        """Use up a code of the app (`totp`) or a recovery code (`recovery`); empty when it is wrong or was used before.
        Raises `TooManyAttempts`."""
        wait = self._lockout.wait_code(user.name, self._clock())
        if wait > 0:
            raise TooManyAttempts("too many wrong codes.", retry_after=wait, hint="Wait as long as Retry-After says.")

        def use() -> str:
            if totp.looks_like_code(code):
                if not user.totp:
                    return ""
                step = totp.step_of(self._vault().unseal(user.totp, totp_context(user.name)), code, self._now_ns())
                return "totp" if step is not None and self._metadata.use_totp(user.name, step) else ""
            return "recovery" if self._metadata.use_recovery(user.name, totp.recovery_hash(code)) else ""

        # Counted before, so that guesses at one time do not all find the count as it was.
        self._lockout.failed_code(user.name, self._clock())
        method = await asyncio.to_thread(use)
        if method:
            self._lockout.succeeded_code(user.name)
        return method

    async def second_factors(self, user: User) -> list[Factor]:
        """What a user can complete a login with; empty without a second factor."""
        passkeys = await asyncio.to_thread(self._metadata.list_passkeys, user.name)
        methods: list[Factor] = ["totp"] if user.totp else []
        if passkeys:
            methods.append("passkey")
        if methods and user.recovery:
            methods.append("recovery")
        return methods

    async def duty(self, user: User, session: Session, authority: Authority) -> Must:
        """What a user must do before anything else: `change_password`, `add_second_factor`, or nothing."""
        # Who comes by single sign-on, passkey or link did not need the password.
        if not session.method.startswith("password"):
            return ""
        if user.must_change_password:
            return CHANGE_PASSWORD
        if self.requires_second_factor(authority) and not await self.second_factors(user):
            return ADD_SECOND_FACTOR
        return ""

    def requires_second_factor(self, authority: Authority) -> bool:
        """Must somebody who may do this have a second factor?"""
        match self._config().security.second_factor:
            case "required":
                return True
            case "required_for_admins":
                held = (role for roles in authority.roles.values() for role in roles)
                return any(Permission.ADMIN in role.permissions for role in held)
        return False

    # ------------------------------------------------------------------------------------------------------- common

    async def _look_up(self, name: str, origin: Origin) -> User | None:
        """The user of that name; the same work for nobody."""
        if len(name) > MAX_NAME:
            name = ""

        def read() -> tuple[User | None, list[Session]]:
            return self._metadata.get_user(name), self._metadata.list_sessions(name, self._now_ns())

        user, sessions = await asyncio.to_thread(read)
        for session in sessions:
            self._lockout.trust(name, session.address)
        return user

    async def _waiting_user(self, ticket: Ticket, data: dict[str, object]) -> User:
        """Whose login waits, unless something has happened since. Raises `Unauthenticated`."""
        user = await asyncio.to_thread(self._metadata.get_user, ticket.subject)
        if user is None or user.disabled or user.password_changed_at != data["password_changed_at"]:
            raise _over()
        return user

    async def _begin(self, user: User, method: str, origin: Origin) -> Began:
        token, session = await self._sessions.start(user, method, origin.address, origin.user_agent)
        await asyncio.to_thread(self._metadata.note_login, user.name, self._now_ns())
        self._lockout.trust(user.name, origin.address)
        actor = Actor("user", user.name, origin.address)
        await self._audit.record(actor, ANY_TENANT, "login.succeeded", user.name, method=method)
        log.info("login", extra={"fields": {"user": user.name, "address": origin.address, "method": method}})
        return Began(token, session, user)

    async def _failed(self, user: User | None, name: str, origin: Origin, method: str, reason: str) -> None:
        # Of somebody unknown not the name: people type their password there.
        shown = user.name if user else f"{name[:2]}... (unknown)" if name and name.isprintable() else "(unknown)"
        log.warning("login failed", extra={"fields": {"user": shown, "address": origin.address, "method": method}})
        await self._audit.record(
            Actor("anonymous", shown, origin.address), ANY_TENANT, "login.failed", shown, outcome="unauthenticated",
            method=method, reason=reason,
        )  # fmt: skip

    def _upgrade(self, user: User, fresh_hash: str) -> None:
        fresh = self._metadata.get_user(user.name)
        if fresh is not None and fresh.password_hash == user.password_hash:
            self._metadata.put_user(replace(fresh, password_hash=fresh_hash))


def login_link(metadata: MetadataStore, name: str, now_ns: int) -> str:
    """The token of a link that logs a user in once. Blocks. Raises `NotFound`, `PermissionDenied` for who is disabled."""
    user = metadata.get_user(name.strip().lower())
    if user is None:
        raise NotFound(f"there is no user {name[:100]!r}.")
    if user.disabled:
        raise PermissionDenied(f"the user {user.name} is disabled.")
    token = secrets.new_token()
    metadata.put_ticket(Ticket(secrets.digest(token), LINK, user.name, "{}", now_ns + int(LINK_SECONDS * 1e9)))
    return token


def totp_context(user: str) -> str:
    """What a user's TOTP secret is sealed for."""
    return f"totp:{user}"


def _over() -> Unauthenticated:
    return Unauthenticated("this login took too long, or was tried too often.", hint="Begin again with the password.")
