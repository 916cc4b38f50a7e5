"""`nexus admin`: users and their roles without a server, for the first one and for whoever locked himself out.

With metadata in SQLite the process must be stopped; in PostgreSQL one that runs takes changes up within seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import time
from collections.abc import Iterator
from pathlib import Path

from nexus import components, runtime
from nexus.config import Config, load
from nexus.errors import ConfigError, InvalidRequest
from nexus.security import users
from nexus.security.access import ANY_TENANT
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.storage.metadata.api import MetadataStore


def reset_password(file: Path | None, username: str) -> int:
    """Give a user a new password, print it."""
    with _opened(file) as (config, metadata):
        password = users.reset_password(metadata, username, time.time_ns())
        _note(config, metadata, "user.password_reset", users.user_name(username))
    print(f"The new password of {username} is {password}")
    return 0


def create_user(file: Path | None, username: str, roles: list[str]) -> int:
    """Make a user with roles (`viewer`, `admin@*`, `editor@team-a`), print the password."""
    with _opened(file) as (config, metadata):
        wanted = [role_in(text, config.tenants.default) for text in roles]
        password = users.create_user(metadata, username, wanted, time.time_ns())
        _note(config, metadata, "user.created", users.user_name(username), roles=", ".join(roles))
    print(f"The password of {users.user_name(username)} is {password}   (to be changed at the first login)")
    return 0


def list_users(file: Path | None) -> int:
    """Print every user with what he has."""
    with _opened(file, changes=False) as (_, metadata):
        directory = users.read_directory(metadata)
    for user in directory.users.values():
        roles = sorted({f"{one.role}@{one.tenant}" for one in directory.all_of_user(user.name)})
        print(f"{user.name:<30} {'disabled' if user.disabled else user.source:<12} {' '.join(roles)}".rstrip())
    return 0


def grant(file: Path | None, username: str, role: str) -> int:
    """Give a user a role (`admin@*`)."""
    with _opened(file) as (config, metadata):
        name, tenant = role_in(role, config.tenants.default)
        given = users.grant(metadata, username, name, tenant, time.time_ns())
        if given:
            _note(config, metadata, "user.changed", users.user_name(username), granted=f"{name}@{tenant}")
    where = "every tenant" if tenant == ANY_TENANT else f"the tenant {tenant}"
    print(f"{username} {'now has' if given else 'already had'} the role {name} in {where}.")
    return 0


def role_in(text: str, default: str) -> tuple[str, str]:
    """A role and its tenant: `viewer@team-a`, `admin@*`, or `viewer` in the default tenant. Raises `InvalidRequest`."""
    role, at, tenant = text.partition("@")
    if not role or (at and not tenant):
        raise InvalidRequest(f"{text!r} names no role.", hint="Write role@tenant, with * for every tenant.")
    return role, tenant or default


@contextlib.contextmanager
def _opened(file: Path | None, *, changes: bool = True) -> Iterator[tuple[Config, MetadataStore]]:
    config = load(file=file).config
    running = runtime.read(config.data_path)
    if changes and running and not config.metadata.url:
        raise ConfigError(
            f"Nexus is running on {config.data_path} as pid {running['pid']}.",
            hint=f"Stop it and try again, or use {running['url']}/settings/users.",
        )
    metadata = components.open_metadata(config)
    try:
        yield config, metadata
    finally:
        metadata.close()


def _note(config: Config, metadata: MetadataStore, action: str, subject: str, **details: str) -> None:
    _, ledger = components.open_ledger(config, metadata, beside=runtime.read(config.data_path) is not None)
    audit = Audit(metadata, time.time_ns, ledger)
    actor = Actor("system", f"nexus admin ({getpass.getuser()})")

    async def noted() -> None:
        await audit.record(actor, ANY_TENANT, action, subject, after=details or None)
        await audit.close()

    asyncio.run(noted())
