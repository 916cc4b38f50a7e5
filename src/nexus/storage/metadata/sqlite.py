"""Metadata in SQLite: one file in WAL mode, one connection, short calls under a lock.

Every change is synced to disk before the call returns (`synchronous = FULL`): accounts must survive a power cut, and
there are few changes. A lookup takes about 10 us, so callers on an event loop need no thread for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from nexus.errors import ConfigError, StorageError
from nexus.storage.metadata.api import (
    ApiKey,
    AuditRecord,
    Link,
    Session,
    StoredDeletion,
    StoredRetention,
    Tenant,
    User,
    View,
)
from nexus.storage.metadata.migrate import migrate

FILE: Final = "metadata.sqlite"
_KEY_COLUMNS: Final = "id, hash, name, prefix, tenant, permissions, created_at, last_used, revoked_at"
_VIEW_COLUMNS: Final = "id, tenant, name, description, page, state, shared, owner, owner_name, created_at, updated_at"
_DELETION_COLUMNS: Final = (
    "id, tenant, query, start_time, end_time, reason, requested_by, state, records, parts_total, parts_left, "
    "created_at, finished_at, error"
)


class SqliteMetadata:
    """`MetadataStore` in `metadata.sqlite` of a data directory. Raises `ConfigError` when it cannot be used."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / FILE
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            migrate(self._connection)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"cannot use the metadata database {path}: {error}.",
                hint="Restore the file from a backup, or move it away.",
            ) from error
        self._lock = threading.Lock()

    # ------------------------------------------------------------------------------------------------------- users

    def get_user(self, name: str) -> User | None:
        rows = self._rows("SELECT name, password_hash, permissions, created_at, disabled FROM users WHERE name = ?", name)
        return _user(rows[0]) if rows else None

    def put_user(self, user: User) -> None:
        # Not INSERT OR REPLACE: replacing a row would end the user's sessions.
        self._write(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET password_hash = "
            "excluded.password_hash, permissions = excluded.permissions, disabled = excluded.disabled",
            user.name, user.password_hash, json.dumps(user.permissions), user.created_at, int(user.disabled),
        )  # fmt: skip

    def list_users(self) -> list[User]:
        rows = self._rows("SELECT name, password_hash, permissions, created_at, disabled FROM users ORDER BY name")
        return [_user(row) for row in rows]

    # ---------------------------------------------------------------------------------------------------- sessions

    def create_session(self, session: Session) -> None:
        self._write(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
            session.token_hash, session.user, session.created_at, session.last_seen, session.expires_at,
        )  # fmt: skip

    def get_session(self, token_hash: str, now: int) -> Session | None:
        rows = self._rows(
            "SELECT token_hash, user, created_at, last_seen, expires_at FROM sessions "
            "WHERE token_hash = ? AND expires_at > ?",
            token_hash, now,
        )  # fmt: skip
        return Session(*rows[0]) if rows else None

    def touch_session(self, token_hash: str, last_seen: int, expires_at: int) -> None:
        self._write(
            "UPDATE sessions SET last_seen = ?, expires_at = ? WHERE token_hash = ?", last_seen, expires_at, token_hash
        )

    def delete_session(self, token_hash: str) -> None:
        self._write("DELETE FROM sessions WHERE token_hash = ?", token_hash)

    def delete_sessions(self, user: str) -> None:
        self._write("DELETE FROM sessions WHERE user = ?", user)

    def purge_sessions(self, now: int) -> int:
        return self._write("DELETE FROM sessions WHERE expires_at <= ?", now)

    # -------------------------------------------------------------------------------------------------------- keys

    def create_key(self, key: ApiKey) -> None:
        self._write(
            f"INSERT INTO api_keys ({_KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            key.id, key.hash, key.name, key.prefix, key.tenant, json.dumps(key.permissions),
            key.created_at, key.last_used, key.revoked_at,
        )  # fmt: skip

    def find_key(self, hash: str) -> ApiKey | None:
        rows = self._rows(f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE hash = ? AND revoked_at = 0", hash)
        return _key(rows[0]) if rows else None

    def list_keys(self, tenant: str | None = None) -> list[ApiKey]:
        rows = self._rows(
            f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE revoked_at = 0 AND (?1 IS NULL OR tenant = ?1) "
            "ORDER BY created_at, id",
            tenant,
        )
        return [_key(row) for row in rows]

    def revoke_key(self, id: str, now: int) -> bool:
        return self._write("UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at = 0", now, id) > 0

    def touch_key(self, id: str, last_used: int) -> None:
        self._write("UPDATE api_keys SET last_used = max(last_used, ?) WHERE id = ?", last_used, id)

    # ----------------------------------------------------------------------------------------------------- tenants

    def get_tenant(self, name: str) -> Tenant | None:
        rows = self._rows("SELECT name, created_at, settings FROM tenants WHERE name = ?", name)
        return _tenant(rows[0]) if rows else None

    def list_tenants(self) -> list[Tenant]:
        return [_tenant(row) for row in self._rows("SELECT name, created_at, settings FROM tenants ORDER BY name")]

    def ensure_tenant(self, name: str, now: int) -> bool:
        if self._rows("SELECT 1 FROM tenants WHERE name = ?", name):
            return False
        return self._write("INSERT OR IGNORE INTO tenants (name, created_at) VALUES (?, ?)", name, now) > 0

    def put_tenant_settings(self, name: str, settings: dict[str, Any]) -> bool:
        return self._write("UPDATE tenants SET settings = ? WHERE name = ?", json.dumps(settings), name) > 0

    # ---------------------------------------------------------------------------------------------------- settings

    def get_setting(self, name: str) -> str | None:
        rows = self._rows("SELECT value FROM settings WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def put_setting(self, name: str, value: str) -> None:
        self._write(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value
        )

    # --------------------------------------------------------------------------------------------- views and links

    def put_view(self, view: View, limit: int) -> bool:
        with self._locked() as connection, _transaction(connection):
            known = connection.execute("SELECT 1 FROM views WHERE id = ?", (view.id,)).fetchone()
            count = connection.execute("SELECT count(*) FROM views WHERE tenant = ?", (view.tenant,)).fetchone()[0]
            if known is None and count >= limit:
                return False
            connection.execute(
                f"INSERT OR REPLACE INTO views ({_VIEW_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    view.id, view.tenant, view.name, view.description, view.page, view.state, int(view.shared),
                    view.owner, view.owner_name, view.created_at, view.updated_at,
                ),
            )  # fmt: skip
            return True

    def get_view(self, id: str) -> View | None:
        rows = self._rows(f"SELECT {_VIEW_COLUMNS} FROM views WHERE id = ?", id)
        return _view(rows[0]) if rows else None

    def list_views(self, tenant: str, owner: str) -> list[View]:
        rows = self._rows(
            f"SELECT {_VIEW_COLUMNS} FROM views WHERE tenant = ? AND (shared OR owner = ?) ORDER BY name, id", tenant, owner
        )
        return [_view(row) for row in rows]

    def delete_view(self, id: str) -> bool:
        return self._write("DELETE FROM views WHERE id = ?", id) > 0

    def put_link(self, link: Link, *, max_links: int, max_bytes: int) -> Link | None:
        digest, size = hashlib.sha256(link.path.encode()).digest(), len(link.path.encode())
        with self._locked() as connection, _transaction(connection):
            known = connection.execute(
                "SELECT id, tenant, path, created_at FROM links WHERE tenant = ? AND digest = ?", (link.tenant, digest)
            ).fetchone()
            if known is not None:
                return Link(*known)
            count, total = connection.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM links WHERE tenant = ?", (link.tenant,)
            ).fetchone()
            if count >= max_links or total + size > max_bytes:
                return None
            connection.execute(
                "INSERT INTO links (id, tenant, digest, path, size, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                (link.id, link.tenant, digest, link.path, size, link.created_at),
            )
            return link

    def get_link(self, id: str) -> Link | None:
        rows = self._rows("SELECT id, tenant, path, created_at FROM links WHERE id = ?", id)
        return Link(*rows[0]) if rows else None

    # ------------------------------------------------------------------------------ retention, deletions and audit

    def list_retention(self) -> list[StoredRetention]:
        rows = self._rows("SELECT tenant, rules, days FROM retention ORDER BY tenant")
        return [
            StoredRetention(tenant, tuple((query, kept) for query, kept in json.loads(rules)), days)
            for tenant, rules, days in rows
        ]

    def put_retention(self, retention: StoredRetention) -> None:
        if not retention.rules and retention.days is None:
            self._write("DELETE FROM retention WHERE tenant = ?", retention.tenant)
            return
        self._write(
            "INSERT OR REPLACE INTO retention VALUES (?, ?, ?)",
            retention.tenant, json.dumps(retention.rules), retention.days,
        )  # fmt: skip

    def put_deletion(self, deletion: StoredDeletion) -> None:
        self._write(
            f"INSERT OR REPLACE INTO deletions ({_DELETION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            deletion.id, deletion.tenant, deletion.query, _number(deletion.start), _number(deletion.end),
            deletion.reason, deletion.requested_by, deletion.state, deletion.records, deletion.parts_total,
            deletion.parts_left, deletion.created_at, deletion.finished_at, deletion.error,
        )  # fmt: skip

    def get_deletion(self, id: str) -> StoredDeletion | None:
        rows = self._rows(f"SELECT {_DELETION_COLUMNS} FROM deletions WHERE id = ?", id)
        return _deletion(rows[0]) if rows else None

    def list_deletions(self, tenant: str, limit: int) -> list[StoredDeletion]:
        rows = self._rows(
            f"SELECT {_DELETION_COLUMNS} FROM deletions WHERE tenant = ? ORDER BY created_at DESC, id LIMIT ?",
            tenant, limit,
        )  # fmt: skip
        return [_deletion(row) for row in rows]

    def open_deletions(self) -> list[StoredDeletion]:
        rows = self._rows(
            f"SELECT {_DELETION_COLUMNS} FROM deletions WHERE state IN ('running', 'verifying') ORDER BY created_at, id"
        )
        return [_deletion(row) for row in rows]

    def add_audit(self, record: AuditRecord) -> None:
        self._write(
            "INSERT INTO audit (at, tenant, who, action, subject, details) VALUES (?, ?, ?, ?, ?, ?)",
            record.at, record.tenant, record.who, record.action, record.subject, json.dumps(record.details),
        )  # fmt: skip

    def list_audit(self, tenant: str, limit: int) -> list[AuditRecord]:
        rows = self._rows(
            "SELECT at, tenant, who, action, subject, details FROM audit WHERE tenant = ? ORDER BY number DESC LIMIT ?",
            tenant, limit,
        )  # fmt: skip
        return [_audit(row) for row in rows]

    def purge_audit(self, *, action: str, keep: int) -> int:
        gone = 0
        for (tenant,) in self._rows("SELECT DISTINCT tenant FROM audit"):
            gone += self._write(
                "DELETE FROM audit WHERE tenant = ?1 AND (?2 = '' OR action = ?2) AND number <= (SELECT number FROM audit "
                "WHERE tenant = ?1 AND (?2 = '' OR action = ?2) ORDER BY number DESC LIMIT 1 OFFSET ?3)",
                tenant, action, keep,
            )  # fmt: skip
        return gone

    # --------------------------------------------------------------------------------------------------------- I/O

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise StorageError(f"the metadata database failed: {error}.", hint="Check the disk.") from error

    def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._locked() as connection:
            return connection.execute(sql, parameters).fetchall()

    def _write(self, sql: str, *parameters: Any) -> int:
        with self._locked() as connection:
            return connection.execute(sql, parameters).rowcount


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _number(ns: int | None) -> str:
    return "" if ns is None else str(ns)


