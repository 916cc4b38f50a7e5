"""Targets out of the DNS (`dns_sd_configs`): A, AAAA, SRV, MX and NS records. The resolver is dnspython."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from nexus.errors import TargetFailed
from nexus.pipeline.discovery.config import DnsDiscovery
from nexus.pipeline.discovery.group import ADDRESS, Group

_META: Final = "__meta_dns_"


async def resolve(settings: DnsDiscovery, resolver: Any = None) -> AsyncIterator[Sequence[Group]]:
    """The groups, one a name, now and at each refresh. Raises `TargetFailed` when a name cannot be resolved; one that has no
    such records is an empty group. `resolver` is one of `dns.asyncresolver`, the system's when None."""
    import dns.asyncresolver
    import dns.exception
    import dns.resolver

    kind = settings.type.upper()
    while True:
        resolver = resolver or dns.asyncresolver.Resolver()
        groups = []
        for name in settings.names:
            try:
                answer = await resolver.resolve(name, kind, lifetime=10.0)
                records = list(answer)
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                records = []
            except (dns.exception.DNSException, OSError) as error:
                raise TargetFailed(f"{name} could not be resolved: {' '.join(str(error).split())[:200]}") from error
            groups.append(Group(name, tuple(target_of(name, kind, record, settings.port) for record in records)))
        yield groups
        await asyncio.sleep(max(settings.refresh_interval.seconds, 1.0))


def target_of(name: str, kind: str, record: Any, port: int) -> dict[str, str]:
    """The labels of a record."""
    labels = {f"{_META}name": name}
    match kind:
        case "SRV":
            # The final dot of a name is left out: it is the same host, and certificates have none.
            host = str(record.target)
            labels[f"{_META}srv_record_target"] = host
            labels[f"{_META}srv_record_port"] = str(record.port)
            port = record.port
        case "MX":
            host = str(record.exchange)
            labels[f"{_META}mx_record_target"] = host
        case "NS":
            host = str(record.target)
            labels[f"{_META}ns_record_target"] = host
        case _:
            host = str(record.address)
    host = host.rstrip(".")
    return {**labels, ADDRESS: f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}
