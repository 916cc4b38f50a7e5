"""What Tempo's doors ask of the stores, over HTTP and gRPC alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.errors import InvalidRequest
from nexus.model.time import TimeRange
from nexus.query.trace_plan import FindTraces, Place, SpanScan
from nexus.query.traces.forms import tempo_tags
from nexus.query.traces.incomplete import understood
from nexus.query.traces.lower import lower_scan, lower_search
from nexus.query.traces.parser import parse
from nexus.query.traces.printer import print_query
from nexus.server.api.nexus_v1.traces import names_of, values_of
from nexus.server.api.tempo.answers import value_text
from nexus.server.api.tracing.asking import Asker
from nexus.server.api.tracing.fields import SHOWN_INTRINSICS, place_of, tag_field

_KEYWORDS: Final = frozenset({"status", "kind"})
_ALL: Final = ("", "none", "all")


@dataclass(frozen=True, slots=True)
class Search:
    """The arguments of a search: TraceQL, or the older form."""

    query: str
    tags: str
    shortest: str
    longest: str
    time: TimeRange
    limit: int
    spans: int

    def plan(self) -> FindTraces:
        """What to look for. Raises `QuerySyntaxError`, `InvalidRequest`."""
        if self.query and self.tags:
            raise InvalidRequest("invalid request: can't specify tags and q in the same query")
        if self.query:
            tree, text = parse(self.query), self.query
        else:
            tree = tempo_tags(self.tags, self.shortest, self.longest)
            text = print_query(tree)
        return lower_search(tree, text, self.time, limit=self.limit, spans_per_trace=self.spans)


def scan(query: str, time: TimeRange) -> SpanScan:
    """The spans that a query is about which somebody may still be typing."""
    return lower_scan(understood(query), query, time)


async def scopes(asker: Asker, scope: str, query: str, time: TimeRange, limit: int) -> list[tuple[str, list[str]]]:
    """Names of fields by scope."""
    found: list[tuple[str, list[str]]] = []
    if scope != "intrinsic":
        place = place_of("" if scope in _ALL else scope)
        found = [(one.name, one.tags) for one in await names_of(asker, scan(query, time), place, limit)]
    if scope in (*_ALL, "intrinsic"):
        found.append(("intrinsic", list(SHOWN_INTRINSICS)))
    return found


async def names(asker: Asker, scope: str, time: TimeRange, limit: int) -> list[str]:
    """Names of fields, whatever their scope; intrinsics only when they are asked for."""
    found = await scopes(asker, scope, "", time, limit)
    return sorted({tag for where, tags in found for tag in tags if where != "intrinsic" or scope == "intrinsic"})


async def values(asker: Asker, tag: str, query: str, time: TimeRange, limit: int) -> list[tuple[str, str]]:
    """(type, value) of a field."""
    field = tag_field(tag)
    rows = await values_of(asker, scan(query, time), field, limit)
    keyword = field.place is Place.INTRINSIC and field.name in _KEYWORDS
    return sorted(("keyword" if keyword else str(kind), value_text(value)) for value, kind, _ in rows)


def old_field(tag: str) -> str:
    """A name of the older API, which had no scopes: an attribute of the span or its resource."""
    field = tag_field(tag)
    return tag if field.place is not Place.ANYWHERE else f".{field.name}"
