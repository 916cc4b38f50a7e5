"""What clients ask about indexes: fields and their types, names, sizes. There is one index, `logs`."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from starlette.responses import Response

from nexus.model.time import NS_PER_DAY
from nexus.query.elastic.names import COLUMNS, INDEX, TIMESTAMP, document_name, selects_logs
from nexus.query.plan import Count, ListFields, LogScan, TimeRange
from nexus.server.api.elasticsearch.answers import PRODUCT, answer
from nexus.server.api.elasticsearch.search import read_body
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.call import Call
from nexus.server.queries import checked_id
from nexus.storage.api import Table

RECENT: Final = 7 * NS_PER_DAY
_TYPES: Final = {"int": "long", "float": "double", "bool": "boolean"}
_COLUMN_TYPES: Final = {
    TIMESTAMP: "date_nanos",
    "event.ingested": "date_nanos",
    "message": "text",
    "log.severity": "long",
}


async def types_of(call: Call) -> dict[str, str]:
    """Elasticsearch types by field, of the records of the last week, or of all when there are none."""
    query_id = checked_id("")
    store = call.services.store

    async def work() -> Table:
        recent = LogScan(TimeRange(max(call.services.now_ns() - RECENT, 0), None))
        table = await store.table(close_plan(call, ListFields(recent), query_id, newest=True))
        if not any(row[0] != "column" for row in table.rows):
            table = await store.table(close_plan(call, ListFields(LogScan()), query_id, newest=True))
        return table

    table = await ask(call, query_id, work())
    types = {name: _COLUMN_TYPES.get(name, "keyword") for name in COLUMNS}
    found: dict[str, set[str]] = {}
    for kind, name, type, _ in table.rows:
        if kind != "column":
            found.setdefault(document_name(kind, name), set()).add(_TYPES.get(type, "keyword"))
    for name, several in found.items():
        if several == {"long", "double"}:
            several = {"double"}
        # Values of several types are compared as text.
        types[name] = several.pop() if len(several) == 1 else "keyword"
    return types


async def field_capabilities(call: Call) -> Response:
    """`_field_caps`: the type of each field that matches a pattern."""
    body = read_body(call.body)
    given = call.argument("fields") or body.get("fields") or "*"
    patterns = [str(one) for one in given] if isinstance(given, list) else str(given).split(",")
    if not selects_logs(call.parameters.get("index", "")):
        return answer({"indices": [], "fields": {}})
    shown = {}
    for name, type in (await types_of(call)).items():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            shown[name] = {type: {"type": type, "metadata_field": False, "searchable": True, "aggregatable": type != "text"}}
    return answer({"indices": [INDEX], "fields": shown})


async def mapping(call: Call) -> Response:
    """`_mapping`: the fields as a tree."""
    if not selects_logs(call.parameters.get("index", "")):
        return answer({})
    return answer({INDEX: {"mappings": {"properties": tree(await types_of(call))}}})


def tree(types: Mapping[str, str]) -> dict[str, Any]:
    """Dotted names as nested properties; one that is a field and has fields below it keeps those under their full name."""
    properties: dict[str, Any] = {}
    for name in sorted(types):
        place, parts = properties, name.split(".")
        path: list[dict[str, Any]] = []
        for part in parts[:-1]:
            held = place.setdefault(part, {"properties": {}}) if part else {}
            if "properties" not in held:
                path = []
                break
            path.append(held)
            place = held["properties"]
        else:
            place.setdefault(parts[-1], {"type": types[name]})
            continue
        properties[name] = {"type": types[name]}
    return properties


async def aliases(call: Call) -> Response:
    """`_aliases`, `_alias`: there are none."""
    return answer({INDEX: {"aliases": {}}})


async def resolve_index(call: Call) -> Response:
    """`_resolve/index`: which indexes a pattern means."""
    found = [{"name": INDEX, "attributes": ["open"]}] if selects_logs(call.parameters.get("name", "")) else []
    return answer({"indices": found, "aliases": [], "data_streams": []})


async def list_indexes(call: Call) -> Response:
    """`_cat/indices`, as text or (`format=json`) as JSON."""
    query_id = checked_id("")
    table = await ask(call, query_id, call.services.store.table(close_plan(call, Count(LogScan()), query_id, newest=True)))
    row = {
        "health": "green",
        "status": "open",
        "index": INDEX,
        "uuid": INDEX,
        "pri": "1",
        "rep": "0",
        "docs.count": str(table.rows[0][0]),
        "docs.deleted": "0",
        "store.size": "",
        "pri.store.size": "",
    }
    shown = call.argument("h").split(",") if call.argument("h") else list(row)
    if "json" in call.argument("format") or "json" in call.headers.get("accept", ""):
        return answer([{name: row[name] for name in shown if name in row}])
    lines = [" ".join(shown)] if "v" in dict(call.query) else []
    lines.append(" ".join(row.get(name, "") for name in shown))
    return Response("\n".join(lines) + "\n", 200, PRODUCT, "text/plain; charset=UTF-8")
