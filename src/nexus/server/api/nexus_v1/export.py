"""Exports: the records that match as a file, streamed, whatever its size."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import InvalidRequest
from nexus.query.fields import resolve
from nexus.query.plan import LOG_COLUMNS, Export, Field, FieldKind
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.asking import close_plan
from nexus.server.api.nexus_v1.downloads import download
from nexus.server.api.nexus_v1.logs import scan_of
from nexus.server.api.nexus_v1.schema.explore import ExportRequest
from nexus.server.call import Call
from nexus.server.queries import checked_id
from nexus.server.routes import BASE, Parameter, Route
from nexus.server.stream import NDJSON

MAX_COLUMNS: Final = 200
MEDIA: Final = {
    "ndjson": NDJSON,
    "csv": "text/csv; charset=utf-8; header=present",
    "parquet": "application/vnd.apache.parquet",
}
_ARGUMENTS: Final = {
    "query": "Search language",
    "from": "Start of the range",
    "to": "End of the range, not included",
    "format": "`ndjson`, `csv` or `parquet`",
    "columns": "Names, comma-separated; nothing is all of them",
    "order": "`desc` or `asc`",
    "limit": "The most records",
    "spreadsheet": "`true` defuses CSV values that look like formulas",
    "query_id": "Id under which the export can be cancelled",
    "tenant": "Tenant, where a header cannot be set",
}


async def export_post(call: Call) -> Response:
    """The file of a JSON request."""
    return await _export(call, call.payload)


async def export_get(call: Call) -> Response:
    """The same for a link."""
    return await _export(call, _from_arguments(call.query))


async def _export(call: Call, wanted: ExportRequest) -> Response:
    query_id = checked_id(wanted.query_id)
    plan = Export(
        scan_of(call, wanted),
        wanted.format,
        columns_of(wanted.columns),
        wanted.order,
        wanted.limit,
        wanted.spreadsheet,
    )
    if call.scope["method"] == "HEAD":
        return Response(media_type=MEDIA[wanted.format])
    pieces = call.services.store.export(close_plan(call, plan, query_id))
    media_type = MEDIA[wanted.format]
    return await download(
        call, pieces, query_id, Permission.LOGS_READ, what="logs", ending=wanted.format, media_type=media_type
    )


def columns_of(names: list[str]) -> tuple[tuple[str, Field], ...]:
    """Columns by their names in the file. Raises `InvalidRequest`."""
    if len(names) > MAX_COLUMNS:
        raise InvalidRequest(f"an export has at most {MAX_COLUMNS} columns.")
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise InvalidRequest(f"the column {repeated!r} is named twice.")
    whole = {*LOG_COLUMNS, "id"}
    return tuple((name, Field(FieldKind.COLUMN, name) if name in whole else resolve(name)) for name in names)


def _from_arguments(pairs: tuple[tuple[str, str], ...]) -> ExportRequest:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name not in _ARGUMENTS:
            known = ", ".join(_ARGUMENTS)
            raise InvalidRequest(f"there is no argument {name[:40]!r}.", hint=f"The arguments are {known}.")
        if name != "tenant" and value:
            values[name] = [part.strip() for part in value.split(",") if part.strip()] if name == "columns" else value
    try:
        return msgspec.convert(values, ExportRequest, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"the arguments are not as expected: {error}.") from error


_MEDIA: Final = tuple(value.partition(";")[0] for value in MEDIA.values())

_AUDITED: Final = ("query", "from", "from_", "to", "format", "columns", "limit")

ROUTES = (
    Route(
        "POST",
        f"{BASE}/logs/export",
        Permission.LOGS_READ,
        export_post,
        "Download records as a file",
        request=ExportRequest,
        answer_media=_MEDIA,
        tag="logs",
        audited="logs.exported",
        audited_fields=_AUDITED,
    ),
    Route(
        "GET",
        f"{BASE}/logs/export",
        Permission.LOGS_READ,
        export_get,
        "Download records as a file, by a link",
        parameters=tuple(Parameter(name, text) for name, text in _ARGUMENTS.items()),
        answer_media=_MEDIA,
        tag="logs",
        audited="logs.exported",
        audited_fields=_AUDITED,
        tenant_argument=True,
    ),
)
