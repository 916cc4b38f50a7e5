"""Limits of tenants, keys, users and addresses: what can be limited, what is, and what of it is used."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from nexus.errors import InvalidRequest, NotFound
from nexus.model.tenant import parse_tenant
from nexus.security.access import ANY_TENANT
from nexus.security.limits.catalogue import CATALOGUE, EACH, Limit, check_set
from nexus.security.limits.limiter import address_subject
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import protection as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.metadata.api import StoredLimits

MAX_SETS: Final = 10_000
SHOWN_USES: Final = 500
_OF_THE_CONFIGURATION: Final = {
    "query_scan_rows": "max_scan_rows",
    "query_scan_bytes": "max_scan_bytes",
    "query_range": "max_range",
}


async def get_limits(call: Call) -> Response:
    """What can be limited, what was set, and the current use."""
    return json_response(await _answer(call))


async def put_limits(call: Call) -> Response:
    """Replace the limits of a subject. They hold at once here, within a second in other processes on the same metadata."""
    scope, subject = _named(call)
    wanted = {name: float(value) for name, value in call.payload.limits.items()}
    check_set(scope, subject, wanted)
    metadata = call.services.metadata
    stored = await asyncio.to_thread(metadata.list_limits)
    before = next((one.limits for one in stored if (one.scope, one.subject) == (scope, subject)), {})
    if wanted and not before:
        if len(stored) >= MAX_SETS:
            raise InvalidRequest(f"{MAX_SETS} subjects have limits already.", hint="Set limits of * for all the others.")
        await asyncio.to_thread(_check_known, call, scope, subject)
    await _store(call, StoredLimits(scope, subject, wanted), before)
    return json_response(await _answer(call))


async def delete_limits(call: Call) -> Response:
    """Remove the limits of a subject: what holds for each one holds for it again."""
    scope, subject = _named(call)
    stored = await asyncio.to_thread(call.services.metadata.list_limits)
    before = next((one.limits for one in stored if (one.scope, one.subject) == (scope, subject)), None)
    if before is None:
        raise NotFound(f"the {scope} {subject[:100]!r} has no limits of its own.")
    await _store(call, StoredLimits(scope, subject, {}), before)
    return json_response(await _answer(call))


async def _store(call: Call, wanted: StoredLimits, before: Mapping[str, float]) -> None:
    services = call.services
    await asyncio.to_thread(services.metadata.put_limits, wanted)
    await services.limiter.refresh()
    action = "limits.changed" if wanted.limits else "limits.removed"
    await services.audit.record(
        call.actor,
        ANY_TENANT,
        action,
        f"{wanted.scope}:{wanted.subject}",
        before=dict(before) or None,
        after=wanted.limits or None,
    )


def _named(call: Call) -> tuple[str, str]:
    """Scope and subject of the path. Raises `InvalidRequest`."""
    scope, subject = call.parameters["scope"], call.parameters["subject"]
    check_set(scope, subject, {})
    if subject == EACH:
        return scope, subject
    if scope == "tenant":
        return scope, parse_tenant(subject)
    if scope == "user":
        return scope, subject.lower()
    if scope == "address":
        try:
            ipaddress.ip_address(subject)
        except ValueError as error:
            raise InvalidRequest(
                f"{subject[:60]!r} is no IP address.", hint="Write 192.0.2.1, or an IPv6 address for its whole /64."
            ) from error
        return scope, address_subject(subject)
    return scope, subject


def _check_known(call: Call, scope: str, subject: str) -> None:
    """Refuse limits of a key or user that is not there; tenants may come with their first write. Raises `NotFound`."""
    metadata = call.services.metadata
    if subject == EACH:
        return
    if scope == "key" and subject != "bootstrap" and metadata.get_key(subject) is None:
        raise NotFound(f"there is no key with the id {subject[:80]!r}.", hint="The list of keys has their ids.")
    if scope == "user" and metadata.get_user(subject) is None:
        raise NotFound(f"there is no user {subject[:80]!r}.")


async def _answer(call: Call) -> schema.Limits:
    services = call.services
    stored, labels = await asyncio.to_thread(_read, call)
    query, rules = services.config().query, services.limiter.rules

    def default(limit: Limit) -> float:
        setting = _OF_THE_CONFIGURATION.get(limit.name)
        return rules.default(limit.name) or (float(getattr(query, setting)) if setting else 0.0)

    return schema.Limits(
        known=[
            schema.LimitInfo(limit.name, limit.description, limit.unit, list(limit.scopes), default(limit))
            for limit in CATALOGUE.values()
        ],
        limits=[
            schema.LimitSet(one.scope, one.subject, one.limits, labels.get((one.scope, one.subject), ""))
            for one in sorted(stored, key=lambda one: (one.scope, one.subject))
        ],
        use=[
            schema.LimitUse(
                one.scope,
                one.subject,
                one.name,
                round(one.used, 3),
                one.limit,
                one.refused,
                labels.get((one.scope, one.subject), ""),
            )
            for one in services.limiter.use()[:SHOWN_USES]
        ],
    )


def _read(call: Call) -> tuple[list[StoredLimits], dict[tuple[str, str], str]]:
    """Stored limits, and how people call keys."""
    metadata = call.services.metadata
    return metadata.list_limits(), {("key", key.id): key.name for key in metadata.list_keys()}


_SUBJECT: Final = (
    Parameter("scope", "`tenant`, `key`, `user` or `address`", "path", True),
    Parameter("subject", "Name of the tenant or user, id of the key, the address; `*` for each one", "path", True),
)
_PATH: Final = f"{BASE}/limits/{{scope}}/{{subject}}"

ROUTES: Final = (
    Route(
        "GET",
        f"{BASE}/limits",
        Permission.LIMITS_READ,
        get_limits,
        "Limits and their use",
        answer=schema.Limits,
        tag="limits",
    ),
    Route(
        "PUT",
        _PATH,
        Permission.LIMITS_WRITE,
        put_limits,
        "Set the limits of a subject",
        request=schema.LimitsRequest,
        answer=schema.Limits,
        parameters=_SUBJECT,
        tag="limits",
    ),
    Route(
        "DELETE",
        _PATH,
        Permission.LIMITS_WRITE,
        delete_limits,
        "Remove the limits of a subject",
        answer=schema.Limits,
        parameters=_SUBJECT,
        tag="limits",
    ),
)
