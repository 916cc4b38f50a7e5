"""journald's export format over HTTP, as systemd-journal-upload sends it."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from nexus.errors import InvalidRequest, NexusError
from nexus.pipeline.decode import describe, native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.receivers.json_lines import MAPPING_PARAMETERS, native_mapping
from nexus.pipeline.topology import Delivery, Outcome, Topology

MEDIA: Final = "application/vnd.fdo.journal"
TEXT: Final = "text/plain; charset=utf-8"
_PATHS: Final = (
    "/api/nexus/v1/ingest/journald",
    "/api/nexus/v1/ingest/journald/upload",
    "/insert/journald/upload",
)


class Journald:
    """Receiver of journald's export format."""

    name = "journald"
    endpoints = (
        Endpoint(_PATHS[0], "Send entries in journald's export format", (MEDIA,), True, MAPPING_PARAMETERS),
        Endpoint(
            _PATHS[1], "Send entries, where systemd-journal-upload appends /upload", (MEDIA,), False, MAPPING_PARAMETERS
        ),
        Endpoint(_PATHS[2], "Send entries, at VictoriaLogs' path", (MEDIA,), True, MAPPING_PARAMETERS),
    )

    def __init__(self, topology: Topology) -> None:
        """Deliver into this pipeline."""
        self._topology = topology

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the good entries. 200 when there are any, as systemd-journal-upload goes on after that; else 400."""
        decoder = partial(native_module().decode_journald, now_ns=time.time_ns(), mapping=native_mapping(request))
        outcome = await self._topology.deliver(delivery, decoder, _answer)
        if not outcome.accepted and not outcome.replayed:
            if not outcome.rejected:
                raise InvalidRequest("the body holds no entries.", hint="Send what `journalctl -o export` prints.")
            return Reply(400, outcome.reply, TEXT)
        return Reply(200, outcome.reply, TEXT)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """A line of text, which the sender writes into its log."""
        headers = retry_headers(error)
        if error.http_status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="nexus"'
        return Reply(error.http_status, f"{error}\n".encode(), TEXT, headers)


def _answer(outcome: Outcome) -> bytes:
    text = describe(outcome.errors, outcome.rejected, "entry")
    return f"OK, {outcome.accepted} entries stored{'; ' if text else ''}{text}.\n".encode()
