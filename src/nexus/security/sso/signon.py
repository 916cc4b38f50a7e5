"""Single sign-on: from the button of the login page to a session, and back out.

A login that is under way is a ticket that is used once, found by the `state` that the provider sends back, and bound to the
browser that began it by a cookie of ten minutes: whoever has the one without the other gets nowhere (login CSRF). Nonce and
PKCE verifier are made from that cookie, so neither is stored anywhere.

Who somebody is, is decided by provider and subject (`sub`) and by nothing else, unless the configuration links users that
SCIM made. A user of the same name or e-mail address is never taken over; an administrator can link him. Roles follow the
groups at every login: what an earlier login gave and the groups do not say any more is taken away; roles that people gave by
hand stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from nexus.config import OidcConfig
from nexus.errors import Conflict, InvalidRequest, NexusError, NotFound, Overloaded, PermissionDenied, Unauthenticated
from nexus.outgoing.client import Outgoing
from nexus.security import secrets
from nexus.security.access import ANY_TENANT
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.security.authority import FULL_AUTHORITY
from nexus.security.identity import Principal
from nexus.security.permissions import ROLES
from nexus.security.sso.jwt import MAX_SUBJECT, BadToken
from nexus.security.sso.oidc import Provider, SignOnFailed, claim
from nexus.security.users import By, Users, mail_address
from nexus.security.users import user_name as checked_name
from nexus.security.vault import Vault
from nexus.storage.metadata.api import Binding, MetadataStore, Session, Ticket, User

UNDER_WAY: Final = 600
"""Seconds in which a login has to be complete."""
MAX_UNDER_WAY: Final = 10_000
MAX_NEXT: Final = 2048
MAX_GROUPS: Final = 10_000
MAX_HINT: Final = 4096
"""Longest ID token that is sent along to log out: it travels in an address."""
COOKIE_PREFIX: Final = "nexus_sso_"
BINDING: Final = "sso-"
"""How the ids of bindings begin that a login made."""

_STATE: Final = "sso.state"
_REPLAY: Final = "sso.logout"
_SUBJECT: Final = "sso.subject"
_HINT: Final = "sso.hint"
_NEXT: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_TRY_AGAIN: Final = "Begin again at the login page."

log = logging.getLogger(__name__)


class SessionStarter(Protocol):
    """Where sessions begin: `nexus.security.login.sessions.Sessions`."""

    async def start(
        self, user: User, method: str, actor_address: str, user_agent: str, issuer: str = "", issuer_session: str = ""
    ) -> tuple[str, Session]:
        """The token and the session."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A login under way: where the browser goes, and the cookie that it must bring back."""

    url: str
    cookie: str
    value: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A login that succeeded; `next` is where the user wanted to go."""

    token: str
    user: User
    next: str


class SignOnRefused(Unauthenticated):
    """A login at a provider that came to nothing. What exactly was wrong is in the audit log."""

    code = "sign_on_refused"


class SingleSignOn:
    """See the module text. `changed` is called when somebody's roles are other ones now."""

    def __init__(
        self,
        providers: Iterable[OidcConfig],
        outgoing: Outgoing,
        metadata: MetadataStore,
        sessions: SessionStarter,
        vault: Callable[[], Vault],
        users: Users,
        audit: Audit,
        now_ns: Callable[[], int],
        changed: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`vault` is first asked for when somebody logs in."""
        self._providers = {config.id: Provider(config, outgoing, monotonic, lambda: now_ns() / 1e9) for config in providers}
        self._metadata = metadata
        self._sessions = sessions
        self._vault = vault
        self._users = users
        self._audit = audit
        self._now_ns = now_ns
        self._changed = changed
        self._monotonic = monotonic
        self._begun: deque[float] = deque()
        self._creating = asyncio.Lock()

    def offered(self) -> list[tuple[str, str]]:
        """Id and name of every provider, as configured."""
        return [(id, provider.config.name or id) for id, provider in self._providers.items()]

    # ------------------------------------------------------------------------------------------------------- logging in

    async def begin(self, provider_id: str, next_path: str, redirect_uri: str) -> Begun:
        """Begin a login. Raises `NotFound`, `InvalidRequest` for a `next_path` that leads away, `Overloaded`, and what
        asking the provider raises."""
        provider = self._provider(provider_id)
        check_next(next_path)
        now = self._monotonic()
        while self._begun and self._begun[0] <= now - UNDER_WAY:
            self._begun.popleft()
        if len(self._begun) >= MAX_UNDER_WAY:
            raise Overloaded("too many logins are under way.", retry_after=30.0)
        self._begun.append(now)
        state, browser = secrets.new_token(), secrets.new_token()
        nonce, verifier = _derived(browser)
        url = await provider.authorization_url(redirect_uri, state, nonce, verifier)
        data = {"next": next_path, "browser": secrets.digest(browser), "redirect_uri": redirect_uri}
        ticket = Ticket(
            secrets.digest(state), _STATE, provider_id, msgspec.json.encode(data).decode(), self._after(UNDER_WAY)
        )
        await asyncio.to_thread(self._metadata.put_ticket, ticket)
        return Begun(url, cookie_name(state), browser)

    async def finish(
        self,
        provider_id: str,
        arguments: Mapping[str, str],
        cookies: Mapping[str, str],
        address: str,
        user_agent: str,
    ) -> Finished:
        """Complete a login with what the provider sent back.

        Raises `NotFound`, `SignOnRefused`, `PermissionDenied` for somebody who may not log in, `Unavailable` when the
        provider cannot be asked.
        """
        provider = self._provider(provider_id)
        data, nonce, verifier = await self._taken(provider_id, arguments.get("state", ""), cookies)
        actor = actor_of(provider_id, address)
        try:
            if reason := arguments.get("error"):
                raise SignOnFailed(
                    f"the provider said no: {reason[:60]}" if reason.isprintable() else "the provider said no"
                )
            said = await provider.statement(
                arguments.get("code", ""), arguments.get("iss"), data["redirect_uri"], nonce, verifier
            )
            user = await self._user(provider.config, said.subject, said.claims, actor)
        except SignOnFailed as error:
            await self._failed(actor, "", str(error), "unauthenticated")
            raise SignOnRefused("the login did not succeed.", hint=_TRY_AGAIN) from error
        except NexusError as error:
            await self._failed(actor, "", error.message, error.code)
            raise
        token, session = await self._sessions.start(
            user, "oidc", address, user_agent, source_of(provider_id), said.session
        )  # fmt: skip
        await asyncio.to_thread(self._metadata.note_login, user.name, self._now_ns())
        await self._remember(provider_id, said.subject, said.id_token, user, session)
        await self._audit.record(
            Actor("user", user.name, address),
            ANY_TENANT,
            "login.succeeded",
            user.name,
            method="oidc",
            provider=provider_id,
        )
        log.info("login", extra={"fields": {"user": user.name, "address": address, "provider": provider_id}})
        return Finished(token, user, data["next"])

    async def _taken(self, provider_id: str, state: str, cookies: Mapping[str, str]) -> tuple[dict[str, str], str, str]:
        """What was noted when the login began, nonce and verifier; it can be taken once, by the browser that began it."""
        refused = SignOnRefused(
            "this login was not begun in this browser, was completed already, or took too long.", hint=_TRY_AGAIN
        )
        browser = cookies.get(cookie_name(state), "") if 0 < len(state) <= 256 else ""
        if not browser or len(browser) > 256:
            raise refused
        mark, now = secrets.digest(state), self._now_ns()
        ticket = await asyncio.to_thread(self._metadata.get_ticket, mark, _STATE, now)
        if ticket is None or ticket.subject != provider_id:
            raise refused
        data: dict[str, str] = msgspec.json.decode(ticket.data)
        if not secrets.equal(secrets.digest(browser), data["browser"]):
            raise refused
        if await asyncio.to_thread(self._metadata.take_ticket, mark, _STATE, now) is None:
            raise refused
        return data, *_derived(browser)

    async def _remember(self, provider_id: str, subject: str, id_token: str, user: User, session: Session) -> None:
        """What logging out needs: whose subject this is, and the ID token, sealed."""
        tickets = [Ticket(_place(provider_id, subject), _SUBJECT, user.name, "{}", session.expires_at)]
        if len(id_token) <= MAX_HINT:
            sealed = self._vault().seal(id_token, f"{_HINT}:{session.id}")
            tickets.append(Ticket(secrets.digest(session.id), _HINT, provider_id, sealed, session.expires_at))
        for ticket in tickets:
            await asyncio.to_thread(self._metadata.put_ticket, ticket)

    # ------------------------------------------------------------------------------------------------- users and roles

    async def _user(self, config: OidcConfig, subject: str, claims: Mapping[str, Any], actor: Actor) -> User:
        """Whose login this is, with the roles of his groups. Raises `SignOnFailed`, `PermissionDenied`."""
        email = self._email(config, claims)
        name = user_name(config, claims, email)
        wanted = wanted_roles(config, groups_of(config, claims))
        async with self._creating:
            user = await asyncio.to_thread(self._linked, config, subject, claims, name)
            if user is not None and user.disabled:
                raise PermissionDenied(f"the user {user.name!r} is disabled.", hint="Ask an administrator.")
            if user is None:
                user = await self._created(config, subject, claims, name, email, wanted, actor)
            elif user.source == source_of(config.id):
                user = await self._refreshed(user, config, claims, email)
        await self._give(user, wanted, actor)
        return user

    def _linked(self, config: OidcConfig, subject: str, claims: Mapping[str, Any], name: str) -> User | None:
        user = self._metadata.find_user(source=source_of(config.id), external_id=subject)
        if user is not None or config.link_scim == "off":
            return user
        external = claim(claims, config.external_id_claim)
        if isinstance(external, str) and 0 < len(external) <= MAX_SUBJECT:
            user = self._metadata.find_user(source="scim", external_id=external)
        if user is None and config.link_scim == "user_name" and name:
            found = self._metadata.get_user(name)
            user = found if found is not None and found.source == "scim" else None
        return user

    async def _created(
        self, config: OidcConfig, subject: str, claims: Mapping[str, Any], name: str, email: str,
        wanted: set[tuple[str, str]], actor: Actor,
    ) -> User:  # fmt: skip
        if not config.auto_create:
            raise PermissionDenied("there is no user for this login.", hint="Ask an administrator for one.")
        if not wanted:
            raise PermissionDenied("none of your groups has access.", hint="Ask an administrator for a role.")
        if not name:
            raise SignOnFailed(f"the claim {config.username_claim} holds no name that a user can have")
        if await asyncio.to_thread(self._metadata.get_user, name) is not None:
            raise PermissionDenied(
                f"there is another user {name!r} already.", hint="An administrator can link this login to that user."
            )
        shown = _text(claim(claims, config.name_claim))
        for address in dict.fromkeys((email, "")):
            try:
                user, _ = await self._users.create_user(
                    _by(actor), name, display_name=shown, email=address, password="", roles=(), source=source_of(config.id),
                    external_id=subject,
                )  # fmt: skip
                return user
            except Conflict:
                # The address may be another user's: he keeps it, and is not taken over.
                if not address:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _refreshed(self, user: User, config: OidcConfig, claims: Mapping[str, Any], email: str) -> User:
        """The user with the name and address that the provider says now."""
        shown = _text(claim(claims, config.name_claim)) or user.display_name
        for address in dict.fromkeys((email or user.email, user.email)):
            if (shown, address) == (user.display_name, user.email):
                break
            with contextlib.suppress(Conflict, InvalidRequest):
                return await self._users.change_user(_by(actor_of(config.id)), user.name, display_name=shown, email=address)
        return user

    async def _give(self, user: User, wanted: set[tuple[str, str]], actor: Actor) -> None:
        """Make the roles that logins gave those that are wanted."""
        before, after = await asyncio.to_thread(self._bind, user.name, wanted)
        if before == after:
            return
        self._changed()
        await self._audit.record(
            actor, ANY_TENANT, "user.roles_changed", user.name, before=_role_list(before), after=_role_list(after)
        )

    def _bind(self, name: str, wanted: set[tuple[str, str]]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        known = {*ROLES, *(role.name for role in self._metadata.list_roles())}
        for role in sorted({role for role, _ in wanted} - known):
            log.warning("a role of sso.oidc is not there", extra={"fields": {"role": role}})
        wanted = {(role, tenant) for role, tenant in wanted if role in known}
        bindings = self._metadata.list_bindings([("user", name)])
        given = {(one.role, one.tenant): one.id for one in bindings if one.id.startswith(BINDING)}
        by_hand = {(one.role, one.tenant) for one in bindings if not one.id.startswith(BINDING)}
        after = wanted - by_hand
        for pair in given.keys() - after:
            self._metadata.delete_binding(given[pair])
        for role, tenant in sorted(after - given.keys()):
            self._metadata.add_binding(Binding(BINDING + secrets.new_id(), "user", name, role, tenant, self._now_ns()))
        return set(given), after

    def _email(self, config: OidcConfig, claims: Mapping[str, Any]) -> str:
        """The e-mail address that is believed, empty when there is none. Raises `SignOnFailed`, `PermissionDenied`."""
        email = _text(claim(claims, config.email_claim)).strip().lower()
        try:
            email = mail_address(email)
        except InvalidRequest:
            email = ""
        verified = claims.get("email_verified")
        if config.require_verified_email and verified is not True and verified != "true":
            email = ""
        domains = {domain.lower().lstrip("@") for domain in config.email_domains}
        if domains and email.rpartition("@")[2] not in domains:
            raise PermissionDenied(
                "your e-mail address is not one that is let in here.",
                hint="Ask an administrator about sso.oidc.email_domains.",
            )
        return email

    # ------------------------------------------------------------------------------------------------------- logging out

    async def leave(self, session: Session, back_to: str) -> str:
        """Where a browser logs out at the provider of a session that has ended here; empty when it need not go anywhere."""
        provider = self._providers.get(session.issuer.removeprefix("oidc:"))
        if provider is None or not session.issuer.startswith("oidc:"):
            return ""
        ticket = await asyncio.to_thread(self._metadata.take_ticket, secrets.digest(session.id), _HINT, self._now_ns())
        hint = ""
        if ticket is not None:
            try:
                hint = self._vault().unseal(ticket.data, f"{_HINT}:{session.id}")
            except NexusError:
                hint = ""
        return await provider.end_session_url(hint, back_to)

    async def logged_out_there(self, provider_id: str, token: str, address: str) -> int:
        """End what a logout token of a provider names; how many sessions ended. Raises `NotFound`, `InvalidRequest` for a
        token that is not believed or came before, `Unavailable`."""
        provider = self._provider(provider_id)
        try:
            subject, session, token_id = await provider.logout(token)
        except BadToken as error:
            log.warning(
                "a logout token was refused",
                extra={"fields": {"provider": provider_id, "address": address, "why": str(error)}},
            )
            raise InvalidRequest("the logout token is not believed.") from error
        ended = await asyncio.to_thread(self._end, provider_id, subject, session, token_id)
        self._changed()
        await self._audit.record(
            actor_of(provider_id, address), ANY_TENANT, "session.ended", subject or session,
            ended=ended, by="back-channel logout",
        )  # fmt: skip
        return ended

    def _end(self, provider_id: str, subject: str, session: str, token_id: str) -> int:
        now, source = self._now_ns(), source_of(provider_id)
        mark = _place(provider_id, f"jti {token_id}")
        if self._metadata.get_ticket(mark, _REPLAY, now) is not None:
            raise InvalidRequest("the logout token came before.")
        self._metadata.put_ticket(Ticket(mark, _REPLAY, provider_id, "{}", self._after(2 * UNDER_WAY)))
        if session:
            return self._metadata.delete_issuer_sessions(source, issuer_session=session)
        users = set()
        if user := self._metadata.find_user(source=source, external_id=subject):
            users.add(user.name)
        if ticket := self._metadata.get_ticket(_place(provider_id, subject), _SUBJECT, now):
            users.add(ticket.subject)
        return self._metadata.delete_issuer_sessions(source, users=sorted(users)) if users else 0

    # ----------------------------------------------------------------------------------------------------------- links

    def source(self, provider_id: str) -> str:
        """How users of a provider are marked. Raises `NotFound`."""
        self._provider(provider_id)
        return source_of(provider_id)

    async def take_roles(self, user: User, actor: Actor) -> None:
        """Take the roles away that logins gave."""
        await self._give(user, set(), actor)

    # ----------------------------------------------------------------------------------------------------------- pieces

    def _provider(self, provider_id: str) -> Provider:
        provider = self._providers.get(provider_id)
        if provider is None:
            raise NotFound(f"there is no provider {provider_id[:40]!r}.", hint="sso.oidc names the providers.")
        return provider

    async def _failed(self, actor: Actor, name: str, reason: str, outcome: str) -> None:
        log.warning("login failed", extra={"fields": {"provider": actor.name, "address": actor.address, "why": reason}})
        await self._audit.record(
            actor, ANY_TENANT, "login.failed", name or actor.name, outcome=outcome, method="oidc", reason=reason
        )

    def _after(self, seconds: float) -> int:
        return self._now_ns() + int(seconds * 1e9)


def check_next(path: str) -> None:
    """Refuse a path that leads away from the pages of this server. Raises `InvalidRequest`."""
    if len(path) > MAX_NEXT or not _NEXT.fullmatch(path) or path.startswith("/api/"):
        raise InvalidRequest("`next` is not a path of a page here.", hint="Give one such as /logs.")


def cookie_name(state: str) -> str:
    """Name of the cookie of a login: two logins in two tabs do not disturb each other."""
    return COOKIE_PREFIX + secrets.digest(state)[:16]


def source_of(provider_id: str) -> str:
    """How users and sessions of a provider are marked."""
    return f"oidc:{provider_id}"


def user_name(config: OidcConfig, claims: Mapping[str, Any], email: str) -> str:
    """The name that a user has here, empty when the claims hold none that can be. An e-mail address is a name only when it
    is believed: else anybody could have anybody's."""
    if config.username_claim == config.email_claim:
        text = email
    else:
        text = _text(claim(claims, config.username_claim))
    try:
        return checked_name(text)
    except InvalidRequest:
        return ""


def groups_of(config: OidcConfig, claims: Mapping[str, Any]) -> frozenset[str]:
    """The groups of a user. Raises `SignOnFailed` when the provider left them out because they are too many."""
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and config.groups_claim in elsewhere:
        raise SignOnFailed("the provider leaves the groups out, because they are too many; let it send fewer")
    found = claim(claims, config.groups_claim)
    groups: Sequence[Any] = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(group for group in groups[:MAX_GROUPS] if isinstance(group, str))


def wanted_roles(config: OidcConfig, groups: frozenset[str]) -> set[tuple[str, str]]:
    """The (role, tenant) that the groups stand for, and those of everybody."""
    return {(one.role, one.tenant) for one in config.default_roles} | {
        (one.role, one.tenant) for one in config.roles if one.group in groups
    }


def actor_of(provider_id: str, address: str = "") -> Actor:
    """Who does what follows from a login at a provider, as the audit log names it."""
    return Actor("system", source_of(provider_id), address)


def _by(actor: Actor) -> By:
    """A provider may do what the configuration says of it, and that is checked here."""
    return By(Principal("system", actor.name, actor.name, "", FULL_AUTHORITY), actor)


def _derived(browser: str) -> tuple[str, str]:
    """Nonce and PKCE verifier of the login that this cookie stands for."""

    def one(purpose: str) -> str:
        return hashlib.sha256(f"nexus {purpose} {browser}".encode()).hexdigest()

    return one("nonce"), one("verifier")


def _place(provider_id: str, text: str) -> str:
    return secrets.digest(f"{provider_id} {text}")


def _text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""


def _role_list(roles: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "tenant": tenant} for role, tenant in sorted(roles)]
