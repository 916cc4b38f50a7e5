"""Saved views of a page, and short links to one. Both belong to a tenant.

A view is changed by whoever saved it, or by an administrator; one that is not shared is there for nobody else. A link is a
short name of a path of this UI: the same path has the same link, and no link ends.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import Final

from starlette.responses import Response

from nexus.errors import LimitExceeded, NotFound, PermissionDenied
from nexus.model.time import format_time
from nexus.security.identity import Principal
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import views as schema
from nexus.server.api.nexus_v1.schema.access import Removed
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.metadata.api import Link, View

MAX_VIEWS: Final = 1_000
MAX_LINKS: Final = 100_000
MAX_LINK_BYTES: Final = 256 << 20
"""Of paths, per tenant."""


async def list_views(call: Call) -> Response:
    """The shared views of the tenant and one's own."""
    views = await asyncio.to_thread(call.services.metadata.list_views, call.tenant, _identity(call.principal))
    return json_response(schema.ViewList([_view(view, call) for view in views]))


async def save_view(call: Call) -> Response:
    """Save a view."""
    wanted: schema.SaveViewRequest = call.payload
    now = call.services.now_ns()
    view = View(
        secrets.token_urlsafe(9),
        call.tenant,
        wanted.name,
        wanted.description,
        wanted.page,
        wanted.state,
        wanted.shared,
        _identity(call.principal),
        call.principal.name,
        now,
        now,
    )
    answer = await _put(call, view)
    await call.services.audit.record(call.actor, call.tenant, "view.created", view.id, after=view)
    return json_response(answer)


async def get_view(call: Call) -> Response:
    """One view."""
    return json_response(_view(await _visible(call), call))


async def change_view(call: Call) -> Response:
    """Change a view as a whole."""
    wanted: schema.SaveViewRequest = call.payload
    before = await _own(call)
    view = replace(
        before,
        name=wanted.name,
        description=wanted.description,
        page=wanted.page,
        state=wanted.state,
        shared=wanted.shared,
        updated_at=call.services.now_ns(),
    )
    answer = await _put(call, view)
    await call.services.audit.record(call.actor, call.tenant, "view.changed", view.id, before=before, after=view)
    return json_response(answer)


async def delete_view(call: Call) -> Response:
    """Remove a view."""
    view = await _own(call)
    await asyncio.to_thread(call.services.metadata.delete_view, view.id)
    await call.services.audit.record(call.actor, call.tenant, "view.deleted", view.id, before=view)
    return json_response(Removed(view.id))


async def make_link(call: Call) -> Response:
    """The short link of a path."""
    wanted: schema.LinkRequest = call.payload
    link = Link(secrets.token_urlsafe(9), call.tenant, wanted.path, call.services.now_ns())
    stored = await asyncio.to_thread(call.services.metadata.put_link, link, max_links=MAX_LINKS, max_bytes=MAX_LINK_BYTES)
    if stored is None:
        raise LimitExceeded(
            f"the tenant has {MAX_LINKS:,} links, or {MAX_LINK_BYTES >> 20} MiB of them, already.",
            hint="Share the address of the page itself.",
        )
    return json_response(_link(stored))


async def get_link(call: Call) -> Response:
    """Where a short link leads. Whoever reaches its tenant need not know which one that is."""
    link = await asyncio.to_thread(call.services.metadata.get_link, call.parameters["id"])
    reached = link is not None and call.services.tenants.active(link.tenant)
    if link is None or not reached or not call.principal.authority.access(link.tenant).may(Permission.VIEWS_READ):
        raise NotFound("there is no such link.")
    return json_response(_link(link))


def _identity(principal: Principal) -> str:
    return f"{principal.kind}:{principal.id}"


async def _visible(call: Call) -> View:
    view = await asyncio.to_thread(call.services.metadata.get_view, call.parameters["id"])
    if view is None or view.tenant != call.tenant or not (view.shared or view.owner == _identity(call.principal)):
        raise NotFound("there is no such view.")
    return view


async def _own(call: Call) -> View:
    view = await _visible(call)
    if view.owner != _identity(call.principal) and not call.may(Permission.ADMIN):
        raise PermissionDenied(f"the view belongs to {view.owner_name}.", hint="Save one of your own.")
    return view


async def _put(call: Call, view: View) -> schema.View:
    if not await asyncio.to_thread(call.services.metadata.put_view, view, MAX_VIEWS):
        raise LimitExceeded(f"the tenant has {MAX_VIEWS:,} views already.", hint="Remove some that nobody uses.")
    return _view(view, call)


def _view(view: View, call: Call) -> schema.View:
    return schema.View(
        id=view.id,
        name=view.name,
        description=view.description,
        page=view.page,
        state=view.state,
        shared=view.shared,
        owner=view.owner_name,
        own=view.owner == _identity(call.principal),
        created_at=format_time(view.created_at),
        updated_at=format_time(view.updated_at),
    )


def _link(link: Link) -> schema.Link:
    return schema.Link(link.id, f"/v/{link.id}", link.path, link.tenant)


_VIEW = (Parameter("id", "Id of the view", "path", True),)
_LINK = (Parameter("id", "Id of the link", "path", True),)
_READ, _WRITE = Permission.VIEWS_READ, Permission.VIEWS_WRITE

ROUTES = (
    Route("GET", f"{BASE}/views", _READ, list_views, "List saved views", answer=schema.ViewList, tag="views"),
    Route(
        "POST",
        f"{BASE}/views",
        _WRITE,
        save_view,
        "Save a view",
        request=schema.SaveViewRequest,
        answer=schema.View,
        tag="views",
    ),
    Route(
        "GET", f"{BASE}/views/{{id}}", _READ, get_view, "A saved view", answer=schema.View, parameters=_VIEW, tag="views"
    ),
    Route(
        "PUT",
        f"{BASE}/views/{{id}}",
        _WRITE,
        change_view,
        "Change a saved view",
        request=schema.SaveViewRequest,
        answer=schema.View,
        parameters=_VIEW,
        tag="views",
    ),
    Route(
        "DELETE",
        f"{BASE}/views/{{id}}",
        _WRITE,
        delete_view,
        "Remove a saved view",
        answer=Removed,
        parameters=_VIEW,
        tag="views",
    ),
    Route(
        "POST",
        f"{BASE}/links",
        _WRITE,
        make_link,
        "Make a short link",
        request=schema.LinkRequest,
        answer=schema.Link,
        tag="views",
        audited="link.created",
        audited_fields=("path",),
    ),
    Route(
        "GET", f"{BASE}/links/{{id}}", _READ, get_link, "Where a short link leads",
        answer=schema.Link, parameters=_LINK, tag="views",
    ),
)  # fmt: skip
