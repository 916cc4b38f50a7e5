"""What is scraped and how it goes: pools, targets, relabelling step by step, reloading the configuration."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from nexus.errors import ConfigError, InvalidRequest
from nexus.pipeline.scrape.view import ScrapeView, rfc3339
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import targets as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route

MAX_DROPPED = 200


def _view(call: Call) -> ScrapeView | None:
    found: Any = call.services.scraping
    return found if isinstance(found, ScrapeView) and found.scraping.tenant == call.tenant else None


async def targets(call: Call) -> Response:
    """Pools with their targets."""
    view = _view(call)
    if view is None:
        return json_response(schema.TargetsAnswer(False, "", "", "", False, []))
    scraping = view.scraping
    pools = msgspec.convert(view.page(call.tenant), list[schema.TargetPool])
    return json_response(
        schema.TargetsAnswer(
            scraping.configured,
            scraping.file,
            rfc3339(scraping.reloaded_at) if scraping.reloaded_at else "",
            scraping.reload_error,
            call.may(Permission.ADMIN),
            pools,
        )
    )


async def relabel(call: Call) -> Response:
    """What relabelling did to a target."""
    view = _needed(call)
    steps, dropped_by = view.trace(call.tenant, call.argument("pool"), call.argument("id"))
    return json_response(schema.RelabelAnswer(msgspec.convert(steps, list[schema.RelabelStep]), dropped_by))


async def dropped(call: Call) -> Response:
    """Targets that relabelling dropped."""
    view = _needed(call)
    shown, total = view.dropped_page(call.tenant, call.argument("pool"), MAX_DROPPED)
    return json_response(schema.DroppedTargetsAnswer(msgspec.convert(shown, list[schema.DroppedTarget]), total))


async def reload(call: Call) -> Response:
    """Take the configuration as it is now."""
    view = _needed(call)
    try:
        await view.scraping.reload()
    except ConfigError as error:
        raise InvalidRequest(error.message, hint=error.hint) from error
    pools = view.scraping.pools
    return json_response(
        schema.ReloadAnswer(rfc3339(view.scraping.reloaded_at), len(pools), sum(len(pool.loops) for pool in pools.values()))
    )


def _needed(call: Call) -> ScrapeView:
    view = _view(call)
    if view is None:
        raise InvalidRequest(
            "nothing is scraped for this tenant.", hint="Name a prometheus.yml in `scrape.file` of the configuration."
        )
    return view


_PATH = f"{BASE}/targets"
_POOL = Parameter("pool", "Name of the scrape job.", required=True)

ROUTES = (
    Route("GET", _PATH, Permission.TARGETS_READ, targets, "What is scraped", answer=schema.TargetsAnswer, tag="targets"),
    Route(
        "GET",
        f"{_PATH}/relabel",
        Permission.TARGETS_READ,
        relabel,
        "How a target got its labels",
        answer=schema.RelabelAnswer,
        parameters=(_POOL, Parameter("id", "The target's `id`.", required=True)),
        tag="targets",
    ),
    Route(
        "GET",
        f"{_PATH}/dropped",
        Permission.TARGETS_READ,
        dropped,
        "Targets that relabelling dropped",
        answer=schema.DroppedTargetsAnswer,
        parameters=(_POOL,),
        tag="targets",
    ),
    Route(
        "POST",
        f"{_PATH}/reload",
        Permission.ADMIN,
        reload,
        "Read the scrape configuration again",
        answer=schema.ReloadAnswer,
        tag="targets",
        audited="targets.reloaded",
    ),
)
