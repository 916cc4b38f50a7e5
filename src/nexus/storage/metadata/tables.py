"""How dataclasses of the contract become rows and come back. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Generic, TypeVar

import msgspec

from nexus.storage.metadata.api import (
    ApiKey,
    AuditCheckpoint,
    AuditRecord,
    Binding,
    Link,
    Passkey,
    ServiceAccount,
    Session,
    StoredDeletion,
    StoredLimits,
    StoredRetention,
    StoredRole,
    StoredTenantDeletion,
    Team,
    Tenant,
    Ticket,
    User,
    View,
)
from nexus.storage.metadata.database import Row, Value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Codec:
    """How a field is written to its column, and read from it."""

    encode: Callable[[Any], Value]
    decode: Callable[[Any], Any]


FLAG: Final = Codec(int, bool)
TEXTS: Final = Codec(json.dumps, lambda text: tuple(json.loads(text)))
PAIRS: Final = Codec(json.dumps, lambda text: tuple((left, right) for left, right in json.loads(text)))
MAP: Final = Codec(json.dumps, json.loads)


def _details(text: str) -> dict[str, str]:
    """Details of a record of the audit log; those that somebody damaged in the database are shown as they are."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.MsgspecError:
        found = None
    return found if isinstance(found, dict) else {"damaged": text}


DETAILS: Final = Codec(json.dumps, _details)
BLOB: Final = Codec(bytes, bytes)
OPEN_TIME: Final = Codec(lambda ns: "" if ns is None else str(ns), lambda text: int(text) if text else None)
"""Ends of ranges: None where open, and perhaps beyond 64 bits."""


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """Where objects of the class `of` are kept: statements, and the way of a field to its column.

    `key` are the columns that identify a row, `renamed` the columns that are not called like their fields, `without` the
    fields that are kept elsewhere.
    """

    name: str
    of: type[T]
    key: tuple[str, ...]
    codecs: Mapping[str, Codec] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    names: tuple[str, ...] = field(init=False)
    columns: tuple[str, ...] = field(init=False)
    decoders: tuple[tuple[int, Callable[[Any], Any]], ...] = field(init=False)
    """Places in a row that are decoded, and how."""
    select: str = field(init=False)
    insert: str = field(init=False)
    upsert: str = field(init=False)

    def __post_init__(self) -> None:
        """Write the statements once."""
        names = tuple(one.name for one in fields(self.of) if one.name not in self.without)  # type: ignore[arg-type]
        columns = tuple(self.renamed.get(name, name) for name in names)
        changed = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in self.key)
        insert = f"INSERT INTO {self.name} ({', '.join(columns)}) VALUES ({', '.join('?' for _ in columns)})"
        for attribute, value in (
            ("names", names),
            ("columns", columns),
            ("decoders", tuple((names.index(name), codec.decode) for name, codec in self.codecs.items())),
            ("select", f"SELECT {', '.join(columns)} FROM {self.name}"),
            ("insert", insert),
            ("upsert", f"{insert} ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {changed}"),
        ):
            object.__setattr__(self, attribute, value)

    def values(self, item: T) -> list[Value]:
        """The parameters of `insert` and `upsert`."""
        return [
            codec.encode(getattr(item, name)) if (codec := self.codecs.get(name)) else getattr(item, name)
            for name in self.names
        ]

    def read(self, row: Row, **more: Any) -> T:
        """The object in a row of `select`; `more` are the fields kept elsewhere."""
        values = list(row)
        for place, decode in self.decoders:
            values[place] = decode(values[place])
        if more:
            return self.of(**dict(zip(self.names, values, strict=True)), **more)
        return self.of(*values)


USERS: Final = Table(
    "users", User, ("name",), {"disabled": FLAG, "must_change_password": FLAG, "recovery": TEXTS}
)  # fmt: skip
SESSIONS: Final = Table("sessions", Session, ("id",), renamed={"user": "user_name"})
PASSKEYS: Final = Table("passkeys", Passkey, ("id",), {"public_key": BLOB, "transports": TEXTS}, {"user": "user_name"})
TICKETS: Final = Table("tickets", Ticket, ("hash",))
ROLES: Final = Table("roles", StoredRole, ("name",), {"grants": PAIRS, "masked": TEXTS})
TEAMS: Final = Table("teams", Team, ("id",), without=frozenset({"members"}))
BINDINGS: Final = Table("bindings", Binding, ("id",))
ACCOUNTS: Final = Table("service_accounts", ServiceAccount, ("id",), {"disabled": FLAG})
KEYS: Final = Table("api_keys", ApiKey, ("id",), {"permissions": TEXTS, "signals": TEXTS})
TENANTS: Final = Table("tenants", Tenant, ("name",), {"settings": MAP})
TENANT_DELETIONS: Final = Table("tenant_deletions", StoredTenantDeletion, ("tenant",), {"proof": TEXTS})
LIMITS: Final = Table("limits", StoredLimits, ("scope", "subject"), {"limits": MAP})
VIEWS: Final = Table("views", View, ("id",), {"shared": FLAG})
LINKS: Final = Table("links", Link, ("id",))
RETENTION: Final = Table("retention", StoredRetention, ("tenant",), {"rules": PAIRS})
DELETIONS: Final = Table(
    "deletions", StoredDeletion, ("id",), {"start": OPEN_TIME, "end": OPEN_TIME},
    {"start": "start_time", "end": "end_time"},
)  # fmt: skip
AUDIT: Final = Table(
    "audit", AuditRecord, ("number",), {"details": DETAILS}, {"before": "before_change", "after": "after_change"}
)  # fmt: skip
CHECKPOINTS: Final = Table("audit_checkpoints", AuditCheckpoint, ("number",))
