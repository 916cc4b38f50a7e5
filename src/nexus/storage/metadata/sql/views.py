"""Saved views and short links."""

from __future__ import annotations

import hashlib

from nexus.storage.metadata.api import Link, View
from nexus.storage.metadata.sql.base import Base
from nexus.storage.metadata.tables import LINKS, VIEWS


class ViewsSql(Base):
    """What people keep of pages, up to a number a tenant."""

    def put_view(self, view: View, limit: int) -> bool:
        with self._database.transaction(f"views:{view.tenant}") as database:
            if not database.rows("SELECT 1 FROM views WHERE id = ?", view.id):
                count = database.rows("SELECT count(*) FROM views WHERE tenant = ?", view.tenant)[0][0]
                if count >= limit:
                    return False
            database.write(VIEWS.upsert, *VIEWS.values(view))
            return True

    def get_view(self, id: str) -> View | None:
        return self._one(VIEWS, "id = ?", id)

    def list_views(self, tenant: str, owner: str) -> list[View]:
        return self._list(VIEWS, "WHERE tenant = ? AND (shared = 1 OR owner = ?) ORDER BY name, id", tenant, owner)

    def delete_view(self, id: str) -> bool:
        return self._database.write("DELETE FROM views WHERE id = ?", id) > 0

    def put_link(self, link: Link, *, max_links: int, max_bytes: int) -> Link | None:
        digest, size = hashlib.sha256(link.path.encode()).digest(), len(link.path.encode())
        with self._database.transaction(f"links:{link.tenant}") as database:
            known = database.rows(f"{LINKS.select} WHERE tenant = ? AND digest = ?", link.tenant, digest)
            if known:
                return LINKS.read(known[0])
            count, total = database.rows("SELECT count(*), coalesce(sum(size), 0) FROM links WHERE tenant = ?", link.tenant)[
                0
            ]
            if count >= max_links or total + size > max_bytes:
                return None
            database.write(
                "INSERT INTO links (id, tenant, digest, path, size, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                link.id, link.tenant, digest, link.path, size, link.created_at,
            )  # fmt: skip
            return link

    def get_link(self, id: str) -> Link | None:
        return self._one(LINKS, "id = ?", id)
