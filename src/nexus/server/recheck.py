"""Conversations that go on: whether those who hold them may still see what they were let in to see.

Asked every 15 s, and at once when roles, users or keys were changed in this process.
"""

from __future__ import annotations

from typing import Final

from nexus.errors import NexusError
from nexus.security.permissions import Permission
from nexus.server.call import Call

RECHECK_SECONDS: Final = 15.0
REFUSED: Final = 1008
"""Close code: the credentials have ended, or the permission, or the tenant."""
CHANGED: Final = 1012
"""Close code: come again, and be shown what may be seen now."""


async def access_ended(call: Call, permission: Permission) -> tuple[int, str]:
    """Wait until the caller may not see the same as at the beginning; code and reason to close a WebSocket with."""
    services = call.services
    while True:
        generation = services.authorities.generation
        try:
            entry = await services.authenticator.again(call.entry, call.headers, permission)
        except NexusError as error:
            if error.http_status in (401, 403, 404):
                return REFUSED, error.message[:100]
        else:
            same = (entry.access.policy, entry.access.masked) == (call.access.policy, call.access.masked)
            if not same or entry.tenant != call.tenant:
                return CHANGED, "what you may see has changed; connect again"
        await services.authorities.changed(generation, RECHECK_SECONDS)
