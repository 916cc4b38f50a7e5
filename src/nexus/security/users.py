"""Users: who can log in."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from nexus.errors import NotFound
from nexus.security import secrets
from nexus.security.access import ANY_TENANT
from nexus.storage.metadata.api import Binding, MetadataStore, User

ADMIN: Final = "admin"


def bootstrap_admin(metadata: MetadataStore, configured: str, now_ns: int) -> str | None:
    """Make the user `admin` when there are no users yet. The password, when it was made up here. Slow: hashes."""
    if metadata.list_users():
        return None
    password = configured or secrets.new_password()
    metadata.put_user(User(ADMIN, secrets.hash_password(password), now_ns, password_changed_at=now_ns))
    metadata.add_binding(Binding(secrets.new_id(), "user", ADMIN, "admin", ANY_TENANT, now_ns))
    return None if configured else password


def reset_password(metadata: MetadataStore, name: str, now_ns: int) -> str:
    """Give a user a new password and end every session. Raises `NotFound`. Slow: hashes."""
    user = metadata.get_user(name)
    if user is None:
        raise NotFound(f"there is no user {name!r}.")
    password = secrets.new_password()
    metadata.put_user(replace(user, password_hash=secrets.hash_password(password), password_changed_at=now_ns))
    metadata.delete_sessions(name)
    return password
