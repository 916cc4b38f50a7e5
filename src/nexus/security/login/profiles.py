"""One's own account: name, address, password, second factors, passkeys, sessions.

What would let somebody in or lock somebody out asks who is at the keyboard (`Confirm`): the password, or a code of
the second factor; a session that began in the last ten minutes needs neither. After a change of password or second
factor the session has another token. Whoever has an address is told by mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from nexus.config import Config
from nexus.errors import Conflict, InvalidRequest, NotFound, PermissionDenied, Unauthenticated
from nexus.security import secrets
from nexus.security.access import ANY_TENANT
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.security.authority import Authorities
from nexus.security.login import passwords, totp
from nexus.security.login.logins import Logins, Origin, totp_context
from nexus.security.login.passkeys import Passkeys, Site
from nexus.security.login.resets import Resets, known_of
from nexus.security.login.sessions import Sessions
from nexus.security.login.tickets import Tickets
from nexus.security.users import MAX_TEXT, mail_address
from nexus.security.vault import Vault
from nexus.storage.metadata.api import MetadataStore, Passkey, Session, User

JUST_BEGUN: Final = 600 * 10**9
SETUP: Final = "totp"
SETUP_SECONDS: Final = 600.0
MAX_CODES: Final = 5


class ConfirmationNeeded(PermissionDenied):
    """The password, or a code of the second factor, has to come with the request."""

    code = "confirmation_required"


@dataclass(frozen=True, slots=True)
class Me:
    """Who asks: his session, and from where."""

    name: str
    session_id: str
    origin: Origin

    @property
    def actor(self) -> Actor:
        """As the audit log names him."""
        return Actor("user", self.name, self.origin.address)


@dataclass(frozen=True, slots=True)
class Setup:
    """A TOTP secret that is not in force yet."""

    secret: str
    uri: str


class Profiles:
    """See the module text. Lives on one event loop; changes of users are made one after the other."""

    def __init__(
        self,
        metadata: MetadataStore,
        sessions: Sessions,
        logins: Logins,
        passkeys: Passkeys,
        resets: Resets,
        authorities: Authorities,
        vault: Callable[[], Vault],
        audit: Audit,
        config: Callable[[], Config],
        now_ns: Callable[[], int],
        changing: asyncio.Lock,
    ) -> None:
        """Nothing is read before it is asked for. `changing` is held while users are changed."""
        self._metadata = metadata
        self._sessions = sessions
        self._logins = logins
        self._passkeys = passkeys
        self._resets = resets
        self._authorities = authorities
        self._vault = vault
        self._audit = audit
        self._config = config
        self._now_ns = now_ns
        self._tickets = Tickets(metadata, now_ns)
        self._changing = changing

    # --------------------------------------------------------------------------------------------------------- looking

    async def user(self, me: Me) -> User:
        """The account as it is stored. Raises `Unauthenticated` when it is gone."""
        user = await asyncio.to_thread(self._metadata.get_user, me.name)
        if user is None:
            raise Unauthenticated("the session has ended.", hint="Log in again.")
        return user

    async def passkeys(self, me: Me) -> list[Passkey]:
        """The passkeys, oldest first."""
        return await asyncio.to_thread(self._metadata.list_passkeys, me.name)

    async def confirm(self, me: Me, password: str, code: str) -> User:
        """Make sure who is at the keyboard. Raises `ConfirmationNeeded`, `Unauthenticated`, `TooManyAttempts`."""
        user = await self.user(me)
        if password:
            if await self._logins.check_password(user, user.name, password, me.origin):
                return user
            await self._note(me, "confirmation.failed", outcome="unauthenticated", method="password")
            raise Unauthenticated("the password is wrong.")
        if code:
            if await self._logins.use_code(user, code):
                return await self.user(me)
            await self._note(me, "confirmation.failed", outcome="unauthenticated", method="code")
            raise Unauthenticated("the code is wrong, or was used before.", hint="Wait for the next one.")
        session = await self._session(me)
        if self._now_ns() - session.created_at < JUST_BEGUN:
            return user
        raise ConfirmationNeeded(
            "this needs your password, or a code of your second factor.", hint="Send it along, or log in again."
        )

    # -------------------------------------------------------------------------------------------------- name and address

    async def change(self, me: Me, display_name: str | None, email: str | None, password: str, code: str) -> User:
        """Change name or address. Links to new passwords go to the address: a new one has to be confirmed."""
        user = await self.user(me)
        if user.source != "local" and (display_name, email) != (None, None):
            raise Conflict(f"your name and address come from {user.source}.", hint="Have them changed there.")
        if display_name is not None and (len(display_name) > MAX_TEXT or not display_name.isprintable()):
            raise InvalidRequest(f"a name has at most {MAX_TEXT} printable characters.")
        email = None if email is None else mail_address(email)
        moves = email is not None and email != user.email
        if moves:
            await self.confirm(me, password, code)
            other = await asyncio.to_thread(self._metadata.find_user, email=email) if email else None
            if other is not None and other.name != me.name:
                raise Conflict("this e-mail address cannot be used.", hint="Ask an administrator.")
        before, after = await self._update(
            me,
            lambda fresh: replace(
                fresh,
                display_name=fresh.display_name if display_name is None else display_name.strip(),
                email=fresh.email if email is None else email,
            ),
        )
        shown = [{"display_name": one.display_name, "email": one.email} for one in (before, after)]
        await self._note(me, "user.changed", before=shown[0], after=shown[1])
        if moves:
            self._resets.tell(before, "Your address was changed", "The e-mail address of your account is another one now.")
        return after

    # -------------------------------------------------------------------------------------------------------- password

    async def change_password(self, me: Me, current: str, new: str) -> str:
        """Change the password; every other session ends. The session's new token."""
        user = await self.user(me)
        if user.source != "local":
            raise Conflict(f"you log in at {user.source}.", hint="Change the password there.")
        if not self._config().security.password_login:
            raise Conflict("logging in with a password is turned off here.")
        if user.password_hash:
            if not await self._logins.check_password(user, user.name, current, me.origin):
                await self._note(me, "confirmation.failed", outcome="unauthenticated", method="password")
                raise Unauthenticated("the current password is wrong.")
            if secrets.normalised(new) == secrets.normalised(current):
                raise InvalidRequest("the new password is the current one.")
        else:
            await self.confirm(me, "", "")
        await asyncio.to_thread(passwords.check, new, known_of(user))
        hashed = await asyncio.to_thread(secrets.hash_password, new)
        _, changed = await self._update(
            me,
            lambda fresh: replace(
                fresh, password_hash=hashed, password_changed_at=self._now_ns(), must_change_password=False
            ),
        )
        ended = await self._sessions.end_all(me.name, keep=me.session_id)
        token = await self._renewed(me)
        await self._note(me, "user.password_changed", sessions_ended=ended)
        self._resets.tell(changed, "Your password was changed", "The password of your account was changed.")
        return token

    # ------------------------------------------------------------------------------------------------------------ TOTP

    async def begin_totp(self, me: Me, password: str, code: str) -> Setup:
        """A new secret for the app; it is in force when `finish_totp` has seen a code of it."""
        self._check_adding()
        user = await self.confirm(me, password, code)
        if user.totp:
            raise Conflict("there is an authenticator app already.", hint="Remove it first.")
        secret = totp.new_secret()
        sealed = await asyncio.to_thread(self._vault().seal, secret, totp_context(me.name))
        await self._tickets.issue(SETUP, me.name, {"secret": sealed}, SETUP_SECONDS, token=f"totp {me.session_id}")
        return Setup(secret, totp.uri(secret, me.name))

    async def finish_totp(self, me: Me, code: str) -> tuple[list[str], str]:
        """Put the secret in force. New recovery codes, and the session's new token."""
        held = await self._tickets.take_for_try(f"totp {me.session_id}", SETUP, MAX_CODES)
        if held is None or held[0].subject != me.name:
            raise InvalidRequest("setting up the app took too long, or was tried too often.", hint="Begin again.")
        ticket, data = held
        secret = await asyncio.to_thread(self._vault().unseal, data["secret"], totp_context(me.name))
        step = totp.step_of(secret, code, self._now_ns())
        if step is None:
            await self._tickets.give_back(ticket, data)
            raise InvalidRequest("the code is not one of the new secret.", hint="Check the clock of the device.")
        codes = totp.new_recovery_codes()
        _, user = await self._update(
            me,
            lambda fresh: replace(fresh, totp=data["secret"], totp_step=step, recovery=_hashes(codes)),
        )
        token = await self._renewed(me)
        await self._note(me, "second_factor.added", method="totp")
        self._resets.tell(user, "A second factor was added", "An authenticator app was added to your account.")
        return codes, token

    async def remove_totp(self, me: Me, password: str, code: str) -> str:
        """Remove the app; recovery codes go with the last second factor. The session's new token."""
        user = await self.confirm(me, password, code)
        if not user.totp:
            raise NotFound("there is no authenticator app.")
        keep = bool(await self.passkeys(me))
        _, user = await self._update(
            me, lambda fresh: replace(fresh, totp="", totp_step=0, recovery=fresh.recovery if keep else ())
        )
        token = await self._renewed(me)
        await self._note(me, "second_factor.removed", method="totp")
        self._resets.tell(user, "A second factor was removed", "The authenticator app was removed from your account.")
        return token

    async def new_recovery_codes(self, me: Me, password: str, code: str) -> list[str]:
        """Ten new recovery codes; the old ones work no longer."""
        user = await self.confirm(me, password, code)
        if not await self._logins.second_factors(user):
            raise Conflict("recovery codes stand in for a second factor, and there is none.", hint="Add one first.")
        codes = totp.new_recovery_codes()
        await self._update(me, lambda fresh: replace(fresh, recovery=_hashes(codes)))
        await self._note(me, "recovery_codes.made")
        self._resets.tell(user, "New recovery codes", "New recovery codes were made for your account.")
        return codes

    # -------------------------------------------------------------------------------------------------------- passkeys

    async def begin_passkey(self, me: Me, site: Site, password: str, code: str) -> tuple[str, dict[str, Any]]:
        """Options to make a passkey with, and the token for the second step."""
        self._check_adding()
        return await self._passkeys.begin_adding(site, await self.confirm(me, password, code))

    async def finish_passkey(
        self, me: Me, token: str, credential: dict[str, Any], name: str
    ) -> tuple[Passkey, list[str], str]:
        """Keep the passkey: it, recovery codes when there were none, and the session's new token."""
        self._check_adding()
        user = await self.user(me)
        passkey = await self._passkeys.finish_adding(user, token, credential, name)
        codes: list[str] = []
        if not user.recovery:
            codes = totp.new_recovery_codes()
            await self._update(me, lambda fresh: replace(fresh, recovery=_hashes(codes)))
        fresh_token = await self._renewed(me)
        await self._note(me, "second_factor.added", method="passkey", passkey=passkey.id[:40], name=passkey.name)
        self._resets.tell(user, "A passkey was added", "A passkey was added to your account.")
        return passkey, codes, fresh_token

    async def remove_passkey(self, me: Me, id: str, password: str, code: str) -> str:
        """Remove a passkey. The session's new token."""
        user = await self.confirm(me, password, code)
        if not await asyncio.to_thread(self._metadata.delete_passkey, me.name, id):
            raise NotFound("there is no such passkey.")
        if not user.totp and not await self.passkeys(me):
            await self._update(me, lambda fresh: replace(fresh, recovery=()))
        token = await self._renewed(me)
        await self._note(me, "second_factor.removed", method="passkey", passkey=id[:40])
        self._resets.tell(user, "A passkey was removed", "A passkey was removed from your account.")
        return token

    # -------------------------------------------------------------------------------------------------------- sessions

    async def end_session(self, me: Me, id: str) -> int:
        """End one of the own sessions. Raises `NotFound`."""
        if id not in {one.id for one in await self._sessions.list(me.name)} or not await self._sessions.end(id):
            raise NotFound("there is no such session.")
        await self._note(me, "session.ended", session=id)
        return 1

    async def end_others(self, me: Me) -> int:
        """End every session but this one; how many."""
        ended = await self._sessions.end_all(me.name, keep=me.session_id)
        await self._note(me, "session.ended", sessions=ended)
        return ended

    # ---------------------------------------------------------------------------------------------------------- common

    async def _session(self, me: Me) -> Session:
        for session in await self._sessions.list(me.name):
            if session.id == me.session_id:
                return session
        raise Unauthenticated("the session has ended.", hint="Log in again.")

    async def _update(self, me: Me, change: Callable[[User], User]) -> tuple[User, User]:
        """Change the account as it is now: before and after."""

        def write() -> tuple[User, User]:
            fresh = self._metadata.get_user(me.name)
            if fresh is None or fresh.disabled:
                raise Unauthenticated("the session has ended.", hint="Log in again.")
            changed = change(fresh)
            self._metadata.put_user(changed)
            return fresh, changed

        async with self._changing:
            both = await asyncio.to_thread(write)
        self._authorities.forget()
        return both

    async def _renewed(self, me: Me) -> str:
        return await self._sessions.renew(me.session_id, me.name)

    def _check_adding(self) -> None:
        if self._config().security.second_factor == "off":
            raise PermissionDenied("second factors are turned off here.", hint="security.second_factor says so.")

    async def _note(
        self, me: Me, action: str, *, before: object = None, after: object = None, outcome: str = "ok", **details: str | int
    ) -> None:
        await self._audit.record(
            me.actor, ANY_TENANT, action, me.name, before=before, after=after, outcome=outcome, **details
        )


def _hashes(codes: list[str]) -> tuple[str, ...]:
    return tuple(map(totp.recovery_hash, codes))
