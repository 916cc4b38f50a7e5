"""Tenant names: who a record belongs to."""

from __future__ import annotations

import re
from typing import Final

from nexus.errors import InvalidRequest

DEFAULT_TENANT: Final = "default"
SELF_TENANT: Final = "_nexus"
"""Where Nexus keeps its own logs and metrics."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def parse_tenant(name: str) -> str:
    """Return the name when it is one: 1 to 64 of letters, digits, `_`, `.`, `-`, but not `.` or `..`.

    Raises `InvalidRequest`.
    """
    if not _NAME.fullmatch(name) or name in (".", ".."):
        shown = name if len(name) <= 80 else name[:80] + "..."
        raise InvalidRequest(
            f"{shown!r} is not a tenant name.", hint="Use 1 to 64 letters, digits, '_', '.' or '-' (not '.' or '..')."
        )
    return name
