"""Idempotency keys of what went to a backend: the last ones, as long as the process runs. A backend remembers none, and what
is sent again after a restart is shown once all the same, by the ids of its spans."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Final

from nexus.errors import TokenReused
from nexus.storage.api import Receipt, Token

REMEMBERED: Final = 10_000
LARGEST_REPLY: Final = 4_096
"""Bytes of an answer that are remembered; what has a longer one is stored again."""


class Tokens:
    """See the module text. Lives on an event loop."""

    def __init__(self, most: int = REMEMBERED) -> None:
        """The oldest of more than `most` is forgotten."""
        self._most = most
        self._known: OrderedDict[str, tuple[int, Receipt]] = OrderedDict()

    def find(self, token: Token) -> Receipt | None:
        """The receipt of a token that is known. Raises `TokenReused` when it stood for another payload."""
        if (known := self._known.get(token.key)) is None:
            return None
        fingerprint, receipt = known
        if fingerprint != token.fingerprint:
            raise TokenReused(
                f"the idempotency key {token.key[:80]!r} was used before for another payload.",
                hint="Use a new key for each new batch, and the same one only to repeat it unchanged.",
            )
        return receipt

    def note(self, token: Token, receipt: Receipt, reply: bytes) -> None:
        """Remember what became of a payload of which nothing was refused, and what its sender was told."""
        if receipt.refused or len(reply) > LARGEST_REPLY:
            return
        self._known[token.key] = token.fingerprint, replace(receipt, replayed=True, reply=reply)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
