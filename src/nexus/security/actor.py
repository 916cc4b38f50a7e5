"""Who did something, as the audit log names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind` is that of a principal (`user`, `key`, `account`, `bootstrap`, `anonymous`), or `system` for Nexus itself."""

    kind: str
    name: str
    address: str = ""


SYSTEM: Final = Actor("system", "nexus")
