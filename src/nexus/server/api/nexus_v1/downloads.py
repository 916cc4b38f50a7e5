"""What exports share: the answer that is a file."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from nexus.model.time import NS_PER_SECOND
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.asking import ask
from nexus.server.call import Call
from nexus.server.recheck import access_ended
from nexus.server.stream import Download


async def download(
    call: Call,
    pieces: AsyncIterator[bytes],
    query_id: str,
    permission: Permission,
    *,
    what: str,
    ending: str,
    media_type: str,
) -> Download:
    """A file of pieces, named after what it is, the tenant and the time; it ends with the permission. Raises what the first
    piece raises: after it there is no status to tell an error with."""
    first = await ask(call, query_id, _first(pieces))
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(call.services.now_ns() // NS_PER_SECOND))
    return Download(
        first,
        pieces,
        lambda work: call.services.queries.run(call.tenant, query_id, work),
        query_id,
        lambda: access_ended(call, permission),
        name=f"{what}-{call.tenant}-{stamp}.{ending}",
        media_type=media_type,
    )


async def _first(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)
