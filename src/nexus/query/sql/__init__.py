"""Read-only SQL: `parse_sql` checks a user's SELECT and returns it as a plan. Importing this loads the SQL parser."""

from nexus.query.sql.statement import parse_sql

__all__ = ["parse_sql"]
