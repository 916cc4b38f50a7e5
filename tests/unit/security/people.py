"""Everything that logging in takes, on a store in a folder, with one clock for all of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pyotp

from nexus.config import load
from nexus.mailing import Mailer
from nexus.security import secrets
from nexus.security.audit.log import Audit
from nexus.security.authority import Authorities
from nexus.security.login import totp
from nexus.security.login.logins import Logins, Origin, totp_context
from nexus.security.login.passkeys import Passkeys, Site
from nexus.security.login.profiles import Me, Profiles
from nexus.security.login.resets import Resets
from nexus.security.login.sessions import Sessions
from nexus.security.vault import Vault
from nexus.storage.metadata.api import AuditFilter, AuditRecord, MetadataStore, User
from nexus.storage.metadata.postgres import PostgresMetadata
from nexus.storage.metadata.sqlite import SqliteMetadata
from nexus.telemetry import Registry

SECOND = 10**9
PASSWORD = "plover tangent quartz 9"
SITE = Site("nexus.example", "https://nexus.example")
HERE = Origin("192.0.2.1", "Browser")
HASHED = secrets.hash_password(PASSWORD)


class People:
    """A user `alice` with PASSWORD, and all parts."""

    def __init__(self, path: Path, retries: tuple[float, ...] = (0.01, 0.01), database: str = "", **settings: str) -> None:
        self.metadata: MetadataStore = PostgresMetadata(database) if database else SqliteMetadata(path / "data")
        self.now = time.time_ns() // (30 * SECOND) * 30 * SECOND + 10 * SECOND
        self.config = load({"NEXUS_HTTP_PUBLIC_URL": "https://nexus.example", **settings}).config
        vault = cache(lambda: Vault(path / "nexus.key"))
        audit = Audit(self.metadata, lambda: self.now)
        self.vault = vault
        self.authorities = Authorities(self.metadata)
        self.sessions = Sessions(
            self.metadata,
            lambda: self.config,
            self.time,
            lambda: self.authorities.generation,
            self.authorities.forget,
            self.clock,
        )
        self.passkeys = Passkeys(self.metadata, self.time)
        self.logins = Logins(
            self.metadata, self.sessions, self.passkeys, vault, audit, lambda: self.config, self.time, self.clock
        )
        self.mailer = Mailer(lambda: self.config.smtp, Registry(), retries)
        self.resets = Resets(self.metadata, self.sessions, self.mailer, audit, lambda: self.config, self.time, self.clock)
        self.profiles = Profiles(
            self.metadata, self.sessions, self.logins, self.passkeys, self.resets, self.authorities, vault, audit,
            lambda: self.config, self.time, asyncio.Lock(),
        )  # fmt: skip
        self.metadata.put_user(User("alice", HASHED, 1, email="alice@example.com", password_changed_at=1))

    def time(self) -> int:
        return self.now

    def clock(self) -> float:
        return self.now / 1e9

    def user(self, name: str = "alice") -> User:
        user = self.metadata.get_user(name)
        assert user is not None
        return user

    def change(self, **fields: Any) -> None:
        """Change alice as somebody else would."""
        self.metadata.put_user(replace(self.user(), **fields))
        self.authorities.forget()

    def with_totp(self) -> tuple[pyotp.TOTP, list[str]]:
        """Give alice an app and recovery codes."""
        secret, codes = totp.new_secret(), totp.new_recovery_codes()
        sealed = self.vault().seal(secret, totp_context("alice"))
        self.change(totp=sealed, recovery=tuple(map(totp.recovery_hash, codes)))
        return pyotp.TOTP(secret), codes

    def code(self, app: pyotp.TOTP, offset: int = 0) -> str:
        return app.generate_otp(self.now // (30 * SECOND) + offset)

    async def me(self) -> Me:
        """Alice in a new session."""
        _, session = await self.sessions.start(self.user(), "password", HERE.address, HERE.user_agent)
        return Me("alice", session.id, HERE)

    def audited(self) -> list[AuditRecord]:
        return self.metadata.list_audit(AuditFilter(), limit=1000)