def _user(row: tuple[Any, ...]) -> User:
    name, password_hash, permissions, created_at, disabled = row
    return User(name, password_hash, tuple(json.loads(permissions)), created_at, bool(disabled))


def _key(row: tuple[Any, ...]) -> ApiKey:
    id, hash, name, prefix, tenant, permissions, created_at, last_used, revoked_at = row
    return ApiKey(id, hash, name, prefix, tenant, tuple(json.loads(permissions)), created_at, last_used, revoked_at)


def _tenant(row: tuple[Any, ...]) -> Tenant:
    name, created_at, settings = row
    return Tenant(name, created_at, json.loads(settings))


def _view(row: tuple[Any, ...]) -> View:
    id, tenant, name, description, page, state, shared, owner, owner_name, created_at, updated_at = row
    return View(id, tenant, name, description, page, state, bool(shared), owner, owner_name, created_at, updated_at)


def _deletion(row: tuple[Any, ...]) -> StoredDeletion:
    id, tenant, query, start, end, *rest = row
    return StoredDeletion(id, tenant, query, int(start) if start else None, int(end) if end else None, *rest)


def _audit(row: tuple[Any, ...]) -> AuditRecord:
    at, tenant, who, action, subject, details = row
    return AuditRecord(at, tenant, who, action, subject, json.loads(details))
