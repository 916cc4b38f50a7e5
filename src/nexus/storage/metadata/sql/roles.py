"""Roles, teams, bindings and service accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nexus.errors import Conflict, NotFound
from nexus.storage.metadata.api import Binding, ServiceAccount, StoredRole, Team
from nexus.storage.metadata.database import Connection
from nexus.storage.metadata.sql.base import Base
from nexus.storage.metadata.tables import ACCOUNTS, BINDINGS, ROLES, TEAMS

_CHUNK: Final = 200
"""Subjects a statement: databases bound the number of parameters."""


class RolesSql(Base):
    """Who has which role where."""

    def put_role(self, role: StoredRole) -> None:
        self._database.write(ROLES.upsert, *ROLES.values(role))

    def list_roles(self) -> list[StoredRole]:
        return self._list(ROLES, "ORDER BY name")

    def delete_role(self, name: str) -> bool:
        with self._database.transaction() as database:
            database.write("DELETE FROM bindings WHERE role = ?", name)
            return database.write("DELETE FROM roles WHERE name = ?", name) > 0

    # ------------------------------------------------------------------------------------------------------- teams

    def put_team(self, team: Team) -> None:
        with self._database.transaction("teams") as database:
            _unique_name(database, "teams", "team", team.id, team.name)
            database.write(TEAMS.upsert, *TEAMS.values(team))
            database.write("DELETE FROM members WHERE team = ?", team.id)
            for member in dict.fromkeys(team.members):
                sql = "INSERT INTO members (team, user_name) SELECT ?, name FROM users WHERE name = ?"
                if not database.write(sql, team.id, member):
                    raise NotFound(f"there is no user {member!r}.")

    def get_team(self, id: str) -> Team | None:
        found = self._teams("WHERE id = ?", id)
        return found[0] if found else None

    def list_teams(self, user: str = "") -> list[Team]:
        if user:
            return self._teams("WHERE id IN (SELECT team FROM members WHERE user_name = ?) ORDER BY name", user)
        return self._teams("ORDER BY name")

    def _teams(self, rest: str, *parameters: str) -> list[Team]:
        teams = self._database.rows(f"{TEAMS.select} {rest}", *parameters)
        if not teams:
            return []
        members: dict[str, list[str]] = {}
        where, wanted = ("WHERE team = ?", [str(teams[0][0])]) if len(teams) == 1 else ("", [])
        for team, user in self._database.rows(f"SELECT team, user_name FROM members {where} ORDER BY user_name", *wanted):
            members.setdefault(team, []).append(user)
        return [TEAMS.read(row, members=tuple(members.get(row[0], ()))) for row in teams]

    def delete_team(self, id: str) -> bool:
        with self._database.transaction() as database:
            database.write("DELETE FROM bindings WHERE subject_kind = 'team' AND subject = ?", id)
            return database.write("DELETE FROM teams WHERE id = ?", id) > 0

    # ---------------------------------------------------------------------------------------------------- bindings

    def add_binding(self, binding: Binding) -> bool:
        sql = f"{BINDINGS.insert} ON CONFLICT (subject_kind, subject, role, tenant) DO NOTHING"
        return self._database.write(sql, *BINDINGS.values(binding)) > 0

    def list_bindings(self, subjects: Sequence[tuple[str, str]] | None = None) -> list[Binding]:
        if subjects is None:
            return self._list(BINDINGS, "ORDER BY created_at, id")
        found: list[Binding] = []
        unique = list(dict.fromkeys(subjects))
        for start in range(0, len(unique), _CHUNK):
            chunk = unique[start : start + _CHUNK]
            pairs = ", ".join("(?, ?)" for _ in chunk)
            found += self._list(
                BINDINGS, f"WHERE (subject_kind, subject) IN (VALUES {pairs})", *(text for pair in chunk for text in pair)
            )
        return sorted(found, key=lambda binding: (binding.created_at, binding.id))

    def delete_binding(self, id: str) -> bool:
        return self._database.write("DELETE FROM bindings WHERE id = ?", id) > 0

    # -------------------------------------------------------------------------------------------- service accounts

    def put_account(self, account: ServiceAccount) -> None:
        with self._database.transaction("service_accounts") as database:
            _unique_name(database, "service_accounts", "service account", account.id, account.name)
            database.write(ACCOUNTS.upsert, *ACCOUNTS.values(account))

    def get_account(self, id: str) -> ServiceAccount | None:
        return self._one(ACCOUNTS, "id = ?", id)

    def list_accounts(self) -> list[ServiceAccount]:
        return self._list(ACCOUNTS, "ORDER BY name")

    def delete_account(self, id: str, now: int) -> bool:
        with self._database.transaction() as database:
            database.write("DELETE FROM bindings WHERE subject_kind = 'account' AND subject = ?", id)
            database.write("UPDATE api_keys SET revoked_at = ? WHERE account = ? AND revoked_at = 0", now, id)
            return database.write("DELETE FROM service_accounts WHERE id = ?", id) > 0


def _unique_name(database: Connection, table: str, what: str, id: str, name: str) -> None:
    if database.rows(f"SELECT 1 FROM {table} WHERE name = ? AND id <> ?", name, id):
        raise Conflict(f"there is a {what} {name!r} already.", hint="Choose another name.")
