"""The plain list of built-in parts. With `nexus.app` the only module that imports concrete ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from nexus.pipeline.body import BodyLimits
from nexus.pipeline.http import HttpReceiver
from nexus.pipeline.receivers.json_lines import JsonLines
from nexus.pipeline.receivers.otlp_http import OtlpHttp
from nexus.pipeline.topology import Processor, Topology
from nexus.security.permissions import Permission

if TYPE_CHECKING:
    from nexus.config import Config
    from nexus.pipeline.receivers.otlp_grpc import OtlpGrpc
    from nexus.server.services import Services
    from nexus.storage.metadata.api import MetadataStore

PROCESSORS: Final[tuple[Processor, ...]] = ()
"""Steps between decoder and store, in order."""


def otlp_receivers(topology: Topology) -> list[HttpReceiver]:
    """Receivers of the OTLP/HTTP port."""
    return [OtlpHttp(topology)]


def http_receivers(topology: Topology) -> list[HttpReceiver]:
    """Receivers of the main port."""
    return [OtlpHttp(topology), JsonLines(topology)]


def grpc_receiver(services: Services) -> OtlpGrpc:
    """The receiver with a port of its own. gRPC takes a while to load, so it comes with the call."""
    from nexus.pipeline.receivers.otlp_grpc import OtlpGrpc

    async def enter(metadata: Mapping[str, str]) -> str:
        _, tenant = await services.authenticator.enter(metadata, Permission.LOGS_WRITE)
        return tenant

    def limits() -> BodyLimits:
        ingest = services.config().ingest
        return BodyLimits(ingest.max_body_bytes, ingest.body_idle_timeout, ingest.body_timeout)

    return OtlpGrpc(services.topology, enter, limits, services.budget)


def open_metadata(config: Config) -> MetadataStore:
    """The metadata store of the data directory. Raises `ConfigError`."""
    from nexus.storage.metadata.sqlite import SqliteMetadata

    return SqliteMetadata(config.data_path)
