"""`MetadataStore` in SQL, for every database alike: one file a subject, `SqlMetadata` is all of them."""

from __future__ import annotations

from nexus.storage.metadata.sql.audit import AuditSql
from nexus.storage.metadata.sql.keys import KeysSql
from nexus.storage.metadata.sql.people import PeopleSql
from nexus.storage.metadata.sql.records import RecordsSql
from nexus.storage.metadata.sql.roles import RolesSql
from nexus.storage.metadata.sql.tenants import TenantsSql
from nexus.storage.metadata.sql.views import ViewsSql


class SqlMetadata(PeopleSql, RolesSql, KeysSql, TenantsSql, ViewsSql, RecordsSql, AuditSql):
    """See `nexus.storage.metadata.api.MetadataStore`, which says what each call does."""

    def close(self) -> None:
        self._database.close()
