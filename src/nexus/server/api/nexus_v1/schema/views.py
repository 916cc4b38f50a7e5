"""Shapes of saved views and short links."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Name = Annotated[str, Meta(min_length=1, max_length=200)]
State = Annotated[str, Meta(max_length=64_000)]


class SaveViewRequest(Struct, forbid_unknown_fields=True):
    """`POST views`, `PUT views/{id}`. `state` is the query string of the page; a shared view is seen by everybody in the
    tenant."""

    name: Name
    state: State
    page: Literal["logs"] = "logs"
    description: Annotated[str, Meta(max_length=2000)] = ""
    shared: bool = True


class View(Struct):
    id: str
    name: str
    description: str
    page: str
    state: str
    shared: bool
    owner: str
    own: bool
    created_at: str
    updated_at: str


class ViewList(Struct):
    """By name: the shared ones and one's own."""

    views: list[View]


class LinkRequest(Struct, forbid_unknown_fields=True):
    """`POST links`. `path` is a path of this UI with its query string, such as `/logs?q=error`."""

    path: Annotated[str, Meta(pattern="^/[^/\\\\\\x00-\\x20][^\\x00-\\x1f]*$", max_length=64_000)]


class Link(Struct):
    """`url` (`/v/<id>`) leads to `path`. The same path in the same tenant gets the same link. Links do not expire."""

    id: str
    url: str
    path: str
    tenant: str
