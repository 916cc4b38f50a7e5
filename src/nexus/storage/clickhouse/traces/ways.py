"""Values of spans as SQL: every way in which a span of this store may hold what an expression names. Pure text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from nexus.query.trace_plan import Kind, Place, SpanField
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.literals import json_string, quote

EVENTS: Final = {"_en": "events_name", "_ea": "events_attributes", "_et": "events_timestamp"}
LINKS: Final = {"_lt": "links_trace_id", "_ls": "links_span_id", "_la": "links_attributes"}
"""Names by which a lambda over events (links) knows their columns."""

COLUMNS_OF_TRACES: Final = {
    "traceDuration": "_trace_duration",
    "rootName": "_root_name",
    "rootServiceName": "_root_service",
    "span:childCount": "_children",
}
"""Intrinsics of the whole trace, and the columns that a scan joins for them."""

_TYPES: Final[dict[str, Kind]] = {"s": "string", "i": "int", "f": "float", "b": "bool", "j": "string"}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to hold a value. `present` is the condition under which a span does, empty when every span does; `sparse` says
    that the value is NULL otherwise, so that a comparison need not ask. `each` are names of a lambda in the value. `begins`
    are characters of which a text begins with one. `light`: a value costs no more than to ask whether it is there."""

    kind: Kind
    value: str
    present: str = ""
    sparse: bool = False
    each: frozenset[str] = frozenset()
    begins: str = ""
    light: bool = False

    @property
    def asked(self) -> str:
        """What a comparison of the value has to ask beside it."""
        return "" if self.sparse else self.present


_INTRINSICS: Final[dict[str, Way]] = {
    "name": Way("string", "name"),
    "kind": Way("kind", "kind"),
    "status": Way("status", "status"),
    "statusMessage": Way("string", "status_message"),
    "duration": Way("duration", "duration"),
    "span:id": Way("string", "lower(hex(span_id))"),
    "span:parentID": Way("string", "lower(hex(parent_span_id))", "NOT root"),
    "span:childCount": Way("int", "_children"),
    "span:startTime": Way("int", "toUnixTimestamp64Nano(timestamp)"),
    "trace:id": Way("string", "lower(hex(trace_id))"),
    "traceDuration": Way("duration", "_trace_duration"),
    "rootName": Way("string", "_root_name", "_rooted"),
    "rootServiceName": Way("string", "_root_service", "_rooted"),
    "event:name": Way("string", "_en", each=frozenset({"_en"})),
    "event:timeSinceStart": Way(
        "duration", "toUnixTimestamp64Nano(_et) - toUnixTimestamp64Nano(timestamp)", each=frozenset({"_et"})
    ),
    "link:traceID": Way("string", "lower(hex(_lt))", each=frozenset({"_lt"})),
    "link:spanID": Way("string", "lower(hex(_ls))", each=frozenset({"_ls"})),
    "instrumentation:name": Way("string", "scope_name", "scope_name != ''"),
    "instrumentation:version": Way("string", "scope_version", "scope_version != ''"),
    "service": Way("string", "service", "service != ''"),
}


def ways_of(field: SpanField, catalog: Catalog) -> list[Way]:
    """The ways of a field; none when no span of this store ever had it."""
    match field.place:
        case Place.INTRINSIC:
            way = _INTRINSICS.get(field.name)
            return [way] if way else []
        case Place.SPAN:
            return _attribute(field.name, catalog)
        case Place.RESOURCE:
            return _resource(field.name)
        case Place.SCOPE:
            return _json("scope_attributes", field.name)
        case Place.EVENT:
            return _json("_ea", field.name, frozenset({"_ea"}))
        case Place.LINK:
            return _json("_la", field.name, frozenset({"_la"}))
        case Place.ANYWHERE:
            own = _attribute(field.name, catalog)
            if not own:
                return _resource(field.name)
            none = " AND ".join(f"NOT ({way.present})" for way in own)
            rest = [replace(way, present=f"{way.present} AND {none}") for way in _resource(field.name)]
            return own + rest


def _attribute(key: str, catalog: Catalog) -> list[Way]:
    found = []
    for held in fields.attribute(key, catalog):
        learned = catalog.column(key, held.type) is not None
        found.append(Way(_TYPES[held.type], held.value, held.presence, learned))
    return found


def _resource(key: str) -> list[Way]:
    if key == "service.name":
        return [_INTRINSICS["service"]]
    return _json("resource", key)


def _json(text: str, key: str, each: frozenset[str] = frozenset()) -> list[Way]:
    """A member of an object in JSON, by what its value is: as a list of one (see `fields.resource_token`)."""
    if not key:
        return []
    token = fields.json_token(text, key)
    # Most have none of the name: that is told by looking for it, long before the JSON is read.
    held = f"position({text}, {quote(json_string(key))}) > 0 AND " if each else ""
    # Read once for each distinct text where there is a dictionary of them; the other function reads every row (100 ns).
    value = f"JSONExtractString({token}, 1)" if each else fields.json_value(text, key)
    return [
        Way("string", value, f"{held}startsWith({token}, '[\"')", each=each, light=not each),
        Way("int", f"JSONExtractInt({token}, 1)", f"{held}match({token}, '^\\\\[-?[0-9]+\\\\]$')", each=each),
        Way("float", f"JSONExtractFloat({token}, 1)", f"{held}match({token}, '^\\\\[-?[0-9]+[.eE]')", each=each),
        Way("bool", f"({token} = '[true]')", f"{held}{token} IN ('[true]', '[false]')", each=each),
        Way(
            "string",
            f"substring({token}, 2, length({token}) - 2)",
            f"{held}match({token}, '^\\\\[[\\\\[{{]')",
            each=each,
            begins="[{",
        ),
    ]
