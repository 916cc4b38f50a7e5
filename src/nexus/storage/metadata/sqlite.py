"""Metadata in SQLite: one file in WAL mode, one connection, short calls under a lock.

Every change is synced to disk before the call returns (`synchronous = FULL`): accounts must survive a power cut, and
there are few changes. A lookup takes about 10 us, so callers on an event loop need no thread for it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from nexus.errors import ConfigError, StorageError
from nexus.storage.metadata.api import ApiKey, Session, Tenant, User
from nexus.storage.metadata.migrate import migrate

FILE: Final = "metadata.sqlite"
_KEY_COLUMNS: Final = "id, hash, name, prefix, tenant, permissions, created_at, last_used, revoked_at"


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


def _user(row: tuple[Any, ...]) -> User:
    name, password_hash, permissions, created_at, disabled = row
    return User(name, password_hash, tuple(json.loads(permissions)), created_at, bool(disabled))


def _key(row: tuple[Any, ...]) -> ApiKey:
    id, hash, name, prefix, tenant, permissions, created_at, last_used, revoked_at = row
    return ApiKey(id, hash, name, prefix, tenant, tuple(json.loads(permissions)), created_at, last_used, revoked_at)


def _tenant(row: tuple[Any, ...]) -> Tenant:
    name, created_at, settings = row
    return Tenant(name, created_at, json.loads(settings))
