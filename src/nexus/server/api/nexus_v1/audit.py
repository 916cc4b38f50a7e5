"""The audit log: reading, exporting, verifying. For auditors and administrators."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import AsyncIterator
from typing import Final, Literal

import msgspec
from starlette.responses import Response

from nexus.errors import InvalidRequest, PermissionDenied
from nexus.model.time import format_time, parse_time
from nexus.security.access import ANY_TENANT
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import protection as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.queries import checked_id
from nexus.server.recheck import access_ended
from nexus.server.routes import BASE, Parameter, Route
from nexus.server.stream import NDJSON, Download
from nexus.storage.metadata.api import AuditFilter, AuditRecord

DEFAULT: Final = 100
MOST: Final = 1_000
PAGE: Final = 1_000
SHOWN_PROBLEMS: Final = 200
MEDIA: Final = {"ndjson": NDJSON, "csv": "text/csv; charset=utf-8; header=present"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_FILTERS: Final = ("who", "action", "subject", "outcome", "text", "start", "end", "all_tenants")


async def list_audit(call: Call) -> Response:
    """Who did what in the tenant, or in all of them, newest first."""
    wanted = filter_of(call)
    limit, before = limit_of(call, DEFAULT, MOST), number_of(call, "before")
    found = await call.services.audit.entries(wanted, limit + 1, before)
    page = found[:limit]
    following = page[-1].number if len(found) > limit else 0
    return json_response(schema.AuditPage([_entry(record) for record in page], following, call.services.audit.actions))


async def export_audit(call: Call) -> Response:
    """The entries as a file, newest first, whatever its size."""
    wanted, style = filter_of(call), call.argument("format") or "ndjson"
    if style not in MEDIA:
        raise InvalidRequest(f"`format` is {style[:20]!r}.", hint="It is ndjson or csv.")
    if call.scope["method"] == "HEAD":
        return Response(media_type=MEDIA[style])
    pieces = _pieces(call, wanted, style)
    first = await anext(pieces, None)
    query_id = checked_id("")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(call.services.now_ns() // 10**9))
    return Download(
        first,
        pieces,
        lambda work: call.services.queries.run(call.tenant, query_id, work),
        query_id,
        lambda: access_ended(call, Permission.AUDIT_READ),
        name=f"audit-{stamp}.{style}",
        media_type=MEDIA[style],
    )


async def verify(call: Call) -> Response:
    """Hold the whole log against its chain and its signatures."""
    if not call.principal.authority.access(ANY_TENANT).may(Permission.AUDIT_READ):
        raise PermissionDenied(
            "the entries of all tenants are one chain: verifying it needs audit:read in every tenant.",
            hint="Ask an auditor who has it.",
        )
    began = time.perf_counter()
    found = await call.services.audit.examine()
    shown = found.problems[:SHOWN_PROBLEMS]
    problems = [schema.AuditProblem(problem.number, problem.text) for problem in shown]
    if more := len(found.problems) - len(shown) + found.more:
        problems.append(schema.AuditProblem(0, f"{more} more problems; `nexus audit verify --all` lists them"))
    return json_response(
        schema.AuditReport(
            sound=found.sound,
            records=found.records,
            first=found.first,
            last=found.last,
            checkpoints=found.checkpoints,
            problems=problems,
            seconds=round(time.perf_counter() - began, 3),
            old=found.old,
        )
    )


async def _pieces(call: Call, wanted: AuditFilter, style: str) -> AsyncIterator[bytes]:
    # What is written from now on, this export above all, is not part of it.
    before = call.services.audit.newest + 1
    if style == "csv":
        yield _csv([list(schema.AuditEntry.__struct_fields__)])
    while True:
        page = await call.services.audit.entries(wanted, PAGE, before)
        if not page:
            return
        entries = [_entry(record) for record in page]
        yield _csv([_cells(entry) for entry in entries]) if style == "csv" else _ndjson(entries)
        before = page[-1].number


def _ndjson(entries: list[schema.AuditEntry]) -> bytes:
    encode = msgspec.json.encode
    return b"".join(encode(entry) + b"\n" for entry in entries)


def _csv(rows: list[list[str]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    return file.getvalue().encode()


def _cells(entry: schema.AuditEntry) -> list[str]:
    """Values as texts that no spreadsheet runs as a formula."""
    values = msgspec.structs.asdict(entry)
    texts = [msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value) for value in values.values()]
    return [f"'{text}" if text.startswith(_FORMULA) else text for text in texts]


def filter_of(call: Call) -> AuditFilter:
    """Which entries are asked for. Raises `InvalidRequest`, `PermissionDenied`."""
    now = call.services.now_ns()
    start, end = (parse_time(text, now_ns=now) if (text := call.argument(name)) else None for name in ("start", "end"))
    everywhere = _flag(call, "all_tenants")
    of_all = call.principal.authority.access(ANY_TENANT).may(Permission.AUDIT_READ)
    if everywhere and not of_all:
        raise PermissionDenied("entries of every tenant need audit:read in every tenant.", hint="Leave all_tenants out.")
    return AuditFilter(
        tenant="" if everywhere else call.tenant,
        who=call.argument("who"),
        action=call.argument("action"),
        subject=call.argument("subject"),
        outcome=call.argument("outcome"),
        text=call.argument("text"),
        start=start,
        end=end,
        # Users, roles, logins and limits are no tenant's: for whom may see all of them they are with the default tenant.
        system=of_all and call.tenant == call.services.config().tenants.default,
    )


def limit_of(call: Call, default: int, most: int) -> int:
    """The query argument `limit`. Raises `InvalidRequest`."""
    text = call.argument("limit")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise InvalidRequest(f"`limit` is {text[:20]!r}; it must be a number from 1 to {most}.")
    return int(text)


def number_of(call: Call, name: str) -> int:
    """A query argument that is a number of an entry, 0 without one. Raises `InvalidRequest`."""
    text = call.argument(name)
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidRequest(f"`{name}` is {text[:20]!r}; it must be a number.")
    return int(text)


def _flag(call: Call, name: Literal["all_tenants"]) -> bool:
    text = call.argument(name)
    if text not in ("", "0", "1", "true", "false"):
        raise InvalidRequest(f"`{name}` is {text[:20]!r}; it must be 1 or 0.")
    return text in ("1", "true")


def _entry(record: AuditRecord) -> schema.AuditEntry:
    return schema.AuditEntry(
        number=record.number,
        at=format_time(record.at),
        tenant=record.tenant,
        kind=record.kind,
        who=record.who,
        address=record.address,
        action=record.action,
        subject=record.subject,
        outcome=record.outcome,
        details={name: str(value) for name, value in record.details.items()},
        before=record.before,
        after=record.after,
        hash=record.hash,
    )


_PARAMETERS: Final = (
    Parameter("who", "Name of who did it"),
    Parameter("action", "Such as `key.created`"),
    Parameter("subject", "What it was done to"),
    Parameter("outcome", "`ok`, or the code of an error"),
    Parameter("text", "Occurs anywhere in the entry, without case"),
    Parameter("start", "Not before"),
    Parameter("end", "Before"),
    Parameter("all_tenants", "`1`: entries of every tenant, for whom has audit:read in all"),
)

ROUTES = (
    Route(
        "GET",
        f"{BASE}/audit",
        Permission.AUDIT_READ,
        list_audit,
        "Who did what",
        answer=schema.AuditPage,
        parameters=(
            *_PARAMETERS,
            Parameter("limit", f"Entries of a page, {DEFAULT} by default, {MOST:,} at most"),
            Parameter("before", "`next` of the page before"),
        ),
        tag="audit",
        audited="audit.read",
        audited_fields=_FILTERS,
    ),
    Route(
        "GET",
        f"{BASE}/audit/export",
        Permission.AUDIT_READ,
        export_audit,
        "Download who did what",
        parameters=(*_PARAMETERS, Parameter("format", "`ndjson` or `csv`"), Parameter("tenant", "Where no header can be")),
        answer_media=("application/x-ndjson", "text/csv"),
        tag="audit",
        tenant_argument=True,
        audited="audit.exported",
        audited_fields=(*_FILTERS, "format"),
    ),
    Route(
        "POST",
        f"{BASE}/audit/verify",
        Permission.AUDIT_READ,
        verify,
        "Are all entries there, unaltered and in order",
        answer=schema.AuditReport,
        tag="audit",
        audited="audit.verified",
    ),
)
