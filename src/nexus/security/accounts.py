"""Logging in, over the metadata store."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nexus.config import Config
from nexus.errors import TooManyAttempts, Unauthenticated
from nexus.security import secrets
from nexus.security.actor import Actor
from nexus.security.audit import Audit
from nexus.security.backoff import Backoff
from nexus.storage.metadata.api import MetadataStore, Session, User

TOUCH_INTERVAL: Final = 60 * 10**9
MAX_NAME: Final = 100
MAX_PASSWORD: Final = 1024
CONCURRENT_HASHES: Final = 2
MAX_WAITING_LOGINS: Final = 32

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A session that lasts, and whose it is."""

    session: Session
    user: User
    fresh_token: str = ""


class Accounts:
    """See the module text. `config` gives the current configuration, `now_ns` the time."""

    def __init__(
        self, metadata: MetadataStore, config: Callable[[], Config], now_ns: Callable[[], int], audit: Audit
    ) -> None:
        """Nothing is read before it is asked for."""
        self._metadata = metadata
        self._audit = audit
        self._config = config
        self._now_ns = now_ns
        self._by_address = Backoff(300.0)
        self._by_user = Backoff(10.0)
        self._hashing = asyncio.Semaphore(CONCURRENT_HASHES)
        self._waiting_logins = 0

    # ---------------------------------------------------------------------------------------------------- identities

    async def by_token(self, token: str) -> Found | None:
        """Whose session this is; its end moves on while it is used."""
        now = self._now_ns()
        session = self._metadata.get_session(secrets.digest(token), now)
        user = self._metadata.get_user(session.user) if session else None
        if session is None or user is None or user.disabled:
            return None
        if now - session.last_seen > TOUCH_INTERVAL:
            ends = self._session_end(session.created_at, now)
            await asyncio.to_thread(self._metadata.touch_session, session.id, now, ends)
        return Found(session, user)

    def _session_end(self, created_at: int, now: int) -> int:
        session = self._config().session
        return min(created_at + int(session.lifetime * 1e9), now + int(session.idle_timeout * 1e9))

    async def login(self, name: str, password: str, actor: Actor) -> tuple[str, Found]:
        """Start a session: its token and whose it is. Raises `Unauthenticated`, `TooManyAttempts`."""
        now, address = time.monotonic(), actor.address
        wait = max(self._by_address.wait(address, now), self._by_user.wait(name[:MAX_NAME], now))
        if wait > 0 or self._waiting_logins >= MAX_WAITING_LOGINS:
            raise TooManyAttempts(
                "too many failed logins.", retry_after=max(wait, 1.0), hint="Wait as long as Retry-After says."
            )
        user = self._metadata.get_user(name.lower()) if len(name) <= MAX_NAME else None
        stored = user.password_hash if user and not user.disabled else None
        self._waiting_logins += 1
        try:
            async with self._hashing:
                right = await asyncio.to_thread(secrets.verify_password, stored, password[:MAX_PASSWORD])
        finally:
            self._waiting_logins -= 1
        facts = {"fields": {"user": name[:MAX_NAME], "address": address}}
        default = self._config().tenants.default
        if not right or user is None:
            self._by_address.failed(address, time.monotonic())
            self._by_user.failed(name[:MAX_NAME], time.monotonic())
            log.warning("login failed", extra=facts)
            await self._audit.record(actor, default, "login.failed", name[:MAX_NAME], outcome="unauthenticated")
            raise Unauthenticated("the user name or the password is wrong.", hint="`nexus admin reset-password` helps.")
        self._by_address.succeeded(address)
        self._by_user.succeeded(name)
        log.info("login", extra=facts)
        token = secrets.new_token()
        created = self._now_ns()
        session = Session(
            secrets.new_id(), secrets.digest(token), user.name, "password", created, created, created,
            self._session_end(created, created), address,
        )  # fmt: skip
        await asyncio.to_thread(self._metadata.create_session, session)
        await self._audit.record(Actor("user", user.name, address), default, "login.succeeded", user.name)
        return token, Found(session, user)

    async def logout(self, session_id: str) -> None:
        """End a session."""
        await asyncio.to_thread(self._metadata.delete_session, session_id)

    # -------------------------------------------------------------------------------------------------- housekeeping

    def tidy(self) -> None:
        """Remove expired sessions: every minute, in a thread."""
        self._metadata.purge_sessions(self._now_ns())
