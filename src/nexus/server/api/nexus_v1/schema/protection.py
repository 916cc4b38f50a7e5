"""Shapes of limits and of the audit log. Paths are below `/api/nexus/v1`; times are RFC 3339."""

from __future__ import annotations

from msgspec import Struct


class LimitInfo(Struct):
    """What a limit is called, what it counts, its unit, and what holds where nobody set one (0: no limit)."""

    name: str
    description: str
    unit: str
    scopes: list[str]
    default: float = 0


class LimitSet(Struct):
    """Limits of a subject. `scope` is `tenant`, `key`, `user` or `address`; `subject` `*` is each one without limits
    of its own. `label` is how people call it (a key's name)."""

    scope: str
    subject: str
    limits: dict[str, float]
    label: str = ""


class LimitUse(Struct):
    """How much of a limit is used now: `used` of `limit` in the unit of the limit, `refused` requests since the start."""

    scope: str
    subject: str
    name: str
    used: float
    limit: float
    refused: int = 0
    label: str = ""


class Limits(Struct):
    """GET limits: what can be limited, what was set, and the current use, the busiest first."""

    known: list[LimitInfo]
    limits: list[LimitSet]
    use: list[LimitUse]


class LimitsRequest(Struct, forbid_unknown_fields=True):
    """PUT limits/{scope}/{subject}: replaces its limits; without any they are removed."""

    limits: dict[str, float]


# --------------------------------------------------------------------------------------------------------------- audit


class AuditEntry(Struct):
    """Who did what. `before` and `after` are JSON texts with secrets masked, empty when nothing changed; `outcome` is
    `ok` or the code of the error."""

    number: int
    at: str
    tenant: str
    kind: str
    who: str
    address: str
    action: str
    subject: str
    outcome: str
    details: dict[str, str]
    before: str = ""
    after: str = ""
    hash: str = ""


class AuditPage(Struct):
    """GET audit?who=&action=&subject=&outcome=&text=&start=&end=&all_tenants=1&limit=&before=: newest first; `next` is the
    `before` of the next page, 0 on the last one. GET audit/export?format=ndjson|csv takes the same filters and streams."""

    entries: list[AuditEntry]
    next: int = 0
    actions: list[str] = []


class AuditProblem(Struct):
    """What is wrong with the log, at which record."""

    number: int
    problem: str


class AuditReport(Struct):
    """POST audit/verify: are all records there, unaltered and in order? `problems` says which are not. `old` are from
    before there was a chain."""

    sound: bool
    records: int
    first: int
    last: int
    checkpoints: int
    problems: list[AuditProblem]
    seconds: float
    old: int = 0
