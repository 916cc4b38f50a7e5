"""Tickets: what is used once, and within minutes. The bearer has 256 random bits, the metadata their hash.

A ticket that strangers can have made without end (the challenge of a login by passkey) is kept in memory, where their
number is bounded: `Pending`.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from nexus.security import secrets
from nexus.storage.metadata.api import MetadataStore, Ticket

MAX_TOKEN: Final = 200
MAX_PENDING: Final = 10_000


class Tickets:
    """Tickets in the metadata; `now_ns` gives the time."""

    def __init__(self, metadata: MetadataStore, now_ns: Callable[[], int]) -> None:
        """Nothing is read before it is asked for."""
        self._metadata = metadata
        self._now_ns = now_ns

    async def issue(self, kind: str, subject: str, data: dict[str, Any], seconds: float, token: str = "") -> str:
        """Make a ticket; its token. With a `token` it takes the place of the one that has it."""
        token = token or secrets.new_token()
        expires = self._now_ns() + int(seconds * 1e9)
        ticket = Ticket(secrets.digest(token), kind, subject, json.dumps(data), expires)
        await asyncio.to_thread(self._metadata.put_ticket, ticket)
        return token

    async def look(self, token: str, kind: str) -> Ticket | None:
        """The ticket, which stays. None when it was used or is too old."""
        if len(token) > MAX_TOKEN:
            return None
        return await asyncio.to_thread(self._metadata.get_ticket, secrets.digest(token), kind, self._now_ns())

    async def take(self, token: str, kind: str) -> Ticket | None:
        """The ticket, which nobody else gets."""
        if len(token) > MAX_TOKEN:
            return None
        return await asyncio.to_thread(self._metadata.take_ticket, secrets.digest(token), kind, self._now_ns())

    async def take_for_try(self, token: str, kind: str, tries: int) -> tuple[Ticket, dict[str, Any]] | None:
        """The ticket for a guess, and what it says. Nobody else guesses meanwhile; `give_back` makes another try possible,
        as long as there were fewer than `tries`."""
        ticket = await self.take(token, kind)
        if ticket is None:
            return None
        data: dict[str, Any] = json.loads(ticket.data)
        data["tries"] = int(data.get("tries", 0)) + 1
        return (ticket, data) if data["tries"] <= tries else None

    async def give_back(self, ticket: Ticket, data: dict[str, Any]) -> None:
        """After a wrong guess."""
        await asyncio.to_thread(self._metadata.put_ticket, replace(ticket, data=json.dumps(data)))


class Pending:
    """Tickets in memory, for one event loop: at most `MAX_PENDING`, the oldest makes room."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """Start without any."""
        self._now_ns = now_ns
        self._entries: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._entries)

    def issue(self, data: Any, seconds: float) -> str:
        """Keep the data; the token that gets it."""
        token = secrets.new_token()
        self._entries[secrets.digest(token)] = (data, self._now_ns() + int(seconds * 1e9))
        while len(self._entries) > MAX_PENDING or next(iter(self._entries.values()))[1] <= self._now_ns():
            self._entries.popitem(last=False)
        return token

    def take(self, token: str) -> Any | None:
        """The data, once. None when it was taken or is too old."""
        entry = self._entries.pop(secrets.digest(token[:MAX_TOKEN]), None)
        return entry[0] if entry and entry[1] > self._now_ns() else None
