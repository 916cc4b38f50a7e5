"""Sessions of browsers: how they begin, last and end.

A token carries 256 random bits and is stored hashed. A login makes a new session with a new token, so nobody can
prepare one for somebody else. After a quarter of an hour of use the token is exchanged; the one before counts for
another minute, because a browser asks several things at a time, and each of those answers brings the same new token.
After a change of rights (password, second factor) the old token counts no longer. A session ends after a time without
a request, and after a longest time in any case (`session.*`). A user has at most 50; the oldest makes room.

What was looked up is kept for 5 s, or until something changes in this process.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from nexus.config import Config
from nexus.security import secrets
from nexus.storage.metadata.api import MetadataStore, Session, User

ROTATE_AFTER: Final = 15 * 60 * 10**9
OVERLAP: Final = 60 * 10**9
TOUCH_INTERVAL: Final = 60 * 10**9
CACHE_SECONDS: Final = 5.0
MAX_CACHED: Final = 10_000
MAX_SESSIONS: Final = 50
"""Of one user."""
MAX_AGENT: Final = 200
MAX_TOKEN: Final = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A session that lasts, and whose it is. `fresh_token` is not empty when the browser has to use that one from now on."""

    session: Session
    user: User
    fresh_token: str = ""


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A token that was exchanged within the last minute."""

    previous_hash: str
    fresh_token: str
    until: int


class Sessions:
    """See the module text. Lives on one event loop. `generation` is a number that changes with users and roles,
    `changed` says that something did, which ends live conversations of sessions that ended; `clock` gives seconds."""

    def __init__(
        self,
        metadata: MetadataStore,
        config: Callable[[], Config],
        now_ns: Callable[[], int],
        generation: Callable[[], int] = lambda: 0,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is read before it is asked for."""
        self._metadata = metadata
        self._config = config
        self._now_ns = now_ns
        self._generation = generation
        self._changed = changed
        self._clock = clock
        self._cache: OrderedDict[str, tuple[Found, float, int]] = OrderedDict()
        self._exchanges: OrderedDict[str, _Exchange] = OrderedDict()
        self._exchanging = threading.Lock()

    async def start(
        self, user: User, method: str, actor_address: str, user_agent: str, issuer: str = "", issuer_session: str = ""
    ) -> tuple[str, Session]:
        """Begin a session: its token, which is nowhere else, and the session."""
        token, now = secrets.new_token(), self._now_ns()
        session = Session(
            secrets.new_id(), secrets.digest(token), user.name, method, now, now, now, self._end(now, now), actor_address,
            _shown(user_agent), issuer, issuer_session,
        )  # fmt: skip

        def write() -> None:
            for old in self._metadata.list_sessions(user.name, now)[MAX_SESSIONS - 1 :]:
                self._metadata.delete_session(old.id)
            self._metadata.create_session(session)

        await asyncio.to_thread(write)
        return token, session

    async def by_token(self, token: str, *, exchange: bool = True) -> Found | None:
        """The session of a token, None when there is none, it has ended, or its user is disabled. `exchange`: may the
        token be exchanged now?"""
        if not token or len(token) > MAX_TOKEN:
            return None
        now, mark = self._now_ns(), secrets.digest(token)
        found = await self._found(mark, now)
        if found is None:
            return None
        session = found.session
        fresh = ""
        if session.token_hash != mark:
            if session.previous_until <= now:
                return None
            fresh = self._handed_over(session.id, mark, now)
        elif exchange and now - session.rotated_at >= ROTATE_AFTER:
            fresh = await asyncio.to_thread(self._exchange, session, now)
            self._cache.pop(mark, None)
        if now - session.last_seen > TOUCH_INTERVAL:
            session = replace(session, last_seen=now, expires_at=self._end(session.created_at, now))
            await asyncio.to_thread(self._metadata.touch_session, session.id, now, session.expires_at)
            if not fresh:
                self._keep(mark, Found(session, found.user))
        return Found(session, found.user, fresh)

    async def renew(self, session_id: str, user: str) -> str:
        """Another token for a session whose rights have changed; the old ones count no longer. Empty when it has ended."""
        token, now = secrets.new_token(), self._now_ns()

        def write() -> bool:
            for session in self._metadata.list_sessions(user, now):
                if session.id == session_id:
                    return self._metadata.rotate_session(session.id, session.token_hash, secrets.digest(token), now, now)
            return False

        with self._exchanging:
            self._exchanges.pop(session_id, None)
        done = await asyncio.to_thread(write)
        self._forget()
        return token if done else ""

    async def list(self, user: str) -> list[Session]:
        """Sessions of a user that last, newest first."""
        return await asyncio.to_thread(self._metadata.list_sessions, user, self._now_ns())

    async def end(self, session_id: str) -> bool:
        """End a session; False when there is none."""
        ended = await asyncio.to_thread(self._metadata.delete_session, session_id)
        self._forget()
        return ended

    async def leave(self, user: str, session_id: str) -> Session | None:
        """End a session of a user: what it was; None when there is none."""
        now = self._now_ns()

        def end() -> Session | None:
            for session in self._metadata.list_sessions(user, now):
                if session.id == session_id and self._metadata.delete_session(session.id):
                    return session
            return None

        ended = await asyncio.to_thread(end) if session_id else None
        if ended is not None:
            self._forget()
        return ended

    async def end_all(self, user: str, keep: str = "") -> int:
        """End every session of a user but the one with the id `keep`; how many."""
        ended = await asyncio.to_thread(self._metadata.delete_sessions, user, keep)
        self._forget()
        return ended

    def tidy(self) -> None:
        """Remove what has expired. Blocks."""
        self._metadata.purge_sessions(self._now_ns())

    async def _found(self, mark: str, now: int) -> Found | None:
        cached = self._cache.get(mark)
        generation = self._generation()
        if cached and cached[1] > self._clock() and cached[2] == generation:
            return cached[0] if cached[0].session.expires_at > now else None
        self._cache.pop(mark, None)
        session, user = await asyncio.to_thread(self._read, mark, now)
        if session is None or user is None or user.disabled:
            return None
        found = Found(session, user)
        if generation == self._generation():
            self._keep(mark, found)
        return found

    def _read(self, mark: str, now: int) -> tuple[Session | None, User | None]:
        session = self._metadata.get_session(mark, now)
        return session, self._metadata.get_user(session.user) if session else None

    def _keep(self, mark: str, found: Found) -> None:
        self._cache[mark] = (found, self._clock() + CACHE_SECONDS, self._generation())
        self._cache.move_to_end(mark)
        while len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)

    def _exchange(self, session: Session, now: int) -> str:
        """Exchange the token; the same new one for requests that come at a time. In a thread."""
        with self._exchanging:
            known = self._exchanges.get(session.id)
            if known and known.previous_hash == session.token_hash and known.until > now:
                return known.fresh_token
            fresh = secrets.new_token()
            until = now + OVERLAP
            if not self._metadata.rotate_session(session.id, session.token_hash, secrets.digest(fresh), now, until):
                return ""
            self._exchanges[session.id] = _Exchange(session.token_hash, fresh, until)
            self._exchanges.move_to_end(session.id)
            while len(self._exchanges) > MAX_CACHED or next(iter(self._exchanges.values())).until <= now:
                self._exchanges.popitem(last=False)
            return fresh

    def _handed_over(self, session_id: str, mark: str, now: int) -> str:
        known = self._exchanges.get(session_id)
        return known.fresh_token if known and known.previous_hash == mark and known.until > now else ""

    def _forget(self) -> None:
        self._cache.clear()
        self._changed()

    def _end(self, created_at: int, now: int) -> int:
        session = self._config().session
        return min(created_at + int(session.lifetime * 1e9), now + int(session.idle_timeout * 1e9))


def _shown(user_agent: str) -> str:
    """What a browser says that it is, cut, on one line."""
    return "".join(letter if letter.isprintable() else " " for letter in user_agent[:MAX_AGENT])
