"""The audit log: numbered without gaps, each record linked to the one before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from nexus.storage.metadata.api import AuditCheckpoint, AuditFilter, AuditRecord
from nexus.storage.metadata.database import Value, storable_text
from nexus.storage.metadata.sql.base import Base, ascii_lower, escaped
from nexus.storage.metadata.tables import AUDIT, CHECKPOINTS

MAX_TEXT: Final = 1000
"""Characters of the text that is looked for; the rest does not count."""
_SEARCHED: Final = ("who", "action", "subject", "address", "tenant", "details", "before_change", "after_change")


class AuditSql(Base):
    """Appended to under a lock that holds for all processes."""

    def add_audit(self, record: AuditRecord, chain: Callable[[str, AuditRecord], str]) -> AuditRecord:
        record = _storable(record)
        with self._database.transaction("audit") as database:
            last = database.rows("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
            number, hash = last[0] if last else (0, "")
            record = replace(record, number=number + 1, hash="")
            record = replace(record, hash=chain(hash, record))
            database.write(AUDIT.insert, *AUDIT.values(record))
        return record

    def list_audit(self, wanted: AuditFilter, *, limit: int, before: int = 0) -> list[AuditRecord]:
        conditions: list[str] = []
        parameters: list[Value] = []
        if wanted.tenant:
            conditions.append("tenant IN (?, '*')" if wanted.system else "tenant = ?")
            parameters.append(wanted.tenant)
        for column in ("who", "action", "subject", "outcome"):
            if text := getattr(wanted, column):
                conditions.append(f"{column} = ?")
                parameters.append(text)
        for condition, bound in (("at >= ?", wanted.start), ("at < ?", wanted.end), ("number < ?", before or None)):
            if bound is not None:
                conditions.append(condition)
                parameters.append(bound)
        if wanted.text:
            pattern = f"%{escaped(ascii_lower(wanted.text[:MAX_TEXT]))}%"
            conditions.append("(" + " OR ".join(f"lower({column}) LIKE ? ESCAPE '!'" for column in _SEARCHED) + ")")
            parameters += [pattern] * len(_SEARCHED)
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        return self._list(AUDIT, f"{where}ORDER BY number DESC LIMIT ?", *parameters, limit)

    def walk_audit(self, after: int, limit: int) -> list[AuditRecord]:
        return self._list(AUDIT, "WHERE number > ? ORDER BY number LIMIT ?", after, limit)

    def audit_head(self) -> AuditRecord | None:
        return self._one(AUDIT, "number = (SELECT max(number) FROM audit)")

    def purge_audit(self, before: int) -> int:
        # The newest stays, so that the next one has a number to follow and a hash to link to.
        return self._database.write(
            "DELETE FROM audit WHERE number < ? AND number < (SELECT max(number) FROM audit)", before
        )

    def put_checkpoint(self, checkpoint: AuditCheckpoint) -> None:
        self._database.write(CHECKPOINTS.upsert, *CHECKPOINTS.values(checkpoint))

    def list_checkpoints(self) -> list[AuditCheckpoint]:
        return self._list(CHECKPOINTS, "ORDER BY number")

    def walk_checkpoints(self, after: int, limit: int) -> list[AuditCheckpoint]:
        return self._list(CHECKPOINTS, "WHERE number > ? ORDER BY number LIMIT ?", after, limit)

    def delete_checkpoints(self, before: int) -> None:
        self._database.write("DELETE FROM audit_checkpoints WHERE number < ?", before)


def _storable(record: AuditRecord) -> AuditRecord:
    """What is stored is what was hashed, or the chain would not fit."""
    texts = {
        name: storable_text(getattr(record, name))
        for name in ("tenant", "who", "action", "subject", "kind", "address", "outcome", "before", "after")
    }
    details = {storable_text(name): storable_text(value) for name, value in record.details.items()}
    return replace(record, **texts, details=details)  # type: ignore[arg-type]
