"""Users, sessions, passkeys and tickets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from nexus.errors import Conflict
from nexus.storage.metadata.api import Passkey, Session, Ticket, User
from nexus.storage.metadata.sql.base import Base, ascii_lower
from nexus.storage.metadata.tables import PASSKEYS, SESSIONS, TICKETS, USERS


class PeopleSql(Base):
    """Users and how they log in."""

    # ------------------------------------------------------------------------------------------------------- users

    def get_user(self, name: str) -> User | None:
        return self._one(USERS, "name = ?", name)

    def find_user(self, *, source: str = "", external_id: str = "", email: str = "") -> User | None:
        if external_id:
            return self._one(USERS, "source = ? AND external_id = ? ORDER BY name LIMIT 1", source, external_id)
        if email:
            return self._one(USERS, "lower(email) = ? ORDER BY name LIMIT 1", ascii_lower(email))
        return None

    def put_user(self, user: User) -> None:
        with self._database.transaction("users") as database:
            # A step that was used meanwhile stays used.
            rows = database.rows("SELECT totp_step FROM users WHERE name = ?", user.name)
            step = max(user.totp_step, int(rows[0][0]) if rows else 0)
            database.write(USERS.upsert, *USERS.values(replace(user, totp_step=step)))

    def note_login(self, name: str, at: int) -> None:
        self._database.write("UPDATE users SET last_login = ? WHERE name = ? AND last_login < ?", at, name, at)

    def use_totp(self, name: str, step: int) -> bool:
        sql = "UPDATE users SET totp_step = ? WHERE name = ? AND totp_step < ?"
        return self._database.write(sql, step, name, step) > 0

    def use_recovery(self, name: str, hash: str) -> bool:
        while rows := self._database.rows("SELECT recovery FROM users WHERE name = ?", name):
            text = str(rows[0][0])
            codes = json.loads(text)
            if hash not in codes:
                break
            codes.remove(hash)
            # Unless somebody else was faster, and perhaps with the same code.
            sql = "UPDATE users SET recovery = ? WHERE name = ? AND recovery = ?"
            if self._database.write(sql, json.dumps(codes), name, text):
                return True
        return False

    def delete_user(self, name: str) -> bool:
        with self._database.transaction() as database:
            database.write("DELETE FROM bindings WHERE subject_kind = 'user' AND subject = ?", name)
            return database.write("DELETE FROM users WHERE name = ?", name) > 0

    def list_users(self) -> list[User]:
        return self._list(USERS, "ORDER BY name")

    # ---------------------------------------------------------------------------------------------------- sessions

    def create_session(self, session: Session) -> None:
        self._database.write(SESSIONS.insert, *SESSIONS.values(session))

    def get_session(self, token_hash: str, now: int) -> Session | None:
        return self._one(
            SESSIONS, "(token_hash = ? OR (previous_hash = ? AND previous_until > ?)) AND expires_at > ?",
            token_hash, token_hash, now, now,
        )  # fmt: skip

    def touch_session(self, id: str, last_seen: int, expires_at: int) -> None:
        self._database.write(
            "UPDATE sessions SET last_seen = ?, expires_at = ? WHERE id = ? AND last_seen <= ?",
            last_seen, expires_at, id, last_seen,
        )  # fmt: skip

    def rotate_session(self, id: str, token_hash: str, fresh_hash: str, now: int, previous_until: int) -> bool:
        changed = self._database.write(
            "UPDATE sessions SET token_hash = ?, previous_hash = ?, previous_until = ?, rotated_at = ? "
            "WHERE id = ? AND token_hash = ?",
            fresh_hash, token_hash, previous_until, now, id, token_hash,
        )  # fmt: skip
        return changed > 0

    def list_sessions(self, user: str, now: int) -> list[Session]:
        return self._list(SESSIONS, "WHERE user_name = ? AND expires_at > ? ORDER BY created_at DESC, id", user, now)

    def delete_session(self, id: str) -> bool:
        return self._database.write("DELETE FROM sessions WHERE id = ?", id) > 0

    def delete_sessions(self, user: str, keep: str = "") -> int:
        return self._database.write("DELETE FROM sessions WHERE user_name = ? AND id <> ?", user, keep)

    def delete_issuer_sessions(self, issuer: str, *, issuer_session: str = "", users: Sequence[str] = ()) -> int:
        gone = 0
        with self._database.transaction() as database:
            if issuer_session:
                sql = "DELETE FROM sessions WHERE issuer = ? AND issuer_session = ?"
                gone += database.write(sql, issuer, issuer_session)
            for user in users:
                gone += database.write("DELETE FROM sessions WHERE issuer = ? AND user_name = ?", issuer, user)
        return gone

    def purge_sessions(self, now: int) -> int:
        sessions = self._database.write("DELETE FROM sessions WHERE expires_at <= ?", now)
        return sessions + self._database.write("DELETE FROM tickets WHERE expires_at <= ?", now)

    # ------------------------------------------------------------------------------------------ passkeys and tickets

    def put_passkey(self, passkey: Passkey) -> None:
        sql = f"{PASSKEYS.upsert} WHERE passkeys.user_name = excluded.user_name"
        if not self._database.write(sql, *PASSKEYS.values(passkey)):
            raise Conflict("this passkey is registered already.")

    def get_passkey(self, id: str) -> Passkey | None:
        return self._one(PASSKEYS, "id = ?", id)

    def list_passkeys(self, user: str) -> list[Passkey]:
        return self._list(PASSKEYS, "WHERE user_name = ? ORDER BY created_at, id", user)

    def delete_passkey(self, user: str, id: str) -> bool:
        return self._database.write("DELETE FROM passkeys WHERE user_name = ? AND id = ?", user, id) > 0

    def put_ticket(self, ticket: Ticket) -> None:
        self._database.write(TICKETS.upsert, *TICKETS.values(ticket))

    def get_ticket(self, hash: str, kind: str, now: int) -> Ticket | None:
        return self._one(TICKETS, "hash = ? AND kind = ? AND expires_at > ?", hash, kind, now)

    def take_ticket(self, hash: str, kind: str, now: int) -> Ticket | None:
        with self._database.transaction() as database:
            rows = database.rows(
                f"DELETE FROM tickets WHERE hash = ? AND kind = ? RETURNING {', '.join(TICKETS.columns)}", hash, kind
            )
        ticket = TICKETS.read(rows[0]) if rows else None
        return ticket if ticket and ticket.expires_at > now else None
