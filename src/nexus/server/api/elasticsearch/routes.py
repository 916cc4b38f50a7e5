"""The doors, at the root and below `/elastic`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.security.permissions import Permission
from nexus.server.api.elasticsearch import metadata, search
from nexus.server.api.elasticsearch.answers import refuse
from nexus.server.routes import Handler, Route

BASES: Final = ("", "/elastic")
MAX_BODY: Final = 1 << 20

_TABLE: Final[tuple[tuple[str, tuple[str, ...], Handler, str], ...]] = (
    ("GET POST", ("/_search", "/{index}/_search"), search.search, "Search"),
    ("GET POST", ("/_msearch", "/{index}/_msearch"), search.multi_search, "Several searches"),
    ("GET POST", ("/_count", "/{index}/_count"), search.count, "Count documents"),
    ("GET POST", ("/_search/scroll", "/_search/scroll/{id}"), search.scroll, "Next page of a scroll"),
    ("DELETE", ("/_search/scroll", "/_search/scroll/{id}"), search.clear_scroll, "End a scroll"),
    ("GET POST", ("/_field_caps", "/{index}/_field_caps"), metadata.field_capabilities, "Fields and their types"),
    ("GET", ("/_mapping", "/_mappings", "/{index}/_mapping", "/{index}/_mappings"), metadata.mapping, "Fields as a tree"),
    ("GET", ("/_aliases", "/_alias", "/{index}/_alias"), metadata.aliases, "Aliases"),
    ("GET POST", ("/_resolve/index/{name}",), metadata.resolve_index, "Indexes of a pattern"),
    ("GET", ("/_cat/indices", "/_cat/indices/{name}"), metadata.list_indexes, "Indexes"),
)


def _routes() -> Iterator[Route]:
    for methods, paths, handler, summary in _TABLE:
        for base in BASES:
            for path in paths:
                for method in methods.split():
                    yield Route(
                        method,
                        f"{base}{path}",
                        Permission.LOGS_READ,
                        handler,
                        f"Elasticsearch: {summary[0].lower()}{summary[1:]}",
                        described=False,
                        tag="elasticsearch",
                        raw=MAX_BODY,
                        refuse=refuse,
                    )


ROUTES: Final = tuple(_routes())
