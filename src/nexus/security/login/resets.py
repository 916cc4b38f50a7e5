"""A forgotten password, by mail: a link that counts once and for half an hour.

Whoever asks gets the same answer at once; whether there is such a user, and the mail, are the background's business.
The link is of `http.public_url`, never of the request's Host, and has its token behind a `#`, which browsers send to
nobody. A new password ends every session and makes older links useless; the second factor stays. The user is told of
it by mail.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from nexus.config import Config
from nexus.errors import InvalidRequest, NexusError, PermissionDenied, TooManyAttempts
from nexus.mailing import Mail, Mailer
from nexus.security import secrets
from nexus.security.access import ANY_TENANT
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.security.login import passwords
from nexus.security.login.lockout import network_of
from nexus.security.login.logins import MAX_NAME, Origin
from nexus.security.login.sessions import Sessions
from nexus.security.login.tickets import Tickets
from nexus.storage.metadata.api import MetadataStore, User

RESET: Final = "reset"
LINK_SECONDS: Final = 1800.0
OF_ADDRESS: Final = 10
OF_USER: Final = 3
WINDOW: Final = 3600.0
"""So many in an hour: requests of an address, mails to a user."""
MAX_COUNTED: Final = 10_000
MAX_WAITING: Final = 50

log = logging.getLogger(__name__)


class Quota:
    """At most so many in so many seconds, by name. Bounded: who came least lately makes room."""

    def __init__(self, most: int, seconds: float) -> None:
        """Start without any."""
        self._most = most
        self._seconds = seconds
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, name: str, now: float) -> float:
        """Seconds until there may be another one; 0 when this one is all right, and counts."""
        times = self._times.setdefault(name, deque())
        self._times.move_to_end(name)
        if len(self._times) > MAX_COUNTED:
            self._times.popitem(last=False)
        while times and times[0] <= now - self._seconds:
            times.popleft()
        if len(times) >= self._most:
            return times[0] + self._seconds - now
        times.append(now)
        return 0.0


class Resets:
    """See the module text. Lives on one event loop; `clock` gives seconds."""

    def __init__(
        self,
        metadata: MetadataStore,
        sessions: Sessions,
        mailer: Mailer,
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
        self._mailer = mailer
        self._audit = audit
        self._config = config
        self._now_ns = now_ns
        self._clock = clock
        self._tickets = Tickets(metadata, now_ns)
        self._of_address = Quota(OF_ADDRESS, WINDOW)
        self._of_user = Quota(OF_USER, WINDOW)
        self._running: set[asyncio.Task[None]] = set()

    @property
    def on(self) -> bool:
        """Can a forgotten password be asked for?"""
        config = self._config()
        return config.security.password_login and self._mailer.on and bool(config.http.public_url)

    def request(self, name: str, origin: Origin) -> None:
        """Have a link sent to a user (by name or address), if there is one. Raises `TooManyAttempts` for an address
        that asks too often, `PermissionDenied` when there is no mail here."""
        if not self.on:
            raise PermissionDenied("this server sends no links by mail.", hint="Ask an administrator to reset the password.")
        wait = self._of_address.take(network_of(origin.address), self._clock())
        if wait > 0 or len(self._running) >= MAX_WAITING:
            raise TooManyAttempts("too many links were asked for.", retry_after=max(wait, 1.0), hint="Wait.")
        self.background(self._send(name.strip().lower()[:MAX_NAME], origin))

    async def finish(self, token: str, password: str, origin: Origin) -> None:
        """Set the new password. A password that is not good enough leaves the link as it is. Raises `InvalidRequest`."""
        ticket = await self._tickets.look(token, RESET)
        user = await asyncio.to_thread(self._metadata.get_user, ticket.subject) if ticket else None
        if ticket is None or user is None or not _may_reset(user):
            raise _spent()
        await asyncio.to_thread(passwords.check, password, known_of(user))
        hashed = await asyncio.to_thread(secrets.hash_password, password)
        if await self._tickets.take(token, RESET) is None:
            raise _spent()

        def write() -> User:
            # Read anew; a password that was changed since makes the link useless.
            fresh = self._metadata.get_user(user.name)
            if fresh is None or not _may_reset(fresh) or str(fresh.password_changed_at) != _said(ticket.data):
                raise _spent()
            changed = replace(fresh, password_hash=hashed, password_changed_at=self._now_ns(), must_change_password=False)
            self._metadata.put_user(changed)
            return changed

        async with self._changing:
            changed = await asyncio.to_thread(write)
        ended = await self._sessions.end_all(user.name)
        await self._audit.record(
            Actor("user", user.name, origin.address), ANY_TENANT, "user.password_changed", user.name,
            by="mailed link", sessions_ended=ended,
        )  # fmt: skip
        self.tell(changed, "Your password was changed", "The password of your account was changed by a link sent by mail.")

    def tell(self, user: User, subject: str, text: str) -> None:
        """Tell a user what happened to the account, when there is mail."""
        note = (
            f"Hello {user.display_name or user.name},\n\n{text}\n\nIf that was not you, tell an administrator at once.\n\n"
            f"Nexus{' at ' + self._config().http.public_url if self._config().http.public_url else ''}\n"
        )
        self._mailer.post(Mail(user.email, f"Nexus: {subject}", note))

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that the caller does not wait for."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """Give up what runs."""
        for task in list(self._running):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _send(self, name: str, origin: Origin) -> None:
        try:
            user = await asyncio.to_thread(self._find, name)
            if user is None or not _may_reset(user) or not user.email or self._of_user.take(user.name, self._clock()) > 0:
                return
            token = await self._tickets.issue(RESET, user.name, {"at": str(user.password_changed_at)}, LINK_SECONDS)
            link = f"{self._config().http.public_url.rstrip('/')}/login#reset={token}"
            text = (
                f"Hello {user.display_name or user.name},\n\nsomebody, hopefully you, has asked for a new password of "
                f"{user.name}.\nWithin half an hour you can choose one here:\n\n{link}\n\n"
                "If it was not you, there is nothing to do: your password is as it was.\n"
            )
            self._mailer.post(Mail(user.email, "Nexus: a new password", text))
            actor = Actor("anonymous", user.name, origin.address)
            await self._audit.record(actor, ANY_TENANT, "user.password_link_sent", user.name)
        except NexusError as error:
            log.error("a link to a new password was not sent: %s", error.message)

    def _find(self, name: str) -> User | None:
        user = self._metadata.get_user(name)
        return user or (self._metadata.find_user(email=name) if "@" in name else None)


def known_of(user: User) -> tuple[str, ...]:
    """What a user's password may not be made of."""
    return (user.name, user.email, user.display_name)


def _may_reset(user: User) -> bool:
    return user.source == "local" and not user.disabled


def _said(data: str) -> str:
    import json

    return str(json.loads(data)["at"])


def _spent() -> InvalidRequest:
    return InvalidRequest("the link was used, or is too old.", hint="Ask for another one.")
